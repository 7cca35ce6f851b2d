package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// CampaignsToFreeze returns campaigns whose audience is due to be written.
func (s *Store) CampaignsToFreeze(ctx context.Context, now time.Time) ([]bot.Campaign, error) {
	at := toMs(now)
	_, err := s.db.ExecContext(ctx, "UPDATE campaigns SET status = ? WHERE status = ? AND deadline_at <= ?", string(bot.CampaignExpired), string(bot.CampaignScheduled), at)
	if err != nil {
		return nil, fmt.Errorf("expiring campaigns: %w", plain(err))
	}
	list, err := s.campaigns(ctx, s.db, `(m.status = ? AND m.due_at <= ? OR m.status = ?) AND (m.paused_by = '' OR m.paused_until > 0 AND m.paused_until <= ?) ORDER BY m.due_at, m.id`,
		string(bot.CampaignScheduled), at, string(bot.CampaignFreezing), at)
	if err != nil {
		return nil, fmt.Errorf("reading what is due: %w", plain(err))
	}
	return list, nil
}

// FreezeRecipients writes a page of the audience. The campaign's row is locked: two replicas that
// freeze the same one write their pages one after the other, and a cancelled one gets no more.
func (s *Store) FreezeRecipients(ctx context.Context, now time.Time, id bot.CampaignID, page []bot.PlannedRecipient, after people.LearnerID, last bool) (written int, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		written = 0
		q := under(tx)
		var status bot.CampaignStatus
		var deadline, due int64
		err := q.QueryRowContext(ctx, "SELECT status, deadline_at, due_at FROM campaigns WHERE id = ?"+s.forUpdate(), int64(id)).Scan(&status, &deadline, &due)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "campaign.not_found")
		}
		if err != nil || status != bot.CampaignScheduled && status != bot.CampaignFreezing {
			return err
		}
		f := freezer{campaign: int64(id), deadline: fromMs(deadline), now: now}
		for _, p := range page {
			f.add(p.Learner, p.Phone, p.Decision, 0, study.LessonRef{})
		}
		if written, err = f.exec(ctx, s, q); err != nil {
			return err
		}
		status, frozen := bot.CampaignFreezing, int64(0)
		if last {
			status, frozen = bot.CampaignRunning, toMs(now)
		}
		_, err = q.ExecContext(ctx, "UPDATE campaigns SET status = ?, frozen_at = ?, frozen_to = CASE WHEN frozen_to < ? THEN ? ELSE frozen_to END WHERE id = ?",
			string(status), frozen, int64(after), int64(after), int64(id))
		return err
	})
	if err != nil {
		return 0, told("writing an audience", err)
	}
	return written, nil
}

// FrozenTo is the last learner up to whom the audience has been written.
func (s *Store) FrozenTo(ctx context.Context, id bot.CampaignID) (after people.LearnerID, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(frozen_to), 0) FROM campaigns WHERE id = ?", int64(id)).Scan(&after)
	if err != nil {
		return 0, fmt.Errorf("reading how far an audience is written: %w", plain(err))
	}
	return after, nil
}
