package web

import (
	"iter"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// HelpWhy says in words why somebody may need help, with what the person is stuck at.
func HelpWhy(h study.Help, library *content.Library, p *content.Phrases) string {
	var why []string
	for _, r := range h.Reasons {
		switch r {
		case study.HelpUnbound:
			why = append(why, p.Say("follow.why_never_bound"))
		case study.HelpBehind:
			why = append(why, p.Say("follow.why_behind", fault.A("count", h.Behind)))
		case study.HelpFailed:
			for _, s := range h.Stuck {
				why = append(why, p.Say("follow.why_stuck", fault.A("lesson", lessonTitle(library, s)), fault.A("count", s.Wrong)))
			}
		}
	}
	return strings.Join(why, p.Say("follow.why_and"))
}

func lessonTitle(library *content.Library, s study.Stuck) string {
	if c := library.Current(s.Course); c != nil {
		if l, _ := c.Lesson(s.Lesson); l != nil {
			return l.Title
		}
	}
	return s.Course + "/" + s.Lesson
}

// HelpLines puts the words to a list of those who may need help.
func HelpLines(list iter.Seq2[study.Help, error], library *content.Library, p *content.Phrases) iter.Seq2[report.HelpLine, error] {
	return func(yield func(report.HelpLine, error) bool) {
		for h, err := range list {
			if !yield(report.HelpLine{Help: h, Why: HelpWhy(h, library, p)}, err) {
				return
			}
		}
	}
}

// RectificationLines puts the words to a list of rectifications.
func RectificationLines(list []study.Rectification, now time.Time, library *content.Library, p *content.Phrases) []report.RectificationLine {
	out := make([]report.RectificationLine, 0, len(list))
	for _, r := range list {
		l := report.RectificationLine{Rectification: r, StatusWord: p.Say("follow.status_" + string(r.Status))}
		if r.Overdue(study.DayOf(now)) {
			l.StatusWord = p.Say("follow.status_overdue")
		}
		if r.Evidence != study.EvidenceNone {
			l.EvidenceWord = p.Say("follow.evidence_" + string(r.Evidence))
		}
		var titles []string
		for _, id := range r.Courses {
			if c := library.Current(id); c != nil {
				id = c.Title
			}
			titles = append(titles, id)
		}
		l.CourseTitles = strings.Join(titles, p.Say("follow.why_and"))
		out = append(out, l)
	}
	return out
}
