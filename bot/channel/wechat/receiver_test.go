package wechat

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/silenceper/wechat/v2/util"

	"github.com/tiangeng/tiangeng/bot/channel"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *ReceiverOptions) {
		o.Keys = []Key{{Token: "AAAAA", AESKey: testAES}}
		o.Now = func() time.Time { return time.Unix(1714036504+299, 0) }
	})
	ask := func(q url.Values) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/webhook/wechat?"+q.Encode(), nil))
		return rec
	}
	good := func() url.Values { // V1
		return url.Values{
			"signature": {"f464b24fc39322e44b38aa78f5edd27bd1441696"}, "timestamp": {"1714036504"},
			"nonce": {"1514711492"}, "echostr": {"4375120948345356249"},
		}
	}
	rec := ask(good())
	if rec.Code != http.StatusOK || rec.Body.String() != "4375120948345356249" {
		t.Fatalf("%d %q", rec.Code, rec.Body)
	}
	if ct := rec.Header().Get("Content-Type"); ct != "text/plain; charset=utf-8" {
		t.Errorf("echo is served as %q", ct)
	}
	for name, spoil := range map[string]func(url.Values){
		"no echostr":         func(q url.Values) { q.Del("echostr") },
		"no signature":       func(q url.Values) { q.Del("signature") },
		"wrong signature":    func(q url.Values) { q.Set("signature", strings.Repeat("0", 40)) },
		"another time":       func(q url.Values) { q.Set("timestamp", "1714036505") },
		"another nonce":      func(q url.Values) { q.Set("nonce", "1514711493") },
		"markup in the echo": func(q url.Values) { q.Set("echostr", "<script> ") },
		"long echo":          func(q url.Values) { q.Set("echostr", strings.Repeat("1", 257)) },
		"two echoes":         func(q url.Values) { q.Add("echostr", "2") },
	} {
		q := good()
		spoil(q)
		if rec := ask(q); rec.Code != http.StatusForbidden || rec.Body.String() != "forbidden" {
			t.Errorf("%s: %d %q", name, rec.Code, rec.Body)
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, method := range []string{"HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"} {
		w := newWire()
		w.method = method
		rec := b.post(t, w, textMessage("B", "1"))
		if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s: %d, Allow %q", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
	if calls, last := b.seen(); calls != 0 || last != BadMethod {
		t.Errorf("%d calls, %s", calls, last)
	}
}

func TestReplyIsEncryptedFreshAndSwapped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reply = func(in channel.Inbound) channel.Message {
		return channel.Text("收到：" + in.Text + " a<b>&]]>c\x00\x0b")
	}
	p, s := openReply(t, b.post(t, newWire(), textMessage("B", "1")), testToken, testAES)
	want := passive{
		ToUserName: "oSIM_user_0000000000000001", FromUserName: "gh_sim000000001",
		MsgType: "text", Content: "收到：B a<b>&]]>c", CreateTime: testNow,
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if s.TimeStamp != strconv.Itoa(testNow) || len(s.Nonce) != 10 || s.Nonce == newWire().nonce {
		t.Errorf("reply stamped %s %s", s.TimeStamp, s.Nonce)
	}
	_, again := openReply(t, b.post(t, newWire(), textMessage("B", "1")), testToken, testAES)
	if again.Encrypt == s.Encrypt || again.Nonce == s.Nonce {
		t.Error("a second reply reuses random bytes or nonce")
	}
}

func TestReplyShapes(t *testing.T) {
	t.Parallel()
	card := channel.Card{Title: "第一课", Summary: "两分钟", Picture: "https://e.example/p.jpg", URL: "https://e.example/l?a=1&b=2"}
	long := strings.Repeat("这是一句十二个字的话了。", 60)
	for _, c := range []struct {
		name string
		m    channel.Message
		look func(t *testing.T, p passive, logs string)
	}{
		{"a card", channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{card}}, func(t *testing.T, p passive, _ string) {
			want := []struct{ Title, Description, PicUrl, Url string }{{card.Title, card.Summary, card.Picture, card.URL}}
			if d := cmp.Diff(want, p.Articles.Item); d != "" || p.MsgType != "news" || p.ArticleCount != 1 {
				t.Errorf("%+v %s", p, d)
			}
		}},
		{"two cards", channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{card, card}}, func(t *testing.T, p passive, logs string) {
			if len(p.Articles.Item) != 1 || !strings.Contains(logs, "too many cards") {
				t.Errorf("%+v, logs %s", p, logs)
			}
		}},
		{"an image", channel.Message{Kind: channel.MessageImage, Media: "m-1"}, func(t *testing.T, p passive, _ string) {
			if p.MsgType != "image" || p.Image.MediaId != "m-1" {
				t.Errorf("%+v", p)
			}
		}},
		{"a voice", channel.Message{Kind: channel.MessageVoice, Media: "m-2"}, func(t *testing.T, p passive, _ string) {
			if p.MsgType != "voice" || p.Voice.MediaId != "m-2" {
				t.Errorf("%+v", p)
			}
		}},
		{"a menu", channel.Message{
			Kind: channel.MessageMenu, Text: "选哪一个？", Tail: "也可以直接回复字母",
			Options: []channel.Option{{ID: "101", Text: "A. 三会 一课"}, {ID: "102", Text: "B<x>"}},
		}, func(t *testing.T, p passive, _ string) {
			want := "选哪一个？\n" +
				`<a href="weixin://bizmsgmenu?msgmenucontent=A.%20%E4%B8%89%E4%BC%9A%20%E4%B8%80%E8%AF%BE&msgmenuid=101">A. 三会 一课</a>` + "\n" +
				`<a href="weixin://bizmsgmenu?msgmenucontent=B%3Cx%3E&msgmenuid=102">B＜x＞</a>` + "\n也可以直接回复字母"
			if d := cmp.Diff(want, p.Content); d != "" {
				t.Error(d)
			}
		}},
		{"a text too long", channel.Text(long), func(t *testing.T, p passive, logs string) {
			if len(p.Content) > MaxText || len(p.Content) < MaxText-36 || !strings.HasSuffix(p.Content, "。") || !strings.HasPrefix(long, p.Content) {
				t.Errorf("cut to %d bytes: …%q", len(p.Content), p.Content[len(p.Content)-12:])
			}
			if !strings.Contains(logs, "level=ERROR") || !strings.Contains(logs, "too long") {
				t.Errorf("not logged: %s", logs)
			}
		}},
		{"a text without sentences", channel.Text(strings.Repeat("字", 900)), func(t *testing.T, p passive, _ string) {
			if len(p.Content) > MaxText || p.Content != strings.Repeat("字", 681)+"…" {
				t.Errorf("cut to %d bytes", len(p.Content))
			}
		}},
		{"a text of the full length", channel.Text(strings.Repeat("a", MaxText)), func(t *testing.T, p passive, logs string) {
			if len(p.Content) != MaxText || strings.Contains(logs, "too long") {
				t.Errorf("%d bytes, logs %s", len(p.Content), logs)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.reply = func(channel.Inbound) channel.Message { return c.m }
			p, _ := openReply(t, b.post(t, newWire(), textMessage("B", "1")), testToken, testAES)
			c.look(t, p, b.logs.String())
		})
	}
}

func TestNothingToSayIsSuccess(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]channel.Message{
		"silent":           {},
		"blank text":       {Kind: channel.MessageText, Text: " \n"},
		"no cards":         {Kind: channel.MessageCards},
		"no media":         {Kind: channel.MessageImage},
		"an unknown shape": {Kind: "hologram", Text: "x"},
	} {
		b := setup(t)
		b.reply = func(channel.Inbound) channel.Message { return m }
		rec := b.post(t, newWire(), textMessage("B", "1"))
		if rec.Code != http.StatusOK || rec.Body.String() != "success" {
			t.Errorf("%s: %d %q", name, rec.Code, rec.Body)
		}
		if _, last := b.seen(); last != Acknowledged {
			t.Errorf("%s: %s", name, last)
		}
		if shouted := strings.Contains(b.logs.String(), "ERROR"); shouted == m.Silent() {
			t.Errorf("%s: logs %s", name, &b.logs)
		}
	}
}

