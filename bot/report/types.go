// Package report defines the lists that an office files: columns, order and totals stand here
// once, and the writers for CSV, XLSX, HTML and JSON show the same rows. It must not know where
// the rows come from: it takes a sequence.
package report

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Query asks for a completion list. Empty filters mean "all"; the scope never does.
type Query struct {
	Scope  people.Scope
	Cohort string         // code, "" for all
	Course string         // course id, "" for all
	Unit   people.OrgCode // only this unit and what lies inside it, "" for all
	From   study.Day      // only study from this day on, "" for no limit; everyone on the roster is listed all the same
	To     study.Day      // up to and including this day, "" for no limit
	CutOff time.Time      // nothing recorded later than this counts; UTC, ms
}

// CheckDays refuses days that are none, and an end before the beginning.
func (q Query) CheckDays() error {
	for _, d := range []study.Day{q.From, q.To} {
		if d != "" && !d.Valid() {
			return fault.New(fault.Invalid, "report.bad_day", fault.A("day", d))
		}
	}
	if q.From != "" && q.To != "" && q.To < q.From {
		return fault.New(fault.Invalid, "report.days_reversed", fault.A("from", q.From), fault.A("to", q.To))
	}
	return nil
}

// Status is where a person stands in a course, in the words of the list.
type Status string

// The statuses.
const (
	NotBound   Status = "not_bound"   // 未绑定: on the roster, no phone ever bound, nothing done
	NotStarted Status = "not_started" // 未开始
	Learning   Status = "learning"    // 学习中
	Complete   Status = "complete"    // 已完成
	Away       Status = "away"        // 退学 or 免修, or left the roster before the end
)

// Line is one person in one course of one class. Every enrolled person has a line for every
// course of the class, also those who did nothing (DESIGN rule 5).
type Line struct {
	Prefecture string // names of the units above, "" where the tree has none
	County     string
	Township   string
	Village    string
	Unit       people.OrgCode
	Learner    people.LearnerID
	Name       string
	Category   string
	Left       bool   // has left the roster since; Status is then Complete or Away
	Cohort     string // name of the class
	CohortCode string
	Course     string // course id; the writer is given titles
	Status     Status
	Lessons    int // lessons of the course in its current version
	Done       int // of these, completed inside the range and before the cut-off
	Delegate   int // of Done, those that somebody learnt in the person's place (代学)
	Score      int // mean score of the completed ones, per cent; 0 when none
	Hours      study.StudyHours
	FirstAt    time.Time // first completion, UTC, zero for none
	LastAt     time.Time
}

// Head states what the list is about; it is printed above the rows.
type Head struct {
	Query  Query
	Roster string // roster version: hash of the roster rows the list starts from
	Lines  int    // number of lines, counted by the same query
	// CohortName and UnitName are the words for Query.Cohort and Query.Unit; "" shows the codes.
	CohortName string
	UnitName   string
}
