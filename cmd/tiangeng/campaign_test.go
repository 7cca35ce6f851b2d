package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// A notice of each kind that the account of these tests has.
const (
	noticeOnce = "T_announcement_once"
	noticeLong = "T_lesson_long"
)

// openHall opens a school whose account may send notices.
func openHall(t *testing.T, o schoolOptions) *school {
	t.Helper()
	s := openSchool(t, o)
	s.platform.AddTemplate(noticeOnce, "通知", false, "thing1", "time2")
	s.platform.AddTemplate(noticeLong, "上课提醒", true, "thing1")
	s.env = append(s.env, `TIANGENG_WECHAT_NOTICES=[{"id":"`+noticeOnce+`","kind":"announcement","fields":{"thing1":"title","time2":"time"}},`+
		`{"id":"`+noticeLong+`","kind":"lesson","long":true,"fields":{"thing1":"title"}}]`)
	return s
}

// announce runs a command about announcements and reads the JSON that it prints.
func announce[T any](s *school, args ...string) T {
	s.t.Helper()
	out := mustRun(s.t, s.bin, s.env, append([]string{"announce"}, args...)...)
	var into T
	if err := json.Unmarshal([]byte(out), &into); err != nil {
		s.t.Fatalf("announce %v: %v\n%s", args, err, out)
	}
	return into
}

// show counts what became of an announcement.
func (s *school) show(id string) bot.CampaignSummary {
	s.t.Helper()
	return announce[bot.CampaignSummary](s, "show", id, "--json")
}

// draft writes an announcement and returns its number.
func (s *school) draft(args ...string) string {
	s.t.Helper()
	d := announce[struct{ Campaign bot.Campaign }](s, append([]string{"new", "--json"}, args...)...)
	return strconv.FormatInt(int64(d.Campaign.ID), 10)
}

// finished waits until nothing of a campaign is under way and checks what holds for each (D1).
func (s *school) finished(id string) bot.CampaignSummary {
	s.t.Helper()
	var sum bot.CampaignSummary
	eventually(s.t, 2*time.Minute, "the announcement is out", func() bool {
		sum = s.show(id)
		return sum.Finished && sum.Campaign.Status == bot.CampaignRunning
	})
	total := 0
	for _, n := range sum.States {
		total += n
	}
	if total != sum.Audience {
		s.t.Errorf("the states add up to %d of %d (D1): %v", total, sum.Audience, sum.States)
	}
	return sum
}

// sawAnnouncement counts how often each phone saw a text.
func (s *school) sawAnnouncement(words string) map[string]int {
	seen := map[string]int{}
	for _, x := range s.platform.Ledger().All() {
		text := x.Item.Text
		if x.Item.Template != nil {
			for _, f := range x.Item.Template.Fields {
				text += f.Value
			}
		}
		if (x.Item.Via == "custom" || x.Item.Via == "subscribe") && strings.Contains(text, words) {
			seen[x.OpenID]++
		}
	}
	return seen
}

