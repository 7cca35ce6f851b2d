package study_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// queue writes a queue in short: a+ runs, a? waits, a! is done, a- is dropped.
func queue(q study.Queue) string {
	var out []string
	for _, o := range q.Orders {
		out = append(out, o.Course+map[study.OrderState]string{study.OrderRunning: "+", study.OrderWaiting: "?", study.OrderDone: "!", study.OrderDropped: "-"}[o.State])
	}
	return strings.Join(out, " ")
}

func TestQueueOfOrders(t *testing.T) {
	t.Parallel()
	begun := study.ClassCourse{Enrolment: 1, Course: "main", Class: "冬训班", Begun: true}
	only := begun
	only.Begun = false
	full := study.Queue{Classes: []study.ClassCourse{begun}}
	for i := range study.MaxWaiting {
		full.Orders = append(full.Orders, study.Order{Course: fmt.Sprint("w", i), State: study.OrderWaiting})
	}
	orders := func(text string) (list []study.Order) {
		for _, w := range strings.Fields(text) {
			s := map[byte]study.OrderState{'+': study.OrderRunning, '?': study.OrderWaiting, '!': study.OrderDone, '-': study.OrderDropped}[w[len(w)-1]]
			o := study.Order{Course: w[:len(w)-1], State: s}
			if s != study.OrderWaiting {
				o.Enrolment = 7
			}
			list = append(list, o)
		}
		return list
	}
	for name, c := range map[string]struct {
		from    study.Queue
		act     study.OrderAct
		course  string
		gone    []string
		want    string
		started string
		err     string
	}{
		"the first one starts at once":                 {study.Queue{}, study.OrderPlace, "a", nil, "a+", "a", ""},
		"it waits behind what was begun":               {study.Queue{Classes: []study.ClassCourse{begun}}, study.OrderPlace, "a", nil, "a?", "", ""},
		"what nobody has begun holds nothing up":       {study.Queue{Classes: []study.ClassCourse{only}}, study.OrderPlace, "a", nil, "a+", "a", ""},
		"one runs at a time":                           {study.Queue{Orders: orders("a+")}, study.OrderPlace, "b", nil, "a+ b?", "", ""},
		"the same again":                               {study.Queue{Orders: orders("a+")}, study.OrderPlace, "a", nil, "", "", "order.ordered_already"},
		"the same while it waits":                      {study.Queue{Orders: orders("b+ a?")}, study.OrderPlace, "a", nil, "", "", "order.ordered_already"},
		"what is done":                                 {study.Queue{Orders: orders("a!")}, study.OrderPlace, "a", nil, "", "", "order.done_already"},
		"what was completed in a class":                {study.Queue{Completed: []string{"a"}}, study.OrderPlace, "a", nil, "", "", "order.done_already"},
		"what a class teaches anyway":                  {study.Queue{Classes: []study.ClassCourse{only}}, study.OrderPlace, "main", nil, "", "", "order.in_class"},
		"again after it was dropped":                   {study.Queue{Orders: orders("b+ a-")}, study.OrderPlace, "a", nil, "b+ a?", "", ""},
		"no more than can wait":                        {full, study.OrderPlace, "x", nil, "", "", "order.full"},
		"dropping lets the next one start":             {study.Queue{Orders: orders("a+ b? c?")}, study.OrderDrop, "a", nil, "a- b+ c?", "b", ""},
		"dropping one that waits":                      {study.Queue{Orders: orders("a+ b? c?")}, study.OrderDrop, "b", nil, "a+ b- c?", "", ""},
		"dropping what is done":                        {study.Queue{Orders: orders("a!")}, study.OrderDrop, "a", nil, "", "", "order.not_ordered"},
		"dropping what was never ordered":              {study.Queue{}, study.OrderDrop, "a", nil, "", "", "order.not_ordered"},
		"to the front":                                 {study.Queue{Orders: orders("a+ b? c?")}, study.OrderFirst, "c", nil, "c? a+ b?", "", ""},
		"what runs is not moved":                       {study.Queue{Orders: orders("a+ b?")}, study.OrderFirst, "a", nil, "", "", "order.not_waiting"},
		"nothing has to start":                         {study.Queue{Orders: orders("a! b-")}, study.OrderAdvance, "", nil, "a! b-", "", ""},
		"the next one starts":                          {study.Queue{Orders: orders("a! b? c?")}, study.OrderAdvance, "", nil, "a! b+ c?", "b", ""},
		"what nobody teaches any more is passed over":  {study.Queue{Orders: orders("b? c?")}, study.OrderAdvance, "", []string{"b"}, "b? c+", "c", ""},
		"what a class has taken up since is passed by": {study.Queue{Orders: orders("main? c?"), Classes: []study.ClassCourse{only}}, study.OrderAdvance, "", nil, "main- c+", "c", ""},
		"what was completed elsewhere since, as well":  {study.Queue{Orders: orders("b? c?"), Completed: []string{"b"}}, study.OrderAdvance, "", nil, "b- c+", "c", ""},
		"a class that was begun holds an advance up":   {study.Queue{Orders: orders("b?"), Classes: []study.ClassCourse{only, begun}}, study.OrderAdvance, "", nil, "b?", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := queue(c.from)
			after, started, err := c.from.Do(c.act, c.course, "2026-12-01", "", c.gone)
			if queue(c.from) != before {
				t.Error("the queue before was changed")
			}
			if key := keyOf(err); key != c.err || started != c.started {
				t.Errorf("started %q, error %v", started, err)
			}
			if err == nil && queue(after) != c.want {
				t.Errorf("%s, want %s", queue(after), c.want)
			}
		})
	}
}

