package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// States of menu_orders: whether what was started is completed, the class says.
const (
	orderWaits   = "waiting"
	orderStarted = "started"
	orderDropped = "dropped"
)

// orderColumns are of orders o with their places p and what completed them k.
const orderColumns = "o.course_id, o.state, o.enrolment_id, o.actor, o.ordered_day, COALESCE(p.status, ''), CASE WHEN k.course_id IS NULL THEN 0 ELSE 1 END"

const orderTables = ` menu_orders o LEFT JOIN enrolments p ON p.id = o.enrolment_id
	LEFT JOIN course_completions k ON k.enrolment_id = o.enrolment_id AND k.course_id = o.course_id`

// scannedOrder is an order as it is read.
type scannedOrder struct {
	study.Order
	state  string
	status study.EnrolmentStatus
	done   bool
}

func (o *scannedOrder) fields() []any {
	return []any{&o.Course, &o.state, &o.Enrolment, &o.By, &o.Ordered, &o.status, &o.done}
}

// order says how far the order has got.
func (o *scannedOrder) order() study.Order {
	switch {
	case o.done:
		o.State = study.OrderDone
	case o.state == orderWaits:
		o.State = study.OrderWaiting
	case o.state == orderStarted && (o.status == study.Active || o.status == study.Paused):
		o.State = study.OrderRunning
	default: // or the class was left by other ways
		o.State = study.OrderDropped
	}
	return o.Order
}

// ordersOf reads what people have ordered.
func ordersOf(ctx context.Context, q querier, learners []people.LearnerID, queues map[people.LearnerID]study.Queue) error {
	return chunks(learners, func(part []people.LearnerID) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var who people.LearnerID
			var o scannedOrder
			if err := rows.Scan(append([]any{&who}, o.fields()...)...); err != nil {
				return err
			}
			x := queues[who]
			x.Orders = append(x.Orders, o.order())
			queues[who] = x
			return nil
		}, "SELECT o.learner_id, "+orderColumns+" FROM"+orderTables+" WHERE o.learner_id IN "+marks(len(part))+" ORDER BY o.learner_id, o.place, o.ordered_at, o.course_id", anys(part)...)
	})
}

// restOf reads what stands before orders: classes, and what is completed.
func restOf(ctx context.Context, q querier, today study.Day, learners []people.LearnerID, queues map[people.LearnerID]study.Queue) error {
	return chunks(learners, func(part []people.LearnerID) error {
		err := each(ctx, q, func(rows *sql.Rows) error {
			var who people.LearnerID
			var c study.ClassCourse
			if err := rows.Scan(&who, &c.Enrolment, &c.Class, &c.Course, &c.Begun); err != nil {
				return err
			}
			x := queues[who]
			x.Classes = append(x.Classes, c)
			queues[who] = x
			return nil
		}, `SELECT e.learner_id, e.id, c.name, k.course_id,
			CASE WHEN e.status = 'active' AND EXISTS (SELECT 1 FROM attempts a WHERE a.enrolment_id = e.id AND a.course_id = k.course_id) THEN 1 ELSE 0 END
			FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id JOIN cohort_courses k ON k.cohort_id = c.id
			WHERE e.learner_id IN `+marks(len(part))+` AND e.status IN ('active', 'paused') AND c.code NOT LIKE 'dd-%' AND (c.end_day = '' OR c.end_day >= ?)
			AND NOT EXISTS (SELECT 1 FROM course_completions d WHERE d.enrolment_id = e.id AND d.course_id = k.course_id)
			ORDER BY e.learner_id, e.id, k.position`, append(anys(part), string(today))...)
		if err != nil {
			return err
		}
		return each(ctx, q, func(rows *sql.Rows) error {
			var who people.LearnerID
			var course string
			if err := rows.Scan(&who, &course); err != nil {
				return err
			}
			x := queues[who]
			x.Completed = append(x.Completed, course)
			queues[who] = x
			return nil
		}, "SELECT DISTINCT learner_id, course_id FROM course_completions WHERE learner_id IN "+marks(len(part))+" ORDER BY learner_id, course_id", anys(part)...)
	})
}

// queuesOf reads whole queues.
func queuesOf(ctx context.Context, q querier, today study.Day, learners []people.LearnerID) (map[people.LearnerID]study.Queue, error) {
	queues := map[people.LearnerID]study.Queue{}
	err := ordersOf(ctx, q, learners, queues)
	if err == nil {
		err = restOf(ctx, q, today, learners, queues)
	}
	return queues, err
}

