package conversation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// nextItems are the places of the items that the current attempt asks, or the next one would.
func (t *turn) nextItems(lesson *content.Lesson) []int {
	st := t.s.Study
	if st.Attempt > 0 && st.Next < len(st.Items) {
		return st.Items
	}
	var open []int
	for i := range lesson.Items {
		if !slices.Contains(st.Right, i) {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		open = upTo(len(lesson.Items))
	}
	return open
}

// nextPlace is the place in nextItems of the question that comes next.
func (t *turn) nextPlace() int {
	if st := t.s.Study; st.Attempt > 0 && st.Next < len(st.Items) {
		return st.Next
	}
	return 0
}

// ask shows the question that comes next, beginning an attempt when none is under way.
func (t *turn) ask() {
	st := t.s.Study
	lesson := t.lesson(st.Lesson)
	if st.Attempt == 0 || st.Next >= len(st.Items) {
		t.startAttempt(lesson)
	}
	t.s.Mode = ModeQuiz
	st.AskedAt = t.f.Now.UnixMilli()
	t.put(t.questionText(lesson, st.Items, st.Next))
}

func (t *turn) startAttempt(lesson *content.Lesson) {
	st := t.s.Study
	items := t.nextItems(lesson)
	if len(items) == len(lesson.Items) {
		st.Right = nil
	}
	number := st.Attempt
	if e := t.enrolment(st.Enrolment); e != nil {
		number = max(number, e.Attempts[st.Lesson.Course.Course+"/"+st.Lesson.Lesson])
		st.Review = st.Review || study.IsDone(e.Done, st.Lesson.Course.Course, st.Lesson.Lesson)
	}
	st.Attempt, st.Items, st.Next, st.AskedAt, st.Asked = number+1, items, 0, 0, 0
	st.Warned = false
	t.emit(StartAttempt{Enrolment: st.Enrolment, Learner: t.f.Identity.Learner, Lesson: st.Lesson, Number: st.Attempt, Review: st.Review})
}

// questionText writes the question at a place of items.
func (t *turn) questionText(lesson *content.Lesson, items []int, place int) string {
	item := lesson.Items[items[place]]
	var b strings.Builder
	b.WriteString(t.phrases.Say("quiz.count", fault.A("number", place+1), fault.A("total", len(items)), fault.A("kind", t.phrases.Say("quiz.kind_"+string(item.Kind)))))
	b.WriteString("\n")
	b.WriteString(item.Stem)
	for i, o := range item.Options {
		b.WriteString("\n" + string(rune('A'+i)) + ". " + o.Text)
	}
	if item.Kind == content.TrueFalse {
		b.WriteString("\n" + t.phrases.Say("quiz.truefalse_options"))
	}
	b.WriteString("\n" + t.howTo(item))
	return b.String()
}

// howTo says how to answer a kind of item.
func (t *turn) howTo(item content.Item) string {
	if item.Kind == content.Numeric && item.Unit != "" {
		return t.phrases.Say("quiz.how_numeric_unit", fault.A("unit", item.Unit))
	}
	return t.phrases.Say("quiz.how_" + string(item.Kind))
}

// answer marks the learner's words, or asks back what is not clear.
func (t *turn) answer() {
	st := t.s.Study
	item, lesson := t.openItem(t.s)
	r := t.wish.reading
	if r.Question != 0 && r.Question != st.Next+1 && r.Doubt == DoubtNone {
		r = Reading{Doubt: DoubtQuestion}
	}
	if r.Doubt != DoubtNone && !(r.Firm && st.Warned) {
		t.askBack(*item, lesson, r)
		return
	}
	correct := study.Mark(*item, r.Answer)
	t.emit(Respond{Enrolment: st.Enrolment, Learner: t.f.Identity.Learner, Lesson: st.Lesson, Attempt: st.Attempt, Item: item.ID, Answer: r.Normal, Correct: correct})
	t.put(t.late(*item) + t.verdict(*item, r, correct))
	if correct {
		st.Right = append(st.Right, st.Items[st.Next])
	}
	st.Next++
	st.AskedAt, st.Asked, st.Warned = 0, 0, false
	t.s.Mode = ModeQuiz
	if st.Next >= len(st.Items) {
		t.finish(lesson)
		return
	}
	if t.used()+len(t.questionText(lesson, st.Items, st.Next)) > t.room {
		t.say("quiz.next")
		return
	}
	t.ask()
}

// late names the question when its answer comes long after it was asked.
func (t *turn) late(item content.Item) string {
	asked := time.UnixMilli(t.s.Study.AskedAt)
	if t.f.Now.Sub(asked) <= t.Engine.late {
		return ""
	}
	stem := []rune(strings.ReplaceAll(item.Stem, "\n", " "))
	if len(stem) > 30 {
		stem = append(stem[:30], '…')
	}
	return t.phrases.Say("quiz.late", fault.A("day", t.day(study.DayOf(asked))), fault.A("number", t.s.Study.Next+1), fault.A("stem", string(stem))) + "\n"
}

// verdict says whether the answer was right, what is right, and why.
func (t *turn) verdict(item content.Item, r Reading, correct bool) string {
	args := []fault.Arg{fault.A("answer", t.shown(item, r)), fault.A("key", t.key(item)), fault.A("why", item.Explanation)}
	if correct {
		return t.phrases.Say("quiz.right", args...)
	}
	return t.phrases.Say("quiz.wrong", args...)
}

// shown writes the learner's answer as people write it.
func (t *turn) shown(item content.Item, r Reading) string {
	switch item.Kind {
	case content.TrueFalse:
		return t.phrases.Say("quiz.word_" + r.Normal)
	case content.Numeric:
		return r.Normal + item.Unit
	}
	return strings.ToUpper(r.Normal)
}

// key writes the right answer.
func (t *turn) key(item content.Item) string {
	switch item.Kind {
	case content.Single, content.Multiple:
		var right []int
		for i, o := range item.Options {
			if o.Correct {
				right = append(right, i)
			}
		}
		return letters(right)
	case content.TrueFalse:
		return t.phrases.Say("quiz.word_" + boolText(item.True))
	case content.Fill:
		if len(item.Accept) == 0 {
			return ""
		}
		return item.Accept[0]
	case content.Numeric:
		return strconv.FormatFloat(item.Number, 'f', -1, 64) + item.Unit
	}
	return ""
}

// askBack says why the words were not taken, and from the second time on shows the question again.
func (t *turn) askBack(item content.Item, lesson *content.Lesson, r Reading) {
	st := t.s.Study
	t.s.Mode = ModeQuiz
	args := []fault.Arg{
		fault.A("last", string(rune('A'+max(len(item.Options), 2)-1))), fault.A("guess", r.Guess), fault.A("normal", strings.ToUpper(r.Normal)),
		fault.A("unit", item.Unit), fault.A("number", st.Next+1),
	}
	key := "quiz.doubt_" + string(r.Doubt)
	if t.talks() && item.Kind != content.Fill && (r.Doubt == DoubtUnknown || r.Doubt == DoubtBoth || r.Doubt == DoubtLong) {
		t.say("quiz.talk")
	} else if r.Doubt == DoubtUnknown && suggest(t.wish.folded) != "" {
		t.say("help.meant", fault.A("word", suggest(t.wish.folded)))
		t.say("quiz.still_open", fault.A("number", st.Next+1))
	} else {
		t.say(key, args...)
	}
	st.Asked = min(st.Asked+1, 9)
	st.Warned = st.Warned || r.Firm
	if st.Asked >= 2 && t.used()+len(t.questionText(lesson, st.Items, st.Next)) <= t.room {
		t.ask()
		return
	}
	if r.Doubt == DoubtUnknown {
		t.put(t.howTo(item))
	}
}

// finish closes the attempt and completes what is complete now.
func (t *turn) finish(lesson *content.Lesson) {
	st := t.s.Study
	course := t.library.Version(st.Lesson.Course)
	score := study.Score(len(st.Right), len(lesson.Items))
	passed := score >= course.PassMark
	t.emit(FinishAttempt{Enrolment: st.Enrolment, Lesson: st.Lesson, Number: st.Attempt, Score: score, Passed: passed})
	wrong := len(lesson.Items) - len(st.Right)
	t.s.Mode = ModeIdle
	e := t.enrolment(st.Enrolment)
	args := []fault.Arg{fault.A("right", len(st.Right)), fault.A("total", len(lesson.Items)), fault.A("score", score), fault.A("pass", course.PassMark), fault.A("wrong", wrong)}
	fresh := false
	switch {
	case st.Review || e == nil || study.IsDone(e.Done, st.Lesson.Course.Course, st.Lesson.Lesson):
		st.Review = true
		t.say("quiz.reviewed", args...)
	case !passed:
		t.say("quiz.failed", args...)
		return
	default:
		st.Review = true // from here on it can only be gone over again
		fresh = true
		t.complete(*e, course, lesson, score, args)
	}
	if wrong > 0 {
		t.say("quiz.redo_offer", args...)
	}
	if e != nil {
		t.goOn(t.standing(*e, t.doneWith(*e, score)))
	}
	t.nextOrder(st.Enrolment)
	if fresh {
		t.offerNotices()
	}
}

// doneWith is what was done, with the lesson in progress.
func (t *turn) doneWith(e Enrolment, score int) []study.Done {
	ref := t.s.Study.Lesson
	return append(slices.Clone(e.Done), study.Done{Course: ref.Course.Course, Lesson: ref.Lesson, Score: score, At: t.f.Now})
}

// complete records the lesson and, where it was the last one, the course and the class.
func (t *turn) complete(e Enrolment, course *content.Course, lesson *content.Lesson, score int, args []fault.Arg) {
	st := t.s.Study
	hours := t.credit.Lesson(lesson.Seconds)
	said := "quiz.completed"
	if t.lessonCredited(e.ID, course.ID, lesson.ID) {
		hours, said = 0, "quiz.completed_again"
	}
	t.emit(CompleteLesson{Enrolment: st.Enrolment, Learner: t.f.Identity.Learner, Lesson: st.Lesson, Score: score, Hours: hours, Rule: t.credit.Version})
	t.say(said, append(args, fault.A("hours", hours), fault.A("lesson", lesson.Title))...)
	taught := course
	if now := t.library.Current(course.ID); now != nil {
		taught = now
	}
	done := t.doneWith(e, score)
	mean, whole := study.CourseResult(taught, done)
	if !whole {
		return
	}
	extra := t.credit.Course(mean, taught.PassMark)
	again := extra > 0 && t.testCredited(e.ID, taught.ID)
	if again {
		extra = 0
	}
	last := t.standing(e, done).progress.Finished
	t.emit(CompleteCourse{Enrolment: st.Enrolment, Learner: t.f.Identity.Learner, Course: taught.Ref(), Score: mean, Hours: extra, Rule: t.credit.Version, Last: last})
	key := "quiz.course_completed"
	switch {
	case again:
		key = "quiz.course_completed_again"
	case extra == 0:
		key = "quiz.course_completed_plain"
	}
	t.say(key, fault.A("course", taught.Title), fault.A("mean", mean), fault.A("hours", extra))
	t.completedCourse = taught.ID
}

// lessonCredited reports whether a lesson gave hours this year already, in another class (study.CreditRule).
func (t *turn) lessonCredited(here study.EnrolmentID, course, lesson string) bool {
	year := study.DayOf(t.f.Now).Year()
	return slices.ContainsFunc(t.f.Enrolments, func(e Enrolment) bool {
		return e.ID != here && slices.ContainsFunc(e.Done, func(d study.Done) bool {
			return d.Course == course && d.Lesson == lesson && study.DayOf(d.At).Year() == year
		})
	})
}

// testCredited reports the same of a course's test.
func (t *turn) testCredited(here study.EnrolmentID, course string) bool {
	year := study.DayOf(t.f.Now).Year()
	return slices.ContainsFunc(t.f.Enrolments, func(e Enrolment) bool {
		return e.ID != here && slices.ContainsFunc(e.Passed, func(p study.Passed) bool {
			of := t.library.Version(p.Course)
			return p.Course.Course == course && study.DayOf(p.At).Year() == year && of != nil && t.credit.Course(p.Mean, of.PassMark) > 0
		})
	})
}

// goOn says what comes next in the class.
func (t *turn) goOn(st standing) {
	switch {
	case st.err != nil || st.enrolment.Status != study.Active:
	case st.progress.Finished && st.enrolment.Cohort.Ordered(): // of one course, which has just been named
	case st.progress.Finished:
		t.say("study.finished", fault.A("class", st.enrolment.Cohort.Name))
	case st.progress.Open:
		t.say("study.more_open", fault.A("count", st.progress.Behind), fault.A("lesson", st.progress.Next.Lesson.Title))
	default:
		t.sayNext("study.next", st)
	}
}

// redo begins an attempt at what is not right yet.
func (t *turn) redo() {
	st := t.s.Study
	if st == nil || t.lesson(st.Lesson) == nil || t.enrolment(st.Enrolment) == nil {
		t.say("quiz.nothing_to_redo")
		return
	}
	if st.Next < len(st.Items) {
		t.say("quiz.in_progress")
	}
	t.ask()
}
