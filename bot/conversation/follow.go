package conversation

import (
	"errors"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

const (
	actNeedHelp act = "need_help"
	actRectify  act = "rectify"
)

// DueClass is a class that somebody was asked to finish about a finding (整改).
type DueClass struct {
	Class string // name
	Due   study.Day
}

// Rectifying is what is not done in a trainer's scope.
type Rectifying struct {
	Open    int // all of it, with what is overdue
	Overdue int
	First   []RectifyingLine // what is due first, at most RectifyingLines
}

// RectifyingLine is one of them.
type RectifyingLine struct {
	UnitName string
	Name     string
	Document string // document number of the finding
	Due      study.Day
}

// RectifyingLines is how many of them are read for an answer.
const RectifyingLines = 8

// rectify tells a trainer what is not done in the scope, and everybody else what they have to do.
func (t *turn) rectify() {
	defer t.remind()
	today := study.DayOf(t.f.Now)
	if t.f.Trainer == nil || t.f.Trainer.Rectifying.Open == 0 {
		var lines []string
		if t.f.Record != nil {
			lines = t.dueLines(t.f.Record.Due)
		}
		switch {
		case len(lines) > 0:
			t.put(cut(strings.Join(lines, "\n"), t.room-300))
			t.say("follow.how_due")
		case t.f.Trainer != nil:
			t.say("follow.rectify_none_trainer")
		default:
			t.say("follow.rectify_none")
		}
		return
	}
	r := t.f.Trainer.Rectifying
	lines := []string{t.phrases.Say("follow.rectify_head", fault.A("count", r.Open), fault.A("overdue", r.Overdue))}
	for _, l := range r.First {
		key := "follow.rectify_line"
		if l.Due < today {
			key = "follow.rectify_line_overdue"
		}
		lines = append(lines, t.phrases.Say(key, fault.A("unit", l.UnitName), fault.A("name", l.Name), fault.A("document", l.Document), fault.A("day", l.Due)))
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-300))
	if left := r.Open - len(r.First); left > 0 {
		t.say("follow.rectify_more", fault.A("count", left))
	}
}

// dueLines are what somebody has to do about findings.
func (t *turn) dueLines(due []DueClass) []string {
	var lines []string
	for _, d := range due {
		key := "follow.due"
		if d.Due < study.DayOf(t.f.Now) {
			key = "follow.overdue"
		}
		lines = append(lines, t.phrases.Say(key, fault.A("class", d.Class), fault.A("day", d.Due)))
	}
	return lines
}

// helpLines is how many people stand in one answer.
const helpLines = 12

// recordMore says what is next and what has to be done until when.
func (t *turn) recordMore(r Record) []string {
	var lines []string
	for _, st := range t.standings() {
		if st.err == nil && st.enrolment.Status == study.Active && st.progress.Open {
			lines = append(lines, t.phrases.Say("follow.next", fault.A("title", st.progress.Next.Lesson.Title)))
			break
		}
	}
	lines = append(lines, t.dueLines(r.Due)...)
	if t.f.Survey != nil {
		lines = append(lines, t.phrases.Say("survey.waiting", fault.A("title", t.f.Survey.Survey.Title)))
	}
	return lines
}

// needHelp tells a trainer who may need help, by unit and name.
func (t *turn) needHelp() {
	defer t.remind()
	r := t.f.Trainer
	if r.People > len(r.Followed) {
		t.say("follow.help_many", fault.A("count", r.People-1))
		return
	}
	teacher := study.Teacher{Course: func(id string) *content.Course { return t.library.Current(id) }, Calendar: t.calendar, Now: t.f.Now}
	var lines []string
	count := 0
	for _, f := range r.Followed {
		h, listed, err := study.NeedsHelp(f, teacher, study.HelpRule{})
		if err != nil {
			var shown *fault.Error
			if errors.As(err, &shown) {
				t.say(shown.Key, shown.Args...)
			} else {
				t.say("follow.help_unknown")
			}
			return
		}
		if !listed {
			continue
		}
		if count++; count <= helpLines {
			lines = append(lines, t.phrases.Say("follow.help_line", fault.A("unit", h.Learner.UnitName), fault.A("name", h.Learner.Name), fault.A("why", t.helpWhy(h))))
		}
	}
	if count == 0 {
		t.say("follow.help_none", fault.A("total", r.People))
		return
	}
	head := t.phrases.Say("follow.help_head", fault.A("total", r.People), fault.A("count", count))
	t.put(cut(head+"\n"+strings.Join(lines, "\n"), t.room-300))
	if count > len(lines) {
		t.say("follow.help_more", fault.A("count", count-len(lines)))
	}
}

// helpWhy joins the reasons why somebody is listed.
func (t *turn) helpWhy(h study.Help) string {
	var why []string
	for _, r := range h.Reasons {
		switch r {
		case study.HelpUnbound:
			why = append(why, t.phrases.Say("follow.why_never_bound"))
		case study.HelpBehind:
			why = append(why, t.phrases.Say("follow.why_behind", fault.A("count", h.Behind)))
		case study.HelpFailed:
			why = append(why, t.phrases.Say("follow.why_failed", fault.A("count", len(h.Stuck))))
		}
	}
	return strings.Join(why, t.phrases.Say("follow.why_and"))
}
