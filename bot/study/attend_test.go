package study_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// nine is when the session of these tests starts; it lasts three hours.
var nine = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

func morning() study.Session {
	return study.Session{ID: 3, Number: 1, Starts: nine, Ends: nine.Add(3 * time.Hour), Hours: 400}
}

func minute(minutes int, e study.AttendanceEvent) study.AttendanceEvent {
	e.At = nine.Add(time.Duration(minutes) * time.Minute)
	if e.Received.IsZero() {
		e.Received = e.At
	}
	e.Session = 3
	if e.Learner == 0 {
		e.Learner = 7
	}
	if e.Key == "" {
		e.Key = string(e.Kind) + "/" + e.At.String()
	}
	return e
}

func phone(doubts ...study.Doubt) study.AttendanceEvent {
	return study.AttendanceEvent{Kind: study.SignedIn, Way: study.WayCode, Doubts: doubts}
}

var (
	tick    = study.AttendanceEvent{Kind: study.SignedIn, Way: study.WayTrainer}
	leaving = study.AttendanceEvent{Kind: study.SignedOut, Way: study.WayCode}
	confirm = study.AttendanceEvent{Kind: study.Confirmed, Actor: "trainer"}
	refute  = study.AttendanceEvent{Kind: study.Refuted, Actor: "trainer"}
	madeUp  = study.AttendanceEvent{Kind: study.MadeUp, Actor: "trainer"}
)

func mark(p study.Presence) study.AttendanceEvent {
	return study.AttendanceEvent{Kind: study.Marked, Mark: p, Actor: "trainer"}
}

func TestAttend(t *testing.T) {
	t.Parallel()
	leave := []study.Leave{{Learner: 7, Status: study.LeaveApproved, Sessions: []study.SessionID{2, 3}}}
	type events = []study.AttendanceEvent
	for name, c := range map[string]struct {
		events events
		leaves []study.Leave
		open   bool // the trainer has not closed the session
		want   study.Presence
		hours  study.StudyHours
	}{
		"in time":                               {events{minute(-5, phone())}, nil, false, study.Present, 400},
		"half an hour before":                   {events{minute(-30, phone())}, nil, false, study.Present, 400},
		"before signing in opens":               {events{minute(-31, phone())}, nil, false, study.Absent, 0},
		"ten minutes after the start":           {events{minute(10, phone())}, nil, false, study.Present, 400},
		"eleven minutes after":                  {events{minute(11, phone())}, nil, false, study.Late, 400},
		"twice, the first counts":               {events{minute(40, phone()), minute(2, phone())}, nil, false, study.Present, 400},
		"after the end":                         {events{minute(181, phone())}, nil, false, study.Absent, 0},
		"a tick after the end":                  {events{minute(200, tick)}, nil, false, study.Present, 400},
		"nothing, still open":                   {nil, nil, true, study.PresenceNone, 0},
		"nothing, closed":                       {nil, nil, false, study.Absent, 0},
		"left early":                            {events{minute(0, phone()), minute(169, leaving)}, nil, false, study.LeftEarly, 0},
		"left ten minutes before the end":       {events{minute(0, phone()), minute(170, leaving)}, nil, false, study.Present, 400},
		"went out and came back":                {events{minute(0, phone()), minute(60, leaving), minute(70, phone())}, nil, false, study.Present, 400},
		"only signed out":                       {events{minute(170, leaving)}, nil, false, study.Absent, 0},
		"doubtful":                              {events{minute(0, phone(study.DoubtFar))}, nil, false, study.PresenceDoubt, 0},
		"doubtful, confirmed":                   {events{minute(0, phone(study.DoubtFar)), minute(30, confirm)}, nil, false, study.Present, 400},
		"doubtful and late, confirmed":          {events{minute(20, phone(study.DoubtFar)), minute(30, confirm)}, nil, false, study.Late, 400},
		"doubtful, ticked":                      {events{minute(0, phone(study.DoubtFar)), minute(30, tick)}, nil, false, study.Present, 400},
		"doubtful, refuted":                     {events{minute(0, phone(study.DoubtDevice)), minute(30, refute)}, nil, false, study.Absent, 0},
		"refuted, then came":                    {events{minute(0, phone(study.DoubtDevice)), minute(30, refute), minute(31, phone())}, nil, false, study.Late, 400},
		"confirmed without a sign-in":           {events{minute(30, confirm)}, nil, false, study.Absent, 0},
		"leave":                                 {nil, leave, false, study.OnLeave, 0},
		"leave that is not approved":            {nil, []study.Leave{{Learner: 7, Status: study.LeaveAsked, Sessions: []study.SessionID{3}}}, false, study.Absent, 0},
		"leave, and came":                       {events{minute(0, phone())}, leave, false, study.Present, 400},
		"a mark decides":                        {events{minute(0, phone()), minute(50, mark(study.Absent))}, nil, false, study.Absent, 0},
		"the last mark decides":                 {events{minute(50, mark(study.Absent)), minute(60, mark(study.LeftEarly))}, nil, false, study.LeftEarly, 0},
		"absent, made up":                       {events{minute(9000, madeUp)}, nil, false, study.MadeUpLater, 400},
		"leave, made up":                        {events{minute(9000, madeUp)}, leave, false, study.MadeUpLater, 400},
		"present, made up all the same":         {events{minute(0, phone()), minute(9000, madeUp)}, nil, false, study.Present, 400},
		"of another person and another session": {events{minute(0, study.AttendanceEvent{Kind: study.SignedIn, Way: study.WayCode, Learner: 8})}, nil, false, study.Absent, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := morning()
			if !c.open {
				s.ClosedAt = s.Ends
			}
			got := study.ClassRule2026.Attend(s, []people.LearnerID{7}, c.events, c.leaves)
			if got[0].Learner != 7 || got[0].Presence != c.want || got[0].Hours(s) != c.hours {
				t.Errorf("got %+v with %v hours, want %s with %v", got[0], got[0].Hours(s), c.want, c.hours)
			}
		})
	}
}

