package bot

import (
	"context"
	"sync"
	"time"
)

// tellAgain is how often a part that goes on failing is told of: a database that is away for a night must not fill the disk.
const tellAgain = time.Minute

// troubles are the parts of the service that fail just now.
type troubles struct {
	mu sync.Mutex
	of map[string]*trouble
}

type trouble struct {
	since, told time.Time
	failures    int
}

// failed counts a failure; tell says that it is worth a line: the first, and then one each minute.
func (t *troubles) failed(part string, now time.Time) (x trouble, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*trouble{}
	}
	p := t.of[part]
	if p == nil {
		p = &trouble{since: now}
		t.of[part] = p
	}
	p.failures++
	if tell = p.failures == 1 || now.Sub(p.told).Abs() >= tellAgain; tell {
		p.told = now
	}
	return *p, tell
}

// over forgets a part's trouble, and returns it when there was one.
func (t *troubles) over(part string) (x trouble, was bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.of[part]
	if p == nil {
		return trouble{}, false
	}
	delete(t.of, part)
	return *p, true
}

// try does one part of the service's work. Whatever fails is done again at the next round.
func (s *Service) try(ctx context.Context, part string, do func(context.Context) error) {
	switch err := do(ctx); {
	case err == nil:
		if x, was := s.troubles.over(part); was {
			s.o.Logger.Info("a part of the service works again", "part", part, "failures", x.failures, "after", s.o.Now().Sub(x.since).Round(time.Second).String())
		}
	case ctx.Err() == nil:
		s.o.Metrics.failed(part)
		if x, tell := s.troubles.failed(part, s.o.Now()); tell {
			s.o.Logger.Warn("a part of the service failed and is tried again", "part", part, "failures", x.failures, "err", err)
		}
	}
}