// queueWanted is one whose orders are wanted: whole, or only as far as one that waits may start.
type queueWanted struct {
	facts *conversation.Facts
	whole bool
}

// loadQueues reads orders. The rest of a queue is read where somebody looks at the menu, or something waits.
func (f *facts) loadQueues(ctx context.Context) error {
	if len(f.queues) == 0 {
		return nil
	}
	queues := map[people.LearnerID]study.Queue{}
	var all, rest []people.LearnerID
	for _, w := range f.queues {
		all = append(all, w.facts.Identity.Learner)
	}
	if err := ordersOf(ctx, f.q, all, queues); err != nil {
		return err
	}
	for _, w := range f.queues {
		if who := w.facts.Identity.Learner; w.whole || len(queues[who].In(study.OrderWaiting)) > 0 {
			rest = append(rest, who)
		}
	}
	slices.Sort(rest)
	if err := restOf(ctx, f.q, study.DayOf(f.now), slices.Compact(rest), queues); err != nil {
		return err
	}
	for _, w := range f.queues {
		w.facts.Queue = queues[w.facts.Identity.Learner]
		if !w.whole {
			continue
		}
		var err error
		if w.facts.Limits, err = limitsOf(ctx, f.q, w.facts.Identity.Learner); err != nil {
			return err
		}
	}
	return nil
}

// orderActs writes what a batch of turns does with orders, in the order of the learners: two replicas then wait
// for each other at one row. What has changed since it was read is errLost.
func (w *turnWriter) orderActs(ctx context.Context) error {
	slices.SortStableFunc(w.orders, func(a, b conversation.ChangeOrders) int { return cmp.Compare(a.Learner, b.Learner) })
	for _, e := range w.orders {
		class := func(course string) (string, bool) { return e.Class, !slices.Contains(e.Gone, course) }
		_, started, err := w.s.changeOrders(ctx, w.tx, fromMs(w.now), e.Learner, e.Act, e.Course, "", class)
		if _, cannot := errors.AsType[*fault.Error](err); cannot || err == nil && started != e.Starts {
			return errLost
		}
		if err != nil {
			return fmt.Errorf("writing an order: %w", err)
		}
	}
	return nil
}

// changeOrders does an act with somebody's orders and starts what may start then. class names the class of a course;
// false for one that nobody teaches any more.
func (s *Store) changeOrders(ctx context.Context, q querier, now time.Time, who people.LearnerID, act study.OrderAct, course, by string, class func(string) (string, bool)) (study.Queue, string, error) {
	var locked int64
	if err := q.QueryRowContext(ctx, "SELECT id FROM learners WHERE id = ?"+s.forUpdate(), int64(who)).Scan(&locked); err != nil {
		return study.Queue{}, "", err
	}
	today := study.DayOf(now)
	queues, err := queuesOf(ctx, q, today, []people.LearnerID{who})
	if err != nil {
		return study.Queue{}, "", err
	}
	before := queues[who]
	var gone []string
	for _, o := range before.In(study.OrderWaiting) {
		if _, ok := class(o.Course); !ok {
			gone = append(gone, o.Course)
		}
	}
	after, started, err := before.Do(act, course, today, cut(by, 120), gone)
	if err != nil {
		return before, "", err
	}
	ms := toMs(now)
	for i := range after.Orders {
		o := &after.Orders[i]
		was, known := before.Order(o.Course)
		if o.State == study.OrderDropped && was.State == study.OrderRunning {
			if err := s.movePlaces(ctx, q, ms, study.Withdrawn, "id = ? AND status IN ('active', 'paused')", int64(o.Enrolment)); err != nil {
				return after, "", err
			}
		}
		if o.Course == started {
			name, _ := class(started)
			if o.Enrolment, err = s.startOrder(ctx, q, now, who, started, name); err != nil {
				return after, "", err
			}
		}
		if o.State != study.OrderWaiting && known && was.State == o.State {
			continue
		}
		state := map[study.OrderState]string{study.OrderWaiting: orderWaits, study.OrderRunning: orderStarted, study.OrderDropped: orderDropped}[o.State]
		row := insert{
			table: "menu_orders", columns: []string{"learner_id", "course_id", "state", "place", "enrolment_id", "actor", "ordered_day", "ordered_at", "updated_at"},
			tail: s.upsert("learner_id, course_id", "state", "place", "enrolment_id", "updated_at"),
		}
		if act == study.OrderPlace && o.Course == course {
			row.tail = s.upsert("learner_id, course_id", "state", "place", "enrolment_id", "actor", "ordered_day", "ordered_at", "updated_at")
		}
		row.add(int64(who), o.Course, state, i, int64(o.Enrolment), o.By, string(o.Ordered), ms, ms)
		if err := row.exec(ctx, q); err != nil {
			return after, "", err
		}
	}
	return after, started, nil
}

