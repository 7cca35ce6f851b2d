package study_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

var everyDay = []time.Weekday{0, 1, 2, 3, 4, 5, 6}

func TestNeedsHelp(t *testing.T) {
	t.Parallel()
	five := &content.Course{ID: "five", Lessons: []content.Lesson{{ID: "l1"}, {ID: "l2"}, {ID: "l3"}, {ID: "l4"}, {ID: "l5"}}}
	now := time.Date(2026, 12, 4, 1, 0, 0, 0, time.UTC) // nine in the morning: four lessons are released
	teacher := study.Teacher{Now: now, Course: func(id string) *content.Course {
		if id == "five" {
			return five
		}
		return nil
	}}
	place := func(status study.EnrolmentStatus, lessons ...string) study.FollowedPlace {
		p := study.FollowedPlace{Enrolment: study.Enrolment{
			Status: status, Since: "2026-12-01",
			Cohort: study.Cohort{Courses: []string{"five"}, Schedule: study.Schedule{Start: "2026-12-01", Hour: "08:00", Weekdays: everyDay}},
		}}
		for i, l := range lessons {
			p.Done = append(p.Done, study.Done{Course: "five", Lesson: l, At: now.Add(time.Duration(i-9) * time.Hour)})
		}
		return p
	}
	meets := place(study.Active)
	meets.Cohort.Courses = nil
	twice, once := study.Stuck{Course: "five", Lesson: "l1", Item: "q1", Wrong: 2}, study.Stuck{Course: "five", Lesson: "l1", Item: "q2", Wrong: 1}
	who := people.Learner{ID: 7, Name: "甲"}
	type want struct {
		reasons []study.HelpReason
		behind  int
		stuck   int
	}
	for name, c := range map[string]struct {
		f    study.Followed
		rule study.HelpRule
		want want
	}{
		"never bound, and nothing else is said": {study.Followed{Places: []study.FollowedPlace{place(study.Active)}, Stuck: []study.Stuck{twice}}, study.HelpRule{}, want{reasons: []study.HelpReason{study.HelpUnbound}}},
		"bound, in no class":                    {study.Followed{Bound: true}, study.HelpRule{}, want{}},
		"four behind":                           {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Active)}}, study.HelpRule{}, want{[]study.HelpReason{study.HelpBehind}, 4, 0}},
		"three behind":                          {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Active, "l1")}}, study.HelpRule{}, want{[]study.HelpReason{study.HelpBehind}, 3, 0}},
		"two behind":                            {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Active, "l1", "l2")}}, study.HelpRule{}, want{behind: 2}},
		"two behind by a stricter rule":         {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Active, "l1", "l2")}}, study.HelpRule{Behind: 2}, want{[]study.HelpReason{study.HelpBehind}, 2, 0}},
		"two behind in each of two classes":     {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Active, "l1", "l2"), place(study.Active, "l1", "l2")}}, study.HelpRule{}, want{behind: 4}},
		"a paused place does not count":         {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Paused)}}, study.HelpRule{}, want{}},
		"a class that only meets":               {study.Followed{Bound: true, Places: []study.FollowedPlace{meets}}, study.HelpRule{}, want{}},
		"the same item wrong twice":             {study.Followed{Bound: true, Stuck: []study.Stuck{twice, once}}, study.HelpRule{}, want{[]study.HelpReason{study.HelpFailed}, 0, 1}},
		"an item wrong once":                    {study.Followed{Bound: true, Stuck: []study.Stuck{once}}, study.HelpRule{}, want{}},
		"both":                                  {study.Followed{Bound: true, Places: []study.FollowedPlace{place(study.Active)}, Stuck: []study.Stuck{twice}}, study.HelpRule{}, want{[]study.HelpReason{study.HelpBehind, study.HelpFailed}, 4, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.f.Learner = who
			h, listed, err := study.NeedsHelp(c.f, teacher, c.rule)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.reasons == nil {
				c.want.reasons = []study.HelpReason{}
			}
			if listed != (len(c.want.reasons) > 0) || h.Learner != who {
				t.Errorf("listed %v, %v", listed, h.Learner)
			}
			if diff := cmp.Diff([]any{c.want.reasons, c.want.behind, c.want.stuck}, []any{h.Reasons, h.Behind, len(h.Stuck)}); diff != "" {
				t.Error(diff)
			}
		})
	}
	// A calendar that does not know the year is an error, not a guess.
	p := place(study.Active)
	p.Cohort.Schedule.WorkingDays = true
	if _, _, err := study.NeedsHelp(study.Followed{Bound: true, Places: []study.FollowedPlace{p}}, teacher, study.HelpRule{}); err == nil {
		t.Error("a year that is missing from the calendar was guessed")
	}
}

func TestSortHelp(t *testing.T) {
	t.Parallel()
	list := []study.Help{
		{Learner: people.Learner{ID: 1, Unit: "530112001202", Name: "乙"}, Behind: 9},
		{Learner: people.Learner{ID: 4, Unit: "530112001201", Name: "丙"}},
		{Learner: people.Learner{ID: 3, Unit: "530112001202", Name: "乙"}},
		{Learner: people.Learner{ID: 2, Unit: "530112001201", Name: "一"}, Behind: 1},
	}
	study.SortHelp(list)
	var got []people.LearnerID
	for _, h := range list {
		got = append(got, h.Learner.ID)
	}
	if diff := cmp.Diff([]people.LearnerID{2, 4, 1, 3}, got); diff != "" {
		t.Error(diff)
	}
}
