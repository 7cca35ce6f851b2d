package main

import (
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
)

// On whichever day and hour somebody tries the demo, there is a lesson at once and a push "tomorrow
// 08:00"; also before a holiday, and long after the calendar built in has ended.
func TestTheDemoHasSomethingToShowOnEveryDay(t *testing.T) {
	t.Parallel()
	calendar, err := parseCalendar(configs.Calendar)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, study.Zone)
	for hours := 0; hours < 4*366*24; hours += 7 { // to the end of 2029, at every hour of the day
		now := first.Add(time.Duration(hours) * time.Hour)
		start := demoStart(calendar, now)
		s := demoSchedule(calendar, start)
		lessons, err := study.Released(s, calendar, study.DayOf(start), study.DayOf(start), start)
		if err != nil || lessons != 1 || start.Before(now) || start.Sub(now) > 14*24*time.Hour {
			t.Fatalf("a demo of %s starts at %s with %d lessons: %v", now, start.In(study.Zone), lessons, err)
		}
		tomorrow, err := s.At(study.DayOf(start).Add(1))
		if err != nil {
			t.Fatal(err)
		}
		if due, err := study.Due(s, calendar, start, tomorrow); err != nil || len(due) != 1 {
			t.Fatalf("a demo of %s has %d pushes tomorrow: %v", now, len(due), err)
		}
	}
}
