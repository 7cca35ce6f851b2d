package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

const hallFile = `cohorts:
  - code: class-1
    name: 村干部示范培训班
    courses: [fang-fanpin]
    start: "2026-11-23"
    hour: "08:00"
    days: workdays
    meets: {place: 县委党校, on: ["2026-11-24"], times: ["09:00-11:30"], hours: 4, titles: [森林防火]}
`

// A hall of 148: some scan, some type, some have a picture that somebody sent them, some have no signal. The screen
// in a real browser shows the code's number and how many are there; in the end register and ledger say what happened.
func TestAHallSignsIn(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 148})
	dir := t.TempDir()
	write(t, filepath.Join(dir, "hall.yaml"), hallFile)
	mustRun(t, s.bin, s.env, "cohort", "import", filepath.Join(dir, "hall.yaml"))
	s.serve(1)
	mustRun(t, s.bin, s.env, "menu")
	s.everybody((*pupil).follow)

	address := strings.TrimSpace(mustRun(t, s.bin, append(s.env, "TIANGENG_PUBLIC_URL="+s.replicas[0].public), "class", "screen", "class-1", "1"))
	page := openTab(t, address, 1280, 720)
	page.until("it says when signing in begins", `document.body.textContent.includes("08:30 开始签到")`)
	s.goTo("2026-11-24 08:45")
	page.until("it shows the code", `!document.querySelector("#code").hidden && document.querySelector("#picture").naturalWidth > 0`)
	page.shot("screen")

	key := s.screenKey()
	rule, clock := study.ClassRule2026, s.platform.Clock()
	shown, err := chromedp.Run(page.ctx, chromedp.Evaluate[string](`document.querySelector("#number").textContent.replace(" ", "")`))
	if err != nil || rule.CheckNumber(key, clock.Now(), shown) != study.CodeGood {
		t.Errorf("the screen shows the number %q, %v", shown, err)
	}
	s.file(12, func(p *pupil) {
		code, number, _ := rule.Codes(key, clock.Now())
		switch {
		case p.index < 80:
			e, err := p.user.ScanButton(t.Context(), "SIGNIN", code, true)
			if err != nil || !strings.Contains(e.Reply.Text, "签到好了") {
				t.Errorf("%d scans: %q, %v", p.index, e.Reply.Text, err)
			}
		case p.index < 128:
			p.hears("签到 "+number, "签到好了", p.name)
		case p.index < 138:
			old, _, _ := rule.Codes(key, clock.Now().Add(-5*time.Minute))
			e, err := p.user.ScanButton(t.Context(), "SIGNIN", old, true)
			if err != nil || !strings.Contains(e.Reply.Text, "过期") {
				t.Errorf("%d scans a picture: %q, %v", p.index, e.Reply.Text, err)
			}
		}
	})
	page.until("it counts", `document.querySelector("#count").textContent === "已签到 128 人，应到 148 人"`)
	page.do("hold it upright", chromedp.EmulateViewport(390, 844))
	page.shot("screen-upright")
	if status, _ := get(t, strings.Replace(address, address[len(address)-4:], "0000", 1)); status != http.StatusNotFound {
		t.Errorf("another token: %d", status)
	}

	// No signal in the last rows: the paper sheet, in the evening.
	s.goTo("2026-11-24 11:31")
	page.until("it says that it is over", `document.querySelector("#say").textContent === "签到已经结束"`)
	if out := mustRun(t, s.bin, s.env, "class", "close", "class-1", "1"); !strings.Contains(out, "到 128 人（其中迟到 0 人），请假 0 人，缺勤 20 人") {
		t.Error(out)
	}
	paper := "姓名,单位代码\n"
	for _, p := range s.pupils[138:] {
		paper += p.name + ",53990110020" + strconv.Itoa(p.index%3+1) + "\n"
	}
	write(t, filepath.Join(dir, "paper.csv"), paper)
	if out := mustRun(t, s.bin, s.env, "class", "attend", "class-1", "1", "--as", "paper", "--learners", filepath.Join(dir, "paper.csv")); out != "10\n" {
		t.Error(out)
	}
	var roll study.Roll
	if err := json.Unmarshal([]byte(mustRun(t, s.bin, s.env, "class", "roll", "class-1", "--json")), &roll); err != nil {
		t.Fatal(err)
	}
	if n := study.Tally(roll.Lines, 0); n[study.Present] != 138 || n[study.Absent] != 10 || len(roll.Lines) != 148 {
		t.Errorf("%v of %d", n, len(roll.Lines))
	}
	s.pupils[0].hears("我的学习", "4")
	s.pupils[130].hears("签到", "没有要您签到的课")
}

// file lets all pupils do something in groups, as people walk past a screen: one group in two seconds.
func (s *school) file(group int, do func(p *pupil)) {
	s.t.Helper()
	for at := 0; at < len(s.pupils); at += group {
		var wg sync.WaitGroup
		for _, p := range s.pupils[at:min(at+group, len(s.pupils))] {
			wg.Go(func() { do(p) })
		}
		wg.Wait()
		s.walk(2 * time.Second)
	}
}

// walk moves the virtual time on and waits until every replica has followed.
func (s *school) walk(d time.Duration) {
	s.t.Helper()
	s.platform.Clock().Advance(d)
	for _, r := range s.replicas {
		eventually(s.t, 20*time.Second, "the replica follows the clock", func() bool {
			before := s.platform.Clock().Now()
			_, body := get(s.t, r.admin+"/healthz")
			var h struct{ Now time.Time }
			return json.Unmarshal([]byte(body), &h) == nil && h.Now.After(before.Add(-time.Second))
		})
	}
}

// screenKey is what the camera of a phone would read from the screen.
func (s *school) screenKey() study.SignKey {
	s.t.Helper()
	st, err := store.Open(s.t.Context(), store.Options{DSN: s.dsn(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	screen, err := st.SignScreen(s.t.Context(), 1)
	if err != nil {
		s.t.Fatal(err)
	}
	return screen.Key
}
