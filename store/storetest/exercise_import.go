package storetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// withPhones are everybody on the roster with the keyed hash of their numbers.
const withPhones = `SELECT l.unit_code, l.name, l.category, l.bind_code, COALESCE(t.lookup, '') FROM learners l LEFT JOIN learner_phones t ON t.learner_id = l.id
	WHERE l.left_day = '' ORDER BY l.unit_code, l.name, l.bind_code`

// breakOn makes a statement fail in the middle of whatever does it, as a full disk would; mend takes that back.
func (b *bundle) breakOn(event, table, when string) (mend func()) {
	b.t.Helper()
	if strings.HasPrefix(b.dsn, "mysql") {
		b.exec(fmt.Sprintf("CREATE TRIGGER boom BEFORE %s ON %s FOR EACH ROW IF %s THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'boom'; END IF", event, table, when))
	} else {
		b.exec(fmt.Sprintf("CREATE TRIGGER boom BEFORE %s ON %s WHEN %s BEGIN SELECT RAISE(ABORT, 'boom'); END", event, table, when))
	}
	return func() { b.exec("DROP TRIGGER boom") }
}

// aRoster are n people of four villages with a telephone each.
func aRoster(n, phone int) []people.RosterRow {
	rows := make([]people.RosterRow, n)
	for i := range rows {
		rows[i] = person([]people.OrgCode{village1, village2, village3, "530113001202"}[i%4], string([]rune("赵钱孙李周吴郑王")[i%8])+string([]rune("甲乙丙丁戊己庚辛")[i/8%8]), fmt.Sprintf("CODE%04d", i))
		rows[i].Row, rows[i].Phone = i+2, fmt.Sprintf("138%08d", phone+i)
	}
	return rows
}

// called is the chain of a unit, the last of which has that name.
func called(code people.OrgCode, name string) []people.OrgUnit {
	list := slices.Clone(unit(code))
	last := &list[len(list)-1]
	last.Full = strings.TrimSuffix(last.Full, last.Name) + name
	last.Name = name
	return list
}

