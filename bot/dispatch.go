package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

const (
	// settleTimeout is how long writing down what the platform has said may take.
	settleTimeout = 15 * time.Second
	// settlePause is between two tries of that.
	settlePause = 500 * time.Millisecond
	// leaseMargin is how much of the lease must be left before a call begins, so that a second
	// owner cannot start while the first one's call can still arrive (reliability §5.2, rule 4).
	leaseMargin = 15 * time.Second
	// freshness is how old the look at pause, cancel and unsubscribe may be when a call begins (D4:
	// 5 s, less the time to put the call on the wire).
	freshness = 4 * time.Second
	// firstPace is how many calls are written ahead together before anybody knows how quick the platform is.
	firstPace = 32
	// stopPause is how long a campaign rests after the platform said that nobody should be tried.
	stopPause = 5 * time.Minute
)

// Dispatched counts what one round of Dispatch did.
type Dispatched struct {
	Sent     int // calls made
	Released int // given back unsent
	Lost     int // somebody else holds them now
}

func (d *Dispatched) add(more Dispatched) {
	d.Sent += more.Sent
	d.Released += more.Released
	d.Lost += more.Lost
}

// Dispatch sends what is due, until nothing is or ctx ends. Calls that have begun are settled
// within work's life even when ctx ends meanwhile.
func (s *Service) Dispatch(ctx, work context.Context) (Dispatched, error) {
	var total Dispatched
	for ctx.Err() == nil && !s.resting() {
		claimed, sent, err := s.dispatchSingles(ctx, work)
		total.add(sent)
		if err != nil {
			return total, err
		}
		mass, err := s.dispatchMass(ctx, work)
		total.add(mass)
		if err != nil || claimed == 0 && mass.Sent == 0 {
			return total, err
		}
	}
	return total, nil
}

// resting reports whether the platform told us to stop altogether. A rest that has longer to go than rests
// are is one of a clock that has been set back meanwhile: it is over.
func (s *Service) resting() bool {
	left := s.pausedUntil.Load() - s.o.Now().UnixMilli()
	return left > 0 && left <= stopPause.Milliseconds()
}

// dispatchSingles sends to one person each until nothing is due: a round after the other, and where one
// round is not enough several side by side, so that one is written while another is on the wire.
func (s *Service) dispatchSingles(ctx, work context.Context) (claimed int, total Dispatched, err error) {
	wanted := int(s.pace.Load()) // before the round, which may raise it
	n, total, err := s.round(ctx, work)
	if err != nil || n == 0 {
		return n, total, err
	}
	var mu sync.Mutex
	claimed = n
	loop := func() {
		for ctx.Err() == nil && !s.resting() {
			n, d, e := s.round(ctx, work)
			mu.Lock()
			claimed += n
			total.add(d)
			err = errors.Join(err, e)
			mu.Unlock()
			if n == 0 || e != nil {
				return
			}
		}
	}
	if s.o.SendLanes == 1 || n < wanted {
		loop()
		return claimed, total, err
	}
	var lanes sync.WaitGroup
	for range s.o.SendLanes {
		lanes.Go(loop)
	}
	lanes.Wait()
	return claimed, total, err
}

// round claims a group and brings it to its next state. Most calls are written ahead by the claim itself;
// those of a way with a rate wait for their permits first, claimed only.
func (s *Service) round(ctx, work context.Context) (n int, total Dispatched, err error) {
	s.letPeoplePass(ctx)
	since := time.Now() //nolint:forbidigo // a duration against lease and freshness, not a business time
	limit := int(s.pace.Load())
	permits := s.permitsAhead(ctx, limit)
	list, err := s.o.Store.ClaimDeliveries(ctx, s.o.Now(), Claim{Owner: s.o.Replica, Limit: limit, Lease: s.o.Lease, Ahead: func(list []ClaimedDelivery) {
		s.ahead(ctx, list, permits.left())
	}})
	if err != nil {
		permits.giveBack(s, nil)
		return 0, total, fmt.Errorf("claiming deliveries: %w", err)
	}
	n = len(list)
	begun := make([]ClaimedDelivery, 0, n)
	list = slices.DeleteFunc(list, func(d ClaimedDelivery) bool {
		if d.State == delivery.Sending {
			begun = append(begun, d)
		}
		return d.State == delivery.Sending
	})
	permits.giveBack(s, begun)
	total.add(s.fly(ctx, work, begun, permits.day, since, since))
	if len(list) > 0 {
		sent, starved := s.sendGroup(ctx, work, list, since)
		total.add(sent)
		if starved { // claiming the same again at once would be no other
			n = 0
		}
	}
	return n, total, nil
}

