package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// readAttendance reads events a of sessions s and learners l, in the order in which they were told.
func readAttendance(ctx context.Context, q querier, where string, args ...any) ([]study.AttendanceEvent, error) {
	var list []study.AttendanceEvent
	err := each(ctx, q, func(rows *sql.Rows) error {
		var e study.AttendanceEvent
		var at, received int64
		var doubts string
		if err := rows.Scan(&e.Key, &e.Session, &e.Learner, &e.Kind, &e.Way, &e.Mark, &at, &received, &e.Device, &e.Distance, &doubts, &e.Actor, &e.Note, &e.Spot); err != nil {
			return err
		}
		e.At, e.Received = fromMs(at), fromMs(received)
		for d := range strings.SplitSeq(doubts, ",") {
			if d != "" {
				e.Doubts = append(e.Doubts, study.Doubt(d))
			}
		}
		list = append(list, e)
		return nil
	}, `SELECT a.event_key, a.session_id, a.learner_id, a.kind, a.way, a.mark, a.happened_at, a.received_at, a.device, a.distance, a.doubts, a.actor, a.note, COALESCE(p.spot, '')
		FROM attendance_events a JOIN sessions s ON s.id = a.session_id JOIN learners l ON l.id = a.learner_id LEFT JOIN attendance_spots p ON p.event_key = a.event_key WHERE `+where+" ORDER BY a.id", args...)
	return list, err
}

// maxAttendance is the most events that are taken at once: a large hall on a trainer's page.
const maxAttendance = 2000

// RecordAttendance appends what happened in sessions and tells how much of it is new: an event whose key is known
// is the same event. People outside the scope are fault.NotFound and nothing is kept. Where a session is closed
// already the ledger follows at once. Acts of somebody else than the person are audited.
func (s *Store) RecordAttendance(ctx context.Context, now time.Time, scope people.Scope, events []study.AttendanceEvent) (fresh int, err error) {
	if len(events) > maxAttendance {
		return 0, fault.New(fault.Invalid, "class.events_many", fault.A("limit", maxAttendance))
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		fresh, err = s.recordAttendance(ctx, tx, now, scope, events)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("recording attendance: %w", err)
	}
	return fresh, nil
}

func (s *Store) recordAttendance(ctx context.Context, tx *gorm.DB, now time.Time, scope people.Scope, events []study.AttendanceEvent) (fresh int, err error) {
	q := under(tx)
	bySession := map[study.SessionID][]study.AttendanceEvent{}
	learners := map[int64]bool{}
	for _, e := range events {
		bySession[e.Session] = append(bySession[e.Session], e)
		learners[int64(e.Learner)] = true
	}
	if err := s.seesLearners(ctx, q, scope, slices.Sorted(maps.Keys(learners))); err != nil {
		return 0, err
	}
	for _, id := range slices.Sorted(maps.Keys(bySession)) {
		var number int
		var cohort string
		err := q.QueryRowContext(ctx, "SELECT s.number, c.code FROM sessions s JOIN cohorts c ON c.id = s.cohort_id WHERE s.id = ?", int64(id)).Scan(&number, &cohort)
		if err != nil {
			return 0, missing(err, "class.no_session", fault.A("cohort", ""), fault.A("number", int64(id)))
		}
		x, err := s.session(ctx, q, cohort, number) // waits for whoever closes it
		if err != nil {
			return 0, err
		}
		rows := attendanceRows(s)
		byActor := map[string]int{}
		for _, e := range bySession[id] {
			addAttendance(&rows, e, toMs(now))
			if e.Actor != "" {
				byActor[e.Actor]++
			}
		}
		n, err := s.newRows(ctx, q, &rows, "attendance_events", "session_id", int64(id))
		if err != nil {
			return 0, err
		}
		if n == 0 {
			continue
		}
		fresh += n
		for _, actor := range slices.Sorted(maps.Keys(byActor)) {
			if err := appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.attend", Object: sessionName(x), Result: fmt.Sprintf("%d events", byActor[actor])}); err != nil {
				return 0, err
			}
		}
		if !x.ClosedAt.IsZero() {
			if err := s.creditSession(ctx, tx, now, x, bySession[id][0].Actor); err != nil {
				return 0, err
			}
		}
	}
	return fresh, nil
}

// attendanceRows are events to append; one whose key is known changes nothing.
func attendanceRows(s *Store) insert {
	return insert{
		table: "attendance_events", tail: s.orIgnore("id"),
		columns: strings.Fields("event_key session_id learner_id kind way mark happened_at received_at device distance doubts actor note"),
	}
}

