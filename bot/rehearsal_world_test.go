package bot_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing/synctest"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// A rehearsal is one run of the real planner and dispatcher, several replicas of it, on a database
// and a platform that are models: everything that may go wrong between two of their steps does, as a
// seed draws it. One goroutine runs at a time and the clock is the bubble's, so a seed always makes
// the same run.

// actor is one loop of one replica: it runs until it asks database or platform for something and
// goes on when the rehearsal lets it.
type actor struct {
	name   string
	of     *replica
	resume chan bool // false: the process is gone
	gone   bool
	where  [2]string // what it waits for: the step and its part
}

// replica is one process.
type replica struct {
	name        string
	service     *bot.Service
	actors      []*actor
	stop        context.CancelFunc
	stopping    bool
	frozenUntil time.Time // SIGSTOP, a long pause of the collector
	w           *world
	zone        *time.Location // of its host
	off         time.Duration  // how far its clock is ahead of the database's, as it was last measured
	measures    time.Time      // when it measures again, zero for nothing to be found then
}

// clock is what a replica takes for the time: the database's, as measured every half minute.
func (r *replica) clock() time.Time {
	w := r.w
	if !w.clocks {
		return w.now().In(r.zone)
	}
	if !r.measures.IsZero() && !w.now().Before(r.measures) {
		r.off, r.measures = w.drift(), time.Time{}
	}
	return w.dbNow().Add(r.off).In(r.zone)
}

// drift is how well a clock is measured: two of them are never further apart than two seconds (reliability §2.2, 21).
func (w *world) drift() time.Duration { return time.Duration(w.draw(2001)-1000) * time.Millisecond }

// slackOf is how far a replica's clock may be from the platform's at this moment.
func (w *world) slackOf(r *replica) time.Duration {
	if !w.clocks {
		return 0
	}
	return 2*time.Second + r.off.Abs()
}

func (w *world) slack(ctx context.Context) time.Duration {
	a, _ := ctx.Value(actorKey{}).(*actor)
	return w.slackOf(a.of)
}

// failOver gives the database another clock; replicas go on with what they have measured until they measure again.
func (w *world) failOver() {
	was := w.skew
	w.skew = w.drift()
	w.met["another clock of the database"]++
	w.trace("the database's clock is %v off now", w.skew)
	for _, r := range w.replicas {
		r.off += was - w.skew
		r.measures = w.now().Add(time.Duration(w.draw(30)) * time.Second)
	}
}

func (r *replica) gone() bool {
	for _, a := range r.actors {
		if !a.gone {
			return false
		}
	}
	return true
}

type killed struct{}

// idle is where a loop stands between two rounds.
const idle = "idle"

type actorKey struct{}

// world is one rehearsal.
type world struct {
	seed     uint64
	rng      *rand.Rand
	began    time.Time
	origin   time.Time // what the clock showed then
	yield    chan struct{}
	replicas []*replica
	spawned  int
	calm     bool          // no more faults
	stopped  bool          // the database's clock stands
	skew     time.Duration // of the database's clock
	clocks   bool          // replicas have clocks of their own
	masses   bool          // mostly mass sends: nobody has written, nobody allows anything
	reminder string        // hour of the evening reminder
	lookedTo time.Time     // up to when the schedule had been looked at in the beginning, zero for never
	fresh    bool          // it had never been
	planted  string
	store    *modelStore
	platform *modelPlatform
	late     []func()       // transactions that commit later than their client waits
	met      map[string]int // what happened how often
	broken   string         // the first invariant that did not hold
	log      []string
	tracing  bool
}

func (w *world) now() time.Time { return w.origin.Add(time.Since(w.began)) }

// dbNow is the database's clock.
func (w *world) dbNow() time.Time {
	if w.stopped { // beside a real database, whose own clock goes on: leases end when somebody says so
		return w.origin
	}
	return w.now().Add(w.skew)
}

func (w *world) draw(n int) int { return w.rng.IntN(n) }

// chance is true p times in a thousand.
func (w *world) chance(p int) bool { return w.rng.IntN(1000) < p }

