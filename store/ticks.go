package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// MakeTickLink gives a trainer the address of the page that ticks people of a class (Session 0), or of one session. hash
// is the SHA-256 of what the address ends with. Whoever is no trainer is fault.NotFound.
func (s *Store) MakeTickLink(ctx context.Context, now time.Time, actor string, hash [32]byte, l study.TickLink) (id study.TickLinkID, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		var a act
		if id, a, err = s.makeTickLink(ctx, under(tx), now, actor, hash, l); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, a)
	})
	if err != nil {
		return 0, fmt.Errorf("making a trainer's link: %w", err)
	}
	return id, nil
}

func (s *Store) makeTickLink(ctx context.Context, q querier, now time.Time, actor string, hash [32]byte, l study.TickLink) (study.TickLinkID, act, error) {
	cohort, err := s.cohortID(ctx, q, l.Cohort, "")
	if err != nil {
		return 0, act{}, err
	}
	session := int64(0)
	if l.Session != 0 {
		x, err := s.session(ctx, q, l.Cohort, l.Session)
		if err != nil {
			return 0, act{}, err
		}
		session = int64(x.ID)
	}
	if _, err := trainerScope(ctx, q, l.Trainer); err != nil {
		if errors.Is(err, errLost) {
			err = fault.New(fault.NotFound, "class.no_trainer", fault.A("id", int64(l.Trainer)))
		}
		return 0, act{}, err
	}
	r, err := q.ExecContext(ctx, "INSERT INTO tick_links (token_hash, cohort_id, session_id, trainer_id, until_at, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		hash[:], cohort, session, int64(l.Trainer), toMs(l.Until), cut(actor, 120), toMs(now))
	if err != nil {
		return 0, act{}, err
	}
	id, err := r.LastInsertId()
	return study.TickLinkID(id), act{At: now, Actor: actor, Action: "class.link", Object: fmt.Sprintf("class %s session %d link %d", l.Cohort, l.Session, id), Result: learnerObject(l.Trainer)}, err
}

// tickLinks reads links k of classes c, oldest first.
func tickLinks(ctx context.Context, q querier, where string, args ...any) ([]study.TickLink, error) {
	list := []study.TickLink{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var l study.TickLink
		var until, revoked int64
		err := rows.Scan(&l.ID, &l.Cohort, &l.Session, &l.Trainer, &l.Name, &until, &revoked, &l.By)
		l.Until, l.Revoked = fromMs(until), fromMs(revoked)
		list = append(list, l)
		return err
	}, `SELECT k.id, c.code, COALESCE(s.number, 0), k.trainer_id, COALESCE(l.name, ''), k.until_at, k.revoked_at, k.created_by FROM tick_links k JOIN cohorts c ON c.id = k.cohort_id
		LEFT JOIN sessions s ON s.id = k.session_id LEFT JOIN learners l ON l.id = k.trainer_id WHERE `+where+" ORDER BY k.id", args...)
	return list, err
}

// TickLinks lists the links of a class, oldest first, also those that have ended.
func (s *Store) TickLinks(ctx context.Context, cohort string) ([]study.TickLink, error) {
	list, err := tickLinks(ctx, s.reads, "c.code = ?", cohort)
	if err != nil {
		return nil, fmt.Errorf("reading the trainers' links: %w", plain(err))
	}
	return list, nil
}

// RevokeTickLink ends a link of a class now. Again it changes nothing.
func (s *Store) RevokeTickLink(ctx context.Context, now time.Time, actor, cohort string, id study.TickLinkID) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		list, err := tickLinks(ctx, q, "c.code = ? AND k.id = ?", cohort, int64(id))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fault.New(fault.NotFound, "class.no_link", fault.A("id", int64(id)), fault.A("cohort", cohort))
		}
		if !list[0].Revoked.IsZero() {
			return nil
		}
		if _, err := q.ExecContext(ctx, "UPDATE tick_links SET revoked_at = ? WHERE id = ? AND revoked_at = 0", toMs(now), int64(id)); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.unlink", Object: fmt.Sprintf("class %s link %d", cohort, id)})
	})
	if err != nil {
		return fmt.Errorf("ending a trainer's link: %w", err)
	}
	return nil
}

// tickLink is a link in force with the right of its trainer. One that has ended, of whatever reason, or never was, is
// fault.NotFound.
func (s *Store) tickLink(ctx context.Context, q querier, now time.Time, hash [32]byte) (study.TickLink, people.Scope, error) {
	gone := fault.New(fault.NotFound, "class.link_gone")
	list, err := tickLinks(ctx, q, "k.token_hash = ? AND k.revoked_at = 0 AND k.until_at > ? AND (k.session_id = 0 OR s.id IS NOT NULL)", hash[:], toMs(now))
	if err != nil {
		return study.TickLink{}, people.Scope{}, err
	}
	if len(list) == 0 {
		return study.TickLink{}, people.Scope{}, gone
	}
	scope, err := trainerScope(ctx, q, list[0].Trainer)
	if errors.Is(err, errLost) {
		err = gone
	}
	return list[0], scope, err
}

