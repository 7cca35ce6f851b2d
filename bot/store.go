package bot

import (
	"context"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Store is what the service needs of the database. One method is one transaction (LoadTurns:
// one read). Package store has the two real implementations, MySQL and SQLite.
type Store interface {
	// LoadTurns reads what the turns of a batch need, in a handful of statements for the whole
	// batch. The result has one Loaded for each request, in order. need is conversation's Need.
	LoadTurns(ctx context.Context, now time.Time, requests []LoadRequest, need NeedFunc) ([]Loaded, error)

	// CommitTurns writes turns of different people in one transaction: inbox keys, effects,
	// states (WHERE seq = as read), stored replies. If the shared transaction fails because of
	// one of them, each is tried alone, so a poison turn fails alone. The result has one Commit
	// for each turn, in order. Two turns of one identity must not be in one call.
	CommitTurns(ctx context.Context, now time.Time, turns []conversation.Turn) []Commit

	// MarkUnconfirmed notes that the senders of these messages were told "not recorded" although
	// a commit may have happened. Where it has, the identity's next turn sees Facts.Unconfirmed.
	MarkUnconfirmed(ctx context.Context, messages []channel.Inbound) error

	// AppendReceipts stores raw receipts; the same receipt again changes nothing.
	AppendReceipts(ctx context.Context, now time.Time, receipts []channel.Receipt) error

	// PublishCourses registers course versions. A course number in use with other content is a
	// fault.Conflict that names it, and nothing is registered.
	PublishCourses(ctx context.Context, now time.Time, courses []*content.Course) error

	// Course loads a registered version by its hash; fault.NotFound when there is none.
	Course(ctx context.Context, ref content.Ref) (*content.Course, error)

	// Cohorts returns every class, by code.
	Cohorts(ctx context.Context) ([]study.Cohort, error)

	// DueEnrolments streams the active enrolments of a class that have no delivery for that day
	// yet, with the facts of their recipients, at most limit with an id above after, by id.
	DueEnrolments(ctx context.Context, now time.Time, cohort string, day study.Day, after study.EnrolmentID, limit int) ([]DueEnrolment, error)

	// BegunEnrolments returns the active enrolments of a class whose learner opened a lesson on that
	// day and has not completed it, with the facts of their recipients, by id above after.
	BegunEnrolments(ctx context.Context, now time.Time, cohort string, day study.Day, after study.EnrolmentID, limit int) ([]DueEnrolment, error)

	// FirePush writes the day's campaign (created when it is new) and the deliveries decided for
	// it, in one transaction. Unique on (cohort, day) and (enrolment, day): again changes nothing.
	FirePush(ctx context.Context, now time.Time, push Push, planned []PlannedDelivery) (written int, err error)

	// PushSummary counts the deliveries of a day's campaign by state and reason; fault.NotFound
	// when it never fired.
	PushSummary(ctx context.Context, cohort string, day study.Day) (PushSummary, error)

	// ClaimDeliveries takes up to c.Limit pending deliveries that are due, of campaigns that run and
	// are not paused, for c.Owner, with a lease by the database's clock, and returns them with fresh
	// facts. Campaigns share the limit fairly. Those whose rung is mass are for ClaimMassBatch.
	// Those in state Sending are written ahead by the same commit, as c.Ahead wanted.
	ClaimDeliveries(ctx context.Context, now time.Time, c Claim) ([]ClaimedDelivery, error)

	// BeginSending commits state sending, rung (d.Rung), attempt number and first-attempt time before
	// the calls, for all of a group in one transaction. One result for each, in order. false: do not
	// send that one. The lease is no longer ours; or the campaign was paused or cancelled, or the recipient
	// paused, left or was sent something since the claim, and the delivery is pending again (D4, D5).
	// Two deliveries of one phone in a group: only the first begins (reliability §5.2, rule 9).
	BeginSending(ctx context.Context, now time.Time, group []ClaimedDelivery) ([]bool, error)

	// SettleDeliveries writes what became of a group in one transaction, each only from the state,
	// owner and term that it has; one that lost its lease does not disturb the others. It also
	// keeps what the answers taught about the people: messages of the reply window, contacts of
	// the day, grants. false: lost the lease, wrote nothing.
	SettleDeliveries(ctx context.Context, now time.Time, group []SettledDelivery) ([]bool, error)

	// ReleaseDeliveries gives claimed deliveries back unsent: to pending, or to skipped, expired, failed
	// or unknown when fresh facts say so. d.Rung is written as the rung to use next. One with an
	// ambiguous attempt becomes pending or unknown, whatever else is asked for (D3).
	ReleaseDeliveries(ctx context.Context, now time.Time, group []ReleasedDelivery) ([]bool, error)

	// SweepLeases turns expired claimed rows (or rows without a lease) into pending, expired
	// sending rows into unknown, and pending rows past their deadline into expired, or into unknown
	// when an earlier attempt was ambiguous (D3).
	SweepLeases(ctx context.Context, now time.Time) (Swept, error)

	// Watermark returns up to when the schedule has been looked at, zero for never;
	// AdvanceWatermark moves it forward, never back.
	Watermark(ctx context.Context) (time.Time, error)
	AdvanceWatermark(ctx context.Context, to time.Time) error

	// Purge deletes what has served: stored replies and wrong codes of more than a week ago, receipts
	// of more than a month ago. It returns how many rows.
	Purge(ctx context.Context, now time.Time) (int64, error)

	// EnrolByRules gives places to people who fit the rules of classes and have none; it returns how many.
	EnrolByRules(ctx context.Context, now time.Time) (int, error)

	// AdvanceOrders starts ordered courses whose turn has come by other ways than the chat; class names the
	// class of a course, false where nobody teaches it. It returns how many started.
	AdvanceOrders(ctx context.Context, now time.Time, class func(course string) (name string, taught bool)) (int, error)

	// Ping reports whether the database answers, and its clock.
	Ping(ctx context.Context) (databaseNow time.Time, err error)

	CampaignStore
	ReceiptStore
}

// NeedFunc is (*conversation.Engine).Need.
type NeedFunc func(conversation.State, channel.Inbound) conversation.Needs

// LoadRequest is one inbound message to be loaded for. Cached may spare reading the state; a
// stale one loses at commit, and the turn is loaded anew without it.
type LoadRequest struct {
	In     channel.Inbound
	Cached *Snapshot
}

// Snapshot is a conversation as the last commit left it; it is what the cache holds.
type Snapshot struct {
	Identity conversation.Identity `json:"identity"`
	State    conversation.State    `json:"state"`
	Seq      int64                 `json:"seq"`
}

// Loaded is what a turn starts from.
type Loaded struct {
	// Answered is set when the message's key was committed before: Reply is its stored reply,
	// and there is nothing else to do.
	Answered bool
	Reply    channel.Message
	Snapshot Snapshot
	Facts    conversation.Facts
}

// CommitVerdict says what became of one turn.
type CommitVerdict string

// The verdicts.
const (
	CommitDone      CommitVerdict = "done"      // committed
	CommitRepeated  CommitVerdict = "repeated"  // another replica committed this message: Reply is the winner's
	CommitLost      CommitVerdict = "lost"      // the state moved on: load and step again
	CommitFailed    CommitVerdict = "failed"    // certainly not committed; Err says why
	CommitUncertain CommitVerdict = "uncertain" // nobody can tell yet; Err says why
)

// Commit is the result of one turn.
type Commit struct {
	Verdict  CommitVerdict
	Reply    channel.Message         // stored reply: the turn's own, or the winner's
	Identity conversation.IdentityID // set when done
	Err      error
}

// Push is one day's push of one class: a campaign of kind lesson, or of reminders.
type Push struct {
	Kind     delivery.Kind
	Cohort   string
	Day      study.Day
	DueAt    time.Time // the class's hour on that day, UTC
	Deadline time.Time // later than this nothing of it is sent, UTC
	// Expired records that the hour was missed by more than the policy allows: no deliveries.
	Expired bool
}

// DueEnrolment is a possible recipient of a day's push.
type DueEnrolment struct {
	Enrolment conversation.Enrolment
	Facts     delivery.Facts          // Due is not filled: the service decides it
	Phone     conversation.IdentityID // 0 for none
	Hour      string                  // the learner's own hour, for example "12:30"; "" for the class's
}

// PlannedDelivery is one row of the frozen audience.
type PlannedDelivery struct {
	Enrolment study.EnrolmentID
	Learner   people.LearnerID
	Lesson    study.LessonRef
	Decision  delivery.Decision
	Phone     conversation.IdentityID // as planned, 0 for none; the call goes where the learner is then
}

// PushSummary is the truth about one day's push. The counts add up to Audience (D1).
type PushSummary struct {
	Push     Push                   `json:"push"`
	Audience int                    `json:"audience"`
	States   map[delivery.State]int `json:"states"`
	Reasons  map[delivery.Why]int   `json:"reasons"`
	Pulled   int                    `json:"pulled"` // skipped ones whose learner has opened the lesson since
}

// Claim says who claims how much.
type Claim struct {
	Owner string
	Limit int
	Lease time.Duration
	// Ahead is asked about the claimed deliveries before the claim is committed: those it puts into state
	// Sending, with rung and template, are written ahead by the same commit as BeginSending would, unless
	// their phone is busy; nobody can have changed his mind between. The store may ask again when it
	// repeats its transaction, and Ahead touches nothing but the list. nil wants none.
	Ahead func([]ClaimedDelivery)
}

// Begun is the delivery after its call was written ahead.
func (d ClaimedDelivery) Begun(now time.Time) ClaimedDelivery {
	d.State, d.Attempt = delivery.Sending, d.Attempt+1
	if d.First.IsZero() {
		d.First = now
	}
	return d
}

// ClaimedDelivery is a delivery held under a lease.
type ClaimedDelivery struct {
	ID        int64
	Owner     string
	Term      int64
	Attempt   int       // attempts so far
	First     time.Time // first attempt, zero before it
	Ambiguous bool      // an earlier attempt may have reached the person
	State     delivery.State
	Rung      delivery.Rung // as planned; the dispatcher sets what it decided
	Template  string        // of the rung, set by the dispatcher: which grant a call uses; "" for none
	Deadline  time.Time
	Campaign  CampaignID
	Kind      delivery.Kind
	Title     string // of the campaign; "" for a day's lesson
	Body      Body
	WantsAck  bool
	Lesson    study.LessonRef // of a day's lesson and its reminder
	Learner   people.Learner  // number, name and wish
	To        channel.Address // zero when nobody's phone is bound any more
	Phone     conversation.IdentityID
	Facts     delivery.Facts // Due is true
	LeaseEnd  time.Time      // by the database's clock
}

// SettledDelivery is a delivery in state sending and what became of its call.
type SettledDelivery struct {
	ClaimedDelivery
	Settlement delivery.Settlement
}

// ReleasedDelivery is a claimed delivery that is given back unsent.
type ReleasedDelivery struct {
	ClaimedDelivery
	To  delivery.State
	Why delivery.Why
	Due time.Time // of pending: not before; zero for at once
}

// Swept counts what a sweep changed.
type Swept struct {
	Released  int // claimed → pending
	Ambiguous int // sending → unknown
	Expired   int // pending → expired
}
