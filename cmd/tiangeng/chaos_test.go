package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// A push goes out over three replicas while everything that can happen to them happens: the
// database freezes and is killed, Redis is killed, a replica is killed, one is frozen beyond its lease
// and wakes, the token is made invalid from outside, and the platform takes one message in twenty
// without an answer. Then nobody is missing (D1), nobody saw it twice unless that is counted (D2),
// nobody is called accepted who did not get it nor failed who did (D3), nothing was sent before its
// hour, outside a window or in the night (D5), nothing stays under way (D6), every call that the
// platform counted was booked before it was made (Q1), and the token was not forced more often than
// allowed (T1). D4 is TestAnnouncementIsPausedAndCancelled's, D7 the store's contract's.
func TestPushThroughChaos(t *testing.T) {
	t.Parallel()
	const pupils = 240
	mariadb, redis := storetest.StartMariaDB(t), storetest.StartRedis(t)
	dsn := mariadb.NewDatabase(t)
	s := openSchool(t, schoolOptions{pupils: pupils, replicas: 3, dsn: dsn, redis: redis.URL()})
	s.serve(3)
	s.everybody((*pupil).follow)

	faults := s.platform.Faults()
	const send = "/cgi-bin/message/custom/send"
	faults.Add(sim.Fault{Path: send, Kind: sim.FaultSilent, Share: 0.05, Seed: 7})
	faults.Add(sim.Fault{Path: send, Kind: sim.FaultLatency, Ms: 1500})
	ledger := s.platform.Ledger()
	s.platform.Clock().Set(s.at("2026-11-23 08:00"))
	eventually(t, 60*time.Second, "the push has begun", func() bool { return len(ledger.Via("", "custom")) > 10 })

	frozen := s.replicas[2]
	signal := func(sig syscall.Signal) { _ = frozen.cmd.Process.Signal(sig) }
	signal(syscall.SIGSTOP)
	froze := time.Now()
	s.stealToken()
	redis.Kill()
	mariadb.Pause()
	eventually(t, 20*time.Second, "the database has been frozen for a while", func() bool { return time.Since(froze) > 4*time.Second })
	mariadb.Resume()
	s.replicas[0].kill()
	mariadb.Kill()
	mariadb.Start()
	redis.Start()
	s.stealToken()
	eventually(t, 3*time.Minute, "the frozen replica's lease is over", func() bool { return time.Since(froze) > 75*time.Second })
	signal(syscall.SIGCONT)
	faults.Clear(0)

	var p pushed
	eventually(t, 4*time.Minute, "the push is done", func() bool {
		p = s.push("2026-11-23")
		states, sum := p.Summary.States, 0
		for _, n := range states {
			sum += n
		}
		if sum != p.Summary.Audience {
			t.Errorf("the states add up to %d of %d (D1): %v", sum, p.Summary.Audience, states)
		}
		return p.Summary.Audience == pupils && states["pending"]+states["claimed"]+states["sending"] == 0
	})
	states := p.Summary.States
	seen := map[string]int{}
	for _, x := range ledger.Via("", "custom") {
		seen[x.OpenID]++
	}
	for openid, n := range seen {
		if n > 1 {
			t.Errorf("%s saw the push %d times (D2)", openid, n)
		}
	}
	if states["accepted"] > len(seen) || len(seen) > states["accepted"]+states["unknown"] {
		t.Errorf("people saw %d; states %v (D3)", len(seen), states)
	}
	if states["failed"]+states["refused"] > 0 {
		t.Errorf("the platform refused nobody, the rows say otherwise: %v", states)
	}
	from, until := s.at("2026-11-23 08:00"), s.at("2026-11-23 21:00")
	for _, x := range ledger.Via("", "custom") {
		if x.At.Before(from) || !x.At.Before(until) {
			t.Errorf("something was sent at %s (D5)", x.At)
		}
	}
	s.booked(dsn, send)
	if n := s.platform.Forced(); n > 20 { // ours and those of whoever stole the token
		t.Errorf("the token was forced %d times (T1)", n)
	}
	t.Logf("states after the chaos: %v; seen by %d", states, len(seen))
}

// booked wants that every call of the day that the platform counted was booked before it was made (Q1),
// that no row is held any more (D6), and that the audit's chain holds.
func (s *school) booked(dsn, path string) {
	s.t.Helper()
	db, err := store.Open(s.t.Context(), store.Options{DSN: dsn})
	if err != nil {
		s.t.Fatal(err)
	}
	defer closing(db)
	const much = 1 << 30
	left, _, err := db.CallsLeft(s.t.Context(), "2026-11-23", account, channel.WayWindow, much)
	if err != nil {
		s.t.Fatal(err)
	}
	if used := s.platform.Used(path); used == 0 || much-left < used {
		s.t.Errorf("%d calls were booked, the platform counted %d (Q1)", much-left, used)
	}
	swept, err := db.SweepLeases(s.t.Context(), s.platform.Clock().Now())
	if err != nil || swept.Released+swept.Ambiguous > 0 {
		s.t.Errorf("something was still held: %+v, %v (D6)", swept, err)
	}
	if _, err := db.VerifyAudit(s.t.Context()); err != nil {
		s.t.Error(err)
	}
}

// stealToken makes the account's token invalid, as another program with the same secret does: two
// forced refreshes end the one in use.
func (s *school) stealToken() {
	s.t.Helper()
	body := `{"grant_type":"client_credential","appid":"` + schoolApp + `","secret":"` + schoolSecret + `","force_refresh":true}`
	var once sync.WaitGroup
	for range 2 {
		once.Go(func() {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.api+"/cgi-bin/stable_token", strings.NewReader(body))
			if err != nil {
				s.t.Error(err)
				return
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				s.t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	once.Wait()
}
