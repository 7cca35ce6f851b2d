package study

import (
	"cmp"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// ClassRule is how sign-ins become presence and presence becomes hours. The 1/7 is 干部教育培训工作条例
// (2023); the rest is this program's own rule, shown on every list under its version.
type ClassRule struct {
	Version string
	Opens   time.Duration // signing in opens that long before a session, unless the session says otherwise
	Late    time.Duration // who signs in that long after the start is late, unless the session says otherwise
	Slot    time.Duration // the code on the screen changes that often
	Early   time.Duration // who signs out more than that before the end has left early
	// LeavePart: who misses more than one part in that many of the class's hours has not taken part in it.
	LeavePart int
	// MakeUpDays is until how many days after a class's last session missed ones can be made up, MakeUpPart
	// the most that can: one part in that many of the class's hours.
	MakeUpDays, MakeUpPart int
	// Burst: more sign-ins of phones than that in one second of one session are more than walk past a screen. SameSpot:
	// so many people at the same place to the metre are not people standing around.
	Burst, SameSpot int
}

// ClassRule2026 is the rule that holds.
var ClassRule2026 = ClassRule{
	Version: "class-2026-01", Slot: 20 * time.Second, Opens: 30 * time.Minute, Late: 10 * time.Minute, Early: 10 * time.Minute,
	LeavePart: 7, MakeUpDays: 30, MakeUpPart: 2,
	Burst: 15, SameSpot: 3,
}

// Window returns from when until when phones may sign in to a session, and from when on they are late.
func (r ClassRule) Window(s Session) (from, late, until time.Time) {
	from, late = s.OpenFrom, s.LateAfter
	if from.IsZero() {
		from = s.Starts.Add(-r.Opens)
	}
	if late.IsZero() {
		late = s.Starts.Add(r.Late)
	}
	return from, late, s.Ends
}

// Attendance is what one session was for one person.
type Attendance struct {
	Session  SessionID
	Learner  people.LearnerID
	Presence Presence
	// Arrived is the first sign-in that counts; zero where only a trainer's word or a paper sheet says that
	// the person was there, which says so and not when. Left is when the person signed out.
	Arrived, Left time.Time
	Way           Way
	Doubts        []Doubt // why it is doubtful, or was before a trainer confirmed it; in alphabetical order
	Note          string  // of the decision that counts
	Guest         bool    // not on the list of the class
}

// Hours are what a presence in a session gives.
func (a Attendance) Hours(s Session) StudyHours {
	switch a.Presence {
	case Present, Late, MadeUpLater:
		return s.Hours
	default:
		return 0
	}
}

// Attend folds the events of one session into what it was for each person: those on the list, in its
// order, then guests by number. The order of the events, and events told twice (same Key), make no
// difference.
//
//   - A trainer's mark decides. Else somebody is there who has a sign-in that was not refuted.
//   - A sign-in of a phone counts inside the session's window, and says when. One of a trainer or a paper
//     sheet says that, not when, so nobody is late by it.
//   - A doubt, not being on the list, or not having told the place where the session asks for it, makes it
//     doubtful until a trainer confirms it, ticks the person or has them on paper.
//   - Without a sign-in an approved leave makes it a leave; nothing at all makes it absent once the
//     session is closed.
//   - What was missed can be made up.
func (r ClassRule) Attend(s Session, list []people.LearnerID, events []AttendanceEvent, leaves []Leave) []Attendance {
	folds := make(map[people.LearnerID]*attendance, len(list))
	for _, l := range list {
		folds[l] = &attendance{}
	}
	var guests []people.LearnerID
	known := make(map[string]bool, len(events))
	for _, e := range inTime(events) {
		if e.Session != s.ID || known[e.Key] {
			continue
		}
		known[e.Key] = true
		f := folds[e.Learner]
		if f == nil {
			f = &attendance{guest: true}
			folds[e.Learner] = f
			guests = append(guests, e.Learner)
		}
		f.events = append(f.events, e)
	}
	for _, l := range leaves {
		if f := folds[l.Learner]; f != nil && l.Status == LeaveApproved && slices.Contains(l.Sessions, s.ID) {
			f.leave = true
		}
	}
	slices.Sort(guests)
	out := make([]Attendance, 0, len(folds))
	for _, learner := range slices.Concat(list, guests) {
		f := folds[learner]
		if f == nil { // named twice on the list
			continue
		}
		delete(folds, learner)
		a := r.fold(s, f)
		a.Session, a.Learner, a.Guest = s.ID, learner, f.guest
		out = append(out, a)
	}
	return out
}

// inTime sorts events by when they happened; at the same time by when they were told, then by key.
func inTime(events []AttendanceEvent) []AttendanceEvent {
	return slices.SortedFunc(slices.Values(events), func(a, b AttendanceEvent) int {
		return cmp.Or(a.At.Compare(b.At), a.Received.Compare(b.Received), cmp.Compare(a.Key, b.Key))
	})
}

// attendance is what is known of one person in one session.
type attendance struct {
	events       []AttendanceEvent // in time
	leave, guest bool
}

func (r ClassRule) fold(s Session, f *attendance) Attendance {
	from, late, until := r.Window(s)
	var a Attendance
	var was presenceState
	for _, e := range f.events {
		switch e.Kind {
		case SignedIn:
			phone := e.Way == WayCode || e.Way == WayNumber
			if phone && (e.At.Before(from) || e.At.After(until)) {
				continue
			}
			was.signIn(&a, e, phone)
		case Located:
			if !e.At.Before(from) && !e.At.After(until) {
				was.distance = e.Distance
				was.spotted = was.spotted || slices.Contains(e.Doubts, DoubtSamePlot)
			}
		case SignedOut:
			if was.in {
				a.Left = e.At
			}
		case Confirmed:
			if was.in {
				was.confirmed, a.Note = true, e.Note
			}
		case Refuted:
			// What was signed before it does not count; who signs in again is there again.
			a = Attendance{Note: e.Note, Doubts: a.Doubts}
			was = presenceState{marked: was.marked, madeUp: was.madeUp, distance: was.distance, spotted: was.spotted}
		case Marked:
			was.marked, a.Note = e.Mark, e.Note
		case MadeUp:
			was.madeUp, a.Note = true, e.Note
		}
	}
	was.doubtPlace(&a, s.Fence)
	if f.guest && was.in {
		a.Doubts = append(a.Doubts, DoubtGuest)
	}
	slices.Sort(a.Doubts)
	a.Doubts = slices.Compact(a.Doubts)
	switch {
	case was.marked != PresenceNone:
		a.Presence = was.marked
	case was.in && (was.doubtful || f.guest) && !was.confirmed:
		a.Presence = PresenceDoubt
	case was.in && !a.Left.IsZero() && a.Left.Before(until.Add(-r.Early)):
		a.Presence = LeftEarly
	case was.in && a.Arrived.After(late):
		a.Presence = Late
	case was.in:
		a.Presence = Present
	case f.leave:
		a.Presence = OnLeave
	case !s.ClosedAt.IsZero() && !f.guest:
		a.Presence = Absent
	}
	if was.madeUp && (a.Presence == Absent || a.Presence == OnLeave || a.Presence == LeftEarly) {
		a.Presence = MadeUpLater
	}
	return a
}

// presenceState is how far the fold has got.
type presenceState struct {
	in, doubtful, confirmed bool
	phone                   bool // a phone signed in: its place may be asked for
	madeUp                  bool
	marked                  Presence
	distance                Distance
	spotted                 bool // at the same place to the metre as others
}

// doubtPlace says what is doubtful about where a phone signed in.
func (p *presenceState) doubtPlace(a *Attendance, f Fence) {
	if !f.Required || !p.phone {
		return
	}
	before := len(a.Doubts)
	switch p.distance {
	case DistanceInside:
	case DistanceNone:
		a.Doubts = append(a.Doubts, DoubtNoPlace)
	default:
		a.Doubts = append(a.Doubts, DoubtFar)
	}
	if p.spotted {
		a.Doubts = append(a.Doubts, DoubtSamePlot)
	}
	p.doubtful = p.doubtful || len(a.Doubts) > before
}

func (p *presenceState) signIn(a *Attendance, e AttendanceEvent, phone bool) {
	a.Doubts = append(a.Doubts, e.Doubts...)
	p.doubtful = p.doubtful || len(e.Doubts) > 0
	p.phone = p.phone || phone
	switch {
	case !phone: // a trainer saw the person, which ends every doubt
		p.confirmed = true
		if !p.in {
			a.Way = e.Way
		}
	case a.Arrived.IsZero():
		a.Arrived = e.At
		if !p.in {
			a.Way = e.Way
		}
	}
	p.in, a.Left = true, time.Time{} // who comes back has not left
}

// Standing is how one person stands in a class.
type Standing struct {
	Total    StudyHours // of all sessions
	Credited StudyHours
	Leave    StudyHours // missed with leave
	Missed   StudyHours // missed without, or left early
	MadeUp   StudyHours // part of Credited
	Waiting  StudyHours // doubtful ones that a trainer has to look at
	// Over: more is missed, with leave or without and not made up, than the rule allows.
	Over bool
	// Near: one more session of the usual length would be too much.
	Near bool
}

// Stand adds up one person's attendance of a class's sessions. Sessions without an entry are still to come.
func (r ClassRule) Stand(sessions []Session, attended []Attendance) Standing {
	var st Standing
	byID := make(map[SessionID]Session, len(sessions))
	var longest StudyHours
	for _, s := range sessions {
		byID[s.ID] = s
		st.Total += s.Hours
		longest = max(longest, s.Hours)
	}
	for _, a := range attended {
		s := byID[a.Session]
		st.Credited += a.Hours(s)
		switch a.Presence {
		case OnLeave:
			st.Leave += s.Hours
		case Absent, LeftEarly:
			st.Missed += s.Hours
		case MadeUpLater:
			st.MadeUp += s.Hours
		case PresenceDoubt:
			st.Waiting += s.Hours
		}
	}
	missed := st.Leave + st.Missed
	st.Over = r.TooMuch(missed, st.Total)
	st.Near = !st.Over && missed > 0 && r.TooMuch(missed+longest, st.Total)
	return st
}

// TooMuch reports whether missing so many of a class's hours is more than the rule allows.
func (r ClassRule) TooMuch(missed, total StudyHours) bool {
	return int64(missed)*int64(r.LeavePart) > int64(total)
}

// MayMakeUp reports whether a session of so many hours may still be made up on a day, when made are made up
// already.
func (r ClassRule) MayMakeUp(last, on Day, hours, made, total StudyHours) bool {
	return on <= last.Add(r.MakeUpDays) && int64(made+hours)*int64(r.MakeUpPart) <= int64(total)
}
