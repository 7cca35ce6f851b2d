package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// outbox is a class of which everybody has a phone and a pending delivery.
type outbox struct {
	*bundle
	places   []study.EnrolmentID
	learners []people.LearnerID
}

func (b *bundle) outbox(n int) *outbox {
	b.t.Helper()
	o := &outbox{bundle: b}
	o.places, o.learners = b.crowd(n)
	for i, l := range o.learners {
		b.done(start, typed(fmt.Sprint("hello ", i), fmt.Sprint("o", i)), conversation.Bind{Learner: l})
	}
	b.fire("spring", startDay, delivery.RungWindow, o.places, o.learners)
	return o
}

// claim takes up to n deliveries.
func (o *outbox) claim(owner string, n int) []bot.ClaimedDelivery {
	o.t.Helper()
	list, err := o.s.ClaimDeliveries(o.t.Context(), start, bot.Claim{Owner: owner, Limit: n, Lease: time.Minute})
	if err != nil {
		o.t.Fatalf("ClaimDeliveries: %v", err)
	}
	return list
}

// begin writes ahead of a call and wants that to be allowed or not.
func (o *outbox) begin(d bot.ClaimedDelivery, want bool) bot.ClaimedDelivery {
	o.t.Helper()
	d.Rung = delivery.RungWindow
	if ok, err := one(o.s.BeginSending(o.t.Context(), start, []bot.ClaimedDelivery{d})); ok != want || err != nil {
		o.t.Errorf("BeginSending: %v, %v; want %v", ok, err, want)
	}
	d.State, d.Attempt = delivery.Sending, d.Attempt+1
	return d
}

func (o *outbox) settle(d bot.ClaimedDelivery, s delivery.Settlement, want bool) {
	o.t.Helper()
	if ok, err := one(o.s.SettleDeliveries(o.t.Context(), start, []bot.SettledDelivery{{ClaimedDelivery: d, Settlement: s}})); ok != want || err != nil {
		o.t.Errorf("SettleDelivery to %s: %v, %v; want %v", s.To, ok, err, want)
	}
}

func (o *outbox) release(d bot.ClaimedDelivery, to delivery.State, why delivery.Why, due time.Time, want bool) {
	o.t.Helper()
	if ok, err := one(o.s.ReleaseDeliveries(o.t.Context(), start, []bot.ReleasedDelivery{{ClaimedDelivery: d, To: to, Why: why, Due: due}})); ok != want || err != nil {
		o.t.Errorf("ReleaseDelivery to %s: %v, %v; want %v", to, ok, err, want)
	}
}

func (o *outbox) sweep(now time.Time, want bot.Swept) {
	o.t.Helper()
	got, err := o.s.SweepLeases(o.t.Context(), now)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		o.t.Errorf("SweepLeases: %v (-want +got):\n%s", err, diff)
	}
}

// changed claims a delivery, lets something change, and wants that it does not begin, and that the
// next claim brings these facts.
func (b *bundle) changed(facts delivery.Facts, change func(o *outbox)) {
	b.t.Helper()
	o := b.outbox(1)
	d := o.claim("me", 1)[0]
	change(o)
	o.begin(d, false)
	b.want([]string{"pending||0|0"}, "SELECT state, owner, attempts, first_attempt_at FROM deliveries")
	again := o.claim("you", 1)
	if len(again) != 1 {
		b.t.Fatal("it is not claimed again")
	}
	if diff := cmp.Diff(facts, again[0].Facts); diff != "" {
		b.t.Errorf("(-want +got):\n%s", diff)
	}
	b.want([]string{"pending|claimed||me|1|0|0", "claimed|pending||me|1|0|0", "pending|claimed||you|2|0|0"}, movements)
}

// phone is the number of a phone.
func (b *bundle) phone(external string) conversation.IdentityID {
	b.t.Helper()
	return conversation.IdentityID(b.number("SELECT id FROM identities WHERE external_id = ?", external))
}

// lapse lets every lease run out.
func (o *outbox) lapse() { o.exec("UPDATE deliveries SET lease_until = 1 WHERE lease_until > 0") }

var accepted = delivery.Settlement{To: delivery.Accepted, Outcome: channel.Outcome{Verdict: channel.Accepted, MessageID: "m1", RequestID: "r1"}}

