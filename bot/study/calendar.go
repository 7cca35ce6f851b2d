package study

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// Year is what the authorities decided about one year: which days are off although they may be
// weekdays, and which weekend days are worked to make up for it (调休).
type Year struct {
	Year int
	Off  []Day
	Work []Day
	// Provisional marks a year whose official notice had not been seen when the file was written.
	Provisional bool
}

// Calendar knows the working days of the years it was made of. It never guesses another year. The
// zero value knows none. A Calendar does not change and may be shared.
type Calendar struct {
	years map[int]*yearDays
}

type yearDays struct {
	provisional bool
	last        int         // 365 or 366
	working     [367]bool   // by day of the year, 1-based
	before      [368]uint16 // working days on the days 1 … i-1
}

// NewCalendar makes a calendar. A day that stands in a year it is not of, or that is off and
// worked at once, and a year given twice are fault.Invalid.
func NewCalendar(years ...Year) (Calendar, error) {
	c := Calendar{years: make(map[int]*yearDays, len(years))}
	for _, y := range years {
		if _, twice := c.years[y.Year]; twice {
			return Calendar{}, fault.New(fault.Invalid, "calendar.year_twice", fault.A("year", y.Year))
		}
		d, err := newYearDays(y)
		if err != nil {
			return Calendar{}, err
		}
		c.years[y.Year] = d
	}
	return c, nil
}

func newYearDays(y Year) (*yearDays, error) {
	d := &yearDays{provisional: y.Provisional}
	first := time.Date(y.Year, time.January, 1, 0, 0, 0, 0, time.UTC)
	d.last = first.AddDate(1, 0, -1).YearDay()
	for i := 1; i <= d.last; i++ {
		wd := first.AddDate(0, 0, i-1).Weekday()
		d.working[i] = wd != time.Saturday && wd != time.Sunday
	}
	marked := map[int]bool{}
	mark := func(days []Day, working bool) error {
		for _, day := range days {
			t, ok := day.civil()
			if !ok || t.Year() != y.Year {
				return fault.New(fault.Invalid, "calendar.day_wrong", fault.A("day", day), fault.A("year", y.Year))
			}
			i := t.YearDay()
			if was, seen := marked[i]; seen && was != working {
				return fault.New(fault.Invalid, "calendar.day_both", fault.A("day", day))
			}
			marked[i] = working
			d.working[i] = working
		}
		return nil
	}
	if err := mark(y.Off, false); err != nil {
		return nil, err
	}
	if err := mark(y.Work, true); err != nil {
		return nil, err
	}
	for i := 1; i <= d.last; i++ {
		d.before[i+1] = d.before[i]
		if d.working[i] {
			d.before[i+1]++
		}
	}
	return d, nil
}

// Knows reports whether the year is in the calendar, and whether only provisionally.
func (c Calendar) Knows(year int) (known, provisional bool) {
	d, ok := c.years[year]
	return ok, ok && d.provisional
}

// Training reports whether a lesson is released on that day: the day lies between the schedule's
// start and end, and its weekday, or with WorkingDays the calendar, says so. A year that is
// missing from the calendar is fault.Unavailable, a malformed day fault.Invalid.
func (c Calendar) Training(day Day, s Schedule) (bool, error) {
	n, err := c.training(s, day, day)
	return n == 1, err
}

// training counts the training days from first to last, both included.
func (c Calendar) training(s Schedule, first, last Day) (int, error) {
	first = laterDay(first, s.Start)
	if s.End != "" && s.End < last {
		last = s.End
	}
	from, ok1 := first.civil()
	to, ok2 := last.civil()
	if !ok1 || !ok2 {
		return 0, fault.New(fault.Invalid, "schedule.day_wrong", fault.A("day", first), fault.A("last", last))
	}
	if to.Before(from) {
		return 0, nil
	}
	if !s.WorkingDays {
		return countWeekdays(s.Weekdays, from, to), nil
	}
	total := 0
	for year := from.Year(); year <= to.Year(); year++ {
		d, known := c.years[year]
		if !known {
			return 0, fault.New(fault.Unavailable, "calendar.year_missing", fault.A("year", year))
		}
		a, b := 1, d.last
		if year == from.Year() {
			a = from.YearDay()
		}
		if year == to.Year() {
			b = to.YearDay()
		}
		total += int(d.before[b+1] - d.before[a])
	}
	return total, nil
}

func countWeekdays(weekdays []time.Weekday, from, to time.Time) int {
	var wanted [7]bool
	perWeek := 0
	for _, w := range weekdays {
		if w >= 0 && w < 7 && !wanted[w] {
			wanted[w] = true
			perWeek++
		}
	}
	days := int(to.Sub(from)/(24*time.Hour)) + 1
	total := days / 7 * perWeek
	for i := range days % 7 {
		if wanted[(int(from.Weekday())+i)%7] {
			total++
		}
	}
	return total
}

// civil returns the day as midnight UTC, in which all arithmetic on days is done; false for what
// is no day.
func (d Day) civil() (time.Time, bool) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), time.UTC)
	return t, err == nil
}

// Valid reports whether d is a day of the calendar written 2006-01-02.
func (d Day) Valid() bool {
	_, ok := d.civil()
	return ok
}

// Year is the calendar year of a valid day, "" of another.
func (d Day) Year() string {
	if !d.Valid() {
		return ""
	}
	return string(d[:len("2026")])
}

// Add returns the day n days later, "" when d is no day.
func (d Day) Add(n int) Day {
	t, ok := d.civil()
	if !ok {
		return ""
	}
	return Day(t.AddDate(0, 0, n).Format(time.DateOnly))
}

// Weekday returns the weekday; Sunday when d is no day.
func (d Day) Weekday() time.Weekday {
	t, _ := d.civil()
	return t.Weekday()
}

func laterDay(a, b Day) Day {
	if b > a {
		return b
	}
	return a
}
