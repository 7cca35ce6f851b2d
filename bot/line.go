package bot

import (
	"context"
	"sync"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// A line is where messages wait for a lane. It hands out batches of different people: nobody has
// two messages in flight on this replica, so a person's messages keep their order. A lane never
// waits for a batch to fill; who arrives while it works is in the next one.
type line struct {
	mu      sync.Mutex
	ready   *sync.Cond
	waiting []*waiter
	busy    map[channel.Address]struct{}
	limit   int
	closed  bool
}

// A waiter is one message whose sender waits for a reply.
type waiter struct {
	ctx   context.Context // its deadline is the platform's patience
	in    channel.Inbound
	reply chan answer // buffered: the lane never blocks on a sender who left

	mu        sync.Mutex
	abandoned bool // the sender was told "not recorded" before the lane was done
	done      bool
}

// answer is what the lane hands back.
type answer struct {
	message channel.Message
}

func newLine(limit int) *line {
	l := &line{busy: make(map[channel.Address]struct{}), limit: limit}
	l.ready = sync.NewCond(&l.mu)
	return l
}

// join puts w at the end; false when the line is full or closed.
func (l *line) join(w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) >= l.limit {
		return false
	}
	l.waiting = append(l.waiting, w)
	l.ready.Signal()
	return true
}

// take blocks until someone can be served, and returns at most limit waiters of different people,
// first come first served. nil means: closed, and nobody waits any more.
func (l *line) take(limit int) []*waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if batch := l.pick(limit); len(batch) > 0 {
			return batch
		}
		if l.closed && len(l.waiting) == 0 {
			return nil
		}
		l.ready.Wait()
	}
}

func (l *line) pick(limit int) []*waiter {
	var batch []*waiter
	kept := l.waiting[:0]
	for _, w := range l.waiting {
		if _, busy := l.busy[w.in.From]; busy || len(batch) == limit {
			kept = append(kept, w)
			continue
		}
		l.busy[w.in.From] = struct{}{}
		batch = append(batch, w)
	}
	clear(l.waiting[len(kept):])
	l.waiting = kept
	return batch
}

// release lets the next message of these people be taken.
func (l *line) release(batch []*waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range batch {
		delete(l.busy, w.in.From)
	}
	l.ready.Broadcast()
}

// close lets the lanes finish who waits already and then stop.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.ready.Broadcast()
}

// length tells how many wait.
func (l *line) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// finish gives the sender the reply. It reports false when the sender has left: they were told
// that nothing was recorded.
func (w *waiter) finish(m channel.Message) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abandoned {
		return false
	}
	w.done = true
	w.reply <- answer{message: m}
	return true
}

// abandon notes that the sender leaves. It reports false when the reply is there already.
func (w *waiter) abandon() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return false
	}
	w.abandoned = true
	return true
}
