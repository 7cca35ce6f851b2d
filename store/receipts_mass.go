package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/tiangeng/tiangeng/bot/delivery"
)

// batch is a mass batch that a receipt may be about.
type batch struct {
	id     int64
	state  delivery.State
	status string // as reported before, "" for not yet
	first  int64
}

// sentWell is what the platform calls a mass send that it made.
const sentWell = "send success"

// joinBatch joins the report of a mass send. Its totals stay with the batch; who of the members got it
// nobody can tell, so they stay accepted, unless the whole batch failed. Success wins over failure
// whatever the order. Before the call's own answer is written, the report waits.
func (j *joining) joinBatch(ctx context.Context, r *receipt) error {
	b, err := j.batch(ctx, r)
	if err != nil || b == nil {
		return err
	}
	var to delivery.State
	switch {
	case b.state != delivery.Accepted && b.state != delivery.Unknown && b.state != delivery.Refused:
		return nil
	case r.status == sentWell:
		to = delivery.Accepted
	default:
		to = delivery.Refused
	}
	r.batch = b.id
	if b.status == sentWell { // nothing that comes later says more
		return nil
	}
	_, err = j.q.ExecContext(ctx, `UPDATE mass_batches SET status = ?, filtered = ?, sent = ?, failed = ?, reported_at = ?, ambiguous = 0,
		message_id = CASE message_id WHEN '' THEN ? ELSE message_id END, updated_at = ? WHERE id = ?`,
		r.status, r.job.Filtered, r.job.Sent, r.job.Failed, toMs(j.now), r.messageID, toMs(j.now), b.id)
	if err != nil {
		return err
	}
	j.joined.Mass++
	if b.state == to {
		return nil
	}
	return j.moveBatch(ctx, b, to, massWord(r.status))
}

// batch finds and locks the batch that a report is about: by its message id, else the only one of the
// account that waits for a report, is of the last day, and is as large as the report says.
func (j *joining) batch(ctx context.Context, r *receipt) (*batch, error) {
	const columns = "SELECT id, state, status, first_attempt_at FROM mass_batches WHERE channel = ? AND account = ? AND "
	if r.messageID != "" {
		b, err := j.onlyBatch(ctx, columns+"message_id = ?", r.to.Channel, r.to.Account, r.messageID)
		if err != nil || b != nil {
			return b, err
		}
	}
	named := ""
	if r.messageID != "" {
		named = " AND message_id = ''"
	}
	b, err := j.onlyBatch(ctx, columns+`status = '' AND (state IN ('sending', 'accepted', 'unknown') OR state IN ('pending', 'claimed') AND ambiguous > 0)
		AND people = ? AND first_attempt_at > 0 AND updated_at > ? AND first_attempt_at <= ?`+named,
		r.to.Channel, r.to.Account, r.job.Total, r.received-receiptLife.Milliseconds(), r.received+clockGap.Milliseconds())
	if b != nil && b.first > r.received+clockSkew.Milliseconds() { // see clockGap
		return nil, err
	}
	return b, err
}

// onlyBatch returns the one batch that a query finds, nil when there is none, several, or one that
// somebody else holds.
func (j *joining) onlyBatch(ctx context.Context, query string, args ...any) (*batch, error) {
	var list []*batch
	scan := func(rows *sql.Rows) error {
		b := &batch{}
		err := rows.Scan(&b.id, &b.state, &b.status, &b.first)
		list = append(list, b)
		return err
	}
	if err := each(ctx, j.q, scan, query, args...); err != nil || len(list) != 1 {
		return nil, err
	}
	id := list[0].id
	list = nil
	err := each(ctx, j.q, scan, "SELECT id, state, status, first_attempt_at FROM mass_batches WHERE id = ?"+j.s.skipLocked(), id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// moveBatch moves a batch and its members, with their history, in one statement each.
func (j *joining) moveBatch(ctx context.Context, b *batch, to delivery.State, word string) error {
	why := delivery.WhyNone
	if to == delivery.Refused {
		why = delivery.WhyPlatform
	}
	from, now := string(b.state), toMs(j.now)
	var m moves
	n := 0
	err := each(ctx, j.q, func(rows *sql.Rows) error {
		var id int64
		v := move{from: b.state, to: to, why: why}
		err := rows.Scan(&id, &v.owner, &v.term, &v.attempt)
		m.add(v, id)
		n++
		return err
	}, "SELECT id, owner, term, attempts FROM deliveries"+j.s.by("deliveries_batch")+" WHERE batch_id = ? AND state = ? ORDER BY id"+j.s.forUpdate(), b.id, from)
	if err != nil {
		return err
	}
	if err := m.write(ctx, j.q, j.now); err != nil {
		return err
	}
	for _, q := range []string{"UPDATE deliveries SET state = ?, why = ?, reason = ?, ambiguous = 0, updated_at = ? WHERE batch_id = ? AND state = ?",
		"UPDATE mass_batches SET state = ?, why = ?, reason = ?, updated_at = ? WHERE id = ? AND state = ?"} {
		if _, err := j.q.ExecContext(ctx, q, string(to), string(why), word, now, b.id, from); err != nil {
			return err
		}
	}
	if to == delivery.Refused {
		j.joined.Refused += n
	} else {
		j.joined.Settled += n
	}
	return nil
}

// massWord is the failure of a mass send in our word, "" for none: "send fail", or what the platform's
// censors call it, "err(20001)".
func massWord(status string) string {
	if status == sentWell {
		return ""
	}
	return cut(strings.ReplaceAll(status, " ", "_"), 40)
}
