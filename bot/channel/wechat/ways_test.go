package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// formTo is a message in fields for every way that has them.
func formTo(way channel.Way) channel.Outbound {
	return channel.Outbound{
		To: channel.Address{Channel: Channel, Account: "default", External: "oSIM_user_0000000000000001"}, Way: way, ClientID: "d1a2b3",
		Form: channel.Form{Template: "T1", Title: "明天开会", Scene: 7, URL: "https://learn.example/l/1", Fields: map[string]string{
			"content": "第一行\n第二行 & <三>", "thing1": strings.Repeat("长", 25),
		}},
	}
}

// What each way puts on the wire: nothing empty, one line a field, cut where the platform cuts.
func TestFormsOnTheWire(t *testing.T) {
	t.Parallel()
	cut := map[string]any{"content": map[string]any{"value": "第一行 第二行 & <三>"}, "thing1": map[string]any{"value": strings.Repeat("长", 20)}}
	whole := map[string]any{"content": cut["content"], "thing1": map[string]any{"value": strings.Repeat("长", 25)}}
	const to = "oSIM_user_0000000000000001"
	for way, want := range map[channel.Way]map[string]any{
		channel.WayNotice:   {"touser": to, "template_id": "T1", "page": "https://learn.example/l/1", "data": cut},
		channel.WayTemplate: {"touser": to, "template_id": "T1", "url": "https://learn.example/l/1", "client_msg_id": "d1a2b3", "data": cut},
		channel.WayOnce:     {"touser": to, "template_id": "T1", "url": "https://learn.example/l/1", "scene": "7", "title": "明天开会", "data": whole},
	} {
		p := newPlatform(t)
		p.api = func(string) (int, string) {
			return 200, `{"errcode":0,"errmsg":"ok","msgid":3487000000000000001}`
		}
		o := p.client().Send(t.Context(), formTo(way))
		if o.Verdict != channel.Accepted || o.MessageID != "3487000000000000001" {
			t.Errorf("%s: %+v", way, o)
		}
		body := p.bodies[wayPaths[way]]
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way, diff)
		}
		if strings.Contains(body, `\u0026`) {
			t.Errorf("%s: escaped for HTML: %s", way, body)
		}
	}
}

func TestImpossibleFormsAreNotSent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*channel.Outbound){
		"no template":      func(o *channel.Outbound) { o.Form.Template = "" },
		"no field":         func(o *channel.Outbound) { o.Form.Fields = nil },
		"an empty field":   func(o *channel.Outbound) { o.Form.Fields["thing1"] = " \n" },
		"no person":        func(o *channel.Outbound) { o.To.External = "" },
		"a long client id": func(o *channel.Outbound) { o.ClientID = strings.Repeat("a", 33) },
		"an odd client id": func(o *channel.Outbound) { o.ClientID = "a-b" },
		"an unknown way":   func(o *channel.Outbound) { o.Way = "pigeon" },
		"no content":       func(o *channel.Outbound) { delete(o.Form.Fields, "content") },
		"a scene too far":  func(o *channel.Outbound) { o.Form.Scene = 10_001 },
	} {
		p := newPlatform(t)
		out := formTo(channel.WayOnce)
		change(&out)
		if o := p.client().Send(t.Context(), out); o.Verdict != channel.Refused || o.Class != channel.ClassOurs || p.count(wayPaths[channel.WayOnce]) != 0 {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// sendBy sends something by a way, a mass send too.
func sendBy(t *testing.T, c *clientBundle, way channel.Way) channel.Outcome {
	t.Helper()
	switch way {
	case channel.WayWindow:
		return c.Send(t.Context(), textTo("x"))
	case channel.WayMass:
		return c.SendMass(t.Context(), channel.MassOutbound{To: []string{"oA", "oB"}, Text: "x", ClientID: "m1"})
	}
	return c.Send(t.Context(), formTo(way))
}

// No documented error code, and nothing that is no clear answer, ends as accepted by any way (B8).
func TestNoWayCallsARefusalAccepted(t *testing.T) {
	t.Parallel()
	for way := range wayPaths {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			c := p.client()
			for code := range rules {
				if tokenCode := code == 40001 || code == 40014 || code == 42001; tokenCode {
					continue // makes the client renew its token: tested where the token is
				}
				body, _ := json.Marshal(map[string]any{"errcode": code, "errmsg": "x rid: 1-2-3", "msg_id": 77})
				p.api = func(string) (int, string) { return 200, string(body) }
				o := sendBy(t, c, way)
				if accepted := code == 0 || code == 45065; accepted != (o.Verdict == channel.Accepted) {
					t.Errorf("errcode %d: %+v", code, o)
				}
				if code == 45065 && o.MessageID != "77" {
					t.Errorf("the first call's message id is lost: %+v", o)
				}
			}
			for name, answer := range map[string]struct {
				status int
				body   string
			}{
				"a page": {200, "<html>busy</html>"}, "cut off": {200, `{"errcode":0,"err`}, "bad gateway": {502, "<html>"}, "nothing": {200, ""}, "no code": {200, `{"msgid":1}`},
				"moved": {302, ""},
			} {
				p.api = func(string) (int, string) { return answer.status, answer.body }
				if o := sendBy(t, c, way); o.Verdict != channel.Unknown {
					t.Errorf("%s: %+v", name, o)
				}
			}
		})
	}
}

