package wechat

import (
	"context"
	"encoding/xml"
	"net/http"
	"testing"

	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/util"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// The whole way of one text in safe mode: signature, envelope, XML, Handle, reply, envelope.
func BenchmarkReceive(b *testing.B) {
	r := setup(b, func(o *ReceiverOptions) {
		reply := channel.Text("答对了。第 2 题，共 3 题：……\n回复字母作答。")
		o.Handle = func(context.Context, channel.Inbound, Request) channel.Message { return reply }
		o.Remember, o.Observe = nil, nil
	})
	req := newWire().request(b, textMessage("B", "24000000000000001"))
	body := newWireBody(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		mine := req.Clone(context.Background())
		w := &nullWriter{h: http.Header{}}
		for pb.Next() {
			mine.Body = readCloser(body)
			r.ServeHTTP(w, mine)
			if w.status != 0 && w.status != http.StatusOK {
				b.Fatal(w.status)
			}
		}
	})
}

func newWireBody(b *testing.B) string {
	b.Helper()
	sealed, err := util.EncryptMsg([]byte(testRandom), []byte(textMessage("B", "24000000000000001")), testApp, testAES)
	if err != nil {
		b.Fatal(err)
	}
	return "<xml><ToUserName><![CDATA[gh_sim000000001]]></ToUserName><Encrypt><![CDATA[" + string(sealed) + "]]></Encrypt></xml>"
}

type nullWriter struct {
	h      http.Header
	status int
}

func (n *nullWriter) Header() http.Header         { return n.h }
func (n *nullWriter) WriteHeader(s int)           { n.status = s }
func (n *nullWriter) Write(p []byte) (int, error) { return len(p), nil }

// The parts, each beside what the SDK or the standard library does for the same.
func BenchmarkParts(b *testing.B) {
	doc := []byte(textMessage("B", "24000000000000001"))
	sealed, err := util.EncryptMsg([]byte(testRandom), doc, testApp, testAES)
	if err != nil {
		b.Fatal(err)
	}
	e := mustEnvelope(b, testAES)
	b.Run("open/ours", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			var ok bool
			if _, buf, ok = e.open(buf, sealed, testApp); !ok {
				b.Fatal("not opened")
			}
		}
	})
	b.Run("open/sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := util.DecryptMsg(testApp, string(sealed), testAES); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seal/ours", func(b *testing.B) {
		b.ReportAllocs()
		var out, work []byte
		for b.Loop() {
			out, work = e.seal(out[:0], work, doc, [16]byte{}, testApp)
		}
	})
	b.Run("seal/sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := util.EncryptMsg([]byte(testRandom), doc, testApp, testAES); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("xml/ours", func(b *testing.B) {
		b.ReportAllocs()
		var r reader
		var f fields
		for b.Loop() {
			if err := r.read(doc, messageRoot, &f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("xml/sdk struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m message.MixMessage
			if err := xml.Unmarshal(doc, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
