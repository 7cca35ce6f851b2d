package wechat

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// sendAll sends from every client n times at once and returns the outcomes that were not accepted.
func sendAll(t *testing.T, n int, clients ...*clientBundle) (failed []channel.Outcome) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range clients {
		for range n {
			wg.Go(func() {
				if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Accepted {
					mu.Lock()
					failed = append(failed, o)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	return failed
}

// settled waits until no fetch is under way.
func (b *clientBundle) settled() {
	b.tokens.mu.Lock()
	f := b.tokens.flight
	b.tokens.mu.Unlock()
	if f != nil {
		<-f.done
	}
}

func TestOneFetchForAllReplicas(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	store := &memoryStore{}
	shared := func(o *ClientOptions) { o.Tokens = store }
	a, b, c := p.client(shared), p.client(shared), p.client(shared)
	// A slow test machine may let a replica run out of patience with the lock; not here.
	for _, r := range []*clientBundle{a, b, c} {
		r.tokens.poll = 50 * time.Millisecond
	}
	if failed := sendAll(t, 30, a, b, c); len(failed) > 0 {
		t.Errorf("%+v", failed)
	}
	if normal, forced := p.tokenCalls(); normal != 1 || len(forced) != 0 {
		t.Errorf("%d normal and %d forced calls for 90 messages of three replicas", normal, len(forced))
	}
}

// B10: another system kills the token; everybody recovers at once, and nobody forces.
func TestTokenKilledFromOutside(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	store, ledger := &memoryStore{}, &memoryLedger{}
	shared := func(o *ClientOptions) { o.Tokens, o.Refreshes = store, ledger }
	a, b, c := p.client(shared), p.client(shared), p.client(shared)
	for _, r := range []*clientBundle{a, b, c} {
		r.tokens.poll = 50 * time.Millisecond
	}
	sendAll(t, 1, a, b, c)
	p.supersede()
	p.advance(time.Minute)
	if failed := sendAll(t, 20, a, b, c); len(failed) > 0 {
		t.Errorf("%d messages failed: %+v", len(failed), failed[0])
	}
	if normal, forced := p.tokenCalls(); normal != 2 || len(forced) != 0 || len(ledger.booked) != 0 {
		t.Errorf("%d normal and %d forced calls", normal, len(forced))
	}
}

// The platform calls the very token dead that it hands out: only then force, once, by the ledger.
func TestDeadTokenHandedOutAgainIsForced(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.deaf = func(token string) bool { return token == "tokenCANARY-1" }
	ledger := &memoryLedger{}
	c := p.client(func(o *ClientOptions) { o.Refreshes = ledger })
	if failed := sendAll(t, 1, c); len(failed) > 0 {
		t.Errorf("%+v", failed)
	}
	if normal, forced := p.tokenCalls(); normal != 2 || len(forced) != 1 || len(ledger.booked) != 1 {
		t.Errorf("%d normal, %d forced, %d booked", normal, len(forced), len(ledger.booked))
	}
}

func TestNothingIsForcedWithoutTheLedger(t *testing.T) {
	t.Parallel()
	for name, ledger := range map[string]RefreshLedger{"none": nil, "down": &memoryLedger{down: true}} {
		p := newPlatform(t)
		p.deaf = func(string) bool { return true }
		c := p.client(func(o *ClientOptions) { o.Refreshes = ledger })
		o := c.Send(t.Context(), textTo("x"))
		if o.Verdict != channel.Refused || o.Class != channel.ClassToken || o.Code != 40001 {
			t.Errorf("%s: %+v", name, o)
		}
		if _, forced := p.tokenCalls(); len(forced) != 0 {
			t.Errorf("%s: forced", name)
		}
	}
}

// B12, T1: 40001 for ever, two virtual days, two replicas that want to send every five seconds.
func TestTokenStormIsBounded(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.deaf = func(string) bool { return true }
	store, ledger := &memoryStore{}, &memoryLedger{}
	shared := func(o *ClientOptions) { o.Tokens, o.Refreshes = store, ledger }
	a, b := p.client(shared), p.client(shared)
	const days, step = 2, 5 * time.Second
	for range int(days * 24 * time.Hour / step) {
		for _, c := range []*clientBundle{a, b} {
			if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Refused && o.Verdict != channel.Unsent || o.Class != channel.ClassToken {
				t.Fatalf("%+v", o)
			}
		}
		p.advance(step)
	}
	normal, forced := p.tokenCalls()
	for i, at := range forced {
		if i > 0 && at.Sub(forced[i-1]) < ForcedGap {
			t.Errorf("forced %v after the last", at.Sub(forced[i-1]))
		}
		if i >= ForcedPerDay && at.Sub(forced[i-ForcedPerDay]) < 24*time.Hour {
			t.Errorf("more than %d forced within a day", ForcedPerDay)
		}
	}
	if len(forced) < ForcedPerDay || len(forced) > days*ForcedPerDay {
		t.Errorf("%d forced calls", len(forced))
	}
	// Half a minute at least between two looks of a replica, which has a quota of 500,000 a day.
	if limit := 2 * days * 24 * 60 * 2; normal > limit {
		t.Errorf("%d normal calls, more than %d", normal, limit)
	}
	if sends := p.count(sendPath); sends > 4*days*ForcedPerDay+10 {
		t.Errorf("%d sends with tokens known to be dead", sends)
	}
	if logs := a.logged() + b.logged(); !strings.Contains(logs, "another program uses this app secret") || !strings.Contains(logs, "no forced token refresh left") {
		t.Error("nobody was told")
	}
	p.mu.Lock()
	p.deaf = nil
	p.mu.Unlock()
	p.advance(2 * time.Minute)
	sendAll(t, 1, a, b) // the token at hand is the one believed dead: it is looked at again
	p.advance(25 * time.Hour)
	if failed := sendAll(t, 1, a, b); len(failed) > 0 {
		t.Errorf("not recovered: %+v", failed)
	}
}

// Tokens that die as soon as they are issued must not turn every send into a fetch.
func TestEveryNewTokenRejectedIsBoundedToo(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.deaf = func(string) bool { return true }
	p.tokenAnswer = func() (int, string) {
		p.issue()
		return 200, `{"access_token":"` + p.token + `","expires_in":7200}`
	}
	c := p.client(func(o *ClientOptions) { o.Refreshes = &memoryLedger{} })
	for range 600 { // ten minutes
		c.Send(t.Context(), textTo("x"))
		p.advance(time.Second)
	}
	if normal, forced := p.tokenCalls(); normal > 120 || len(forced) > 0 {
		t.Errorf("%d normal and %d forced calls in ten minutes", normal, len(forced))
	}
}

// B11: without the store calls succeed, and each replica fetches once.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]*memoryStore{"down": {down: true}, "refuses writes": {deafSet: true}} {
		p := newPlatform(t)
		shared := func(o *ClientOptions) { o.Tokens = store }
		a, b := p.client(shared), p.client(shared)
		for range 12 { // one minute of it
			if failed := sendAll(t, 5, a, b); len(failed) > 0 {
				t.Errorf("%s: %+v", name, failed)
			}
			p.advance(5 * time.Second)
		}
		if normal, _ := p.tokenCalls(); normal != 2 {
			t.Errorf("%s: %d token calls by two replicas", name, normal)
		}
	}
}

func TestRenewalBeforeTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	sendAll(t, 1, c)
	p.advance(7200*time.Second - 5*time.Minute - time.Second)
	sendAll(t, 3, c)
	c.settled()
	if normal, _ := p.tokenCalls(); normal != 1 {
		t.Errorf("renewed too early: %d", normal)
	}
	p.advance(2 * time.Second)
	// The old token lives on while the new one is fetched; here the platform knows one token only,
	// so nothing is sent with the old one.
	if token, err := c.tokens.current(t.Context()); err != nil || token != "tokenCANARY-1" {
		t.Errorf("%s %v", token, err)
	}
	c.settled()
	if token, err := c.tokens.current(t.Context()); err != nil || token != "tokenCANARY-2" {
		t.Errorf("%s %v", token, err)
	}
	if normal, _ := p.tokenCalls(); normal != 2 {
		t.Errorf("%d calls", normal)
	}
}

// reliability §2.2, row 20: the token endpoint is down; the old token serves to its very end.
func TestOldTokenServesWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	sendAll(t, 1, c)
	p.mu.Lock()
	p.tokenAnswer = func() (int, string) { return 502, "bad gateway" }
	p.mu.Unlock()
	p.advance(7200*time.Second - 5*time.Minute)
	for range 290 {
		if failed := sendAll(t, 1, c); len(failed) > 0 {
			t.Fatalf("%+v", failed)
		}
		c.settled()
		p.advance(time.Second)
	}
	if normal, _ := p.tokenCalls(); normal > 15 {
		t.Errorf("asked %d times in five minutes", normal)
	}
	p.advance(11 * time.Second)
	want := channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "http_502"}
	if d := cmp.Diff(want, c.Send(t.Context(), textTo("x"))); d != "" {
		t.Error(d)
	}
	p.mu.Lock()
	p.tokenAnswer = nil
	p.mu.Unlock()
	p.advance(maxPause)
	if failed := sendAll(t, 1, c); len(failed) > 0 {
		t.Errorf("not recovered: %+v", failed)
	}
}

