package conversation_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// world is what a database would hold about one phone, folded from effects. It gives Step exactly
// the facts that Need asked for, and checks on the way what must always hold.
type world struct {
	engine  *conversation.Engine
	now     time.Time
	state   []byte // JSON: what does not survive marshalling does not exist
	cohorts []study.Cohort
	roster  []people.Candidate

	identity    conversation.Identity
	profiles    []people.LearnerID
	pushes      map[people.LearnerID]people.Push
	enrolments  []conversation.Enrolment
	tries       []time.Time
	learnerTry  map[people.LearnerID]int
	ledger      []entry
	responses   map[string]bool
	completions map[string]bool
	unconfirmed *conversation.Unconfirmed
	hours       map[people.LearnerID]string
	trainers    map[people.LearnerID]people.Scope
	delegated   []people.LearnerID // of profiles, all helped by helper
	helper      people.LearnerID
	requests    []people.Request // open
	news        []conversation.News
	asked       []conversation.Asked
	campaigns   []*campaign
	once        int // one-time messages that are allowed
	follow      following
	messages    int // messages so far: each has a key of its own

	last      channel.Message
	seen      []string // effects of the last message
	signing   signingModel
	queues    map[people.LearnerID]study.Queue // what was ordered
	limits    []study.MenuLimit
	library   *content.Library // when it is not the one of testdata
	byKind    study.Hours      // of the active learner this year
	graduated []study.Cohort   // classes that the active learner has finished

	certificates []study.Certificate
}

// entry is one credit.
type entry struct {
	who    people.LearnerID
	at     time.Time
	hours  study.StudyHours
	course bool
	proxy  bool // in the person's place
}

func testLibrary(t testing.TB) *content.Library {
	t.Helper()
	library, problems := content.Load(os.DirFS("testdata"))
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	return library
}

// testPhrases is the built-in catalogue; a missing sentence or argument fails the test.
func testPhrases(t testing.TB) *content.Phrases {
	t.Helper()
	return content.DefaultPhrases().OnMissing(func(key, argument string) {
		t.Errorf("the catalogue lacks %s %s", key, argument)
	})
}

