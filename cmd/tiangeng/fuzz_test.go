package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
)

// What is read of a class file is a class that works: its hour can be reached, its code is its own.
func FuzzParseCohorts(f *testing.F) {
	f.Add([]byte("cohorts:\n  - {code: c-1, name: 班, courses: [a, b], start: \"2026-12-01\", end: \"2027-01-31\", hour: \"08:00\", days: workdays}\n"))
	f.Add([]byte("cohorts:\n  - {code: c-1, name: 班, courses: [a], start: \"2026-12-01\", hour: \"8:00\", days: [mon, Fri]}\n"))
	f.Add([]byte("cohorts: [{code: a}, {code: a}]\n---\ncohorts: []\n"))
	f.Add([]byte("cohorts: {days: [[mon]]}"))
	f.Add([]byte(""))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseCohorts(data)
		if err != nil {
			return
		}
		codes := map[string]bool{}
		for _, c := range list {
			if codes[c.Code] || !cohortCode.MatchString(c.Code) || strings.TrimSpace(c.Name) == "" || len(c.Courses) == 0 {
				t.Errorf("accepted: %+v", c)
			}
			codes[c.Code] = true
			s := c.Schedule
			if at, err := s.At(s.Start); err != nil || study.DayOf(at) != s.Start {
				t.Errorf("class %s: its hour %q on %s is %v, %v", c.Code, s.Hour, s.Start, at, err)
			}
			if s.End != "" && (!s.End.Valid() || s.End < s.Start) {
				t.Errorf("class %s ends on %q before it starts", c.Code, s.End)
			}
			if s.WorkingDays == (len(s.Weekdays) > 0) {
				t.Errorf("class %s: working days %v and weekdays %v", c.Code, s.WorkingDays, s.Weekdays)
			}
		}
		if len(list) == 0 {
			t.Error("a file without a class was accepted")
		}
	})
}

// What is read of a survey file and passes its check can be asked: every question has its answers, and none is
// anonymous by oversight.
func FuzzParseSurveys(f *testing.F) {
	f.Add([]byte(anonymousSurvey))
	f.Add([]byte("surveys:\n  - {code: a, title: 问卷, anonymous: false, opens: 2026-12-01, closes: 2026-12-02, unit: \"53\", questions: [{id: a, kind: scale, text: x, low: a, high: b}]}\n"))
	f.Add([]byte("surveys: [{anonymous: true, unit: \"530000000000\", by: county}]"))
	f.Add([]byte("surveys: [{}]\n---\nsurveys: []"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseSurveys(data)
		if err != nil {
			return
		}
		for _, s := range list {
			if s.Check() != nil {
				continue
			}
			if !s.IsOpen(s.Opens) || !s.IsOpen(s.Closes) || s.IsOpen(s.Opens.Add(-1)) || s.IsOpen(s.Closes.Add(1)) {
				t.Errorf("%s to %s", s.Opens, s.Closes)
			}
			for _, q := range s.Questions {
				if _, skip, ok := q.ReadReply("跳过"); q.Optional != (skip && ok) && q.Kind != study.QuestionText {
					t.Errorf("%+v: skipped %v", q, skip)
				}
				if r, _, ok := q.ReadReply("1"); !ok || r.Choice != 1 && r.Words != "1" {
					t.Errorf("%+v: 1 is %+v", q, r)
				}
			}
		}
		if len(list) == 0 {
			t.Error("a file without a survey was accepted")
		}
	})
}

// Whatever is in the file, each day that it lists lies in the year it stands under, and the
// calendar that is made of it knows exactly those years.
func FuzzParseCalendar(f *testing.F) {
	f.Add([]byte("years:\n  - year: 2028 # leap\n    source: x\n    off: [2028-02-29, 2028-10-01..2028-10-08]\n    work: [2028-10-14]\n    provisional: true\n"))
	f.Add([]byte("years: [{year: 2027, off: [2026-12-31..2027-01-02]}]"))
	f.Add([]byte("years: [{year: 0}, {year: -1}, {year: 99999}]"))
	f.Add([]byte("years:\n---\nyears:"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var file calendarFile
		if decodeYAML(data, &file) != nil {
			return
		}
		for _, y := range file.Years {
			for _, list := range [][]string{y.Off, y.Work} {
				days, err := daysOf(y.Year, list)
				if err != nil {
					continue
				}
				for _, d := range days {
					if at, err := time.Parse(time.DateOnly, string(d)); err != nil || at.Year() != y.Year {
						t.Errorf("%s stands under %d", d, y.Year)
					}
				}
			}
		}
		calendar, err := parseCalendar(data)
		if err != nil {
			return
		}
		for _, y := range file.Years {
			known, provisional := calendar.Knows(y.Year)
			if !known || provisional != y.Provisional {
				t.Errorf("year %d: known %v, provisional %v", y.Year, known, provisional)
			}
			if y.Year < 2000 || y.Year > 2999 {
				t.Errorf("there is no year %d", y.Year)
			}
			for _, d := range y.Off {
				single := study.Day(strings.TrimSpace(d))
				s := study.Schedule{Start: single, Hour: "08:00", WorkingDays: true}
				if training, err := calendar.Training(single, s); single.Valid() && (training || err != nil) {
					t.Errorf("%s is off and a training day (%v)", single, err)
				}
			}
		}
	})
}

// The holidays that come with the program: the seams of the year 2026, by hand.
func TestTheCalendarBuiltIn(t *testing.T) {
	t.Parallel()
	calendar, err := parseCalendar(configs.Calendar)
	if err != nil {
		t.Fatal(err)
	}
	want := map[study.Day]bool{
		"2026-01-01": false, "2026-01-04": true, "2026-02-14": true, "2026-02-17": false, "2026-02-28": true,
		"2026-10-01": false, "2026-10-10": true, "2026-11-28": false, "2026-11-30": true,
	}
	got := map[study.Day]bool{}
	for d := range want {
		if got[d], err = calendar.Training(d, study.Schedule{Start: "2026-01-01", Hour: "08:00", WorkingDays: true}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestACalendarThatIsNotRightIsRefused(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		"years: [{year: 2027, off: [2026-12-31..2027-01-02]}]":           "not in the year 2027",
		"years: [{year: 2027, off: [Monday]}]":                           "is not a day",
		"years: [{year: 2027, off: [2027-02-03..2027-02-01]}]":           "is not a span",
		"years: [{year: 2027, of: []}]":                                  "there is no key of",
		"years: [{year: 2027}]\n---\nyears: [{year: 2028}]":              "second document",
		"years: [{off: [2027-01-01]}]":                                   "0 is not a year",
		"":                                                               "no year",
		"years: [{year: 2027}, {year: 2027}]":                            "2027",
		"years: [{year: 2027, off: [2027-05-01], work: [2027-05-01]}]\n": "2027-05-01",
	} {
		if _, err := parseCalendar([]byte(text)); err == nil || !strings.Contains((&program{}).sentence(err), why) || strings.Contains(err.Error(), "struct") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
