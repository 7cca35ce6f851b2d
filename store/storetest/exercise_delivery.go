package storetest

import (
	"testing"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"time"
)

func pushOf(cohort string, day study.Day) bot.Push {
	return bot.Push{Cohort: cohort, Day: day, DueAt: start, Deadline: start.Add(12 * time.Hour)}
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

var (
	pushCases      = map[string]func(*testing.T, *bundle){}
	outboxCases    = map[string]func(*testing.T, *bundle){}
	listCases      = map[string]func(*testing.T, *bundle){}
	operationCases = map[string]func(*testing.T, *bundle){}
)
