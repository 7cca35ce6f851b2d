package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/configs"
)

// clock is the service's time: the host's, corrected by an offset that somebody measures; or that
// of source, when there is one (the demo's simulator).
type clock struct {
	offset atomic.Int64 // nanoseconds
	source func() time.Time
}

func (c *clock) Now() time.Time {
	if c.source != nil {
		return c.source().UTC().Truncate(time.Millisecond)
	}
	return time.Now().Add(time.Duration(c.offset.Load())).UTC().Truncate(time.Millisecond)
}

// set reports whether the clock moved by more than a second.
func (c *clock) set(offset time.Duration) bool {
	before := time.Duration(c.offset.Swap(int64(offset)))
	return (offset - before).Abs() > time.Second
}

// openClock is the clock of a command: the host's, or a simulator's where one is followed.
func openClock(ctx context.Context, c *configs.Config) (*clock, error) {
	k := &clock{}
	if c.Clock.Follow == "" {
		return k, nil
	}
	offset, err := simulatorOffset(ctx, &http.Client{Timeout: 2 * time.Second}, clockURL(c.Clock.Follow))
	if err != nil {
		return nil, fmt.Errorf("clock.follow: the simulator does not answer: %w", err)
	}
	k.set(offset)
	return k, nil
}

func clockURL(base string) string { return strings.TrimRight(base, "/") + "/sim/api/clock" }

// followDatabase lets the replicas agree: each follows the database's clock (reliability §2.2,
// row 21). It measures every half minute; a skew above two seconds is an alarm.
func (c *clock) followDatabase(ctx context.Context, ping func(context.Context) (time.Time, error), log *slog.Logger) {
	measure := func() {
		began := time.Now()
		db, err := ping(ctx)
		if err != nil {
			return // readiness says so already; the last offset stays
		}
		took := time.Since(began)
		if took > time.Second {
			return // too slow to tell the time by
		}
		offset := db.Sub(began.Add(took / 2))
		if offset.Abs() > 2*time.Second {
			log.Error("this host's clock and the database's differ: set the host's clock (NTP)", "seconds", offset.Seconds())
		}
		if offset.Abs() < 50*time.Millisecond {
			offset = 0 // within what a round trip can measure
		}
		c.set(offset)
	}
	measure()
	every(ctx, 30*time.Second, measure)
}

// followSimulator takes the time from a simulator, for tests that travel in time. moved is called
// when it has jumped.
func (c *clock) followSimulator(ctx context.Context, base string, moved func(), log *slog.Logger) {
	client := &http.Client{Timeout: 2 * time.Second}
	url := clockURL(base)
	look := func() {
		offset, err := simulatorOffset(ctx, client, url)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("following the simulator's clock", "err", err)
			}
			return
		}
		if c.set(offset) {
			moved()
		}
	}
	look()
	every(ctx, 100*time.Millisecond, look)
}

func simulatorOffset(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // read to the end below
	var answer struct {
		OffsetMs int64 `json:"offsetMs"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&answer); err != nil {
		return 0, fmt.Errorf("reading the clock: %w", err)
	}
	return time.Duration(answer.OffsetMs) * time.Millisecond, nil
}

func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}