// TickSheet reads what a trainer's page shows.
func (s *Store) TickSheet(ctx context.Context, now time.Time, hash [32]byte) (sheet study.TickSheet, err error) {
	var scope people.Scope
	if sheet.Link, scope, err = s.tickLink(ctx, s.reads, now, hash); err == nil {
		sheet.Roll, err = s.classRoll(ctx, s.reads, scope, sheet.Link.Cohort)
	}
	if err == nil {
		sheet.Whole, err = s.seesWhole(ctx, s.reads, scope, sheet.Link.Cohort)
	}
	if err != nil {
		return study.TickSheet{}, fmt.Errorf("reading a trainer's page: %w", plain(err))
	}
	if n := sheet.Link.Session; n != 0 {
		at := slices.IndexFunc(sheet.Roll.Sessions, func(x study.Session) bool { return x.Number == n })
		sheet.Roll.Sessions, sheet.Roll.Counted = sheet.Roll.Sessions[at:at+1], sheet.Roll.Counted[at:at+1]
		for i := range sheet.Roll.Lines {
			sheet.Roll.Lines[i].Attended = sheet.Roll.Lines[i].Attended[at : at+1]
		}
	}
	return sheet, nil
}

// RecordTicks keeps what a trainer's page sends, and tells of each what became of it: one that cannot be kept does not
// hold up the others. People outside the trainer's scope, and sessions that are not the link's, are refused.
func (s *Store) RecordTicks(ctx context.Context, now time.Time, hash [32]byte, ticks []study.Tick) (answers []study.TickAnswer, err error) {
	if len(ticks) > maxAttendance {
		return nil, fault.New(fault.Invalid, "class.events_many", fault.A("limit", maxAttendance))
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		link, scope, err := s.tickLink(ctx, q, now, hash)
		if err != nil {
			return err
		}
		list, err := readSessions(ctx, q, "c.code = ?", link.Cohort)
		if err != nil {
			return err
		}
		w := tickWriter{store: s, tx: tx, now: now, link: link, scope: scope, sessions: map[int]study.Session{}}
		for _, x := range list {
			if link.Session == 0 || link.Session == x.Number {
				w.sessions[x.Number] = x
			}
		}
		answers, err = w.write(ctx, ticks)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keeping a trainer's ticks: %w", err)
	}
	return answers, nil
}

// tickWriter writes one batch of a trainer's page.
type tickWriter struct {
	store    *Store
	tx       *gorm.DB
	now      time.Time
	link     study.TickLink
	scope    people.Scope
	sessions map[int]study.Session
}

func (w *tickWriter) write(ctx context.Context, ticks []study.Tick) ([]study.TickAnswer, error) {
	q := under(w.tx)
	answers := make([]study.TickAnswer, len(ticks))
	seen := map[int64]bool{} // learners in scope
	var learners []int64
	for _, t := range ticks {
		learners = append(learners, int64(t.Learner))
	}
	slices.Sort(learners)
	where, args := scoped(w.scope)
	err := chunks(slices.Compact(learners), func(part []int64) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			seen[id] = true
			return err
		}, "SELECT l.id FROM learners l WHERE l.id IN "+marks(len(part))+" AND "+where, append(anys(part), args...)...)
	})
	if err != nil {
		return nil, err
	}
	whole, err := w.store.seesWhole(ctx, q, w.scope, w.link.Cohort)
	if err != nil {
		return nil, err
	}
	actor := byLearner(w.link.Trainer)
	var events []study.AttendanceEvent
	place := map[string]int{} // key of the event → its tick
	for i, t := range ticks {
		a := &answers[i]
		a.ID, a.Fate = t.ID, study.TickKept
		x, ours := w.sessions[t.Session]
		switch {
		case !ours:
			a.Why = fault.New(fault.NotFound, "class.no_session", fault.A("cohort", w.link.Cohort), fault.A("number", t.Session))
		case t.Counting && !whole:
			a.Why = fault.New(fault.Forbidden, "class.not_whole", fault.A("cohort", w.link.Cohort))
		case t.Counting:
			if t.ID == "" { // not by our page
				a.Why = study.CheckTickID(t.ID)
				break
			}
			fresh, err := w.store.countHeads(ctx, w.tx, w.now, actor, w.scope, w.link.Cohort, HeadCount{ID: t.ID, Number: t.Session, Heads: t.Heads, At: t.At})
			var f *fault.Error
			switch {
			case errors.As(err, &f):
				a.Why = f
			case err != nil:
				return nil, err
			case !fresh:
				a.Fate = study.TickKnown
			case study.ImpossibleTime(x, w.now, t.At):
				a.Fate = study.TickClock
			}
		case !seen[int64(t.Learner)]:
			a.Why = fault.New(fault.NotFound, "follow.no_learner", fault.A("id", int64(t.Learner)))
		default:
			var e study.AttendanceEvent
			if a.Why = study.CheckTickID(t.ID); a.Why == nil {
				e, a.Why = study.DecideAttendance(x, w.now, actor, t.AttendanceDecision)
			}
			if a.Why != nil {
				break
			}
			if slices.Contains(e.Doubts, study.DoubtClock) {
				a.Fate = study.TickClock
			}
			if _, twice := place[e.Key]; twice {
				a.Fate = study.TickKnown
				break
			}
			place[e.Key] = i
			events = append(events, e)
		}
		if a.Why != nil {
			a.Fate = study.TickRefused
		}
	}
	keys := make([]string, 0, len(place))
	for k := range place {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	err = chunks(keys, func(part []string) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var key string
			err := rows.Scan(&key)
			answers[place[key]].Fate = study.TickKnown
			return err
		}, "SELECT event_key FROM attendance_events WHERE event_key IN "+marks(len(part)), anys(part)...)
	})
	if err != nil {
		return nil, err
	}
	_, err = w.store.recordAttendance(ctx, w.tx, w.now, w.scope, events)
	return answers, err
}
