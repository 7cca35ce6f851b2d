package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

const (
	clinicApp    = "wx5af0c5d1e0a7b3cc"
	clinicSecret = "clinicSecretCanary01"
	clinicToken  = "clinicTokenCanary02"
	clinicAESKey = "clinicKeyCanary030123456789abcdefghijklmnop"
)

// clinic is a set-up with everything the doctor looks at: a platform, a class with a roster, and a
// public address that leads to the service once it runs.
type clinic struct {
	*office
	platform *sim.Platform
	api      string
	door     *httptest.Server
	behind   atomic.Pointer[url.URL]
}

func openClinic(t *testing.T, allowed ...string) *clinic {
	t.Helper()
	c := &clinic{}
	c.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := c.behind.Load()
		if to == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
	}))
	t.Cleanup(c.door.Close)
	platform, err := sim.New(sim.Options{
		AppID: clinicApp, AppSecret: clinicSecret, Token: clinicToken, AESKey: clinicAESKey,
		Webhook: c.door.URL + "/webhook/wechat", AllowedIPs: allowed,
	})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(platform.Handler())
	platform.Start(context.Background())
	t.Cleanup(func() {
		api.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := platform.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	c.api, c.platform = api.URL, platform
	c.office = openOffice(t, c.settings(clinicSecret, clinicToken))
	// Weekdays, not working days: what the doctor says must not depend on the year the test runs in.
	write(t, c.path("cohorts.yaml"), "cohorts:\n  - {code: class-1, name: 测试班, courses: [fang-fanpin], start: \"2026-11-23\", hour: \"08:00\", days: [mon, wed]}\n")
	c.setUp()
	write(t, c.path("r.csv"), rosterHead+rosterRow("张三", "A0001"))
	c.must("roster", "import", "-c", c.config, "--cohort", "class-1", c.path("r.csv"))
	return c
}

// settings is the rest of a configuration for this clinic.
func (c *clinic) settings(secret, token string) string {
	return fmt.Sprintf("listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\npublic_url: %s\nwechat:\n  app_id: %s\n  app_secret: %s\n  token: %s\n  aes_key: %s\n  api_base: %s\n",
		c.door.URL, clinicApp, secret, token, clinicAESKey, c.api)
}

// serve runs the service behind the public address until the test ends.
func (c *clinic) serve() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan addresses, 1), make(chan int, 1)
	var log lockedBuffer
	p := &program{stdout: io.Discard, stderr: writer{&log}, ready: func(a addresses) { listening <- a }}
	go func() { ended <- p.main(ctx, []string{"serve", "-c", c.config}) }()
	c.t.Cleanup(func() {
		cancel()
		if status := <-ended; status != statusDone {
			c.t.Errorf("serve ended with %d:\n%s", status, log.String())
		}
		if text := log.String(); strings.Contains(text, "Canary") {
			c.t.Errorf("a secret is in the log:\n%s", text)
		}
	})
	select {
	case at := <-listening:
		to, err := url.Parse(at.Public)
		if err != nil {
			c.t.Fatal(err)
		}
		c.behind.Store(to)
	case <-time.After(30 * time.Second):
		c.t.Fatalf("serve did not start:\n%s", log.String())
	}
}

// examine runs the doctor and checks what holds for every report: advice on each line that is not
// well, an exit status that fits, no secret anywhere.
func (o *office) examine(config string) map[string]finding {
	o.t.Helper()
	out, errs, status := o.run("doctor", "-c", config, "--json")
	if strings.Contains(out+errs, "Canary") {
		o.t.Errorf("the report holds a secret:\n%s%s", out, errs)
	}
	var list []finding
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		o.t.Fatalf("%v\n%s%s", err, out, errs)
	}
	byCheck, failed := map[string]finding{}, false
	for _, f := range list {
		failed = failed || f.Level == "fail"
		if f.Level != "ok" && f.Advice == "" {
			o.t.Errorf("%s: %s, and nothing to do", f.Check, f.Detail)
		}
		if seen, twice := byCheck[f.Check]; !twice || seen.Level == "ok" {
			byCheck[f.Check] = f
		}
	}
	if failed != (status == statusFailed) || (!failed && status != statusDone) {
		o.t.Errorf("exit %d:\n%s", status, out)
	}
	return byCheck
}

