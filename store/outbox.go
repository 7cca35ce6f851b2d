package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// ClaimDeliveries takes due deliveries for owner. Rows that another claimer holds are passed over
// where the database can (SKIP LOCKED); the UPDATE's own WHERE keeps a row from being claimed twice
// on every one.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, owner string, limit int, lease time.Duration) ([]bot.ClaimedDelivery, error) {
	var list []bot.ClaimedDelivery
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		list = nil
		var ids []int64
		err := each(ctx, q, func(rows *sql.Rows) error {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
			return nil
		}, "SELECT id FROM deliveries WHERE state = 'pending' AND not_before <= ? ORDER BY not_before, id LIMIT ?"+s.skipLocked(), toMs(now), limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		_, err = q.ExecContext(ctx, "UPDATE deliveries SET state = 'claimed', owner = ?, term = term + 1, lease_until = "+s.dbNow()+
			" + ?, updated_at = ? WHERE state = 'pending' AND id IN "+marks(len(ids)), append([]any{owner, lease.Milliseconds(), toMs(now)}, anys(ids)...)...)
		if err != nil {
			return err
		}
		if list, err = s.claimed(ctx, q, owner, ids); err != nil {
			return err
		}
		h := history()
		for _, d := range list {
			h.add(d.ID, string(delivery.Pending), string(delivery.Claimed), "", owner, d.Term, d.Attempt, 0, toMs(now))
		}
		return h.exec(ctx, q)
	})
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	return list, nil
}

// claimed reads claimed rows with fresh facts of their recipients.
func (s *Store) claimed(ctx context.Context, q querier, owner string, ids []int64) ([]bot.ClaimedDelivery, error) {
	var list []bot.ClaimedDelivery
	var learners []people.LearnerID
	err := each(ctx, q, func(rows *sql.Rows) error {
		d := bot.ClaimedDelivery{Owner: owner}
		var deadline, lease int64
		l := &d.Lesson
		if err := rows.Scan(&d.ID, &d.Term, &d.Attempt, &d.State, &deadline, &l.Course.Course, &l.Course.Version, &l.Lesson, &d.Learner.ID, &lease); err != nil {
			return err
		}
		d.Deadline, d.LeaseEnd, d.Kind = fromMs(deadline), fromMs(lease), delivery.KindLesson
		list = append(list, d)
		learners = append(learners, d.Learner.ID)
		return nil
	}, "SELECT id, term, attempts, state, not_after, course_id, version, lesson_id, learner_id, lease_until FROM deliveries WHERE state = 'claimed' AND owner = ? AND id IN "+
		marks(len(ids))+" ORDER BY id", append([]any{owner}, anys(ids)...)...)
	if err != nil {
		return nil, err
	}
	known, err := s.recipients(ctx, q, learners)
	if err != nil {
		return nil, err
	}
	for i := range list {
		d := &list[i]
		r := known[d.Learner.ID]
		d.Learner, d.Facts = r.learner, r.facts
		d.Facts.Due = true
		d.To = channel.Address{Channel: r.to[0], Account: r.to[1], External: r.to[2]}
	}
	return list, nil
}

// history collects changes of state.
func history() *insert {
	return &insert{table: "delivery_history", columns: []string{"delivery_id", "from_state", "to_state", "why", "owner", "term", "attempt", "errcode", "changed_at"}}
}

// move changes a delivery that is still held as d says, and writes its history; more follows in the
// same transaction. false: the lease was lost, nothing is written.
func (s *Store) move(ctx context.Context, now time.Time, d bot.ClaimedDelivery, to delivery.State, why delivery.Why, errcode int, more func(q querier) error, set string, args ...any) (bool, error) {
	moved := false
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var err error
		if moved, err = s.moveIn(ctx, q, now, d, to, why, errcode, set, "", args...); err != nil || !moved || more == nil {
			return err
		}
		return more(q)
	})
	return moved, err
}

