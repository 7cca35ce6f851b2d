package bot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Sender sends proactive messages on one channel.
type Sender interface {
	// Send makes one call, without retries of its own that could double a message.
	Send(ctx context.Context, out channel.Outbound) channel.Outcome
}

// Options are what a Service is made of. Limits left zero get the defaults named beside them.
type Options struct {
	Store    Store
	Cache    Cache
	Engine   *conversation.Engine
	Library  *content.Library
	Phrases  *content.Phrases
	Calendar study.Calendar
	Account  delivery.Account // what the official account may use; Spent is the service's own
	Policy   delivery.Policy
	Senders  map[string]Sender // by channel name
	Now      func() time.Time  // the service's clock; never nil
	Logger   *slog.Logger
	Metrics  *Metrics // nil for none
	Replica  string   // name of this process among the replicas, unique

	// LessonURL returns the addresses of a lesson's page and of its picture ("" without one), for
	// cards; nil sends text only.
	LessonURL func(content.Ref, *content.Lesson) (page, picture string)

	Lanes        int           // 2 batches in flight
	BatchSize    int           // 64 people a batch
	MaxWaiting   int           // 4,000 messages; more are told to come back
	Patience     time.Duration // 4.2 s from arrival to reply; the platform gives 5 s
	PollInterval time.Duration // 1 s between looks at schedule, outbox and leases
	Lease        time.Duration // 60 s
	SendWorkers  int           // 8 calls at once
	ClaimSize    int           // 100: no more than the workers send within a third of a lease
}

func (o *Options) setDefaults() {
	setDefault(&o.Lanes, 2)
	setDefault(&o.BatchSize, 64)
	setDefault(&o.MaxWaiting, 4000)
	setDefault(&o.Patience, 4200*time.Millisecond)
	setDefault(&o.PollInterval, time.Second)
	setDefault(&o.Lease, time.Minute)
	setDefault(&o.SendWorkers, 8)
	setDefault(&o.ClaimSize, 100)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Service turns messages into committed turns, and the schedule into deliveries.
type Service struct {
	o    Options
	line *line
	core atomic.Pointer[core]

	coreMu sync.Mutex // one change of core at a time

	unconfirmedMu sync.Mutex
	unconfirmed   map[channel.Address]channel.Inbound

	purgedAt    time.Time     // when the last purge was; of poll alone
	kick        chan struct{} // a moved clock or a new push asks for a look now
	pausedUntil atomic.Int64  // Unix ms: the platform told us to stop sending
}

// core is the pure part with the course versions it knows.
type core struct {
	engine  *conversation.Engine
	library *content.Library
}

// New makes a Service; Run starts it.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Cache == nil || o.Engine == nil || o.Library == nil || o.Phrases == nil || o.Now == nil || o.Replica == "" {
		return nil, errors.New("making the service: store, cache, engine, library, phrases, clock and replica name are needed")
	}
	o.setDefaults()
	s := &Service{
		o:           o,
		line:        newLine(o.MaxWaiting),
		unconfirmed: make(map[channel.Address]channel.Inbound),
		kick:        make(chan struct{}, 1),
	}
	s.core.Store(&core{engine: o.Engine, library: o.Library})
	o.Metrics.watchLine(s.line.length)
	return s, nil
}

// Run serves until ctx ends and then finishes: messages that wait are still answered, sends that
// have begun are settled, nothing new is begun (G1). It returns when all its goroutines have.
func (s *Service) Run(ctx context.Context) {
	// Work outlives ctx on purpose: stopping must not turn a half-done commit or call into an
	// unknown one. Each piece of work has its own time limit.
	work := context.WithoutCancel(ctx)
	var lanes, loops sync.WaitGroup
	for range s.o.Lanes {
		lanes.Go(func() { s.lane(work) })
	}
	loops.Go(func() { s.poll(ctx, work) })
	loops.Wait() // returns after ctx has ended
	s.line.close()
	lanes.Wait()
}

// Kick asks the schedule and the dispatcher to look now instead of at the next poll.
func (s *Service) Kick() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Library is the courses known at this moment.
func (s *Service) Library() *content.Library { return s.core.Load().library }

// poll looks at schedule, outbox and leases until ctx ends.
func (s *Service) poll(ctx, work context.Context) {
	ticker := time.NewTicker(s.o.PollInterval)
	defer ticker.Stop()
	for {
		s.look(ctx, work)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.kick:
		}
	}
}

// look does one round: schedule, leases, outbox, unconfirmed marks. A part that fails is logged
// and tried again at the next round; it does not hold up the others.
func (s *Service) look(ctx, work context.Context) {
	log := s.o.Logger
	if err := s.Tick(ctx); err != nil && ctx.Err() == nil {
		s.o.Metrics.failed("tick")
		log.Warn("looking at the schedule", "err", err)
	}
	if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
		s.o.Metrics.failed("sweep")
		log.Warn("sweeping leases", "err", err)
	}
	if _, err := s.Dispatch(ctx, work); err != nil && ctx.Err() == nil {
		s.o.Metrics.failed("dispatch")
		log.Warn("dispatching deliveries", "err", err)
	}
	if err := s.purge(ctx); err != nil && ctx.Err() == nil {
		s.o.Metrics.failed("purge")
		log.Warn("purging", "err", err)
	}
	if err := s.flushUnconfirmed(ctx); err != nil && ctx.Err() == nil {
		s.o.Metrics.failed("unconfirmed")
		log.Warn("marking unconfirmed messages", "err", err)
	}
}

// purgeEvery is how often old stored replies are looked for.
const purgeEvery = time.Hour

func (s *Service) purge(ctx context.Context) error {
	now := s.o.Now()
	if now.Sub(s.purgedAt).Abs() < purgeEvery {
		return nil
	}
	rows, err := s.o.Store.Purge(ctx, now)
	if err != nil {
		return err
	}
	s.purgedAt = now
	if rows > 0 {
		s.o.Logger.Info("purged", "rows", rows)
	}
	return nil
}

// learnVersion makes sure that the course version is known, reading it from the store when the
// files have moved on. Unknown there too is an error: the turn fails rather than being marked by
// another version.
func (s *Service) learnVersion(ctx context.Context, ref content.Ref) (*core, error) {
	c := s.core.Load()
	if c.library.Version(ref) != nil {
		return c, nil
	}
	s.coreMu.Lock()
	defer s.coreMu.Unlock()
	c = s.core.Load()
	if c.library.Version(ref) != nil {
		return c, nil
	}
	course, err := s.o.Store.Course(ctx, ref)
	if err != nil {
		return nil, err
	}
	library := c.library.With(course)
	c = &core{engine: c.engine.WithLibrary(library), library: library}
	s.core.Store(c)
	return c, nil
}