// A message in plain text, or one in compat mode, has a signature that does not cover it.
func TestSafeModeRefusesPlainAndCompatBodies(t *testing.T) {
	t.Parallel()
	plain := textMessage("B", "1")
	compat := strings.Replace(plain, "</xml>", "<Encrypt>%s</Encrypt></xml>", 1)
	for _, mode := range []Mode{ModeSafe, ModeCompat} {
		for name, c := range map[string]struct {
			body  string
			query func(url.Values)
		}{
			"plain, encrypt_type dropped":            {plain, func(q url.Values) { q.Del("encrypt_type"); q.Del("msg_signature") }},
			"plain, encrypt_type raw":                {plain, func(q url.Values) { q.Set("encrypt_type", "raw"); q.Del("msg_signature") }},
			"plain, encrypt_type aes":                {plain, nil},
			"plain, encrypt_type AES":                {plain, func(q url.Values) { q.Set("encrypt_type", "AES") }},
			"compat, encrypt_type dropped":           {compat, func(q url.Values) { q.Del("encrypt_type") }},
			"compat, msg_signature dropped":          {compat, func(q url.Values) { q.Del("msg_signature") }},
			"compat, msg_signature is the plain one": {compat, func(q url.Values) { q.Set("msg_signature", q.Get("signature")) }},
		} {
			b := setup(t, func(o *ReceiverOptions) { o.Mode = mode })
			w := newWire()
			sealed, err := util.EncryptMsg([]byte(testRandom), []byte(plain), testApp, testAES)
			if err != nil {
				t.Fatal(err)
			}
			w.encrypted, w.body, w.query = string(sealed), strings.Replace(c.body, "%s", string(sealed), 1), c.query
			rec := b.post(t, w, plain)
			if calls, _ := b.seen(); rec.Code != http.StatusForbidden || rec.Body.String() != "forbidden" || calls != 0 {
				t.Errorf("mode %d, %s: %d %q, %d calls", mode, name, rec.Code, rec.Body, calls)
			}
		}
	}
}

