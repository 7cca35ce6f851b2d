package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// menuCourses are courses of one lesson with one question each, a to h.
func menuCourses() *content.Library {
	var list []*content.Course
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		list = append(list, content.Seal(content.Course{
			ID: id, Number: 1, Title: "课" + id, Tier: content.TierElective, PassMark: 60,
			Lessons: []content.Lesson{{ID: "01", Title: "第一节" + id, Seconds: 60, Body: "正文。", Items: []content.Item{{ID: "q1", Kind: content.TrueFalse, Stem: "对不对？", True: true, Explanation: "对。"}}}},
		}))
	}
	return content.NewLibrary(nil, list...)
}

// menuEngine teaches them every day of 2026.
func menuEngine() *conversation.Engine {
	calendar, err := study.NewCalendar(study.Year{Year: 2026})
	if err != nil {
		panic(err)
	}
	return conversation.New(conversation.Options{Library: menuCourses(), Phrases: content.DefaultPhrases(), Calendar: calendar})
}

func (b *bundle) publishMenu() {
	b.t.Helper()
	if err := b.s.PublishCourses(b.t.Context(), start, menuCourses().Courses()); err != nil {
		b.t.Fatal(err)
	}
}

// rostered puts people on the roster and into no class, and returns their numbers in the order of the rows.
func (b *bundle) rostered(rows ...people.RosterRow) (ids []people.LearnerID) {
	b.t.Helper()
	if _, err := b.s.ApplyRoster(b.t.Context(), start, "tester", rows, ""); err != nil {
		b.t.Fatal(err)
	}
	for _, r := range rows {
		ids = append(ids, people.LearnerID(b.number("SELECT id FROM learners WHERE name = ? AND unit_code = ?", r.Name, string(r.Unit))))
	}
	return ids
}

func classNamed(course string) (string, bool) { return "点单：" + course, course != "gone" }

// queue reads somebody's orders in short: a+ runs, a? waits, a! is done, a- is dropped.
func (b *bundle) queue(who people.LearnerID) string {
	b.t.Helper()
	m, err := b.s.PersonalMenu(b.t.Context(), start, people.Everyone(), who)
	if err != nil {
		b.t.Fatal(err)
	}
	return shortQueue(m.Queue)
}

func shortQueue(q study.Queue) string {
	var out []string
	for _, o := range q.Orders {
		out = append(out, o.Course+map[study.OrderState]string{study.OrderRunning: "+", study.OrderWaiting: "?", study.OrderDone: "!", study.OrderDropped: "-"}[o.State])
	}
	return strings.Join(out, " ")
}

func placing(course, starts string, who people.LearnerID) conversation.ChangeOrders {
	return conversation.ChangeOrders{Learner: who, Act: study.OrderPlace, Course: course, Starts: starts, Class: "点单：" + course}
}

