package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		write(t, file, got)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test ./cmd/tiangeng -run %s -update):\n%s", name, t.Name(), d)
	}
}

func TestWhatTheFlagsOfAnAnnouncementMean(t *testing.T) {
	t.Parallel()
	c := announceNewCmd{
		Title: "防火", audienceFlags: audienceFlags{
			Unit: []string{"5399", "539901100201"}, Category: []string{"村干部"}, Cohort: []string{"class-1"}, Tag: []string{" ＡＢ组 "},
			Course: "fang-fanpin", Progress: "failed:01-san-lei-hu/q2", ExceptUnit: []string{"539902"}, ExceptCohort: []string{"class-2"}, ExceptTag: []string{"乙"}, ExceptCategory: []string{"乡镇干部"},
		},
		At: "2026-12-01 08:30", Until: "2026-12-02 18:00", Urgent: true, Ack: true, URL: "https://a.example", Picture: "https://a.example/p.png",
	}
	got, err := c.campaign("不要烧荒。")
	if err != nil {
		t.Fatal(err)
	}
	want := bot.Campaign{
		Kind: delivery.KindUrgent, Title: "防火", Body: bot.Body{Text: "不要烧荒。", URL: "https://a.example", Picture: "https://a.example/p.png"},
		Audience: bot.Audience{
			Units: []people.OrgCode{"539900000000", "539901100201"}, Categories: []string{"村干部"}, Cohorts: []string{"class-1"}, Tags: []string{"AB组"},
			Progress: &bot.Progress{Course: "fang-fanpin", Is: bot.ProgressFailed, Lesson: "01-san-lei-hu", Item: "q2"},
			Except:   &bot.Audience{Units: []people.OrgCode{"539902000000"}, Categories: []string{"乡镇干部"}, Cohorts: []string{"class-2"}, Tags: []string{"乙"}},
		},
		Scope: people.Everyone(), DueAt: time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC), Deadline: time.Date(2026, 12, 2, 10, 0, 0, 0, time.UTC), WantsAck: true, By: actor(),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, state := range []string{"not_begun", "not_done", "begun", "done", "behind:3"} {
		p, err := progress("x", state)
		if word, _, _ := strings.Cut(state, ":"); err != nil || string(p.Is) != word || (p.At == 3) != (state == "behind:3") {
			t.Errorf("%s: %+v, %v", state, p, err)
		}
	}
}

func TestSlipsInAnAnnouncementAreMisuse(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	base := []string{"announce", "new", "-c", o.config, "--title", "防火", "--text", "不要烧荒。"}
	for _, c := range []struct {
		why  string
		args []string
	}{
		{"say who", nil},
		{"say who", []string{"--except-unit", "53"}},
		{"contradict", []string{"--everyone", "--unit", "53"}},
		{`"12x" is not a unit's code`, []string{"--unit", "12x"}},
		{`"5" is not a unit's code`, []string{"--everyone", "--except-unit", "5"}},
		{"go together", []string{"--everyone", "--course", "fang-fanpin"}},
		{"go together", []string{"--everyone", "--progress", "done"}},
		{"must be not_begun", []string{"--course", "a", "--progress", "behind"}},
		{"must be not_begun", []string{"--course", "a", "--progress", "behind:0"}},
		{"must be not_begun", []string{"--course", "a", "--progress", "failed:q1"}},
		{"must be not_begun", []string{"--course", "a", "--progress", "done:3"}},
		{"is not a time like", []string{"--everyone", "--at", "tomorrow"}},
		{"is not a time like", []string{"--everyone", "--until", "2026-13-01 08:00"}},
		{"--key", []string{"--everyone", "--key", strings.Repeat("x", 61)}},
		{"--text", []string{"--everyone", "--text-file", "x"}},
		{"--media is the whole", []string{"--everyone", "--media", "x"}},
	} {
		o.refused(statusMisused, c.why, append(slices.Clone(base), c.args...)...)
	}
	o.refused(statusMisused, "--title", "announce", "new", "-c", o.config)
	o.refused(statusMisused, "--limit", "announce", "list", "-c", o.config, "--limit", "0")
	for _, name := range []string{"", "Office", "a b", strings.Repeat("x", 25)} {
		o.refused(statusMisused, "lower-case", "apikey", "new", "-c", o.config, "--scope", "53", name)
	}
	o.refused(statusMisused, "--days", "apikey", "new", "-c", o.config, "--scope", "53", "--days", "0", "office")
	o.refused(statusMisused, "--scope", "apikey", "new", "-c", o.config, "office")
	o.refused(statusMisused, "is not a unit's code", "trainer", "add", "-c", o.config, "--scope", "x", "7")
}

