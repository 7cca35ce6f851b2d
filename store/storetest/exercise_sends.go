package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// sends is a campaign that runs, to people with a phone each.
type sends struct {
	*outbox
	id bot.CampaignID
}

func (b *bundle) sends(n int, rung delivery.Rung) *sends {
	b.t.Helper()
	o := &outbox{bundle: b, learners: b.bound(n)}
	return &sends{outbox: o, id: b.running(announcement("k"), rung, o.learners).ID}
}

// by begins a claimed delivery by a rung and template.
func (s *sends) by(d bot.ClaimedDelivery, rung delivery.Rung, template string, want bool) bot.ClaimedDelivery {
	s.t.Helper()
	d.Rung, d.Template = rung, template
	if ok, err := one(s.s.BeginSending(s.t.Context(), start, []bot.ClaimedDelivery{d})); ok != want || err != nil {
		s.t.Errorf("BeginSending: %v, %v; want %v", ok, err, want)
	}
	d.State, d.Attempt = delivery.Sending, d.Attempt+1
	return d
}

func (s *sends) grant(template string, scene, left int) {
	s.exec("INSERT INTO grants (identity_id, template, scene, left_count) SELECT id, ?, ?, ? FROM identities", template, scene, left)
}

const grantsLeft = "SELECT template, scene, left_count FROM grants ORDER BY identity_id, template, scene"

func answer(v channel.Verdict) channel.Outcome { return channel.Outcome{Verdict: v} }

// ambiguous makes the first delivery one with a call that nobody can tell about, which is pending again.
func (s *sends) ambiguous() {
	s.t.Helper()
	d := s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true)
	s.settle(d, delivery.Settlement{To: delivery.Pending, Due: start, Ambiguous: true, Outcome: answer(channel.Unknown)}, true)
}

