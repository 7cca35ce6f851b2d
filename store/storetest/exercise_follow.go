package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

const (
	county112   people.OrgCode = "530112000000"
	county113   people.OrgCode = "530113000000"
	township112 people.OrgCode = "530112001000"
	prefecture  people.OrgCode = "530100000000"
)

func over(units ...people.OrgCode) people.Scope { return people.Scope{Units: units} }

func quarterly() study.Survey {
	return study.Survey{
		Code: "q1", Title: "一季度问卷", Intro: "请说心里话。", Anonymous: true, Opens: startDay, Closes: startDay.Add(9), Unit: prefecture, By: people.LevelTownship, Parts: []people.OrgCode{},
		Questions: []study.Question{
			{ID: "use", Kind: study.QuestionChoice, Text: "有用吗？", Options: []string{"有用", "一般", "没用"}},
			{ID: "hard", Kind: study.QuestionScale, Text: "难不难？", Low: "容易", High: "难"},
			{ID: "more", Kind: study.QuestionText, Text: "还想学什么？", Optional: true},
		},
	}
}

// crowd are n people of one township and, behind them, m of a village of another county.
func crowd(n, m int) []people.RosterRow {
	var rows []people.RosterRow
	for i := range n + m {
		code := []people.OrgCode{village1, village2}[i%2]
		if i >= n {
			code = village3
		}
		rows = append(rows, person(code, fmt.Sprintf("学员%02d", i), "AAAA"))
	}
	return rows
}

func (b *bundle) survey(v study.Survey) study.SurveyID {
	b.t.Helper()
	if created, err := b.s.PutSurvey(b.t.Context(), start, "tester", people.Everyone(), v); !created || err != nil {
		b.t.Fatal(created, err)
	}
	return study.SurveyID(b.number("SELECT id FROM surveys WHERE code = ?", v.Code))
}

// chat sends what people type through the engine, as the service does.
func (b *bundle) chat(e *conversation.Engine, now time.Time, openid string, texts ...string) string {
	b.t.Helper()
	reply := ""
	for _, text := range texts {
		in := typed(fmt.Sprint(openid, b.number("SELECT COUNT(*) FROM inbox")), openid)
		in.Text = text
		list, err := b.s.LoadTurns(b.t.Context(), now, []bot.LoadRequest{{In: in}}, e.Need)
		if err != nil {
			b.t.Fatal(err)
		}
		t := e.Step(list[0].Snapshot.State, in, list[0].Facts)
		t.Seq = list[0].Snapshot.Seq
		if c := b.s.CommitTurns(b.t.Context(), now, []conversation.Turn{t})[0]; c.Verdict != bot.CommitDone {
			b.t.Fatalf("%q: %s, %v", text, c.Verdict, c.Err)
		}
		reply = t.Reply.Text
	}
	return reply
}

func engine() *conversation.Engine {
	return conversation.New(conversation.Options{Library: content.NewLibrary(nil, courseOne), Phrases: content.DefaultPhrases()})
}

