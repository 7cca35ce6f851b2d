package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// goodKey is a key in force, brokenKey one whose look-up fails; whatever else looks like one is not known.
const (
	goodKey   = "tg_0123456789abcdefghijABCDEFGHIJ0123456789abc"
	otherKey  = "tg_1123456789abcdefghijABCDEFGHIJ0123456789abc"
	brokenKey = "tg_2123456789abcdefghijABCDEFGHIJ0123456789abc"
)

// gate is the API with nothing behind it: what the tests below ask is answered before the service.
type gate struct {
	http.Handler
	mu  sync.Mutex
	now time.Time
	log bytes.Buffer
}

func (g *gate) Now() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func (g *gate) advance(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = g.now.Add(d)
}

func openGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	g.Handler = NewAPI(gateOptions(g))
	return g
}

func gateOptions(g *gate) APIOptions {
	return APIOptions{
		Holder: func(_ context.Context, hash [32]byte) (bot.Trainer, error) {
			switch hash {
			case sha256.Sum256([]byte(goodKey)), sha256.Sum256([]byte(otherKey)):
				return bot.Trainer{Name: "canary-holder", Scope: people.Scope{Units: []people.OrgCode{"539901000000"}}}, nil
			case sha256.Sum256([]byte(brokenKey)):
				return bot.Trainer{}, errors.New("canary-inside: no connection")
			}
			return bot.Trainer{}, fault.New(fault.Forbidden, "api.unknown")
		},
		Phrases: content.DefaultPhrases(), Now: g.Now, Logger: slog.New(slog.NewTextHandler(&g.log, nil)),
		Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}
}

// asked is one request and what came of it.
type asked struct {
	method, path, body, key, from, via string
}

func (g *gate) ask(q asked) *httptest.ResponseRecorder {
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.key != "" {
		r.Header.Set("Authorization", "Bearer "+q.key)
	}
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	if q.via != "" {
		r.Header.Set("X-Forwarded-For", q.via)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func errorOf(t *testing.T, w *httptest.ResponseRecorder) errorBody {
	t.Helper()
	var e errorAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("%v: %s", err, w.Body.String())
	}
	if e.Error.RequestID == "" || e.Error.RequestID != w.Header().Get("X-Request-Id") {
		t.Errorf("request id %q, header %q", e.Error.RequestID, w.Header().Get("X-Request-Id"))
	}
	return e.Error
}

// Whatever is wrong with a key, the answer is the same: it says nothing about which keys there are.
func TestOneAnswerToEveryWrongKey(t *testing.T) {
	t.Parallel()
	g := openGate(t)
	var first errorBody
	for i, header := range []string{
		"", "Bearer", "Bearer ", "Basic " + goodKey, "Bearer " + goodKey + " ", "Bearer  " + goodKey, goodKey, "Bearer tg_short", "Bearer tg_" + strings.Repeat("z", 43),
		"Bearer tg_" + strings.Repeat("z", 44), "Bearer xx_" + strings.Repeat("0", 43), "Bearer tg_" + strings.Repeat("你", 43),
	} {
		for _, path := range []string{"/api/v1/campaigns", "/api/v1/campaigns/1", "/api/v1/campaigns/1/unreached"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			e := errorOf(t, w)
			e.RequestID = ""
			if i == 0 && first == (errorBody{}) {
				first = e
			}
			if w.Code != http.StatusUnauthorized || e != first || e.Code != "unauthorized" || e.Message == "" || w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%q on %s: %d %s", header, path, w.Code, w.Body.String())
			}
		}
	}
}

