package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// shelf keeps what is uploaded, and what was refused.
type shelf struct {
	mu      sync.Mutex
	media   []bot.Media
	refused []string
	broken  bool
}

func (s *shelf) PutMedia(_ context.Context, _ time.Time, _ string, m bot.Media) error {
	s.media = append(s.media, m)
	return nil
}

func (s *shelf) note(_ context.Context, actor, object, result, request string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if request == "" {
		return errors.New("no request id")
	}
	s.refused = append(s.refused, actor+" | "+object+" | "+result)
	if s.broken {
		return errors.New("canary: no database")
	}
	return nil
}

// elsewhere has no unit that the key may see.
type elsewhere struct{ UnitStore }

func (elsewhere) UnitLife(context.Context, people.Scope, people.OrgCode) (people.UnitLife, error) {
	return people.UnitLife{}, fault.New(fault.NotFound, "report.no_unit")
}

// guarded is a gate with something behind it.
func guarded(t *testing.T) (*gate, *shelf) {
	t.Helper()
	g, s := openGate(t), &shelf{}
	o := gateOptions(g)
	o.Media, o.Refused, o.Units = s, s.note, elsewhere{}
	g.Handler = NewAPI(o)
	return g, s
}

// Refusals leave a trace, and a flood of them a short one.
func TestRefusalsAreRecordedAndBounded(t *testing.T) {
	t.Parallel()
	g, s := guarded(t)
	ask := func(path, key, from string) {
		g.ask(asked{method: http.MethodGet, path: path, key: key, from: from})
	}
	ask("/api/v1/campaigns/7/unreached?x=canary", "tg_"+strings.Repeat("z", 43), "192.0.2.1:1")
	ask("/api/none", "", "192.0.2.9:1")
	ask("/api/v1/campaigns/x", goodKey, "192.0.2.2:1") // nothing behind it is asked: it is no number
	g.advance(time.Minute)
	ask("/api/v1/units/530112", goodKey, "192.0.2.2:1") // of another place
	if diff := cmp.Diff([]string{
		"api:? | GET /api/v1/campaigns/{id}/unreached from 192.0.2.1 | 401",
		`api:canary-holder | GET /api/v1/campaigns/{id} "x" from 192.0.2.2 | 404`,
		`api:canary-holder | GET /api/v1/units/{code} "530112" from 192.0.2.2 | 404`,
	}, s.refused); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.refused = nil
	g.advance(10 * time.Minute)
	for i := range 500 { // from one address, and then from many
		ask("/api/v1/campaigns", "", "192.0.2.3:1")
		ask("/api/v1/campaigns", "", fmt.Sprintf("198.51.%d.%d:1", i/200, i%200))
	}
	if len(s.refused) != refusalsOfAll {
		t.Errorf("a flood leaves %d rows, want %d", len(s.refused), refusalsOfAll)
	}
	g.advance(5 * time.Minute)
	s.refused = nil
	ask("/api/v1/campaigns", "", "192.0.2.4:1")
	if len(s.refused) != 1 || !strings.HasPrefix(s.refused[0], "api:? | GET /api/v1/campaigns from 192.0.2.4 | 401, ") || !strings.HasSuffix(s.refused[0], "refusals before it are not recorded") {
		t.Errorf("after the flood: %q", s.refused)
	}
	// Whoever is refused is not told that the trace could not be written.
	s.broken = true
	if w := g.ask(asked{method: http.MethodGet, path: "/api/v1/campaigns", from: "192.0.2.5:1"}); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	g, s := guarded(t)
	sound := "#!AMR\n\x04            "
	upload := func(body, kind string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, mediaPath, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+goodKey)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		g.advance(11 * time.Second)
		return w
	}
	for _, c := range []struct {
		name, body, kind string
		status           int
	}{
		{"a sound that says it is a page", sound, "text/html", http.StatusCreated},
		{"a page that says it is a picture", "<html><script>alert(1)</script>", "image/png", http.StatusBadRequest},
		{"nothing", "", "image/png", http.StatusBadRequest},
		{"as much as there may be", sound + strings.Repeat("\x7c", bot.MaxMedia-len(sound)), "", http.StatusBadRequest}, // longer than a minute
		{"too much", strings.Repeat("x", bot.MaxMedia+1), "", http.StatusBadRequest},
		{"far too much", strings.Repeat("x", bot.MaxMedia+2), "", http.StatusRequestEntityTooLarge},
	} {
		if w := upload(c.body, c.kind); w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body.String())
		}
	}
	if len(s.media) != 1 || string(s.media[0].Content) != sound || !strings.HasSuffix(s.media[0].Name, ".amr") {
		t.Errorf("stored: %d", len(s.media))
	}
	// Only this route takes so much.
	if w := g.ask(asked{method: http.MethodPost, path: "/api/v1/campaigns", key: goodKey, body: strings.Repeat("x", maxBody+1)}); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("another route: %d", w.Code)
	}
	limited := 0
	for range 2 * uploadsPerMinute {
		if w := g.ask(asked{method: http.MethodPost, path: mediaPath, key: goodKey, body: sound}); w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "" {
			limited++
		}
	}
	if limited < uploadsPerMinute {
		t.Errorf("only %d of %d at once were held back", limited, 2*uploadsPerMinute)
	}
}