var followEffectCases = []effectCase{
	{conversation.AnswerSurvey{}, "keeps an anonymous answer and its person apart, once", func(s *scene) {
		id := s.survey(func() study.Survey { v := quarterly(); v.Anonymous, v.Code = false, "other"; return v }())
		e := conversation.AnswerSurvey{Survey: id, Learner: s.learners[0], Anonymous: true, Question: "use", Number: 1, Part: township112, Reply: study.Reply{Choice: 2}}
		s.effect(e)
		s.refuse(e)
		e.Number, e.Question, e.Last, e.Reply = 2, "more", true, study.Reply{Words: "养牛"}
		s.effect(e)
		s.refuse(e)
		s.want([]string{fmt.Sprint(id, "|", s.learners[0], "|2|1")}, "SELECT survey_id, learner_id, answered, finished FROM survey_people")
		s.want([]string{fmt.Sprint(id, "|more|530112001000|0|养牛"), fmt.Sprint(id, "|use|530112001000|2|")}, "SELECT survey_id, question, part, choice, words FROM survey_answers ORDER BY question")
		s.want(nil, "SELECT * FROM survey_named_answers")
	}},
	{conversation.AnswerSurvey{}, "names whoever answers a survey that says so", func(s *scene) {
		id := s.survey(func() study.Survey { v := quarterly(); v.Anonymous = false; return v }())
		s.effect(conversation.AnswerSurvey{Survey: id, Learner: s.learners[0], Question: "use", Number: 1, Reply: study.Reply{Choice: 1}})
		s.effect(conversation.AnswerSurvey{Survey: id, Learner: s.learners[0], Question: "hard", Number: 2})
		s.refuse(conversation.AnswerSurvey{Survey: id, Learner: s.learners[1], Question: "hard", Number: 2, Reply: study.Reply{Choice: 1}})
		s.want([]string{fmt.Sprint(s.learners[0], "|use|1|", s.now.UnixMilli())}, "SELECT learner_id, question, choice, answered_at FROM survey_named_answers")
		s.want(nil, "SELECT * FROM survey_answers")
		s.want([]string{fmt.Sprint(s.learners[0], "|2|0")}, "SELECT learner_id, answered, finished FROM survey_people")
	}},
}

