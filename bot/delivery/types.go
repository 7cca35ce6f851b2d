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
	Skipped   State = "skipped"   // we decided not to send; Why says the reason; what it was waits to be pulled
	Cancelled State = "cancelled" // a person stopped it; final
	Expired   State = "expired"   // its deadline passed unsent; final
)

// States lists all of them, in the order of a report.
func States() []State {
	return []State{Delivered, Accepted, Unknown, Failed, Refused, Skipped, Pending, Claimed, Sending, Cancelled, Expired}
}

// Kind is what a message is about. It decides which rungs are lawful and how often (ladder.csv).
type Kind string

// The kinds.
const (
	KindLesson       Kind = "lesson"       // the day's lesson
	KindReminder     Kind = "reminder"     // begun and not finished, or an acknowledgement that is missing
	KindAnnouncement Kind = "announcement" // 通知
	KindUrgent       Kind = "urgent"       // 紧急通知: flood, fire, landslide
	KindReceipt      Kind = "receipt"      // of the person's own act, for example a completed course
	KindDigest       Kind = "digest"       // the week in one message
)

// Kinds lists all of them.
func Kinds() []Kind {
	return []Kind{KindLesson, KindReminder, KindAnnouncement, KindUrgent, KindReceipt, KindDigest}
}

// Rung is a way to reach a person (下发方式).
type Rung string

// The rungs.
const (
	RungLong     Rung = "long"     // subscription notice with a long-term grant
	RungWindow   Rung = "window"   // customer-service message inside an open reply window
	RungNotice   Rung = "notice"   // subscription notice that uses up one grant
	RungOnce     Rung = "once"     // one-time subscribe message that uses up its scene
	RungTemplate Rung = "template" // template message: notices after a person's own act only
	RungMass     Rung = "mass"     // mass send, at most four a month for each person
	RungPull     Rung = "pull"     // nothing is sent: it waits until the person asks
)

// Rungs lists the ways on which something is sent, in the order in which people read them.
func Rungs() []Rung {
	return []Rung{RungLong, RungWindow, RungNotice, RungOnce, RungTemplate, RungMass}
}

// Way is the call a rung is sent by; "" for RungPull.
func (r Rung) Way() channel.Way {
	switch r {
	case RungLong, RungNotice:
		return channel.WayNotice
	case RungWindow:
		return channel.WayWindow
	case RungOnce:
		return channel.WayOnce
	case RungTemplate:
		return channel.WayTemplate
	case RungMass:
		return channel.WayMass
	}
	return ""
}

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
	WhyRefusing     Why = "refusing"      // receiving is switched off in the person's WeChat
	WhyNoWindow     Why = "no_window"     // never wrote, or more than 48 h ago, and nothing else is allowed
	WhyWindowSpent  Why = "window_spent"  // the messages left are kept for replies, and nothing else is allowed
	WhyContacted    Why = "contacted"     // had enough messages of ours today
	WhyQuota        Why = "quota"         // the account's calls of the day are used up
	WhyQuiet        Why = "quiet"         // quiet hours up to the deadline
	WhyDeadline     Why = "deadline"      // too late
	WhyNothingDue   Why = "nothing_due"   // no open lesson: all done, or not begun
	WhyCancelled    Why = "cancelled"
	WhyPlatform     Why = "platform"  // the platform refused; Outcome.Reason has the word
	WhyAmbiguous    Why = "ambiguous" // no certain answer
	WhyPoison       Why = "poison"    // failed too often, or cannot be made into a message
	WhyPulled       Why = "pulled"    // the person read it in the chat before it was sent
	WhyAcked        Why = "acked"     // a reminder: the person acknowledged before it was sent
)

// Facts is what is known about a recipient at this moment (DESIGN rule 2: never a stored flag).
type Facts struct {
	Bound     bool
	Following bool
	Refusing  bool // the platform said that receiving is switched off or the person is blacklisted; a message of theirs ends it
	Push      people.Push
	TypedAt   time.Time // last real message, zero for never
	TapAt     time.Time // last tap, follow or scan, zero for never
	SentSince int       // customer-service messages accepted or unknown since the newest of the two
	Grants    []Grant
	Mass      int    // mass sends of this calendar month (Asia/Shanghai), accepted or unknown
	Contacts  int    // proactive messages of today (Asia/Shanghai), accepted or unknown, receipts not counted
	Tried     []Rung // rungs on which the platform refused this very delivery
	Due       bool   // there is something to send
}

// Grant is what a person has allowed for one template.
type Grant struct {
	Template string
	Left     int // messages left; negative for a long-term grant, which has no end
	Scene    int // of a one-time subscribe message; else 0
}

// Account is what the official account may use today: its rights from the configuration, and
// which of them are spent.
type Account struct {
	Window    bool              // customer-service messages
	Notices   map[Kind]Template // subscription notices, by what they are used for
	Once      string            // template of one-time subscribe messages, "" for none
	Templates map[Kind]Template // template messages
	Mass      bool              // mass sends to a list (verified service accounts)
	Spent     map[Rung]bool     // today's calls, less the reserve, are used up
}

// Template is one of the account's templates and how it is filled.
type Template struct {
	ID     string
	Long   bool              // a long-term notice: one grant serves for ever
	Fields map[string]string // the template's field → what goes in: title, lead, time, from, name, course
}

// Policy is when people may be disturbed, and how often. It is data.
type Policy struct {
	KeepFree   int             // messages of a window kept for replies, 2 by default
	QuietFrom  time.Duration   // after midnight in Asia/Shanghai, for example 21 h
	QuietUntil time.Duration   // for example 7 h; equal values mean no quiet hours
	Lateness   time.Duration   // a push later than its hour by more than this does not fire
	Ladders    map[Kind]Ladder // what each kind may use; see Ladders
}

// Ladder is what one kind of message may use.
type Ladder struct {
	Rungs  []Rung // in the order they are tried; RungPull is always the last
	PerDay int    // it goes only while the person had fewer proactive messages today; 0: no limit
	Quiet  bool   // it respects quiet hours
}

// Decision is what Plan decided.
type Decision struct {
	Rung      Rung
	Next      []Rung    // lawful rungs behind it, in order, should the platform refuse this one
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
	// Tried is the rung that the platform refused and that must not be tried again for this
	// delivery; "" for none.
	Tried Rung
	// Ambiguous says that this call may have reached the person, whatever comes later.
	Ambiguous bool
	// CloseWindow says that the platform told us the reply window is shut or spent.
	CloseWindow bool
	// NoGrant says that the platform knows no grant for the template that was used.
	NoGrant bool
	// Unfollowed says that the platform told us the person does not follow.
	Unfollowed bool
	// Refusing says that the platform told us receiving is switched off.
	Refusing bool
	// StopCampaign says that no other recipient should be tried now.
	StopCampaign bool
}