var sendCases = map[string]func(*testing.T, *bundle){
	"a claim brings the campaign, what was tried and what came before": func(t *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungNotice)
		s.grant("T", 0, 2)
		d := s.by(s.claim("me", 1)[0], delivery.RungNotice, "T", true)
		s.settle(d, delivery.Settlement{To: delivery.Pending, Due: start, Tried: delivery.RungNotice, Outcome: channel.Outcome{Verdict: channel.Refused, Code: 43101}}, true)
		got := s.claim("me", 1)[0]
		c := announcement("k")
		want := bot.ClaimedDelivery{
			ID: got.ID, LeaseEnd: got.LeaseEnd, Owner: "me", Term: 2, Attempt: 1, First: start, State: delivery.Claimed, Rung: delivery.RungNotice, Deadline: c.Deadline,
			Campaign: s.id, Kind: c.Kind, Title: c.Title, Body: c.Body, WantsAck: true, Learner: people.Learner{ID: s.learners[0], Name: "学员0"}, To: address("o0"), Phone: b.phone("o0"),
			Facts: delivery.Facts{Bound: true, Following: true, TypedAt: start, Due: true, Grants: []delivery.Grant{{Template: "T", Left: 2}}, Tried: []delivery.Rung{delivery.RungNotice}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.settle(s.by(got, delivery.RungWindow, "", true), delivery.Settlement{To: delivery.Pending, Due: start, Tried: delivery.RungWindow, Ambiguous: true, Outcome: answer(channel.Unknown)}, true)
		got = s.claim("me", 1)[0]
		if diff := cmp.Diff([]delivery.Rung{delivery.RungNotice, delivery.RungWindow}, got.Facts.Tried); diff != "" || !got.Ambiguous {
			t.Errorf("ambiguous: %v, %s", got.Ambiguous, diff)
		}
	},
	"a notice is written ahead, and given back when it was certainly not used": func(t *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungNotice)
		s.grant("O", 7, 1)
		s.grant("T", 0, 2)
		s.grant("L", 0, -1)
		send := func(rung delivery.Rung, template string, t delivery.Settlement, begun, after []string) {
			s.t.Helper()
			d := s.by(s.claim("me", 1)[0], rung, template, true)
			s.want(begun, grantsLeft)
			t.To, t.Due = delivery.Pending, start
			s.settle(d, t, true)
			s.want(after, grantsLeft)
		}
		send(delivery.RungNotice, "T", delivery.Settlement{Outcome: answer(channel.Refused)}, []string{"L|0|-1", "O|7|1", "T|0|1"}, []string{"L|0|-1", "O|7|1", "T|0|2"})
		send(delivery.RungNotice, "T", delivery.Settlement{Outcome: answer(channel.Unsent)}, []string{"L|0|-1", "O|7|1", "T|0|1"}, []string{"L|0|-1", "O|7|1", "T|0|2"})
		send(delivery.RungNotice, "T", delivery.Settlement{Outcome: answer(channel.Unknown), Ambiguous: true}, []string{"L|0|-1", "O|7|1", "T|0|1"}, []string{"L|0|-1", "O|7|1", "T|0|1"})
		send(delivery.RungOnce, "O", delivery.Settlement{Outcome: answer(channel.Refused)}, []string{"L|0|-1", "O|7|0", "T|0|1"}, []string{"L|0|-1", "O|7|1", "T|0|1"})
		send(delivery.RungNotice, "T", delivery.Settlement{Outcome: answer(channel.Refused), NoGrant: true}, []string{"L|0|-1", "O|7|1", "T|0|0"}, []string{"L|0|-1", "O|7|1", "T|0|0"})
		send(delivery.RungLong, "L", delivery.Settlement{Outcome: answer(channel.Accepted)}, []string{"L|0|-1", "O|7|1", "T|0|0"}, []string{"L|0|-1", "O|7|1", "T|0|0"})
		send(delivery.RungLong, "L", delivery.Settlement{Outcome: answer(channel.Refused), NoGrant: true}, []string{"L|0|-1", "O|7|1", "T|0|0"}, []string{"L|0|0", "O|7|1", "T|0|0"})
		b.want([]string{"0"}, sentSince)
	},
	"who has taken a notice back, was written to or switched receiving off since the claim is not sent it": func(_ *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungNotice)
		s.grant("T", 0, 1)
		for _, x := range []struct {
			rung   delivery.Rung
			change string
		}{
			{delivery.RungNotice, "UPDATE grants SET left_count = 0"},
			{delivery.RungWindow, "UPDATE identities SET contact_day = '2026-03-02', contacts = contacts + 1"},
			{delivery.RungWindow, "UPDATE identities SET refusing = 1 - refusing"},
			{delivery.RungWindow, "UPDATE identities SET typed_at = typed_at - 1"},
			{delivery.RungWindow, "UPDATE campaigns SET paused_by = 'x'"},
		} {
			d := s.claim("me", 1)[0]
			s.exec(x.change)
			s.by(d, x.rung, "T", false)
			s.want([]string{"pending||0"}, "SELECT state, owner, attempts FROM deliveries")
		}
	},
	"what counts of a message: the window of a window message, the day of all but receipts": func(_ *testing.T, b *bundle) {
		s := b.sends(5, delivery.RungWindow)
		list := s.claim("me", 5)
		b.exec("UPDATE identities SET contact_day = '2026-03-01', contacts = 4 WHERE external_id = 'o1'")
		for i, x := range []struct {
			rung delivery.Rung
			kind delivery.Kind
			t    delivery.Settlement
		}{
			{delivery.RungWindow, delivery.KindAnnouncement, accepted},
			{delivery.RungLong, delivery.KindAnnouncement, delivery.Settlement{To: delivery.Unknown, Ambiguous: true, Outcome: answer(channel.Unknown)}},
			{delivery.RungTemplate, delivery.KindReceipt, accepted},
			{delivery.RungWindow, delivery.KindReceipt, accepted},
			{delivery.RungWindow, delivery.KindAnnouncement, delivery.Settlement{To: delivery.Failed, Refusing: true, Outcome: answer(channel.Refused)}},
		} {
			d := list[i]
			d.Facts.Grants = []delivery.Grant{{Template: "L", Left: -1}}
			if x.rung == delivery.RungLong {
				s.exec("INSERT INTO grants (identity_id, template, left_count) SELECT id, 'L', -1 FROM identities WHERE external_id = ?", d.To.External)
			}
			d = s.by(d, x.rung, "L", true)
			d.Kind = x.kind
			s.settle(d, x.t, true)
		}
		b.want([]string{"1|2026-03-02|1|0", "0|2026-03-02|1|0", "0||0|0", "1||0|0", "0||0|1"}, "SELECT sent_since, contact_day, contacts, refusing FROM identities ORDER BY id")
	},
	"a receipt that came before the answer keeps the last word, and the message counts once": func(t *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungTemplate)
		d := s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true)
		s.lapse()
		s.sweep(start, bot.Swept{Ambiguous: 1})
		r := channel.Receipt{Kind: "TEMPLATESENDJOBFINISH", To: address("o0"), MessageID: "m1", Delivered: true, Status: "success", At: start}
		if err := b.s.AppendReceipts(t.Context(), start, []channel.Receipt{r}); err != nil {
			t.Fatal(err)
		}
		if joined, err := b.s.JoinReceipts(t.Context(), start, 10); joined.Delivered != 1 || err != nil {
			t.Fatal(joined, err)
		}
		s.settle(d, accepted, true)
		b.want([]string{"delivered|accepted|m1"}, "SELECT state, verdict, message_id FROM deliveries")
		s.settle(d, accepted, false)
		b.want([]string{"1"}, "SELECT contacts FROM identities")
	},
	"an ambiguous delivery never ends as one that did not arrive": func(_ *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungTemplate)
		s.ambiguous()
		for what, end := range map[string]func(){
			"skipped":  func() { s.release(s.claim("me", 1)[0], delivery.Skipped, delivery.WhyPaused, time.Time{}, true) },
			"expired":  func() { s.release(s.claim("me", 1)[0], delivery.Expired, delivery.WhyDeadline, time.Time{}, true) },
			"released": func() { s.release(s.claim("me", 1)[0], delivery.Failed, delivery.WhyPlatform, time.Time{}, true) },
			"failed": func() {
				s.settle(s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true), delivery.Settlement{To: delivery.Failed, Why: delivery.WhyPlatform, Outcome: answer(channel.Refused)}, true)
			},
			"settled as expired": func() {
				s.settle(s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true), delivery.Settlement{To: delivery.Expired, Why: delivery.WhyDeadline, Outcome: answer(channel.Unsent)}, true)
			},
			"too late": func() {
				_, err := s.s.SweepLeases(s.t.Context(), start.Add(72*time.Hour))
				if err != nil {
					s.t.Error(err)
				}
			},
			"cancelled": func() { s.act(s.id, bot.ActCancel) },
			"cancelled while claimed": func() {
				d := s.claim("me", 1)[0]
				s.act(s.id, bot.ActCancel)
				s.by(d, delivery.RungTemplate, "", false)
			},
		} {
			end()
			if got := s.rows("SELECT state, why, ambiguous FROM deliveries"); got[0] != "unknown|ambiguous|1" {
				s.t.Errorf("%s: %v", what, got)
			}
			s.states(s.id, map[delivery.State]int{delivery.Unknown: 1})
			s.exec("UPDATE deliveries SET state = 'pending', why = '', owner = '', not_before = 0")
			s.exec("UPDATE campaigns SET status = 'running'")
		}
	},
	"cancelled with calls in flight: what has not begun is not sent, what has is settled (D4)": func(_ *testing.T, b *bundle) {
		s := b.sends(1100, delivery.RungWindow)
		list := s.claim("me", 3)
		flying := s.by(list[0], delivery.RungWindow, "", true)
		s.act(s.id, bot.ActCancel)
		s.states(s.id, map[delivery.State]int{delivery.Sending: 1, delivery.Claimed: 2, delivery.Cancelled: 1097})
		if more := s.claim("you", 10); len(more) != 0 {
			s.t.Errorf("%d of a cancelled campaign are claimed", len(more))
		}
		s.by(list[1], delivery.RungWindow, "", false)
		s.release(list[2], delivery.Pending, "", time.Time{}, true) // the process stops
		s.sweep(start, bot.Swept{})
		s.states(s.id, map[delivery.State]int{delivery.Sending: 1, delivery.Cancelled: 1099})
		s.settle(flying, accepted, true)
		s.states(s.id, map[delivery.State]int{delivery.Accepted: 1, delivery.Cancelled: 1099})
		if sum := s.summary(s.id); !sum.Finished || sum.Reasons[delivery.WhyCancelled] != 1099 {
			s.t.Errorf("%+v", sum)
		}
		b.want([]string{"0"}, "SELECT COUNT(*) FROM deliveries d WHERE d.state <> (SELECT h.to_state FROM moves h WHERE h.delivery_id = d.id ORDER BY h.id DESC LIMIT 1)")
	},
	"pause and resume go on where it was (B2)": func(_ *testing.T, b *bundle) {
		s := b.sends(100, delivery.RungWindow)
		seen := map[int64]int{}
		send := func(n int) int {
			list := s.claim("me", n)
			for _, d := range list {
				s.settle(s.by(d, delivery.RungWindow, "", true), accepted, true)
				seen[d.ID]++
			}
			return len(list)
		}
		send(37)
		s.act(s.id, bot.ActPause)
		if n := send(100); n != 0 {
			s.t.Errorf("%d while it is paused", n)
		}
		s.states(s.id, map[delivery.State]int{delivery.Accepted: 37, delivery.Pending: 63})
		s.s = b.open() // every replica is a new one
		s.act(s.id, bot.ActResume)
		if n := send(100); n != 63 || len(seen) != 100 {
			s.t.Errorf("%d after it goes on, %d people in all", n, len(seen))
		}
		for id, n := range seen {
			if n != 1 {
				s.t.Errorf("delivery %d was sent %d times", id, n)
			}
		}
	},
	"campaigns share a claim, and what one leaves is for the others": func(_ *testing.T, b *bundle) {
		learners := b.bound(600)
		o := &outbox{bundle: b}
		large := b.running(announcement("large"), delivery.RungWindow, learners).ID
		small := b.running(announcement("small"), delivery.RungWindow, learners[:10]).ID
		middle := b.running(announcement("middle"), delivery.RungLong, learners[:100]).ID
		for i, want := range []map[bot.CampaignID]int{{large: 30, small: 10, middle: 20}, {large: 30, middle: 30}} {
			got := map[bot.CampaignID]int{}
			for _, d := range o.claim("me", 60) {
				got[d.Campaign]++
			}
			// The small one leaves some of its share, which is parted anew: 20 each, then 5 each.
			sum := 0
			for _, n := range got {
				sum += n
			}
			if sum != 60 || got[small] != want[small] || got[large] < want[middle] || got[middle] < want[middle] {
				b.t.Errorf("claim %d: %v", i, got)
			}
		}
		if n := len(o.claim("me", 1000)); n != 590 {
			b.t.Errorf("the rest is %d", n)
		}
	},
	"among many campaigns the urgent one is always in a claim": func(_ *testing.T, b *bundle) {
		learners := b.bound(30)
		o := &outbox{bundle: b}
		for i := range 60 {
			b.running(announcement(fmt.Sprint(i)), delivery.RungWindow, learners)
		}
		c := announcement("flood")
		c.Kind = delivery.KindUrgent
		c = b.running(c, delivery.RungWindow, learners)
		for range 5 {
			urgent := 0
			for _, d := range o.claim("me", 48) {
				urgent += map[bool]int{true: 1}[d.Campaign == c.ID]
			}
			if urgent == 0 {
				b.t.Error("a claim without the urgent campaign")
			}
		}
	},
	"of many campaigns, with several rungs each, none is forgotten": func(_ *testing.T, b *bundle) {
		learners := b.bound(4)
		o := &outbox{bundle: b}
		for i := range 60 {
			c := b.running(announcement(fmt.Sprint(i)), delivery.RungWindow, learners)
			b.exec("UPDATE deliveries SET rung = 'long' WHERE campaign_id = ? AND learner_id = ?", int64(c.ID), int64(learners[1]))
			b.exec("UPDATE deliveries SET rung = '' WHERE campaign_id = ? AND learner_id = ?", int64(c.ID), int64(learners[2]))
		}
		b.exec("UPDATE campaigns SET paused_by = 'x' WHERE id BETWEEN 10 AND 49")
		seen := map[int64]bool{}
		for range 30 { // 80 rows, 10 a claim: a claim that finds none although there are some would show
			for _, d := range o.claim("me", 10) {
				seen[d.ID] = true
			}
			if len(seen) == 80 {
				break
			}
		}
		if len(seen) != 80 || len(o.claim("me", 10)) != 0 {
			b.t.Errorf("%d of 80 were claimed", len(seen))
		}
		b.exec("UPDATE campaigns SET paused_by = ''")
		for n := 1; n > 0; {
			n = len(o.claim("me", 25))
		}
		b.want([]string{"claimed|240"}, "SELECT state, COUNT(*) FROM deliveries GROUP BY state")
	},
	"twelve thousand rows that may not go do not hide one that may (B5)": func(_ *testing.T, b *bundle) {
		learners := b.bound(1)
		for _, x := range []struct {
			key, change string
			rung        delivery.Rung
		}{
			{"paused", "UPDATE campaigns SET paused_by = 'x' WHERE request_key = 'paused'", delivery.RungWindow},
			{"cancelled", "UPDATE campaigns SET status = 'cancelled' WHERE request_key = 'cancelled'", delivery.RungWindow},
			{"mass", "UPDATE campaigns SET due_at = due_at", delivery.RungMass},
			{"tomorrow", "UPDATE deliveries SET not_before = 9000000000000 WHERE campaign_id = (SELECT id FROM campaigns WHERE request_key = 'tomorrow')", delivery.RungWindow},
		} {
			b.running(announcement(x.key), x.rung, many(3001)[1:])
			b.exec(x.change)
		}
		c := b.running(announcement("due"), delivery.RungWindow, learners)
		if list := (&outbox{bundle: b}).claim("me", 10); len(list) != 1 || list[0].Campaign != c.ID {
			b.t.Errorf("%d were claimed", len(list))
		}
	},
	"two claimers of many campaigns never share a row": func(t *testing.T, b *bundle) {
		learners := b.bound(150)
		for i := range 8 {
			b.running(announcement(fmt.Sprint(i)), delivery.RungWindow, learners)
		}
		other := b.open()
		var mutex sync.Mutex
		var group sync.WaitGroup
		owners := map[int64]string{}
		for i := range 4 {
			s, owner := []bot.Store{b.s, other}[i%2], fmt.Sprint("replica", i)
			group.Go(func() {
				for {
					list, err := s.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: owner, Limit: 70, Lease: time.Minute})
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
					all := len(owners) == 1200
					mutex.Unlock()
					if all || len(list) == 0 && b.number("SELECT COUNT(*) FROM deliveries WHERE state = 'pending'") == 0 {
						return
					}
				}
			})
		}
		group.Wait()
		if len(owners) != 1200 {
			t.Errorf("%d were claimed", len(owners))
		}
	},
	"of two messages to one phone in a group the first begins": func(_ *testing.T, b *bundle) {
		learners := b.bound(1)
		o := &outbox{bundle: b}
		b.running(announcement("a"), delivery.RungWindow, learners)
		b.running(announcement("b"), delivery.RungWindow, learners)
		group := o.claim("me", 2)
		for i := range group {
			group[i].Rung = delivery.RungWindow
		}
		begun, err := b.s.BeginSending(b.t.Context(), start, group)
		if diff := cmp.Diff([]bool{true, false}, begun); diff != "" || err != nil {
			b.t.Errorf("%v %s", err, diff)
		}
		b.want([]string{"sending", "pending"}, "SELECT state FROM deliveries ORDER BY id")
	},
	"of a group, one that lost its lease does not disturb the others": func(_ *testing.T, b *bundle) {
		s := b.sends(3, delivery.RungWindow)
		group := s.claim("me", 3)
		b.exec("UPDATE deliveries SET term = 9 WHERE id = ?", group[1].ID)
		for i := range group {
			group[i].Rung = delivery.RungWindow
		}
		begun, err := b.s.BeginSending(b.t.Context(), start, group)
		if diff := cmp.Diff([]bool{true, false, true}, begun); diff != "" || err != nil {
			b.t.Errorf("%v %s", err, diff)
		}
		var settled []bot.SettledDelivery
		for _, d := range group {
			d.State = delivery.Sending
			settled = append(settled, bot.SettledDelivery{ClaimedDelivery: d, Settlement: accepted})
		}
		ok, err := b.s.SettleDeliveries(b.t.Context(), start, settled)
		if diff := cmp.Diff([]bool{true, false, true}, ok); diff != "" || err != nil {
			b.t.Errorf("%v %s", err, diff)
		}
		b.want([]string{"accepted|1", "claimed|0", "accepted|1"}, "SELECT state, attempts FROM deliveries ORDER BY id")
	},
	"frozen in pages, killed in between and gone on: nobody missing, nobody twice (B1)": freezing,
	"what became of a campaign, and by name whom it did not reach":                      results,
	"a lesson's delivery and its reminder are two, of one day": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(3)
		b.fire("spring", startDay, delivery.RungWindow, places, learners)
		push := pushOf("spring", startDay)
		push.Kind = delivery.KindReminder
		for _, want := range []int{2, 0} {
			if n, err := b.s.FirePush(t.Context(), start, push, planned(delivery.RungWindow, places[:2], learners[:2])); n != want || err != nil {
				t.Errorf("%d reminders, %v", n, err)
			}
		}
		b.want([]string{"lesson/spring/2026-03-02|running|3", "reminder/spring/2026-03-02|running|2"},
			"SELECT m.request_key, m.status, COUNT(*) FROM campaigns m JOIN deliveries d ON d.campaign_id = m.id GROUP BY m.request_key, m.status ORDER BY m.request_key")
		list := (&outbox{bundle: b}).claim("me", 10)
		kinds := map[delivery.Kind]int{}
		for _, d := range list {
			kinds[d.Kind]++
			if d.Lesson != lessonOne {
				t.Errorf("%+v", d.Lesson)
			}
		}
		if diff := cmp.Diff(map[delivery.Kind]int{delivery.KindLesson: 3, delivery.KindReminder: 2}, kinds); diff != "" {
			t.Error(diff)
		}
		b.act(1, bot.ActCancel)
		if n, err := b.s.FirePush(t.Context(), start, pushOf("spring", startDay), planned(delivery.RungWindow, places, learners)); n != 0 || err != nil {
			t.Errorf("%d are written to a cancelled push, %v", n, err)
		}
	},
}

