package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The service's clock is the database's, as it was measured last, and goes on from there by itself.
func TestTheClockFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ahead, slow := time.Hour, time.Duration(0)
		var away error
		ping := func(context.Context) (time.Time, error) {
			mu.Lock()
			ahead, slow, away := ahead, slow, away
			mu.Unlock()
			time.Sleep(slow)
			return time.Now().Add(ahead), away
		}
		database := func(isAhead, isSlow time.Duration, isAway error) {
			mu.Lock()
			defer mu.Unlock()
			ahead, slow, away = isAhead, isSlow, isAway
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := &clock{}
		off := func(want time.Duration, when string) {
			t.Helper()
			synctest.Wait()
			if got := time.Until(c.Now()).Round(10 * time.Millisecond); got != want {
				t.Errorf("%s the clock is %v off the host's, want %v", when, got, want)
			}
		}
		gone := errors.New("the database is away")
		database(time.Hour, 0, gone)
		go c.followDatabase(ctx, ping, slog.New(slog.DiscardHandler))
		off(0, "before the first answer")
		database(time.Hour, 0, nil)
		time.Sleep(time.Second)
		off(time.Hour, "a second after the database is there")
		database(-2*time.Minute, 0, nil)
		time.Sleep(20 * time.Second)
		off(time.Hour, "until it measures again")
		time.Sleep(11 * time.Second)
		off(-2*time.Minute, "when it has measured again")
		database(time.Hour, 1500*time.Millisecond, nil)
		time.Sleep(time.Minute)
		off(-2*time.Minute, "when the answer is too slow to tell the time by")
		database(time.Hour, 0, gone)
		time.Sleep(time.Minute)
		off(-2*time.Minute, "while the database is away")
		database(20*time.Millisecond, 0, nil)
		time.Sleep(time.Minute)
		off(0, "when a round trip cannot measure the difference")
	})
}
