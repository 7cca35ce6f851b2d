package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/configs"
	"github.com/tiangeng/tiangeng/store"
)

// rehearseCmd pushes to a crowd that is not there, through the real program, a real database and a
// simulated platform, and tells what it took. It reads no configuration: there is no account that
// it could reach.
type rehearseCmd struct {
	People  int    `default:"350000" help:"People to push to."`
	Rate    int    `default:"0" help:"Messages a second that are allowed; 0 for no limit. With one, the error of the limiter is told."`
	Answers int    `default:"20" help:"People a second who write meanwhile. How long they wait for their answers is told; 0 for nobody."`
	Workers int    `default:"64" help:"Connections of the bare client that the dispatch is held against."`
	Bare    int    `help:"Messages of the bare client; a tenth of the people without it." placeholder:"N"`
	DSN     string `name:"dsn" env:"REHEARSE_DSN" help:"MySQL server to use, mysql://user:password@host:3306/any; a scratch database is made on it and dropped again. SQLite in a temporary folder without it." placeholder:"DSN"`
	Mass    bool   `help:"Rehearse a warning that goes by mass send, ten thousand people a call, instead of a message to each."`
	Compare bool   `help:"Rehearse a tenth of the people first, and tell what ten times as many cost."`
	JSON    bool   `help:"Print JSON."`
}

// rehearsal is what one rehearsal found. Times are seconds.
type rehearsal struct {
	People     int                    `json:"people"`
	Database   string                 `json:"database"`
	Mass       bool                   `json:"mass"`       // by mass send: without a bare client
	FillTime   float64                `json:"fillTime"`   // roster and phones: the fixture
	PlanTime   float64                `json:"planTime"`   // audience read, planned and frozen
	Frozen     int                    `json:"frozen"`     // rows
	SendTime   float64                `json:"sendTime"`   // from the first claim to the last settled
	SendRate   float64                `json:"sendRate"`   // messages a second; people, by mass send
	BareRate   float64                `json:"bareRate"`   // of the bare client, half before and half after
	Ratio      float64                `json:"ratio"`      // SendRate / BareRate; means nothing with a rate
	PeakMemory int64                  `json:"peakMemory"` // bytes resident while planning and sending; 0 where the system does not tell
	IdleMemory int64                  `json:"idleMemory"` // bytes resident before
	Answers    waits                  `json:"answers"`    // of people who write meanwhile
	Cost       processorCost          `json:"cost"`       // of the dispatch
	BareCost   processorCost          `json:"bareCost"`   // of the bare client
	States     map[delivery.State]int `json:"states"`
	Seen       sim.CrowdView          `json:"seen"` // the platform's word
	Rate       int                    `json:"rate"`
	RateError  float64                `json:"rateError"` // of the busiest ten seconds over rate × 10; 0 without a rate
	CallsUsed  int                    `json:"callsUsed"` // the platform's count of the day, bare client and earlier rehearsals with it
	CallsLimit int                    `json:"callsLimit"`
	Problems   []string               `json:"problems"` // what must not be
}

// documentedQuota is how many customer-service messages an account may send a day.
const documentedQuota = 500_000

func (c *rehearseCmd) run(ctx context.Context, p *program) (err error) {
	if c.People < 2 || c.People > 2_000_000 || c.Workers < 1 || c.Workers > 1000 || c.Rate < 0 || c.Answers < 0 || c.Answers > 1000 || c.Bare < 0 || c.Bare > c.People {
		return misuse{"--people must be 2 to 2000000, --workers 1 to 1000, --rate 0 or more, --answers 0 to 1000, --bare at most --people"}
	}
	sizes := []int{c.People}
	if c.Compare {
		if c.People < 20 {
			return misuse{"--compare needs at least 20 people"}
		}
		sizes = []int{c.People / 10, c.People}
	}
	platform, err := startPlatform(ctx, max(documentedQuota, 3*c.People), p.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, platform.Close()) }()
	var all []rehearsal
	for i, n := range sizes {
		r, err := c.rehearse(ctx, p, platform, strconv.Itoa(i), n)
		if err != nil {
			return fmt.Errorf("rehearsing with %d people: %w", n, err)
		}
		all = append(all, r)
	}
	if c.JSON {
		err = printJSON(p, all)
	} else {
		printRehearsals(p.stdout, all)
	}
	for _, r := range all {
		if len(r.Problems) > 0 {
			err = errors.Join(err, fmt.Errorf("the rehearsal with %d people went wrong: %s", r.People, strings.Join(r.Problems, "; ")))
		}
	}
	return err
}