// importCases hold imports to R1, R2 and C3.
var importCases = map[string]func(*testing.T, *bundle){
	"an import or its undoing that fails anywhere leaves the database as it was": func(t *testing.T, plain *bundle) {
		b := plain.with(phoneKeys(t, "k1"))
		ctx, all := t.Context(), people.Everyone()
		if err := b.s.PublishCourses(ctx, start, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := b.s.ApplyCohort(ctx, start, "tester", class("spring")); err != nil {
			t.Fatal(err)
		}
		rename := func(rows []people.RosterRow, name string) []people.RosterRow {
			for i := range rows {
				if rows[i].Unit == village2 {
					rows[i].Units = called(village2, name)
				}
			}
			return rows
		}
		b.takes(all, people.RosterImport{Rows: rename(aRoster(40, 0), "旧名村委会")}, people.RosterResult{New: 40, Units: 10})
		// New, changed, moved and gone people, a new unit, a renamed one, places in a class.
		next := aRoster(48, 100)[4:]
		for i := range next {
			if i%5 == 0 {
				next[i].Phone = fmt.Sprintf("138%08d", i+4)
				next[i].Unit, next[i].Units = "530112001203", unit("530112001203")
			}
		}
		rename(next, "新名村委会")
		in := people.RosterImport{Rows: next, Full: "530000000000", Cohort: "spring", LeftPercent: 100}
		steps := []struct{ event, table, when string }{
			{"INSERT", "roster_imports", "NEW.id > 0 OR NEW.at > 0"}, {"INSERT", "org_units", "NEW.code > ''"}, {"UPDATE", "org_units", "NEW.code > ''"},
			{"INSERT", "org_changes", "NEW.code > ''"}, {"INSERT", "roster_changes", "NEW.learner_id = 20"}, {"INSERT", "learner_history", "NEW.learner_id = 20"},
			{"UPDATE", "learners", "NEW.id = 20"}, {"INSERT", "learners", "NEW.bind_code = 'CODE0045'"}, {"INSERT", "roster_changes", "NEW.kind = 'new'"},
			{"UPDATE", "learners", "NEW.left_day <> ''"}, {"INSERT", "learner_phones", "NEW.learner_id > 40"}, {"INSERT", "enrolments", "NEW.learner_id = 30"},
			{"INSERT", "audit", "NEW.action > ''"},
		}
		before := b.dump()
		same := func(what string) {
			t.Helper()
			if diff := cmp.Diff(before, b.dump()); diff != "" {
				t.Fatalf("%s left something:\n%s", what, diff)
			}
		}
		for _, x := range steps {
			mend := b.breakOn(x.event, x.table, x.when)
			if _, err := b.s.ImportRoster(ctx, start, "tester", all, in); err == nil {
				t.Errorf("%s %s when %s broke nothing", x.event, x.table, x.when)
			}
			mend()
			same(x.event + " " + x.table)
		}
		for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond} {
			short, cancel := context.WithTimeout(ctx, after)
			_, err := b.s.ImportRoster(short, start, "tester", all, in)
			cancel()
			if err == nil { // a fast machine: it is done, wholly
				b.undo(all)
				before = b.dump()
				continue
			}
			same("giving up after " + after.String())
		}
		if _, err := b.s.ImportRoster(ctx, start, "tester", all, in); err != nil {
			t.Fatal(err)
		}
		before = b.dump()
		for _, x := range []struct{ event, table, when string }{
			{"INSERT", "learner_history", "NEW.learner_id = 20"}, {"UPDATE", "learners", "NEW.id = 20"}, {"UPDATE", "learners", "NEW.left_day <> ''"},
			{"UPDATE", "roster_imports", "NEW.undone_at > 0"}, {"INSERT", "audit", "NEW.action > ''"},
		} {
			mend := b.breakOn(x.event, x.table, x.when)
			if _, err := b.s.UndoRoster(ctx, start, "tester", all); err == nil {
				t.Errorf("undoing: %s %s when %s broke nothing", x.event, x.table, x.when)
			}
			mend()
			same("undoing: " + x.event + " " + x.table)
		}
	},
	"random imports: the dry run tells the truth, the same again and the own export change nothing, undoing restores, old lists stay": func(t *testing.T, plain *bundle) {
		for seed := range uint64(6) {
			b := plain.with(phoneKeys(t, "k1"))
			walk := &importWalk{bundle: b, rng: rand.New(rand.NewPCG(seed, 4)), now: start.AddDate(int(seed), 0, 0)}
			for step := range 8 {
				walk.step(t, fmt.Sprintf("seed %d, step %d", seed, step))
			}
			walk.oldLists(t, fmt.Sprintf("seed %d", seed))
		}
	},
	"whoever moved to another county stands in the list of a day where they were on that day": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA11"), person(village1, "王二", "BBBB11"))
		before := query()
		before.CutOff = start.Add(time.Hour)
		head, _ := b.list(before)
		moved := start.Add(48 * time.Hour)
		_, err := b.s.ImportRoster(t.Context(), moved, "tester", people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village3, "李一", "AAAA11")}})
		if err != nil {
			t.Fatal(err)
		}
		after := before
		after.CutOff = moved
		for _, c := range []struct {
			q        report.Query
			scope    people.OrgCode
			unit     people.OrgCode
			learners []people.LearnerID
		}{
			{before, county112, "", ids}, {before, county113, "", nil}, {before, "530000000000", village1, ids}, {before, "530000000000", village3, nil},
			{after, county112, "", ids[1:]}, {after, county113, "", ids[:1]}, {after, "530000000000", village3, ids[:1]},
		} {
			c.q.Scope, c.q.Unit = people.Scope{Units: []people.OrgCode{c.scope}}, c.unit
			_, lines := b.list(c.q)
			var got []people.LearnerID
			for _, l := range lines {
				got = append(got, l.Learner)
			}
			if diff := cmp.Diff(c.learners, got); diff != "" {
				t.Errorf("%s in %s until %s (-want +got):\n%s", c.unit, c.scope, c.q.CutOff, diff)
			}
		}
		again, _ := b.list(before)
		if diff := cmp.Diff(head, again); diff != "" {
			t.Errorf("the same request says something else:\n%s", diff)
		}
	},
	"a full roster with rows that are no good takes nobody off": func(t *testing.T, b *bundle) {
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB")}}, people.RosterResult{New: 2, Units: 5})
		in := people.RosterImport{Full: county112, Rejected: 1, LeftPercent: 100, Rows: []people.RosterRow{person(village1, "李一", "AAAA")}}
		_, err := b.s.ImportRoster(t.Context(), start, "tester", people.Everyone(), in)
		wantFault(t, err, "conflict", "roster.full_bad")
		in.DryRun = true
		b.takes(people.Everyone(), in, people.RosterResult{Left: 1, Unchanged: 1})
		b.want([]string{"", ""}, "SELECT left_day FROM learners")
	},
	"a county undoes no import that brought people from elsewhere": func(t *testing.T, b *bundle) {
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village3, "李一", "AAAA11")}}, people.RosterResult{New: 1, Units: 5})
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "李一", "AAAA11")}}, people.RosterResult{Moved: 1, Units: 3})
		own := people.Scope{Units: []people.OrgCode{county112}}
		if list, err := b.s.RosterImports(t.Context(), own, 10); err != nil || len(list) != 0 {
			t.Error(list, err)
		}
		_, err := b.s.UndoRoster(t.Context(), start, "tester", own)
		wantFault(t, err, "not_found", "roster.nothing_to_undo")
		b.undo(people.Everyone())
		b.want([]string{"530113001201|李一|村干部|AAAA11"}, presentDay)
	},
	"an import that only renames a unit is in the record, and is undone": func(t *testing.T, b *bundle) {
		const old = "旧名村委会"
		row := person(village1, "李一", "AAAA11")
		row.Units = called(village1, old)
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{New: 1, Units: 5})
		row.Units = called(village1, "新名村委会")
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{Unchanged: 1, Units: 1})
		if v := b.undo(people.Everyone()); v.Version != 2 {
			t.Error(v)
		}
		b.want([]string{old}, "SELECT name FROM org_units WHERE code = ?", string(village1))
	},
	"telephone numbers: a changed one does not open, an undone one follows to the new key, whole ones need a reason": func(t *testing.T, plain *bundle) {
		ctx, all := t.Context(), people.Everyone()
		one := plain.with(phoneKeys(t, "k1"))
		row := person(village1, "李一", "AAAA11")
		row.Phone = "13800138000"
		one.takes(all, people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{New: 1, Units: 5})
		row.Phone = "13900139000"
		one.takes(all, people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{Changed: 1})
		for table, rows := range one.dump() {
			for _, line := range rows {
				if strings.Contains(line, "13800138000") || strings.Contains(line, "13900139000") {
					t.Errorf("%s holds a whole number: %s", table, line)
				}
			}
		}
		acts := one.number("SELECT COUNT(*) FROM audit")
		for _, reason := range []string{"", "  ", strings.Repeat("长", 201)} {
			_, err := one.s.ExportPhones(ctx, start, "tester", all, store.PhonesPlain, reason)
			wantFault(t, err, "invalid", "roster.reason_bad")
		}
		if _, err := one.s.ExportPhones(ctx, start, "tester", all, store.PhonesMasked, ""); err != nil || one.number("SELECT COUNT(*) FROM audit") != acts {
			t.Error("masked numbers need no reason and leave no act", err)
		}
		if _, err := one.s.ExportPhones(ctx, start, "tester", all, store.PhonesPlain, " 换号核对 "); err != nil {
			t.Error(err)
		}
		one.want([]string{"roster.phones|exported: 换号核对"}, "SELECT action, result FROM audit ORDER BY id DESC LIMIT 1")
		// Numbers that an undone import brings back are sealed with the new key too.
		if n, err := plain.with(phoneKeys(t, "k2", "k1")).s.RekeyPhones(ctx, start, "tester"); n != 2 || err != nil {
			t.Error(n, err)
		}
		two := plain.with(phoneKeys(t, "k2"))
		two.want([]string{"k2", "k2"}, "SELECT key_id FROM learner_phones UNION ALL SELECT phone_key FROM roster_changes WHERE phone_key <> ''")
		two.undo(all)
		read := func() (string, error) {
			rows, err := two.s.ExportPhones(ctx, start, "tester", all, store.PhonesPlain, "核对")
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range rows {
				return r.Phone, err
			}
			return "", nil
		}
		if got, err := read(); got != "13800138000" || err != nil {
			t.Error(got, err)
		}
		sealed := two.rows("SELECT sealed FROM learner_phones")[0]
		for i := range len(sealed) {
			other := "A"
			if sealed[i] == 'A' {
				other = "B"
			}
			two.exec("UPDATE learner_phones SET sealed = ?", sealed[:i]+other+sealed[i+1:])
			if got, err := read(); err == nil && got != "13800138000" {
				t.Fatalf("sign %d changed: opened as %q", i, got)
			} else if err == nil && i < len(sealed)-1 { // the last sign has bits that mean nothing
				t.Fatalf("sign %d changed: it opens", i)
			}
		}
	},
	"rules: whoever fits follows once, and nobody who withdrew or is waived is taken back": func(t *testing.T, b *bundle) {
		for seed := range uint64(4) {
			walk := &enrolWalk{bundle: b, rng: rand.New(rand.NewPCG(seed, 9)), cohort: fmt.Sprintf("spring-%d", seed), now: start.AddDate(0, 0, int(seed)*30), places: map[people.LearnerID]study.EnrolmentStatus{}}
			walk.begin(t)
			for step := range 25 {
				walk.step(t, fmt.Sprintf("seed %d, step %d", seed, step))
			}
		}
	},
}

