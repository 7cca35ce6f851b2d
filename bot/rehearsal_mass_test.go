package bot_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// modelBatch is one call of a mass send. One that was given back before it may have reached anybody is
// dissolved: its members go on alone.
type modelBatch struct {
	bot.MassBatch
	state     delivery.State
	why       delivery.Why
	dissolved bool
	due       time.Time
	leaseEnd  time.Time
	changed   time.Time
	ambiguous int
	members   []*modelDelivery // of now and before
	people    int              // as it was made
	messageID string
	status    string // as the platform has reported it, "" for not yet
}

// in are the members that are still in it.
func (b *modelBatch) in() (list []*modelDelivery) {
	for _, d := range b.members {
		if d.batch == b.ID && d.State == b.state {
			list = append(list, d)
		}
	}
	return list
}

// moveBatch puts a batch and all its members into a state; set does the rest to each member.
func (s *modelStore) moveBatch(b *modelBatch, to delivery.State, why delivery.Why, byReceipt bool, set func(*modelDelivery)) {
	for _, d := range b.in() {
		s.move(d, to, why, byReceipt)
		set(d)
	}
	b.state, b.why, b.changed = to, why, s.at
}

// open are the campaigns that share a claim, with their rows that are due: the urgent ones first.
func (s *modelStore) open(now time.Time, wanted func(*modelDelivery) bool) (list [][]*modelDelivery) {
	calm := func(c *modelCampaign) int {
		if c.Kind == delivery.KindUrgent && now.Before(c.Deadline) {
			return 0
		}
		return 1
	}
	campaigns := slices.Clone(s.campaigns)
	slices.SortStableFunc(campaigns, func(a, b *modelCampaign) int { return cmp.Compare(calm(a), calm(b)) })
	for _, c := range campaigns {
		var rows []*modelDelivery
		for _, d := range c.rows {
			if wanted(d) && !now.Before(d.notBefore) && d.batch == 0 && c.runs(now) {
				rows = append(rows, d)
			}
		}
		slices.SortFunc(rows, func(a, b *modelDelivery) int {
			return cmp.Or(strings.Compare(string(a.Rung), string(b.Rung)), a.notBefore.Compare(b.notBefore), cmp.Compare(a.ID, b.ID))
		})
		if len(rows) > 0 {
			list = append(list, rows)
		}
	}
	return list
}