func TestCompatModeReadsTheCiphertextOnly(t *testing.T) {
	t.Parallel()
	forged := "<xml>" + head + "<MsgType>text</MsgType><Content>forged</Content><MsgId>1</MsgId><Encrypt>%s</Encrypt></xml>"
	sealed, err := util.EncryptMsg([]byte(testRandom), []byte(textMessage("真的", "2")), testApp, testAES)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire()
	w.encrypted, w.body = string(sealed), strings.Replace(forged, "%s", string(sealed), 1)
	b := setup(t, func(o *ReceiverOptions) { o.Mode = ModeCompat })
	openReply(t, b.post(t, w, ""), testToken, testAES)
	if b.calls[0].in.Text != "真的" {
		t.Errorf("read %q", b.calls[0].in.Text)
	}
	safe := setup(t)
	if rec := safe.post(t, w, ""); rec.Code != http.StatusForbidden {
		t.Errorf("safe mode took a body with a readable sender: %d", rec.Code)
	}
}

func TestPlainModeReadsBoth(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *ReceiverOptions) { o.Mode = ModePlain })
	w := newWire()
	w.body = textMessage("明文", "1")
	w.query = func(q url.Values) { q.Del("encrypt_type"); q.Del("msg_signature") }
	rec := b.post(t, w, "")
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "<Content><![CDATA[好]]></Content>") || b.calls[0].in.Text != "明文" {
		t.Errorf("plain: %d %q", rec.Code, rec.Body)
	}
	sealed := newWire()
	sealed.nonce = "2"
	openReply(t, b.post(t, sealed, textMessage("密文", "2")), testToken, testAES)
	w.query = func(q url.Values) {
		q.Del("encrypt_type")
		q.Del("msg_signature")
		q.Set("signature", strings.Repeat("a", 40))
	}
	if rec := b.post(t, w, ""); rec.Code != http.StatusForbidden {
		t.Errorf("plain mode took a wrong signature: %d", rec.Code)
	}
	w.query = func(q url.Values) { q.Del("encrypt_type"); q.Del("msg_signature"); q.Del("signature") }
	if rec := b.post(t, w, ""); rec.Code != http.StatusForbidden {
		t.Errorf("plain mode took no signature: %d", rec.Code)
	}
}

