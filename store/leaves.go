package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// readLeaves reads leaves v of enrolments e of learners l, oldest first, with the sessions they cover.
func readLeaves(ctx context.Context, q querier, where string, args ...any) ([]study.Leave, error) {
	list := []study.Leave{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var v study.Leave
		var asked, decided int64
		var session study.SessionID
		if err := rows.Scan(&v.ID, &v.Enrolment, &v.Learner, &v.Reason, &v.Status, &asked, &v.DecidedBy, &decided, &session); err != nil {
			return err
		}
		v.AskedAt, v.DecidedAt = fromMs(asked), fromMs(decided)
		if n := len(list); n == 0 || list[n-1].ID != v.ID {
			list = append(list, v)
		}
		last := &list[len(list)-1]
		last.Sessions = append(last.Sessions, session)
		return nil
	}, `SELECT v.id, v.enrolment_id, v.learner_id, v.reason, v.status, v.asked_at, v.decided_by, v.decided_at, w.session_id
		FROM leaves v JOIN leave_sessions w ON w.leave_id = v.id JOIN enrolments e ON e.id = v.enrolment_id JOIN learners l ON l.id = v.learner_id
		WHERE `+where+" ORDER BY v.id, w.session_id", args...)
	return list, err
}

// Leaves lists the leaves of a class's people inside a scope, oldest first; only those with a status unless "".
func (s *Store) Leaves(ctx context.Context, scope people.Scope, cohort string, status study.LeaveStatus) ([]study.Leave, error) {
	where, args := scoped(scope)
	list, err := readLeaves(ctx, s.reads, "e.cohort_id = (SELECT c.id FROM cohorts c WHERE c.code = ?) AND (? = '' OR v.status = ?) AND "+where,
		append([]any{cohort, string(status), string(status)}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("reading the leaves: %w", plain(err))
	}
	return list, nil
}

// AskLeave asks for leave from sessions of a class. The same sessions asked for again are the same leave.
// Sessions that are closed need no leave any more: fault.Conflict.
func (s *Store) AskLeave(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, learner people.LearnerID, numbers []int, reason string) (id study.LeaveID, err error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len([]rune(reason)) > 200 || len(numbers) == 0 {
		return 0, fault.New(fault.Invalid, "class.leave_bad", fault.A("limit", 200))
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		where, args := scoped(scope)
		var place int64
		err := q.QueryRowContext(ctx, `SELECT e.id FROM enrolments e JOIN learners l ON l.id = e.learner_id WHERE e.learner_id = ? AND e.cohort_id = (SELECT c.id FROM cohorts c WHERE c.code = ?) AND `+where+s.forUpdate(),
			append([]any{int64(learner), cohort}, args...)...).Scan(&place)
		if err != nil {
			return missing(err, "class.no_place", fault.A("id", int64(learner)), fault.A("cohort", cohort))
		}
		var sessions []study.SessionID
		for _, n := range slices.Compact(slices.Sorted(slices.Values(numbers))) {
			x, err := s.session(ctx, q, cohort, n)
			if err != nil {
				return err
			}
			if !x.ClosedAt.IsZero() {
				return fault.New(fault.Conflict, "class.closed", fault.A("number", n))
			}
			sessions = append(sessions, x.ID)
		}
		var a act
		if id, a, err = s.askLeave(ctx, q, now, actor, place, learner, sessions, reason); err != nil || a.Action == "" {
			return err
		}
		return appendAudit(ctx, s, tx, a)
	})
	if err != nil {
		return 0, fmt.Errorf("asking for leave: %w", err)
	}
	return id, nil
}

