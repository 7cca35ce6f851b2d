package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// bookedCalls is the row of one way's calls; a day without one has used none.
const bookedCalls = " FROM calls WHERE day = ? AND account = ? AND way = ?"

// ReserveCalls takes up to n calls of the day. The replicas queue at the day's row, so that what they
// are granted together never passes limit (Q1).
func (s *Store) ReserveCalls(ctx context.Context, day, account string, way channel.Way, n, limit int) (granted int, err error) {
	if n <= 0 {
		return 0, nil
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		granted = 0
		if err := s.openCalls(ctx, q, day, account, way); err != nil {
			return err
		}
		var used int
		var spent bool
		if err := q.QueryRowContext(ctx, "SELECT used, spent"+bookedCalls+s.forUpdate(), day, account, string(way)).Scan(&used, &spent); err != nil {
			return err
		}
		granted = callsLeft(n, used, limit, spent)
		if granted == 0 || mistake("calls counted by nobody") {
			return nil
		}
		_, err := q.ExecContext(ctx, "UPDATE calls SET used = used + ? WHERE day = ? AND account = ? AND way = ?", granted, day, account, string(way))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reserving calls: %w", err)
	}
	return granted, nil
}

// callsLeft is how many of n calls may be granted.
func callsLeft(n, used, limit int, spent bool) int {
	switch {
	case spent:
		return 0
	case limit == 0:
		return n
	}
	return max(0, min(n, limit-used))
}

// openCalls makes the day's row where there is none.
func (s *Store) openCalls(ctx context.Context, q querier, day, account string, way channel.Way) error {
	i := insert{table: "calls", columns: []string{"day", "account", "way"}, tail: s.orIgnore("used")}
	i.add(day, account, string(way))
	return i.exec(ctx, q)
}

// ReturnCalls gives back calls that were not made. More than were taken gives back what was taken.
func (s *Store) ReturnCalls(ctx context.Context, day, account string, way channel.Way, n int) error {
	if n <= 0 {
		return nil
	}
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		_, err := under(tx).ExecContext(ctx, "UPDATE calls SET used = CASE WHEN used > ? THEN used - ? ELSE 0 END WHERE day = ? AND account = ? AND way = ?",
			n, n, day, account, string(way))
		return err
	})
	if err != nil {
		return fmt.Errorf("returning calls: %w", err)
	}
	return nil
}

// SpendCalls notes that the platform grants no more calls of the way on that day.
func (s *Store) SpendCalls(ctx context.Context, day, account string, way channel.Way) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		if err := s.openCalls(ctx, q, day, account, way); err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, "UPDATE calls SET spent = 1 WHERE day = ? AND account = ? AND way = ?", day, account, string(way))
		return err
	})
	if err != nil {
		return fmt.Errorf("noting spent calls: %w", err)
	}
	return nil
}

// CallsLeft tells what ReserveCalls would still grant. Without a limit nobody can say how many: left is
// 0, and spent alone counts.
func (s *Store) CallsLeft(ctx context.Context, day, account string, way channel.Way, limit int) (left int, spent bool, err error) {
	var used int
	err = s.reads.QueryRowContext(ctx, "SELECT used, spent"+bookedCalls, day, account, string(way)).Scan(&used, &spent)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, false, fmt.Errorf("reading the day's calls: %w", plain(err))
	}
	return callsLeft(limit, used, limit, spent), spent, nil
}