// Sixty requests a minute for each key and each address, and a word on when to come back.
func TestRequestsAreHeldToAPace(t *testing.T) {
	t.Parallel()
	g := openGate(t)
	// A path that fails behind the key, so that the service is not needed.
	from := func(address, key string) int {
		return g.ask(asked{method: http.MethodGet, path: "/api/v1/campaigns/x", key: key, from: address, via: ""}).Code
	}
	for i := range 60 {
		if code := from("192.0.2.1:5", goodKey); code != http.StatusNotFound {
			t.Fatalf("request %d: %d", i, code)
		}
	}
	w := g.ask(asked{method: http.MethodGet, path: "/api/v1/campaigns/x", key: goodKey, from: "192.0.2.1:6"})
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" || errorOf(t, w).Code != "limited" {
		t.Errorf("the next one: %d, %s, %s", w.Code, w.Header().Get("Retry-After"), w.Body.String())
	}
	if code := from("192.0.2.1:5", otherKey); code != http.StatusTooManyRequests {
		t.Errorf("another key from the same address: %d", code)
	}
	if code := from("192.0.2.2:5", goodKey); code != http.StatusTooManyRequests {
		t.Errorf("the same key from another address: %d", code)
	}
	if code := from("192.0.2.2:5", otherKey); code != http.StatusNotFound {
		t.Errorf("another key from another address: %d", code)
	}
	g.advance(time.Second)
	if code := from("192.0.2.1:5", goodKey); code != http.StatusNotFound {
		t.Errorf("a second later: %d", code)
	}
	if code := from("192.0.2.1:5", goodKey); code != http.StatusTooManyRequests {
		t.Errorf("a second later, twice: %d", code)
	}
	g.advance(-time.Hour) // a clock that is set back must not lock anybody out
	if code := from("192.0.2.1:5", goodKey); code != http.StatusNotFound {
		t.Errorf("after the clock was set back: %d", code)
	}
}

func TestGuessingKeysIsHeldToAPaceToo(t *testing.T) {
	t.Parallel()
	g := openGate(t)
	counts := map[int]int{}
	for i := range 100 {
		counts[g.ask(asked{method: http.MethodGet, path: "/api/v1/campaigns", key: fmt.Sprintf("tg_%043d", i), from: "192.0.2.1:5"}).Code]++
	}
	if d := cmp.Diff(map[int]int{http.StatusUnauthorized: 60, http.StatusTooManyRequests: 40}, counts); d != "" {
		t.Error(d)
	}
}

func TestThePacesKeepFlatMemory(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	p := newPace(60, func() time.Time { return now })
	for i := range 3 * paceNames {
		p.take(fmt.Sprint(i))
	}
	if len(p.due) > paceNames+1 {
		t.Errorf("%d names are kept", len(p.due))
	}
	if p.take("a new one") == 0 {
		t.Error("new names beyond the limit do not share one pace")
	}
	now = now.Add(2 * time.Minute)
	if wait := p.take("a later one"); wait > 0 || len(p.due) > 1 {
		t.Errorf("after two minutes: wait %s, %d names", wait, len(p.due))
	}
}

// A forwarded address is believed only from a proxy of ours (reliability §4, row 8).
func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:80", "", "192.0.2.1"},
		{"192.0.2.1:80", "203.0.113.9", "192.0.2.1"},
		{"10.0.0.1:80", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:80", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"10.0.0.1:80", "nonsense", "10.0.0.1"},
		{"10.0.0.1:80", "", "10.0.0.1"},
		{"[2001:db8:1:2:3:4:5:6]:80", "", "2001:db8:1:2::/64"},
		{"[::ffff:192.0.2.1]:80", "", "192.0.2.1"},
		{"@", "", "@"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if r.RemoteAddr = c.remote; c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddress(r, trusted); got != c.want {
			t.Errorf("%s via %q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	g := openGate(t)
	const one, ok = "/api/v1/campaigns", `"title":"防火","text":"不要烧荒。"`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, says               string
	}{
		{"no JSON", "POST", one, `title=x`, 400, "invalid", "invalid character"},
		{"a field that there is not", "POST", one, `{` + ok + `,"everyone":true,"role":"admin"}`, 400, "invalid", "role"},
		{"a field that is not to be set", "POST", one, `{` + ok + `,"everyone":true,"scope":{"units":["*"]}}`, 400, "invalid", "scope"},
		{"something behind it", "POST", one, `{` + ok + `,"everyone":true} {}`, 400, "invalid", "behind"},
		{"a list", "POST", one, `[]`, 400, "invalid", "array"},
		{"too long", "POST", one, `{"text":"` + strings.Repeat("x", maxBody) + `"}`, 413, "invalid", "64 KB"},
		{"nobody to get it", "POST", one, `{` + ok + `}`, 400, "invalid", "everyone"},
		{"everybody and some", "POST", one, `{` + ok + `,"everyone":true,"audience":{"tags":["a"]}}`, 400, "invalid", "contradict"},
		{"a unit that is none", "POST", one, `{` + ok + `,"audience":{"units":["12x"]}}`, 400, "invalid", "12x"},
		{"a unit that is none, left out", "POST", one, `{` + ok + `,"everyone":true,"audience":{"except":{"units":["12x"]}}}`, 400, "invalid", "12x"},
		{"an exception of an exception", "POST", one, `{` + ok + `,"everyone":true,"audience":{"except":{"except":{}}}}`, 400, "invalid", "except"},
		{"a time that is none", "POST", one, `{` + ok + `,"everyone":true,"at":"2026-12-01 08:30"}`, 400, "invalid", ""},
		{"a number that is none", "POST", one + "/abc/submit", ``, 404, "not_found", ""},
		{"a negative number", "GET", one + "/-1", ``, 404, "not_found", ""},
		{"a body where none belongs", "POST", one + "/1/submit", `{"force":true}`, 400, "invalid", "force"},
		{"a limit that is none", "GET", one + "?limit=0", ``, 400, "invalid", "limit"},
		{"a format that is none", "GET", one + "/1/unreached?format=doc", ``, 400, "invalid", "doc"},
		{"an act that there is not", "POST", one + "/1/delete", ``, 404, "not_found", ""},
		{"a method that there is not", "DELETE", one + "/1", ``, 404, "not_found", ""},
		{"a path that there is not", "GET", "/api/v2/campaigns", ``, 404, "not_found", ""},
	} {
		w := g.ask(asked{method: c.method, path: c.path, body: c.body, key: goodKey})
		e := errorOf(t, w)
		if w.Code != c.status || e.Code != c.code || !strings.Contains(e.Message, c.says) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body.String())
		}
	}
	r := httptest.NewRequest(http.MethodPost, one, strings.NewReader(`{`+ok+`,"everyone":true}`))
	r.Header.Set("Authorization", "Bearer "+goodKey)
	r.Header.Set("Idempotency-Key", "with a blank")
	w := httptest.NewRecorder()
	if g.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("a key with blanks: %d %s", w.Code, w.Body.String())
	}
}