var orderEffectCases = []effectCase{
	{conversation.ChangeOrders{}, "starts what nothing stands before, in a class of its own", func(s *scene) {
		s.effect(placing("a", "a", s.learners[0]))
		s.effect(placing("b", "", s.learners[0]))
		s.want([]string{"dd-a|点单：a|2026-03-02||08:00||1"}, "SELECT code, name, start_day, end_day, hour, weekdays, working_days FROM cohorts WHERE code LIKE 'dd-%'")
		s.want([]string{fmt.Sprint(s.learners[0], "|active|2026-03-02")}, "SELECT e.learner_id, e.status, e.since FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE c.code = 'dd-a'")
		s.want([]string{"0|a"}, "SELECT k.position, k.course_id FROM cohort_courses k JOIN cohorts c ON c.id = k.cohort_id WHERE c.code = 'dd-a'")
		if got := s.queue(s.learners[0]); got != "a+ b?" {
			s.t.Error(got)
		}
		s.effect(placing("a", "a", s.learners[1])) // the same class
		s.want([]string{"2"}, "SELECT COUNT(*) FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE c.code = 'dd-a'")
	}},
	{conversation.ChangeOrders{}, "is refused as a whole when the orders are others than were read", func(s *scene) {
		s.refuse(placing("a", "", s.learners[0])) // it would start
		s.effect(placing("a", "a", s.learners[0]))
		s.refuse(placing("a", "a", s.learners[0]))
		s.refuse(conversation.ChangeOrders{Learner: s.learners[0], Act: study.OrderDrop, Course: "b"})
		s.want([]string{"1"}, "SELECT COUNT(*) FROM menu_orders")
	}},
	{conversation.ChangeOrders{}, "waits behind what was begun, and starts with what completes it", func(s *scene) {
		s.effect(s.attempt(1))
		s.effect(placing("a", "", s.learners[0]))
		s.refuse(conversation.ChangeOrders{Learner: s.learners[0], Act: study.OrderAdvance, Starts: "a"})
		s.effect(s.completeCourse(), conversation.ChangeOrders{Learner: s.learners[0], Act: study.OrderAdvance, Starts: "a", Class: "点单：a"})
		if got := s.queue(s.learners[0]); got != "a+" {
			s.t.Error(got)
		}
	}},
	{conversation.ChangeOrders{}, "drops: the class is left, and gone on with when ordered again", func(s *scene) {
		s.effect(placing("a", "a", s.learners[0]))
		s.effect(conversation.ChangeOrders{Learner: s.learners[0], Act: study.OrderDrop, Course: "a"})
		const places = "SELECT e.status, e.since FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE c.code = 'dd-a'"
		s.want([]string{"withdrawn|2026-03-02"}, places)
		s.now = s.now.Add(72 * time.Hour)
		s.effect(placing("a", "a", s.learners[0]))
		s.want([]string{"active|2026-03-02"}, places)
		s.want([]string{"1|2026-03-05"}, "SELECT COUNT(*), MAX(ordered_day) FROM menu_orders")
	}},
}

