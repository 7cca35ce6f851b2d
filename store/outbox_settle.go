package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// SettleDeliveries writes what became of the calls, and what they taught us about the people.
func (s *Store) SettleDeliveries(ctx context.Context, now time.Time, group []bot.SettledDelivery) ([]bool, error) {
	var out []bool
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		out = make([]bool, len(group))
		ids := make([]int64, len(group))
		for i := range group {
			ids[i] = group[i].ID
		}
		jobs, err := s.jobs(ctx, q, ids)
		if err != nil {
			return err
		}
		var changed []*job
		l := lessons{now: now}
		for i, d := range group {
			j := held(jobs, d.ClaimedDelivery)
			switch {
			case j != nil && j.state == delivery.Sending:
				j.settle(d.Settlement)
			case overtaken(jobs[d.ID], d.ClaimedDelivery):
				j = jobs[d.ID]
				j.answered(d.Settlement.Outcome)
			default:
				continue
			}
			out[i] = true
			l.learn(conversation.IdentityID(j.identity), d)
			changed = append(changed, j)
		}
		if err := s.write(ctx, q, now, changed); err != nil {
			return err
		}
		return l.write(ctx, q)
	})
	if err != nil {
		return make([]bool, len(group)), fmt.Errorf("settling deliveries: %w", err)
	}
	return out, nil
}

// settle makes of a row what the platform's answer makes of it.
func (j *job) settle(t delivery.Settlement) {
	o := t.Outcome
	if t.Ambiguous {
		j.ambiguous++
	}
	j.state, j.why = t.To, t.Why
	if t.To != delivery.Accepted && t.To != delivery.Unknown {
		j.end(t.To, t.Why)
	}
	if o.Verdict == channel.Unsent { // a try that never reached the platform does not count (B7)
		j.attempts--
	}
	j.tried = tried(j.tried, t.Tried)
	j.notBefore = toMs(t.Due)
	j.errcode, j.reason = o.Code, cut(o.Reason, 40)
	j.answered(o)
}

// answered keeps whose answer came to the call under way.
func (j *job) answered(o channel.Outcome) {
	j.verdict, j.rid, j.message = string(o.Verdict), cut(o.RequestID, 80), cut(o.MessageID, 80)
}

// overtaken reports whether a receipt came before the call's own answer: it has the last word about the
// state (D7), but the call counts all the same. A call's answer is kept once.
func overtaken(j *job, d bot.ClaimedDelivery) bool {
	return j != nil && d.State == delivery.Sending && j.owner == d.Owner && j.term == d.Term && j.verdict == "" &&
		(j.state == delivery.Delivered || j.state == delivery.Refused)
}

// lessons are what a group of answers says about the recipients' phones.
type lessons struct {
	now                          time.Time
	window, contact              []conversation.IdentityID // messages to be counted
	closed, unfollowed, refusing []conversation.IdentityID
	grantsBack, grantsGone       []grantUse
	massSent                     []conversation.IdentityID
}

func (l *lessons) learn(phone conversation.IdentityID, d bot.SettledDelivery) {
	if phone == 0 { // deleted meanwhile
		return
	}
	t := d.Settlement
	if t.To == delivery.Accepted || t.Ambiguous {
		if d.Rung == delivery.RungWindow {
			l.window = append(l.window, phone)
		}
		if d.Kind != delivery.KindReceipt {
			l.contact = append(l.contact, phone)
		}
	}
	if t.CloseWindow {
		l.closed = append(l.closed, phone)
	}
	if t.Unfollowed {
		l.unfollowed = append(l.unfollowed, phone)
	}
	if t.Refusing {
		l.refusing = append(l.refusing, phone)
	}
	g, need := grantOf(d.ClaimedDelivery)
	certain := t.Outcome.Verdict == channel.Refused || t.Outcome.Verdict == channel.Unsent
	switch use := (grantUse{phone, g.Template, g.Scene}); {
	case !need:
	case t.NoGrant:
		l.grantsGone = append(l.grantsGone, use)
	case certain && g.Left > 0: // it was written ahead and not used
		l.grantsBack = append(l.grantsBack, use)
	}
}

func (l *lessons) write(ctx context.Context, q querier) error {
	day, monthNow := today(l.now), month(l.now)
	for _, x := range []struct {
		phones []conversation.IdentityID
		set    string
		args   []any
	}{
		{l.window, "sent_since = sent_since + 1", nil},
		// Order matters: MySQL assigns from left to right.
		{l.contact, "contacts = CASE WHEN contact_day = ? THEN contacts + 1 ELSE 1 END, contact_day = ?", []any{day, day}},
		{l.massSent, "mass_sent = CASE WHEN mass_month = ? THEN mass_sent + 1 ELSE 1 END, mass_month = ?", []any{monthNow, monthNow}},
		{l.closed, "typed_at = 0, tap_at = 0, sent_since = 0", nil},
		{l.unfollowed, "following = 0", nil},
		{l.refusing, "refusing = 1", nil},
	} {
		slices.Sort(x.phones)
		err := chunks(x.phones, func(part []conversation.IdentityID) error {
			_, err := q.ExecContext(ctx, "UPDATE identities SET "+x.set+" WHERE id IN "+marks(len(part)), append(slices.Clone(x.args), anys(part)...)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := addGrants(ctx, q, toMs(l.now), l.grantsBack, "left_count = left_count + 1", "left_count >= 0"); err != nil {
		return err
	}
	return addGrants(ctx, q, toMs(l.now), l.grantsGone, "left_count = 0", "left_count <> 0")
}

// ReleaseDeliveries gives deliveries back unsent.
func (s *Store) ReleaseDeliveries(ctx context.Context, now time.Time, group []bot.ReleasedDelivery) ([]bool, error) {
	var out []bool
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		out = make([]bool, len(group))
		ids := make([]int64, len(group))
		for i := range group {
			ids[i] = group[i].ID
		}
		jobs, err := s.jobs(ctx, q, ids)
		if err != nil {
			return err
		}
		var changed []*job
		for i, d := range group {
			j := held(jobs, d.ClaimedDelivery)
			if j == nil {
				continue
			}
			out[i] = true
			j.end(d.To, d.Why)
			j.owner, j.rung = "", d.Rung
			if !d.Due.IsZero() {
				j.notBefore = toMs(d.Due)
			}
			changed = append(changed, j)
		}
		return s.write(ctx, q, now, changed)
	})
	if err != nil {
		return make([]bool, len(group)), fmt.Errorf("giving back deliveries: %w", err)
	}
	return out, nil
}