func (w *world) trace(format string, args ...any) {
	if w.tracing {
		w.log = append(w.log, w.now().In(china).Format("02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// breaks notes that an invariant does not hold.
func (w *world) breaks(id, format string, args ...any) {
	if w.broken == "" {
		w.broken = id + ": " + fmt.Sprintf(format, args...)
		w.trace("BROKEN %s", w.broken)
	}
}

var china = time.FixedZone("Asia/Shanghai", 8*3600)

// gate lets everybody else go first, if the rehearsal wants that.
func gate(ctx context.Context, w *world, step, part string) {
	a, _ := ctx.Value(actorKey{}).(*actor)
	if a == nil || w.calm && step != idle {
		return
	}
	a.where = [2]string{step, part}
	w.yield <- struct{}{}
	if !<-a.resume {
		panic(killed{})
	}
}

// let runs an actor up to its next gate.
func (w *world) let(a *actor, live bool) {
	a.resume <- live
	<-w.yield
}

// spawn starts a loop of a replica; it stands at its first gate when spawn returns.
func (w *world) spawn(r *replica, name string, loop func(ctx context.Context)) {
	a := &actor{name: r.name + "/" + name, of: r, resume: make(chan bool)}
	r.actors = append(r.actors, a)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), actorKey{}, a))
	if stop := r.stop; stop != nil {
		r.stop = func() { stop(); cancel() }
	} else {
		r.stop = cancel
	}
	go func() {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(killed); !ok {
					w.breaks("panic", "%v at %v", p, a.where)
				}
			}
			cancel()
			a.gone = true
			w.yield <- struct{}{}
		}()
		for ctx.Err() == nil {
			gate(ctx, w, idle, "")
			if ctx.Err() == nil {
				loop(ctx)
			}
		}
	}()
	<-w.yield
}

// start starts a replica.
func (w *world) start(name string) {
	r := &replica{name: name, w: w, zone: time.UTC}
	if w.clocks {
		r.off = w.drift()
		r.zone = time.FixedZone("host", (w.draw(27)-12)*3600)
	}
	s, err := bot.New(bot.Options{
		Store: replicaStore{modelStore: w.store}, Cache: noCache{}, Engine: rehearsalEngine, Library: rehearsalLibrary, Phrases: rehearsalPhrases,
		Account: w.platform.account, Policy: rehearsalPolicy, Senders: map[string]bot.Sender{"model": w.platform}, Now: r.clock, Replica: name,
		Calendar: rehearsalCalendar, ReminderHour: w.reminder, Metrics: nil,
		AccountName: "default", DayLimits: w.platform.limits, DayReserve: w.platform.reserve, Rates: w.platform.rates, Limiter: w.platform,
		Lease: time.Minute, SendLanes: 1, SendWorkers: 1, GroupSize: 1 + w.draw(8), FreezePage: 1 + w.draw(6),
	})
	if err != nil {
		panic(err)
	}
	r.service = s
	w.replicas = append(w.replicas, r)
	w.spawned++
	send := func(ctx context.Context) {
		_, err := s.Dispatch(ctx, context.WithoutCancel(ctx))
		w.trace("%s: dispatch ends: %v", r.name, err)
	}
	w.spawn(r, "send", send)
	w.spawn(r, "look", func(ctx context.Context) {
		parts := 3
		if len(w.store.classes) > 0 {
			parts = 5
		}
		for _, i := range w.rng.Perm(parts) {
			var err error
			switch i {
			case 0:
				err = s.Freeze(ctx)
			case 1:
				_, err = s.Sweep(ctx)
			case 2:
				err = s.Join(ctx)
			case 3:
				err = s.Tick(ctx)
			case 4:
				if w.draw(8) == 0 { // somebody runs `push` besides
					_, err = s.PushDay(ctx, study.DayOf(r.clock()), "", w.draw(4) == 0)
				}
			}
			if err != nil {
				w.trace("%s: look: %v", r.name, err)
			}
		}
	})
	if w.draw(3) == 0 { // rounds side by side
		w.met["several lanes"]++
		w.spawn(r, "send too", send)
	}
}

// kill ends a process where it stands.
func (w *world) kill(r *replica) {
	for _, a := range r.actors {
		if !a.gone {
			w.trace("kill -9 %s at %v", a.name, a.where)
			if !w.calm {
				w.met["killed in "+a.where[0]]++
				w.met["killed "+a.where[1]]++
			}
			w.let(a, false)
		}
	}
}

var errDatabase = errors.New("the database has gone away")

// tx is one transaction: it may be refused, be applied although its answer is lost, or be applied
// much later. Around it everybody else may act.
func (w *world) tx(ctx context.Context, name string, apply func()) error {
	gate(ctx, w, name, "begins")
	if err := ctx.Err(); err != nil {
		return err
	}
	if !w.calm {
		switch n := w.draw(1000); {
		case n < 15:
			w.met["transaction refused"]++
			w.trace("%s: not applied", name)
			return errDatabase
		case n < 30:
			apply()
			w.met["transaction applied, answer lost"]++
			w.trace("%s: applied, answer lost", name)
			gate(ctx, w, name, "answer lost")
			return errDatabase
		case n < 40:
			w.late = append(w.late, func() {
				apply()
				w.met["transaction applied late"]++
				w.trace("%s: applied late", name)
			})
			w.trace("%s: commits late", name)
			gate(ctx, w, name, "given up")
			return errDatabase
		}
	}
	apply()
	gate(ctx, w, name, "committed")
	return nil
}