// moveIn is move inside a transaction. set and where are appended to the UPDATE; args are set's.
func (s *Store) moveIn(ctx context.Context, q querier, now time.Time, d bot.ClaimedDelivery, to delivery.State, why delivery.Why, errcode int, set, where string, args ...any) (bool, error) {
	all := append([]any{string(to), string(why), toMs(now)}, args...)
	r, err := q.ExecContext(ctx, "UPDATE deliveries SET state = ?, why = ?, updated_at = ?"+set+" WHERE id = ? AND state = ? AND owner = ? AND term = ?"+where,
		append(all, d.ID, string(d.State), d.Owner, d.Term)...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	if err != nil || n != 1 {
		return false, err
	}
	h := history()
	h.add(d.ID, string(d.State), string(to), string(why), d.Owner, d.Term, d.Attempt, errcode, toMs(now))
	return true, h.exec(ctx, q)
}

// flightPause is how long a delivery waits when its recipient's phone is being sent another one.
const flightPause = 5 * time.Second

// BeginSending writes ahead of the call: from here on a crash means unknown. The claim's facts may be
// older than a slow platform's answers to those before, so the phone's row is locked and looked at
// once more: who has paused, left or been sent something since is not sent this (D4, D5), and no phone
// has two calls in flight (reliability §5.2, rule 9). Such a delivery goes back to pending, where the
// next claim brings what is true now.
func (s *Store) BeginSending(ctx context.Context, now time.Time, group []bot.ClaimedDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	for i, d := range group {
		begun, err := s.beginSending(ctx, now, d, d.Rung)
		if err != nil {
			return out, err
		}
		out[i] = begun
	}
	return out, nil
}

func (s *Store) beginSending(ctx context.Context, now time.Time, d bot.ClaimedDelivery, rung delivery.Rung) (bool, error) {
	begun := false
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		begun = false
		phone, due, err := s.lookAgain(ctx, q, now, d)
		if err != nil {
			return err
		}
		to := delivery.Sending
		set, args := ", rung = ?, attempts = attempts + 1, first_attempt_at = CASE WHEN first_attempt_at = 0 THEN ? ELSE first_attempt_at END, identity_id = ?",
			[]any{string(rung), toMs(now), int64(phone)}
		if phone == 0 {
			to, set, args = delivery.Pending, ", owner = '', not_before = CASE WHEN ? > not_before THEN ? ELSE not_before END", []any{toMs(due), toMs(due)}
		}
		moved, err := s.moveIn(ctx, q, now, d, to, delivery.WhyNone, 0, set, " AND lease_until > "+s.dbNow(), args...)
		begun = moved && phone != 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("writing ahead of a send: %w", err)
	}
	return begun, nil
}

// lookAgain locks the phone that d goes to and returns its number, 0 when d must not be sent as it
// was claimed. due says from when on it may be claimed again, zero for at once.
func (s *Store) lookAgain(ctx context.Context, q querier, now time.Time, d bot.ClaimedDelivery) (phone conversation.IdentityID, due time.Time, err error) {
	var following bool
	var sent, flying int
	var wish people.Push
	err = q.QueryRowContext(ctx, `SELECT i.id, i.following, i.sent_since, l.push FROM identities i
		JOIN profiles p ON p.identity_id = i.id AND p.learner_id = ? JOIN learners l ON l.id = p.learner_id
		WHERE i.channel = ? AND i.account = ? AND i.external_id = ?`+s.forUpdate(),
		int64(d.Learner.ID), d.To.Channel, d.To.Account, d.To.External).Scan(&phone, &following, &sent, &wish)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, time.Time{}, nil
	case err != nil:
		return 0, time.Time{}, err
	case following != d.Facts.Following, wish != d.Facts.Push, sent > d.Facts.SentSince:
		return 0, time.Time{}, nil
	}
	// A statement of its own, after the lock: it must see what the lock was waited for.
	err = q.QueryRowContext(ctx, "SELECT COUNT(*) FROM deliveries WHERE identity_id = ? AND state = 'sending'", int64(phone)).Scan(&flying)
	if err != nil || flying > 0 {
		return 0, now.Add(flightPause), err
	}
	return phone, time.Time{}, nil
}

// SettleDeliveries writes what became of the calls, and what they taught us about the people.
func (s *Store) SettleDeliveries(ctx context.Context, now time.Time, group []bot.SettledDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	for i, d := range group {
		ok, err := s.settleDelivery(ctx, now, d.ClaimedDelivery, d.Settlement)
		if err != nil {
			return out, err
		}
		out[i] = ok
	}
	return out, nil
}

func (s *Store) settleDelivery(ctx context.Context, now time.Time, d bot.ClaimedDelivery, t delivery.Settlement) (bool, error) {
	o := t.Outcome
	ambiguous := 0
	if t.To == delivery.Unknown {
		ambiguous = 1
	}
	// A try that never reached the platform does not count (B7).
	attempts := ""
	if o.Verdict == channel.Unsent {
		attempts = ", attempts = attempts - 1"
	}
	ok, err := s.move(ctx, now, d, t.To, t.Why, o.Code, func(q querier) error { return learned(ctx, q, d, t) },
		", not_before = ?, verdict = ?, errcode = ?, reason = ?, rid = ?, message_id = ?, ambiguous = ambiguous + ?"+attempts,
		toMs(t.Due), string(o.Verdict), o.Code, cut(o.Reason, 40), cut(o.RequestID, 80), cut(o.MessageID, 80), ambiguous)
	if err != nil {
		return false, fmt.Errorf("settling a delivery: %w", err)
	}
	return ok, nil
}

