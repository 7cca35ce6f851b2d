package study

import (
	"slices"
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
	events = r.withDoubts(events)
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

// withDoubts marks what only shows when the events of everybody are seen together: several people on one phone, more
// in one second than walk past a screen, many at the same place to the metre.
func (r ClassRule) withDoubts(events []AttendanceEvent) []AttendanceEvent {
	type group struct {
		session SessionID
		what    string
	}
	phones, spots := map[group]map[people.LearnerID]bool{}, map[group]map[people.LearnerID]bool{}
	seconds := map[group]map[people.LearnerID]bool{}
	join := func(m map[group]map[people.LearnerID]bool, e AttendanceEvent, what string) {
		g := group{e.Session, what}
		if m[g] == nil {
			m[g] = map[people.LearnerID]bool{}
		}
		m[g][e.Learner] = true
	}
	second := func(e AttendanceEvent) string { return strconv.FormatInt(e.At.Unix(), 10) }
	for _, e := range events {
		switch {
		case e.Kind == Located && e.Spot != "":
			join(spots, e, e.Spot)
		case e.Kind == SignedIn && e.Device != "":
			join(phones, e, e.Device)
			join(seconds, e, second(e))
		}
	}
	out := make([]AttendanceEvent, len(events))
	for i, e := range events {
		var more []Doubt
		switch {
		case e.Kind == Located && e.Spot != "" && len(spots[group{e.Session, e.Spot}]) >= r.SameSpot:
			more = append(more, DoubtSamePlot)
		case e.Kind == SignedIn && e.Device != "":
			if len(phones[group{e.Session, e.Device}]) > 1 {
				more = append(more, DoubtDevice)
			}
			if len(seconds[group{e.Session, second(e)}]) > r.Burst {
				more = append(more, DoubtBurst)
			}
		}
		if more != nil {
			e.Doubts = append(more, e.Doubts...)
		}
		out[i] = e
	}
	return out
}

// SettleSpots returns the events that keep of spots only what they say: who was where others were. The spots
// themselves can go then.
func (r ClassRule) SettleSpots(events []AttendanceEvent) []AttendanceEvent {
	var out []AttendanceEvent
	for _, e := range r.withDoubts(events) {
		if e.Kind == Located && e.Spot != "" && slices.Contains(e.Doubts, DoubtSamePlot) {
			e.Key, e.Spot = "spot:"+strconv.FormatInt(int64(e.Session), 10)+":"+strconv.FormatInt(int64(e.Learner), 10)+":"+strconv.FormatInt(e.At.UnixMilli(), 10), ""
			out = append(out, e)
		}
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
