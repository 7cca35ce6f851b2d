package study_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// officialYears are the years of configs/calendar.yaml, passed in as values.
func officialYears() []study.Year {
	return []study.Year{
		{Year: 2026, Off: days(
			"2026-01-01", "2026-01-03", "2026-02-15", "2026-02-23", "2026-04-04", "2026-04-06", "2026-05-01", "2026-05-05",
			"2026-06-19", "2026-06-21", "2026-09-25", "2026-09-27", "2026-10-01", "2026-10-07",
		), Work: []study.Day{"2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"}},
		{Year: 2027, Off: days(
			"2027-01-01", "2027-01-01", "2027-02-05", "2027-02-08", "2027-04-05", "2027-04-05", "2027-05-01", "2027-05-02",
			"2027-06-09", "2027-06-09", "2027-09-15", "2027-09-15", "2027-10-01", "2027-10-03",
		), Provisional: true},
	}
}

// days expands pairs of first and last days.
func days(pairs ...study.Day) []study.Day {
	var out []study.Day
	for i := 0; i < len(pairs); i += 2 {
		for d := pairs[i]; d <= pairs[i+1]; d = d.Add(1) {
			out = append(out, d)
		}
	}
	return out
}

func official(t testing.TB) study.Calendar {
	t.Helper()
	c, err := study.NewCalendar(officialYears()...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func working() study.Schedule {
	return study.Schedule{Start: "2026-01-01", Hour: "08:00", WorkingDays: true}
}

func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", s, study.Zone)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestCalendarTrainingDays(t *testing.T) {
	t.Parallel()
	c := official(t)
	mwf := study.Schedule{Start: "2026-03-02", End: "2026-03-31", Hour: "08:00", Weekdays: []time.Weekday{time.Monday, time.Wednesday, time.Friday}}
	for _, tt := range []struct {
		name string
		s    study.Schedule
		day  study.Day
		want bool
	}{
		{"new year is off", working(), "2026-01-01", false},
		{"a Friday inside the new year's holiday is off", working(), "2026-01-02", false},
		{"a Sunday that makes up is worked", working(), "2026-01-04", true},
		{"an ordinary Monday", working(), "2026-01-05", true},
		{"an ordinary Saturday", working(), "2026-01-10", false},
		{"the Saturday before spring festival is worked", working(), "2026-02-14", true},
		{"a Monday in spring festival", working(), "2026-02-16", false},
		{"the Tuesday after spring festival", working(), "2026-02-24", true},
		{"qingming Monday", working(), "2026-04-06", false},
		{"the Sunday before the autumn holidays is worked", working(), "2026-09-20", true},
		{"national day", working(), "2026-10-01", false},
		{"the Saturday after national day is worked", working(), "2026-10-10", true},
		{"the last day of the year", working(), "2026-12-31", true},
		{"the first day of the next year", working(), "2027-01-01", false},
		{"the first working day of the next year", working(), "2027-01-04", true},
		{"a Friday of spring festival 2027", working(), "2027-02-05", false},
		{"before the class begins", working(), "2025-12-31", false},
		{"the leap day that is not", working(), "2026-02-28", true},
		{"by weekdays, a Monday", mwf, "2026-03-02", true},
		{"by weekdays, a Tuesday", mwf, "2026-03-03", false},
		{"by weekdays, the day before the start", mwf, "2026-02-27", false},
		{"by weekdays, the day after the end", mwf, "2026-04-01", false},
		{"no weekdays, no training", study.Schedule{Start: "2026-01-01", Hour: "08:00"}, "2026-03-02", false},
	} {
		got, err := c.Training(tt.day, tt.s)
		if err != nil || got != tt.want {
			t.Errorf("%s: Training(%s) = %t, %v, want %t", tt.name, tt.day, got, err, tt.want)
		}
	}
}

func TestCalendarNeverGuessesAYear(t *testing.T) {
	t.Parallel()
	c := official(t)
	_, err := c.Training("2028-01-03", working())
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != fault.Unavailable || e.Key != "calendar.year_missing" || !cmp.Equal(e.Args, []fault.Arg{fault.A("year", 2028)}) {
		t.Errorf("Training in 2028 = %v", err)
	}
	if _, err := study.Released(working(), c, "2026-01-01", "2028-02-01", at("2028-02-01 09:00:00")); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Released up to 2028 = %v", err)
	}
	if _, err := study.Due(working(), c, at("2027-12-30 00:00:00"), at("2028-01-05 00:00:00")); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Due into 2028 = %v", err)
	}
	if _, _, err := study.NextTraining(working(), c, "2026-01-01", at("2027-12-31 09:00:00")); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("NextTraining at the end of the calendar = %v", err)
	}
	byWeekday := study.Schedule{Start: "2026-01-01", Hour: "08:00", Weekdays: []time.Weekday{time.Monday}}
	if ok, err := c.Training("2028-01-03", byWeekday); !ok || err != nil {
		t.Errorf("a schedule by weekdays needs no calendar: %t, %v", ok, err)
	}
	if _, err := (study.Calendar{}).Training("2026-03-02", working()); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("the zero calendar knows a year: %v", err)
	}
	if known, provisional := c.Knows(2027); !known || !provisional {
		t.Errorf("2027 is known provisionally: %t %t", known, provisional)
	}
	if known, provisional := c.Knows(2028); known || provisional {
		t.Errorf("2028 is not known: %t %t", known, provisional)
	}
}

