package bot

import (
	"context"
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
		return shared, &Service{o: o, books: books{way: map[channel.Way]*book{}}}
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
