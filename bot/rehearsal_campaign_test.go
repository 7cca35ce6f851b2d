package bot_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

func (s *modelStore) CampaignsToFreeze(ctx context.Context, now time.Time) (list []bot.Campaign, err error) {
	err = s.w.tx(ctx, "what is due", func() {
		list = nil
		for _, c := range s.campaigns {
			if c.Status == bot.CampaignScheduled && !now.Before(c.Deadline) {
				c.Status = bot.CampaignExpired
			}
			if (c.Status == bot.CampaignScheduled || c.Status == bot.CampaignFreezing) && !now.Before(c.DueAt) && c.PausedBy == "" {
				list = append(list, c.Campaign)
			}
		}
	})
	return list, err
}

func (s *modelStore) FrozenTo(ctx context.Context, id bot.CampaignID) (after people.LearnerID, err error) {
	err = s.w.tx(ctx, "how far", func() { after = s.campaign(id).frozenTo })
	return after, err
}

func (s *modelStore) Recipients(ctx context.Context, now time.Time, _ people.Scope, _ bot.Audience, after people.LearnerID, limit int) (list []bot.Recipient, err error) {
	err = s.w.tx(ctx, "audience", func() {
		list = nil
		for _, p := range s.people {
			if p.id > after && len(list) < limit {
				list = append(list, bot.Recipient{Learner: people.Learner{ID: p.id}, To: p.to, Phone: conversation.IdentityID(p.id), Facts: p.facts(nil, now)})
			}
		}
		if s.w.planted == "checkpoint on fetch" {
			for _, c := range s.campaigns {
				if c.Status != bot.CampaignDraft && len(list) > 0 && !now.Before(c.DueAt) {
					c.frozenTo = max(c.frozenTo, list[len(list)-1].Learner.ID)
				}
			}
		}
	})
	return list, err
}

func (s *modelStore) FreezeRecipients(ctx context.Context, now time.Time, id bot.CampaignID, page []bot.PlannedRecipient, after people.LearnerID, last bool) (written int, err error) {
	err = s.w.tx(ctx, "freeze", func() {
		c := s.campaign(id)
		if c.Status != bot.CampaignScheduled && c.Status != bot.CampaignFreezing {
			return
		}
		c.Status = bot.CampaignFreezing
		for _, r := range page {
			if slices.ContainsFunc(c.rows, func(d *modelDelivery) bool { return d.Learner.ID == r.Learner }) && s.w.planted != "frozen twice" {
				continue
			}
			s.add(c, r)
			written++
		}
		if c.frozenTo > 0 && written > 0 {
			s.w.met["second page frozen"]++
		}
		c.frozenTo = max(c.frozenTo, after)
		if last {
			c.Status, c.FrozenAt = bot.CampaignRunning, now
			if s.w.planted == "frozen twice" && len(c.rows) < 2*len(s.people) {
				c.Status = bot.CampaignFreezing
				c.frozenTo = 0
			}
		}
	})
	return written, err
}

// add writes one row of the frozen audience.
func (s *modelStore) add(c *modelCampaign, r bot.PlannedRecipient) {
	d := &modelDelivery{who: s.people[r.Learner-1], notBefore: r.Decision.NotBefore, why: r.Decision.Why, phone: people.LearnerID(r.Phone)}
	d.ID, d.Campaign, d.Kind, d.Title, d.Body, d.Deadline = int64(len(s.rows)+1), c.ID, c.Kind, c.Title, c.Body, c.Deadline
	d.Learner.ID, d.Rung, d.State = r.Learner, r.Decision.Rung, delivery.Pending
	if r.Decision.Rung == delivery.RungPull {
		d.State = delivery.Skipped
	}
	s.rows, c.rows = append(s.rows, d), append(c.rows, d)
	s.w.trace("frozen: %s %s", d, d.why)
}

// act is what a person does with a campaign; it is committed at once.
func (s *modelStore) act(c *modelCampaign, act bot.CampaignAct) {
	now := s.w.now()
	s.at = now
	switch {
	case c.Status == bot.CampaignCancelled || c.Status == bot.CampaignExpired:
		return
	case act == bot.ActPause && (c.PausedBy == "" || c.PausedBy == "platform"):
		c.PausedBy, c.PausedUntil, c.stopSince = "trainer", time.Time{}, now
	case act == bot.ActResume && c.PausedBy != "":
		c.PausedBy, c.PausedUntil, c.stopSince = "", time.Time{}, time.Time{}
		if s.w.planted == "resumed from the start" {
			for _, d := range c.rows {
				if d.State == delivery.Accepted && d.batch == 0 {
					d.State, d.notBefore = delivery.Pending, now
				}
			}
		}
	case act == bot.ActCancel:
		c.Status = bot.CampaignCancelled
		if c.stopSince.IsZero() {
			c.stopSince = now
		}
		for _, d := range c.rows {
			if d.State == delivery.Pending && d.batch == 0 {
				s.end(d, delivery.Cancelled, delivery.WhyCancelled)
			}
		}
	default:
		return
	}
	s.w.trace("campaign %d: %s", c.ID, act)
}

