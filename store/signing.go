package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// signingWanted is one who signs in, by which session's code; 0 for a number.
type signingWanted struct {
	facts   *conversation.Facts
	session study.SessionID
}

// signable is the condition on a session s that phones may sign in at an instant, but for its rule's exact minute.
const signable = "s.closed_at = 0 AND s.starts_at <= ? AND s.ends_at >= ?"

// loadSigning reads the sessions that are open now for those who sign in.
func (f *facts) loadSigning(ctx context.Context) error {
	now := toMs(f.now)
	soon := now + (24 * time.Hour).Milliseconds() // a session may open long before it starts
	for _, w := range f.signing {
		learner := int64(w.facts.Identity.Learner)
		err := each(ctx, f.q, func(rows *sql.Rows) error {
			var o conversation.OpenSession
			var signed, out, refuted int64
			fields, done := sessionFields(&o.Session)
			if err := rows.Scan(append(fields, &o.Key.Secret, &o.Class, &o.Member, &signed, &out, &refuted)...); err != nil {
				return err
			}
			done()
			o.Key.Session = o.ID
			if signed > max(out, refuted) {
				o.Signed = fromMs(signed)
			}
			o.Back = signed > refuted && out >= signed
			if classRule.Open(o.Session, f.now) {
				w.facts.Signing = append(w.facts.Signing, o)
			}
			return nil
		}, "SELECT "+sessionColumns+`, s.secret, c.name, CASE WHEN e.id IS NULL THEN 0 ELSE 1 END,
			COALESCE((SELECT MAX(a.happened_at) FROM attendance_events a WHERE a.session_id = s.id AND a.learner_id = ? AND a.kind = 'sign_in'), 0),
			COALESCE((SELECT MAX(a.happened_at) FROM attendance_events a WHERE a.session_id = s.id AND a.learner_id = ? AND a.kind = 'sign_out'), 0),
			COALESCE((SELECT MAX(a.happened_at) FROM attendance_events a WHERE a.session_id = s.id AND a.learner_id = ? AND a.kind = 'refute'), 0)
			FROM sessions s JOIN cohorts c ON c.id = s.cohort_id
			LEFT JOIN enrolments e ON e.cohort_id = s.cohort_id AND e.learner_id = ? AND e.status IN ('active', 'paused', 'completed')
			WHERE `+signable+" AND (e.id IS NOT NULL OR s.id = ?) ORDER BY s.starts_at, s.id", learner, learner, learner, learner, soon, now, int64(w.session))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(w.facts.Signing, func(o conversation.OpenSession) bool { return o.Fence.Required }) {
			continue
		}
		err = f.q.QueryRowContext(ctx, "SELECT version FROM location_consents WHERE learner_id = ? AND withdrawn_at = 0 ORDER BY id DESC LIMIT 1", learner).Scan(&w.facts.PlaceConsent)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// SignScreen reads what the hall sees of a session: its code's key, and how many are there.
func (s *Store) SignScreen(ctx context.Context, id study.SessionID) (screen study.SignScreen, err error) {
	list, err := readSessions(ctx, s.reads, "s.id = ?", int64(id))
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "class.no_session", fault.A("cohort", ""), fault.A("number", int64(id)))
	}
	if err != nil {
		return screen, fmt.Errorf("reading a session: %w", plain(err))
	}
	screen.Session, screen.Key.Session = list[0], id
	if err := s.reads.QueryRowContext(ctx, "SELECT secret FROM sessions WHERE id = ?", int64(id)).Scan(&screen.Key.Secret); err != nil {
		return screen, fmt.Errorf("reading a session's key: %w", plain(err))
	}
	roll, err := s.classRoll(ctx, s.reads, people.Everyone(), screen.Session.Cohort)
	if err != nil {
		return screen, fmt.Errorf("counting who is there: %w", plain(err))
	}
	screen.Class = roll.Cohort.Name
	for i, x := range roll.Sessions {
		if x.ID == id {
			n := study.Tally(roll.Lines, i)
			screen.Doubtful = n[study.PresenceDoubt]
			screen.There = n[study.Present] + n[study.Late] + screen.Doubtful
		}
	}
	for _, l := range roll.Lines {
		if l.Expected() {
			screen.Expected++
		}
	}
	return screen, nil
}

// spotsKept is how long spots of a session that was not closed stay after its end.
const spotsKept = 7 * 24 * time.Hour

// signings writes who signed in and out. A session that was closed in between is errLost: the turn is stepped again
// and says so.
func (w *turnWriter) signings(ctx context.Context) error {
	for _, g := range w.signed {
		e := g.event
		var secret []byte
		err := w.tx.QueryRowContext(ctx, "SELECT s.secret FROM sessions s WHERE s.id = ? AND s.closed_at = 0 AND s.ends_at >= ?"+w.s.forUpdate(), int64(e.Session), w.now).Scan(&secret)
		if err == sql.ErrNoRows {
			return errLost
		}
		if err != nil {
			return fmt.Errorf("reading a session: %w", err)
		}
		rows := attendanceRows(w.s)
		if e.Kind != study.Located {
			e.Device = study.SignKey{Session: e.Session, Secret: secret}.DeviceMark(int64(g.phone))
		}
		addAttendance(&rows, e, w.now)
		if err := rows.exec(ctx, w.tx); err != nil {
			return fmt.Errorf("writing who signed in: %w", err)
		}
		if e.Spot == "" {
			continue
		}
		// A session that nobody closes keeps no spots for ever.
		if _, err := w.tx.ExecContext(ctx, "DELETE FROM attendance_spots WHERE session_id IN (SELECT s.id FROM sessions s WHERE s.ends_at < ?)", w.now-spotsKept.Milliseconds()); err != nil {
			return fmt.Errorf("deleting old spots: %w", err)
		}
		spots := insert{table: "attendance_spots", columns: []string{"event_key", "session_id", "spot"}, tail: w.s.orIgnore("event_key")}
		spots.add(cut(e.Key, 80), int64(e.Session), e.Spot)
		if err := spots.exec(ctx, w.tx); err != nil {
			return fmt.Errorf("writing a spot: %w", err)
		}
	}
	return nil
}

// signing is a sign-in of a phone.
type signing struct {
	phone conversation.IdentityID
	event study.AttendanceEvent
}

// sign collects sign-ins of a turn.
func (w *turnWriter) sign(phone conversation.IdentityID, e conversation.Effect) {
	event := func(session study.SessionID, learner people.LearnerID, kind study.EventKind, way study.Way) {
		w.signed = append(w.signed, signing{phone, study.AttendanceEvent{
			// A phone does one thing at an instant: a message that is stepped again is the same event.
			Key:     fmt.Sprintf("phone:%d:%d:%s:%d:%d", session, learner, kind, phone, w.now),
			Session: session, Learner: learner, Kind: kind, Way: way, At: fromMs(w.now),
		}})
	}
	switch e := e.(type) {
	case conversation.SignIn:
		event(e.Session, e.Learner, study.SignedIn, e.Way)
	case conversation.SignOut:
		event(e.Session, e.Learner, study.SignedOut, study.WayNumber)
	case conversation.Locate:
		event(e.Session, e.Learner, study.Located, "")
		last := &w.signed[len(w.signed)-1].event
		last.Distance, last.Spot = e.Distance, e.Spot
	}
}
