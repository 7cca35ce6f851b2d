package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

func learner(id people.LearnerID, r people.RosterRow) people.Learner {
	full := ""
	for _, u := range r.Units[1:] {
		if full != "" {
			full += "·"
		}
		full += u.Name
	}
	return people.Learner{ID: id, Name: r.Name, Unit: r.Unit, UnitName: full, Category: r.Category}
}

var factCases = map[string]func(*testing.T, *bundle){
	"profiles are the people of this phone": func(t *testing.T, b *bundle) {
		one, two := person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB")
		_, ids := b.enrolled("spring", one, two)
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[1]})
		b.done(start, typed("2", "o1"), conversation.Bind{Learner: ids[0]})
		b.done(start, typed("3", "o2"))
		b.exec("INSERT INTO profiles (identity_id, learner_id, helper_id) SELECT id, ?, 999 FROM identities WHERE external_id = 'o2'", int64(ids[1]))
		l := b.load(typed("4", "o1"), needs(conversation.Needs{Profiles: true}))
		first := learner(ids[0], one)
		want := conversation.Facts{
			Now: start, Identity: l.Snapshot.Identity, Learner: &first,
			Profiles: []people.Learner{first, learner(ids[1], two)},
		}
		if diff := cmp.Diff(want, l.Facts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if id := l.Snapshot.Identity; id.Learner != ids[0] || id.Name != "李一" {
			t.Errorf("identity %+v", id)
		}
	},
	"progress is every place with what was done there": func(t *testing.T, b *bundle) {
		places, ids := b.enrolled("spring", person(village1, "李一", "AAAA"))
		if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class("later", "other", courseOne.ID)); err != nil {
			t.Fatal(err)
		}
		at := start.Add(time.Hour)
		two := study.LessonRef{Course: courseOne.Ref(), Lesson: "l2"}
		b.done(at, typed("1", "o1"), conversation.Bind{Learner: ids[0]}, conversation.Enrol{Learner: ids[0], Cohort: "later", Since: "2026-04-01"},
			conversation.StartAttempt{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Number: 1},
			conversation.StartAttempt{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Number: 2},
			conversation.StartAttempt{Enrolment: places[0], Learner: ids[0], Lesson: two, Number: 1},
			conversation.CompleteLesson{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Score: 80, Hours: 25, Rule: "r"},
			conversation.CompleteCourse{Enrolment: places[0], Learner: ids[0], Course: courseOne.Ref(), Score: 81, Hours: 50, Rule: "r"})
		got := b.load(typed("2", "o1"), needs(conversation.Needs{Progress: true})).Facts.Enrolments
		want := []conversation.Enrolment{
			{
				Enrolment: study.Enrolment{ID: places[0], Learner: ids[0], Cohort: class("spring", courseOne.ID), Status: study.Active, Since: startDay},
				Done:      []study.Done{{Course: courseOne.ID, Lesson: "l1", Score: 80, At: at}},
				Passed:    []study.Passed{{Course: courseOne.Ref(), Mean: 81, At: at}},
				Attempts:  map[string]int{"rules/l1": 2, "rules/l2": 1},
			},
			{
				Enrolment: study.Enrolment{Learner: ids[0], Cohort: class("later", "other", courseOne.ID), Status: study.Active, Since: "2026-04-01"},
				Attempts:  map[string]int{},
			},
		}
		if len(got) == 2 {
			want[1].ID = got[1].ID
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"the record counts the current year in Shanghai": func(t *testing.T, b *bundle) {
		places, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"))
		lesson := func(place int, id string) conversation.CompleteLesson {
			return conversation.CompleteLesson{Enrolment: places[place], Learner: ids[place], Lesson: study.LessonRef{Course: courseOne.Ref(), Lesson: id}, Score: 100, Hours: 25, Rule: "r"}
		}
		lastYear := time.Date(2025, 12, 31, 15, 59, 0, 0, time.UTC) // 23:59 of New Year's Eve
		newYear := lastYear.Add(time.Minute)
		b.done(lastYear, typed("1", "o1"), conversation.Bind{Learner: ids[0]}, lesson(0, "l1"))
		b.done(newYear, typed("2", "o1"), lesson(0, "l2"),
			conversation.CompleteCourse{Enrolment: places[0], Learner: ids[0], Course: courseOne.Ref(), Score: 100, Hours: 50, Rule: "r"})
		b.done(start, typed("3", "o2"), conversation.Bind{Learner: ids[1]}, lesson(1, "l1"))
		got := b.load(typed("4", "o1"), needs(conversation.Needs{Record: true})).Facts.Record
		if diff := cmp.Diff(&conversation.Record{Hours: 75, Lessons: 1, Courses: 1, LastAt: newYear}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := b.load(typed("5", "o3"), needs(conversation.Needs{Record: true, Progress: true, Profiles: true})).Facts; got.Record != nil || got.Enrolments != nil || got.Profiles != nil {
			t.Errorf("a stranger has %+v", got)
		}
	},
	"names find everybody of that name": func(t *testing.T, b *bundle) {
		rows := []people.RosterRow{person(village1, "李芳", "AAAA"), person(village1, "李芳", "BBBB"), person(village3, "李芳", "CCCC"), person(village1, "李芳芳", "DDDD")}
		if _, err := b.s.ApplyRoster(t.Context(), start, "tester", rows, ""); err != nil {
			t.Fatal(err)
		}
		bound := people.LearnerID(b.number("SELECT id FROM learners WHERE bind_code = 'BBBB'"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: bound})
		requests := []bot.LoadRequest{{In: typed("a", "x1")}, {In: typed("b", "x2")}, {In: typed("c", "x3")}}
		list, err := b.s.LoadTurns(t.Context(), start, requests, func(_ conversation.State, in channel.Inbound) conversation.Needs {
			return conversation.Needs{Name: map[string]string{"a": "李芳", "b": "李芳", "c": "无人"}[in.Text]}
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []people.Candidate
		for i, r := range rows[:3] {
			c := people.Candidate{Learner: learner(people.LearnerID(b.number("SELECT id FROM learners WHERE bind_code = ?", r.Code)), r), Code: r.Code, Bound: i == 1}
			if c.Bound {
				c.Handset = people.HandsetID(b.number("SELECT id FROM identities"))
			}
			want = append(want, c)
		}
		for i, w := range [][]people.Candidate{want, want, nil} {
			if diff := cmp.Diff(w, list[i].Facts.Candidates); diff != "" {
				t.Errorf("request %d (-want +got):\n%s", i, diff)
			}
		}
	},
	"a class is found by its code": func(t *testing.T, b *bundle) {
		b.enrolled("spring")
		if got := b.load(typed("1", "o"), needs(conversation.Needs{Cohort: "spring"})).Facts.Cohort; got == nil || !cmp.Equal(*got, class("spring", courseOne.ID)) {
			t.Errorf("%+v", got)
		}
		if got := b.load(typed("1", "o"), needs(conversation.Needs{Cohort: "SPRING"})).Facts.Cohort; got != nil {
			t.Errorf("%+v", got)
		}
	},
	"wrong codes count for a day, by phone and by roster row": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB"))
		wrong := conversation.WrongCode{Learners: ids[:1]}
		b.done(start.Add(-24*time.Hour), typed("0", "o1"), wrong) // a day old: it does not count any more
		b.done(start.Add(-24*time.Hour+time.Millisecond), typed("1", "o1"), wrong)
		b.done(start, typed("2", "o1"), conversation.WrongCode{Learners: ids})
		b.done(start, typed("3", "o2"), wrong)
		b.done(start, typed("4", "o2"), conversation.WrongCode{})
		need := func(name string) bot.NeedFunc { return needs(conversation.Needs{Name: name, Tries: true}) }
		for _, c := range []struct {
			openid, name string
			want         conversation.Tries
		}{
			{"o1", "李一", conversation.Tries{Identity: 2, Learner: map[people.LearnerID]int{ids[0]: 3}}},
			{"o2", "王二", conversation.Tries{Identity: 2, Learner: map[people.LearnerID]int{ids[1]: 1}}},
			{"o3", "李一", conversation.Tries{Learner: map[people.LearnerID]int{ids[0]: 3}}},
			{"o1", "无人", conversation.Tries{Identity: 2, Learner: map[people.LearnerID]int{}}},
		} {
			if diff := cmp.Diff(c.want, b.load(typed("5", c.openid), need(c.name)).Facts.Tries); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", c.openid, c.name, diff)
			}
		}
	},
	"who left and comes back does not inherit the tries of all who left": func(t *testing.T, b *bundle) {
		b.done(start, typed("1", "o1"), conversation.WrongCode{})
		b.done(start, typed("2", "o1"), conversation.Unfollow{})
		got := b.load(typed("3", "o1"), needs(conversation.Needs{Tries: true})).Facts.Tries
		if got.Identity != 0 {
			t.Errorf("%+v", got)
		}
	},
	"a key that is no key is an error": func(t *testing.T, b *bundle) {
		for _, k := range []string{"", "12", key("x")[:63] + "g"} {
			in := typed("x", "o1")
			in.Key = k
			if _, err := b.s.LoadTurns(t.Context(), start, []bot.LoadRequest{{In: in}}, nothing); err == nil {
				t.Errorf("%q passes", k)
			}
		}
	},
}

var courseCases = map[string]func(*testing.T, *bundle){
	"publishing again changes nothing, a number in use is refused and nothing registered": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		second := course("rules", 2, "l1", "l2", "l3")
		for range 2 {
			if err := b.s.PublishCourses(ctx, start, []*content.Course{courseOne, second}); err != nil {
				t.Fatal(err)
			}
		}
		err := b.s.PublishCourses(ctx, start, []*content.Course{course("another", 1, "l1"), course("rules", 2, "l9")})
		wantFault(t, err, "conflict", "content.number_in_use")
		b.want([]string{"rules|1|" + courseOne.Ref().Version + "|2", "rules|2|" + second.Ref().Version + "|3"},
			"SELECT course_id, number, version, lessons FROM course_versions ORDER BY course_id, number")
		for _, c := range []*content.Course{courseOne, second} {
			got, err := b.s.Course(ctx, c.Ref())
			if err != nil || got.Ref() != c.Ref() || string(got.Encode()) != string(c.Encode()) {
				t.Errorf("%v %v", got, err)
			}
			if got, err = b.s.CourseByNumber(ctx, c.ID, c.Number); err != nil || got.Ref() != c.Ref() {
				t.Errorf("%v %v", got, err)
			}
		}
		_, err = b.s.Course(ctx, content.Ref{Course: "rules", Version: "0123456789abcdef"})
		wantFault(t, err, "not_found", "content.version_unknown")
		titles, err := b.s.CourseTitles(ctx)
		if diff := cmp.Diff(map[string]string{"rules": "课程 rules"}, titles); diff != "" || err != nil {
			t.Error(diff, err)
		}
	},
	"two replicas publish the same at once": func(t *testing.T, b *bundle) {
		other := b.open()
		for i := range 10 {
			c := course(fmt.Sprint("c", i), 1, "l1")
			results := make(chan error, 2)
			for _, s := range []bot.Store{b.s, other} {
				go func() { results <- s.PublishCourses(t.Context(), start, []*content.Course{c}) }()
			}
			for range 2 {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
		}
		b.want([]string{"10"}, "SELECT COUNT(*) FROM course_versions")
	},
}