var followCases = map[string]func(*testing.T, *bundle){
	"no list and no act goes beyond its scope": followScopes,
	"who needs help: facts by unit and name, within the scope": func(t *testing.T, b *bundle) {
		places, ids := b.enrolled("spring", person(village2, "甲", "AAAA"), person(village1, "乙", "BBBB"), person(village3, "丙", "CCCC"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		answer := func(who, attempt int, item string, right bool) conversation.Respond {
			return conversation.Respond{Enrolment: places[who], Learner: ids[who], Lesson: lessonOne, Attempt: attempt, Item: item, Answer: "x", Correct: right}
		}
		b.done(start, typed("2", "o1"), conversation.CompleteLesson{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Score: 80, Hours: 25, Rule: "r"},
			answer(0, 1, "wrong-right-wrong", false), answer(0, 2, "wrong-right-wrong", true), answer(0, 3, "wrong-right-wrong", false),
			answer(0, 1, "right-at-last", false), answer(0, 2, "right-at-last", false), answer(0, 3, "right-at-last", true),
			answer(0, 1, "once", false), answer(2, 1, "theirs", false), answer(2, 2, "theirs", false), answer(2, 3, "theirs", false))
		read := func(scope people.Scope) []study.Followed {
			var list []study.Followed
			for f, err := range b.s.FollowedPeople(t.Context(), scope) {
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, f)
			}
			return list
		}
		got := read(people.Everyone())
		place := func(i int, done ...study.Done) []study.FollowedPlace {
			return []study.FollowedPlace{{Done: done, Enrolment: study.Enrolment{ID: places[i], Learner: ids[i], Cohort: class("spring", courseOne.ID), Status: study.Active, Since: startDay}}}
		}
		want := []study.Followed{
			{Learner: learner(ids[1], person(village1, "乙", "")), Places: place(1)},
			{
				Learner: learner(ids[0], person(village2, "甲", "")), Bound: true, Places: place(0, study.Done{Course: "rules", Lesson: "l1", Score: 80, At: start}),
				Stuck: []study.Stuck{{Course: "rules", Lesson: "l1", Item: "wrong-right-wrong", Wrong: 2}},
			},
			{Learner: learner(ids[2], person(village3, "丙", "")), Places: place(2), Stuck: []study.Stuck{{Course: "rules", Lesson: "l1", Item: "theirs", Wrong: 3}}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, c := range []struct {
			scope people.Scope
			want  []study.Followed
		}{{people.Scope{}, nil}, {over(village2), want[1:2]}, {over(county112), want[:2]}, {over(county113), want[2:]}, {over("bad"), nil}} {
			if diff := cmp.Diff(c.want, read(c.scope)); diff != "" {
				t.Errorf("%v (-want +got):\n%s", c.scope, diff)
			}
		}
		// In the chat, for a trainer of the county.
		if err := b.s.PutTrainer(t.Context(), start, "tester", bot.Trainer{Learner: ids[0], Scope: over(county112)}); err != nil {
			t.Fatal(err)
		}
		trainer := b.load(typed("3", "o1"), needs(conversation.Needs{Trainer: true, Help: true})).Facts.Trainer
		if trainer == nil || trainer.People != 2 {
			t.Fatalf("%+v", trainer)
		}
		for i := range want[:2] { // a list in the chat has the shortest names that tell units apart
			want[i].Learner.UnitName = people.OwnName(want[i].Learner.UnitName)
		}
		if diff := cmp.Diff(want[:2], trainer.Followed); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"a finding is rectified by a course, a document or a note": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		_, ids := b.enrolled("spring", person(village1, "甲", "AAAA"), person(village2, "乙", "BBBB"), person(village1, "丙", "CCCC"), person(village3, "丁", "DDDD"))
		f := study.Finding{Source: "县委巡察", Document: "巡察3号", Found: startDay, Unit: township112, Problem: "公开不及时"}
		_, err := b.s.AddFinding(ctx, start, "tester", over(county113), f)
		wantFault(t, err, fault.NotFound, "follow.unit_unseen")
		elsewhere := f
		elsewhere.Unit = "530199000000"
		_, err = b.s.AddFinding(ctx, start, "tester", people.Everyone(), elsewhere)
		wantFault(t, err, fault.NotFound, "follow.unit_unseen")
		acts := int(b.number("SELECT COUNT(*) FROM audit"))
		f, err = b.s.AddFinding(ctx, start, "tester", over(county112), f)
		if err != nil || f.ID == 0 || f.UnitName != "单位5301·单位530112·单位530112001" || f.By != "tester" {
			t.Fatalf("%+v, %v", f, err)
		}
		b.acts(acts + 1)
		a := store.Assignment{Finding: f.ID, Learners: ids[:2], Courses: []string{"rules"}, Due: startDay, Class: "整改：巡察3号"}
		for _, bad := range []struct {
			change func(*store.Assignment)
			scope  people.Scope
			code   fault.Code
			key    string
		}{
			{func(a *store.Assignment) { a.Learners = nil }, over(county112), fault.Invalid, "follow.assign_empty"},
			{func(a *store.Assignment) { a.Courses = nil }, over(county112), fault.Invalid, "follow.assign_empty"},
			{func(a *store.Assignment) { a.Courses = []string{"none"} }, over(county112), fault.NotFound, "follow.no_course"},
			{func(a *store.Assignment) { a.Courses = []string{"rules", "rules"} }, over(county112), fault.NotFound, "follow.no_course"},
			{func(a *store.Assignment) { a.Due = startDay.Add(-1) }, over(county112), fault.Invalid, "follow.due_bad"},
			{func(a *store.Assignment) { a.Learners = ids }, over(county112), fault.NotFound, "follow.no_learner"},
			{func(*store.Assignment) {}, over(county113), fault.NotFound, "follow.no_finding"},
			{func(*store.Assignment) {}, people.Scope{}, fault.NotFound, "follow.no_finding"},
		} {
			wrong := a
			bad.change(&wrong)
			_, err := b.s.AssignRectification(ctx, start, "tester", bad.scope, wrong)
			wantFault(t, err, bad.code, bad.key)
		}
		b.acts(acts + 1)
		b.want([]string{"0"}, "SELECT COUNT(*) FROM rectifications")
		for i, want := range []int{2, 0} {
			if n, err := b.s.AssignRectification(ctx, start, "tester", over(county112), a); n != want || err != nil {
				t.Fatalf("time %d: %d, %v", i, n, err)
			}
		}
		b.want(nil, "SELECT * FROM news")
		third := b.done(start, typed("third", "o3"), conversation.Bind{Learner: ids[2]})
		seq := b.number("SELECT seq FROM identities WHERE id = ?", int64(third))
		a.Learners, a.Due, a.News = []people.LearnerID{ids[1], ids[2], ids[2]}, startDay.Add(7), "要学的课"
		defer func() {
			b.want([]string{fmt.Sprint(third, "|", ids[2], "|", ids[2], "|rectify|要学的课")}, "SELECT identity_id, learner_id, about_id, kind, reason FROM news")
			b.want([]string{fmt.Sprint(seq + 1)}, "SELECT seq FROM identities WHERE id = ?", int64(third))
		}()
		if n, err := b.s.AssignRectification(ctx, start, "tester", over(county112), a); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		b.acts(acts + 3)
		// Two lessons until today: both are released today. Two in eight days: one today.
		b.want([]string{"zg-1-1|2026-03-01", "zg-1-2|2026-03-02"}, "SELECT code, start_day FROM cohorts WHERE code LIKE 'zg-%' ORDER BY code")
		list := func(q store.RectifyQuery) []study.Rectification {
			t.Helper()
			list, err := b.s.Rectifications(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		short := func(list []study.Rectification) (out []string) {
			for _, r := range list {
				out = append(out, fmt.Sprintf("%s %s %s %s %s", r.Learner.Name, r.Due, r.Status, r.Evidence, strings.Join(r.Courses, ",")))
			}
			return out
		}
		tomorrow := start.Add(24 * time.Hour)
		everybody := list(store.RectifyQuery{Scope: over(county112)})
		if diff := cmp.Diff([]string{"丙 2026-03-09 open  rules", "甲 2026-03-02 open  rules", "乙 2026-03-02 open  rules"}, short(everybody)); diff != "" {
			t.Error(diff)
		}
		if got := everybody[0].Finding; got.Document != "巡察3号" || got.Source != "县委巡察" || got.Found != startDay || got.Unit != township112 {
			t.Errorf("%+v", got)
		}
		for _, c := range []struct {
			q    store.RectifyQuery
			want int
		}{
			{store.RectifyQuery{}, 0},
			{store.RectifyQuery{Scope: over(county113)}, 0},
			{store.RectifyQuery{Scope: over(village2)}, 1},
			{store.RectifyQuery{Scope: people.Everyone(), Overdue: study.DayOf(tomorrow)}, 2},
			{store.RectifyQuery{Scope: people.Everyone(), Overdue: startDay}, 0},
			{store.RectifyQuery{Scope: people.Everyone(), Status: study.RectifyClosed}, 0},
			{store.RectifyQuery{Scope: people.Everyone(), Finding: f.ID + 1}, 0},
			{store.RectifyQuery{Scope: people.Everyone(), ID: everybody[1].ID}, 1},
		} {
			if n := len(list(c.q)); n != c.want {
				t.Errorf("%+v: %d, want %d", c.q, n, c.want)
			}
		}
		// 甲 learns it: the record closes it, with the last course of the class and no other.
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		done := conversation.CompleteCourse{Enrolment: everybody[1].Place, Learner: ids[0], Course: courseOne.Ref(), Score: 90, Hours: 50, Rule: "r"}
		due := b.load(typed("due", "o1"), needs(conversation.Needs{Record: true})).Facts.Record.Due
		if diff := cmp.Diff([]conversation.DueClass{{Class: "整改：巡察3号", Due: startDay}}, due); diff != "" {
			t.Error(diff)
		}
		for unit, want := range map[people.OrgCode]conversation.Rectifying{
			village2: {Open: 1, Overdue: 1, First: []conversation.RectifyingLine{{UnitName: "单位530112001202", Name: "乙", Document: "巡察3号", Due: startDay}}},
			village1: {Open: 2, Overdue: 1, First: []conversation.RectifyingLine{
				{UnitName: "单位530112001201", Name: "甲", Document: "巡察3号", Due: startDay},
				{UnitName: "单位530112001201", Name: "丙", Document: "巡察3号", Due: startDay.Add(7)},
			}},
			village3: {},
		} {
			if err := b.s.PutTrainer(ctx, start, "tester", bot.Trainer{Learner: ids[0], Scope: over(unit)}); err != nil {
				t.Fatal(err)
			}
			acts++
			list, err := b.s.LoadTurns(ctx, tomorrow, []bot.LoadRequest{{In: typed("zg", "o1")}}, needs(conversation.Needs{Trainer: true, Rectify: true}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, list[0].Facts.Trainer.Rectifying); diff != "" {
				t.Errorf("%s: %s", unit, diff)
			}
		}
		b.done(tomorrow, typed("2", "o1"), done)
		b.want([]string{"open"}, "SELECT status FROM rectifications WHERE id = ?", int64(everybody[1].ID))
		done.Last = true
		b.done(tomorrow, typed("3", "o1"), done)
		// 乙 brings a document, 丙's is withdrawn, and opened again.
		decide := func(scope people.Scope, id study.RectificationID, d study.Decision) error {
			_, err := b.s.DecideRectification(ctx, tomorrow, "office", scope, id, d)
			return err
		}
		wantFault(t, decide(over(county113), everybody[2].ID, study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceNote, Proof: "x"}), fault.NotFound, "follow.no_rectification")
		wantFault(t, decide(people.Scope{}, everybody[2].ID, study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceNote, Proof: "x"}), fault.NotFound, "follow.no_rectification")
		wantFault(t, decide(people.Everyone(), 999, study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceNote, Proof: "x"}), fault.NotFound, "follow.no_rectification")
		wantFault(t, decide(people.Everyone(), everybody[2].ID, study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceNote}), fault.Invalid, "follow.proof_bad")
		wantFault(t, decide(people.Everyone(), everybody[2].ID, study.Decision{Act: study.RectifyReopen, Proof: "x"}), fault.Conflict, "follow.act_impossible")
		b.acts(acts + 3)
		for _, d := range []struct {
			who int
			d   study.Decision
		}{
			{2, study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceDocument, Proof: "整改报告5号"}},
			{0, study.Decision{Act: study.RectifyWithdraw, Proof: "写错人了"}},
			{0, study.Decision{Act: study.RectifyReopen, Proof: "没有写错"}},
		} {
			if err := decide(over(county112), everybody[d.who].ID, d.d); err != nil {
				t.Error(err)
			}
		}
		b.acts(acts + 6)
		b.want([]string{"office|rectify.close|document 整改报告5号", "office|rectify.withdraw|写错人了", "office|rectify.reopen|没有写错"},
			"SELECT actor, action, result FROM audit WHERE actor = 'office' ORDER BY id")
		got := list(store.RectifyQuery{Scope: people.Everyone(), Finding: f.ID})
		if diff := cmp.Diff([]string{"丙 2026-03-09 open  rules", "甲 2026-03-02 closed course rules", "乙 2026-03-02 closed document rules"}, short(got)); diff != "" {
			t.Error(diff)
		}
		if got[2].Proof != "整改报告5号" || got[2].By != "office" || got[2].Decided != study.DayOf(tomorrow) || got[1].By != "" || got[1].Decided != study.DayOf(tomorrow) {
			t.Errorf("%+v\n%+v", got[1], got[2])
		}
		b.want([]string{"completed", "waived", "active"}, "SELECT e.status FROM rectifications r JOIN enrolments e ON e.id = r.enrolment_id ORDER BY r.id")
		findings, err := b.s.Findings(ctx, over(county112))
		f.People, f.Open = 3, 1
		if diff := cmp.Diff([]study.Finding{f}, findings); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for _, scope := range []people.Scope{{}, over(county113), over(village1)} {
			if list, err := b.s.Findings(ctx, scope); len(list) != 0 || err != nil {
				t.Errorf("%v: %v, %v", scope, list, err)
			}
		}
	},
	"a survey is made once, asked of its people, and not changed": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		_, ids := b.enrolled("spring", crowd(5, 4)...)
		v := quarterly()
		put := func(scope people.Scope, v study.Survey) error {
			_, err := b.s.PutSurvey(ctx, start, "tester", scope, v)
			return err
		}
		acts := int(b.number("SELECT COUNT(*) FROM audit"))
		wantFault(t, put(over(county112), v), fault.NotFound, "follow.unit_unseen")
		few := v
		few.Unit = village3
		wantFault(t, put(people.Everyone(), few), fault.Invalid, "survey.too_few")
		noClass := v
		noClass.Cohort = "nowhere"
		wantFault(t, put(people.Everyone(), noClass), fault.NotFound, "push.no_cohort")
		b.acts(acts)
		b.survey(v)
		if created, err := b.s.PutSurvey(ctx, start, "tester", people.Everyone(), v); created || err != nil {
			t.Error(created, err)
		}
		other := v
		other.Title = "改过的"
		wantFault(t, put(people.Everyone(), other), fault.Conflict, "survey.exists")
		b.acts(acts + 1)
		// Five of one township may be told apart, four of the other not.
		list, err := b.s.Surveys(ctx, over(prefecture))
		v.ID, v.Parts = 1, []people.OrgCode{township112}
		if diff := cmp.Diff([]study.Survey{v}, list); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for _, scope := range []people.Scope{{}, over(county112)} {
			if list, err := b.s.Surveys(ctx, scope); len(list) != 0 || err != nil {
				t.Error(list, err)
			}
			_, err := b.s.SurveyResult(ctx, start, scope, "q1")
			wantFault(t, err, fault.NotFound, "survey.none")
			_, _, err = b.s.NamedAnswers(ctx, scope, "q1")
			wantFault(t, err, fault.NotFound, "survey.none")
			_, err = b.s.EndSurvey(ctx, start, "tester", scope, "q1")
			wantFault(t, err, fault.NotFound, "survey.none")
		}
		// Two surveys: the one that closes first is asked first, the one in progress before any other.
		second := quarterly()
		second.Code, second.Closes, second.Anonymous, second.Cohort, second.By = "early", startDay.Add(2), false, "spring", people.LevelNone
		early := b.survey(second)
		b.exec("DELETE FROM enrolments WHERE learner_id = ?", int64(ids[8]))
		for i, who := range []int{0, 5, 8} {
			b.done(start, typed(fmt.Sprint("bind", i), fmt.Sprint("o", i)), conversation.Bind{Learner: ids[who]})
		}
		asks := func(openid string, id study.SurveyID) *conversation.SurveyFacts {
			return b.load(typed("ask "+openid, openid), needs(conversation.Needs{Survey: true, SurveyID: id})).Facts.Survey
		}
		for _, c := range []struct {
			openid string
			id     study.SurveyID
			want   study.SurveyID
			part   people.OrgCode
			more   int
		}{{"o0", 0, early, "", 1}, {"o0", 1, 1, township112, 1}, {"o1", 1, 1, "", 1}, {"o2", 0, 1, "", 0}} {
			f := asks(c.openid, c.id)
			if f == nil || f.Survey.ID != c.want || f.Part != c.part || f.More != c.more || f.Answered != 0 {
				t.Errorf("%s: %+v", c.openid, f)
			}
		}
		if _, err := b.s.EndSurvey(ctx, start, "tester", people.Everyone(), "early"); err != nil {
			t.Error(err)
		}
		if _, err := b.s.EndSurvey(ctx, start, "tester", people.Everyone(), "early"); err != nil {
			t.Error(err)
		}
		b.acts(acts + 3)
		if f := asks("o0", early); f == nil || f.Survey.ID != 1 || f.More != 0 {
			t.Errorf("%+v", f)
		}
	},
	"answers to a named survey have names, within the scope": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", crowd(2, 1)...)
		v := quarterly()
		v.Anonymous, v.Code, v.By = false, "named", people.LevelNone
		b.survey(v)
		e := engine()
		for i, id := range ids {
			openid := fmt.Sprint("o", i)
			b.done(start, typed("bind"+openid, openid), conversation.Bind{Learner: id})
			b.exec("UPDATE identities SET notice_version = 1")
			b.chat(e, start, openid, "问卷", string(rune('A'+i)), fmt.Sprint(1+i), []string{"跳过", "想学养牛"}[i%2])
		}
		read := func(scope people.Scope) (out []string) {
			_, list, err := b.s.NamedAnswers(t.Context(), scope, "named")
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				out = append(out, fmt.Sprint(a.Learner.Name, a.Replies["use"].Choice, a.Replies["hard"].Choice, a.Replies["more"].Words))
			}
			return out
		}
		if diff := cmp.Diff([]string{"学员001 1", "学员012 2想学养牛", "学员023 3"}, read(over(prefecture))); diff != "" {
			t.Error(diff)
		}
		_, _, err := b.s.NamedAnswers(t.Context(), over(county112), "named")
		wantFault(t, err, fault.NotFound, "survey.none")
		b.exec("UPDATE surveys SET code = 'secret', anonymous = 1")
		_, _, err = b.s.NamedAnswers(t.Context(), people.Everyone(), "secret")
		wantFault(t, err, fault.Forbidden, "survey.is_anonymous")
	},
	"results of an anonymous survey wait, and hide small groups": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", crowd(6, 3)...)
		b.survey(quarterly())
		e := engine()
		for i, id := range ids {
			openid := fmt.Sprint("o", i)
			b.done(start, typed("bind"+openid, openid), conversation.Bind{Learner: id})
			b.exec("UPDATE identities SET notice_version = 1")
			b.chat(e, start, openid, "问卷", string(rune('A'+i%3)), fmt.Sprint(1+i%5), []string{"跳过", "想学养牛"}[i%2])
		}
		r, err := b.s.SurveyResult(t.Context(), start, people.Everyone(), "q1")
		if err != nil || !r.Waits || len(r.Questions) != 0 || r.Asked != 9 || r.Begun != 9 || r.Finished != 9 {
			t.Fatalf("%+v, %v", r, err)
		}
		r, err = b.s.SurveyResult(t.Context(), start.AddDate(0, 0, 10), people.Everyone(), "q1")
		if err != nil || r.Waits || len(r.Questions) != 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		whole := []study.PartResult{{Unit: "", Answers: 9, Choices: []int{3, 3, 3}}}
		want := []study.QuestionResult{
			// Six of one township and three of the other: three alone are too few, so nobody stands alone.
			{ID: "use", Answers: 9, Choices: []int{3, 3, 3}, Words: []string{}, Parts: whole},
			{ID: "hard", Answers: 9, Choices: []int{2, 2, 2, 2, 1}, Words: []string{}, Parts: []study.PartResult{{Unit: "", Answers: 9, Choices: []int{2, 2, 2, 2, 1}}}},
			{ID: "more", Hidden: true, Choices: []int{}, Words: []string{}, Parts: []study.PartResult{}},
		}
		if diff := cmp.Diff(want, r.Questions); diff != "" {
			t.Error(diff)
		}
		// Before it has closed nothing is taken out; after that small groups are gone from the database as well.
		for day, want := range []string{"use||3 use|530112001000|6", "use||9"} {
			if _, err := b.s.Purge(t.Context(), start.AddDate(0, 0, 10*day)); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(b.rows("SELECT question, part, COUNT(*) FROM survey_answers WHERE question = 'use' GROUP BY question, part ORDER BY part"), " ")
			if got != want {
				t.Errorf("after %d days: %s, want %s", 10*day, got, want)
			}
			b.want([]string{fmt.Sprint(4 - 4*day)}, "SELECT COUNT(*) FROM survey_answers WHERE words <> '' AND part = ''")
		}
		again, err := b.s.SurveyResult(t.Context(), start.AddDate(0, 0, 10), people.Everyone(), "q1")
		if diff := cmp.Diff(r, again); diff != "" || err != nil {
			t.Error(err, diff)
		}
		s := &scene{bundle: b, now: start.AddDate(0, 0, 10), learners: ids}
		s.refuse(conversation.AnswerSurvey{Survey: 1, Learner: 99, Anonymous: true, Question: "use", Number: 1, Part: township112, Reply: study.Reply{Choice: 1}})
	},
}

