package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
)

type demoCmd struct {
	Dir     string `default:"tiangeng-data" help:"Folder for the demo's data; a second start goes on where the first stopped."`
	Fresh   bool   `help:"Throw the data away and start over."`
	Listen  string `default:"127.0.0.1:8080" help:"Webhook, console, learner pages. A free port is taken when it is in use."`
	Admin   string `default:"127.0.0.1:9090" help:"Health and metrics. A free port is taken when it is in use."`
	Phones  string `default:"127.0.0.1:8088" help:"The simulated WeChat and the phones page. A free port is taken when it is in use."`
	Verbose bool   `short:"v" help:"Log to standard error."`
}

// demoMarker stands in the demo's folder; --fresh deletes nothing that has no marker.
const demoMarker = "tiangeng-demo.json"

// demoSecrets survive a restart, so that the second start is the same account.
type demoSecrets struct {
	AppSecret string `json:"appSecret"`
	Token     string `json:"token"`
	AESKey    string `json:"aesKey"`
}

func (c *demoCmd) run(ctx context.Context, p *program) (err error) {
	secrets, first, err := c.folder()
	if err != nil {
		return err
	}
	cfg, err := c.config(secrets)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = logger(cfg, p.stderr)
	}
	// The platform must listen before the bot starts, and needs the bot's address before that.
	front, err := listen(ctx, c.Listen, nil, true, log)
	if err != nil {
		return err
	}
	cfg.Certificate.Office = "田埂县委组织部（演示）"
	cfg.Listen, cfg.PublicURL = front.listener.Addr().String(), front.url()
	if err := front.listener.Close(); err != nil {
		return err
	}
	platform, err := sim.New(sim.Options{
		AppID: cfg.WeChat.AppID, AppSecret: secrets.AppSecret, Token: secrets.Token, AESKey: secrets.AESKey,
		OriginalID: cfg.WeChat.OriginalID, Name: "田埂课堂", Webhook: cfg.PublicURL + "/webhook/wechat", Mode: sim.ModeSafe,
		Dir: filepath.Join(c.Dir, "platform"), Personas: demoPersonas(), Scenes: demoScenes(), Logger: log,
	})
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	phones, err := listen(ctx, c.Phones, platform.Handler(), true, log)
	if err != nil {
		return err
	}
	cfg.WeChat.APIBase = phones.url()
	go func() { _ = phones.serve() }() // ends with the Close below
	platform.Start(ctx)
	defer func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, phones.http.Close(), platform.Close(limit))
	}()
	return c.serve(ctx, p, cfg, platform, phones, first, log)
}

// serve runs the bot beside the platform.
func (c *demoCmd) serve(ctx context.Context, p *program, cfg *configs.Config, platform *sim.Platform, phones *server, first bool, log *slog.Logger) error {
	s, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Migrate(ctx), s.Close()); err != nil {
		return err
	}
	clock := &clock{source: platform.Clock().Now}
	if first {
		startDemoClock(platform)
	}
	a, err := openApp(ctx, cfg, log, appOptions{clock: clock})
	if err != nil {
		return err
	}
	if err := seedDemo(ctx, a); err != nil {
		return errors.Join(err, a.Close())
	}
	stop := platform.Clock().Subscribe(func(time.Time) { a.service.Kick() })
	defer stop()
	listening := func(at addresses) {
		at.Phones = phones.url() + "/sim/"
		if first {
			if err := playFirstDay(ctx, a, platform); err != nil {
				fmt.Fprintln(p.stderr, "demo:", err)
			}
		}
		c.banner(p, at)
		if p.ready != nil {
			p.ready(at)
		}
	}
	return errors.Join(a.run(ctx, listening, true), a.Close())
}

