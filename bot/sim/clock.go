package sim

import (
	"sync"
	"time"
)

// Clock is the platform's time: the host's plus an offset that people may move. It is safe for
// concurrent use; the zero value runs with the host.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	subs   map[int]func(time.Time)
	next   int
}

// Now returns the platform's time.
func (c *Clock) Now() time.Time { return time.Now().Add(c.Offset()) }

// Offset returns how far the platform's time is ahead of the host's.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Advance moves the time by d, which may be negative.
func (c *Clock) Advance(d time.Duration) {
	c.move(func(offset time.Duration) time.Duration { return offset + d })
}

// Set moves the time to t.
func (c *Clock) Set(t time.Time) { c.setOffset(time.Until(t)) }

func (c *Clock) setOffset(d time.Duration) {
	c.move(func(time.Duration) time.Duration { return d })
}

func (c *Clock) move(to func(offset time.Duration) time.Duration) {
	c.mu.Lock()
	c.offset = to(c.offset)
	subs := make([]func(time.Time), 0, len(c.subs))
	for _, f := range c.subs {
		subs = append(subs, f)
	}
	c.mu.Unlock()
	for _, f := range subs {
		f(c.Now())
	}
}

// Subscribe calls f after every move of the clock, until stop is called.
func (c *Clock) Subscribe(f func(time.Time)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		c.subs = make(map[int]func(time.Time))
	}
	id := c.next
	c.next++
	c.subs[id] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, id)
	}
}