func TestTwoGenerationsOfKeysDuringRotation(t *testing.T) {
	t.Parallel()
	both := []Key{{otherToken, otherAES}, {testToken, testAES}}
	for _, c := range []struct {
		name       string
		keys       []Key
		token, aes string
		ok         bool
	}{
		{"new token, new key", both, otherToken, otherAES, true},
		{"old token, old key", both, testToken, testAES, true},
		{"new token, old key", both, otherToken, testAES, true},
		{"old token, new key", both, testToken, otherAES, true},
		{"old after the rotation", both[:1], testToken, testAES, false},
		{"old token after the rotation", both[:1], testToken, otherAES, false},
		{"old key after the rotation", both[:1], otherToken, testAES, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *ReceiverOptions) { o.Keys = c.keys })
			w := newWire()
			w.token, w.aes = c.token, c.aes
			rec := b.post(t, w, textMessage("B", "1"))
			if !c.ok {
				if calls, _ := b.seen(); rec.Code != http.StatusForbidden || calls != 0 {
					t.Errorf("%d, %d calls", rec.Code, calls)
				}
				return
			}
			openReply(t, rec, c.token, c.aes) // answered in the generation it was asked in
		})
	}
}

// B9, B13 and reliability §4, row 3.
func TestTimeWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stamp string
		now   int64
		ok    bool
	}{
		{"1790000000", testNow, true},
		{"1789999701", testNow, true},
		{"1789999700", testNow, true},
		{"1789999699", testNow, false},
		{"1790000299", testNow, true},
		{"1790000300", testNow, true},
		{"1790000301", testNow, false},
		{"2147483648", 2147483648, true},
		{"2147483647", 2147483648, true},
		{"4294967296", 4294967200, true},
		{"0", testNow, false},
		{"0", 10, true},
		{"-1", 10, false},
		{"", testNow, false},
		{"1.79e9", testNow, false},
		{"+1790000000", testNow, false},
		{"01790000000", testNow, false},
		{" 1790000000", testNow, false},
		{"1790000000000", testNow, false},
		{"9223372036854775807", testNow, false},
		{"9223372036854775808", testNow, false},
		{"99999999999999999999", testNow, false},
		{"１７９００００００００", testNow, false},
		{"now", testNow, false},
	} {
		b := setup(t)
		b.now = time.Unix(c.now, 0)
		w := newWire()
		w.timestamp = c.stamp
		rec := b.post(t, w, textMessage("B", "1"))
		calls, _ := b.seen()
		if (rec.Code == http.StatusOK) != c.ok || (calls == 1) != c.ok {
			t.Errorf("timestamp %q at %d: %d, %d calls", c.stamp, c.now, rec.Code, calls)
		}
	}
}

// A repeat gets the stored reply, which Handle gives; the nonce on another message is refused.
func TestNonceBelongsToOneMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	openReply(t, b.post(t, newWire(), textMessage("B", "1")), testToken, testAES)
	openReply(t, b.post(t, newWire(), textMessage("B", "1")), testToken, testAES)
	if len(b.calls) != 2 || b.calls[0].req.Repeat || !b.calls[1].req.Repeat || b.calls[0].in.Key != b.calls[1].in.Key {
		t.Errorf("%+v", b.calls)
	}
	rec := b.post(t, newWire(), textMessage("C", "2"))
	if calls, last := b.seen(); rec.Code != http.StatusForbidden || calls != 2 || last != BadNonce {
		t.Errorf("another message on the nonce: %d, %d calls, %s", rec.Code, calls, last)
	}
	w := newWire()
	w.timestamp = "1790000001" // ten digits meet by chance; with another second it is another URL
	openReply(t, b.post(t, w, textMessage("C", "2")), testToken, testAES)
}

func TestReplayAfterTheWindowIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		after time.Duration
		code  int
	}{{time.Second, 200}, {4 * time.Minute, 200}, {6 * time.Minute, 403}} {
		b.now = time.Unix(testNow, 0).Add(c.after)
		if rec := b.post(t, newWire(), textMessage("B", "1")); rec.Code != c.code {
			t.Errorf("after %v: %d, want %d", c.after, rec.Code, c.code)
		}
	}
	if len(b.calls) != 2 || b.calls[0].in.Key != b.calls[1].in.Key {
		t.Error("the replay has another key")
	}
}

