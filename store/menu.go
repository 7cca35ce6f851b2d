package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

func scanLimit(rows *sql.Rows) (study.MenuLimit, error) {
	var m study.MenuLimit
	var courses []byte
	if err := rows.Scan(&m.Unit, &m.Only, &courses); err != nil {
		return m, err
	}
	return m, json.Unmarshal(courses, &m.Courses)
}

// limitsOf reads what the units of somebody have closed.
func limitsOf(ctx context.Context, q querier, who people.LearnerID) ([]study.MenuLimit, error) {
	var unit people.OrgCode
	err := q.QueryRowContext(ctx, "SELECT unit_code FROM learners WHERE id = ?", int64(who)).Scan(&unit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return limitsAbove(ctx, q, unit)
}

// UnitLimits are the limits of the menu of a unit's people: its own, and those of the units it lies in.
func (s *Store) UnitLimits(ctx context.Context, unit people.OrgCode) ([]study.MenuLimit, error) {
	list, err := limitsAbove(ctx, s.reads, unit)
	if err != nil {
		return nil, fmt.Errorf("reading what a menu is limited to: %w", plain(err))
	}
	return list, nil
}

func limitsAbove(ctx context.Context, q querier, unit people.OrgCode) ([]study.MenuLimit, error) {
	var above []any
	for l := people.LevelProvince; l <= people.LevelVillage; l++ {
		if code := unit.Ancestor(l); code != "" && !slices.Contains(above, any(string(code))) {
			above = append(above, string(code))
		}
	}
	if len(above) == 0 {
		return nil, nil
	}
	var list []study.MenuLimit
	return list, each(ctx, q, func(rows *sql.Rows) error {
		m, err := scanLimit(rows)
		list = append(list, m)
		return err
	}, "SELECT unit_code, only_these, courses FROM menu_limits WHERE unit_code IN "+marks(len(above))+" ORDER BY unit_code", above...)
}

// MenuLimits lists what units of a scope have closed, by unit.
func (s *Store) MenuLimits(ctx context.Context, scope people.Scope) ([]study.MenuLimit, error) {
	where, args := scoped(scope)
	list := []study.MenuLimit{}
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		m, err := scanLimit(rows)
		list = append(list, m)
		return err
	}, "SELECT l.unit_code, l.only_these, l.courses FROM menu_limits l WHERE "+where+" ORDER BY l.unit_code", args...)
	if err != nil {
		return nil, fmt.Errorf("reading what the menu is limited to: %w", plain(err))
	}
	return list, nil
}

// LimitMenu makes a unit of the scope close these courses and no others; a limit that closes nothing ends what it
// had. Courses that were ordered before stay ordered. Again it changes nothing.
func (s *Store) LimitMenu(ctx context.Context, now time.Time, actor string, scope people.Scope, m study.MenuLimit) (changed bool, err error) {
	courses := slices.Clone(m.Courses)
	slices.Sort(courses)
	courses = slices.Compact(courses)
	want, err := json.Marshal(append([]string{}, courses...))
	if err != nil {
		return false, err
	}
	nothing := !m.Only && len(courses) == 0
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		changed = false
		q := under(tx)
		var there int
		if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM org_units WHERE code = ?", string(m.Unit)).Scan(&there); err != nil {
			return err
		}
		if there == 0 || !scope.Sees(m.Unit) {
			return fault.New(fault.NotFound, "follow.unit_unseen", fault.A("unit", m.Unit))
		}
		var only bool
		var have string
		err := q.QueryRowContext(ctx, "SELECT only_these, courses FROM menu_limits WHERE unit_code = ?"+s.forUpdate(), string(m.Unit)).Scan(&only, &have)
		fresh := errors.Is(err, sql.ErrNoRows)
		if err != nil && !fresh {
			return err
		}
		if fresh && nothing || !fresh && !nothing && only == m.Only && have == string(want) {
			return nil
		}
		changed = true
		if nothing {
			_, err = q.ExecContext(ctx, "DELETE FROM menu_limits WHERE unit_code = ?", string(m.Unit))
		} else {
			row := insert{table: "menu_limits", columns: []string{"unit_code", "only_these", "courses", "updated_at"}, tail: s.upsert("unit_code", "only_these", "courses", "updated_at")}
			row.add(string(m.Unit), m.Only, string(want), toMs(now))
			err = row.exec(ctx, q)
		}
		if err != nil {
			return err
		}
		what := "all courses"
		switch {
		case m.Only:
			what = "only " + strings.Join(courses, " ")
		case !nothing:
			what = "without " + strings.Join(courses, " ")
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "menu.limit", Object: string(m.Unit), Result: cut(what, 1000)})
	})
	if err != nil {
		return false, fmt.Errorf("limiting the menu: %w", err)
	}
	return changed, nil
}

