package storetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// query asks for everything up to a late cut-off.
func query() report.Query {
	return report.Query{Scope: people.Everyone(), CutOff: start.Add(1000 * time.Hour)}
}

// list reads a completion list and wants its head to count its lines.
func (b *bundle) list(q report.Query) (report.Head, []report.Line) {
	b.t.Helper()
	head, seq, err := b.s.CompletionList(b.t.Context(), q)
	if err != nil {
		b.t.Fatalf("CompletionList: %v", err)
	}
	var lines []report.Line
	for l, err := range seq {
		if err != nil {
			b.t.Fatalf("CompletionList: %v", err)
		}
		lines = append(lines, l)
	}
	if head.Lines != len(lines) {
		b.t.Errorf("the head says %d lines, there are %d", head.Lines, len(lines))
	}
	return head, lines
}

// short is what of a line the cases compare.
func short(lines []report.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%s %s %s/%s %s %d/%d %d %d", l.Unit.Prefix(), l.Name, l.CohortCode, l.Course, l.Status, l.Done, l.Lessons, l.Score, l.Hours))
	}
	return out
}

func (b *bundle) lines(q report.Query, want ...string) {
	b.t.Helper()
	_, lines := b.list(q)
	if d := diff.Diff(want, short(lines)); d != "" {
		b.t.Errorf("%+v (-want +got):\n%s", q, d)
	}
}

// listScene is four people: 甲 has done all, 乙 something, 丙 nothing, 丁 is in no class.
func listScene(b *bundle) (places []study.EnrolmentID, learners []people.LearnerID) {
	b.t.Helper()
	water := course("water", 1, "w1")
	if err := b.s.PublishCourses(b.t.Context(), start, []*content.Course{water}); err != nil {
		b.t.Fatal(err)
	}
	places, learners = b.enrolled("spring", person(village2, "甲", "AAAA"), person(village1, "乙", "BBBB"), person(village3, "丙", "CCCC"))
	b.apply(people.RosterResult{New: 2, Units: 1}, "", people.RosterRow{Unit: "530113000000", Units: unit("530113000000"), Name: "丁", Code: "DDDD"},
		person("530114000000", "戊", "EEEE"))
	return places, learners
}

func (b *bundle) lesson(now time.Time, openid string, place study.EnrolmentID, learner people.LearnerID, ref content.Ref, lesson string, score int) {
	b.t.Helper()
	r := study.LessonRef{Course: ref, Lesson: lesson}
	b.done(now, typed(fmt.Sprint(openid, place, ref.Course, lesson, now), openid),
		conversation.CompleteLesson{Enrolment: place, Learner: learner, Lesson: r, Score: score, Hours: 25, Rule: "r"})
}