// rehearse does one rehearsal in a database of its own.
func (c *rehearseCmd) rehearse(ctx context.Context, p *program, platform *rehearsalPlatform, name string, n int) (r rehearsal, err error) {
	r = rehearsal{People: n, Rate: c.Rate, Mass: c.Mass}
	dsn, drop, err := c.scratch(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx))) }()
	r.Database, _, _ = strings.Cut(dsn, "://")
	cfg, err := rehearsalConfig(platform, dsn, c.Rate)
	if err != nil {
		return r, err
	}
	cfg.WeChat.Mass, cfg.WeChat.Window = c.Mass, !c.Mass
	bare, send := "B"+name, "S"+name
	began := time.Now()
	step(p, "filling the roster with %d people", n)
	if err := fillCrowd(ctx, cfg, n, send); err != nil {
		return r, err
	}
	posts := c.Bare
	if posts == 0 || posts > n {
		posts = max(2, n/10)
	}
	if err := errors.Join(platform.crowd(ctx, send, n), platform.crowd(ctx, bare, posts)); err != nil {
		return r, err
	}
	r.FillTime = time.Since(began).Seconds()
	a, err := openApp(ctx, cfg, logger(cfg, p.stderr), appOptions{})
	if err != nil {
		return r, err
	}
	defer closing(a)
	debug.FreeOSMemory() // of the fixture
	if platform.database, err = c.databaseProcess(ctx); err != nil {
		return r, err
	}
	err = r.play(ctx, p, a, platform, playParams{bare: bare, send: send, posts: posts, workers: c.Workers, answers: c.Answers})
	return r, err
}

// playParams are the crowds of a rehearsal and how the bare client works.
type playParams struct {
	bare, send     string // names of crowds
	posts, workers int
	answers        int // a second, while it is sent
}

// play measures: half of the bare client's messages, plan, dispatch, the other half.
func (r *rehearsal) play(ctx context.Context, p *program, a *app, platform *rehearsalPlatform, o playParams) error {
	id, err := r.campaign(ctx, a)
	if err != nil {
		return err
	}
	if r.Mass {
		if err := r.push(ctx, p, a, platform, o); err != nil {
			return err
		}
		return r.check(ctx, a, platform, id, o.send)
	}
	token, err := platform.accessToken(ctx)
	if err != nil {
		return err
	}
	client := newBareClient(platform, token, rehearsalText, o.workers)
	step(p, "a bare client posts %d messages", o.posts/2)
	used := platform.processors()
	before, err := client.post(ctx, o.bare, 0, o.posts/2)
	if err != nil {
		return err
	}
	bare := platform.processors().since(used)
	if err := r.push(ctx, p, a, platform, o); err != nil {
		return err
	}
	step(p, "a bare client posts %d messages", o.posts-o.posts/2)
	used = platform.processors()
	after, err := client.post(ctx, o.bare, o.posts/2, o.posts-o.posts/2)
	if err != nil {
		return err
	}
	bare = bare.and(platform.processors().since(used))
	r.BareCost = bare.each(o.posts)
	r.BareRate = float64(o.posts) / (before + after).Seconds()
	r.Ratio = r.SendRate / r.BareRate
	return r.check(ctx, a, platform, id, o.send)
}

// push plans and sends, and watches the memory meanwhile.
func (r *rehearsal) push(ctx context.Context, p *program, a *app, platform *rehearsalPlatform, o playParams) error {
	r.IdleMemory = resident()
	peak := watchMemory()
	defer func() { r.PeakMemory = peak() }()
	step(p, "planning and freezing the audience")
	began := time.Now()
	if err := a.service.Freeze(ctx); err != nil {
		return err
	}
	r.PlanTime = time.Since(began).Seconds()
	step(p, "sending")
	began = time.Now()
	used := platform.processors()
	writing := writeMeanwhile(ctx, a.service, o.send, r.People, o.answers)
	sent, err := dispatchAll(ctx, a)
	r.SendTime = time.Since(began).Seconds()
	if r.Mass { // calls, of ten thousand people each
		sent = r.People
	}
	r.Cost = platform.processors().since(used).each(sent)
	r.SendRate = float64(sent) / r.SendTime
	r.Answers = writing()
	return err
}

