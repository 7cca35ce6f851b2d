package wechat

import (
	"context"
	"net/http"
	"testing"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// What could not be stored is not acknowledged: an answer that is not 200 makes the platform send the
// event again.
func TestAnEventThatIsNotKeptIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *ReceiverOptions) {
		o.Handle = func(context.Context, channel.Inbound, Request) channel.Message {
			return channel.Message{Kind: channel.MessageUnkept}
		}
	})
	rec := b.post(t, newWire(), "<xml>"+head+"<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><MsgID>1</MsgID><Status>success</Status></xml>")
	if _, last := b.seen(); rec.Code != http.StatusServiceUnavailable || last != Unkept {
		t.Errorf("%d, %s", rec.Code, last)
	}
}