// importWalk imports and undoes at random, and remembers what lists said.
type importWalk struct {
	*bundle
	rng  *rand.Rand
	now  time.Time
	past []pastList
}

type pastList struct {
	q     report.Query
	head  report.Head
	lines []report.Line
}

func (w *importWalk) step(t *testing.T, at string) {
	t.Helper()
	ctx, all := t.Context(), people.Everyone()
	w.now = w.now.Add(time.Hour)
	in := people.RosterImport{File: at, LeftPercent: 100, Show: 1000, Rows: w.file()}
	if w.rng.IntN(2) == 0 {
		in.Full = []people.OrgCode{county112, county113, village1}[w.rng.IntN(3)]
		in.Rows = slices.DeleteFunc(in.Rows, func(r people.RosterRow) bool { return !in.Full.Contains(r.Unit) })
	}
	before := w.rows(withPhones)
	dry := in
	dry.DryRun = true
	said, err := w.s.ImportRoster(ctx, w.now, "tester", all, dry)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if diff := cmp.Diff(before, w.rows(withPhones)); diff != "" {
		t.Fatalf("%s: a dry run wrote:\n%s", at, diff)
	}
	did, err := w.s.ImportRoster(ctx, w.now, "tester", all, in)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	said.Version = did.Version
	if diff := cmp.Diff(said, did); diff != "" {
		t.Fatalf("%s: the dry run said something else:\n%s", at, diff)
	}
	d := did.RosterResult
	if d.New+d.Changed+d.Moved+d.Returned+d.Unchanged != len(in.Rows) {
		t.Fatalf("%s: %+v of %d rows", at, d, len(in.Rows))
	}
	after := w.rows(withPhones)
	for _, again := range []people.RosterImport{in, {Rows: w.whole(), Full: "530000000000"}} {
		got, err := w.s.ImportRoster(ctx, w.now.Add(time.Minute), "tester", all, again)
		if err != nil || got.Version != 0 || got.Unchanged != len(again.Rows) || got.Left != 0 {
			t.Fatalf("%s: again: %+v, %v", at, got, err)
		}
	}
	w.keep()
	if did.Version == 0 || w.rng.IntN(3) > 0 {
		return
	}
	w.now = w.now.Add(time.Hour)
	if v, err := w.s.UndoRoster(ctx, w.now, "tester", all); err != nil || v.Version != did.Version {
		t.Fatalf("%s: undoing: %+v, %v", at, v, err)
	}
	if diff := cmp.Diff(before, w.rows(withPhones)); diff != "" {
		t.Fatalf("%s: undone, it is not as before:\n%s", at, diff)
	}
	w.keep()
	if w.rng.IntN(2) > 0 {
		return
	}
	w.now = w.now.Add(time.Hour)
	if _, err := w.s.ImportRoster(ctx, w.now, "tester", all, in); err != nil {
		t.Fatalf("%s: once more: %v", at, err)
	}
	if diff := cmp.Diff(after, w.rows(withPhones)); diff != "" {
		t.Fatalf("%s: once more, it is not as it was:\n%s", at, diff)
	}
	w.keep()
}

