// Package conversation is the heart of Tiangeng: the pure, deterministic engine of the chat.
//
//	Need(State, Inbound) → Needs          which facts must be read for this message
//	Step(State, Inbound, Facts) → Turn    what is said, what is recorded, what the state becomes
//
// Facts come in, effects go out; both are values. The package has no clock, no network, no
// database and no randomness, and does not know how an openid looks. What is not clear in a
// learner's words is asked back, never guessed into a wrong mark.
package conversation

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// StateVersion is the version of State's JSON. Only one format exists until the first release.
const StateVersion = 1

// Mode is what the chat is in the middle of. The zero value is: nothing.
type Mode string

// The modes.
const (
	ModeIdle       Mode = ""
	ModeBindName   Mode = "bind_name"   // asked for the name
	ModeBindUnit   Mode = "bind_unit"   // asked for the unit
	ModeBindCode   Mode = "bind_code"   // asked for the short code
	ModeProfile    Mode = "profile"     // asked which person is using this phone
	ModeLesson     Mode = "lesson"      // reading; 继续 turns the page
	ModeQuiz       Mode = "quiz"        // an item is open
	ModeConfirm    Mode = "confirm"     // asked "really?" before 退订 or unbinding
	ModeHour       Mode = "hour"        // asked at what time lessons shall come
	ModeCorrect    Mode = "correct"     // asked what is wrong in the own data
	ModeDraftTo    Mode = "draft_to"    // a trainer was asked whom an announcement is for
	ModeDraft      Mode = "draft"       // a trainer was asked for the text
	ModeDraftTitle Mode = "draft_title" // a trainer was asked for the line that goes with a picture or a recording
	ModeSend       Mode = "send"        // a trainer was shown the announcement; 发送 sends it
	ModeSurvey     Mode = "survey"      // a question of a survey is open
	ModeMenu       Mode = "menu"        // the training menu, or the own orders, are shown
)

// State is all the chat remembers between two messages. It is small, versioned JSON, kept in the
// database; whatever does not survive marshalling does not exist.
type State struct {
	V       int          `json:"v"`
	Mode    Mode         `json:"mode,omitempty"`
	Binding *Binding     `json:"binding,omitempty"`
	Study   *Study       `json:"study,omitempty"` // survives other modes, so a quiz can be gone back to
	Confirm string       `json:"confirm,omitempty"`
	Unclear int          `json:"unclear,omitempty"` // messages in a row that were not understood
	Draft   *Draft       `json:"draft,omitempty"`   // announcement being written; survives other modes
	Survey  *SurveyState `json:"survey,omitempty"`  // survey in progress
	Menu    *MenuState   `json:"menu,omitempty"`    // what is shown of the training menu, in ModeMenu
	Waiting []int64      `json:"waiting,omitempty"` // campaigns that were listed for release, in that order
	Result  int64        `json:"result,omitempty"`  // the trainer's campaign that was looked at last; 0 is the newest
	Steps   uint16       `json:"steps,omitempty"`   // steps of binding that this phone has come to, a bit each
	// Offered is the last day on which notices were offered at the end of a lesson.
	Offered study.Day `json:"offered,omitempty"`
}

// Binding is the progress of joining a phone to a roster row.
type Binding struct {
	Cohort string `json:"cohort,omitempty"` // class whose QR brought the person
	Name   string `json:"name,omitempty"`
	Unit   string `json:"unit,omitempty"` // as typed
	For    bool   `json:"for,omitempty"`  // of somebody without a smartphone, to learn in the person's place (代学)
}

