package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/study"
)

// reads lets the person at phone i read the campaign in the chat.
func (s *sends) reads(i int, id bot.CampaignID) {
	s.t.Helper()
	s.done(start, typed(fmt.Sprint("read ", i, " ", s.number("SELECT COUNT(*) FROM inbox")), fmt.Sprint("o", i)),
		conversation.ReadNotices{Learner: s.learners[i], Campaigns: []int64{int64(id)}})
}

// pulledRows are the states of the deliveries by person, with the reason and whether they were read.
const pulledRows = "SELECT state, why, owner, batch_id, CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END FROM deliveries ORDER BY campaign_id, learner_id"

var pullCases = map[string]func(*testing.T, *bundle){
	"what is read in the chat while it waits is not sent": func(t *testing.T, b *bundle) {
		s := b.sends(3, delivery.RungWindow)
		s.reads(0, s.id)
		b.want([]string{"skipped|pulled||0|1", "pending|||0|0", "pending|||0|0"}, pulledRows)
		b.want([]string{"pending|skipped|pulled||0|0|0"}, movements)
		list := s.claim("me", 10)
		if len(list) != 2 || list[0].Learner.ID != s.learners[1] {
			t.Fatalf("claimed: %+v", list)
		}
		s.reads(1, s.id) // while a dispatcher holds it
		s.begin(list[0], false)
		sending := s.begin(list[1], true)
		s.reads(2, s.id) // while it is on the wire: the row stays the dispatcher's
		b.want([]string{"skipped|pulled||0|1", "skipped|pulled||0|1", "sending||me|0|1"}, pulledRows)
		s.settle(sending, accepted, true)
		if list := s.claim("me", 10); len(list) != 0 {
			t.Errorf("claimed after all: %+v", list)
		}
		sum := b.summary(s.id)
		if sum.Audience != 3 || sum.Pulled != 2 || sum.Reasons[delivery.WhyPulled] != 2 || sum.States[delivery.Skipped] != 2 || sum.States[delivery.Accepted] != 1 {
			t.Errorf("the summary: %+v", sum)
		}
	},
	"a lesson that is opened in the chat while its push waits is not pushed": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(4)
		b.fire("spring", startDay, delivery.RungWindow, places, learners)
		for i, l := range learners {
			b.done(start, typed(fmt.Sprint("bind ", i), fmt.Sprint("o", i)), conversation.Bind{Learner: l})
		}
		opens := func(i int, ref study.LessonRef) {
			b.done(start, typed(fmt.Sprint("open ", i, ref.Lesson), fmt.Sprint("o", i)), conversation.Open{Enrolment: places[i], Learner: learners[i], Lesson: ref, Day: startDay})
		}
		opens(0, lessonOne)
		other := lessonOne
		other.Lesson = "l2"
		opens(1, other) // another lesson: its own push still comes
		list, err := b.s.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: "me", Limit: 10, Lease: time.Minute})
		if err != nil || len(list) != 3 {
			t.Fatalf("%d claimed, %v", len(list), err)
		}
		opens(2, lessonOne) // while a dispatcher holds it
		b.want([]string{"skipped|pulled||0|1", "pending|||0|0", "skipped|pulled||0|1", "pending|||0|0"},
			"SELECT CASE WHEN state = 'claimed' THEN 'pending' ELSE state END, why, '', batch_id, CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END FROM deliveries ORDER BY learner_id")
		if sum, err := b.s.PushSummary(t.Context(), "spring", startDay); err != nil || sum.Pulled != 2 {
			t.Errorf("%+v, %v", sum, err)
		}
	},
	"a reminder that waits is not sent to who has completed the lesson": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(3)
		planned := make([]bot.PlannedDelivery, len(places))
		for i, l := range learners {
			b.done(start, typed(fmt.Sprint("bind ", i), fmt.Sprint("o", i)), conversation.Bind{Learner: l})
			planned[i] = bot.PlannedDelivery{Enrolment: places[i], Learner: l, Lesson: lessonOne, Decision: delivery.Decision{Rung: delivery.RungWindow}}
		}
		push := bot.Push{Kind: delivery.KindReminder, Cohort: "spring", Day: startDay, DueAt: start, Deadline: start.Add(time.Hour)}
		if n, err := b.s.FirePush(t.Context(), start, push, planned); err != nil || n != 3 {
			t.Fatalf("%d reminders, %v", n, err)
		}
		completes := func(i int, lesson string) {
			ref := lessonOne
			ref.Lesson = lesson
			b.done(start, typed(fmt.Sprint("done ", i), fmt.Sprint("o", i)), conversation.CompleteLesson{Enrolment: places[i], Learner: learners[i], Lesson: ref})
		}
		completes(0, lessonOne.Lesson)
		completes(1, "l2") // another lesson: the reminder is still true
		if list, err := b.s.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: "me", Limit: 10, Lease: time.Minute}); err != nil || len(list) != 2 {
			t.Fatalf("%d claimed, %v", len(list), err)
		}
		completes(2, lessonOne.Lesson) // while a dispatcher holds it
		b.want([]string{"skipped|nothing_due|", "claimed||me", "skipped|nothing_due|"}, "SELECT state, why, owner FROM deliveries ORDER BY learner_id")
	},
	"a reminder that waits is not sent to who has acknowledged": func(_ *testing.T, b *bundle) {
		s := b.sends(2, delivery.RungWindow)
		for _, d := range s.claim("me", 10) {
			s.settle(s.begin(d, true), accepted, true)
		}
		r := announcement("r")
		r.Kind, r.Of = delivery.KindReminder, s.id
		id := b.running(r, delivery.RungWindow, s.learners).ID
		b.done(start, typed("ack", "o0"), conversation.Acknowledge{Learner: s.learners[0], Campaign: int64(s.id)})
		b.want([]string{"accepted|||0|0", "accepted|||0|0", "skipped|acked||0|0", "pending|||0|0"}, "SELECT state, why, '', batch_id, CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END FROM deliveries ORDER BY campaign_id, learner_id")
		b.states(id, map[delivery.State]int{delivery.Skipped: 1, delivery.Pending: 1})
	},
	"what may have arrived stays unknown when it is read": func(_ *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungTemplate)
		s.ambiguous()
		s.reads(0, s.id)
		b.want([]string{"unknown|ambiguous||0|1"}, pulledRows)
	},
	"who reads it leaves the mass send that was mustered": func(t *testing.T, b *bundle) {
		m := b.mass(4)
		x := m.batch(start, 10)
		m.reads(3, m.id)
		m.begin(start, x, false)
		b.want([]string{"pending|||0|0", "pending|||0|0", "pending|||0|0", "skipped|pulled||0|1"}, pulledRows)
		again := m.batch(start.Add(10*time.Second), 10)
		if again == nil || len(again.To) != 3 {
			t.Fatalf("the next one: %+v", again)
		}
		m.begin(start.Add(10*time.Second), again, true)
		m.settle(start.Add(10*time.Second), again, channel.Outcome{Verdict: channel.Unknown}, true)
		m.reads(0, m.id)
		x = m.batch(start.Add(2*time.Minute), 10)
		if x == nil || len(x.To) != 2 {
			t.Errorf("the repeat names those who have not read it: %+v", x)
		}
		b.want([]string{"unknown|ambiguous||0|1"}, "SELECT state, why, owner, batch_id, CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END FROM deliveries WHERE learner_id = ?", int64(m.learners[0]))
	},
	"a pull and a dispatcher at the same time: sent or read, never both from waiting": func(t *testing.T, b *bundle) {
		const n = 24
		s := b.sends(n, delivery.RungWindow)
		other := b.open()
		var group sync.WaitGroup
		began := make(map[int64]bool)
		group.Go(func() {
			for range n {
				list, err := other.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: "other", Limit: 4, Lease: time.Minute})
				if err != nil {
					t.Errorf("claiming: %v", err)
					return
				}
				for i := range list {
					list[i].Rung = delivery.RungWindow
				}
				ok, err := other.BeginSending(t.Context(), start, list)
				if err != nil {
					t.Errorf("beginning: %v", err)
					return
				}
				for i, d := range list {
					if ok[i] {
						began[d.ID] = true
					}
				}
			}
		})
		for i := range n {
			s.reads(n-1-i, s.id)
		}
		group.Wait()
		sending := 0
		for _, row := range b.rows("SELECT id, state, why FROM deliveries ORDER BY id") {
			var id int64
			var state string
			if _, err := fmt.Sscanf(row, "%d|%s", &id, &state); err != nil {
				t.Fatal(err)
			}
			switch {
			case began[id] && state == "sending|":
				sending++
			case !began[id] && state == "skipped|pulled":
			default:
				t.Errorf("delivery %d is %s, begun %v", id, state, began[id])
			}
		}
		b.want([]string{fmt.Sprint(n)}, "SELECT COUNT(*) FROM deliveries WHERE pulled_at > 0")
		if sum := b.summary(s.id); sum.Audience != n || sum.States[delivery.Sending] != sending || sum.States[delivery.Skipped] != n-sending {
			t.Errorf("the summary: %+v", sum.States)
		}
	},
}