// folder makes or finds the demo's folder; first is true when there was nothing in it.
func (c *demoCmd) folder() (s demoSecrets, first bool, err error) {
	marker := filepath.Join(c.Dir, demoMarker)
	data, err := os.ReadFile(marker)
	switch {
	case err == nil && c.Fresh:
		if err := os.RemoveAll(c.Dir); err != nil {
			return s, false, fmt.Errorf("starting over: %w", err)
		}
	case err == nil:
		if err := json.Unmarshal(data, &s); err != nil {
			return s, false, fmt.Errorf("%s is damaged: start over with --fresh", marker)
		}
		return s, false, nil
	case !errors.Is(err, os.ErrNotExist):
		return s, false, fmt.Errorf("reading the demo's folder: %w", err)
	}
	if entries, err := os.ReadDir(c.Dir); err == nil && len(entries) > 0 {
		return s, false, fmt.Errorf("%s is not empty and not a demo's folder: choose another with --dir", c.Dir)
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "platform"), 0o700); err != nil {
		return s, false, fmt.Errorf("making the demo's folder: %w", err)
	}
	s = demoSecrets{AppSecret: randomHex(16), Token: randomHex(12), AESKey: randomAESKey()}
	if data, err = json.Marshal(s); err != nil {
		return s, false, err
	}
	return s, true, os.WriteFile(marker, data, 0o600)
}

// config is the configuration of the demo: the very one of serve, with a simulated platform.
func (c *demoCmd) config(s demoSecrets) (*configs.Config, error) {
	cfg, err := configs.Load(configs.Source{Environ: func(string) (string, bool) { return "", false }})
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	cfg.AdminListen = c.Admin
	cfg.Database.DSN = "sqlite://" + filepath.ToSlash(filepath.Join(dir, "tiangeng.db"))
	cfg.Redis.URL = "embedded"
	cfg.Log.Format = "text"
	cfg.WeChat.AppID, cfg.WeChat.OriginalID = "wx5af0c5d1e0a7b300", "gh_5af0c5d1e0a7"
	cfg.WeChat.AppSecret, cfg.WeChat.Token, cfg.WeChat.AESKey = s.AppSecret, s.Token, s.AESKey
	return cfg, nil
}

// startDemoClock begins the demo where it has something to show.
func startDemoClock(platform *sim.Platform) {
	calendar, err := parseCalendar(configs.Calendar)
	if err != nil {
		return // the calendar built in is tested; without it the demo begins now
	}
	platform.Clock().Set(demoStart(calendar, platform.Clock().Now()))
}

// demoStart is now, or the next moment after eight on a training day whose morrow is one, too: there
// is a lesson to take, and "tomorrow 08:00" brings a push, also when the demo is tried on a Friday.
func demoStart(calendar study.Calendar, now time.Time) time.Time {
	schedule := demoSchedule(calendar, now)
	trains := func(day study.Day) bool {
		training, err := calendar.Training(day, schedule)
		return err == nil && training
	}
	for i := range 30 {
		day := study.DayOf(now.AddDate(0, 0, i))
		at, err := schedule.At(day)
		if err != nil || !trains(day) || !trains(day.Add(1)) {
			continue
		}
		if at = at.Add(5 * time.Minute); i > 0 || now.Before(at) {
			return at
		}
		return now
	}
	return now
}

// demoSchedule trains on working days; where the calendar ends within two months, on Monday to
// Friday, so that an old copy of the program still has a demo.
func demoSchedule(calendar study.Calendar, now time.Time) study.Schedule {
	s := study.Schedule{Start: study.DayOf(now), Hour: demoHour, WorkingDays: true}
	for _, at := range []time.Time{now, now.AddDate(0, 2, 0)} {
		if known, _ := calendar.Knows(at.In(study.Zone).Year()); !known {
			s.WorkingDays, s.Weekdays = false, []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
			break
		}
	}
	return s
}

func (c *demoCmd) banner(p *program, at addresses) {
	fmt.Fprintf(p.stdout, `
  田埂课堂演示  Tiangeng demo

  手机 phones     %s
  管理台 console  %s/console/
  健康 health     %s/healthz

  试一试：在“李文山”的手机上点“今日学习”，读完打一个字母答题；给“杨秀兰”点关注，再发“杨秀兰 新村 7K3M”绑定；
  把时钟拨到“明天 08:00”，看推送；在“陈老师”的手机上发“发通知”，把通知发给全班；下面的“线路”里有每条消息的密文和明文。
  Try: tap 今日学习 on the first phone and answer by one letter; follow on the second and type the suggested line to bind;
  move the clock to tomorrow 08:00 and see the push; as 陈老师 say 发通知 to write to the class; the panel shows what went over the wire.

  名单 completion list:  go run ./cmd/tiangeng completions export -c %s
  数据 data: %s   重来 start over: --fresh   停止 stop: Ctrl-C
`, at.Phones, at.Public, at.Admin, filepath.Join(c.Dir, "tiangeng.yaml"), c.Dir)
}
