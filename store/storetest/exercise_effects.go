package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// wantFault wants an error of that code and sentence.
func wantFault(t testing.TB, err error, code fault.Code, key string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.Key != key {
		t.Errorf("error %v, want %s %s", err, code, key)
	}
}

// scene is what effects happen in: a phone o1 with learner 李一 bound, and 王二 on the roster.
type scene struct {
	*bundle
	now      time.Time
	identity conversation.IdentityID
	places   []study.EnrolmentID
	learners []people.LearnerID
}

func (s *scene) effect(e ...conversation.Effect) {
	s.t.Helper()
	s.done(s.now, typed(fmt.Sprint("effect ", s.number("SELECT COUNT(*) FROM inbox")), "o1"), e...)
}

// refuse wants that the effect is not written, and nothing of its turn.
func (s *scene) refuse(e conversation.Effect) {
	s.t.Helper()
	before := s.rows("SELECT id, seq, state FROM identities")
	in := typed(fmt.Sprint("refused ", s.number("SELECT COUNT(*) FROM inbox")), "o1")
	c := s.s.CommitTurns(s.t.Context(), s.now, []conversation.Turn{s.turn(in, e)})[0]
	if c.Verdict == bot.CommitDone || c.Verdict == bot.CommitRepeated {
		s.t.Errorf("%T again: %+v", e, c)
	}
	if diff := cmp.Diff(before, s.rows("SELECT id, seq, state FROM identities")); diff != "" {
		s.t.Errorf("a refused turn left something:\n%s", diff)
	}
}

