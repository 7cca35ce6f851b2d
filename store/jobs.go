package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/study"
)

// job is a delivery's row, locked by the transaction that has it: what may happen to it is decided in
// Go, and all rows of a group are written by one statement.
type job struct {
	id, campaign, learner int64
	lesson                study.LessonRef
	deadline              int64 // not_after
	term                  int64
	leased                bool  // the lease has not run out
	clock                 int64 // the database's
	jobState

	from    delivery.State // as it was read
	holder  string
	attempt int
	was     jobState
	fresh   bool // claimed just now: its term has grown by one
}

// jobState is what may change of it.
type jobState struct {
	state           delivery.State
	why             delivery.Why
	rung            delivery.Rung
	tried           string
	notBefore       int64
	owner           string
	lease           int64
	attempts        int
	first           int64
	identity, batch int64
	verdict, reason string
	errcode         int
	rid, message    string
	ambiguous       int
}

const jobColumns = `id, campaign_id, learner_id, course_id, version, lesson_id, not_after, state, why, rung, tried, not_before, owner, term, lease_until, attempts, first_attempt_at,
	identity_id, batch_id, verdict, errcode, reason, rid, message_id, ambiguous, `

func (j *job) scan(rows *sql.Rows) error {
	l := &j.lesson
	err := rows.Scan(&j.id, &j.campaign, &j.learner, &l.Course.Course, &l.Course.Version, &l.Lesson, &j.deadline, &j.state, &j.why, &j.rung, &j.tried, &j.notBefore, &j.owner, &j.term,
		&j.lease, &j.attempts, &j.first, &j.identity, &j.batch, &j.verdict, &j.errcode, &j.reason, &j.rid, &j.message, &j.ambiguous, &j.clock)
	j.leased = j.lease > j.clock
	j.from, j.holder, j.attempt, j.was = j.state, j.owner, j.attempts, j.jobState
	return err
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
			err := j.scan(rows)
			out[j.id] = &j
			return err
		}, "SELECT "+jobColumns+s.dbNow()+" FROM deliveries"+s.by("PRIMARY")+" WHERE id IN "+marks(len(part))+" ORDER BY id"+s.forUpdate(), anys(part)...)
	})
}

// held returns the row of a claim if the claim still holds it (reliability §5.2, rule 3); else nil.
func held(jobs map[int64]*job, d bot.ClaimedDelivery) *job {
	j := jobs[d.ID]
	if j != nil && mistake("lease ignored") {
		return j
	}
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

// changes are the columns in which a row differs from what was read, and what they become.
func (j *job) changes() (columns []string, values []any) {
	was := &j.was
	number := func(column string, before, after int64) {
		if before != after {
			columns, values = append(columns, column), append(values, after)
		}
	}
	text := func(column, before, after string) {
		if before != after {
			columns, values = append(columns, column), append(values, after)
		}
	}
	text("state", string(was.state), string(j.state))
	text("why", string(was.why), string(j.why))
	text("rung", string(was.rung), string(j.rung))
	text("tried", was.tried, j.tried)
	number("not_before", was.notBefore, j.notBefore)
	text("owner", was.owner, j.owner)
	number("lease_until", was.lease, j.lease)
	number("attempts", int64(was.attempts), int64(j.attempts))
	number("first_attempt_at", was.first, j.first)
	number("identity_id", was.identity, j.identity)
	number("batch_id", was.batch, j.batch)
	text("verdict", was.verdict, j.verdict)
	number("errcode", int64(was.errcode), int64(j.errcode))
	text("reason", was.reason, j.reason)
	text("rid", was.rid, j.rid)
	text("message_id", was.message, j.message)
	number("ambiguous", int64(was.ambiguous), int64(j.ambiguous))
	return columns, values
}

// written are the columns that a row is written with where few change alike.
var written = []string{
	"state", "why", "rung", "tried", "not_before", "owner", "term", "lease_until", "attempts", "first_attempt_at", "identity_id", "batch_id",
	"verdict", "errcode", "reason", "rid", "message_id", "ambiguous", "updated_at",
}

// alikes is from how many rows on that change alike one statement for them is cheaper than their values
// in a statement for all (measured on MariaDB: 20 µs a row against 90).
const alikes = 4

// write writes locked rows and their history: those that change alike by a statement for all of them,
// the others by one that has the values of each.
func (s *Store) write(ctx context.Context, q querier, now time.Time, jobs []*job) error {
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Compare(a.id, b.id) })
	groups := map[likeness][]*job{}
	order := make([]likeness, 0, 2)
	for _, j := range jobs {
		k := j.likeness()
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], j)
	}
	var rest []*job
	for _, k := range order {
		g := groups[k]
		if len(g) < alikes {
			rest = append(rest, g...)
			continue
		}
		err := chunks(g, func(part []*job) error { return s.writeAlike(ctx, q, now, part) })
		if err != nil {
			return err
		}
	}
	if err := s.writeEach(ctx, q, now, rest); err != nil {
		return err
	}
	var m moves
	for _, j := range jobs {
		if j.state != j.from {
			m.add(move{j.from, j.state, j.why, j.holder, j.term, j.attempt, j.code()}, j.id)
		}
	}
	return m.write(ctx, q, now)
}

// likeness is equal for rows that change alike: they were alike in what may change, or in what the change sets.
type likeness struct {
	was, is jobState
	holder  string
	fresh   bool
}

func (j *job) likeness() likeness {
	l := likeness{was: j.was, is: j.jobState, holder: j.holder, fresh: j.fresh}
	if l.was.identity == l.is.identity { // that it stays differs between rows and does not matter
		l.was.identity, l.is.identity = 0, 0
	}
	if l.was.notBefore == l.is.notBefore {
		l.was.notBefore, l.is.notBefore = 0, 0
	}
	if l.was.message == l.is.message {
		l.was.message, l.is.message = "", ""
	}
	if l.was.lease != l.is.lease {
		l.was.lease = -1
	}
	if l.was.notBefore != l.is.notBefore {
		l.was.notBefore = -1
	}
	return l
}

// code is the error code that the history keeps of a change.
func (j *job) code() int {
	if j.from == delivery.Sending {
		return j.errcode
	}
	return 0
}

func (s *Store) writeAlike(ctx context.Context, q querier, now time.Time, group []*job) error {
	first := group[0]
	set, args := "updated_at = ?", []any{toMs(now)}
	columns, values := first.changes()
	for _, c := range columns {
		set += ", " + c + " = ?"
	}
	args = append(args, values...)
	if first.fresh {
		set += ", term = term + 1"
	}
	ids := make([]any, len(group))
	for i, j := range group {
		ids[i] = j.id
	}
	_, err := q.ExecContext(ctx, "UPDATE deliveries"+s.by("PRIMARY")+" SET "+set+" WHERE id IN "+marks(len(ids)), append(args, ids...)...)
	return err
}

func (s *Store) writeEach(ctx context.Context, q querier, now time.Time, jobs []*job) error {
	if len(jobs) == 0 {
		return nil
	}
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Compare(a.id, b.id) })
	// The rows are there, so this is an UPDATE of many.
	i := insert{table: "deliveries", columns: append([]string{"id"}, written...), tail: s.upsert("id", written...)}
	for _, j := range jobs {
		i.add(j.id, string(j.state), string(j.why), string(j.rung), j.tried, j.notBefore, j.owner, j.term, j.lease, j.attempts, j.first, j.identity, j.batch,
			j.verdict, j.errcode, j.reason, j.rid, j.message, j.ambiguous, toMs(now))
	}
	return i.exec(ctx, q)
}