// file is a small roster: few names, so that they meet.
func (w *importWalk) file() []people.RosterRow {
	var rows []people.RosterRow
	seen := map[string]bool{}
	for range 1 + w.rng.IntN(12) {
		r := person([]people.OrgCode{village1, village2, village3}[w.rng.IntN(3)], []string{"李一", "王二", "张三"}[w.rng.IntN(3)], []string{"0001", "0002", "AAAA11", "BBBB22", "CCCC33"}[w.rng.IntN(5)])
		r.Category = []string{"村干部", "村医", ""}[w.rng.IntN(3)]
		if w.rng.IntN(3) == 0 {
			r.Phone = fmt.Sprintf("1380013800%d", w.rng.IntN(4))
		}
		if k := string(r.Unit) + r.Name + r.Code; !seen[k] {
			seen[k] = true
			rows = append(rows, r)
		}
	}
	return rows
}

// whole is the roster as an export writes it.
func (w *importWalk) whole() []people.RosterRow {
	rows := w.export(people.Everyone())
	for i := range rows { // an export has no full names: the reader makes them
		rows[i].Units = unit(rows[i].Unit)
	}
	return rows
}

func (w *importWalk) keep() {
	q := report.Query{Scope: people.Scope{Units: []people.OrgCode{[]people.OrgCode{county112, county113, "530000000000"}[w.rng.IntN(3)]}}, CutOff: w.now}
	head, lines := w.list(q)
	w.past = append(w.past, pastList{q, head, lines})
}

