package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// Requests lists what people in the scope ask for: of a state, or with "" of all, the oldest first,
// behind the number after.
func (s *Store) Requests(ctx context.Context, scope people.Scope, state people.RequestState, after people.RequestID, limit int) ([]people.Request, error) {
	list := []people.Request{}
	where, args := scoped(scope)
	args = append(args, int64(after))
	if state != "" {
		where, args = where+" AND r.id > ? AND r.state = ?", append(args, string(state))
	} else {
		where += " AND r.id > ?"
	}
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		r, err := scanRequest(rows)
		list = append(list, r)
		return err
	}, "SELECT "+requestColumns+where+" ORDER BY r.id LIMIT "+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("listing requests: %w", plain(err))
	}
	return list, nil
}

// CloseRequest closes a request of somebody in the scope: done as asked or not, with the reason that the
// person is told with the next reply. A 代学 that is done is one from then on; who asked to be deleted
// is taken off every phone.
func (s *Store) CloseRequest(ctx context.Context, now time.Time, actor string, scope people.Scope, rule people.BindRule, id people.RequestID, done bool, reason string) (r people.Request, err error) {
	reason, err = reasonOf(reason)
	if err != nil {
		return r, err
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		b := &binder{s: s, q: under(tx), now: toMs(now)}
		var written act
		if r, written, err = b.decide(ctx, actor, scope, rule, id, done, reason); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, written)
	})
	if err != nil {
		return people.Request{}, fmt.Errorf("closing a request: %w", err)
	}
	return r, nil
}

// decide closes a request, and returns what the audit says of it.
func (b *binder) decide(ctx context.Context, actor string, scope people.Scope, rule people.BindRule, id people.RequestID, done bool, reason string) (people.Request, act, error) {
	r, err := b.open(ctx, scope, id)
	if err != nil {
		return r, act{}, err
	}
	r.State = people.RequestRefused
	if done {
		r.State = people.RequestDone
		if err := b.grant(ctx, scope, rule, r); err != nil {
			return r, act{}, err
		}
	}
	r.Reason, r.ClosedAt, r.ClosedBy = reason, fromMs(b.now), cut(actor, 120)
	return r, act{
		At: fromMs(b.now), Actor: actor, Action: "request." + string(r.State), Object: "request " + strconv.FormatInt(int64(id), 10),
		Result: string(r.Kind) + " of " + learnerObject(r.Learner) + ": " + reason,
	}, b.close(ctx, r)
}

func reasonOf(text string) (string, error) {
	reason, ok := people.FoldReason(text)
	if !ok {
		return "", fault.New(fault.Invalid, "bind.reason_needed", fault.A("limit", people.MaxReason))
	}
	return reason, nil
}

// open reads and locks a request in the scope that nobody has closed.
func (b *binder) open(ctx context.Context, scope people.Scope, id people.RequestID) (people.Request, error) {
	if err := b.exec(ctx, "UPDATE requests SET settled = settled WHERE id = ?", int64(id)); err != nil { // the later one waits
		return people.Request{}, err
	}
	where, args := scoped(scope)
	r, err := scanRequest(b.q.QueryRowContext(ctx, "SELECT "+requestColumns+where+" AND r.id = ?"+b.s.settled(), append(args, int64(id))...))
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.New(fault.NotFound, "bind.request_not_found")
	}
	if err == nil && r.State != people.RequestOpen {
		return r, fault.New(fault.Conflict, "bind.request_closed")
	}
	return r, err
}

// grant does what a request asks for.
func (b *binder) grant(ctx context.Context, scope people.Scope, rule people.BindRule, r people.Request) error {
	switch r.Kind {
	case people.RequestDelegate:
		return b.delegate(ctx, scope, rule, r.Helper, r.Learner)
	case people.RequestDelete:
		if _, err := b.release(ctx, r.Learner, ""); err != nil {
			return err
		}
		return b.forget(ctx, int64(r.Learner))
	case people.RequestCorrect: // the roster says it, by its next import
	}
	return nil
}

// forget deletes what is kept about somebody that no record of study needs: the telephone number, also where an import
// could bring it back, and the consent to places. The record itself stays with the unit (DESIGN rule 9).
func (b *binder) forget(ctx context.Context, learner int64) error {
	for _, act := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM learner_phones WHERE learner_id = ?", []any{learner}},
		{"UPDATE roster_changes SET phone_key = '', phone_sealed = '', phone_lookup = '' WHERE learner_id = ?", []any{learner}},
		{"UPDATE location_consents SET withdrawn_at = ? WHERE learner_id = ? AND withdrawn_at = 0", []any{b.now, learner}},
	} {
		if err := b.exec(ctx, act.sql, act.args...); err != nil {
			return err
		}
	}
	return nil
}