func TestOriginalID(t *testing.T) {
	t.Parallel()
	for id, code := range map[string]int{"gh_sim000000001": 200, "": 200, "gh_other": 400} {
		b := setup(t, func(o *ReceiverOptions) { o.OriginalID = id })
		if rec := b.post(t, newWire(), textMessage("B", "1")); rec.Code != code {
			t.Errorf("%q: %d, want %d", id, rec.Code, code)
		}
	}
}

func TestPanicsAreCountedAndAcknowledged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reply = func(channel.Inbound) channel.Message { panic("secret words of a person") }
	rec := b.post(t, newWire(), textMessage("B", "1"))
	if _, last := b.seen(); rec.Code != http.StatusOK || rec.Body.String() != "success" || last != Panicked {
		t.Errorf("%d %q %s", rec.Code, rec.Body, last)
	}
	if logs := b.logs.String(); !strings.Contains(logs, "handler panicked") || strings.Contains(logs, "secret words") {
		t.Errorf("logs %s", logs)
	}
	hook := setup(t, func(o *ReceiverOptions) {
		o.Remember = func(context.Context, string, string, time.Duration) string { panic(1) }
	})
	if rec := hook.post(t, newWire(), textMessage("B", "1")); rec.Body.String() != "success" {
		t.Errorf("panic in a hook: %d %q", rec.Code, rec.Body)
	}
}

func TestLateHandleGetsAShortAnswerAndIsNotTorn(t *testing.T) {
	t.Parallel()
	release, finished := make(chan struct{}), make(chan error, 1)
	b := setup(t, func(o *ReceiverOptions) {
		o.Deadline, o.Budget = 30*time.Millisecond, 20*time.Millisecond
		o.LateText = "请过几分钟再发一次"
		o.Handle = func(ctx context.Context, _ channel.Inbound, _ Request) channel.Message {
			<-ctx.Done()
			<-release
			finished <- ctx.Err()
			return channel.Text("太晚了")
		}
	})
	p, _ := openReply(t, b.post(t, newWire(), textMessage("B", "1")), testToken, testAES)
	if _, last := b.seen(); p.Content != "请过几分钟再发一次" || last != Late {
		t.Errorf("%q %s", p.Content, last)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Drain(ended); err == nil {
		t.Error("drained while a message was in work")
	}
	close(release)
	if err := <-finished; err != context.DeadlineExceeded { //nolint:errorlint // ctx.Err is not wrapped
		t.Errorf("Handle's context: %v", err)
	}
	if err := b.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestHandleSurvivesThePlatformHangingUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var inside error
	b.o.Handle = func(ctx context.Context, _ channel.Inbound, _ Request) channel.Message {
		inside = ctx.Err()
		return channel.Message{}
	}
	gone, hangUp := context.WithCancel(context.Background())
	hangUp()
	req := newWire().request(t, textMessage("B", "1")).WithContext(gone)
	b.ServeHTTP(httptest.NewRecorder(), req)
	if inside != nil {
		t.Errorf("the commit would be torn: %v", inside)
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	fill := func(total int) wire {
		w := newWire()
		w.encrypted = "unused"
		frame := "<xml><ToUserName>gh</ToUserName><Encrypt>unused</Encrypt><X></X></xml>"
		w.body = strings.Replace(frame, "<X></X>", "<X>"+strings.Repeat("x", total-len(frame))+"</X>", 1)
		return w
	}
	for _, c := range []struct {
		name    string
		total   int
		chunked bool
		code    int
	}{
		{"all that is allowed", MaxBody, false, 403}, // no ciphertext, but read
		{"one more", MaxBody + 1, false, 413},
		{"one more, unannounced", MaxBody + 1, true, 413},
		{"a megabyte, unannounced", 1 << 20, true, 413},
		{"all that is allowed, unannounced", MaxBody, true, 403},
	} {
		b := setup(t)
		w := fill(c.total)
		req := w.request(t, "")
		if c.chunked {
			req.ContentLength = -1
		}
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, req)
		if rec.Code != c.code {
			t.Errorf("%s: %d, want %d", c.name, rec.Code, c.code)
		}
	}
}

// neverBody counts what is read of it.
type neverBody struct{ reads int }

func (n *neverBody) Read([]byte) (int, error) { n.reads++; return 0, fmt.Errorf("read") }
func (n *neverBody) Close() error             { return nil }

// reliability §2.2, row 44: who does not know the token costs no body and no decryption.
func TestUnsignedRequestsAreRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(url.Values){
		"wrong signature":  func(q url.Values) { q.Set("signature", strings.Repeat("0", 40)) },
		"no msg_signature": func(q url.Values) { q.Del("msg_signature") },
		"stale":            func(q url.Values) { q.Set("timestamp", "1") },
		"no nonce":         func(q url.Values) { q.Del("nonce") },
	} {
		b := setup(t)
		w := newWire()
		w.query = spoil
		req := w.request(t, textMessage("B", "1"))
		body := &neverBody{}
		req.Body, req.ContentLength = body, -1
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, req)
		if rec.Code != http.StatusForbidden || body.reads != 0 {
			t.Errorf("%s: %d after %d reads", name, rec.Code, body.reads)
		}
	}
}

