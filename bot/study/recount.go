package study

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// LessonDone is a completed lesson, as a fact to count hours from.
type LessonDone struct {
	Learner        people.LearnerID
	Enrolment      EnrolmentID
	Course, Lesson string
	Seconds        int // how long the courseware of its version lasts
	Day            Day
	At             time.Time
	Delegate       bool
}

// CourseDone is a completed course.
type CourseDone struct {
	Learner        people.LearnerID
	Enrolment      EnrolmentID
	Course         string
	Mean, PassMark int // per cent
	Day            Day
	At             time.Time
	Delegate       bool
}

// Record is study elsewhere that somebody vouches for (补录): on another platform, or before this one.
type Record struct {
	Learner people.LearnerID
	Source  string // of the file, for example 云岭先锋; at most 60 characters
	Number  string // of the record at its source; at most 80 characters
	Title   string // what was learnt; at most 120 characters
	Hours   StudyHours
	Day     Day
}

// RecordRule is the version under which imported records stand in the ledger: their hours are the word of
// whoever vouches for them.
const RecordRule = "record-2026-01"

// RecordKey names a record in the ledger. Numbers of records may be long and have any characters.
func RecordKey(source, number string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + number))
	return hex.EncodeToString(sum[:20])
}

// Entry is what the ledger has to say about a record.
func (r Record) Entry() LedgerEntry {
	return LedgerEntry{Learner: r.Learner, Kind: SourceRecord, Key: RecordKey(r.Source, r.Number), Hours: r.Hours, Rule: RecordRule, Day: r.Day}
}

// LessonKey names a lesson, or with lesson "" a course's test, among the sources.
func LessonKey(e EnrolmentID, course, lesson string) string {
	k := strconv.FormatInt(int64(e), 10) + "/" + course
	if lesson != "" {
		k += "/" + lesson
	}
	return k
}

// LedgerFacts are everything that hours are counted from. Their order makes no difference, but for that of
// corrections, of which the last one of a source decides.
type LedgerFacts struct {
	Lessons     []LessonDone
	Courses     []CourseDone
	Sessions    []LedgerEntry // ClassRule.Credits of closed sessions
	Records     []Record      // that have not been undone
	Corrections []LedgerEntry // what administrators decided, oldest first
}

// Source names what a ledger entry is for.
type Source struct {
	Kind SourceKind
	Key  string
}

// Of is the source of an entry.
func (e LedgerEntry) Of() Source { return Source{e.Kind, e.Key} }

func (s Source) compare(o Source) int {
	return cmp.Or(cmp.Compare(s.Kind, o.Kind), cmp.Compare(s.Key, o.Key))
}

// Recount returns what the ledger has to say, by source: one entry for each that gives hours or was corrected.
// Of what was completed several times in a year the earliest counts. A correction decides against what was counted, and
// keeps the mark of what was studied in the person's place.
func (r CreditRule) Recount(f LedgerFacts) map[Source]LedgerEntry {
	out := map[Source]LedgerEntry{}
	put := func(e LedgerEntry) {
		if e.Hours != 0 {
			out[e.Of()] = e
		}
	}
	seen := map[onceAYear]bool{}
	first := func(x onceAYear, e LedgerEntry) {
		if e.Hours != 0 && !seen[x] {
			seen[x] = true
			put(e)
		}
	}
	lessons, courses := slices.Clone(f.Lessons), slices.Clone(f.Courses)
	slices.SortFunc(lessons, func(a, b LessonDone) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Enrolment, b.Enrolment)) })
	slices.SortFunc(courses, func(a, b CourseDone) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Enrolment, b.Enrolment)) })
	for _, l := range lessons {
		first(onceAYear{l.Learner, l.Course, l.Lesson, l.Day.Year()}, LedgerEntry{
			Learner: l.Learner, Enrolment: l.Enrolment, Course: l.Course, Kind: SourceLesson, Key: LessonKey(l.Enrolment, l.Course, l.Lesson),
			Hours: r.Lesson(l.Seconds), Rule: r.Version, Day: l.Day, Delegate: l.Delegate,
		})
	}
	for _, c := range courses {
		first(onceAYear{c.Learner, c.Course, "", c.Day.Year()}, LedgerEntry{
			Learner: c.Learner, Enrolment: c.Enrolment, Course: c.Course, Kind: SourceTest, Key: LessonKey(c.Enrolment, c.Course, ""),
			Hours: r.Course(c.Mean, c.PassMark), Rule: r.Version, Day: c.Day, Delegate: c.Delegate,
		})
	}
	for _, e := range f.Sessions {
		put(e)
	}
	for _, x := range f.Records {
		put(x.Entry())
	}
	for _, c := range f.Corrections {
		c.Delegate = c.Delegate || out[c.Of()].Delegate
		out[c.Of()] = c
	}
	return out
}

