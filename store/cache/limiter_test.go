package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/store/storetest"
)

// clock is moved by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// side opens replicas side by side, all with one clock.
func side(t *testing.T, url string, replicas int, at *clock) []*Cache {
	t.Helper()
	var list []*Cache
	for range replicas {
		c, err := New(Options{URL: url, Replicas: replicas})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if at != nil {
			c.breaker.now, c.limits.now = at.now, at.now
		}
		list = append(list, c)
	}
	return list
}

// grants are permits with the times they were granted at.
type grants struct {
	at    []time.Time
	count []int
	total int
}

func (g *grants) add(at time.Time, n int) {
	if n > 0 {
		g.at, g.count, g.total = append(g.at, at), append(g.count, n), g.total+n
	}
}

// most is the most permits of any window of that length.
func (g *grants) most(window time.Duration) int {
	most, sum, from := 0, 0, 0
	for i := range g.at {
		for sum += g.count[i]; !g.at[from].After(g.at[i].Add(-window)); from++ {
			sum -= g.count[from]
		}
		most = max(most, sum)
	}
	return most
}

// check wants rate×10 and a burst, a tenth of a second's worth, in any ten seconds (bot.Limiter).
func (g *grants) check(t *testing.T, perSecond float64) {
	t.Helper()
	if limit := int(perSecond*10) + int(max(1, perSecond/10)); g.most(10*time.Second) > limit {
		t.Errorf("%d permits in ten seconds, want at most %d", g.most(10*time.Second), limit)
	}
}

// urls is a real Redis, and the embedded one of somebody else.
func urls(t *testing.T) map[string]string {
	t.Helper()
	host := open(t, "embedded")
	return map[string]string{"redis": storetest.Redis(t), "embedded": host.embedded.url()}
}

func TestReplicasTogetherKeepToARate(t *testing.T) {
	t.Parallel()
	for name, url := range urls(t) {
		for _, perSecond := range []float64{0.3, 1, 7, 45, 333, 5000} {
			t.Run(fmt.Sprint(name, " ", perSecond), func(t *testing.T) {
				t.Parallel()
				at := newClock()
				random := rand.New(rand.NewPCG(1, uint64(perSecond*10)))
				replicas := side(t, url, 3, at)
				free := make([]time.Time, 3)
				var all grants
				begun := at.now()
				for at.now().Sub(begun) < 40*time.Second {
					r := random.IntN(3)
					if free[r].After(at.now()) { // it keeps to the pause that it was told
						at.pass(max(time.Millisecond, slices.MinFunc(free, time.Time.Compare).Sub(at.now())))
						continue
					}
					n := 1 + random.IntN(int(perSecond)+3)
					granted, wait := replicas[r].Allow(t.Context(), fmt.Sprint(perSecond), n, perSecond)
					if granted > n || granted == 0 && wait <= 0 || granted > 0 && wait != 0 {
						t.Fatalf("%d of %d permits, wait %s", granted, n, wait)
					}
					all.add(at.now(), granted)
					free[r] = at.now().Add(wait)
				}
				all.check(t, perSecond)
				if want := int(0.9*40*perSecond) - 1; all.total < want {
					t.Errorf("%d permits in 40 s, want at least %d: they are there to be used", all.total, want)
				}
			})
		}
	}
}

// The script on the server and the arithmetic of a replica alone are the same.
func TestTheScriptIsTheArithmetic(t *testing.T) {
	t.Parallel()
	for name, url := range urls(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newClock()
			c := side(t, url, 1, at)[0]
			random := rand.New(rand.NewPCG(3, 3))
			var due int64
			g := newGCRA(123)
			for i := range 2000 {
				n := 1 + random.Int64N(30)
				granted, wait, next := g.take(due, at.now().UnixMicro(), n)
				got, gotWait, err := c.shared(t.Context(), "same", int(n), g)
				if err != nil || int64(got) != granted || gotWait.Microseconds() != wait {
					t.Fatalf("%d: %d, %s, %v; want %d, %d µs", i, got, gotWait, err, granted, wait)
				}
				due = next
				at.pass(time.Duration(random.Int64N(200_000)) * time.Microsecond)
				if i%500 == 499 { // the clock of the server jumps back
					at.pass(-time.Hour)
				}
			}
		})
	}
}

// By the server's own clock: three replicas that ask all the time.
func TestABurstByTheServersClock(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"redis": storetest.Redis(t), "embedded": "embedded"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const perSecond = 2000
			replicas := side(t, url, 3, nil)
			if url == "embedded" {
				replicas = slices.Repeat(replicas[:1], 3) // it is one process's
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var mu sync.Mutex
			var group sync.WaitGroup
			total := 0
			begun := time.Now()
			for _, c := range replicas {
				group.Go(func() {
					for ctx.Err() == nil {
						granted, wait := c.Allow(ctx, name, 50, perSecond)
						mu.Lock()
						total += granted
						mu.Unlock()
						select {
						case <-time.After(wait):
						case <-ctx.Done():
						}
					}
				})
			}
			group.Wait()
			spent := time.Since(begun)
			if most := int(perSecond*spent.Seconds()) + perSecond/10 + 1; total > most || total < most/4 {
				t.Errorf("%d permits in %s, want at most %d and not much less", total, spent, most)
			}
		})
	}
}

func TestEachKeepsToItsShareWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{1, 8, 60, 900} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			t.Parallel()
			server := storetest.StartRedis(t)
			at := newClock()
			replicas := side(t, server.URL(), 3, at)
			var all, away, back grants
			begun := at.now()
			for step := range 3000 { // a minute
				switch step {
				case 1000:
					server.Kill()
				case 2000:
					server.Start()
				}
				for i := range replicas {
					granted, _ := replicas[(step+i)%3].Allow(t.Context(), "rate", 1+int(perSecond/3), perSecond)
					all.add(at.now(), granted)
					switch since := at.now().Sub(begun); {
					case since >= 20*time.Second && since < 40*time.Second:
						away.add(at.now(), granted)
					case since >= 40*time.Second:
						back.add(at.now(), granted)
					}
				}
				at.pass(20 * time.Millisecond)
			}
			all.check(t, perSecond)
			// In 20 s, less the burst that each begins without; a low rate gives up a third for its bursts.
			if want := int(perSecond * 20 * 0.6); away.total < want {
				t.Errorf("%d permits in 20 s without Redis, want at least %d", away.total, want)
			}
			// Each pays first for what it was granted alone just before.
			if want := int(perSecond*20*0.8) - 6; back.total < want {
				t.Errorf("%d permits in 20 s after Redis came back, want at least %d", back.total, want)
			}
		})
	}
}

func TestWhoWantsNothingGetsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		for _, x := range []struct {
			n    int
			rate float64
		}{{0, 10}, {-3, 10}, {5, 0}} {
			if granted, wait := c.Allow(t.Context(), "rate", x.n, x.rate); granted != 0 || wait <= 0 {
				t.Errorf("%+v: %d, %s", x, granted, wait)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if granted, _ := c.Allow(ctx, "rate", 5, 10); granted != 0 {
			t.Errorf("somebody who has left gets %d", granted)
		}
	})
}
