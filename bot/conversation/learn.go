package conversation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// standing is where the learner stands in one class.
type standing struct {
	enrolment Enrolment
	progress  study.Progress
	err       error // the calendar cannot say what is released
}

// standings are the classes that count: first what was asked for about a finding, then by enrolment. What the
// learner ordered comes behind a class whose course they have begun, as it waited for such a course, and
// before the others.
func (t *turn) standings() []standing {
	var out []standing
	ordered := 1
	for _, e := range t.f.Enrolments {
		if (e.Status == study.Active || e.Status == study.Completed) && len(e.Cohort.Courses) > 0 { // else a class that only meets
			st := t.standing(e, e.Done)
			out = append(out, st)
			if !e.Cohort.Ordered() && e.Status == study.Active && st.begun() {
				ordered = 3
			}
		}
	}
	rank := func(st standing) int {
		switch c := st.enrolment.Cohort; {
		case c.Rectifies():
			return 0
		case c.Ordered():
			return ordered
		}
		return 2
	}
	slices.SortFunc(out, func(a, b standing) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.enrolment.ID, b.enrolment.ID))
	})
	return out
}

// begun reports whether the learner has answered something of the course that is next.
func (s standing) begun() bool {
	if s.progress.Next == nil {
		return false
	}
	for lesson := range s.enrolment.Attempts {
		if strings.HasPrefix(lesson, s.progress.Next.Course.ID+"/") {
			return true
		}
	}
	return false
}

func (t *turn) standing(e Enrolment, done []study.Done) standing {
	released, err := study.Released(e.Cohort.Schedule, t.calendar, e.Since, study.DayOf(t.f.Now), t.f.Now)
	return standing{enrolment: e, progress: study.ProgressOf(t.courses(e), done, released), err: err}
}

func (t *turn) courses(e Enrolment) []*content.Course {
	var list []*content.Course
	for _, id := range e.Cohort.Courses {
		if c := t.library.Current(id); c != nil {
			list = append(list, c)
		}
	}
	return list
}

func (t *turn) enrolment(id study.EnrolmentID) *Enrolment {
	for i := range t.f.Enrolments {
		if t.f.Enrolments[i].ID == id {
			return &t.f.Enrolments[i]
		}
	}
	return nil
}

// today goes on where the learner stopped, else opens the first lesson that is released and not
// complete.
func (t *turn) today() {
	t.s.Binding = nil
	if t.resume() {
		return
	}
	t.openNext()
}

// openNext opens the first lesson that is released and not complete.
func (t *turn) openNext() {
	t.s.Mode = ModeIdle
	all := t.standings()
	if len(all) == 0 {
		key := "study.no_class"
		if len(t.f.Enrolments) > 0 {
			key = "study.not_active"
		}
		t.say(key, fault.A("name", t.f.Identity.Name))
		return
	}
	for _, st := range all {
		if st.err == nil && st.enrolment.Status == study.Active && st.progress.Open {
			t.open(st.enrolment, *st.progress.Next)
			return
		}
	}
	t.nothingOpen(all)
}

// nothingOpen says when the next lesson comes, or that all is done.
func (t *turn) nothingOpen(all []standing) {
	finished := ""
	for _, st := range all {
		if st.err != nil {
			t.say("study.calendar")
			return
		}
		if st.enrolment.Status == study.Completed || st.progress.Finished {
			finished = st.enrolment.Cohort.Name
			continue
		}
		if st.progress.Next == nil { // a class whose courses are not there
			continue
		}
		if st.progress.Released == 0 {
			t.sayNext("study.not_begun", st)
		} else {
			t.sayNext("study.up_to_date", st)
		}
		return
	}
	if finished == "" {
		t.say("study.not_active", fault.A("name", t.f.Identity.Name))
		return
	}
	t.say("study.finished", fault.A("class", finished))
}

// sayNext says the sentence of key with the time of the next release; where none is known, the
// sentence of key + "_open".
func (t *turn) sayNext(key string, st standing) {
	e := st.enrolment
	next, ok, err := study.NextTraining(e.Cohort.Schedule, t.calendar, e.Since, t.f.Now)
	if err != nil || !ok || st.progress.Next == nil {
		t.say(key+"_open", fault.A("class", e.Cohort.Name))
		return
	}
	t.say(key, fault.A("class", e.Cohort.Name), fault.A("lesson", st.progress.Next.Lesson.Title), fault.A("when", t.when(next.At)))
}

// when writes an instant as people say it: 明天 08:00, 11月25日（星期三）08:00.
func (t *turn) when(at time.Time) string {
	day, hour := t.day(study.DayOf(at)), at.In(study.Zone).Format("15:04")
	if strings.HasSuffix(day, "）") {
		return day + hour
	}
	return day + " " + hour
}

