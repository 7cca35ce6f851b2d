package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// classRule is the rule by which sign-ins become hours.
var classRule = study.ClassRule2026

// sessionColumns are of sessions s with their class c.
const sessionColumns = "s.id, c.code, s.number, s.title, s.place, s.starts_at, s.ends_at, s.open_from, s.late_after, s.hundredths, s.trainer_id, s.closed_at, s.fenced, s.latitude, s.longitude, s.metres, s.law"

// sessionFields are where a row's sessionColumns go; done makes a session of them.
func sessionFields(s *study.Session) (fields []any, done func()) {
	var starts, ends, opens, late, closed, latitude, longitude int64
	return []any{&s.ID, &s.Cohort, &s.Number, &s.Title, &s.Place, &starts, &ends, &opens, &late, &s.Hours, &s.Trainer, &closed,
			&s.Fence.Required, &latitude, &longitude, &s.Fence.Metres, &s.Fence.Law}, func() {
			s.Starts, s.Ends, s.OpenFrom, s.LateAfter, s.ClosedAt = fromMs(starts), fromMs(ends), fromMs(opens), fromMs(late), fromMs(closed)
			s.Fence.Latitude, s.Fence.Longitude = float64(latitude)/study.Millionths, float64(longitude)/study.Millionths
		}
}

func readSessions(ctx context.Context, q querier, where string, args ...any) ([]study.Session, error) {
	list := []study.Session{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var s study.Session
		fields, done := sessionFields(&s)
		err := rows.Scan(fields...)
		done()
		list = append(list, s)
		return err
	}, "SELECT "+sessionColumns+" FROM sessions s JOIN cohorts c ON c.id = s.cohort_id WHERE "+where+" ORDER BY c.code, s.number", args...)
	return list, err
}

// Sessions lists the sessions of a class in order, or of all classes ("").
func (s *Store) Sessions(ctx context.Context, cohort string) ([]study.Session, error) {
	list, err := readSessions(ctx, s.reads, "(? = '' OR c.code = ?)", cohort, cohort)
	if err != nil {
		return nil, fmt.Errorf("reading the sessions: %w", plain(err))
	}
	return list, nil
}

// cohortID finds a class and, inside a transaction, makes others that change it wait.
func (s *Store) cohortID(ctx context.Context, q querier, code, lock string) (id int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT id FROM cohorts WHERE code = ?"+lock, code).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", code))
	}
	return id, err
}

