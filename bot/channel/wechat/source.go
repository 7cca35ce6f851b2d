package wechat

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// sourceAllowed checks the caller's address against the allowed list.
func (r *Receiver) sourceAllowed(req *http.Request) bool {
	allowed := *r.allowed.Load()
	if len(allowed) == 0 {
		return true
	}
	addr, ok := callerAddr(req, r.o.Trusted)
	return ok && within(addr, allowed)
}

// callerAddr is the address the request came from. X-Forwarded-For is believed only when the peer
// is a trusted proxy, and then from the right: the first address that is no trusted proxy itself
// is the caller; what stands to the left of it the caller wrote himself.
func callerAddr(req *http.Request, trusted []netip.Prefix) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	addr := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(req.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(addr, trusted); i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" && len(hops) == 1 {
			break // no header at all: the proxy itself is the caller
		}
		next, err := netip.ParseAddr(hop)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = next.Unmap().WithZone("")
	}
	return addr, true
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// refusalLog writes at most one line a minute for each reason, with the number of those it kept
// to itself: a flood of forged requests must not become a flood of lines, and a wrong token in the
// configuration must still be seen.
type refusalLog struct {
	now func() time.Time
	log *slog.Logger

	mu   sync.Mutex
	last map[Result]time.Time
	kept map[Result]int
}

func (l *refusalLog) note(why Result, source string) {
	now := l.now()
	l.mu.Lock()
	last, seen := l.last[why]
	if seen && now.Sub(last) < time.Minute && !now.Before(last) {
		l.kept[why]++
		l.mu.Unlock()
		return
	}
	if l.last == nil {
		l.last, l.kept = map[Result]time.Time{}, map[Result]int{}
	}
	kept := l.kept[why]
	l.last[why], l.kept[why] = now, 0
	l.mu.Unlock()
	l.log.Warn("request refused", "reason", string(why), "source", source, "unlogged", kept)
}
