package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
)

func TestCustomerMessagesOnTheWire(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	for name, v := range map[string]struct {
		m    channel.Message
		want string
	}{
		"text": {
			channel.Text("今天的课 <a href=\"https://e.example/?a=1&b=2\">打开</a>\n第二行"),
			`{"touser":"` + testOpenID + `","msgtype":"text","text":{"content":"今天的课 <a href=\"https://e.example/?a=1&b=2\">打开</a>\n第二行"}}`,
		},
		"menu": {
			channel.Message{Kind: channel.MessageMenu, Text: "选哪个？", Tail: "回复字母也行", Options: []channel.Option{{ID: "101", Text: "A & B"}, {ID: "102", Text: "都不对"}}},
			`{"touser":"` + testOpenID + `","msgtype":"msgmenu","msgmenu":{"head_content":"选哪个？","list":[{"id":"101","content":"A & B"},{"id":"102","content":"都不对"}],"tail_content":"回复字母也行"}}`,
		},
		"card": {
			channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{{Title: "第一课", Summary: "两分钟", Picture: "https://e.example/p.jpg", URL: "https://e.example/l?a=1&b=2"}}},
			`{"touser":"` + testOpenID + `","msgtype":"news","news":{"articles":[{"title":"第一课","description":"两分钟","url":"https://e.example/l?a=1&b=2","picurl":"https://e.example/p.jpg"}]}}`,
		},
		"image": {
			channel.Message{Kind: channel.MessageImage, Media: "m-1"},
			`{"touser":"` + testOpenID + `","msgtype":"image","image":{"media_id":"m-1"}}`,
		},
		"voice": {
			channel.Message{Kind: channel.MessageVoice, Media: "m-2"},
			`{"touser":"` + testOpenID + `","msgtype":"voice","voice":{"media_id":"m-2"}}`,
		},
	} {
		out := textTo("")
		out.Message = v.m
		if o := c.Send(t.Context(), out); o.Verdict != channel.Accepted {
			t.Errorf("%s: %+v", name, o)
		}
		if d := cmp.Diff(v.want+"\n", p.bodies[sendPath]); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
	if normal, _ := p.tokenCalls(); normal != 1 {
		t.Errorf("%d token calls for five messages", normal)
	}
}