// rehearse makes the run of a seed and returns what it found broken, "" for nothing.
func rehearse(seed uint64, planted string, tracing bool) *world {
	w := &world{
		seed: seed, planted: planted, tracing: tracing, rng: rand.New(rand.NewPCG(seed, 1986)),
		began: time.Now(), yield: make(chan struct{}), met: map[string]int{},
	}
	starts := []string{"2026-11-24 10:00", "2026-11-24 10:00", "2026-11-24 20:50", "2026-11-24 06:50", "2026-11-30 23:50"}
	w.origin, _ = time.ParseInLocation("2006-01-02 15:04", starts[w.draw(len(starts))], china)
	w.origin = w.origin.UTC()
	w.skew = time.Duration(w.draw(3)-1) * time.Second
	w.clocks = w.draw(2) == 0
	w.masses = w.draw(8) == 0
	w.platform = newModelPlatform(w)
	w.store = newModelStore(w)
	w.people()
	w.campaigns()
	w.classes()
	for i := range 1 + w.draw(3) {
		w.start(fmt.Sprintf("r%d", i))
	}
	if w.draw(4) > 0 { // mostly the audience is there already: sending is where most may go wrong
		w.calm = true
		w.pass(time.Minute)
		look := w.replicas[0].actors[1]
		for n := 0; n < 2 || look.where[0] != idle; n++ {
			w.let(look, true)
		}
		w.calm = false
	}
	for steps := 120 + w.draw(120); steps > 0 && w.broken == ""; steps-- {
		w.step()
		w.check()
	}
	w.quieten()
	for _, r := range w.replicas {
		w.kill(r)
	}
	synctest.Wait()
	return w
}

// step does one thing that the seed draws.
func (w *world) step() {
	switch n := w.draw(1000); {
	case n < 700:
		w.goOn()
	case n < 850:
		w.pass([]time.Duration{10 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second}[w.draw(5)])
	case n < 870 && len(w.store.classes) > 0 && w.draw(2) == 0:
		w.passToHour()
	case n < 870:
		w.pass([]time.Duration{31 * time.Second, 65 * time.Second, 4 * time.Minute, 11 * time.Minute, time.Hour}[w.draw(5)])
	case n < 905:
		w.somebodyActs()
	case n < 960:
		w.platform.pushReceipt()
	case n < 975:
		if len(w.late) > 0 {
			i := w.draw(len(w.late))
			apply := w.late[i]
			w.late = append(w.late[:i], w.late[i+1:]...)
			apply()
		}
	default:
		w.trouble(n)
	}
}

// trouble happens to a replica.
func (w *world) trouble(n int) {
	r := w.replicas[w.draw(len(w.replicas))]
	if other := w.replicas[w.draw(len(w.replicas))]; r.actors[0].where[0] == idle {
		r = other // rather one that is at work
	}
	switch {
	case n < 985:
		w.kill(r)
	case n < 993:
		length := time.Duration(5+w.draw(120)) * time.Second
		r.frozenUntil = w.now().Add(length)
		w.met["frozen"]++
		if w.clocks && w.draw(2) == 0 { // the whole machine: its clock stands meanwhile
			w.met["a machine's clock stands"]++
			r.off -= length
			r.measures = r.frozenUntil.Add(time.Duration(w.draw(30)) * time.Second)
		}
		w.trace("%s is frozen", r.name)
	case n < 996 && !r.stopping:
		w.trace("%s is asked to stop", r.name)
		w.met["asked to stop"]++
		r.stopping = true
		r.stop()
		synctest.Wait()
	case n >= 997 && w.clocks:
		w.failOver()
	}
	w.revive()
}

// revive starts processes anew for those that have ended, under the old name or a new one.
func (w *world) revive() {
	for i := 0; i < len(w.replicas); i++ {
		if r := w.replicas[i]; r.gone() {
			w.replicas = append(w.replicas[:i], w.replicas[i+1:]...)
			name := r.name
			if w.draw(2) == 0 {
				name = fmt.Sprintf("r%d", w.spawned)
			}
			w.start(name)
			i--
		}
	}
}

