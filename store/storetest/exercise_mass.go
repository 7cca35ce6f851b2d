package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// mass is an urgent campaign whose deliveries are to go by mass send.
type mass struct{ *sends }

func (b *bundle) mass(n int) *mass {
	b.t.Helper()
	c := announcement("flood")
	c.Kind = delivery.KindUrgent
	o := &outbox{bundle: b, learners: b.bound(n)}
	return &mass{&sends{outbox: o, id: b.running(c, delivery.RungMass, o.learners).ID}}
}

// byMass sends whoever follows and has not stopped by mass send.
func byMass(f delivery.Facts, _ bot.Campaign) delivery.Decision {
	switch {
	case !f.Bound:
		return delivery.Decision{Rung: delivery.RungPull, Why: delivery.WhyNotBound}
	case f.Push == people.PushOff:
		return delivery.Decision{Rung: delivery.RungPull, Why: delivery.WhyOptedOut}
	case f.Mass >= delivery.MassPerMonth:
		return delivery.Decision{Rung: delivery.RungPull, Why: delivery.WhyNoWindow}
	}
	return delivery.Decision{Rung: delivery.RungMass}
}

// batch claims one, nil when there is none.
func (m *mass) batch(now time.Time, limit int) *bot.MassBatch {
	m.t.Helper()
	x, err := m.s.ClaimMassBatch(m.t.Context(), now, "me", limit, time.Minute, byMass)
	if err != nil {
		m.t.Fatalf("ClaimMassBatch: %v", err)
	}
	return x
}

func (m *mass) begin(now time.Time, x *bot.MassBatch, want bool) {
	m.t.Helper()
	if ok, err := m.s.BeginMassBatch(m.t.Context(), now, *x); ok != want || err != nil {
		m.t.Errorf("BeginMassBatch: %v, %v; want %v", ok, err, want)
	}
	if want {
		x.Attempt++
		if x.First.IsZero() {
			x.First = now
		}
	}
}

func (m *mass) settle(now time.Time, x *bot.MassBatch, o channel.Outcome, want bool) {
	m.t.Helper()
	s := delivery.SettleMass(o, delivery.Call{Attempt: x.Attempt, First: x.First, Ambiguous: x.Ambiguous, Request: delivery.Request{Kind: x.Kind, Deadline: x.Deadline}}, now)
	if ok, err := m.s.SettleMassBatch(m.t.Context(), now, *x, s); ok != want || err != nil {
		m.t.Errorf("SettleMassBatch: %v, %v; want %v", ok, err, want)
	}
}

// lapse lets every lease run out, those of batches too.
func (m *mass) lapse() {
	m.outbox.lapse()
	m.exec("UPDATE mass_batches SET lease_until = 1")
}

func (m *mass) all(state delivery.State, n int) {
	m.t.Helper()
	m.states(m.id, map[delivery.State]int{state: n})
	m.want(nil, "SELECT d.id FROM deliveries d WHERE d.state <> 'pending' AND d.state <> (SELECT h.to_state FROM moves h WHERE h.delivery_id = d.id ORDER BY h.id DESC LIMIT 1)")
}

const (
	massCounts = "SELECT mass_month, mass_sent, contacts, sent_since FROM identities ORDER BY id"
	counted    = "2026-03|1|1|0"
)

