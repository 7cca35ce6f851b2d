package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// office is a set-up of one operator: a configuration on SQLite, a class, and what commands say.
type office struct {
	t      *testing.T
	dir    string
	config string
}

func openOffice(t *testing.T, extra string) *office {
	t.Helper()
	dir := t.TempDir()
	o := &office{t: t, dir: dir, config: filepath.Join(dir, "tiangeng.yaml")}
	write(t, o.config, fmt.Sprintf("database:\n  dsn: %q\n%s", "sqlite://"+filepath.Join(dir, "t.db"), extra))
	write(t, o.path("cohorts.yaml"), "cohorts:\n  - {code: class-1, name: 测试班, courses: [fang-fanpin], start: \"2026-11-23\", end: \"\", hour: \"08:00\", days: workdays}\n")
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

// run runs a command in process.
func (o *office) run(args ...string) (stdout, stderr string, status int) {
	o.t.Helper()
	var out, errs bytes.Buffer
	p := &program{stdout: &out, stderr: &errs}
	status = p.main(context.Background(), args)
	return out.String(), errs.String(), status
}

// must runs a command that has to succeed.
func (o *office) must(args ...string) string {
	o.t.Helper()
	out, errs, status := o.run(args...)
	if status != statusDone {
		o.t.Fatalf("%v: exit %d\n%s%s", args, status, out, errs)
	}
	return out
}

// migrate gives the office the database that the command of that name makes, without making it again for each test.
func (o *office) migrate() {
	o.t.Helper()
	if err := os.WriteFile(o.path("t.db"), storetest.MigratedSQLiteFile(o.t), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) setUp() {
	o.t.Helper()
	o.migrate()
	o.must("cohort", "import", "-c", o.config, o.path("cohorts.yaml"))
}

const rosterHead = "姓名,单位代码,省,州市,县市区,乡镇街道,村社区,干部类别,绑定码\n"

func rosterRow(name, code string) string {
	return name + ",539901100201,云南省,示范州,田埂县,青松镇,新村村民委员会,村干部," + code + "\n"
}

func TestExitStatuses(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	cases := []struct {
		name   string
		args   []string
		status int
		out    string // on stdout
		errs   string // on stderr
	}{
		{"version", []string{"version"}, statusDone, "tiangeng", ""},
		{"help", []string{"--help"}, statusDone, "completions", ""},
		{"no such command", []string{"fly"}, statusMisused, "", "fly"},
		{"a group without its command", []string{"roster"}, statusMisused, "", "import"},
		{"a flag that is not there", []string{"version", "--loud"}, statusMisused, "", "--loud"},
		{"a configuration that is not there", []string{"migrate", "-c", o.path("none.yaml")}, statusMisused, "", "none.yaml"},
		{"serve without credentials", []string{"serve", "-c", o.config}, statusFailed, "", "wechat.app_secret: is not set"},
		{"work on a database that is not migrated", []string{"cohort", "list", "-c", o.config}, statusFailed, "", "run tiangeng migrate first"},
		{"the built-in courses", []string{"content", "check"}, statusDone, "2 courses, 0 problems", ""},
		{"a unit that is none", []string{"completions", "export", "-c", o.config, "--unit", "12x"}, statusMisused, "", "12x"},
		{"a webhook that is none", []string{"simulate", "--webhook", "nonsense"}, statusMisused, "", "nonsense"},
		{"a day that is none", []string{"completions", "export", "-c", o.config, "--from", "tomorrow"}, statusMisused, "", "tomorrow"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, errs, status := o.run(c.args...)
			if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("exit %d\nstdout: %s\nstderr: %s", status, out, errs)
			}
		})
	}
}

func TestMigratingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	first, second := o.must("migrate", "-c", o.config), o.must("migrate", "-c", o.config)
	if first != second || !strings.Contains(first, " 0 pending") || o.must("migrate", "-c", o.config, "--status") != first {
		t.Errorf("first %q, second %q", first, second)
	}
}

