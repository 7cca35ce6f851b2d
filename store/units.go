package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// ChangeUnit renames, merges, moves or ends a unit, with all that hangs on it, and one audit row. Who asks
// must look after the unit above it, and after what it goes into.
func (s *Store) ChangeUnit(ctx context.Context, now time.Time, actor string, scope people.Scope, o people.UnitOrder) (people.UnitReport, error) {
	day, err := unitDay(o.Day, o.Document, now)
	if err != nil {
		return people.UnitReport{}, err
	}
	o.Day = day
	if !overUnit(scope, o.Code) || o.Into != "" && !overUnit(scope, o.Into) {
		return people.UnitReport{}, fault.New(fault.NotFound, "units.unseen", fault.A("code", o.Code))
	}
	prefixes := []string{string(o.Code[:2])}
	if o.Into != "" {
		prefixes = append(prefixes, string(o.Into[:2]))
	}
	a := act{At: now, Actor: actor, Action: "units." + string(o.Kind), Object: "unit " + string(o.Code)}
	return s.changeUnits(ctx, now, a, o.DryRun, prefixes, func(t *people.UnitTree, staffed func(people.OrgCode) int, _ *people.UnitReport) error {
		return t.Apply(o, staffed)
	})
}

// overUnit reports whether a scope is over the unit above a code; over everything for a province.
func overUnit(scope people.Scope, code people.OrgCode) bool {
	if code.Level() == people.LevelNone {
		return false
	}
	if p := code.ParentCode(); p != "" {
		return scope.Sees(p)
	}
	return slices.Contains(scope.Prefixes(), "")
}

// unitDay is the day of an act, today when nothing is said. Nothing is ordered for days to come: nobody could
// say today who will be where.
func unitDay(day, document string, now time.Time) (string, error) {
	today := string(study.DayOf(now))
	if utf8.RuneCountInString(document) > people.MaxDocument {
		return "", fault.New(fault.Invalid, "units.document_long", fault.A("limit", people.MaxDocument))
	}
	if day == "" {
		return today, nil
	}
	read, ok := people.ParseDay(day)
	switch {
	case !ok:
		return "", fault.New(fault.Invalid, "units.day_bad", fault.A("day", day))
	case read > today:
		return "", fault.New(fault.Invalid, "units.day_future", fault.A("day", read))
	}
	return read, nil
}

// ImportUnits makes the tree what a file says, all or nothing. Rows that cannot be done are left out and
// listed. The same file again changes nothing and writes nothing. most is how many rows of a hundred may be
// left out, rejected how many the reader has left out already.
func (s *Store) ImportUnits(ctx context.Context, now time.Time, actor, file string, in people.UnitImport, rejected, most int, dry bool) (people.UnitReport, error) {
	day, err := unitDay(in.Day, in.Document, now)
	if err != nil {
		return people.UnitReport{}, err
	}
	in.Day = day
	var prefixes []string
	for _, r := range in.Rows {
		for _, c := range []people.OrgCode{r.Code, r.Into, r.Former} {
			if c != "" && !slices.Contains(prefixes, string(c[:2])) {
				prefixes = append(prefixes, string(c[:2]))
			}
		}
	}
	a := act{At: now, Actor: actor, Action: "units.import", Object: "file " + file}
	return s.changeUnits(ctx, now, a, dry, prefixes, func(t *people.UnitTree, staffed func(people.OrgCode) int, r *people.UnitReport) error {
		d := t.Import(in, staffed)
		r.Unchanged, r.Problems, r.Blocked = d.Unchanged, d.Problems, d.Blocked
		bad := rejected
		rows := map[int]bool{}
		for _, e := range d.Problems {
			rows[e.Row] = true
		}
		if bad += len(rows); !dry && bad*100 > (len(in.Rows)+rejected)*most {
			r.Blocked = append(r.Blocked, fault.New(fault.Invalid, "roster.too_many_bad", fault.A("good", len(in.Rows)-len(rows)), fault.A("bad", bad), fault.A("cap", most)))
		}
		return nil
	})
}

