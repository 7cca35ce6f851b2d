package store

import (
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// effect collects what one effect of a message from somebody writes. A test proves that every effect
// has its case.
func (w *turnWriter) effect(id conversation.IdentityID, from channel.Address, e conversation.Effect) error {
	i := int64(id)
	switch e := e.(type) {
	case conversation.Follow:
		w.after("UPDATE identities SET following = 1, followed_at = ?, scene = ? WHERE id = ?", w.now, cut(e.Scene, 64), i)
	case conversation.Unfollow:
		w.forget(i, from)
	case conversation.SendNotice:
		w.shows = append(w.shows, e)
	case conversation.OfferOnce:
		w.into("once_links", "link_hash identity_id template scene made_at", "", onceKey(e.Secret), i, e.Template, e.Scene, w.now)
	case conversation.ShowNotice:
		w.after("UPDATE identities SET notice_version = ? WHERE id = ?", e.Version, i)
	case conversation.Step:
		w.into("funnel_steps", "identity_id name why unit_code fresh day stepped_at", "", i, string(e.Name), e.Why, string(e.Unit), e.Fresh, string(w.day()), w.now)
	case conversation.WrongCode:
		w.wrongCode(i, e)
	case conversation.Bind:
		w.bindings = append(w.bindings, bindingAct{identity: i, learner: e.Learner})
	case conversation.HandOver:
		w.bindings = append(w.bindings, bindingAct{identity: i, leaving: e.Learners})
	case conversation.Decide:
		w.bindings = append(w.bindings, bindingAct{identity: i, decide: &e})
	case conversation.Ask:
		w.into("requests", "kind learner_id helper_id identity_id body state asked_at", w.s.orIgnore("asked_at"),
			string(e.Kind), int64(e.Learner), int64(e.Helper), i, cut(e.Text, people.MaxRequestText), string(people.RequestOpen), w.now)
	case conversation.Told:
		w.after("DELETE FROM news WHERE identity_id = ? AND id IN "+marks(len(e.News)), append([]any{i}, anys(e.News)...)...)
	case conversation.Unbind:
		w.after(leaveProfiles, i, int64(e.Learner), int64(e.Learner))
		w.after("UPDATE identities SET learner_id = COALESCE(("+nextProfile+"), 0) WHERE id = ? AND learner_id NOT IN (SELECT p.learner_id FROM profiles p WHERE p.identity_id = ?)", i, i, i)
	case conversation.Switch:
		w.after("UPDATE identities SET learner_id = ? WHERE id = ?", int64(e.Learner), i)
	case conversation.Enrol:
		w.after(`INSERT INTO enrolments (cohort_id, learner_id, status, since, created_at, updated_at)
			SELECT c.id, ?, ?, ?, ?, ? FROM cohorts c WHERE c.code = ?`+w.s.orIgnore("enrolments.created_at"),
			int64(e.Learner), string(study.Active), string(e.Since), w.now, w.now, e.Cohort)
	case conversation.SetPush:
		w.after("UPDATE learners SET push = ?, updated_at = ? WHERE id = ?", string(e.Push), w.now, int64(e.Learner))
	case conversation.AskLeave, conversation.DecideLeave:
		w.leaves = append(w.leaves, e)
	case conversation.IssueCertificate:
		w.certificates = append(w.certificates, e)
	case conversation.SignIn, conversation.SignOut, conversation.Locate:
		w.sign(id, e)
	case conversation.ChangeOrders:
		w.orders = append(w.orders, e)
	case conversation.AgreePlace:
		w.after(`INSERT INTO location_consents (learner_id, version, given_at) SELECT l.id, ?, ? FROM learners l WHERE l.id = ?
			AND NOT EXISTS (SELECT 1 FROM location_consents p WHERE p.learner_id = l.id AND p.version = ? AND p.withdrawn_at = 0)`, e.Version, w.now, int64(e.Learner), e.Version)
	case conversation.TakeBackPlace:
		w.after("UPDATE location_consents SET withdrawn_at = ? WHERE learner_id = ? AND withdrawn_at = 0", w.now, int64(e.Learner))
	case conversation.MakeTickLink, conversation.EndTickLinks:
		w.links = append(w.links, e)
	case conversation.Confirmed: // written with the identity's row
	default:
		return w.studyEffect(e)
	}
	return nil
}

// studyEffect collects what learning writes.
func (w *turnWriter) studyEffect(e conversation.Effect) error {
	switch e := e.(type) {
	case conversation.Open:
		w.into("openings", "enrolment_id course_id lesson_id version opened_at", w.s.orIgnore("opened_at"),
			int64(e.Enrolment), e.Lesson.Course.Course, e.Lesson.Lesson, e.Lesson.Course.Version, w.now)
		w.opened = append(w.opened, openedLesson{e.Learner, e.Enrolment, e.Lesson.Course.Course, e.Lesson.Lesson})
		// By the learner's index: no other finds these rows, and a scan would lock everybody's.
		w.after("UPDATE deliveries SET pulled_at = ? WHERE learner_id = ? AND enrolment_id = ? AND course_id = ? AND lesson_id = ? AND state IN ('skipped', 'pending', 'claimed') AND pulled_at = 0",
			w.now, int64(e.Learner), int64(e.Enrolment), e.Lesson.Course.Course, e.Lesson.Lesson)
	case conversation.StartAttempt:
		w.into("attempts", "enrolment_id course_id lesson_id number version learner_id review started_at", "",
			int64(e.Enrolment), e.Lesson.Course.Course, e.Lesson.Lesson, e.Number, e.Lesson.Course.Version, int64(e.Learner), e.Review, w.now)
	case conversation.Respond:
		w.into("responses", "enrolment_id course_id lesson_id attempt item_id version learner_id answer correct delegate answered_at", "",
			int64(e.Enrolment), e.Lesson.Course.Course, e.Lesson.Lesson, e.Attempt, e.Item, e.Lesson.Course.Version, int64(e.Learner), cut(e.Answer, 2000), e.Correct, e.Delegate, w.now)
	case conversation.FinishAttempt:
		// The row is there since StartAttempt: this is an UPDATE that many people share.
		w.named("finished attempts", "attempts", "enrolment_id course_id lesson_id number score passed finished_at",
			w.s.upsert("enrolment_id, course_id, lesson_id, number", "score", "passed", "finished_at"),
			int64(e.Enrolment), e.Lesson.Course.Course, e.Lesson.Lesson, e.Number, e.Score, e.Passed, w.now)
	case conversation.CompleteLesson:
		w.completed = append(w.completed, openedLesson{e.Learner, e.Enrolment, e.Lesson.Course.Course, e.Lesson.Lesson})
		w.into("lesson_completions", "enrolment_id course_id lesson_id version learner_id score delegate day completed_at", w.s.orIgnore("completed_at"),
			int64(e.Enrolment), e.Lesson.Course.Course, e.Lesson.Lesson, e.Lesson.Course.Version, int64(e.Learner), e.Score, e.Delegate, string(w.day()), w.now)
		w.credit(study.SourceLesson, int64(e.Learner), e.Enrolment, e.Lesson.Course, e.Lesson.Lesson, e.Hours, e.Rule, e.Delegate)
	case conversation.CompleteCourse:
		w.into("course_completions", "enrolment_id course_id version learner_id score delegate day completed_at", w.s.orIgnore("completed_at"),
			int64(e.Enrolment), e.Course.Course, e.Course.Version, int64(e.Learner), e.Score, e.Delegate, string(w.day()), w.now)
		w.credit(study.SourceTest, int64(e.Learner), e.Enrolment, e.Course, "", e.Hours, e.Rule, e.Delegate)
		if e.Last {
			w.after("UPDATE enrolments SET status = ?, updated_at = ? WHERE id = ? AND status = ?", string(study.Completed), w.now, int64(e.Enrolment), string(study.Active))
			w.rectified(e.Enrolment)
		}
	default:
		return w.noticeEffect(e)
	}
	return nil
}

// credit appends the first entry of a source to the ledger of study hours. A second completion finds it there;
// corrections go by the function credit.
func (w *turnWriter) credit(kind study.SourceKind, learner int64, e study.EnrolmentID, course content.Ref, lesson string, hours study.StudyHours, rule string, delegate bool) {
	if hours == 0 {
		return
	}
	w.into("ledger", ledgerColumns, w.s.orIgnore("credited_at"),
		learner, int64(e), course.Course, string(kind), sourceKey(e, course, lesson), int(hours), rule, string(w.day()), 0, "", "", delegate, w.now)
}

func (w *turnWriter) day() study.Day { return study.DayOf(fromMs(w.now)) }

func (w *turnWriter) wrongCode(id int64, e conversation.WrongCode) {
	const columns = "identity_id learner_id tried_at"
	w.into("wrong_codes", columns, "", id, int64(0), w.now)
	for _, l := range e.Learners {
		w.into("wrong_codes", columns, "", id, int64(l), w.now)
	}
}

// forget deletes a person's platform data: address, conversation, profiles, stored replies, receipts, grants. The
// learning record belongs to the learner and stays (DESIGN rule 9).
func (w *turnWriter) forget(id int64, from channel.Address) {
	w.after("DELETE FROM receipts WHERE channel = ? AND account = ? AND external_id = ?", from.Channel, from.Account, from.External)
	if id == 0 {
		return
	}
	w.after("DELETE FROM profiles WHERE identity_id = ?", id)
	w.after("DELETE FROM grants WHERE identity_id = ?", id)
	w.after("DELETE FROM once_links WHERE identity_id = ?", id)
	w.after("UPDATE handsets SET identity_id = 0 WHERE identity_id = ?", id)
	w.after("UPDATE requests SET identity_id = 0 WHERE identity_id = ?", id)
	// What became of a request is told on the next phone; the rest was about this one.
	w.after("DELETE FROM news WHERE identity_id = ? AND kind IN (?, ?, ?)", id, string(people.NewsMoved), string(people.NewsReleased), string(people.NewsTransferred))
	w.after("UPDATE news SET identity_id = 0 WHERE identity_id = ?", id)
	w.after("UPDATE inbox SET identity_id = 0, reply = '' WHERE identity_id = ?", id)
	w.after("UPDATE funnel_steps SET identity_id = 0 WHERE identity_id = ?", id)
	w.after("UPDATE wrong_codes SET identity_id = 0 WHERE identity_id = ?", id)
	w.after("UPDATE deliveries SET identity_id = 0 WHERE identity_id = ?", id)
	w.after("DELETE FROM identities WHERE id = ?", id)
}
