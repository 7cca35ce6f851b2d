// Package study holds the rules of learning: who is enrolled, what is due on which day, how an
// answer is marked, when a lesson and a course are complete, and how many study hours that gives.
// It is pure – time comes in as a value – and must not know chat, delivery or storage.
package study

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// Day is a calendar day in Asia/Shanghai, written 2006-01-02. The zero value is no day.
type Day string

// Zone is Asia/Shanghai, from embedded zone data, whatever the host says (DESIGN rule 8).
var Zone = mustZone()

// DayOf returns the day of an instant in Asia/Shanghai.
func DayOf(t time.Time) Day { return Day(t.In(Zone).Format(time.DateOnly)) }

// EnrolmentID is our number of one person's place in one cohort; 0 means none.
type EnrolmentID int64

// EnrolmentStatus says whether the place counts (报名).
type EnrolmentStatus string

// The statuses of DESIGN §3.
const (
	Active    EnrolmentStatus = "active"
	Paused    EnrolmentStatus = "paused"
	Completed EnrolmentStatus = "completed"
	Withdrawn EnrolmentStatus = "withdrawn" // 退学
	Waived    EnrolmentStatus = "waived"    // 免修
)

// Cohort is a class that learns together online (培训班/班次).
type Cohort struct {
	Code     string   // short, for example "demo-2026"; also the scene of its QR; [a-z0-9-], at most 40 bytes
	Name     string   // 班名
	Courses  []string // course ids in teaching order; none for a class that only meets
	Schedule Schedule
}

// Schedule says when a cohort's lessons are due (推送计划).
type Schedule struct {
	Start    Day    // first day on which a lesson may be due
	End      Day    // last day, "" for open
	Hour     string // "08:00", Asia/Shanghai
	Weekdays []time.Weekday
	// WorkingDays makes the calendar decide: days off are left out, make-up working days count.
	// With it, Weekdays is ignored. A year missing from the calendar is an error, not a guess.
	WorkingDays bool
}

// Enrolment is one person's place in a cohort.
type Enrolment struct {
	ID      EnrolmentID
	Learner people.LearnerID
	Cohort  Cohort
	Status  EnrolmentStatus
	Since   Day // day of joining: a late joiner's first lesson is due on the first training day from here on
}

// Done is one completed lesson of an enrolment.
type Done struct {
	Course string
	Lesson string
	Score  int // per cent
	At     time.Time
}

// Passed is one completed course of an enrolment.
type Passed struct {
	Course content.Ref
	Mean   int // per cent
	At     time.Time
}

// LessonRef names one lesson of one version of a course.
type LessonRef struct {
	Course content.Ref `json:"course"`
	Lesson string      `json:"lesson"`
}

// StudyHours counts 学时 in hundredths: 25 is 0.25 学时.
type StudyHours int

// Answer is what the reader made of a learner's words for one item. Exactly the field that fits
// the item's kind is meaningful.
type Answer struct {
	Choices []int   // single, multiple: 0-based option places, ascending, without repeats
	True    bool    // truefalse
	Text    string  // fill: NFKC, simplified, trimmed
	Number  float64 // numeric
}
