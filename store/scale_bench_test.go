package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	who "github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// crowdSize is large enough that a plan which reads a table for every page shows: go test -bench Scale.
const crowdSize = 50_000

// BenchmarkScale tells how many people a second are read in, listed and planned for on MariaDB, right
// after an import, when the server still plans with the numbers of empty tables.
func BenchmarkScale(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{DSN: storetest.MariaDB(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	cohort := study.Cohort{Code: "all", Name: "全员班", Courses: []string{"c1", "c2"}, Schedule: study.Schedule{Start: "2026-01-01", Hour: "08:00", WorkingDays: true}}
	if _, err := s.ApplyCohort(b.Context(), instant, "bench", cohort); err != nil {
		b.Fatal(err)
	}
	rows := make([]who.RosterRow, crowdSize)
	for i := range rows {
		unit := who.OrgCode(fmt.Sprintf("530112%03d%03d", 1+i/5000, 201+(i/50)%100))
		rows[i] = who.RosterRow{Unit: unit, Units: []who.OrgUnit{{Code: unit, Name: "村"}}, Name: fmt.Sprint("学员", i), Category: "村干部", Code: "AAAA"}
	}
	rate := func(b *testing.B) {
		b.ReportMetric(float64(crowdSize)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	}
	b.Run("roster", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			for k := range rows {
				rows[k].Category = fmt.Sprint("类别", i) // the first round is new, the others change everybody
			}
			if _, err := s.ApplyRoster(b.Context(), instant, "bench", rows, "all"); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	for _, code := range []string{"", "all"} {
		b.Run("list of cohort "+code, func(b *testing.B) {
			for b.Loop() {
				listAll(b, s, code)
			}
			rate(b)
		})
	}
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	b.Run("push", func(b *testing.B) {
		for b.Loop() {
			pushAll(b, s, study.Day(day.Format(time.DateOnly)))
			day = day.AddDate(0, 0, 1)
		}
		rate(b)
	})
}

func listAll(b *testing.B, s *store.Store, cohort string) {
	b.Helper()
	head, lines, err := s.CompletionList(b.Context(), report.Query{Scope: who.Everyone(), Cohort: cohort, CutOff: instant})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, err := range lines {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != 2*crowdSize || head.Lines != n {
		b.Fatalf("%d lines, the head says %d", n, head.Lines)
	}
}

func pushAll(b *testing.B, s *store.Store, day study.Day) {
	b.Helper()
	push := bot.Push{Cohort: "all", Day: day, DueAt: instant, Deadline: instant.Add(time.Hour)}
	lesson := study.LessonRef{Course: content.Ref{Course: "c1", Version: "0123456789abcdef"}, Lesson: "l1"}
	written := 0
	for after := study.EnrolmentID(0); ; {
		page, err := s.DueEnrolments(b.Context(), time.Now(), "all", day, after, 2000)
		if err != nil {
			b.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		planned := make([]bot.PlannedDelivery, len(page))
		for i, d := range page {
			after = d.Enrolment.ID
			planned[i] = bot.PlannedDelivery{Enrolment: after, Learner: d.Enrolment.Learner, Lesson: lesson, Decision: delivery.Decision{Rung: delivery.RungPull, Why: delivery.WhyNotBound}}
		}
		n, err := s.FirePush(b.Context(), instant, push, planned)
		if err != nil {
			b.Fatal(err)
		}
		written += n
	}
	if written != crowdSize {
		b.Fatalf("%d of %d were written", written, crowdSize)
	}
}
