package bot

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
)

const (
	// sendTimeout is how long one delivery may take from write-ahead to settled, without the
	// platform's own time-out.
	sendTimeout = 15 * time.Second
	// leaseMargin is how much of the lease must be left before a call begins, so that a second
	// owner cannot start while the first one's call can still arrive (reliability §5.2, rule 4).
	leaseMargin = 15 * time.Second
	// stopPause is how long sending rests after the platform said that nobody should be tried.
	stopPause = 5 * time.Minute
)

// Dispatched counts what one round of Dispatch did.
type Dispatched struct {
	Sent     int // calls made
	Released int // given back unsent
	Lost     int // somebody else holds them now
}

// Dispatch sends what is due, until nothing is or ctx ends. Calls that have begun are settled
// within work's life even when ctx ends meanwhile.
func (s *Service) Dispatch(ctx, work context.Context) (Dispatched, error) {
	var total Dispatched
	for ctx.Err() == nil {
		if s.o.Now().UnixMilli() < s.pausedUntil.Load() {
			return total, nil
		}
		claimed, err := s.o.Store.ClaimDeliveries(ctx, s.o.Now(), s.o.Replica, s.o.ClaimSize, s.o.Lease)
		if err != nil {
			return total, fmt.Errorf("claiming deliveries: %w", err)
		}
		if len(claimed) == 0 {
			return total, nil
		}
		d := s.sendAll(ctx, work, claimed)
		total.Sent += d.Sent
		total.Released += d.Released
		total.Lost += d.Lost
	}
	return total, nil
}

func (s *Service) sendAll(ctx, work context.Context, claimed []ClaimedDelivery) Dispatched {
	var sent, released, lost atomic.Int64
	var workers sync.WaitGroup
	next := make(chan ClaimedDelivery)
	started := time.Now() //nolint:forbidigo // a duration against the lease, not a business time
	for range min(s.o.SendWorkers, len(claimed)) {
		workers.Go(func() {
			for d := range next {
				switch s.sendOne(ctx, work, d, time.Since(started)) {
				case outcomeSent:
					sent.Add(1)
				case outcomeReleased:
					released.Add(1)
				default:
					lost.Add(1)
				}
			}
		})
	}
	for _, d := range claimed {
		next <- d
	}
	close(next)
	workers.Wait()
	return Dispatched{Sent: int(sent.Load()), Released: int(released.Load()), Lost: int(lost.Load())}
}

type dispatchOutcome int

const (
	outcomeLost dispatchOutcome = iota
	outcomeSent
	outcomeReleased
)

