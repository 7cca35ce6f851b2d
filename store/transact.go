package store

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"gorm.io/gorm"
)

func itoa(n int) string { return strconv.Itoa(n) }

// tries is how often a whole transaction is made when the database says deadlock or busy
// (reliability §2.2, 6).
const tries = 4

// transact runs f in one transaction over db, and the whole again when the database asks for it.
// f must be repeatable: it may touch nothing but the transaction and its own results.
func (s *Store) transact(ctx context.Context, db *gorm.DB, f func(tx *gorm.DB) error) error {
	for try := 1; ; try++ {
		err := db.WithContext(ctx).Transaction(f)
		if err == nil || classify(err) != troubleContended || try == tries || !pause(ctx, try) {
			return plain(err)
		}
	}
}

// pause waits a short, random time before try+1; false when ctx ends first.
func pause(ctx context.Context, try int) bool {
	limit := time.Duration(try) * 20 * time.Millisecond
	t := time.NewTimer(time.Millisecond + rand.N(limit)) //nolint:gosec // jitter needs no secrecy
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// under is the transaction or pool below GORM, for statements that need none of it.
func under(db *gorm.DB) querier { return db.Statement.ConnPool }
