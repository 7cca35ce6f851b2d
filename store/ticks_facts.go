package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// NewTickToken makes what the address of a trainer's page ends with: 160 random bits.
func NewTickToken() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// tickingOf reads the classes that meet today and have people of a trainer's scope, or the trainer as theirs, each with
// a fresh end for an address.
func (f *facts) tickingOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Ticking {
		return nil
	}
	where, args := scoped(t.Scope)
	day, err := (study.Schedule{Hour: "00:00"}).At(study.DayOf(f.now))
	if err != nil {
		return err
	}
	args = append([]any{toMs(day), toMs(day.Add(24 * time.Hour)), int64(a.to.Identity.Learner)}, args...)
	return each(ctx, f.q, func(rows *sql.Rows) error {
		c := conversation.Ticking{Token: NewTickToken()}
		var ends int64
		err := rows.Scan(&c.Cohort, &c.Class, &ends)
		c.Ends = fromMs(ends)
		t.Ticking = append(t.Ticking, c)
		return err
	}, `SELECT c.code, c.name, MAX(s.ends_at) FROM sessions s JOIN cohorts c ON c.id = s.cohort_id
		WHERE s.starts_at >= ? AND s.starts_at < ? AND (s.trainer_id = ? OR EXISTS (SELECT 1 FROM enrolments e JOIN learners l ON l.id = e.learner_id WHERE e.cohort_id = c.id AND `+where+`))
		GROUP BY c.code, c.name ORDER BY MIN(s.starts_at), c.code LIMIT ?`, append(args, conversation.TickingShown)...)
}

// linkActs makes and ends links of trainers. Whoever is no trainer any more is errLost.
func (w *turnWriter) linkActs(ctx context.Context) ([]act, error) {
	var acts []act
	for _, e := range w.links {
		switch e := e.(type) {
		case conversation.MakeTickLink:
			_, a, err := w.s.makeTickLink(ctx, w.tx, fromMs(w.now), byLearner(e.Learner), e.Hash, study.TickLink{Cohort: e.Cohort, Trainer: e.Learner, Until: e.Until})
			var f *fault.Error
			if errors.As(err, &f) {
				err = errLost
			}
			if err != nil {
				return nil, fmt.Errorf("making a trainer's link: %w", err)
			}
			acts = append(acts, a)
		case conversation.EndTickLinks:
			r, err := w.tx.ExecContext(ctx, "UPDATE tick_links SET revoked_at = ? WHERE trainer_id = ? AND revoked_at = 0 AND until_at > ?", w.now, int64(e.Learner), w.now)
			if err != nil {
				return nil, fmt.Errorf("ending a trainer's links: %w", err)
			}
			n, err := r.RowsAffected()
			if err != nil {
				return nil, fmt.Errorf("ending a trainer's links: %w", err)
			}
			acts = append(acts, act{At: fromMs(w.now), Actor: byLearner(e.Learner), Action: "class.unlink", Object: learnerObject(e.Learner), Result: fmt.Sprintf("%d links", n)})
		}
	}
	return acts, nil
}