// A message the platform could only refuse is refused here; the platform is not asked.
func TestImpossibleMessagesAreNotSent(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	card := channel.Card{Title: "t", URL: "https://e.example/"}
	one := []channel.Option{{ID: "1", Text: "a"}}
	for name, v := range map[string]struct {
		change func(*channel.Outbound)
		reason string
	}{
		"nobody":            {func(o *channel.Outbound) { o.To.External = "" }, "openid_invalid"},
		"a broken openid":   {func(o *channel.Outbound) { o.To.External = "o o" }, "openid_invalid"},
		"a long openid":     {func(o *channel.Outbound) { o.To.External = strings.Repeat("o", 65) }, "openid_invalid"},
		"nothing":           {func(o *channel.Outbound) { o.Message = channel.Message{} }, "message_type"},
		"an unknown shape":  {func(o *channel.Outbound) { o.Message.Kind = "hologram" }, "message_type"},
		"an empty text":     {func(o *channel.Outbound) { o.Message.Text = "" }, "empty_content"},
		"a text too long":   {func(o *channel.Outbound) { o.Message.Text = strings.Repeat("字", 683) }, "text_too_long"},
		"a menu of nothing": {func(o *channel.Outbound) { o.Message.Kind = channel.MessageMenu }, "empty_content"},
		"a menu with words": {func(o *channel.Outbound) {
			o.Message = channel.Message{Kind: channel.MessageMenu, Options: []channel.Option{{ID: "a", Text: "a"}}}
		}, "menu_option"},
		"a menu, empty line": {func(o *channel.Outbound) {
			o.Message = channel.Message{Kind: channel.MessageMenu, Options: []channel.Option{{ID: "1"}}}
		}, "menu_option"},
		"a menu too long": {func(o *channel.Outbound) {
			o.Message = channel.Message{Kind: channel.MessageMenu, Options: one, Tail: strings.Repeat("x", MaxText)}
		}, "text_too_long"},
		"no cards": {func(o *channel.Outbound) { o.Message = channel.Message{Kind: channel.MessageCards} }, "too_many_articles"},
		"two cards": {func(o *channel.Outbound) {
			o.Message = channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{card, card}}
		}, "too_many_articles"},
		"a card to nowhere": {func(o *channel.Outbound) {
			o.Message = channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{{Title: "t"}}}
		}, "empty_content"},
		"no media": {func(o *channel.Outbound) { o.Message = channel.Message{Kind: channel.MessageVoice} }, "media_missing"},
	} {
		out := textTo("x")
		v.change(&out)
		want := channel.Outcome{Verdict: channel.Refused, Class: channel.ClassOurs, Reason: v.reason}
		if d := cmp.Diff(want, c.Send(t.Context(), out)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if n := p.count(sendPath); n != 0 {
		t.Errorf("%d sends", n)
	}
}

// reliability §5.4: nothing was written → unsent; anything after that → unknown.
func TestCertainAndUncertainFailures(t *testing.T) {
	t.Parallel()
	hijack := func(raw string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, raw)
			_ = conn.Close()
		}
	}
	for name, v := range map[string]struct {
		answer func(http.ResponseWriter)
		reason string
	}{
		"connection closed without an answer": {hijack(""), "answer_lost"},
		"half a status line":                  {hijack("HTTP/1.1 20"), "answer_lost"},
		"no HTTP":                             {hijack("hello tokenCANARY-1\r\n\r\n"), "answer_lost"},
		"answer cut in the body":              {hijack("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{\"errcode\":0"), "answer_cut"},
		"chunk cut":                           {hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n{\"errcode\":0"), "answer_cut"},
		"502":                                 {func(w http.ResponseWriter) { w.WriteHeader(502) }, "http_502"},
		"500 that says ok": {func(w http.ResponseWriter) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"errcode":0}`)
		}, "http_500"},
		"403": {func(w http.ResponseWriter) { w.WriteHeader(403) }, "http_403"},
		"204": {func(w http.ResponseWriter) { w.WriteHeader(204) }, "http_204"},
		"a megabyte and one byte": {func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"errcode":0,"x":"`+strings.Repeat("x", 1<<20)+`"}`)
		}, "answer_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != sendPath {
					return false
				}
				_, _ = io.Copy(io.Discard, r.Body)
				v.answer(w)
				return true
			}
			want := channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: v.reason}
			if d := cmp.Diff(want, p.client().Send(t.Context(), textTo("x"))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		visited := make(chan string, 1)
		trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.URL.String() }))
		t.Cleanup(trap.Close)
		p := newPlatform(t)
		p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != sendPath {
				return false
			}
			http.Redirect(w, r, trap.URL+"/steal", status)
			return true
		}
		o := p.client().Send(t.Context(), textTo("x"))
		if o.Verdict != channel.Unknown || o.Reason != "redirect" {
			t.Errorf("%d: %+v", status, o)
		}
		select {
		case u := <-visited:
			t.Errorf("%d: followed to %s", status, u)
		default:
		}
	}
}

func TestSlowAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != sendPath {
			return false
		}
		<-release
		return true
	}
	c := p.client()
	if _, err := c.tokens.current(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.o.Timeout = 30 * time.Millisecond
	if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Unknown || o.Reason != "timeout" {
		t.Errorf("%+v", o)
	}
}

func TestWhatNeverLeftIsUnsent(t *testing.T) {
	t.Parallel()
	dial := func(err error) http.RoundTripper {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}
	}
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of our distrust
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	for name, v := range map[string]struct {
		base string
		tr   http.RoundTripper
	}{
		"refused":               {"", dial(&net.OpError{Op: "dial", Err: errors.New("connection refused")})},
		"no such name":          {"", dial(&net.DNSError{Err: "no such host", Name: "api.example"})},
		"dial timeout":          {"", dial(context.DeadlineExceeded)},
		"certificate not known": {tlsServer.URL, newTransport()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			c := p.client()
			if _, err := c.tokens.current(t.Context()); err != nil { // the token is there, the road is not
				t.Fatal(err)
			}
			c.http.Transport = v.tr
			if v.base != "" {
				c.hosts.all[0].Scheme, c.hosts.all[0].Host = "https", strings.TrimPrefix(v.base, "https://")
			}
			o := c.Send(t.Context(), textTo("x"))
			if o.Verdict != channel.Unsent || o.Reason != "no_connection" || o.Class != channel.ClassLater {
				t.Errorf("%+v", o)
			}
		})
	}
	p := newPlatform(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if o := p.client().Send(ended, textTo("x")); o.Verdict != channel.Unsent || p.count(sendPath) != 0 {
		t.Errorf("a call that was over before: %+v", o)
	}
}