// ApplySessions makes a class meet as planned; sessions are matched by their number. Of a session of which
// something is known neither the times nor the hours change, and it does not go away: that is fault.Conflict,
// and nothing is written. Again it changes nothing.
func (s *Store) ApplySessions(ctx context.Context, now time.Time, actor, cohort string, plan []study.Session) (changed int, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		changed = 0
		q := under(tx)
		id, err := s.cohortID(ctx, q, cohort, s.forUpdate())
		if err != nil {
			return err
		}
		have, err := readSessions(ctx, q, "c.id = ?", id)
		if err != nil {
			return err
		}
		busy := map[study.SessionID]bool{}
		err = each(ctx, q, func(rows *sql.Rows) error {
			var id study.SessionID
			err := rows.Scan(&id)
			busy[id] = true
			return err
		}, `SELECT s.id FROM sessions s WHERE s.cohort_id = ? AND (s.closed_at > 0 OR EXISTS (SELECT 1 FROM attendance_events a WHERE a.session_id = s.id))`, id)
		if err != nil {
			return err
		}
		known := map[int]study.Session{}
		for _, h := range have {
			known[h.Number] = h
			if h.Number > len(plan) {
				if busy[h.ID] {
					return fault.New(fault.Conflict, "class.session_used", fault.A("number", h.Number))
				}
				if _, err := q.ExecContext(ctx, "DELETE FROM sessions WHERE id = ?", int64(h.ID)); err != nil {
					return err
				}
				changed++
			}
		}
		for _, w := range plan {
			h, old := known[w.Number]
			w.ID, w.ClosedAt, w.Cohort = h.ID, h.ClosedAt, cohort
			fence := []any{w.Fence.Required, math.Round(w.Fence.Latitude * study.Millionths), math.Round(w.Fence.Longitude * study.Millionths), w.Fence.Metres, w.Fence.Law}
			switch {
			case old && w == h:
				continue
			case old && busy[h.ID] && (!w.Starts.Equal(h.Starts) || !w.Ends.Equal(h.Ends) || w.Hours != h.Hours || w.Fence != h.Fence):
				return fault.New(fault.Conflict, "class.session_used", fault.A("number", h.Number))
			case old:
				_, err = q.ExecContext(ctx, "UPDATE sessions SET title = ?, place = ?, starts_at = ?, ends_at = ?, hundredths = ?, trainer_id = ?, fenced = ?, latitude = ?, longitude = ?, metres = ?, law = ?, updated_at = ? WHERE id = ?",
					append(append([]any{w.Title, w.Place, toMs(w.Starts), toMs(w.Ends), int(w.Hours), int64(w.Trainer)}, fence...), toMs(now), int64(h.ID))...)
			default:
				secret := make([]byte, 32)
				_, _ = rand.Read(secret) // it never fails
				_, err = q.ExecContext(ctx, `INSERT INTO sessions (cohort_id, number, title, place, starts_at, ends_at, hundredths, trainer_id, fenced, latitude, longitude, metres, law, secret, created_at, updated_at)
					VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
					append(append([]any{id, w.Number, w.Title, w.Place, toMs(w.Starts), toMs(w.Ends), int(w.Hours), int64(w.Trainer)}, fence...), secret, toMs(now), toMs(now))...)
			}
			if err != nil {
				return err
			}
			changed++
		}
		if changed == 0 {
			return nil
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.plan", Object: cohort, Result: fmt.Sprintf("%d sessions, %d changed", len(plan), changed)})
	})
	if err != nil {
		return 0, fmt.Errorf("planning the class %s: %w", cohort, err)
	}
	return changed, nil
}

// ClassRoll reads the register of a class as far as a scope sees its people.
func (s *Store) ClassRoll(ctx context.Context, scope people.Scope, cohort string) (study.Roll, error) {
	roll, err := s.classRoll(ctx, s.reads, scope, cohort)
	if err != nil {
		return study.Roll{}, fmt.Errorf("reading the register of %s: %w", cohort, plain(err))
	}
	return roll, nil
}

func (s *Store) classRoll(ctx context.Context, q querier, scope people.Scope, cohort string) (study.Roll, error) {
	var roll study.Roll
	var id int64
	err := readCohorts(ctx, q, func(n int64, c study.Cohort) { id, roll.Cohort = n, c }, "c.code = ?", cohort)
	if err == nil && id == 0 {
		err = fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", cohort))
	}
	if err != nil {
		return roll, err
	}
	if roll.Sessions, err = readSessions(ctx, q, "c.id = ?", id); err != nil {
		return roll, err
	}
	members, err := classMembers(ctx, q, scope, id)
	if err != nil {
		return roll, err
	}
	// Of everybody: whether the phone of somebody in scope signed in others too does not depend on who looks. Only the
	// members, who are in scope, come onto the register.
	events, err := readAttendance(ctx, q, "s.cohort_id = ?", id)
	if err != nil {
		return roll, err
	}
	where, args := scoped(scope)
	leaves, err := readLeaves(ctx, q, "e.cohort_id = ? AND v.status = 'approved' AND "+where, append([]any{id}, args...)...)
	if err != nil {
		return roll, err
	}
	roll.Lines = classRule.Roll(roll.Sessions, members, events, leaves)
	if roll.Lines == nil {
		roll.Lines = []study.RollLine{}
	}
	return roll, s.counted(ctx, q, id, &roll)
}

// counted reads the last head count of each session.
func (s *Store) counted(ctx context.Context, q querier, cohort int64, roll *study.Roll) error {
	place := map[study.SessionID]int{}
	roll.Counted = make([]int, len(roll.Sessions))
	for i, x := range roll.Sessions {
		roll.Counted[i], place[x.ID] = -1, i
	}
	return each(ctx, q, func(rows *sql.Rows) error {
		var id study.SessionID
		var n int
		err := rows.Scan(&id, &n)
		if i, known := place[id]; known {
			roll.Counted[i] = n
		}
		return err
	}, "SELECT h.session_id, h.counted FROM head_counts h JOIN sessions s ON s.id = h.session_id WHERE s.cohort_id = ? ORDER BY h.counted_at, h.id", cohort)
}

// classMembers reads the people of a class, and those who came to it as guests, by unit and name.
func classMembers(ctx context.Context, q querier, scope people.Scope, cohort int64) ([]study.Member, error) {
	where, args := scoped(scope)
	var list []study.Member
	scan := func(rows *sql.Rows) error {
		var m study.Member
		err := rows.Scan(append([]any{&m.Enrolment, &m.Status}, learnerFields(&m.Learner)...)...)
		list = append(list, m)
		return err
	}
	const order = " ORDER BY l.unit_code, l.name, l.id"
	err := each(ctx, q, scan, "SELECT e.id, e.status, "+learnerColumns+` FROM enrolments e JOIN learners l ON l.id = e.learner_id LEFT JOIN org_units u ON u.code = l.unit_code
		WHERE e.cohort_id = ? AND `+where+order, append([]any{cohort}, args...)...)
	if err != nil {
		return nil, err
	}
	return list, each(ctx, q, scan, "SELECT 0, '', "+learnerColumns+` FROM (SELECT DISTINCT a.learner_id FROM attendance_events a JOIN sessions s ON s.id = a.session_id
		WHERE s.cohort_id = ? AND NOT EXISTS (SELECT 1 FROM enrolments e WHERE e.cohort_id = s.cohort_id AND e.learner_id = a.learner_id)) g
		JOIN learners l ON l.id = g.learner_id LEFT JOIN org_units u ON u.code = l.unit_code WHERE `+where+order, append([]any{cohort}, args...)...)
}

// HeadCount is how many people a trainer counted in the room of a session.
type HeadCount struct {
	ID     string // makes the same count told twice one, see study.AttendanceDecision; "" for none
	Number int    // of the session
	Heads  int
	At     time.Time // when it was counted; zero for now
}

// CountHeads keeps how many people a trainer counted in the room. A scope that does not see the whole class is
// fault.Forbidden. The last count, by when it was counted, is the one that is shown.
func (s *Store) CountHeads(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, c HeadCount) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		_, err := s.countHeads(ctx, tx, now, actor, scope, cohort, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping a head count: %w", err)
	}
	return nil
}

func (s *Store) countHeads(ctx context.Context, tx *gorm.DB, now time.Time, actor string, scope people.Scope, cohort string, c HeadCount) (fresh bool, err error) {
	if c.Heads < 0 || c.Heads > 100000 {
		return false, fault.New(fault.Invalid, "class.count_bad")
	}
	q := under(tx)
	x, err := s.wholeSession(ctx, q, scope, cohort, c.Number)
	if err != nil {
		return false, err
	}
	at, key := now, fmt.Sprintf("count:%d:%d:%d", x.ID, toMs(now), c.Heads)
	if !c.At.IsZero() && !study.ImpossibleTime(x, now, c.At) {
		at = c.At
	}
	if c.ID != "" {
		if err := study.CheckTickID(c.ID); err != nil {
			return false, err
		}
		key = fmt.Sprintf("id:%d:%s", x.ID, c.ID)
	}
	rows := insert{table: "head_counts", columns: strings.Fields("count_key session_id counted actor counted_at"), tail: s.orIgnore("id")}
	rows.add(cut(key, 80), int64(x.ID), c.Heads, cut(actor, 120), toMs(at))
	n, err := s.newRows(ctx, q, &rows, "head_counts", "session_id", int64(x.ID))
	if err != nil || n == 0 {
		return false, err
	}
	return true, appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.count", Object: sessionName(x), Result: strconv.Itoa(c.Heads)})
}

func sessionName(x study.Session) string {
	return fmt.Sprintf("class %s session %d", x.Cohort, x.Number)
}

// session reads one session and makes others that change it wait.
func (s *Store) session(ctx context.Context, q querier, cohort string, number int) (study.Session, error) {
	var id int64
	err := q.QueryRowContext(ctx, "SELECT s.id FROM sessions s WHERE s.number = ? AND s.cohort_id = (SELECT c.id FROM cohorts c WHERE c.code = ?)"+s.forUpdate(), number, cohort).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return study.Session{}, fault.New(fault.NotFound, "class.no_session", fault.A("cohort", cohort), fault.A("number", number))
	}
	if err != nil {
		return study.Session{}, err
	}
	list, err := readSessions(ctx, q, "s.id = ?", id)
	if err == nil && len(list) != 1 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return study.Session{}, err
	}
	return list[0], nil
}

// wholeSession is session for acts that concern everybody of the class: the scope has to see them all.
func (s *Store) wholeSession(ctx context.Context, q querier, scope people.Scope, cohort string, number int) (study.Session, error) {
	x, err := s.session(ctx, q, cohort, number)
	if err != nil {
		return x, err
	}
	whole, err := s.seesWhole(ctx, q, scope, cohort)
	if err == nil && !whole {
		err = fault.New(fault.Forbidden, "class.not_whole", fault.A("cohort", cohort))
	}
	return x, err
}

// seesWhole reports whether a scope sees everybody of a class.
func (s *Store) seesWhole(ctx context.Context, q querier, scope people.Scope, cohort string) (bool, error) {
	where, args := scoped(scope)
	var outside int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM enrolments e JOIN learners l ON l.id = e.learner_id JOIN cohorts c ON c.id = e.cohort_id WHERE c.code = ? AND NOT `+where,
		append([]any{cohort}, args...)...).Scan(&outside)
	return outside == 0 && len(scope.Prefixes()) > 0, err
}

// CloseSession confirms a session that has ended: who was there gets the hours, who was not is absent.
// A scope that does not see the whole class is fault.Forbidden.
// Closing it again counts again what is known now.
func (s *Store) CloseSession(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, number int) (study.Session, error) {
	var x study.Session
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var err error
		if x, err = s.wholeSession(ctx, q, scope, cohort, number); err != nil {
			return err
		}
		if now.Before(x.Ends) {
			return fault.New(fault.Conflict, "class.not_over", fault.A("number", number))
		}
		if x.ClosedAt.IsZero() {
			x.ClosedAt = fromMs(toMs(now))
			if _, err := q.ExecContext(ctx, "UPDATE sessions SET closed_at = ?, closed_by = ?, updated_at = ? WHERE id = ?", toMs(now), cut(actor, 120), toMs(now), int64(x.ID)); err != nil {
				return err
			}
			if err := appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.close", Object: sessionName(x)}); err != nil {
				return err
			}
			if err := s.settleSpots(ctx, q, now, x.ID); err != nil {
				return err
			}
		}
		return s.creditSession(ctx, tx, now, x, actor)
	})
	if err != nil {
		return x, fmt.Errorf("closing a session: %w", err)
	}
	return x, nil
}