var listCases = map[string]func(*testing.T, *bundle){
	"the list starts from the roster": func(t *testing.T, b *bundle) {
		places, learners := b.enrolled("spring", person(village2, "甲", "AAAA"), person(village1, "乙", "BBBB"), person(village3, "丙", "CCCC"))
		b.apply(people.RosterResult{New: 1}, "", people.RosterRow{Unit: "530113000000", Units: unit("530113000000"), Name: "丁", Code: "DDDD"})
		ref := courseOne.Ref()
		b.done(start, typed("hello", "o0"), conversation.Bind{Learner: learners[0]})
		b.lesson(start.Add(time.Hour), "o0", places[0], learners[0], ref, "l1", 60)
		b.lesson(start.Add(2*time.Hour), "o0", places[0], learners[0], ref, "l2", 91)
		b.done(start, typed("x", "o1"), conversation.Bind{Learner: learners[1]}, conversation.Open{Enrolment: places[1], Learner: learners[1], Lesson: lessonOne, Day: startDay})
		_, lines := b.list(query())
		want := []report.Line{
			{Unit: village1, Learner: learners[1], Name: "乙", Status: report.Learning},
			{
				Unit: village2, Learner: learners[0], Name: "甲", Status: report.Complete, Done: 2, Score: 76, Hours: 50,
				FirstAt: start.Add(time.Hour), LastAt: start.Add(2 * time.Hour),
			},
			{Unit: "530113000000", Name: "丁", Status: report.NotBound, Learner: learners[2] + 1},
			{Unit: village3, Learner: learners[2], Name: "丙", Status: report.NotBound},
		}
		for i := range want {
			w := &want[i]
			if w.Name != "丁" {
				w.Category, w.Cohort, w.CohortCode, w.Course, w.Lessons = "村干部", "班级 spring", "spring", "rules", 2
				w.Township, w.Village = "单位"+string(w.Unit[:9]), "单位"+string(w.Unit)
			}
			w.Prefecture, w.County = "单位5301", "单位"+string(w.Unit[:6])
		}
		if d := diff.Diff(want, lines); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	},
	"the scope stands in the statement": func(t *testing.T, b *bundle) {
		listScene(b)
		all := []string{"530112001201 乙", "530112001202 甲", "530113 丁", "530113001201 丙", "530114 戊"}
		for _, c := range []struct {
			name string
			list []people.OrgCode
			want []string
		}{
			{"zero", nil, nil},
			{"malformed", []people.OrgCode{"", "5301", "%", "__________00"}, nil},
			{"own village", []people.OrgCode{village1}, all[:1]},
			{"sibling", []people.OrgCode{village2}, all[1:2]},
			{"parent", []people.OrgCode{"530112001000"}, all[:2]},
			{"county with its own people", []people.OrgCode{"530113000000"}, all[2:4]},
			{"two", []people.OrgCode{village1, village3}, []string{all[0], all[3]}},
			{"child that is not there", []people.OrgCode{"530112001299"}, nil},
			{"prefecture", []people.OrgCode{"530100000000"}, all},
		} {
			q := query()
			q.Scope = people.Scope{Units: c.list}
			_, lines := b.list(q)
			var got []string
			for _, l := range lines {
				got = append(got, l.Unit.Prefix()+" "+l.Name)
			}
			if d := diff.Diff(c.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, d)
			}
		}
		q := query()
		q.Scope, q.Unit = people.Scope{Units: []people.OrgCode{village1}}, "530112000000"
		b.lines(q, "530112001201 乙 spring/rules not_bound 0/2 0 0")
		q.Unit = village2
		b.lines(q)
		q.Unit = "bad"
		b.lines(q)
	},
	"filters": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		places, learners := listScene(b)
		if _, err := b.s.ApplyCohort(ctx, start, "tester", class("autumn", "water", "rules")); err != nil {
			t.Fatal(err)
		}
		b.apply(people.RosterResult{Unchanged: 1, Enrolled: 1}, "autumn", person(village2, "甲", "AAAA"))
		autumn := study.EnrolmentID(b.number("SELECT MAX(id) FROM enrolments"))
		b.done(start, typed("hello", "o0"), conversation.Bind{Learner: learners[0]})
		day := 24 * time.Hour
		b.lesson(start, "o0", places[0], learners[0], courseOne.Ref(), "l1", 80)
		b.lesson(start.Add(day), "o0", places[0], learners[0], courseOne.Ref(), "l2", 100)
		b.lesson(start, "o0", autumn, learners[0], course("water", 1, "w1").Ref(), "w1", 70)
		q := query()
		q.Cohort = "autumn"
		b.lines(q, "530112001202 甲 autumn/water complete 1/1 70 25", "530112001202 甲 autumn/rules not_started 0/2 0 0")
		head, _ := b.list(q)
		if head.CohortName != "班级 autumn" {
			t.Errorf("%+v", head)
		}
		q = query()
		q.Course, q.Unit = "rules", "530112000000"
		b.lines(q, "530112001201 乙 spring/rules not_bound 0/2 0 0", "530112001202 甲 autumn/rules not_started 0/2 0 0", "530112001202 甲 spring/rules complete 2/2 90 50")
		if head, _ = b.list(q); head.UnitName != "单位530112" {
			t.Errorf("%+v", head)
		}
		q.Unit, q.Cohort = village2, "spring"
		for _, c := range []struct {
			from, to study.Day
			cutOff   time.Time
			want     string
		}{
			{"2026-03-03", "", q.CutOff, "learning 1/2 100 25"},
			{"", "2026-03-02", q.CutOff, "learning 1/2 80 25"},
			{"2026-03-02", "2026-03-03", q.CutOff, "complete 2/2 90 50"},
			{"2026-03-04", "", q.CutOff, "not_started 0/2 0 0"},
			{"", "", start.Add(day), "complete 2/2 90 50"},
			{"", "", start.Add(day - time.Millisecond), "learning 1/2 80 25"},
		} {
			q.From, q.To, q.CutOff = c.from, c.to, c.cutOff
			b.lines(q, "530112001202 甲 spring/rules "+c.want)
		}
		q.CutOff = start.Add(-time.Millisecond) // before the roster was read in
		b.lines(q)
	},
	"who left is away, whatever he did": func(t *testing.T, b *bundle) {
		places, learners := listScene(b)
		b.lesson(start, "o0", places[0], learners[0], courseOne.Ref(), "l1", 80)
		b.exec("UPDATE enrolments SET status = 'withdrawn' WHERE id = ?", int64(places[0]))
		b.exec("UPDATE enrolments SET status = 'waived' WHERE id = ?", int64(places[1]))
		q := query()
		q.Cohort = "spring"
		b.lines(q, "530112001201 乙 spring/rules away 0/2 0 0", "530112001202 甲 spring/rules away 1/2 80 25", "530113001201 丙 spring/rules not_bound 0/2 0 0")
	},
	"a new version of a course counts the lessons it has": func(t *testing.T, b *bundle) {
		places, learners := listScene(b)
		b.lesson(start, "o0", places[0], learners[0], courseOne.Ref(), "l1", 80)
		b.lesson(start, "o0", places[0], learners[0], courseOne.Ref(), "l2", 60)
		if err := b.s.PublishCourses(t.Context(), start.Add(time.Hour), []*content.Course{course("rules", 2, "l1", "l3", "l4")}); err != nil {
			t.Fatal(err)
		}
		q := query()
		q.Unit = village2
		b.lines(q, "530112001202 甲 spring/rules learning 1/3 80 50")
		q.CutOff = start.Add(time.Minute)
		b.lines(q, "530112001202 甲 spring/rules complete 2/2 70 50")
	},
	"the roster's version changes with the roster only": func(t *testing.T, b *bundle) {
		places, learners := listScene(b)
		before, _ := b.list(query())
		b.lesson(start, "o0", places[0], learners[0], courseOne.Ref(), "l1", 80)
		if after, _ := b.list(query()); after.Roster != before.Roster || len(after.Roster) != 12 {
			t.Errorf("learning changed it: %+v, %+v", before, after)
		}
		seen := map[string]bool{before.Roster: true}
		for _, change := range []string{
			"UPDATE learners SET name = '戌' WHERE name = '甲'", "UPDATE learners SET category = '' WHERE name = '乙'",
			"UPDATE enrolments SET status = 'waived' WHERE id = 1", "DELETE FROM enrolments WHERE id = 2",
			"UPDATE learners SET unit_code = '530112001203' WHERE name = '乙'",
		} {
			b.exec(change)
			head, _ := b.list(query())
			if seen[head.Roster] {
				t.Errorf("%s does not change it", change)
			}
			seen[head.Roster] = true
		}
	},
	"a roster that changes under the list ends it with an error (C3)": func(t *testing.T, b *bundle) {
		listScene(b)
		for _, change := range []string{
			"UPDATE learners SET name = '戌' WHERE name = '甲'", "DELETE FROM enrolments WHERE id = 2", "UPDATE enrolments SET status = 'withdrawn' WHERE id = 3",
			"DELETE FROM learners WHERE name = '丁'",
		} {
			_, lines, err := b.s.CompletionList(t.Context(), query())
			if err != nil {
				t.Fatal(err)
			}
			b.exec(change)
			n := 0
			for _, err = range lines {
				n++
			}
			if err == nil || n < 4 {
				t.Errorf("%s: %d lines, then %v", change, n, err)
			}
		}
	},
	"who goes away or comes back later, or completes, changes no list of an earlier cut-off (C3)": func(t *testing.T, b *bundle) {
		places, learners := listScene(b)
		ctx := t.Context()
		type past struct {
			q     report.Query
			head  report.Head
			lines []report.Line
		}
		var lists []past
		now := start
		keep := func() {
			q := report.Query{Scope: people.Everyone(), CutOff: now}
			head, lines := b.list(q)
			lists = append(lists, past{q, head, lines})
		}
		status := func(who int) string {
			for _, l := range lists[len(lists)-1].lines {
				if l.Learner == learners[who] {
					return string(l.Status)
				}
			}
			return "not there"
		}
		keep()
		for i, step := range []struct {
			act  store.PlaceAct
			who  int
			want string
		}{{store.PlaceWithdraw, 0, "away"}, {store.PlaceReturn, 0, "not_bound"}, {store.PlaceWaive, 0, "away"}, {"", 1, "learning"}, {store.PlaceWithdraw, 1, "away"}, {store.PlaceReturn, 1, "learning"}, {store.PlaceReturn, 0, "not_bound"}} {
			now = now.Add(time.Hour)
			if step.act == "" {
				b.lesson(now, "o1", places[step.who], learners[step.who], lessonOne.Course, "l1", 80)
				b.exec("UPDATE enrolments SET status = 'completed' WHERE id = ?", int64(places[step.who]))
				b.exec("UPDATE enrolments SET status = 'active' WHERE id = ?", int64(places[step.who]))
			} else if err := b.s.DecidePlace(ctx, now, "tester", people.Everyone(), "spring", learners[step.who], step.act, "按规定"); err != nil {
				t.Fatal(err)
			}
			keep()
			if got := status(step.who); got != step.want {
				t.Errorf("step %d: %s, want %s", i, got, step.want)
			}
		}
		b.exec("UPDATE enrolments SET status = 'completed' WHERE id = ?", int64(places[2]))
		for i, p := range lists {
			head, lines := b.list(p.q)
			if d := diff.Diff(p.lines, lines); d != "" || head.Roster != p.head.Roster {
				t.Errorf("list %d is another now (version %s, was %s):\n%s", i, head.Roster, p.head.Roster, d)
			}
		}
	},
	"answers are recorded while somebody reads slowly": func(t *testing.T, b *bundle) {
		listScene(b)
		_, lines, err := b.s.CompletionList(t.Context(), query())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for l, err := range lines {
			if err != nil {
				t.Fatal(err)
			}
			n++
			b.done(start, typed(fmt.Sprint("meanwhile ", n), "o1"), conversation.Bind{Learner: l.Learner})
		}
		if n != 5 {
			t.Errorf("%d lines", n)
		}
	},
	"pages join without a gap, and a consumer may stop": func(t *testing.T, b *bundle) {
		rows := make([]people.RosterRow, 2105)
		for i := range rows {
			rows[i] = person([]people.OrgCode{village1, village2}[i%2], fmt.Sprint("学员", i%700), fmt.Sprint("C", i/700, i%2))
		}
		b.enrolled("spring")
		b.apply(people.RosterResult{New: len(rows), Units: 6, Enrolled: len(rows)}, "spring", rows...)
		if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class("spring", "rules", "water")); err != nil {
			t.Fatal(err)
		}
		_, lines := b.list(query())
		if len(lines) != 2*len(rows) {
			t.Fatalf("%d lines", len(lines))
		}
		sorted := slices.IsSortedFunc(lines, func(a, b report.Line) int {
			return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Learner, b.Learner), cmp.Compare(a.Course, b.Course))
		})
		seen := map[string]bool{}
		for _, l := range lines {
			seen[fmt.Sprint(l.Learner, l.Course)] = true
		}
		if !sorted || len(seen) != len(lines) {
			t.Errorf("sorted %v, %d different of %d", sorted, len(seen), len(lines))
		}
		_, seq, err := b.s.CompletionList(t.Context(), query())
		if err != nil {
			t.Fatal(err)
		}
		for range seq {
			break
		}
	},
	"the list equals a recount (C2)": recount,
}

