package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"sort"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// ApplyRoster adds and updates people, all or nothing, and gives them a place in the class when one
// is named. Somebody is the same person by unit and name, and by code where several share these.
// Nobody is taken off. The same rows again change nothing and write nothing (R1).
func (s *Store) ApplyRoster(ctx context.Context, now time.Time, actor string, rows []people.RosterRow, cohort string) (result people.RosterResult, err error) {
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		r := &rosterWriter{s: s, q: under(tx), now: toMs(now), rows: rows}
		for _, step := range []func(context.Context) error{r.units, r.people, func(ctx context.Context) error { return r.enrol(ctx, now, cohort) }} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		result = r.result
		if r.result.New+r.result.Changed+r.result.Units+r.result.Enrolled == 0 {
			return nil
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "roster.apply", Object: "class " + cohort, Result: fmt.Sprintf(
			"new %d, changed %d, unchanged %d, units %d, enrolled %d", result.New, result.Changed, result.Unchanged, result.Units, result.Enrolled)})
	})
	if err != nil {
		return people.RosterResult{}, fmt.Errorf("applying the roster: %w", err)
	}
	return result, nil
}

type rosterWriter struct {
	s      *Store
	q      querier
	now    int64
	rows   []people.RosterRow
	result people.RosterResult
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

// units creates and renames.
func (r *rosterWriter) units(ctx context.Context) error {
	type named struct{ name, full string }
	want := map[people.OrgCode]named{}
	for _, row := range r.rows {
		var full []string
		for _, u := range row.Units {
			if u.Code.Level() > people.LevelProvince {
				full = append(full, u.Name)
			}
			want[u.Code] = named{u.Name, strings.Join(full, "·")}
		}
	}
	codes := make([]string, 0, len(want))
	for c := range want {
		codes = append(codes, string(c))
	}
	sort.Strings(codes)
	have := map[people.OrgCode]named{}
	err := chunks(codes, func(part []string) error {
		return each(ctx, r.q, func(rows *sql.Rows) error {
			var c people.OrgCode
			var n named
			if err := rows.Scan(&c, &n.name, &n.full); err != nil {
				return err
			}
			have[c] = n
			return nil
		}, "SELECT code, name, full_name FROM org_units WHERE code IN "+marks(len(part)), anys(part)...)
	})
	if err != nil {
		return err
	}
	fresh := insert{table: "org_units", columns: []string{"code", "name", "full_name", "updated_at"}}
	for _, code := range codes {
		c := people.OrgCode(code)
		w, h := want[c], have[c]
		switch _, known := have[c]; {
		case !known:
			fresh.add(code, w.name, w.full, r.now)
		case w == h:
			continue
		default:
			if _, err := r.q.ExecContext(ctx, "UPDATE org_units SET name = ?, full_name = ?, updated_at = ? WHERE code = ?", w.name, w.full, r.now, code); err != nil {
				return err
			}
		}
		r.result.Units++
	}
	return fresh.exec(ctx, r.q)
}

type personKey struct {
	unit people.OrgCode
	name string
}

type personRow struct {
	id             int64
	category, code string
}

// known reads the people of the rows' units.
func (r *rosterWriter) known(ctx context.Context) (map[personKey][]personRow, error) {
	seen := map[string]bool{}
	var units []string
	for _, row := range r.rows {
		if u := string(row.Unit); !seen[u] {
			seen[u] = true
			units = append(units, u)
		}
	}
	have := map[personKey][]personRow{}
	return have, chunks(units, func(part []string) error {
		return each(ctx, r.q, func(rows *sql.Rows) error {
			var k personKey
			var p personRow
			if err := rows.Scan(&p.id, &k.unit, &k.name, &p.category, &p.code); err != nil {
				return err
			}
			have[k] = append(have[k], p)
			return nil
		}, "SELECT id, unit_code, name, category, bind_code FROM learners WHERE unit_code IN "+marks(len(part))+" ORDER BY id", anys(part)...)
	})
}

func (r *rosterWriter) people(ctx context.Context) error {
	have, err := r.known(ctx)
	if err != nil {
		return err
	}
	namesakes := map[personKey]int{}
	for _, row := range r.rows {
		namesakes[personKey{row.Unit, row.Name}]++
	}
	fresh := insert{table: "learners", columns: []string{"unit_code", "name", "category", "bind_code", "created_at", "updated_at"}}
	// Of the rows that are there already: an UPDATE that many people share.
	changed := insert{table: "learners", columns: []string{"id", "unit_code", "name", "category", "bind_code", "updated_at"},
		tail: r.s.upsert("id", "category", "bind_code", "updated_at")}
	for _, row := range r.rows {
		k := personKey{row.Unit, row.Name}
		p, found := match(have[k], row.Code, namesakes[k] == 1)
		switch {
		case !found:
			fresh.add(string(row.Unit), row.Name, row.Category, row.Code, r.now, r.now)
			r.result.New++
		case p.category == row.Category && p.code == row.Code:
			r.result.Unchanged++
		default:
			changed.add(p.id, string(row.Unit), row.Name, row.Category, row.Code, r.now)
			r.result.Changed++
		}
	}
	if err := changed.exec(ctx, r.q); err != nil {
		return err
	}
	return fresh.exec(ctx, r.q)
}

// match finds the person of a row among those of the same unit and name.
func match(list []personRow, code string, only bool) (personRow, bool) {
	for _, p := range list {
		if p.code == code {
			return p, true
		}
	}
	if only && len(list) == 1 { // the township gave a new code
		return list[0], true
	}
	return personRow{}, false
}

func (r *rosterWriter) enrol(ctx context.Context, now time.Time, cohort string) error {
	if cohort == "" {
		return nil
	}
	var id int64
	err := r.q.QueryRowContext(ctx, "SELECT id FROM cohorts WHERE code = ?", cohort).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", cohort))
	}
	if err != nil {
		return err
	}
	have, err := r.known(ctx)
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
	for _, row := range r.rows {
		if p, found := match(have[personKey{row.Unit, row.Name}], row.Code, false); found {
			places.add(id, p.id, string(study.Active), string(study.DayOf(now)), r.now, r.now)
		}
	}
	if err := places.exec(ctx, r.q); err != nil {
		return err
	}
	after, err := count()
	r.result.Enrolled = after - before
	return err
}

// ExportRoster yields the people of a scope by unit and name. Reading it in again changes nothing.
func (s *Store) ExportRoster(ctx context.Context, scope people.Scope) iter.Seq2[people.RosterRow, error] {
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
			if err := rows.Scan(&r.Unit, &r.Name, &r.Category, &r.Code); err != nil {
				return err
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
		}, "SELECT l.unit_code, l.name, l.category, l.bind_code FROM learners l WHERE "+where+" ORDER BY l.unit_code, l.name, l.id", args...)
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