func TestOnlyTheConfiguredHostIsCalled(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"ftp://api.weixin.qq.com", "api.weixin.qq.com", "https://", "https://u:p@api.weixin.qq.com", "https://api.weixin.qq.com/x",
		"https://api.weixin.qq.com/?a=1", "https://api.weixin.qq.com/#a", "://", "javascript:alert(1)", "https://api.weixin.qq.com:port",
	} {
		if _, err := NewClient(ClientOptions{AppID: "a", AppSecret: testSecret, APIBase: base, Now: time.Now}); err == nil {
			t.Errorf("%q was accepted", base)
		} else if strings.Contains(err.Error(), testSecret) {
			t.Error(err)
		}
	}
	for _, base := range []string{"", "https://api2.weixin.qq.com", "https://sh.api.weixin.qq.com/", "http://127.0.0.1:8081"} {
		if _, err := NewClient(ClientOptions{AppID: "a", AppSecret: "b", APIBase: base, Now: time.Now}); err != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, o := range []ClientOptions{{AppSecret: "b", Now: time.Now}, {AppID: "a", Now: time.Now}, {AppID: "a", AppSecret: "b"}} {
		if _, err := NewClient(o); err == nil {
			t.Error("a client without its needs was made")
		}
	}
}

func TestMenuIsWrittenOnlyWhenItDiffers(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	want := Menu{Buttons: []Button{
		{Name: "今日学习", Type: "click", Key: "TODAY"},
		{Name: "我的", Sub: []Button{{Name: "我的学习", Type: "click", Key: "RECORD"}, {Name: "网页", Type: "view", URL: "https://e.example/?a=1&b=2"}}},
	}}
	stored := ""
	p.api = func(path string) (int, string) {
		switch path {
		case "/cgi-bin/menu/get":
			if stored == "" {
				return 200, `{"errcode":46003,"errmsg":"menu no exist rid: 1"}`
			}
			return 200, `{"menu":` + stored + `}`
		case "/cgi-bin/menu/create":
			stored = p.bodies[path]
			// The platform gives every button an empty list back.
			stored = strings.ReplaceAll(stored, `"key":"TODAY"`, `"key":"TODAY","sub_button":[]`)
		}
		return 200, `{"errcode":0,"errmsg":"ok"}`
	}
	for i, expect := range []bool{true, false, false} {
		if changed, err := c.ApplyMenu(t.Context(), want); err != nil || changed != expect {
			t.Errorf("round %d: %v %v", i, changed, err)
		}
	}
	if !strings.Contains(stored, "?a=1&b=2") {
		t.Errorf("the menu was escaped: %s", stored)
	}
	want.Buttons[0].Name = "今天的课"
	if changed, err := c.ApplyMenu(t.Context(), want); err != nil || !changed {
		t.Errorf("a new name: %v %v", changed, err)
	}
	if n := p.count("/cgi-bin/menu/create"); n != 2 {
		t.Errorf("%d creations", n)
	}
	p.api = func(string) (int, string) { return 200, `{"errcode":48001,"errmsg":"api unauthorized rid: 77-1"}` }
	var e *APIError
	if _, err := c.ApplyMenu(t.Context(), want); !errors.As(err, &e) || e.Code != 48001 || e.RequestID != "77-1" {
		t.Errorf("refused: %v", err)
	}
}

