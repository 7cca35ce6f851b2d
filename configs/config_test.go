package configs

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

func env(m map[string]string) Source {
	var names []string
	for k := range m {
		names = append(names, k)
	}
	return Source{
		Environ: func(k string) (string, bool) { v, ok := m[k]; return v, ok },
		Read:    ReadSecretFile,
		Names:   names,
	}
}

func write(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tiangeng.yaml")
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	c, err := Load(env(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":8080" || c.Push.Lateness != 4*time.Hour || !c.WeChat.Window || c.Redis.URL != "embedded" || c.WeChat.Mass || c.WeChat.DailyReserve != 1000 ||
		c.WeChat.Rates != (Rates{50, 50, 50, 50}) || c.WeChat.DayLimits != (DayLimits{500_000, 0, 100_000, 100_000, 100}) || c.Push.ReleaseAbove != 500 {
		t.Errorf("defaults: %+v", c)
	}
	if len(c.NeedWeChat()) != 4 {
		t.Errorf("four credentials are missing, got %v", c.NeedWeChat())
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	s := env(map[string]string{
		"TIANGENG_DATABASE_DSN": "sqlite:///tmp/x.db", "TIANGENG_PUSH_KEEP_FREE": "1",
		"TIANGENG_WECHAT_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.0/24", "TIANGENG_WECHAT_CUSTOMER_SERVICE": "false",
	})
	s.File = write(t, 0o600, "listen: ':1'\npush:\n  keep_free: 3\n  lateness: 1h\n")
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Listen, c.Database.DSN, c.Push.KeepFree, c.Push.Lateness, c.WeChat.TrustedProxies, c.WeChat.Window}
	want := []any{":1", "sqlite:///tmp/x.db", 1, time.Hour, []string{"10.0.0.0/8", "192.0.2.0/24"}, false}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// someTemplate has the form of a template id.
const someTemplate = "Ab1_-Ab1_-Ab1_-Ab1_-Ab1_-Ab1_-Ab1_-Ab1_-Ab1"

// What the account may send by comes from the file and from the environment alike, and whole.
func TestTemplatesComeFromFileAndEnvironmentAlike(t *testing.T) {
	t.Parallel()
	file := env(nil)
	file.File = write(t, 0o600, "wechat:\n  mass: true\n  notices:\n    - {id: "+someTemplate+", kind: lesson, long: true, fields: {thing1: title, time2: time}}\n"+
		"    - id: "+someTemplate+"2\n      kind: announcement\n      fields: {thing1: lead}\n  templates:\n    - {id: "+someTemplate+", kind: receipt, fields: {first: name}}\n"+
		"  api_fallbacks: [https://api2.weixin.qq.com]\n  daily_reserve: 7\n  rates: {window: 0, once: 9}\n")
	fromFile, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	fromEnv, err := Load(env(map[string]string{
		"TIANGENG_WECHAT_MASS": "true", "TIANGENG_WECHAT_API_FALLBACKS": "https://api2.weixin.qq.com", "TIANGENG_WECHAT_DAILY_RESERVE": "7",
		"TIANGENG_WECHAT_RATES_WINDOW": "0", "TIANGENG_WECHAT_RATES_ONCE": "9",
		"TIANGENG_WECHAT_TEMPLATES": `[{"id":"` + someTemplate + `","kind":"receipt","fields":{"first":"name"}}]`,
		"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"lesson","long":true,"fields":{"thing1":"title","time2":"time"}},` +
			`{"id":"` + someTemplate + `2","kind":"announcement","fields":{"thing1":"lead"}}]`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fromFile, fromEnv); d != "" {
		t.Error(d)
	}
	w := fromFile.WeChat
	if len(w.Notices) != 2 || !w.Notices[0].Long || w.Notices[0].Fields["time2"] != "time" || w.Rates != (Rates{0, 50, 9, 50}) {
		t.Errorf("read: %+v", w)
	}
}

func TestDaysOfTheWeek(t *testing.T) {
	t.Parallel()
	for i, word := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		if d, err := Weekday(word); err != nil || d != time.Weekday(i) {
			t.Errorf("%s: %v, %v", word, d, err)
		}
	}
	c, err := Load(env(map[string]string{"TIANGENG_PUSH_REMINDER_HOUR": ""}))
	if err != nil || c.Push.ReminderHour != "" || c.Push.DigestDay != "fri" {
		t.Errorf("an hour that is switched off: %+v, %v", c.Push, err)
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	good := write(t, 0o600, "s3cretValue\n")
	open := write(t, 0o644, "s3cretValue\n")
	c, err := Load(env(map[string]string{"TIANGENG_WECHAT_APP_SECRET_FILE": good}))
	if err != nil || c.WeChat.AppSecret != "s3cretValue" {
		t.Errorf("secret from a file: %q, %v", c.WeChat.AppSecret, err)
	}
	if got := c.Secrets(); !cmp.Equal(got, []string{"embedded", "s3cretValue"}) {
		t.Errorf("Secrets() = %q", got)
	}
	_, err = Load(env(map[string]string{"TIANGENG_WECHAT_APP_SECRET_FILE": open}))
	if err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a secret everybody may read: %v", err)
	}
	s := env(nil)
	s.File = write(t, 0o644, "wechat:\n  app_secret: s3cretValue\n")
	if _, err = Load(s); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a configuration with a secret that everybody may read: %v", err)
	}
}

func TestAMisspeltKeyIsNamedOnOneLine(t *testing.T) {
	t.Parallel()
	s := env(nil)
	s.File = write(t, 0o600, "wechat:\n  appid: x\n  tokn: y\n")
	_, err := Load(s)
	if err == nil || !strings.Contains(err.Error(), "line 2: there is no key appid; line 3: there is no key tokn") || strings.Contains(err.Error(), "configs.") {
		t.Errorf("%v", err)
	}
}

func TestEveryProblemIsNamedWithItsKey(t *testing.T) {
	t.Parallel()
	cases := []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"TIANGENG_LISTEN": "8080"}, "listen: must be host:port"},
		{map[string]string{"TIANGENG_ADMIN_LISTEN": ":9090"}, "admin_listen: would listen on every address"},
		{map[string]string{"TIANGENG_PUBLIC_URL": "learn"}, "public_url: must be a web address"},
		{map[string]string{"TIANGENG_CERTIFICATE_OFFICE": "县委组织部"}, "certificate.office: certificates name the address"},
		{map[string]string{"TIANGENG_CERTIFICATE_OFFICE": strings.Repeat("部", 31)}, "certificate.office: must be at most 30"},
		{map[string]string{"TIANGENG_DATABASE_DSN": "postgres://x"}, "database.dsn: must begin with"},
		{map[string]string{"TIANGENG_DATABASE_DSN": "mysql://u@h/d"}, "redis.url: embedded serves one process only"},
		{map[string]string{"TIANGENG_DATABASE_CONNECTIONS": "1"}, "database.connections: must be 2 to 500"},
		{map[string]string{"TIANGENG_DATABASE_CONNECTIONS": "many"}, "TIANGENG_DATABASE_CONNECTIONS: must be a whole number"},
		{map[string]string{"TIANGENG_WECHAT_APP_ID": "abc"}, "wechat.app_id: does not look like"},
		{map[string]string{"TIANGENG_WECHAT_TOKEN": "a b"}, "wechat.token: must be 3 to 32"},
		{map[string]string{"TIANGENG_WECHAT_AES_KEY": "short"}, "wechat.aes_key: must be the 43"},
		{map[string]string{"TIANGENG_WECHAT_MODE": "open"}, "wechat.mode: must be safe"},
		{map[string]string{"TIANGENG_WECHAT_API_BASE": "http://api.example.com"}, "wechat.api_base: must be an https"},
		{map[string]string{"TIANGENG_WECHAT_ALLOWED_SOURCES": "10.0.0.1"}, "10.0.0.1 is not an address range"},
		{map[string]string{"TIANGENG_PUSH_QUIET_FROM": "9pm"}, "push.quiet_from: must be a time of day"},
		{map[string]string{"TIANGENG_PUSH_LATENESS": "4"}, "TIANGENG_PUSH_LATENESS: must be a length of time"},
		{map[string]string{"TIANGENG_PUSH_LATENESS": "20h"}, "push.lateness: must be between"},
		{map[string]string{"TIANGENG_BINDING_COOL_DOWN": "5m"}, "binding.cool_down: must be between 1h and 2160h"},
		{map[string]string{"TIANGENG_BINDING_DELEGATES": "0"}, "binding.delegates: must be 1 to 20"},
		{map[string]string{"TIANGENG_PUSH_RELEASE_ABOVE": "-1"}, "push.release_above: must be 0 or more"},
		{map[string]string{"TIANGENG_PUSH_REMINDER_HOUR": "evening"}, "push.reminder_hour: must be a time of day like 21:00, or empty"},
		{map[string]string{"TIANGENG_PUSH_DIGEST_HOUR": "17"}, "push.digest_hour: must be"},
		{map[string]string{"TIANGENG_PUSH_DIGEST_DAY": "friday"}, "push.digest_day: must be mon"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": "thing1"}, "TIANGENG_WECHAT_NOTICES: must be a JSON list"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"lesson","lang":true,"fields":{"thing1":"title"}}]`}, "lang not found"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"x y","kind":"lesson","fields":{"thing1":"title"}}]`}, "wechat.notices[0]: id does not look like"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"poem","fields":{"thing1":"title"}}]`}, "wechat.notices[0]: kind must be one of lesson, reminder"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"lesson"}]`}, "wechat.notices[0]: fields is empty"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"lesson","fields":{"thing1":"secret"}}]`}, "fields: thing1 must take one of title, lead"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"lesson","fields":{"{{a}}":"title"}}]`}, "is not a field of a template"},
		{map[string]string{"TIANGENG_WECHAT_NOTICES": `[{"id":"` + someTemplate + `","kind":"lesson","fields":{"a":"title"}},{"id":"` + someTemplate + `","kind":"lesson","fields":{"a":"title"}}]`}, "wechat.notices[1]: kind lesson has a template already"},
		{map[string]string{"TIANGENG_WECHAT_TEMPLATES": `[{"id":"` + someTemplate + `","kind":"lesson","fields":{"a":"title"}}]`}, "wechat.templates[0]: kind lesson is not allowed"},
		{map[string]string{"TIANGENG_WECHAT_ONCE_TEMPLATE": "?"}, "wechat.once_template: does not look like"},
		{map[string]string{"TIANGENG_WECHAT_API_FALLBACKS": "https://api2.weixin.qq.com,http://sh.api.weixin.qq.com"}, "http://sh.api.weixin.qq.com must be an https address"},
		{map[string]string{"TIANGENG_WECHAT_API_FALLBACKS": "ftp://127.0.0.1"}, "ftp://127.0.0.1 must be an https address"},
		{map[string]string{"TIANGENG_WECHAT_DAILY_RESERVE": "-1"}, "wechat.daily_reserve: must be 0 to"},
		{map[string]string{"TIANGENG_WECHAT_DAY_LIMITS_MASS": "-1"}, "wechat.day_limits.mass: must be 0 (no limit)"},
		{map[string]string{"TIANGENG_WECHAT_RATES_NOTICE": "-5"}, "wechat.rates.notice: must be 0 (no limit)"},
		{map[string]string{"TIANGENG_LOG_LEVEL": "loud"}, "log.level: must be"},
		{map[string]string{"TIANGENG_CLOCK_FOLLOW": "http://127.0.0.1:1"}, "clock.follow: follows a simulator only"},
		{map[string]string{"TIANGENG_WECHAT_APPSECRET": "x"}, "TIANGENG_WECHAT_APPSECRET: there is no such setting"},
		{map[string]string{"TIANGENG_WECHAT_TOKEN": "abc", "TIANGENG_WECHAT_TOKEN_FILE": "/x"}, "are both set"},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			_, err := Load(env(c.env))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q in the error, got: %v", c.want, err)
			}
		})
	}
}