// Whatever is done in whatever order: at most one order runs, none starts beside what was begun, nothing is
// done twice, the number that waits is bounded, and what is done stays so.
func TestQueueModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		q := study.Queue{}
		done := map[string]bool{}
		places := study.EnrolmentID(100)
		courses := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"})
		for range rapid.IntRange(1, 60).Draw(r, "acts") {
			before := q
			act := rapid.SampledFrom([]string{"place", "place", "drop", "first", "advance", "finish", "begin", "withdraw", "class"}).Draw(r, "act")
			course := courses.Draw(r, "course")
			started := ""
			switch act {
			case "finish": // what runs is learned to its end
				if running := q.In(study.OrderRunning); len(running) > 0 {
					course = running[0].Course
					q = q.Complete(running[0].Enrolment, course)
					if done[course] {
						r.Fatalf("%s is completed twice", course)
					}
					done[course] = true
				} else if len(q.Classes) > 0 {
					q = q.Complete(q.Classes[0].Enrolment, q.Classes[0].Course)
				}
				q, started, _ = q.Do(study.OrderAdvance, "", "2026-12-01", "", nil)
			case "begin":
				if len(q.Classes) > 0 {
					q.Classes = slices.Clone(q.Classes)
					q.Classes[0].Begun = true
				}
			case "withdraw": // out of a class
				q.Classes = nil
				q, started, _ = q.Do(study.OrderAdvance, "", "2026-12-01", "", nil)
			case "class": // a new one, with a course that nobody has
				if o, ordered := q.Order(course); !done[course] && (!ordered || o.State == study.OrderDropped || o.State == study.OrderWaiting) {
					q.Classes = append(slices.Clone(q.Classes), study.ClassCourse{Enrolment: 1, Course: course, Class: "班"})
				}
			default:
				var err error
				q, started, err = q.Do(study.OrderAct(act), course, "2026-12-01", "", nil)
				if err != nil && !cmp.Equal(queue(q), queue(before)) {
					r.Fatalf("%s %s failed and changed %s to %s", act, course, queue(before), queue(q))
				}
			}
			q.Orders = slices.Clone(q.Orders)
			for i := range q.Orders {
				if o := &q.Orders[i]; o.State == study.OrderRunning && o.Enrolment == 0 {
					places++
					o.Enrolment = places
				}
			}
			begun := slices.ContainsFunc(q.Classes, func(c study.ClassCourse) bool { return c.Begun })
			switch running := q.In(study.OrderRunning); {
			case len(running) > 1:
				r.Fatalf("%s: %s", act, queue(q))
			case started != "" && (len(running) != 1 || running[0].Course != started || begun):
				r.Fatalf("%s started %q: %s", act, started, queue(q))
			case len(q.In(study.OrderWaiting)) > study.MaxWaiting:
				r.Fatalf("%d wait", len(q.In(study.OrderWaiting)))
			}
			seen := map[string]bool{}
			for _, o := range q.Orders {
				if seen[o.Course] {
					r.Fatalf("%s stands twice: %s", o.Course, queue(q))
				}
				seen[o.Course] = true
				if done[o.Course] && o.State != study.OrderDone {
					r.Fatalf("%s was done and is %s", o.Course, o.State)
				}
			}
		}
	})
}

