package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func withPersona(o *Options) {
	o.Personas = []Persona{{OpenID: anna, Name: "甲", Note: "村干部", Avatar: "甲", Color: "#4a7c59", Hints: []Hint{{"签到", "text", "签到"}}}}
	o.Scenes = []Scene{{"s7", "示范班"}}
}

func TestThePageLearnsTheState(t *testing.T) {
	t.Parallel()
	b := setup(t, withPersona)
	b.must(b.p.As(anna).Follow(t.Context(), ""))
	b.must(b.p.As(anna).Type(t.Context(), "你好"))
	got := b.get("/sim/api/state")
	for _, key := range []string{"now", "mode", "webhook", "account", "menu", "users", "blackoutUntil", "scenes"} {
		if _, there := got[key]; !there {
			t.Errorf("%s is missing", key)
		}
	}
	user := got["users"].([]any)[0].(map[string]any)
	window := user["window"].(map[string]any)
	if user["openid"] != anna || user["name"] != "甲" || user["following"] != true || fmt.Sprint(window["kind"], window["left"]) != "typed5" {
		t.Errorf("user %v", user)
	}
	if got["mode"] != "safe" || got["blackoutUntil"] != nil || jsonOf(t, got["scenes"]) != `[{"label":"示范班","scene":"s7"}]` {
		t.Errorf("state %v", got)
	}
}

