package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// massMembers is how many people one mass send may name (wechat-protocol §3).
const massMembers = 10_000

// dispatchMass sends what is to go by mass send, batch by batch. Several people share one call, its
// client id and its fate.
func (s *Service) dispatchMass(ctx, work context.Context) (Dispatched, error) {
	var total Dispatched
	if !s.o.Account.Mass {
		return total, nil
	}
	for ctx.Err() == nil && !s.resting() {
		now := s.o.Now()
		account := s.account(ctx, now)
		if account.Spent[delivery.RungMass] {
			return total, nil
		}
		batch, err := s.o.Store.ClaimMassBatch(ctx, now, s.o.Replica, massMembers, s.o.Lease, func(f delivery.Facts, c Campaign) delivery.Decision {
			return delivery.Plan(f, account, s.o.Policy, delivery.Request{Kind: c.Kind, Due: now, Deadline: c.Deadline}, now)
		})
		if err != nil {
			return total, fmt.Errorf("claiming a mass send: %w", err)
		}
		if batch == nil {
			return total, nil
		}
		// One that could not begin was given back: the same again at once would be no other, and a clock that is
		// behind would keep us at it (found by the rehearsal).
		begun, err := s.sendMass(work, *batch)
		if err != nil || !begun {
			return total, err
		}
		total.Sent++
	}
	return total, nil
}

// sendMass makes the call of a batch and writes down what came of it; false when it did not begin.
func (s *Service) sendMass(work context.Context, b MassBatch) (begun bool, err error) {
	ctx, cancel := context.WithTimeout(work, 2*settleTimeout)
	defer cancel()
	sender := s.o.Senders[b.Channel]
	notBegun := channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "not_begun"}
	taken, day := 0, ""
	if sender != nil {
		taken, day = s.takeCalls(ctx, b.Account, channel.WayMass, 1)
	}
	if taken == 0 {
		return false, s.settleMass(ctx, b, notBegun)
	}
	looked := time.Now() //nolint:forbidigo // a duration, see freshness
	now := s.o.Now()
	ok, err := s.o.Store.BeginMassBatch(ctx, now, b)
	if err != nil {
		return false, fmt.Errorf("writing ahead of a mass send: %w", err)
	}
	if !ok {
		s.returnCalls(channel.WayMass, day, 1)
		s.o.Metrics.failed("lease")
		return false, nil
	}
	b.Attempt++
	if b.First.IsZero() {
		b.First = now // as it was written: the client id is made of it
	}
	if time.Since(looked) > freshness || s.stopped(b.Campaign) || s.day() != day || !s.massTime(b) {
		s.returnCalls(channel.WayMass, day, 1)
		return false, s.settleMass(work, b, notBegun)
	}
	return true, s.settleMass(ctx, b, sender.SendMass(ctx, channel.MassOutbound{
		Account: b.Account, To: b.To, Text: s.campaignText(b.Kind, b.Title, b.Body, b.WantsAck), ClientID: BatchClientID(b.ID, b.First),
	}))
}

// massTime reports whether a batch may go out at this moment: its deadline and quiet hours (D5). Who is
// in it was asked when it was claimed.
func (s *Service) massTime(b MassBatch) bool {
	now := s.o.Now()
	plan := delivery.Plan(delivery.Facts{Bound: true, Following: true, Due: true}, delivery.Account{Mass: true}, s.o.Policy,
		delivery.Request{Kind: b.Kind, Due: now, Deadline: b.Deadline}, now)
	return plan.Rung == delivery.RungMass && plan.NotBefore.IsZero()
}

func (s *Service) settleMass(ctx context.Context, b MassBatch, o channel.Outcome) error {
	t := delivery.SettleMass(o, delivery.Call{
		Attempt: b.Attempt, First: b.First, Ambiguous: b.Ambiguous, Request: delivery.Request{Kind: b.Kind, Deadline: b.Deadline},
	}, s.o.Now())
	s.o.Metrics.sent(string(o.Verdict), string(t.To))
	s.heed(ctx, ClaimedDelivery{Campaign: b.Campaign, Rung: delivery.RungMass, To: channel.Address{Channel: b.Channel, Account: b.Account}}, t)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	ok, err := s.o.Store.SettleMassBatch(ctx, s.o.Now(), b, t)
	if err != nil {
		return fmt.Errorf("settling a mass send: %w", err)
	}
	if !ok {
		s.o.Metrics.failed("lease")
		s.o.Logger.Warn("a mass send was settled by nobody: the lease was lost", "batch", b.ID, "verdict", o.Verdict)
	}
	return nil
}