// world is random data as a model sees it.
type world struct {
	units   []people.OrgCode
	classes map[string][]string // code → courses
	lessons map[string][]string
	people  []worldPerson
}

type worldPerson struct {
	row      people.RosterRow
	learner  people.LearnerID
	bound    bool
	places   map[string]study.EnrolmentID // class code →
	statuses map[string]study.EnrolmentStatus
	done     map[string]worldDone // class/course/lesson →
}

type worldDone struct {
	score int
	at    time.Time
}

// recount makes random worlds in one database, one behind the other in units of their own, and
// compares each list with what the model counts.
func recount(t *testing.T, b *bundle) {
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		if round > 25 { // more rounds find nothing new and cost seconds each
			return
		}
		w := newWorld(r, b, round)
		q := query()
		q.Scope = people.Scope{Units: rapid.SliceOfNDistinct(rapid.SampledFrom(w.units), 0, 3, rapid.ID).Draw(r, "scope")}
		q.Cohort = rapid.SampledFrom(append([]string{""}, keysOf(w.classes)...)).Draw(r, "class")
		q.Course = rapid.SampledFrom(append([]string{""}, keysOf(w.lessons)...)).Draw(r, "course")
		q.Unit = rapid.SampledFrom(append([]people.OrgCode{""}, w.units...)).Draw(r, "unit")
		if rapid.Bool().Draw(r, "from?") {
			q.From = study.DayOf(start.Add(time.Duration(rapid.IntRange(-2, 12).Draw(r, "from")) * 12 * time.Hour))
		}
		if rapid.Bool().Draw(r, "to?") {
			q.To = study.DayOf(start.Add(time.Duration(rapid.IntRange(-2, 12).Draw(r, "to")) * 12 * time.Hour))
		}
		q.CutOff = start.Add(time.Duration(rapid.IntRange(0, 150).Draw(r, "cut-off")) * time.Hour)
		_, lines := b.list(q)
		if d := diff.Diff(w.list(q), short(lines)); d != "" {
			r.Fatalf("%+v (-model +store):\n%s", q, d)
		}
	})
}

