package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	who "github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// Everybody on the roster gets one phone with an open window, once.
func TestACrowdIsBoundOnAnEmptyDatabaseOnly(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": storetest.MigratedSQLite, "mariadb": storetest.MigratedMariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(t.Context(), store.Options{DSN: dsn(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			cohort := study.Cohort{Code: "all", Name: "全员班", Courses: []string{"c1"}, Schedule: study.Schedule{Start: "2026-01-01", Hour: "08:00", WorkingDays: true}}
			if _, err := s.ApplyCohort(t.Context(), instant, "test", cohort); err != nil {
				t.Fatal(err)
			}
			rows := make([]who.RosterRow, 4500)
			for i := range rows {
				unit := who.OrgCode(fmt.Sprintf("530112001%03d", 201+i/50))
				rows[i] = who.RosterRow{Unit: unit, Units: []who.OrgUnit{{Code: unit, Name: "村"}}, Name: fmt.Sprint("学员", i), Category: "村干部", Code: "AAAA"}
			}
			if _, err := s.ApplyRoster(t.Context(), instant, "test", rows, "all"); err != nil {
				t.Fatal(err)
			}
			external := func(n int) string { return fmt.Sprintf("oC_%025d", n) }
			if n, err := s.BindCrowd(t.Context(), instant, "wechat", "default", external); err != nil || n != len(rows) {
				t.Fatalf("%d bound, %v", n, err)
			}
			due, err := s.DueEnrolments(t.Context(), instant, "all", "2026-03-02", 0, 10_000)
			if err != nil || len(due) != len(rows) {
				t.Fatalf("%d recipients, %v", len(due), err)
			}
			for _, d := range due {
				if !d.Facts.Bound || !d.Facts.Following || !d.Facts.TypedAt.Equal(instant.Truncate(time.Millisecond)) || d.Facts.SentSince != 0 {
					t.Fatalf("facts: %+v", d.Facts)
				}
			}
			if _, err := s.BindCrowd(t.Context(), instant, "wechat", "default", external); err == nil || !strings.Contains(err.Error(), "phones already") {
				t.Errorf("a second crowd: %v", err)
			}
		})
	}
}

// A scratch database is another one than the one that is named, and goes away.
func TestAScratchDatabase(t *testing.T) {
	t.Parallel()
	dsn := mariaDB(t)
	scratch, drop, err := store.Scratch(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	if scratch == dsn || !strings.Contains(scratch, "/tiangeng_scratch_") {
		t.Error("it is not another database")
	}
	s, err := store.Open(t.Context(), store.Options{DSN: scratch})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(t.Context(), store.Options{DSN: scratch}); err == nil {
		t.Error("it is still there")
		_ = s.Close()
	}
	if _, _, err := store.Scratch(t.Context(), sqlite(t)); err == nil {
		t.Error("a SQLite file has no server")
	}
}
