package bot_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// The daily lesson in the rehearsals: classes with the real schedule, the watermark, and what fires.

// modelClass is a class with its people.
type modelClass struct {
	study.Cohort
	first  study.EnrolmentID // its places are numbered from here on
	places []*person
}

// firing is what a campaign of the schedule knows of where it comes from.
type firing struct {
	class *modelClass
	push  bot.Push
	at    time.Time // when it was made, by the platform's clock
	by    *replica
}

var (
	// A Thursday off, and the Saturday worked for it.
	rehearsalOff, rehearsalWork = "2026-11-26", "2026-11-28"
	rehearsalCalendar, _        = study.NewCalendar(study.Year{Year: 2026, Off: []study.Day{study.Day(rehearsalOff)}, Work: []study.Day{study.Day(rehearsalWork)}})
)

// classes draws who learns what at which hour, in some of the rehearsals.
func (w *world) classes() {
	if w.draw(3) > 0 {
		return
	}
	w.reminder = ""
	if w.draw(2) == 0 {
		w.reminder = w.now().In(china).Add(time.Duration(w.draw(90)) * time.Minute).Format("15:04")
	}
	for i := range 1 + w.draw(2) {
		hour := w.now().Add([]time.Duration{time.Minute, 2 * time.Minute, 20 * time.Minute, -30 * time.Minute, -2 * time.Hour}[w.draw(5)])
		c := &modelClass{first: study.EnrolmentID(100 * (i + 1)), Cohort: study.Cohort{
			Code: fmt.Sprintf("c%d", i+1), Name: "班", Courses: []string{rehearsalLibrary.Courses()[0].ID},
			Schedule: study.Schedule{Start: "2026-11-02", Hour: hour.In(china).Format("15:04"), WorkingDays: w.draw(2) == 0},
		}}
		if !c.Schedule.WorkingDays {
			c.Schedule.Weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Sunday}
		}
		for _, p := range w.store.people {
			if w.draw(4) > 0 {
				c.places = append(c.places, p)
			}
		}
		w.store.classes = append(w.store.classes, c)
	}
	for _, p := range w.store.people {
		if w.draw(4) == 0 {
			p.hour = w.now().Add(time.Duration(w.draw(90)) * time.Minute).In(china).Format("15:04")
		}
	}
	// An old installation has a watermark; a new one looks back for as long as a push may be late.
	if w.draw(4) > 0 {
		w.store.watermark = w.now().Add(-time.Duration(w.draw(50*60)) * time.Second)
	}
	w.lookedTo, w.fresh = w.store.watermark, w.store.watermark.IsZero()
}

// hours are when a class's lessons are due after from and up to to, by arithmetic of its own.
func (c *modelClass) hours(from, to time.Time) (list []time.Time) {
	for d := from.In(china).Add(-24 * time.Hour); !d.After(to.Add(24 * time.Hour)); d = d.Add(24 * time.Hour) {
		name := d.Format(time.DateOnly)
		at, err := time.ParseInLocation("2006-01-02 15:04", name+" "+c.Schedule.Hour, china)
		if err != nil {
			panic(err)
		}
		training := slices.Contains(c.Schedule.Weekdays, d.Weekday())
		if c.Schedule.WorkingDays {
			weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
			training = name == rehearsalWork || name != rehearsalOff && !weekend
		}
		if training && at.After(from) && !at.After(to) {
			list = append(list, at)
		}
	}
	return list
}

// passToHour lets time pass until about the next hour of a class: shortly before it, shortly after, too late.
func (w *world) passToHour() {
	c := w.store.classes[w.draw(len(w.store.classes))]
	next := c.hours(w.now().Add(time.Minute), w.now().Add(5*24*time.Hour))
	if len(next) == 0 {
		return
	}
	w.met["another day"]++
	w.pass(next[0].Add([]time.Duration{-30 * time.Second, -time.Second, 0, 10 * time.Second, 40 * time.Minute, 2 * time.Hour}[w.draw(6)]).Sub(w.now()))
}

