package bot_test

import (
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// A class whose course has gone from the content folder comes first: the next class has its lesson all
// the same, and the schedule goes on (P1).
func TestAClassWithoutItsCourseStopsNoOther(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 11, 24, 0, 30, 0, 0, time.UTC)
	s, err := store.Open(ctx, store.Options{DSN: storetest.MigratedSQLite(t)})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for code, course := range map[string]string{"a": "gone", "b": "x"} {
		_, err = s.ApplyCohort(ctx, now, "test", study.Cohort{Code: code, Name: "班", Courses: []string{course}, Schedule: study.Schedule{
			Start: "2026-11-24", Hour: "08:00", Weekdays: []time.Weekday{time.Tuesday},
		}})
		must(err)
		_, err = s.ApplyRoster(ctx, now, "test", []people.RosterRow{{Unit: "539901100201", Name: "张" + code, Code: "A000" + code, Units: []people.OrgUnit{
			{Code: "539901100000", Name: "青松镇"}, {Code: "539901100201", Name: "新村村民委员会"},
		}}}, code)
		must(err)
	}
	p := &phone{t: t, now: now}
	p.serve(s, oneLesson(t, 1, "A", "帮助"))
	must(p.service.Tick(ctx))
	sum, err := s.PushSummary(ctx, "b", "2026-11-24")
	if err != nil || sum.Audience != 1 {
		t.Errorf("the second class: %d people, %v", sum.Audience, err)
	}
	if reached, err := s.Watermark(ctx); err != nil || !reached.Equal(now) {
		t.Errorf("the schedule has reached %s, %v", reached, err)
	}
}
