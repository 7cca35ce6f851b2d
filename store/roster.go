package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// ApplyRoster is ImportRoster of an addition by the operator.
func (s *Store) ApplyRoster(ctx context.Context, now time.Time, actor string, rows []people.RosterRow, cohort string) (people.RosterResult, error) {
	report, err := s.ImportRoster(ctx, now, actor, people.Everyone(), people.RosterImport{Rows: rows, Cohort: cohort})
	return report.RosterResult, err
}

// ImportRoster writes a roster, all or nothing, and gives its people a place in the class when one is
// named. Of an addition nobody is taken off; of a full roster who is missing has left. The same rows
// again change nothing and write nothing (R1). A dry run reads the same and writes nothing.
func (s *Store) ImportRoster(ctx context.Context, now time.Time, actor string, scope people.Scope, in people.RosterImport) (report people.ImportReport, err error) {
	r := &rosterWriter{s: s, q: s.bulk, at: now, now: toMs(now), scope: scope, in: in, rows: in.Rows}
	if in.DryRun {
		if err = r.plan(ctx); err == nil {
			report, err = r.report(ctx)
		}
	} else {
		err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
			r = &rosterWriter{s: s, q: under(tx), at: now, now: toMs(now), scope: scope, in: in, rows: in.Rows}
			if err := s.oneImport(ctx, r.q); err != nil {
				return err
			}
			if err := r.plan(ctx); err != nil {
				return err
			}
			if err := r.write(ctx, actor); err != nil {
				return err
			}
			if r.version > 0 {
				ruled, err := s.enrolLateJoiners(ctx, tx, now)
				if r.result.Enrolled += ruled; err != nil {
					return err
				}
			}
			if report, err = r.report(ctx); err != nil || r.version == 0 && r.result.Enrolled == 0 {
				return err
			}
			return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "roster.apply", Object: "class " + in.Cohort, Result: r.words()})
		})
	}
	if err != nil {
		return people.ImportReport{}, told("importing the roster", err)
	}
	return report, nil
}

type rosterWriter struct {
	s       *Store
	q       querier
	at      time.Time
	now     int64
	scope   people.Scope
	in      people.RosterImport
	rows    []people.RosterRow
	result  people.RosterResult
	diff    people.Difference
	tree    *people.UnitTree // of the rows' prefectures, as it shall be
	version int64
}

// chunk is how many values one IN list takes.
const chunk = 5000