// A client that sends one byte and waits is cut, over a real connection.
func TestSlowBodyIsCut(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *ReceiverOptions) { o.ReadTime = 20 * time.Millisecond })
	srv := httptest.NewServer(b)
	defer srv.Close()
	pr := &stuckBody{first: []byte("<xml>"), stop: make(chan struct{})}
	defer close(pr.stop)
	req := newWire().request(t, textMessage("B", "1"))
	out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+req.URL.RequestURI(), pr)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, last := b.seen(); resp.StatusCode != http.StatusRequestTimeout || last != TooSlow {
		t.Errorf("%d %s", resp.StatusCode, last)
	}
}

// stuckBody gives its first bytes and then nothing until it is stopped.
type stuckBody struct {
	first []byte
	stop  chan struct{}
}

func (s *stuckBody) Read(p []byte) (int, error) {
	if len(s.first) > 0 {
		n := copy(p, s.first)
		s.first = s.first[n:]
		return n, nil
	}
	<-s.stop
	return 0, fmt.Errorf("stopped")
}

func TestSourceAddresses(t *testing.T) {
	t.Parallel()
	prefix := func(s ...string) (all []netip.Prefix) {
		for _, p := range s {
			all = append(all, netip.MustParsePrefix(p))
		}
		return all
	}
	for _, c := range []struct {
		name, peer    string
		forwarded     []string
		allowed, prox []netip.Prefix
		ok            bool
	}{
		{"no list", "203.0.113.9:1", nil, nil, nil, true},
		{"listed", "101.226.103.5:1", nil, prefix("101.226.103.0/25"), nil, true},
		{"not listed", "203.0.113.9:1", nil, prefix("101.226.103.0/25"), nil, false},
		{"IPv4 in IPv6", "[::ffff:101.226.103.5]:1", nil, prefix("101.226.103.0/25"), nil, true},
		{"IPv6", "[2402:4e00::1]:1", nil, prefix("2402:4e00::/32"), nil, true},
		{"header from a stranger", "203.0.113.9:1", []string{"101.226.103.5"}, prefix("101.226.103.0/25"), nil, false},
		{"header from the proxy", "10.0.0.2:1", []string{"101.226.103.5"}, prefix("101.226.103.0/25"), prefix("10.0.0.0/8"), true},
		{"forged hop before the proxy's", "10.0.0.2:1", []string{"101.226.103.5, 203.0.113.9"}, prefix("101.226.103.0/25"), prefix("10.0.0.0/8"), false},
		{"two proxies", "10.0.0.2:1", []string{"6.6.6.6, 101.226.103.5, 10.0.0.3"}, prefix("101.226.103.0/25"), prefix("10.0.0.0/8"), true},
		{"two headers", "10.0.0.2:1", []string{"101.226.103.5", "203.0.113.9"}, prefix("101.226.103.0/25"), prefix("10.0.0.0/8"), false},
		{"nonsense in the header", "10.0.0.2:1", []string{"unknown"}, prefix("101.226.103.0/25", "10.0.0.0/8"), prefix("10.0.0.0/8"), false},
		{"proxy without a header", "10.0.0.2:1", nil, prefix("10.0.0.0/8"), prefix("10.0.0.0/8"), true},
		{"no address", "@", nil, prefix("101.226.103.0/25"), nil, false},
	} {
		b := setup(t, func(o *ReceiverOptions) { o.Allowed, o.Trusted = c.allowed, c.prox })
		req := newWire().request(t, textMessage("B", "1"))
		req.RemoteAddr = c.peer
		req.Header["X-Forwarded-For"] = c.forwarded
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, req)
		if (rec.Code == http.StatusOK) != c.ok {
			t.Errorf("%s: %d", c.name, rec.Code)
		}
	}
	b := setup(t)
	b.Allow(prefix("198.51.100.0/24"))
	if rec := b.post(t, newWire(), textMessage("B", "1")); rec.Code != http.StatusForbidden {
		t.Errorf("after the daily refresh: %d", rec.Code)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	t.Parallel()
	good := func() ReceiverOptions {
		return ReceiverOptions{
			Account: "default", AppID: testApp, Keys: []Key{{testToken, testAES}}, Now: time.Now,
			Handle: func(context.Context, channel.Inbound, Request) channel.Message { return channel.Message{} },
		}
	}
	if _, err := NewReceiver(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*ReceiverOptions){
		"no account":     func(o *ReceiverOptions) { o.Account = "" },
		"no appid":       func(o *ReceiverOptions) { o.AppID = "" },
		"no handle":      func(o *ReceiverOptions) { o.Handle = nil },
		"no clock":       func(o *ReceiverOptions) { o.Now = nil },
		"no key":         func(o *ReceiverOptions) { o.Keys = nil },
		"short token":    func(o *ReceiverOptions) { o.Keys[0].Token = "ab" },
		"no AES key":     func(o *ReceiverOptions) { o.Keys[0].AESKey = "" },
		"short AES key":  func(o *ReceiverOptions) { o.Keys[0].AESKey = testAES[1:] },
		"broken AES key": func(o *ReceiverOptions) { o.Keys[0].AESKey = testAES[1:] + "*" },
		"unknown mode":   func(o *ReceiverOptions) { o.Mode = 3 },
	} {
		o := good()
		spoil(&o)
		_, err := NewReceiver(o)
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), testAES[1:]) {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}

