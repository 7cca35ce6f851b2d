package conversation_test

import (
	"fmt"
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// following is what a database would hold of surveys, findings and the people of a trainer.
type following struct {
	surveys  []study.Survey
	answered map[string]int // survey/learner → questions
	due      []conversation.DueClass
	followed []study.Followed
	undone   conversation.Rectifying
	too      int // people of the scope beyond those
}

func surveyKey(s study.SurveyID, l people.LearnerID) string { return fmt.Sprint(s, "/", l) }

func (w *world) followFacts(n conversation.Needs, f *conversation.Facts) {
	if n.Survey && w.identity.Learner != 0 {
		for _, v := range w.follow.surveys {
			done := w.follow.answered[surveyKey(v.ID, w.identity.Learner)]
			if done == len(v.Questions) || !v.IsOpen(study.DayOf(w.now)) {
				continue
			}
			found := &conversation.SurveyFacts{Survey: v, Answered: done}
			switch {
			case f.Survey == nil:
				f.Survey = found
			case v.ID == n.SurveyID:
				found.More = f.Survey.More + 1
				f.Survey = found
			default:
				f.Survey.More++
			}
		}
	}
	if f.Record != nil {
		f.Record.Due = w.follow.due
	}
	if n.Rectify && f.Trainer != nil {
		f.Trainer.Rectifying = w.follow.undone
	}
	if n.Help && f.Trainer != nil {
		f.Trainer.People = len(w.follow.followed) + w.follow.too
		if w.follow.too == 0 {
			f.Trainer.Followed = w.follow.followed
		}
	}
}

// applySurvey folds an answer and names what must never happen.
func (w *world) applySurvey(e conversation.AnswerSurvey) error {
	for _, v := range w.follow.surveys {
		if v.ID != e.Survey {
			continue
		}
		k := surveyKey(e.Survey, e.Learner)
		switch {
		case e.Number != w.follow.answered[k]+1 || e.Last != (e.Number == len(v.Questions)):
			return fmt.Errorf("question %d after %d", e.Number, w.follow.answered[k])
		case e.Question != v.Questions[e.Number-1].ID || e.Anonymous != v.Anonymous || e.Learner != w.identity.Learner:
			return fmt.Errorf("not the survey that is asked: %+v", e)
		case e.Reply == study.Reply{} && !v.Questions[e.Number-1].Optional:
			return fmt.Errorf("question %s has no answer", e.Question)
		}
		w.follow.answered[k]++
		return nil
	}
	return fmt.Errorf("there is no survey %d", e.Survey)
}

func surveyEffectText(e conversation.AnswerSurvey) string {
	last := ""
	if e.Last {
		last = " last"
	}
	return fmt.Sprintf("AnswerSurvey %d #%d %s %d %q%s", e.Survey, e.Number, e.Question, e.Reply.Choice, e.Reply.Words, last)
}

// givenFollow makes something about surveys and follow-up so before the chat.
func (w *world) givenFollow(t testing.TB, f []string) bool {
	t.Helper()
	if w.follow.answered == nil {
		w.follow.answered = map[string]int{}
	}
	switch f[0] {
	case "问卷": // title [记名] [截止 day]
		v := study.Survey{
			ID: study.SurveyID(len(w.follow.surveys) + 1), Code: "s", Title: f[1], Intro: "占您两分钟，请说心里话。", Anonymous: true, Opens: "2026-12-01", Closes: "2026-12-10", Unit: "530112000000",
			Questions: []study.Question{
				{ID: "use", Kind: study.QuestionChoice, Text: "这段时间的课有用吗？", Options: []string{"很有用", "一般", "没什么用"}},
				{ID: "hard", Kind: study.QuestionScale, Text: "课难不难？", Low: "很容易", High: "很难"},
				{ID: "more", Kind: study.QuestionText, Text: "还想学点什么？", Optional: true},
			},
		}
		for i, word := range f[2:] {
			switch word {
			case "记名":
				v.Anonymous = false
			case "截止":
				v.Closes = study.Day(f[i+3])
			}
		}
		if err := v.Check(); err != nil {
			t.Fatal(err)
		}
		w.follow.surveys = append(w.follow.surveys, v)
	case "另一部手机填了": // so many questions of the first survey
		w.follow.answered[surveyKey(1, w.identity.Learner)]++
	case "要整改": // class day
		w.follow.due = append(w.follow.due, conversation.DueClass{Class: f[1], Due: study.Day(f[2])})
	case "没整改": // name document day
		u := &w.follow.undone
		u.Open++
		if f[3] < string(study.DayOf(w.now)) {
			u.Overdue++
		}
		if len(u.First) < conversation.RectifyingLines {
			u.First = append(u.First, conversation.RectifyingLine{UnitName: "新村村民委员会", Name: f[1], Document: f[2], Due: study.Day(f[3])})
		}
	case "管着": // name bound|unbound wrong
		p := study.Followed{Learner: people.Learner{ID: people.LearnerID(100 + len(w.follow.followed)), Name: f[1], UnitName: "新村村民委员会"}, Bound: f[2] == "绑定"}
		p.Places = []study.FollowedPlace{{Enrolment: study.Enrolment{Status: study.Active, Since: "2026-12-01", Cohort: w.cohorts[0]}}}
		if f[3] != "0" {
			var wrong int
			if _, err := fmt.Sscan(f[3], &wrong); err != nil {
				t.Fatal(err)
			}
			p.Stuck = []study.Stuck{{Course: "xiaoke", Lesson: "l1", Item: "q1", Wrong: wrong}}
		}
		w.follow.followed = append(w.follow.followed, p)
	case "管着很多人":
		w.follow.too = 3000
	default:
		return false
	}
	return true
}
