package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

const sendCall = "/cgi-bin/message/custom/send"

// A push goes out over three replicas while everything that can happen to them happens: the database freezes and is
// killed, Redis is killed and freezes, a replica is killed and comes back, one is frozen beyond its lease and wakes,
// the token is made invalid from outside and then for a while no token is good, and of the platform's answers one in
// twenty never comes, some break off and some are a server's error page. Two people do not want messages and three
// say 退订 in the middle.
//
// Then everybody has one row, and what it says is true of the person, by name: nobody is missing (D1), nobody saw it
// twice unless that is counted (D2), nobody is called accepted who did not get it nor anything else who did (D3).
// Nothing went out later than five seconds after a 退订 (D4), before its hour or in the night (D5). A watcher has looked
// at the database all the while: no row was held longer than a lease and a sweep (D6). Our forced refreshes of the
// token were booked, one at a time, half a minute apart and few (T1).
//
// On the next day the platform allows fewer calls than there are people. All replicas together keep within that less
// the reserve, although Redis is killed and the token dies in the middle of it (Q1), and who got no call gets the
// message on the day after, although a replica is killed meanwhile. D4 of a paused and a cancelled campaign is TestAnnouncementIsPausedAndCancelled's, D7 the store's contract's.
func TestPushThroughChaos(t *testing.T) {
	t.Parallel()
	c := openChaos(t, 240)
	c.push()
	c.lesson()
	c.scarce()
	wrong, longest := wrongHolds(c.stopWatching())
	c.none(wrong)
	if longest < 30*time.Second { // the frozen replica's
		t.Errorf("the longest that a row was held is %s: the watcher was asleep", longest)
	}
	t.Logf("the longest that a row was held: %s", longest)
}

// chaos is a school whose servers are its own, and what is noted while they break.
type chaos struct {
	*school
	mariadb, redis *storetest.Server
	db             *sql.DB
	deaf           []*pupil             // do not want messages
	stopped        map[string]time.Time // when people had said 退订, by openid, the platform's time
	watched        chan []look
	enough         context.CancelFunc
}

func openChaos(t *testing.T, pupils int) *chaos {
	t.Helper()
	c := &chaos{mariadb: storetest.StartMariaDB(t), redis: storetest.StartRedis(t), stopped: map[string]time.Time{}, watched: make(chan []look, 1)}
	dsn := c.mariadb.NewDatabase(t)
	c.school = openSchool(t, schoolOptions{pupils: pupils, replicas: 3, dsn: dsn, redis: c.redis.URL()})
	_, name, _ := strings.Cut(strings.TrimPrefix(dsn, "mysql://"), "/")
	var err error
	if c.db, err = sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s?timeout=2s&readTimeout=2s", c.mariadb.Port(), name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.db.Close() })
	c.serve(3)
	c.everybody((*pupil).follow)
	c.deaf = []*pupil{c.pupils[3], c.pupils[pupils/2]}
	for _, p := range c.deaf {
		p.user.Refuse(true)
	}
	c.watch()
	return c
}

// none reports what the checkers found.
func (c *chaos) none(wrong []string) {
	c.t.Helper()
	for _, w := range wrong {
		c.t.Error(w)
	}
}

// watch begins to look at the database, several times a second.
func (c *chaos) watch() {
	ctx, enough := context.WithCancel(context.Background())
	c.enough = enough
	c.t.Cleanup(enough)
	go func() {
		var looks []look
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				c.watched <- looks
				return
			case <-tick.C:
				looks = append(looks, c.look(ctx))
			}
		}
	}()
}

func (c *chaos) look(ctx context.Context) look {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	l := look{}
	err := c.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM deliveries").Scan(&l.rows)
	if err == nil {
		l.held, err = c.holdings(ctx)
	}
	l.at, l.away = time.Now(), err != nil
	return l
}

