package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Funnel counts how binding went from one day to another, by day, unit of a level and step, within the
// scope. Steps whose unit nobody can know (somebody who never gave a name that is on the roster) are
// seen by those alone who see everybody. There is no person in it.
func (s *Store) Funnel(ctx context.Context, scope people.Scope, from, to study.Day, level people.Level) (people.Funnel, error) {
	f := people.Funnel{Counts: []people.FunnelCount{}, Units: []people.BoundCount{}}
	digits := itoa(level.Digits())
	where, args := scoped(scope)
	names, err := s.unitNames(ctx)
	if err != nil {
		return f, err
	}
	unit := func(prefix string) (people.OrgCode, string) {
		code, _ := people.ParseOrgCode(prefix)
		return code, names[code]
	}
	err = each(ctx, s.bulk, func(rows *sql.Rows) error {
		var c people.FunnelCount
		var prefix string
		if err := rows.Scan(&c.Day, &prefix, &c.Step, &c.Why, &c.Times, &c.Phones); err != nil {
			return err
		}
		c.Unit, c.UnitName = unit(prefix)
		f.Counts = append(f.Counts, c)
		return nil
	}, "SELECT l.day, SUBSTR(l.unit_code, 1, "+digits+") AS part, l.name, l.why, COUNT(*), SUM(l.fresh) FROM funnel_steps l WHERE l.day >= ? AND l.day <= ? AND "+where+
		" GROUP BY l.day, part, l.name, l.why ORDER BY l.day, part, l.name, l.why", append([]any{string(from), string(to)}, args...)...)
	if err != nil {
		return f, fmt.Errorf("counting steps of binding: %w", plain(err))
	}
	err = each(ctx, s.bulk, func(rows *sql.Rows) error {
		var c people.BoundCount
		var prefix string
		if err := rows.Scan(&prefix, &c.People, &c.Bound, &c.Delegate); err != nil {
			return err
		}
		c.Unit, c.UnitName = unit(prefix)
		c.Never = c.People - c.Bound
		f.Units = append(f.Units, c)
		return nil
	}, "SELECT SUBSTR(l.unit_code, 1, "+digits+`) AS part, COUNT(*), SUM(CASE WHEN l.bound_at > 0 THEN 1 ELSE 0 END),
		SUM(CASE WHEN l.bound_at > 0 AND EXISTS (SELECT 1 FROM profiles p WHERE p.learner_id = l.id AND p.helper_id <> 0)
			AND NOT EXISTS (SELECT 1 FROM profiles o WHERE o.learner_id = l.id AND o.helper_id = 0) THEN 1 ELSE 0 END)
		FROM learners l WHERE `+onRoster+" AND "+where+" GROUP BY part ORDER BY part", args...)
	if err != nil {
		return f, fmt.Errorf("counting who is bound: %w", plain(err))
	}
	return f, nil
}