func TestUnknownKeysOfTheFileAreErrorsWithTheirLine(t *testing.T) {
	t.Parallel()
	s := env(nil)
	s.File = write(t, 0o600, "listen: ':1'\nwechat:\n  appid: x\n")
	_, err := Load(s)
	if err == nil || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), "appid") {
		t.Errorf("got %v", err)
	}
	s.File = filepath.Join(t.TempDir(), "missing.yaml")
	if _, err = Load(s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestTheExampleIsCurrentAndLoads(t *testing.T) {
	t.Parallel()
	const name = "tiangeng.example.yaml"
	if *update {
		if err := os.WriteFile(name, []byte(Example()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(data), Example()); d != "" {
		t.Errorf("run go test ./configs -update:\n%s", d)
	}
	s := env(nil)
	s.File = name
	if _, err := Load(s); err != nil {
		t.Errorf("the example does not load: %v", err)
	}
}

func FuzzLoadNeverPanics(f *testing.F) {
	f.Add("listen: ':1'\nwechat:\n  mode: safe\n")
	f.Add("push: {lateness: 1h}")
	f.Add("a: [")
	f.Fuzz(func(t *testing.T, text string) {
		s := env(nil)
		s.File = write(t, 0o600, text)
		if c, err := Load(s); err == nil && len(c.Validate()) > 0 {
			t.Errorf("loaded without error, yet invalid: %v", c.Validate())
		}
	})
}

// The tables of both READMEs are generated; -update writes them.
func TestTheReadmesShowTheConfiguration(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- configuration table: generated, see configs/example.go -->\n", "<!-- end of the table -->\n"
	for _, name := range []string{"../README.md", "../README.zh-CN.md"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(data), begin)
		if !ok {
			t.Fatalf("%s has no place for the table", name)
		}
		_, after, found := strings.Cut(rest, end)
		if !found {
			after = rest
		}
		want := before + begin + Table() + end + after
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(string(data), want); d != "" {
			t.Errorf("%s: run go test ./configs -update:\n%s", name, d)
		}
	}
}