var menuCases = map[string]func(*testing.T, *bundle){
	"orders: an administrator places and drops for people in the scope, audited, and they are told": func(t *testing.T, b *bundle) {
		b.publishMenu()
		_, ids := b.enrolled("spring", person(village1, "甲", "AAAA"), person(village3, "乙", "BBBB"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		acts := b.number("SELECT COUNT(*) FROM audit")
		change := func(scope people.Scope, who people.LearnerID, act study.OrderAct, course string) (string, error) {
			q, err := b.s.ChangeOrders(t.Context(), start, "tester", scope, store.OrderChange{Learner: who, Act: act, Course: course, Class: classNamed, News: "《课" + course + "》"})
			return shortQueue(q), err
		}
		for _, c := range []struct {
			scope  people.Scope
			who    people.LearnerID
			act    study.OrderAct
			course string
			want   string
			code   fault.Code
		}{
			{over(county112), ids[0], study.OrderPlace, "a", "a+", ""},
			{over(county112), ids[0], study.OrderPlace, "a", "", fault.Conflict},
			{over(county112), ids[0], study.OrderPlace, "b", "a+ b?", ""},
			{over(county112), ids[0], study.OrderPlace, "c", "a+ b? c?", ""},
			{over(county112), ids[0], study.OrderFirst, "c", "c? a+ b?", ""},
			{over(county112), ids[1], study.OrderPlace, "a", "", fault.NotFound},
			{people.Scope{}, ids[0], study.OrderDrop, "a", "", fault.NotFound},
			{over(village1), ids[0], study.OrderDrop, "a", "a- c+ b?", ""},
			{over(prefecture), ids[0], study.OrderDrop, "x", "", fault.NotFound},
			{over(prefecture), ids[0], study.OrderPlace, courseOne.ID, "", fault.Conflict}, // the class teaches it
		} {
			got, err := change(c.scope, c.who, c.act, c.course)
			if fault.CodeOf(err) != c.code || got != c.want {
				t.Errorf("%s %s: %s, %v; want %s", c.act, c.course, got, err, c.want)
			}
		}
		if n := b.number("SELECT COUNT(*) FROM audit") - acts; n != 5 {
			t.Errorf("%d acts in the audit, want 5", n)
		}
		b.want([]string{"tester|order.first|c"}, "SELECT actor, action, result FROM audit WHERE action = 'order.first'")
		b.want([]string{"order|《课a》", "order|《课b》", "order|《课c》", "order_dropped|《课a》"}, "SELECT kind, reason FROM news ORDER BY id")
		b.want([]string{"a|tester", "b|tester", "c|tester"}, "SELECT course_id, actor FROM menu_orders ORDER BY course_id")
	},
	"orders: lists and demand count what the scope sees, and state means the same everywhere": func(t *testing.T, b *bundle) {
		b.publishMenu()
		ids := b.rostered(person(village1, "甲", "AAAA"), person(village2, "乙", "BBBB"), person(village3, "丙", "CCCC"))
		for i, id := range ids {
			b.done(start, typed(fmt.Sprint("k", i), fmt.Sprint("o", i)), conversation.Bind{Learner: id})
		}
		e := menuEngine()
		b.chat(e, start.Add(time.Hour), "o0", "选课", "点 1", "点 2", "点 3", "学习", "对", "我的点单", "退单 2")
		b.chat(e, start.Add(time.Hour), "o1", "选课", "点 1", "退单 1")
		b.chat(e, start.Add(26*time.Hour), "o2", "选课", "点 2")
		b.exec("UPDATE enrolments SET status = 'withdrawn' WHERE learner_id = ?", int64(ids[2])) // by other ways
		list := func(q store.OrderQuery) (out []string) {
			lines, _, err := b.s.Orders(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				out = append(out, fmt.Sprint(l.Learner.Name, l.Course, " ", l.State, " ", l.Ordered))
			}
			return out
		}
		for _, c := range []struct {
			query store.OrderQuery
			want  []string
		}{
			{store.OrderQuery{Scope: people.Everyone()}, []string{"甲a done 2026-03-02", "甲b running 2026-03-02", "甲c dropped 2026-03-02", "乙a dropped 2026-03-02", "丙b dropped 2026-03-03"}},
			{store.OrderQuery{Scope: over(county112), State: study.OrderDropped}, []string{"甲c dropped 2026-03-02", "乙a dropped 2026-03-02"}},
			{store.OrderQuery{Scope: over(county112), State: study.OrderDone}, []string{"甲a done 2026-03-02"}},
			{store.OrderQuery{Scope: people.Everyone(), Course: "b"}, []string{"甲b running 2026-03-02", "丙b dropped 2026-03-03"}},
			{store.OrderQuery{Scope: people.Everyone(), Learner: ids[1]}, []string{"乙a dropped 2026-03-02"}},
			{store.OrderQuery{Scope: people.Everyone(), Limit: 2, After: 1}, []string{"甲b running 2026-03-02", "甲c dropped 2026-03-02"}},
			{store.OrderQuery{}, nil},
		} {
			if diff := cmp.Diff(c.want, list(c.query)); diff != "" {
				t.Errorf("%+v (-want +got): %s", c.query, diff)
			}
		}
		if _, more, err := b.s.Orders(t.Context(), store.OrderQuery{Scope: people.Everyone(), Limit: 4}); !more || err != nil {
			t.Error(more, err)
		}
		demand := func(scope people.Scope, from, to study.Day) (out []string) {
			counted, err := b.s.OrderDemand(t.Context(), scope, from, to)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range counted {
				out = append(out, fmt.Sprint(d.Title, " ", d.Ordered, "=", d.Waiting, "+", d.Running, "+", d.Done, "+", d.Dropped))
			}
			return out
		}
		if diff := cmp.Diff([]string{"课a 2=0+0+1+1", "课b 2=0+1+0+1", "课c 1=0+0+0+1"}, demand(people.Everyone(), "", "")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"课b 1=0+0+0+1"}, demand(over(county113), "2026-03-03", "2026-03-03")); diff != "" {
			t.Error(diff)
		}
		if got := demand(people.Scope{}, "", ""); got != nil {
			t.Error(got)
		}
	},
	"menu: units close courses for their people, within the scope, audited": func(t *testing.T, b *bundle) {
		b.publishMenu()
		ids := b.rostered(person(village1, "甲", "AAAA"), person(village3, "丙", "CCCC"))
		limit := func(scope people.Scope, want bool, code fault.Code, m study.MenuLimit) {
			t.Helper()
			if changed, err := b.s.LimitMenu(t.Context(), start, "tester", scope, m); changed != want || fault.CodeOf(err) != code {
				t.Errorf("%+v: %t, %v", m, changed, err)
			}
		}
		acts := b.number("SELECT COUNT(*) FROM audit")
		limit(over(county112), true, "", study.MenuLimit{Unit: county112, Courses: []string{"b", "a"}})
		limit(over(county112), false, "", study.MenuLimit{Unit: county112, Courses: []string{"a", "b"}})
		limit(over(county112), false, fault.NotFound, study.MenuLimit{Unit: prefecture, Courses: []string{"c"}})
		limit(over(county112), false, fault.NotFound, study.MenuLimit{Unit: county113, Courses: []string{"c"}})
		limit(people.Everyone(), false, fault.NotFound, study.MenuLimit{Unit: "999999000000", Courses: []string{"c"}})
		limit(people.Everyone(), true, "", study.MenuLimit{Unit: prefecture, Only: true, Courses: []string{"a", "c", "d"}})
		limit(people.Everyone(), false, "", study.MenuLimit{Unit: village1})
		menus := func(want ...string) {
			t.Helper()
			for i, id := range ids {
				m, err := b.s.PersonalMenu(t.Context(), start, people.Everyone(), id)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				for _, o := range study.NewCatalogue(menuCourses()).Menu(m.Learner, m.Limits) {
					got += o.Course.ID
				}
				if got != want[i] {
					t.Errorf("person %d: %s, want %s", i, got, want[i])
				}
			}
		}
		menus("cd", "acd")
		limits, err := b.s.MenuLimits(t.Context(), over(county112))
		if diff := cmp.Diff([]study.MenuLimit{{Unit: county112, Courses: []string{"a", "b"}}}, limits); diff != "" || err != nil {
			t.Error(err, diff)
		}
		limit(over(county112), true, "", study.MenuLimit{Unit: county112})
		menus("acd", "acd")
		if n := b.number("SELECT COUNT(*) FROM audit") - acts; n != 3 {
			t.Errorf("%d acts in the audit, want 3", n)
		}
		b.want([]string{"530112000000|without a b", "530100000000|only a c d", "530112000000|all courses"}, "SELECT object, result FROM audit WHERE action = 'menu.limit' ORDER BY id")
		if _, err := b.s.PersonalMenu(t.Context(), start, over(county112), ids[1]); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("a person outside the scope: %v", err)
		}
	},
	"orders: what is learned is credited once, and stands in record and list": func(t *testing.T, b *bundle) {
		b.publishMenu()
		ids := b.rostered(person(village1, "甲", "AAAA"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		e, at := menuEngine(), start.Add(time.Hour)
		reply := b.chat(e, at, "o1", "选课", "点 1", "点 2", "学习", "对")
		if !strings.Contains(reply, "《课b》轮到了") {
			t.Error(reply)
		}
		if reply := b.chat(e, at, "o1", "选课", "点 1"); !strings.Contains(reply, "已经学完") {
			t.Error(reply)
		}
		b.want([]string{"lesson|25", "test|50"}, "SELECT source_kind, hundredths FROM ledger ORDER BY source_kind")
		b.agrees()
		b.lines(report.Query{Scope: people.Everyone(), CutOff: at.Add(time.Hour)}, "530112001201 甲 dd-a/a complete 1/1 100 75", "530112001201 甲 dd-b/b not_started 0/1 0 0")
		if reply := b.chat(e, at, "o1", "我的学习"); !strings.Contains(reply, "正在学《课b》") || strings.Contains(reply, "点单：课a") {
			t.Error(reply)
		}
		due, err := b.s.DueEnrolments(t.Context(), at, "dd-b", startDay, 0, 10)
		if err != nil || len(due) != 1 || due[0].Enrolment.Learner != ids[0] {
			t.Errorf("whose lesson is due: %+v, %v", due, err)
		}
	},
	"orders: a sweep starts what came to its turn by other ways, once": func(t *testing.T, b *bundle) {
		b.publishMenu()
		places, ids := b.enrolled("spring", person(village1, "甲", "AAAA"), person(village2, "乙", "BBBB"))
		for i, id := range ids {
			openid := fmt.Sprint("o", i)
			b.done(start, typed(fmt.Sprint("k", i), openid), conversation.Bind{Learner: id})
			b.done(start, typed(fmt.Sprint("a", i), openid), conversation.StartAttempt{Enrolment: places[i], Learner: id, Lesson: lessonOne, Number: 1})
			b.done(start, typed(fmt.Sprint("p", i), openid), placing("gone", "", id))
			b.done(start, typed(fmt.Sprint("q", i), openid), placing("a", "", id))
		}
		sweep := func(s *store.Store, want int) {
			t.Helper()
			if n, err := s.AdvanceOrders(t.Context(), start, classNamed); n != want || err != nil {
				t.Errorf("%d started, %v; want %d", n, err, want)
			}
		}
		sweep(b.s, 0)
		b.exec("UPDATE enrolments SET status = 'withdrawn' WHERE id = ?", int64(places[0]))
		b.exec("UPDATE cohorts SET end_day = '2026-03-01' WHERE code = 'spring'")
		other := b.open()
		var wg sync.WaitGroup
		total := make(chan int, 2)
		for _, s := range []*store.Store{b.s, other} {
			wg.Go(func() {
				n, err := s.AdvanceOrders(t.Context(), start, classNamed)
				if err != nil {
					t.Error(err)
				}
				total <- n
			})
		}
		wg.Wait()
		if n := <-total + <-total; n != 2 {
			t.Errorf("two replicas started %d courses, want 2", n)
		}
		for _, id := range ids {
			if got := b.queue(id); got != "gone? a+" {
				t.Error(got)
			}
		}
		sweep(b.s, 0)
	},
	"orders: two phones and an administrator at once leave one queue": func(t *testing.T, b *bundle) {
		b.publishMenu()
		ids := b.rostered(person(village1, "甲", "AAAA"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.done(start, typed("2", "o2"))
		b.exec("UPDATE identities SET learner_id = ? WHERE external_id = 'o2'", int64(ids[0])) // as while a phone changes hands
		stores := []*store.Store{b.s, b.open(), b.open()}
		var wg sync.WaitGroup
		for i, s := range stores {
			wg.Go(func() {
				for k, course := range []string{"a", "b", "c", "d"} {
					if i == 2 {
						_, err := s.ChangeOrders(t.Context(), start, "tester", people.Everyone(), store.OrderChange{Learner: ids[0], Act: study.OrderPlace, Course: course, Class: classNamed})
						if err != nil && fault.CodeOf(err) != fault.Conflict {
							t.Error(err)
						}
						continue
					}
					b.talk(s, menuEngine(), fmt.Sprint("m", i, k), fmt.Sprint("o", i+1), "选课")
					b.talk(s, menuEngine(), fmt.Sprint("n", i, k), fmt.Sprint("o", i+1), fmt.Sprint("点 ", k+1))
				}
			})
		}
		wg.Wait()
		q := strings.Fields(b.queue(ids[0]))
		slices.Sort(q)
		if len(q) != 4 || strings.Count(strings.Join(q, ""), "+") != 1 || strings.Count(strings.Join(q, ""), "?") != 3 {
			t.Errorf("the queue is %v", q)
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM enrolments")
	},
	"orders: the chat agrees with the rules, whatever is done in whatever order": ordersModel,
}

// talk sends a message as a replica does: it loads and steps again when another was faster.
func (b *bundle) talk(s *store.Store, e *conversation.Engine, key, openid, text string) string {
	b.t.Helper()
	in := typed(key, openid)
	in.Text = text
	for range 40 {
		list, err := s.LoadTurns(b.t.Context(), start.Add(time.Hour), []bot.LoadRequest{{In: in}}, e.Need)
		if err != nil {
			b.t.Error(err)
			return ""
		}
		if list[0].Answered {
			return list[0].Reply.Text
		}
		turn := e.Step(list[0].Snapshot.State, in, list[0].Facts)
		turn.Seq = list[0].Snapshot.Seq
		switch c := s.CommitTurns(b.t.Context(), start.Add(time.Hour), []conversation.Turn{turn})[0]; c.Verdict {
		case bot.CommitDone, bot.CommitRepeated:
			return c.Reply.Text
		case bot.CommitLost:
		default:
			b.t.Errorf("%q: %s, %v", text, c.Verdict, c.Err)
			return ""
		}
	}
	b.t.Errorf("%q lost its state too often", text)
	return ""
}

// ordersModel does random acts by chat, administrator, class and sweep, with messages that come twice, and compares
// the database with study.Queue after each.
func ordersModel(t *testing.T, b *bundle) {
	b.publishMenu()
	for n := range 12 {
		rng := rand.New(rand.NewPCG(12, uint64(n)))
		who, openid := b.rostered(person(village1, "学员"+string([]rune("甲乙丙丁戊己庚辛壬癸子丑")[n]), "AAAA"))[0], fmt.Sprint("r", n)
		b.done(start, typed(fmt.Sprint("bind", n), openid), conversation.Bind{Learner: who})
		e := menuEngine()
		model := study.Queue{}
		messages := 0
		say := func(text string) string {
			messages++
			key := fmt.Sprint("t", n, "-", messages)
			reply := b.talk(b.s, e, key, openid, text)
			if again := b.talk(b.s, e, key, openid, text); again != reply {
				t.Fatalf("%q sent twice is answered %q and %q", text, reply, again)
			}
			return reply
		}
		do := func(act study.OrderAct, course string) {
			if after, _, err := model.Do(act, course, startDay, "", nil); err == nil {
				model = after
			}
			model.Orders = slices.Clone(model.Orders)
			for i := range model.Orders {
				if o := &model.Orders[i]; o.State == study.OrderRunning {
					o.Enrolment = 1 // as if it had a place
				}
			}
		}
		for range 30 {
			k := rng.IntN(8)
			course := string(rune('a' + k))
			switch what := []string{"order", "order", "order", "drop", "first", "learn", "learn", "admin", "withdraw"}[rng.IntN(9)]; what {
			case "order":
				say("选课")
				if k >= conversation.MenuPage {
					say("下一页")
				}
				say(fmt.Sprint("点 ", k%conversation.MenuPage+1))
				do(study.OrderPlace, course)
			case "drop", "first":
				open := append(model.In(study.OrderRunning), model.In(study.OrderWaiting)...)
				if len(open) == 0 {
					continue
				}
				i := k % len(open)
				say("我的点单")
				say(fmt.Sprint(map[string]string{"drop": "退单 ", "first": "先学 "}[what], i+1))
				do(map[string]study.OrderAct{"drop": study.OrderDrop, "first": study.OrderFirst}[what], open[i].Course)
			case "learn":
				running := model.In(study.OrderRunning)
				if reply := say("学习"); len(running) == 0 || !strings.Contains(reply, "对不对") {
					continue
				}
				if reply := say("对"); !strings.Contains(reply, "全部学完") {
					t.Fatalf("the course is not completed: %s", reply)
				}
				model = model.Complete(1, running[0].Course)
				do(study.OrderAdvance, "")
			case "admin":
				_, err := b.s.ChangeOrders(t.Context(), start, "tester", people.Everyone(), store.OrderChange{Learner: who, Act: study.OrderPlace, Course: course, Class: classNamed})
				if err != nil && fault.CodeOf(err) != fault.Conflict {
					t.Fatal(err)
				}
				do(study.OrderPlace, course)
			case "withdraw": // by the class, not by the menu
				if running := model.In(study.OrderRunning); len(running) > 0 {
					b.exec("UPDATE enrolments SET status = 'withdrawn' WHERE learner_id = ? AND status = 'active'", int64(who))
					model.Orders[slices.IndexFunc(model.Orders, func(o study.Order) bool { return o.State == study.OrderRunning })].State = study.OrderDropped
					if _, err := b.s.AdvanceOrders(t.Context(), start, classNamed); err != nil {
						t.Fatal(err)
					}
					do(study.OrderAdvance, "")
				}
			}
			if want, got := sortedQueue(shortQueue(model)), sortedQueue(b.queue(who)); want != got {
				t.Fatalf("the database has %q, the rules %q", got, want)
			}
		}
		if dup := b.rows("SELECT source_kind, source_key, COUNT(*) FROM ledger GROUP BY source_kind, source_key HAVING COUNT(*) > 1"); len(dup) > 0 {
			t.Fatalf("credited twice: %v", dup)
		}
	}
	b.agrees()
}

// sortedQueue keeps the turn of those that wait, and sorts the rest.
func sortedQueue(q string) string {
	var waiting, rest []string
	for _, w := range strings.Fields(q) {
		if strings.HasSuffix(w, "?") {
			waiting = append(waiting, w)
		} else {
			rest = append(rest, w)
		}
	}
	slices.Sort(rest)
	return strings.Join(append(waiting, rest...), " ")
}