// On a picture nothing can be written that asks for the 收到.
func TestAPictureHasToAskForItsAcknowledgementItself(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		c    bot.Campaign
		asks bool
	}{
		{bot.Campaign{WantsAck: true, Body: bot.Body{Media: "m"}}, true},
		{bot.Campaign{WantsAck: true, Body: bot.Body{Text: "字"}}, false},
		{bot.Campaign{Body: bot.Body{Media: "m"}}, false},
	} {
		var out strings.Builder
		n := &noticeboard{w: &out, p: content.DefaultPhrases()}
		if err := n.forecast(x.c, bot.Forecast{Audience: 1}); err != nil || strings.Contains(out.String(), "请在里面说清楚") != x.asks {
			t.Errorf("%+v, %v:\n%s", x.c, err, out.String())
		}
	}
}

func TestTheTextOfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "t.txt")
	write(t, file, "\ufeff不要烧荒。\r\n\r\n看到火就打电话。\r\n")
	const want = "不要烧荒。\n\n看到火就打电话。"
	if got, err := (&announceNewCmd{TextFile: file}).text(&program{}); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := (&announceNewCmd{TextFile: "-"}).text(&program{stdin: strings.NewReader(want + "\n")}); err != nil || got != want {
		t.Errorf("standard input: %q, %v", got, err)
	}
	var m misuse
	if _, err := (&announceNewCmd{TextFile: "-"}).text(&program{stdin: strings.NewReader("\xb2\xbb\xd2\xaa")}); !errors.As(err, &m) {
		t.Errorf("a text in another encoding: %v", err)
	}
	if _, err := (&announceNewCmd{TextFile: filepath.Join(dir, "none")}).text(&program{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// What a file holds says what it is, not its name; a problem names the file.
func TestPicturesAndSounds(t *testing.T) {
	t.Parallel()
	for content, key := range map[string]string{
		"": "announce.media_kind", "<svg>": "announce.media_kind", "\xff\xd8\xff jpeg": "announce.media_broken", strings.Repeat("x", bot.MaxMedia+1): "announce.media_big",
		"#!AMR\n\x04            ": "",
	} {
		file := filepath.Join(t.TempDir(), "x.jpg")
		write(t, file, content)
		m, err := readMedia(file)
		var f *fault.Error
		if key != "" && (!errors.As(err, &f) || f.Key != key || f.File != "x.jpg") {
			t.Errorf("%d bytes: %v, want %s", len(content), err, key)
		}
		if key == "" && (err != nil || m.Kind != channel.MessageVoice || filepath.Ext(m.Name) != ".amr") {
			t.Errorf("a sound: %+v, %v", m, err)
		}
	}
}

// township is a roster in which two people of one unit share their name.
type township []people.Learner

func (s township) Recipients(_ context.Context, _ time.Time, scope people.Scope, a bot.Audience, after people.LearnerID, limit int) ([]bot.Recipient, error) {
	var out []bot.Recipient
	for _, l := range s {
		asked := slices.Contains(a.Learners, l.ID) || slices.ContainsFunc(a.Units, func(u people.OrgCode) bool { return u.Contains(l.Unit) })
		if l.ID > after && asked && scope.Sees(l.Unit) && len(out) < limit {
			out = append(out, bot.Recipient{Learner: l})
		}
	}
	return out, nil
}

func TestAFileThatNamesPeople(t *testing.T) {
	t.Parallel()
	const village, township9 = "539901100201", "539901100000"
	roster := township{{ID: 1, Name: "罗明", Unit: village}, {ID: 2, Name: "李芳", Unit: village}, {ID: 3, Name: "李芳", Unit: village}, {ID: 4, Name: "罗明", Unit: township9}, {ID: 5, Name: "岩温·香", Unit: village}}
	for _, c := range []struct {
		name, text string
		ids        []people.LearnerID
		problems   []string // row and key
		err        string
	}{
		{name: "by number", text: "学员编号\n3\n1\n1\n", ids: []people.LearnerID{1, 3}},
		{name: "by name and unit, with a title above", text: "名单\n,,\n姓 名,所在单位,单位代码\n罗明,新村,539901100201\n罗明,镇里,539901100\n岩温・香,新村,539901100201\n", ids: []people.LearnerID{1, 4, 5}},
		{name: "both, the number counts", text: "编号,姓名,单位编码\n2,李芳,539901100201\n,罗明,539901100201\n", ids: []people.LearnerID{1, 2}},
		{name: "a list of ours", text: "未送达名单\n通知,12,防火\n学员编号,姓名,单位代码\n2,李芳,539901100201\n人数,1\n", ids: []people.LearnerID{2}},
		{name: "rows that name nobody or two", text: "学员编号,姓名,单位代码\n9,,\n,王五,539901100201\n,李芳,539901100201\n,,539901100201\n,罗明,53990\nx,罗明,539901100201\n", problems: []string{
			"5 announce.name_missing", "6 announce.unit_bad", "7 announce.number_bad", "2 announce.number_unknown", "3 announce.name_unknown", "4 announce.name_twice",
		}},
		{name: "no headings", text: "罗明,539901100201\n", err: "announce.file_no_header"},
		{name: "headings too far down", text: strings.Repeat("说明\n", 10) + "学员编号\n1\n", err: "announce.file_no_header"},
		{name: "nobody", text: "学员编号\n", err: "announce.file_nobody"},
		{name: "a name without a unit", text: "姓名\n罗明\n", err: "announce.file_no_header"},
		{name: "too many", text: "学员编号\n" + strings.Repeat("1\n", maxNamed+1), err: "announce.file_too_long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "l.csv")
			write(t, file, c.text)
			list, problems, err := readNamed(file)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			ids, unresolved, err := resolve(t.Context(), roster, time.Time{}, list)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range append(problems, unresolved...) {
				got = append(got, strings.TrimSpace(strings.Join([]string{numberOf(p), p.Key}, " ")))
				if sentence := content.DefaultPhrases().Fault(p); sentence == "" || strings.Contains(sentence, "{") {
					t.Errorf("%s: %q", p.Key, sentence)
				}
			}
			if len(c.problems) == 0 {
				if d := cmp.Diff(c.ids, ids); d != "" || len(got) > 0 {
					t.Errorf("problems %v\n%s", got, d)
				}
				return
			}
			if d := cmp.Diff(c.problems, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func numberOf(f *fault.Error) string { return string(rune('0' + f.Row)) }

// someForecast and someSummary have every line that can be printed.
func someForecast() bot.Forecast {
	return bot.Forecast{
		Audience: 350_000, Rungs: map[delivery.Rung]int{delivery.RungLong: 1000, delivery.RungWindow: 120_000, delivery.RungNotice: 40_000, delivery.RungMass: 9000},
		Unreachable: map[delivery.Why]int{delivery.WhyNotBound: 100_000, delivery.WhyNoWindow: 80_000}, Later: 500,
		Calls: map[channel.Way]int{channel.WayWindow: 120_000, channel.WayNotice: 41_000, channel.WayMass: 1},
		Quota: map[channel.Way]int{channel.WayWindow: 500_000, channel.WayNotice: 30_000}, Seconds: 2401,
	}
}

func someCampaign() bot.Campaign {
	return bot.Campaign{
		ID: 12, Kind: delivery.KindAnnouncement, Status: bot.CampaignRunning, Title: "冬季防火提醒", DueAt: time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC),
		Deadline: time.Date(2026, 12, 3, 0, 30, 0, 0, time.UTC), WantsAck: true, By: "cli:zhang", Released: "cli:li", FrozenAt: time.Date(2026, 12, 1, 0, 31, 0, 0, time.UTC),
	}
}

func someSummary() bot.CampaignSummary {
	return bot.CampaignSummary{
		Campaign: someCampaign(), Audience: 28,
		States: map[delivery.State]int{
			delivery.Delivered: 1, delivery.Accepted: 2, delivery.Unknown: 3, delivery.Failed: 4, delivery.Refused: 5, delivery.Skipped: 6, delivery.Pending: 7,
		},
		Reasons: map[delivery.Why]int{delivery.WhyPlatform: 9, delivery.WhyAmbiguous: 3, delivery.WhyNoWindow: 4, delivery.WhyNotBound: 2, delivery.WhyNone: 10},
		Words:   map[string]int{"window_closed": 5, "user_blocked": 4}, Rungs: map[delivery.Rung]int{delivery.RungWindow: 5, delivery.RungNotice: 1},
		Ambiguous: 3, Silent: 1, Pulled: 2, Acked: 1,
		Mass: []bot.MassResult{{People: 100, Status: "send success", Sent: 80, Failed: 5, Filtered: 85}, {People: 50}},
	}
}

func TestWhatTrainersRead(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	board := func() *noticeboard {
		return &noticeboard{w: &b, p: content.DefaultPhrases()}
	}
	section := func(name string, err error) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.WriteString("--------\n")
	}
	draft := someCampaign()
	draft.Status, draft.Released, draft.FrozenAt = bot.CampaignDraft, "", time.Time{}
	section("drafted", board().drafted(draft, true))
	section("drafted before", board().drafted(draft, false))
	section("forecast", board().forecast(draft, someForecast()))
	section("dry run", board().forecast(bot.Campaign{Kind: delivery.KindUrgent, Title: "山洪预警"}, bot.Forecast{Audience: 1, Rungs: map[delivery.Rung]int{delivery.RungMass: 1}, Complete: true}))
	awaiting := draft
	awaiting.Status = bot.CampaignAwaiting
	section("awaiting", board().standing(awaiting))
	paused := someCampaign()
	paused.PausedBy = "cli:li"
	section("paused", board().standing(paused))
	paused.PausedBy, paused.PausedWhy, paused.PausedUntil = "platform", "quota", paused.DueAt.Add(time.Hour)
	section("paused by the platform", board().standing(paused))
	section("nobody yet", board().summary(bot.CampaignSummary{Campaign: draft}))
	section("running", board().summary(someSummary()))
	done := someSummary()
	done.Finished, done.States[delivery.Pending] = true, 0
	section("finished", board().summary(done))
	section("list", board().list([]bot.Campaign{someCampaign(), paused, draft}))
	section("an empty list", board().list(nil))
	golden(t, "announce.txt", b.String())
}

// Watching ends when nothing is left to do, when whoever watches leaves, and when reading fails.
func TestWatching(t *testing.T) {
	t.Parallel()
	ticks := make(chan time.Time, 10)
	for range 10 {
		ticks <- time.Time{}
	}
	at := func(status bot.CampaignStatus, done int) bot.CampaignSummary {
		s := bot.CampaignSummary{Audience: 4, States: map[delivery.State]int{delivery.Accepted: done, delivery.Pending: 4 - done}, Finished: done == 4}
		s.Campaign.Status = status
		return s
	}
	readings := []bot.CampaignSummary{at(bot.CampaignFreezing, 0), at(bot.CampaignRunning, 1), at(bot.CampaignRunning, 4), at(bot.CampaignRunning, 0)}
	var seen []string
	show := func(s bot.CampaignSummary, last bool) {
		seen = append(seen, progressText(s, content.DefaultPhrases())+map[bool]string{true: "。"}[last])
	}
	i := 0
	s, err := watch(t.Context(), at(bot.CampaignScheduled, 0), ticks, func(context.Context) (bot.CampaignSummary, error) { i++; return readings[i-1], nil }, show)
	if err != nil || !s.Finished || i != 3 {
		t.Errorf("after %d readings: %+v, %v", i, s, err)
	}
	want := []string{"排好了，到时间就发", "正在写名单", "已经有结果 1 / 4（百分之25）", "已经有结果 4 / 4（百分之100）。"}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
	for _, status := range []bot.CampaignStatus{bot.CampaignDraft, bot.CampaignAwaiting, bot.CampaignExpired} {
		if s, err := watch(t.Context(), at(status, 0), nil, nil, show); err != nil || s.Campaign.Status != status {
			t.Errorf("%s is watched: %v", status, err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if s, err := watch(ctx, at(bot.CampaignRunning, 1), nil, nil, show); err != nil || s.States[delivery.Accepted] != 1 {
		t.Errorf("who leaves: %+v, %v", s, err)
	}
	broken := errors.New("no database")
	if _, err := watch(t.Context(), at(bot.CampaignRunning, 1), ticks, func(context.Context) (bot.CampaignSummary, error) { return bot.CampaignSummary{}, broken }, show); !errors.Is(err, broken) {
		t.Errorf("a reading that fails: %v", err)
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	progressLine(&b, content.DefaultPhrases())(bot.CampaignSummary{}, true)
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(file)
	if b.Len() > 0 || isTerminal(&b) || isTerminal(file) {
		t.Errorf("a buffer or a file is taken for a terminal: %q", b.String())
	}
}

func TestKeysOfTheAPI(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		k := newAPIKey()
		if len(k) != 46 || !strings.HasPrefix(k, "tg_") || seen[k] || strings.Trim(k[3:], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Fatalf("%q", k)
		}
		seen[k] = true
	}
}