// onceAYear is what gives hours once: a lesson, or with lesson "" a course's test, of a person in a year.
type onceAYear struct {
	learner        people.LearnerID
	course, lesson string
	year           string
}

// LedgerFault says how the ledger differs from a recount.
type LedgerFault string

// The ways.
const (
	LedgerMissing LedgerFault = "missing" // the facts give hours, the ledger has none
	LedgerExtra   LedgerFault = "extra"   // the ledger has hours that nothing gives
	LedgerHours   LedgerFault = "hours"   // it has other hours
	LedgerPlace   LedgerFault = "place"   // it has them for another person, day, class or course
	LedgerMark    LedgerFault = "mark"    // it has not the mark of 代学, or wrongly
	LedgerBroken  LedgerFault = "broken"  // its postings are no row of entries and reversals
	LedgerUnknown LedgerFault = "unknown" // the facts cannot be judged: the course's version is missing
)

// Difference is one source of which ledger and recount say different things.
type Difference struct {
	Fault   LedgerFault
	Learner people.LearnerID // the facts', or else the ledger's
	Source  Source
	Want    LedgerEntry // by the facts; Hours 0: nothing
	Have    StudyHours  // the sum of what is posted
}

// Differences compares what the ledger has to say with what it says, by source. posted must be all postings of
// the sources, and want all their facts.
func Differences(want map[Source]LedgerEntry, posted []Posting) []Difference {
	bySource := map[Source][]Posting{}
	for _, p := range posted {
		bySource[p.Of()] = append(bySource[p.Of()], p)
	}
	sources := map[Source]bool{}
	for s := range want {
		sources[s] = true
	}
	for s := range bySource {
		sources[s] = true
	}
	var out []Difference
	for _, s := range slices.SortedFunc(maps.Keys(sources), Source.compare) {
		have := bySource[s]
		slices.SortStableFunc(have, func(a, b Posting) int { return cmp.Compare(a.Part, b.Part) })
		d := Difference{Source: s, Want: want[s], Learner: want[s].Learner}
		for _, p := range have {
			d.Have += p.Hours
			if d.Learner == 0 {
				d.Learner = p.Learner
			}
		}
		if d.Fault = differs(want[s], have, d.Have); d.Fault != "" {
			out = append(out, d)
		}
	}
	return out
}

func differs(want LedgerEntry, have []Posting, sum StudyHours) LedgerFault {
	for i, p := range have {
		if p.Part != i || p.Hours == 0 {
			return LedgerBroken
		}
		if i%2 == 1 {
			back := p.LedgerEntry
			back.Hours = -back.Hours
			if back != have[i-1].LedgerEntry {
				return LedgerBroken
			}
		}
	}
	switch {
	case want.Hours == 0 && sum == 0:
		return ""
	case want.Hours == 0:
		return LedgerExtra
	case len(have)%2 == 0:
		return LedgerMissing
	case sum != want.Hours:
		return LedgerHours
	}
	stands := have[len(have)-1].LedgerEntry
	switch {
	case stands.Learner != want.Learner || stands.Day != want.Day || stands.Enrolment != want.Enrolment || stands.Course != want.Course:
		return LedgerPlace
	case stands.Delegate != want.Delegate:
		return LedgerMark
	}
	return ""
}

// SortDifferences sorts by person, then by source.
func SortDifferences(list []Difference) {
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Learner, b.Learner), a.Source.compare(b.Source))
	})
}