// An announcement reaches whom it may, by the way that is lawful for each, and says by name whom it
// did not reach. Its figures are what the phones saw.
func TestAnnouncementReachesWhomItMay(t *testing.T) {
	t.Parallel()
	s := openHall(t, schoolOptions{pupils: 50})
	s.serve(1)
	ctx := context.Background()
	s.goTo("2026-11-23 09:00")
	s.everybody(func(p *pupil) {
		if p.index >= 40 {
			return // ten have never come
		}
		p.follow()
		if p.index >= 20 && p.index < 30 { // ten allow one notice
			if _, err := p.user.Subscribe(ctx, noticeOnce, true, false); err != nil {
				t.Error(err)
			}
		}
		if p.index >= 35 {
			if _, err := p.user.Unfollow(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	s.goTo("2026-11-26 10:00") // three days later all windows are shut
	s.everybody(func(p *pupil) {
		if p.index < 20 {
			p.say("帮助")
		}
	})
	args := []string{"--title", "村务公开培训", "--text", "明天上午九点在村委会，请带上登记表。", "--cohort", "class-1", "--ack"}
	id := s.draft(args...)
	if again := s.draft(args...); again != id {
		t.Errorf("the same announcement again is number %s, not %s", again, id)
	}
	forecast := announce[bot.Forecast](s, "forecast", id, "--json")
	if forecast.Audience != 50 || forecast.Rungs[delivery.RungWindow] != 20 || forecast.Rungs[delivery.RungNotice] != 10 {
		t.Errorf("forecast: %+v", forecast)
	}
	mustRun(t, s.bin, s.env, "announce", "send", id)
	mustRun(t, s.bin, s.env, "announce", "send", id)
	sum := s.finished(id)
	eventually(t, 30*time.Second, "the receipts are joined", func() bool {
		sum = s.show(id)
		return sum.States[delivery.Delivered] == 10
	})
	want := map[delivery.State]int{delivery.Accepted: 20, delivery.Delivered: 10, delivery.Skipped: 20}
	if !maps.Equal(sum.States, want) {
		t.Errorf("states %v, want %v", sum.States, want)
	}
	seen := s.sawAnnouncement("村务公开培训")
	for _, p := range s.pupils {
		if n := seen[p.openid]; (p.index < 30) != (n == 1) || n > 1 {
			t.Errorf("%s saw it %d times", p.openid, n)
		}
	}
	unreached := announce[struct{ Lines []struct{ Name, Why string } }](s, "unreached", id, "--format", "json")
	names := map[string]delivery.Why{}
	for _, u := range unreached.Lines {
		names[u.Name] = delivery.Why(u.Why)
	}
	if len(names) != 20 || names[s.pupils[30].name] != delivery.WhyNoWindow || names[s.pupils[45].name] != delivery.WhyNotBound {
		t.Errorf("unreached: %v", names)
	}
	// Three acknowledge, one of them twice; the quiz of another is not disturbed.
	for _, p := range []*pupil{s.pupils[0], s.pupils[0], s.pupils[1], s.pupils[25]} {
		if reply := p.say("收到"); !strings.Contains(reply, "回执") {
			t.Errorf("%s: %s", p.openid, reply)
		}
	}
	if sum = s.show(id); sum.Acked != 3 {
		t.Errorf("%d acknowledged, want 3", sum.Acked)
	}
	// Whoever was not reached reads it by a word.
	if reply := s.pupils[30].say("通知"); !strings.Contains(reply, "请带上登记表") {
		t.Errorf("by a word: %s", reply)
	}
}

// Pause, resume and cancel hold at once and lose nobody (B2, D4): what went out went out once.
func TestAnnouncementIsPausedAndCancelled(t *testing.T) {
	t.Parallel()
	s := openHall(t, schoolOptions{pupils: 150, replicas: 2})
	s.env = append(s.env, "TIANGENG_WECHAT_RATES_WINDOW=4") // both replicas together: 150 take more than half a minute
	s.serve(2)
	s.goTo("2026-11-23 10:00")
	s.everybody((*pupil).follow)
	id := s.draft("--title", "停电通知", "--text", "今晚停电。", "--cohort", "class-1")
	count := func() int {
		n := 0
		for _, x := range s.sawAnnouncement("停电通知") {
			n += x
		}
		return n
	}
	mustRun(t, s.bin, s.env, "announce", "send", id)
	eventually(t, time.Minute, "it is under way", func() bool { return count() > 5 })
	mustRun(t, s.bin, s.env, "announce", "pause", id)
	s.quiet(5 * time.Second) // D4's five seconds
	held := count()
	s.quiet(2 * time.Second)
	if now := count(); now != held || held == 150 {
		t.Errorf("paused at %d, then %d", held, now)
	}
	for _, r := range s.replicas {
		r.kill()
	}
	s.replicas = nil
	s.serve(2)
	mustRun(t, s.bin, s.env, "announce", "resume", id)
	eventually(t, 2*time.Minute, "it goes on", func() bool { return count() > held+5 })
	mustRun(t, s.bin, s.env, "announce", "cancel", id)
	var sum bot.CampaignSummary
	eventually(t, 2*time.Minute, "what was under way is settled", func() bool { sum = s.show(id); return sum.Finished })
	seen := s.sawAnnouncement("停电通知")
	for openid, n := range seen {
		if n != 1 {
			t.Errorf("%s saw it %d times", openid, n)
		}
	}
	states := sum.States
	if states[delivery.Cancelled] == 0 || states[delivery.Accepted] > len(seen) || len(seen) > states[delivery.Accepted]+states[delivery.Unknown] {
		t.Errorf("seen by %d; states %v", len(seen), states)
	}
	t.Logf("paused at %d of 150; seen by %d; states %v", held, len(seen), states)
}

// quiet lets real time pass: what is tested is that nothing happens in it.
func (s *school) quiet(d time.Duration) {
	s.t.Helper()
	began := time.Now()
	eventually(s.t, d+10*time.Second, "time passes", func() bool { return time.Since(began) >= d })
}

// A program with a key writes, sends and reads; one without gets nothing, one of another county sees
// nothing.
func TestAnnouncementByTheAPI(t *testing.T) {
	t.Parallel()
	s := openHall(t, schoolOptions{pupils: 6})
	s.serve(1)
	s.goTo("2026-11-23 10:00")
	s.everybody((*pupil).follow)
	key := strings.TrimSpace(mustRun(t, s.bin, s.env, "apikey", "new", "office", "--scope", "5399", "--days", "30"))
	other := strings.TrimSpace(mustRun(t, s.bin, s.env, "apikey", "new", "elsewhere", "--scope", "5301", "--days", "30"))
	ask := func(key, method, path, body string, want int) string {
		t.Helper()
		req, err := http.NewRequestWithContext(context.Background(), method, s.replicas[0].public+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := resp.Body.Read(buf)
			b.Write(buf[:n])
			if err != nil {
				break
			}
		}
		if resp.StatusCode != want {
			t.Errorf("%s %s: %d, want %d\n%s", method, path, resp.StatusCode, want, b.String())
		}
		return b.String()
	}
	const body = `{"title":"开会","text":"下午三点开会。","audience":{"cohorts":["class-1"]}}`
	ask("", http.MethodPost, "/api/v1/campaigns", body, http.StatusUnauthorized)
	ask(key+"x", http.MethodPost, "/api/v1/campaigns", body, http.StatusUnauthorized)
	var made struct{ ID int64 }
	if err := json.Unmarshal([]byte(ask(key, http.MethodPost, "/api/v1/campaigns", body, http.StatusCreated)), &made); err != nil || made.ID == 0 {
		t.Fatalf("%v %+v", err, made)
	}
	one := fmt.Sprintf("/api/v1/campaigns/%d", made.ID)
	ask(other, http.MethodGet, one, "", http.StatusNotFound)
	ask(other, http.MethodPost, one+"/submit", "", http.StatusNotFound)
	ask(key, http.MethodPost, one+"/submit", "", http.StatusOK)
	sum := s.finished(strconv.FormatInt(made.ID, 10))
	if sum.States[delivery.Accepted] != 6 || len(s.sawAnnouncement("开会")) != 6 {
		t.Errorf("%v", sum.States)
	}
	if list := ask(other, http.MethodGet, "/api/v1/campaigns", "", http.StatusOK); strings.Contains(list, "开会") {
		t.Errorf("another county reads %s", list)
	}
	mustRun(t, s.bin, s.env, "apikey", "revoke", "office")
	ask(key, http.MethodGet, one, "", http.StatusUnauthorized)
}

// A trainer sends from the own phone: to whom, what, how many it will reach, 发送, and what became
// of it.
func TestTrainerAnnouncesFromThePhone(t *testing.T) {
	t.Parallel()
	s := openHall(t, schoolOptions{pupils: 12})
	s.serve(1)
	s.goTo("2026-11-23 10:00")
	s.everybody((*pupil).follow)
	trainer, reader := s.pupils[0], s.pupils[3]
	if reply := reader.say("发通知"); strings.Contains(reply, "发给谁") {
		t.Errorf("a learner may send: %s", reply)
	}
	mustRun(t, s.bin, s.env, "trainer", "add", "--name", trainer.name, "--unit", "539901100201", "--scope", "5399")
	for _, step := range []struct{ say, want string }{
		{"发通知", "发给谁"},
		{"1", "通知"},
		{"明天上午九点在村委会开会，请准时参加。", "发送"},
	} {
		if reply := trainer.say(step.say); !strings.Contains(reply, step.want) {
			t.Fatalf("%s: %s", step.say, reply)
		}
	}
	eventually(t, 30*time.Second, "the forecast comes by itself", func() bool {
		return slices.ContainsFunc(s.platform.Ledger().Via(trainer.openid, "custom"), func(x sim.Seen) bool { return strings.Contains(x.Item.Text, "12 人") })
	})
	for range 2 { // a double tap is one campaign
		trainer.say("发送")
	}
	eventually(t, time.Minute, "everybody has it", func() bool { return len(s.sawAnnouncement("村委会开会")) >= 11 })
	for openid, n := range s.sawAnnouncement("请准时参加") {
		if n > 1 && openid != trainer.openid {
			t.Errorf("%s saw it %d times", openid, n)
		}
	}
	if reply := trainer.say("通知结果"); !strings.Contains(reply, "人") {
		t.Errorf("result: %s", reply)
	}
	t.Logf("the result on the phone:\n%s", trainer.last)
	trainer.announcesAPicture(reader)
}

// announcesAPicture sends a picture and a recording from the phone as announcements; what goes wrong with the file is
// said, and nothing is sent without it.
func (p *pupil) announcesAPicture(reader *pupil) {
	s, t, ctx := p.school, p.school.t, context.Background()
	picture, recording := sim.Photo(3), sim.Recording(2)
	show := func(data []byte) string {
		t.Helper()
		e, err := p.user.Show(ctx, data)
		if err != nil {
			t.Fatal(err)
		}
		return e.Reply.Text
	}
	saw := func(who *pupil, kind string, data []byte) (n int) {
		for _, x := range s.platform.Ledger().Via(who.openid, "custom") {
			if x.Item.Kind == kind && bytes.Equal(s.platform.File(x.Item.Media), data) {
				n++
			}
		}
		return n
	}
	wants := func(said, reply string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(reply, w) {
				t.Errorf("%s: %s\nwant %s", said, reply, w)
			}
		}
	}
	told := func(words string) func() bool {
		return func() bool {
			return slices.ContainsFunc(s.platform.Ledger().Via(p.openid, "custom"), func(x sim.Seen) bool { return strings.Contains(x.Item.Text, words) })
		}
	}
	before := len(s.platform.Ledger().All())
	if _, err := reader.user.Show(ctx, picture); err != nil { // a picture of somebody who is no trainer
		t.Fatal(err)
	}
	p.say("发通知")
	p.say("1")
	wants("the picture", show(picture), "图片收到了", "一句话")

	// First the platform has it no more, then it answers with pages and half files until the last try.
	s.platform.Faults().Add(sim.Fault{Path: "/cgi-bin/media/get", Kind: sim.FaultErrcode, Code: 40007, Times: 1})
	wants("the line", p.say("森林防火通告"), "（图片）森林防火通告", "正在取图片")
	eventually(t, 30*time.Second, "the reason comes by itself", told("微信里已经没有这个文件了"))
	wants("sending without it", p.say("发送"), "图片用不了", "重写")
	p.say("重写")
	show(picture)
	for _, kind := range []string{sim.FaultHTML, sim.Fault502, sim.FaultTruncated} {
		s.platform.Faults().Add(sim.Fault{Path: "/cgi-bin/media/get", Kind: kind, Times: 1})
	}
	wants("the line again", p.say("森林防火通告"), "（图片）森林防火通告")
	wants("sending too early", p.say("发送"), "还没有取到")
	id := strings.Fields(mustRun(t, s.bin, s.env, "announce", "list"))[0]
	out, errs, status := runBinary(t, s.bin, s.env, "announce", "send", id)
	if status != statusFailed || !strings.Contains(out+errs, "还没有取到") {
		t.Errorf("from elsewhere: exit %d\n%s%s", status, out, errs)
	}
	for i, later := range []string{"10:00", "10:01", "10:02"} { // the tries are less than a minute apart
		s.goTo("2026-11-23 " + later)
		eventually(t, 20*time.Second, "another try", func() bool { return len(s.platform.Faults().List()) <= 2-i })
	}
	s.goTo("2026-11-23 10:03")
	eventually(t, 30*time.Second, "the picture is shown", func() bool { return saw(p, "image", picture) == 1 })
	eventually(t, 30*time.Second, "and counted", told("《森林防火通告》的人数统计好了"))
	if n := saw(reader, "image", picture); n != 0 {
		t.Errorf("it went out by itself: %d", n)
	}
	for range 2 {
		p.say("发送")
	}
	eventually(t, time.Minute, "everybody has the picture", func() bool {
		return !slices.ContainsFunc(s.pupils[1:], func(o *pupil) bool { return saw(o, "image", picture) != 1 })
	})

	// What was said goes out as it was said.
	s.goTo("2026-11-24 10:00") // a person is sent three things a day at the most
	s.everybody(func(o *pupil) { o.say("帮助") })
	p.say("发通知")
	p.say("1")
	e, err := p.user.Say(ctx, recording, "今晚有大雨，不要过河")
	if err != nil {
		t.Fatal(err)
	}
	wants("the voice", e.Reply.Text, "今晚有大雨", "录音原声", "回复“2”")
	wants("2", p.say("2"), "（录音）今晚有大雨")
	eventually(t, 30*time.Second, "the recording is played back", func() bool { return saw(p, "voice", recording) == 1 })
	wants("sending it", p.say("发送"), "开始发给")
	eventually(t, time.Minute, "everybody has the recording", func() bool {
		return !slices.ContainsFunc(s.pupils[1:], func(o *pupil) bool { return saw(o, "voice", recording) != 1 })
	})
	// Whoever asks for it is sent it once more.
	wants("reading it", reader.say("我的通知"), "这条是录音，马上另外发给您")
	eventually(t, 30*time.Second, "it comes behind the reply", func() bool { return saw(reader, "voice", recording) == 2 })
	if len(s.platform.Ledger().All()) == before {
		t.Error("nothing was seen at all")
	}
}