// sendOne decides again on fresh facts, writes ahead, calls, settles. held is how long the lease
// has been running already.
func (s *Service) sendOne(ctx, work context.Context, d ClaimedDelivery, held time.Duration) dispatchOutcome {
	work, cancel := context.WithTimeout(work, sendTimeout)
	defer cancel()
	now := s.o.Now()
	log := s.o.Logger.With("delivery", d.ID, "learner", d.Learner.ID)
	request := delivery.Request{Kind: delivery.KindLesson, Due: now, Deadline: d.Deadline}
	decision := delivery.Plan(d.Facts, s.o.Account, s.o.Policy, request, now)
	sender := s.o.Senders[d.To.Channel]
	message, known := s.pushMessage(work, d)
	switch {
	case ctx.Err() != nil, held > s.o.Lease-leaseMargin, now.UnixMilli() < s.pausedUntil.Load():
		return s.giveBack(work, d, delivery.Pending, delivery.WhyNone, time.Time{})
	case decision.Rung == delivery.RungPull && decision.Why == delivery.WhyDeadline:
		return s.giveBack(work, d, delivery.Expired, delivery.WhyDeadline, time.Time{})
	case decision.Rung == delivery.RungPull:
		return s.giveBack(work, d, delivery.Skipped, decision.Why, time.Time{})
	case decision.NotBefore.After(now):
		return s.giveBack(work, d, delivery.Pending, delivery.WhyNone, decision.NotBefore)
	case sender == nil || !known:
		log.Error("a delivery cannot be sent: no sender or no such lesson", "course", d.Lesson.Course.Course)
		return s.giveBack(work, d, delivery.Skipped, delivery.WhyPoison, time.Time{})
	}
	d.Rung = decision.Rung
	ok, err := one(s.o.Store.BeginSending(work, now, []ClaimedDelivery{d}))
	if err != nil {
		log.Warn("writing ahead of a send", "err", err)
		return outcomeLost
	}
	if !ok {
		s.o.Metrics.failed("lease")
		return outcomeLost
	}
	out := channel.Outbound{To: d.To, Message: message, ClientID: "d" + strconv.FormatInt(d.ID, 36)}
	outcome := sender.Send(work, out)
	d.State, d.Attempt = delivery.Sending, d.Attempt+1
	settlement := delivery.Settle(outcome, delivery.Call{
		Rung: decision.Rung, Attempt: d.Attempt, First: now, Request: request, Facts: d.Facts, Account: s.o.Account, Policy: s.o.Policy,
	}, s.o.Now())
	s.o.Metrics.sent(string(outcome.Verdict), string(settlement.To))
	if settlement.StopCampaign {
		s.pausedUntil.Store(s.o.Now().Add(stopPause).UnixMilli())
		log.Error("the platform refuses everybody: sending rests", "errcode", outcome.Code, "rid", outcome.RequestID, "minutes", stopPause.Minutes())
	}
	// The platform has answered: what it said must be written whatever happens to work's time.
	settleCtx, done := context.WithTimeout(context.WithoutCancel(work), sendTimeout)
	defer done()
	ok, err = one(s.o.Store.SettleDeliveries(settleCtx, s.o.Now(), []SettledDelivery{{d, settlement}}))
	if err != nil {
		// The row stays in sending; its lease runs out and it becomes unknown, which is the truth.
		log.Error("settling a delivery", "verdict", outcome.Verdict, "errcode", outcome.Code, "err", err)
	} else if !ok {
		s.o.Metrics.failed("lease")
		log.Warn("a delivery was settled by nobody: the lease was lost", "verdict", outcome.Verdict)
	}
	return outcomeSent
}

func one(list []bool, err error) (bool, error) { return len(list) == 1 && list[0], err }

func (s *Service) giveBack(ctx context.Context, d ClaimedDelivery, to delivery.State, why delivery.Why, due time.Time) dispatchOutcome {
	ok, err := one(s.o.Store.ReleaseDeliveries(ctx, s.o.Now(), []ReleasedDelivery{{d, to, why, due}}))
	if err != nil {
		s.o.Logger.Warn("giving back a delivery", "delivery", d.ID, "err", err)
		return outcomeLost
	}
	if !ok {
		return outcomeLost
	}
	return outcomeReleased
}

// pushMessage is the invitation to the day's lesson: what it is, how long, and what to type.
func (s *Service) pushMessage(ctx context.Context, d ClaimedDelivery) (channel.Message, bool) {
	c, err := s.learnVersion(ctx, d.Lesson.Course)
	if err != nil {
		return channel.Message{}, false
	}
	course := c.library.Version(d.Lesson.Course)
	lesson, place := course.Lesson(d.Lesson.Lesson)
	if lesson == nil {
		return channel.Message{}, false
	}
	args := []fault.Arg{
		fault.A("name", d.Learner.Name), fault.A("course", course.Title), fault.A("title", lesson.Title),
		fault.A("lead", lesson.Lead), fault.A("number", place+1), fault.A("total", len(course.Lessons)),
		fault.A("minutes", max(1, (lesson.Seconds+30)/60)),
	}
	if s.o.LessonURL != nil {
		if page, picture := s.o.LessonURL(d.Lesson.Course, lesson); picture != "" {
			return channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{{
				Title: s.o.Phrases.Say("push.card_title", args...), Summary: s.o.Phrases.Say("push.card_summary", args...),
				Picture: picture, URL: page,
			}}}, true
		}
	}
	return channel.Text(s.o.Phrases.Say("push.lesson", args...)), true
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
