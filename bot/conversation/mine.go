package conversation

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Mine is what is kept about the active learner, besides Facts.Record.
type Mine struct {
	BoundAt time.Time // when a phone was first bound; zero for never
	Classes int       // places in classes, those that are over included
	Answers int       // marked answers
	Helpers []string  // names of those who learn in the learner's place
	Phone   string    // the telephone number that the roster keeps, masked; "" for none
	Place   bool      // agreed to places being compared, and did not take it back
	// Open are requests that nobody has closed yet: about the learner, and from this phone.
	Open []people.Request
}

// News is what a person is told with the next reply, whatever they write.
type News struct {
	ID     int64
	Kind   people.NewsKind
	Name   string // of whom it is
	Reason string // of the administrator; "" where nobody gave one
}

// whoRoom is kept free on every page for the line that says who is learning, in bytes; whoName is what
// the name may take of it. Of other replies only the longest that content allows, 500 characters that
// explain the last answer of a class, has no room for the line.
const (
	whoRoom = 64
	whoName = 42
)

// whoLine says who is learning, on a phone of several people or when it is in somebody's place. A reply
// that changes this says it itself, and so does one in the middle of binding.
func (t *turn) whoLine() string {
	id := t.f.Identity
	if id.Learner == 0 || id.People < 2 && !id.Delegate || t.wish.act == actUnconfirm || t.s.Mode == ModeBindName || t.s.Mode == ModeBindUnit || t.s.Mode == ModeBindCode {
		return ""
	}
	for _, e := range t.effects {
		switch e.(type) {
		case Bind, Unbind, Switch, HandOver:
			return ""
		}
	}
	key := "bind.active"
	if id.Delegate {
		key = "bind.active_delegate"
	}
	return t.phrases.Say(key, fault.A("name", cut(id.Name, whoName)))
}

// called is a person's name, with a mark when the person is learnt for here.
func (t *turn) called(p people.Learner) string {
	if t.f.Delegated[p.ID] != 0 {
		return t.phrases.Say("bind.delegate_name", fault.A("name", p.Name))
	}
	return p.Name
}

// emit adds an effect. What is learnt in somebody's place is marked as such.
func (t *turn) emit(e Effect) {
	switch x := e.(type) {
	case Respond:
		x.Delegate = t.f.Identity.Delegate
		e = x
	case CompleteLesson:
		x.Delegate = t.f.Identity.Delegate
		e = x
	case CompleteCourse:
		x.Delegate = t.f.Identity.Delegate
		e = x
	}
	t.effects = append(t.effects, e)
}

// funnelBits are the steps that State.Steps remembers, by their place. New ones go to the end.
var funnelBits = []string{
	"followed", "asked_name", "asked_unit", "asked_code", "found", "bound",
	"failed no_such_name", "failed no_such_unit", "failed wrong_code", "failed limited", "failed cooling",
}

// step counts one step of binding. Binding in somebody else's name is no step of this phone's.
func (t *turn) step(name people.FunnelStep, why string, unit people.OrgCode) {
	if t.s.Binding != nil && t.s.Binding.For {
		return
	}
	bit := uint16(1) << slices.Index(funnelBits, strings.TrimSpace(string(name)+" "+why))
	t.emit(Step{Name: name, Why: why, Unit: unit, Fresh: t.s.Steps&bit == 0})
	t.s.Steps |= bit
}

// sayFor says a sentence of binding as it is said to somebody who learns in another's place.
func (t *turn) sayFor(key string) {
	if t.s.Binding != nil && t.s.Binding.For {
		key += "_for"
	}
	t.say(key)
}

// tellFirst tells news in front of what was asked for. Before a lesson, which would not fit beside
// them, they are the whole reply: true.
func (t *turn) tellFirst() bool {
	if len(t.f.News) == 0 || t.wish.act == actAnswer {
		return false
	}
	lesson := t.f.Identity.Learner != 0 && showsLesson[t.wish.act]
	n := 1
	if lesson {
		n = min(len(t.f.News), 3)
	}
	t.tell(t.f.News[:n])
	if lesson {
		t.say("bind.news_then")
	}
	return lesson
}

