package people

import (
	"strings"
	"time"
	"unicode/utf8"
)

// HandsetID is our own number of a phone; 0 is one that is not known (any more).
type HandsetID int64

// BindRule limits who may be bound where. The zero value takes the defaults named here.
type BindRule struct {
	CoolDown  time.Duration // after going to another phone, this long no further one; 0: 7 days
	Delegates int           // people that may be learnt for on one phone (代学); 0: 3
}

const (
	defaultCoolDown  = 7 * 24 * time.Hour
	defaultDelegates = 3
)

// BindVerdict says what binding a person to a phone is.
type BindVerdict int

// The verdicts.
const (
	BindFirst   BindVerdict = iota // no phone is known of the person
	BindAgain                      // the phone that the person bound last
	BindMove                       // from another phone to this one
	BindCooling                    // from another phone, too soon after the last time
)

// Judge says what binding the candidate to the phone here is; until is the end of a cool-down. Who
// learns for somebody does not count: a person has one phone of the own.
func (r BindRule) Judge(now time.Time, here HandsetID, c Candidate) (v BindVerdict, until time.Time) {
	switch {
	case c.Handset == 0:
		return BindFirst, time.Time{}
	case c.Handset == here:
		return BindAgain, time.Time{}
	case c.MovedAt.IsZero():
		return BindMove, time.Time{}
	}
	cool := r.CoolDown
	if cool == 0 {
		cool = defaultCoolDown
	}
	if until = c.MovedAt.Add(cool); now.Before(until) {
		return BindCooling, until
	}
	return BindMove, time.Time{}
}

// RoomFor reports whether one more person may be learnt for on a phone that has so many already.
func (r BindRule) RoomFor(delegates int) bool { return delegates < r.MaxDelegates() }

// MaxDelegates is how many people may be learnt for on one phone.
func (r BindRule) MaxDelegates() int {
	if r.Delegates == 0 {
		return defaultDelegates
	}
	return r.Delegates
}

// RequestKind is what somebody asks of an administrator.
type RequestKind string

// The kinds.
const (
	RequestDelegate RequestKind = "delegate" // 代学: to learn for a person without a smartphone
	RequestCorrect  RequestKind = "correct"  // 更正: something in the own data is wrong
	RequestDelete   RequestKind = "delete"   // 删除: own data shall go
)

// RequestState is where a request stands.
type RequestState string

// The states. RequestOpen is left by an administrator in scope alone.
const (
	RequestOpen    RequestState = "open"
	RequestDone    RequestState = "done"    // done as asked
	RequestRefused RequestState = "refused" // not done, for the reason given
)

// RequestID is our own number of a request.
type RequestID int64

// Request is what a person asks of an administrator. Unit, and with it the scope that sees it, is
// that of the person whom it concerns.
type Request struct {
	ID       RequestID    `json:"id"`
	Kind     RequestKind  `json:"kind"`
	Learner  LearnerID    `json:"learner"`
	Name     string       `json:"name"`
	Unit     OrgCode      `json:"unit"`
	UnitName string       `json:"unitName"`
	Helper   LearnerID    `json:"helper"` // who asks to learn for the person; 0 for the other kinds
	Helps    string       `json:"helps"`  // the helper's name
	Text     string       `json:"text"`   // what is wrong, in the person's words
	State    RequestState `json:"state"`
	Reason   string       `json:"reason"` // of whoever closed it
	AskedAt  time.Time    `json:"askedAt"`
	ClosedAt time.Time    `json:"closedAt,omitzero"`
	ClosedBy string       `json:"closedBy"`
}

// MaxRequestText and MaxReason are in characters.
const (
	MaxRequestText = 200
	MaxReason      = 100
)

// FoldReason trims a reason; false when there is none or it is longer than MaxReason.
func FoldReason(s string) (string, bool) {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	n := utf8.RuneCountInString(s)
	return s, n > 0 && n <= MaxReason
}

// NewsKind is what a person is told with the next reply.
type NewsKind string

// The news. Each has its sentence: bind.news_ and the kind.
const (
	NewsMoved           NewsKind = "moved"            // went to another phone by binding there
	NewsReleased        NewsKind = "released"         // an administrator took the person off this phone
	NewsTransferred     NewsKind = "transferred"      // an administrator gave this phone to the person
	NewsDelegateDone    NewsKind = "delegate_done"    // may be learnt for here from now on
	NewsDelegateRefused NewsKind = "delegate_refused" // may not
	NewsCorrectDone     NewsKind = "correct_done"
	NewsCorrectRefused  NewsKind = "correct_refused"
	NewsDeleteDone      NewsKind = "delete_done"
	NewsDeleteRefused   NewsKind = "delete_refused"
	NewsLeaveApproved   NewsKind = "leave_approved"
	NewsLeaveRefused    NewsKind = "leave_refused"
	NewsRectify         NewsKind = "rectify" // was given courses about a finding
	NewsOrder           NewsKind = "order"   // somebody ordered a course for them
	NewsOrderDropped    NewsKind = "order_dropped"

	NewsCertificateRevoked NewsKind = "certificate_revoked"
)

// Result is the news of a request that was closed.
func (k RequestKind) Result(s RequestState) NewsKind { return NewsKind(string(k) + "_" + string(s)) }

// FunnelStep is one step of binding.
type FunnelStep string

// The steps. A phone that was asked for the name, found in the roster and confirmed has gone all the way.
const (
	StepFollowed  FunnelStep = "followed"
	StepAskedName FunnelStep = "asked_name"
	StepAskedUnit FunnelStep = "asked_unit"
	StepAskedCode FunnelStep = "asked_code"
	StepFound     FunnelStep = "found"  // a row of the roster fits name and unit
	StepBound     FunnelStep = "bound"  // the code fits too
	StepFailed    FunnelStep = "failed" // see FunnelWhy
)

// FunnelSteps are the steps in their order.
func FunnelSteps() []FunnelStep {
	return []FunnelStep{StepFollowed, StepAskedName, StepAskedUnit, StepAskedCode, StepFound, StepBound, StepFailed}
}

// FunnelCount is how often a step was reached on a day in a unit. It has no person in it.
type FunnelCount struct {
	Day      string     `json:"day"`  // in Asia/Shanghai
	Unit     OrgCode    `json:"unit"` // "" while nobody can say where the person belongs
	UnitName string     `json:"unitName"`
	Step     FunnelStep `json:"step"`
	Why      string     `json:"why"`    // of failed: no_such_name, no_such_unit, wrong_code, limited, cooling
	Times    int        `json:"times"`  // messages
	Phones   int        `json:"phones"` // of them the first of a phone at this step
}

// BoundCount is how many of a unit's people on the roster were ever bound.
type BoundCount struct {
	Unit     OrgCode `json:"unit"`
	UnitName string  `json:"unitName"`
	People   int     `json:"people"`
	Bound    int     `json:"bound"`
	Never    int     `json:"never"`
	Delegate int     `json:"delegate"` // of Bound: only on phones of people who learn for them
}

// Funnel is how binding goes.
type Funnel struct {
	Counts []FunnelCount `json:"counts"` // by day, unit and step
	Units  []BoundCount  `json:"units"`  // as it is now, by unit
}
