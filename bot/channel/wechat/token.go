package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// TokenStore shares one account's token between the replicas (Redis). Losing it is harmless: the
// platform gives the same token again to whoever asks in normal mode. Implementations need no type
// of this package. app is the appid.
type TokenStore interface {
	// LoadToken returns the shared token, "" when there is none. expires is UTC.
	LoadToken(ctx context.Context, app string) (token string, expires time.Time, err error)

	// SaveToken shares a token, unless one was saved under a higher term meanwhile (fencing).
	SaveToken(ctx context.Context, app, token string, expires time.Time, term int64) error

	// DropToken forgets the shared token if it still is this one.
	DropToken(ctx context.Context, app, token string) error

	// LockToken takes the right to refresh for at most ttl. held is false when another has it.
	// term grows with each taking.
	LockToken(ctx context.Context, app string, ttl time.Duration) (term int64, held bool, err error)

	// UnlockToken gives the right back if it is still held under this term.
	UnlockToken(ctx context.Context, app string, term int64) error
}

// RefreshLedger counts forced refreshes where no eviction loses the count (MySQL): the platform
// allows 20 a day, 30 s apart, to all replicas together (T1).
type RefreshLedger interface {
	// BookRefresh books one forced refresh at now if fewer than limit were booked in the period
	// before now and the last is at least gap ago; false when it may not be. Atomic over replicas.
	BookRefresh(ctx context.Context, app string, now time.Time, limit int, period, gap time.Duration) (bool, error)
}

// Rules of the platform's stable_token (wechat-protocol §2) and what we make of them.
const (
	tokenPath = "/cgi-bin/stable_token"

	ForcedPerDay = 20               // forced refreshes
	ForcedGap    = 30 * time.Second // between two of them

	renewBefore = 5 * time.Minute        // from here on the platform gives a new token, and the old one lives on
	lockTime    = 10 * time.Second       // longer than one token call
	lockPolls   = 20                     // looks while another replica refreshes; then we ask ourselves:
	lockPoll    = 100 * time.Millisecond // in normal mode that breaks nothing
	minPause    = time.Second            // after a failed fetch, doubled up to
	maxPause    = time.Minute
	alarmCount  = 3 // rejected tokens within alarmTime mean that somebody else uses the secret
	alarmTime   = time.Hour
)

// tokens is the token of one account in this process.
type tokens struct {
	c    *Client
	poll time.Duration // between two looks at a lock that another replica holds

	mu       sync.Mutex
	value    string
	expires  time.Time
	rejected string // the platform does not take this one any more
	flight   *flight
	pause    time.Duration // after failures; 0 when the last fetch went well
	resume   time.Time     // no fetch before, see resting
	rest     time.Duration // how long before resume that was said
	failure  error         // of the last fetch
	alarms   []time.Time   // of rejections
}

// flight is one fetch that several callers wait for.
type flight struct {
	done  chan struct{}
	value string
	err   error
}

func newTokens(c *Client) *tokens { return &tokens{c: c, poll: lockPoll} }

// current returns a token that should work. Shortly before the end it renews in the background and
// goes on with the old one, to its very end if need be (reliability §2.2, 20).
func (t *tokens) current(ctx context.Context) (string, error) {
	t.mu.Lock()
	now := t.c.o.Now()
	alive := t.value != "" && now.Before(t.expires)
	if alive && now.Before(t.expires.Add(-renewBefore)) || alive && t.resting(now) {
		defer t.mu.Unlock()
		return t.value, nil
	}
	if t.resting(now) && t.failure != nil {
		defer t.mu.Unlock()
		return "", t.failure
	}
	old, f := t.value, t.join(ctx)
	t.mu.Unlock()
	if alive {
		return old, nil
	}
	return f.wait(ctx)
}

// restFor says that nothing is fetched for a while. t.mu is held.
func (t *tokens) restFor(now time.Time, d time.Duration) { t.resume, t.rest = now.Add(d), d }

// resting reports whether it is too early for a fetch. A rest that has longer to go than it was said for is
// one of a clock that was ahead, often what the fetch had failed of: it is over. t.mu is held.
func (t *tokens) resting(now time.Time) bool {
	left := t.resume.Sub(now)
	return left > 0 && left <= t.rest
}

