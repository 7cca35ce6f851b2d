package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// bureau is an office with an account on a simulated platform and six people whose phones are bound:
// three in each of two villages. The platform knows the first five.
type bureau struct {
	*office
	platform *sim.Platform
	clock    *sim.Clock
}

const northVillage, southVillage = "539901100201", "539901100202"

// bureauOpens is a Tuesday at ten in Asia/Shanghai.
var bureauOpens = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

func openBureau(t *testing.T, extra string) *bureau {
	t.Helper()
	clock := &sim.Clock{}
	clock.Set(bureauOpens) // a test that is run at night would wait for the morning
	platform, err := sim.New(sim.Options{AppID: schoolApp, AppSecret: schoolSecret, Token: schoolToken, AESKey: schoolAESKey, Webhook: "http://127.0.0.1:1/", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(platform.Handler())
	t.Cleanup(api.Close)
	b := &bureau{platform: platform, clock: clock, office: openOffice(t, fmt.Sprintf(
		"clock:\n  follow: %s\nwechat:\n  app_id: %s\n  app_secret: %s\n  token: %s\n  aes_key: %s\n  api_base: %s\n%s", api.URL, schoolApp, schoolSecret, schoolToken, schoolAESKey, api.URL, extra))}
	b.setUp()
	var roster strings.Builder
	roster.WriteString(rosterHead)
	for i, name := range []string{"罗明", "李芳", "李芳", "岩温", "王芳", "赵明"} {
		unit, village := northVillage, "新村村民委员会"
		if i >= 3 {
			unit, village = southVillage, "青石村民委员会"
		}
		fmt.Fprintf(&roster, "%s,%s,云南省,示范州,田埂县,青松镇,%s,村干部,A%04d\n", name, unit, village, i)
	}
	write(t, b.path("r.csv"), roster.String())
	b.must("roster", "import", "-c", b.config, "--cohort", "class-1", b.path("r.csv"))
	b.open(func(a *app) {
		if n, err := a.store.BindCrowd(t.Context(), a.clock.Now(), "wechat", account, func(n int) string { return sim.CrowdID("S", n) }); err != nil || n != 6 {
			t.Fatalf("%d phones, %v", n, err)
		}
	})
	platform.Crowd("S", 5)
	return b
}

// open opens the program on the office's database, as another process would.
func (b *bureau) open(f func(a *app)) {
	b.t.Helper()
	cfg, err := configFlag{b.config}.load()
	if err != nil {
		b.t.Fatal(err)
	}
	a, err := openApp(b.t.Context(), cfg, logger(cfg, b.t.Output()), appOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer closing(a)
	f(a)
}

// deliver does what a running service does when an hour has come.
func (b *bureau) deliver() {
	b.t.Helper()
	b.open(func(a *app) {
		if err := a.service.Freeze(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		if _, err := a.service.Dispatch(b.t.Context(), b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	})
}

// announce runs a command on announcements that has to succeed.
func (b *bureau) announce(args ...string) string {
	b.t.Helper()
	return b.must(append([]string{"announce", args[0], "-c", b.config}, args[1:]...)...)
}

// draft writes an announcement and returns its number.
func (b *bureau) draft(args ...string) string {
	b.t.Helper()
	var d drafted
	if err := json.Unmarshal([]byte(b.announce(append([]string{"new", "--json"}, args...)...)), &d); err != nil {
		b.t.Fatal(err)
	}
	return strconv.FormatInt(int64(d.Campaign.ID), 10)
}

func (b *bureau) summary(id string) bot.CampaignSummary {
	b.t.Helper()
	var s bot.CampaignSummary
	if err := json.Unmarshal([]byte(b.announce("show", "--json", id)), &s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// seen counts the messages with a text that each member of the crowd saw.
func (b *bureau) seen(text string) []int {
	out := make([]int, 6)
	for i := range out {
		for _, s := range b.platform.Ledger().Texts(sim.CrowdID("S", i+1)) {
			if strings.Contains(s, text) {
				out[i]++
			}
		}
	}
	return out
}

// From the draft to the list by name, as a trainer does it.
func TestAnnouncing(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	new := []string{"new", "--title", "冬季防火提醒", "--text", "不要烧荒。", "--everyone"}
	dry := b.announce(append(new, "--dry-run")...)
	if !strings.Contains(dry, "还没有建") || !strings.Contains(dry, "48 小时内发过消息") || b.announce("list") != "还没有通知。\n" {
		t.Errorf("a dry run leaves something:\n%s\n%s", dry, b.announce("list"))
	}
	first, again := b.announce(new...), b.announce(new...)
	if !strings.Contains(first, "通知 1 建好了") || !strings.Contains(again, "已经有了") || !strings.Contains(again, "通知 1") {
		t.Errorf("first: %s\nagain: %s", first, again)
	}
	if got := b.seen("不要烧荒"); !cmp.Equal(got, make([]int, 6)) {
		t.Errorf("a draft was sent: %v", got)
	}
	if f := b.announce("forecast", "1"); !strings.Contains(f, "名单人数") || !strings.Contains(f, "6") {
		t.Errorf("forecast:\n%s", f)
	}
	if out := b.announce("test", "1", "--learner", "1"); !strings.Contains(out, "看那部手机") {
		t.Errorf("test: %s", out)
	}
	if got := b.seen("不要烧荒"); !cmp.Equal(got, []int{1, 0, 0, 0, 0, 0}) {
		t.Errorf("the test went to %v", got)
	}
	b.refused(statusFailed, "", "announce", "test", "-c", b.config, "1", "--learner", "6") // the platform does not know that phone
	if out := b.announce("send", "1"); !strings.Contains(out, "排好了") || b.announce("send", "1") != out {
		t.Errorf("send: %s", out)
	}
	b.deliver()
	if got := b.seen("不要烧荒"); !cmp.Equal(got, []int{2, 1, 1, 1, 1, 0}) {
		t.Errorf("it went to %v", got)
	}
	s := b.summary("1")
	if s.Audience != 6 || s.States[delivery.Accepted] != 5 || s.States[delivery.Accepted]+s.States[delivery.Failed]+s.States[delivery.Skipped] != 6 || !s.Finished {
		t.Errorf("%+v", s)
	}
	if out := b.announce("show", "--watch", "1"); !strings.Contains(out, "微信已接收") || !strings.Contains(out, "发完了") {
		t.Errorf("show:\n%s", out)
	}
	for _, format := range []string{"csv", "xlsx", "json"} {
		b.announce("unreached", "1", "--format", format, "-o", b.path("u."+format))
	}
	if data, err := os.ReadFile(b.path("u.csv")); err != nil || !strings.Contains(string(data), "赵明") || strings.Contains(string(data), "罗明") {
		t.Errorf("the list by name: %v\n%s", err, data)
	}
	// The list is the audience of the next one.
	for _, format := range []string{"csv", "xlsx"} {
		id := b.draft("--title", "补发 "+format, "--text", "请看。", "--learners", b.path("u."+format))
		b.announce("send", id)
		b.deliver()
		if s := b.summary(id); s.Audience != 1 {
			t.Errorf("%s: to %d people", format, s.Audience)
		}
	}
	if list := strings.Split(strings.TrimSpace(b.announce("list")), "\n"); len(list) != 3 || !strings.Contains(list[0], "补发 xlsx") || !strings.HasPrefix(list[2], "1 ") {
		t.Errorf("the list: %q", list)
	}
}

// Each flag narrows the audience, and exceptions take away.
func TestToWhomAnAnnouncementGoes(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	write(t, b.path("two.csv"), "姓名,单位代码\n罗明,"+northVillage+"\n岩温,"+southVillage+"\n")
	for i, c := range []struct {
		people int
		args   []string
	}{
		{6, []string{"--everyone"}},
		{3, []string{"--unit", northVillage}},
		{6, []string{"--unit", northVillage, "--unit", southVillage}},
		{6, []string{"--unit", "539901100"}},
		{6, []string{"--category", "村干部"}},
		{0, []string{"--category", "乡镇干部"}},
		{6, []string{"--cohort", "class-1"}},
		{2, []string{"--learners", b.path("two.csv")}},
		{1, []string{"--learners", b.path("two.csv"), "--unit", southVillage}},
		{4, []string{"--everyone", "--except-learners", b.path("two.csv")}},
		{3, []string{"--cohort", "class-1", "--except-unit", southVillage}},
		{0, []string{"--everyone", "--except-cohort", "class-1"}},
		{6, []string{"--course", "fang-fanpin", "--progress", "not_begun"}},
		{0, []string{"--course", "fang-fanpin", "--progress", "done"}},
	} {
		var f bot.Forecast
		out := b.announce(append([]string{"new", "--dry-run", "--json", "--title", fmt.Sprint("第", i), "--text", "字"}, c.args...)...)
		if err := json.Unmarshal([]byte(out), &f); err != nil || f.Audience != c.people || !f.Complete {
			t.Errorf("%v: %d people, want %d (%v)", c.args, f.Audience, c.people, err)
		}
	}
	write(t, b.path("bad.csv"), "姓名,单位代码\n罗明,"+northVillage+"\n李芳,"+northVillage+"\n钱七,"+southVillage+"\n")
	for _, more := range [][]string{{"--cohort", "class-1", "--except-cohort", "class-l"}, {"--dry-run", "--cohort", "class-1,class-l"}} { // an l for a 1
		b.refused(statusFailed, "没有代码是“class-l”的班次", append([]string{"announce", "new", "-c", b.config, "--title", "字", "--text", "字"}, more...)...)
	}
	_, errs, status := b.run("announce", "new", "-c", b.config, "--title", "字", "--text", "字", "--learners", b.path("bad.csv"))
	if status != statusFailed || !strings.Contains(errs, "2 个人叫“李芳”") || !strings.Contains(errs, "没有叫“钱七”的人") || b.announce("list") != "还没有通知。\n" {
		t.Errorf("a list with slips: exit %d\n%s", status, errs)
	}
}

func TestALargeAnnouncementNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "push:\n  release_above: 5\n")
	id := b.draft("--title", "大会通知", "--text", "明天开会。", "--everyone")
	if out := b.announce("send", id); !strings.Contains(out, "第二个人放行") {
		t.Errorf("send: %s", out)
	}
	b.refused(statusFailed, "", "announce", "release", "-c", b.config, id) // the same person
	b.deliver()
	if got := b.seen("明天开会"); !cmp.Equal(got, make([]int, 6)) {
		t.Errorf("it went out: %v", got)
	}
	small := b.draft("--title", "小会通知", "--text", "今天开会。", "--unit", northVillage)
	if out := b.announce("send", small); !strings.Contains(out, "排好了") {
		t.Errorf("a small one: %s", out)
	}
}

func TestStoppingAnAnnouncement(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	id := b.draft("--title", "停电通知", "--text", "今晚停电。", "--everyone")
	b.announce("send", id)
	if out := b.announce("pause", id); !strings.Contains(out, "暂停中") {
		t.Errorf("pause: %s", out)
	}
	b.deliver()
	if got := b.seen("今晚停电"); !cmp.Equal(got, make([]int, 6)) {
		t.Errorf("a paused one went out: %v", got)
	}
	if out := b.announce("resume", id); strings.Contains(out, "暂停中") {
		t.Errorf("resume: %s", out)
	}
	if out := b.announce("cancel", id); !strings.Contains(out, "已经取消") {
		t.Errorf("cancel: %s", out)
	}
	b.deliver()
	if got := b.seen("今晚停电"); !cmp.Equal(got, make([]int, 6)) {
		t.Errorf("a cancelled one went out: %v", got)
	}
	b.refused(statusFailed, "", "announce", "send", "-c", b.config, id)
	b.refused(statusFailed, "", "announce", "show", "-c", b.config, "99")
	b.refused(statusFailed, "", "announce", "remind", "-c", b.config, id) // it wants no acknowledgement
}

func TestAKeyIsOneAnnouncement(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	one := b.draft("--key", "fire-2026", "--title", "防火", "--text", "不要烧荒。", "--everyone")
	if again := b.draft("--key", "fire-2026", "--title", "防火", "--text", "不要烧荒。", "--everyone"); again != one {
		t.Errorf("%s, then %s", one, again)
	}
	b.refused(statusFailed, "fire-2026", "announce", "new", "-c", b.config, "--key", "fire-2026", "--title", "防火", "--text", "可以烧荒。", "--everyone")
	if other := b.draft("--key", "fire-2027", "--title", "防火", "--text", "不要烧荒。", "--everyone"); other == one {
		t.Error("another name is the same announcement")
	}
}

func TestTrainersAreNamedAndTheRightIsTakenBack(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	trainer := func(args ...string) string {
		return b.must(append([]string{"trainer", args[0], "-c", b.config}, args[1:]...)...)
	}
	if out := trainer("add", "--name", "罗明", "--unit", northVillage, "--scope", "539901100"); !strings.Contains(out, "罗明") || !strings.Contains(out, "539901100000") {
		t.Errorf("add: %s", out)
	}
	trainer("add", "5", "--scope", southVillage, "--scope", northVillage)
	if out := trainer("list"); !strings.Contains(out, "罗明") || !strings.Contains(out, southVillage+" "+northVillage) || strings.Count(out, "\n") != 2 {
		t.Errorf("list:\n%s", out)
	}
	trainer("remove", "5")
	if out := trainer("list"); strings.Contains(out, "王芳") || strings.Count(out, "\n") != 1 {
		t.Errorf("after the right was taken back:\n%s", out)
	}
	b.refused(statusFailed, "2 个人", "trainer", "add", "-c", b.config, "--scope", "53", "--name", "李芳", "--unit", northVillage)
	b.refused(statusFailed, "99", "trainer", "add", "-c", b.config, "--scope", "53", "99")
	b.refused(statusMisused, "by number, or by", "trainer", "remove", "-c", b.config, "--name", "罗明")
}

// An announcement whose last hour has passed while nothing ran does not fire when the service comes back (B3).
func TestALateAnnouncementExpires(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	id := b.draft("--title", "早会", "--text", "九点开早会。", "--everyone", "--at", "2026-11-25 08:00", "--until", "2026-11-25 10:00")
	b.announce("send", id)
	b.clock.Set(time.Date(2026, 11, 25, 5, 0, 0, 0, time.UTC)) // 13:00 in Asia/Shanghai
	b.deliver()
	b.deliver()
	if got := b.seen("早会"); !cmp.Equal(got, make([]int, 6)) {
		t.Errorf("it was sent to %v", got)
	}
	if s := b.summary(id); s.Campaign.Status != bot.CampaignExpired || s.Audience != 0 {
		t.Errorf("%s, audience %d", s.Campaign.Status, s.Audience)
	}
}
