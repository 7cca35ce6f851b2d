package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

const (
	// intakePage is how many events share one transaction.
	intakePage = 500
	// intakePause is how long the intake waits after a transaction that failed.
	intakePause = 50 * time.Millisecond
	// joinPage is how many receipts are matched in one transaction, and joinPages how many pages one
	// round takes: the other parts of the round must not wait for a flood of receipts to end.
	joinPage  = 500
	joinPages = 40
)

// errCrowded means that too many events wait already.
var errCrowded = errors.New("too many receipts wait")

// An intake stores receipts and grants before the platform is told that we have them. Events that
// arrive while a transaction runs share the next one; nobody waits for a page to fill. What fails is
// tried again for as long as its sender waits, in smaller pages, so that one poisoned event ends
// alone; then the platform is told nothing, and sends it again.
type intake struct {
	keep  func(ctx context.Context, batch []channel.Inbound) error
	limit int           // how many may wait
	pause time.Duration // after a failure

	mu      sync.Mutex
	waiting []*arrival
	running bool // a goroutine is storing; it ends when nobody waits
}

// An arrival is one event whose sender waits to hear that it is stored.
type arrival struct {
	ctx    context.Context // its deadline is the platform's patience
	in     channel.Inbound
	stored chan struct{} // closed when it is
}

// take stores an event and returns when that is committed; an error says that it may not be.
func (i *intake) take(ctx context.Context, in channel.Inbound) error {
	a := &arrival{ctx: ctx, in: in, stored: make(chan struct{})}
	i.mu.Lock()
	if len(i.waiting) >= i.limit {
		i.mu.Unlock()
		return errCrowded
	}
	i.waiting = append(i.waiting, a)
	if !i.running {
		i.running = true
		// The transaction is many people's: it must not end with the patience of the first.
		go i.store(context.WithoutCancel(ctx))
	}
	i.mu.Unlock()
	if mistake("commit after ack") {
		return nil
	}
	select {
	case <-a.stored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// store commits page after page until nobody waits.
func (i *intake) store(ctx context.Context) {
	size := intakePage
	for {
		page := i.next(size)
		if len(page) == 0 {
			return
		}
		batch := make([]channel.Inbound, len(page))
		for n, a := range page {
			batch[n] = a.in
		}
		if err := i.keep(ctx, batch); err != nil {
			size = max(1, len(page)/2)
			i.back(page)
			wait(i.pause)
			continue
		}
		size = min(2*size, intakePage)
		for _, a := range page {
			close(a.stored)
		}
	}
}

// next takes up to n of those who still wait, first come first served. An empty page says that the
// storing has ended.
func (i *intake) next(n int) []*arrival {
	i.mu.Lock()
	defer i.mu.Unlock()
	var page []*arrival
	kept := i.waiting[:0]
	for _, a := range i.waiting {
		switch {
		case a.ctx.Err() != nil: // has left, and will come again
		case len(page) < n:
			page = append(page, a)
		default:
			kept = append(kept, a)
		}
	}
	clear(i.waiting[len(kept):])
	i.waiting = kept
	i.running = len(page) > 0
	return page
}

// back lets a page that failed wait on: in its place, and one that failed alone behind the others.
func (i *intake) back(page []*arrival) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(page) == 1 {
		i.waiting = append(i.waiting, page...)
		return
	}
	i.waiting = append(page, i.waiting...)
}

func wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// isReport says that a message is the platform's word on what was sent or allowed: it is stored, and
// has no reply.
func isReport(in channel.Inbound) bool {
	return in.Kind == channel.KindReceipt || in.Kind == channel.KindGrant
}

// takeReport stores a receipt or a grant. It is acknowledged only when it is committed.
func (s *Service) takeReport(ctx context.Context, in channel.Inbound) channel.Message {
	if err := s.intake.take(ctx, in); err != nil {
		s.o.Metrics.turn(string(in.Kind), "refused")
		return channel.Message{Kind: channel.MessageUnkept}
	}
	s.o.Metrics.turn(string(in.Kind), "done")
	return channel.Message{}
}

// keepReports writes a page of the intake. Receipts and grants are a transaction each: all of the page
// comes again when one of them fails, and what is stored then changes nothing.
func (s *Service) keepReports(ctx context.Context, batch []channel.Inbound) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v", p)
		}
		if err != nil {
			s.o.Metrics.failed("receipt")
			s.o.Logger.Warn("storing receipts and grants", "count", len(batch), "err", err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.o.Patience)
	defer cancel()
	var receipts []channel.Receipt
	var grants []GrantEvent
	for _, in := range batch {
		receipts = append(receipts, in.Receipts...)
		for _, g := range in.Grants {
			grants = append(grants, GrantEvent{Key: in.Key, From: in.From, At: in.At, Grant: g, Long: s.o.LongTemplates[g.Template]})
		}
	}
	now := s.o.Now()
	if len(receipts) > 0 {
		if err := s.o.Store.AppendReceipts(ctx, now, receipts); err != nil {
			return fmt.Errorf("storing receipts: %w", err)
		}
	}
	if len(grants) > 0 {
		if err := s.o.Store.ApplyGrants(ctx, now, grants); err != nil {
			return fmt.Errorf("applying grants: %w", err)
		}
	}
	return nil
}

// Join matches stored receipts with what was sent, page by page until no more are due or the round has
// had its share.
func (s *Service) Join(ctx context.Context) error {
	unmatched := 0
	defer func() {
		if unmatched > 0 {
			s.o.Logger.Warn("receipts that fit no delivery", "count", unmatched)
		}
	}()
	for range joinPages {
		joined, err := s.o.Store.JoinReceipts(ctx, s.o.Now(), joinPage)
		if err != nil {
			return fmt.Errorf("joining receipts: %w", err)
		}
		unmatched += joined.Unmatched
		if joined.Looked < joinPage {
			return nil
		}
	}
	return nil
}