// check compares our books with the platform's.
func (r *rehearsal) check(ctx context.Context, a *app, platform *rehearsalPlatform, id bot.CampaignID, crowd string) error {
	s, err := a.service.CampaignSummary(ctx, people.Everyone(), id)
	if err != nil {
		return err
	}
	r.Frozen, r.States = s.Audience, s.States
	path := customSend
	if r.Mass {
		path = massSend
	}
	if r.Mass {
		if err := platform.deliverMass(ctx, crowd, r.States[delivery.Accepted]); err != nil {
			return err
		}
	}
	if r.Seen, err = platform.seen(ctx, crowd); err != nil {
		return err
	}
	if r.CallsUsed, r.CallsLimit, err = platform.used(ctx, path); err != nil {
		return err
	}
	r.judge(s)
	return nil
}

// judge names what must not be.
func (r *rehearsal) judge(s bot.CampaignSummary) {
	bad := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	sum := 0
	for _, n := range r.States {
		sum += n
	}
	taken := r.States[delivery.Accepted] + r.States[delivery.Delivered]
	switch {
	case r.Frozen != r.People:
		bad("%d rows are frozen for %d people", r.Frozen, r.People)
	case sum != r.Frozen:
		bad("the states add up to %d of %d rows (D1)", sum, r.Frozen)
	case !s.Finished:
		bad("%d rows have no result", unfinished(s))
	}
	if taken > r.Seen.Reached {
		bad("%d are called accepted, the platform reached %d (D3)", taken, r.Seen.Reached)
	}
	if r.Seen.Reached > taken+r.States[delivery.Unknown] {
		bad("the platform reached %d, %d are accepted or unknown", r.Seen.Reached, taken+r.States[delivery.Unknown])
	}
	if r.Seen.Twice > s.Ambiguous {
		bad("%d people saw it twice, %d attempts were ambiguous (D2)", r.Seen.Twice, s.Ambiguous)
	}
	if r.CallsUsed > r.CallsLimit {
		bad("%d calls of %d (Q1)", r.CallsUsed, r.CallsLimit)
	}
	if r.Rate > 0 {
		allowed := 10*r.Rate + max(1, r.Rate/10) // bot.Limiter
		r.RateError = float64(r.Seen.Busiest)/float64(10*r.Rate) - 1
		if r.Seen.Busiest > allowed+limiterSlack(r.Rate) {
			bad("%d messages in ten seconds, %d are allowed", r.Seen.Busiest, allowed)
		}
	}
}

// limiterSlack is how many messages may slip from one window into the next: the limiter counts
// when a call begins, the platform when it has come in. Half a second's worth on a busy machine.
func limiterSlack(rate int) int { return max(5, rate/2) }

// databaseProcess is the number of the database's process on this machine, 0 where it is elsewhere or
// part of this one.
func (c *rehearseCmd) databaseProcess(ctx context.Context) (int, error) {
	if c.DSN == "" {
		return 0, nil
	}
	file, err := store.ServerProcessFile(ctx, c.DSN)
	if err != nil {
		return 0, err
	}
	return processOf(file, "mariadbd", "mysqld"), nil
}

// scratch makes the database of a rehearsal.
func (c *rehearseCmd) scratch(ctx context.Context) (dsn string, drop func(context.Context) error, err error) {
	if c.DSN != "" {
		return store.Scratch(ctx, c.DSN)
	}
	dir, err := os.MkdirTemp("", "tiangeng-rehearsal-")
	if err != nil {
		return "", nil, fmt.Errorf("making a folder: %w", err)
	}
	return "sqlite://" + filepath.Join(dir, "rehearsal.db"), func(context.Context) error { return os.RemoveAll(dir) }, nil
}