// tellBehind tells news behind an answer, when there is room; if not they wait for the next reply.
func (t *turn) tellBehind() {
	if len(t.f.News) == 0 || t.wish.act != actAnswer {
		return
	}
	if text := t.newsText(t.f.News[0]); t.used()+len(text) <= t.room {
		t.tell(t.f.News[:1])
	}
}

func (t *turn) tell(list []News) {
	var ids []int64
	for _, n := range list {
		t.put(t.newsText(n))
		ids = append(ids, n.ID)
	}
	t.emit(Told{News: ids})
}

func (t *turn) newsText(n News) string {
	return t.phrases.Say("bind.news_"+string(n.Kind), fault.A("name", n.Name), fault.A("reason", n.Reason))
}

// dayWords writes a day for people: 3月9日.
func dayWords(at time.Time) string {
	at = at.In(study.Zone)
	return fmt.Sprintf("%d月%d日", at.Month(), at.Day())
}

// helper is who learns in others' places: the active learner, or who does it for the active one.
func (t *turn) helper() people.LearnerID {
	if id := t.f.Identity; id.Delegate {
		return t.f.Delegated[id.Learner]
	}
	return t.f.Identity.Learner
}

// beginDelegate asks whom the learner wants to learn for.
func (t *turn) beginDelegate() {
	t.s.Binding = &Binding{For: true}
	if t.mayDelegate() {
		t.startBinding("bind.delegate_begin")
	}
}

// mayDelegate reports, and if not says, whether one more person may be learnt for on this phone.
func (t *turn) mayDelegate() bool {
	n := len(t.f.Delegated)
	if t.f.Mine != nil {
		for _, r := range t.f.Mine.Open {
			if r.Kind == people.RequestDelegate && r.Helper == t.helper() {
				n++
			}
		}
	}
	key := ""
	switch {
	case t.helper() == 0:
		key = "bind.delegate_bind_first"
	case !t.bind.RoomFor(n):
		key = "bind.delegate_full"
	default:
		return true
	}
	t.s.Binding, t.s.Mode = nil, t.resting()
	t.say(key, fault.A("count", t.bind.MaxDelegates()))
	return false
}

// askDelegate puts it before an administrator that the learner may learn in the candidate's place.
func (t *turn) askDelegate(c people.Candidate) {
	l := c.Learner
	t.s.Binding, t.s.Mode = nil, t.resting()
	asked := t.f.Mine != nil && slices.ContainsFunc(t.f.Mine.Open, func(r people.Request) bool {
		return r.Kind == people.RequestDelegate && r.Learner == l.ID
	})
	switch {
	case slices.ContainsFunc(t.f.Profiles, func(p people.Learner) bool { return p.ID == l.ID }):
		t.say("bind.delegate_here", fault.A("name", l.Name))
	case c.Bound:
		t.say("bind.delegate_not_needed", fault.A("name", l.Name))
	case asked:
		t.say("bind.delegate_asked", fault.A("name", l.Name))
	default:
		t.emit(Ask{Kind: people.RequestDelegate, Learner: l.ID, Helper: t.helper()})
		t.say("bind.delegate_sent", fault.A("name", l.Name), fault.A("unit", l.UnitName))
	}
	t.remind()
}

