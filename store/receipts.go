package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
)

// How long a receipt without a match is tried again, and at what pauses: they double from the first to
// the longest. Most of those that wait are early, and match once the send's own answer is written.
const (
	receiptPatience   = time.Hour
	receiptFirstPause = time.Second
	receiptLongPause  = 5 * time.Minute
)

// AppendReceipts stores raw receipts; one that is there already changes nothing.
func (s *Store) AppendReceipts(ctx context.Context, now time.Time, receipts []channel.Receipt) error {
	i := insert{table: "receipts", tail: s.orIgnore("received_at"), columns: []string{
		"receipt_key", "kind", "channel", "account", "external_id", "message_id", "status", "delivered",
		"about_many", "total", "filtered", "sent", "failed", "happened_at", "received_at", "next_try_at",
	}}
	for _, r := range receipts {
		key := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %d", r.Kind, r.To.Channel, r.To.Account, r.To.External, r.MessageID, r.Status, toMs(r.At)))
		job := channel.Job{}
		if r.Job != nil {
			job = *r.Job
		}
		i.add(key[:], cut(r.Kind, 60), r.To.Channel, r.To.Account, r.To.External, cut(r.MessageID, 80), cut(r.Status, 200), r.Delivered,
			r.Job != nil, job.Total, job.Filtered, job.Sent, job.Failed, toMs(r.At), toMs(now), toMs(now))
	}
	if err := i.exec(ctx, s.db); err != nil {
		return fmt.Errorf("storing receipts: %w", plain(err))
	}
	return nil
}

// receipt is a stored receipt on its way to what it is about.
type receipt struct {
	key       []byte
	to        channel.Address
	messageID string // "" when the platform gave none
	status    string
	delivered bool
	job       *channel.Job
	received  int64 // Unix ms
	tries     int

	delivery, batch int64 // what it was joined to
}

// JoinReceipts joins one page. It takes the receipts under a lock that other joiners pass over, finds
// what they are about in a few statements for all of them, and moves the deliveries in one statement a
// state; a delivery that somebody else holds at that moment lets its receipts wait for the next round.
func (s *Store) JoinReceipts(ctx context.Context, now time.Time, limit int) (bot.Joined, error) {
	var joined bot.Joined
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		j := joining{s: s, q: under(tx), now: now}
		err := j.page(ctx, limit)
		joined = j.joined
		return err
	})
	if err != nil {
		return bot.Joined{}, fmt.Errorf("joining receipts: %w", err)
	}
	return joined, nil
}

// joining is one page of receipts on its way.
type joining struct {
	s      *Store
	q      querier
	now    time.Time
	joined bot.Joined
}

func (j *joining) page(ctx context.Context, limit int) error {
	list, err := j.read(ctx, limit)
	if err != nil || len(list) == 0 {
		return err
	}
	j.joined.Looked = len(list)
	var people, jobs []*receipt
	for _, r := range list {
		if r.job != nil {
			jobs = append(jobs, r)
		} else {
			people = append(people, r)
		}
	}
	if err := j.joinPeople(ctx, people); err != nil {
		return err
	}
	// As with people: those that name a mass send first, and success before failure, whatever order they came in.
	slices.SortStableFunc(jobs, func(a, b *receipt) int {
		return cmp.Or(b2i(a.messageID == "")-b2i(b.messageID == ""), b2i(b.status == sentWell)-b2i(a.status == sentWell))
	})
	for _, r := range jobs {
		if err := j.joinBatch(ctx, r); err != nil {
			return err
		}
	}
	return j.conclude(ctx, list)
}

func (j *joining) read(ctx context.Context, limit int) ([]*receipt, error) {
	var list []*receipt
	err := each(ctx, j.q, func(rows *sql.Rows) error {
		r := &receipt{}
		var job channel.Job
		var many bool
		err := rows.Scan(&r.key, &r.to.Channel, &r.to.Account, &r.to.External, &r.messageID, &r.status, &r.delivered,
			&many, &job.Total, &job.Filtered, &job.Sent, &job.Failed, &r.received, &r.tries)
		if many {
			r.job = &job
		}
		if r.messageID == "0" {
			r.messageID = ""
		}
		list = append(list, r)
		return err
	}, `SELECT receipt_key, channel, account, external_id, message_id, status, delivered, about_many, total, filtered, sent, failed, received_at, tries
		FROM receipts`+j.s.by("receipts_due")+" WHERE next_try_at > 0 AND next_try_at <= ? ORDER BY next_try_at LIMIT ?"+j.s.skipLocked(), toMs(j.now), limit)
	return list, err
}

// conclude writes what became of the receipts, in one statement.
func (j *joining) conclude(ctx context.Context, list []*receipt) error {
	i := insert{
		table: "receipts", columns: []string{"receipt_key", "tries", "next_try_at", "joined_at", "delivery_id", "batch_id"},
		tail: j.s.upsert("receipt_key", "tries", "next_try_at", "joined_at", "delivery_id", "batch_id"),
	}
	now := toMs(j.now)
	for _, r := range list {
		switch {
		case r.delivery != 0 || r.batch != 0:
			i.add(r.key, r.tries+1, 0, now, r.delivery, r.batch)
		case now-r.received >= receiptPatience.Milliseconds():
			j.joined.Unmatched++
			i.add(r.key, r.tries+1, 0, 0, 0, 0)
		default:
			pause := min(receiptFirstPause<<min(r.tries, 20), receiptLongPause)
			i.add(r.key, r.tries+1, toMs(j.now.Add(pause)), 0, 0, 0)
		}
	}
	return i.exec(ctx, j.q)
}