func (s *modelStore) ClaimMassBatch(ctx context.Context, now time.Time, owner string, limit int, lease time.Duration, decide func(delivery.Facts, bot.Campaign) delivery.Decision) (out *bot.MassBatch, err error) {
	err = s.w.tx(ctx, "claim of a mass send", func() {
		s.at, out = now, nil
		b := s.oldBatch(now, owner, decide)
		if b == nil {
			b = s.newBatch(now, owner, limit, decide)
		}
		if b != nil {
			b.leaseEnd = s.w.dbNow().Add(lease)
			claimed := b.MassBatch
			claimed.To = slices.Clone(b.To)
			out = &claimed
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// oldBatch claims one that may have reached its members and whose call is to be made again.
func (s *modelStore) oldBatch(now time.Time, owner string, decide func(delivery.Facts, bot.Campaign) delivery.Decision) *modelBatch {
	list := slices.Clone(s.batches)
	slices.SortStableFunc(list, func(a, b *modelBatch) int { return a.due.Compare(b.due) })
	for _, b := range list {
		known := delivery.Repeatable(delivery.RungMass, b.First, now) || s.w.planted == "a client id for ever"
		if b.dissolved || b.state != delivery.Pending || now.Before(b.due) || !s.campaign(b.Campaign).runs(now) || !known || !now.Before(b.Deadline) {
			continue
		}
		s.stillMembers(now, b, decide)
		if len(b.To) < 2 {
			s.moveBatch(b, delivery.Unknown, delivery.WhyAmbiguous, false, func(*modelDelivery) {})
			continue
		}
		b.Owner, b.Ambiguous = owner, b.ambiguous > 0
		b.Term++
		s.moveBatch(b, delivery.Claimed, "", false, func(d *modelDelivery) { d.Owner, d.Term = owner, b.Term })
		return b
	}
	return nil
}

// stillMembers says whom the repeated call names. Whoever may not be sent to any more is left out.
func (s *modelStore) stillMembers(now time.Time, b *modelBatch, decide func(delivery.Facts, bot.Campaign) delivery.Decision) {
	b.To = nil
	members := b.in()
	slices.SortFunc(members, func(a, b *modelDelivery) int { return cmp.Compare(a.ID, b.ID) }) // as the databases name them
	for _, d := range members {
		f := d.who.facts(d, now)
		f.Mass, f.Contacts = max(0, f.Mass-1), max(0, f.Contacts-1) // this very message
		if plan := decide(f, s.campaign(b.Campaign).Campaign); plan.Rung == delivery.RungMass && !plan.NotBefore.After(now) {
			b.To = append(b.To, d.who.to.External)
			continue
		}
		s.end(d, delivery.Unknown, delivery.WhyAmbiguous)
		d.batch = 0
	}
}

// newBatch makes one of the rows of a campaign that are due.
func (s *modelStore) newBatch(now time.Time, owner string, limit int, decide func(delivery.Facts, bot.Campaign) delivery.Decision) *modelBatch {
	for _, rows := range s.open(now, func(d *modelDelivery) bool { return d.State == delivery.Pending && d.Rung == delivery.RungMass }) {
		c := s.campaign(rows[0].Campaign)
		var members []*modelDelivery
		seen := rows[:min(len(rows), limit+2)]
		for _, d := range seen {
			if s.muster(now, d, decide(d.who.facts(d, now), c.Campaign)) {
				members = append(members, d)
			}
		}
		// Nobody is to stay behind alone.
		if full, n := len(seen) == limit+2, len(members); n > limit || full && n >= 4 {
			members = members[:min(limit, max(2, n-2))]
		} else if n == 1 && full {
			continue
		}
		if len(members) == 1 {
			s.end(members[0], delivery.Skipped, delivery.WhyNoWindow)
		}
		if len(members) < 2 {
			continue
		}
		b := &modelBatch{state: delivery.Claimed, members: members, people: len(members), changed: now, MassBatch: bot.MassBatch{
			ID: int64(len(s.batches) + 1), Campaign: c.ID, Kind: c.Kind, Title: c.Title, Body: c.Body, Deadline: c.Deadline, Channel: "model", Account: "default", Owner: owner, Term: 1,
		}}
		for _, d := range members {
			b.Attempt = max(b.Attempt, d.Attempt)
			b.To = append(b.To, d.who.to.External)
		}
		for _, d := range members {
			s.move(d, delivery.Claimed, "", false)
			d.batch, d.Owner, d.Attempt, d.phone = b.ID, owner, b.Attempt, d.who.id
		}
		s.batches = append(s.batches, b)
		return b
	}
	return nil
}

// muster reports whether a row is of the batch, and does with others what was decided.
func (s *modelStore) muster(now time.Time, d *modelDelivery, plan delivery.Decision) bool {
	later := func(at time.Time) {
		d.changed = now
		if at.After(d.notBefore) {
			d.notBefore = at
		}
	}
	switch {
	case plan.Rung == delivery.RungPull && plan.Why == delivery.WhyDeadline:
		s.end(d, delivery.Expired, plan.Why)
	case plan.Rung == delivery.RungPull && plan.Why == delivery.WhyPlatform:
		s.end(d, delivery.Failed, plan.Why)
	case plan.Rung == delivery.RungPull:
		s.end(d, delivery.Skipped, plan.Why)
	case plan.Rung != delivery.RungMass || plan.NotBefore.After(now):
		d.Rung = plan.Rung
		later(plan.NotBefore)
	case s.flying(d):
		later(now.Add(5 * time.Second))
	default:
		return true
	}
	return false
}

func (s *modelStore) heldBatch(b bot.MassBatch, states ...delivery.State) *modelBatch {
	x := s.batches[b.ID-1]
	if x.dissolved || !slices.Contains(states, x.state) || x.Owner != b.Owner || x.Term != b.Term {
		return nil
	}
	return x
}

func (s *modelStore) BeginMassBatch(ctx context.Context, now time.Time, b bot.MassBatch) (ok bool, err error) {
	err = s.w.tx(ctx, "write-ahead of a mass send", func() {
		s.at = now
		x := s.heldBatch(b, delivery.Claimed)
		if ok = x != nil && s.w.dbNow().Before(x.leaseEnd); !ok {
			return
		}
		if !s.campaign(b.Campaign).runs(now) || s.membersChanged(now, x, len(b.To)) {
			ok = false
			var due time.Time
			if x.ambiguous > 0 {
				due = now.Add(5 * time.Second)
			}
			s.giveBackBatch(x, due, x.Attempt)
			return
		}
		x.Attempt++
		if x.First.IsZero() {
			x.First = now
		}
		s.moveBatch(x, delivery.Sending, "", false, func(d *modelDelivery) {
			if d.Attempt = x.Attempt; d.First.IsZero() {
				d.First = now
			}
		})
	})
	return ok, err
}

// membersChanged reports whether somebody may not be named any more, or not now.
func (s *modelStore) membersChanged(now time.Time, b *modelBatch, named int) bool {
	if s.w.planted == "month not looked at" {
		return false
	}
	in := b.in()
	if len(in) != named {
		return true
	}
	for _, d := range in {
		p := d.who
		switch {
		case p.facts(nil, now).Mass >= delivery.MassPerMonth && b.ambiguous == 0:
			s.w.met["month used up since the claim"]++
			return true
		case s.flying(d):
			s.w.met["flying since the claim"]++
			return true
		case p.known.push == people.PushOff, p.known.push != people.PushOn && !p.pushAt.Before(b.changed):
			s.w.met["another wish since the claim"]++
			return true
		}
	}
	return false
}

// giveBackBatch makes a batch pending again: as it is when it may have reached somebody, else dissolved.
func (s *modelStore) giveBackBatch(b *modelBatch, due time.Time, attempts int) {
	if b.ambiguous == 0 {
		s.dissolve(b, due, attempts)
		return
	}
	b.Owner, b.Attempt, b.due = "", attempts, due
	s.moveBatch(b, delivery.Pending, "", false, func(d *modelDelivery) { d.Owner, d.Attempt, d.notBefore = "", attempts, due })
}

func (s *modelStore) dissolve(b *modelBatch, due time.Time, attempts int) {
	s.moveBatch(b, delivery.Pending, "", false, func(d *modelDelivery) { d.Owner = "" })
	for _, d := range b.in() {
		d.batch, d.Attempt = 0, attempts
		if due.After(d.notBefore) {
			d.notBefore = due
		}
	}
	b.dissolved = true
}

func (s *modelStore) SettleMassBatch(ctx context.Context, now time.Time, b bot.MassBatch, t delivery.Settlement) (ok bool, err error) {
	err = s.w.tx(ctx, "settle a mass send", func() {
		s.at = now
		x := s.heldBatch(b, delivery.Sending, delivery.Claimed)
		if ok = x != nil; ok {
			s.settleBatch(now, x, t)
		}
	})
	return ok, err
}

func (s *modelStore) settleBatch(now time.Time, b *modelBatch, t delivery.Settlement) {
	if t.Outcome.Verdict == channel.Unsent && b.state == delivery.Sending {
		b.Attempt--
	}
	counted := b.ambiguous > 0
	if t.Ambiguous {
		b.ambiguous++
	}
	if !counted && (t.To == delivery.Accepted || t.Ambiguous) {
		for _, d := range b.in() {
			d.who.counted(delivery.RungMass, d.Kind, now)
		}
	}
	to, why := t.To, t.Why
	if b.ambiguous > 0 && to != delivery.Accepted && to != delivery.Pending {
		to, why = delivery.Unknown, delivery.WhyAmbiguous
	}
	if to == delivery.Pending && b.ambiguous == 0 {
		s.dissolve(b, t.Due, b.Attempt)
		return
	}
	b.due, b.messageID = t.Due, t.Outcome.MessageID
	s.moveBatch(b, to, why, false, func(d *modelDelivery) { d.ambiguous, d.Attempt, d.notBefore = b.ambiguous, b.Attempt, t.Due })
}

// sweepBatches recovers batches whose holder has lost them: what was sending is asked again with its
// client id, which the platform knows for a day. One that is given back and too late ends in the same sweep.
func (s *modelStore) sweepBatches(now time.Time) {
	for _, state := range []delivery.State{delivery.Claimed, delivery.Sending, delivery.Pending} {
		for _, b := range s.batches {
			if !b.dissolved && b.state == state {
				s.sweepBatch(now, b)
			}
		}
	}
}

func (s *modelStore) sweepBatch(now time.Time, b *modelBatch) {
	lapsed := s.w.dbNow().After(b.leaseEnd)
	over := !now.Before(b.Deadline) || s.campaign(b.Campaign).Status == bot.CampaignCancelled || !delivery.Repeatable(delivery.RungMass, b.First, now)
	switch {
	case b.state == delivery.Claimed && lapsed:
		s.giveBackBatch(b, time.Time{}, b.Attempt)
	case b.state == delivery.Sending && lapsed:
		t := delivery.SettleMass(channel.Outcome{Verdict: channel.Unknown}, delivery.Call{
			Attempt: b.Attempt, First: b.First, Ambiguous: b.ambiguous > 0, Request: delivery.Request{Kind: b.Kind, Deadline: b.Deadline},
		}, now)
		s.settleBatch(now, b, t)
	case b.state == delivery.Pending && over:
		s.moveBatch(b, delivery.Unknown, delivery.WhyAmbiguous, false, func(*modelDelivery) {})
	}
}

// joinBatch joins the report of a mass send: success wins over failure, and who of the people got it
// nobody can tell.
func (s *modelStore) joinBatch(r *storedReceipt, joined *bot.Joined) {
	b := s.reported(r)
	if b == nil {
		return
	}
	to, why := delivery.Refused, delivery.WhyPlatform
	if r.Status == sentWell {
		to, why = delivery.Accepted, ""
	}
	r.joined = b
	if b.status == sentWell && s.w.planted != "late failure wins" {
		return
	}
	b.status, b.ambiguous, b.changed = r.Status, 0, s.at
	if b.messageID == "" {
		b.messageID = r.named()
	}
	joined.Mass++
	if b.state == to {
		return
	}
	in := b.in()
	s.moveBatch(b, to, why, true, func(d *modelDelivery) { d.ambiguous = 0 })
	if to == delivery.Refused {
		joined.Refused += len(in)
	} else {
		joined.Settled += len(in)
	}
}

const sentWell = "send success"

// reported finds the batch that a report is about: by its number, else the only one of that size that
// waits for one. While the call's own answer is not written the report waits.
func (s *modelStore) reported(r *storedReceipt) *modelBatch {
	only := func(fits func(*modelBatch) bool) (found *modelBatch, several bool) {
		for _, b := range s.batches {
			if b.dissolved || !fits(b) {
				continue
			}
			if found != nil {
				return nil, true
			}
			found = b
		}
		return found, false
	}
	var b *modelBatch
	if r.named() != "" {
		b, _ = only(func(b *modelBatch) bool { return b.messageID == r.named() })
	}
	if b == nil {
		b, _ = only(func(b *modelBatch) bool {
			open := slices.Contains([]delivery.State{delivery.Sending, delivery.Accepted, delivery.Unknown}, b.state) ||
				slices.Contains([]delivery.State{delivery.Pending, delivery.Claimed}, b.state) && b.ambiguous > 0
			return open && b.status == "" && b.people == r.Job.Total && !b.First.IsZero() && b.changed.After(r.received.Add(-24*time.Hour)) &&
				!b.First.After(r.received.Add(receiptGap)) && (r.named() == "" || b.messageID == "")
		})
		if b != nil && b.First.After(r.received.Add(receiptSkew)) {
			b = nil
		}
	}
	if b != nil && !slices.Contains([]delivery.State{delivery.Accepted, delivery.Unknown, delivery.Refused}, b.state) {
		return nil
	}
	return b
}