// leaving are those who leave this phone with the active learner: whom the learner helps here.
func (t *turn) leaving() []people.LearnerID {
	ids := []people.LearnerID{t.f.Identity.Learner}
	for _, p := range t.profiles() {
		if t.f.Delegated[p.ID] == t.f.Identity.Learner {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// askHandOver asks whether the phone is somebody else's from now on.
func (t *turn) askHandOver() {
	t.s.Mode, t.s.Confirm = ModeConfirm, confirmHand
	var names []string
	for _, p := range t.profiles() {
		names = append(names, p.Name)
	}
	t.say("bind.ask_hand", fault.A("names", cut(strings.Join(names, "、"), 600)))
}

func (t *turn) handOver() {
	var ids []people.LearnerID
	for _, p := range t.profiles() {
		ids = append(ids, p.ID)
	}
	t.emit(HandOver{Learners: ids})
	t.s = State{V: StateVersion}
	t.startBinding("bind.handed")
}

// showMine shows what is kept about the active learner.
func (t *turn) showMine() {
	m, r, l := Mine{}, Record{}, people.Learner{Name: t.f.Identity.Name}
	if t.f.Mine != nil {
		m = *t.f.Mine
	}
	if t.f.Record != nil {
		r = *t.f.Record
	}
	if t.f.Learner != nil {
		l = *t.f.Learner
	}
	none := func(s string) string {
		if s == "" {
			return t.phrases.Say("mine.none")
		}
		return s
	}
	bound := ""
	if !m.BoundAt.IsZero() {
		bound = string(study.DayOf(m.BoundAt))
	}
	lines := []string{
		t.phrases.Say("mine.head"),
		t.phrases.Say("mine.roster", fault.A("name", l.Name), fault.A("unit", none(l.UnitName)), fault.A("category", none(l.Category))),
		t.phrases.Say("mine.bound", fault.A("day", none(bound)), fault.A("version", t.f.Identity.Notice)),
		t.phrases.Say("mine.learnt", fault.A("classes", m.Classes), fault.A("answers", m.Answers), fault.A("lessons", r.Lessons), fault.A("hours", r.Hours)),
	}
	if m.Phone != "" {
		lines = append(lines, t.phrases.Say("mine.phone", fault.A("phone", m.Phone)))
	}
	if m.Place {
		lines = append(lines, t.phrases.Say("mine.place"))
	}
	if len(m.Helpers) > 0 {
		lines = append(lines, t.phrases.Say("mine.helpers", fault.A("names", strings.Join(m.Helpers, "、"))))
	}
	for _, q := range m.Open {
		if q.Learner == t.f.Identity.Learner && q.Kind != people.RequestDelegate {
			lines = append(lines, t.phrases.Say("mine.open_"+string(q.Kind), fault.A("day", dayWords(q.AskedAt))))
		}
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-300-t.used()))
	t.say("mine.rights")
	t.remind()
}

// correct takes what is wrong in the own data, or asks for it.
func (t *turn) correct() {
	open := t.openRequest(people.RequestCorrect)
	switch {
	case open != nil:
		t.s.Mode = t.resting()
		t.say("mine.correct_open", fault.A("day", dayWords(open.AskedAt)))
		t.remind()
	case t.wish.text == "":
		t.s.Mode, t.s.Confirm = ModeCorrect, ""
		t.say("mine.correct_ask")
	default:
		t.s.Mode = t.resting()
		a := Ask{Kind: people.RequestCorrect, Learner: t.f.Identity.Learner, Text: t.wish.text}
		if t.f.Identity.Delegate {
			a.Helper = t.helper()
		}
		t.emit(a)
		t.say("mine.correct_sent", fault.A("name", t.f.Identity.Name), fault.A("text", t.wish.text))
		t.remind()
	}
}

// askDelete puts it before an administrator that what is kept about the learner shall go.
func (t *turn) askDelete() {
	if t.openRequest(people.RequestDelete) == nil && !t.f.Identity.Delegate {
		t.emit(Ask{Kind: people.RequestDelete, Learner: t.f.Identity.Learner})
	}
}

func (t *turn) openRequest(kind people.RequestKind) *people.Request {
	if t.f.Mine == nil {
		return nil
	}
	for i, r := range t.f.Mine.Open {
		if r.Kind == kind && r.Learner == t.f.Identity.Learner {
			return &t.f.Mine.Open[i]
		}
	}
	return nil
}

// cutCorrect reads “更正 单位应该是新村”; false without anything behind the word.
func cutCorrect(text string) (string, bool) {
	text = strings.TrimSpace(text)
	for _, w := range []string{"我要更正", "更正信息", "更正"} {
		if rest, ok := strings.CutPrefix(text, w); ok {
			rest = complaint(strings.TrimLeft(rest, " 　:：,，。"))
			return rest, rest != ""
		}
	}
	return "", false
}

// complaint is what somebody says to be wrong, on one line and not longer than is kept.
func complaint(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if utf8.RuneCountInString(text) > people.MaxRequestText {
		text = string([]rune(text)[:people.MaxRequestText])
	}
	if utf8.RuneCountInString(text) < 2 {
		return ""
	}
	return text
}