// What breaks inside stays inside: the asker gets a number, the log the reason, and neither the key
// nor the holder's name.
func TestWhatBreaksInsideStaysInside(t *testing.T) {
	t.Parallel()
	g := openGate(t)
	w := g.ask(asked{method: http.MethodGet, path: "/api/v1/campaigns", key: brokenKey})
	e := errorOf(t, w)
	g.ask(asked{method: http.MethodGet, path: "/api/v1/campaigns/canary-path", key: goodKey})
	g.ask(asked{method: http.MethodPost, path: "/api/v1/campaigns", key: goodKey, body: `{"canary-body":1}`})
	if w.Code != http.StatusInternalServerError || e.Code != "internal" || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
	log := g.log.String()
	if !strings.Contains(log, e.RequestID) || !strings.Contains(log, "canary-inside") {
		t.Errorf("the log does not say what happened to %s:\n%s", e.RequestID, log)
	}
	for _, secret := range []string{goodKey, brokenKey, goodKey[3:], "canary-holder", "canary-path", "canary-body", "192.0.2.1"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s:\n%s", secret, log)
		}
	}
}

func TestTheDescriptionIsPublicAndEveryAnswerIsKeptFromPages(t *testing.T) {
	t.Parallel()
	g := openGate(t)
	for _, path := range []string{"/api/openapi.json", "/api/v1/campaigns", "/api/none"} {
		w := g.ask(asked{method: http.MethodGet, path: path})
		h := w.Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") ||
			!strings.HasPrefix(h.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %v", path, h)
		}
		if path == "/api/openapi.json" && (w.Code != http.StatusOK || !json.Valid(w.Body.Bytes())) {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestKeysOfCampaigns(t *testing.T) {
	t.Parallel()
	r := &request{Request: httptest.NewRequest(http.MethodPost, "/", nil), holder: bot.Trainer{Name: "county-office"}}
	c := bot.Campaign{Title: "防火"}
	key := func(header string) string {
		t.Helper()
		r.Header.Set("Idempotency-Key", header)
		k, err := r.key(c)
		if err != nil || len(k) > keyRoom || !strings.HasPrefix(k, "api:county-office:") {
			t.Errorf("%q: %q, %v", header, k, err)
		}
		return k
	}
	if key("a-1") != "api:county-office:a-1" || key("") != "api:county-office:"+c.Digest() {
		t.Errorf("%q, %q", key("a-1"), key(""))
	}
	long := strings.Repeat("x", 100)
	if key(long+"1") == key(long+"2") || key(long) != key(long) {
		t.Error("long keys are not told apart, or not known again")
	}
}
