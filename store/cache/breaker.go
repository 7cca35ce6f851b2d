package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// The breaker keeps a Redis that is down from costing every message a time-out: after
// breakerFailures in a row nothing is asked for breakerPause, then one call tries.
const (
	breakerFailures = 3
	breakerPause    = time.Second
)

type breaker struct {
	log *slog.Logger
	now func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time // open until then
	trying   bool      // half open: one call is out
}

// allow reports whether a call may be made; whoever may must settle.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakerFailures {
		return true
	}
	if b.trying || b.now().Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

// settle notes how a call went and returns err, nil for a mere miss.
func (b *breaker) settle(err error) error {
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if errors.Is(err, context.Canceled) {
		return err // the caller left: that says nothing about Redis
	}
	if err == nil {
		if b.failures >= breakerFailures {
			b.log.Info("redis answers again")
		}
		b.failures = 0
		return nil
	}
	b.failures++
	b.until = b.now().Add(breakerPause)
	if b.failures == breakerFailures {
		b.log.Warn("redis does not answer: going on without it", "err", err)
	}
	return err
}