// oldLists asks for every list again: C3.
func (w *importWalk) oldLists(t *testing.T, at string) {
	t.Helper()
	for _, p := range w.past {
		head, lines := w.list(p.q)
		if diff := cmp.Diff(p.lines, lines); diff != "" {
			t.Fatalf("%s: the list until %s is another now (-then +now):\n%s", at, p.q.CutOff, diff)
		}
		if head.Roster != p.head.Roster {
			t.Fatalf("%s: the roster of %s has another version now", at, p.q.CutOff)
		}
	}
}

// enrolWalk changes roster and places at random beside a model of who has a place.
type enrolWalk struct {
	*bundle
	rng    *rand.Rand
	cohort string
	now    time.Time
	rules  []store.EnrolRule
	places map[people.LearnerID]study.EnrolmentStatus
}

func (w *enrolWalk) begin(t *testing.T) {
	t.Helper()
	if err := w.s.PublishCourses(t.Context(), w.now, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.ApplyCohort(t.Context(), w.now, "tester", class(w.cohort)); err != nil {
		t.Fatal(err)
	}
	w.rules = []store.EnrolRule{{Unit: village1, Category: "村医"}, {Unit: county113}}
	if _, err := w.s.ApplyEnrolRules(t.Context(), w.now, "tester", people.Everyone(), w.cohort, w.rules); err != nil {
		t.Fatal(err)
	}
}

// roster reads who is on the roster.
func (w *enrolWalk) roster(t *testing.T) map[people.LearnerID]people.Member {
	t.Helper()
	all := map[people.LearnerID]people.Member{}
	for _, line := range w.rows("SELECT id, unit_code, name, category, bind_code FROM learners WHERE left_day = ''") {
		f := strings.Split(line, "|")
		var id people.LearnerID
		if _, err := fmt.Sscan(f[0], &id); err != nil {
			t.Fatal(err)
		}
		all[id] = people.Member{ID: id, Unit: people.OrgCode(f[1]), Name: f[2], Category: f[3], Code: f[4]}
	}
	return all
}

func (w *enrolWalk) fits(m people.Member) bool {
	return slices.ContainsFunc(w.rules, func(r store.EnrolRule) bool {
		return r.Unit.Contains(m.Unit) && (r.Category == "" || r.Category == m.Category)
	})
}

// follow gives places in the model to whoever fits and has none.
func (w *enrolWalk) follow(t *testing.T) {
	t.Helper()
	for id, m := range w.roster(t) {
		if _, has := w.places[id]; !has && w.fits(m) {
			w.places[id] = study.Active
		}
	}
}

func (w *enrolWalk) step(t *testing.T, at string) {
	t.Helper()
	ctx, all := t.Context(), people.Everyone()
	w.now = w.now.Add(time.Hour)
	switch w.rng.IntN(5) {
	case 0, 1: // people join, move, leave
		rows := make([]people.RosterRow, 0, 6)
		for i := range 6 {
			r := person([]people.OrgCode{village1, village2, village3}[w.rng.IntN(3)], fmt.Sprint("学员", string([]rune("甲乙丙丁戊己")[i])), fmt.Sprintf("CODE%02d", i))
			r.Category = []string{"村干部", "村医"}[w.rng.IntN(2)]
			if w.rng.IntN(4) > 0 {
				rows = append(rows, r)
			}
		}
		if _, err := w.s.ImportRoster(ctx, w.now, "tester", all, people.RosterImport{Rows: rows, Full: "530000000000", LeftPercent: 100}); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		w.follow(t)
	case 2, 3: // a place is decided about
		ids := slices.Sorted(maps.Keys(w.places))
		if len(ids) == 0 {
			return
		}
		id, act := ids[w.rng.IntN(len(ids))], []store.PlaceAct{store.PlaceWithdraw, store.PlaceWaive, store.PlaceReturn}[w.rng.IntN(3)]
		if err := w.s.DecidePlace(ctx, w.now, "tester", all, w.cohort, id, act, "换岗"); err != nil {
			t.Fatalf("%s: %s: %v", at, act, err)
		}
		w.places[id] = map[store.PlaceAct]study.EnrolmentStatus{store.PlaceWithdraw: study.Withdrawn, store.PlaceWaive: study.Waived, store.PlaceReturn: study.Active}[act]
	default:
		w.follow(t)
		first, err := w.s.EnrolByRules(ctx, w.now)
		again, err2 := w.s.EnrolByRules(ctx, w.now)
		if err != nil || err2 != nil || again != 0 {
			t.Fatalf("%s: %d, then %d, %v, %v", at, first, again, err, err2)
		}
	}
	got := map[people.LearnerID]study.EnrolmentStatus{}
	for _, line := range w.rows("SELECT e.learner_id, e.status FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE c.code = ?", w.cohort) {
		var id people.LearnerID
		f := strings.Split(line, "|")
		if _, err := fmt.Sscan(f[0], &id); err != nil {
			t.Fatal(err)
		}
		got[id] = study.EnrolmentStatus(f[1])
	}
	if diff := cmp.Diff(w.places, got); diff != "" {
		t.Fatalf("%s (-model +got):\n%s", at, diff)
	}
}
