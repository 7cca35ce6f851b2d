package conversation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// What ModeConfirm asks about.
const (
	confirmStop   = "stop"   // 退订
	confirmUnbind = "unbind" // 解绑
	confirmForget = "forget" // 删除我的资料
	confirmHand   = "hand"   // 转交
)

// push changes what the learner wants to be sent. 退订 is asked about first.
func (t *turn) push() {
	now := people.PushOn
	if t.f.Learner != nil {
		now = t.f.Learner.Push
	}
	switch t.wish.act {
	case actPause:
		t.setPush(people.PushPaused, "help.paused")
	case actResume:
		if now == people.PushOn {
			t.say("help.on_already")
			t.remind()
			return
		}
		t.setPush(people.PushOn, "help.resumed")
	default:
		if now == people.PushOff {
			t.say("help.off_already")
			return
		}
		t.s.Mode, t.s.Confirm = ModeConfirm, confirmStop
		t.say("help.ask_stop")
	}
}

func (t *turn) setPush(p people.Push, key string) {
	t.emit(SetPush{Learner: t.f.Identity.Learner, Push: p})
	t.say(key)
	t.remind()
}

// profiles are the people of this phone in an order that does not change.
func (t *turn) profiles() []people.Learner {
	list := slices.Clone(t.f.Profiles)
	slices.SortFunc(list, func(a, b people.Learner) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (t *turn) listProfiles() {
	list := t.profiles()
	if len(list) < 2 {
		t.say("bind.only_one", fault.A("name", t.f.Identity.Name))
		return
	}
	t.s.Mode, t.s.Confirm = ModeProfile, ""
	lines := []string{t.phrases.Say("bind.choose")}
	for i, p := range list {
		key := "bind.choose_line"
		if p.ID == t.f.Identity.Learner {
			key = "bind.choose_line_now"
		}
		lines = append(lines, t.phrases.Say(key, fault.A("number", i+1), fault.A("name", t.called(p)), fault.A("unit", p.UnitName)))
	}
	t.put(cut(strings.Join(lines, "\n"), t.room/2))
	t.say("bind.choose_how")
}

// choose takes a number of the list, or a name that only one of them has.
func (t *turn) choose() {
	list := t.profiles()
	picked := -1
	if n := listNumber(t.in.Text); n >= 1 && n <= len(list) {
		picked = n - 1
	}
	name := people.FoldName(cutName(strings.TrimSpace(t.in.Text)))
	same := 0
	for i, p := range list {
		if p.Name == name {
			picked, same = i, same+1
		}
	}
	if picked < 0 || same > 1 {
		t.say("bind.choose_odd", fault.A("count", len(list)))
		return
	}
	p := list[picked]
	if p.ID != t.f.Identity.Learner {
		t.emit(Switch{Learner: p.ID})
		t.s.Study, t.s.Draft, t.s.Waiting, t.s.Survey = nil, nil, nil, nil
	}
	t.s.Mode = t.resting()
	t.say("bind.chosen", fault.A("name", p.Name))
	t.remind()
}

// listNumber reads “2”, “２”, “第二个”; 0 for none.
func listNumber(text string) int {
	c := strings.Trim(compact(foldAnswer(text)), "第个号是我")
	if n, err := strconv.Atoi(c); err == nil {
		return n
	}
	if r := []rune(c); len(r) == 1 {
		return smallNumber(r[0])
	}
	return 0
}

func (t *turn) who() {
	unit := ""
	if t.f.Learner != nil {
		unit = t.f.Learner.UnitName
	}
	t.say("bind.who", fault.A("name", t.f.Identity.Name), fault.A("unit", unit))
	if len(t.f.Profiles) > 1 {
		t.say("bind.who_more", fault.A("count", len(t.f.Profiles)))
	}
	t.remind()
}

func (t *turn) askUnbind() {
	if t.wish.act == actForget && t.f.Identity.Delegate {
		t.say("mine.not_yours", fault.A("name", t.f.Identity.Name))
		t.remind()
		return
	}
	t.s.Mode, t.s.Confirm = ModeConfirm, confirmUnbind
	key := "help.ask_unbind"
	if t.wish.act == actForget {
		t.s.Confirm, key = confirmForget, "help.ask_forget"
	}
	t.say(key, fault.A("name", t.f.Identity.Name))
}

// confirmed does what was asked about.
func (t *turn) confirmed() {
	what := t.s.Confirm
	t.s.Confirm = ""
	switch what {
	case confirmStop:
		t.s.Mode = t.resting()
		t.emit(SetPush{Learner: t.f.Identity.Learner, Push: people.PushOff})
		t.say("help.stopped")
	case confirmUnbind:
		ids := t.leaving()
		t.unbind(ids)
		t.say("help.unbound", fault.A("name", t.f.Identity.Name))
		if len(t.f.Profiles) > len(ids) {
			t.say("help.unbound_more")
		}
	case confirmForget:
		ids := []people.LearnerID{t.f.Identity.Learner}
		for _, p := range t.profiles() {
			if p.ID != t.f.Identity.Learner {
				ids = append(ids, p.ID)
			}
		}
		t.askDelete()
		t.unbind(ids)
		t.say("help.forgotten")
	case confirmHand:
		t.handOver()
	default:
		t.s.Mode = t.resting()
		t.unknown()
	}
}

func (t *turn) unbind(ids []people.LearnerID) {
	for _, id := range ids {
		t.emit(Unbind{Learner: id})
	}
	t.s = State{V: StateVersion}
}

// resting is the mode to go back to when a side question is over.
func (t *turn) resting() Mode {
	if item, _ := t.openItem(t.s); item != nil {
		return ModeQuiz
	}
	switch st := t.s.Study; {
	case st == nil || t.lesson(st.Lesson) == nil:
		return ModeIdle
	case st.Attempt == 0:
		return ModeLesson
	case st.Next < len(st.Items):
		return ModeQuiz // begun, its question not shown yet
	}
	return ModeIdle
}

// remind says how to go on with a question that is still open.
func (t *turn) remind() {
	t.s.Mode = t.restingUnlessBinding()
	if t.drafting() && t.f.Identity.Learner != 0 {
		t.remindDraft()
		return
	}
	if t.s.Mode == ModeSurvey {
		t.say("survey.still_open", fault.A("number", t.s.Survey.Next+1))
		return
	}
	if item, _ := t.openItem(t.s); item != nil && t.f.Identity.Learner != 0 {
		t.say("quiz.still_open", fault.A("number", t.s.Study.Next+1))
	}
}

func (t *turn) restingUnlessBinding() Mode {
	switch t.s.Mode {
	case ModeBindName, ModeBindUnit, ModeBindCode, ModeDraftTo, ModeDraft, ModeDraftTitle, ModeSend, ModeSurvey:
		return t.s.Mode
	}
	return t.resting()
}

func (t *turn) record() {
	r := Record{}
	if t.f.Record != nil {
		r = *t.f.Record
	}
	year := t.f.Now.In(study.Zone).Year()
	lines := []string{t.phrases.Say("study.record", fault.A("name", t.f.Identity.Name), fault.A("year", year),
		fault.A("hours", r.Hours), fault.A("lessons", r.Lessons), fault.A("courses", r.Courses))}
	if r.Delegate != 0 {
		lines = append(lines, t.phrases.Say("study.record_delegate", fault.A("hours", r.Delegate)))
	}
	lines = append(lines, t.recordCourses()...)
	for _, st := range t.standings() {
		if st.enrolment.Cohort.Ordered() && st.enrolment.Status == study.Completed {
			continue // there may be many
		}
		key := "study.record_class"
		if st.err != nil {
			key = "study.record_class_plain"
		}
		lines = append(lines, t.phrases.Say(key, fault.A("class", st.enrolment.Cohort.Name), fault.A("done", st.progress.Done),
			fault.A("total", st.progress.Total), fault.A("open", st.progress.Behind)))
	}
	lines = append(lines, t.recordMore(r)...)
	if r.Hour != "" {
		lines = append(lines, t.phrases.Say("study.record_hour", fault.A("hour", r.Hour)))
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-200-t.used()))
	t.remind()
}

func (t *turn) help() {
	switch {
	case t.f.Identity.Learner == 0:
		t.say("help.unbound_help")
		if t.restingUnlessBinding() == ModeIdle {
			t.say("help.how_to_bind")
			return
		}
		t.askAgain()
	default:
		t.say("help.help")
		t.remind()
	}
}

func (t *turn) greet() {
	if t.f.Identity.Learner == 0 {
		if t.restingUnlessBinding() == t.s.Mode && t.s.Mode != ModeIdle {
			t.askAgain()
			return
		}
		t.startBinding("bind.first")
		return
	}
	t.say("help.greet", fault.A("name", t.f.Identity.Name))
	t.remind()
}

func (t *turn) showNotice() {
	if t.f.Identity.Notice >= t.notice { // else it stands in the reply already
		t.say("bind.notice", fault.A("version", t.notice))
	}
	t.remind()
}

// unknown says what could have been meant; it does nothing.
func (t *turn) unknown() {
	if w := suggest(t.wish.folded); w != "" {
		t.say("help.meant", fault.A("word", w))
	} else if t.talks() {
		t.say("help.talk")
	} else if t.s.Unclear >= 1 {
		t.say("help.help")
	} else {
		t.say("help.unknown")
	}
	t.remind()
}

// talkRunes is how long a text is that was written to somebody, not to a program.
const talkRunes = 20

// talks reports a text so long that who wrote it should be told that nobody reads it.
func (t *turn) talks() bool { return utf8.RuneCountInString(t.in.Text) > talkRunes }
