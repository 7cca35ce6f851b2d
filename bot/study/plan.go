package study

import (
	"fmt"
	"math"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// Plan says when and where a class meets (课程表): at each time of each day one session.
type Plan struct {
	Place   string // at most 66 characters
	Days    []Day  // in order
	Times   []Span // of one day, in order
	Hours   StudyHours
	Titles  []string // of the sessions in order, or none
	Trainer people.LearnerID
	Fence   Fence // of every session; the zero value asks nothing
}

// Span is from when until when, in Asia/Shanghai: 09:00 and 11:30.
type Span struct{ From, To string }

// maxSessions is a term of two sessions a day.
const maxSessions = 200

// Sessions returns the sessions of a class's plan, numbered from 1. The error, for an operator, names what is
// wrong with the plan.
func (p Plan) Sessions(cohort string) ([]Session, error) {
	n := len(p.Days) * len(p.Times)
	switch {
	case n == 0:
		return nil, fmt.Errorf("days and times say when the class meets: there must be at least one of each")
	case n > maxSessions:
		return nil, fmt.Errorf("%d sessions are more than %d", n, maxSessions)
	case len(p.Titles) > 0 && len(p.Titles) != n:
		return nil, fmt.Errorf("there are %d titles for %d sessions", len(p.Titles), n)
	case p.Hours < 0 || p.Hours > 2400:
		return nil, fmt.Errorf("hours of a session must be 0 to 24")
	case len([]rune(p.Place)) > 66:
		return nil, fmt.Errorf("place is longer than 66 characters")
	case p.Fence != Fence{} && !p.Fence.Valid():
		return nil, fmt.Errorf("fence needs latitude, longitude, metres from 50 to 20000, and in law the number of the document that demands it, of at most 66 characters")
	}
	fence := p.Fence
	fence.Required = fence != Fence{}
	fence.Latitude, fence.Longitude = math.Round(fence.Latitude*Millionths)/Millionths, math.Round(fence.Longitude*Millionths)/Millionths
	var out []Session
	for _, day := range p.Days {
		for _, at := range p.Times {
			s := Session{Cohort: cohort, Number: len(out) + 1, Place: p.Place, Hours: p.Hours, Trainer: p.Trainer, Fence: fence}
			if len(p.Titles) > 0 {
				s.Title = p.Titles[len(out)]
			}
			if len([]rune(s.Title)) > 66 {
				return nil, fmt.Errorf("the title of session %d is longer than 66 characters", s.Number)
			}
			var err error
			if s.Starts, err = (Schedule{Hour: at.From}).At(day); err == nil {
				s.Ends, err = (Schedule{Hour: at.To}).At(day)
			}
			if err != nil {
				return nil, fmt.Errorf("session %d: days must be like 2026-12-07 and times like 09:00-11:30", s.Number)
			}
			if !s.Ends.After(s.Starts) || len(out) > 0 && s.Starts.Before(out[len(out)-1].Ends) {
				return nil, fmt.Errorf("session %d must end after it starts, and start after the one before it ends", s.Number)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// Open reports whether phones may sign in to a session at an instant.
func (r ClassRule) Open(s Session, now time.Time) bool {
	from, _, until := r.Window(s)
	return !now.Before(from) && !now.After(until)
}

// SessionWord names a session by day and half of the day, as it stands above a column.
func SessionWord(s Session) string {
	at := s.Starts.In(Zone)
	half := "上午"
	switch {
	case at.Hour() >= 18:
		half = "晚上"
	case at.Hour() >= 12:
		half = "下午"
	}
	return fmt.Sprintf("%d月%d日%s", at.Month(), at.Day(), half)
}
