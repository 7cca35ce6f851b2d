package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// job is a delivery's row, locked by the transaction that has it: what may happen to it is decided in
// Go, and all rows of a group are written by one statement.
type job struct {
	id, campaign, learner int64
	state                 delivery.State
	why                   delivery.Why
	rung                  delivery.Rung
	tried                 string
	notBefore             int64
	owner                 string
	term                  int64
	leased                bool // the lease has not run out
	attempts              int
	first                 int64
	identity, batch       int64
	verdict, reason       string
	errcode               int
	rid, message          string
	ambiguous             int

	from    delivery.State // as it was read
	holder  string
	attempt int
}

// jobs locks rows by number, in the order of the numbers, so that two groups that share some wait for
// each other instead of deadlocking.
func (s *Store) jobs(ctx context.Context, q querier, ids []int64) (map[int64]*job, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	out := make(map[int64]*job, len(ids))
	return out, chunks(slices.Compact(ids), func(part []int64) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var j job
			err := rows.Scan(&j.id, &j.campaign, &j.learner, &j.state, &j.why, &j.rung, &j.tried, &j.notBefore, &j.owner, &j.term, &j.leased, &j.attempts, &j.first,
				&j.identity, &j.batch, &j.verdict, &j.errcode, &j.reason, &j.rid, &j.message, &j.ambiguous)
			j.from, j.holder, j.attempt = j.state, j.owner, j.attempts
			out[j.id] = &j
			return err
		}, `SELECT id, campaign_id, learner_id, state, why, rung, tried, not_before, owner, term, lease_until > `+s.dbNow()+`, attempts, first_attempt_at,
			identity_id, batch_id, verdict, errcode, reason, rid, message_id, ambiguous FROM deliveries`+s.by("PRIMARY")+` WHERE id IN `+marks(len(part))+` ORDER BY id`+s.forUpdate(),
			anys(part)...)
	})
}

// held returns the row of a claim if the claim still holds it (reliability §5.2, rule 3); else nil.
func held(jobs map[int64]*job, d bot.ClaimedDelivery) *job {
	j := jobs[d.ID]
	if j == nil || j.state != d.State || j.owner != d.Owner || j.term != d.Term {
		return nil
	}
	return j
}

// end puts a row where it is not sent from. Where an attempt may have reached the person, nobody may
// say that it did not (D3).
func (j *job) end(to delivery.State, why delivery.Why) {
	if j.ambiguous > 0 && to != delivery.Pending {
		to, why = delivery.Unknown, delivery.WhyAmbiguous
	}
	j.state, j.why = to, why
}

// back gives a row back to be claimed again, not before due (0: at once).
func (j *job) back(due int64) {
	j.state, j.why, j.owner = delivery.Pending, delivery.WhyNone, ""
	j.notBefore = max(j.notBefore, due)
}

// written are the columns that a change of state writes.
var written = []string{
	"state", "why", "rung", "tried", "not_before", "owner", "attempts", "first_attempt_at", "identity_id", "batch_id",
	"verdict", "errcode", "reason", "rid", "message_id", "ambiguous", "updated_at",
}

// write writes locked rows and their history. The rows are there, so this is an UPDATE of many.
func (s *Store) write(ctx context.Context, q querier, now time.Time, jobs []*job) error {
	if len(jobs) == 0 {
		return nil
	}
	slices.SortFunc(jobs, func(a, b *job) int { return int(a.id - b.id) })
	i := insert{table: "deliveries", columns: append([]string{"id"}, written...), tail: s.upsert("id", written...)}
	h := history()
	for _, j := range jobs {
		i.add(j.id, string(j.state), string(j.why), string(j.rung), j.tried, j.notBefore, j.owner, j.attempts, j.first, j.identity, j.batch,
			j.verdict, j.errcode, j.reason, j.rid, j.message, j.ambiguous, toMs(now))
		if j.state == j.from {
			continue
		}
		code := 0
		if j.from == delivery.Sending {
			code = j.errcode
		}
		h.add(j.id, string(j.from), string(j.state), string(j.why), j.holder, j.term, j.attempt, code, toMs(now))
	}
	if err := i.exec(ctx, q); err != nil {
		return err
	}
	return h.exec(ctx, q)
}

// history collects changes of state.
func history() *insert {
	return &insert{table: "delivery_history", columns: []string{"delivery_id", "from_state", "to_state", "why", "owner", "term", "attempt", "errcode", "changed_at"}}
}
