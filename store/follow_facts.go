package store

import (
	"context"
	"database/sql"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// loadDue reads what each person has to do about findings, for the record.
func (f *facts) loadDue(ctx context.Context) error {
	if len(f.record) == 0 {
		return nil
	}
	return each(ctx, f.q, func(rows *sql.Rows) error {
		var id people.LearnerID
		var d conversation.DueClass
		if err := rows.Scan(&id, &d.Class, &d.Due); err != nil {
			return err
		}
		for _, to := range f.record[id] {
			to.Record.Due = append(to.Record.Due, d)
		}
		return nil
	}, `SELECT r.learner_id, c.name, r.due_day FROM rectifications r JOIN cohorts c ON c.id = r.cohort_id
		WHERE r.status = 'open' AND r.learner_id IN `+marks(len(f.record))+" ORDER BY r.learner_id, r.due_day, r.id", keysOf(f.record)...)
}

// helpShown is up to how many people of a scope are looked at for an answer in the chat; a longer list is for a file.
const helpShown = 3000

// helpOf reads the people of a trainer's scope.
func (f *facts) helpOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Help {
		return nil
	}
	ids, err := followedIDs(ctx, f.q, t.Scope, helpShown+1)
	if err != nil {
		return err
	}
	t.People = len(ids)
	if len(ids) > helpShown {
		return nil
	}
	for len(ids) > 0 {
		n := min(len(ids), followPage)
		list, err := f.store.followed(ctx, f.q, ids[:n])
		if err != nil {
			return err
		}
		t.Followed = append(t.Followed, list...)
		ids = ids[n:]
	}
	return nil
}

// rectifyingOf reads what is not done in a trainer's scope.
func (f *facts) rectifyingOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Rectify {
		return nil
	}
	where, args := scoped(t.Scope)
	r := &t.Rectifying
	const from = " FROM rectifications r JOIN learners l ON l.id = r.learner_id "
	err := f.q.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN r.due_day < ? THEN 1 ELSE 0 END), 0)"+from+"WHERE r.status = 'open' AND "+where,
		append([]any{string(study.DayOf(f.now))}, args...)...).Scan(&r.Open, &r.Overdue)
	if err != nil || r.Open == 0 {
		return err
	}
	return each(ctx, f.q, func(rows *sql.Rows) error {
		var l conversation.RectifyingLine
		err := rows.Scan(&l.UnitName, &l.Name, &l.Document, &l.Due)
		r.First = append(r.First, l)
		return err
	}, "SELECT COALESCE(u.full_name, ''), l.name, g.document, r.due_day"+from+`JOIN findings g ON g.id = r.finding_id LEFT JOIN org_units u ON u.code = l.unit_code
		WHERE r.status = 'open' AND `+where+" ORDER BY r.due_day, l.unit_code, l.name, r.id LIMIT ?", append(args, conversation.RectifyingLines)...)
}