// askLeave writes a leave, unless the same is asked for or approved already; then there is nothing for the audit.
func (s *Store) askLeave(ctx context.Context, q querier, now time.Time, actor string, place int64, learner people.LearnerID, sessions []study.SessionID, reason string) (id study.LeaveID, a act, err error) {
	have, err := readLeaves(ctx, q, "v.enrolment_id = ? AND v.status IN ('asked', 'approved')", place)
	if err != nil {
		return 0, a, err
	}
	for _, v := range have {
		if slices.Equal(v.Sessions, sessions) {
			return v.ID, a, nil
		}
	}
	r, err := q.ExecContext(ctx, "INSERT INTO leaves (enrolment_id, learner_id, reason, status, asked_at) VALUES (?, ?, ?, ?, ?)",
		place, int64(learner), cut(reason, 200), string(study.LeaveAsked), toMs(now))
	if err != nil {
		return 0, a, err
	}
	n, err := r.LastInsertId()
	if err != nil {
		return 0, a, err
	}
	rows := insert{table: "leave_sessions", columns: []string{"leave_id", "session_id"}}
	for _, x := range sessions {
		rows.add(n, int64(x))
	}
	a = act{At: now, Actor: actor, Action: "leave.ask", Object: fmt.Sprintf("leave %d %s", n, learnerObject(learner)), Result: fmt.Sprintf("%d sessions", len(sessions))}
	return study.LeaveID(n), a, rows.exec(ctx, q)
}

// decideLeave moves a leave on and tells the person; nothing for the audit when it is so already.
func (s *Store) decideLeave(ctx context.Context, q querier, now time.Time, actor string, scope people.Scope, id study.LeaveID, to study.LeaveStatus) (act, error) {
	where, args := scoped(scope)
	var have study.LeaveStatus
	var learner int64
	err := q.QueryRowContext(ctx, "SELECT v.status, v.learner_id FROM leaves v JOIN learners l ON l.id = v.learner_id WHERE v.id = ? AND "+where+s.forUpdate(),
		append([]any{int64(id)}, args...)...).Scan(&have, &learner)
	switch {
	case err != nil:
		return act{}, missing(err, "class.no_leave", fault.A("id", int64(id)))
	case have == to:
		return act{}, nil
	case have == study.LeaveWithdrawn:
		return act{}, fault.New(fault.Conflict, "class.leave_gone", fault.A("id", int64(id)))
	}
	if _, err := q.ExecContext(ctx, "UPDATE leaves SET status = ?, decided_by = ?, decided_at = ? WHERE id = ?", string(to), cut(actor, 120), toMs(now), int64(id)); err != nil {
		return act{}, err
	}
	if news := leaveNews[to]; news != "" {
		sessions, err := readSessions(ctx, q, "s.id IN (SELECT w.session_id FROM leave_sessions w WHERE w.leave_id = ?)", int64(id))
		if err != nil {
			return act{}, err
		}
		var words []string
		for _, x := range sessions {
			words = append(words, study.SessionWord(x))
		}
		if err := s.tellPeople(ctx, q, now, []int64{learner}, news, strings.Join(words, "、")); err != nil {
			return act{}, err
		}
	}
	return act{At: now, Actor: actor, Action: "leave." + string(to), Object: fmt.Sprintf("leave %d", id)}, nil
}

var leaveNews = map[study.LeaveStatus]people.NewsKind{study.LeaveApproved: people.NewsLeaveApproved, study.LeaveRefused: people.NewsLeaveRefused}

// DecideLeave approves or refuses a leave, or withdraws it. A decision can be changed until it is withdrawn. It moves
// no hours: leave gives none. Leaves outside the scope are fault.NotFound.
func (s *Store) DecideLeave(ctx context.Context, now time.Time, actor string, scope people.Scope, id study.LeaveID, to study.LeaveStatus) error {
	if to != study.LeaveApproved && to != study.LeaveRefused && to != study.LeaveWithdrawn {
		return fault.New(fault.Invalid, "class.leave_bad", fault.A("limit", 200))
	}
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		a, err := s.decideLeave(ctx, q, now, actor, scope, id, to)
		if err != nil || a.Action == "" {
			return err
		}
		return appendAudit(ctx, s, tx, a)
	})
	if err != nil {
		return fmt.Errorf("deciding about a leave: %w", err)
	}
	return nil
}
