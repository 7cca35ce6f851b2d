package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// scheduleMark is the schedule's watermark; nothing else uses the name.
const scheduleMark = "schedule"

// Watermark returns up to when the schedule has been looked at, zero for never.
func (s *Store) Watermark(ctx context.Context) (time.Time, error) {
	var at int64
	err := s.reads.QueryRowContext(ctx, "SELECT COALESCE(MAX(reached_at), 0) FROM watermarks WHERE name = ?", scheduleMark).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading a watermark: %w", plain(err))
	}
	return fromMs(at), nil
}

// AdvanceWatermark moves it forward, never back.
func (s *Store) AdvanceWatermark(ctx context.Context, to time.Time) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		i := insert{table: "watermarks", columns: []string{"name", "reached_at"}, tail: s.orIgnore("reached_at")}
		i.add(scheduleMark, int64(0))
		if err := i.exec(ctx, q); err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, "UPDATE watermarks SET reached_at = ? WHERE name = ? AND reached_at < ?", toMs(to), scheduleMark, toMs(to))
		return err
	})
	if err != nil {
		return fmt.Errorf("moving a watermark: %w", plain(err))
	}
	return nil
}

// BookRefresh books one forced refresh of an account's token, if fewer than limit were booked in the
// period before now and the last is at least gap ago. Replicas queue at one row, so the count holds
// for all of them together (T1).
func (s *Store) BookRefresh(ctx context.Context, app string, now time.Time, limit int, period, gap time.Duration) (bool, error) {
	booked := false
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		booked = false
		name := "token " + app
		lock := insert{table: "watermarks", columns: []string{"name", "reached_at"}, tail: s.orIgnore("reached_at")}
		lock.add(name, int64(0))
		if err := lock.exec(ctx, q); err != nil {
			return err
		}
		var last, count int64
		if err := q.QueryRowContext(ctx, "SELECT reached_at FROM watermarks WHERE name = ?"+s.forUpdate(), name).Scan(&last); err != nil {
			return err
		}
		if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM token_refreshes WHERE app_id = ? AND booked_at > ?", app, toMs(now.Add(-period))).Scan(&count); err != nil {
			return err
		}
		if count >= int64(limit) || (last > 0 && now.Sub(fromMs(last)) < gap) {
			return nil
		}
		i := insert{table: "token_refreshes", columns: []string{"app_id", "booked_at"}}
		i.add(app, toMs(now))
		if err := i.exec(ctx, q); err != nil {
			return err
		}
		booked = true
		_, err := q.ExecContext(ctx, "UPDATE watermarks SET reached_at = ? WHERE name = ?", toMs(now), name)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("booking a token refresh: %w", err)
	}
	return booked, nil
}

// Counts is how much there is, for doctor.
type Counts struct {
	Learners   int
	Cohorts    int
	Identities int
	Responses  int
}

// Counts counts.
func (s *Store) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	for table, n := range map[string]*int{"learners": &c.Learners, "cohorts": &c.Cohorts, "identities": &c.Identities, "responses": &c.Responses} {
		if err := s.bulk.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(n); err != nil {
			return c, fmt.Errorf("counting %s: %w", table, plain(err))
		}
	}
	return c, nil
}

// How long things are kept that only serve the moment.
const (
	inboxKept    = 7 * 24 * time.Hour  // the platform repeats a message for less than a minute
	wrongsKept   = 7 * 24 * time.Hour  // they count for a day
	receiptsKept = 30 * 24 * time.Hour // they come within a day, name an openid, and may come after its owner has left
	grantsKept   = 7 * 24 * time.Hour  // the keys alone, against repeats
)

// purgePiece is how many rows one statement deletes at most: answers must not wait for a purge.
const purgePiece = 1000

// Purge deletes what has served: old stored replies, wrong codes, receipts and keys of grants, and small groups of
// anonymous surveys that have closed. It returns
// the rows deleted.
func (s *Store) Purge(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for _, p := range []pile{
		{"inbox", "message_key", "committed_at", inboxKept},
		{"wrong_codes", "id", "tried_at", wrongsKept},
		{"receipts", "receipt_key", "received_at", receiptsKept},
		{"grant_events", "event_key", "applied_at", grantsKept},
		{"once_links", "link_hash", "made_at", 24 * time.Hour},
	} {
		for {
			n, err := s.purge(ctx, p, toMs(now.Add(-p.kept)))
			if err != nil {
				return total, fmt.Errorf("purging %s: %w", p.table, plain(err))
			}
			if total += n; n < purgePiece {
				break
			}
		}
	}
	n, err := s.purgeMedia(ctx, now)
	if total += n; err != nil {
		return total, err
	}
	return total, s.settleSurveys(ctx, now)
}

// pile is a table that grows old, with the columns of its key and its time.
type pile struct {
	table, key, at string
	kept           time.Duration
}

// purge deletes one piece of a pile. It looks the keys up first: given the query in place of the keys,
// MariaDB reads the whole table for every piece.
func (s *Store) purge(ctx context.Context, p pile, before int64) (n int64, err error) {
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		q := under(tx)
		n = 0
		var keys []any
		err := each(ctx, q, func(rows *sql.Rows) error {
			var key any
			err := rows.Scan(&key)
			keys = append(keys, key)
			return err
		}, "SELECT "+p.key+" FROM "+p.table+" WHERE "+p.at+" < ? ORDER BY "+p.at+" LIMIT ?", before, purgePiece)
		if err != nil || len(keys) == 0 {
			return err
		}
		r, err := q.ExecContext(ctx, "DELETE FROM "+p.table+" WHERE "+p.key+" IN "+marks(len(keys)), keys...)
		if err == nil {
			n, err = r.RowsAffected()
		}
		return err
	})
	return n, err
}
