package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const importColumns = "i.id, i.at, i.actor, i.file, i.full_unit, i.cohort, i.rejected_count, i.new_count, i.changed_count, i.moved_count, i.returned_count, i.left_count, i.unchanged_count, i.undone_at, i.undone_by"

func scanImport(rows *sql.Rows) (v people.ImportedVersion, err error) {
	var at, undone int64
	d := &v.Result
	err = rows.Scan(&v.Version, &at, &v.Actor, &v.File, &v.Full, &v.Cohort, &v.Rejected, &d.New, &d.Changed, &d.Moved, &d.Returned, &d.Left, &d.Unchanged, &undone, &v.UndoneBy)
	v.At, v.UndoneAt = fromMs(at), fromMs(undone)
	return v, err
}

// importsWithin is the condition on imports i that concern nobody outside the scope, and somebody inside it.
func importsWithin(scope people.Scope) (string, []any) {
	where, args := scoped(scope)
	if slices.Contains(scope.Prefixes(), "") { // everybody: also an import that changed nobody
		return where, nil
	}
	before := strings.ReplaceAll(where, "l.unit_code", "c.unit_code") // whom undoing would send out of the scope
	return `EXISTS (SELECT 1 FROM roster_changes c WHERE c.import_id = i.id) AND NOT EXISTS (SELECT 1 FROM roster_changes c JOIN learners l ON l.id = c.learner_id
		WHERE c.import_id = i.id AND NOT (` + where + " AND " + before + "))", append(slices.Clone(args), args...)
}

// RosterImports returns the newest imports that concern the scope alone.
func (s *Store) RosterImports(ctx context.Context, scope people.Scope, limit int) (list []people.ImportedVersion, err error) {
	where, args := importsWithin(scope)
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		v, err := scanImport(rows)
		list = append(list, v)
		return err
	}, "SELECT "+importColumns+" FROM roster_imports i WHERE "+where+" ORDER BY i.id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading the imports: %w", plain(err))
	}
	return list, nil
}

// UndoRoster makes the roster as it was before the last import that concerns the scope alone: who was
// changed, moved or taken off is as before, who came with it is off again, and never was on when no
// phone was bound. Numbers and records of people stay. Places in classes that others got stay. A later
// import that touched the same people must be undone first.
func (s *Store) UndoRoster(ctx context.Context, now time.Time, actor string, scope people.Scope) (v people.ImportedVersion, err error) {
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		q := under(tx)
		if err := s.oneImport(ctx, q); err != nil {
			return err
		}
		where, args := importsWithin(scope)
		v = people.ImportedVersion{}
		err := each(ctx, q, func(rows *sql.Rows) (err error) {
			v, err = scanImport(rows)
			return err
		}, "SELECT "+importColumns+" FROM roster_imports i WHERE i.undone_at = 0 AND "+where+" ORDER BY i.id DESC LIMIT 1", args...)
		if err != nil {
			return err
		}
		if v.Version == 0 {
			return fault.New(fault.NotFound, "roster.nothing_to_undo")
		}
		u := undoing{s: s, q: q, version: v.Version, now: toMs(now), day: string(study.DayOf(now))}
		for _, step := range []func(context.Context) error{u.free, u.units, u.restore, u.withdraw} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if _, err := q.ExecContext(ctx, "UPDATE roster_imports SET undone_at = ?, undone_by = ? WHERE id = ?", u.now, cut(actor, 120), v.Version); err != nil {
			return err
		}
		v.UndoneAt, v.UndoneBy = fromMs(u.now), actor
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "roster.undo", Object: "version " + strconv.FormatInt(v.Version, 10), Result: fmt.Sprintf(
			"new %d, changed %d, moved %d, returned %d, left %d", v.Result.New, v.Result.Changed, v.Result.Moved, v.Result.Returned, v.Result.Left)})
	})
	if err != nil {
		return people.ImportedVersion{}, told("undoing an import", err)
	}
	return v, nil
}

type undoing struct {
	s       *Store
	q       querier
	version int64
	now     int64
	day     string
}

// free refuses when somebody was changed by a later import, or when another has the place by now.
func (u undoing) free(ctx context.Context) error {
	for _, query := range []string{
		`SELECT COUNT(*) FROM roster_changes c JOIN roster_changes b ON b.learner_id = c.learner_id AND b.import_id > c.import_id
			JOIN roster_imports i ON i.id = b.import_id AND i.undone_at = 0 WHERE c.import_id = ?`,
		`SELECT COUNT(*) FROM roster_changes c JOIN learners l ON l.unit_code = c.unit_code AND l.name = c.name AND l.bind_code = c.bind_code
			WHERE c.import_id = ? AND c.kind <> 'new' AND l.id <> c.learner_id`,
	} {
		var n int
		if err := u.q.QueryRowContext(ctx, query, u.version).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "roster.undo_later", fault.A("count", n))
		}
	}
	return nil
}