func TestMassIsChecked(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	many := make([]string, 10_001)
	for i := range many {
		many[i] = "o1"
	}
	for name, out := range map[string]channel.MassOutbound{
		"one person":   {To: []string{"oA"}, Text: "x", ClientID: "m1"},
		"too many":     {To: many, Text: "x", ClientID: "m1"},
		"no text":      {To: []string{"oA", "oB"}, ClientID: "m1"},
		"no client id": {To: []string{"oA", "oB"}, Text: "x"},
		"a bad openid": {To: []string{"oA", "o B"}, Text: "x", ClientID: "m1"},
	} {
		if o := c.SendMass(t.Context(), out); o.Verdict != channel.Refused || o.Class != channel.ClassOurs || p.count(massPath) != 0 {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.api = func(string) (int, string) { return 200, `{"type":"image","media_id":"M1","created_at":1790000000}` }
	c := p.client()
	const png = "\x89PNG\r\n\x1a\nrest"
	id, err := c.UploadMedia(t.Context(), channel.MessageImage, "a.png", []byte(png))
	if err != nil || id != "M1" {
		t.Fatalf("%q, %v", id, err)
	}
	if body := p.bodies["/cgi-bin/media/upload"]; !strings.Contains(body, `name="media"; filename="a.png"`) || !strings.Contains(body, png) {
		t.Errorf("body: %q", body)
	}
	for name, x := range map[string]struct {
		kind    channel.MessageKind
		content string
	}{
		"nothing":           {channel.MessageImage, ""},
		"text":              {channel.MessageText, png},
		"a page as picture": {channel.MessageImage, "<html>"},
		"sound as picture":  {channel.MessageImage, "#!AMR\n"},
		"picture as sound":  {channel.MessageVoice, png},
		"sound too long":    {channel.MessageVoice, "ID3" + strings.Repeat("x", maxVoice)},
	} {
		if _, err := c.UploadMedia(t.Context(), x.kind, "a", []byte(x.content)); err == nil || p.count("/cgi-bin/media/upload") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another host of the platform is asked when the first cannot be reached, and when a question was not
// answered; what sends something is never made twice.
func TestFallbackHosts(t *testing.T) {
	t.Parallel()
	second := newPlatform(t)
	second.api = func(string) (int, string) {
		return 200, `{"errcode":0,"errmsg":"ok","quota":{"daily_limit":9,"used":1}}`
	}
	dead := func(o *ClientOptions) { o.APIBase, o.Fallbacks = "http://127.0.0.1:1", []string{second.srv.URL} }
	c := second.client(dead)
	if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Accepted || second.count(sendPath) != 1 {
		t.Errorf("the first host is away: %+v", o)
	}
	first := newPlatform(t)
	first.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == tokenPath {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	first.issue()
	c = first.client(func(o *ClientOptions) { o.Fallbacks = []string{second.srv.URL} })
	first.mu.Lock()
	token := first.token
	first.mu.Unlock()
	second.mu.Lock()
	second.token, second.expires = token, second.now.Add(time.Hour)
	second.mu.Unlock()
	before := second.count(sendPath)
	if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Unknown || second.count(sendPath) != before {
		t.Errorf("a send without a clear answer went to another host: %+v", o)
	}
	if q, err := c.Quota(t.Context(), channel.WayWindow); err != nil || q.Limit != 9 || q.Used != 1 {
		t.Errorf("a question was not asked elsewhere: %+v, %v", q, err)
	}
	if _, err := c.Quota(t.Context(), "pigeon"); err == nil {
		t.Error("a way without an API has a quota")
	}
	if _, err := NewClient(ClientOptions{AppID: "a", AppSecret: "b", Now: time.Now, Fallbacks: []string{"ftp://x"}}); err == nil {
		t.Error("a fallback that is no host is taken")
	}
}

// What is given instead of a file is never taken for one, and each answer says whether trying again helps.
func TestDownloads(t *testing.T) {
	t.Parallel()
	const (
		jpg   = "\xff\xd8\xff\xe0rest of a picture"
		limit = 64 << 10
	)
	for name, x := range map[string]struct {
		status     int
		body       string
		cut, slow  bool
		gone, big  bool
		failed     string // word of the error; "" for none
		downloaded int    // calls
	}{
		"a picture":                    {200, jpg, false, false, false, false, "", 1},
		"a recording":                  {200, "#!AMR\n\x04sound", false, false, false, false, "", 1},
		"speech in another coding":     {200, "\x02#!SILK_V3\x00\xff", false, false, false, false, "", 1},
		"a picture of the limit":       {200, jpg + strings.Repeat("x", limit-len(jpg)), false, false, false, false, "", 1},
		"a picture over the limit":     {200, jpg + strings.Repeat("x", limit), false, false, false, true, "file_too_large", 1},
		"gone":                         {200, `{"errcode":40007,"errmsg":"invalid media_id rid: 1-2-3"}`, false, false, true, false, "40007", 1},
		"gone, by the other code":      {200, `{"errcode":46001,"errmsg":"media data missing"}`, false, false, true, false, "46001", 1},
		"busy":                         {200, `{"errcode":-1,"errmsg":"system error"}`, false, false, false, false, "errcode -1", 1},
		"the day's calls are used up":  {200, `{"errcode":45009,"errmsg":"quota"}`, false, false, false, false, "45009", 1},
		"a dead token":                 {200, `{"errcode":40001,"errmsg":"invalid credential"}`, false, false, false, false, "40001", 1}, // and no other is given
		"an answer of success":         {200, `{"errcode":0,"errmsg":"ok"}`, false, false, false, false, "no_file", 1},
		"the address of a video":       {200, `{"video_url":"http://video.example/1"}`, false, false, false, false, "no_file", 1},
		"a page":                       {200, "<html><body>busy</body></html>", false, false, false, false, "unparsable", 1},
		"a page larger than the limit": {200, "<html>" + strings.Repeat("x", limit), false, false, false, false, "too_large", 1},
		"nothing":                      {200, "", false, false, false, false, "unparsable", 1},
		"a broken server":              {502, jpg, false, false, false, false, "http_502", 1},
		"another address":              {302, jpg, false, false, false, false, "redirect", 1},
		"half a picture":               {200, jpg, true, false, false, false, "answer_cut", 1},
		"a picture that trickles":      {200, jpg, false, true, false, false, "answer_cut", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			asked := make(chan string, 9)
			p.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == tokenPath {
					return false
				}
				asked <- r.Method + " " + r.URL.Query().Get("media_id")
				if x.cut {
					w.Header().Set("Content-Length", "1000")
				}
				if x.status == http.StatusFound {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(x.status)
				if x.slow {
					_, _ = w.Write([]byte(x.body[:4]))
					_ = http.NewResponseController(w).Flush()
					<-r.Context().Done() // of the caller, who has left
					return true
				}
				_, _ = w.Write([]byte(x.body))
				return true
			}
			c := p.client(func(o *ClientOptions) {
				if x.slow {
					o.Timeout = 50 * time.Millisecond
				}
			})
			data, err := c.DownloadMedia(t.Context(), "m/1+&x=", limit)
			if x.failed == "" && (err != nil || string(data) != x.body) {
				t.Errorf("%d bytes, %v", len(data), err)
			}
			if x.failed != "" && (err == nil || len(data) > 0 || !strings.Contains(err.Error(), x.failed) || strings.Contains(err.Error(), "tokenCANARY")) {
				t.Errorf("%d bytes, %v; want %s", len(data), err, x.failed)
			}
			if errors.Is(err, channel.ErrMediaGone) != x.gone || errors.Is(err, channel.ErrMediaBig) != x.big {
				t.Errorf("%v: gone %v, big %v", err, errors.Is(err, channel.ErrMediaGone), errors.Is(err, channel.ErrMediaBig))
			}
			if len(asked) != x.downloaded || <-asked != "GET m/1+&x=" {
				t.Errorf("%d calls", len(asked)+1)
			}
		})
	}
	p := newPlatform(t)
	p.api = func(string) (int, string) { return 200, jpg }
	c := p.client()
	for range 2 { // the second time with a token that another system has replaced
		if data, err := c.DownloadMedia(t.Context(), "m", limit); err != nil || string(data) != jpg {
			t.Errorf("%q, %v", data, err)
		}
		p.supersede()
	}
	calls := p.count(mediaPath)
	for _, id := range []string{"", "a b", strings.Repeat("x", maxMediaID+1)} {
		if _, err := c.DownloadMedia(t.Context(), id, 1); !errors.Is(err, channel.ErrMediaGone) || p.count(mediaPath) != calls || calls != 3 {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A call whose time is over says nothing about the host: one that is away stays away.
func TestACallWithoutTimeSaysNothingOfAHost(t *testing.T) {
	t.Parallel()
	first, second := newPlatform(t), newPlatform(t)
	c := first.client(func(o *ClientOptions) { o.Fallbacks = []string{second.srv.URL} })
	for _, host := range c.hosts.all {
		c.hosts.failed(host)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.exchange(ctx, "/cgi-bin/menu/get", nil, nil); err == nil {
		t.Fatal("a call without time was answered")
	}
	if len(c.hosts.away) != 2 {
		t.Errorf("%d of 2 hosts are still away", len(c.hosts.away))
	}
}
