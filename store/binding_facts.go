package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
)

// told reads the news of the phones that have some, oldest first, at most five each.
func (l *loading) told(ctx context.Context) error {
	if len(l.news) == 0 {
		return nil
	}
	return each(ctx, l.q, func(rows *sql.Rows) error {
		var id conversation.IdentityID
		var n conversation.News
		if err := rows.Scan(&id, &n.ID, &n.Kind, &n.Name, &n.Reason); err != nil {
			return err
		}
		for _, i := range l.news[id] {
			if f := &l.out[i].Facts; len(f.News) < 5 {
				f.News = append(f.News, n)
			}
		}
		return nil
	}, `SELECT n.identity_id, n.id, n.kind, COALESCE(l.name, ''), n.reason FROM news n LEFT JOIN learners l ON l.id = n.about_id
		WHERE n.identity_id IN `+marks(len(l.news))+" ORDER BY n.identity_id, n.id", keysOf(l.news)...)
}

// requestColumns are read by requestFields; a request r is of learner l, its helper is h.
const requestColumns = `r.id, r.kind, r.learner_id, COALESCE(l.name, ''), COALESCE(l.unit_code, ''), COALESCE(u.full_name, ''), r.helper_id, COALESCE(h.name, ''),
	r.body, r.state, r.reason, r.asked_at, r.closed_at, r.closed_by
	FROM requests r LEFT JOIN learners l ON l.id = r.learner_id LEFT JOIN org_units u ON u.code = l.unit_code LEFT JOIN learners h ON h.id = r.helper_id WHERE `

func scanRequest(rows interface{ Scan(into ...any) error }) (r people.Request, err error) {
	var asked, closed int64
	err = rows.Scan(&r.ID, &r.Kind, &r.Learner, &r.Name, &r.Unit, &r.UnitName, &r.Helper, &r.Helps, &r.Text, &r.State, &r.Reason, &asked, &closed, &r.ClosedBy)
	r.AskedAt, r.ClosedAt = fromMs(asked), fromMs(closed)
	return r, err
}

// maskedPhone is the number that is kept of a learner, as its owner may see it: whoever holds the handset is not always
// the owner. One whose key is gone is there all the same, and says so.
func (f *facts) maskedPhone(ctx context.Context, learner int64) (string, error) {
	var id, sealed string
	err := f.q.QueryRowContext(ctx, "SELECT key_id, sealed FROM learner_phones WHERE learner_id = ?", learner).Scan(&id, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	number, err := f.store.phones.open(learner, id, sealed)
	if err != nil {
		return "***", nil //nolint:nilerr // the number cannot be shown; that there is one is what its owner has a right to know
	}
	return people.MaskPhone(number), nil
}

// loadMine reads what is kept about active learners. Few ask at a time: each is read alone.
func (f *facts) loadMine(ctx context.Context) error {
	for _, to := range f.mine {
		id, learner := int64(to.Identity.ID), int64(to.Identity.Learner)
		m := conversation.Mine{}
		var bound int64
		err := f.q.QueryRowContext(ctx, `SELECT COALESCE((SELECT bound_at FROM learners WHERE id = ?), 0), (SELECT COUNT(*) FROM enrolments WHERE learner_id = ?),
			(SELECT COUNT(*) FROM responses r JOIN enrolments e ON e.id = r.enrolment_id WHERE e.learner_id = ?),
			EXISTS (SELECT 1 FROM location_consents WHERE learner_id = ? AND withdrawn_at = 0)`, learner, learner, learner, learner).Scan(&bound, &m.Classes, &m.Answers, &m.Place)
		if err != nil {
			return err
		}
		m.BoundAt = fromMs(bound)
		err = each(ctx, f.q, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			m.Helpers = append(m.Helpers, name)
			return err
		}, "SELECT DISTINCT l.name FROM profiles p JOIN learners l ON l.id = p.helper_id WHERE p.learner_id = ? ORDER BY l.name", learner)
		if err != nil {
			return err
		}
		err = each(ctx, f.q, func(rows *sql.Rows) error {
			r, err := scanRequest(rows)
			m.Open = append(m.Open, r)
			return err
		}, "SELECT "+requestColumns+"r.state = ? AND (r.identity_id = ? OR r.learner_id = ? AND r.learner_id <> 0) ORDER BY r.id", string(people.RequestOpen), id, learner)
		if err != nil {
			return err
		}
		if m.Phone, err = f.maskedPhone(ctx, learner); err != nil {
			return err
		}
		to.Mine = &m
	}
	return nil
}