// changeUnits reads a tree, lets it be changed, and writes what differs: units, their history, the people in
// them and what points at them.
func (s *Store) changeUnits(ctx context.Context, now time.Time, a act, dry bool, prefixes []string, change func(*people.UnitTree, func(people.OrgCode) int, *people.UnitReport) error) (r people.UnitReport, err error) {
	plan := func(q querier) (*unitWriter, error) {
		w := &unitWriter{s: s, q: q, at: now, now: toMs(now), actor: a.Actor}
		r = people.UnitReport{Changes: []people.UnitChange{}, Recoded: []people.RecodedLearner{}}
		units, err := readUnits(ctx, q, prefixes)
		if err != nil {
			return nil, err
		}
		staffed, err := s.staffed(ctx, q, prefixes)
		if err != nil {
			return nil, err
		}
		w.tree = people.NewUnitTree(units)
		if err := change(w.tree, func(c people.OrgCode) int { return staffed[c] }, &r); err != nil {
			return nil, err
		}
		r.Changes = append(r.Changes, w.tree.Changes()...)
		for _, c := range r.Changes {
			if c.Into != "" {
				r.People += staffed[c.Code]
				staffed[c.Into] += staffed[c.Code] // who goes on from there counts again
			}
		}
		return w, nil
	}
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		q := under(tx)
		if err := s.oneImport(ctx, q); err != nil {
			return err
		}
		// Where no roster was imported yet there is no row to wait at: the first unit is one.
		if err := each(ctx, q, func(*sql.Rows) error { return nil }, "SELECT code FROM org_units ORDER BY code LIMIT 1"+s.forUpdate()); err != nil {
			return err
		}
		w, err := plan(q)
		if err != nil || len(r.Blocked) > 0 || len(w.tree.Dirty()) == 0 {
			return err
		}
		if err := w.write(ctx, &r); err != nil {
			return err
		}
		if dry {
			return errRehearsed
		}
		a.Result = unitWords(r)
		return appendAudit(ctx, s, tx, a)
	})
	if err != nil && !errors.Is(err, errRehearsed) {
		return people.UnitReport{}, told("changing units", err)
	}
	if len(r.Blocked) > 0 && !dry {
		return r, r.Blocked[0]
	}
	return r, nil
}

// errRehearsed takes a dry run back: it did all there is to do, so what it says is exact.
var errRehearsed = errors.New("rehearsed")

func unitWords(r people.UnitReport) string {
	words := fmt.Sprintf("new %d, renamed %d, merged %d, moved %d, ended %d, people %d",
		r.Count(people.UnitNew), r.Count(people.UnitRenamed), r.Count(people.UnitMerged), r.Count(people.UnitMoved), r.Count(people.UnitEnded), r.People)
	if c := r.Changes; len(c) > 0 && c[len(c)-1].Document != "" {
		words += ", document " + c[len(c)-1].Document
	}
	if len(r.Changes) == 1 {
		c := r.Changes[0]
		words += fmt.Sprintf(": %s %s %s > %s %s from %s", c.Kind, c.Code, c.Before, c.Into, c.Name, c.Day)
	}
	return words
}

// readUnits reads units whose code begins with one of the prefixes, by code.
func readUnits(ctx context.Context, q querier, prefixes []string) ([]people.Unit, error) {
	where, args, _ := within("code", prefixes)
	return listUnits(ctx, q, where, args...)
}

func listUnits(ctx context.Context, q querier, where string, args ...any) (list []people.Unit, err error) {
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var u people.Unit
		err := rows.Scan(&u.Code, &u.Name, &u.Full, &u.From, &u.Named, &u.To, &u.Into)
		list = append(list, u)
		return err
	}, "SELECT code, name, full_name, valid_from, named_from, valid_to, into_code FROM org_units WHERE "+where+" ORDER BY code", args...)
}

// staffed counts the people of the roster by the very unit that they belong to.
func (s *Store) staffed(ctx context.Context, q querier, prefixes []string) (map[people.OrgCode]int, error) {
	where, args, _ := within("l.unit_code", prefixes)
	counts := map[people.OrgCode]int{}
	return counts, each(ctx, q, func(rows *sql.Rows) error {
		var c people.OrgCode
		var n int
		err := rows.Scan(&c, &n)
		counts[c] = n
		return err
	}, "SELECT l.unit_code, COUNT(*) FROM learners l WHERE "+onRoster+" AND "+where+" GROUP BY l.unit_code", args...)
}

// unitWriter writes the changes of a tree in one transaction.
type unitWriter struct {
	s     *Store
	q     querier
	tree  *people.UnitTree
	at    time.Time
	now   int64
	actor string
}

func (w *unitWriter) write(ctx context.Context, r *people.UnitReport) error {
	if err := w.writeTree(ctx); err != nil {
		return err
	}
	moved := map[people.OrgCode]people.OrgCode{}
	var merged []people.OrgCode
	for _, c := range r.Changes {
		if c.Into == "" {
			continue
		}
		if c.Kind == people.UnitMoved {
			moved[c.Code] = c.Into
		} else {
			merged = append(merged, c.Code)
		}
		if err := w.people(ctx, c, r); err != nil {
			return err
		}
	}
	if err := w.records(ctx, append(slices.Collect(maps.Keys(moved)), merged...)); err != nil {
		return err
	}
	if err := w.scopes(ctx, "trainers", "learner_id", moved, merged, &r.Pointing.Trainers); err != nil {
		return err
	}
	if err := w.scopes(ctx, "api_keys", "key_hash", moved, merged, &r.Pointing.Keys); err != nil {
		return err
	}
	return w.pointers(ctx, moved, merged, r)
}