// dying is a store whose process dies after some commits: what it says after them is lost.
type dying struct {
	bot.Store
	left int
}

var errKilled = errors.New("killed")

func (d *dying) FreezeRecipients(ctx context.Context, now time.Time, id bot.CampaignID, page []bot.PlannedRecipient, after people.LearnerID, last bool) (int, error) {
	n, err := d.Store.FreezeRecipients(ctx, now, id, page, after, last)
	if d.left--; d.left == 0 {
		return 0, errKilled
	}
	return n, err
}

func freezing(t *testing.T, b *bundle) {
	ctx := t.Context()
	_, learners := b.crowd(230)
	c := b.create(announcement("k"))
	b.act(c.ID, bot.ActSubmit)
	deaths := 0
	for done := false; !done; {
		s := &dying{Store: b.s, left: 2 + deaths%2}
		due, err := s.CampaignsToFreeze(ctx, start)
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		after, err := s.FrozenTo(ctx, c.ID)
		for err == nil && !done {
			var page []bot.Recipient
			if page, err = s.Recipients(ctx, start, c.Scope, c.Audience, after, 25); err != nil {
				break
			}
			var ids []people.LearnerID
			for _, r := range page {
				ids = append(ids, r.Learner.ID)
				after = r.Learner.ID
			}
			if _, err = s.FreezeRecipients(ctx, start, c.ID, byRung(delivery.RungWindow, ids), after, len(page) < 25); err == nil {
				done = len(page) < 25
			}
		}
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if err != nil {
			deaths++
			if got, err := b.s.Campaign(ctx, people.Everyone(), c.ID); err == nil && got.Status == bot.CampaignRunning {
				done = true // it died after the last page
			}
		}
	}
	if deaths < 3 {
		t.Errorf("only %d deaths", deaths)
	}
	b.want([]string{"230|230"}, "SELECT COUNT(*), COUNT(DISTINCT learner_id) FROM deliveries")
	b.states(c.ID, map[delivery.State]int{delivery.Pending: 230})
	got, err := b.s.Campaign(ctx, people.Everyone(), c.ID)
	if err != nil || got.Status != bot.CampaignRunning || !got.FrozenAt.Equal(start) {
		t.Errorf("%+v, %v", got, err)
	}
	if n, err := b.s.FreezeRecipients(ctx, start, c.ID, byRung(delivery.RungWindow, learners[:5]), 0, false); n != 0 || err != nil {
		t.Errorf("a late page of another replica: %d, %v", n, err)
	}
}