// dump is everything a database holds, table by table in an order of its own, without what is
// random about answers.
func (b *bundle) dump() map[string][]string {
	b.t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose%'"
	if strings.HasPrefix(b.dsn, "mysql") {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT LIKE 'goose%'"
	}
	all := map[string][]string{}
	for _, table := range b.rows(query) {
		columns := "*"
		if table == "survey_answers" {
			columns = "survey_id, question, part, choice, words"
		}
		all[table] = b.rows("SELECT " + columns + " FROM " + table)
		slices.Sort(all[table])
	}
	return all
}

// exerciseAnonymity proves that nothing in the database joins answers to people: the same people, and the
// same answers given by others of them, leave the same database. Whoever reads all of it – messages,
// conversations, audit – learns nothing about who said what.
func exerciseAnonymity(t *testing.T, fresh func(t *testing.T) (dsn string)) {
	t.Helper()
	answers := [][3]string{
		{"A", "1", "想学养牛"}, {"B", "5", "跳过"}, {"C", "3", "少开会"}, {"A", "2", "张三讲得好"}, {"A", "1", "跳过"}, {"C", "4", "课太长"}, {"B", "2", "没有了"},
	}
	world := func(order []int) (*bundle, []string) {
		b := setup(t, fresh(t))
		_, ids := b.enrolled("spring", crowd(len(answers), 0)...)
		b.survey(quarterly())
		e := engine()
		var said []string
		for i, id := range ids {
			openid := fmt.Sprint("o", i)
			b.done(start, typed("bind"+openid, openid), conversation.Bind{Learner: id})
			b.exec("UPDATE identities SET notice_version = 1")
		}
		for i := range ids { // each an hour later, so that every time that is kept would tell
			now := start.Add(time.Duration(i) * time.Hour)
			a := answers[order[i]]
			said = append(said, b.chat(e, now, fmt.Sprint("o", i), "问卷", a[0], "9", a[1], a[2]))
		}
		if _, err := b.s.EndSurvey(t.Context(), start.AddDate(0, 0, 1), "tester", people.Everyone(), "q1"); err != nil {
			t.Fatal(err)
		}
		return b, said
	}
	one, first := world([]int{0, 1, 2, 3, 4, 5, 6})
	two, second := world([]int{6, 4, 0, 5, 1, 3, 2})
	got := one.dump()
	if len(got["survey_answers"]) != 3*len(answers)-2 || len(got["survey_people"]) != len(answers) || len(got["inbox"]) < 4*len(answers) || len(got["audit"]) == 0 || len(got["identities"]) != len(answers) {
		t.Fatalf("%d answers, %d people, %d messages", len(got["survey_answers"]), len(got["survey_people"]), len(got["inbox"]))
	}
	if diff := cmp.Diff(got, two.dump()); diff != "" {
		t.Errorf("the database tells who said what (-one +two):\n%s", diff)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the replies tell who said what:\n%s", diff)
	}
	// The order in which the table keeps answers is that of a random key, not of writing.
	if ids := one.rows("SELECT id, words FROM survey_answers"); len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) || !slices.IsSorted(ids) {
		t.Error("the table is not kept in the order of its random keys")
	}
}