func (s *modelStore) PauseCampaign(ctx context.Context, _ time.Time, id bot.CampaignID, _ string, until time.Time) error {
	return s.w.tx(ctx, "pause by the platform", func() {
		c := s.campaign(id)
		going := c.Status == bot.CampaignScheduled || c.Status == bot.CampaignFreezing || c.Status == bot.CampaignRunning
		forGood := c.PausedBy == "platform" && c.PausedUntil.IsZero()
		if going && !forGood && (c.PausedBy == "" || c.PausedBy == "platform") {
			c.PausedBy, c.PausedUntil = "platform", until
		}
	})
}

// storedReceipt is a receipt that waits to be joined, or has been.
type storedReceipt struct {
	channel.Receipt
	received, next time.Time
	tries          int
	done           bool
	about          *modelDelivery // what it was joined to
	joined         *modelBatch    // the same of a report of a mass send
}

// rank is in which order reports of mass sends are joined.
func (r *storedReceipt) rank() (n int) {
	if r.named() == "" {
		n += 2
	}
	if r.Status != sentWell {
		n++
	}
	return n
}

// named is the message id of a receipt, "" when the platform gave none.
func (r *storedReceipt) named() string {
	if r.MessageID == "0" {
		return ""
	}
	return r.MessageID
}

// append stores receipts; the same again changes nothing.
func (s *modelStore) append(r channel.Receipt, now time.Time) {
	for _, o := range s.receipts {
		if o.Kind == r.Kind && o.To == r.To && o.MessageID == r.MessageID && o.Status == r.Status && o.At.Equal(r.At) {
			return
		}
	}
	s.receipts = append(s.receipts, &storedReceipt{Receipt: r, received: now, next: now})
}

func (s *modelStore) JoinReceipts(ctx context.Context, now time.Time, limit int) (joined bot.Joined, err error) {
	err = s.w.tx(ctx, "join", func() {
		s.at, joined = now, bot.Joined{}
		var due []*storedReceipt
		for _, r := range s.receipts {
			if !r.done && !r.next.After(now) && len(due) < limit {
				due = append(due, r)
			}
		}
		joined.Looked = len(due)
		s.join(slices.DeleteFunc(slices.Clone(due), func(r *storedReceipt) bool { return r.Job != nil }), &joined)
		jobs := slices.DeleteFunc(slices.Clone(due), func(r *storedReceipt) bool { return r.Job == nil })
		slices.SortStableFunc(jobs, func(a, b *storedReceipt) int { return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.next.Compare(b.next)) })
		for _, r := range jobs {
			s.joinBatch(r, &joined)
		}
		for _, r := range due {
			switch {
			case r.about != nil || r.joined != nil:
				r.done = true
			case now.Sub(r.received) >= time.Hour:
				r.done = true
				joined.Unmatched++
			default:
				r.next = now.Add(min(time.Second<<min(r.tries, 20), 5*time.Minute))
			}
			r.tries++
		}
	})
	return joined, err
}

// join finds what receipts are about: those that name a delivery first, and success before failure.
func (s *modelStore) join(due []*storedReceipt, joined *bot.Joined) {
	slices.SortStableFunc(due, func(a, b *storedReceipt) int { return a.next.Compare(b.next) })
	list := slices.Clone(due)
	slices.SortStableFunc(list, func(a, b *storedReceipt) int {
		return map[bool]int{true: -1}[a.Delivered && !b.Delivered] + map[bool]int{true: 1}[b.Delivered && !a.Delivered]
	})
	before := map[*modelDelivery]delivery.State{}
	for _, d := range s.rows {
		before[d] = d.State
	}
	var guess []*storedReceipt
	for _, r := range list {
		d := one(s.rows, func(d *modelDelivery) bool {
			return r.named() != "" && d.messageID == r.named() && d.who.to == r.To && d.phone == d.who.id && hasReceipt(d.Rung)
		})
		if d != nil {
			s.take(r, d)
		} else {
			guess = append(guess, r)
		}
	}
	for _, r := range guess {
		if d := s.guess(r); d != nil {
			if r.MessageID == "0" {
				s.w.met["receipt without a number"]++
			}
			s.take(r, d)
		}
	}
	for _, d := range s.rows {
		switch to := d.State; {
		case to == before[d]:
			continue
		case to == delivery.Delivered:
			joined.Delivered++
		default:
			joined.Refused++
		}
		d.ambiguous = 0
	}
}

func hasReceipt(r delivery.Rung) bool {
	return r == delivery.RungNotice || r == delivery.RungLong || r == delivery.RungTemplate
}

