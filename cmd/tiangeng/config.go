package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"strings"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/configs"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// configFlag is what every command that needs the configuration has.
type configFlag struct {
	Config string `short:"c" type:"existingfile" help:"Configuration file (YAML). Environment variables win over it." placeholder:"FILE"`
}

func (f configFlag) load() (*configs.Config, error) {
	c, err := configs.Load(configs.FromHost(f.Config))
	if err != nil {
		return nil, fmt.Errorf("the configuration is not right:\n%w", err)
	}
	return c, nil
}

// openStore opens the database of the configuration.
func openStore(ctx context.Context, c *configs.Config, log *slog.Logger) (*store.Store, error) {
	if c.Database.DSN == "" {
		return nil, errors.New("database.dsn is not set: mysql://user:password@host:3306/tiangeng or sqlite:///path/tiangeng.db (TIANGENG_DATABASE_DSN)")
	}
	phones, err := store.NewPhoneKeys(c.Roster.PhoneKeys, c.Roster.PhoneLookupKey)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Options{Phones: phones, DSN: c.Database.DSN, Connections: c.Database.Connections, Logger: log})
}

// openCurrent opens the database and makes sure that its schema is this version's: an older
// binary's tables would be misread, and no start changes a schema by itself.
func openCurrent(ctx context.Context, c *configs.Config, log *slog.Logger) (*store.Store, error) {
	s, err := openStore(ctx, c, log)
	if err != nil {
		return nil, err
	}
	status, err := s.MigrationStatus(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if status.Pending > 0 {
		return nil, errors.Join(fmt.Errorf("the database is at schema %d, this program needs %d: run tiangeng migrate first", status.Current, status.Latest), s.Close())
	}
	return s, nil
}

// logger writes to w as configured.
func logger(c *configs.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo // Validate has refused everything else
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// subject is what is taught and said: courses, sentences, calendar.
type subject struct {
	library  *content.Library
	problems []content.Problem
	phrases  *content.Phrases
	calendar study.Calendar
	targets  study.Targets
	files    fs.FS
}

// loadSubject reads the content folder (or what is built in), the phrase file and the calendar.
func loadSubject(c *configs.Config) (*subject, error) {
	s := &subject{files: content.Builtin(), phrases: content.DefaultPhrases()}
	if c.Content.Dir != "" {
		s.files = os.DirFS(c.Content.Dir)
	}
	s.library, s.problems = content.Load(s.files)
	if c.Content.Phrases != "" {
		data, err := os.ReadFile(c.Content.Phrases)
		if err != nil {
			return nil, fmt.Errorf("reading the phrases: %w", err)
		}
		if s.phrases, err = s.phrases.With(data); err != nil {
			return nil, fmt.Errorf("phrases %s: %w", c.Content.Phrases, err)
		}
	}
	data := configs.Calendar
	if c.Content.Calendar != "" {
		var err error
		if data, err = os.ReadFile(c.Content.Calendar); err != nil {
			return nil, fmt.Errorf("reading the calendar: %w", err)
		}
	}
	var err error
	if s.calendar, err = parseCalendar(data); err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	data = configs.Targets
	if c.Content.Targets != "" {
		if data, err = os.ReadFile(c.Content.Targets); err != nil {
			return nil, fmt.Errorf("reading the targets: %w", err)
		}
	}
	if s.targets, err = parseTargets(data); err != nil {
		return nil, fmt.Errorf("targets: %w", err)
	}
	return s, nil
}

// engine is the chat. noticeURL is the page where people allow notices, "" when there is none.
func (s *subject) engine(c *configs.Config, noticeURL, onceURL string, certificates conversation.Certificates) *conversation.Engine {
	quiet := policy(c)
	tickURL := ""
	if c.PublicURL != "" {
		tickURL = tickPage(c)
	}
	return conversation.New(conversation.Options{
		Library: s.library, Phrases: s.phrases, Calendar: s.calendar, Targets: s.targets, Bind: bindRule(c),
		QuietFrom: quiet.QuietFrom, QuietUntil: quiet.QuietUntil, ReleaseAbove: c.Push.ReleaseAbove, NoticeURL: noticeURL, OnceTemplate: c.WeChat.OnceTemplate, OnceURL: onceURL, TickURL: tickURL, Certificates: certificates,
	})
}

// tickPage is the address of the page on which a trainer ticks people, up to the token.
func tickPage(c *configs.Config) string {
	return strings.TrimRight(c.PublicURL, "/") + web.TickPath + "#"
}

// bindRule is the configuration's part of who may be bound where.
func bindRule(c *configs.Config) people.BindRule {
	return people.BindRule{CoolDown: c.Binding.CoolDown, Delegates: c.Binding.Delegates}
}

// policy is the configuration's part of the delivery rules.
func policy(c *configs.Config) delivery.Policy {
	from, _ := configs.TimeOfDay(c.Push.QuietFrom)   // Validate has refused what cannot be read
	until, _ := configs.TimeOfDay(c.Push.QuietUntil) // the same
	return delivery.Policy{KeepFree: c.Push.KeepFree, QuietFrom: from, QuietUntil: until, Lateness: c.Push.Lateness}
}

// capabilities is what the official account may send by, from the configuration. What is spent of it
// is the service's own.
func capabilities(c *configs.Config) delivery.Account {
	w := c.WeChat
	a := delivery.Account{Window: w.Window, Once: w.OnceTemplate, Mass: w.Mass, Notices: map[delivery.Kind]delivery.Template{}, Templates: map[delivery.Kind]delivery.Template{}}
	for _, n := range w.Notices {
		a.Notices[delivery.Kind(n.Kind)] = delivery.Template{ID: n.ID, Long: n.Long, Fields: n.Fields}
	}
	for _, t := range w.Templates {
		a.Templates[delivery.Kind(t.Kind)] = delivery.Template{ID: t.ID, Fields: t.Fields}
	}
	return a
}

// dayLimits are the calls a day of each way where the platform does not tell; 0 is no limit.
func dayLimits(c *configs.Config) map[channel.Way]int {
	l := c.WeChat.DayLimits
	return map[channel.Way]int{
		channel.WayWindow: l.Window, channel.WayNotice: l.Notice, channel.WayOnce: l.Once, channel.WayTemplate: l.Template, channel.WayMass: l.Mass,
	}
}

// rates are the calls a second of each way, all replicas together; 0 is no limit.
func rates(c *configs.Config) map[channel.Way]float64 {
	r := c.WeChat.Rates
	return map[channel.Way]float64{
		channel.WayWindow: float64(r.Window), channel.WayNotice: float64(r.Notice), channel.WayOnce: float64(r.Once), channel.WayTemplate: float64(r.Template),
	}
}

// replicaName names this process among the replicas.
func replicaName(c *configs.Config) string {
	if c.Replica != "" {
		return c.Replica
	}
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	if len(host) > 40 {
		host = host[:40]
	}
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return host + "-" + hex.EncodeToString(b)
}

// actor names the operator in the audit log.
func actor() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := os.Getenv("SUDO_USER"); sudo != "" {
		name = sudo
	}
	return "cli:" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return '_'
		}
		return r
	}, name)
}
