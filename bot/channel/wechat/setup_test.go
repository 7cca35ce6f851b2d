package wechat

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"github.com/tiangeng/tiangeng/bot/channel"
)

const (
	testApp    = "wxtest0123456789"
	testToken  = "tokenCANARYaaaa1"
	testAES    = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	otherToken = "tokenCANARYbbbb2"
	otherAES   = "ZZZdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	testRandom = "aaaabbbbccccdddd"
	testNow    = 1790000000
)

// handled is one call of Handle.
type handled struct {
	in  channel.Inbound
	req Request
}

// bundle is a receiver with everything it told.
type bundle struct {
	*Receiver
	mu      sync.Mutex
	calls   []handled
	results []Result
	logs    bytes.Buffer
	nonces  map[string]string
	now     time.Time
	reply   func(channel.Inbound) channel.Message
}

func setup(t testing.TB, change ...func(*ReceiverOptions)) *bundle {
	t.Helper()
	b := &bundle{now: time.Unix(testNow, 0), nonces: map[string]string{}}
	b.reply = func(channel.Inbound) channel.Message { return channel.Text("好") }
	o := ReceiverOptions{
		Account: "default", AppID: testApp,
		Keys: []Key{{Token: testToken, AESKey: testAES}},
		Now:  func() time.Time { return b.now },
		Handle: func(_ context.Context, in channel.Inbound, req Request) channel.Message {
			b.mu.Lock()
			b.calls = append(b.calls, handled{in, req})
			b.mu.Unlock()
			return b.reply(in)
		},
		Remember: func(_ context.Context, nonce, key string, _ time.Duration) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			before := b.nonces[nonce]
			if before == "" {
				b.nonces[nonce] = key
			}
			return before
		},
		Logger: slog.New(slog.NewTextHandler(lockedWriter{&b.mu, &b.logs}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(r Result, _ channel.InboundKind) {
			b.mu.Lock()
			b.results = append(b.results, r)
			b.mu.Unlock()
		},
	}
	for _, f := range change {
		f(&o)
	}
	r, err := NewReceiver(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Receiver = r
	return b
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// seen returns how often Handle was called and the last result.
func (b *bundle) seen() (calls int, last Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.results) > 0 {
		last = b.results[len(b.results)-1]
	}
	return len(b.calls), last
}

// wire is one push before it is sent; the SDK's crypto makes it, so ours is not its own judge.
type wire struct {
	app, token, aes  string
	timestamp, nonce string
	encrypted        string // overrides the ciphertext when not ""
	body             string // overrides the envelope when not ""
	query            func(url.Values)
	rawQuery         string
	method           string
}

func newWire() wire {
	return wire{app: testApp, token: testToken, aes: testAES, timestamp: strconv.Itoa(testNow), nonce: "1514711492"}
}

func (w wire) request(t testing.TB, plain string) *http.Request {
	t.Helper()
	if w.encrypted == "" {
		sealed, err := util.EncryptMsg([]byte(testRandom), []byte(plain), w.app, w.aes)
		if err != nil {
			t.Fatal(err)
		}
		w.encrypted = string(sealed)
	}
	if w.body == "" {
		w.body = "<xml><ToUserName><![CDATA[gh_sim000000001]]></ToUserName><Encrypt><![CDATA[" + w.encrypted + "]]></Encrypt></xml>"
	}
	q := url.Values{
		"signature": {util.Signature(w.token, w.timestamp, w.nonce)}, "timestamp": {w.timestamp}, "nonce": {w.nonce},
		"openid": {"oForged"}, "encrypt_type": {"aes"},
		"msg_signature": {util.Signature(w.token, w.timestamp, w.nonce, w.encrypted)},
	}
	if w.query != nil {
		w.query(q)
	}
	raw := q.Encode()
	if w.rawQuery != "" {
		raw = w.rawQuery
	}
	method := http.MethodPost
	if w.method != "" {
		method = w.method
	}
	return httptest.NewRequest(method, "/webhook/wechat?"+raw, strings.NewReader(w.body))
}

func (b *bundle) post(t testing.TB, w wire, plain string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	b.ServeHTTP(rec, w.request(t, plain))
	return rec
}

// passive is a reply as the platform reads it.
type passive struct {
	ToUserName, FromUserName, MsgType, Content string
	CreateTime                                 int64
	ArticleCount                               int
	Articles                                   struct {
		Item []struct{ Title, Description, PicUrl, Url string } `xml:"item"`
	}
	Image, Voice struct{ MediaId string }
}

type sealedReply struct{ Encrypt, MsgSignature, TimeStamp, Nonce string }

// openReply verifies and decrypts a reply with the SDK.
func openReply(t testing.TB, rec *httptest.ResponseRecorder, token, aes string) (passive, sealedReply) {
	t.Helper()
	if rec.Code != http.StatusOK {
		t.Fatalf("status %d, body %q", rec.Code, rec.Body)
	}
	var s sealedReply
	if err := xml.Unmarshal(rec.Body.Bytes(), &s); err != nil {
		t.Fatalf("reply %q: %v", rec.Body, err)
	}
	if want := util.Signature(token, s.TimeStamp, s.Nonce, s.Encrypt); s.MsgSignature != want {
		t.Fatalf("reply signature %s, want %s", s.MsgSignature, want)
	}
	_, plain, err := util.DecryptMsg(testApp, s.Encrypt, aes)
	if err != nil {
		t.Fatal(err)
	}
	var p passive
	if err := xml.Unmarshal(plain, &p); err != nil {
		t.Fatalf("reply %q: %v", plain, err)
	}
	return p, s
}

const head = `<ToUserName><![CDATA[gh_sim000000001]]></ToUserName><FromUserName><![CDATA[oSIM_user_0000000000000001]]></FromUserName><CreateTime>1790000000</CreateTime>`

// textMessage is a plain text push with a message id.
func textMessage(words, id string) string {
	return "<xml>" + head + "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[" + words + "]]></Content><MsgId>" + id + "</MsgId></xml>"
}

func readCloser(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// statusOf serves one request and returns the status.
func statusOf(h http.Handler, req *http.Request) int {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Code
}

func setupLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
