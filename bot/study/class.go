package study

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// A class that meets (面授班) is a Cohort with sessions. What happened in a session is a list of
// events that only grows; who was present is the fold of it (Attend), never a flag.

// SessionID is our number of a session; 0 means none.
type SessionID int64

// Session is one sitting of a class (课次), usually half a day.
type Session struct {
	ID     SessionID
	Cohort string // code of the class
	Number int    // 1-based, in order of time
	Title  string
	Place  string // "" where the paper does not say
	// Starts and Ends are UTC. Signing in is open from OpenFrom until Ends; who signs in later than
	// LateAfter is late. Zero values mean 30 minutes before Starts, and Starts + 10 minutes.
	Starts, Ends        time.Time
	OpenFrom, LateAfter time.Time
	Hours               StudyHours // what being present gives
	Trainer             people.LearnerID
	Fence               Fence
	// ClosedAt is when the trainer confirmed the session; the ledger is credited then. Zero: open.
	ClosedAt time.Time
}

// Fence says whether a session asks where the phone is. The zero value asks nothing.
type Fence struct {
	Required  bool
	Latitude  float64 // degrees, as the platform's map gives them (GCJ-02)
	Longitude float64
	Metres    int    // inside up to here
	Law       string // document number (文号) of what demands it; people are told it
}

// Millionths of a degree is how precisely a fence is kept: 11 cm.
const Millionths = 1_000_000

// Point is where somebody says to be, in degrees. It is compared at once and kept nowhere.
type Point struct{ Latitude, Longitude float64 }

// Distance is all that is kept of a position (reliability §4, row 37).
type Distance string

// The classes of distance. DistanceNone: not asked or not told.
const (
	DistanceNone   Distance = ""
	DistanceInside Distance = "inside"
	DistanceNear   Distance = "near" // outside, up to 1 km from the fence
	DistanceFar    Distance = "far"
)

// EventKind is what kind of thing happened to one person in one session.
type EventKind string

// The kinds.
const (
	SignedIn  EventKind = "sign_in"  // by the person's phone, or a trainer's tick, or a paper sheet
	SignedOut EventKind = "sign_out" // the same at the end, or leaving early
	Marked    EventKind = "mark"     // a trainer decided: Mark says what; the last one counts
	Confirmed EventKind = "confirm"  // a trainer looked at a doubtful sign-in and it is true
	Refuted   EventKind = "refute"   // … and it is not
	MadeUp    EventKind = "make_up"  // 补学: the missed session was made up, approved
	Located   EventKind = "located"  // the phone told where it is, after consent: Distance and Spot; the last one counts
)

// Way is how a sign-in came.
type Way string

// The ways.
const (
	WayCode    Way = "code"    // scanned the rotating code
	WayNumber  Way = "number"  // typed the short number
	WayTrainer Way = "trainer" // trainer's tick, also one that was made without signal
	WayPaper   Way = "paper"   // from the paper sheet, afterwards
)

// Doubt is why a sign-in wants a second look. It is marked, never refused (reliability §4, row 49).
type Doubt string

// The doubts.
const (
	DoubtDevice   Doubt = "device"   // several people on one phone
	DoubtFar      Doubt = "far"      // outside the fence
	DoubtBurst    Doubt = "burst"    // more in one second than can walk past a screen
	DoubtSamePlot Doubt = "sameplot" // the same position to the metre as others
	DoubtClock    Doubt = "clock"    // a time given by a device that was without signal and cannot be right
	DoubtGuest    Doubt = "guest"    // not on the list of the class
	DoubtNoPlace  Doubt = "noplace"  // the session asks where the phone is, and it was not told
)

// AttendanceEvent is one thing that happened to one person in one session. Append-only.
type AttendanceEvent struct {
	// Key makes the same event twice one: of a phone the message's key, of a trainer's queue its own
	// random id. At most 80 bytes.
	Key      string
	Session  SessionID
	Learner  people.LearnerID
	Kind     EventKind
	Way      Way
	Mark     Presence  // of Marked
	At       time.Time // when it happened, UTC
	Received time.Time // when we were told: later than At by as long as there was no signal
	Device   string    // keyed hash of the phone, "" for a trainer's; compared, never shown
	Distance Distance
	Spot     string // see Fence.Spot; kept apart from the event, until the session is closed
	Doubts   []Doubt
	Actor    string // who did it when it was not the person, as in the audit
	Note     string // document number, reason; at most 200 characters
}

// Presence is what a session was for a person.
type Presence string

// The presences. PresenceNone: nothing is known of the person; when the session is closed that is absent.
const (
	PresenceNone  Presence = ""
	Present       Presence = "present"    // 到
	Late          Presence = "late"       // 迟到
	LeftEarly     Presence = "left_early" // 早退
	Absent        Presence = "absent"     // 缺勤
	OnLeave       Presence = "leave"      // 请假, approved
	MadeUpLater   Presence = "made_up"    // 补学
	PresenceDoubt Presence = "doubtful"   // 待核实: signed in, waits for the trainer
)

// LeaveStatus is how far a leave has got (请假).
type LeaveStatus string

// The statuses.
const (
	LeaveAsked     LeaveStatus = "asked"
	LeaveApproved  LeaveStatus = "approved"
	LeaveRefused   LeaveStatus = "refused"
	LeaveWithdrawn LeaveStatus = "withdrawn"
)

// LeaveID is our number of a leave; 0 means none.
type LeaveID int64

// Leave covers whole sessions of one enrolment.
type Leave struct {
	ID        LeaveID
	Enrolment EnrolmentID
	Learner   people.LearnerID
	Sessions  []SessionID
	Reason    string
	Status    LeaveStatus
	AskedAt   time.Time
	DecidedBy string
	DecidedAt time.Time
}
