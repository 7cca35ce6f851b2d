package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

func elsewhere(row int, who people.LearnerID, number string, hours study.StudyHours) study.RecordRow {
	return study.RecordRow{Row: row, Record: study.Record{Learner: who, Source: "云岭先锋", Number: number, Title: "乡村振兴", Hours: hours, Day: "2026-02-01"}}
}

// records imports and wants a result.
func (b *bundle) records(scope people.Scope, in store.RecordImport, want string, problems ...string) store.RecordResult {
	b.t.Helper()
	if in.SaidBy == "" {
		in.SaidBy, in.Evidence = "县委组织部", "组通〔2026〕5号"
	}
	in.Today, in.File = startDay, "x.csv"
	if in.BadPercent == 0 {
		in.BadPercent = 100
	}
	r, err := b.s.ImportRecords(b.t.Context(), start, "cli:test", scope, in)
	if err != nil {
		b.t.Fatal(err)
	}
	if got := fmt.Sprintf("new %d same %d rejected %d", r.New, r.Same, r.Rejected); got != want || r.New+r.Same+r.Rejected != len(in.Rows)+in.Rejected {
		b.t.Errorf("%s, want %s", got, want)
	}
	var said []string
	for _, p := range r.Problems {
		said = append(said, fmt.Sprint(p.Row, p.Column, " ", p.Key))
	}
	if diff := cmp.Diff(problems, said); diff != "" {
		b.t.Error(diff)
	}
	return r
}

