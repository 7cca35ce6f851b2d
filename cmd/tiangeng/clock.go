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
	measured atomic.Pointer[measurement] // nil before the first one
	source   func() time.Time
}

// measurement is how far the host's clock was off at a moment. From then on time goes by the host's monotonic clock:
// whoever sets the host's clock does not set ours.
type measurement struct {
	at     time.Time
	offset time.Duration
}

func (c *clock) Now() time.Time {
	now := time.Now()
	if c.source != nil {
		now = c.source()
	} else if m := c.measured.Load(); m != nil {
		now = m.at.Add(m.offset + now.Sub(m.at))
	}
	return now.UTC().Truncate(time.Millisecond)
}

// set reports whether the clock moved by more than a second.
func (c *clock) set(offset time.Duration) bool {
	var before time.Duration
	m := c.measured.Swap(&measurement{at: time.Now(), offset: offset})
	if m != nil {
		before = m.offset
	}
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
// row 21). It measures every half minute, every second until it has measured once.
func (c *clock) followDatabase(ctx context.Context, ping func(context.Context) (time.Time, error), log *slog.Logger) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for !c.measure(ctx, ping, log) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
	every(ctx, 30*time.Second, func() { c.measure(ctx, ping, log) })
}

// measure compares the host's clock with the database's once; a skew above two seconds is an alarm. Without
// an answer, or with one that is too slow to tell the time by, the last offset stays and it is false.
func (c *clock) measure(ctx context.Context, ping func(context.Context) (time.Time, error), log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	began := time.Now()
	db, err := ping(ctx)
	took := time.Since(began)
	if err != nil || took > time.Second { // readiness says so already
		return false
	}
	offset := db.Sub(began.Add(took / 2))
	if offset.Abs() > 2*time.Second {
		log.Error("this host's clock and the database's differ: set the host's clock (NTP)", "seconds", offset.Seconds())
	}
	if offset.Abs() < 50*time.Millisecond {
		offset = 0 // within what a round trip can measure
	}
	c.set(offset)
	return true
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