func (s *modelStore) Watermark(ctx context.Context) (at time.Time, err error) {
	err = s.w.tx(ctx, "watermark", func() {
		at = s.watermark
		if s.w.planted == "watermark moved on reading" {
			s.watermark = s.w.now()
		}
	})
	return at, err
}

func (s *modelStore) AdvanceWatermark(ctx context.Context, to time.Time) error {
	return s.w.tx(ctx, "move the watermark", func() {
		// A new installation looks back from when it looks first; two replicas may both be the first.
		if first := s.w.now().Sub(to) > rehearsalPolicy.Lateness/2; s.w.fresh && first && to.After(s.w.lookedTo) {
			s.w.lookedTo = to
		}
		if to.After(s.watermark) {
			s.watermark = to
		}
	})
}

func (s *modelStore) Cohorts(ctx context.Context) (list []study.Cohort, err error) {
	err = s.w.tx(ctx, "classes", func() {
		list = nil
		for _, c := range s.classes {
			list = append(list, c.Cohort)
		}
	})
	return list, err
}

func (s *modelStore) class(code string) *modelClass {
	return s.classes[slices.IndexFunc(s.classes, func(c *modelClass) bool { return c.Code == code })]
}

// fired finds a day's campaign of a class, nil for none.
func (s *modelStore) fired(kind delivery.Kind, class string, day study.Day) *modelCampaign {
	for _, c := range s.campaigns {
		if f := c.fired; f != nil && c.Kind == kind && f.class.Code == class && f.push.Day == day {
			return c
		}
	}
	return nil
}

func (s *modelStore) DueEnrolments(ctx context.Context, now time.Time, class string, day study.Day, after study.EnrolmentID, limit int) ([]bot.DueEnrolment, error) {
	return s.places(ctx, now, class, after, limit, func(p *person) bool {
		c := s.fired(delivery.KindLesson, class, day)
		return c == nil || !c.has(p.id) && s.w.planted != "broken off firing is the end" || s.w.planted == "fired twice after a restart"
	})
}

func (s *modelStore) BegunEnrolments(ctx context.Context, now time.Time, class string, day study.Day, after study.EnrolmentID, limit int) ([]bot.DueEnrolment, error) {
	return s.places(ctx, now, class, after, limit, func(p *person) bool { return p.opened == string(day) })
}

func (s *modelStore) places(ctx context.Context, now time.Time, class string, after study.EnrolmentID, limit int, wanted func(*person) bool) (list []bot.DueEnrolment, err error) {
	err = s.w.tx(ctx, "who is due", func() {
		list = nil
		c := s.class(class)
		for i, p := range c.places {
			id := c.first + study.EnrolmentID(i)
			if id <= after || len(list) == limit || !wanted(p) {
				continue
			}
			e := study.Enrolment{ID: id, Learner: p.id, Cohort: c.Cohort, Status: study.Active, Since: "2026-11-02"}
			list = append(list, bot.DueEnrolment{Enrolment: conversation.Enrolment{Enrolment: e}, Facts: p.facts(nil, now), Phone: conversation.IdentityID(p.id), Hour: p.hour})
		}
	})
	return list, err
}

// has reports whether somebody is in a campaign's audience.
func (c *modelCampaign) has(l people.LearnerID) bool {
	return slices.ContainsFunc(c.rows, func(d *modelDelivery) bool { return d.Learner.ID == l })
}

func (s *modelStore) FirePush(ctx context.Context, now time.Time, push bot.Push, planned []bot.PlannedDelivery) (written int, err error) {
	err = s.w.tx(ctx, "fire", func() {
		written = 0
		c := s.firing(ctx, now, push)
		if c.Status == bot.CampaignCancelled {
			return
		}
		if len(planned) > 0 && len(c.rows) > 0 {
			s.w.met["second page fired"]++
		}
		for _, p := range planned {
			if c.has(p.Learner) {
				continue
			}
			s.add(c, bot.PlannedRecipient{Learner: p.Learner, Phone: p.Phone, Decision: p.Decision})
			d := c.rows[len(c.rows)-1]
			d.Lesson = p.Lesson
			if p.Decision.NotAfter.After(d.Deadline) {
				d.Deadline = p.Decision.NotAfter
			}
			written++
		}
	})
	return written, err
}

