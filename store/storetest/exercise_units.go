package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// unitRow is a row of a file of units.
func unitRow(row int, code, name string) people.UnitRow {
	full, _ := people.ParseOrgCode(code)
	return people.UnitRow{File: "units.csv", Row: row, Code: full, Name: name}
}

// smallTree are two counties with three townships and the villages of most cases.
func smallTree() []people.UnitRow {
	var rows []people.UnitRow
	for i, x := range [][2]string{
		{"53", "云南省"}, {"5301", "昆明市"}, {"530112", "西山区"}, {"530113", "东川区"}, {"530112001", "马街镇"}, {"530112002", "海口镇"}, {"530113001", "马街镇"},
		{"530112001201", "新村村民委员会"}, {"530112001202", "大河村民委员会"}, {"530112002201", "新村村民委员会"}, {"530113001201", "新村村民委员会"},
	} {
		rows = append(rows, unitRow(i+2, x[0], x[1]))
	}
	return rows
}

// plant imports units and wants no problem.
func (b *bundle) plant(in people.UnitImport) people.UnitReport {
	b.t.Helper()
	r, err := b.s.ImportUnits(b.t.Context(), start, "tester", "units.csv", in, 0, 5, false)
	if err != nil || len(r.Problems) > 0 {
		b.t.Fatalf("ImportUnits: %v, %v", err, r.Problems)
	}
	return r
}

// change does an act as everybody, and wants it done.
func (b *bundle) change(now time.Time, o people.UnitOrder) people.UnitReport {
	b.t.Helper()
	r, err := b.s.ChangeUnit(b.t.Context(), now, "tester", people.Everyone(), o)
	if err != nil {
		b.t.Fatalf("ChangeUnit %+v: %v", o, err)
	}
	return r
}

func kindsOf(r people.UnitReport) string {
	var out []string
	for _, k := range []people.UnitChangeKind{people.UnitNew, people.UnitRenamed, people.UnitMerged, people.UnitMoved, people.UnitEnded} {
		if n := r.Count(k); n > 0 {
			out = append(out, fmt.Sprintf("%s %d", k, n))
		}
	}
	return strings.Join(out, ", ")
}

// where is where somebody was on a day, in words.
func (b *bundle) where(id people.LearnerID, day string) string {
	b.t.Helper()
	w, err := b.s.WhereWas(b.t.Context(), people.Everyone(), id, day)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(w.Unit) + " " + w.UnitName
}

func (b *bundle) inOrder() {
	b.t.Helper()
	list, err := b.s.CheckUnits(b.t.Context())
	for _, p := range list {
		if err != nil || p.Kind != people.UnitNamesake && p.Kind != people.UnitEmpty {
			b.t.Errorf("%+v, %v", p, err)
		}
	}
}

// here is somebody on the roster of the small tree.
func here(code people.OrgCode, name, bindCode string) people.RosterRow {
	return people.RosterRow{Unit: code, Name: name, Category: "村干部", Code: bindCode}
}

// aged moves the day on which everybody came back, so that days before today are theirs.
func (b *bundle) aged() {
	b.exec("UPDATE learners SET created_at = ?", start.AddDate(-1, 0, 0).UnixMilli())
}

func (b *bundle) learnerOf(name string) people.LearnerID {
	b.t.Helper()
	return people.LearnerID(b.number("SELECT id FROM learners WHERE name = ?", name))
}