// writeTree writes the units that differ, and the history.
func (w *unitWriter) writeTree(ctx context.Context) error {
	units := insert{table: "org_units", columns: []string{"code", "name", "full_name", "valid_from", "named_from", "valid_to", "into_code", "updated_at"},
		tail: w.s.upsert("code", "name", "full_name", "valid_from", "named_from", "valid_to", "into_code", "updated_at")}
	for _, u := range w.tree.Dirty() {
		units.add(string(u.Code), u.Name, u.Full, u.From, u.Named, u.To, string(u.Into), w.now)
	}
	if err := units.exec(ctx, w.q); err != nil {
		return err
	}
	history := insert{table: "org_changes", columns: []string{"code", "kind", "name", "full_name", "into_code", "day", "document", "at", "actor"}}
	for _, c := range w.tree.Changes() {
		if c.Kind == people.UnitNew && c.Day == "" {
			continue // it has always been there
		}
		history.add(string(c.Code), string(c.Kind), c.Before, c.Full, string(c.Into), c.Day, c.Document, w.now, cut(w.actor, 120))
	}
	return history.exec(ctx, w.q)
}

// people takes everybody of a unit, also those who left, to where it went, and keeps where they were.
func (w *unitWriter) people(ctx context.Context, c people.UnitChange, r *people.UnitReport) error {
	ids, err := numbers(ctx, w.q, "SELECT id FROM learners WHERE unit_code = ? ORDER BY id", string(c.Code))
	if err != nil || len(ids) == 0 {
		return err
	}
	if err := w.recode(ctx, c, r); err != nil {
		return err
	}
	if err := w.s.keepPlaces(ctx, w.q, w.now, ids); err != nil {
		return err
	}
	_, err = w.q.ExecContext(ctx, "UPDATE learners SET unit_code = ?, updated_at = ? WHERE unit_code = ?", string(c.Into), w.now, string(c.Code))
	return err
}

// recode gives another binding code to whoever would meet a person of the same name and code.
func (w *unitWriter) recode(ctx context.Context, c people.UnitChange, r *people.UnitReport) error {
	type clash struct {
		id         int64
		name, code string
	}
	var list []clash
	err := each(ctx, w.q, func(rows *sql.Rows) error {
		var x clash
		err := rows.Scan(&x.id, &x.name, &x.code)
		list = append(list, x)
		return err
	}, "SELECT a.id, a.name, a.bind_code FROM learners a JOIN learners b ON b.unit_code = ? AND b.name = a.name AND b.bind_code = a.bind_code WHERE a.unit_code = ? ORDER BY a.id", string(c.Into), string(c.Code))
	for _, x := range list {
		if err != nil {
			return err
		}
		taken := map[string]bool{}
		err = each(ctx, w.q, func(rows *sql.Rows) error {
			var code string
			err := rows.Scan(&code)
			taken[code] = true
			return err
		}, "SELECT bind_code FROM learners WHERE name = ? AND unit_code IN (?, ?)", x.name, string(c.Code), string(c.Into))
		code := x.code
		for n := 2; taken[code]; n++ {
			tail := itoa(n)
			code = x.code[:min(len(x.code), people.MaxCodeRunes-len(tail)-1)] + "X" + tail
		}
		if err == nil {
			_, err = w.q.ExecContext(ctx, "UPDATE learners SET bind_code = ?, updated_at = ? WHERE id = ?", code, w.now, x.id)
		}
		r.Recoded = append(r.Recoded, people.RecodedLearner{ID: people.LearnerID(x.id), Name: x.name, Unit: c.Into})
	}
	return err
}

// recordTables are what stays with the people of a unit: whoever looks after them now sees it. roster_changes
// says where undoing an import puts somebody; where people truly were is in learner_history.
var recordTables = []string{"findings", "record_batches", "funnel_steps", "roster_changes"}

