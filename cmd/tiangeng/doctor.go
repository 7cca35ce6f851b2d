package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/cache"
)

type doctorCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// finding is one line of the doctor: what was looked at, how it is, and what to do.
type finding struct {
	Check  string `json:"check"`
	Level  string `json:"level"` // ok, warn, fail
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
}

// doctor collects findings.
type doctor struct {
	cfg      *configs.Config
	findings []finding
	log      *slog.Logger
}

func (d *doctor) ok(check, detail string) {
	d.findings = append(d.findings, finding{Check: check, Level: "ok", Detail: detail})
}

func (d *doctor) warn(check, detail, advice string) {
	d.findings = append(d.findings, finding{check, "warn", detail, advice})
}

func (d *doctor) fail(check, detail, advice string) {
	d.findings = append(d.findings, finding{check, "fail", detail, advice})
}

func (c *doctorCmd) run(ctx context.Context, p *program) error {
	cfg, err := configs.Load(configs.FromHost(c.Config))
	d := &doctor{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	d.configuration(err)
	if err == nil {
		d.database(ctx)
		d.redis(ctx)
		d.wechat(ctx)
		d.webhook(ctx)
		d.content()
	}
	failed := 0
	for _, f := range d.findings {
		if f.Level == "fail" {
			failed++
		}
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(d.findings); err != nil {
			return err
		}
	} else {
		for _, f := range d.findings {
			fmt.Fprintf(p.stdout, "%-4s  %-14s %s\n", f.Level, f.Check, f.Detail)
			if f.Advice != "" {
				fmt.Fprintf(p.stdout, "      %-14s → %s\n", "", f.Advice)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(d.findings))
	}
	return nil
}

func (d *doctor) configuration(err error) {
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			d.fail("configuration", line, "mend this key in the file or the environment, then run doctor again")
		}
		return
	}
	missing := d.cfg.NeedWeChat()
	for _, m := range missing {
		d.fail("configuration", m.Error(), "copy the value from the console; secrets best as a file: TIANGENG_…_FILE")
	}
	if d.cfg.PublicURL == "" {
		d.warn("configuration", "public_url is not set", "set the https address of this service: lesson pages, pictures and the webhook check need it")
	}
	if d.cfg.WeChat.Mode != "safe" {
		d.warn("configuration", "wechat.mode is "+d.cfg.WeChat.Mode, "choose 安全模式 in the console and safe here: otherwise anybody who saw one request can write messages")
	}
	if len(missing) == 0 {
		d.ok("configuration", "read and valid")
	}
}

func (d *doctor) database(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := openStore(ctx, d.cfg, d.log)
	if err != nil {
		d.fail("database", "cannot be opened: "+err.Error(), "check that the server runs, the address, the user and the password of database.dsn")
		return
	}
	defer closing(s)
	db, err := s.Ping(ctx)
	if err != nil {
		d.fail("database", "does not answer: "+err.Error(), "check that the server runs and that this host may connect")
		return
	}
	d.ok("database", "answers ("+s.Engine(ctx)+")")
	if skew := time.Since(db).Abs(); skew > 2*time.Second {
		d.warn("clock", fmt.Sprintf("this host and the database differ by %s", skew.Round(time.Millisecond)), "set both by NTP; above 5 minutes the platform's messages are refused")
	} else {
		d.ok("clock", fmt.Sprintf("within %s of the database's", skew.Round(time.Millisecond)))
	}
	d.setup(ctx, s)
	d.schema(ctx, s)
}

// setup looks at what of the database server's settings a promise or the speed of a push depends on.
func (d *doctor) setup(ctx context.Context, s *store.Store) {
	is, err := s.Setup(ctx)
	if err != nil {
		d.warn("durability", err.Error(), "the database user may read the server's variables as a rule: ask who runs the server")
		return
	}
	if !is.Durable {
		d.warn("durability", is.Why+": a power cut loses answers of which people have read 已记录", "set innodb_flush_log_at_trx_commit = 1, and sync_binlog = 1 where there is a binary log, in the server's configuration")
	} else {
		d.ok("durability", "what is committed survives a power cut, as far as the disk keeps its word")
	}
	if is.Cache > 0 {
		d.memory(is)
	}
}

// memory compares what the server may keep in memory with what there is.
func (d *doctor) memory(is store.Setup) {
	const enough = 1 << 30
	switch {
	case is.Data > is.Cache && is.Cache < enough:
		d.warn("memory", fmt.Sprintf("the database has %d MB of tables and %d MB to keep them in", is.Data>>20, is.Cache>>20),
			"set innodb_buffer_pool_size to 1G or more: pushes and lists read from the disk otherwise")
	default:
		d.ok("memory", fmt.Sprintf("%d MB of tables, %d MB to keep them in", is.Data>>20, is.Cache>>20))
	}
}