// Study is the lesson in progress: page or open item.
type Study struct {
	Enrolment study.EnrolmentID `json:"enrolment"`
	Lesson    study.LessonRef   `json:"lesson"`
	Page      int               `json:"page"`              // 0-based page shown last
	Attempt   int               `json:"attempt"`           // 1-based; 0 while only the text has been read
	Items     []int             `json:"items,omitempty"`   // places of the items this attempt asks, in order
	Next      int               `json:"next"`              // place in Items of the open item; len(Items) when the attempt is finished
	Right     []int             `json:"right,omitempty"`   // items right so far, this attempt or an earlier one
	Asked     int               `json:"asked,omitempty"`   // times the open item was asked back
	AskedAt   int64             `json:"askedAt,omitempty"` // Unix ms, when the open item was last shown; 0 while it has not been
	Warned    bool              `json:"warned,omitempty"`  // the open item was asked back with "do you mean it?": the next such answer is taken
	// Review marks an attempt at a lesson that is complete already: nothing it does changes a completion.
	Review bool `json:"review,omitempty"`
}

// Needs says which facts Step will look at. Identity is always loaded.
type Needs struct {
	Profiles bool   // the people bound to this phone, and Learner
	Progress bool   // the active learner's enrolments, with completed lessons and attempts
	Record   bool   // totals for 我的学习
	Hours    bool   // the active learner's hours of this year by source
	Name     string // roster rows of that exact name (NFKC, blanks removed); "" for none
	Cohort   string // the class with that code; "" for none
	Mine     bool   // what is kept about the active learner, and open requests
	Tries    bool   // wrong short codes of this identity and of the candidates in the last 24 h

	Trainer   bool             // whether the active learner is a trainer, and of what
	Audiences bool             // the trainer's classes, with sizes
	Unit      string           // the trainer's units whose name fits, as typed; "" for none
	Groups    GroupKind        // the groups of that kind in the trainer's scope, the largest; with Unit also of that name; "" for none
	Draft     string           // the trainer's draft with that key; "" for none
	Size      bool             // how many people the draft is for, counted now
	Result    int              // what became of the trainer's n-th newest campaign, 1-based; 0 for none
	ResultOf  int64            // with Result 1: of this one, or of what it reminds of; 0 for the newest
	Silent    bool             // with Result 1: the newest that wants acknowledgements, and is no reminder
	Names     string           // with Result: who is listed by name, for example NamesSilent; "" for nobody
	Page      int              // of Names, 1-based
	Waiting   bool             // campaigns in the trainer's scope that wait for a release
	Asked     bool             // requests in the trainer's scope that nobody has closed
	Rule      people.BindRule  // by which 代学 is judged
	AskedID   people.RequestID // … this one; 0 for the oldest
	Once      string           // what a link may say by which the sender allows one message of that template; "" for none
	Notices   bool             // newest announcements addressed to the active learner
	Help      bool             // the people of the trainer's scope, to see who needs help
	Rectify   bool             // what is not done about findings in the trainer's scope
	Survey    bool             // the survey that the active learner is asked next
	Queue     bool             // what the active learner has ordered; whether it may start, when something waits
	Menu      bool             // what is closed in the active learner's menu, and all of Queue
	Coming    bool             // the sessions of the active learner's classes that are not over
	Leaves    bool             // leaves in the trainer's scope that wait
	LeaveID   study.LeaveID    // … this one; 0 for the oldest
	Ticking   bool             // the classes that meet today, with which a trainer has to do
	SignIn    bool             // the sessions that the active learner can sign in to now
	// SignSession is one whose code was scanned, whether the learner is on its list or not; 0 for none.
	SignSession study.SessionID
	Certificate *CertificateNeed
	SurveyID    study.SurveyID // … this one, while it is open and not finished; 0 for any
}

// IdentityID is our number of one Address; 0 means it is not stored yet.
type IdentityID int64

// Identity is what is always known about the sender.
type Identity struct {
	ID        IdentityID       `json:"id"`
	Following bool             `json:"following"`
	Notice    int              `json:"notice"`             // version of the privacy notice that was shown, 0 for none
	Learner   people.LearnerID `json:"learner"`            // who is active on this phone, 0 for nobody
	Name      string           `json:"name"`               // that learner's name
	People    int              `json:"people"`             // bound to this phone
	Delegate  bool             `json:"delegate,omitempty"` // the active learner is learnt for here (代学)
}

