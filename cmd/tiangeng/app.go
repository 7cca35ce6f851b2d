package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/certificate"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/configs"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/cache"
)

// account is our name of the one WeChat account of this release.
const account = "default"

// app is the program put together: what serve, demo and push share.
type app struct {
	config  *configs.Config
	log     *slog.Logger
	clock   *clock
	store   *store.Store
	cache   *cache.Cache
	subject *subject
	client  *wechat.Client
	service *bot.Service
	drawer  *certificate.Drawer
	metrics *prometheus.Registry
}

// appOptions are what demo and tests set differently from serve.
type appOptions struct {
	clock *clock // nil: a new one
}

// openApp opens and wires everything and starts nothing. The database must be migrated.
func openApp(ctx context.Context, c *configs.Config, log *slog.Logger, o appOptions) (_ *app, err error) {
	a := &app{config: c, log: log, clock: o.clock, metrics: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.clock == nil {
		if a.clock, err = openClock(ctx, c); err != nil {
			return a, err
		}
	}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if a.subject, err = loadSubject(c); err != nil {
		return a, err
	}
	if a.drawer, err = openDrawer(c); err != nil {
		return a, err
	}
	if a.store, err = openCurrent(ctx, c, log); err != nil {
		return a, err
	}
	if err = publish(ctx, a.store, a.subject, a.clock.Now, log); err != nil {
		return a, err
	}
	if a.cache, err = cache.New(cache.Options{URL: c.Redis.URL, Replicas: c.Replicas, Logger: log}); err != nil {
		return a, fmt.Errorf("redis: %w", err)
	}
	if err = a.openClient(); err != nil {
		return a, err
	}
	digestDay, _ := configs.Weekday(c.Push.DigestDay) // Validate has refused what is none
	a.service, err = bot.New(bot.Options{
		Store: a.store, Cache: a.cache, Engine: a.subject.engine(c, a.noticeURL(), a.onceURL(), a.certificates()), Library: a.subject.library, Phrases: a.subject.phrases,
		Calendar: a.subject.calendar, Policy: policy(c), Account: capabilities(c), Now: a.clock.Now, Logger: log,
		Senders: a.senders(), Metrics: bot.NewMetrics(a.metrics),
		Replica: replicaName(c), LessonURL: a.lessonURLs(),
		AccountName: account, DayLimits: dayLimits(c), DayReserve: c.WeChat.DailyReserve, Rates: rates(c), Limiter: a.cache, ReleaseAbove: c.Push.ReleaseAbove,
		CertificatePicture: a.certificatePicture,
		ReminderHour:       c.Push.ReminderHour, DigestHour: c.Push.DigestHour, DigestDay: digestDay,
	})
	return a, err
}

func (a *app) openClient() error {
	c := a.config.WeChat
	if c.AppID == "" || c.AppSecret == "" {
		return nil // push --dry-run and the like need no platform
	}
	client, err := wechat.NewClient(wechat.ClientOptions{
		AppID: c.AppID, AppSecret: c.AppSecret, APIBase: c.APIBase, Fallbacks: c.APIFallbacks, Tokens: a.cache, Refreshes: a.store,
		Now: a.clock.Now, Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("wechat client: %w", err)
	}
	a.client = client
	return nil
}

// senders are the ways to the platforms; there is none without credentials, and then nothing can be
// sent, but everything forecast.
func (a *app) senders() map[string]bot.Sender {
	if a.client == nil {
		return nil
	}
	return map[string]bot.Sender{wechat.Channel: a.client}
}

// lessonURLs gives the service the addresses of a lesson's page and picture; nil without a public URL.
func (a *app) lessonURLs() func(content.Ref, *content.Lesson) (page, picture string) {
	base := a.config.PublicURL
	if base == "" {
		return nil
	}
	return func(ref content.Ref, l *content.Lesson) (string, string) {
		if l.Picture == "" {
			return base + web.LessonPath(ref, l.ID), ""
		}
		return base + web.LessonPath(ref, l.ID), base + web.MediaPath(ref, l.Picture)
	}
}

// receiver is the webhook.
func (a *app) receiver() (*wechat.Receiver, error) {
	c := a.config.WeChat
	keys := []wechat.Key{{Token: c.Token, AESKey: c.AESKey}}
	if c.PreviousToken != "" || c.PreviousAESKey != "" {
		keys = append(keys, wechat.Key{Token: orElse(c.PreviousToken, c.Token), AESKey: orElse(c.PreviousAESKey, c.AESKey)})
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiangeng_webhook_requests_total", Help: "Requests to the webhook, by what became of them.",
	}, []string{"result", "kind"})
	a.metrics.MustRegister(requests)
	mode := map[string]wechat.Mode{"safe": wechat.ModeSafe, "compat": wechat.ModeCompat, "plain": wechat.ModePlain}[c.Mode]
	if mode != wechat.ModeSafe {
		a.log.Warn("the webhook does not insist on encryption: for development only", "mode", c.Mode)
	}
	return wechat.NewReceiver(wechat.ReceiverOptions{
		Account: account, AppID: c.AppID, OriginalID: c.OriginalID, Keys: keys, Mode: mode,
		Handle: func(ctx context.Context, in channel.Inbound, _ wechat.Request) channel.Message {
			return a.service.HandleInbound(ctx, in)
		},
		LateText: a.subject.phrases.Say("error.late"),
		Remember: wechat.NewNonces(a.clock.Now).Remember,
		Now:      a.clock.Now,
		Allowed:  prefixes(c.AllowedSources), Trusted: prefixes(c.TrustedProxies),
		Logger:  a.log,
		Observe: func(r wechat.Result, k channel.InboundKind) { requests.WithLabelValues(string(r), string(k)).Inc() },
	})
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func prefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil { // Validate has refused the others
			out = append(out, p)
		}
	}
	return out
}

