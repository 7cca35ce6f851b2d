package conversation

import (
	"errors"
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Acts of orders (点单).
const (
	actOrders     act = "orders"
	actOrder      act = "order"
	actDropOrder  act = "order_drop"
	actOrderFirst act = "order_first"
)

// ChangeOrders does an act with the learner's orders and starts the course whose turn it then is. It fails as
// SubmitCampaign does when the orders have changed since they were read, so that another course would start.
type ChangeOrders struct {
	Learner people.LearnerID
	Act     study.OrderAct
	Course  string   // "" of study.OrderAdvance
	Starts  string   // course that starts by it; "" for none
	Class   string   // name of the class that course is learned in, where it has to be made
	Gone    []string // courses that wait and that nobody teaches any more
}

func (ChangeOrders) effect() {}

// orders lists and changes what the learner has ordered.
func (t *turn) orders() {
	m := t.s.Menu
	if m != nil && m.By != t.f.Identity.Learner {
		m = nil
	}
	n := t.wish.number
	switch t.wish.act {
	case actOrder:
		t.order(m, n)
		return
	case actDropOrder, actOrderFirst:
		course := ""
		switch open := t.openOrders(); {
		case n == 0 && m != nil:
			course = m.Course
		case n == 0: // asked for without saying which
		case m != nil && m.Orders && n <= len(m.Shown):
			course = m.Shown[n-1]
		case n <= len(open):
			course = open[n-1].Course
		}
		if course != "" {
			t.change(map[act]study.OrderAct{actDropOrder: study.OrderDrop, actOrderFirst: study.OrderFirst}[t.wish.act], course)
			return
		}
		if n > 0 && len(t.openOrders()) > 0 {
			t.say("order.no_such", fault.A("count", len(t.openOrders())))
		}
	}
	t.listOrders()
}

// openOrders are what runs and what waits, in the order that they are listed in.
func (t *turn) openOrders() []study.Order {
	return append(t.f.Queue.In(study.OrderRunning), t.f.Queue.In(study.OrderWaiting)...)
}

// listOrders shows the learner's orders.
func (t *turn) listOrders() {
	open, done := t.openOrders(), len(t.f.Queue.In(study.OrderDone))
	if len(open) == 0 {
		key := "order.list_none"
		if done > 0 {
			key = "order.list_all_done"
		}
		t.leaveMenu(key, fault.A("count", done))
		return
	}
	m := &MenuState{By: t.f.Identity.Learner, Orders: true}
	t.s.Mode, t.s.Menu = ModeMenu, m
	lines := []string{t.phrases.Say("order.list")}
	for i, o := range open {
		key := "order.list_" + string(o.State)
		if t.catalogue.Course(o.Course) == nil {
			key = "order.list_gone"
		}
		m.Shown = append(m.Shown, o.Course)
		lines = append(lines, t.phrases.Say(key, fault.A("number", i+1), fault.A("course", t.titleOf(o.Course))))
	}
	t.put(strings.Join(lines, "\n"))
	if open[0].State == study.OrderWaiting {
		if before := t.behind(t.f.Queue); before != "" {
			t.say("order.list_behind", fault.A("courses", before))
		}
	}
	t.say("order.list_how")
	if done > 0 {
		t.say("order.list_done", fault.A("count", done))
	}
}

// behind names the courses that an order waits for; "" for none.
func (t *turn) behind(q study.Queue) string {
	var titles []string
	for _, c := range q.Running() {
		if title := "《" + t.titleOf(c.Course) + "》"; !slices.Contains(titles, title) && len(titles) < 3 {
			titles = append(titles, title)
		}
	}
	return strings.Join(titles, "、")
}

// order orders the course with a number on the page, or the one that is shown.
func (t *turn) order(m *MenuState, n int) {
	course := ""
	switch {
	case m == nil:
		t.leaveMenu("order.choose_first")
		return
	case n == 0:
		course = m.Course
	case n <= len(m.Shown):
		course = m.Shown[n-1]
	}
	if course == "" {
		t.pickCourse(n)
		return
	}
	if _, ok := t.menu().Offer(course); !ok {
		t.say("order.gone")
		return
	}
	t.change(study.OrderPlace, course)
}

// gone are courses that wait and that are in no file any more.
func (t *turn) gone(q study.Queue) []string {
	var out []string
	for _, o := range q.In(study.OrderWaiting) {
		if t.catalogue.Course(o.Course) == nil {
			out = append(out, o.Course)
		}
	}
	return out
}

// do does an act with the orders, or says why it cannot be done. started is the course that starts by it.
func (t *turn) do(q study.Queue, what study.OrderAct, course string) (after study.Queue, started string, ok bool) {
	e := ChangeOrders{Learner: t.f.Identity.Learner, Act: what, Course: course, Gone: t.gone(q)}
	after, started, err := q.Do(what, course, study.DayOf(t.f.Now), "", e.Gone)
	var why *fault.Error
	if errors.As(err, &why) {
		t.say(why.Key, fault.A("course", t.titleOf(course)), fault.A("limit", study.MaxWaiting))
		return q, "", false
	}
	if what == study.OrderAdvance && started == "" {
		return q, "", true // nothing that anybody has to know
	}
	if started != "" {
		e.Starts, e.Class = started, t.phrases.Say("order.class", fault.A("course", t.titleOf(started)))
	}
	t.emit(e)
	return after, started, true
}

// change does an act and says what became of it.
func (t *turn) change(what study.OrderAct, course string) {
	if m := t.s.Menu; m != nil {
		t.s.Mode = ModeMenu
	}
	before := t.f.Queue
	after, started, ok := t.do(before, what, course)
	if !ok {
		return
	}
	t.f.Queue = after
	title := fault.A("course", t.titleOf(course))
	switch what {
	case study.OrderPlace:
		if started != course {
			t.say("order.placed_behind", title, fault.A("courses", t.waitsFor(after, course)))
			return
		}
		t.say("order.placed", title, fault.A("when", t.starts()))
	case study.OrderDrop:
		if o, _ := before.Order(course); t.s.Study != nil && o.Enrolment != 0 && o.Enrolment == t.s.Study.Enrolment {
			t.s.Study = nil // its question waits for nobody
		}
		t.say("order.dropped", title)
	case study.OrderFirst:
		t.say("order.is_first", title)
	}
	if started != "" && started != course {
		t.say("order.started", fault.A("course", t.titleOf(started)), fault.A("when", t.starts()))
	}
	if m := t.s.Menu; m != nil && m.Orders {
		m.Course = ""
		t.listOrders()
	}
}

// waitsFor names what a course that was just ordered comes after: the last one before it.
func (t *turn) waitsFor(q study.Queue, course string) string {
	before := ""
	for _, o := range q.In(study.OrderWaiting) {
		if o.Course == course {
			break
		}
		before = "《" + t.titleOf(o.Course) + "》"
	}
	if before == "" {
		before = t.behind(q)
	}
	return before
}

// starts says from when on a course that starts now can be learned.
func (t *turn) starts() string {
	today := study.DayOf(t.f.Now)
	schedule := study.MenuSchedule(today)
	if n, err := study.Released(schedule, t.calendar, today, today, t.f.Now); err == nil && n > 0 {
		return t.phrases.Say("order.from_now")
	}
	next, ok, err := study.NextTraining(schedule, t.calendar, today, t.f.Now)
	if err != nil || !ok {
		return t.phrases.Say("order.from_some_day")
	}
	return t.phrases.Say("order.from_day", fault.A("when", t.when(next.At)))
}

// nextOrder starts the ordered course whose turn has come by the course that was just completed in a place.
func (t *turn) nextOrder(place study.EnrolmentID) {
	if t.completedCourse == "" {
		return
	}
	q := t.f.Queue.Complete(place, t.completedCourse)
	_, started, _ := t.do(q, study.OrderAdvance, "")
	if started == "" {
		return
	}
	text := t.phrases.Say("order.started", fault.A("course", t.titleOf(started)), fault.A("when", t.starts()))
	if t.used()+len(text) <= t.room { // else it is found by 学习 and 我的点单
		t.put(text)
	}
}