func TestImpossibleMenus(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	click := Button{Name: "a", Type: "click", Key: "K"}
	six := []Button{click, click, click, click, click, click}
	for name, m := range map[string]Menu{
		"empty":            {},
		"four buttons":     {Buttons: six[:4]},
		"six below one":    {Buttons: []Button{{Name: "a", Sub: six}}},
		"third level":      {Buttons: []Button{{Name: "a", Sub: []Button{{Name: "b", Sub: []Button{click}}}}}},
		"no name":          {Buttons: []Button{{Type: "click", Key: "K"}}},
		"long name":        {Buttons: []Button{{Name: "今日学习很多", Type: "click", Key: "K"}}},
		"long name below":  {Buttons: []Button{{Name: "a", Sub: []Button{{Name: strings.Repeat("x", 61), Type: "click", Key: "K"}}}}},
		"no type":          {Buttons: []Button{{Name: "a", Key: "K"}}},
		"no key":           {Buttons: []Button{{Name: "a", Type: "click"}}},
		"long key":         {Buttons: []Button{{Name: "a", Type: "click", Key: strings.Repeat("k", 129)}}},
		"view of nothing":  {Buttons: []Button{{Name: "a", Type: "view"}}},
		"view of a script": {Buttons: []Button{{Name: "a", Type: "view", URL: "javascript:alert(1)"}}},
		"long URL":         {Buttons: []Button{{Name: "a", Type: "view", URL: "https://" + strings.Repeat("u", 1024)}}},
		"type and sub":     {Buttons: []Button{{Name: "a", Type: "click", Key: "K", Sub: []Button{click}}}},
	} {
		if changed, err := c.ApplyMenu(t.Context(), m); err == nil || changed {
			t.Errorf("%s: %v %v", name, changed, err)
		}
	}
	if n := p.count("/cgi-bin/menu/create"); n != 0 {
		t.Errorf("%d creations", n)
	}
}

