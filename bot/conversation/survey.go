package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Acts of surveys (问卷).
const (
	actSurvey       act = "survey"
	actSurveyAnswer act = "survey_answer"
	actSurveyQuit   act = "survey_quit"
)

// SurveyState is the survey in progress. It never holds an answer.
type SurveyState struct {
	ID    study.SurveyID `json:"id"`
	Next  int            `json:"next"`            // 0-based question that was shown
	Words bool           `json:"words,omitempty"` // it is answered in own words, so that few words are commands
}

// SurveyFacts is the survey that the active learner is asked next.
type SurveyFacts struct {
	Survey   study.Survey
	Answered int            // questions that are answered or passed over
	Part     people.OrgCode // under which the answers are counted
	More     int            // other open surveys that are not answered
}

// AnswerSurvey records an answer to a survey. Of an anonymous one, who answered and what was answered
// are kept where nothing joins them. It fails as a whole when Number is not the next question any more.
type AnswerSurvey struct {
	Survey    study.SurveyID
	Learner   people.LearnerID
	Anonymous bool
	Question  string
	Number    int // 1-based
	Last      bool
	Part      people.OrgCode
	Reply     study.Reply // zero: passed over
}

func (AnswerSurvey) effect() {}

// leavesWords are the commands that are no answer in own words.
var leavesWords = map[act]bool{actToday: true, actPause: true, actQuit: true, actHelp: true, actStop: true, actSurvey: true, actSwitch: true, actNotice: true, actForget: true, actUnbind: true, actRecord: true}

// politeness is no command while a question of a survey is open.
var politeness = map[act]bool{actNod: true, actThanks: true, actGreet: true, actAck: true, actAckSoft: true}

// staysInSurvey are the acts that leave the question open.
var staysInSurvey = map[act]bool{actSurveyAnswer: true, actSurvey: true, actMedia: true, actPlace: true, actUnheard: true, actHelp: true, actSurveyQuit: true}

// readSurvey reads a message while a question of a survey is open.
func readSurvey(s State, w wish) wish {
	w.act = actSurveyAnswer
	a, command := actOf[w.folded]
	switch {
	case !command, politeness[a], s.Survey != nil && s.Survey.Words && !leavesWords[a]:
	case a == actQuit:
		w.act = actSurveyQuit
	default:
		w.act = a
	}
	return w
}

// surveyWanted is the survey that must be read: the one in progress, if there is one.
func surveyWanted(s State) study.SurveyID {
	if s.Survey != nil {
		return s.Survey.ID
	}
	return 0
}

// survey begins the survey that is asked, or goes on where it was left.
func (t *turn) survey() {
	t.s.Survey = nil
	f := t.f.Survey
	if f == nil {
		t.s.Mode = t.resting()
		t.say("survey.nothing")
		t.remind()
		return
	}
	v := f.Survey
	if f.Answered > 0 {
		t.say("survey.resumed", fault.A("title", v.Title))
		t.askSurvey()
		return
	}
	head := t.phrases.Say("survey.head", fault.A("title", v.Title), fault.A("count", len(v.Questions)))
	if v.Intro != "" {
		head += "\n" + v.Intro
	}
	t.put(head)
	if v.Anonymous {
		t.say("survey.anonymous")
	} else {
		t.say("survey.named")
	}
	t.askSurvey()
}

// askSurvey shows the next question.
func (t *turn) askSurvey() {
	f := t.f.Survey
	q := f.Survey.Questions[f.Answered]
	t.s.Mode = ModeSurvey
	t.s.Survey = &SurveyState{ID: f.Survey.ID, Next: f.Answered, Words: q.Kind == study.QuestionText}
	lines := []string{t.phrases.Say("survey.question", fault.A("number", f.Answered+1), fault.A("count", len(f.Survey.Questions)), fault.A("text", q.Text))}
	for i, o := range q.Options {
		lines = append(lines, string(rune('A'+i))+". "+o)
	}
	t.put(strings.Join(append(lines, t.howSurvey(q)), "\n"))
}

func (t *turn) howSurvey(q study.Question) string {
	how := ""
	switch q.Kind {
	case study.QuestionChoice:
		how = t.phrases.Say("survey.how_choice", fault.A("last", string(rune('A'+len(q.Options)-1))))
	case study.QuestionScale:
		how = t.phrases.Say("survey.how_scale", fault.A("top", study.ScaleTop), fault.A("low", q.Low), fault.A("high", q.High))
	case study.QuestionText:
		how = t.phrases.Say("survey.how_text", fault.A("limit", study.SurveyWordsRunes))
	}
	if q.Optional {
		how += t.phrases.Say("survey.how_skip")
	}
	return how
}

// answerSurvey takes an answer. The reply never repeats it: replies are stored.
func (t *turn) answerSurvey() {
	f, s := t.f.Survey, t.s.Survey
	if f == nil || s == nil || f.Survey.ID != s.ID {
		t.s.Survey, t.s.Mode = nil, t.resting()
		t.say("survey.over")
		t.remind()
		return
	}
	if f.Answered != s.Next { // answered on another phone
		t.say("survey.moved")
		t.askSurvey()
		return
	}
	v := f.Survey
	q := v.Questions[f.Answered]
	reply, _, ok := q.ReadReply(t.in.Text)
	if !ok {
		t.say("survey.unclear")
		t.put(t.howSurvey(q))
		return
	}
	last, part := f.Answered+1 == len(v.Questions), f.Part
	if q.Top() == 0 {
		part = "" // words are told of the whole alone
	}
	t.emit(AnswerSurvey{
		Survey: v.ID, Learner: t.f.Identity.Learner, Anonymous: v.Anonymous, Question: q.ID, Number: f.Answered + 1, Last: last, Part: part, Reply: reply,
	})
	if !last {
		next := *f
		next.Answered++
		t.f.Survey = &next
		t.askSurvey()
		return
	}
	t.s.Survey, t.s.Mode = nil, t.resting()
	t.say("survey.finished", fault.A("title", v.Title))
	if f.More > 0 {
		t.say("survey.more", fault.A("count", f.More))
	}
	t.remind()
}

// quitSurvey puts the survey off; what is answered stays.
func (t *turn) quitSurvey() {
	t.s.Survey, t.s.Mode = nil, t.resting()
	t.say("survey.left")
	t.remind()
}
