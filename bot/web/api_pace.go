package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// pace holds each name to a number of requests a minute, with the minute's worth at once. It keeps
// one instant for a name: when the last request allowed so far would be due if they came evenly.
type pace struct {
	every time.Duration
	now   func() time.Time

	mu    sync.Mutex
	due   map[string]time.Time
	swept time.Time
}

// paceNames is how many names are kept. Beyond it those whose minute is over are forgotten; while
// there are more all the same, the new ones share one pace: memory stays flat whoever asks.
const paceNames = 10_000

func newPace(perMinute int, now func() time.Time) *pace {
	return &pace{every: time.Minute / time.Duration(perMinute), now: now, due: make(map[string]time.Time)}
}

// take counts a request of a name; a positive answer says how long to wait, and nothing is counted.
func (p *pace) take(name string) time.Duration {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.due[name]; !known && len(p.due) >= paceNames {
		p.sweep(now)
		if len(p.due) >= paceNames {
			name = ""
		}
	}
	due := p.due[name]
	if due.Before(now) || due.Sub(now) > time.Minute { // the latter: the clock was set back
		due = now
	}
	if wait := due.Add(p.every).Sub(now) - time.Minute; wait > 0 {
		return wait
	}
	p.due[name] = due.Add(p.every)
	return 0
}

// sweep forgets those whose minute is over, at most once a second: it looks at all of them.
func (p *pace) sweep(now time.Time) {
	if now.Sub(p.swept).Abs() < time.Second {
		return
	}
	p.swept = now
	for n, due := range p.due {
		if !due.After(now) {
			delete(p.due, n)
		}
	}
}

// clientAddress names where a request comes from: behind trusted proxies, the last address that is
// none of them. Of IPv6 it is the network that one customer has.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	at, err := netip.ParseAddr(host)
	for i := len(hops) - 1; err == nil && i >= 0 && within(at, trusted); i-- {
		next, bad := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if bad != nil {
			break
		}
		at = next
	}
	if err != nil {
		return host
	}
	if at = at.Unmap(); at.Is6() {
		if network, err := at.Prefix(64); err == nil {
			return network.String()
		}
	}
	return at.String()
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}