func TestQRTickets(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	p.api = func(string) (int, string) {
		return 200, `{"ticket":"gQ+a/b==","expire_seconds":1800,"url":"http://weixin.qq.com/q/sim"}`
	}
	qr, err := c.QRTicket(t.Context(), "class-7", 30*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := QR{
		Ticket: "gQ+a/b==", URL: "http://weixin.qq.com/q/sim", Until: time.Unix(testNow+1800, 0).UTC(),
		Image: "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=gQ%2Ba%2Fb%3D%3D",
	}
	if d := cmp.Diff(want, qr); d != "" {
		t.Error(d)
	}
	if got := p.bodies["/cgi-bin/qrcode/create"]; got != `{"expire_seconds":1800,"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"class-7"}}}`+"\n" {
		t.Errorf("asked %s", got)
	}
	if qr, err = c.QRTicket(t.Context(), "class-7", 0); err != nil || !qr.Until.IsZero() {
		t.Errorf("%+v %v", qr, err)
	}
	if got := p.bodies["/cgi-bin/qrcode/create"]; got != `{"action_name":"QR_LIMIT_STR_SCENE","action_info":{"scene":{"scene_str":"class-7"}}}`+"\n" {
		t.Errorf("asked %s", got)
	}
	for _, v := range []struct {
		scene  string
		expire time.Duration
	}{{"", time.Hour}, {strings.Repeat("课", 65), time.Hour}, {"a", time.Second}, {"a", 31 * 24 * time.Hour}, {"a", -time.Hour}, {"\xff", time.Hour}} {
		if _, err := c.QRTicket(t.Context(), v.scene, v.expire); err == nil {
			t.Errorf("%q for %v was accepted", v.scene, v.expire)
		}
	}
	p.api = func(string) (int, string) { return 200, `{"errcode":0}` }
	if _, err := c.QRTicket(t.Context(), "a", time.Hour); err == nil {
		t.Error("an answer without a ticket was taken")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	answers := map[string]string{
		"/cgi-bin/getcallbackip":     `{"ip_list":["101.226.103.0/25","182.254.5.7","2402:4e00::1"]}`,
		"/cgi-bin/callback/check":    `{"dns":[{"ip":"203.0.113.1","real_operator":"UNICOM"}],"ping":[{"ip":"203.0.113.1","from_operator":"CAP","package_loss":"0%","time":"23ms"}]}`,
		"/cgi-bin/openapi/quota/get": `{"errcode":0,"errmsg":"ok","quota":{"daily_limit":500000,"used":17,"remain":499983}}`,
		"/cgi-bin/menu/get":          `{"menu":{"button":[{"type":"click","name":"今日学习","key":"TODAY","sub_button":[]}]}}`,
	}
	p.api = func(path string) (int, string) { return 200, answers[path] }
	r := p.client().Check(t.Context())
	var names []string
	for _, i := range r.Items {
		names = append(names, fmt.Sprint(i.Name, " ", i.OK))
	}
	if d := cmp.Diff([]string{"token true", "addresses true", "callback true", "quota true", "menu true"}, names); d != "" || !r.OK() {
		t.Errorf("%s", d)
	}
	if r.Quota != (Quota{Limit: 500000, Used: 17, Remaining: 499983}) || len(r.Addresses) != 3 || r.Addresses[1].String() != "182.254.5.7/32" || len(r.Menu.Buttons) != 1 {
		t.Errorf("%+v", r)
	}
	if got := p.bodies["/cgi-bin/openapi/quota/get"]; got != `{"cgi_path":"/cgi-bin/message/custom/send"}`+"\n" {
		t.Errorf("asked %s", got)
	}

	answers["/cgi-bin/callback/check"] = `{"dns":[{"ip":"203.0.113.1"}],"ping":[{"ip":"203.0.113.1","package_loss":"100%"}]}`
	answers["/cgi-bin/getcallbackip"] = `{"ip_list":["101.226.103.0/25","not an address"]}`
	r = p.client().Check(t.Context())
	if r.OK() || r.Items[1].Reason != "unparsable" || r.Items[2].Reason != "callback_unreachable" || len(r.Addresses) != 0 {
		t.Errorf("%+v", r)
	}

	p.tokenAnswer = func() (int, string) {
		return 200, `{"errcode":40164,"errmsg":"invalid ip 203.0.113.9, not in whitelist rid: 9-9"}`
	}
	want := []CheckItem{{Name: "token", Code: 40164, Reason: "address_not_listed", Message: "invalid ip 203.0.113.9, not in whitelist", RequestID: "9-9"}}
	if d := cmp.Diff(want, p.client().Check(t.Context()).Items); d != "" {
		t.Error(d)
	}
}

// reliability §4, row 11: the secret, tokens and openids show nowhere, also where the platform
// echoes them.
func TestClientKeepsSecrets(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	store := &memoryStore{}
	c := p.client(func(o *ClientOptions) { o.Tokens, o.Refreshes = store, &memoryLedger{} })
	var shown strings.Builder
	note := func(err error) {
		fmt.Fprintf(&shown, "%v %+v %#v %q\n", err, err, err, fmt.Sprint(errors.Unwrap(err)))
	}
	call := func() {
		_, err := c.QRTicket(t.Context(), "s", time.Hour)
		note(err)
		o := c.Send(t.Context(), textTo("CANARYwords"))
		j, err := json.Marshal(o)
		note(err)
		shown.Write(j)
	}
	echo := `"hint tokenCANARY-1 ` + testSecret + ` rid: 5-5"`
	for _, answer := range []string{`{"errcode":40003,"errmsg":` + echo + `}`, `{"errcode":47003,"errmsg":"tokenCANARY-1"}`, "tokenCANARY-1", "{"} {
		p.api = func(string) (int, string) { return 200, answer }
		call()
	}
	p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = fmt.Fprintf(conn, "HTTP/9 %s\r\n\r\n", r.URL.RawQuery)
			_ = conn.Close()
		}
		return true
	}
	call()
	p.intercept = nil
	p.srv.Close()
	call()
	p.advance(3 * time.Hour)
	call()
	fmt.Fprintf(&shown, "%v %+v %#v %s", c.Client, c.Client, c.Client, c.Client)
	all := shown.String() + c.logged()
	if i := strings.Index(all, "CANARY"); i >= 0 {
		t.Errorf("…%s…", all[max(0, i-200):min(len(all), i+100)])
	}
	if !strings.Contains(all, "no_connection") || !strings.Contains(all, "rid 5-5") {
		t.Errorf("the errors say too little: %s", all)
	}
}