// ahead marks the claimed deliveries whose calls are to be made at once, while there are permits.
func (s *Service) ahead(ctx context.Context, list []ClaimedDelivery, permits map[channel.Way]int) {
	now := s.o.Now()
	account := s.account(ctx, now)
	if ctx.Err() != nil || s.resting() {
		return
	}
	for i := range list {
		d := &list[i]
		plan := s.replan(*d, account, now)
		way := plan.Rung.Way()
		if permits[way] > 0 && s.sendable(*d, plan, now) && d.To.Account == s.o.AccountName {
			d.State, d.Rung, d.Template = delivery.Sending, plan.Rung, templateOf(account, plan.Rung, d.Kind)
			permits[way]--
		}
	}
}

// sendable reports whether a plan says: now, to this one person.
func (s *Service) sendable(d ClaimedDelivery, plan delivery.Decision, now time.Time) bool {
	_, known := s.o.Senders[d.To.Channel]
	return known && plan.Rung != delivery.RungPull && plan.Rung != delivery.RungMass && !plan.NotBefore.After(now)
}

// sendGroup decides again on fresh facts, then takes permits, writes ahead, calls and settles as many
// at a time as the rate allows. starved says that the calls that are left are with other rounds.
func (s *Service) sendGroup(ctx, work context.Context, group []ClaimedDelivery, since time.Time) (total Dispatched, starved bool) {
	ready, back := s.decide(ctx, group)
	for len(ready) > 0 {
		n, day := s.permits(ctx, ready[:min(len(ready), int(s.pace.Load()))], since)
		if n == 0 { // the lease, the day or the service ends
			starved = !s.account(ctx, s.o.Now()).Spent[ready[0].Rung]
			for _, d := range ready {
				back = append(back, ReleasedDelivery{ClaimedDelivery: d, To: delivery.Pending})
			}
			break
		}
		total.add(s.sendTogether(ctx, work, ready[:n], day, since))
		ready = ready[n:]
	}
	total.add(s.giveBack(work, back))
	return total, starved
}

// letPeoplePass lets messages of people go before bulk: their replies and ours share processor and
// database.
func (s *Service) letPeoplePass(ctx context.Context) {
	for i := 0; i < 20 && s.line.length() > s.o.BatchSize; i++ {
		s.wait(ctx, 10*time.Millisecond)
	}
}

// decide plans each delivery anew: who may still get it, and by which rung.
func (s *Service) decide(ctx context.Context, group []ClaimedDelivery) (ready []ClaimedDelivery, back []ReleasedDelivery) {
	now := s.o.Now()
	account := s.account(ctx, now)
	for _, d := range group {
		release := func(to delivery.State, why delivery.Why, due time.Time) {
			back = append(back, ReleasedDelivery{ClaimedDelivery: d, To: to, Why: why, Due: due})
		}
		plan := s.replan(d, account, now)
		switch {
		case ctx.Err() != nil || s.resting():
			release(delivery.Pending, delivery.WhyNone, time.Time{})
		case plan.Rung == delivery.RungPull && plan.Why == delivery.WhyDeadline:
			release(delivery.Expired, plan.Why, time.Time{})
		case plan.Why == delivery.WhyAmbiguous:
			release(delivery.Unknown, plan.Why, time.Time{})
		case plan.Rung == delivery.RungPull && plan.Why == delivery.WhyPlatform:
			// Every rung that was lawful has been refused meanwhile: that is a failure, not our choice.
			release(delivery.Failed, plan.Why, time.Time{})
		case plan.Rung == delivery.RungPull:
			release(delivery.Skipped, plan.Why, time.Time{})
		case plan.NotBefore.After(now), plan.Rung == delivery.RungMass:
			d.Rung = plan.Rung
			release(delivery.Pending, delivery.WhyNone, plan.NotBefore)
		case !s.sendable(d, plan, now):
			s.o.Logger.Error("a delivery cannot be sent: nobody serves its channel", "delivery", d.ID, "channel", d.To.Channel)
			release(delivery.Skipped, delivery.WhyPoison, time.Time{})
		default:
			d.Rung, d.Template = plan.Rung, templateOf(account, plan.Rung, d.Kind)
			ready = append(ready, d)
		}
	}
	return ready, back
}