func chunks[T any](list []T, f func([]T) error) error {
	for len(list) > 0 {
		n := min(len(list), chunk)
		if err := f(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// units finds units to be created and renamed. A roster may leave names above out, so the names of the tree
// make the full name; a shortened form (新村村委会) is no new name. Where a unit went to, the roster has to follow.
func (r *rosterWriter) units(ctx context.Context) error {
	var prefixes []string
	for _, row := range r.rows {
		p := string(row.Unit[:2])
		if len(r.rows) < manyRows {
			p = string(row.Unit[:4])
		}
		if !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
			if province := p[:2] + "0000000000"; len(p) > 2 && !slices.Contains(prefixes, province) {
				prefixes = append(prefixes, province)
			}
		}
	}
	units, err := readUnits(ctx, r.q, prefixes)
	if err != nil {
		return err
	}
	r.tree = people.NewUnitTree(units)
	var last []people.OrgUnit
	for _, row := range r.rows {
		if u := r.tree.Unit(row.Unit); u != nil && !u.Living() {
			return fault.New(fault.Conflict, "units.row_gone", fault.A("row", row.Row), fault.A("code", row.Unit), fault.A("name", u.Full), fault.A("into", r.tree.Successor(row.Unit, "")))
		}
		if len(last) > 0 && len(row.Units) > 0 && &last[0] == &row.Units[0] {
			continue // the rows of a unit share the slice
		}
		last = row.Units
		if err := r.tree.Adopt(row.Units, string(study.DayOf(r.at))); err != nil {
			return err
		}
	}
	r.result.Units = len(r.tree.Changes())
	return nil
}

// plan reads the roster as far as the rows concern it, and compares.
func (r *rosterWriter) plan(ctx context.Context) error {
	for _, row := range r.rows {
		if row.Phone != "" && r.s.phones == nil {
			return fault.New(fault.Conflict, "roster.phones_off")
		}
		if !r.scope.Sees(row.Unit) {
			return fault.New(fault.NotFound, "roster.out_of_scope", fault.A("code", row.Unit))
		}
		if r.in.Full != "" && !r.in.Full.Contains(row.Unit) {
			return fault.New(fault.Invalid, "roster.out_of_unit", fault.A("code", row.Unit), fault.A("unit", r.in.Full))
		}
	}
	if r.in.Full != "" && !r.scope.Sees(r.in.Full) {
		return fault.New(fault.NotFound, "roster.out_of_scope", fault.A("code", r.in.Full))
	}
	if r.in.Cohort != "" {
		if _, err := r.cohort(ctx); err != nil {
			return err
		}
	}
	if err := r.units(ctx); err != nil {
		return err
	}
	members, err := r.members(ctx)
	if err != nil {
		return err
	}
	r.diff = people.Compare(members, r.rows, r.in.Full, r.s.hashPhone())
	if r.in.Full != "" && r.in.Rejected > 0 && !r.in.DryRun {
		// Whoever stands in a row that was rejected would be taken off.
		return fault.New(fault.Conflict, "roster.full_bad", fault.A("bad", r.in.Rejected))
	}
	if r.in.Full != "" && r.diff.TooManyLeft(r.in.LeftPercent) {
		return fault.New(fault.Conflict, "roster.too_many_left", fault.A("count", r.diff.Count(people.PersonLeft)), fault.A("all", r.diff.Staying), fault.A("cap", r.in.LeftPercent))
	}
	r.result.New, r.result.Changed, r.result.Moved = r.diff.Count(people.PersonNew), r.diff.Count(people.PersonChanged), r.diff.Count(people.PersonMoved)
	r.result.Returned, r.result.Left, r.result.Unchanged = r.diff.Count(people.PersonReturned), r.diff.Count(people.PersonLeft), r.diff.Unchanged
	return nil
}

// manyRows is from how many rows on the whole roster of the scope is read in one statement.
const manyRows = 20_000

// members reads everybody whom a row may be, and everybody of a full roster's unit.
func (r *rosterWriter) members(ctx context.Context) ([]people.Member, error) {
	var list []people.Member
	all := len(r.rows) >= manyRows
	seen := map[people.LearnerID]bool{}
	units, words := map[people.OrgCode]people.OrgCode{}, map[string]string{} // one string each: memory
	scope, scopeArgs := scoped(r.scope)
	read := func(where string, args ...any) error {
		return each(ctx, r.q, func(rows *sql.Rows) error {
			var m people.Member
			if err := rows.Scan(&m.ID, &m.Unit, &m.Name, &m.Category, &m.Code, &m.Left, &m.Phone); err != nil {
				return err
			}
			if !all && seen[m.ID] {
				return nil
			}
			if !all {
				seen[m.ID] = true
			}
			m.Unit, m.Category, m.Left = oneOf(units, m.Unit), oneOf(words, m.Category), oneOf(words, m.Left)
			list = append(list, m)
			return nil
		}, "SELECT l.id, l.unit_code, l.name, l.category, l.bind_code, l.left_day, COALESCE(t.lookup, '') FROM learners l LEFT JOIN learner_phones t ON t.learner_id = l.id WHERE "+
			scope+" AND "+where+" ORDER BY l.id", append(slices.Clone(scopeArgs), args...)...)
	}
	if all {
		err := read("1 = 1")
		return list, err
	}
	places, names := map[string]bool{}, map[string]bool{}
	for _, row := range r.rows {
		places[string(row.Unit)], names[row.Name] = true, true
	}
	err := chunks(slices.Sorted(maps.Keys(places)), func(part []string) error { return read("l.unit_code IN "+marks(len(part)), anys(part)...) })
	if err == nil {
		err = chunks(slices.Sorted(maps.Keys(names)), func(part []string) error { return read("l.name IN "+marks(len(part)), anys(part)...) })
	}
	if err == nil && r.in.Full != "" {
		err = read("l.unit_code LIKE ?", r.in.Full.Prefix()+"%")
	}
	slices.SortFunc(list, func(a, b people.Member) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

// oneOf returns the string that is known for s, so that equal ones are kept once.
func oneOf[S ~string](known map[S]S, s S) S {
	if k, ok := known[s]; ok {
		return k
	}
	known[s] = s
	return s
}

// write makes what the plan says. One import is one version of the roster.
func (r *rosterWriter) write(ctx context.Context, actor string) error {
	if len(r.diff.Changes)+r.result.Units > 0 {
		if err := r.begin(ctx, actor); err != nil {
			return err
		}
		for _, step := range []func(context.Context) error{r.writeUnits, r.people, r.writePhones} {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	return r.enrol(ctx, r.at, r.in.Cohort)
}

// oneImport makes imports go one after the other.
func (s *Store) oneImport(ctx context.Context, q querier) error {
	_, err := numbers(ctx, q, "SELECT id FROM roster_imports ORDER BY id DESC LIMIT 1"+s.forUpdate())
	return err
}

// begin writes the version; its number is that of everything that follows.
func (r *rosterWriter) begin(ctx context.Context, actor string) error {
	i := insert{table: "roster_imports", columns: []string{"at", "actor", "file", "full_unit", "cohort", "new_count", "changed_count", "moved_count", "returned_count", "left_count", "unchanged_count", "rejected_count"}}
	d := r.result
	i.add(r.now, cut(actor, 120), cut(r.in.File, 200), string(r.in.Full), cut(r.in.Cohort, 64), d.New, d.Changed, d.Moved, d.Returned, d.Left, d.Unchanged, r.in.Rejected)
	if err := i.exec(ctx, r.q); err != nil {
		return err
	}
	return r.q.QueryRowContext(ctx, "SELECT MAX(id) FROM roster_imports").Scan(&r.version)
}

func (r *rosterWriter) writeUnits(ctx context.Context) error {
	w := unitWriter{s: r.s, q: r.q, tree: r.tree, now: r.now, actor: importActor(r.version)}
	return w.writeTree(ctx)
}

// report puts what changes into words, with the names of units.
func (r *rosterWriter) report(ctx context.Context) (people.ImportReport, error) {
	changes := r.diff.First(r.in.Show)
	out := people.ImportReport{RosterResult: r.result, Version: r.version, Changes: make([]people.ImportedPerson, 0, len(changes))}
	names := map[people.OrgCode]string{}
	var asked []string
	for _, c := range changes {
		if c.Row != nil && len(c.Row.Units) > 0 {
			names[c.Row.Unit] = c.Row.Units[len(c.Row.Units)-1].Full
		}
	}
	for _, c := range changes {
		if c.Before != nil && names[c.Before.Unit] == "" {
			names[c.Before.Unit] = string(c.Before.Unit)
			asked = append(asked, string(c.Before.Unit))
		}
	}
	err := chunks(asked, func(part []string) error {
		return each(ctx, r.q, func(rows *sql.Rows) error {
			var code people.OrgCode
			var full string
			err := rows.Scan(&code, &full)
			names[code] = full
			return err
		}, "SELECT code, full_name FROM org_units WHERE code IN "+marks(len(part)), anys(part)...)
	})
	hash := r.s.hashPhone()
	for _, c := range changes {
		p := people.ImportedPerson{Kind: c.Kind, What: c.What(hash)}
		if c.Row != nil {
			p.Row, p.Name, p.Unit, p.Place = c.Row.Row, c.Row.Name, c.Row.Unit, names[c.Row.Unit]
		} else {
			p.Name, p.Unit, p.Place = c.Before.Name, c.Before.Unit, names[c.Before.Unit]
		}
		if c.Kind == people.PersonMoved {
			p.From, p.Before = c.Before.Unit, names[c.Before.Unit]
		}
		out.Changes = append(out.Changes, p)
	}
	return out, err
}

func (r *rosterWriter) words() string {
	d := r.result
	return fmt.Sprintf("version %d: new %d, changed %d, moved %d, returned %d, left %d, unchanged %d, units %d, enrolled %d",
		r.version, d.New, d.Changed, d.Moved, d.Returned, d.Left, d.Unchanged, d.Units, d.Enrolled)
}

// people writes the changes, and how everybody was before.
func (r *rosterWriter) people(ctx context.Context) error {
	var left []int64
	var before []int64
	for _, c := range r.diff.Changes {
		if c.Before != nil {
			before = append(before, int64(c.Before.ID))
		}
		if c.Kind == people.PersonLeft {
			left = append(left, int64(c.Before.ID))
		}
	}
	if err := r.remember(ctx, before); err != nil {
		return err
	}
	if err := r.s.keepPlaces(ctx, r.q, r.now, before); err != nil {
		return err
	}
	changed := r.s.memberRows()
	for _, c := range r.diff.Changes {
		if c.Row == nil || c.Before == nil {
			continue
		}
		if err := changed.put(ctx, r.q, int64(c.Before.ID), string(c.Row.Unit), c.Row.Name, c.Row.Category, c.Row.Code, "", r.now); err != nil {
			return err
		}
	}
	if err := changed.exec(ctx, r.q); err != nil {
		return err
	}
	if err := r.newcomers(ctx); err != nil {
		return err
	}
	day := string(study.DayOf(r.at))
	return chunks(left, func(part []int64) error {
		_, err := r.q.ExecContext(ctx, "UPDATE learners SET left_day = ?, updated_at = ? WHERE id IN "+marks(len(part)), append([]any{day, r.now}, anys(part)...)...)
		return err
	})
}

// newcomers writes those who are new, and learns their numbers: they are in the order in which they were written.
func (r *rosterWriter) newcomers(ctx context.Context) error {
	if r.result.New == 0 {
		return nil
	}
	var last int64
	if err := r.q.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM learners").Scan(&last); err != nil {
		return err
	}
	fresh := insert{table: "learners", columns: []string{"unit_code", "name", "category", "bind_code", "created_at", "updated_at"}}
	for i, row := range r.rows {
		if r.diff.Who[i] != 0 {
			continue
		}
		if err := fresh.put(ctx, r.q, string(row.Unit), row.Name, row.Category, row.Code, r.now, r.now); err != nil {
			return err
		}
	}
	if err := fresh.exec(ctx, r.q); err != nil {
		return err
	}
	_, err := r.q.ExecContext(ctx, "INSERT INTO roster_changes (import_id, learner_id, kind, unit_code) SELECT ?, l.id, ?, l.unit_code FROM learners l WHERE l.id > ?",
		r.version, string(people.PersonNew), last)
	if err != nil {
		return err
	}
	at := 0
	err = each(ctx, r.q, func(rows *sql.Rows) error {
		var id people.LearnerID
		var unit people.OrgCode
		var name, code string
		if err := rows.Scan(&id, &unit, &name, &code); err != nil {
			return err
		}
		for at < len(r.rows) && r.diff.Who[at] != 0 {
			at++
		}
		if at == len(r.rows) || r.rows[at].Unit != unit || r.rows[at].Name != name || r.rows[at].Code != code {
			return errors.New("the numbers of new people are not in the order in which they were written")
		}
		r.diff.Who[at] = id
		return nil
	}, "SELECT id, unit_code, name, bind_code FROM learners WHERE id > ? ORDER BY id", last)
	if err != nil {
		return err
	}
	if i := slices.Index(r.diff.Who, 0); i >= 0 {
		return errors.New("a new person has no number")
	}
	return nil
}

// memberRows is an UPDATE that many people share, of rows that are there already.
func (s *Store) memberRows() *insert {
	return &insert{table: "learners", columns: []string{"id", "unit_code", "name", "category", "bind_code", "left_day", "updated_at"},
		tail: s.upsert("id", "unit_code", "name", "category", "bind_code", "left_day", "updated_at")}
}

// remember writes how those who change were, with their telephone numbers, which stay sealed. ids are those people in
// the order of the changes.
func (r *rosterWriter) remember(ctx context.Context, ids []int64) error {
	changes := r.diff.Changes
	return chunks(ids, func(part []int64) error {
		kinds := make(map[people.LearnerID]people.ChangeKind, len(part))
		for len(kinds) < len(part) {
			if m := changes[0].Before; m != nil {
				kinds[m.ID] = changes[0].Kind
			}
			changes = changes[1:]
		}
		before := insert{table: "roster_changes", columns: []string{"import_id", "learner_id", "kind", "unit_code", "name", "category", "bind_code", "left_day", "phone_key", "phone_sealed", "phone_lookup"}}
		err := each(ctx, r.q, func(rows *sql.Rows) error {
			var id people.LearnerID
			var unit, name, category, code, left, key, sealed, lookup string
			err := rows.Scan(&id, &unit, &name, &category, &code, &left, &key, &sealed, &lookup)
			before.add(r.version, int64(id), string(kinds[id]), unit, name, category, code, left, key, sealed, lookup)
			return err
		}, `SELECT l.id, l.unit_code, l.name, l.category, l.bind_code, l.left_day, COALESCE(t.key_id, ''), COALESCE(t.sealed, ''), COALESCE(t.lookup, '')
			FROM learners l LEFT JOIN learner_phones t ON t.learner_id = l.id WHERE l.id IN `+marks(len(part)), anys(part)...)
		if err != nil {
			return err
		}
		return before.exec(ctx, r.q)
	})
}

// keepPlaces writes where these people are before that is changed: it holds until now. Whoever changes unit, name,
// category or left_day of people calls it first, in the same transaction; a list of an earlier cut-off reads it (C3).
func (s *Store) keepPlaces(ctx context.Context, q querier, now int64, ids []int64) error {
	return chunks(ids, func(part []int64) error {
		_, err := q.ExecContext(ctx, `INSERT INTO learner_history (learner_id, valid_until, unit_code, name, category, left_day)
			SELECT l.id, ?, l.unit_code, l.name, l.category, l.left_day FROM learners l WHERE l.id IN `+marks(len(part))+s.orIgnore("valid_until"),
			append([]any{now}, anys(part)...)...)
		return err
	})
}

// movePlaces gives places in classes another status, for people who go away or come back, and keeps how it was: a list of
// an earlier cut-off reads it (C3). where is a condition on enrolments without a table's name.
func (s *Store) movePlaces(ctx context.Context, q querier, now int64, to study.EnrolmentStatus, where string, args ...any) error {
	_, err := q.ExecContext(ctx, "INSERT INTO place_history (enrolment_id, valid_until, status) SELECT id, ?, status FROM enrolments WHERE status <> ? AND "+where+s.orIgnore("valid_until"),
		append([]any{now, string(to)}, args...)...)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "UPDATE enrolments SET status = ?, updated_at = ? WHERE "+where, append([]any{string(to), now}, args...)...)
	return err
}

// writePhones seals the numbers that changed.
func (r *rosterWriter) writePhones(ctx context.Context) error {
	rows := r.s.phoneRows()
	for _, c := range r.diff.Changes {
		if c.Row == nil || c.Row.Phone == "" {
			continue
		}
		lookup := r.s.phones.Lookup(c.Row.Phone)
		if c.Before != nil && c.Before.Phone == lookup {
			continue
		}
		id := int64(r.diff.Who[c.At])
		if err := rows.put(ctx, r.q, id, r.s.phones.first, r.s.phones.seal(id, c.Row.Phone), lookup, r.now); err != nil {
			return err
		}
	}
	return rows.exec(ctx, r.q)
}

// cohort is the number of the class.
func (r *rosterWriter) cohort(ctx context.Context) (id int64, err error) {
	err = r.q.QueryRowContext(ctx, "SELECT id FROM cohorts WHERE code = ?", r.in.Cohort).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", r.in.Cohort))
	}
	return id, err
}

func (r *rosterWriter) enrol(ctx context.Context, now time.Time, cohort string) error {
	if cohort == "" {
		return nil
	}
	id, err := r.cohort(ctx)
	if err != nil {
		return err
	}
	count := func() (n int, err error) {
		return n, r.q.QueryRowContext(ctx, "SELECT COUNT(*) FROM enrolments WHERE cohort_id = ?", id).Scan(&n)
	}
	before, err := count()
	if err != nil {
		return err
	}
	places := insert{table: "enrolments", columns: []string{"cohort_id", "learner_id", "status", "since", "created_at", "updated_at"}, tail: r.s.orIgnore("created_at")}
	for _, learner := range r.diff.Who {
		if err := places.put(ctx, r.q, id, int64(learner), string(study.Active), string(study.DayOf(now)), r.now, r.now); err != nil {
			return err
		}
	}
	if err := places.exec(ctx, r.q); err != nil {
		return err
	}
	after, err := count()
	r.result.Enrolled = after - before
	return err
}

// PhoneView is how a list shows telephone numbers.
type PhoneView int

// The views.
const (
	PhonesHidden PhoneView = iota
	PhonesMasked           // 138****8000
	PhonesPlain            // whole; an act that is recorded
)

// ExportRoster yields the people of a scope by unit and name. Reading it in again changes nothing.
func (s *Store) ExportRoster(ctx context.Context, scope people.Scope) iter.Seq2[people.RosterRow, error] {
	return s.exportRoster(ctx, scope, PhonesHidden)
}

// ExportPhones is ExportRoster with telephone numbers. Whole ones need a reason, and leave an audit row with it.
func (s *Store) ExportPhones(ctx context.Context, now time.Time, actor string, scope people.Scope, view PhoneView, reason string) (iter.Seq2[people.RosterRow, error], error) {
	if s.phones == nil {
		return nil, fault.New(fault.Conflict, "roster.phones_off")
	}
	if view == PhonesPlain {
		if reason = strings.TrimSpace(reason); reason == "" || len([]rune(reason)) > 200 {
			return nil, fault.New(fault.Invalid, "roster.reason_bad", fault.A("limit", 200))
		}
		err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
			return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "roster.phones", Object: "scope " + strings.Join(scope.Prefixes(), " "), Result: "exported: " + reason})
		})
		if err != nil {
			return nil, fmt.Errorf("recording an export: %w", err)
		}
	}
	return s.exportRoster(ctx, scope, view), nil
}