// replace is called with a token the platform rejected and returns another one.
func (t *tokens) replace(ctx context.Context, dead string) (string, error) {
	t.reject(ctx, dead)
	return t.current(ctx)
}

// reject forgets a token, if it still is the one in use: a late refusal of the token before must
// not throw away its successor.
func (t *tokens) reject(ctx context.Context, dead string) {
	t.mu.Lock()
	if t.value != dead {
		t.mu.Unlock()
		return
	}
	t.value, t.rejected = "", dead
	t.alarm()
	t.mu.Unlock()
	if s := t.c.o.Tokens; s != nil {
		if err := s.DropToken(ctx, t.c.o.AppID, dead); err != nil {
			t.c.o.Logger.Warn("shared token not dropped", "error", err)
		}
	}
}

// alarm counts a rejected token. When new ones are rejected as well, fetching more of them only
// eats the quota (B12): there is a pause, and the operator hears of it. t.mu is held.
func (t *tokens) alarm() {
	now := t.c.o.Now()
	kept, recent := t.alarms[:0], 0
	for _, at := range t.alarms {
		if now.Sub(at) < alarmTime {
			kept = append(kept, at)
		}
		if now.Sub(at) < ForcedGap {
			recent++
		}
	}
	t.alarms = append(kept, now)
	if recent+1 >= alarmCount {
		t.failure = errTokenDead()
		t.restFor(now, ForcedGap)
	}
	if len(t.alarms) > alarmCount {
		t.c.o.Logger.Error("access token rejected again and again: another program uses this app secret",
			"times", len(t.alarms), "within", alarmTime.String())
	}
}

func errTokenDead() *APIError {
	return &APIError{Path: tokenPath, Verdict: channel.Unsent, Reason: "token_dead", class: channel.ClassToken, wait: ForcedGap}
}

// join starts a fetch or joins the one under way. t.mu is held. The fetch outlives the caller that
// started it: others wait for it too.
func (t *tokens) join(ctx context.Context) *flight {
	if t.flight != nil {
		return t.flight
	}
	f := &flight{done: make(chan struct{})}
	t.flight = f
	dead := t.rejected
	go t.fly(context.WithoutCancel(ctx), f, dead)
	return f
}

func (f *flight) wait(ctx context.Context) (string, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return "", &APIError{
			Path: tokenPath, Verdict: channel.Unsent, Reason: "no_token", class: channel.ClassLater, cause: contextError(ctx.Err()),
		}
	}
}

func (t *tokens) fly(ctx context.Context, f *flight, dead string) {
	ctx, cancel := context.WithTimeout(ctx, lockPolls*t.poll+3*t.c.o.Timeout)
	defer cancel()
	value, expires, err := t.obtain(ctx, dead)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.c.o.Now()
	if err == nil && value == t.rejected { // rejected while it was under way
		err = errTokenDead()
	}
	if err != nil {
		value = ""
		t.pause = min(max(2*t.pause, minPause), maxPause)
		var e *APIError
		if errors.As(err, &e) && e.wait > 0 {
			t.pause = max(t.pause, e.wait)
		}
		t.failure = err
		t.restFor(now, t.pause)
		t.c.o.Logger.Error("no access token", "error", err, "again_in", t.pause.String())
	} else {
		t.value, t.expires = value, expires
		t.pause, t.failure = 0, nil
		// A token that is short of life already must not make every call fetch.
		t.restFor(now, min(ForcedGap, max(0, expires.Sub(now)/2)))
	}
	f.value, f.err = value, err
	t.flight = nil
	close(f.done)
}

// obtain takes the token of another replica, or asks the platform under the lock.
func (t *tokens) obtain(ctx context.Context, dead string) (string, time.Time, error) {
	store := t.c.o.Tokens
	if store == nil {
		return t.ask(ctx, dead)
	}
	for look := 0; ; look++ {
		if value, expires, ok := t.shared(ctx, dead); ok {
			return value, expires, nil
		}
		term, held, err := store.LockToken(ctx, t.c.o.AppID, lockTime)
		if err != nil {
			// Without the store each replica asks for itself, and keeps the answer (B11).
			t.c.o.Logger.Warn("token store not available", "error", err)
			return t.ask(ctx, dead)
		}
		if held {
			return t.askLocked(ctx, dead, term)
		}
		if look == lockPolls || !pauseFor(ctx, t.poll) {
			return t.ask(ctx, dead)
		}
	}
}