// day writes a day as people say it, seen from now.
func (t *turn) day(d study.Day) string {
	today := study.DayOf(t.f.Now)
	switch d {
	case today:
		return t.phrases.Say("study.day_today")
	case today.Add(1):
		return t.phrases.Say("study.day_tomorrow")
	case today.Add(-1):
		return t.phrases.Say("study.day_yesterday")
	}
	parts := strings.Split(string(d), "-")
	month, _ := strconv.Atoi(parts[1])
	date, _ := strconv.Atoi(parts[2])
	return t.phrases.Say("study.day_date", fault.A("month", month), fault.A("day", date),
		fault.A("weekday", t.phrases.Say("study.weekday_"+strconv.Itoa(int(d.Weekday())))))
}

// resume goes on with the lesson in progress; false when there is none that counts.
func (t *turn) resume() bool {
	st := t.s.Study
	if st == nil || st.Review {
		return false
	}
	e := t.enrolment(st.Enrolment)
	if e == nil || e.Status != study.Active || study.IsDone(e.Done, st.Lesson.Course.Course, st.Lesson.Lesson) || t.lesson(st.Lesson) == nil {
		t.s.Study = nil
		return false
	}
	t.emitOpen()
	switch {
	case st.Attempt > 0 && st.Next < len(st.Items):
		t.say("study.go_on")
		t.ask()
	case st.Attempt > 0: // an attempt that did not pass: read again, then only what was wrong
		st.Page = 0
		t.showPage()
	default:
		t.showPage()
	}
	return true
}

func (t *turn) emitOpen() {
	t.emit(Open{Enrolment: t.s.Study.Enrolment, Learner: t.f.Identity.Learner, Lesson: t.s.Study.Lesson, Day: study.DayOf(t.f.Now)})
}

// open shows the first page of a lesson.
func (t *turn) open(e Enrolment, p study.Place) {
	t.s.Study = &Study{Enrolment: e.ID, Lesson: p.Ref()}
	t.emitOpen()
	t.showPage()
}

// head is the first line of a lesson's page.
func (t *turn) head(course *content.Course, lesson *content.Lesson, number int) string {
	return t.phrases.Say("study.head", fault.A("course", course.Title), fault.A("number", number), fault.A("lesson", lesson.Title))
}

// footRoom is kept free on a page for the line that says how to go on.
const footRoom = 160

// pages are a lesson's pages, head included in the reckoning. The room does not depend on who
// reads, so a page number means the same in every reply.
func (t *turn) pages(course *content.Course, lesson *content.Lesson, number int) []string {
	return paginate(lesson.Body, max(t.room-len(t.head(course, lesson, number))-footRoom-whoRoom, 300))
}

// showPage shows the page that Study.Page names. Behind the last one the first question follows,
// in the same reply when both fit.
func (t *turn) showPage() {
	st := t.s.Study
	course := t.library.Version(st.Lesson.Course)
	lesson, i := course.Lesson(st.Lesson.Lesson)
	pages := t.pages(course, lesson, i+1)
	st.Page = min(max(st.Page, 0), len(pages)-1)
	t.s.Mode = ModeLesson
	t.put(t.head(course, lesson, i+1) + "\n" + pages[st.Page])
	if st.Page < len(pages)-1 {
		t.say("study.page", fault.A("page", st.Page+1), fault.A("pages", len(pages)))
		return
	}
	if t.used()+len(t.questionText(lesson, t.nextItems(lesson), t.nextPlace())) <= t.room {
		t.ask()
		return
	}
	t.say("study.last_page", fault.A("count", len(t.nextItems(lesson))))
}

// more turns the page, shows the open question again, or goes on to the next lesson.
func (t *turn) more() {
	st := t.s.Study
	if st == nil || t.lesson(st.Lesson) == nil || t.enrolment(st.Enrolment) == nil {
		t.today()
		return
	}
	course := t.library.Version(st.Lesson.Course)
	lesson, i := course.Lesson(st.Lesson.Lesson)
	switch {
	case t.s.Mode == ModeLesson && st.Page < len(t.pages(course, lesson, i+1))-1:
		st.Page++
		t.showPage()
	case t.s.Mode == ModeLesson, st.Next < len(st.Items):
		t.ask()
	case st.Review: // complete: on to what is next
		t.openNext()
	default:
		t.redo()
	}
}

// reread shows the lesson in progress, or the one completed last, from its first page.
func (t *turn) reread() {
	st := t.s.Study
	if st == nil || t.lesson(st.Lesson) == nil || t.enrolment(st.Enrolment) == nil {
		st = t.lastLesson()
	}
	if st == nil {
		t.say("study.nothing_to_reread")
		return
	}
	t.s.Study = st
	st.Page = 0
	t.showPage()
}

// lastLesson is the lesson completed last, as a review; nil when there is none that is still taught.
func (t *turn) lastLesson() *Study {
	var best *Study
	var at time.Time
	for _, e := range t.f.Enrolments {
		for _, d := range e.Done {
			course := t.library.Current(d.Course)
			if course == nil || best != nil && !d.At.After(at) {
				continue
			}
			if lesson, _ := course.Lesson(d.Lesson); lesson == nil {
				continue
			}
			best = &Study{Enrolment: e.ID, Lesson: study.LessonRef{Course: course.Ref(), Lesson: d.Lesson}, Review: true}
			at = d.At
		}
	}
	return best
}
