package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// receiptDue is how long a receipt may take (reliability §5.3).
const receiptDue = 24 * time.Hour

// unreached are the states of people who were not reached, or for whom nobody can tell.
var unreached = []delivery.State{delivery.Skipped, delivery.Failed, delivery.Refused, delivery.Unknown, delivery.Expired, delivery.Cancelled}

// CampaignSummary counts what became of a campaign.
func (s *Store) CampaignSummary(ctx context.Context, now time.Time, scope people.Scope, id bot.CampaignID) (bot.CampaignSummary, error) {
	c, err := s.Campaign(ctx, scope, id)
	if err != nil {
		return bot.CampaignSummary{}, err
	}
	sum := bot.CampaignSummary{
		Campaign: c, States: map[delivery.State]int{}, Reasons: map[delivery.Why]int{}, Words: map[string]int{}, Rungs: map[delivery.Rung]int{},
	}
	if err := s.countStates(ctx, now, &sum); err != nil {
		return sum, fmt.Errorf("counting a campaign: %w", plain(err))
	}
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var word string
		var n int
		err := rows.Scan(&word, &n)
		sum.Words[word] += n
		return err
	}, "SELECT reason, COUNT(*) FROM deliveries"+s.by("deliveries_recipient")+" WHERE campaign_id = ? AND state IN ('failed', 'refused') AND reason <> '' GROUP BY reason", int64(id))
	if err == nil {
		err = each(ctx, s.reads, func(rows *sql.Rows) error {
			var m bot.MassResult
			err := rows.Scan(&m.People, &m.Status, &m.Sent, &m.Failed, &m.Filtered)
			sum.Mass = append(sum.Mass, m)
			return err
		}, "SELECT people, status, sent, failed, filtered FROM mass_batches WHERE campaign_id = ? ORDER BY id", int64(id))
	}
	if err != nil {
		return sum, fmt.Errorf("counting a campaign: %w", plain(err))
	}
	started := slices.Contains([]bot.CampaignStatus{bot.CampaignRunning, bot.CampaignCancelled, bot.CampaignExpired}, c.Status)
	sum.Finished = started && sum.States[delivery.Pending]+sum.States[delivery.Claimed]+sum.States[delivery.Sending] == 0
	return sum, nil
}

// countStates makes every count of people from one read of the rows, so that they fit together (D1).
func (s *Store) countStates(ctx context.Context, now time.Time, sum *bot.CampaignSummary) error {
	return each(ctx, s.reads, func(rows *sql.Rows) error {
		var state delivery.State
		var why delivery.Why
		var rung delivery.Rung
		var n, ambiguous, silent, pulled, acked, unacked int
		if err := rows.Scan(&state, &why, &rung, &n, &ambiguous, &silent, &pulled, &acked, &unacked); err != nil {
			return err
		}
		sum.Audience += n
		sum.States[state] += n
		if why != delivery.WhyNone {
			sum.Reasons[why] += n
		}
		if slices.Contains([]delivery.State{delivery.Accepted, delivery.Delivered, delivery.Unknown}, state) {
			sum.Rungs[rung] += n
		}
		if state == delivery.Accepted && slices.Contains([]delivery.Rung{delivery.RungLong, delivery.RungNotice, delivery.RungTemplate}, rung) {
			sum.Silent += silent
		}
		if slices.Contains(unreached, state) {
			sum.Pulled += pulled
		}
		sum.Ambiguous += ambiguous
		sum.Acked += acked
		if sum.Campaign.WantsAck {
			sum.Unacked += unacked
		}
		return nil
	}, `SELECT state, why, rung, COUNT(*), SUM(CASE WHEN ambiguous > 0 THEN 1 ELSE 0 END), SUM(CASE WHEN first_attempt_at > 0 AND first_attempt_at < ? THEN 1 ELSE 0 END),
		SUM(CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END), SUM(CASE WHEN acked_at > 0 THEN 1 ELSE 0 END),
		SUM(CASE WHEN acked_at = 0 AND `+hasIt+` THEN 1 ELSE 0 END) FROM deliveries d`+s.by("deliveries_recipient")+` WHERE campaign_id = ? GROUP BY state, why, rung`, toMs(now.Add(-receiptDue)), int64(sum.Campaign.ID))
}

// UnreachedPeople lists by name who was not reached or cannot be told; with acks also who has not
// acknowledged.
func (s *Store) UnreachedPeople(ctx context.Context, scope people.Scope, id bot.CampaignID, acks bool, after people.LearnerID, limit int) ([]bot.Unreached, error) {
	if _, err := s.Campaign(ctx, scope, id); err != nil {
		return nil, err
	}
	where, args := visible(scope)
	all := append([]any{int64(id)}, args...)
	states := marks(len(unreached))
	all = append(all, int64(after))
	for _, st := range unreached {
		all = append(all, string(st))
	}
	if acks {
		states += " OR d.acked_at = 0"
	}
	var list []bot.Unreached
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		var u bot.Unreached
		var pulled, acked int64
		if err := rows.Scan(append(learnerFields(&u.Learner), &u.State, &u.Why, &u.Word, &u.Code, &pulled, &acked)...); err != nil {
			return err
		}
		u.Pulled, u.Acked = fromMs(pulled), fromMs(acked)
		list = append(list, u)
		return nil
	}, "SELECT "+learnerColumns+`, d.state, d.why, d.reason, d.errcode, d.pulled_at, d.acked_at
		FROM campaigns m JOIN deliveries d`+s.by("deliveries_recipient")+` ON d.campaign_id = m.id JOIN learners l ON l.id = d.learner_id LEFT JOIN org_units u ON u.code = l.unit_code
		WHERE m.id = ? AND `+where+" AND d.learner_id > ? AND (d.state IN "+states+") ORDER BY d.learner_id LIMIT ?", append(all, limit)...)
	if err != nil {
		return nil, fmt.Errorf("listing whom a campaign did not reach: %w", plain(err))
	}
	return list, nil
}
