package study

import (
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// FindingID is our number of a finding; 0 means none.
type FindingID int64

// Finding is a problem that an inspection found (发现问题).
type Finding struct {
	ID       FindingID      `json:"id"`
	Source   string         `json:"source"`   // which inspection, for people: 县委巡察, 年终考核 …
	Document string         `json:"document"` // its document number (文号)
	Found    Day            `json:"found"`
	Unit     people.OrgCode `json:"unit"`
	UnitName string         `json:"unitName"`
	Problem  string         `json:"problem"`
	By       string         `json:"by"`     // who entered it, as in the audit
	People   int            `json:"people"` // rectifications that were asked for, without withdrawn ones
	Open     int            `json:"open"`   // of these, open
}

// Room of a finding's texts, in characters.
const (
	FindingSourceRunes   = 120
	FindingDocumentRunes = 120
	FindingProblemRunes  = 1000
	ProofRunes           = 400
)

// Check refuses a finding that could not be filed. today is the day in Asia/Shanghai.
func (f Finding) Check(today Day) error {
	for _, c := range []struct {
		key, text string
		most      int
	}{
		{"follow.source_bad", f.Source, FindingSourceRunes},
		{"follow.document_bad", f.Document, FindingDocumentRunes},
		{"follow.problem_bad", f.Problem, FindingProblemRunes},
	} {
		if n := utf8.RuneCountInString(c.text); strings.TrimSpace(c.text) == "" || n > c.most {
			return fault.New(fault.Invalid, c.key, fault.A("limit", c.most))
		}
	}
	if !f.Found.Valid() || f.Found > today {
		return fault.New(fault.Invalid, "follow.found_bad", fault.A("day", f.Found))
	}
	if f.Unit.Level() == people.LevelNone {
		return fault.New(fault.Invalid, "follow.unit_bad", fault.A("unit", f.Unit))
	}
	return nil
}

// RectificationID is our number of a rectification; 0 means none.
type RectificationID int64

// RectifyStatus is how far a rectification has got.
type RectifyStatus string

// The statuses. Overdue (逾期) is none: it is open with the due day behind it.
const (
	RectifyOpen      RectifyStatus = "open"      // 整改中
	RectifyClosed    RectifyStatus = "closed"    // 已销号, with evidence
	RectifyWithdrawn RectifyStatus = "withdrawn" // 已撤销: it should not have been asked for
)

// Evidence is what closed a rectification.
type Evidence string

// The kinds of evidence. EvidenceCourse comes from the record itself, never from a person.
const (
	EvidenceNone     Evidence = ""
	EvidenceCourse   Evidence = "course"   // the assigned courses are passed
	EvidenceDocument Evidence = "document" // a document's number
	EvidenceNote     Evidence = "note"     // what an administrator saw
)

// RectifyAct is what an administrator does with a rectification.
type RectifyAct string

// The acts.
const (
	RectifyClose    RectifyAct = "close"
	RectifyReopen   RectifyAct = "reopen"
	RectifyWithdraw RectifyAct = "withdraw"
)

// RectifyMoves is the whole table of states: from a status by an act to another. What is not in it
// does not happen. Course evidence closes what is open, as RectifyClose does.
var RectifyMoves = map[RectifyStatus]map[RectifyAct]RectifyStatus{
	RectifyOpen:      {RectifyClose: RectifyClosed, RectifyWithdraw: RectifyWithdrawn},
	RectifyClosed:    {RectifyReopen: RectifyOpen},
	RectifyWithdrawn: {RectifyReopen: RectifyOpen},
}

// Rectification is what one person does about a finding (整改).
type Rectification struct {
	ID       RectificationID `json:"id"`
	Finding  Finding         `json:"finding"`
	Learner  people.Learner  `json:"learner"`
	Cohort   string          `json:"cohort"` // code of the class made for it
	Courses  []string        `json:"courses"`
	Due      Day             `json:"due"`
	Status   RectifyStatus   `json:"status"`
	Evidence Evidence        `json:"evidence"`
	Proof    string          `json:"proof"`   // document's number, note, or why it was withdrawn or opened again
	By       string          `json:"by"`      // who decided last, as in the audit; "" for the record itself
	Decided  Day             `json:"decided"` // "" while nobody has
	Place    EnrolmentID     `json:"-"`
}

// Overdue reports whether the due day has passed without an end.
func (r Rectification) Overdue(today Day) bool { return r.Status == RectifyOpen && r.Due < today }

// Decision is what an administrator decides about a rectification.
type Decision struct {
	Act      RectifyAct
	Evidence Evidence // of RectifyClose: document or note
	Proof    string
}

// Decide returns the status after a decision. Every decision says why; closing names its evidence.
func (r Rectification) Decide(d Decision) (RectifyStatus, error) {
	to, ok := RectifyMoves[r.Status][d.Act]
	if !ok {
		return "", fault.New(fault.Conflict, "follow.act_impossible", fault.A("id", int64(r.ID)))
	}
	if d.Act == RectifyClose && d.Evidence != EvidenceDocument && d.Evidence != EvidenceNote {
		return "", fault.New(fault.Invalid, "follow.evidence_bad")
	}
	if n := utf8.RuneCountInString(d.Proof); strings.TrimSpace(d.Proof) == "" || n > ProofRunes {
		return "", fault.New(fault.Invalid, "follow.proof_bad", fault.A("limit", ProofRunes))
	}
	return to, nil
}

// RectifyStart is the first day of a class made for a rectification: the day it is assigned, or as
// much earlier as makes every lesson released by the due day, one each day. A due day that has
// passed is fault.Invalid.
func RectifyStart(assigned, due Day, lessons int) (Day, error) {
	if !due.Valid() || due < assigned {
		return "", fault.New(fault.Invalid, "follow.due_bad", fault.A("day", due))
	}
	days := 1
	for d := assigned; d < due && days < lessons; d = d.Add(1) {
		days++
	}
	return assigned.Add(min(0, days-lessons)), nil
}

// RectifyPrefix begins the codes of classes that are made for rectifications, and of no others.
const RectifyPrefix = "zg-"

// Rectifies reports whether the class was made for a rectification. It is learned before others: it has a day.
func (c Cohort) Rectifies() bool { return strings.HasPrefix(c.Code, RectifyPrefix) }
