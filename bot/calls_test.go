package bot

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// sharedCalls is a store with the shared count of a day's calls alone.
type sharedCalls struct {
	Store
	used int
}

func (s *sharedCalls) ReserveCalls(_ context.Context, _, _ string, _ channel.Way, n, limit int) (int, error) {
	n = max(0, min(n, limit-s.used))
	s.used += n
	return n, nil
}

func (*sharedCalls) SpendCalls(context.Context, string, string, channel.Way) error { return nil }

func TestCallsThatARoundHasAheadAreNotSpent(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	setup := func(limit int) (*sharedCalls, *Service) {
		shared := &sharedCalls{}
		o := Options{Store: shared, Now: func() time.Time { return now }, DayLimits: map[channel.Way]int{channel.WayNotice: limit}}
		o.setDefaults()
		return shared, &Service{o: o, books: books{way: map[channel.Way]*book{}, said: map[channel.Way]int{}}}
	}
	take := func(s *Service, n int) int {
		n, _ = s.takeCalls(ctx, "default", channel.WayNotice, n)
		return n
	}
	t.Run("another lane waits for what comes back", func(t *testing.T) {
		t.Parallel()
		_, s := setup(5)
		if take(s, 1) != 1 {
			t.Fatal("the first call was not granted")
		}
		var rounds []permitsAhead
		for range 9 { // the rest of the day, a block at a time
			rounds = append(rounds, s.permitsAhead(ctx, 256))
		}
		if n := take(s, 1); n != 0 {
			t.Fatalf("%d calls more than there are", n)
		}
		if len(s.account(ctx, now).Spent) > 0 {
			t.Error("the way is spent while a round has calls of it")
		}
		for _, p := range rounds {
			p.giveBack(s, nil)
		}
		if n := take(s, 9); n != 4 {
			t.Errorf("%d calls came back, want 4", n)
		}
		if n := take(s, 1); n != 0 || len(s.account(ctx, now).Spent) == 0 {
			t.Errorf("%d calls more, and the way is not spent", n)
		}
		s.returnCalls(channel.WayNotice, s.day(), 1) // of a call that was not made after all
		if n := take(s, 1); n != 1 {
			t.Errorf("%d calls after one was not made", n)
		}
		s.spend(ctx, "default", channel.WayNotice)
		s.returnCalls(channel.WayNotice, s.day(), 1)
		if n := take(s, 1); n != 0 {
			t.Error("a call was granted after the platform had said that there are none")
		}
	})
	t.Run("nobody takes all of a small day", func(t *testing.T) {
		t.Parallel()
		shared, s := setup(100)
		take(s, 1)
		if s.permitsAhead(ctx, 256); shared.used > 20 {
			t.Errorf("one replica has taken %d of 100 calls", shared.used)
		}
	})
}

// quotaTeller is a sender that only tells its quota; 0 for a platform that cannot be asked.
type quotaTeller struct {
	Sender
	limit, asked int
}

func (q *quotaTeller) Quota(context.Context, channel.Way) (channel.Quota, error) {
	q.asked++
	if q.limit == 0 {
		return channel.Quota{}, errors.New("no answer")
	}
	return channel.Quota{Limit: q.limit}, nil
}

// What the platform named last holds while it cannot be asked (Q1): the configuration may allow more.
func TestTheQuotaOutlivesAPlatformThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	q := &quotaTeller{limit: 100}
	o := Options{Store: &sharedCalls{}, Now: func() time.Time { return now }, DayLimits: map[channel.Way]int{channel.WayNotice: 100_000}, DayReserve: 1000, Senders: map[string]Sender{"wechat": q}}
	o.setDefaults()
	s := &Service{o: o, books: books{way: map[channel.Way]*book{}, said: map[channel.Way]int{}}}
	for _, x := range []struct {
		name        string
		later       time.Duration
		says        int
		limit, asks int
	}{
		{"asked", 0, 100, 90, 1},
		{"not asked again for an hour", 59 * time.Minute, 50, 90, 1},
		{"no answer", time.Minute, 0, 90, 2},
		{"no answer is asked for again a minute later", time.Minute, 60, 54, 3},
		{"and then not for an hour", 30 * time.Minute, 50, 54, 3},
		{"no answer on the next day", 24 * time.Hour, 0, 54, 4},
	} {
		now, q.limit = now.Add(x.later), x.says
		if limit := s.dayLimit(t.Context(), channel.WayNotice, now); limit != x.limit || q.asked != x.asks {
			t.Errorf("%s: %d calls of the day after %d questions, want %d after %d", x.name, limit, q.asked, x.limit, x.asks)
		}
	}
}