// PersonalMenu is what somebody's menu depends on besides the courses.
type PersonalMenu struct {
	Learner people.Learner
	Limits  []study.MenuLimit
	Queue   study.Queue
}

// PersonalMenu reads what the menu of a person in the scope depends on; fault.NotFound outside of it.
func (s *Store) PersonalMenu(ctx context.Context, now time.Time, scope people.Scope, who people.LearnerID) (m PersonalMenu, err error) {
	if m.Learner, err = visibleLearner(ctx, s.reads, scope, who); err == nil {
		m.Limits, err = limitsOf(ctx, s.reads, who)
	}
	if err == nil {
		var queues map[people.LearnerID]study.Queue
		queues, err = queuesOf(ctx, s.reads, study.DayOf(now), []people.LearnerID{who})
		m.Queue = queues[who]
	}
	if err != nil {
		return m, fmt.Errorf("reading a person's menu: %w", plain(err))
	}
	return m, nil
}

// visibleLearner reads a person of the roster inside a scope.
func visibleLearner(ctx context.Context, q querier, scope people.Scope, who people.LearnerID) (l people.Learner, err error) {
	where, args := scoped(scope)
	err = q.QueryRowContext(ctx, "SELECT "+learnerColumns+" FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code WHERE l.id = ? AND "+onRoster+" AND "+where,
		append([]any{int64(who)}, args...)...).Scan(learnerFields(&l)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "follow.no_learner", fault.A("id", int64(who)))
	}
	return l, err
}

// OrderChange is what is done with somebody's orders by somebody else.
type OrderChange struct {
	Learner people.LearnerID
	Act     study.OrderAct
	Course  string
	// Class names the class that a course is learned in; false where nobody teaches it any more.
	Class func(course string) (name string, taught bool)
	News  string // of a course that is placed or dropped: what the person is told of it; "" for nothing
}

// ChangeOrders does what an administrator wants with the orders of a person in the scope. It returns the queue
// afterwards.
func (s *Store) ChangeOrders(ctx context.Context, now time.Time, actor string, scope people.Scope, c OrderChange) (after study.Queue, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		l, err := visibleLearner(ctx, q, scope, c.Learner)
		if err != nil {
			return err
		}
		if after, _, err = s.changeOrders(ctx, q, now, l.ID, c.Act, c.Course, actor, c.Class); err != nil {
			return err
		}
		if kind := newsOfOrders[c.Act]; c.News != "" && kind != "" {
			if err := s.tellPeople(ctx, q, now, []int64{int64(l.ID)}, kind, c.News); err != nil {
				return err
			}
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "order." + string(c.Act), Object: fmt.Sprint("learner ", int64(l.ID)), Result: c.Course})
	})
	if err != nil {
		return study.Queue{}, fmt.Errorf("changing orders: %w", err)
	}
	return after, nil
}

var newsOfOrders = map[study.OrderAct]people.NewsKind{study.OrderPlace: people.NewsOrder, study.OrderDrop: people.NewsOrderDropped}