// A flood of forged requests leaves a line a minute, not a line each.
func TestRefusalsAreLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := newWire()
	w.query = func(q url.Values) { q.Set("signature", strings.Repeat("0", 40)) }
	for range 100 {
		b.post(t, w, "")
	}
	b.now = b.now.Add(61 * time.Second)
	b.post(t, w, "")
	if n := strings.Count(b.logs.String(), "request refused"); n != 2 {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(b.logs.String(), "unlogged=99") {
		t.Errorf("logs %s", &b.logs)
	}
}

// Names, words and secrets never reach the log, whatever happens.
func TestReceiverKeepsSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.post(t, newWire(), textMessage("CANARYwords", "1"))
	b.post(t, newWire(), textMessage("CANARYwords", "2"))
	b.post(t, newWire(), "<xml>"+head+"CANARYwords")
	w := newWire()
	w.aes = otherAES
	b.post(t, w, textMessage("CANARYwords", "3"))
	b.reply = func(channel.Inbound) channel.Message { panic("CANARYwords") }
	w = newWire()
	w.nonce = "7"
	b.post(t, w, textMessage("CANARYwords", "4"))
	b.o.Logger.Info("shown", "key", Key{testToken, testAES}, "receiver", b.Receiver)
	shown := b.logs.String() + fmt.Sprintf("%v %+v %#v %s", b.Receiver, b.Receiver, b.Receiver, b.Receiver) +
		fmt.Sprintf("%v %+v %#v", Key{testToken, testAES}, Key{testToken, testAES}, Key{testToken, testAES})
	for _, secret := range []string{"CANARY", testAES, "oSIM_user", otherAES} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s shows in %s", secret, shown)
		}
	}
}