// units gives the units that the import renamed their names back, and the names that hang on them; whatever was
// decided about a unit since stays. Units that came with the import stay too: they may be named elsewhere by now.
func (u undoing) units(ctx context.Context) error {
	was := map[people.OrgCode]string{}
	var order []people.OrgCode
	prefixes := []string{}
	err := each(ctx, u.q, func(r *sql.Rows) error {
		var code people.OrgCode
		var name string
		err := r.Scan(&code, &name)
		was[code] = name
		if order = append(order, code); !slices.Contains(prefixes, string(code[:2])) {
			prefixes = append(prefixes, string(code[:2]))
		}
		return err
	}, `SELECT c.code, c.name FROM org_changes c WHERE c.kind = ? AND c.actor = ? AND NOT EXISTS (SELECT 1 FROM org_changes x WHERE x.code = c.code AND x.id > c.id) ORDER BY c.code`,
		string(people.UnitRenamed), importActor(u.version))
	if err != nil || len(order) == 0 {
		return err
	}
	units, err := readUnits(ctx, u.q, prefixes)
	if err != nil {
		return err
	}
	w := unitWriter{s: u.s, q: u.q, tree: people.NewUnitTree(units), now: u.now, actor: "undo " + strconv.FormatInt(u.version, 10)}
	for _, code := range order {
		if err := w.tree.Rename(code, was[code], people.UnitAct{Day: max(u.day, w.tree.Unit(code).Named)}); err != nil {
			return err
		}
	}
	return w.writeTree(ctx)
}

// importActor is whom the history of units names for what an import did.
func importActor(version int64) string { return "roster " + strconv.FormatInt(version, 10) }

// restore makes people as they were, page by page.
func (u undoing) restore(ctx context.Context) error {
	for after, more := int64(0), true; more; {
		rows, phones := u.s.memberRows(), u.s.phoneRows()
		var ids, without []int64
		err := each(ctx, u.q, func(r *sql.Rows) error {
			var id int64
			var unit, name, category, code, left, key, sealed, lookup string
			if err := r.Scan(&id, &unit, &name, &category, &code, &left, &key, &sealed, &lookup); err != nil {
				return err
			}
			rows.add(id, unit, name, category, code, left, u.now)
			if ids = append(ids, id); sealed == "" {
				without = append(without, id)
			} else {
				phones.add(id, key, sealed, lookup, u.now)
			}
			return nil
		}, `SELECT learner_id, unit_code, name, category, bind_code, left_day, phone_key, phone_sealed, phone_lookup FROM roster_changes
			WHERE import_id = ? AND kind <> 'new' AND learner_id > ? ORDER BY learner_id LIMIT ?`, u.version, after, chunk)
		if err != nil || len(ids) == 0 {
			return err
		}
		after, more = ids[len(ids)-1], len(ids) == chunk
		if err := u.s.keepPlaces(ctx, u.q, u.now, ids); err != nil {
			return err
		}
		for _, i := range []*insert{rows, phones} {
			if err := i.exec(ctx, u.q); err != nil {
				return err
			}
		}
		if err := u.forget(ctx, without); err != nil {
			return err
		}
	}
	return nil
}

func (u undoing) forget(ctx context.Context, ids []int64) error {
	return chunks(ids, func(part []int64) error {
		_, err := u.q.ExecContext(ctx, "DELETE FROM learner_phones WHERE learner_id IN "+marks(len(part)), anys(part)...)
		return err
	})
}

// withdraw takes off those whom the import brought.
func (u undoing) withdraw(ctx context.Context) error {
	ids, err := numbers(ctx, u.q, "SELECT learner_id FROM roster_changes WHERE import_id = ? AND kind = 'new' ORDER BY learner_id", u.version)
	if err != nil {
		return err
	}
	if err := u.s.keepPlaces(ctx, u.q, u.now, ids); err != nil {
		return err
	}
	err = chunks(ids, func(part []int64) error {
		_, err := u.q.ExecContext(ctx, "UPDATE learners SET left_day = CASE WHEN bound_at = 0 THEN ? ELSE ? END, updated_at = ? WHERE id IN "+marks(len(part)),
			append([]any{never, u.day, u.now}, anys(part)...)...)
		return err
	})
	if err != nil {
		return err
	}
	return u.forget(ctx, ids)
}