// replan plans one claimed delivery. What may have arrived already goes by the rung of that attempt,
// while the platform removes the second copy, or not at all: nobody can tell then (D2).
func (s *Service) replan(d ClaimedDelivery, a delivery.Account, now time.Time) delivery.Decision {
	plan := delivery.Plan(d.Facts, a, s.o.Policy, d.request(now), now)
	if !d.Ambiguous {
		return plan
	}
	if !delivery.Repeatable(d.Rung, d.First, now) || plan.Rung != d.Rung && !slices.Contains(plan.Next, d.Rung) {
		return delivery.Decision{Rung: delivery.RungPull, Why: delivery.WhyAmbiguous}
	}
	plan.Rung, plan.Next = d.Rung, nil
	return plan
}

// still reports whether a delivery may be sent at this moment by the rung that was chosen for it: it
// may have waited for permits, the database or a frozen machine (D5).
func (s *Service) still(d ClaimedDelivery, a delivery.Account) bool {
	now := s.o.Now()
	plan := s.replan(d, a, now)
	return (plan.Rung == d.Rung || slices.Contains(plan.Next, d.Rung)) && !plan.NotBefore.After(now)
}

// templateOf names the template whose grant a call by that rung uses; "" for a rung without grants.
func templateOf(a delivery.Account, r delivery.Rung, k delivery.Kind) string {
	switch r {
	case delivery.RungLong, delivery.RungNotice:
		return a.Notices[k].ID
	case delivery.RungOnce:
		return a.Once
	}
	return ""
}

// request is what the planner is asked about a delivery that is due.
func (d ClaimedDelivery) request(now time.Time) delivery.Request {
	return delivery.Request{Kind: d.Kind, Due: now, Deadline: d.Deadline}
}

// sendTogether writes ahead for a group in one commit, makes the calls side by side and writes down
// what came of them in another. The group goes by one way, and its calls belong to one day.
func (s *Service) sendTogether(ctx, work context.Context, group []ClaimedDelivery, day string, since time.Time) Dispatched {
	var total Dispatched
	way := group[0].Rung.Way()
	begin, cancel := context.WithTimeout(work, settleTimeout)
	looked := time.Now() //nolint:forbidigo // a duration, see freshness; before the look, which may be slow to come back
	now := s.o.Now()
	begun, err := s.o.Store.BeginSending(begin, now, group)
	cancel()
	if err != nil {
		// Nobody knows whether it was written: the rows' leases run out, and those in sending become
		// unknown although nothing was sent. That errs on the side of the truth.
		s.o.Logger.Warn("writing ahead of sends", "count", len(group), "err", err)
		s.returnCalls(way, day, len(group))
		total.Lost += len(group)
		return total
	}
	flying := make([]ClaimedDelivery, 0, len(group))
	for i, d := range group {
		if begun[i] {
			flying = append(flying, d.Begun(now)) // as it was written: the client id is made of it
			continue
		}
		s.returnCalls(way, day, 1)
		s.o.Metrics.failed("lease")
		total.Lost++
	}
	total.add(s.fly(ctx, work, flying, day, looked, since))
	return total
}

// fly makes the calls of deliveries in sending side by side and writes down what came of them. Their
// facts were looked at then, and their calls belong to one day.
func (s *Service) fly(ctx, work context.Context, flying []ClaimedDelivery, day string, looked, since time.Time) (total Dispatched) {
	if len(flying) == 0 {
		return total
	}
	settled := make([]SettledDelivery, len(flying))
	called := time.Now() //nolint:forbidigo // a duration, see keepPace
	s.sideBySide(len(flying), func(i int) {
		mayStart := func() bool {
			return ctx.Err() == nil && !s.resting() && s.day() == day && !s.stopped(flying[i].Campaign) &&
				time.Since(looked) < freshness && time.Since(since) < s.o.Lease-leaseMargin && s.still(flying[i], s.o.Account)
		}
		settled[i] = s.call(work, flying[i], mayStart, func() { s.returnCalls(flying[i].Rung.Way(), day, 1) })
	})
	s.keepPace(time.Since(called))
	total.Sent += len(flying)
	s.settle(ctx, work, settled, since)
	return total
}

// keepPace sizes the next groups by how long the platform took for this one. A crash leaves a whole
// group unknown, so a slow platform gets small ones; a quick one gets large ones, which cost fewer
// commits.
func (s *Service) keepPace(took time.Duration) {
	pace := s.pace.Load()
	switch {
	case took < 300*time.Millisecond:
		pace = min(2*pace, int64(s.o.GroupSize))
	case took > time.Second:
		pace = max(pace/2, int64(min(s.o.SendWorkers, s.o.GroupSize)))
	}
	s.pace.Store(pace) // two groups at once may overwrite each other: either is a fair guess
}

