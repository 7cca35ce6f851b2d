package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

func pushOf(cohort string, day study.Day) bot.Push {
	return bot.Push{Kind: delivery.KindLesson, Cohort: cohort, Day: day, DueAt: start, Deadline: start.Add(12 * time.Hour)}
}

// planned decides the same for everybody.
func planned(rung delivery.Rung, places []study.EnrolmentID, learners []people.LearnerID) []bot.PlannedDelivery {
	list := make([]bot.PlannedDelivery, len(places))
	for i := range places {
		d := delivery.Decision{Rung: rung, NotBefore: start, NotAfter: start.Add(12 * time.Hour)}
		if rung != delivery.RungWindow {
			d.Why = delivery.WhyNoWindow
		}
		list[i] = bot.PlannedDelivery{Enrolment: places[i], Learner: learners[i], Lesson: lessonOne, Decision: d}
	}
	return list
}

// fire writes a push to everybody.
func (b *bundle) fire(cohort string, day study.Day, rung delivery.Rung, places []study.EnrolmentID, learners []people.LearnerID) {
	b.t.Helper()
	n, err := b.s.FirePush(b.t.Context(), start, pushOf(cohort, day), planned(rung, places, learners))
	if err != nil || n != len(places) {
		b.t.Fatalf("FirePush: %d, %v", n, err)
	}
}

// crowd puts n people into the class spring.
func (b *bundle) crowd(n int) ([]study.EnrolmentID, []people.LearnerID) {
	b.t.Helper()
	rows := make([]people.RosterRow, n)
	for i := range rows {
		rows[i] = person(village1, fmt.Sprint("学员", i), "AAAA")
	}
	b.enrolled("spring")
	if _, err := b.s.ApplyRoster(b.t.Context(), start, "tester", rows, "spring"); err != nil {
		b.t.Fatal(err)
	}
	places, learners := make([]study.EnrolmentID, 0, n), make([]people.LearnerID, 0, n)
	var place, learner int64
	for _, r := range b.rows("SELECT id, learner_id FROM enrolments ORDER BY id") {
		if _, err := fmt.Sscanf(r, "%d|%d", &place, &learner); err != nil {
			b.t.Fatal(err)
		}
		places, learners = append(places, study.EnrolmentID(place)), append(learners, people.LearnerID(learner))
	}
	return places, learners
}