// firing finds or makes the campaign of a day.
func (s *modelStore) firing(ctx context.Context, now time.Time, push bot.Push) *modelCampaign {
	by := ctx.Value(actorKey{}).(*actor).of
	if s.w.planted == "a class's hour in its zone" {
		push.Day = study.Day(push.DueAt.In(by.zone).Format(time.DateOnly))
	}
	c := s.fired(push.Kind, push.Cohort, push.Day)
	if c != nil && (s.w.planted != "fired twice after a restart" || c.fired.by == by) {
		return c
	}
	c = &modelCampaign{Campaign: bot.Campaign{
		ID: bot.CampaignID(len(s.campaigns) + 1), Kind: push.Kind, Status: bot.CampaignRunning, Scope: people.Everyone(), DueAt: push.DueAt, Deadline: push.Deadline, FrozenAt: now,
	}, fired: &firing{class: s.class(push.Cohort), push: push, at: s.w.now(), by: by}}
	s.w.met["fired "+string(push.Kind)]++
	if push.Expired {
		c.Status = bot.CampaignExpired
		s.w.met["fired too late"]++
	}
	s.campaigns = append(s.campaigns, c)
	s.w.trace("campaign %d: %s of class %s on %s, due %v, %s", c.ID, c.Kind, push.Cohort, push.Day, push.DueAt.In(china), c.Status)
	return c
}

func (s *modelStore) PushSummary(ctx context.Context, class string, day study.Day) (sum bot.PushSummary, err error) {
	err = s.w.tx(ctx, "summary", func() {
		c := s.fired(delivery.KindLesson, class, day)
		if c == nil {
			err = fault.New(fault.NotFound, "push.not_fired", fault.A("day", day))
			return
		}
		sum = bot.PushSummary{Push: c.fired.push, Audience: len(c.rows)}
	})
	return sum, err
}

// checkSchedule looks at what has fired: once for each hour of a class, never before it, with everybody
// (Z1, D1). What has not fired is missed only when nobody can be about to fire it.
func (w *world) checkSchedule(rest bool) {
	fired := map[string]int{}
	for _, c := range w.store.campaigns {
		f := c.fired
		if f == nil || c.Kind != delivery.KindLesson {
			continue
		}
		key := f.class.Code + " on " + string(f.push.Day)
		if fired[key]++; fired[key] > 1 {
			w.breaks("Z1", "class %s fired %d times", key, fired[key])
		}
		due := f.class.hours(f.push.DueAt.Add(-time.Second), f.push.DueAt)
		late := f.at.Sub(f.push.DueAt)
		switch {
		case len(due) != 1 || day(due[0]) != string(f.push.Day):
			w.breaks("Z1", "class %s fired, and had nothing due at %v", key, f.push.DueAt.In(china))
		case late < -w.slackOf(f.by):
			w.breaks("Z1", "class %s fired %v before its hour", key, -late)
		case c.Status == bot.CampaignExpired && late < rehearsalPolicy.Lateness-w.slackOf(f.by):
			w.breaks("Z1", "class %s was called too late after %v", key, late)
		}
		for _, d := range c.rows {
			if !slices.Contains(f.class.places, d.who) {
				w.breaks("D1", "%s is of a push to others", d)
			}
		}
		// What somebody fired by hand is theirs to go on with.
		bySchedule := !w.lookedTo.IsZero() && f.push.DueAt.After(w.lookedTo)
		if rest && bySchedule && c.Status == bot.CampaignRunning && len(c.rows) != len(f.class.places) {
			w.breaks("D1", "class %s: %d of %d people have a row", key, len(c.rows), len(f.class.places))
		}
	}
	if !rest || w.lookedTo.IsZero() {
		return
	}
	for _, c := range w.store.classes {
		for _, at := range c.hours(w.lookedTo, w.now().Add(-30*time.Second)) {
			if fired[c.Code+" on "+day(at)] == 0 {
				w.breaks("Z1", "class %s did not fire on %s at %s", c.Code, day(at), c.Schedule.Hour)
			}
		}
	}
}