func TestTokenEndpointRefusals(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]channel.Outcome{
		`{"errcode":40001,"errmsg":"invalid credential rid: 1-1"}`:               {Class: channel.ClassOperator, Code: 40001, Reason: "secret_wrong", RequestID: "1-1"},
		`{"errcode":40125,"errmsg":"invalid appsecret rid: 1-2"}`:                {Class: channel.ClassOperator, Code: 40125, Reason: "secret_wrong", RequestID: "1-2"},
		`{"errcode":40013,"errmsg":"invalid appid"}`:                             {Class: channel.ClassOperator, Code: 40013, Reason: "app_id_wrong"},
		`{"errcode":40243,"errmsg":"frozen"}`:                                    {Class: channel.ClassOperator, Code: 40243, Reason: "secret_frozen"},
		`{"errcode":40002,"errmsg":"grant"}`:                                     {Class: channel.ClassOperator, Code: 40002, Reason: "grant_type_wrong"},
		`{"errcode":40164,"errmsg":"invalid ip"}`:                                {Class: channel.ClassCampaign, Code: 40164, Reason: "address_not_listed"},
		`{"errcode":-1,"errmsg":"busy"}`:                                         {Class: channel.ClassRetry, Code: -1, Reason: "busy", RetryAfter: 5 * time.Second},
		`{"errcode":45011,"errmsg":"slow"}`:                                      {Class: channel.ClassLater, Code: 45011, Reason: "too_fast", RetryAfter: time.Minute},
		`{"errcode":0,"errmsg":"ok"}`:                                            {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"","expires_in":7200}`:                                  {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"a b","expires_in":7200}`:                               {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"a"}`:                                                   {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"a","expires_in":0}`:                                    {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"a","expires_in":-5}`:                                   {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"a","expires_in":"7200"}`:                               {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":7,"expires_in":7200}`:                                   {Class: channel.ClassLater, Reason: "unparsable"},
		`{"access_token":"` + strings.Repeat("a", 5000) + `","expires_in":7200}`: {Class: channel.ClassLater, Reason: "unparsable"},
		"<html>": {Class: channel.ClassLater, Reason: "unparsable"},
		"":       {Class: channel.ClassLater, Reason: "unparsable"},
	} {
		p := newPlatform(t)
		p.tokenAnswer = func() (int, string) { return 200, body }
		c := p.client()
		want.Verdict = channel.Unsent
		for range 5 { // the second to fifth are told what the first found out
			if d := cmp.Diff(want, c.Send(t.Context(), textTo("x"))); d != "" {
				t.Errorf("%.50s: %s", body, d)
			}
		}
		if normal, _ := p.tokenCalls(); normal != 1 || p.count(sendPath) != 0 {
			t.Errorf("%.50s: %d token calls, %d sends", body, normal, p.count(sendPath))
		}
	}
}

