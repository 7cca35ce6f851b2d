package study_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

func plan() study.Plan {
	return study.Plan{Place: "党校", Days: []study.Day{"2026-12-07", "2026-12-08"}, Times: []study.Span{{From: "09:00", To: "11:30"}, {From: "14:30", To: "17:00"}}, Hours: 400, Trainer: 7}
}

func TestAPlanBecomesSessions(t *testing.T) {
	t.Parallel()
	got, err := plan().Sessions("c")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 12, day, hour-8, minute, 0, 0, time.UTC) }
	session := func(n int, from, to time.Time) study.Session {
		return study.Session{Cohort: "c", Number: n, Place: "党校", Starts: from, Ends: to, Hours: 400, Trainer: people.LearnerID(7)}
	}
	want := []study.Session{session(1, at(7, 9, 0), at(7, 11, 30)), session(2, at(7, 14, 30), at(7, 17, 0)), session(3, at(8, 9, 0), at(8, 11, 30)), session(4, at(8, 14, 30), at(8, 17, 0))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAPlanThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*study.Plan){
		"at least one":         func(p *study.Plan) { p.Days = nil },
		"more than 200":        func(p *study.Plan) { p.Days = make([]study.Day, 101) },
		"1 titles for 4":       func(p *study.Plan) { p.Titles = []string{"开班"} },
		"0 to 24":              func(p *study.Plan) { p.Hours = -1 },
		"place is longer":      func(p *study.Plan) { p.Place = strings.Repeat("党", 67) },
		"title of session 1":   func(p *study.Plan) { p.Titles = []string{strings.Repeat("课", 67), "", "", ""} },
		"session 3: days must": func(p *study.Plan) { p.Days[1] = "12-08" },
		"session 1: days must": func(p *study.Plan) { p.Times[0].To = "11.30" },
		"session 1 must end":   func(p *study.Plan) { p.Times[0].To = "09:00" },
		"session 2 must end":   func(p *study.Plan) { p.Times[1].From = "11:00" },
		"session 3 must end":   func(p *study.Plan) { p.Days[1] = p.Days[0] },
	} {
		p := plan()
		spoil(&p)
		if _, err := p.Sessions("c"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want …%s…", err, want)
		}
	}
}

// Two people on one phone are both doubtful, in that session only; a trainer's tick has no phone.
func TestTwoPeopleOnOnePhone(t *testing.T) {
	t.Parallel()
	sessions, err := plan().Sessions("c")
	if err != nil {
		t.Fatal(err)
	}
	var members []study.Member
	var events []study.AttendanceEvent
	for i := range sessions[:2] {
		sessions[i].ID = study.SessionID(i + 1)
	}
	for i := range people.LearnerID(3) {
		members = append(members, study.Member{Learner: people.Learner{ID: i + 1}, Enrolment: study.EnrolmentID(i + 1), Status: study.Active})
		device := "a"
		if i == 2 {
			device = ""
		}
		for _, s := range sessions[:2] {
			if s.ID == 2 && i == 1 {
				device = "b"
			}
			events = append(events, study.AttendanceEvent{Key: string(rune('a'+i)) + string(rune('0'+s.ID)), Session: s.ID, Learner: i + 1, Kind: study.SignedIn, Way: study.WayCode, At: s.Starts, Device: device})
		}
	}
	lines := study.ClassRule2026.Roll(sessions[:2], members, events, nil)
	var got [][2]study.Presence
	for _, l := range lines {
		got = append(got, [2]study.Presence{l.Attended[0].Presence, l.Attended[1].Presence})
	}
	want := [][2]study.Presence{{study.PresenceDoubt, study.Present}, {study.PresenceDoubt, study.Present}, {study.Present, study.Present}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(events[0].Doubts) != 0 {
		t.Error("the events that came in were changed")
	}
	if n := study.Tally(lines, 0); n[study.PresenceDoubt] != 2 || n[study.Present] != 1 {
		t.Errorf("%v", n)
	}
}