var massCases = map[string]func(*testing.T, *bundle){
	"of two batches that were claimed at once nobody is named a fifth time in a month": func(_ *testing.T, b *bundle) {
		m := b.mass(4)
		c := announcement("second")
		c.Kind = delivery.KindUrgent
		b.running(c, delivery.RungMass, m.learners)
		b.exec("UPDATE identities SET mass_month = '2026-03', mass_sent = 3 WHERE external_id = 'o0'")
		first, second := m.batch(start, 100), m.batch(start, 100)
		m.begin(start, first, true)
		m.begin(start, second, false) // the first is on the wire
		m.settle(start, first, channel.Outcome{Verdict: channel.Accepted}, true)
		second = m.batch(start, 100)
		if second == nil || len(second.To) != 3 {
			b.t.Fatalf("%+v", second)
		}
		m.begin(start, second, true)
		m.settle(start, second, channel.Outcome{Verdict: channel.Accepted}, true)
		b.want([]string{"4", "2", "2", "2"}, "SELECT mass_sent FROM identities ORDER BY id")
		b.want([]string{"accepted|7", "skipped|1"}, "SELECT state, COUNT(*) FROM deliveries GROUP BY state ORDER BY state")
	},
	"who had the month's mass sends between claim and call is not named": func(_ *testing.T, b *bundle) {
		m := b.mass(3)
		x := m.batch(start, 100)
		b.exec("UPDATE identities SET mass_month = '2026-03', mass_sent = 4 WHERE external_id = 'o1'")
		m.begin(start, x, false)
		if x = m.batch(start, 100); x == nil || len(x.To) != 2 {
			b.t.Fatalf("%+v", x)
		}
	},

	"a batch that is accepted moves with its members and counts with them once": func(t *testing.T, b *bundle) {
		m := b.mass(3)
		if list := m.claim("me", 10); len(list) != 0 {
			t.Errorf("%d are claimed one by one", len(list))
		}
		x := m.batch(start, 10)
		c := announcement("flood")
		want := &bot.MassBatch{
			ID: x.ID, Campaign: m.id, Owner: "me", Term: 1, Deadline: c.Deadline, Kind: delivery.KindUrgent, Title: c.Title, Body: c.Body, WantsAck: true,
			Channel: "wechat", Account: "default", To: []string{"o0", "o1", "o2"},
		}
		if diff := cmp.Diff(want, x); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		m.all(delivery.Claimed, 3)
		if more := m.batch(start, 10); more != nil {
			t.Errorf("a second batch: %+v", more)
		}
		m.begin(start, x, true)
		m.all(delivery.Sending, 3)
		m.begin(start, x, false)
		m.settle(start, x, channel.Outcome{Verdict: channel.Accepted, MessageID: "m9"}, true)
		m.all(delivery.Accepted, 3)
		m.settle(start, x, channel.Outcome{Verdict: channel.Unknown}, false)
		b.want([]string{counted, counted, counted}, massCounts)
		b.want([]string{"mass|1|", "mass|1|", "mass|1|"}, "SELECT rung, attempts, message_id FROM deliveries ORDER BY id")
		b.want([]string{"accepted|m9|3"}, "SELECT state, message_id, people FROM mass_batches")
		if diff := cmp.Diff([]bot.MassResult{{People: 3}}, b.summary(m.id).Mass); diff != "" {
			t.Error(diff)
		}
	},
	"whom the decision sends another way leaves the batch, and one alone is no batch": func(t *testing.T, b *bundle) {
		m := b.mass(6)
		ways := map[int]delivery.Decision{
			0: {Rung: delivery.RungWindow}, 1: {Rung: delivery.RungPull, Why: delivery.WhyOptedOut}, 2: {Rung: delivery.RungMass, NotBefore: start.Add(time.Hour)},
			3: {Rung: delivery.RungPull, Why: delivery.WhyDeadline}, 4: {Rung: delivery.RungPull, Why: delivery.WhyPlatform}, 5: {Rung: delivery.RungMass},
		}
		n := -1
		x, err := b.s.ClaimMassBatch(t.Context(), start, "me", 6, time.Minute, func(_ delivery.Facts, c bot.Campaign) delivery.Decision {
			if c.ID != m.id || c.Kind != delivery.KindUrgent {
				t.Errorf("%+v", c)
			}
			n++
			return ways[n]
		})
		if x != nil || err != nil {
			t.Errorf("%+v, %v", x, err)
		}
		b.want([]string{
			"pending|window||0", "skipped|mass|opted_out|0", fmt.Sprint("pending|mass||", start.Add(time.Hour).UnixMilli()), "expired|mass|deadline|0", "failed|mass|platform|0",
			"skipped|mass|no_window|0",
		}, "SELECT state, rung, why, not_before FROM deliveries ORDER BY id")
		b.want([]string{"0"}, "SELECT COUNT(*) FROM mass_batches")
		if list := m.claim("me", 10); len(list) != 1 || list[0].Rung != delivery.RungWindow {
			t.Errorf("%+v", list)
		}
	},
	"nobody stays behind alone": func(t *testing.T, b *bundle) {
		m := b.mass(8)
		for _, c := range []struct {
			people, limit int
			want          []int
		}{{7, 6, []int{5, 2}}, {8, 6, []int{6, 2}}, {7, 3, []int{3, 2, 2}}, {4, 3, []int{2, 2}}, {6, 6, []int{6}}} {
			b.exec("DELETE FROM mass_batches")
			b.exec("UPDATE deliveries SET batch_id = 0, owner = '', state = 'pending'")
			b.exec("UPDATE deliveries SET state = 'failed' WHERE learner_id > ?", int64(m.learners[c.people-1]))
			var sizes []int
			for x := m.batch(start, c.limit); x != nil; x = m.batch(start, c.limit) {
				sizes = append(sizes, len(x.To))
			}
			if !slices.Equal(sizes, c.want) {
				t.Errorf("%d people by %d: %v, want %v", c.people, c.limit, sizes, c.want)
			}
			b.want([]string{fmt.Sprint(c.people)}, "SELECT COUNT(*) FROM deliveries WHERE state = 'claimed'")
		}
	},
	"one alone in front waits for those behind": func(t *testing.T, b *bundle) {
		m := b.mass(6)
		b.exec("UPDATE learners SET push = ? WHERE id <= ?", string(people.PushOff), int64(m.learners[2]))
		if x := m.batch(start, 2); x != nil {
			t.Errorf("%v", x.To)
		}
		if x := m.batch(start, 3); x == nil || len(x.To) != 3 {
			t.Errorf("%+v", x)
		}
		b.want([]string{"claimed|3", "skipped|3"}, "SELECT state, COUNT(*) FROM deliveries GROUP BY state ORDER BY state")
	},
	"a limit parts the audience, and a phone is named once in a batch": func(t *testing.T, b *bundle) {
		m := b.mass(5)
		b.exec("UPDATE profiles SET identity_id = (SELECT MIN(id) FROM identities) WHERE learner_id = ?", int64(m.learners[1]))
		first, second := m.batch(start, 3), m.batch(start, 3)
		if !slices.Equal(first.To, []string{"o0", "o2"}) || !slices.Equal(second.To, []string{"o3", "o4"}) || first.ID == second.ID {
			t.Errorf("%v and %v", first.To, second.To)
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM deliveries WHERE state = 'pending'")
	},
	"what was certainly not sent is dissolved and made anew of fresh facts (D4)": func(t *testing.T, b *bundle) {
		m := b.mass(3)
		at := start
		for i, o := range []channel.Outcome{{Verdict: channel.Unsent}, {Verdict: channel.Refused, Class: channel.ClassRetry, Code: -1}, {Verdict: channel.Refused, Class: channel.ClassCampaign, Code: 45028}} {
			x := m.batch(at, 10)
			m.begin(at, x, true)
			m.settle(at, x, o, true)
			m.all(delivery.Pending, 3)
			b.want([]string{fmt.Sprint("3|", i, "|0")}, "SELECT COUNT(*), MAX(attempts), MAX(batch_id) FROM deliveries")
			if m.batch(at, 10) != nil {
				t.Error("it does not wait")
			}
			at = at.Add(time.Hour)
		}
		b.want([]string{"|0|0|0", "|0|0|0", "|0|0|0"}, massCounts)
		b.done(start, typed("stop", "o0"), conversation.SetPush{Learner: m.learners[0], Push: people.PushOff})
		if x := m.batch(at, 10); x == nil || x.Attempt != 2 || !x.First.IsZero() || !slices.Equal(x.To, []string{"o1", "o2"}) {
			t.Errorf("%+v", x)
		}
	},
	"not begun for want of calls: given back": func(_ *testing.T, b *bundle) {
		m := b.mass(2)
		x := m.batch(start, 10)
		m.settle(start, x, channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater}, true)
		m.all(delivery.Pending, 2)
		b.want([]string{"0|0", "0|0"}, "SELECT attempts, first_attempt_at FROM deliveries")
	},
	"who stopped or left between claim and call is not in it (D4)": func(t *testing.T, b *bundle) {
		m := b.mass(5)
		at := start
		for _, change := range []func(){
			func() {
				b.done(at, typed("stop", "o0"), conversation.SetPush{Learner: m.learners[0], Push: people.PushOff})
			},
			func() { b.done(at, typed("bye", "o1"), conversation.Unfollow{}) },
			func() {
				b.done(at, typed("pause", "o2"), conversation.SetPush{Learner: m.learners[2], Push: people.PushPaused})
			},
			func() { b.act(m.id, bot.ActPause) },
			m.lapse,
		} {
			x := m.batch(at, 10)
			at = at.Add(time.Second)
			change()
			m.begin(at, x, false)
			b.act(m.id, bot.ActResume)
			b.sweep(at)
		}
		if x := m.batch(at, 10); x == nil || !slices.Equal(x.To, []string{"o2", "o3", "o4"}) {
			t.Errorf("%+v", x)
		}
	},
	"an ambiguous call is repeated with its client id, and counted once (D2)": func(t *testing.T, b *bundle) {
		m := b.mass(3)
		b.exec("UPDATE identities SET mass_month = '2026-03', mass_sent = 3")
		x := m.batch(start, 10)
		id, at := bot.BatchClientID(x.ID, start), start
		for i := range 3 {
			m.begin(at, x, true)
			if i == 1 { // a crash
				m.lapse()
				b.sweep(at)
			} else {
				m.settle(at, x, channel.Outcome{Verdict: channel.Unknown}, true)
			}
			m.all(delivery.Pending, 3)
			b.want([]string{"2026-03|4|1|0", "2026-03|4|1|0", "2026-03|4|1|0"}, massCounts)
			at = at.Add(time.Hour)
			if x = m.batch(at, 10); x == nil || bot.BatchClientID(x.ID, x.First) != id || !x.Ambiguous || !x.First.Equal(start) || x.Attempt != i+1 || len(x.To) != 3 {
				t.Fatalf("%+v", x)
			}
		}
		m.begin(at, x, true)
		m.settle(at, x, channel.Outcome{Verdict: channel.Accepted, MessageID: "m1"}, true)
		m.all(delivery.Accepted, 3)
		b.want([]string{"2026-03|4|1|0", "2026-03|4|1|0", "2026-03|4|1|0"}, massCounts)
		if n := b.summary(m.id).Ambiguous; n != 3 {
			t.Errorf("%d ambiguous", n)
		}
	},
	"who stopped before the repeat is not named in it, and nobody can tell (D4)": func(t *testing.T, b *bundle) {
		m := b.mass(4)
		x := m.batch(start, 10)
		m.begin(start, x, true)
		m.settle(start, x, channel.Outcome{Verdict: channel.Unknown}, true)
		b.done(start, typed("stop", "o0"), conversation.SetPush{Learner: m.learners[0], Push: people.PushOff})
		b.done(start, typed("bye", "o1"), conversation.Unfollow{})
		x = m.batch(start.Add(time.Hour), 10)
		if x == nil || !slices.Equal(x.To, []string{"o2", "o3"}) {
			t.Fatalf("%+v", x)
		}
		m.begin(start.Add(time.Hour), x, true)
		m.settle(start.Add(time.Hour), x, channel.Outcome{Verdict: channel.Accepted}, true)
		b.want([]string{"unknown|ambiguous|0", "unknown|ambiguous|0", fmt.Sprint("accepted||", x.ID), fmt.Sprint("accepted||", x.ID)}, "SELECT state, why, batch_id FROM deliveries ORDER BY id")
	},
	"an ambiguous batch that is not repeated stays unknown": func(t *testing.T, b *bundle) {
		for i, end := range []func(m *mass, at time.Time) time.Time{
			func(m *mass, at time.Time) time.Time { m.act(m.id, bot.ActCancel); return at },                     // a person stops it
			func(_ *mass, at time.Time) time.Time { return at.Add(24 * time.Hour) },                             // the platform forgets the id
			func(m *mass, at time.Time) time.Time { m.exec("UPDATE campaigns SET deadline_at = 1"); return at }, // too late
			func(m *mass, at time.Time) time.Time { // refused the second time
				x := m.batch(at, 10)
				m.begin(at, x, true)
				m.settle(at, x, channel.Outcome{Verdict: channel.Refused, Class: channel.ClassOurs}, true)
				return at
			},
			func(m *mass, at time.Time) time.Time { // too few are left
				for i, l := range m.learners[:2] {
					m.done(start, typed(fmt.Sprint("stop", i), fmt.Sprint("o", i)), conversation.SetPush{Learner: l, Push: people.PushOff})
				}
				if x := m.batch(at, 10); x != nil {
					m.t.Errorf("%+v", x)
				}
				return at
			},
		} {
			b := b
			if i > 0 {
				b.exec("DELETE FROM deliveries")
				b.exec("DELETE FROM mass_batches")
				b.exec("DELETE FROM delivery_history")
				b.exec("UPDATE campaigns SET status = 'scheduled', deadline_at = ?", start.Add(48*time.Hour).UnixMilli())
			}
			m := b.again(i)
			x := m.batch(start, 10)
			m.begin(start, x, true)
			m.settle(start, x, channel.Outcome{Verdict: channel.Unknown}, true)
			at := end(m, start.Add(time.Hour))
			b.sweep(at)
			m.all(delivery.Unknown, 3)
			if x := m.batch(at.Add(time.Hour), 10); x != nil {
				t.Errorf("%d: %+v", i, x)
			}
		}
	},
	"a claimed batch whose holder is gone is dissolved": func(_ *testing.T, b *bundle) {
		m := b.mass(3)
		x := m.batch(start, 10)
		m.lapse()
		b.sweep(start)
		m.all(delivery.Pending, 3)
		m.begin(start, x, false)
		m.settle(start, x, channel.Outcome{Verdict: channel.Accepted}, false)
		b.want([]string{"0"}, "SELECT COUNT(*) FROM mass_batches")
		if again := m.batch(start, 10); again == nil || again.ID == x.ID {
			m.t.Errorf("%+v", again)
		}
	},
	"a refused batch has failed, and a cancelled campaign sends none": func(_ *testing.T, b *bundle) {
		m := b.mass(3)
		x := m.batch(start, 10)
		m.begin(start, x, true)
		m.settle(start, x, channel.Outcome{Verdict: channel.Refused, Class: channel.ClassOurs, Code: 40007, Reason: "bad_media"}, true)
		m.all(delivery.Failed, 3)
		if words := b.summary(m.id).Words; words["bad_media"] != 3 {
			m.t.Errorf("%v", words)
		}
	},
	"two replicas never have a member twice": func(t *testing.T, b *bundle) {
		m := b.mass(40)
		other := b.open()
		type result struct {
			x   *bot.MassBatch
			err error
		}
		out := make(chan result)
		for i := range 6 {
			s := []bot.Store{b.s, other}[i%2]
			go func() {
				x, err := s.ClaimMassBatch(t.Context(), start, fmt.Sprint("r", i), 10, time.Minute, byMass)
				out <- result{x, err}
			}()
		}
		seen := map[string]bool{}
		for range 6 {
			r := <-out
			if r.err != nil {
				t.Error(r.err)
			}
			if r.x == nil {
				continue
			}
			for _, to := range r.x.To {
				if seen[to] {
					t.Errorf("%s is in two batches", to)
				}
				seen[to] = true
			}
		}
		for x := m.batch(start, 10); x != nil; x = m.batch(start, 10) {
			for _, to := range x.To {
				if seen[to] {
					t.Errorf("%s is in two batches", to)
				}
				seen[to] = true
			}
		}
		if len(seen) != 40 {
			t.Errorf("%d are in batches", len(seen))
		}
		m.all(delivery.Claimed, 40)
	},
}

// again is a mass campaign of three people, the first time or with everything before forgotten.
func (b *bundle) again(time int) *mass {
	b.t.Helper()
	if time == 0 {
		return b.mass(3)
	}
	b.exec("UPDATE identities SET mass_sent = 0, contacts = 0")
	o := &outbox{bundle: b}
	for _, r := range b.rows("SELECT id FROM learners ORDER BY id") {
		var id people.LearnerID
		if _, err := fmt.Sscan(r, &id); err != nil {
			b.t.Fatal(err)
		}
		o.learners = append(o.learners, id)
	}
	id := bot.CampaignID(b.number("SELECT MAX(id) FROM campaigns"))
	if n, err := b.s.FreezeRecipients(b.t.Context(), start, id, byRung(delivery.RungMass, o.learners), 0, true); n != 3 || err != nil {
		b.t.Fatal(n, err)
	}
	return &mass{&sends{outbox: o, id: id}}
}

// sweep sweeps, whatever it finds.
func (b *bundle) sweep(now time.Time) {
	b.t.Helper()
	if _, err := b.s.SweepLeases(b.t.Context(), now); err != nil {
		b.t.Errorf("SweepLeases: %v", err)
	}
}