func TestMenuClassCodes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", content.MaxIDBytes)
	codes := map[string]bool{}
	for _, id := range []string{"x", long, long[:39] + "b", long[:37], "fang-fanpin"} {
		code := study.MenuClass(id)
		if len(code) > 40 || codes[code] || !(study.Cohort{Code: code}).Ordered() {
			t.Errorf("%s: %s", id, code)
		}
		codes[code] = true
	}
	if (study.Cohort{Code: "ban-1"}).Ordered() {
		t.Error("a plain class is taken for one of an ordered course")
	}
}

func TestMenuOfAPerson(t *testing.T) {
	t.Parallel()
	course := func(id, title string, change func(*content.Course)) *content.Course {
		c := content.Course{ID: id, Title: title, Tier: content.TierElective}
		if change != nil {
			change(&c)
		}
		return content.Seal(c)
	}
	c := study.NewCatalogue(content.NewLibrary(nil,
		course("b-must", "必修", func(c *content.Course) { c.Tier = content.TierRequired }),
		course("core", "核心", func(c *content.Course) { c.Tier = content.TierCore }),
		course("village", "村务", func(c *content.Course) {
			c.Tiers = map[string]content.Tier{"村干部": content.TierRequired, "其他": content.TierNone}
		}),
		course("water", "水管", nil),
		course("dali", "洱海水管", func(c *content.Course) { c.Regions, c.Replaces = []string{"5329"}, "water" }),
		course("dali-town", "镇里的课", func(c *content.Course) {
			c.Regions, c.Replaces, c.Tiers = []string{"5329"}, "core", map[string]content.Tier{"村干部": content.TierNone}
		}),
	))
	const village, elsewhere = "532901001001", "530102001001"
	closed := []study.MenuLimit{{Unit: "532900000000", Courses: []string{"dali", "core"}}}
	only := []study.MenuLimit{{Unit: "530000000000", Only: true, Courses: []string{"water", "core"}}, {Unit: "530102000000", Courses: []string{"core"}}}
	for name, x := range map[string]struct {
		who    people.Learner
		limits []study.MenuLimit
		want   string
	}{
		"a village cadre of the prefecture":  {people.Learner{Unit: village, Category: "村干部"}, nil, "b-must village core dali"},
		"of another one":                     {people.Learner{Unit: elsewhere, Category: "村干部"}, nil, "b-must village core water"},
		"a town's cadre":                     {people.Learner{Unit: village, Category: "乡镇干部"}, nil, "b-must dali dali-town"},
		"somebody without unit and category": {people.Learner{}, nil, "b-must core water"},
		"what the prefecture has closed":     {people.Learner{Unit: village, Category: "村干部"}, closed, "b-must village water"},
		"closed elsewhere":                   {people.Learner{Unit: elsewhere, Category: "村干部"}, closed, "b-must village core water"},
		"only these, and one less below":     {people.Learner{Unit: elsewhere, Category: "村干部"}, only, "water"},
		"only these":                         {people.Learner{Unit: village, Category: "村干部"}, only, "core water"},
	} {
		var got []string
		for _, o := range c.Menu(x.who, x.limits) {
			got = append(got, o.Course.ID)
		}
		if diff := cmp.Diff(x.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for limit, want := range map[*study.MenuLimit]string{
		{Unit: village, Courses: []string{"water"}}: "", {Unit: village}: "", {Unit: "", Courses: []string{"water"}}: "order.unit_bad",
		{Unit: village, Only: true}: "order.limit_bad", {Unit: village, Courses: []string{"none"}}: "order.no_course",
	} {
		if got := keyOf(limit.Check(c)); got != want {
			t.Errorf("%+v: %s, want %s", limit, got, want)
		}
	}
	if got := study.Rule2024.CourseHours(content.Seal(content.Course{Lessons: []content.Lesson{{Seconds: 60}, {Seconds: 1800}}})); got != 25+100+50 {
		t.Errorf("a course's hours: %s", got)
	}
}
