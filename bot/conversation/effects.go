package conversation

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Effect is one thing a turn records. The set is sealed: the store has a case for each and a test
// that it has. All effects of a turn commit in one transaction with its state and reply.
type Effect interface{ effect() }

type (
	// Follow records that the sender follows the account, and from which QR.
	Follow struct{ Scene string }

	// Unfollow deletes the sender's platform data (address, state, stored replies, profiles);
	// the learning record stays with the learner (DESIGN rule 9).
	Unfollow struct{}

	// ShowNotice records the version of the privacy notice that the reply shows.
	ShowNotice struct{ Version int }

	// Step counts one step of the binding funnel: followed, asked, found, confirmed, failed.
	Step struct {
		Name  people.FunnelStep
		Why   string         // for failed: "no_such_name" "no_such_unit" "wrong_code" "limited" "cooling"
		Unit  people.OrgCode // of the row that was found; "" while nobody can know
		Fresh bool           // this phone had not come to this step before
	}

	// WrongCode counts one wrong short code against the identity and the rows it was tried on.
	WrongCode struct{ Learners []people.LearnerID }

	// Bind joins the learner to this phone and makes them the active one. A person has one phone of the
	// own: from another one, whose holder is told, they go.
	Bind struct{ Learner people.LearnerID }

	// Unbind takes the learner off this phone; another profile, if any, becomes active.
	Unbind struct{ Learner people.LearnerID }

	// Switch makes another profile of this phone active.
	Switch struct{ Learner people.LearnerID }

	// Enrol gives the learner a place in the class, if there is none yet.
	Enrol struct {
		Learner people.LearnerID
		Cohort  string
		Since   study.Day
	}

	// SetPush records what the learner wants to be sent.
	SetPush struct {
		Learner people.LearnerID
		Push    people.Push
	}

	// Open records that the learner has opened a lesson; the day's delivery, if one waits to be
	// pulled, is marked as pulled. Day is today in Asia/Shanghai.
	Open struct {
		Enrolment study.EnrolmentID
		Learner   people.LearnerID
		Lesson    study.LessonRef
		Day       study.Day
	}

	// StartAttempt opens an attempt at a lesson's quiz.
	StartAttempt struct {
		Enrolment study.EnrolmentID
		Learner   people.LearnerID
		Lesson    study.LessonRef
		Number    int // 1-based, unique in (enrolment, course, lesson)
		Review    bool
	}

	// Respond records one marked answer. Unique in (enrolment, course, lesson, attempt, item): A2.
	Respond struct {
		Enrolment study.EnrolmentID
		Learner   people.LearnerID
		Lesson    study.LessonRef
		Attempt   int
		Item      string // item id
		Answer    string // normal form: "B", "ABD", "true", the text, the number
		Correct   bool
		Delegate  bool // 代学: given on the phone of whoever learns in the learner's place
	}

	// FinishAttempt closes an attempt with its score.
	FinishAttempt struct {
		Enrolment study.EnrolmentID
		Lesson    study.LessonRef
		Number    int
		Score     int // per cent
		Passed    bool
	}

	// CompleteLesson records that a lesson is complete and credits its hours: once, whatever
	// comes later (C1).
	CompleteLesson struct {
		Enrolment study.EnrolmentID
		Learner   people.LearnerID
		Lesson    study.LessonRef
		Score     int
		Hours     study.StudyHours
		Rule      string // version of the credit rule
		Delegate  bool   // 代学
	}

	// CompleteCourse records that every lesson of a course is complete, with the mean score and
	// the hours of the passed test: once (C1).
	CompleteCourse struct {
		Enrolment study.EnrolmentID
		Learner   people.LearnerID
		Course    content.Ref
		Score     int
		Hours     study.StudyHours
		Rule      string
		Last      bool // it was the last course of the class: the enrolment is completed
		Delegate  bool // 代学
	}

	// SetHour records at what time of the day the learner wants to be sent lessons: "12:30" in
	// Asia/Shanghai, "" for that of the class.
	SetHour struct {
		Learner people.LearnerID
		Hour    string
	}

	// DraftCampaign writes a draft of an announcement with the trainer's scope; nobody gets it. The
	// same Key again changes nothing.
	DraftCampaign struct {
		Key      string // from the key of the message, at most 80 bytes
		Learner  people.LearnerID
		Urgent   bool
		Title    string   // at most 40 characters
		Text     string   // at most 600 characters; "" with File
		File     SentFile // the content is this picture or recording, once it has been fetched; zero for none
		To       Target
		WantsAck bool
		At       time.Time // UTC; zero: at once
		Of       int64     // the trainer's campaign that it reminds of those who have not acknowledged it; else 0
	}

	// AmendCampaign changes a draft. A new time makes its forecast be counted anew.
	AmendCampaign struct {
		Key      string
		Learner  people.LearnerID
		WantsAck bool
		At       time.Time // UTC; zero: at once
	}

	// SubmitCampaign sends a draft, or with Await puts it before a second trainer. It fails as a
	// whole when the draft is none any more: the turn is stepped again on fresh facts.
	SubmitCampaign struct {
		Key     string
		Learner people.LearnerID
		Await   bool
	}

	// ReleaseCampaign lets another's campaign go. It fails as SubmitCampaign does.
	ReleaseCampaign struct {
		Campaign int64
		Learner  people.LearnerID
	}

	// CancelCampaign stops a campaign of the trainer's own: by Key, or by its number. Whatever has
	// not begun is cancelled. It fails as SubmitCampaign does when the status is another one by now.
	CancelCampaign struct {
		Key      string // "" for none
		Campaign int64  // 0 for none
		Learner  people.LearnerID
		Status   string // as it was read
	}

	// Acknowledge records a 回执: that the learner has typed 收到 to an announcement, and to the
	// reminders of it.
	Acknowledge struct {
		Learner  people.LearnerID
		Campaign int64
	}

	// SendNotice sends the learner the picture or the recording of an announcement, which the reply cannot hold: one
	// that is addressed to the learner, or waits for the learner's release.
	SendNotice struct {
		Key      string // from the key of the message, at most 80 bytes
		Learner  people.LearnerID
		Campaign int64
	}

	// OfferOnce records that the reply has a link by which this phone allows one message.
	OfferOnce struct {
		Secret   string
		Template string
		Scene    int
	}

	// ReadNotices records that the reply shows announcements which had not reached the learner.
	ReadNotices struct {
		Learner   people.LearnerID
		Campaigns []int64
	}

	// Ask puts a request before the administrators of the learner's unit. While one of the kind is
	// open for the learner, another changes nothing.
	Ask struct {
		Kind    people.RequestKind
		Learner people.LearnerID
		Helper  people.LearnerID // who learns in the learner's place, or 0
		Text    string           // at most people.MaxRequestText characters
	}

	// Decide closes a request in the scope of the trainer Learner. It fails as SubmitCampaign does when
	// the request cannot be closed so any more.
	Decide struct {
		Request people.RequestID
		Learner people.LearnerID
		Done    bool
		Reason  string
		Rule    people.BindRule
	}

	// HandOver takes everybody off this phone, because somebody else has it from now on. What the
	// phone had been allowed and shown is forgotten.
	HandOver struct{ Learners []people.LearnerID }

	// Told records that the reply tells these news.
	Told struct{ News []int64 }

	// Confirmed clears the mark of Facts.Unconfirmed: its reply has now been shown.
	Confirmed struct{}
)

func (Follow) effect()          {}
func (Unfollow) effect()        {}
func (ShowNotice) effect()      {}
func (Step) effect()            {}
func (WrongCode) effect()       {}
func (Bind) effect()            {}
func (Unbind) effect()          {}
func (Switch) effect()          {}
func (Enrol) effect()           {}
func (SetPush) effect()         {}
func (Open) effect()            {}
func (StartAttempt) effect()    {}
func (Respond) effect()         {}
func (FinishAttempt) effect()   {}
func (CompleteLesson) effect()  {}
func (CompleteCourse) effect()  {}
func (SetHour) effect()         {}
func (DraftCampaign) effect()   {}
func (AmendCampaign) effect()   {}
func (SubmitCampaign) effect()  {}
func (ReleaseCampaign) effect() {}
func (CancelCampaign) effect()  {}
func (Acknowledge) effect()     {}
func (ReadNotices) effect()     {}
func (SendNotice) effect()      {}
func (OfferOnce) effect()       {}
func (Ask) effect()             {}
func (Decide) effect()          {}
func (HandOver) effect()        {}
func (Told) effect()            {}
func (Confirmed) effect()       {}
