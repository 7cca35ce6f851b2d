package cache

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiangeng/tiangeng/bot"
)

var _ bot.Limiter = (*Cache)(nil)

// rateKey holds when the next permit of a rate would be due if they were taken evenly (Unix µs, GCRA's
// theoretical arrival time). Rebuilt from nothing: whoever finds none begins with a full burst.
func rateKey(name string) string { return "tg:{" + tag("rate "+name) + "}:rate" }

// rateMemory bounds how far a rate may be in debt: a clock that jumps back stops nobody for longer.
const rateMemory = 10 * time.Second

// takePermits is gcra.take on the server, so that all replicas take from one count and one clock.
//
//	ARGV  microseconds a permit, burst, permits wanted, permits owed, now (Unix µs; 0: the server's clock), memory in µs
var takePermits = redis.NewScript(`
local interval, burst, n, owed, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local due = tonumber(redis.call('GET', KEYS[1]) or '0')
local full = now + interval * burst
due = math.min(math.max(due, now) + owed * interval, full + tonumber(ARGV[6]))
local granted = math.max(0, math.min(n, math.floor((full - due) / interval)))
local wait = 0
if granted == 0 then
  wait = due + math.min(n, math.ceil(burst / 2)) * interval - full
end
due = due + granted * interval
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 60000)
return {granted, wait}`)

// gcra is a rate: a permit every interval, and up to burst of them at once.
type gcra struct {
	interval int64 // µs, rounded up: never faster than asked for
	burst    int64
}

// newGCRA makes a rate whose burst is a tenth of a second's worth, at least one.
func newGCRA(perSecond float64) gcra {
	return gcra{interval: max(1, int64(math.Ceil(1e6/perSecond))), burst: max(1, int64(perSecond/10))}
}

// share is what one of some replicas may take alone, so that over any ten seconds all of them together
// keep to what they may take together. Each needs a burst of one to take anything; where these are more
// than the common burst, the interval makes up for it.
func (g gcra) share(replicas int) gcra {
	if replicas <= 1 {
		return g
	}
	r := int64(replicas)
	burst := max(1, g.burst/r)
	window := rateMemory.Microseconds()
	all := window/g.interval + g.burst // permits in ten seconds
	if left := all - r*burst; left > 0 {
		return gcra{interval: max(g.interval*r, (window*r+left-1)/left), burst: burst}
	}
	return gcra{interval: g.interval * r, burst: burst}
}

// take grants up to n permits at now. due is when the next would be due; none granted says how long to
// wait: for half a burst, so that nobody asks for every single one. The same as takePermits.
func (g gcra) take(due, now, n int64) (granted, wait, next int64) {
	full := now + g.interval*g.burst
	due = min(max(due, now), full+rateMemory.Microseconds())
	granted = max(0, min(n, floorDiv(full-due, g.interval)))
	if granted == 0 {
		wait = due + min(n, (g.burst+1)/2)*g.interval - full
	}
	return granted, wait, due + granted*g.interval
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -1
	}
	return a / b
}

// limits are the rates of this replica: what it takes alone while Redis does not answer.
type limits struct {
	replicas int
	now      func() time.Time // nil: the clock of the Redis server

	mu    sync.Mutex
	rates map[string]*localRate
}

// localRate is one rate, taken alone.
type localRate struct {
	due int64 // as in gcra.take, of the replica's share

	// Permits granted alone in this span of time and in the one before. They are taken from the common
	// count when this replica comes back. A span is the breaker's pause, for no older ones can have been
	// granted beside those of replicas that had Redis back sooner, or the share's interval if longer.
	span          int64
	current, last int64
}

// Allow takes permits from the count in Redis, which all replicas share. Where Redis does not answer
// this replica keeps to its share, beginning with no burst. While some replicas reach Redis and others
// do not, the total may be above the rate by the shares of the latter.
func (c *Cache) Allow(ctx context.Context, name string, n int, perSecond float64) (granted int, wait time.Duration) {
	if n <= 0 || perSecond <= 0 {
		return 0, time.Second
	}
	g := newGCRA(perSecond)
	if c.breaker.allow() {
		granted, wait, err := c.shared(ctx, name, n, g)
		switch {
		case err == nil:
			return granted, wait
		case errors.Is(err, context.Canceled):
			return 0, wait
		}
	}
	return c.alone(name, n, g)
}

// shared takes permits from the common count.
func (c *Cache) shared(ctx context.Context, name string, n int, g gcra) (int, time.Duration, error) {
	var now int64
	if c.limits.now != nil {
		now = c.limits.now().UnixMicro()
	}
	owed := c.limits.owed(name, c.breaker.now(), g)
	v, err := takePermits.Run(ctx, c.client, []string{rateKey(name)}, g.interval, g.burst, n, owed, now, rateMemory.Microseconds()).Int64Slice()
	if err == nil && len(v) != 2 {
		err = errors.New("redis gave no permits")
	}
	if err := c.breaker.settle(err); err != nil {
		return 0, 0, err
	}
	c.limits.paid(name, c.breaker.now(), g, owed)
	return int(v[0]), time.Duration(v[1]) * time.Microsecond, nil
}

// alone takes permits of this replica's share.
func (c *Cache) alone(name string, n int, g gcra) (int, time.Duration) {
	l := &c.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	now := c.breaker.now().UnixMicro()
	r := l.rate(name)
	mine := g.share(l.replicas)
	granted, wait, due := mine.take(r.due, now, int64(n))
	r.due = due
	r.turn(now, mine)
	r.current += granted
	return int(granted), time.Duration(wait) * time.Microsecond
}

// rate is called with the lock held.
func (l *limits) rate(name string) *localRate {
	r := l.rates[name]
	if r == nil {
		if l.rates == nil {
			l.rates = map[string]*localRate{}
		}
		r = &localRate{}
		l.rates[name] = r
	}
	return r
}

// turn begins a new span.
func (r *localRate) turn(now int64, mine gcra) {
	switch s := now / max(breakerPause.Microseconds(), mine.interval); s - r.span {
	case 0:
	case 1:
		r.span, r.last, r.current = s, r.current, 0
	default:
		r.span, r.last, r.current = s, 0, 0
	}
}

// owed is what was granted alone just now.
func (l *limits) owed(name string, now time.Time, g gcra) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rate(name)
	r.turn(now.UnixMicro(), g.share(l.replicas))
	return r.last + r.current
}

// paid notes that Redis counts, and has counted what was owed; whoever goes on alone from here begins
// with no burst.
func (l *limits) paid(name string, now time.Time, g gcra, owed int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rate(name)
	old := min(owed, r.last)
	r.last -= old
	r.current -= min(owed-old, r.current)
	mine := g.share(l.replicas)
	r.due = max(r.due, now.UnixMicro()+mine.interval*mine.burst)
}