func TestAttendNamesGuestsLast(t *testing.T) {
	t.Parallel()
	s := morning()
	s.ClosedAt = s.Ends
	guest := minute(0, study.AttendanceEvent{Kind: study.SignedIn, Way: study.WayCode, Learner: 5, Doubts: []study.Doubt{study.DoubtGuest}})
	got := study.ClassRule2026.Attend(s, []people.LearnerID{9, 7, 9}, []study.AttendanceEvent{guest, minute(1, phone())}, nil)
	want := []study.Attendance{
		{Session: 3, Learner: 9, Presence: study.Absent},
		{Session: 3, Learner: 7, Presence: study.Present, Arrived: nine.Add(time.Minute), Way: study.WayCode},
		{Session: 3, Learner: 5, Presence: study.PresenceDoubt, Arrived: nine, Way: study.WayCode, Doubts: []study.Doubt{study.DoubtGuest}, Guest: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever order events are told in, and however often, the fold is the same.
func TestAttendIgnoresOrderAndRepeats(t *testing.T) {
	t.Parallel()
	kinds := []study.AttendanceEvent{phone(), phone(study.DoubtDevice), tick, leaving, confirm, refute, madeUp, mark(study.Late), mark(study.Absent)}
	rapid.Check(t, func(t *rapid.T) {
		var events []study.AttendanceEvent
		for i := range rapid.IntRange(0, 8).Draw(t, "events") {
			e := rapid.SampledFrom(kinds).Draw(t, "kind")
			e.Learner, e.Key = people.LearnerID(rapid.IntRange(7, 9).Draw(t, "learner")), string(rune('a'+i))
			events = append(events, minute(rapid.IntRange(-40, 200).Draw(t, "minute"), e))
		}
		s := morning()
		if rapid.Bool().Draw(t, "closed") {
			s.ClosedAt = s.Ends
		}
		list := []people.LearnerID{7, 8}
		want := study.ClassRule2026.Attend(s, list, events, nil)
		again := append(append([]study.AttendanceEvent{}, events...), events...)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
		rng.Shuffle(len(again), func(i, k int) { again[i], again[k] = again[k], again[i] })
		if diff := cmp.Diff(want, study.ClassRule2026.Attend(s, list, again, nil)); diff != "" {
			t.Fatal(diff)
		}
		for i, a := range want {
			if i < 2 && a.Learner != list[i] || a.Hours(s) > s.Hours || !s.ClosedAt.IsZero() && a.Presence == study.PresenceNone && !a.Guest {
				t.Fatalf("%+v", want)
			}
		}
	})
}

func TestStand(t *testing.T) {
	t.Parallel()
	var week []study.Session // five days, two sessions a day: 40 hours, of which 5.71 may be missed
	for i := range 10 {
		week = append(week, study.Session{ID: study.SessionID(i + 1), Hours: 400})
	}
	was := func(list ...study.Presence) (out []study.Attendance) {
		for i, p := range list {
			out = append(out, study.Attendance{Session: study.SessionID(i + 1), Presence: p})
		}
		return out
	}
	for name, c := range map[string]struct {
		attended []study.Attendance
		want     study.Standing
	}{
		"not begun":           {nil, study.Standing{Total: 4000}},
		"one leave":           {was(study.OnLeave, study.Late), study.Standing{Total: 4000, Credited: 400, Leave: 400, Near: true}},
		"two missed":          {was(study.OnLeave, study.Absent), study.Standing{Total: 4000, Leave: 400, Missed: 400, Over: true}},
		"one of two made up":  {was(study.MadeUpLater, study.Absent), study.Standing{Total: 4000, Credited: 400, MadeUp: 400, Missed: 400, Near: true}},
		"doubtful is neither": {was(study.PresenceDoubt), study.Standing{Total: 4000, Waiting: 400}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, study.ClassRule2026.Stand(week, c.attended)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for missed, want := range map[study.StudyHours]bool{0: false, 571: false, 572: true} {
		if study.ClassRule2026.TooMuch(missed, 4000) != want {
			t.Errorf("missing %v of 40 hours", missed)
		}
	}
	if !study.ClassRule2026.TooMuch(101, 700) || study.ClassRule2026.TooMuch(100, 700) {
		t.Error("one seventh itself is allowed, more is not")
	}
}

func TestMayMakeUp(t *testing.T) {
	t.Parallel()
	r := study.ClassRule2026
	if !r.MayMakeUp("2026-11-27", "2026-12-27", 400, 1600, 4000) {
		t.Error("the last day, half of the hours")
	}
	if r.MayMakeUp("2026-11-27", "2026-12-28", 400, 0, 4000) || r.MayMakeUp("2026-11-27", "2026-12-01", 400, 1601, 4000) {
		t.Error("too late or too much")
	}
}
