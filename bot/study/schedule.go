package study

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// Occurrence is one release of a class: the day and its instant.
type Occurrence struct {
	Day Day
	At  time.Time // the class's hour on that day, UTC
}

// At returns the instant of the class's hour on a day, in UTC. A malformed hour or day is
// fault.Invalid.
func (s Schedule) At(day Day) (time.Time, error) {
	t, ok := day.civil()
	if !ok {
		return time.Time{}, fault.New(fault.Invalid, "schedule.day_wrong", fault.A("day", day), fault.A("last", day))
	}
	h, err := time.Parse("15:04", s.Hour)
	if err != nil || len(s.Hour) != len("08:00") {
		return time.Time{}, fault.New(fault.Invalid, "schedule.hour_wrong", fault.A("hour", s.Hour))
	}
	return time.Date(t.Year(), t.Month(), t.Day(), h.Hour(), h.Minute(), 0, 0, Zone).UTC(), nil
}

// Released counts the lessons that are released to somebody who joined on the day since: one for
// each training day from then (or the class's start) up to today, where today's own counts only
// from the class's hour on. It may exceed the number of lessons there are.
func Released(s Schedule, c Calendar, since, today Day, now time.Time) (int, error) {
	at, err := s.At(today)
	if err != nil {
		return 0, err
	}
	if now.Before(at) {
		today = today.Add(-1)
	}
	return c.training(s, since, today)
}

// maxGap is how many days without training NextTraining looks ahead: far more than the longest
// holiday, and than a class that meets once a week.
const maxGap = 120

// NextTraining returns the first release later than now for somebody who joined on the day since;
// false when the class has ended or no training day follows within four months.
func NextTraining(s Schedule, c Calendar, since Day, now time.Time) (Occurrence, bool, error) {
	day := laterDay(laterDay(DayOf(now), since), s.Start)
	for range maxGap {
		if s.End != "" && day > s.End {
			return Occurrence{}, false, nil
		}
		at, err := s.At(day)
		if err != nil {
			return Occurrence{}, false, err
		}
		ok, err := c.Training(day, s)
		if err != nil {
			return Occurrence{}, false, err
		}
		if ok && at.After(now) {
			return Occurrence{Day: day, At: at}, true, nil
		}
		day = day.Add(1)
	}
	return Occurrence{}, false, nil
}

// Due returns the releases of a class later than from and not later than to, in order. A year
// that is missing from the calendar is an error even when other years of the span are known.
func Due(s Schedule, c Calendar, from, to time.Time) ([]Occurrence, error) {
	if !to.After(from) {
		return nil, nil
	}
	day, last := laterDay(DayOf(from), s.Start), DayOf(to)
	if s.End != "" && s.End < last {
		last = s.End
	}
	var out []Occurrence
	for ; day <= last; day = day.Add(1) {
		at, err := s.At(day)
		if err != nil {
			return nil, err
		}
		ok, err := c.Training(day, s)
		if err != nil {
			return nil, err
		}
		if ok && at.After(from) && !at.After(to) {
			out = append(out, Occurrence{Day: day, At: at})
		}
	}
	return out, nil
}