func (s *Store) exportRoster(ctx context.Context, scope people.Scope, view PhoneView) iter.Seq2[people.RosterRow, error] {
	return func(yield func(people.RosterRow, error) bool) {
		units, err := s.unitNames(ctx)
		if err != nil {
			yield(people.RosterRow{}, err)
			return
		}
		where, args := scoped(scope)
		stopped := errors.New("stopped")
		n := 1
		err = each(ctx, s.bulk, func(rows *sql.Rows) error {
			var r people.RosterRow
			var id int64
			var key, sealed string
			if err := rows.Scan(&id, &r.Unit, &r.Name, &r.Category, &r.Code, &key, &sealed); err != nil {
				return err
			}
			if view != PhonesHidden && sealed != "" {
				number, err := s.phones.open(id, key, sealed)
				if err != nil {
					return err
				}
				if r.Phone = number; view == PhonesMasked {
					r.Phone = people.MaskPhone(number)
				}
			}
			n++
			r.Row = n
			for l := people.LevelProvince; l <= r.Unit.Level(); l++ {
				code := r.Unit.Ancestor(l)
				if name := units[code]; name != "" {
					r.Units = append(r.Units, people.OrgUnit{Code: code, Name: name})
				}
			}
			if !yield(r, nil) {
				return stopped
			}
			return nil
		}, "SELECT l.id, l.unit_code, l.name, l.category, l.bind_code, COALESCE(t.key_id, ''), COALESCE(t.sealed, '') FROM learners l LEFT JOIN learner_phones t ON t.learner_id = l.id WHERE "+onRoster+" AND "+where+" ORDER BY l.unit_code, l.name, l.id", args...)
		if err != nil && !errors.Is(err, stopped) {
			yield(people.RosterRow{}, fmt.Errorf("exporting the roster: %w", plain(err)))
		}
	}
}

