package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// errNotAlike says that the rows of a group were not all as their claims know them.
var errNotAlike = errors.New("some of a group have changed")

// SettleDeliveries writes what became of the calls, and what they taught us about the people. Calls that
// the platform simply took are written without a look at their rows: the UPDATE's own WHERE is the
// compare-and-set. Where it meets fewer rows than there are, all are locked and looked at one by one.
func (s *Store) SettleDeliveries(ctx context.Context, now time.Time, group []bot.SettledDelivery) ([]bool, error) {
	out, err := s.settle(ctx, now, group, taken)
	if errors.Is(err, errNotAlike) {
		out, err = s.settle(ctx, now, group, func(bot.SettledDelivery) bool { return false })
	}
	if err != nil {
		return make([]bool, len(group)), fmt.Errorf("settling deliveries: %w", err)
	}
	return out, nil
}

// taken reports whether all that there is to write of a call is that the platform took it.
func taken(d bot.SettledDelivery) bool {
	t := d.Settlement
	plain := delivery.Settlement{To: delivery.Accepted, Outcome: channel.Outcome{Verdict: channel.Accepted}}
	return d.State == delivery.Sending && d.Phone != 0 && t == plain
}

func (s *Store) settle(ctx context.Context, now time.Time, group []bot.SettledDelivery, alike func(bot.SettledDelivery) bool) ([]bool, error) {
	var out []bool
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		out = make([]bool, len(group))
		l := lessons{now: now}
		var ids []int64
		claims := map[claimKey][]int64{}
		for i, d := range group {
			if !alike(d) {
				ids = append(ids, d.ID)
				continue
			}
			k := claimKey{d.Owner, d.Term, d.Attempt}
			claims[k] = append(claims[k], d.ID)
			out[i] = true
			l.learn(d.Phone, d)
		}
		if err := s.settleTaken(ctx, q, now, claims); err != nil {
			return err
		}
		jobs, err := s.jobs(ctx, q, ids)
		if err != nil {
			return err
		}
		var changed []*job
		for i, d := range group {
			j := held(jobs, d.ClaimedDelivery)
			switch {
			case out[i]:
				continue
			case j != nil && j.state == delivery.Sending:
				j.settle(d.Settlement)
			case overtaken(jobs[d.ID], d.ClaimedDelivery):
				j = jobs[d.ID]
				j.answered(d.Settlement.Outcome)
				d.Settlement.To, d.Settlement.Ambiguous = j.state, false // the sweep has counted it
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
	return out, err
}

// claimKey is what rows that were claimed together share.
type claimKey struct {
	owner   string
	term    int64
	attempt int
}

// settleTaken makes rows in sending accepted; errNotAlike when one of them is no longer as its claim says.
func (s *Store) settleTaken(ctx context.Context, q querier, now time.Time, claims map[claimKey][]int64) error {
	order := keys(claims)
	slices.SortFunc(order, func(a, b claimKey) int {
		return cmp.Or(strings.Compare(a.owner, b.owner), cmp.Compare(a.term, b.term), cmp.Compare(a.attempt, b.attempt))
	})
	var m moves
	for _, k := range order {
		ids := claims[k]
		slices.Sort(ids)
		r, err := q.ExecContext(ctx, "UPDATE deliveries"+s.by("PRIMARY")+` SET state = 'accepted', why = '', not_before = 0, verdict = 'accepted', errcode = 0, reason = '', rid = '', message_id = '', updated_at = ?
			WHERE state = 'sending' AND owner = ? AND term = ? AND attempts = ? AND id IN `+marks(len(ids)), append([]any{toMs(now), k.owner, k.term, k.attempt}, anys(ids)...)...)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != int64(len(ids)) {
			return errors.Join(err, errNotAlike)
		}
		m.add(move{from: delivery.Sending, to: delivery.Accepted, owner: k.owner, term: k.term, attempt: k.attempt}, ids...)
	}
	return m.write(ctx, q, now)
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

// overtaken reports whether a receipt came before the call's own answer: a sweep had called the delivery
// unknown meanwhile. The receipt has the last word about the state (D7). A call's answer is kept once.
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
	const contact = "contacts = CASE WHEN contact_day = ? THEN contacts + 1 ELSE 1 END, contact_day = ?" // MySQL assigns from left to right
	slices.Sort(l.window)
	slices.Sort(l.contact)
	var both []conversation.IdentityID
	if slices.Equal(l.window, l.contact) {
		both, l.window, l.contact = l.window, nil, nil
	}
	for _, x := range []struct {
		phones []conversation.IdentityID
		set    string
		args   []any
	}{
		{both, "sent_since = sent_since + 1, " + contact, []any{day, day}},
		{l.window, "sent_since = sent_since + 1", nil},
		{l.contact, contact, []any{day, day}},
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
