package study

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// Decided is what a trainer says of a person in a session.
type Decided string

// The words.
const (
	DecidedTick      Decided = "tick"    // seen in the room
	DecidedPaper     Decided = "paper"   // on the paper sheet
	DecidedConfirm   Decided = "confirm" // a doubtful sign-in is true
	DecidedRefute    Decided = "refute"  // a sign-in is not
	DecidedPresent   Decided = "present"
	DecidedLate      Decided = "late"
	DecidedLeftEarly Decided = "left_early"
	DecidedAbsent    Decided = "absent"
)

// AttendanceDecision is one of a trainer's words.
type AttendanceDecision struct {
	ID      string // makes the same word told twice one: 8 to 40 letters, digits and hyphens; "" for none
	Learner people.LearnerID
	As      Decided
	At      time.Time // when it was seen; zero for now
	Note    string    // why, or the number of a document; refute and the decisions need one
}

var decisionID = regexp.MustCompile(`^[A-Za-z0-9-]{8,40}$`)

// atMost is how far the clock of a phone that had no signal may be off before what it says of a session's time is
// marked.
const atMost = 12 * time.Hour

// ImpossibleTime reports a time that a device gave and that cannot be right: still to come, or long before the session.
func ImpossibleTime(s Session, now, at time.Time) bool {
	return at.After(now.Add(time.Minute)) || at.Before(s.Starts.Add(-atMost))
}

// TrueTime is when something happened by our clock, of a device that says at, and whose own clock says device now: a
// clock that is wrong was as wrong then. Zero stays zero.
func TrueTime(now, device, at time.Time) time.Time {
	if at.IsZero() || device.IsZero() {
		return at
	}
	return at.Add(now.Sub(device))
}

// CheckTickID refuses what a page could not tell twice by: it has to give an id.
func CheckTickID(id string) error {
	if !decisionID.MatchString(id) {
		return fault.New(fault.Invalid, "class.id_bad")
	}
	return nil
}

// DecideAttendance makes the event of a trainer's word. A time that a device gave and that cannot be right – long
// before or after the session, or still to come – stays, marked: the trainer was there, the clock is wrong. Study hours
// do not come from it.
func DecideAttendance(s Session, now time.Time, actor string, d AttendanceDecision) (AttendanceEvent, error) {
	e := AttendanceEvent{Session: s.ID, Learner: d.Learner, Way: WayTrainer, At: d.At, Received: now, Actor: actor, Note: strings.TrimSpace(d.Note)}
	needsNote := false
	switch d.As {
	case DecidedTick:
		e.Kind = SignedIn
	case DecidedPaper:
		e.Kind, e.Way = SignedIn, WayPaper
	case DecidedConfirm:
		e.Kind = Confirmed
	case DecidedRefute:
		e.Kind, needsNote = Refuted, true
	case DecidedPresent, DecidedLate, DecidedLeftEarly, DecidedAbsent:
		e.Kind, e.Mark, needsNote = Marked, Presence(d.As), true
	default:
		return e, fault.New(fault.Invalid, "class.word_unknown", fault.A("word", string(d.As)))
	}
	if needsNote && e.Note == "" || len([]rune(e.Note)) > 200 {
		return e, fault.New(fault.Invalid, "class.reason_bad", fault.A("limit", 200))
	}
	if d.ID != "" && !decisionID.MatchString(d.ID) {
		return e, fault.New(fault.Invalid, "class.id_bad")
	}
	if e.At.IsZero() {
		e.At = now
	}
	if ImpossibleTime(s, now, e.At) {
		e.At = now
		e.Doubts = []Doubt{DoubtClock}
	}
	e.Key = fmt.Sprintf("%s:%d:%d:%d", d.As, s.ID, d.Learner, e.At.UnixMilli())
	if d.ID != "" {
		e.Key = fmt.Sprintf("id:%d:%s", s.ID, d.ID)
	}
	return e, nil
}
