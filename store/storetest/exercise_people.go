package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// apply reads a roster in and wants that result.
func (b *bundle) apply(want people.RosterResult, cohort string, rows ...people.RosterRow) {
	b.t.Helper()
	got, err := b.s.ApplyRoster(b.t.Context(), start, "tester", rows, cohort)
	if err != nil {
		b.t.Fatalf("ApplyRoster: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("ApplyRoster (-want +got):\n%s", diff)
	}
}

func (b *bundle) acts(want int) {
	b.t.Helper()
	if n, err := b.s.VerifyAudit(b.t.Context()); err != nil || n != want {
		b.t.Errorf("VerifyAudit: %d acts, %v; want %d", n, err, want)
	}
}

func (b *bundle) export(scope people.Scope) []people.RosterRow {
	b.t.Helper()
	var rows []people.RosterRow
	for r, err := range b.s.ExportRoster(b.t.Context(), scope) {
		if err != nil {
			b.t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

const roster = "SELECT unit_code, name, category, bind_code FROM learners ORDER BY unit_code, name, bind_code"

var peopleCases = map[string]func(*testing.T, *bundle){
	"a class is made, changed, and left alone": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		c := class("spring", "rules", "water")
		for i, want := range []bool{true, false} {
			if changed, err := b.s.ApplyCohort(ctx, start, "tester", c); changed != want || err != nil {
				t.Errorf("time %d: %v, %v", i, changed, err)
			}
		}
		b.acts(1)
		first := class("another")
		if _, err := b.s.ApplyCohort(ctx, start, "tester", first); err != nil {
			t.Fatal(err)
		}
		c.Name, c.Courses, c.Schedule.WorkingDays, c.Schedule.Weekdays, c.Schedule.End = "新名", []string{"water", "rules", "fire"}, true, nil, ""
		if changed, err := b.s.ApplyCohort(ctx, start.Add(time.Hour), "tester", c); !changed || err != nil {
			t.Error(changed, err)
		}
		got, err := b.s.Cohorts(ctx)
		if diff := cmp.Diff([]study.Cohort{first, c}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		b.acts(3)
	},
	"a class with a course twice is refused and nothing stays": func(t *testing.T, b *bundle) {
		if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class("spring", "rules", "rules")); err == nil {
			t.Error("no error")
		}
		if got, err := b.s.Cohorts(t.Context()); len(got) != 0 || err != nil {
			t.Error(got, err)
		}
		b.acts(0)
	},
	"a roster: new, changed, and the same again is nothing (R1)": func(t *testing.T, b *bundle) {
		rows := []people.RosterRow{person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB")}
		b.apply(people.RosterResult{New: 2, Units: 6}, "", rows...)
		b.acts(1)
		b.apply(people.RosterResult{Unchanged: 2}, "", rows...)
		b.acts(1)
		rows[0].Code, rows[1].Category = "CCCC", "驻村干部"
		rows[1].Units = append([]people.OrgUnit{}, rows[1].Units...)
		rows[1].Units[4].Name = "新村"
		rows = append(rows, person(village2, "张三", "DDDD"))
		rows[2].Units = rows[1].Units
		b.apply(people.RosterResult{New: 1, Changed: 2, Units: 1}, "", rows...)
		b.acts(2)
		b.want([]string{"530112001201|李一|村干部|CCCC", "530112001202|张三|村干部|DDDD", "530112001202|王二|驻村干部|BBBB"}, roster)
		b.want([]string{"新村|单位5301·单位530112·单位530112001·新村"}, "SELECT name, full_name FROM org_units WHERE code = ?", string(village2))
		b.want([]string{"tester|roster.apply"}, "SELECT actor, action FROM audit WHERE id = 2")
	},
	"nobody is taken off, and bound people stay bound": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"))
		b.done(start, typed("1", "o1"), conversationBind(ids[0]))
		b.apply(people.RosterResult{Changed: 1}, "", person(village1, "李一", "NEW1"))
		b.want([]string{fmt.Sprint(ids[0], "|NEW1"), fmt.Sprint(ids[1], "|BBBB")}, "SELECT id, bind_code FROM learners ORDER BY id")
		b.want([]string{fmt.Sprint(ids[0])}, "SELECT learner_id FROM profiles")
	},
	"namesakes are told apart by their codes": func(t *testing.T, b *bundle) {
		one, two := person(village1, "李芳", "AAAA"), person(village1, "李芳", "BBBB")
		b.apply(people.RosterResult{New: 2, Units: 5}, "", one, two)
		two.Category = "村医"
		b.apply(people.RosterResult{Unchanged: 1, Changed: 1}, "", two, one)
		b.apply(people.RosterResult{New: 1}, "", person(village1, "李芳", "CCCC"))
		b.want([]string{"530112001201|李芳|村干部|AAAA", "530112001201|李芳|村医|BBBB", "530112001201|李芳|村干部|CCCC"}, roster)
	},
	"a second person of the name comes while the first keeps the code": func(t *testing.T, b *bundle) {
		one := person(village1, "李芳", "AAAA")
		b.apply(people.RosterResult{New: 1, Units: 5}, "", one)
		b.apply(people.RosterResult{New: 1, Unchanged: 1}, "", person(village1, "李芳", "BBBB"), one)
	},
	"an unknown class refuses the whole roster": func(t *testing.T, b *bundle) {
		_, err := b.s.ApplyRoster(t.Context(), start, "tester", []people.RosterRow{person(village1, "李一", "AAAA")}, "nowhere")
		wantFault(t, err, "not_found", "push.no_cohort")
		b.want(nil, roster)
		b.want(nil, "SELECT code FROM org_units")
		b.acts(0)
	},
	"one bad row refuses the whole roster (R2)": func(t *testing.T, b *bundle) {
		_, err := b.s.ApplyRoster(t.Context(), start, "tester", []people.RosterRow{person(village1, "李一", "AAAA"), person(village1, strings.Repeat("长", 200), "BBBB")}, "")
		if err == nil {
			t.Error("no error")
		}
		b.want(nil, roster)
		b.acts(0)
	},
	"a class gives places once": func(t *testing.T, b *bundle) {
		one, two := person(village1, "李一", "AAAA"), person(village1, "李一", "BBBB")
		b.enrolled("spring")
		b.apply(people.RosterResult{New: 1, Units: 5, Enrolled: 1}, "spring", one)
		b.apply(people.RosterResult{New: 1, Unchanged: 1, Enrolled: 1}, "spring", one, two)
		b.apply(people.RosterResult{Unchanged: 2}, "spring", one, two)
		b.want([]string{"active|2026-03-02|AAAA", "active|2026-03-02|BBBB"},
			"SELECT e.status, e.since, l.bind_code FROM enrolments e JOIN learners l ON l.id = e.learner_id ORDER BY l.bind_code")
	},
	"what is exported can be read in again without a change": func(t *testing.T, b *bundle) {
		var rows []people.RosterRow
		for i := range 40 {
			rows = append(rows, person([]people.OrgCode{village1, village2, village3, "530112000000"}[i%4], fmt.Sprint("学员", i), fmt.Sprintf("C%03d", i)))
		}
		b.apply(people.RosterResult{New: 40, Units: 9}, "", rows...)
		all := b.export(people.Everyone())
		if len(all) != 40 {
			t.Fatalf("%d rows", len(all))
		}
		for i := range all {
			all[i].Row = 0
		}
		b.apply(people.RosterResult{Unchanged: 40}, "", all...)
		b.acts(1)
		if n := len(b.export(people.Scope{})); n != 0 {
			t.Errorf("a scope without units sees %d people", n)
		}
		if n := len(b.export(people.Scope{Units: []people.OrgCode{village1, village3}})); n != 20 {
			t.Errorf("a scope of two villages sees %d people", n)
		}
		for r, err := range b.s.ExportRoster(t.Context(), people.Everyone()) {
			if r.Row != 2 || err != nil { // the consumer may stop
				t.Error(r, err)
			}
			break
		}
	},
	"twelve thousand people go in and stay the same": func(t *testing.T, b *bundle) {
		rows := make([]people.RosterRow, 12000)
		for i := range rows {
			rows[i] = person(village1, fmt.Sprint("学员", i), "C"+fmt.Sprint(i%9))
		}
		b.enrolled("spring")
		b.apply(people.RosterResult{New: len(rows), Units: 5, Enrolled: len(rows)}, "spring", rows...)
		b.apply(people.RosterResult{Unchanged: len(rows)}, "spring", rows...)
	},
	"the audit tells when somebody touched it (L1)": func(t *testing.T, b *bundle) {
		for i := range 4 {
			if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class(fmt.Sprint("c", i), "rules")); err != nil {
				t.Fatal(err)
			}
		}
		b.acts(4)
		broken := func() bool {
			_, err := b.s.VerifyAudit(t.Context())
			return err != nil
		}
		b.exec("UPDATE audit SET actor = 'nobody' WHERE id = 2")
		if !broken() {
			t.Error("a changed act is not noticed")
		}
		b.exec("UPDATE audit SET actor = 'tester' WHERE id = 2")
		b.acts(4)
		b.exec("DELETE FROM audit WHERE id = 4")
		if !broken() {
			t.Error("a missing last act is not noticed")
		}
	},
	"two replicas write the audit at once and the chain holds": func(t *testing.T, b *bundle) {
		other := b.open()
		results := make(chan error, 2)
		for i := range 2 {
			s := b.s
			if i == 1 {
				s = other
			}
			go func() {
				for k := range 15 {
					if _, err := s.ApplyCohort(t.Context(), start, "tester", class(fmt.Sprint("c", i, "-", k), "rules")); err != nil {
						results <- err
						return
					}
				}
				results <- nil
			}()
		}
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		b.acts(30)
	},
}
