package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// hand is a clock that is moved by hand.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func newBreaker() (*breaker, *hand) {
	h := &hand{at: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	return &breaker{log: slog.New(slog.DiscardHandler), now: h.now}, h
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	b, clock := newBreaker()
	broken := errors.New("broken")
	for range breakerFailures - 1 {
		_ = b.settle(broken)
	}
	if err := b.settle(redis.Nil); err != nil || !b.allow() {
		t.Fatal("a miss is an answer: the count begins anew", err)
	}
	for range breakerFailures {
		if !b.allow() {
			t.Fatal("it opened too early")
		}
		_ = b.settle(broken)
	}
	if b.allow() {
		t.Fatal("it did not open")
	}
	clock.move(breakerPause)
	if !b.allow() || b.allow() {
		t.Fatal("after the pause one call tries")
	}
	_ = b.settle(broken)
	if b.allow() {
		t.Fatal("it did not open again")
	}
	clock.move(breakerPause)
	if !b.allow() {
		t.Fatal("nobody may try")
	}
	_ = b.settle(nil)
	if !b.allow() || !b.allow() {
		t.Fatal("it did not close")
	}
}

func TestACallerWhoLeavesIsNoFailureOfRedis(t *testing.T) {
	t.Parallel()
	b, clock := newBreaker()
	for range 2 * breakerFailures {
		_ = b.settle(context.Canceled)
	}
	if !b.allow() {
		t.Error("callers who left opened it")
	}
	for range breakerFailures {
		_ = b.settle(errors.New("broken"))
	}
	clock.move(breakerPause)
	if !b.allow() {
		t.Fatal("nobody may try")
	}
	_ = b.settle(context.Canceled)
	if !b.allow() {
		t.Error("after a try that nobody waited for, nobody may try again")
	}
}

func TestWithoutRedisEverythingGoesOn(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	c := open(t, server.URL())
	clock := &hand{at: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	c.breaker.now = clock.now
	ctx, in := t.Context(), inbound("k1", "o1")
	c.SaveConversations(ctx, []bot.CachedCommit{{In: in, Snapshot: snapshot(1)}})
	load := func() *bot.Snapshot { return c.LoadConversations(ctx, []channel.Inbound{inbound("next", "o1")})[0] }
	if load() == nil {
		t.Fatal("not even with Redis")
	}
	server.Kill()
	for range 10 {
		if load() != nil {
			t.Error("an answer from nowhere")
		}
		c.SaveConversations(ctx, []bot.CachedCommit{{In: in, Snapshot: snapshot(2)}})
		c.ForgetConversations(ctx, []channel.Inbound{in})
	}
	if c.breaker.allow() {
		t.Error("the breaker is closed")
	}
	if _, _, err := c.LoadToken(ctx, "wx1"); !errors.Is(err, errDown) {
		t.Error(err)
	}
	if err := c.Ping(ctx); err == nil {
		t.Error("Ping says that it is there")
	}
	// Whoever may try and leaves first must not keep the others out for ever.
	clock.move(breakerPause)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	c.ForgetConversations(gone, []channel.Inbound{in})
	server.Start()
	until(t, "the breaker's closing", func() bool {
		clock.move(breakerPause)
		c.SaveConversations(ctx, []bot.CachedCommit{{In: in, Snapshot: snapshot(3)}})
		return load() != nil
	})
}
