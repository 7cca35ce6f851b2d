package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// HoursQuery says whose study hours of which year are asked for.
type HoursQuery struct {
	Scope    people.Scope
	Year     int
	Category string // only of this one; "" for all
	Targets  study.Targets
	Short    bool // only those who lack something
}

// hoursPage is how many people are read at a time.
const hoursPage = 1000

// LearnerHours yields the people of a scope with their hours of a year and what they lack, by unit and name. It
// starts from the roster, so that who has nothing is there too.
func (s *Store) LearnerHours(ctx context.Context, h HoursQuery) iter.Seq2[study.HoursLine, error] {
	return func(yield func(study.HoursLine, error) bool) {
		where, args := scoped(h.Scope)
		var last people.Learner
		for {
			var page []study.HoursLine
			err := each(ctx, s.bulk, func(rows *sql.Rows) error {
				var l study.HoursLine
				err := rows.Scan(learnerFields(&l.Learner)...)
				page = append(page, l)
				return err
			}, "SELECT "+learnerColumns+" FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code WHERE "+where+` AND (? = '' OR l.category = ?)
				AND (l.unit_code > ? OR l.unit_code = ? AND (l.name > ? OR l.name = ? AND l.id > ?)) ORDER BY l.unit_code, l.name, l.id LIMIT ?`,
				append(append([]any{}, args...), h.Category, h.Category, string(last.Unit), string(last.Unit), last.Name, last.Name, int64(last.ID), hoursPage)...)
			if err == nil && len(page) > 0 {
				err = s.fillHours(ctx, h.Year, page)
			}
			if err != nil {
				yield(study.HoursLine{}, fmt.Errorf("reading the hours: %w", plain(err)))
				return
			}
			for i := range page {
				l := &page[i]
				l.Gaps = h.Targets.For(l.Learner.Category, l.Hours)
				if h.Short && !l.Short() {
					continue
				}
				if !yield(*l, nil) {
					return
				}
			}
			if len(page) < hoursPage {
				return
			}
			last = page[len(page)-1].Learner
		}
	}
}

func (s *Store) fillHours(ctx context.Context, year int, page []study.HoursLine) error {
	place := map[people.LearnerID]*study.HoursLine{}
	var ids []any
	for i := range page {
		page[i].Hours = study.Hours{}
		place[page[i].Learner.ID] = &page[i]
		ids = append(ids, int64(page[i].Learner.ID))
	}
	first, last := study.YearDays(year)
	return each(ctx, s.bulk, func(rows *sql.Rows) error {
		var id people.LearnerID
		var kind study.SourceKind
		var sum, delegate study.StudyHours
		if err := rows.Scan(&id, &kind, &sum, &delegate); err != nil {
			return err
		}
		if l := place[id]; sum != 0 || delegate != 0 {
			l.Hours[kind] += sum
			l.Delegate += delegate
		}
		return nil
	}, hoursByKind+marks(len(ids))+" GROUP BY learner_id, source_kind", append([]any{string(first), string(last)}, ids...)...)
}

// hoursByKind sums a span of days of people up by kind.
const hoursByKind = "SELECT learner_id, source_kind, SUM(hundredths), SUM(CASE WHEN delegate = 1 THEN hundredths ELSE 0 END) FROM ledger WHERE day >= ? AND day <= ? AND learner_id IN "

// UnitHours sums people's hours up by their units of a level, in the order of the codes; people whose unit lies
// above it stand with their own.
func (s *Store) UnitHours(ctx context.Context, h HoursQuery, level people.Level) ([]study.UnitHours, error) {
	list := []study.UnitHours{}
	h.Short = false
	for l, err := range s.LearnerHours(ctx, h) {
		if err != nil {
			return nil, err
		}
		unit := l.Learner.Unit
		if unit.Level() > level {
			unit = unit.Ancestor(level)
		}
		if n := len(list); n == 0 || list[n-1].Unit != unit {
			list = append(list, study.UnitHours{Unit: unit})
		}
		list[len(list)-1].Add(l)
	}
	var codes []any
	for _, u := range list {
		codes = append(codes, string(u.Unit))
	}
	names := map[people.OrgCode]string{}
	err := chunks(codes, func(part []any) error {
		return each(ctx, s.reads, func(rows *sql.Rows) error {
			var code people.OrgCode
			var full, name string
			err := rows.Scan(&code, &name, &full)
			if names[code] = full; full == "" {
				names[code] = name
			}
			return err
		}, "SELECT code, name, full_name FROM org_units WHERE code IN "+marks(len(part)), part...)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the units: %w", plain(err))
	}
	for i := range list {
		list[i].UnitName = names[list[i].Unit]
	}
	return list, nil
}

// loadByKind reads the hours of this year by source.
func (f *facts) loadByKind(ctx context.Context) error {
	if len(f.hours) == 0 {
		return nil
	}
	for _, list := range f.hours {
		for _, to := range list {
			to.Hours = study.Hours{}
		}
	}
	first, last := study.YearDays(f.now.In(study.Zone).Year())
	return each(ctx, f.q, func(rows *sql.Rows) error {
		var id people.LearnerID
		var kind study.SourceKind
		var sum, delegate study.StudyHours
		if err := rows.Scan(&id, &kind, &sum, &delegate); err != nil {
			return err
		}
		for _, to := range f.hours[id] {
			if sum != 0 {
				to.Hours[kind] = sum
			}
		}
		return nil
	}, hoursByKind+marks(len(f.hours))+" GROUP BY learner_id, source_kind", append([]any{string(first), string(last)}, keysOf(f.hours)...)...)
}
