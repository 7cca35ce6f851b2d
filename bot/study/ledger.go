package study

import "github.com/tiangeng/tiangeng/bot/people"

// SourceKind is what kind of thing study hours were credited for.
type SourceKind string

// The kinds, each with what its key names.
const (
	SourceLesson  SourceKind = "lesson"  // <enrolment>/<course>/<lesson>
	SourceTest    SourceKind = "test"    // <enrolment>/<course>: the course's test was passed
	SourceSession SourceKind = "session" // <session>/<learner>: attendance of a class that meets
	SourceRecord  SourceKind = "record"  // an imported record of study elsewhere
)

// LedgerEntry is study hours of one person for one source.
type LedgerEntry struct {
	Learner   people.LearnerID
	Enrolment EnrolmentID // 0 for study outside our classes
	Course    string      // id of the course, "" for none
	Kind      SourceKind
	Key       string // names the source among those of its kind; at most 120 bytes of ASCII
	Hours     StudyHours
	Rule      string // version of the credit rule; at most 40 bytes
	Day       Day    // when it was studied: decides the year that it counts in
	Delegate  bool   // 代学: somebody else studied in the person's place
}

// Posting is one row of the ledger. Rows are never changed: the postings of one source are an entry
// (part 0), its reversal (1), the entry that replaces it (2), its reversal (3) …
type Posting struct {
	LedgerEntry
	Part int
}

// Repost returns what has to be appended to the postings of one source, in the order of their parts, so
// that they amount to want: nothing when they do already; a first entry; or the reversal of the entry
// that stands and, where want has hours, a new one. A reversal counts in the year of what it reverses.
// Another version of the rule that gives the same hours is no reason for a correction. What was studied in
// the person's place stays marked so, whoever corrects it.
func Repost(posted []Posting, want LedgerEntry) []Posting {
	var out []Posting
	part := len(posted)
	want.Delegate = want.Delegate || part > 0 && posted[0].Delegate
	if part%2 == 1 { // the last one is an entry that stands
		stands := posted[part-1].LedgerEntry
		same := want
		same.Rule = stands.Rule
		if stands == same {
			return nil
		}
		stands.Hours = -stands.Hours
		out = append(out, Posting{LedgerEntry: stands, Part: part})
		part++
	}
	if want.Hours != 0 {
		out = append(out, Posting{LedgerEntry: want, Part: part})
	}
	return out
}