func keysOf[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func newWorld(r *rapid.T, b *bundle, round int) *world {
	county := fmt.Sprintf("53%02d%02d", 1+round/90, 10+round%90)
	w := &world{classes: map[string][]string{}, lessons: map[string][]string{}}
	for _, tail := range []string{"000000", "001000", "001201", "001202", "002201"} {
		w.units = append(w.units, people.OrgCode(county+tail))
	}
	fatal := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	ctx := b.t.Context()
	for i := range 3 {
		id := fmt.Sprintf("c%d-%d", round, i)
		for k := range rapid.IntRange(1, 3).Draw(r, "lessons") {
			w.lessons[id] = append(w.lessons[id], fmt.Sprint("l", k))
		}
		fatal(b.s.PublishCourses(ctx, start, []*content.Course{course(id, 1, w.lessons[id]...)}))
	}
	for i := range 2 {
		code := fmt.Sprintf("k%d-%d", round, i)
		w.classes[code] = rapid.Permutation(keysOf(w.lessons)).Draw(r, "order")[:rapid.IntRange(1, 3).Draw(r, "courses")]
		_, err := b.s.ApplyCohort(ctx, start, "tester", class(code, w.classes[code]...))
		fatal(err)
	}
	for i := range rapid.IntRange(0, 8).Draw(r, "people") {
		w.person(r, b, round, i)
	}
	return w
}

func (w *world) person(r *rapid.T, b *bundle, round, i int) {
	ctx := b.t.Context()
	p := worldPerson{places: map[string]study.EnrolmentID{}, statuses: map[string]study.EnrolmentStatus{}, done: map[string]worldDone{}}
	p.row = person(rapid.SampledFrom(w.units).Draw(r, "unit"), rapid.SampledFrom([]string{"李一", "李二", "Zoë", "a", "B"}).Draw(r, "name")+string(rune('甲'+i)), fmt.Sprintf("P%03d", i))
	classes := []string{""}
	for _, c := range keysOf(w.classes) {
		if rapid.Bool().Draw(r, "in class") {
			classes = append(classes, c)
		}
	}
	for _, c := range classes {
		if _, err := b.s.ApplyRoster(ctx, start, "tester", []people.RosterRow{p.row}, c); err != nil {
			r.Fatal(err)
		}
	}
	p.learner = people.LearnerID(b.number("SELECT id FROM learners WHERE unit_code = ? AND name = ? AND bind_code = ?", string(p.row.Unit), p.row.Name, p.row.Code))
	var effects []conversation.Effect
	if p.bound = rapid.Bool().Draw(r, "bound"); p.bound {
		effects = append(effects, conversation.Bind{Learner: p.learner})
	}
	openid := fmt.Sprint("o", round, "-", i)
	b.done(start, typed("hello "+openid, openid), effects...)
	for _, c := range classes[1:] {
		place := study.EnrolmentID(b.number("SELECT e.id FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE e.learner_id = ? AND c.code = ?", int64(p.learner), c))
		p.places[c], p.statuses[c] = place, rapid.SampledFrom([]study.EnrolmentStatus{study.Active, study.Active, study.Withdrawn}).Draw(r, "status")
		b.exec("UPDATE enrolments SET status = ? WHERE id = ?", string(p.statuses[c]), int64(place))
		for _, course := range w.classes[c] {
			for _, lesson := range w.lessons[course] {
				if rapid.Bool().Draw(r, "done") {
					d := worldDone{rapid.IntRange(0, 100).Draw(r, "score"), start.Add(time.Duration(rapid.IntRange(0, 140).Draw(r, "hour")) * time.Hour)}
					p.done[c+"/"+course+"/"+lesson] = d
					b.lesson(d.at, openid, place, p.learner, content.Ref{Course: course, Version: "0123456789abcdef"}, lesson, d.score)
				}
			}
		}
	}
	w.people = append(w.people, p)
}

// list counts anew, without SQL.
func (w *world) list(q report.Query) []string {
	var lines []report.Line
	for _, p := range w.people {
		if !q.Scope.Sees(p.row.Unit) || q.Unit != "" && !q.Unit.Contains(p.row.Unit) {
			continue
		}
		line := report.Line{Unit: p.row.Unit, Name: p.row.Name, Learner: p.learner, Status: report.NotBound}
		if p.bound {
			line.Status = report.NotStarted
		}
		if len(p.places) == 0 && q.Cohort == "" && q.Course == "" {
			lines = append(lines, line)
		}
		for _, c := range keysOf(p.places) {
			for _, course := range w.classes[c] {
				if (q.Cohort == "" || q.Cohort == c) && (q.Course == "" || q.Course == course) {
					lines = append(lines, w.line(q, p, line, c, course))
				}
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b report.Line) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Learner, b.Learner), strings.Compare(a.CohortCode, b.CohortCode))
	})
	return short(lines)
}

func (w *world) line(q report.Query, p worldPerson, line report.Line, class, course string) report.Line {
	line.CohortCode, line.Course, line.Lessons = class, course, len(w.lessons[course])
	sum := 0
	for _, lesson := range w.lessons[course] {
		d, ok := p.done[class+"/"+course+"/"+lesson]
		day := study.DayOf(d.at)
		if !ok || d.at.After(q.CutOff) || q.From != "" && day < q.From || q.To != "" && day > q.To {
			continue
		}
		line.Done++
		line.Hours += 25
		sum += d.score
	}
	if line.Done > 0 {
		line.Score, line.Status = int(math.Round(float64(sum)/float64(line.Done))), report.Learning
	}
	switch {
	case p.statuses[class] == study.Withdrawn:
		line.Status = report.Away
	case line.Done == line.Lessons:
		line.Status = report.Complete
	}
	return line
}