func TestPhonesAreAdded(t *testing.T) {
	t.Parallel()
	b := setup(t, withPersona)
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"name":"乙"}`, 201}, {`{"openid":"` + anna + `","name":"乙"}`, 409}, {`{}`, 400}, {`{`, 400}, {`{"name":"` + strings.Repeat("x", 2<<20) + `"}`, 400},
	} {
		if status, _ := b.request(http.MethodPost, "/sim/api/users", c.body); status != c.want {
			t.Errorf("%.40s: status %d, want %d", c.body, status, c.want)
		}
	}
}

func TestPhonesActThroughTheControl(t *testing.T) {
	t.Parallel()
	b := setup(t, withPersona)
	act := func(body string) (int, string) {
		status, data := b.request(http.MethodPost, "/sim/api/users/"+anna+"/act", body)
		return status, string(data)
	}
	if status, _ := act(`{"kind":"text","text":"你好"}`); status != http.StatusConflict {
		t.Errorf("writing without following: status %d", status)
	}
	for _, body := range []string{
		`{"kind":"follow","scene":"s7"}`, `{"kind":"text","text":"你好"}`, `{"kind":"voice","recognition":"签到"}`, `{"kind":"image"}`, `{"kind":"location","lat":1,"lng":2,"label":"村"}`,
		`{"kind":"link","title":"t","url":"https://e.example"}`, `{"kind":"click","key":"K"}`, `{"kind":"view","url":"https://e.example"}`, `{"kind":"scan","scene":"s7"}`,
		`{"kind":"scancode","key":"K","result":"r","wait":true}`, `{"kind":"msgmenu","id":"1","content":"A"}`, `{"kind":"enter"}`, `{"kind":"subscribe","templateId":"T","accept":true}`, `{"kind":"unfollow"}`,
	} {
		before := len(b.bot.pushes())
		if status, data := act(body); status != http.StatusOK || !strings.Contains(data, `"exchange":{"deliveries":[{"status":200`) || len(b.bot.pushes()) != before+1 {
			t.Errorf("%s: status %d, %s", body, status, data)
		}
	}
	if status, _ := act(`{"kind":"dance"}`); status != http.StatusConflict {
		t.Errorf("unknown act: status %d", status)
	}
	if status, _ := b.request(http.MethodPost, "/sim/api/users/nobody/act", `{"kind":"text"}`); status != http.StatusNotFound {
		t.Errorf("unknown phone: status %d", status)
	}
	items := b.get("/sim/api/users/" + anna + "/chat")["items"].([]any)
	last := items[len(items)-1].(map[string]any)
	if len(items) != 14 || len(b.get(fmt.Sprintf("/sim/api/users/%s/chat?after=%v", anna, last["id"]))["items"].([]any)) != 0 {
		t.Errorf("%d items in the chat", len(items))
	}
}

func TestPeopleMoveTheClock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.p.Clock().Set(time.Date(2026, 12, 31, 9, 0, 0, 0, shanghai))
	for _, c := range []struct{ body, want string }{
		{`{"advance":"1h"}`, "2026-12-31T10:"}, {`{"to":"tomorrow 08:00"}`, "2027-01-01T08:00"}, {`{"to":"2027-03-01T00:00:00Z"}`, "2027-03-01T08:00"},
	} {
		if got := fmt.Sprint(b.post("/sim/api/clock", c.body)["now"]); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: now %s", c.body, got)
		}
	}
	if got := b.post("/sim/api/clock", `{"reset":true}`)["offsetMs"]; fmt.Sprint(got) != "0" {
		t.Errorf("after reset: %v", got)
	}
	for _, bad := range []string{`{"advance":"soon"}`, `{"to":"later"}`, `{"to":"tomorrow 8"}`, `{}`} {
		if status, _ := b.request(http.MethodPost, "/sim/api/clock", bad); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, status)
		}
	}
}

func TestSecretsAreMaskedOnTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	token := b.token()
	b.get("/cgi-bin/token?grant_type=client_credential&appid=" + testAppID + "&secret=" + testSecret)
	b.call(customPath, customText(anna, "课"))
	_, data := b.request(http.MethodGet, "/sim/api/wire", nil)
	for _, secret := range []string{token, testSecret} {
		if strings.Contains(string(data), secret) {
			t.Errorf("%s… can be read", secret[:6])
		}
	}
	if !strings.Contains(string(data), "/cgi-bin/message/custom/send?access_token=SIM_…") {
		t.Errorf("the call is not there: %s", data)
	}
	var all struct{ Items []Wire }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if w := all.Items[0]; w.Dir != "push" || w.Status != 200 || !strings.Contains(w.RequestPlain, "[subscribe]") || !strings.Contains(w.RequestRaw, "<Encrypt>") || w.ResponsePlain != "success" {
		t.Errorf("first exchange %+v", w)
	}
}

func TestFaultsAreSetByThePagesWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	add := func(body string) int {
		status, _ := b.request(http.MethodPost, "/sim/api/faults", body)
		return status
	}
	for body, want := range map[string]int{
		`{"path":"push","kind":"latency","latency":"6s","times":1,"probability":1}`: 201,
		`{"path":"*","kind":"errcode","errcode":-1,"times":0}`:                      201,
		`{"path":"/cgi-bin/user/info","kind":"poem"}`:                               400,
		`{"path":"push","kind":"html_body"}`:                                        400,
		`{"path":"*","kind":"duplicate"}`:                                           400,
		`{"path":"*","kind":"latency","latency":"long"}`:                            400,
		`{"path":"*","kind":"latency","probability":2}`:                             400,
	} {
		if got := add(body); got != want {
			t.Errorf("%s: status %d, want %d", body, got, want)
		}
	}
	if got := len(b.get("/sim/api/faults")["items"].([]any)); got != 2 {
		t.Errorf("%d faults, want 2", got)
	}
	if _, data := b.request(http.MethodDelete, "/sim/api/faults", nil); !strings.Contains(string(data), `"items":[]`) {
		t.Errorf("after clearing: %s", data)
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	t.Parallel()
	b := setup(t, withPersona)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url()+"/sim/api/clock", strings.NewReader(`{"advance":"1h"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := noRedirects.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || b.p.Clock().Offset() != 0 {
		t.Errorf("status %d, clock ahead by %v", resp.StatusCode, b.p.Clock().Offset())
	}
}

func TestOpenPagesSeeEventsInOrderUntilClose(t *testing.T) {
	t.Parallel()
	b := setup(t, withPersona)
	resp, err := http.Get(b.url() + "/sim/api/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != ": hello" || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream begins with %q", lines.Text())
	}
	u := b.follower(anna)
	for i := range 5 {
		b.must(u.Type(t.Context(), fmt.Sprint("第", i)))
	}
	b.p.Clock().Advance(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.p.Close(ctx); err != nil {
		t.Fatalf("closing with an open page: %v", err)
	}
	var last int64
	events := map[string]int{}
	name := ""
	for lines.Scan() { // ends, because Close ended the stream
		if n, found := strings.CutPrefix(lines.Text(), "event: "); found {
			name = n
			events[n]++
		}
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found || name != "chat" {
			continue
		}
		var x struct {
			OpenID string
			Item   ChatItem
		}
		if err := json.Unmarshal([]byte(data), &x); err != nil {
			t.Fatal(err)
		}
		if x.Item.ID <= last || x.OpenID != anna {
			t.Errorf("item %d of %s after %d", x.Item.ID, x.OpenID, last)
		}
		last = x.Item.ID
	}
	if events["chat"] != 6 || events["wire"] != 6 || events["clock"] != 1 || events["users"] == 0 {
		t.Errorf("events %v", events)
	}
}

func TestAPageThatCannotKeepUpIsSentBackToAsk(t *testing.T) {
	t.Parallel()
	h := newHub()
	page := h.open()
	for i := range cap(page) + 1 {
		h.send("wire", i)
	}
	n := 0
	for range page { // ends, because the queue was closed
		n++
	}
	if n != cap(page) || h.watched() {
		t.Errorf("%d events, still watched: %v", n, h.watched())
	}
	h.leave(page) // as the handler does: no panic
}