var unitCases = map[string]func(*testing.T, *bundle){
	"a tree is read in once, and what is wrong is told by row": func(t *testing.T, b *bundle) {
		rows := smallTree()
		dry, err := b.s.ImportUnits(t.Context(), start, "tester", "units.csv", people.UnitImport{Rows: rows}, 0, 5, true)
		if err != nil || kindsOf(dry) != "new 11" {
			t.Errorf("%v %v", kindsOf(dry), err)
		}
		b.want(nil, "SELECT code FROM org_units")
		b.acts(0)
		if r := b.plant(people.UnitImport{Rows: rows}); kindsOf(r) != "new 11" || r.Unchanged != 0 {
			t.Error(kindsOf(r), r.Unchanged)
		}
		b.acts(1)
		b.want([]string{"tester|units.import|file units.csv"}, "SELECT actor, action, object FROM audit")
		b.want([]string{"昆明市·西山区·马街镇·新村村民委员会"}, "SELECT full_name FROM org_units WHERE code = ?", string(village1))
		if r := b.plant(people.UnitImport{Rows: rows}); kindsOf(r) != "" || r.Unchanged != 11 {
			t.Error(kindsOf(r), r.Unchanged)
		}
		b.acts(1)
		bad := append(slices.Clone(rows), unitRow(20, "530199001", "无根镇"), unitRow(21, "530112003", "碧鸡镇"))
		r, err := b.s.ImportUnits(t.Context(), start, "tester", "units.csv", people.UnitImport{Rows: bad}, 0, 50, false)
		if err != nil || kindsOf(r) != "new 1" || len(r.Problems) != 1 || r.Problems[0].Row != 20 || r.Problems[0].Column != "代码" || r.Problems[0].Key != "units.no_parent" {
			t.Errorf("%s, %v, %v", kindsOf(r), r.Problems, err)
		}
		_, err = b.s.ImportUnits(t.Context(), start, "tester", "units.csv", people.UnitImport{Rows: append(bad, unitRow(22, "530112004", "团结镇"))}, 0, 5, false)
		wantFault(t, err, fault.Invalid, "roster.too_many_bad")
		b.want([]string{"0"}, "SELECT COUNT(*) FROM org_units WHERE code = '530112004000'")
		b.inOrder()
	},
	"a renamed unit keeps its people, and tells how it was called": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		b.enrolled("spring", here(village1, "李一", "AAAA"))
		b.aged()
		id := b.learnerOf("李一")
		r := b.change(start, people.UnitOrder{Kind: people.UnitRenamed, Code: "530112001000", Name: "碧鸡 街道", Day: "2026/1/10", Document: "云政复〔2026〕1号"})
		if kindsOf(r) != "renamed 1" {
			t.Error(kindsOf(r))
		}
		b.want([]string{"碧鸡街道|昆明市·西山区·碧鸡街道|2026-01-10"}, "SELECT name, full_name, named_from FROM org_units WHERE code = '530112001000'")
		b.want([]string{"renamed|马街镇|昆明市·西山区·马街镇|2026-01-10|云政复〔2026〕1号|tester"}, "SELECT kind, name, full_name, day, document, actor FROM org_changes")
		for day, want := range map[string]string{"2026-01-09": "昆明市·西山区·马街镇·新村村民委员会", "2026-01-10": "昆明市·西山区·碧鸡街道·新村村民委员会", "2026-03-02": "昆明市·西山区·碧鸡街道·新村村民委员会", "2024-01-01": ""} {
			want = string(village1) + " " + want
			if day == "2024-01-01" {
				want = " " // was not on the roster
			}
			if got := b.where(id, day); got != want {
				t.Errorf("%s: %q, want %q", day, got, want)
			}
		}
		if _, err := b.s.ChangeUnit(t.Context(), start, "x", people.Everyone(), people.UnitOrder{Kind: people.UnitRenamed, Code: "530112001000", Name: "马街乡", Day: "2026-01-09"}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("before the name it has: %v", err)
		}
		_, err := b.s.ChangeUnit(t.Context(), start, "x", people.Everyone(), people.UnitOrder{Kind: people.UnitRenamed, Code: "530112001000", Name: "马街乡", Day: "2026-03-03"})
		wantFault(t, err, fault.Invalid, "units.day_future")
		// Binding by the old name finds the row.
		got := b.load(typed("1", "o1"), needs(conversation.Needs{Name: "李一"})).Facts.Candidates
		if len(got) != 1 || people.MatchUnit("马街镇新村村委会", got[0].Learner.UnitName, got[0].Former) != people.UnitLoose || people.MatchUnitName("马街镇新村村委会", got[0].Learner.UnitName) != people.UnitNo {
			t.Errorf("%+v", got)
		}
		b.acts(4) // units, class, roster, rename
	},
	"a merged township takes its villages and people along, with their history": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		_, ids := b.enrolled("spring", here(village1, "李一", "AAAA"), here("530112001000", "赵镇长", "CCCC"), here("530112002201", "王二", "AAAA"), here(village2, "张三", "EEEE"))
		b.apply(people.RosterResult{New: 1}, "", here("530112002000", "赵镇长", "CCCC")) // a namesake with the same code, over there
		b.aged()
		before := b.number("SELECT COUNT(*) FROM learners")
		trainer := bot.Trainer{Learner: ids[0], Scope: over("530112001000")}
		if err := b.s.PutTrainer(t.Context(), start, "tester", trainer); err != nil {
			t.Fatal(err)
		}
		if _, err := b.s.AddFinding(t.Context(), start, "tester", people.Everyone(), study.Finding{Source: "巡察", Document: "1号", Found: startDay, Unit: village1, Problem: "x"}); err != nil {
			t.Fatal(err)
		}
		o := people.UnitOrder{Kind: people.UnitMerged, Code: "530112001000", Into: "530112002000", Day: "2026-02-01", DryRun: true}
		dry := b.change(start, o)
		b.want([]string{"0"}, "SELECT COUNT(*) FROM org_units WHERE valid_to <> ''")
		o.DryRun = false
		r := b.change(start, o)
		if diff := cmp.Diff(dry, r); diff != "" {
			t.Errorf("a dry run says what is done (-dry +done):\n%s", diff)
		}
		if kindsOf(r) != "merged 1, moved 2" || r.People != 3 || len(r.Recoded) != 1 || r.Recoded[0].Name != "赵镇长" || r.Pointing != (people.UnitPointers{Trainers: 1}) {
			t.Errorf("%s %+v", kindsOf(r), r)
		}
		b.want([]string{
			"530112001000|2026-01-31|530112002000", "530112001201|2026-01-31|530112002202", "530112001202|2026-01-31|530112002203",
		}, "SELECT code, valid_to, into_code FROM org_units WHERE valid_to <> '' ORDER BY code")
		b.want([]string{
			"530112002000|赵镇长|CCCC", "530112002000|赵镇长|CCCCX2", "530112002201|王二|AAAA", "530112002202|李一|AAAA", "530112002203|张三|EEEE",
		}, "SELECT unit_code, name, bind_code FROM learners ORDER BY unit_code, name, bind_code")
		if n := b.number("SELECT COUNT(*) FROM learners"); n != before {
			t.Errorf("%d people, had %d", n, before)
		}
		b.want([]string{"530112002202"}, "SELECT unit_code FROM findings")
		for day, want := range map[string]string{"2026-01-31": "530112001201 昆明市·西山区·马街镇·新村村民委员会", "2026-02-01": "530112002202 昆明市·西山区·海口镇·新村村民委员会"} {
			if got := b.where(ids[0], day); got != want {
				t.Errorf("%s: %s", day, got)
			}
		}
		for day, want := range map[string]string{"2026-01-31": "[{530112001000 昆明市·西山区·马街镇 3} {530112002000 昆明市·西山区·海口镇 2}]", "2026-02-01": "[{530112002000 昆明市·西山区·海口镇 5}]"} {
			counts, err := b.s.UnitCounts(t.Context(), people.Everyone(), people.LevelTownship, day)
			if got := fmt.Sprint(counts); got != want || err != nil {
				t.Errorf("%s: %s, %v", day, got, err)
			}
		}
		got := b.load(typed("1", "o1"), needs(conversation.Needs{Name: "李一"})).Facts.Candidates
		if len(got) != 1 || people.MatchUnit("马街镇新村", got[0].Learner.UnitName, got[0].Former) < people.UnitLoose {
			t.Errorf("%+v", got)
		}
		// The old codes are no more: a roster with them is refused with the new ones.
		_, err := b.s.ApplyRoster(t.Context(), start, "tester", []people.RosterRow{here(village1, "新人", "ZZZZ")}, "")
		wantFault(t, err, fault.Conflict, "units.row_gone")
		if _, err = b.s.ChangeUnit(t.Context(), start, "x", people.Everyone(), o); fault.CodeOf(err) != fault.Conflict {
			t.Error(err)
		}
		b.inOrder()
	},
	"a moved unit takes scopes, rules and surveys along, and undoing an import finds the way": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		_, ids := b.enrolled("spring", here(village1, "李一", "AAAA"), here(village2, "王二", "BBBB"))
		b.aged()
		moved := here(village2, "李一", "AAAAAA")
		b.exec("UPDATE learners SET bind_code = 'AAAAAA' WHERE id = ?", int64(ids[0]))
		b.apply(people.RosterResult{Moved: 1}, "", moved)
		hash := [32]byte{1}
		for _, err := range []error{
			b.s.PutTrainer(t.Context(), start, "tester", bot.Trainer{Learner: ids[0], Scope: over("530112001000", village3)}),
			b.s.PutAPIKey(t.Context(), start, "tester", hash, bot.Trainer{Name: "k", Scope: over(village1)}, start.AddDate(1, 0, 0)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		b.exec("INSERT INTO enrol_rules (cohort_id, position, prefix, category) VALUES (1, 0, '530112001', '')")
		b.exec("INSERT INTO menu_limits (unit_code, courses) VALUES ('530112001000', '[\"a\"]'), ('530112000000', '[\"b\"]')")
		r := b.change(start, people.UnitOrder{Kind: people.UnitMoved, Code: "530112001000", Into: "530113002000"})
		if kindsOf(r) != "moved 3" || r.People != 2 || !r.Pointing.None() {
			t.Errorf("%s %+v", kindsOf(r), r)
		}
		trainers, err := b.s.Trainers(t.Context())
		if err != nil || !slices.Equal(trainers[0].Scope.Units, []people.OrgCode{"530113002000", village3}) {
			t.Error(trainers, err)
		}
		if key, err := b.s.APIKey(t.Context(), start, hash); err != nil || !slices.Equal(key.Scope.Units, []people.OrgCode{"530113002201"}) {
			t.Error(key, err)
		}
		b.want([]string{"530113002"}, "SELECT prefix FROM enrol_rules")
		b.want([]string{"530112000000|[\"b\"]", "530113002000|[\"a\"]"}, "SELECT unit_code, courses FROM menu_limits ORDER BY unit_code")
		if got := b.where(ids[0], "2026-03-01"); got != "530112001201 昆明市·西山区·马街镇·新村村民委员会" {
			t.Error(got)
		}
		if got := b.where(ids[0], "2026-03-02"); got != "530113002202 昆明市·东川区·马街镇·大河村民委员会" {
			t.Error(got)
		}
		if _, err := b.s.UndoRoster(t.Context(), start, "tester", people.Everyone()); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"530113002201|李一"}, "SELECT unit_code, name FROM learners WHERE id = ?", int64(ids[0]))
		b.inOrder()
	},
	"nobody is left behind in a unit that ends": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		b.enrolled("spring", here(village3, "李一", "AAAA"))
		_, err := b.s.ChangeUnit(t.Context(), start, "tester", people.Everyone(), people.UnitOrder{Kind: people.UnitEnded, Code: county113})
		wantFault(t, err, fault.Conflict, "units.end_staffed")
		full := slices.DeleteFunc(smallTree(), func(r people.UnitRow) bool { return county113.Contains(r.Code) })
		r, err := b.s.ImportUnits(t.Context(), start, "tester", "units.csv", people.UnitImport{Rows: full, Full: "530100000000"}, 0, 5, false)
		wantFault(t, err, fault.Conflict, "units.end_staffed")
		if len(r.Blocked) == 0 {
			t.Error("nothing is told")
		}
		b.want([]string{"0"}, "SELECT COUNT(*) FROM org_units WHERE valid_to <> ''")
		if r := b.change(start, people.UnitOrder{Kind: people.UnitEnded, Code: "530112002000", Day: "2026-03-01"}); kindsOf(r) != "ended 2" {
			t.Error(kindsOf(r))
		}
		b.want([]string{"530112002000|2026-02-28|", "530112002201|2026-02-28|"}, "SELECT code, valid_to, into_code FROM org_units WHERE valid_to <> '' ORDER BY code")
		b.inOrder()
	},
	"a full file finds units again under new codes, and its export changes nothing": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		_, ids := b.enrolled("spring", here(village1, "李一", "AAAA"))
		b.aged()
		var rows []people.UnitRow
		for _, r := range smallTree() {
			switch code := string(r.Code); {
			case strings.HasPrefix(code, "530112001"): // the township went to the other county, the villages got other numbers there
				r.Code = people.OrgCode(strings.Replace(strings.Replace(code, "530112001", "530113009", 1), "20", "30", 1))
			case code == "530112002201":
				continue // merged, as its row below says
			}
			rows = append(rows, r)
		}
		rows[len(rows)-1].Name = "小新村村民委员会" // 530113001201
		gone := unitRow(30, "530112002201", "新村村民委员会")
		gone.To, gone.Into = "2026-01-31", "530112002202"
		rows = append(rows, unitRow(31, "530112002202", "合并村民委员会"), gone)
		in := people.UnitImport{Rows: rows, Full: "530100000000", Day: "2026-02-15"}
		if r := b.plant(in); kindsOf(r) != "renamed 1, moved 4" || r.People != 1 {
			t.Errorf("%s %+v", kindsOf(r), r.Changes)
		}
		if got := b.where(ids[0], "2026-02-15"); got != "530113009301 昆明市·东川区·马街镇·新村村民委员会" {
			t.Error(got)
		}
		if got := b.where(ids[0], "2026-02-14"); got != "530112001201 昆明市·西山区·马街镇·新村村民委员会" {
			t.Error(got)
		}
		if r := b.plant(in); kindsOf(r) != "" {
			t.Errorf("again: %s %+v", kindsOf(r), r.Changes)
		}
		acts := b.number("SELECT COUNT(*) FROM audit")
		list, err := b.s.ExportUnits(t.Context(), people.Everyone())
		if err != nil {
			t.Fatal(err)
		}
		var out []people.UnitRow
		for i, u := range list {
			out = append(out, people.UnitRow{Row: i + 2, Code: u.Code, Name: u.Name, From: u.From, To: u.To, Into: u.Into})
		}
		for _, full := range []people.OrgCode{"", "530000000000"} {
			if r := b.plant(people.UnitImport{Rows: out, Full: full}); kindsOf(r) != "" || r.Unchanged != len(list) {
				t.Errorf("the export: %s, %d of %d unchanged", kindsOf(r), r.Unchanged, len(list))
			}
		}
		if n := b.number("SELECT COUNT(*) FROM audit"); n != acts {
			t.Errorf("%d acts, had %d", n, acts)
		}
		b.inOrder()
	},
	"names are as short as they may be within the scope, and old ones are found": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		names := func(scope people.Scope, q people.UnitQuery) string {
			list, err := b.s.Units(t.Context(), scope, q)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, u := range list {
				out = append(out, u.Short+strings.TrimSuffix("<"+u.Former, "<"))
			}
			return strings.Join(out, " ")
		}
		for _, c := range []struct {
			scope people.Scope
			q     people.UnitQuery
			want  string
		}{
			{people.Everyone(), people.UnitQuery{Text: "新村"}, "西山区·马街镇·新村村民委员会 海口镇·新村村民委员会 东川区·马街镇·新村村民委员会"},
			{over(county112), people.UnitQuery{Text: "新村"}, "马街镇·新村村民委员会 海口镇·新村村民委员会"},
			{over("530112001000"), people.UnitQuery{Text: "新村"}, "新村村民委员会"},
			{people.Everyone(), people.UnitQuery{Text: "马街镇"}, "西山区·马街镇 东川区·马街镇"},
			{people.Everyone(), people.UnitQuery{Text: "西山区新村村委会"}, "西山区·马街镇·新村村民委员会 海口镇·新村村民委员会"},
			{people.Everyone(), people.UnitQuery{Text: "西山区马街镇新村村委会"}, "西山区·马街镇·新村村民委员会"},
			{people.Everyone(), people.UnitQuery{Text: "西山 新村"}, "西山区·马街镇·新村村民委员会 海口镇·新村村民委员会"},
			{people.Everyone(), people.UnitQuery{Text: "530113"}, "东川区 东川区·马街镇 东川区·马街镇·新村村民委员会"},
			{people.Everyone(), people.UnitQuery{Text: "100%"}, ""},
			{people.Everyone(), people.UnitQuery{Below: county112}, "西山区·马街镇 海口镇"},
			{people.Everyone(), people.UnitQuery{}, "云南省"},
			{over(county112), people.UnitQuery{}, "西山区"},
			{people.Scope{}, people.UnitQuery{}, ""},
		} {
			if got := names(c.scope, c.q); got != c.want {
				t.Errorf("%v %+v: %s, want %s", c.scope, c.q, got, c.want)
			}
		}
		b.change(start, people.UnitOrder{Kind: people.UnitRenamed, Code: "530112002000", Name: "滨海街道"})
		b.change(start, people.UnitOrder{Kind: people.UnitMerged, Code: "530112001202", Into: "530112001201"})
		for q, want := range map[string]string{"海口镇": "滨海街道<昆明市·西山区·海口镇", "大河": "西山区·马街镇·新村村民委员会<昆明市·西山区·马街镇·大河村民委员会"} {
			if got := names(people.Everyone(), people.UnitQuery{Text: q}); got != want {
				t.Errorf("%s: %s, want %s", q, got, want)
			}
		}
		// A trainer types the old name.
		_, ids := b.enrolled("spring", here(village1, "李一", "AAAA"))
		if err := b.s.PutTrainer(t.Context(), start, "tester", bot.Trainer{Learner: ids[0], Scope: over(county112)}); err != nil {
			t.Fatal(err)
		}
		b.done(start, typed("1", "o1"), conversationBind(ids[0]))
		units := b.load(typed("2", "o1"), needs(conversation.Needs{Trainer: true, Unit: "海口镇"})).Facts.Units
		if len(units) != 1 || units[0].Code != "530112002000" || units[0].Name != "滨海街道" {
			t.Errorf("%+v", units)
		}
		life, err := b.s.UnitLife(t.Context(), over(county112), "530112001202")
		if err != nil || life.To != "2026-03-01" || life.Into != village1 || len(life.Above) != 4 || len(life.Events) != 1 || life.Events[0].Kind != people.UnitMerged {
			t.Errorf("%+v, %v", life, err)
		}
		_, err = b.s.UnitLife(t.Context(), over(county113), "530112001202")
		wantFault(t, err, fault.NotFound, "units.unseen")
	},
	"a roster does not take names apart that the tree has": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		row := here(village1, "李一", "AAAA")
		row.Units = []people.OrgUnit{{Code: "530112001000", Name: "马街镇"}, {Code: village1, Name: "新村村委会", Full: "马街镇·新村村委会"}}
		b.apply(people.RosterResult{New: 1}, "", row)
		b.want([]string{"新村村民委员会|昆明市·西山区·马街镇·新村村民委员会"}, "SELECT name, full_name FROM org_units WHERE code = ?", string(village1))
		row.Units[1].Name = "新社区"
		b.apply(people.RosterResult{Unchanged: 1, Units: 1}, "", row)
		b.want([]string{"新社区|昆明市·西山区·马街镇·新社区"}, "SELECT name, full_name FROM org_units WHERE code = ?", string(village1))
		b.want([]string{"renamed|新村村民委员会|roster 2"}, "SELECT kind, name, actor FROM org_changes")
	},
	"who looks after the unit above may change a unit, and nobody else": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		for _, c := range []struct {
			scope people.Scope
			o     people.UnitOrder
			may   bool
		}{
			{people.Scope{}, people.UnitOrder{Kind: people.UnitRenamed, Code: village1, Name: "甲村"}, false},
			{over(village1), people.UnitOrder{Kind: people.UnitRenamed, Code: village1, Name: "甲村"}, false},
			{over("530112002000"), people.UnitOrder{Kind: people.UnitRenamed, Code: village1, Name: "甲村"}, false},
			{over("530112001000"), people.UnitOrder{Kind: people.UnitRenamed, Code: village1, Name: "甲村"}, true},
			{over("530112001000"), people.UnitOrder{Kind: people.UnitMerged, Code: village1, Into: "530112002201"}, false},
			{over(county112), people.UnitOrder{Kind: people.UnitMoved, Code: village1, Into: "530113001209"}, false},
			{over(county112), people.UnitOrder{Kind: people.UnitMerged, Code: village1, Into: "530112002201"}, true},
			{over("530000000000"), people.UnitOrder{Kind: people.UnitRenamed, Code: "530000000000", Name: "彩云省"}, false},
			{people.Everyone(), people.UnitOrder{Kind: people.UnitRenamed, Code: "530000000000", Name: "彩云省"}, true},
		} {
			before := b.rows("SELECT code, name, valid_to FROM org_units ORDER BY code")
			_, err := b.s.ChangeUnit(t.Context(), start, "x", c.scope, c.o)
			changed := !slices.Equal(before, b.rows("SELECT code, name, valid_to FROM org_units ORDER BY code"))
			if (err == nil) != c.may || changed != c.may {
				t.Errorf("%v %+v: %v, changed %v", c.scope, c.o, err, changed)
			}
			if !c.may && fault.CodeOf(err) != fault.NotFound {
				t.Errorf("%v %+v: %v tells that it is there", c.scope, c.o, err)
			}
		}
	},
	"acts at the same time go one after the other": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		names := []string{"甲镇", "乙镇", "丙镇", "丁镇", "戊镇", "己镇"}
		failed := make(chan error, len(names))
		for _, name := range names {
			go func() {
				_, err := b.s.ChangeUnit(t.Context(), start, "tester", people.Everyone(), people.UnitOrder{Kind: people.UnitRenamed, Code: "530112001000", Name: name})
				failed <- err
			}()
		}
		for range names {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		was := append(b.rows("SELECT name FROM org_changes ORDER BY id"), b.rows("SELECT name FROM org_units WHERE code = '530112001000'")...)
		if want := append([]string{"马街镇"}, names...); was[0] != want[0] || len(was) != len(want) {
			t.Fatalf("%v", was)
		}
		slices.Sort(was[1:])
		slices.Sort(names)
		if diff := cmp.Diff(names, was[1:]); diff != "" {
			t.Errorf("each had the name that the one before gave:\n%s", diff)
		}
		b.acts(1 + len(names))
	},
	"a random walk over the acts: what was written down each day is what is answered": func(t *testing.T, b *bundle) {
		b.plant(people.UnitImport{Rows: smallTree()})
		rows := []people.RosterRow{here("530112000000", "县干部", "A")}
		for i, c := range []people.OrgCode{village1, village1, village2, "530112002201", village3, "530112001000", "530113001000"} {
			rows = append(rows, here(c, []string{"赵甲", "钱乙", "孙丙", "李丁", "周戊", "吴己", "赵甲"}[i], "A"))
		}
		b.apply(people.RosterResult{New: len(rows)}, "", rows...)
		b.aged()
		var ids []people.LearnerID
		for _, row := range b.rows("SELECT id FROM learners ORDER BY id") {
			var id people.LearnerID
			if _, err := fmt.Sscan(row, &id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		walkUnits(t, b, ids)
	},
}

// walkUnits does acts at random and holds every day's answer against what was written down.
func walkUnits(t *testing.T, b *bundle, ids []people.LearnerID) {
	t.Helper()
	written := map[string]map[people.LearnerID]string{}
	now := start
	note := func() {
		at := map[people.LearnerID]string{}
		for _, id := range ids {
			at[id] = strings.Join(b.rows("SELECT l.unit_code, u.full_name FROM learners l JOIN org_units u ON u.code = l.unit_code AND u.valid_to = '' WHERE l.id = ?", int64(id)), "")
		}
		written[string(study.DayOf(now))] = at
	}
	note()
	draw := rapid.Custom(func(t *rapid.T) []int { return rapid.SliceOfN(rapid.IntRange(0, 1<<20), 4, 4).Draw(t, "dice") })
	done := 0
	for step := range 30 {
		dice := draw.Example(step)
		now = now.AddDate(0, 0, dice[3]%2)
		list, err := b.s.ExportUnits(t.Context(), people.Everyone())
		if err != nil {
			t.Fatal(err)
		}
		living := slices.DeleteFunc(list, func(u people.Unit) bool { return !u.Living() })
		u := living[dice[0]%len(living)]
		same := slices.DeleteFunc(slices.Clone(living), func(x people.Unit) bool { return x.Code.Level() != u.Code.Level() })
		o := people.UnitOrder{Code: u.Code, Into: same[dice[1]%len(same)].Code}
		switch dice[2] % 4 {
		case 0:
			o.Kind, o.Name, o.Into = people.UnitRenamed, []string{"红旗", "团结", "前进"}[dice[1]%3], ""
		case 1:
			o.Kind = people.UnitMerged
		case 2:
			o.Kind = people.UnitMoved
			d := o.Code.Level().Digits()
			o.Into, _ = people.ParseOrgCode(string(o.Into[:d-2]) + fmt.Sprintf("%02d", dice[1]%90+10))
		default:
			o.Kind, o.Into = people.UnitEnded, ""
		}
		if _, err := b.s.ChangeUnit(t.Context(), now, "tester", people.Everyone(), o); err == nil {
			done++
		} else if fault.CodeOf(err) == fault.Internal {
			t.Fatalf("%+v: %v", o, err)
		}
		note()
		b.inOrder()
	}
	if done < 8 {
		t.Errorf("only %d acts were done", done)
	}
	for _, day := range slices.Sorted(maps.Keys(written)) {
		for id, want := range written[day] {
			if got := strings.Replace(b.where(id, day), " ", "|", 1); got != want {
				t.Errorf("%d on %s: %s, want %s", id, day, got, want)
			}
		}
	}
}