func testCalendar(t testing.TB) study.Calendar {
	t.Helper()
	c, err := study.NewCalendar(
		study.Year{Year: 2026},
		study.Year{Year: 2027, Off: []study.Day{"2027-01-01"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testOptions(t testing.TB) conversation.Options {
	t.Helper()
	return conversation.Options{Library: testLibrary(t), Phrases: testPhrases(t), Calendar: testCalendar(t), Targets: testTargets, Certificates: testCertificates(), QuietFrom: 21 * time.Hour, QuietUntil: 7 * time.Hour}
}

// newWorld has a class that begins on Tuesday 2026-12-01 at 08:00 and one that began never.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		engine: conversation.New(testOptions(t)),
		now:    clock(t, "2026-12-01 08:30"),
		cohorts: []study.Cohort{
			{Code: "ban-1", Name: "新村冬训班", Courses: []string{"xiaoke", "changke"}, Schedule: study.Schedule{Start: "2026-12-01", Hour: "08:00", WorkingDays: true}},
			{Code: "ban-2", Name: "周末小班", Courses: []string{"changke"}, Schedule: study.Schedule{Start: "2026-12-05", Hour: "09:30", Weekdays: []time.Weekday{time.Saturday}}},
			{Code: "zg-1-1", Name: "整改：巡察3号", Courses: []string{"changke"}, Schedule: study.Schedule{Start: "2026-12-01", Hour: "08:00", Weekdays: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}},
		},
		hours: map[people.LearnerID]string{}, trainers: map[people.LearnerID]people.Scope{},
		pushes: map[people.LearnerID]people.Push{}, learnerTry: map[people.LearnerID]int{},
		responses: map[string]bool{}, completions: map[string]bool{},
	}
	const xincun = "昆明市·西山区·团结街道·新村村民委员会"
	for i, r := range [][3]string{
		{"张三", xincun, "7K3M"},
		{"张三", "玉溪市·红塔区·大营街街道·新村村民委员会", "8P2Q"},
		{"李芳", xincun, "K9T4"},
		{"岩温·香", "西双版纳傣族自治州·勐海县·勐混镇·曼赛村民委员会", "W5N8"},
		{"王强", xincun, "SAME"},
		{"王强", "昆明市·西山区·团结街道·大河村民委员会", "SAME"},
		{"刘建州", "昆明市·西山区·团结街道", "J2X7"},
	} {
		w.roster = append(w.roster, people.Candidate{Learner: people.Learner{ID: people.LearnerID(i + 1), Name: r[0], UnitName: r[1]}, Code: r[2]})
	}
	return w
}

func clock(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", s, study.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

// send steps one message, folds its effects and returns the reply. The error names what must
// never happen.
func (w *world) send(in channel.Inbound) (channel.Message, error) {
	var before conversation.State
	if w.state != nil {
		if err := json.Unmarshal(w.state, &before); err != nil {
			return channel.Message{}, err
		}
	}
	in.At = w.now
	w.messages++
	in.Key = fmt.Sprintf("%064d", w.messages)
	facts := w.facts(w.engine.Need(before, in))
	turn := w.engine.Step(before, in, facts)
	if again := w.engine.Step(before, in, facts); !reflect.DeepEqual(again, turn) {
		return turn.Reply, fmt.Errorf("the same step twice differs:\n%v\n%v", turn, again)
	}
	state, err := json.Marshal(turn.After)
	if err != nil {
		return turn.Reply, err
	}
	if len(state) >= 4096 {
		return turn.Reply, fmt.Errorf("the state has %d bytes", len(state))
	}
	if n := len(turn.Reply.Text); n > content.ReplyBytes {
		return turn.Reply, fmt.Errorf("a reply of %d bytes: %s", n, turn.Reply.Text)
	}
	if strings.Contains(strings.ReplaceAll(turn.Reply.Text, "〔2026〕", ""), "〔") { // of a document's number
		return turn.Reply, fmt.Errorf("a sentence is missing: %s", turn.Reply.Text)
	}
	w.state, w.last, w.seen = state, turn.Reply, nil
	recorded := 0
	for _, e := range turn.Effects {
		w.seen = append(w.seen, effectText(e))
		switch e.(type) {
		case conversation.Respond, conversation.Acknowledge:
			recorded++
		}
		if err := w.apply(e); err != nil {
			return turn.Reply, err
		}
	}
	if facts.Unconfirmed == nil && strings.Count(turn.Reply.Text, "已记录") != recorded {
		return turn.Reply, fmt.Errorf("%d answers recorded, but the reply says: %s", recorded, turn.Reply.Text)
	}
	return turn.Reply, nil
}

func (w *world) learner(id people.LearnerID) people.Learner {
	l := w.roster[id-1].Learner
	l.Push = w.pushes[id]
	return l
}

func (w *world) facts(n conversation.Needs) conversation.Facts {
	f := conversation.Facts{Now: w.now, Identity: w.identity, Unconfirmed: w.unconfirmed}
	active := w.identity.Learner
	f.Identity.People, f.Identity.Delegate = len(w.profiles), slices.Contains(w.delegated, active)
	f.News = slices.Clone(w.news)
	w.mine(n, &f)
	w.signingFacts(n, &f)
	if n.Profiles {
		for _, id := range w.profiles {
			f.Profiles = append(f.Profiles, w.learner(id))
		}
		for _, id := range w.delegated {
			if f.Delegated == nil {
				f.Delegated = map[people.LearnerID]people.LearnerID{}
			}
			f.Delegated[id] = w.helper
		}
		if active != 0 {
			l := w.learner(active)
			f.Learner = &l
		}
	}
	for _, e := range w.enrolments {
		if n.Progress && e.Learner == active {
			f.Enrolments = append(f.Enrolments, e)
		}
	}
	if n.Hours && active != 0 {
		f.Hours = w.byKind
	}
	if n.Record {
		var r conversation.Record
		for _, e := range w.ledger {
			switch {
			case e.who != active || e.at.In(study.Zone).Year() != w.now.In(study.Zone).Year():
				continue
			case e.course:
				r.Courses++
			default:
				r.Lessons++
			}
			r.Hours, r.LastAt = r.Hours+e.hours, e.at
			if e.proxy {
				r.Delegate += e.hours
			}
		}
		r.Hour = w.hours[active]
		f.Record = &r
	}
	for _, c := range w.roster {
		if n.Name != "" && c.Learner.Name == n.Name {
			for _, e := range w.enrolments {
				if e.Learner == c.Learner.ID && (e.Status == study.Withdrawn || e.Status == study.Waived) {
					c.Out = append(c.Out, e.Cohort.Code)
				}
			}
			f.Candidates = append(f.Candidates, c)
		}
	}
	for i := range w.cohorts {
		if n.Cohort != "" && w.cohorts[i].Code == n.Cohort {
			f.Cohort = &w.cohorts[i]
		}
	}
	w.trainerFacts(n, &f)
	w.followFacts(n, &f)
	w.orderFacts(n, &f)
	w.leaveFacts(n, &f)
	w.certificateFacts(n, &f)
	w.tickingFacts(n, &f)
	if n.Tries {
		for _, at := range w.tries {
			if w.now.Sub(at) < 24*time.Hour {
				f.Tries.Identity++
			}
		}
		f.Tries.Learner = map[people.LearnerID]int{}
		for _, c := range f.Candidates {
			f.Tries.Learner[c.Learner.ID] = w.learnerTry[c.Learner.ID]
		}
	}
	return f
}

// apply folds one effect as the store does.
func (w *world) apply(e conversation.Effect) error {
	switch e := e.(type) {
	case conversation.Follow:
		w.identity.Following = true
	case conversation.Unfollow:
		for i := range w.roster {
			if c := &w.roster[i]; c.Handset == 1 {
				c.Bound, c.Handset = false, 0
			}
		}
		w.identity, w.profiles, w.delegated, w.tries = conversation.Identity{}, nil, nil, nil
	case conversation.ShowNotice:
		if w.identity.Notice == e.Version {
			return fmt.Errorf("the notice %d is shown twice", e.Version)
		}
		w.identity.Notice = e.Version
	case conversation.WrongCode:
		w.tries = append(w.tries, w.now)
		for _, id := range e.Learners {
			w.learnerTry[id]++
		}
	case conversation.Bind:
		if slices.Contains(w.profiles, e.Learner) && !slices.Contains(w.delegated, e.Learner) {
			return fmt.Errorf("learner %d is bound twice", e.Learner)
		}
		w.leave(e.Learner)
		w.profiles = append(w.profiles, e.Learner)
		w.bound(e.Learner)
		w.activate(e.Learner)
	case conversation.Switch:
		if !slices.Contains(w.profiles, e.Learner) {
			return fmt.Errorf("learner %d is not on this phone", e.Learner)
		}
		w.activate(e.Learner)
	case conversation.Unbind:
		w.leave(e.Learner)
		w.activate(0)
		if len(w.profiles) > 0 {
			w.activate(w.profiles[0])
		}
	case conversation.Enrol:
		w.enrol(e.Learner, e.Cohort, e.Since)
	case conversation.SetPush:
		w.pushes[e.Learner] = e.Push
	case conversation.Confirmed:
		w.unconfirmed = nil
	case conversation.StartAttempt:
		return w.start(e)
	case conversation.Ask, conversation.Decide, conversation.HandOver, conversation.Told:
		return w.applyMine(e)
	case conversation.Respond:
		if e.Delegate != slices.Contains(w.delegated, e.Learner) {
			return fmt.Errorf("learner %d: the answer is marked %t as one in another's place", e.Learner, e.Delegate)
		}
		key := fmt.Sprint(e.Enrolment, e.Lesson, e.Attempt, e.Item)
		if w.responses[key] {
			return fmt.Errorf("a second response to %s", key)
		}
		w.responses[key] = true
	case conversation.CompleteLesson:
		en, err := w.place(e.Enrolment, e.Learner)
		if err != nil {
			return err
		}
		if study.IsDone(en.Done, e.Lesson.Course.Course, e.Lesson.Lesson) {
			return fmt.Errorf("%v is completed twice", e.Lesson)
		}
		elsewhere := slices.ContainsFunc(w.enrolments, func(o conversation.Enrolment) bool {
			return o.Learner == e.Learner && o.ID != e.Enrolment && slices.ContainsFunc(o.Done, func(d study.Done) bool {
				return d.Course == e.Lesson.Course.Course && d.Lesson == e.Lesson.Lesson && study.DayOf(d.At).Year() == study.DayOf(w.now).Year()
			})
		})
		if elsewhere != (e.Hours == 0) {
			return fmt.Errorf("%v is credited %s, and was it learnt elsewhere this year? %v", e.Lesson, e.Hours, elsewhere)
		}
		en.Done = append(en.Done, study.Done{Course: e.Lesson.Course.Course, Lesson: e.Lesson.Lesson, Score: e.Score, At: w.now})
		w.ledger = append(w.ledger, entry{e.Learner, w.now, e.Hours, false, e.Delegate})
	case conversation.CompleteCourse:
		key := fmt.Sprint(e.Enrolment, e.Course.Course)
		if w.completions[key] {
			return fmt.Errorf("course %s is completed twice", key)
		}
		w.completions[key] = true
		if en, err := w.place(e.Enrolment, e.Learner); err == nil {
			en.Passed = append(en.Passed, study.Passed{Course: e.Course, Mean: e.Score, At: w.now})
		}
		w.ledger = append(w.ledger, entry{e.Learner, w.now, e.Hours, true, e.Delegate})
		if e.Last {
			en, err := w.place(e.Enrolment, e.Learner)
			if err != nil {
				return err
			}
			en.Status = study.Completed
		}
	case conversation.SetHour:
		w.hours[e.Learner] = e.Hour
	case conversation.DraftCampaign, conversation.AmendCampaign, conversation.SubmitCampaign, conversation.ReleaseCampaign,
		conversation.CancelCampaign, conversation.Acknowledge, conversation.ReadNotices, conversation.OfferOnce, conversation.SendNotice:
		return w.applyCampaign(e)
	case conversation.AnswerSurvey:
		return w.applySurvey(e)
	case conversation.SignIn, conversation.SignOut:
		return w.applySigning(e)
	case conversation.AskLeave, conversation.DecideLeave:
		return w.applyLeave(e)
	case conversation.ChangeOrders:
		return w.applyOrders(e)
	case conversation.IssueCertificate:
		return w.applyCertificate(e)
	case conversation.AgreePlace, conversation.TakeBackPlace, conversation.Locate, conversation.MakeTickLink, conversation.EndTickLinks:
		return w.applyPlace(e)
	case conversation.Step, conversation.Open, conversation.FinishAttempt:
	default:
		return fmt.Errorf("the model does not know the effect %T", e)
	}
	return nil
}

func (w *world) activate(id people.LearnerID) {
	w.identity.Learner, w.identity.Name = id, ""
	if id != 0 {
		w.identity.Name = w.learner(id).Name
	}
}

func (w *world) place(id study.EnrolmentID, who people.LearnerID) (*conversation.Enrolment, error) {
	for i := range w.enrolments {
		if w.enrolments[i].ID == id && w.enrolments[i].Learner == who {
			return &w.enrolments[i], nil
		}
	}
	return nil, fmt.Errorf("learner %d has no enrolment %d", who, id)
}

func (w *world) start(e conversation.StartAttempt) error {
	en, err := w.place(e.Enrolment, e.Learner)
	if err != nil {
		return err
	}
	key := e.Lesson.Course.Course + "/" + e.Lesson.Lesson
	if e.Number <= en.Attempts[key] {
		return fmt.Errorf("attempt %d at %s begins after %d", e.Number, key, en.Attempts[key])
	}
	en.Attempts[key] = e.Number
	if e.Review != study.IsDone(en.Done, e.Lesson.Course.Course, e.Lesson.Lesson) {
		return fmt.Errorf("attempt at %s: review is %t", key, e.Review)
	}
	return nil
}

func (w *world) enrol(who people.LearnerID, code string, since study.Day) {
	for _, e := range w.enrolments {
		if e.Learner == who && e.Cohort.Code == code {
			return
		}
	}
	i := slices.IndexFunc(w.cohorts, func(c study.Cohort) bool { return c.Code == code })
	w.enrolments = append(w.enrolments, conversation.Enrolment{
		Enrolment: study.Enrolment{ID: study.EnrolmentID(len(w.enrolments) + 1), Learner: who, Cohort: w.cohorts[i], Status: study.Active, Since: since},
		Attempts:  map[string]int{},
	})
	slices.SortFunc(w.enrolments, func(a, b conversation.Enrolment) int { return cmp.Compare(a.ID, b.ID) })
}

// effectText writes an effect for a chat file: its name, and what a trainer cares about.
func effectText(e conversation.Effect) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", e), "conversation.")
	lesson := func(r study.LessonRef) string { return r.Course.Course + "/" + r.Lesson }
	switch e := e.(type) {
	case conversation.Follow:
		return strings.TrimSpace(name + " " + e.Scene)
	case conversation.ShowNotice:
		return fmt.Sprint(name, " ", e.Version)
	case conversation.Step:
		return strings.TrimSpace(name + " " + string(e.Name) + " " + e.Why)
	case conversation.WrongCode:
		return fmt.Sprint(name, " ", e.Learners)
	case conversation.Bind:
		return fmt.Sprint(name, " ", e.Learner)
	case conversation.Unbind:
		return fmt.Sprint(name, " ", e.Learner)
	case conversation.Switch:
		return fmt.Sprint(name, " ", e.Learner)
	case conversation.Enrol:
		return fmt.Sprint(name, " ", e.Learner, " ", e.Cohort, " ", e.Since)
	case conversation.SetPush:
		return fmt.Sprintf("%s %d %q", name, e.Learner, e.Push)
	case conversation.Open:
		return fmt.Sprint(name, " ", lesson(e.Lesson), " ", e.Day)
	case conversation.StartAttempt:
		return fmt.Sprint(name, " ", lesson(e.Lesson), " #", e.Number, map[bool]string{true: " review"}[e.Review])
	case conversation.Respond:
		return fmt.Sprint(name, " ", lesson(e.Lesson), " #", e.Attempt, " ", e.Item, " ", e.Answer, " ", e.Correct, map[bool]string{true: " 代学"}[e.Delegate])
	case conversation.FinishAttempt:
		return fmt.Sprint(name, " ", lesson(e.Lesson), " #", e.Number, " score ", e.Score, " passed ", e.Passed)
	case conversation.CompleteLesson:
		return fmt.Sprint(name, " ", lesson(e.Lesson), " score ", e.Score, " hours ", e.Hours, map[bool]string{true: " 代学"}[e.Delegate])
	case conversation.ChangeOrders:
		return strings.TrimSpace(fmt.Sprint(name, " ", e.Act, " ", e.Course)) + map[bool]string{true: " starts " + e.Starts}[e.Starts != ""]
	case conversation.CompleteCourse:
		return fmt.Sprint(name, " ", e.Course.Course, " score ", e.Score, " hours ", e.Hours, map[bool]string{true: " last"}[e.Last], map[bool]string{true: " 代学"}[e.Delegate])
	case conversation.SetHour:
		return fmt.Sprintf("%s %d %q", name, e.Learner, e.Hour)
	case conversation.AnswerSurvey:
		return surveyEffectText(e)
	case conversation.SignIn:
		return fmt.Sprint(name, " ", e.Session, " ", e.Learner, " ", e.Way, map[bool]string{true: " 名单外"}[e.Guest])
	case conversation.IssueCertificate:
		return fmt.Sprint(name, " ", e.Number, " ", e.Said.Total(), map[bool]string{true: " 带图片"}[e.Picture != nil])
	case conversation.AskLeave:
		return fmt.Sprint(name, " ", e.Sessions, " ", e.Learner, " ", e.Reason)
	case conversation.DecideLeave:
		return fmt.Sprint(name, " ", e.Leave, " ", e.Learner, " ", e.To)
	case conversation.SignOut:
		return fmt.Sprint(name, " ", e.Session, " ", e.Learner)
	}
	if text, ok := placeEffectText(e); ok {
		return text
	}
	return mineEffectText(name, e)
}

// revise publishes a new version of xiaoke whose first lesson asks one question, answered A.
func (w *world) revise(t testing.TB) {
	t.Helper()
	library := testLibrary(t)
	c := *library.Current("xiaoke")
	c.Number = 2
	c.Lessons = slices.Clone(c.Lessons)
	c.Lessons[0].Body = "新版的课文。"
	c.Lessons[0].Items = []content.Item{{ID: "q1", Kind: content.Single, Stem: "新版的题", Options: []content.Option{{Text: "甲", Correct: true}, {Text: "乙"}}, Explanation: "新版的解析。"}}
	w.engine = w.engine.WithLibrary(library.WithCurrent(content.Seal(c)))
}