// settleSpots keeps of the spots of a session what they say, and deletes them.
func (s *Store) settleSpots(ctx context.Context, q querier, now time.Time, id study.SessionID) error {
	events, err := readAttendance(ctx, q, "s.id = ? AND a.kind = 'located'", int64(id))
	if err != nil {
		return err
	}
	rows := attendanceRows(s)
	for _, e := range classRule.SettleSpots(events) {
		addAttendance(&rows, e, toMs(now))
	}
	if err := rows.exec(ctx, q); err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "DELETE FROM attendance_spots WHERE session_id = ?", int64(id))
	return err
}

// creditSession makes the ledger say what a closed session gives. The session is locked by the caller.
func (s *Store) creditSession(ctx context.Context, tx *gorm.DB, now time.Time, x study.Session, actor string) error {
	roll, err := s.classRoll(ctx, under(tx), people.Everyone(), x.Cohort)
	if err != nil {
		return err
	}
	for i, r := range roll.Sessions {
		if r.ID == x.ID {
			return credit(ctx, s, tx, now, classRule.Credits(r, i, roll.Lines), correction{actor: actor})
		}
	}
	return nil
}

// PlaceAct is what an administrator does with somebody's place in a class.
type PlaceAct string

// The acts.
const (
	PlaceWithdraw PlaceAct = "withdraw" // 退学
	PlaceWaive    PlaceAct = "waive"    // 免修
	PlaceReturn   PlaceAct = "return"   // back into the class
)