func (c *clinic) is(report map[string]finding, check, level, words string) {
	c.t.Helper()
	f := report[check]
	if f.Level != level || !strings.Contains(f.Detail+" "+f.Advice, words) {
		c.t.Errorf("%s is %s, want %s with %q: %s → %s", check, f.Level, level, words, f.Detail, f.Advice)
	}
}

// A set-up as the README describes it is well; then one thing after the other is broken, and the
// doctor names that thing and no other.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	c := openClinic(t)
	report := c.examine(c.config)
	c.is(report, "webhook", "fail", "answers 502, not the echo")
	c.is(report, "wechat menu", "warn", "tiangeng menu")
	c.serve()
	if first, second := c.must("menu", "-c", c.config), c.must("menu", "-c", c.config); !strings.Contains(first, "written") || !strings.Contains(second, "unchanged") {
		t.Errorf("the menu: %q, again: %q", first, second)
	}
	for check, f := range c.examine(c.config) {
		if f.Level != "ok" {
			t.Errorf("a good set-up: %s is %s: %s → %s", check, f.Level, f.Detail, f.Advice)
		}
	}
	text := c.must("doctor", "-c", c.config)
	if !strings.Contains(text, "ok    webhook") || strings.Contains(text, "→") {
		t.Errorf("in words:\n%s", text)
	}

	database := fmt.Sprintf("database:\n  dsn: %q\n", "sqlite://"+c.path("t.db"))
	good := c.settings(clinicSecret, clinicToken)
	c.must("content", "export", c.path("mine"))
	write(t, c.path("mine/courses/fang-fanpin/01-san-lei-hu.md"), "no header\n")
	cases := []struct{ name, config, check, level, words string }{
		{"wrong secret", database + c.settings("anotherSecretCanary", clinicToken), "wechat token", "fail", "app_secret"},
		{"wrong token", database + c.settings(clinicSecret, "anotherTokenCanary"), "webhook", "fail", "token"},
		{"dead Redis", database + good + "redis:\n  url: redis://:redisCanary@127.0.0.1:1/0\n", "redis", "warn", "works without it"},
		{"dead database", "database:\n  dsn: mysql://u:databaseCanary@127.0.0.1:1/tiangeng\nredis:\n  url: redis://127.0.0.1:1/0\n" + good, "database", "fail", "check that the server runs"},
		{"unmigrated database", fmt.Sprintf("database:\n  dsn: %q\n", "sqlite://"+c.path("new.db")) + good, "schema", "fail", "run tiangeng migrate"},
		{"broken course", database + good + fmt.Sprintf("content:\n  dir: %q\n", c.path("mine")), "content", "fail", "tiangeng content check"},
		{"no course", database + good + fmt.Sprintf("content:\n  dir: %q\n", t.TempDir()), "content", "fail", "tiangeng content check"},
		{"broken phrases", database + good + fmt.Sprintf("content:\n  phrases: %q\n", c.path("cohorts.yaml")), "content", "fail", "phrases"},
		{"unreachable platform", database + strings.Replace(good, c.api, "http://127.0.0.1:1", 1), "wechat token", "fail", "check DNS"},
		{"unreachable address", database + strings.Replace(good, c.door.URL, "http://127.0.0.1:1", 1), "webhook", "fail", "cannot be reached"},
	}
	for _, x := range cases {
		name := c.path("case.yaml")
		write(t, name, x.config)
		report := c.examine(name)
		f := report[x.check]
		if f.Level != x.level || !strings.Contains(f.Detail+" "+f.Advice, x.words) {
			t.Errorf("%s: %s is %s, want %s with %q: %s → %s", x.name, x.check, f.Level, x.level, x.words, f.Detail, f.Advice)
		}
		for check, other := range report {
			dead := x.name == "dead database" && check == "redis"
			if other.Level != "ok" && check != x.check && !dead && (check != "data" || x.check != "schema") {
				t.Errorf("%s: %s is %s, too: %s", x.name, check, other.Level, other.Detail)
			}
		}
	}
}

