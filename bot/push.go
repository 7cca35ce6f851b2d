package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Tick fires what has become due since the last look. Restarts fire nothing twice: the watermark
// only moves forward and a day's push of a class is unique (Z1). Several replicas may tick at once.
func (s *Service) Tick(ctx context.Context) error {
	now := s.o.Now()
	from, err := s.o.Store.Watermark(ctx)
	if err != nil {
		return fmt.Errorf("reading the schedule's watermark: %w", err)
	}
	if from.IsZero() {
		// Written down before anything fires: who goes on where this breaks off must not begin later.
		from = now.Add(-s.o.Policy.Lateness)
		if err := s.o.Store.AdvanceWatermark(ctx, from); err != nil {
			return fmt.Errorf("setting the schedule's watermark: %w", err)
		}
	}
	if !from.Before(now) {
		return nil
	}
	if mistake("watermark moved first") {
		if err := s.o.Store.AdvanceWatermark(ctx, now); err != nil {
			return err
		}
	}
	cohorts, err := s.o.Store.Cohorts(ctx)
	if err != nil {
		return fmt.Errorf("reading the classes: %w", err)
	}
	for _, c := range cohorts {
		if len(c.Courses) == 0 {
			continue // a class that only meets
		}
		if err := s.tick(ctx, c, from, now); err != nil {
			return err
		}
	}
	if err := s.o.Store.AdvanceWatermark(ctx, now); err != nil {
		return fmt.Errorf("moving the schedule's watermark: %w", err)
	}
	return nil
}

// tick fires what a class's schedule has brought since from: lessons, reminders, digests.
func (s *Service) tick(ctx context.Context, c study.Cohort, from, now time.Time) error {
	lesson := func(o study.Occurrence) error { return s.fireLesson(ctx, c, o, now) }
	reminder, weekly := c.Schedule, c.Schedule
	reminder.Hour = s.o.ReminderHour
	weekly.Hour, weekly.WorkingDays, weekly.Weekdays = s.o.DigestHour, false, []time.Weekday{s.o.DigestDay}
	if c.Ordered() { // nobody is reminded of what they chose themselves
		reminder.Hour, weekly.Hour = "", ""
	}
	for _, x := range []struct {
		schedule study.Schedule
		fire     func(study.Occurrence) error
	}{
		{c.Schedule, lesson},
		{reminder, func(o study.Occurrence) error { return s.remind(ctx, c, o, now) }},
		{weekly, func(o study.Occurrence) error { return s.digest(ctx, c, o, now) }},
	} {
		if x.schedule.Hour == "" {
			continue // switched off
		}
		due, err := study.Due(x.schedule, s.o.Calendar, from, now)
		if err != nil {
			// A year missing from the calendar must not stop the other classes, and does not mend
			// itself by waiting: it is an alarm, and the operator runs `push --date` afterwards.
			s.o.Metrics.failed("calendar")
			s.o.Logger.Error("the calendar does not say whether something is due", "cohort", c.Code, "err", err)
			return nil
		}
		for _, o := range due {
			err := x.fire(o)
			if _, wrong := errors.AsType[*classError](err); wrong {
				// As above: what is wrong with one class's courses or days must not stop the others (P1).
				s.o.Metrics.failed("class")
				s.o.Logger.Error("a class cannot be planned for", "cohort", c.Code, "day", o.Day, "err", err)
				continue
			}
			if err != nil {
				return fmt.Errorf("firing class %s on %s: %w", c.Code, o.Day, err)
			}
		}
	}
	return nil
}

// Skip says why a class's push of a day did not fire. Each has a sentence under "push.".
type Skip string

// The reasons; the zero value means that it fired.
const (
	SkipNotTraining Skip = "not_training_day"
	SkipNotYet      Skip = "not_yet"
	SkipExpired     Skip = "expired"
)

// PushReport is what PushDay did, or would do, for one class.
type PushReport struct {
	Cohort  string                `json:"cohort"`
	Name    string                `json:"name"`
	Day     study.Day             `json:"day"`
	DueAt   time.Time             `json:"dueAt"`
	Skipped Skip                  `json:"skipped,omitempty"`
	Planned int                   `json:"planned"`           // people decided for by this run
	Rungs   map[delivery.Rung]int `json:"rungs"`             // of these, to be sent something, by the way
	Waiting map[delivery.Why]int  `json:"waiting"`           // of these, waiting for the pull, by reason
	Written int                   `json:"written"`           // rows written by this run: 0 when run again
	Summary *PushSummary          `json:"summary,omitempty"` // the day's truth after this run; nil for a dry run
}