// goOn lets one actor that is not frozen take its next step.
func (w *world) goOn() {
	var free []*actor
	for _, r := range w.replicas {
		if w.now().Before(r.frozenUntil) {
			continue
		}
		for i, a := range r.actors {
			if a.gone {
				continue
			}
			free = append(free, a)
			if i == 0 { // the dispatcher is what this is about
				free = append(free, a, a)
			}
		}
	}
	if len(free) == 0 {
		w.revive()
		return
	}
	a := free[w.draw(len(free))]
	if w.tracing {
		w.trace("  %s goes on from %v", a.name, a.where)
	}
	w.let(a, true)
	if a.gone && a.of.gone() {
		w.revive()
	}
}

// pass lets time pass for all.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait() // timers that have come due have done what they do
}

// quieten ends all faults and looks whether everything comes to rest (D6, B1).
func (w *world) quieten() {
	w.calm = true
	for _, apply := range w.late {
		apply()
	}
	w.late = nil
	for range 3 * len(w.platform.receipts) {
		w.platform.pushReceipt()
	}
	for _, r := range w.replicas {
		r.frozenUntil = time.Time{}
	}
	for round := 0; round < 40 && w.broken == ""; round++ {
		w.revive()
		for _, r := range w.replicas {
			for _, a := range r.actors {
				for n := 0; n < 400 && !a.gone && w.broken == ""; n++ {
					w.let(a, true)
					if a.where[0] == idle {
						break
					}
				}
			}
		}
		w.check()
		w.pass(10 * time.Second)
	}
	if w.broken == "" {
		w.checkRest()
	}
}

// story is what happened, for somebody who looks for the fault.
func (w *world) story() string { return strings.Join(w.log, "\n") }

// What all rehearsals share: values that nobody changes.
var (
	rehearsalPhrases    = content.DefaultPhrases()
	rehearsalLibrary, _ = content.Load(content.Builtin())
	rehearsalEngine     = conversation.New(conversation.Options{Library: rehearsalLibrary, Phrases: rehearsalPhrases})
	rehearsalPolicy     = delivery.Policy{KeepFree: 2, QuietFrom: 21 * time.Hour, QuietUntil: 7 * time.Hour, Lateness: time.Hour}
)

// people draws who there is and what the account may do.
func (w *world) people() {
	for i := range 3 + w.draw(6) {
		p := &person{id: people.LearnerID(i + 1), to: channel.Address{Channel: "model", Account: "default", External: fmt.Sprintf("o%d", i+1)}, scene: 7}
		p.truth.following, p.known.following = true, true
		p.known.push = people.PushOn
		p.known.massMonth, p.known.mass = day(w.now())[:7], []int{0, 1, 3, 3, 4}[w.draw(5)]
		p.massTrue = p.known.mass
		p.known.day, p.known.contacted = day(w.now()), w.draw(3)
		if !w.masses && w.draw(4) > 0 {
			at := w.now().Add(-time.Duration(w.draw(50*60)) * time.Minute)
			p.truth.typedAt, p.known.typedAt = at, at
			p.known.sentSince = w.draw(4)
			p.windowSends = p.known.sentSince
		}
		if !w.masses && w.draw(2) == 0 {
			p.grant("N", 1+w.draw(3))
		}
		if w.draw(4) == 0 {
			p.grant("O", 1)
		}
		w.store.people = append(w.store.people, p)
	}
}

// campaigns draws what is to be sent.
func (w *world) campaigns() {
	kinds := []delivery.Kind{delivery.KindAnnouncement, delivery.KindAnnouncement, delivery.KindUrgent, delivery.KindReceipt, delivery.KindReceipt, delivery.KindReceipt, delivery.KindDigest, delivery.KindReminder}
	if w.masses {
		kinds = []delivery.Kind{delivery.KindDigest, delivery.KindUrgent, delivery.KindUrgent}
	}
	for i := range 1 + w.draw(4) {
		due := w.now().Add(time.Duration(w.draw(60)) * time.Second)
		w.store.campaigns = append(w.store.campaigns, &modelCampaign{Campaign: bot.Campaign{
			ID: bot.CampaignID(i + 1), Kind: kinds[w.draw(len(kinds))], Status: bot.CampaignScheduled, Title: "通知", Body: bot.Body{Text: "请查看。"}, Scope: people.Everyone(),
			DueAt: due, Deadline: due.Add([]time.Duration{3 * time.Minute, 12 * time.Minute, time.Hour, 4 * time.Hour, 30 * time.Hour}[w.draw(5)]),
		}})
	}
}

// somebody is a replica that a callback reaches.
func (w *world) somebody() *replica {
	r := w.replicas[w.draw(len(w.replicas))]
	for range 3 {
		if w.now().Before(r.frozenUntil) {
			r = w.replicas[w.draw(len(w.replicas))]
		}
	}
	return r
}