// learned keeps what the platform's answer says about the recipient's phone.
func learned(ctx context.Context, q querier, d bot.ClaimedDelivery, t delivery.Settlement) error {
	set := ""
	switch {
	case t.To == delivery.Accepted || t.To == delivery.Unknown:
		set = "sent_since = sent_since + 1"
	case t.CloseWindow:
		set = "typed_at = 0, tap_at = 0, sent_since = 0"
	case t.Unfollowed:
		set = "following = 0"
	default:
		return nil
	}
	_, err := q.ExecContext(ctx, "UPDATE identities SET "+set+" WHERE channel = ? AND account = ? AND external_id = ?", d.To.Channel, d.To.Account, d.To.External)
	return err
}

// ReleaseDeliveries gives deliveries back unsent.
func (s *Store) ReleaseDeliveries(ctx context.Context, now time.Time, group []bot.ReleasedDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	for i, d := range group {
		ok, err := s.releaseDelivery(ctx, now, d.ClaimedDelivery, d.To, d.Why, d.Due)
		if err != nil {
			return out, err
		}
		out[i] = ok
	}
	return out, nil
}

func (s *Store) releaseDelivery(ctx context.Context, now time.Time, d bot.ClaimedDelivery, to delivery.State, why delivery.Why, due time.Time) (bool, error) {
	ok, err := s.move(ctx, now, d, to, why, 0, nil, ", not_before = CASE WHEN ? > 0 THEN ? ELSE not_before END, owner = ''", toMs(due), toMs(due))
	if err != nil {
		return false, fmt.Errorf("giving back a delivery: %w", err)
	}
	return ok, nil
}

// sweepSize is how many rows one sweep moves at a time, so that no transaction grows long.
const sweepSize = 500

// SweepLeases recovers what its holder has lost. Rows are picked by their own state and time alone,
// so none can hide behind others (B5), and one without a lease is expired (B6).
func (s *Store) SweepLeases(ctx context.Context, now time.Time) (bot.Swept, error) {
	var swept bot.Swept
	for _, x := range []struct {
		from, to delivery.State
		why      delivery.Why
		count    *int
		where    string
		args     []any
	}{
		{delivery.Claimed, delivery.Pending, delivery.WhyNone, &swept.Released, "lease_until < " + s.dbNow(), nil},
		{delivery.Sending, delivery.Unknown, delivery.WhyAmbiguous, &swept.Ambiguous, "lease_until < " + s.dbNow(), nil},
		{delivery.Pending, delivery.Expired, delivery.WhyDeadline, &swept.Expired, "not_after > 0 AND not_after <= ?", []any{toMs(now)}},
	} {
		for {
			n, err := s.sweep(ctx, now, x.from, x.to, x.why, x.where, x.args)
			if err != nil {
				return swept, fmt.Errorf("sweeping %s deliveries: %w", x.from, err)
			}
			if *x.count += n; n < sweepSize {
				break
			}
		}
	}
	return swept, nil
}

func (s *Store) sweep(ctx context.Context, now time.Time, from, to delivery.State, why delivery.Why, where string, args []any) (int, error) {
	n := 0
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		n = 0
		type held struct {
			id, term int64
			owner    string
			attempt  int
			identity conversation.IdentityID
		}
		var list []held
		err := each(ctx, q, func(rows *sql.Rows) error {
			var h held
			if err := rows.Scan(&h.id, &h.term, &h.owner, &h.attempt, &h.identity); err != nil {
				return err
			}
			list = append(list, h)
			return nil
		}, "SELECT id, term, owner, attempts, identity_id FROM deliveries WHERE state = ? AND "+where+" ORDER BY id LIMIT ?"+s.skipLocked(),
			append(append([]any{string(from)}, args...), sweepSize)...)
		if err != nil || len(list) == 0 {
			return err
		}
		h := history()
		for _, x := range list {
			// The row's own state, owner and term once more: it may have been finished meanwhile (B4).
			r, err := q.ExecContext(ctx, "UPDATE deliveries SET state = ?, why = ?, updated_at = ?, ambiguous = ambiguous + ? WHERE id = ? AND state = ? AND owner = ? AND term = ?",
				string(to), string(why), toMs(now), b2i(to == delivery.Unknown), x.id, string(from), x.owner, x.term)
			if err != nil {
				return err
			}
			if moved, err := r.RowsAffected(); err != nil || moved == 0 {
				continue
			}
			n++
			h.add(x.id, string(from), string(to), string(why), x.owner, x.term, x.attempt, 0, toMs(now))
			if to == delivery.Unknown { // it may have arrived: it counts against the window
				if _, err := q.ExecContext(ctx, "UPDATE identities SET sent_since = sent_since + 1 WHERE id = ?", int64(x.identity)); err != nil {
					return err
				}
			}
		}
		return h.exec(ctx, q)
	})
	return n, err
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