var recordCases = map[string]func(*testing.T, *bundle){
	"records are credited once, and undone": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲", "AAAA"), person(village2, "乙", "BBBB"))
		all := people.Everyone()
		in := store.RecordImport{Rows: []study.RecordRow{elsewhere(2, ids[0], "1", 150), elsewhere(3, ids[1], "2", 50)}}
		dry := in
		dry.DryRun = true
		b.records(all, dry, "new 2 same 0 rejected 0")
		b.want(nil, "SELECT id FROM records")
		first := b.records(all, in, "new 2 same 0 rejected 0")
		if r := b.records(all, in, "new 0 same 2 rejected 0"); r.Batch != 0 {
			t.Error("an import of nothing has a number")
		}
		b.want([]string{"50|record", "150|record"}, "SELECT hundredths, source_kind FROM ledger ORDER BY hundredths")
		b.want([]string{"县委组织部|组通〔2026〕5号|x.csv|2|cli:test"}, "SELECT said_by, evidence, file, records, actor FROM record_batches")
		b.want([]string{"record.import|batch 1|new 2, same 0, rejected 0, vouched for by 县委组织部"}, "SELECT action, object, result FROM audit WHERE action = 'record.import'")
		b.agrees()
		changed := in
		changed.Rows = []study.RecordRow{elsewhere(2, ids[0], "1", 200), elsewhere(3, ids[1], "9", 25), elsewhere(4, ids[1], "9", 25)}
		b.records(all, changed, "new 1 same 0 rejected 2", "2记录编号 ledger.record_other", "4记录编号 ledger.record_again")
		if n, err := b.s.UndoRecords(t.Context(), start, "cli:test", all, first.Batch, "登记错了"); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := b.s.UndoRecords(t.Context(), start, "cli:test", all, first.Batch, "登记错了"); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		b.want([]string{"25"}, "SELECT SUM(hundredths) FROM ledger")
		b.agrees()
		b.records(all, store.RecordImport{Rows: changed.Rows[:1]}, "new 1 same 0 rejected 0")
		b.want([]string{"225"}, "SELECT SUM(hundredths) FROM ledger")
		b.agrees()
		list, err := b.s.RecordBatches(t.Context(), all)
		if err != nil || len(list) != 3 || list[2].Why != "登记错了" || list[2].Records != 0 || list[0].Records != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		refused(t, fault.Invalid, "ledger.record_unproven", func() error {
			_, err := b.s.ImportRecords(t.Context(), start, "x", all, store.RecordImport{SaidBy: "甲", Evidence: " "})
			return err
		})
		refused(t, fault.Invalid, "class.reason_bad", func() error {
			_, err := b.s.UndoRecords(t.Context(), start, "x", all, 1, " ")
			return err
		})
	},
	"who is meant is found by number, or by name and unit, within the scope": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲", "AAAA"), person(village3, "丙", "CCCC"))
		b.apply(people.RosterResult{New: 2}, "", person(village1, "重名", "DDDD"), person(village1, "重名", "EEEE"))
		named := func(row int, unit people.OrgCode, name string) study.RecordRow {
			r := elsewhere(row, 0, fmt.Sprint("n", row), 100)
			r.Unit, r.Name = unit, name
			return r
		}
		bad := elsewhere(9, ids[0], "late", 100)
		bad.Day = startDay.Add(1)
		rows := []study.RecordRow{
			elsewhere(2, ids[0], "1", 100), elsewhere(3, ids[1], "2", 100), elsewhere(4, 999, "3", 100), named(5, village1, "甲"), named(6, village1, "重名"), named(7, village2, "甲"), named(8, village3, "丙"), bad,
		}
		near := people.Scope{Units: []people.OrgCode{"530112000000"}}
		b.records(near, store.RecordImport{Rows: rows}, "new 2 same 0 rejected 6", "3学员编号 announce.number_unknown", "4学员编号 announce.number_unknown",
			"6姓名 announce.name_twice", "7姓名 announce.name_unknown", "8姓名 announce.name_unknown", "9日期 ledger.record_day")
		b.records(people.Scope{}, store.RecordImport{Rows: rows[:2]}, "new 0 same 0 rejected 2", "2学员编号 announce.number_unknown", "3学员编号 announce.number_unknown")
		refused(t, fault.Invalid, "roster.too_many_bad", func() error {
			_, err := b.s.ImportRecords(t.Context(), start, "x", near, store.RecordImport{SaidBy: "a", Evidence: "b", Rows: rows[2:], Today: startDay, BadPercent: 5})
			return err
		})
		far := b.records(people.Everyone(), store.RecordImport{Rows: rows[1:2]}, "new 1 same 0 rejected 0")
		// Whoever does not see everybody of an import neither sees nor undoes it.
		for scope, seen := range map[people.OrgCode]int{village1: 1, village3: 1, "530112000000": 1, "530113000000": 1, village2: 0, "530000000000": 2} {
			list, err := b.s.RecordBatches(t.Context(), people.Scope{Units: []people.OrgCode{scope}})
			if err != nil || len(list) != seen {
				t.Errorf("%s: %+v, %v", scope, list, err)
			}
		}
		for _, scope := range []people.Scope{near, {}} {
			refused(t, fault.NotFound, "ledger.no_batch", func() error {
				_, err := b.s.UndoRecords(t.Context(), start, "x", scope, far.Batch, "错")
				return err
			})
		}
		b.agrees()
	},
	"hours start from the roster, by source, with what is missing": func(t *testing.T, b *bundle) {
		_, ids := b.learnt()
		b.apply(people.RosterResult{New: 1}, "", people.RosterRow{Unit: "530113000000", Units: unit("530113000000"), Name: "丁", Code: "DDDD", Category: "乡镇干部"})
		b.records(people.Everyone(), store.RecordImport{Rows: []study.RecordRow{elsewhere(2, ids[0], "1", 150)}}, "new 1 same 0 rejected 0")
		old := elsewhere(2, ids[0], "old", 900)
		old.Day = "2025-12-31"
		b.records(people.Everyone(), store.RecordImport{Rows: []study.RecordRow{old}}, "new 1 same 0 rejected 0")
		targets := study.Targets{{Code: "all", Of: study.TargetAll, Hours: 400}, {Code: "net", Of: study.TargetOnline, Hours: 100, Categories: []string{"村干部"}}}
		lines := func(q store.HoursQuery) (out []string) {
			q.Year, q.Targets = 2026, targets
			for l, err := range b.s.LearnerHours(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				text := l.Learner.Name
				for _, k := range study.SourceKinds() {
					text += " " + l.Hours[k].String()
				}
				for _, g := range l.Gaps {
					text += fmt.Sprintf(" %s %v-%v", g.Target.Code, g.Done, g.Missing)
				}
				out = append(out, text)
			}
			return out
		}
		whole := []string{
			"甲 0.5 0.5 4 1.5 all 6.5-0 net 1-0", "乙 0.5 0 0 0 all 0.5-3.5 net 0.5-0.5", "丁 0 0 0 0 all 0-4", "丙 0 0 4 0 all 4-0 net 0-1",
		}
		if diff := cmp.Diff(whole, lines(store.HoursQuery{Scope: people.Everyone()})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(whole[1:], lines(store.HoursQuery{Scope: people.Everyone(), Short: true})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(whole[2:3], lines(store.HoursQuery{Scope: people.Everyone(), Category: "乡镇干部"})); diff != "" {
			t.Error(diff)
		}
		of := map[string]people.OrgCode{"甲": village1, "乙": village2, "丙": village3, "丁": "530113000000"}
		for _, scope := range [][]people.OrgCode{nil, {village1}, {"530112000000"}, {"530113000000"}, {village1, village3}, {"530112002000"}, {"530000000000"}, {"nonsense"}} {
			s := people.Scope{Units: scope}
			var seen []string
			for _, l := range whole {
				if s.Sees(of[string([]rune(l)[:1])]) {
					seen = append(seen, l)
				}
			}
			if diff := cmp.Diff(seen, lines(store.HoursQuery{Scope: s})); diff != "" {
				t.Errorf("%v: %s", scope, diff)
			}
		}
		list, err := b.s.UnitHours(t.Context(), store.HoursQuery{Scope: people.Everyone(), Year: 2026, Targets: targets}, people.LevelCounty)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]study.UnitHours{
			{Unit: "530112000000", UnitName: "单位5301·单位530112", People: 2, WithGoal: 2, Reached: 1, Hours: 700, Missing: 400},
			{Unit: "530113000000", UnitName: "单位5301·单位530113", People: 2, WithGoal: 2, Reached: 0, Hours: 400, Missing: 500},
		}, list); diff != "" {
			t.Error(diff)
		}
		got := b.load(typed("hours", "o0"), needs(conversation.Needs{Hours: true})).Facts.Hours
		if got != nil {
			t.Errorf("nobody is bound to this phone: %v", got)
		}
		b.done(start.Add(2*time.Hour), typed("bind", "o0"), conversation.Bind{Learner: ids[0]})
		if diff := cmp.Diff(study.Hours{"lesson": 50, "test": 50, "session": 400, "record": 150}, b.load(typed("hours", "o0"), needs(conversation.Needs{Hours: true})).Facts.Hours); diff != "" {
			t.Error(diff)
		}
	},
	"everybody is read, whatever the page": func(t *testing.T, b *bundle) {
		for i := range 23 {
			b.exec(`INSERT INTO learners (id, name, unit_code, bind_code) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
				SELECT ? + i, '同名', ?, ? + i FROM n`, 100*i, fmt.Sprintf("5301120012%02d", i/5), 100*i)
		}
		var ids []int
		for l, err := range b.s.LearnerHours(t.Context(), store.HoursQuery{Scope: people.Everyone(), Year: 2026}) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, int(l.Learner.ID))
		}
		if len(ids) != 2300 || !slices.IsSorted(ids) {
			t.Errorf("%d people", len(ids))
		}
	},
}