func addAttendance(rows *insert, e study.AttendanceEvent, received int64) {
	doubts := make([]string, len(e.Doubts))
	for i, d := range e.Doubts {
		doubts[i] = string(d)
	}
	rows.add(cut(e.Key, 80), int64(e.Session), int64(e.Learner), string(e.Kind), string(e.Way), string(e.Mark), toMs(e.At), received, e.Device, string(e.Distance),
		cut(strings.Join(doubts, ","), 80), cut(e.Actor, 120), cut(e.Note, 200))
}

// newRows writes rows and tells how many there are more: what a driver says of ignored rows differs.
func (s *Store) newRows(ctx context.Context, q querier, rows *insert, table, column string, value int64) (int, error) {
	count := func() (n int, err error) {
		return n, q.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table+" WHERE "+column+" = ?", value).Scan(&n)
	}
	before, err := count()
	if err != nil {
		return 0, err
	}
	if err := rows.exec(ctx, q); err != nil {
		return 0, err
	}
	after, err := count()
	return after - before, err
}

// missing makes a row that is not there a fault.
func missing(err error, key string, args ...fault.Arg) error {
	if err == sql.ErrNoRows { //nolint:errorlint // of QueryRow, never wrapped
		return fault.New(fault.NotFound, key, args...)
	}
	return err
}

// seesLearners refuses people who are not there or outside the scope.
func (s *Store) seesLearners(ctx context.Context, q querier, scope people.Scope, ids []int64) error {
	where, args := scoped(scope)
	return chunks(ids, func(part []int64) error {
		seen := map[int64]bool{}
		err := each(ctx, q, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			seen[id] = true
			return err
		}, "SELECT l.id FROM learners l WHERE l.id IN "+marks(len(part))+" AND "+where, append(anys(part), args...)...)
		for _, id := range part {
			if err == nil && !seen[id] {
				err = fault.New(fault.NotFound, "follow.no_learner", fault.A("id", id))
			}
		}
		return err
	})
}

// MakeUp records that somebody made up a missed session (补学), within the days and the amount of the rule. note
// is who approved it, or the document.
func (s *Store) MakeUp(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, number int, learner people.LearnerID, note string) error {
	if note = strings.TrimSpace(note); note == "" || len([]rune(note)) > 200 {
		return fault.New(fault.Invalid, "class.reason_bad", fault.A("limit", 200))
	}
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		if err := s.seesLearners(ctx, q, scope, []int64{int64(learner)}); err != nil {
			return err
		}
		if _, err := s.cohortID(ctx, q, cohort, s.forUpdate()); err != nil { // two at once would both fit
			return err
		}
		x, err := s.session(ctx, q, cohort, number)
		if err != nil {
			return err
		}
		roll, err := s.classRoll(ctx, q, people.Everyone(), cohort)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(roll.Sessions, func(r study.Session) bool { return r.ID == x.ID })
		i := slices.IndexFunc(roll.Lines, func(l study.RollLine) bool { return l.Learner.ID == learner })
		if i < 0 || roll.Lines[i].Enrolment == 0 {
			return fault.New(fault.NotFound, "class.no_place", fault.A("id", int64(learner)), fault.A("cohort", cohort))
		}
		line, last := roll.Lines[i], roll.Sessions[len(roll.Sessions)-1]
		switch p := line.Attended[at].Presence; {
		case p == study.MadeUpLater:
			return nil
		case p != study.Absent && p != study.OnLeave && p != study.LeftEarly || x.ClosedAt.IsZero():
			return fault.New(fault.Conflict, "class.not_missed", fault.A("number", number))
		case !classRule.MayMakeUp(study.DayOf(last.Ends), study.DayOf(now), x.Hours, line.Standing.MadeUp, line.Standing.Total):
			return fault.New(fault.Conflict, "class.make_up_over", fault.A("days", classRule.MakeUpDays), fault.A("part", classRule.MakeUpPart))
		}
		_, err = s.recordAttendance(ctx, tx, now, scope, []study.AttendanceEvent{{
			Key: fmt.Sprintf("makeup:%d:%d:%d", x.ID, learner, toMs(now)), Session: x.ID, Learner: learner, Kind: study.MadeUp, Way: study.WayTrainer, At: now, Actor: actor, Note: note,
		}})
		return err
	})
	if err != nil {
		return fmt.Errorf("making up a session: %w", err)
	}
	return nil
}
