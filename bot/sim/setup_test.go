package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testAppID  = "wxsim0000000000001"
	testSecret = "secret0123456789abcdef"
	testToken  = "tokenoftests"
	testKey    = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	testGH     = "gh_sim000000001"
	anna       = "oSIM_user_0000000000000001"
	bert       = "oSIM_user_0000000000000002"
	unknown    = "oSIM_user_9999999999999999"
)

// pushed is a delivery as the bot got it.
type pushed struct {
	Query url.Values
	Raw   string
	Plain string
}

// bot is a small webhook: it checks and opens what it gets, keeps it, and answers as told.
type bot struct {
	*httptest.Server
	envelope *Envelope
	mu       sync.Mutex
	got      []pushed
	bad      []string // what was wrong with deliveries
	answer   func(w http.ResponseWriter, r *http.Request, p pushed)
}

func newBot(t *testing.T) *bot {
	t.Helper()
	e, err := NewEnvelope(testAppID, testKey)
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{envelope: e, answer: func(w http.ResponseWriter, _ *http.Request, _ pushed) { _, _ = io.WriteString(w, "success") }}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	data, _ := io.ReadAll(r.Body)
	p := pushed{Query: q, Raw: string(data), Plain: string(data)}
	b.mu.Lock()
	if Sign(testToken, q.Get("timestamp"), q.Get("nonce")) != q.Get("signature") {
		b.bad = append(b.bad, "signature")
	}
	if r.Method == http.MethodPost && q.Get("encrypt_type") == "aes" {
		var x struct{ Encrypt string }
		if err := xml.Unmarshal(data, &x); err != nil || Sign(testToken, q.Get("timestamp"), q.Get("nonce"), x.Encrypt) != q.Get("msg_signature") {
			b.bad = append(b.bad, "msg_signature")
		}
		plain, err := b.envelope.Open(x.Encrypt)
		if err != nil {
			b.bad = append(b.bad, err.Error())
		}
		p.Plain = plain
	}
	if r.Method == http.MethodPost {
		b.got = append(b.got, p)
	}
	answer := b.answer
	b.mu.Unlock()
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, q.Get("echostr"))
		return
	}
	answer(w, r, p)
}

// does sets how the bot answers from now on.
func (b *bot) does(f func(w http.ResponseWriter, r *http.Request, p pushed)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = f
}

// says makes the bot answer with that body.
func (b *bot) says(body string) {
	b.does(func(w http.ResponseWriter, _ *http.Request, _ pushed) { _, _ = io.WriteString(w, body) })
}

// pushes returns the deliveries so far.
func (b *bot) pushes() []pushed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]pushed(nil), b.got...)
}

// events returns the pushes of one event.
func (b *bot) events(name string) []pushed {
	var out []pushed
	for _, p := range b.pushes() {
		if strings.Contains(p.Plain, "<Event><![CDATA["+name+"]]></Event>") {
			out = append(out, p)
		}
	}
	return out
}

// sealed is an encrypted reply.
func (b *bot) sealed(plain string) string {
	encrypted, timestamp, nonce := b.envelope.Seal(plain), strconv.FormatInt(time.Now().Unix(), 10), "12345"
	return "<xml>" + cdata("Encrypt", encrypted) + cdata("MsgSignature", Sign(testToken, timestamp, nonce, encrypted)) +
		element("TimeStamp", timestamp) + cdata("Nonce", nonce) + "</xml>"
}

func textReply(to, text string) string {
	return "<xml>" + cdata("ToUserName", to) + cdata("FromUserName", testGH) + element("CreateTime", 1790000000) + cdata("MsgType", "text") + cdata("Content", text) + "</xml>"
}

// bench is a platform with a bot behind it.
type bench struct {
	t   *testing.T
	p   *Platform
	bot *bot
	api *httptest.Server
}

func setup(t *testing.T, change ...func(*Options)) *bench {
	t.Helper()
	b := newBot(t)
	o := Options{AppID: testAppID, AppSecret: testSecret, Token: testToken, AESKey: testKey, OriginalID: testGH, Webhook: b.URL + "/webhook"}
	for _, f := range change {
		f(&o)
	}
	return &bench{t: t, bot: b, p: openPlatform(t, o)}
}

func openPlatform(t *testing.T, o Options) *Platform {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start(t.Context())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = p.Close(ctx) // some tests have closed it
	})
	return p
}

// url serves the platform and returns its address.
func (b *bench) url() string {
	if b.api == nil {
		b.api = httptest.NewServer(b.p.Handler())
		b.t.Cleanup(b.api.Close)
	}
	return b.api.URL
}

// follower makes somebody follow the account.
func (b *bench) follower(openid string) *User {
	b.t.Helper()
	u := b.p.As(openid)
	b.must(u.Follow(b.t.Context(), ""))
	return u
}

// must fails the test unless the act worked.
func (b *bench) must(e Exchange, err error) Exchange {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func (b *bench) settle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	if err := b.p.Settle(ctx); err != nil {
		b.t.Fatal(err)
	}
}

// advance moves the clock and waits for what became due.
func (b *bench) advance(d time.Duration) {
	b.t.Helper()
	b.p.Clock().Advance(d)
	b.settle()
}

// request makes an HTTP request to the platform; body nil makes a GET.
func (b *bench) request(method, path string, body any) (int, []byte) {
	b.t.Helper()
	var r io.Reader
	if s, isString := body.(string); isString {
		r = strings.NewReader(s)
	} else if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url()+path, r)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := noRedirects.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusFound {
		return resp.StatusCode, []byte(resp.Header.Get("Location"))
	}
	return resp.StatusCode, data
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// get and post call the API without a token and return the answer's JSON.
func (b *bench) get(path string) map[string]any {
	b.t.Helper()
	return b.decoded(b.request(http.MethodGet, path, nil))
}

func (b *bench) post(path string, body any) map[string]any {
	b.t.Helper()
	return b.decoded(b.request(http.MethodPost, path, body))
}

func (b *bench) decoded(status int, data []byte) map[string]any {
	b.t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		b.t.Fatalf("status %d, body %q: %v", status, data, err)
	}
	return m
}

// token takes the stable token.
func (b *bench) token() string {
	b.t.Helper()
	return fmt.Sprint(b.stable(false)["access_token"])
}

func (b *bench) stable(force bool) map[string]any {
	b.t.Helper()
	return b.post("/cgi-bin/stable_token", map[string]any{"grant_type": "client_credential", "appid": testAppID, "secret": testSecret, "force_refresh": force})
}

// call calls an API with a good token: a GET when body is nil.
func (b *bench) call(path string, body any) map[string]any {
	b.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	path += sep + "access_token=" + b.token()
	if body == nil {
		return b.get(path)
	}
	return b.post(path, body)
}

// code calls an API and returns its errcode, 0 when the answer has none.
func (b *bench) code(path string, body any) int {
	b.t.Helper()
	return errcode(b.call(path, body))
}

func errcode(m map[string]any) int {
	n, _ := m["errcode"].(json.Number)
	i, _ := n.Int64()
	return int(i)
}

// wants compares errcodes.
func (b *bench) wants(what string, got, want int) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: errcode %d, want %d", what, got, want)
	}
}

func customText(openid, text string) map[string]any {
	return map[string]any{"touser": openid, "msgtype": "text", "text": map[string]any{"content": text}}
}