// close writes a request's end and tells whoever asked.
func (b *binder) close(ctx context.Context, r people.Request) error {
	var phone int64
	if err := b.q.QueryRowContext(ctx, "SELECT identity_id FROM requests WHERE id = ?", int64(r.ID)).Scan(&phone); err != nil {
		return err
	}
	if err := b.exec(ctx, "UPDATE requests SET state = ?, settled = id, reason = ?, closed_at = ?, closed_by = ? WHERE id = ?",
		string(r.State), r.Reason, b.now, r.ClosedBy, int64(r.ID)); err != nil {
		return err
	}
	who := r.Learner
	if r.Helper != 0 {
		who = r.Helper
	}
	if phone == 0 {
		own, err := b.phones(ctx, who, true)
		if err != nil {
			return err
		}
		if len(own) > 0 {
			phone = own[0]
		}
	}
	return b.tell(ctx, phone, who, r.Learner, r.Kind.Result(r.State), r.Reason)
}

// visible reads a learner's name; one outside the scope is not there.
func (b *binder) visible(ctx context.Context, scope people.Scope, id people.LearnerID) (name string, err error) {
	where, args := scoped(scope)
	err = b.q.QueryRowContext(ctx, "SELECT l.name FROM learners l WHERE "+where+" AND l.id = ?", append(args, int64(id))...).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "bind.learner_not_found")
	}
	return name, err
}

// ownPhone is the phone that a learner in the scope has; a fault when there is none.
func (b *binder) ownPhone(ctx context.Context, scope people.Scope, id people.LearnerID) (int64, error) {
	name, err := b.visible(ctx, scope, id)
	if err != nil {
		return 0, err
	}
	own, err := b.phones(ctx, id, true)
	if err == nil && len(own) == 0 {
		err = fault.New(fault.Conflict, "bind.not_bound", fault.A("name", name))
	}
	if err != nil {
		return 0, err
	}
	return own[0], nil
}

// delegate lets helper learn in the learner's place, on the phone that the helper has.
func (b *binder) delegate(ctx context.Context, scope people.Scope, rule people.BindRule, helper, learner people.LearnerID) error {
	// The helper's row first: two that come at once are counted one after the other.
	if err := b.exec(ctx, "UPDATE learners SET bound_at = bound_at WHERE id = ?", int64(helper)); err != nil {
		return err
	}
	phone, err := b.mayDelegate(ctx, scope, rule, helper, learner)
	if err != nil {
		return err
	}
	i := insert{table: "profiles", columns: []string{"identity_id", "learner_id", "helper_id", "created_at"}}
	i.add(phone, int64(learner), int64(helper), b.now)
	if err := i.exec(ctx, b.q); err != nil {
		return err
	}
	if err := b.exec(ctx, "UPDATE identities SET seq = seq + 1 WHERE id = ?", phone); err != nil {
		return err
	}
	return b.exec(ctx, "UPDATE learners SET bound_at = ? WHERE id = ? AND bound_at = 0", b.now, int64(learner))
}

// mayDelegate returns the phone on which helper may learn in the learner's place; a fault says why not.
func (b *binder) mayDelegate(ctx context.Context, scope people.Scope, rule people.BindRule, helper, learner people.LearnerID) (int64, error) {
	if helper == learner {
		return 0, fault.New(fault.Invalid, "bind.same_person")
	}
	name, err := b.visible(ctx, scope, learner)
	if err == nil {
		err = b.stays(ctx, learner)
	}
	if err != nil {
		return 0, err
	}
	phone, err := b.ownPhone(ctx, scope, helper)
	if err != nil {
		return 0, err
	}
	own, err := b.phones(ctx, learner, true)
	if err != nil {
		return 0, err
	}
	all, err := b.phones(ctx, learner, false)
	if err != nil {
		return 0, err
	}
	var there int
	if err := b.q.QueryRowContext(ctx, "SELECT COUNT(*) FROM profiles WHERE identity_id = ? AND helper_id <> 0", phone).Scan(&there); err != nil {
		return 0, err
	}
	switch {
	case len(own) > 0:
		return 0, fault.New(fault.Conflict, "bind.delegate_own_phone", fault.A("name", name))
	case slices.Contains(all, phone):
		return 0, fault.New(fault.Conflict, "bind.delegate_already", fault.A("name", name))
	case !rule.RoomFor(there):
		return 0, fault.New(fault.Conflict, "bind.delegate_limit", fault.A("count", rule.MaxDelegates()))
	}
	return phone, nil
}