func TestCalendarRefusesNonsense(t *testing.T) {
	t.Parallel()
	for name, years := range map[string][]study.Year{
		"a year twice":         {{Year: 2026}, {Year: 2026}},
		"a day of another one": {{Year: 2026, Off: []study.Day{"2027-01-01"}}},
		"no day at all":        {{Year: 2026, Work: []study.Day{"2026-02-29"}}},
		"off and worked":       {{Year: 2026, Off: []study.Day{"2026-01-01"}, Work: []study.Day{"2026-01-01"}}},
	} {
		if _, err := study.NewCalendar(years...); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]study.Schedule{
		"an hour without a zero": {Start: "2026-01-01", Hour: "8:00"},
		"an hour that is none":   {Start: "2026-01-01", Hour: "25:00"},
		"no hour":                {Start: "2026-01-01"},
	} {
		if _, err := study.Due(s, official(t), at("2026-03-02 00:00:00"), at("2026-03-03 00:00:00")); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := official(t).Training("2026-13-01", working()); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a day that is none: %v", err)
	}
}

func TestReleasedCountsTrainingDays(t *testing.T) {
	t.Parallel()
	c := official(t)
	class := working()
	class.Start = "2026-12-28" // a Monday
	short := class
	short.End = "2026-12-30"
	for _, tt := range []struct {
		name  string
		s     study.Schedule
		since study.Day
		now   string
		want  int
	}{
		{"a week before", class, "2026-12-01", "2026-12-21 09:00:00", 0},
		{"the first day, before the hour", class, "2026-12-01", "2026-12-28 07:59:59", 0},
		{"the first day, on the hour", class, "2026-12-01", "2026-12-28 08:00:00", 1},
		{"the first day, late", class, "2026-12-01", "2026-12-28 23:59:59", 1},
		{"the second day, after midnight", class, "2026-12-01", "2026-12-29 00:00:00", 1},
		{"the last day of the year", class, "2026-12-01", "2026-12-31 08:00:00", 4},
		{"new year is off", class, "2026-12-01", "2027-01-01 10:00:00", 4},
		{"the weekend after it too", class, "2026-12-01", "2027-01-03 10:00:00", 4},
		{"the first working day of the year, before the hour", class, "2026-12-01", "2027-01-04 07:00:00", 4},
		{"the first working day of the year", class, "2026-12-01", "2027-01-04 08:00:00", 5},
		{"somebody who joined late begins at one", class, "2026-12-30", "2026-12-30 09:00:00", 1},
		{"… and gets nothing before the hour", class, "2026-12-30", "2026-12-30 07:00:00", 0},
		{"joined on a holiday", class, "2027-01-01", "2027-01-03 12:00:00", 0},
		{"joined on a holiday, next working day", class, "2027-01-01", "2027-01-04 12:00:00", 1},
		{"joined in the future", class, "2027-03-01", "2027-01-04 12:00:00", 0},
		{"after the end nothing more is released, and nothing taken away", short, "2026-12-01", "2027-02-01 12:00:00", 3},
	} {
		now := at(tt.now)
		got, err := study.Released(tt.s, c, tt.since, study.DayOf(now), now)
		if err != nil || got != tt.want {
			t.Errorf("%s: %d, %v, want %d", tt.name, got, err, tt.want)
		}
	}
	// A day that is looked at again later counts whole.
	if got, err := study.Released(class, c, "2026-12-01", "2026-12-29", at("2027-01-04 07:00:00")); err != nil || got != 2 {
		t.Errorf("a day gone by: %d, %v, want 2", got, err)
	}
}

func TestNextTrainingSkipsHolidays(t *testing.T) {
	t.Parallel()
	c := official(t)
	short := working()
	short.End = "2026-09-30"
	for _, tt := range []struct {
		name  string
		s     study.Schedule
		since study.Day
		now   string
		want  study.Day
	}{
		{"today, before the hour", working(), "2026-01-01", "2026-03-02 07:00:00", "2026-03-02"},
		{"tomorrow, from the hour on", working(), "2026-01-01", "2026-03-02 08:00:00", "2026-03-03"},
		{"over a weekend", working(), "2026-01-01", "2026-03-06 09:00:00", "2026-03-09"},
		{"over national day to the make-up day", working(), "2026-01-01", "2026-09-30 09:00:00", "2026-10-08"},
		{"over the turn of the year", working(), "2026-01-01", "2026-12-31 09:00:00", "2027-01-04"},
		{"not before joining", working(), "2026-05-06", "2026-03-02 09:00:00", "2026-05-06"},
		{"none after the end", short, "2026-01-01", "2026-09-30 09:00:00", ""},
		{"none without weekdays", study.Schedule{Start: "2026-01-01", Hour: "08:00"}, "2026-01-01", "2026-03-02 07:00:00", ""},
	} {
		got, ok, err := study.NextTraining(tt.s, c, tt.since, at(tt.now))
		if err != nil || got.Day != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %v %t %v, want %s", tt.name, got, ok, err, tt.want)
		}
		if ok && !got.At.Equal(at(string(tt.want)+" 08:00:00")) {
			t.Errorf("%s: at %s", tt.name, got.At)
		}
	}
}

