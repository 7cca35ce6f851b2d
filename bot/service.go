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
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Sender sends proactive messages on one channel.
type Sender interface {
	// Send makes one call, without retries of its own that could double a message.
	Send(ctx context.Context, out channel.Outbound) channel.Outcome
	SendMass(ctx context.Context, out channel.MassOutbound) channel.Outcome
	Quota(ctx context.Context, way channel.Way) (channel.Quota, error)
	UploadMedia(ctx context.Context, kind channel.MessageKind, name string, content []byte) (id string, err error)
	// DownloadMedia fetches the file of an inbound message, at most limit bytes of it; channel.ErrMediaGone and
	// channel.ErrMediaBig say that there is no use in trying again.
	DownloadMedia(ctx context.Context, id string, limit int) ([]byte, error)
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

	AccountName  string                  // our name of the official account
	DayLimits    map[channel.Way]int     // calls a day where the platform does not say; 0: no limit
	DayReserve   int                     // calls of each day's quota that are kept back, at most a tenth of it
	Rates        map[channel.Way]float64 // calls a second over all replicas; 0: no limit
	Limiter      Limiter                 // nil: no limit
	ReleaseAbove int                     // a campaign to more people needs a second person; 0: never

	LongTemplates map[string]bool // ids of the templates whose grants have no end

	ReminderHour string       // "19:30"; "" switches the evening reminder off
	DigestHour   string       // "17:00"; "" switches the weekly digest off
	DigestDay    time.Weekday // of the digest

	// LessonURL returns the addresses of a lesson's page and of its picture ("" without one), for
	// cards; nil sends text only.
	LessonURL func(content.Ref, *content.Lesson) (page, picture string)

	// CertificatePicture draws a certificate as a PNG; fault.NotFound or fault.Conflict when there is none to be sent. nil
	// sends none.
	CertificatePicture func(ctx context.Context, n study.CertificateNumber) ([]byte, error)

	Lanes        int           // 2 batches in flight
	BatchSize    int           // 64 people a batch
	MaxWaiting   int           // 4,000 messages; more are told to come back
	Patience     time.Duration // 4.2 s from arrival to reply; the platform gives 5 s
	PollInterval time.Duration // 1 s between looks at schedule, outbox and leases
	Lease        time.Duration // 60 s
	SendLanes    int           // 2 groups in flight: one is written while another is on the wire
	SendWorkers  int           // 32 calls of a group at once; 1 makes them in order
	GroupSize    int           // 256 deliveries written ahead in one commit
	FreezePage   int           // 2,000 recipients planned and written in one transaction
}

func (o *Options) setDefaults() {
	setDefault(&o.Lanes, 2)
	setDefault(&o.BatchSize, 64)
	setDefault(&o.MaxWaiting, 4000)
	setDefault(&o.Patience, 4200*time.Millisecond)
	setDefault(&o.PollInterval, time.Second)
	setDefault(&o.Lease, time.Minute)
	setDefault(&o.SendLanes, 2)
	setDefault(&o.SendWorkers, 32)
	setDefault(&o.GroupSize, 256)
	setDefault(&o.FreezePage, 2000)
	setDefault(&o.AccountName, "default")
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
	o      Options
	line   *line
	intake intake
	core   atomic.Pointer[core]

	coreMu sync.Mutex // one change of core at a time

	unconfirmedMu sync.Mutex
	unconfirmed   map[channel.Address]channel.Inbound

	purgedAt    time.Time     // when the last purge was; of poll alone
	enrolledAt  time.Time     // when rules were last looked at; of poll alone
	advancedAt  time.Time     // when waiting orders were last looked at; of poll alone
	kick        chan struct{} // a moved clock or a new push asks for a look now
	kickSending chan struct{} // the same for the dispatcher
	kickFiles   chan struct{} // … for whoever fetches what trainers sent
	pausedUntil atomic.Int64  // Unix ms: the platform told us to stop sending
	pace        atomic.Int64  // deliveries written ahead together, see keepPace
	stops       stops
	books       books
	troubles    troubles

	mediaMu sync.Mutex
	media   map[string]Media // uploads this replica knows of, without their content
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
		kickSending: make(chan struct{}, 1),
		kickFiles:   make(chan struct{}, 1),
		stops:       stops{until: map[CampaignID]time.Time{}, inARow: map[CampaignID]int{}},
		books:       books{way: map[channel.Way]*book{}, said: map[channel.Way]int{}},
		media:       map[string]Media{},
	}
	s.intake = intake{keep: s.keepReports, limit: o.MaxWaiting, pause: intakePause}
	s.pace.Store(int64(min(firstPace, o.GroupSize)))
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
	answering, noMore := context.WithCancel(work)
	defer noMore()
	var answers, loops sync.WaitGroup
	answers.Go(func() { s.Answer(answering) })
	loops.Go(func() { s.poll(ctx, s.kick, func() { s.look(ctx) }) })
	loops.Go(func() { s.poll(ctx, s.kickSending, func() { s.send(ctx, work) }) })
	// A slow platform must hold up neither of the two.
	loops.Go(func() {
		s.poll(ctx, s.kickFiles, func() { s.try(ctx, "files", s.FetchFiles) })
	})
	loops.Wait() // returns after ctx has ended
	s.closeBooks(work)
	noMore()
	answers.Wait()
}