// OrderQuery says which orders are listed.
type OrderQuery struct {
	Scope   people.Scope
	Learner people.LearnerID // 0: all
	Course  string           // "": all
	State   study.OrderState // "": all
	After   int              // orders that are passed over
	Limit   int              // 1 to MaxOrdersListed; 0 takes that
}

// MaxOrdersListed is how many orders one answer holds.
const MaxOrdersListed = 1000

// OrderLine is one order of one person.
type OrderLine struct {
	Learner people.Learner
	study.Order
}

// Orders lists what people of a scope have ordered, by unit, name and turn; more says that there are others.
func (s *Store) Orders(ctx context.Context, query OrderQuery) (list []OrderLine, more bool, err error) {
	if query.Limit < 1 || query.Limit > MaxOrdersListed {
		query.Limit = MaxOrdersListed
	}
	where, args := scoped(query.Scope)
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if query.Learner != 0 {
		and("o.learner_id = ?", int64(query.Learner))
	}
	if query.Course != "" {
		and("o.course_id = ?", query.Course)
	}
	if query.State != "" {
		and(orderStateSQL+" = ?", string(query.State))
	}
	list = []OrderLine{}
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var l OrderLine
		var o scannedOrder
		if err := rows.Scan(append(learnerFields(&l.Learner), o.fields()...)...); err != nil {
			return err
		}
		l.Order = o.order()
		list = append(list, l)
		return nil
	}, "SELECT "+learnerColumns+", "+orderColumns+" FROM"+orderTables+" JOIN learners l ON l.id = o.learner_id LEFT JOIN org_units u ON u.code = l.unit_code WHERE "+where+
		" ORDER BY l.unit_code, l.name, l.id, o.place, o.ordered_at, o.course_id LIMIT ? OFFSET ?", append(args, query.Limit+1, max(query.After, 0))...)
	if err != nil {
		return nil, false, fmt.Errorf("listing orders: %w", plain(err))
	}
	if more = len(list) > query.Limit; more {
		list = list[:query.Limit]
	}
	return list, more, nil
}

// orderStateSQL is scannedOrder.order as an expression; a test holds the two together.
const orderStateSQL = `CASE WHEN k.course_id IS NOT NULL THEN 'done' WHEN o.state = 'waiting' THEN 'waiting'
	WHEN o.state = 'started' AND p.status IN ('active', 'paused') THEN 'running' ELSE 'dropped' END`

// OrderDemand counts how often which course was ordered by people of a scope, from one day to another ("" for open),
// what was ordered most first. Each person counts once for a course, and nobody is named.
func (s *Store) OrderDemand(ctx context.Context, scope people.Scope, from, to study.Day) ([]study.CourseDemand, error) {
	where, args := scoped(scope)
	if from != "" {
		where, args = where+" AND o.ordered_day >= ?", append(args, string(from))
	}
	if to != "" {
		where, args = where+" AND o.ordered_day <= ?", append(args, string(to))
	}
	titles, err := s.CourseTitles(ctx)
	if err != nil {
		return nil, err
	}
	count := func(state string) string { return "SUM(CASE WHEN x.state = '" + state + "' THEN 1 ELSE 0 END)" }
	list := []study.CourseDemand{}
	err = each(ctx, s.bulk, func(rows *sql.Rows) error {
		var d study.CourseDemand
		err := rows.Scan(&d.Course, &d.Ordered, &d.Waiting, &d.Running, &d.Done, &d.Dropped)
		d.Title = titles[d.Course]
		list = append(list, d)
		return err
	}, "SELECT x.course_id, COUNT(*), "+count("waiting")+", "+count("running")+", "+count("done")+", "+count("dropped")+
		" FROM (SELECT o.course_id, "+orderStateSQL+" AS state FROM"+orderTables+" JOIN learners l ON l.id = o.learner_id WHERE "+where+`) x
		GROUP BY x.course_id ORDER BY COUNT(*) DESC, x.course_id`, args...)
	if err != nil {
		return nil, fmt.Errorf("counting orders: %w", plain(err))
	}
	return list, nil
}