const (
	sentSince = "SELECT sent_since FROM identities ORDER BY id"
	movements = "SELECT from_state, to_state, why, owner, term, attempt, errcode FROM moves ORDER BY id"
)

var outboxCases = map[string]func(*testing.T, *bundle){
	"a claim brings the facts, a lease by the database's clock, and is not given twice": func(t *testing.T, b *bundle) {
		o := b.outbox(2)
		db, err := b.s.Ping(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list := o.claim("me", 1)
		if len(list) != 1 {
			t.Fatal(list)
		}
		got := list[0]
		if left := got.LeaseEnd.Sub(db); left < 55*time.Second || left > 90*time.Second {
			t.Errorf("the lease ends %v from the database's now", left)
		}
		want := bot.ClaimedDelivery{
			ID: got.ID, LeaseEnd: got.LeaseEnd, Owner: "me", Term: 1, State: delivery.Claimed, Deadline: start.Add(12 * time.Hour), Lesson: lessonOne,
			Campaign: got.Campaign, Kind: delivery.KindLesson, Rung: delivery.RungWindow,
			Learner: people.Learner{ID: o.learners[0], Name: "学员0"}, To: address("o0"), Phone: b.phone("o0"),
			Facts: delivery.Facts{Bound: true, Following: true, TypedAt: start, Due: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if list := o.claim("you", 10); len(list) != 1 || list[0].ID == got.ID {
			t.Errorf("the second claim: %+v", list)
		}
		if list := o.claim("you", 10); len(list) != 0 {
			t.Errorf("the third claim: %+v", list)
		}
	},
	"nothing is claimed before its time": func(t *testing.T, b *bundle) {
		o := b.outbox(1)
		list, err := b.s.ClaimDeliveries(t.Context(), start.Add(-time.Millisecond), bot.Claim{Owner: "me", Limit: 10, Lease: time.Minute})
		if len(list) != 0 || err != nil {
			t.Error(list, err)
		}
		if len(o.claim("me", 10)) != 1 {
			t.Error("and not at its time either")
		}
	},
	"somebody without a phone is claimed without an address": func(t *testing.T, b *bundle) {
		o := b.outbox(1)
		b.done(start, typed("bye", "o0"), conversation.Unfollow{})
		list := o.claim("me", 10)
		if len(list) != 1 || list[0].To != (channel.Address{}) || list[0].Facts.Bound {
			t.Errorf("%+v", list)
		}
	},
	"six claimers share two thousand deliveries, each once": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(2000)
		b.fire("spring", startDay, delivery.RungWindow, places, learners)
		other := b.open()
		var mutex sync.Mutex
		var group sync.WaitGroup
		owners := map[int64]string{}
		for i := range 6 {
			s, owner := []bot.Store{b.s, other}[i%2], fmt.Sprint("replica", i)
			group.Go(func() {
				for {
					list, err := s.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: owner, Limit: 100, Lease: time.Minute})
					if err != nil {
						t.Error(err)
						return
					}
					mutex.Lock()
					for _, d := range list {
						if before := owners[d.ID]; before != "" {
							t.Errorf("delivery %d is held by %s and %s", d.ID, before, owner)
						}
						owners[d.ID] = owner
					}
					all := len(owners) == 2000
					mutex.Unlock()
					if all || len(list) == 0 && b.number("SELECT COUNT(*) FROM deliveries WHERE state = 'pending'") == 0 {
						return
					}
				}
			})
		}
		group.Wait()
		if len(owners) != 2000 {
			t.Errorf("%d were claimed", len(owners))
		}
		b.want([]string{"2000|1|1"}, "SELECT COUNT(*), MIN(term), MAX(term) FROM deliveries WHERE state = 'claimed'")
		b.want([]string{"2000"}, "SELECT COUNT(*) FROM moves")
	},
	"the way of a delivery that is accepted": func(t *testing.T, b *bundle) {
		o := b.outbox(2)
		d := o.begin(o.claim("me", 1)[0], true)
		b.want([]string{fmt.Sprint("sending|window|1|", start.UnixMilli())}, "SELECT state, rung, attempts, first_attempt_at FROM deliveries WHERE id = ?", d.ID)
		o.settle(d, accepted, true)
		b.want([]string{"accepted|accepted|m1|r1|1|0"}, "SELECT state, verdict, message_id, rid, attempts, ambiguous FROM deliveries WHERE id = ?", d.ID)
		b.want([]string{"1", "0"}, sentSince)
		b.want([]string{"pending|claimed||me|1|0|0", "claimed|sending||me|1|0|0", "sending|accepted||me|1|1|0"}, movements)
		o.settle(d, accepted, false)
		o.settle(d, delivery.Settlement{To: delivery.Failed}, false)
		b.want([]string{"1", "0"}, sentSince)
		b.want([]string{"3"}, "SELECT COUNT(*) FROM moves")
	},
	"what an answer teaches about the phone": func(t *testing.T, b *bundle) {
		o := b.outbox(4)
		b.exec("UPDATE identities SET sent_since = 1, tap_at = 5")
		list := o.claim("me", 10)
		for i, s := range []delivery.Settlement{
			{To: delivery.Unknown, Why: delivery.WhyAmbiguous, Ambiguous: true, Outcome: channel.Outcome{Verdict: channel.Unknown}},
			{To: delivery.Failed, Why: delivery.WhyPlatform, CloseWindow: true, Outcome: channel.Outcome{Verdict: channel.Refused, Code: 45015, Reason: "window_closed"}},
			{To: delivery.Failed, Why: delivery.WhyPlatform, Unfollowed: true, Outcome: channel.Outcome{Verdict: channel.Refused, Code: 43004}},
			{To: delivery.Pending, Due: start.Add(time.Minute), Outcome: channel.Outcome{Verdict: channel.Refused, Code: -1}},
		} {
			o.settle(o.begin(list[i], true), s, true)
		}
		s := start.UnixMilli()
		b.want([]string{fmt.Sprint("1|", s, "|5|2"), "1|0|0|0", fmt.Sprint("0|", s, "|5|1"), fmt.Sprint("1|", s, "|5|1")},
			"SELECT following, typed_at, tap_at, sent_since FROM identities ORDER BY id")
		b.want([]string{"unknown|ambiguous|0||1", "failed|platform|45015|window_closed|0", "failed|platform|43004||0", "pending||-1||0"},
			"SELECT state, why, errcode, reason, ambiguous FROM deliveries ORDER BY id")
		b.want([]string{fmt.Sprint(s + 60_000)}, "SELECT not_before FROM deliveries WHERE state = 'pending'")
	},
	"a try that never reached the platform does not count (B7)": func(t *testing.T, b *bundle) {
		o := b.outbox(1)
		for range 10 {
			d := o.begin(o.claim("me", 1)[0], true)
			o.settle(d, delivery.Settlement{To: delivery.Pending, Due: start, Outcome: channel.Outcome{Verdict: channel.Unsent}}, true)
		}
		for range 10 { // crashes between claim and call
			o.claim("me", 1)
			o.lapse()
			o.sweep(start, bot.Swept{Released: 1})
		}
		d := o.claim("me", 1)[0]
		if d.Attempt != 0 || d.Term != 21 {
			t.Errorf("attempt %d, term %d", d.Attempt, d.Term)
		}
		o.settle(o.begin(d, true), accepted, true)
		b.want([]string{"accepted|1"}, "SELECT state, attempts FROM deliveries")
	},
	"who lost the lease writes nothing": func(t *testing.T, b *bundle) {
		o := b.outbox(2)
		list := o.claim("me", 2)
		frozen := list[0]
		sending := o.begin(list[1], true)
		o.lapse()
		o.sweep(start, bot.Swept{Released: 1, Ambiguous: 1})
		before := b.rows("SELECT * FROM deliveries ORDER BY id")
		moves := b.number("SELECT COUNT(*) FROM moves")
		o.begin(frozen, false)
		o.release(frozen, delivery.Skipped, delivery.WhyPaused, time.Time{}, false)
		o.settle(sending, accepted, false)
		again := o.claim("you", 2)
		if len(again) != 1 || again[0].ID != frozen.ID || again[0].Term != 2 {
			t.Fatalf("%+v", again)
		}
		o.begin(frozen, false) // claimed, and by somebody else
		stolen := again[0]
		stolen.Owner = "me"
		o.begin(stolen, false)
		older := again[0]
		older.Term = 1
		o.begin(older, false)
		o.release(older, delivery.Pending, "", start, false)
		b.exec("UPDATE deliveries SET state = 'pending', owner = 'me', term = 1 WHERE id = ?", frozen.ID)
		after := b.rows("SELECT * FROM deliveries ORDER BY id")
		if before[1] != after[1] {
			t.Errorf("the delivery that became unknown changed:\n%s\n%s", before[1], after[1])
		}
		if n := b.number("SELECT COUNT(*) FROM moves"); n != moves+1 { // the second claim
			t.Errorf("%d movements more", n-moves)
		}
		b.want([]string{"0", "1"}, sentSince)
	},
	"who paused since the claim is not sent it, and the next claim knows (D4)": func(_ *testing.T, b *bundle) {
		b.changed(delivery.Facts{Bound: true, Following: true, Push: people.PushPaused, TypedAt: start, Due: true}, func(o *outbox) {
			o.done(start, typed("pause", "o0"), conversation.SetPush{Learner: o.learners[0], Push: people.PushPaused})
		})
	},
	"who left since the claim is not sent it (D4)": func(_ *testing.T, b *bundle) {
		b.changed(delivery.Facts{Due: true}, func(o *outbox) { o.done(start, typed("bye", "o0"), conversation.Unfollow{}) })
	},
	"who took himself off the phone since the claim is not sent it (D4)": func(_ *testing.T, b *bundle) {
		b.changed(delivery.Facts{Due: true}, func(o *outbox) { o.done(start, typed("off", "o0"), conversation.Unbind{Learner: o.learners[0]}) })
	},
	"who was sent something since the claim is planned again (D5)": func(_ *testing.T, b *bundle) {
		b.changed(delivery.Facts{Bound: true, Following: true, SentSince: 1, TypedAt: start, Due: true}, func(o *outbox) { o.exec("UPDATE identities SET sent_since = 1") })
	},
	"no phone has two calls in flight": func(t *testing.T, b *bundle) {
		o := b.outbox(1)
		b.fire("spring", "2026-03-06", delivery.RungWindow, o.places, o.learners)
		list := o.claim("me", 2)
		first := o.begin(list[0], true)
		o.begin(list[1], false)
		if again := o.claim("me", 1); len(again) != 0 {
			t.Errorf("it does not wait: %+v", again)
		}
		o.settle(first, accepted, true)
		later, err := b.s.ClaimDeliveries(t.Context(), start.Add(5*time.Second), bot.Claim{Owner: "me", Limit: 1, Lease: time.Minute})
		if err != nil || len(later) != 1 || later[0].Facts.SentSince != 1 {
			t.Fatalf("%+v, %v", later, err)
		}
		o.begin(later[0], true)
	},
	"of many calls to one phone at once one begins": func(t *testing.T, b *bundle) {
		o := b.outbox(1)
		const days = 12
		for i := range days {
			b.fire("spring", study.Day(fmt.Sprintf("2026-04-%02d", i+1)), delivery.RungWindow, o.places, o.learners)
		}
		other := b.open()
		var begun atomic.Int32
		var group sync.WaitGroup
		for i, d := range o.claim("me", days+1) {
			s := []bot.Store{b.s, other}[i%2]
			group.Go(func() {
				d.Rung = delivery.RungWindow
				ok, err := one(s.BeginSending(t.Context(), start, []bot.ClaimedDelivery{d}))
				if err != nil {
					t.Error(err)
				}
				if ok {
					begun.Add(1)
				}
			})
		}
		group.Wait()
		if begun.Load() != 1 {
			t.Errorf("%d calls began", begun.Load())
		}
		b.want([]string{"pending|12", "sending|1"}, "SELECT state, COUNT(*) FROM deliveries GROUP BY state ORDER BY state")
	},
	"a lease that has run out begins nothing, swept or not": func(_ *testing.T, b *bundle) {
		o := b.outbox(1)
		d := o.claim("me", 1)[0]
		o.lapse()
		o.begin(d, false)
		b.want([]string{"claimed"}, "SELECT state FROM deliveries")
		o.sweep(start, bot.Swept{Released: 1})
	},
	"giving back: to pending for later, or not at all": func(t *testing.T, b *bundle) {
		o := b.outbox(3)
		list := o.claim("me", 3)
		o.release(list[0], delivery.Pending, "", start.Add(time.Hour), true)
		o.release(list[1], delivery.Skipped, delivery.WhyNoWindow, time.Time{}, true)
		o.release(list[2], delivery.Expired, delivery.WhyDeadline, time.Time{}, true)
		s := start.UnixMilli()
		b.want([]string{fmt.Sprint("pending||", s+3_600_000, "|0"), fmt.Sprint("skipped|no_window|", s, "|0"), fmt.Sprint("expired|deadline|", s, "|0")},
			"SELECT state, why, not_before, attempts FROM deliveries ORDER BY id")
		b.want([]string{"claimed|pending||me|1|0|0", "claimed|skipped|no_window|me|1|0|0", "claimed|expired|deadline|me|1|0|0"},
			"SELECT from_state, to_state, why, owner, term, attempt, errcode FROM moves WHERE from_state = 'claimed' ORDER BY id")
	},
	"the sweep: claimed goes back, sending becomes unknown, late becomes expired, each with its history": func(t *testing.T, b *bundle) {
		o := b.outbox(6)
		list := o.claim("me", 4)
		o.begin(list[2], true)
		o.begin(list[3], true)
		b.exec("UPDATE deliveries SET lease_until = 1 WHERE id = ? OR id = ?", list[0].ID, list[2].ID)
		b.exec("UPDATE deliveries SET not_after = ? WHERE enrolment_id = ?", start.UnixMilli(), int64(o.places[4]))
		b.exec("UPDATE campaigns SET deadline_at = ?", start.UnixMilli())
		o.sweep(start, bot.Swept{Released: 1, Ambiguous: 1, Expired: 1})
		b.want([]string{"pending||0|0", "claimed||0|0", "unknown|ambiguous|1|1", "sending||1|0", "expired|deadline|0|0", "pending||0|0"},
			"SELECT state, why, attempts, ambiguous FROM deliveries ORDER BY id")
		b.want([]string{"pending|expired|deadline||0|0", "sending|unknown|ambiguous|me|1|1", "claimed|pending||me|1|0"},
			"SELECT from_state, to_state, why, owner, term, attempt FROM moves ORDER BY id DESC LIMIT 3")
		b.want([]string{"0", "0", "1", "0", "0", "0"}, sentSince)
		o.sweep(start, bot.Swept{})
	},
	"a claimed row without a lease is found (B6)": func(t *testing.T, b *bundle) {
		o := b.outbox(2)
		o.begin(o.claim("me", 1)[0], true)
		o.claim("me", 1)
		b.exec("UPDATE deliveries SET lease_until = 0")
		o.sweep(start, bot.Swept{Released: 1, Ambiguous: 1})
	},
	"rows on hold do not hide an expired one (B5)": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(1201)
		b.fire("spring", startDay, delivery.RungWindow, places, learners)
		o := &outbox{bundle: b}
		if n := len(o.claim("me", 2000)); n != 1201 {
			t.Fatal(n)
		}
		b.exec("UPDATE deliveries SET lease_until = 1 WHERE enrolment_id = ?", int64(places[1200]))
		o.sweep(start, bot.Swept{Released: 1})
		o.lapse()
		o.sweep(start, bot.Swept{Released: 1200})
		b.exec("UPDATE deliveries SET not_after = 1 WHERE enrolment_id = ?", int64(places[1200]))
		b.exec("UPDATE campaigns SET deadline_at = 1")
		o.sweep(start, bot.Swept{Expired: 1})
	},
	"two sweepers move each row once": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(1100)
		b.fire("spring", startDay, delivery.RungWindow, places, learners)
		o := &outbox{bundle: b}
		o.claim("me", 2000)
		o.lapse()
		other := b.open()
		var group sync.WaitGroup
		var counts [4]int
		for i := range counts {
			s := []bot.Store{b.s, other}[i%2]
			group.Go(func() {
				swept, err := s.SweepLeases(t.Context(), start)
				if err != nil {
					t.Error(err)
				}
				counts[i] = swept.Released
			})
		}
		group.Wait()
		rest, err := b.s.SweepLeases(t.Context(), start)
		if sum := counts[0] + counts[1] + counts[2] + counts[3] + rest.Released; sum != 1100 || err != nil {
			t.Errorf("%v and %d were released, %v", counts, rest.Released, err)
		}
		b.want([]string{"1100"}, "SELECT COUNT(*) FROM moves WHERE from_state = 'claimed'")
	},
}

// one is the result for a group of one.
func one(list []bool, err error) (bool, error) { return len(list) == 1 && list[0], err }