func (w *unitWriter) records(ctx context.Context, gone []people.OrgCode) error {
	slices.Sort(gone)
	for _, table := range recordTables {
		for part := range slices.Chunk(gone, 1000) { // one statement reads the whole of a table
			set, args := "CASE unit_code", []any{}
			for _, c := range part {
				set += " WHEN ? THEN ?"
				args = append(args, string(c), string(w.tree.Successor(c, "")))
			}
			if _, err := w.q.ExecContext(ctx, "UPDATE "+table+" SET unit_code = "+set+" END WHERE unit_code IN "+marks(len(part)), append(args, anys(part)...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// scopes lets the scopes of a table follow units that moved, and counts those that name a merged one.
func (w *unitWriter) scopes(ctx context.Context, table, key string, moved map[people.OrgCode]people.OrgCode, merged []people.OrgCode, pointing *int) error {
	type row struct {
		key   any
		scope people.Scope
	}
	var changed []row
	err := each(ctx, w.q, func(rows *sql.Rows) error {
		var r row
		var text []byte
		if err := rows.Scan(&r.key, &text); err != nil {
			return err
		}
		if err := fromJSON(text, &r.scope); err != nil {
			return err
		}
		follows, names := false, false
		for i, u := range r.scope.Units {
			if to, ok := moved[u]; ok {
				r.scope.Units[i], follows = to, true
			}
			names = names || slices.Contains(merged, u)
		}
		if follows {
			changed = append(changed, r)
		}
		if names {
			*pointing++
		}
		return nil
	}, "SELECT "+key+", scope FROM "+table)
	for _, r := range changed {
		if err != nil {
			return err
		}
		var text []byte
		if text, err = json.Marshal(r.scope); err == nil {
			_, err = w.q.ExecContext(ctx, "UPDATE "+table+" SET scope = ? WHERE "+key+" = ?", string(text), r.key)
		}
	}
	return err
}

// pointers lets rules, surveys and campaigns follow units that moved where they may, and counts the rest.
func (w *unitWriter) pointers(ctx context.Context, moved map[people.OrgCode]people.OrgCode, merged []people.OrgCode, r *people.UnitReport) error {
	for old, to := range moved {
		for _, x := range []struct {
			table, column string
			from, to      string
		}{
			{"enrol_rules", "prefix", old.Prefix(), to.Prefix()},
			{"campaign_scopes", "prefix", old.Prefix(), to.Prefix()},
			{"surveys", "unit_code", string(old), string(to)},
		} {
			if _, err := w.q.ExecContext(ctx, "UPDATE "+x.table+" SET "+x.column+" = ? WHERE "+x.column+" = ?", x.to, x.from); err != nil {
				return err
			}
		}
	}
	if err := w.menuLimits(ctx, moved); err != nil {
		return err
	}
	var prefixes, codes []string
	for _, c := range merged {
		prefixes, codes = append(prefixes, c.Prefix()), append(codes, string(c))
	}
	count := func(into *int, query string, list []string) error {
		return chunks(list, func(part []string) error {
			var n int
			err := w.q.QueryRowContext(ctx, query+marks(len(part)), anys(part)...).Scan(&n)
			*into += n
			return err
		})
	}
	if err := count(&r.Pointing.Rules, "SELECT COUNT(*) FROM enrol_rules WHERE prefix IN ", prefixes); err != nil {
		return err
	}
	if err := count(&r.Pointing.Surveys, "SELECT COUNT(*) FROM surveys WHERE settled = 0 AND unit_code IN ", codes); err != nil {
		return err
	}
	// What an announcement says to whom was seen and released: it is not changed behind anybody's back.
	return each(ctx, w.q, func(rows *sql.Rows) error {
		var audience string
		if err := rows.Scan(&audience); err != nil {
			return err
		}
		for _, c := range r.Changes {
			if c.Into != "" && strings.Contains(audience, `"`+string(c.Code)+`"`) {
				r.Pointing.Campaigns++
				break
			}
		}
		return nil
	}, "SELECT audience FROM campaigns WHERE status IN ('draft', 'awaiting', 'scheduled')")
}

// menuLimits lets what units close in the menu go with their codes. All are taken out before the first is put back:
// one unit may get the code that another has left.
func (w *unitWriter) menuLimits(ctx context.Context, moved map[people.OrgCode]people.OrgCode) error {
	type row struct {
		unit    people.OrgCode
		only    bool
		courses []byte
	}
	var rows []row
	err := each(ctx, w.q, func(r *sql.Rows) error {
		var x row
		err := r.Scan(&x.unit, &x.only, &x.courses)
		if _, goes := moved[x.unit]; goes {
			rows = append(rows, x)
		}
		return err
	}, "SELECT unit_code, only_these, courses FROM menu_limits")
	if err != nil || len(rows) == 0 {
		return err
	}
	back := insert{table: "menu_limits", columns: []string{"unit_code", "only_these", "courses", "updated_at"}}
	for _, x := range rows {
		if _, err := w.q.ExecContext(ctx, "DELETE FROM menu_limits WHERE unit_code = ?", string(x.unit)); err != nil {
			return err
		}
		back.add(string(moved[x.unit]), x.only, string(x.courses), w.now)
	}
	return back.exec(ctx, w.q)
}
