package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/configs"
)

// someRehearsal is one in which all is well.
func someRehearsal() rehearsal {
	return rehearsal{
		People: 1000, Frozen: 1000, States: map[delivery.State]int{delivery.Accepted: 990, delivery.Unknown: 2, delivery.Skipped: 8},
		Seen: sim.CrowdView{Messages: 993, Reached: 991, Twice: 1, Busiest: 500}, Rate: 50, CallsUsed: 1100, CallsLimit: 500_000,
	}
}

// Each thing that must not be is named, and nothing else is.
func TestWhatARehearsalCallsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   string
		change func(r *rehearsal, s *bot.CampaignSummary)
	}{
		{"", func(*rehearsal, *bot.CampaignSummary) {}},
		{"frozen", func(r *rehearsal, _ *bot.CampaignSummary) { r.Frozen-- }},
		{"(D1)", func(r *rehearsal, _ *bot.CampaignSummary) { r.States[delivery.Skipped]-- }},
		{"have no result", func(_ *rehearsal, s *bot.CampaignSummary) { s.Finished = false }},
		{"(D3)", func(r *rehearsal, _ *bot.CampaignSummary) { r.Seen.Reached = 989 }},
		{"are accepted or unknown", func(r *rehearsal, _ *bot.CampaignSummary) { r.Seen.Reached = 993 }},
		{"(D2)", func(r *rehearsal, _ *bot.CampaignSummary) { r.Seen.Twice = 3 }},
		{"(Q1)", func(r *rehearsal, _ *bot.CampaignSummary) { r.CallsUsed = 500_001 }},
		{"in ten seconds", func(r *rehearsal, _ *bot.CampaignSummary) { r.Seen.Busiest = 531 }},
		{"", func(r *rehearsal, _ *bot.CampaignSummary) { r.Seen.Busiest, r.Rate = 9000, 0 }},
	} {
		r, s := someRehearsal(), bot.CampaignSummary{Finished: true, Ambiguous: 2}
		c.change(&r, &s)
		r.judge(s)
		if said := strings.Join(r.Problems, "; "); (c.want == "") != (said == "") || !strings.Contains(said, c.want) || len(r.Problems) > 1 {
			t.Errorf("want %q: %q", c.want, said)
		}
	}
	r := someRehearsal()
	if r.judge(bot.CampaignSummary{Finished: true, Ambiguous: 2}); r.RateError != 0 {
		t.Errorf("exactly the rate is an error of %f", r.RateError)
	}
}

func TestTheTableOfARehearsal(t *testing.T) {
	t.Parallel()
	small, large := someRehearsal(), someRehearsal()
	small.People, small.PlanTime, small.SendTime, small.PeakMemory, small.Database = 100, 0.5, 2, 60<<20, "mysql"
	large.PlanTime, large.SendTime, large.PeakMemory, large.Database, large.SendRate, large.BareRate, large.Ratio = 5.1, 20.5, 70<<20, "mysql", 4000, 5000, 0.8
	large.Cost, large.BareCost = processorCost{Program: 90, Database: 120, Platform: 40}, processorCost{Program: 60, Platform: 40}
	large.Answers = waits{People: 410, Half: 0.0124, Most: 0.0871, Longest: 1.234, Sorry: 1}
	large.Problems = []string{"3 people saw it twice"}
	var b bytes.Buffer
	printRehearsals(&b, []rehearsal{small, large})
	golden(t, "rehearse.txt", b.String())
	for people, days := range map[int]int{1: 1, 499_000: 1, 499_001: 2, 1_500_000: 4} {
		if got := daysNeeded(people); got != days {
			t.Errorf("%d people: %d days, want %d", people, got, days)
		}
	}
}

// The rehearsal knows no account but the one that it has made up, whatever the host is set to.
func TestARehearsalReadsNoConfiguration(t *testing.T) {
	t.Parallel()
	platform := &rehearsalPlatform{stage: stage{AppID: "wx5af0c5d1e0a7b3aa", AppSecret: "s", Token: "t", AESKey: "k"}, url: "http://127.0.0.1:9"}
	cfg, err := rehearsalConfig(platform, "sqlite:///x.db", 7)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.WeChat.APIBase, cfg.WeChat.APIFallbacks, cfg.WeChat.AppSecret, cfg.Database.DSN, cfg.WeChat.Rates, cfg.Redis.URL, cfg.Clock.Follow}
	want := []any{"http://127.0.0.1:9", []string(nil), "s", "sqlite:///x.db", configs.Rates{Window: 7, Notice: 7, Once: 7, Template: 7}, "embedded", ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A process's time is told where the system tells it, and nobody else's is taken for the database's.
func TestProcessorTime(t *testing.T) {
	t.Parallel()
	if processorTime(0) != 0 || processorTime(-1) != 0 {
		t.Error("nobody has used time")
	}
	if runtime.GOOS != "linux" {
		return
	}
	for used := processorTime(os.Getpid()); processorTime(os.Getpid()) == used; { // until it grows; the test's own time limit ends it otherwise
	}
	file := filepath.Join(t.TempDir(), "pid")
	for text, want := range map[string]int{"": 0, "x": 0, "999999999": 0, strconv.Itoa(os.Getpid()): 0} {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := processOf(file, "mariadbd", "mysqld"); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err == nil {
		err = os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := processOf(file, strings.TrimSpace(string(comm))); got != os.Getpid() {
		t.Error(got)
	}
	c := processorCost{3000, 200, 100}.since(processorCost{1000, 100, 50}).and(processorCost{1000, 0, 0}).each(10)
	if want := (processorCost{300, 10, 5}); c != want || c.total() != 315 {
		t.Errorf("%+v", c)
	}
}

func TestSlipsInARehearsalAreMisuse(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	for _, args := range [][]string{{"--people", "1"}, {"--workers", "0"}, {"--rate=-1"}, {"--people", "10", "--bare", "11"}} {
		o.refused(statusMisused, "--people must be", append([]string{"rehearse"}, args...)...)
	}
	o.refused(statusMisused, "at least 20", "rehearse", "--people", "10", "--compare")
	o.refused(statusFailed, "is started by", "rehearse-platform")
}