// holdings are the rows that somebody holds.
func (c *chaos) holdings(ctx context.Context) (list []holding, err error) {
	rows, err := c.db.QueryContext(ctx, "SELECT d.id, d.term, l.name, d.state FROM deliveries d JOIN learners l ON l.id = d.learner_id WHERE d.state IN ('claimed', 'sending')")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var h holding
		if err := rows.Scan(&h.id, &h.term, &h.name, &h.state); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// stopWatching ends the watch and returns what was seen.
func (c *chaos) stopWatching() []look {
	c.enough()
	return <-c.watched
}

// restart ends a replica as a power cut does and starts it again.
func (c *chaos) restart(i int) {
	c.t.Helper()
	c.replicas[i].kill()
	r := startBinary(c.t, c.bin, append(append([]string{}, c.env...), fmt.Sprintf("TIANGENG_REPLICA=replica-%d", i)), "serve")
	c.replicas[i] = r
	c.t.Cleanup(func() { c.checkLog(r) })
}

// ours counts the forced refreshes that were not the other program's.
func (c *chaos) ours() (n int) {
	for _, r := range c.platform.Refreshes() {
		if r.By != otherHolder {
			n++
		}
	}
	return n
}

// push sends the lesson of the day through the chaos.
func (c *chaos) push() {
	c.t.Helper()
	faults, ledger := c.platform.Faults(), c.platform.Ledger()
	c.weather()
	c.platform.Clock().Set(c.at("2026-11-23 08:00"))
	eventually(c.t, 60*time.Second, "the push has begun", func() bool { return len(ledger.Via("", "custom")) > 10 })

	frozen := c.freeze(2)
	froze := time.Now()
	c.stealToken()
	c.redis.Kill()
	c.mariadb.Pause()
	c.wait(4*time.Second, "the database is frozen for a while")
	c.mariadb.Resume()
	c.mariadb.Kill()
	faults.Clear(0)
	faults.Add(sim.Fault{Path: sendCall, Kind: sim.FaultErrcode, Code: 40001})
	faults.Add(sim.Fault{Path: "/cgi-bin/stable_token", Kind: sim.FaultLatency, Ms: 700})
	c.mariadb.Start()
	c.redis.Start()
	c.restart(0)
	c.someStop(3)
	c.redis.Pause()
	c.wait(4*time.Second, "Redis is frozen for a while")
	c.redis.Resume()
	eventually(c.t, 2*time.Minute, "the token was forced twice", func() bool { return c.ours() >= 2 })
	faults.Clear(0)
	c.weather()
	c.stealToken()
	c.wait(66*time.Second-time.Since(froze), "the frozen replica's lease is over")
	_ = frozen.cmd.Process.Signal(syscall.SIGCONT)
	faults.Clear(0)
}

// weather is what goes wrong with the answers to sends: most are slow, and of some nobody can tell.
func (c *chaos) weather() {
	for i, f := range []sim.Fault{
		{Kind: sim.FaultSilent, Share: 0.05}, {Kind: sim.FaultTruncated, Share: 0.02}, {Kind: sim.FaultResetAfter, Share: 0.02},
		{Kind: sim.Fault502, Share: 0.02}, {Kind: sim.FaultLatency, Ms: 1500},
	} {
		f.Path, f.Seed = sendCall, uint64(7+i)
		c.platform.Faults().Add(f)
	}
}

// wait lets real time pass.
func (c *chaos) wait(d time.Duration, what string) {
	c.t.Helper()
	began := time.Now()
	eventually(c.t, max(0, d)+20*time.Second, what, func() bool { return time.Since(began) >= d })
}

// freeze stops a replica at a moment when it holds rows: they stay held for as long as a lease.
func (c *chaos) freeze(i int) *process {
	c.t.Helper()
	r := c.replicas[i]
	eventually(c.t, 60*time.Second, "the replica is frozen in mid-send", func() bool {
		holds := func() bool {
			var n int
			err := c.db.QueryRowContext(c.t.Context(), "SELECT COUNT(*) FROM deliveries WHERE state = 'sending' AND owner = ?", fmt.Sprintf("replica-%d", i)).Scan(&n)
			return err == nil && n > 0
		}
		if !holds() {
			return false
		}
		_ = r.cmd.Process.Signal(syscall.SIGSTOP)
		if holds() {
			return true
		}
		_ = r.cmd.Process.Signal(syscall.SIGCONT)
		return false
	})
	return r
}

// someStop lets people who have not got the lesson yet say 退订, and confirm it.
func (c *chaos) someStop(n int) {
	c.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	flying := c.rows("SELECT l.name FROM deliveries d JOIN learners l ON l.id = d.learner_id WHERE d.state = 'sending'")
	for _, p := range c.pupils {
		if n == 0 {
			break
		}
		if slices.Contains(flying, p.name) || len(c.platform.Ledger().Via(p.openid, "custom")) > 0 || p == c.deaf[0] || p == c.deaf[1] {
			continue
		}
		n--
		all.Go(func() {
			p.say("退订")
			reply := p.say("是")
			mu.Lock()
			defer mu.Unlock()
			c.stopped[p.openid] = c.platform.Clock().Now()
			if !strings.Contains(reply, "已经退订") {
				c.t.Errorf("%s said stop and reads %q", p.name, reply)
			}
		})
	}
	all.Wait()
	if n > 0 {
		c.t.Errorf("%d people too few had still to get the lesson", n)
	}
}

// lesson waits for the end of the push and looks at what came of it.
func (c *chaos) lesson() {
	c.t.Helper()
	t := c.t
	var p pushed
	eventually(t, 4*time.Minute, "the push is done", func() bool {
		p = c.school.push("2026-11-23")
		states, sum := p.Summary.States, 0
		for _, n := range states {
			sum += n
		}
		if sum != p.Summary.Audience {
			t.Errorf("the states add up to %d of %d (D1): %v", sum, p.Summary.Audience, states)
		}
		return p.Summary.Audience == len(c.pupils) && states["pending"]+states["claimed"]+states["sending"] == 0
	})
	campaign := c.rows("SELECT DISTINCT campaign_id FROM deliveries")
	if len(campaign) != 1 {
		t.Fatalf("campaigns: %v", campaign)
	}
	got := c.platform.Ledger().Via("", "custom")
	c.none(c.compare(campaign[0], got))
	c.none(wrongHours(got, c.at("2026-11-23 08:00"), c.at("2026-11-23 21:00")))
	c.none(wrongStops(got, c.stopped))
	c.none(wrongCalls(0, 0, c.platform.Used(sendCall), c.booked("2026-11-23")))
	c.none(wrongRefreshes(c.platform.Refreshes(), c.bookedRefreshes()))
	for _, f := range c.fates(campaign[0]) {
		if (f.openid == c.deaf[0].openid || f.openid == c.deaf[1].openid) && f.state != delivery.Failed && f.state != delivery.Unknown {
			t.Errorf("%s does not want messages", f)
		}
	}
	states := p.Summary.States
	if states["accepted"] < len(c.pupils)/2 || states["unknown"] == 0 || p.Summary.Reasons["opted_out"] == 0 {
		t.Errorf("the chaos was none, or too much: %v, %v", states, p.Summary.Reasons)
	}
	t.Logf("states after the chaos: %v, %v; seen by %d; forced refreshes: %d of ours", states, p.Summary.Reasons, len(got), c.ours())
}

// scarce announces something on a day whose calls do not suffice, and waits for the day after.
func (c *chaos) scarce() {
	c.t.Helper()
	const day, quota, title = "2026-11-24", 150, "停电通知"
	reserve := quota / 10 // a tenth at the most, whatever is configured
	c.goTo(day + " 07:10")
	c.platform.LimitCalls(sendCall, quota)
	faults := c.platform.Faults()
	faults.Add(sim.Fault{Path: sendCall, Kind: sim.FaultSilent, Share: 0.05, Seed: 11})
	faults.Add(sim.Fault{Path: sendCall, Kind: sim.FaultLatency, Ms: 1000})
	id := c.draft("--title", title, "--text", "今晚停电。", "--cohort", "class-1", "--until", "2026-11-26 18:00")
	mustRun(c.t, c.bin, c.env, "announce", "send", id)
	got := func() (list []sim.Seen) {
		for _, x := range c.platform.Ledger().Via("", "custom") {
			if strings.Contains(x.Item.Text, title) {
				list = append(list, x)
			}
		}
		return list
	}
	eventually(c.t, time.Minute, "the announcement is under way", func() bool { return len(got()) > 20 })
	c.redis.Kill()
	c.stealToken()
	waiting := func(state string) (n int) { // by one pool: a connection for each look would use up the server's
		if err := c.db.QueryRowContext(c.t.Context(), "SELECT COUNT(*) FROM deliveries WHERE campaign_id = "+id+" AND "+state).Scan(&n); err != nil {
			c.t.Fatal(err)
		}
		return n
	}
	tomorrow := strconv.FormatInt(c.at("2026-11-25 00:00").UnixMilli(), 10)
	eventually(c.t, 2*time.Minute, "nobody else is called today", func() bool {
		return waiting("state = 'pending' AND not_before < "+tomorrow) == 0 && waiting("state IN ('claimed', 'sending')") == 0
	})
	left, today := waiting("state = 'pending'"), len(got())
	if n := c.booked(day); n != quota-reserve || left == 0 {
		c.t.Errorf("%d calls were booked of %d less %d, %d people wait: the quota did not bind", n, quota, reserve, left)
	}
	c.none(wrongCalls(quota, reserve, c.platform.Used(sendCall), c.booked(day)))
	c.none(c.compare(id, got()))

	faults.Clear(0)
	c.redis.Start()
	c.restart(1) // it has forgotten what it took
	c.platform.LimitCalls(sendCall, 500)
	c.goTo("2026-11-25 07:10")
	eventually(c.t, 2*time.Minute, "the others get it on the next day", func() bool { return waiting("state IN ('pending', 'claimed', 'sending')") == 0 })
	c.none(wrongCalls(500, 50, c.platform.Used(sendCall), c.booked("2026-11-25")))
	c.none(c.compare(id, got()))
	c.none(wrongStops(got(), c.stopped))
	c.none(wrongHours(got(), c.at(day+" 07:00"), c.at("2026-11-25 21:00")))
	if n := len(got()); n < today+left-2*len(c.deaf) {
		c.t.Errorf("%d saw it on the first day, %d waited, %d have seen it now", today, left, n)
	}
	c.t.Logf("a quota of %d less %d: seen by %d of %d, %d waited, then seen by %d: %v", quota, reserve, today, len(c.pupils), left, len(got()), c.show(id).States)
	c.sound()
}

// compare looks at each person's row of a campaign beside what the person saw of it.
func (c *chaos) compare(campaign string, got []sim.Seen) []string {
	c.t.Helper()
	audience, seen := map[string]string{}, map[string]int{}
	for _, p := range c.pupils {
		audience[p.openid] = p.name
	}
	for _, x := range got {
		seen[x.OpenID]++
	}
	return wrongFates(audience, seen, c.fates(campaign))
}

// fates are the rows of a campaign.
func (c *chaos) fates(campaign string) (out []fate) {
	c.t.Helper()
	openid := map[string]string{}
	for _, p := range c.pupils {
		openid[p.name] = p.openid
	}
	for _, row := range c.rows("SELECT l.name, d.state, d.why, d.ambiguous FROM deliveries d JOIN learners l ON l.id = d.learner_id WHERE d.campaign_id = " + campaign) {
		v := strings.Split(row, "|")
		f := fate{name: v[0], openid: openid[v[0]], state: delivery.State(v[1]), why: delivery.Why(v[2])}
		f.ambiguous, _ = strconv.Atoi(v[3])
		out = append(out, f)
	}
	return out
}

// booked is how many calls of a day our replicas have taken.
func (c *chaos) booked(day string) int {
	c.t.Helper()
	n := 0
	for _, used := range c.rows("SELECT used FROM calls WHERE account = '" + account + "' AND way = '" + string(channel.WayWindow) + "' AND day = '" + day + "'") {
		n, _ = strconv.Atoi(used)
	}
	return n
}

func (c *chaos) bookedRefreshes() (list []time.Time) {
	c.t.Helper()
	for _, at := range c.rows("SELECT booked_at FROM token_refreshes") {
		ms, _ := strconv.ParseInt(at, 10, 64)
		list = append(list, time.UnixMilli(ms))
	}
	return list
}

// sound wants that the audit's chain holds after all that.
func (c *chaos) sound() {
	c.t.Helper()
	db, err := store.Open(c.t.Context(), store.Options{DSN: c.dsn()})
	if err != nil {
		c.t.Fatal(err)
	}
	defer closing(db)
	if _, err := db.VerifyAudit(c.t.Context()); err != nil {
		c.t.Error(err)
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
			req.Header.Set("User-Agent", otherHolder)
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