// Answer is the part of Run that answers people: until ctx ends, and then those who still wait.
func (s *Service) Answer(ctx context.Context) {
	defer context.AfterFunc(ctx, s.line.close)()
	work := context.WithoutCancel(ctx)
	var lanes sync.WaitGroup
	for range s.o.Lanes {
		lanes.Go(func() { s.lane(work) })
	}
	lanes.Wait()
}

// Kick asks schedule and dispatcher to look now instead of at the next poll.
func (s *Service) Kick() {
	nudge(s.kick)
	s.KickSending()
}

// KickSending asks the dispatcher alone.
func (s *Service) KickSending() { nudge(s.kickSending) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Library is the courses known at this moment.
func (s *Service) Library() *content.Library { return s.core.Load().library }

// poll does something again and again until ctx ends: at its interval, or when it is nudged.
func (s *Service) poll(ctx context.Context, kick <-chan struct{}, do func()) {
	ticker := time.NewTicker(s.o.PollInterval)
	defer ticker.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-kick:
		}
	}
}

// look does one round of everything but sending. A part that fails is logged and tried again at
// the next round; it does not hold up the others.
func (s *Service) look(ctx context.Context) {
	s.try(ctx, "enrol", s.enrol) // who joined today has today's lesson
	s.try(ctx, "orders", s.advanceOrders)
	s.try(ctx, "tick", s.Tick)
	s.try(ctx, "forecast", s.ForecastDrafts)
	s.try(ctx, "freeze", s.Freeze)
	s.try(ctx, "sweep", func(ctx context.Context) error { _, err := s.Sweep(ctx); return err })
	s.try(ctx, "join", s.Join)
	s.try(ctx, "purge", s.purge)
	s.try(ctx, "unconfirmed", s.flushUnconfirmed)
}

// send is a round of sending. It has a loop of its own: a push to many must hold up neither the
// schedule nor the sweeper.
func (s *Service) send(ctx, work context.Context) {
	s.try(ctx, "dispatch", func(ctx context.Context) error { _, err := s.Dispatch(ctx, work); return err })
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

// enrolEvery is how often the roster is looked through for people who fit the rules of classes. A roster that is
// imported is looked through at once.
const enrolEvery = time.Hour

func (s *Service) enrol(ctx context.Context) error {
	now := s.o.Now()
	if now.Sub(s.enrolledAt).Abs() < enrolEvery {
		return nil
	}
	n, err := s.o.Store.EnrolByRules(ctx, now)
	if err != nil {
		return err
	}
	s.enrolledAt = now
	if n > 0 {
		s.o.Logger.Info("enrolled by rule", "places", n)
	}
	return nil
}

// ordersEvery is how often it is looked for ordered courses whose turn has come because somebody left a class, or it
// ended. What is completed in the chat starts the next one at once.
const ordersEvery = 15 * time.Minute

func (s *Service) advanceOrders(ctx context.Context) error {
	now := s.o.Now()
	if now.Sub(s.advancedAt).Abs() < ordersEvery {
		return nil
	}
	n, err := s.o.Store.AdvanceOrders(ctx, now, s.OrderClass)
	if err != nil {
		return err
	}
	s.advancedAt = now
	if n > 0 {
		s.o.Logger.Info("started ordered courses", "people", n)
	}
	return nil
}

// OrderClass names the class in which an ordered course is learned; false for a course that is not taught.
func (s *Service) OrderClass(course string) (name string, taught bool) {
	c := s.Catalogue().Course(course)
	if c == nil {
		return "", false
	}
	return s.o.Phrases.Say("order.class", fault.A("course", c.Title)), true
}

// Catalogue finds the courses that are taught at this moment.
func (s *Service) Catalogue() *study.Catalogue { return s.core.Load().engine.Catalogue() }

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