// Facts is everything Step may know. It is complete for what Need asked, and nothing more.
type Facts struct {
	Now        time.Time // UTC
	Identity   Identity
	Learner    *people.Learner // active; nil when nobody is bound or Needs did not ask
	Profiles   []people.Learner
	Delegated  map[people.LearnerID]people.LearnerID // those of Profiles who are learnt for here, and who does
	Mine       *Mine
	News       []News // what the sender is told with this reply, oldest first
	Enrolments []Enrolment
	Record     *Record
	Hours      study.Hours // of this year
	Candidates []people.Candidate
	Cohort     *study.Cohort // nil when Needs.Cohort names no class
	Tries      Tries
	// Unconfirmed is an earlier message that was recorded although its sender was told it may not
	// be (reliability A5). Step answers with its stored reply first and applies nothing else.
	Unconfirmed *Unconfirmed

	Trainer *Trainer      // nil when the active learner is none, or Needs did not ask
	Units   []Unit        // those that fit Needs.Unit, the best fits only; at most 9
	Groups  []Group       // of Needs.Groups the largest first, at most GroupsShown; of Needs.Unit those of exactly that name
	Draft   *DraftFacts   // nil when there is none with that key of this trainer
	Result  *Result       // nil when the trainer has not made so many
	Waiting []Waiting     // oldest first, at most 5
	Asked   []Asked       // oldest first, at most 5
	Notices []NoticeFact  // newest first, at most 5, of the last 30 days
	Coming  []Coming      // by class, in order
	Signing []OpenSession // first what starts first
	Survey  *SurveyFacts  // nil when nothing is asked
	Once    *OnceOffer    // nil when the sender has allowed all there is, or Needs did not ask
	Queue   study.Queue
	Limits  []study.MenuLimit // of the active learner's units
	// PlaceConsent is to which version of the sentence the active learner has said yes, and has not taken it back; 0 for
	// none. It is read where a session of Signing asks for the place.
	PlaceConsent int

	Certificate *CertificateFacts // nil when Needs did not ask
}

// OnceScenes is how many one-time subscribe messages a person can have allowed at a time: a scene each,
// because the same one does not add up (wechat-protocol §3).
const OnceScenes = 3

// OnceOffer is what a link says by which a person allows one message.
type OnceOffer struct {
	Secret string // random, of this one link
	Scene  int    // 1 to OnceScenes
}

// Enrolment is a place in a class with what was done there.
type Enrolment struct {
	study.Enrolment
	Done     []study.Done
	Passed   []study.Passed
	Attempts map[string]int // course id + "/" + lesson id → highest attempt number so far
}

// Tries counts wrong short codes in the last 24 h.
type Tries struct {
	Identity int
	Learner  map[people.LearnerID]int
}

// Record is a learner's own record for the current year (Asia/Shanghai).
type Record struct {
	Hours    study.StudyHours // 学时 this year, from the ledger
	Delegate study.StudyHours // of Hours, what somebody learnt in the learner's place (代学)
	Lessons  int              // lessons completed this year
	Courses  int              // courses completed this year
	LastAt   time.Time        // last completion, zero for never
	Due      []DueClass       // to be done about findings, first what is due first
	Hour     string           // own hour of pushes, "12:30" in Asia/Shanghai; "" for that of the class
}

// Unconfirmed is a message that was recorded, with the reply its sender has not seen.
type Unconfirmed struct {
	Key   string
	Reply channel.Message
}

// Turn is the result of one message.
type Turn struct {
	In       channel.Inbound
	Identity Identity // as read; ID 0 makes the store create it
	Seq      int64    // sequence number of the state that was read; 0 when there was none
	After    State
	Effects  []Effect
	Reply    channel.Message // may be silent
	Topic    string          // short English word of what happened, for logs and metrics: "answer", "bind_code" …
}

// Ref returns the course version that the open lesson is taught and marked by; false without one.
func (s State) Ref() (content.Ref, bool) {
	if s.Study == nil {
		return content.Ref{}, false
	}
	return s.Study.Lesson.Course, true
}
