package study

import (
	"strconv"

	"github.com/tiangeng/tiangeng/bot/people"
)

// Member is a person of a class, or one who came without being on its list (Enrolment 0).
type Member struct {
	Learner   people.Learner
	Enrolment EnrolmentID
	Status    EnrolmentStatus // "" without an enrolment
}

// Expected reports whether the person should come: a paused place is still a place.
func (m Member) Expected() bool {
	return m.Status == Active || m.Status == Paused || m.Status == Completed
}

// RollLine is one person of a register.
type RollLine struct {
	Member
	Attended []Attendance // one for each session, in their order
	Standing Standing
}

// Roll is the register of a class (点名册).
type Roll struct {
	Cohort   Cohort
	Sessions []Session // in order
	Counted  []int     // heads that the trainer counted, by session; -1: not counted
	Lines    []RollLine
}

// Roll makes the register of a class out of what happened: a line for every member, in their order. Of people who
// are not expected (any more) nothing is missed.
func (r ClassRule) Roll(sessions []Session, members []Member, events []AttendanceEvent, leaves []Leave) []RollLine {
	events = withDoubts(events)
	bySession := map[SessionID][]AttendanceEvent{}
	came := map[people.LearnerID]map[SessionID]bool{}
	for _, e := range events {
		bySession[e.Session] = append(bySession[e.Session], e)
		if came[e.Learner] == nil {
			came[e.Learner] = map[SessionID]bool{}
		}
		came[e.Learner][e.Session] = true
	}
	attended := map[people.LearnerID]map[SessionID]Attendance{}
	for _, s := range sessions {
		var list []people.LearnerID
		for _, m := range members {
			// Who left the class keeps what was before: then the person was on the list.
			if m.Expected() || m.Enrolment != 0 && came[m.Learner.ID][s.ID] {
				list = append(list, m.Learner.ID)
			}
		}
		for _, a := range r.Attend(s, list, bySession[s.ID], leaves) {
			if attended[a.Learner] == nil {
				attended[a.Learner] = map[SessionID]Attendance{}
			}
			attended[a.Learner][s.ID] = a
		}
	}
	var lines []RollLine
	for _, m := range members {
		l := RollLine{Member: m}
		for _, s := range sessions {
			a, known := attended[m.Learner.ID][s.ID]
			if !known {
				a = Attendance{Session: s.ID, Learner: m.Learner.ID, Guest: m.Enrolment == 0}
			}
			l.Attended = append(l.Attended, a)
		}
		l.Standing = r.Stand(sessions, l.Attended)
		lines = append(lines, l)
	}
	return lines
}

// withDoubts marks what only shows when the events are seen together: several people on one phone in one
// session.
func withDoubts(events []AttendanceEvent) []AttendanceEvent {
	type phone struct {
		session SessionID
		device  string
	}
	first, shared := map[phone]people.LearnerID{}, map[phone]bool{}
	for _, e := range events {
		if e.Device == "" || e.Kind != SignedIn {
			continue
		}
		p := phone{e.Session, e.Device}
		if who, known := first[p]; known && who != e.Learner {
			shared[p] = true
		}
		first[p] = e.Learner
	}
	out := make([]AttendanceEvent, len(events))
	for i, e := range events {
		if e.Kind == SignedIn && shared[phone{e.Session, e.Device}] {
			e.Doubts = append(append([]Doubt{}, e.Doubts...), DoubtDevice)
		}
		out[i] = e
	}
	return out
}

// Credits are what the ledger has to say about a closed session: an entry for every line, of 0 hours where
// the session gives nothing. Of an open session there are none.
func (r ClassRule) Credits(s Session, place int, lines []RollLine) []LedgerEntry {
	if s.ClosedAt.IsZero() {
		return nil
	}
	out := make([]LedgerEntry, 0, len(lines))
	for _, l := range lines {
		out = append(out, LedgerEntry{
			Learner: l.Learner.ID, Enrolment: l.Enrolment, Kind: SourceSession,
			Key:   strconv.FormatInt(int64(s.ID), 10) + "/" + strconv.FormatInt(int64(l.Learner.ID), 10),
			Hours: l.Attended[place].Hours(s), Rule: r.Version, Day: DayOf(s.Starts),
		})
	}
	return out
}

// SignScreen is what the hall sees of one session.
type SignScreen struct {
	Session  Session
	Key      SignKey
	Class    string // name
	There    int    // signed in and not left, with those who wait for the trainer
	Doubtful int    // of these
	Expected int    // on the list
}

// Tally is how many people of a register are what in one session.
func Tally(lines []RollLine, place int) map[Presence]int {
	n := map[Presence]int{}
	for _, l := range lines {
		n[l.Attended[place].Presence]++
	}
	return n
}