// ticks are what the page needs on which a trainer ticks people.
func (a *app) ticks() web.Ticks {
	return web.Ticks{Sheet: a.store.TickSheet, Record: a.store.RecordTicks, Now: a.clock.Now, Say: func(err error) string {
		var f *fault.Error
		if !errors.As(err, &f) {
			return ""
		}
		return a.subject.phrases.Say(f.Key, f.Args...)
	}}
}

// public is the handler of the public listener.
func (a *app) public(receiver *wechat.Receiver) (http.Handler, error) {
	pages, err := web.New(web.Options{
		Library: a.service.Library, Notices: a.notices(), Once: a.once(), Screens: web.Screens{Read: a.store.SignScreen, Now: a.clock.Now}, Ticks: a.ticks(), Logger: a.log,
		Certificates: web.Certificates{
			Check: a.store.CheckCertificate, BySecret: a.store.CertificateBySecret, Draw: a.drawer, Phrases: a.subject.phrases, Now: a.clock.Now, Trusted: prefixes(a.config.WeChat.TrustedProxies),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhook/wechat", receiver)
	mux.Handle("/webhook/wechat/"+account, receiver)
	mux.Handle("/api/", web.NewAPI(web.APIOptions{
		Service: a.service, Binding: a.store, BindRule: bindRule(a.config), Phrases: a.subject.phrases, Now: a.clock.Now, Logger: a.log, Trusted: prefixes(a.config.WeChat.TrustedProxies),
		Holder: func(ctx context.Context, hash [32]byte) (bot.Trainer, error) {
			return a.store.APIKey(ctx, a.clock.Now(), hash)
		},
		Classes: a.store, Units: a.store,
		Roster:  web.Roster{Store: a.store, BadPercent: a.config.Roster.BadPercent, LeftPercent: a.config.Roster.LeftPercent, Lean: lean},
		Courses: a.store,
		Follow:  web.Following{Store: a.store, Library: a.service.Library, Calendar: a.subject.calendar},
		Records: web.Records{Store: a.store, Targets: a.subject.targets},
		Tags:    a.store,
		Media:   a.store,
		Refused: func(ctx context.Context, actor, object, result, request string) error {
			return a.store.AuditRefusal(ctx, a.clock.Now(), actor, object, result, request)
		},
		Certifying: web.Certifying{Store: a.store, Terms: a.terms(), Draw: a.drawer, PublicURL: a.publicURL()},
	}))
	mux.Handle("/", pages)
	return mux, nil
}

// notices is what the page needs where people allow notices: the templates of one kind, because the
// platform's button takes no mixture, long-term ones where the account has them, five at most.
func (a *app) notices() web.Notices {
	n := web.Notices{PublicURL: a.config.PublicURL, Sign: func(ctx context.Context, address string) (web.SignedPage, error) {
		p, err := a.client.SignPage(ctx, address)
		return web.SignedPage(p), err
	}}
	if a.client == nil || a.config.PublicURL == "" {
		return n
	}
	var long, once []string
	for _, k := range delivery.Kinds() {
		list := &once
		t, ok := capabilities(a.config).Notices[k]
		if t.Long {
			list = &long
		}
		if ok && !slices.Contains(*list, t.ID) {
			*list = append(*list, t.ID)
		}
	}
	n.Templates = long
	if len(long) == 0 {
		n.Templates = once
	}
	n.Templates = n.Templates[:min(len(n.Templates), 5)]
	return n
}

// once is what links need by which people allow one-time subscribe messages; there is none without a
// template and an address that people reach us by.
func (a *app) once() web.Once {
	if a.onceURL() == "" {
		return web.Once{}
	}
	return web.Once{
		Find: func(ctx context.Context, secret string) (string, int, error) {
			return a.store.OnceLink(ctx, a.clock.Now(), secret)
		},
		Page: func(template string, scene int, secret string) string {
			return a.client.OnceLink(template, scene, strings.TrimRight(a.config.PublicURL, "/")+web.OnceBack, secret)
		},
		Use: func(ctx context.Context, r bot.OnceReturn) error { return a.store.UseOnceLink(ctx, a.clock.Now(), r) },
	}
}

// onceURL is what stands before the secret of such a link; "" when there is none.
func (a *app) onceURL() string {
	if a.client == nil || a.config.PublicURL == "" || a.config.WeChat.OnceTemplate == "" {
		return ""
	}
	return strings.TrimRight(a.config.PublicURL, "/") + web.OncePath
}

// noticeURL is the address of that page; "" when there is none.
func (a *app) noticeURL() string {
	if len(a.notices().Templates) == 0 {
		return ""
	}
	return strings.TrimRight(a.config.PublicURL, "/") + web.NoticesPath
}

// health is the handler of the admin listener.
func (a *app) health() http.Handler {
	h := &health{version: version, now: a.clock.Now, checks: map[string]func(context.Context) error{
		"database": func(ctx context.Context) error { _, err := a.store.Ping(ctx); return err },
	}}
	return h.handler(a.metrics)
}

// run serves until ctx ends, then finishes what has begun, within 20 s (G1).
func (a *app) run(ctx context.Context, listening func(addresses), fallbackPorts bool) error {
	receiver, err := a.receiver()
	if err != nil {
		return err
	}
	public, err := a.public(receiver)
	if err != nil {
		return err
	}
	front, err := listen(ctx, a.config.Listen, public, fallbackPorts, a.log)
	if err != nil {
		return err
	}
	admin, err := listen(ctx, a.config.AdminListen, a.health(), fallbackPorts, a.log)
	if err != nil {
		return errors.Join(err, front.http.Close())
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	if a.ownClock() {
		a.clock.measure(ctx, a.store.Ping, a.log) // before anything is called due by a host's clock that is wrong
	}
	var background sync.WaitGroup
	background.Go(func() { a.service.Run(work) })
	background.Go(func() { a.keepTime(ctx) })
	failed := make(chan error, 2)
	go func() { failed <- front.serve() }()
	go func() { failed <- admin.serve() }()
	a.log.Info("serving", "listen", front.url(), "admin", admin.url(), "version", version)
	if listening != nil {
		listening(addresses{Public: front.url(), Admin: admin.url()})
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// First no new requests while those inside are answered; then schedule and sends stop and the
	// lanes empty; the health listener goes last.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 18*time.Second)
	defer cancel()
	err = errors.Join(err, front.http.Shutdown(limit), receiver.Drain(limit))
	stopWork()
	background.Wait()
	err = errors.Join(err, admin.http.Shutdown(limit))
	a.log.Info("stopped")
	return err
}

func (a *app) keepTime(ctx context.Context) {
	if a.config.Clock.Follow != "" {
		a.clock.followSimulator(ctx, a.config.Clock.Follow, a.service.Kick, a.log)
		return
	}
	if a.ownClock() {
		a.clock.followDatabase(ctx, a.store.Ping, a.log)
	}
}

// ownClock reports whether the time is the host's, corrected by the database's.
func (a *app) ownClock() bool { return a.config.Clock.Follow == "" && a.clock.source == nil }

// Close closes what openApp opened.
func (a *app) Close() error {
	var err error
	if a.cache != nil {
		err = errors.Join(err, a.cache.Close())
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	return err
}