// unitNames reads the names of all units.
func (s *Store) unitNames(ctx context.Context) (map[people.OrgCode]string, error) {
	names := map[people.OrgCode]string{}
	err := each(ctx, s.bulk, func(rows *sql.Rows) error {
		var code people.OrgCode
		var name string
		if err := rows.Scan(&code, &name); err != nil {
			return err
		}
		names[code] = name
		return nil
	}, "SELECT code, name FROM org_units")
	if err != nil {
		return nil, fmt.Errorf("reading the units: %w", plain(err))
	}
	return names, nil
}

// onRoster is the condition on learners l of every list of who should do something: a person who left
// keeps number and record and is asked nothing more.
const onRoster = "l.left_day = ''"

// never is the left_day of people whom an import brought that was undone: they never were on the
// roster. afterNever is the first day on which somebody can have left.
const (
	never      = "0001-01-01"
	afterNever = "0001-01-02"
)

// scoped is the WHERE of a scope over learners l: no unit, no rows (DESIGN rule 5).
func scoped(scope people.Scope) (string, []any) {
	var parts []string
	var args []any
	for _, p := range scope.Prefixes() {
		if p == "" {
			return "(1 = 1)", nil
		}
		parts = append(parts, "l.unit_code LIKE ?")
		args = append(args, p+"%")
	}
	if len(parts) == 0 {
		return "(1 = 0)", nil
	}
	return "(" + strings.Join(parts, " OR ") + ")", args
}
