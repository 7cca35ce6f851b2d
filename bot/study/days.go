package study

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// maxDays is how many days one question may be about.
const maxDays = 366

// LastDays completes a range of days that somebody asks about: up to today, a week of them.
func LastDays(from, to Day, now time.Time) (Day, Day, error) {
	bad := fault.New(fault.Invalid, "bind.days_bad", fault.A("limit", maxDays))
	if to == "" {
		to = DayOf(now)
	}
	if !to.Valid() {
		return "", "", bad
	}
	if from == "" {
		from = to.Add(-6)
	}
	if !from.Valid() || from > to || from.Add(maxDays) <= to {
		return "", "", bad
	}
	return from, to, nil
}