// PushDay runs or re-runs the lesson push of one day for every class, or for one (cohort not "").
// It is idempotent: who has a delivery of that day keeps it. dryRun plans and writes nothing.
// A day whose hour is still to come or was missed by more than the policy's lateness does not fire.
func (s *Service) PushDay(ctx context.Context, day study.Day, cohort string, dryRun bool) ([]PushReport, error) {
	if !day.Valid() {
		return nil, fault.New(fault.Invalid, "push.bad_day", fault.A("day", day))
	}
	cohorts, err := s.o.Store.Cohorts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the classes: %w", err)
	}
	var reports []PushReport
	for _, c := range cohorts {
		if cohort != "" && c.Code != cohort || len(c.Courses) == 0 { // a class that only meets has no lessons
			continue
		}
		at, err := c.Schedule.At(day)
		if err != nil {
			return reports, err
		}
		training, err := s.o.Calendar.Training(day, c.Schedule)
		if err != nil {
			return reports, err
		}
		if !training {
			reports = append(reports, PushReport{Cohort: c.Code, Name: c.Name, Day: day, DueAt: at, Skipped: SkipNotTraining})
			continue
		}
		r, err := s.fire(ctx, c, study.Occurrence{Day: day, At: at}, s.o.Now(), dryRun)
		if err != nil {
			return reports, fmt.Errorf("pushing class %s: %w", c.Code, err)
		}
		reports = append(reports, r)
	}
	if cohort != "" && len(reports) == 0 {
		return nil, fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", cohort))
	}
	return reports, nil
}

// fire plans one day of one class and writes the deliveries, page by page.
func (s *Service) fire(ctx context.Context, c study.Cohort, o study.Occurrence, now time.Time, dryRun bool) (PushReport, error) {
	r := PushReport{Cohort: c.Code, Name: c.Name, Day: o.Day, DueAt: o.At, Rungs: map[delivery.Rung]int{}, Waiting: map[delivery.Why]int{}}
	push := s.lessonPush(c, o)
	switch {
	case now.Before(o.At):
		r.Skipped = SkipNotYet
		if !dryRun {
			return r, nil
		}
		now = o.At // the forecast for the hour itself, from today's facts
	case !now.Before(push.Deadline):
		r.Skipped = SkipExpired
		if dryRun {
			return r, nil
		}
		return s.recordMissed(ctx, r, push, now)
	}
	empty, err := s.writePush(ctx, c, push, now, &r, dryRun)
	if err != nil || dryRun {
		return r, err
	}
	if empty && c.Ordered() {
		// There may be hundreds of these classes, most of them empty: none of those gets a campaign a day.
		if done, err := s.withSummary(ctx, r); fault.CodeOf(err) != fault.NotFound {
			return done, err
		}
		return r, nil
	}
	s.o.Logger.Info("push fired", "cohort", c.Code, "day", o.Day, "planned", r.Planned, "written", r.Written)
	s.KickSending()
	return s.withSummary(ctx, r)
}

// writePush plans a push for everybody who has no delivery of it yet and writes that, page by page; empty
// says that there was nobody.
func (s *Service) writePush(ctx context.Context, c study.Cohort, push Push, now time.Time, r *PushReport, dryRun bool) (empty bool, err error) {
	for after := study.EnrolmentID(0); ; {
		page, err := s.o.Store.DueEnrolments(ctx, now, c.Code, push.Day, after, s.o.FreezePage)
		if err != nil {
			return false, fmt.Errorf("reading who is due: %w", err)
		}
		empty = after == 0 && len(page) == 0
		if empty && c.Ordered() {
			return true, nil
		}
		planned, account := make([]PlannedDelivery, 0, len(page)), s.account(ctx, now)
		for _, e := range page {
			after = e.Enrolment.ID
			p, err := s.plan(e, push, account, now)
			if err != nil {
				return false, err
			}
			r.count(p.Decision)
			planned = append(planned, p)
		}
		if !dryRun {
			written, err := s.o.Store.FirePush(ctx, now, push, planned)
			if err != nil {
				return false, fmt.Errorf("writing deliveries: %w", err)
			}
			r.Written += written
		}
		if len(page) < s.o.FreezePage {
			return empty, nil
		}
	}
}

