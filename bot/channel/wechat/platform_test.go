package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

const testSecret = "secretCANARY0123456789abcdef"

// platform is a small WeChat: stable_token by its rules, everything else by a script.
type platform struct {
	t   testing.TB
	srv *httptest.Server

	mu      sync.Mutex
	now     time.Time
	issued  int
	token   string // the one it takes
	expires time.Time
	before  string      // the one before it, which it still takes when that was near its end and not forced out (wechat-protocol §2)
	normal  int         // stable_token calls without force
	forced  []time.Time // and with
	calls   map[string]int
	bodies  map[string]string // last body of a path

	tokenAnswer func() (status int, body string) // instead of the rules, when not nil
	api         func(path string) (int, string)  // the answer of any other path
	deaf        func(token string) bool          // tokens it takes for dead though it issued them
	intercept   func(http.ResponseWriter, *http.Request) bool
}

func newPlatform(t testing.TB) *platform {
	p := &platform{t: t, now: time.Unix(testNow, 0), calls: map[string]int{}, bodies: map[string]string{}}
	p.api = func(string) (int, string) { return 200, `{"errcode":0,"errmsg":"ok"}` }
	p.srv = httptest.NewServer(p)
	t.Cleanup(p.srv.Close)
	return p
}

func (p *platform) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *platform) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// supersede is another system forcing a refresh: the token everybody holds is dead.
func (p *platform) supersede() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issue()
	p.before = ""
}

func (p *platform) issue() {
	p.issued++
	p.token, p.expires = fmt.Sprintf("tokenCANARY-%d", p.issued), p.now.Add(7200*time.Second)
}

func (p *platform) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

func (p *platform) tokenCalls() (normal int, forced []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.normal, append([]time.Time(nil), p.forced...)
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.intercept != nil && p.intercept(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[r.URL.Path]++
	p.bodies[r.URL.Path] = string(body)
	status, answer := 0, ""
	switch {
	case r.URL.Path == tokenPath:
		status, answer = p.stableToken(body)
	case p.before != "" && r.URL.Query().Get("access_token") == p.before && p.deaf == nil:
		status, answer = p.api(r.URL.Path)
	case r.URL.Query().Get("access_token") != p.token || p.deaf != nil && p.deaf(p.token):
		status, answer = 200, `{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest rid: 6aac-1"}`
	case !p.now.Before(p.expires):
		status, answer = 200, `{"errcode":42001,"errmsg":"access_token expired rid: 6aac-2"}`
	default:
		status, answer = p.api(r.URL.Path)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

func (p *platform) stableToken(body []byte) (int, string) {
	var in struct {
		Grant  string `json:"grant_type"`
		App    string `json:"appid"`
		Secret string `json:"secret"`
		Force  bool   `json:"force_refresh"`
	}
	if json.Unmarshal(body, &in) != nil || in.Grant != "client_credential" || in.App != testApp || in.Secret != testSecret {
		return 200, `{"errcode":40001,"errmsg":"invalid credential rid: 6aac-3"}`
	}
	if in.Force {
		p.forced = append(p.forced, p.now)
	} else {
		p.normal++
	}
	if p.tokenAnswer != nil {
		return p.tokenAnswer()
	}
	if in.Force || p.token == "" || !p.now.Before(p.expires.Add(-5*time.Minute)) {
		old := p.token
		if in.Force || !p.now.Before(p.expires) {
			old = ""
		}
		p.issue()
		p.before = old
	}
	return 200, fmt.Sprintf(`{"access_token":%q,"expires_in":%d}`, p.token, int(p.expires.Sub(p.now).Seconds()))
}

// clientBundle is a client and what it logged.
type clientBundle struct {
	*Client
	mu   sync.Mutex
	logs bytes.Buffer
}

func (p *platform) client(change ...func(*ClientOptions)) *clientBundle {
	p.t.Helper()
	b := &clientBundle{}
	tr := newTransport()
	p.t.Cleanup(tr.CloseIdleConnections)
	o := ClientOptions{
		AppID: testApp, AppSecret: testSecret, APIBase: p.srv.URL, Transport: tr, Now: p.clock,
		Logger: slog.New(slog.NewTextHandler(lockedWriter{&b.mu, &b.logs}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&o)
	}
	c, err := NewClient(o)
	if err != nil {
		p.t.Fatal(err)
	}
	c.tokens.poll = time.Millisecond
	b.Client = c
	return b
}

func (b *clientBundle) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logs.String()
}

const testOpenID = "oCANARY_user_000000000000001"

func textTo(words string) channel.Outbound {
	return channel.Outbound{
		To:      channel.Address{Channel: Channel, Account: "default", External: testOpenID},
		Message: channel.Text(words),
	}
}

// memoryStore is a TokenStore shared by the replicas of a test.
type memoryStore struct {
	mu            sync.Mutex
	down, deafSet bool
	keeps         bool // does not forget what it is told to drop
	token         string
	expires       time.Time
	saved, term   int64
	locked        bool
	locks         int
	onLoad        func(*memoryStore) // called with mu held
}

var errStoreDown = errors.New("store is down")

func (s *memoryStore) LoadToken(context.Context, string) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return "", time.Time{}, errStoreDown
	}
	if s.onLoad != nil {
		s.onLoad(s)
	}
	return s.token, s.expires, nil
}

func (s *memoryStore) SaveToken(_ context.Context, _, token string, expires time.Time, term int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.deafSet {
		return errStoreDown
	}
	if term >= s.saved {
		s.token, s.expires, s.saved = token, expires, term
	}
	return nil
}

func (s *memoryStore) DropToken(_ context.Context, _, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errStoreDown
	}
	if s.token == token && !s.keeps {
		s.token = ""
	}
	return nil
}

func (s *memoryStore) LockToken(context.Context, string, time.Duration) (int64, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return 0, false, errStoreDown
	}
	if s.locked {
		return 0, false, nil
	}
	s.locked = true
	s.locks++
	s.term++
	return s.term, true, nil
}

func (s *memoryStore) UnlockToken(_ context.Context, _ string, term int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errStoreDown
	}
	if s.term == term {
		s.locked = false
	}
	return nil
}

// memoryLedger is a RefreshLedger shared by the replicas of a test.
type memoryLedger struct {
	mu     sync.Mutex
	down   bool
	booked []time.Time
}

func (l *memoryLedger) BookRefresh(_ context.Context, _ string, now time.Time, limit int, period, gap time.Duration) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false, errStoreDown
	}
	n := 0
	for _, at := range l.booked {
		if now.Sub(at) < period {
			n++
		}
	}
	if n >= limit || len(l.booked) > 0 && now.Sub(l.booked[len(l.booked)-1]) < gap {
		return false, nil
	}
	l.booked = append(l.booked, now)
	return true, nil
}