// EffectNames are the types of conversation's effects that the contract has a case for, sorted.
func EffectNames() []string {
	var names []string
	for _, c := range allEffectCases() {
		names = append(names, reflect.TypeOf(c.of).Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func effectTests() map[string]func(*testing.T, *bundle) {
	tests := map[string]func(*testing.T, *bundle){}
	for _, c := range allEffectCases() {
		tests[reflect.TypeOf(c.of).Name()+" "+c.name] = func(t *testing.T, b *bundle) {
			s := &scene{bundle: b, now: start.Add(time.Hour)}
			s.places, s.learners = b.enrolled("spring", person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB"))
			s.identity = b.done(start, typed("hello", "o1"), conversation.Bind{Learner: s.learners[0]})
			c.run(s)
		}
	}
	return tests
}

func (s *scene) respond() conversation.Respond {
	return conversation.Respond{Enrolment: s.places[0], Learner: s.learners[0], Lesson: lessonOne, Attempt: 1, Item: "q1", Answer: "B", Correct: true}
}

func (s *scene) completeLesson() conversation.CompleteLesson {
	return conversation.CompleteLesson{Enrolment: s.places[0], Learner: s.learners[0], Lesson: lessonOne, Score: 80, Hours: 25, Rule: "2026"}
}

func (s *scene) completeCourse() conversation.CompleteCourse {
	return conversation.CompleteCourse{Enrolment: s.places[0], Learner: s.learners[0], Course: courseOne.Ref(), Score: 90, Hours: 50, Rule: "2026"}
}

func (s *scene) attempt(number int) conversation.StartAttempt {
	return conversation.StartAttempt{Enrolment: s.places[0], Learner: s.learners[0], Lesson: lessonOne, Number: number}
}

const (
	profiles = "SELECT identity_id, learner_id FROM profiles ORDER BY 1, 2"
	actives  = "SELECT learner_id FROM identities WHERE external_id = 'o1'"
)

type effectCase struct {
	of   conversation.Effect
	name string
	run  func(*scene)
}

func allEffectCases() []effectCase {
	return slices.Concat(effectCases, announceEffectCases, followEffectCases, bindingEffectCases, signingEffectCases, orderEffectCases, onceEffectCases, certificateEffectCases, tickEffectCases, fileEffectCases)
}

var effectCases = []effectCase{
	{conversation.Follow{}, "marks the phone and where it came from", func(s *scene) {
		s.exec("UPDATE identities SET following = 0")
		s.effect(conversation.Follow{Scene: strings.Repeat("班", 70)})
		s.want([]string{fmt.Sprint("1|", s.now.UnixMilli(), "|", strings.Repeat("班", 64))}, "SELECT following, followed_at, scene FROM identities")
	}},
	{conversation.Unfollow{}, "deletes the phone and keeps the learner", func(s *scene) {
		s.effect(s.respond(), s.completeLesson(), step, conversation.WrongCode{Learners: s.learners})
		if err := s.s.AppendReceipts(s.t.Context(), s.now, []channel.Receipt{{Kind: "X", To: address("o1"), At: start}, {Kind: "X", To: address("o2"), At: start}}); err != nil {
			s.t.Fatal(err)
		}
		in := typed("bye", "o1")
		s.done(s.now, in, conversation.Unfollow{})
		s.want([]string{"o2"}, "SELECT external_id FROM receipts")
		s.want(nil, "SELECT id FROM identities")
		s.want(nil, "SELECT identity_id FROM profiles")
		s.want([]string{"3|0|"}, "SELECT COUNT(*), SUM(identity_id), MAX(CASE WHEN identity_id = 0 AND message_key = ? THEN '' ELSE reply END) FROM inbox", unhex(in.Key))
		s.want([]string{"0"}, "SELECT SUM(identity_id) FROM funnel_steps")
		s.want([]string{"0"}, "SELECT SUM(identity_id) FROM wrong_codes")
		for _, table := range []string{"responses", "lesson_completions", "ledger"} {
			s.want([]string{fmt.Sprint(s.learners[0])}, "SELECT learner_id FROM "+table)
		}
		s.want([]string{fmt.Sprint("李一|", start.UnixMilli())}, "SELECT name, bound_at FROM learners WHERE id = ?", int64(s.learners[0]))
		if l := s.load(in, nothing); !l.Answered {
			s.t.Errorf("the message that left is not answered: %+v", l)
		}
		if l := s.load(typed("back", "o1"), nothing); l.Snapshot.Seq != 0 || l.Snapshot.Identity.ID != 0 {
			s.t.Errorf("who left is still known: %+v", l)
		}
		if again := s.done(s.now, typed("back", "o1")); again == s.identity {
			s.t.Error("the number of somebody who left is used again")
		}
	}},
	{conversation.Unfollow{}, "of somebody unknown makes nobody", func(s *scene) {
		in := typed("bye", "stranger")
		s.done(s.now, in, conversation.Unfollow{}, step)
		s.want([]string{"1"}, "SELECT COUNT(*) FROM identities")
		if l := s.load(in, nothing); !l.Answered {
			s.t.Errorf("%+v", l)
		}
	}},
	{conversation.ShowNotice{}, "keeps the version", func(s *scene) {
		s.effect(conversation.ShowNotice{Version: 3})
		if l := s.load(typed("x", "o1"), nothing); l.Snapshot.Identity.Notice != 3 {
			s.t.Errorf("%+v", l.Snapshot.Identity)
		}
	}},
	{conversation.Step{}, "is a row with day and time", func(s *scene) {
		s.now = time.Date(2026, 3, 2, 16, 0, 0, 0, time.UTC) // midnight in Shanghai
		s.effect(conversation.Step{Name: "failed", Why: "wrong_code"}, conversation.Step{Name: "found"})
		want := fmt.Sprint(s.identity, "|failed|wrong_code|2026-03-03|", s.now.UnixMilli())
		s.want([]string{want, fmt.Sprint(s.identity, "|found||2026-03-03|", s.now.UnixMilli())},
			"SELECT identity_id, name, why, day, stepped_at FROM funnel_steps ORDER BY id")
	}},
	{conversation.WrongCode{}, "is a row for the try and one for each person tried", func(s *scene) {
		s.effect(conversation.WrongCode{Learners: s.learners})
		at := s.now.UnixMilli()
		s.want([]string{fmt.Sprint(s.identity, "|0|", at), fmt.Sprint(s.identity, "|", s.learners[0], "|", at), fmt.Sprint(s.identity, "|", s.learners[1], "|", at)},
			"SELECT identity_id, learner_id, tried_at FROM wrong_codes ORDER BY id")
	}},
	{conversation.Bind{}, "adds a profile, makes it active, notes the first time only", func(s *scene) {
		s.effect(conversation.Bind{Learner: s.learners[1]})
		s.effect(conversation.Bind{Learner: s.learners[0]})
		s.want([]string{fmt.Sprint(s.identity, "|", s.learners[0]), fmt.Sprint(s.identity, "|", s.learners[1])}, profiles)
		s.want([]string{fmt.Sprint(s.learners[0])}, actives)
		s.want([]string{fmt.Sprint(start.UnixMilli()), fmt.Sprint(s.now.UnixMilli())}, "SELECT bound_at FROM learners ORDER BY id")
	}},
	{conversation.Bind{}, "binds the phone of a first message", func(s *scene) {
		id := s.done(s.now, typed("first", "o9"), conversation.Follow{Scene: "spring"}, conversation.Bind{Learner: s.learners[1]})
		s.want([]string{fmt.Sprint(s.learners[1], "|spring")}, "SELECT learner_id, scene FROM identities WHERE id = ?", int64(id))
	}},
	{conversation.Unbind{}, "leaves another profile active", func(s *scene) {
		s.effect(conversation.Bind{Learner: s.learners[1]})
		s.effect(conversation.Unbind{Learner: s.learners[1]})
		s.want([]string{fmt.Sprint(s.identity, "|", s.learners[0])}, profiles)
		s.want([]string{fmt.Sprint(s.learners[0])}, actives)
		s.effect(conversation.Unbind{Learner: s.learners[0]})
		s.want(nil, profiles)
		s.want([]string{"0"}, actives)
	}},
	{conversation.Unbind{}, "of one who is not active changes nobody else", func(s *scene) {
		s.effect(conversation.Bind{Learner: s.learners[1]})
		s.effect(conversation.Unbind{Learner: s.learners[0]})
		s.want([]string{fmt.Sprint(s.learners[1])}, actives)
	}},
	{conversation.Switch{}, "makes another profile active", func(s *scene) {
		s.effect(conversation.Bind{Learner: s.learners[1]})
		s.effect(conversation.Switch{Learner: s.learners[0]})
		s.want([]string{fmt.Sprint(s.learners[0])}, actives)
	}},
	{conversation.Enrol{}, "gives one place, once", func(s *scene) {
		if _, err := s.s.ApplyCohort(s.t.Context(), start, "tester", class("autumn", courseOne.ID)); err != nil {
			s.t.Fatal(err)
		}
		s.effect(conversation.Enrol{Learner: s.learners[1], Cohort: "autumn", Since: "2026-09-01"})
		s.now = s.now.Add(time.Hour)
		s.effect(conversation.Enrol{Learner: s.learners[1], Cohort: "autumn", Since: "2026-10-01"}, conversation.Enrol{Learner: s.learners[1], Cohort: "none", Since: "2026-10-01"})
		s.want([]string{"active|2026-09-01"}, "SELECT status, since FROM enrolments WHERE cohort_id = (SELECT id FROM cohorts WHERE code = 'autumn')")
		s.want([]string{"3"}, "SELECT COUNT(*) FROM enrolments")
	}},
	{conversation.SetPush{}, "keeps the wish", func(s *scene) {
		s.effect(conversation.SetPush{Learner: s.learners[0], Push: people.PushPaused})
		s.want([]string{"paused", ""}, "SELECT push FROM learners ORDER BY id")
		s.effect(conversation.SetPush{Learner: s.learners[0], Push: people.PushOn})
		s.want([]string{"", ""}, "SELECT push FROM learners ORDER BY id")
	}},
	{conversation.Open{}, "counts once and marks the waiting delivery as pulled", func(s *scene) {
		s.fire("spring", startDay, delivery.RungPull, s.places, s.learners)
		open := conversation.Open{Enrolment: s.places[0], Learner: s.learners[0], Lesson: lessonOne, Day: startDay}
		s.effect(open)
		first := s.now.UnixMilli()
		s.now = s.now.Add(time.Hour)
		s.effect(open)
		s.want([]string{fmt.Sprint(s.places[0], "|rules|l1|", courseOne.Ref().Version, "|", first)}, "SELECT enrolment_id, course_id, lesson_id, version, opened_at FROM openings")
		s.want([]string{fmt.Sprint("skipped|", first), "skipped|0"}, "SELECT state, pulled_at FROM deliveries ORDER BY id")
	}},
	{conversation.StartAttempt{}, "is one row for each number", func(s *scene) {
		s.effect(s.attempt(1))
		second := s.attempt(2)
		second.Review = true
		s.effect(second)
		s.refuse(s.attempt(2))
		s.want([]string{fmt.Sprint("1|0|", s.now.UnixMilli(), "|0"), fmt.Sprint("2|1|", s.now.UnixMilli(), "|0")}, "SELECT number, review, started_at, finished_at FROM attempts ORDER BY number")
	}},
	{conversation.Respond{}, "twice is never a second row (A2)", func(s *scene) {
		s.effect(s.respond())
		other := s.respond()
		other.Answer, other.Correct = "C", false
		s.refuse(other)
		s.want([]string{fmt.Sprint(s.places[0], "|rules|l1|1|q1|", courseOne.Ref().Version, "|", s.learners[0], "|B|1|", s.now.UnixMilli())},
			"SELECT enrolment_id, course_id, lesson_id, attempt, item_id, version, learner_id, answer, correct, answered_at FROM responses")
	}},
	{conversation.Respond{}, "cuts an endless answer instead of refusing it", func(s *scene) {
		r := s.respond()
		r.Answer = strings.Repeat("答", 3000)
		s.effect(r)
		s.want([]string{strings.Repeat("答", 2000)}, "SELECT answer FROM responses")
	}},
	{conversation.FinishAttempt{}, "closes its own attempt", func(s *scene) {
		s.effect(s.attempt(1))
		s.effect(s.attempt(2))
		s.effect(conversation.FinishAttempt{Enrolment: s.places[0], Lesson: lessonOne, Number: 2, Score: 67, Passed: true})
		s.want([]string{"1|0|0|0", fmt.Sprint("2|67|1|", s.now.UnixMilli())}, "SELECT number, score, passed, finished_at FROM attempts ORDER BY number")
	}},
	{conversation.FinishAttempt{}, "closes an attempt that the same turn began", func(s *scene) {
		s.effect(s.attempt(1), conversation.FinishAttempt{Enrolment: s.places[0], Lesson: lessonOne, Number: 1, Score: 100, Passed: true})
		s.want([]string{"1|100"}, "SELECT number, score FROM attempts")
	}},
	{conversation.CompleteLesson{}, "counts once, hours too (C1)", func(s *scene) {
		s.effect(s.completeLesson())
		first := s.now.UnixMilli()
		s.now = s.now.Add(48 * time.Hour)
		again := s.completeLesson()
		again.Score, again.Hours = 100, 50
		s.effect(again)
		ref := courseOne.Ref().Version
		s.want([]string{fmt.Sprint("rules|l1|", ref, "|", s.learners[0], "|80|2026-03-02|", first)},
			"SELECT course_id, lesson_id, version, learner_id, score, day, completed_at FROM lesson_completions")
		s.want([]string{fmt.Sprint(s.learners[0], "|", s.places[0], "|rules|lesson|", s.places[0], "/rules/l1|25|2026|2026-03-02|", first)},
			"SELECT learner_id, enrolment_id, course_id, source_kind, source_key, hundredths, rule, day, credited_at FROM ledger")
	}},
	{conversation.CompleteLesson{}, "without hours credits nothing", func(s *scene) {
		c := s.completeLesson()
		c.Hours = 0
		s.effect(c)
		s.want([]string{"1"}, "SELECT COUNT(*) FROM lesson_completions")
		s.want(nil, "SELECT id FROM ledger")
	}},
	{conversation.CompleteCourse{}, "counts once, and the last one completes the place (C1)", func(s *scene) {
		s.effect(s.completeCourse())
		s.want([]string{"active", "active"}, "SELECT status FROM enrolments ORDER BY id")
		last := s.completeCourse()
		last.Last, last.Score = true, 10
		s.effect(last)
		s.want([]string{fmt.Sprint("rules|", s.learners[0], "|90|2026-03-02")}, "SELECT course_id, learner_id, score, day FROM course_completions")
		s.want([]string{fmt.Sprint("test|", s.places[0], "/rules|50")}, "SELECT source_kind, source_key, hundredths FROM ledger")
		s.want([]string{"completed", "active"}, "SELECT status FROM enrolments ORDER BY id")
	}},
	{conversation.CompleteCourse{}, "does not bring back who left the class", func(s *scene) {
		s.exec("UPDATE enrolments SET status = 'withdrawn'")
		last := s.completeCourse()
		last.Last = true
		s.effect(last)
		s.want([]string{"withdrawn", "withdrawn"}, "SELECT status FROM enrolments")
	}},
	{conversation.Confirmed{}, "clears the mark and nothing else", func(s *scene) {
		other := typed("other", "o2")
		s.done(s.now, other)
		s.mark(typed("hello", "o1"))
		s.mark(other)
		s.effect(conversation.Confirmed{})
		s.want([]string{"o2"}, "SELECT external_id FROM identities WHERE unconfirmed_key IS NOT NULL")
	}},
}

func conversationBind(id people.LearnerID) conversation.Effect { return conversation.Bind{Learner: id} }
