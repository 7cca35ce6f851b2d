package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// nextProfile is who becomes active on a phone: those who are there as themselves come first.
const nextProfile = "SELECT p.learner_id FROM profiles p WHERE p.identity_id = ? ORDER BY p.helper_id, p.learner_id LIMIT 1"

// leaveProfiles takes a person, and those whom the person helps, off a phone.
const leaveProfiles = "DELETE FROM profiles WHERE identity_id = ? AND learner_id <> 0 AND (learner_id = ? OR helper_id = ? AND helper_id <> 0)"

// bindingAct is a Bind of a learner, or with 0 a HandOver, on a phone, or a trainer's decision.
type bindingAct struct {
	identity int64
	learner  people.LearnerID
	leaving  []people.LearnerID
	decide   *conversation.Decide
}

// bindingActs writes who came to and went from phones, and returns what the audit says of it: a first
// binding is no privileged act, taking a person from one phone to another is.
func (w *turnWriter) bindingActs(ctx context.Context) ([]act, error) {
	var acts []act
	b := binder{s: w.s, q: w.tx, now: w.now}
	for _, e := range w.bindings {
		if e.decide != nil {
			a, err := w.decide(ctx, &b, e.decide)
			if err != nil {
				return nil, fmt.Errorf("writing a decision: %w", err)
			}
			acts = append(acts, a)
			continue
		}
		if e.learner == 0 {
			if err := b.handOver(ctx, e.identity); err != nil {
				return nil, fmt.Errorf("writing who hands a phone over: %w", err)
			}
			a := act{At: fromMs(w.now), Action: "binding.hand_over", Object: "a phone", Result: learnerList(e.leaving)}
			if len(e.leaving) > 0 {
				a.Actor = byLearner(e.leaving[0])
			}
			acts = append(acts, a)
			continue
		}
		left, err := b.bind(ctx, e.identity, e.learner)
		if fault.CodeOf(err) == fault.NotFound { // off the roster since the candidates were read
			return nil, errLost
		}
		if err != nil {
			return nil, fmt.Errorf("writing a binding: %w", err)
		}
		if left > 0 {
			acts = append(acts, act{
				At: fromMs(w.now), Actor: byLearner(e.learner), Action: "binding.move", Object: learnerObject(e.learner),
				Result: "left " + strconv.Itoa(left) + " phones",
			})
		}
	}
	return acts, nil
}

// decide closes a request in the trainer's scope. What cannot be done any more is errLost: the turn is
// stepped again and says the truth.
func (w *turnWriter) decide(ctx context.Context, b *binder, e *conversation.Decide) (act, error) {
	scope, err := trainerScope(ctx, w.tx, e.Learner)
	if err != nil {
		return act{}, err
	}
	_, a, err := b.decide(ctx, byLearner(e.Learner), scope, e.Rule, e.Request, e.Done, e.Reason)
	var f *fault.Error
	if errors.As(err, &f) {
		err = errLost
	}
	return a, err
}

func learnerObject(id people.LearnerID) string { return "learner " + strconv.FormatInt(int64(id), 10) }

func learnerList(ids []people.LearnerID) string {
	var list []string
	for _, id := range ids {
		list = append(list, strconv.FormatInt(int64(id), 10))
	}
	return "learners " + strings.Join(list, " ")
}

// binder writes who is on which phone, in a transaction.
type binder struct {
	s   *Store
	q   querier
	now int64
}

func (b *binder) exec(ctx context.Context, query string, args ...any) error {
	_, err := b.q.ExecContext(ctx, query, args...)
	return err
}

// stays refuses people who have left the roster: they bind no more.
func (b *binder) stays(ctx context.Context, learner people.LearnerID) error {
	var left string
	err := b.q.QueryRowContext(ctx, "SELECT left_day FROM learners WHERE id = ?", int64(learner)).Scan(&left)
	if errors.Is(err, sql.ErrNoRows) || err == nil && left != "" {
		return fault.New(fault.NotFound, "bind.learner_not_found")
	}
	return err
}