func results(t *testing.T, b *bundle) {
	ctx := t.Context()
	s := b.sends(12, delivery.RungNotice)
	late := start.Add(-25 * time.Hour).UnixMilli()
	for i, x := range []string{
		"state = 'pending'", "state = 'accepted'", "state = 'accepted', rung = 'window', first_attempt_at = %d", "state = 'accepted', first_attempt_at = %d",
		"state = 'delivered', acked_at = 5", "state = 'unknown', why = 'ambiguous', ambiguous = 1", "state = 'failed', why = 'platform', reason = 'blacklisted', errcode = 43004",
		"state = 'refused', why = 'platform', reason = 'user_block'", "state = 'skipped', why = 'no_window', rung = 'pull', pulled_at = 7, acked_at = 8", "state = 'expired', why = 'deadline'",
		"state = 'cancelled', why = 'cancelled'", "state = 'sending', ambiguous = 1",
	} {
		b.exec("UPDATE deliveries SET "+strings.ReplaceAll(x, "%d", fmt.Sprint(late))+" WHERE learner_id = ?", int64(s.learners[i]))
	}
	c, err := b.s.Campaign(ctx, people.Everyone(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	want := bot.CampaignSummary{
		Campaign: c, Audience: 12, Ambiguous: 2, Silent: 1, Pulled: 1, Acked: 2, Unacked: 4,
		States: map[delivery.State]int{
			delivery.Pending: 1, delivery.Accepted: 3, delivery.Delivered: 1, delivery.Unknown: 1, delivery.Failed: 1, delivery.Refused: 1,
			delivery.Skipped: 1, delivery.Expired: 1, delivery.Cancelled: 1, delivery.Sending: 1,
		},
		Reasons: map[delivery.Why]int{delivery.WhyAmbiguous: 1, delivery.WhyPlatform: 2, delivery.WhyNoWindow: 1, delivery.WhyDeadline: 1, delivery.WhyCancelled: 1},
		Words:   map[string]int{"blacklisted": 1, "user_block": 1},
		Rungs:   map[delivery.Rung]int{delivery.RungNotice: 4, delivery.RungWindow: 1},
	}
	if diff := cmp.Diff(want, b.summary(s.id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for acks, names := range map[bool][]int{false: {5, 6, 7, 8, 9, 10}, true: {0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11}} {
		var got []int
		for after := people.LearnerID(0); ; {
			page, err := b.s.UnreachedPeople(ctx, people.Everyone(), s.id, acks, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				after = u.Learner.ID
				got = append(got, int(u.Learner.ID-s.learners[0]))
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("acks %v (-want +got):\n%s", acks, diff)
		}
	}
	page, err := b.s.UnreachedPeople(ctx, people.Everyone(), s.id, false, s.learners[5], 1)
	unreached := bot.Unreached{Learner: learner(s.learners[6], person(village1, "学员6", "AAAA")), State: delivery.Failed, Why: delivery.WhyPlatform, Word: "blacklisted", Code: 43004}
	if diff := cmp.Diff([]bot.Unreached{unreached}, page); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