var pushCases = map[string]func(*testing.T, *bundle){
	"who is due: active, without a delivery of the day, by pages": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		places, learners := b.crowd(25)
		b.exec("UPDATE enrolments SET status = 'paused' WHERE id = ?", int64(places[3]))
		b.exec("UPDATE enrolments SET status = 'completed' WHERE id = ?", int64(places[4]))
		b.done(start, typed("1", "o1"), conversationBind(learners[0]), conversation.CompleteLesson{Enrolment: places[0], Learner: learners[0], Lesson: lessonOne, Score: 70, Hours: 25, Rule: "r"})
		b.exec("UPDATE identities SET sent_since = 2, tap_at = 7000")
		b.fire("spring", startDay, delivery.RungPull, places[20:], learners[20:])
		var got []study.EnrolmentID
		for after := study.EnrolmentID(0); ; {
			page, err := b.s.DueEnrolments(ctx, start, "spring", startDay, after, 7)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			if after == 0 {
				want := bot.DueEnrolment{
					Enrolment: conversation.Enrolment{
						Enrolment: study.Enrolment{ID: places[0], Learner: learners[0], Cohort: class("spring", courseOne.ID), Status: study.Active, Since: startDay},
						Done:      []study.Done{{Course: "rules", Lesson: "l1", Score: 70, At: start}},
					},
					Facts: delivery.Facts{Bound: true, Following: true, TypedAt: start, TapAt: time.UnixMilli(7000).UTC(), SentSince: 2},
					Phone: b.phone("o1"),
				}
				if diff := cmp.Diff(want, page[0]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(delivery.Facts{}, page[1].Facts); diff != "" {
					t.Errorf("facts of somebody without a phone: %s", diff)
				}
			}
			for _, d := range page {
				got = append(got, d.Enrolment.ID)
				after = d.Enrolment.ID
			}
		}
		if diff := cmp.Diff(append(slices.Clone(places[:3]), places[5:20]...), got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if page, err := b.s.DueEnrolments(ctx, start, "spring", "2026-03-06", 0, 100); len(page) != 23 || err != nil {
			t.Errorf("another day: %d, %v", len(page), err)
		}
		if page, err := b.s.DueEnrolments(ctx, start, "nowhere", startDay, 0, 100); len(page) != 0 || err != nil {
			t.Errorf("no class: %d, %v", len(page), err)
		}
	},
	"of several phones the one that follows and wrote last is taken": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(1)
		for i, o := range []string{"o1", "o2", "o3"} {
			in := typed("hello "+o, o)
			in.At = start.Add(time.Duration(i) * time.Hour)
			b.done(start, in)
		}
		b.exec("INSERT INTO profiles (identity_id, learner_id, helper_id) SELECT id, ?, 999 FROM identities", int64(learners[0]))
		b.exec("UPDATE identities SET following = 0 WHERE external_id = 'o3'")
		b.fire("spring", startDay, delivery.RungWindow, places, learners)
		list, err := b.s.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: "me", Limit: 10, Lease: time.Minute})
		if err != nil || len(list) != 1 || list[0].To != address("o2") || !list[0].Facts.TypedAt.Equal(start.Add(time.Hour)) {
			t.Errorf("%+v, %v", list, err)
		}
	},
	"firing again changes nothing, from two replicas too": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		places, learners := b.crowd(300)
		push := pushOf("spring", startDay)
		all := planned(delivery.RungWindow, places, learners)
		other := b.open()
		var mutex sync.Mutex
		var group sync.WaitGroup
		total := 0
		for i := range 6 {
			s := []bot.Store{b.s, other}[i%2]
			group.Go(func() {
				for from := 0; from < len(all); from += 100 {
					n, err := s.FirePush(ctx, start, push, all[from:from+100])
					if err != nil {
						t.Error(err)
					}
					mutex.Lock()
					total += n
					mutex.Unlock()
				}
			})
		}
		group.Wait()
		if total != 300 {
			t.Errorf("%d deliveries were counted as written", total)
		}
		pull := planned(delivery.RungPull, places, learners)
		if n, err := b.s.FirePush(ctx, start.Add(time.Hour), push, pull); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		b.want([]string{"300|300"}, "SELECT COUNT(*), COUNT(DISTINCT enrolment_id) FROM deliveries")
		b.want([]string{fmt.Sprint("lesson|", startDay, "|", start.UnixMilli())}, "SELECT kind, day, created_at FROM campaigns")
	},
	"the summary adds up to the audience (D1)": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		_, err := b.s.PushSummary(ctx, "spring", startDay)
		wantFault(t, err, "not_found", "push.not_fired")
		places, learners := b.crowd(12)
		push := pushOf("spring", startDay)
		list := append(planned(delivery.RungWindow, places[:8], learners[:8]), planned(delivery.RungPull, places[8:], learners[8:])...)
		list[11].Decision.Why = delivery.WhyPaused
		if n, err := b.s.FirePush(ctx, start, push, list); n != 12 || err != nil {
			t.Fatal(n, err)
		}
		states := []delivery.State{delivery.Claimed, delivery.Sending, delivery.Accepted, delivery.Delivered, delivery.Unknown, delivery.Cancelled, delivery.Expired}
		for i, st := range states {
			b.exec("UPDATE deliveries SET state = ? WHERE enrolment_id = ?", string(st), int64(places[i]))
		}
		b.done(start, typed("1", "o1"), conversationBind(learners[9]), conversation.Open{Enrolment: places[9], Learner: learners[9], Lesson: lessonOne, Day: startDay})
		got, err := b.s.PushSummary(ctx, "spring", startDay)
		want := bot.PushSummary{
			Push: push, Audience: 12, Pulled: 1,
			States:  map[delivery.State]int{delivery.Pending: 1, delivery.Skipped: 4},
			Reasons: map[delivery.Why]int{delivery.WhyNoWindow: 3, delivery.WhyPaused: 1},
		}
		for _, st := range states {
			want.States[st] = 1
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	},
	"an hour that was missed is kept as expired": func(t *testing.T, b *bundle) {
		b.crowd(1)
		push := pushOf("spring", startDay)
		push.Expired = true
		if n, err := b.s.FirePush(t.Context(), start, push, nil); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		got, err := b.s.PushSummary(t.Context(), "spring", startDay)
		if diff := cmp.Diff(bot.PushSummary{Push: push}, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	},
}