// A refusal of the token before, arriving late, must not throw away its successor.
func TestLateRefusalLeavesTheSuccessor(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	store := &memoryStore{}
	c := p.client(func(o *ClientOptions) { o.Tokens = store })
	sendAll(t, 1, c)
	p.supersede()
	p.advance(time.Minute)
	sendAll(t, 1, c)
	for range 10 {
		token, err := c.tokens.replace(t.Context(), "tokenCANARY-1")
		if err != nil || token != "tokenCANARY-2" {
			t.Fatalf("%s %v", token, err)
		}
	}
	if normal, _ := p.tokenCalls(); normal != 2 || store.token != "tokenCANARY-2" {
		t.Errorf("%d calls, shared %s", normal, store.token)
	}
}

// A token rejected while a renewal is on its way with the very same one stays rejected.
func TestRenewalThatBringsTheRejectedToken(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	sendAll(t, 1, c)
	f := &flight{done: make(chan struct{})}
	c.tokens.flight = f // under way since before the rejection, so it does not know of it
	c.tokens.reject(t.Context(), "tokenCANARY-1")
	c.tokens.fly(t.Context(), f, "")
	if token, err := f.wait(t.Context()); err == nil || token != "" {
		t.Errorf("%q %v", token, err)
	}
}

func TestReplicaWaitsForTheOneThatRefreshes(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	looks := 0
	store := &memoryStore{locked: true, onLoad: func(s *memoryStore) {
		if looks++; looks == 4 {
			s.token, s.expires = "tokenCANARY-other", p.now.Add(2*time.Hour)
		}
	}}
	c := p.client(func(o *ClientOptions) { o.Tokens = store })
	if token, err := c.tokens.current(t.Context()); err != nil || token != "tokenCANARY-other" {
		t.Errorf("%s %v", token, err)
	}
	if normal, _ := p.tokenCalls(); normal != 0 {
		t.Error("asked although another did")
	}

	stuck := &memoryStore{locked: true} // its holder died: asking in normal mode breaks nothing
	c = p.client(func(o *ClientOptions) { o.Tokens = stuck })
	if token, err := c.tokens.current(t.Context()); err != nil || token != "tokenCANARY-1" {
		t.Errorf("%s %v", token, err)
	}
	if stuck.token != "" {
		t.Error("saved without the lock")
	}
}