func (t *tokens) shared(ctx context.Context, dead string) (string, time.Time, bool) {
	value, expires, err := t.c.o.Tokens.LoadToken(ctx, t.c.o.AppID)
	good := err == nil && value != "" && value != dead && t.c.o.Now().Before(expires.Add(-renewBefore))
	return value, expires, good
}

func (t *tokens) askLocked(ctx context.Context, dead string, term int64) (string, time.Time, error) {
	store := t.c.o.Tokens
	defer func() {
		if err := store.UnlockToken(ctx, t.c.o.AppID, term); err != nil {
			t.c.o.Logger.Warn("token lock not released, it ends by itself", "error", err)
		}
	}()
	if value, expires, ok := t.shared(ctx, dead); ok { // saved between our look and our lock
		return value, expires, nil
	}
	value, expires, err := t.ask(ctx, dead)
	if err == nil {
		if saveErr := store.SaveToken(ctx, t.c.o.AppID, value, expires, term); saveErr != nil {
			t.c.o.Logger.Warn("token not shared", "error", saveErr) // it works all the same (B11)
		}
	}
	return value, expires, err
}

// ask calls the platform: normally first, and by force only when the normal call returned the very
// token that is known to be dead and the ledger allows it. Force as a reflex would make the
// replicas invalidate one another's tokens.
func (t *tokens) ask(ctx context.Context, dead string) (string, time.Time, error) {
	value, expires, err := t.fetch(ctx, false)
	if err != nil || value != dead {
		return value, expires, err
	}
	failed := errTokenDead()
	if t.c.o.Refreshes == nil {
		return "", time.Time{}, failed
	}
	ok, err := t.c.o.Refreshes.BookRefresh(ctx, t.c.o.AppID, t.c.o.Now(), ForcedPerDay, 24*time.Hour, ForcedGap)
	if err != nil {
		t.c.o.Logger.Warn("forced refreshes cannot be counted, so none is made", "error", err)
		return "", time.Time{}, failed
	}
	if !ok && !mistake("token forced as a reflex") {
		t.c.o.Logger.Error("no forced token refresh left: a person must look why tokens die", "per_day", ForcedPerDay)
		return "", time.Time{}, failed
	}
	t.c.o.Logger.Warn("forcing a token refresh")
	value, expires, err = t.fetch(ctx, true)
	if err == nil && value == dead {
		return "", time.Time{}, failed
	}
	return value, expires, err
}

// fetch is one call of stable_token.
func (t *tokens) fetch(ctx context.Context, force bool) (string, time.Time, error) {
	in := struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}{"client_credential", t.c.o.AppID, t.c.o.AppSecret, force}
	asked := t.c.o.Now()
	_, body, err := t.c.exchange(ctx, tokenPath, nil, in)
	if err == nil {
		var out struct {
			Token   string `json:"access_token"`
			Expires int64  `json:"expires_in"`
		}
		if json.Unmarshal(body, &out) == nil && out.Token != "" && len(out.Token) <= 4096 && visible(out.Token) &&
			out.Expires > 0 && out.Expires <= 7*24*3600 {
			t.c.o.Observe(tokenPath, 0, "")
			return out.Token, asked.Add(time.Duration(out.Expires) * time.Second).UTC(), nil
		}
		err = &APIError{Path: tokenPath, Verdict: channel.Unknown, Reason: "unparsable", class: channel.ClassLater}
	}
	return "", time.Time{}, t.unsent(err)
}

// unsent turns a failed token call into the error of the call that needed the token: whatever
// happened here, that call was not made.
func (t *tokens) unsent(err error) error {
	var e *APIError
	if !errors.As(err, &e) {
		return err
	}
	t.c.o.Observe(tokenPath, e.Code, e.Reason)
	c := *e
	c.Verdict = channel.Unsent
	if c.class == channel.ClassToken || c.class == channel.ClassOurs { // 40001 here is a wrong secret
		c.class = channel.ClassOperator
		if c.Code == 40001 {
			c.Reason = "secret_wrong"
		}
	}
	return &c
}

// pauseFor waits, and reports false when ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
