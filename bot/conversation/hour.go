package conversation

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// setHour notes at what time of the day the learner wants to be sent lessons. The hour of the class
// stays the earliest: before it there is no lesson to send.
func (t *turn) setHour() {
	w := t.wish
	until := t.quietFrom
	if until <= t.quietUntil { // no quiet hours, or some that begin after midnight
		until = 24 * time.Hour
	}
	args := []fault.Arg{fault.A("hour", w.hour), fault.A("from", clockOf(t.quietUntil)), fault.A("until", clockOf(until))}
	switch {
	case w.hour == "" && w.doubt == HourSeveral:
		t.askHour("help.hour_several", args)
	case w.hour == "":
		t.askHour("help.hour_ask", args)
	case w.doubt == HourMeant && !t.disturbs(w.hour):
		t.askHour("help.hour_meant", args)
	case t.disturbs(w.hour):
		t.askHour("help.hour_outside", args)
	default:
		t.s.Mode = t.resting()
		t.emit(SetHour{Learner: t.f.Identity.Learner, Hour: w.hour})
		if class, later := t.laterClass(w.hour); later != "" {
			t.say("help.hour_class", append(args, fault.A("class", class), fault.A("later", later))...)
		} else {
			t.say("help.hour_set", args...)
		}
		t.sayPaused()
		t.remind()
	}
}

func (t *turn) askHour(key string, args []fault.Arg) {
	t.s.Mode = ModeHour
	t.say(key, args...)
}

// disturbs reports a time of the day inside the quiet hours.
func (t *turn) disturbs(hour string) bool {
	midnight := time.Date(2026, 1, 1, 0, 0, 0, 0, study.Zone) // any day: the zone has no summer time
	_, quiet := t.quiet(midnight.Add(minutesOf(hour)))
	return quiet
}

// laterClass is the class whose lessons come later than hour, the latest of them.
func (t *turn) laterClass(hour string) (class, later string) {
	for _, e := range t.f.Enrolments {
		if at := e.Cohort.Schedule.Hour; e.Status == study.Active && minutesOf(at) > minutesOf(hour) && minutesOf(at) > minutesOf(later) {
			class, later = e.Cohort.Name, at
		}
	}
	return class, later
}

// sayPaused adds that pushes are off, where they are.
func (t *turn) sayPaused() {
	if t.f.Learner != nil && t.f.Learner.Push != people.PushOn {
		t.say("help.hour_paused")
	}
}

// dropHour goes back to the hour of the class.
func (t *turn) dropHour() {
	t.emit(SetHour{Learner: t.f.Identity.Learner})
	t.say("help.hour_default")
	t.remind()
}