// Whether a committed answer survives a power cut is for the database server to say.
func TestDoctorLooksAtTheServer(t *testing.T) {
	t.Parallel()
	server := storetest.StartMariaDB(t)
	dsn := server.NewDatabase(t)
	o := openOffice(t, "")
	write(t, o.config, fmt.Sprintf("database:\n  dsn: %q\nredis:\n  url: %q\n", dsn, storetest.Redis(t)))
	o.must("migrate", "-c", o.config)
	for _, x := range []struct{ set, level, words string }{
		{"", "ok", "survives a power cut"},
		{"SET GLOBAL innodb_flush_log_at_trx_commit = 2", "warn", "innodb_flush_log_at_trx_commit = 2: a power cut loses answers"},
	} {
		if x.set != "" {
			db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/", server.Port()))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), x.set); err != nil {
				t.Fatal(err)
			}
			_ = db.Close()
		}
		f := o.examine(o.config)["durability"]
		if f.Level != x.level || !strings.Contains(f.Detail, x.words) {
			t.Errorf("after %q: %+v", x.set, f)
		}
	}
	for _, x := range []struct {
		is    store.Setup
		level string
	}{
		{store.Setup{Cache: 128 << 20, Data: 100 << 20}, "ok"},
		{store.Setup{Cache: 128 << 20, Data: 400 << 20}, "warn"},
		{store.Setup{Cache: 2 << 30, Data: 5 << 30}, "ok"},
	} {
		d := &doctor{}
		d.memory(x.is)
		if d.findings[0].Level != x.level {
			t.Errorf("%+v: %+v", x.is, d.findings)
		}
	}
}

// What the configuration claims and the account may not do is found before the first campaign.
func TestDoctorNamesAMissingRight(t *testing.T) {
	t.Parallel()
	c := openClinic(t)
	name := c.path("mass.yaml")
	write(t, name, fmt.Sprintf("database:\n  dsn: %q\n", "sqlite://"+c.path("t.db"))+strings.Replace(c.settings(clinicSecret, clinicToken), "wechat:\n", "wechat:\n  mass: true\n", 1))
	c.is(c.examine(name), "wechat mass", "ok", "permitted")
	c.platform.Faults().Add(sim.Fault{Path: "/cgi-bin/openapi/quota/get", Kind: sim.FaultErrcode, Code: 48001})
	c.is(c.examine(name), "wechat mass", "fail", "48001")
}

// Somebody who changes the record of privileged acts behind the program is found.
func TestDoctorVerifiesTheAudit(t *testing.T) {
	t.Parallel()
	c := openClinic(t)
	db, err := sql.Open("sqlite", c.path("t.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(db)
	if _, err := db.ExecContext(t.Context(), "UPDATE audit SET actor = 'nobody' WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	c.is(c.examine(c.config), "audit", "fail", "broken at act 1")
}

// The commonest mistake of a first start: the host is not on the console's list of addresses.
func TestDoctorNamesTheAddressList(t *testing.T) {
	t.Parallel()
	c := openClinic(t, "192.0.2.1")
	report := c.examine(c.config)
	c.is(report, "wechat token", "fail", "IP白名单")
	c.is(report, "wechat token", "fail", "40164")
	if out, errs, status := c.run("menu", "-c", c.config); status != statusFailed || out != "" || !strings.Contains(errs, "40164") || strings.Contains(errs, "Canary") {
		t.Errorf("the menu of an account that refuses us: exit %d\n%s%s", status, out, errs)
	}
}