// release takes a learner off every phone and forgets which was the last; with a reason those phones
// are told. It returns how many there were.
func (b *binder) release(ctx context.Context, learner people.LearnerID, reason string) (int, error) {
	all, err := b.phones(ctx, learner, false)
	if err != nil {
		return 0, err
	}
	for _, phone := range all {
		if err := b.leave(ctx, phone, learner, 0); err != nil {
			return 0, err
		}
		if reason == "" {
			continue
		}
		if err := b.tell(ctx, phone, learner, learner, people.NewsReleased, reason); err != nil {
			return 0, err
		}
	}
	return len(all), b.exec(ctx, "DELETE FROM handsets WHERE learner_id = ?", int64(learner))
}

// PutDelegate lets helper learn in the place of a person without a smartphone (代学). A request of the
// kind is closed by it.
func (s *Store) PutDelegate(ctx context.Context, now time.Time, actor string, scope people.Scope, rule people.BindRule, helper, learner people.LearnerID, reason string) error {
	return s.binding(ctx, now, actor, reason, "binding.delegate", learner, func(b *binder, reason string) (string, error) {
		if err := b.delegate(ctx, scope, rule, helper, learner); err != nil {
			return "", err
		}
		var asked []people.Request
		err := each(ctx, b.q, func(rows *sql.Rows) error {
			r, err := scanRequest(rows)
			asked = append(asked, r)
			return err
		}, "SELECT "+requestColumns+"r.kind = ? AND r.learner_id = ? AND r.helper_id = ? AND r.settled = 0", string(people.RequestDelegate), int64(learner), int64(helper))
		if err != nil {
			return "", err
		}
		for _, r := range asked {
			r.State, r.Reason, r.ClosedBy = people.RequestDone, reason, cut(actor, 120)
			if err := b.close(ctx, r); err != nil {
				return "", err
			}
		}
		if len(asked) > 0 {
			return "by " + learnerObject(helper), nil
		}
		phone, err := b.ownPhone(ctx, scope, helper)
		if err != nil {
			return "", err
		}
		return "by " + learnerObject(helper), b.tell(ctx, phone, helper, learner, people.NewsDelegateDone, reason)
	})
}

// TransferHandset gives the phone that one person has to another, whatever cool-down there is: the first
// goes, and who learns there is told.
func (s *Store) TransferHandset(ctx context.Context, now time.Time, actor string, scope people.Scope, from, to people.LearnerID, reason string) error {
	return s.binding(ctx, now, actor, reason, "binding.transfer", to, func(b *binder, reason string) (string, error) {
		if from == to {
			return "", fault.New(fault.Invalid, "bind.same_person")
		}
		if _, err := b.visible(ctx, scope, to); err != nil {
			return "", err
		}
		phone, err := b.ownPhone(ctx, scope, from)
		if err != nil {
			return "", err
		}
		if err := b.leave(ctx, phone, from, 0); err != nil {
			return "", err
		}
		// What is under way on the phone is over, whoever was active.
		if err := b.exec(ctx, "UPDATE identities SET learner_id = 0 WHERE id = ?", phone); err != nil {
			return "", err
		}
		if err := b.reset(ctx, phone); err != nil {
			return "", err
		}
		if _, err := b.bind(ctx, phone, to); err != nil {
			return "", err
		}
		if err := b.exec(ctx, "DELETE FROM handsets WHERE learner_id = ?", int64(from)); err != nil {
			return "", err
		}
		return "from " + learnerObject(from), b.tell(ctx, phone, to, to, people.NewsTransferred, reason)
	})
}

// ReleaseLearner takes a person off every phone and ends the cool-down, so that they can bind anew at
// once. It returns how many phones that were.
func (s *Store) ReleaseLearner(ctx context.Context, now time.Time, actor string, scope people.Scope, learner people.LearnerID, reason string) (phones int, err error) {
	err = s.binding(ctx, now, actor, reason, "binding.release", learner, func(b *binder, reason string) (string, error) {
		if _, err := b.visible(ctx, scope, learner); err != nil {
			return "", err
		}
		phones, err = b.release(ctx, learner, reason)
		return itoa(phones) + " phones", err
	})
	return phones, err
}

// binding does an administrator's act on bindings with its reason and its audit, all or nothing.
func (s *Store) binding(ctx context.Context, now time.Time, actor, reason, action string, object people.LearnerID, do func(b *binder, reason string) (string, error)) error {
	reason, err := reasonOf(reason)
	if err != nil {
		return err
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		result, err := do(&binder{s: s, q: under(tx), now: toMs(now)}, reason)
		if err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: action, Object: learnerObject(object), Result: result + ": " + reason})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}