// one is the only one of a list that fits, nil when none or several do.
func one(list []*modelDelivery, fits func(*modelDelivery) bool) (found *modelDelivery) {
	for _, d := range list {
		if !fits(d) {
			continue
		}
		if found != nil {
			return nil
		}
		found = d
	}
	return found
}

// open reports whether a delivery waits for a receipt. One that is to be asked again may have arrived as
// well: without it in the count, its receipt would be given to another.
func (d *modelDelivery) open() bool {
	switch d.State {
	case delivery.Sending, delivery.Accepted, delivery.Unknown:
		return true
	case delivery.Pending, delivery.Claimed:
		return d.ambiguous > 0
	}
	return false
}

func (d *modelDelivery) closed() bool {
	return d.State == delivery.Delivered || d.State == delivery.Refused
}

// guess finds what a receipt that names nothing known is about.
func (s *modelStore) guess(r *storedReceipt) *modelDelivery {
	var possible []*modelDelivery
	open := 0
	for _, d := range s.rows {
		early, late := d.First.After(r.received.Add(receiptGap)), !d.changed.After(r.received.Add(-24*time.Hour))
		other := r.named() != "" && d.messageID != "" && d.messageID != r.named()
		if d.who.to != r.To || d.phone != d.who.id || !hasReceipt(d.Rung) || d.First.IsZero() || early || late || other || !d.open() && !d.closed() {
			continue
		}
		if d.open() {
			open++
		}
		possible = append(possible, d)
	}
	if open > 1 && s.w.planted == "any candidate taken" {
		return possible[s.w.draw(len(possible))]
	}
	d := one(possible, (*modelDelivery).open)
	if open == 0 {
		if d = one(possible, (*modelDelivery).closed); d == nil {
			d = one(possible, func(d *modelDelivery) bool { return d.guessed })
		}
	}
	if d != nil && d.First.After(r.received.Add(receiptSkew)) {
		return nil
	}
	return d
}

// receiptSkew is how much the clocks of two replicas may differ for a receipt, receiptGap how much that of one may
// be behind whose machine has stood still.
const (
	receiptSkew = 2 * time.Second
	receiptGap  = 5 * time.Minute
)

// take joins a receipt. While the send's own answer is not written it waits.
func (s *modelStore) take(r *storedReceipt, d *modelDelivery) {
	switch {
	case !d.closed() && d.State != delivery.Accepted && d.State != delivery.Unknown:
		return
	case r.Delivered:
		if d.State == delivery.Refused {
			s.w.met["success after failure"]++
		}
		s.move(d, delivery.Delivered, "", true)
	case d.State == delivery.Delivered && s.w.planted != "late failure wins", d.State == delivery.Refused:
	default:
		s.move(d, delivery.Refused, delivery.WhyPlatform, true)
	}
	if r.named() == "" {
		d.guessed = true
	} else if d.messageID == "" {
		d.messageID = r.named()
	}
	r.about = d
}

func callsKey(day, account string, way channel.Way) string {
	return fmt.Sprint(day, "/", account, "/", way)
}

func (s *modelStore) count(day, account string, way channel.Way) *callCount {
	k := callsKey(day, account, way)
	if s.calls[k] == nil {
		s.calls[k] = &callCount{}
	}
	return s.calls[k]
}

// quick is a transaction inside which nobody else may act: the dispatcher holds its book meanwhile.
func (s *modelStore) quick(ctx context.Context, apply func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.w.calm && s.w.chance(20) {
		if s.w.chance(500) {
			apply()
		}
		return errDatabase
	}
	apply()
	return nil
}

func (s *modelStore) ReserveCalls(ctx context.Context, day, account string, way channel.Way, n, limit int) (granted int, err error) {
	err = s.quick(ctx, func() {
		c := s.count(day, account, way)
		switch {
		case c.spent:
			granted = 0
		case limit == 0 || s.w.planted == "quota of each replica":
			granted = n
			if limit > 0 {
				granted = min(n, limit)
			}
		default:
			granted = max(0, min(n, limit-c.used))
		}
		c.used += granted
	})
	if err != nil {
		return 0, err
	}
	return granted, nil
}

func (s *modelStore) ReturnCalls(ctx context.Context, day, account string, way channel.Way, n int) error {
	return s.quick(ctx, func() { s.count(day, account, way).used -= n })
}

func (s *modelStore) SpendCalls(ctx context.Context, day, account string, way channel.Way) error {
	return s.quick(ctx, func() { s.count(day, account, way).spent = true })
}

func (s *modelStore) CallsLeft(ctx context.Context, day, account string, way channel.Way, limit int) (left int, spent bool, err error) {
	err = s.quick(ctx, func() {
		c := s.count(day, account, way)
		left, spent = max(0, limit-c.used), c.spent
	})
	return left, spent, err
}
