package study

import (
	"slices"
	"strconv"

	"github.com/tiangeng/tiangeng/bot/people"
)

// Target is how many study hours people of some categories need in a year (学时要求).
type Target struct {
	Code       string     `json:"code"` // [a-z0-9-], at most 40 bytes
	Name       string     `json:"name"`
	Of         TargetOf   `json:"of"`
	Hours      StudyHours `json:"hours"`      // hundredths
	Categories []string   `json:"categories"` // of cadres; none means everybody
	Law        string     `json:"law"`        // the document that demands it; "" for a wish of the place
}

// TargetOf says which hours count for a target.
type TargetOf string

// The kinds.
const (
	TargetAll    TargetOf = "all"    // every source
	TargetOnline TargetOf = "online" // lessons and tests
)

// Hours are the study hours of one person and year by source.
type Hours map[SourceKind]StudyHours

// SourceKinds are the sources in the order that lists show them in.
func SourceKinds() []SourceKind {
	return []SourceKind{SourceLesson, SourceTest, SourceSession, SourceRecord}
}

// Sum adds them up for a target.
func (h Hours) Sum(of TargetOf) StudyHours {
	if of == TargetOnline {
		return h[SourceLesson] + h[SourceTest]
	}
	var sum StudyHours
	for _, n := range h {
		sum += n
	}
	return sum
}

// Gap is how far somebody is from a target.
type Gap struct {
	Target  Target
	Done    StudyHours
	Missing StudyHours // never less than 0
}

// Targets are all that are configured, in their order.
type Targets []Target

// For returns the targets of a category and what is missing of each (差额).
func (t Targets) For(category string, h Hours) []Gap {
	var out []Gap
	for _, x := range t {
		if len(x.Categories) == 0 || slices.Contains(x.Categories, category) {
			done := h.Sum(x.Of)
			out = append(out, Gap{Target: x, Done: done, Missing: max(0, x.Hours-done)})
		}
	}
	return out
}

// HoursLine is one person's hours of a year.
type HoursLine struct {
	Learner  people.Learner
	Hours    Hours
	Delegate StudyHours // of them, what somebody learnt in the person's place
	Gaps     []Gap      // of the targets that the person has
}

// Short reports whether something is missing.
func (l HoursLine) Short() bool {
	return slices.ContainsFunc(l.Gaps, func(g Gap) bool { return g.Missing > 0 })
}

// UnitHours is what the people of a unit have together.
type UnitHours struct {
	Unit     people.OrgCode
	UnitName string
	People   int
	WithGoal int        // of them, who have a target
	Reached  int        // of those, who lack nothing
	Hours    StudyHours // of all people
	Missing  StudyHours // of all people and targets
}

// Add counts one person of the unit.
func (u *UnitHours) Add(l HoursLine) {
	u.People++
	u.Hours += l.Hours.Sum(TargetAll)
	if len(l.Gaps) > 0 {
		u.WithGoal++
		if !l.Short() {
			u.Reached++
		}
	}
	for _, g := range l.Gaps {
		u.Missing += g.Missing
	}
}

// YearDays are the first and the last day of a year.
func YearDays(year int) (first, last Day) {
	y := strconv.Itoa(year)
	return Day(y + "-01-01"), Day(y + "-12-31")
}
