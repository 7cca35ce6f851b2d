package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// byPlatform is who pauses when the platform makes us.
const byPlatform = "platform"

// ActOnCampaign changes a campaign as a person wants. After a cancel, pending rows follow in portions;
// should this process die between two of them, the sweep does the rest.
func (s *Store) ActOnCampaign(ctx context.Context, now time.Time, scope people.Scope, id bot.CampaignID, act bot.CampaignAct, actor string, to bot.CampaignStatus) (bot.Campaign, error) {
	var c bot.Campaign
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var err error
		if c, err = s.campaign(ctx, q, scope, id, s.forUpdate()); err != nil {
			return err
		}
		changed, err := applyAct(&c, act, actor, to)
		if err != nil || !changed {
			return err
		}
		if err := s.saveAct(ctx, q, c); err != nil {
			return err
		}
		if act == bot.ActResume && mistake("resume from the start") {
			if _, err := q.ExecContext(ctx, "UPDATE deliveries SET state = 'pending', owner = '' WHERE campaign_id = ?", int64(id)); err != nil {
				return err
			}
		}
		return appendAudit(ctx, s, tx, campaignAct(now, actor, string(act), id, string(c.Status)))
	})
	if err == nil && c.Status == bot.CampaignCancelled && act == bot.ActCancel {
		err = s.cancelPending(ctx, now, id)
	}
	if err != nil {
		return bot.Campaign{}, told("acting on a campaign", err)
	}
	return c, nil
}

// saveAct writes what acts change.
func (s *Store) saveAct(ctx context.Context, q querier, c bot.Campaign) error {
	_, err := q.ExecContext(ctx, "UPDATE campaigns SET status = ?, released_by = ?, paused_by = ?, paused_why = ?, paused_until = ? WHERE id = ?",
		string(c.Status), cut(c.Released, 120), cut(c.PausedBy, 120), cut(c.PausedWhy, 80), toMs(c.PausedUntil), int64(c.ID))
	return err
}

// errWrongStatus says that an act does not fit what the campaign is.
func errWrongStatus() error { return fault.New(fault.Conflict, "campaign.wrong_status") }

// applyAct changes c; changed is false when the act has been done before.
func applyAct(c *bot.Campaign, act bot.CampaignAct, actor string, to bot.CampaignStatus) (changed bool, err error) {
	is := func(list ...bot.CampaignStatus) bool { return slices.Contains(list, c.Status) }
	going := is(bot.CampaignScheduled, bot.CampaignFreezing, bot.CampaignRunning)
	switch act {
	case bot.ActSubmit:
		switch {
		case is(bot.CampaignDraft) && c.Body == (bot.Body{}):
			return false, fault.New(fault.Conflict, "campaign.file_missing")
		case is(bot.CampaignDraft):
			c.Status = to
			return true, nil
		case going || is(bot.CampaignAwaiting):
			return false, nil
		}
	case bot.ActRelease:
		switch {
		case is(bot.CampaignAwaiting) && c.By == actor:
			return false, fault.New(fault.Forbidden, "campaign.own_release")
		case is(bot.CampaignAwaiting):
			c.Status, c.Released = to, actor
			return true, nil
		case going && c.Released != "":
			return false, nil
		}
	case bot.ActPause:
		if going && (c.PausedBy == "" || c.PausedBy == byPlatform) {
			c.PausedBy, c.PausedWhy, c.PausedUntil = actor, "", time.Time{}
			return true, nil
		}
		if going {
			return false, nil
		}
	case bot.ActResume:
		if going {
			changed := c.PausedBy != ""
			c.PausedBy, c.PausedWhy, c.PausedUntil = "", "", time.Time{}
			return changed, nil
		}
	case bot.ActCancel:
		switch {
		case going || is(bot.CampaignDraft, bot.CampaignAwaiting):
			c.Status = bot.CampaignCancelled
			return true, nil
		case is(bot.CampaignCancelled):
			return false, nil
		}
	}
	return false, errWrongStatus()
}

// cancelPending ends what of a cancelled campaign has not begun.
func (s *Store) cancelPending(ctx context.Context, now time.Time, id bot.CampaignID) error {
	_, err := s.sweep(ctx, now, "state = 'pending' AND campaign_id = ? AND batch_id = 0", []any{int64(id)},
		func(j *job, _ *lessons) { j.end(delivery.Cancelled, delivery.WhyCancelled) })
	return err
}

// PauseCampaign stops a campaign because the platform made us. A person's pause stays as it is.
func (s *Store) PauseCampaign(ctx context.Context, now time.Time, id bot.CampaignID, why string, until time.Time) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		c, err := s.campaign(ctx, q, people.Everyone(), id, s.forUpdate())
		if err != nil {
			return err
		}
		going := slices.Contains([]bot.CampaignStatus{bot.CampaignScheduled, bot.CampaignFreezing, bot.CampaignRunning}, c.Status)
		forGood := c.PausedBy == byPlatform && c.PausedUntil.IsZero()
		if !going || c.PausedBy != "" && c.PausedBy != byPlatform || forGood {
			return nil
		}
		c.PausedBy, c.PausedWhy, c.PausedUntil = byPlatform, why, until
		if err := s.saveAct(ctx, q, c); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, campaignAct(now, byPlatform, string(bot.ActPause), id, why))
	})
	if err != nil {
		return fmt.Errorf("pausing a campaign: %w", err)
	}
	return nil
}
