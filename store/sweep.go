package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// sweepSize is how many rows one sweep moves at a time, so that no transaction grows long.
const sweepSize = 500

// SweepLeases recovers what its holder has lost. Rows are picked by their own state and time alone,
// so none can hide behind others (B5), and one without a lease is expired (B6). Whatever a cancelled
// campaign has left in pending is cancelled. Members of a mass send move with their batch.
func (s *Store) SweepLeases(ctx context.Context, now time.Time) (bot.Swept, error) {
	var swept bot.Swept
	var err error
	if swept.Released, err = s.sweep(ctx, now, "state = 'claimed' AND batch_id = 0 AND lease_until < "+s.dbNow(), nil, func(j *job, _ *lessons) { j.back(0) }); err != nil {
		return swept, fmt.Errorf("sweeping claimed deliveries: %w", err)
	}
	kinds, err := s.sendingKinds(ctx, now)
	if err != nil {
		return swept, fmt.Errorf("sweeping sending deliveries: %w", err)
	}
	swept.Ambiguous, err = s.sweep(ctx, now, "state = 'sending' AND batch_id = 0 AND lease_until < "+s.dbNow(), nil, func(j *job, l *lessons) {
		if mistake("sending swept to pending") {
			j.back(0)
			return
		}
		j.state, j.why = delivery.Unknown, delivery.WhyAmbiguous
		j.ambiguous++
		l.mayHaveReached(j, kinds[bot.CampaignID(j.campaign)])
	})
	if err != nil {
		return swept, fmt.Errorf("sweeping sending deliveries: %w", err)
	}
	if err := s.sweepBatches(ctx, now); err != nil {
		return swept, fmt.Errorf("sweeping mass sends: %w", err)
	}
	if swept.Expired, err = s.sweepPending(ctx, now); err != nil {
		return swept, fmt.Errorf("sweeping pending deliveries: %w", err)
	}
	return swept, nil
}

// mayHaveReached counts a call of which nobody knows the outcome.
func (l *lessons) mayHaveReached(j *job, kind delivery.Kind) {
	phone := conversation.IdentityID(j.identity)
	if phone == 0 {
		return
	}
	if j.rung == delivery.RungWindow {
		l.window = append(l.window, phone)
	}
	if kind != delivery.KindReceipt {
		l.contact = append(l.contact, phone)
	}
}

// sendingKinds are the kinds of the campaigns that have calls under way.
func (s *Store) sendingKinds(ctx context.Context, now time.Time) (map[bot.CampaignID]delivery.Kind, error) {
	ids, err := numbers(ctx, s.db, "SELECT DISTINCT campaign_id FROM deliveries"+s.by("deliveries_due")+" WHERE state = 'sending'")
	if err != nil {
		return nil, plain(err)
	}
	frames, err := s.frames(ctx, s.db, now, campaignIDs(ids))
	if err != nil {
		return nil, plain(err)
	}
	kinds := make(map[bot.CampaignID]delivery.Kind, len(frames))
	for id, f := range frames {
		kinds[id] = f.kind
	}
	return kinds, nil
}

func campaignIDs(list []int64) []bot.CampaignID {
	out := make([]bot.CampaignID, len(list))
	for i, id := range list {
		out[i] = bot.CampaignID(id)
	}
	return out
}

// sweepPending ends what is too late and what belongs to cancelled campaigns.
func (s *Store) sweepPending(ctx context.Context, now time.Time) (expired int, err error) {
	var lanes []lane
	err = s.lanesFrom(ctx, s.db, 0, func(l []lane) bool { lanes = append(lanes, l...); return true })
	if err != nil {
		return 0, plain(err)
	}
	var ids []bot.CampaignID
	for _, l := range lanes {
		ids = append(ids, l.campaign)
	}
	slices.Sort(ids)
	frames, err := s.frames(ctx, s.db, now, slices.Compact(ids))
	if err != nil {
		return 0, plain(err)
	}
	for _, l := range lanes {
		f := frames[l.campaign]
		if f == nil {
			continue
		}
		where, args := "state = 'pending' AND batch_id = 0 AND campaign_id = ? AND rung = ?", []any{int64(l.campaign), string(l.rung)}
		switch {
		case f.status == bot.CampaignCancelled:
			_, err = s.sweep(ctx, now, where, args, func(j *job, _ *lessons) { j.end(delivery.Cancelled, delivery.WhyCancelled) })
		case !f.deadline.After(now):
			var n int
			n, err = s.sweep(ctx, now, where+" AND not_after > 0 AND not_after <= ?", append(args, toMs(now)), func(j *job, _ *lessons) { j.end(delivery.Expired, delivery.WhyDeadline) })
			expired += n
		}
		if err != nil {
			return expired, err
		}
	}
	return expired, nil
}

// sweep moves the rows that a condition names, portion by portion, and returns how many it moved.
func (s *Store) sweep(ctx context.Context, now time.Time, where string, args []any, move func(*job, *lessons)) (total int, err error) {
	for {
		n := 0
		err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
			q := under(tx)
			n = 0
			ids, err := numbers(ctx, q, "SELECT id FROM deliveries"+s.by("deliveries_due")+" WHERE "+where+" LIMIT ?"+s.skipLocked(), append(slices.Clone(args), sweepSize)...)
			if err != nil || len(ids) == 0 {
				return err
			}
			jobs, err := s.jobs(ctx, q, ids)
			if err != nil {
				return err
			}
			l := lessons{now: now}
			list := make([]*job, 0, len(jobs))
			for _, id := range ids { // locked since they were picked: nobody has finished one meanwhile (B4)
				move(jobs[id], &l)
				list = append(list, jobs[id])
			}
			n = len(list)
			if err := s.write(ctx, q, now, list); err != nil {
				return err
			}
			return l.write(ctx, q)
		})
		if total += n; err != nil || n < sweepSize {
			return total, err
		}
	}
}