// fireLesson is what a tick does about a class's hour. A firing that was broken off, and that nobody could go
// on with until it was too late, leaves people without a row: they get theirs, which says why.
func (s *Service) fireLesson(ctx context.Context, c study.Cohort, o study.Occurrence, now time.Time) error {
	r, err := s.fire(ctx, c, o, now, false)
	if err != nil || r.Skipped != SkipExpired || r.Summary.Push.Expired {
		return err
	}
	_, err = s.writePush(ctx, c, s.lessonPush(c, o), now, &r, false)
	return err
}

func (s *Service) lessonPush(c study.Cohort, o study.Occurrence) Push {
	return Push{Kind: delivery.KindLesson, Cohort: c.Code, Day: o.Day, DueAt: o.At, Deadline: o.At.Add(s.o.Policy.Lateness)}
}

// recordMissed writes down that the hour was missed; if the push had fired in time already, that
// stays as it is.
func (s *Service) recordMissed(ctx context.Context, r PushReport, push Push, now time.Time) (PushReport, error) {
	push.Expired = true
	if _, err := s.o.Store.FirePush(ctx, now, push, nil); err != nil {
		return r, fmt.Errorf("recording a missed push: %w", err)
	}
	return s.withSummary(ctx, r)
}

func (s *Service) withSummary(ctx context.Context, r PushReport) (PushReport, error) {
	summary, err := s.o.Store.PushSummary(ctx, r.Cohort, r.Day)
	if err != nil {
		return r, fmt.Errorf("counting the day's deliveries: %w", err)
	}
	r.Summary = &summary
	return r, nil
}

func (r *PushReport) count(d delivery.Decision) {
	r.Planned++
	if d.Rung == delivery.RungPull {
		r.Waiting[d.Why]++
		return
	}
	r.Rungs[d.Rung]++
}

// plan decides for one person: which lesson, and how.
func (s *Service) plan(e DueEnrolment, push Push, account delivery.Account, now time.Time) (PlannedDelivery, error) {
	lesson, ok, err := s.nextLesson(e.Enrolment, now)
	if err != nil {
		return PlannedDelivery{}, &classError{err}
	}
	facts := e.Facts
	facts.Due = ok
	request := delivery.Request{Kind: push.Kind, Due: push.DueAt, Deadline: push.Deadline}
	if push.Kind == delivery.KindLesson && e.Hour != "" {
		// An hour of one's own before the class's means the class's: the lesson is not there yet.
		own, err := study.Schedule{Hour: e.Hour}.At(push.Day)
		if err == nil && own.After(request.Due) {
			request.Due, request.Deadline = own, own.Add(s.o.Policy.Lateness)
		}
	}
	return PlannedDelivery{
		Enrolment: e.Enrolment.ID,
		Learner:   e.Enrolment.Learner,
		Lesson:    lesson,
		Decision:  delivery.Plan(facts, account, s.o.Policy, request, now),
		Phone:     e.Phone,
	}, nil
}

// nextLesson is the first lesson released to the enrolment and not complete.
func (s *Service) nextLesson(e conversation.Enrolment, now time.Time) (study.LessonRef, bool, error) {
	library := s.core.Load().library
	courses := make([]*content.Course, 0, len(e.Cohort.Courses))
	for _, id := range e.Cohort.Courses {
		if c := library.Current(id); c != nil {
			courses = append(courses, c)
		}
	}
	if len(courses) == 0 {
		return study.LessonRef{}, false, errNoCourse
	}
	released, err := study.Released(e.Cohort.Schedule, s.o.Calendar, e.Since, study.DayOf(now), now)
	if err != nil {
		return study.LessonRef{}, false, err
	}
	p := study.ProgressOf(courses, e.Done, released)
	if p.Next == nil || !p.Open {
		return study.LessonRef{}, false, nil
	}
	return p.Next.Ref(), true, nil
}

// A classError says what is wrong with a class itself: trying again helps nothing until somebody mends
// its courses or the calendar.
type classError struct{ cause error }

func (e *classError) Error() string { return e.cause.Error() }

func (e *classError) Unwrap() error { return e.cause }

// errNoCourse means that a class names only courses that no content file has.
var errNoCourse = errors.New("none of the class's courses is in the content folder")