// R1: accepted + rejected = rows read; each bad row with number, column and reason; the same file again
// changes nothing; a file that is too bad changes nothing at all.
func TestRosterImport(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	var good strings.Builder
	good.WriteString(rosterHead)
	for i := range 40 {
		good.WriteString(rosterRow("张"+numeral(i), fmt.Sprintf("A%04d", i)))
	}
	write(t, o.path("good.csv"), good.String()+rosterRow("=1+1", "B0001")+rosterRow("李四", "?"))
	imported := func(file string, more ...string) (map[string]any, string) {
		out, errs, status := o.run(append([]string{"roster", "import", "-c", o.config, "--cohort", "class-1", "--json", o.path(file)}, more...)...)
		if status != statusDone {
			t.Fatalf("%s: exit %d\n%s", file, status, errs)
		}
		var r map[string]any
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r, errs
	}
	dry, _ := imported("good.csv", "--dry-run")
	r, errs := imported("good.csv")
	if dry["accepted"] != 40.0 || r["accepted"] != 40.0 || r["rejected"] != 2.0 || r["result"].(map[string]any)["new"] != 40.0 {
		t.Errorf("dry %v, real %v", dry, r)
	}
	for _, place := range []string{"42", "43", "姓名", "绑定码"} {
		if !strings.Contains(errs, place) {
			t.Errorf("the bad rows do not name %s:\n%s", place, errs)
		}
	}
	again, _ := imported("good.csv")
	if result := again["result"].(map[string]any); result["unchanged"] != 40.0 || result["new"] != 0.0 || result["changed"] != 0.0 || result["enrolled"] != 0.0 {
		t.Errorf("the same file again: %v", result)
	}
	write(t, o.path("bad.csv"), rosterHead+rosterRow("王五", "C0001")+rosterRow("", "C0002")+rosterRow("赵六", ""))
	if _, errs, status := o.run("roster", "import", "-c", o.config, o.path("bad.csv")); status != statusFailed || !strings.Contains(errs, "姓名") {
		t.Errorf("a file that is too bad: exit %d\n%s", status, errs)
	}
	write(t, o.path("private.csv"), "姓名,单位代码,身份证号,绑定码\n王五,539901100201,530000000000000000,C0001\n")
	if _, errs, status := o.run("roster", "import", "-c", o.config, o.path("private.csv")); status != statusFailed || !strings.Contains(errs, "身份证") {
		t.Errorf("a file with private data: exit %d\n%s", status, errs)
	}
	for _, format := range []string{"csv", "xlsx"} {
		o.must("roster", "export", "-c", o.config, "--format", format, "-o", o.path("out."+format))
		back, _ := imported("out." + format)
		if result := back["result"].(map[string]any); back["accepted"] != 40.0 || result["unchanged"] != 40.0 {
			t.Errorf("%s out and in again: %v", format, back)
		}
	}
}

func TestCohortAndContentMistakes(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	if out := o.must("cohort", "import", "-c", o.config, o.path("cohorts.yaml")); !strings.Contains(out, "unchanged") {
		t.Errorf("the same classes again: %s", out)
	}
	write(t, o.path("bad.yaml"), "cohorts:\n  - {code: Class One, name: \"\", courses: [], start: soon, hour: 8, days: daily}\n")
	_, errs, status := o.run("cohort", "import", "-c", o.config, o.path("bad.yaml"))
	for _, word := range []string{"code must", "name is missing", "courses is empty", "start must", "hour must", "days must"} {
		if status != statusFailed || !strings.Contains(errs, word) {
			t.Errorf("exit %d, %q is not said:\n%s", status, word, errs)
		}
	}
	write(t, o.path("unknown.yaml"), "cohorts:\n  - {code: c2, name: 班, courses: [no-such], start: \"2026-12-01\", hour: \"08:00\", days: [mon]}\n")
	if _, errs, status := o.run("cohort", "import", "-c", o.config, o.path("unknown.yaml")); status != statusFailed || !strings.Contains(errs, "no-such") {
		t.Errorf("exit %d: %s", status, errs)
	}
	o.must("content", "export", o.path("mine"), "fang-fanpin")
	o.must("content", "check", o.path("mine"))
	o.must("content", "import", "-c", o.config, o.path("mine"))
	lesson := filepath.Join(o.path("mine"), "courses", "fang-fanpin", "01-san-lei-hu.md")
	data, err := os.ReadFile(lesson)
	if err != nil {
		t.Fatal(err)
	}
	write(t, lesson, strings.Replace(string(data), "举个例子", "打个比方", 1))
	if _, errs, status := o.run("content", "import", "-c", o.config, o.path("mine")); status != statusFailed || !strings.Contains(errs, "版本") {
		t.Errorf("changed content under the same number: exit %d: %s", status, errs)
	}
	write(t, lesson, strings.Replace(string(data), "答案: ", "答安: ", 1))
	out, _, status := o.run("content", "check", o.path("mine"))
	if status != statusFailed || !strings.Contains(out, "01-san-lei-hu.md:") {
		t.Errorf("a broken lesson: exit %d:\n%s", status, out)
	}
}

