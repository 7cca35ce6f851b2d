package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// --status only looks; the migration itself is what changes a database.
func TestMigrationStatusChangesNothing(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	for range 2 {
		if out := o.must("migrate", "-c", o.config, "--status"); !strings.HasPrefix(out, "schema 0 of ") || strings.Contains(out, " 0 pending") {
			t.Errorf("of an empty database: %s", out)
		}
	}
	o.refused(statusFailed, "run tiangeng migrate first", "cohort", "list", "-c", o.config)
	o.must("migrate", "-c", o.config)
	if out := o.must("migrate", "-c", o.config, "--status"); !strings.Contains(out, " 0 pending") {
		t.Errorf("after the migration: %s", out)
	}
}

// A day that is over does not fire late and one to come not early; a forecast writes nothing.
func TestPushOfADayThatIsNotToday(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	write(t, o.path("cohorts.yaml"), "cohorts:\n  - {code: class-1, name: 测试班, courses: [fang-fanpin], start: \"2026-01-01\", hour: \"08:00\", days: [mon]}\n")
	o.setUp()
	write(t, o.path("r.csv"), rosterHead+rosterRow("张三", "A0001"))
	o.must("roster", "import", "-c", o.config, "--cohort", "class-1", o.path("r.csv"))
	type said struct {
		Cohort, Skipped string
		Written         int
	}
	for day, want := range map[string]said{
		"2026-01-05": {"class-1", "expired", 0},
		"2026-01-06": {"class-1", "not_training_day", 0},
		"2025-12-29": {"class-1", "not_training_day", 0}, // before the class began
		"2099-01-05": {"class-1", "not_yet", 0},
	} {
		for _, more := range [][]string{{"--dry-run"}, {}, {}} {
			args := append([]string{"push", "-c", o.config, "--json", "--date", day}, more...)
			var got []said
			if err := json.Unmarshal([]byte(o.must(args...)), &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]said{want}, got); d != "" {
				t.Errorf("%v:\n%s", args, d)
			}
		}
	}
	o.refused(statusFailed, "no-class", "push", "-c", o.config, "--date", "2026-01-05", "--cohort", "no-class")
	o.refused(statusMisused, "--date", "push", "-c", o.config)
}