func (d *doctor) schema(ctx context.Context, s *store.Store) {
	status, err := s.MigrationStatus(ctx)
	switch {
	case err != nil:
		d.fail("schema", err.Error(), "run tiangeng migrate")
		return
	case status.Pending > 0:
		d.fail("schema", fmt.Sprintf("at %d, this program needs %d", status.Current, status.Latest), "run tiangeng migrate")
		return
	}
	d.ok("schema", fmt.Sprintf("at %d, nothing pending", status.Current))
	counts, err := s.Counts(ctx)
	if err != nil {
		d.fail("data", err.Error(), "the schema is damaged: compare it with a fresh database")
		return
	}
	detail := fmt.Sprintf("%d learners, %d classes, %d phones", counts.Learners, counts.Cohorts, counts.Identities)
	switch {
	case counts.Cohorts == 0:
		d.warn("data", detail, "set up a class: tiangeng cohort import, see configs/cohorts.example.yaml")
	case counts.Learners == 0:
		d.warn("data", detail, "import the roster: tiangeng roster import --cohort CODE roster.xlsx")
	default:
		d.ok("data", detail)
	}
	if acts, err := s.VerifyAudit(ctx); err != nil {
		d.fail("audit", err.Error(), "somebody changed the record of privileged acts behind the program: keep the database as it is and find out who")
	} else {
		d.ok("audit", fmt.Sprintf("%d acts, the chain is whole", acts))
	}
	d.calendar(ctx, s)
}

// calendar says ahead of time that next year's holidays are missing or provisional.
func (d *doctor) calendar(ctx context.Context, s *store.Store) {
	subject, err := loadSubject(d.cfg)
	if err != nil {
		return // the content check says it
	}
	cohorts, err := s.Cohorts(ctx)
	if err != nil {
		return // the database check says it
	}
	now := time.Now()
	for _, c := range cohorts {
		if !c.Schedule.WorkingDays {
			continue
		}
		for _, at := range []time.Time{now, now.AddDate(0, 2, 0)} {
			day := study.DayOf(at)
			if _, err := subject.calendar.Training(day, c.Schedule); err != nil {
				d.fail("calendar", fmt.Sprintf("class %s: %s is in a year the calendar does not have", c.Code, day), "add the year's holidays to the calendar file (content.calendar)")
				return
			}
			if _, provisional := subject.calendar.Knows(at.In(study.Zone).Year()); provisional {
				d.warn("calendar", fmt.Sprintf("the holidays of %d are provisional", at.In(study.Zone).Year()), "copy the State Council's notice into the calendar file (content.calendar) and drop provisional")
				return
			}
		}
	}
	d.ok("calendar", "covers the coming two months")
}

func (d *doctor) redis(ctx context.Context) {
	if d.cfg.Redis.URL == "embedded" {
		d.ok("redis", "embedded: one process only")
		return
	}
	c, err := cache.New(cache.Options{URL: d.cfg.Redis.URL, Logger: d.log})
	if err != nil {
		d.fail("redis", err.Error(), "check redis.url")
		return
	}
	defer closing(c)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := c.Ping(ctx); err != nil {
		d.warn("redis", "does not answer", "the service works without it, slower; check that the server runs and redis.url")
		return
	}
	d.ok("redis", "answers")
}