func TestPushAndExport(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	write(t, o.path("r.csv"), rosterHead+rosterRow("张三", "A0001")+rosterRow("李四", "A0002"))
	o.must("roster", "import", "-c", o.config, "--cohort", "class-1", o.path("r.csv"))
	if out := o.must("push", "-c", o.config, "--date", "2026-11-28"); !strings.Contains(out, "不上课") {
		t.Errorf("a Saturday: %s", out)
	}
	if _, errs, status := o.run("push", "-c", o.config, "--date", "someday"); status != statusFailed || !strings.Contains(errs, "someday") {
		t.Errorf("no day: exit %d %s", status, errs)
	}
	if out := o.must("push", "-c", o.config, "--date", "2027-11-01", "--dry-run"); !strings.Contains(out, "还没有绑定手机") && !strings.Contains(out, "2027-11-01") {
		t.Errorf("a forecast: %s", out)
	}
	cut := []string{"completions", "export", "-c", o.config, "--cut-off", "2099-01-01T00:00:00+08:00"}
	for _, format := range []string{"csv", "xlsx", "json", "html"} {
		args := append(append([]string{}, cut...), "--format", format)
		one, two := o.must(args...), o.must(args...)
		if one != two {
			t.Errorf("%s: the same request gives other bytes", format)
		}
		if format != "xlsx" && (!strings.Contains(one, "张三") || !strings.Contains(one, "李四")) {
			t.Errorf("%s leaves out who did nothing", format)
		}
	}
	missing := filepath.Join(o.dir, "no", "such", "folder", "list.csv")
	if _, errs, status := o.run(append(cut, "-o", missing)...); status != statusFailed || errs == "" {
		t.Errorf("a folder that is not there: exit %d %s", status, errs)
	}
}

// A list made before the service has ever run names its courses as their files do.
func TestListBeforeTheFirstStart(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	write(t, o.path("r.csv"), rosterHead+rosterRow("张三", "A0001"))
	o.must("roster", "import", "-c", o.config, "--cohort", "class-1", o.path("r.csv"))
	if out := o.must("completions", "export", "-c", o.config, "--format", "csv"); !strings.Contains(out, "防止返贫") {
		t.Errorf("the course has no title:\n%s", out)
	}
}

// A class QR made by the command brings whoever scans it into the class.
func TestClassQR(t *testing.T) {
	t.Parallel()
	platform, err := sim.New(sim.Options{AppID: schoolApp, AppSecret: schoolSecret, Token: schoolToken, AESKey: schoolAESKey, Webhook: "http://127.0.0.1:1/"})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(platform.Handler())
	defer api.Close()
	o := openOffice(t, fmt.Sprintf("wechat:\n  app_id: %s\n  app_secret: %s\n  token: %s\n  aes_key: %s\n  api_base: %s\n", schoolApp, schoolSecret, schoolToken, schoolAESKey, api.URL))
	o.setUp()
	if out := o.must("cohort", "qr", "-c", o.config, "class-1"); !strings.HasPrefix(out, "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=") {
		t.Errorf("got %q", out)
	}
	if _, errs, status := o.run("cohort", "qr", "-c", o.config, "class-2"); status != statusFailed || !strings.Contains(errs, "class-2") {
		t.Errorf("a class that is not there: exit %d %s", status, errs)
	}
	if changed := o.must("menu", "-c", o.config); !strings.Contains(changed, "written") {
		t.Errorf("menu: %s", changed)
	}
	if again := o.must("menu", "-c", o.config); !strings.Contains(again, "unchanged") {
		t.Errorf("menu again: %s", again)
	}
}

func TestDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, config, level, want string
		prepare                   func(o *office)
	}{
		{"credentials missing", "", "fail", "wechat.app_secret: is not set", nil},
		{"not migrated", "", "fail", "run tiangeng migrate", nil},
		{"no class", "", "warn", "tiangeng cohort import", func(o *office) { o.migrate() }},
		{"no roster", "", "warn", "tiangeng roster import", (*office).setUp},
		{"redis that is down", "redis:\n  url: redis://127.0.0.1:1/0\n", "warn", "works without it", nil},
		{"open mode", "wechat:\n  mode: plain\n", "warn", "安全模式", nil},
		{"unreachable address", "public_url: http://127.0.0.1:1\nwechat:\n  token: abcdef\n", "fail", "cannot be reached", nil},
		{"a platform that does not answer", "wechat:\n  app_id: wx0123456789abcdef\n  app_secret: canarySecret77\n  token: abcdef\n  aes_key: abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\n  api_base: http://127.0.0.1:1\n", "fail", "check DNS", nil},
		{"a wrong key", "listen: nowhere\n", "fail", "listen: must be", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, c.config)
			if c.prepare != nil {
				c.prepare(o)
			}
			out, errs, status := o.run("doctor", "-c", o.config, "--json")
			var list []finding
			if err := json.Unmarshal([]byte(out), &list); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			found := false
			for _, f := range list {
				if f.Level != "ok" && f.Advice == "" {
					t.Errorf("%s: %s, and nothing to do", f.Check, f.Detail)
				}
				found = found || (f.Level == c.level && strings.Contains(f.Detail+" "+f.Advice, c.want))
			}
			if !found || status != statusFailed || strings.Contains(out+errs, "canarySecret77") {
				t.Errorf("exit %d, no %s with %q:\n%s%s", status, c.level, c.want, out, errs)
			}
		})
	}
}
