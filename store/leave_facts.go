package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// loadComing reads the sessions that are not over for those who ask for leave.
func (f *facts) loadComing(ctx context.Context) error {
	for _, to := range f.coming {
		err := each(ctx, f.q, func(rows *sql.Rows) error {
			var c conversation.Coming
			var starts, ends int64
			if err := rows.Scan(&c.ID, &c.Cohort, &c.Number, &c.Title, &c.Hours, &starts, &ends, &c.Enrolment, &c.Class, &c.LeaveID, &c.Leave); err != nil {
				return err
			}
			c.Starts, c.Ends = fromMs(starts), fromMs(ends)
			to.Coming = append(to.Coming, c)
			return nil
		}, `SELECT s.id, c.code, s.number, s.title, s.hundredths, s.starts_at, s.ends_at, e.id, c.name,
			CASE WHEN EXISTS (SELECT 1 FROM leave_sessions p JOIN sessions o ON o.id = p.session_id WHERE p.leave_id = v.id AND o.starts_at <= ?) THEN 0 ELSE COALESCE(v.id, 0) END, COALESCE(v.status, '')
			FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id JOIN sessions s ON s.cohort_id = c.id
			LEFT JOIN leaves v ON v.id = (SELECT MAX(x.id) FROM leaves x JOIN leave_sessions w ON w.leave_id = x.id WHERE x.enrolment_id = e.id AND w.session_id = s.id AND x.status IN ('asked', 'approved'))
			WHERE e.learner_id = ? AND e.status IN ('active', 'paused') AND s.closed_at = 0 AND s.ends_at >= ? ORDER BY e.id, s.number LIMIT ?`,
			toMs(f.now), int64(to.Identity.Learner), toMs(f.now), conversation.ComingShown)
		if err != nil {
			return err
		}
		for i := range to.Coming {
			c := &to.Coming[i]
			if i > 0 && to.Coming[i-1].Cohort == c.Cohort {
				c.Missed, c.Total = to.Coming[i-1].Missed, to.Coming[i-1].Total
				continue
			}
			roll, err := f.store.classRoll(ctx, f.q, people.Everyone(), c.Cohort)
			if err != nil {
				return err
			}
			c.Missed, c.Total = missedOf(roll, to.Identity.Learner)
		}
	}
	return nil
}

// missedOf is what somebody misses of a class so far, and how much there is.
func missedOf(roll study.Roll, who people.LearnerID) (missed, total study.StudyHours) {
	for _, l := range roll.Lines {
		if l.Learner.ID == who {
			return l.Standing.Leave + l.Standing.Missed, l.Standing.Total
		}
	}
	return 0, 0
}

// leavesOf reads the leaves in a trainer's scope that wait.
func (f *facts) leavesOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Leaves {
		return nil
	}
	where, args := scoped(t.Scope)
	if a.n.LeaveID != 0 {
		where, args = where+" AND v.id = ?", append(args, int64(a.n.LeaveID))
	}
	var cohorts []string
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var v conversation.LeaveAsked
		var cohort string
		err := rows.Scan(&v.ID, &v.Learner, &v.Name, &v.UnitName, &v.Class, &v.Reason, &cohort)
		t.Leaves, cohorts = append(t.Leaves, v), append(cohorts, cohort)
		return err
	}, `SELECT v.id, l.id, l.name, COALESCE(u.full_name, ''), c.name, v.reason, c.code FROM leaves v JOIN learners l ON l.id = v.learner_id LEFT JOIN org_units u ON u.code = l.unit_code
		JOIN enrolments e ON e.id = v.enrolment_id JOIN cohorts c ON c.id = e.cohort_id WHERE v.status = 'asked' AND `+where+" ORDER BY v.id LIMIT ?", append(args, conversation.LeavesShown)...)
	rolls := map[string]study.Roll{}
	for i := range t.Leaves {
		v := &t.Leaves[i]
		if err == nil {
			v.Sessions, err = readSessions(ctx, f.q, "s.id IN (SELECT w.session_id FROM leave_sessions w WHERE w.leave_id = ?)", int64(v.ID))
		}
		if _, known := rolls[cohorts[i]]; err == nil && !known {
			rolls[cohorts[i]], err = f.store.classRoll(ctx, f.q, people.Everyone(), cohorts[i])
		}
		missed, total := missedOf(rolls[cohorts[i]], v.Learner)
		for _, x := range v.Sessions {
			missed += x.Hours
		}
		v.Over = classRule.TooMuch(missed, total)
	}
	return err
}

// leaveActs writes leaves that were asked for and decided. What has changed since the facts were read is errLost.
func (w *turnWriter) leaveActs(ctx context.Context) ([]act, error) {
	var acts []act
	for _, e := range w.leaves {
		var a act
		var err error
		switch e := e.(type) {
		case conversation.AskLeave:
			var open int
			err = w.tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sessions s JOIN enrolments e ON e.cohort_id = s.cohort_id WHERE s.closed_at = 0 AND e.id = ? AND e.learner_id = ? AND s.id IN "+marks(len(e.Sessions)),
				append([]any{int64(e.Enrolment), int64(e.Learner)}, anys(e.Sessions)...)...).Scan(&open)
			if err == nil && open != len(e.Sessions) {
				return nil, errLost
			}
			if err == nil {
				_, a, err = w.s.askLeave(ctx, w.tx, fromMs(w.now), byLearner(e.Learner), int64(e.Enrolment), e.Learner, e.Sessions, e.Reason)
			}
		case conversation.DecideLeave:
			scope := people.Everyone()
			if e.To == study.LeaveWithdrawn { // the own one
				var own int
				err = w.tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM leaves WHERE id = ? AND learner_id = ?", int64(e.Leave), int64(e.Learner)).Scan(&own)
				if err == nil && own == 0 {
					return nil, errLost
				}
			} else {
				scope, err = trainerScope(ctx, w.tx, e.Learner)
			}
			if err != nil {
				return nil, err
			}
			a, err = w.s.decideLeave(ctx, w.tx, fromMs(w.now), byLearner(e.Learner), scope, e.Leave, e.To)
			var f *fault.Error
			if errors.As(err, &f) || err == nil && a.Action == "" {
				return nil, errLost
			}
		}
		if err != nil {
			return nil, fmt.Errorf("writing a leave: %w", err)
		}
		if a.Action != "" {
			acts = append(acts, a)
		}
	}
	return acts, nil
}