var placeStatus = map[PlaceAct]study.EnrolmentStatus{PlaceWithdraw: study.Withdrawn, PlaceWaive: study.Waived, PlaceReturn: study.Active}

// DecidePlace takes people out of a class, frees them from it or takes them back, with the reason. People outside
// the scope, or without a place, are fault.NotFound. Again it changes nothing.
func (s *Store) DecidePlace(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, learner people.LearnerID, a PlaceAct, reason string) error {
	status, known := placeStatus[a]
	if reason = strings.TrimSpace(reason); !known || reason == "" || len([]rune(reason)) > 200 {
		return fault.New(fault.Invalid, "class.reason_bad", fault.A("limit", 200))
	}
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		where, args := scoped(scope)
		var id int64
		var have study.EnrolmentStatus
		err := q.QueryRowContext(ctx, `SELECT e.id, e.status FROM enrolments e JOIN learners l ON l.id = e.learner_id WHERE e.learner_id = ? AND e.cohort_id = (SELECT c.id FROM cohorts c WHERE c.code = ?) AND `+where+s.forUpdate(),
			append([]any{int64(learner), cohort}, args...)...).Scan(&id, &have)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "class.no_place", fault.A("id", int64(learner)), fault.A("cohort", cohort))
		}
		if err != nil || have == status || a == PlaceReturn && have == study.Completed {
			return err
		}
		if err := s.movePlaces(ctx, q, toMs(now), status, "id = ?", id); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class." + string(a), Object: fmt.Sprintf("class %s learner %d", cohort, learner), Result: reason})
	})
	if err != nil {
		return fmt.Errorf("deciding about a place: %w", err)
	}
	return nil
}