// rehearsalConfig is the program's own defaults, the simulated platform and the scratch database;
// neither a file nor the environment is read.
func rehearsalConfig(platform *rehearsalPlatform, dsn string, rate int) (*configs.Config, error) {
	cfg, err := configs.Load(configs.Source{Environ: func(string) (string, bool) { return "", false }})
	if err != nil {
		return nil, err
	}
	cfg.Database.DSN, cfg.Log.Level, cfg.Log.Format = dsn, "warn", "text"
	cfg.WeChat.AppID, cfg.WeChat.AppSecret, cfg.WeChat.Token, cfg.WeChat.AESKey = platform.AppID, platform.AppSecret, platform.Token, platform.AESKey
	cfg.WeChat.APIBase = platform.url
	cfg.WeChat.Rates = configs.Rates{Window: rate, Notice: rate, Once: rate, Template: rate}
	cfg.Push.QuietFrom, cfg.Push.QuietUntil = "00:00", "00:00" // at any hour
	cfg.Push.ReleaseAbove = 0
	return cfg, nil
}

// fillCrowd writes a roster of n people in villages of twenty-four, each with a phone.
func fillCrowd(ctx context.Context, cfg *configs.Config, n int, crowd string) (err error) {
	s, err := openStore(ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	now := (&clock{}).Now()
	rows := make([]people.RosterRow, n)
	for i := range rows {
		village := i / 24
		unit := people.OrgCode(fmt.Sprintf("53%02d%02d%03d%03d", 1+village/99_000, 1+village/1000%99, 100+village/10%100, 201+village%10))
		rows[i] = people.RosterRow{Row: i + 1, Unit: unit, Units: []people.OrgUnit{{Code: unit, Name: "第" + strconv.Itoa(village+1) + "村"}}, Name: "学员" + strconv.Itoa(i+1), Category: "村干部", Code: "AAAA"}
	}
	if _, err := s.ApplyRoster(ctx, now, "rehearsal", rows, ""); err != nil {
		return err
	}
	bound, err := s.BindCrowd(ctx, now, wechat.Channel, account, func(i int) string { return sim.CrowdID(crowd, i) })
	if err == nil && bound != n {
		err = fmt.Errorf("%d of %d people have a phone", bound, n)
	}
	return err
}

const rehearsalText = "这是一次演练。近期天干物燥，请各村停止一切野外用火，发现火情先报告、再组织群众转移。"

// campaign writes and submits the announcement of a rehearsal.
func (r *rehearsal) campaign(ctx context.Context, a *app) (bot.CampaignID, error) {
	kind := delivery.KindAnnouncement
	if r.Mass {
		kind = delivery.KindUrgent
	}
	c, _, err := a.service.DraftCampaign(ctx, bot.Campaign{
		Key: "rehearsal", Kind: kind, Title: "防火演练", Body: bot.Body{Text: rehearsalText}, Scope: people.Everyone(), By: "rehearsal",
	})
	if err == nil {
		c, err = a.service.ActOnCampaign(ctx, people.Everyone(), c.ID, bot.ActSubmit, "rehearsal")
	}
	return c.ID, err
}

// dispatchAll sends until nothing is left that can be sent now.
func dispatchAll(ctx context.Context, a *app) (sent int, err error) {
	for idle := 0; idle < 3; {
		d, err := a.service.Dispatch(ctx, ctx)
		if err != nil {
			return sent, err
		}
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		sent += d.Sent
		if idle++; d.Sent > 0 {
			idle = 0
		}
	}
	return sent, nil
}

// step says on standard error what comes next.
func step(p *program, format string, args ...any) {
	if isTerminal(p.stderr) {
		fmt.Fprintf(p.stderr, format+" …\n", args...)
	}
}

// watchMemory looks at the resident memory until the function it returns is called, which returns
// the largest.
func watchMemory() func() int64 {
	var peak atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	look := func() {
		if n := resident(); n > peak.Load() {
			peak.Store(n)
		}
	}
	go func() {
		defer close(ended)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			look()
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() int64 {
		close(done)
		<-ended
		return peak.Load()
	}
}

// resident is the memory that this process holds, in bytes; 0 where the system does not tell.
func resident() int64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0
	}
	defer closing(f)
	data, err := io.ReadAll(f)
	if err != nil {
		return 0
	}
	if fields := strings.Fields(string(data)); len(fields) > 1 {
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		if err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	return 0
}
