package conversation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// givenOrders makes a menu, and what was ordered from it.
//
//	= 课程很多 130                     so many courses besides, ke-001 …
//	= 有课程 id 名称 类别 [地区|-] [词]  one more
//	= 没有课程 id                      its files are gone
//	= 单位 530102001001                 of the active learner
//	= 不开课 5301 id …                 what a unit takes out of the menu
//	= 点了 id …                        orders, one after the other
func (w *world) givenOrders(t testing.TB, f []string) bool {
	t.Helper()
	tiers := map[string]content.Tier{"必修课": content.TierRequired, "重点课": content.TierCore, "选修课": content.TierElective}
	switch f[0] {
	case "课程很多":
		n := 0
		if _, err := fmt.Sscan(f[1], &n); err != nil {
			t.Fatal(err)
		}
		w.teach(t, generated(n)...)
	case "有课程":
		c := content.Course{ID: f[1], Number: 1, Title: f[2], Tier: tiers[f[3]], PassMark: 60, Summary: "一节短课，讲清" + f[2] + "。", Lessons: []content.Lesson{oneLesson(f[2])}}
		if len(f) > 4 && f[4] != "-" {
			c.Regions = []string{f[4]}
		}
		if len(f) > 5 {
			c.Keywords = f[5:]
		}
		w.teach(t, c)
	case "没有课程":
		var left []*content.Course
		for _, c := range w.library.Courses() {
			if c.ID != f[1] {
				left = append(left, c)
			}
		}
		w.library = content.NewLibrary(nil, left...)
		w.engine = w.engine.WithLibrary(w.library)
	case "单位":
		w.roster[w.identity.Learner-1].Learner.Unit = people.OrgCode(f[1])
	case "不开课":
		unit, ok := people.ParseOrgCode(f[1])
		if !ok {
			t.Fatalf("%s is no unit", f[1])
		}
		w.limits = append(w.limits, study.MenuLimit{Unit: unit, Courses: f[2:]})
	case "点了":
		for _, id := range f[1:] {
			_, started, err := w.queue(w.identity.Learner).Do(study.OrderPlace, id, study.DayOf(w.now), "", nil)
			if err == nil {
				err = w.applyOrders(conversation.ChangeOrders{Learner: w.identity.Learner, Act: study.OrderPlace, Course: id, Starts: started, Class: "点单：" + id})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	default:
		return false
	}
	return true
}

// generated are n different courses.
func generated(n int) []content.Course {
	topics := []string{"水管", "道路", "烤烟", "核桃", "肉牛", "生猪", "防汛", "防火", "低保", "医保", "养老", "集市", "土地"}
	acts := []string{"怎么管", "怎样防病", "政策问答", "常见纠纷", "验收要点", "账目公开", "安全检查", "村规民约", "典型案例", "台账少填"}
	var list []content.Course
	for i := range n {
		topic, act := topics[i%len(topics)], acts[i/len(topics)%len(acts)]
		list = append(list, content.Course{
			ID: fmt.Sprintf("ke-%03d", i+1), Number: 1, Title: topic + act, Summary: "讲清" + topic + act + "。", Tier: content.TierElective, PassMark: 60,
			Lessons: []content.Lesson{oneLesson(topic + act), oneLesson(topic + "再讲")},
		})
		list[i].Lessons[1].ID = "02-b"
	}
	return list
}

// oneLesson asks one thing.
func oneLesson(title string) content.Lesson {
	return content.Lesson{
		ID: "01-a", Title: title, Lead: "先看一看。", Seconds: 120, Body: title + "，讲得很短。",
		Items: []content.Item{{ID: "q1", Kind: content.TrueFalse, Stem: title + "要紧。", True: true, Explanation: "是的。"}},
	}
}

// teach adds courses to the library.
func (w *world) teach(t testing.TB, courses ...content.Course) {
	t.Helper()
	if w.library == nil {
		w.library = testLibrary(t)
	}
	for _, c := range courses {
		w.library = w.library.WithCurrent(content.Seal(c))
	}
	w.engine = w.engine.WithLibrary(w.library)
}

// queue is what somebody has ordered, and what stands before it, as the store reads it.
func (w *world) queue(who people.LearnerID) study.Queue {
	q := study.Queue{Orders: slices.Clone(w.queues[who].Orders)}
	for _, e := range w.enrolments {
		if e.Learner != who {
			continue
		}
		for _, course := range e.Cohort.Courses {
			complete := w.completions[fmt.Sprint(e.ID, course)]
			if complete {
				q.Completed = append(q.Completed, course)
			}
			if e.Cohort.Ordered() {
				i := slices.IndexFunc(q.Orders, func(o study.Order) bool { return o.Enrolment == e.ID })
				if o := &q.Orders[i]; complete {
					o.State = study.OrderDone
				}
				continue
			}
			ended := e.Cohort.Schedule.End != "" && e.Cohort.Schedule.End < study.DayOf(w.now)
			if complete || ended || e.Status != study.Active && e.Status != study.Paused {
				continue
			}
			begun := false
			for lesson := range e.Attempts {
				begun = begun || strings.HasPrefix(lesson, course+"/")
			}
			q.Classes = append(q.Classes, study.ClassCourse{Enrolment: e.ID, Course: course, Class: e.Cohort.Name, Begun: begun && e.Status == study.Active})
		}
	}
	return q
}

func (w *world) orderFacts(n conversation.Needs, f *conversation.Facts) {
	if !n.Queue && !n.Menu || f.Identity.Learner == 0 {
		return
	}
	q := w.queue(f.Identity.Learner)
	if !n.Menu && len(q.In(study.OrderWaiting)) == 0 {
		q = study.Queue{Orders: q.Orders}
	}
	f.Queue = q
	if n.Menu {
		f.Limits = w.limits
	}
}

// applyOrders folds an act as the store does: with what is so now, and as a whole.
func (w *world) applyOrders(e conversation.ChangeOrders) error {
	after, started, err := w.queue(e.Learner).Do(e.Act, e.Course, study.DayOf(w.now), "", e.Gone)
	if err != nil {
		return fmt.Errorf("%s %s: %w", e.Act, e.Course, err)
	}
	if started != e.Starts {
		return fmt.Errorf("%s %s: starts %q and not %q", e.Act, e.Course, started, e.Starts)
	}
	for i := range after.Orders {
		o := &after.Orders[i]
		if o.State == study.OrderRunning && o.Course == started {
			code := study.MenuClass(o.Course)
			if !slices.ContainsFunc(w.cohorts, func(c study.Cohort) bool { return c.Code == code }) {
				w.cohorts = append(w.cohorts, study.Cohort{Code: code, Name: e.Class, Courses: []string{o.Course}, Schedule: study.MenuSchedule(study.DayOf(w.now))})
			}
			w.enrol(e.Learner, code, study.DayOf(w.now))
			for k := range w.enrolments {
				if p := &w.enrolments[k]; p.Learner == e.Learner && p.Cohort.Code == code {
					p.Status, o.Enrolment = study.Active, p.ID
				}
			}
		}
		if o.State == study.OrderDropped && o.Enrolment != 0 {
			for k := range w.enrolments {
				if p := &w.enrolments[k]; p.ID == o.Enrolment {
					p.Status = study.Withdrawn
				}
			}
		}
	}
	if running := after.In(study.OrderRunning); len(running) > 1 {
		return fmt.Errorf("%d orders run at once", len(running))
	}
	if w.queues == nil {
		w.queues = map[people.LearnerID]study.Queue{}
	}
	w.queues[e.Learner] = study.Queue{Orders: after.Orders}
	return nil
}

// The longest things that courses may say still leave room for how to go on, and nothing is cut off a reply's end.
func TestALongMenuFits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(t, "已绑定 张三")
	var long []content.Course
	for i, c := range generated(40) {
		c.Title, c.Summary = strings.Repeat("很长的名称", 40)+fmt.Sprint(i), strings.Repeat("很长的简介。", 200)
		c.Lessons = nil
		for k := range 60 {
			l := oneLesson(strings.Repeat("很长的一节", 20))
			l.ID = fmt.Sprintf("%02d-a", k+1)
			c.Lessons = append(c.Lessons, l)
		}
		long = append(long, c)
	}
	w.teach(t, long...)
	for text, end := range map[string]string{"选课": "例如：水管。", "点 2": "", "下一页": "例如：水管。", "3": "点不点都行。", "搜 很长": "例如：水管。"} {
		w.state, w.queues, w.enrolments = nil, nil, nil
		for _, said := range []string{"选课", text} {
			reply, err := w.send(inbound(t, said))
			if err != nil {
				t.Fatal(err)
			}
			if said == text && !strings.HasSuffix(reply.Text, end) {
				t.Errorf("%s: %d bytes, %s", text, len(reply.Text), reply.Text)
			}
		}
	}
	w.state, w.queues, w.enrolments = nil, nil, nil
	for i := range 11 {
		w.given(t, fmt.Sprintf("点了 ke-%03d", i+1))
	}
	for _, text := range []string{"我的点单", "退单 3"} {
		reply, err := w.send(inbound(t, text))
		if err != nil || !strings.Contains(reply.Text, "再点别的，回复“选课”。") {
			t.Errorf("%s: %v, %d bytes, %s", text, err, len(reply.Text), reply.Text)
		}
	}
}