// sideBySide does n things with the configured number of workers; with one, in order.
func (s *Service) sideBySide(n int, do func(i int)) {
	if s.o.SendWorkers == 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(s.o.SendWorkers, n) {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// call makes the one call of a delivery and says what it makes of it. A call that may no longer
// start has certainly not been made, and notMade is told.
func (s *Service) call(ctx context.Context, d ClaimedDelivery, mayStart func() bool, notMade func()) SettledDelivery {
	outcome := channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "not_begun"}
	out, err := s.outbound(ctx, d)
	switch {
	case errors.Is(err, errNoMessage):
		outcome = channel.Outcome{Verdict: channel.Refused, Class: channel.ClassOurs, Reason: "no_message"}
		fallthrough
	case err != nil: // the store or an upload failed: later it may not
		s.o.Logger.Error("making a message", "delivery", d.ID, "rung", d.Rung, "err", err)
		notMade()
	case mayStart():
		outcome = s.o.Senders[d.To.Channel].Send(ctx, out)
		if outcome.Reason == delivery.ReasonMediaInvalid || outcome.Reason == delivery.ReasonMediaMissing {
			s.forgetUpload(ctx, d.Body.Media, out.Message.Media)
		}
	default:
		notMade()
	}
	now := s.o.Now()
	settlement := delivery.Settle(outcome, delivery.Call{
		Rung: d.Rung, Attempt: d.Attempt, First: d.First, Ambiguous: d.Ambiguous, Request: d.request(now),
		Facts: d.Facts, Account: s.account(ctx, now), Policy: s.o.Policy,
	}, now)
	s.o.Metrics.sent(string(outcome.Verdict), string(settlement.To))
	s.heed(ctx, d, settlement)
	return SettledDelivery{ClaimedDelivery: d, Settlement: settlement}
}

// settle writes down what the platform said: that must happen whatever becomes of the caller's time.
// Where it cannot be written the rows stay in sending; their leases run out and they become unknown,
// which is the truth.
func (s *Service) settle(ctx, work context.Context, group []SettledDelivery, since time.Time) {
	if len(group) == 0 {
		return
	}
	work = context.WithoutCancel(work)
	ok, err := s.settleOnce(work, group)
	for err != nil && ctx.Err() == nil && time.Since(since) < s.o.Lease {
		// The database is away. What the platform has said is worth asking again while the rows are ours:
		// a commit that happened after all leaves nothing to write.
		s.o.Metrics.failed("settle")
		s.o.Logger.Warn("settling deliveries, again soon", "count", len(group), "err", err)
		s.wait(ctx, settlePause)
		ok, err = s.settleOnce(work, group)
	}
	if err != nil {
		s.o.Logger.Error("settling deliveries", "count", len(group), "err", err)
		return
	}
	for i := range ok {
		if !ok[i] {
			s.o.Metrics.failed("lease")
			s.o.Logger.Warn("a delivery was settled by nobody: the lease was lost", "delivery", group[i].ID, "verdict", group[i].Settlement.Outcome.Verdict)
		}
	}
}

func (s *Service) settleOnce(ctx context.Context, group []SettledDelivery) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return s.o.Store.SettleDeliveries(ctx, s.o.Now(), group)
}

func (s *Service) giveBack(ctx context.Context, group []ReleasedDelivery) (total Dispatched) {
	if len(group) == 0 {
		return total
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	ok, err := s.o.Store.ReleaseDeliveries(ctx, s.o.Now(), group)
	if err != nil {
		s.o.Logger.Warn("giving back deliveries", "count", len(group), "err", err)
		total.Lost = len(group)
		return total
	}
	for i := range ok {
		if ok[i] {
			total.Released++
		} else {
			total.Lost++
		}
	}
	return total
}

// Sweep gives back what was claimed and not begun, and calls unknown what was begun and not settled.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	swept, err := s.o.Store.SweepLeases(ctx, s.o.Now())
	if err != nil {
		return swept, err
	}
	if swept != (Swept{}) {
		s.o.Logger.Warn("swept deliveries", "released", swept.Released, "ambiguous", swept.Ambiguous, "expired", swept.Expired)
	}
	return swept, nil
}

// wait sleeps unless ctx ends.
func (s *Service) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
