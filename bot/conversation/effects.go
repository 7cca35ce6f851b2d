package conversation

import (
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
		Name string // "followed" "asked_name" "asked_unit" "asked_code" "found" "bound" "failed"
		Why  string // for failed: "no_such_name" "no_such_unit" "wrong_code" "limited"
	}

	// WrongCode counts one wrong short code against the identity and the rows it was tried on.
	WrongCode struct{ Learners []people.LearnerID }

	// Bind joins the learner to this phone and makes them the active one.
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
	}

	// Confirmed clears the mark of Facts.Unconfirmed: its reply has now been shown.
	Confirmed struct{}
)

func (Follow) effect()         {}
func (Unfollow) effect()       {}
func (ShowNotice) effect()     {}
func (Step) effect()           {}
func (WrongCode) effect()      {}
func (Bind) effect()           {}
func (Unbind) effect()         {}
func (Switch) effect()         {}
func (Enrol) effect()          {}
func (SetPush) effect()        {}
func (Open) effect()           {}
func (StartAttempt) effect()   {}
func (Respond) effect()        {}
func (FinishAttempt) effect()  {}
func (CompleteLesson) effect() {}
func (CompleteCourse) effect() {}
func (Confirmed) effect()      {}
