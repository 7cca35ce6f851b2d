package wechat

import (
	"net/url"
	"strconv"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

// HandshakeQuery is the query with which the platform's console asks a webhook for its echo when
// the address is saved; doctor asks the same way.
func HandshakeQuery(token, echo string, now time.Time) string {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	nonce := strconv.FormatInt(now.UnixNano(), 10)
	return url.Values{
		"signature": {util.Signature(token, timestamp, nonce)}, "timestamp": {timestamp}, "nonce": {nonce}, "echostr": {echo},
	}.Encode()
}