func (d *doctor) wechat(ctx context.Context) {
	if len(d.cfg.NeedWeChat()) > 0 {
		return
	}
	w := d.cfg.WeChat
	client, err := wechat.NewClient(wechat.ClientOptions{AppID: w.AppID, AppSecret: w.AppSecret, APIBase: w.APIBase, Now: time.Now, Logger: d.log})
	if err != nil {
		d.fail("wechat", err.Error(), "check wechat.api_base")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	report := client.Check(ctx)
	for _, i := range report.Items {
		name, detail := "wechat "+i.Name, "the platform agrees"
		if i.Name == "menu" && i.OK && len(report.Menu.Buttons) == 0 {
			d.warn(name, "the account has no menu", "tiangeng menu puts it there: without it 今日学习 can only be typed")
			continue
		}
		if i.OK {
			d.ok(name, detail)
			continue
		}
		detail = i.Reason
		if i.Code != 0 {
			detail = fmt.Sprintf("%s (errcode %d, rid %s)", i.Reason, i.Code, i.RequestID)
		}
		if i.Name == "token" {
			d.fail(name, detail, tokenAdvice(i.Code))
			continue
		}
		d.warn(name, detail, "the account may lack this right (公众平台 → 设置与开发 → 接口权限), or the platform could not reach the webhook")
	}
	if len(report.Items) > 1 { // there is a token
		d.ways(ctx, client)
	}
}

// ways asks about each way of sending that the configuration claims, whether the account may use it and
// how many calls of today are left. That a template exists only sending shows: no API tells it.
func (d *doctor) ways(ctx context.Context, client *wechat.Client) {
	account := capabilities(d.cfg)
	claimed := map[channel.Way]bool{
		channel.WayNotice: len(account.Notices) > 0, channel.WayTemplate: len(account.Templates) > 0,
		channel.WayOnce: account.Once != "", channel.WayMass: account.Mass,
	}
	for _, way := range []channel.Way{channel.WayNotice, channel.WayTemplate, channel.WayOnce, channel.WayMass} {
		if !claimed[way] {
			continue
		}
		name := "wechat " + string(way)
		q, err := client.Quota(ctx, way)
		var e *wechat.APIError
		switch {
		case err == nil && q.Limit > 0 && q.Limit-q.Used <= bot.Reserve(q.Limit, d.cfg.WeChat.DailyReserve):
			d.warn(name, fmt.Sprintf("%d of today's %d calls are used: the rest is the reserve", q.Used, q.Limit), "wait for midnight, or lower wechat.daily_reserve")
		case err == nil:
			d.ok(name, fmt.Sprintf("permitted, %d of %d calls used today", q.Used, q.Limit))
		case errors.As(err, &e) && e.Code == 48001:
			d.fail(name, "the account may not use it (errcode 48001, rid "+e.RequestID+")", "take it out of the configuration, or apply for the right (公众平台 → 设置与开发 → 接口权限)")
		default:
			d.warn(name, err.Error(), "nobody can tell yet whether the account may use it: try again later")
		}
	}
}

// tokenAdvice says what an operator does about the platform's refusal (wechat-protocol §2).
func tokenAdvice(code int) string {
	switch code {
	case 40001, 40125, 40243:
		return "wechat.app_secret is not the account's: reset it in the console and copy it again"
	case 40013:
		return "wechat.app_id is not an account of the platform"
	case 40164, 61004, 45035:
		return "add this host's outgoing address to the console's IP白名单"
	case 0:
		return "the platform cannot be reached from here: check DNS, the firewall and wechat.api_base"
	}
	return "look the code up in the platform's list of return codes"
}

// webhook asks the public address as the platform does when the URL is saved in its console.
func (d *doctor) webhook(ctx context.Context) {
	w := d.cfg.WeChat
	if d.cfg.PublicURL == "" || w.Token == "" {
		return
	}
	url := strings.TrimRight(d.cfg.PublicURL, "/") + "/webhook/wechat"
	const advice = "start the service, and lead this address to its listen port; the platform needs port 80 or 443"
	echo := "tiangeng-doctor"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"?"+wechat.HandshakeQuery(w.Token, echo, time.Now()), nil)
	if err != nil {
		d.fail("webhook", err.Error(), advice)
		return
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") }}
	resp, err := client.Do(req)
	if err != nil {
		d.fail("webhook", url+" cannot be reached", advice)
		return
	}
	defer func() { _ = resp.Body.Close() }() // read below as far as it matters
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != echo {
		d.fail("webhook", fmt.Sprintf("%s answers %d, not the echo", url, resp.StatusCode), "something else answers at this address, or the token there is another")
		return
	}
	d.ok("webhook", url+" answers as the platform wants")
}

func (d *doctor) content() {
	subject, err := loadSubject(d.cfg)
	if err != nil {
		d.fail("content", err.Error(), "mend or remove that file")
		return
	}
	wrong := 0
	for _, p := range subject.problems {
		if !p.Warning {
			wrong++
		}
	}
	switch {
	case wrong > 0:
		d.fail("content", fmt.Sprintf("%d problems in the course files: the courses with problems are left out", wrong), "tiangeng content check "+d.cfg.Content.Dir)
	case len(subject.library.Courses()) == 0:
		d.fail("content", "there is no course", "put courses below content.dir, or leave it empty for the built-in ones")
	default:
		d.ok("content", fmt.Sprintf("%d courses, no problem", len(subject.library.Courses())))
	}
}
