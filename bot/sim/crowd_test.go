package sim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func crowdPlatform(t *testing.T) *Platform {
	t.Helper()
	p, err := New(Options{AppID: "wx5af0c5d1e0a7b301", AppSecret: "secret", Token: "token", AESKey: strings.Repeat("a", 43), Webhook: "http://127.0.0.1:1/", Lean: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	return p
}

func callJSON(t *testing.T, p *Platform, method, path, body string) map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body.String())
	}
	out["status"] = w.Code
	return out
}

// Each member may be sent five messages, and a lean platform keeps nothing of them but counts.
func TestACrowdIsReachedAndOnlyCounted(t *testing.T) {
	t.Parallel()
	p := crowdPlatform(t)
	if id := CrowdID("AB", 7); len(id) != 28 || crowdName(id) != "AB" {
		t.Fatalf("%q", id)
	}
	if out := callJSON(t, p, http.MethodPost, "/sim/api/crowd", `{"name":"AB","count":3}`); out["status"] != http.StatusCreated {
		t.Fatal(out)
	}
	token := callJSON(t, p, http.MethodPost, "/cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"wx5af0c5d1e0a7b301","secret":"secret"}`)["access_token"].(string)
	send := func(n int) any {
		return callJSON(t, p, http.MethodPost, "/cgi-bin/message/custom/send?access_token="+token, `{"touser":"`+CrowdID("AB", n)+`","msgtype":"text","text":{"content":"通知"}}`)["errcode"]
	}
	for n := 1; n <= 2; n++ {
		if code := send(n); code != 0.0 {
			t.Errorf("member %d: %v", n, code)
		}
	}
	for range 4 {
		send(1)
	}
	if code := send(1); code != 45047.0 {
		t.Errorf("the sixth message: %v", code)
	}
	if code := send(4); code != 40003.0 {
		t.Errorf("somebody who is not in the crowd: %v", code)
	}
	v := p.tally.view("AB")
	if v.Messages != 6 || v.Reached != 2 || v.Twice != 1 || v.Busiest != 6 || p.tally.view("other").Messages != 0 {
		t.Errorf("%+v", v)
	}
	p.mu.Lock()
	kept := len(p.st.Users[CrowdID("AB", 1)].Chat)
	p.mu.Unlock()
	if wires := len(p.wires.after(0, "")); kept+wires+len(p.Ledger().All()) > 0 {
		t.Errorf("kept: %d chat items, %d exchanges, %d in the ledger", kept, wires, len(p.Ledger().All()))
	}
	for _, bad := range []string{`{"name":"","count":1}`, `{"name":"a b","count":1}`, `{"name":"a","count":0}`, `{"name":"a","count":9999999}`} {
		if out := callJSON(t, p, http.MethodPost, "/sim/api/crowd", bad); out["status"] != http.StatusBadRequest {
			t.Errorf("%s: %v", bad, out)
		}
	}
}

func TestTheBusiestTenSeconds(t *testing.T) {
	t.Parallel()
	var c tally
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for s := range 30 { // two a second, and fifteen at the twentieth
		n := 2
		if s == 20 {
			n = 15
		}
		for range n {
			c.add(CrowdID("A", s), at.Add(time.Duration(s)*time.Second))
		}
	}
	c.add(CrowdID("B", 1), at)
	want := CrowdView{Messages: 29*2 + 15, Reached: 30, Twice: 30, Busiest: 9*2 + 15, Window: 10, Seconds: 29}
	if d := cmp.Diff(want, c.view("A")); d != "" {
		t.Error(d)
	}
}
