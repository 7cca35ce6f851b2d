// Package delivery decides how, when and whether one person may be sent one message, and what the
// platform's answer makes of a delivery. It is pure: facts and a time in, a decision or a next
// state out. It must not know HTTP, platform error codes, SQL or what a lesson says.
package delivery

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/people"
)

// State is where one delivery (下发) stands. See the diagram in ARCHITECTURE.md; who leaves a
// state is said at each.
type State string

// The states. Their counts add up to the frozen audience at all times (D1).
const (
	Pending   State = "pending"   // waits for a dispatcher's claim, or for cancel, deadline, unsubscribe
	Claimed   State = "claimed"   // a dispatcher holds it; a lease that runs out gives it back to pending
	Sending   State = "sending"   // written ahead of the call; a lease that runs out makes it unknown
	Accepted  State = "accepted"  // the platform took it; a receipt may move it on
	Delivered State = "delivered" // a receipt said so; final
	Refused   State = "refused"   // accepted, then a receipt said no; final, counted with failed
	Failed    State = "failed"    // the platform certainly refused; final
	Unknown   State = "unknown"   // nobody can tell; a receipt may still settle it
	Skipped   State = "skipped"   // we decided not to send; Why says the reason; the lesson waits to be pulled
	Cancelled State = "cancelled" // a person stopped it; final
	Expired   State = "expired"   // its deadline passed unsent; final
)

// Rung is a way to reach a person (下发方式). This release has two; the ladder grows here.
type Rung string

// The rungs, best first.
const (
	RungWindow Rung = "window" // customer-service message inside an open reply window
	RungPull   Rung = "pull"   // nothing is sent: the lesson waits until the learner asks
)

// Why is the reason of a decision or of a final state. Each has a sentence in the catalogue
// under "why.".
type Why string

// The reasons.
const (
	WhyNone         Why = ""
	WhyNotBound     Why = "not_bound"     // nobody's phone is bound to this learner
	WhyNotFollowing Why = "not_following" // the phone no longer follows the account
	WhyPaused       Why = "paused"        // 暂停
	WhyOptedOut     Why = "opted_out"     // 退订
	WhyNoWindow     Why = "no_window"     // never wrote, or more than 48 h ago
	WhyWindowSpent  Why = "window_spent"  // the messages left are kept for replies
	WhyQuiet        Why = "quiet"         // quiet hours up to the deadline
	WhyDeadline     Why = "deadline"      // too late
	WhyNothingDue   Why = "nothing_due"   // no open lesson: all done, or not begun
	WhyCancelled    Why = "cancelled"
	WhyPlatform     Why = "platform"  // the platform refused; Outcome.Reason has the word
	WhyAmbiguous    Why = "ambiguous" // no certain answer
	WhyPoison       Why = "poison"    // failed too often
)

// Facts is what is known about a recipient at this moment (DESIGN rule 2: never a stored flag).
type Facts struct {
	Bound     bool
	Following bool
	Push      people.Push
	TypedAt   time.Time // last real message, zero for never
	TapAt     time.Time // last tap, follow or scan, zero for never
	SentSince int       // customer-service messages accepted or unknown since the newest of the two
	Due       bool      // there is a lesson to send
}

// Policy is what the account may do and when people may be disturbed. It is data.
type Policy struct {
	Window     bool          // customer-service messages are permitted to this account
	KeepFree   int           // messages of a window kept for replies, 2 by default
	QuietFrom  time.Duration // after midnight in Asia/Shanghai, for example 21 h
	QuietUntil time.Duration // for example 7 h; equal values mean no quiet hours
	Lateness   time.Duration // a push later than its hour by more than this does not fire
}

// Decision is what Plan decided.
type Decision struct {
	Rung      Rung
	NotBefore time.Time // UTC; zero means now
	NotAfter  time.Time // UTC; the delivery expires then
	Why       Why       // reason when Rung is RungPull
}

// Settlement is what an Outcome makes of a delivery in state Sending.
type Settlement struct {
	To      State
	Why     Why
	Due     time.Time // next try when To is Pending
	Outcome channel.Outcome
	// CloseWindow says that the platform told us the reply window is shut or spent.
	CloseWindow bool
	// Unfollowed says that the platform told us the person does not follow.
	Unfollowed bool
	// StopCampaign says that no other recipient should be tried now.
	StopCampaign bool
}