// A store that lost its writes hands out what is old: it is not believed.
func TestSharedTokenMustBeAlive(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]time.Duration{"expired": -time.Second, "nearly expired": renewBefore} {
		p := newPlatform(t)
		store := &memoryStore{token: "tokenCANARY-old", expires: p.now.Add(left)}
		c := p.client(func(o *ClientOptions) { o.Tokens = store })
		if failed := sendAll(t, 1, c); len(failed) > 0 || store.token != "tokenCANARY-1" {
			t.Errorf("%s: %+v, shared %s", name, failed, store.token)
		}
	}
	p := newPlatform(t)
	p.now = p.now.Add(time.Hour)
	store := &memoryStore{token: "tokenCANARY-dead", expires: p.now.Add(time.Hour), saved: 0}
	c := p.client(func(o *ClientOptions) { o.Tokens = store })
	if failed := sendAll(t, 1, c); len(failed) > 0 || store.token != "tokenCANARY-1" {
		t.Errorf("a dead shared token: %+v, shared %s", failed, store.token)
	}
}

// A store that could not drop a dead token still offers it: it is not taken again.
func TestDeadTokenLeftInTheStore(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	store := &memoryStore{keeps: true}
	c := p.client(func(o *ClientOptions) { o.Tokens = store })
	sendAll(t, 1, c)
	p.supersede()
	p.advance(time.Minute)
	if failed := sendAll(t, 1, c); len(failed) > 0 || store.token != "tokenCANARY-2" {
		t.Errorf("%+v, shared %s", failed, store.token)
	}
}

// Tokens that are always near their end must not make every send ask for another.
func TestShortLivedTokens(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.tokenAnswer = func() (int, string) {
		p.issue()
		return 200, `{"access_token":"` + p.token + `","expires_in":120}`
	}
	c := p.client()
	for range 60 {
		if failed := sendAll(t, 1, c); len(failed) > 0 {
			t.Fatalf("%+v", failed)
		}
		c.settled()
		p.advance(time.Second)
	}
	if normal, _ := p.tokenCalls(); normal > 3 {
		t.Errorf("%d calls in a minute", normal)
	}
}

// The caller goes away; the fetch he started serves the others.
func TestFetchOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	asked, release := make(chan struct{}), make(chan struct{})
	p.tokenAnswer = func() (int, string) {
		close(asked)
		<-release
		p.issue()
		return 200, `{"access_token":"` + p.token + `","expires_in":7200}`
	}
	c := p.client()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.tokens.current(ctx)
		gone <- err
	}()
	<-asked
	cancel()
	err := <-gone
	var e *APIError
	if !errors.As(err, &e) || e.Verdict != channel.Unsent || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	c.tokens.mu.Lock()
	f := c.tokens.flight
	c.tokens.mu.Unlock()
	close(release)
	if token, err := f.wait(t.Context()); err != nil || token != "tokenCANARY-1" {
		t.Errorf("%s %v", token, err)
	}
}

func TestObserverSeesEachCall(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	var mu sync.Mutex
	var seen []string
	c := p.client(func(o *ClientOptions) {
		o.Observe = func(path string, code int, reason string) {
			mu.Lock()
			defer mu.Unlock()
			if code != 0 {
				path += " refused " + reason
			}
			seen = append(seen, path)
		}
	})
	sendAll(t, 1, c)
	p.supersede()
	p.advance(time.Minute)
	sendAll(t, 1, c)
	want := []string{tokenPath, sendPath, sendPath + " refused token_rejected", tokenPath, sendPath}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

// A machine whose clock is an hour ahead cannot get a token (a certificate seems to be over, say); then the
// clock is set right. Nobody waits an hour for the rest that was said by the wrong clock to end.
func TestARestEndsWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.advance(time.Hour)
	p.tokenAnswer = func() (int, string) { return 500, "" }
	c := p.client()
	if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Unsent {
		t.Fatalf("%+v", o)
	}
	c.settled()
	p.mu.Lock()
	p.tokenAnswer = nil
	p.mu.Unlock()
	if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Unsent {
		t.Errorf("there is no rest after a failure: %+v", o)
	}
	p.advance(-time.Hour)
	if o := c.Send(t.Context(), textTo("x")); o.Verdict != channel.Accepted {
		t.Errorf("after the clock was set back: %+v", o)
	}
}
