package cache

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// embedded is a Redis in this process, for the demo and for one-process installations. It speaks the
// same protocol to the same client code. It forgets everything at the end, and keys live up to one
// tick too long: it does not expire keys by itself.
type embedded struct {
	server *miniredis.Miniredis
	secret string // other programs of this machine can reach the port, and must not read conversations
	stop   chan struct{}
	done   sync.WaitGroup
}

// embeddedTick is how often keys expire. The walk over all keys costs about 0.2 ms a thousand.
const embeddedTick = time.Second

func startEmbedded() (*embedded, error) {
	e := &embedded{server: miniredis.NewMiniRedis(), secret: rand.Text(), stop: make(chan struct{})}
	e.server.RequireAuth(e.secret)
	if err := e.server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting the embedded Redis: %w", err)
	}
	e.done.Go(func() {
		ticker := time.NewTicker(embeddedTick)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-e.stop:
				return
			case now := <-ticker.C:
				e.server.SetTime(now)
				e.server.FastForward(now.Sub(last))
				last = now
			}
		}
	})
	return e, nil
}

// url is where and how this process alone can reach it.
func (e *embedded) url() string { return "redis://:" + e.secret + "@" + e.server.Addr() }

func (e *embedded) close() {
	close(e.stop)
	e.done.Wait()
	e.server.Close()
}
