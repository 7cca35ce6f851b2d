package bot_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// queue is a store with nothing but a long queue of deliveries to people with an open window.
type queue struct {
	bot.Store
	now     func() time.Time
	next    atomic.Int64
	settled atomic.Int64
	length  int64
}

func (q *queue) ClaimDeliveries(_ context.Context, now time.Time, c bot.Claim) (list []bot.ClaimedDelivery, _ error) {
	for range c.Limit {
		id := q.next.Add(1)
		if id > q.length {
			break
		}
		list = append(list, bot.ClaimedDelivery{
			ID: id, State: delivery.Claimed, Campaign: 1, Kind: delivery.KindAnnouncement, Body: bot.Body{Text: "t"}, Deadline: now.Add(time.Hour),
			Learner: people.Learner{ID: people.LearnerID(id)}, To: channel.Address{Channel: "model", Account: "default", External: "o"}, Phone: 1,
			Facts: delivery.Facts{Bound: true, Following: true, TypedAt: now, Due: true},
		})
	}
	wanted := append([]bot.ClaimedDelivery(nil), list...)
	c.Ahead(wanted)
	for i := range list {
		if wanted[i].State == delivery.Sending {
			list[i] = wanted[i].Begun(now)
		}
	}
	return list, nil
}

func (q *queue) BeginSending(_ context.Context, _ time.Time, group []bot.ClaimedDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	for i := range out {
		out[i] = true
	}
	return out, nil
}

func (q *queue) SettleDeliveries(ctx context.Context, now time.Time, group []bot.SettledDelivery) ([]bool, error) {
	q.settled.Add(int64(len(group)))
	return q.BeginSending(ctx, now, make([]bot.ClaimedDelivery, len(group)))
}

func (*queue) ReserveCalls(_ context.Context, _, _ string, _ channel.Way, n, _ int) (int, error) {
	return n, nil
}

// slowPlatform answers when it is told to.
type slowPlatform struct {
	bot.Sender
	calls  atomic.Int64 // that wait for an answer
	answer chan struct{}
}

func (*slowPlatform) Quota(context.Context, channel.Way) (channel.Quota, error) {
	return channel.Quota{}, nil
}

func (p *slowPlatform) Send(context.Context, channel.Outbound) channel.Outcome {
	p.calls.Add(1)
	<-p.answer
	p.calls.Add(-1)
	return channel.Outcome{Verdict: channel.Accepted}
}

// A long queue is sent by several lanes: while one group is on the wire others are, or are being written.
// (The first round raises the pace; held against the raised one it looked as if the queue were short.)
func TestALongQueueIsSentByAllLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const lanes, workers = 3, 2
		now := time.Date(2026, 3, 2, 10, 0, 0, 0, china)
		began := time.Now()
		clock := func() time.Time { return now.Add(time.Since(began)) }
		q := &queue{now: clock, length: 2000}
		p := &slowPlatform{answer: make(chan struct{})}
		s, err := bot.New(bot.Options{
			Store: q, Cache: noCache{}, Engine: rehearsalEngine, Library: rehearsalLibrary, Phrases: rehearsalPhrases, Policy: rehearsalPolicy,
			Account: delivery.Account{Window: true}, Senders: map[string]bot.Sender{"model": p}, Now: clock, Replica: "a", SendLanes: lanes, SendWorkers: workers,
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan bot.Dispatched)
		go func() {
			d, err := s.Dispatch(t.Context(), t.Context())
			if err != nil {
				t.Error(err)
			}
			done <- d
		}()
		most := int64(0)
		for {
			synctest.Wait()
			waiting := p.calls.Load()
			most = max(most, waiting)
			if waiting == 0 {
				break
			}
			p.answer <- struct{}{}
		}
		if d := <-done; d.Sent != 2000 || q.settled.Load() != 2000 {
			t.Errorf("%+v, %d settled", d, q.settled.Load())
		}
		if most != lanes*workers {
			t.Errorf("at most %d calls were on the wire at once, want %d lanes of %d", most, lanes, workers)
		}
	})
}