// bind makes the phone the learner's own and the learner active on it. From every other phone they
// go, and whoever uses it is told; left is how many those were. Whom the learner learns for comes along.
func (b *binder) bind(ctx context.Context, phone int64, learner people.LearnerID) (left int, err error) {
	// The learner's row first: of two phones that bind one person the later one sees the earlier.
	if err := b.exec(ctx, "UPDATE learners SET bound_at = CASE WHEN bound_at = 0 THEN ? ELSE bound_at END WHERE id = ?", b.now, int64(learner)); err != nil {
		return 0, err
	}
	if err := b.stays(ctx, learner); err != nil {
		return 0, err
	}
	others, err := b.phones(ctx, learner, false)
	if err != nil {
		return 0, err
	}
	if err := b.exec(ctx, "INSERT INTO profiles (identity_id, learner_id, helper_id, created_at) VALUES (?, ?, 0, ?)"+
		b.s.upsert("identity_id, learner_id", "helper_id"), phone, int64(learner), b.now); err != nil {
		return 0, err
	}
	for _, other := range others {
		if other == phone {
			continue
		}
		if err := b.leave(ctx, other, learner, phone); err != nil {
			return 0, err
		}
		if err := b.tell(ctx, other, learner, learner, people.NewsMoved, ""); err != nil {
			return 0, err
		}
		left++
	}
	var last, moved int64
	err = b.q.QueryRowContext(ctx, "SELECT identity_id, moved_at FROM handsets WHERE learner_id = ?", int64(learner)).Scan(&last, &moved)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if last != 0 && last != phone {
		moved = b.now
	}
	i := insert{table: "handsets", columns: []string{"learner_id", "identity_id", "moved_at"}, tail: b.s.upsert("learner_id", "identity_id", "moved_at")}
	i.add(int64(learner), phone, moved)
	if err := i.exec(ctx, b.q); err != nil {
		return 0, err
	}
	for _, q := range []statement{
		{"UPDATE identities SET learner_id = ? WHERE id = ?", []any{int64(learner), phone}},
		// The steps that led here belong to the learner's unit.
		{"UPDATE funnel_steps SET unit_code = (SELECT l.unit_code FROM learners l WHERE l.id = ?) WHERE identity_id = ? AND unit_code = ''", []any{int64(learner), phone}},
		{"UPDATE news SET identity_id = ? WHERE learner_id = ? AND identity_id = 0", []any{phone, int64(learner)}},
	} {
		if err := b.exec(ctx, q.query, q.args...); err != nil {
			return 0, err
		}
	}
	return left, nil
}

// phones are those that a learner is on; own leaves out those of people who learn in their place.
func (b *binder) phones(ctx context.Context, learner people.LearnerID, own bool) (list []int64, err error) {
	where := ""
	if own {
		where = " AND helper_id = 0"
	}
	err = each(ctx, b.q, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		list = append(list, id)
		return err
	}, "SELECT identity_id FROM profiles WHERE learner_id = ?"+where+" ORDER BY identity_id"+b.s.forUpdate(), int64(learner))
	return list, err
}

// leave takes a learner off a phone, and those whom the learner helps there: along to the phone to, or
// with 0 off. What was under way on the phone is over.
func (b *binder) leave(ctx context.Context, phone int64, learner people.LearnerID, to int64) error {
	if to != 0 {
		if err := b.exec(ctx, `INSERT INTO profiles (identity_id, learner_id, helper_id, created_at)
			SELECT ?, f.learner_id, f.helper_id, ? FROM (SELECT p.learner_id, p.helper_id FROM profiles p WHERE p.identity_id = ? AND p.helper_id = ?) f
			WHERE 1 = 1`+b.s.orIgnore("profiles.created_at"), to, b.now, phone, int64(learner)); err != nil {
			return err
		}
	}
	if err := b.exec(ctx, leaveProfiles, phone, int64(learner), int64(learner)); err != nil {
		return err
	}
	return b.reset(ctx, phone)
}

// reset lets a phone begin anew when whoever was active on it is gone: the conversation, written from
// outside, is empty then. It moves on in any case, so that no copy of the old one is used.
func (b *binder) reset(ctx context.Context, phone int64) error {
	state, err := encodeState(conversation.State{})
	if err != nil {
		return err
	}
	if err := b.exec(ctx, "UPDATE identities SET learner_id = COALESCE(("+nextProfile+`), 0), state = ?
		WHERE id = ? AND learner_id NOT IN (SELECT p.learner_id FROM profiles p WHERE p.identity_id = ?)`, phone, state, phone, phone); err != nil {
		return err
	}
	return b.exec(ctx, "UPDATE identities SET seq = seq + 1 WHERE id = ?", phone)
}

// handOver takes everybody off a phone. The state is the turn's own.
func (b *binder) handOver(ctx context.Context, phone int64) error {
	for _, q := range []string{
		"DELETE FROM profiles WHERE identity_id = ?",
		"DELETE FROM grants WHERE identity_id = ?",
		"DELETE FROM once_links WHERE identity_id = ?",
		"UPDATE handsets SET identity_id = 0 WHERE identity_id = ?",
		"UPDATE requests SET identity_id = 0 WHERE identity_id = ?",
		"UPDATE news SET identity_id = 0 WHERE identity_id = ?",
		"UPDATE funnel_steps SET identity_id = 0 WHERE identity_id = ?",
		"UPDATE identities SET learner_id = 0, notice_version = 0 WHERE id = ?",
	} {
		if err := b.exec(ctx, q, phone); err != nil {
			return err
		}
	}
	return nil
}

// tell puts news about somebody before the learner: on a phone, or with 0 on the one that the learner
// binds next. A copy of the phone's conversation is not used before they are told.
func (b *binder) tell(ctx context.Context, phone int64, learner, about people.LearnerID, kind people.NewsKind, reason string) error {
	i := insert{table: "news", columns: []string{"identity_id", "learner_id", "about_id", "kind", "reason", "created_at"}}
	i.add(phone, int64(learner), int64(about), string(kind), reason, b.now)
	if err := i.exec(ctx, b.q); err != nil {
		return err
	}
	return b.exec(ctx, "UPDATE identities SET seq = seq + 1 WHERE id = ?", phone)
}