// startOrder gives somebody a place in the class of an ordered course, which is made when nobody had it before. Who
// had left it goes on where they were: since stays.
func (s *Store) startOrder(ctx context.Context, q querier, now time.Time, who people.LearnerID, course, name string) (study.EnrolmentID, error) {
	today, ms := study.DayOf(now), toMs(now)
	code := study.MenuClass(course)
	c := rowOfCohort(study.Cohort{Code: code, Name: cut(name, 200), Schedule: study.MenuSchedule(today)})
	class := insert{table: "cohorts", columns: []string{"code", "name", "start_day", "hour", "weekdays", "working_days", "created_at", "updated_at"}, tail: s.orIgnore("created_at")}
	class.add(c.Code, c.Name, string(c.StartDay), c.Hour, c.Weekdays, c.WorkingDays, ms, ms)
	if err := class.exec(ctx, q); err != nil {
		return 0, err
	}
	id, err := s.cohortID(ctx, q, code, "")
	if err != nil {
		return 0, err
	}
	taught := insert{table: "cohort_courses", columns: []string{"cohort_id", "position", "course_id"}, tail: s.orIgnore("position")}
	taught.add(id, 0, course)
	if err := taught.exec(ctx, q); err != nil {
		return 0, err
	}
	place := insert{table: "enrolments", columns: []string{"cohort_id", "learner_id", "status", "since", "created_at", "updated_at"}, tail: s.orIgnore("created_at")}
	place.add(id, int64(who), string(study.Active), string(today), ms, ms)
	if err := place.exec(ctx, q); err != nil {
		return 0, err
	}
	if err := s.movePlaces(ctx, q, ms, study.Active, "cohort_id = ? AND learner_id = ? AND status IN ('withdrawn', 'waived')", id, int64(who)); err != nil {
		return 0, err
	}
	var at study.EnrolmentID
	return at, q.QueryRowContext(ctx, "SELECT id FROM enrolments WHERE cohort_id = ? AND learner_id = ?", id, int64(who)).Scan(&at)
}

// AdvanceOrders starts what has come to its turn by ways other than the chat: somebody left a class, or it ended. class
// names the class of a course, false where nobody teaches it any more. It returns how many courses started; again none.
func (s *Store) AdvanceOrders(ctx context.Context, now time.Time, class func(course string) (name string, taught bool)) (n int, err error) {
	ids, err := numbers(ctx, s.bulk, "SELECT DISTINCT o.learner_id FROM menu_orders o JOIN learners l ON l.id = o.learner_id WHERE o.state = ? AND "+onRoster+" ORDER BY o.learner_id", orderWaits)
	if err != nil {
		return 0, fmt.Errorf("reading who waits for a course: %w", plain(err))
	}
	for part := range slices.Chunk(ids, 500) {
		who := make([]people.LearnerID, len(part))
		for i, id := range part {
			who[i] = people.LearnerID(id)
		}
		queues, err := queuesOf(ctx, s.bulk, study.DayOf(now), who)
		if err != nil {
			return n, fmt.Errorf("reading queues: %w", plain(err))
		}
		for _, id := range who {
			var gone []string
			for _, o := range queues[id].In(study.OrderWaiting) {
				if _, ok := class(o.Course); !ok {
					gone = append(gone, o.Course)
				}
			}
			if _, started, err := queues[id].Do(study.OrderAdvance, "", study.DayOf(now), "", gone); err != nil || started == "" {
				continue // most wait for what runs
			}
			started := ""
			err := s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
				var err error
				_, started, err = s.changeOrders(ctx, under(tx), now, id, study.OrderAdvance, "", "", class)
				return err
			})
			if err != nil {
				return n, fmt.Errorf("starting an ordered course: %w", err)
			}
			if started != "" {
				n++
			}
		}
	}
	return n, nil
}