func TestDueIsHalfOpen(t *testing.T) {
	t.Parallel()
	c := official(t)
	for _, tt := range []struct {
		name     string
		from, to string
		want     []study.Day
	}{
		{"nothing at all", "2026-03-02 08:00:00", "2026-03-02 08:00:00", nil},
		{"backwards", "2026-03-03 08:00:00", "2026-03-02 08:00:00", nil},
		{"up to the hour", "2026-03-02 07:59:59", "2026-03-02 08:00:00", []study.Day{"2026-03-02"}},
		{"from the hour on", "2026-03-02 08:00:00", "2026-03-02 23:00:00", nil},
		{"a second before", "2026-03-02 07:00:00", "2026-03-02 07:59:59", nil},
		{"a long sleep over the turn of the year", "2026-12-30 08:00:00", "2027-01-05 08:00:00", []study.Day{"2026-12-31", "2027-01-04", "2027-01-05"}},
	} {
		got, err := study.Due(working(), c, at(tt.from), at(tt.to))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var days []study.Day
		for _, o := range got {
			days = append(days, o.Day)
			if !o.At.Equal(at(string(o.Day) + " 08:00:00")) {
				t.Errorf("%s: %s is due at %s", tt.name, o.Day, o.At)
			}
		}
		if diff := cmp.Diff(tt.want, days); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
	got, err := study.Due(study.Schedule{Start: "2026-03-02", End: "2026-03-04", Hour: "20:30", Weekdays: []time.Weekday{time.Monday, time.Wednesday}}, c, time.Time{}, at("2026-04-01 00:00:00"))
	want := []study.Occurrence{{Day: "2026-03-02", At: at("2026-03-02 20:30:00")}, {Day: "2026-03-04", At: at("2026-03-04 20:30:00")}}
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("from the beginning of time: %v, %v", got, err)
	}
}

// Counting by prefix sums equals asking day by day, and Due agrees with Released.
func TestCountsAgreeDayByDay(t *testing.T) {
	t.Parallel()
	c := official(t)
	rapid.Check(t, func(t *rapid.T) {
		s := working()
		s.Start = study.Day("2026-01-01").Add(rapid.IntRange(0, 400).Draw(t, "start"))
		s.WorkingDays = rapid.Bool().Draw(t, "workingDays")
		for _, w := range rapid.SliceOfN(rapid.IntRange(0, 6), 0, 7).Draw(t, "weekdays") {
			s.Weekdays = append(s.Weekdays, time.Weekday(w))
		}
		if rapid.Bool().Draw(t, "ends") {
			s.End = s.Start.Add(rapid.IntRange(0, 300).Draw(t, "length"))
		}
		since := study.Day("2026-01-01").Add(rapid.IntRange(0, 500).Draw(t, "since"))
		today := study.Day("2026-01-01").Add(rapid.IntRange(0, 720).Draw(t, "today"))
		noon, err := s.At(today)
		if err != nil {
			t.Fatal(err)
		}
		got, err := study.Released(s, c, since, today, noon)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for d := since; d <= today; d = d.Add(1) {
			ok, err := c.Training(d, s)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				want++
			}
		}
		if got != want {
			t.Fatalf("Released = %d, day by day %d", got, want)
		}
		first, err := s.At(since)
		if err != nil {
			t.Fatal(err)
		}
		due, err := study.Due(s, c, first.Add(-time.Second), noon)
		if err != nil || len(due) != want {
			t.Fatalf("Due = %d (%v), day by day %d", len(due), err, want)
		}
	})
}

func TestZoneIsShanghaiWhateverTheHost(t *testing.T) {
	t.Parallel()
	if got := study.DayOf(time.Date(2026, 7, 1, 15, 59, 59, 0, time.UTC)); got != "2026-07-01" {
		t.Errorf("a second before midnight in Shanghai is %s", got)
	}
	if got := study.DayOf(time.Date(2026, 7, 1, 16, 0, 0, 0, time.UTC)); got != "2026-07-02" {
		t.Errorf("midnight in Shanghai is %s", got)
	}
	for m := time.January; m <= time.December; m++ {
		if _, offset := time.Date(2027, m, 1, 0, 0, 0, 0, study.Zone).Zone(); offset != 8*3600 {
			t.Errorf("%s: offset %d, Shanghai has no summer time", m, offset)
		}
	}
	if study.Day("2026-02-28").Add(1) != "2026-03-01" || study.Day("x").Add(1) != "" || study.Day("2026-02-29").Valid() || !study.Day("2028-02-29").Valid() {
		t.Error("days of the calendar are not counted right")
	}
	if study.Day("2026-03-02").Weekday() != time.Monday {
		t.Error("2026-03-02 is a Monday")
	}
}
