package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// mast is the way from phones to the first replica. Without signal every connection breaks, the service worker's too.
type mast struct {
	url    string
	silent atomic.Bool
	mangle atomic.Bool // answers arrive, and what was asked is not known to have worked: the answer is lost
}

func (s *school) mast() *mast {
	s.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	m := &mast{url: "http://" + l.Addr().String()}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			to, err := url.Parse(s.replicas[0].public)
			if err == nil {
				r.SetURL(to)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if m.mangle.Load() && r.Request.Method == http.MethodPost {
				return http.ErrAbortHandler
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.silent.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close(); transport.CloseIdleConnections() })
	return m
}

// dsn is the database of the school.
func (s *school) dsn() string {
	for _, e := range s.env {
		if v, found := strings.CutPrefix(e, "TIANGENG_DATABASE_DSN="); found {
			return v
		}
	}
	return ""
}

// rows reads from the school's database, each row joined by |.
func (s *school) rows(query string) []string {
	s.t.Helper()
	return storetest.Rows(s.t, s.dsn(), query)
}

// numbers are the pupils' numbers on the roster.
func (s *school) numbers() []int {
	s.t.Helper()
	byName := map[string]int{}
	for _, row := range s.rows("SELECT id, name FROM learners") {
		id, name, _ := strings.Cut(row, "|")
		byName[name], _ = strconv.Atoi(id)
	}
	out := make([]int, len(s.pupils))
	for i, p := range s.pupils {
		out[i] = byName[p.name]
	}
	return out
}

// wrongBy is by how much the clock of the trainer's phone is ahead.
const wrongBy = 3 * time.Hour

// A trainer in a hall without signal: the page opens again from the phone, the ticks stay on it over a reload, arrive
// once although the answer to the first attempt is lost, and carry the time when they were made although the phone's
// clock is three hours ahead.
func TestATrainerTicksWithoutSignal(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 9})
	dir := t.TempDir()
	write(t, dir+"/hall.yaml", hallFile)
	mustRun(t, s.bin, s.env, "cohort", "import", dir+"/hall.yaml")
	id := s.numbers()
	trainer := strconv.Itoa(id[8])
	mustRun(t, s.bin, s.env, "trainer", "add", "--scope", "539901000000", trainer)
	m := s.mast()
	s.env = append(s.env, "TIANGENG_PUBLIC_URL="+m.url)
	s.serve(1)
	s.goTo("2026-11-24 08:40")
	s.file(9, func(p *pupil) {
		if p.index != 3 { // without a phone of the own
			p.follow()
		}
	})

	reply := s.pupils[8].say("点名")
	_, rest, _ := strings.Cut(reply, m.url)
	address := m.url + strings.Fields(rest)[0]
	key := s.screenKey()
	code, _, _ := study.ClassRule2026.Codes(key, s.platform.Clock().Now())
	for _, p := range s.pupils[:2] {
		if e, err := p.user.ScanButton(t.Context(), "SIGNIN", code, true); err != nil || !strings.Contains(e.Reply.Text, "签到好了") {
			t.Fatalf("%q, %v", e.Reply.Text, err)
		}
	}
	// Two people on one phone: doubtful, both.
	if reply := s.pupils[2].say(fmt.Sprintf("绑定 %s %s %s", s.pupils[3].name, villages[0], s.pupils[3].code)); !strings.Contains(reply, "绑定好了") {
		t.Fatal(reply)
	}

	page := openTab(t, address, 390, 844)
	wrong := func() {
		ahead := time.Until(s.platform.Clock().Now().Add(wrongBy)).Milliseconds()
		page.do("set the phone's clock wrong", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const real = Date.now.real || Date.now; Date.now = () => real() + %d; Date.now.real = real; }`, ahead)))
	}
	row := func(pupil int) string { return fmt.Sprintf(`#people li[data-learner="%d"]`, id[pupil]) }
	button := func(pupil int) string { return row(pupil) + " button" }
	signal := `document.querySelector("#signal").textContent`
	page.until("the list is there", `document.querySelectorAll("#people li").length === 9 && document.querySelector("#system").textContent.includes("应到 9 人，系统记的到 2 人")`)
	page.until("it can be opened without signal", `!`+signal+`.includes("不要关掉")`)
	wrong()
	page.shot("tick-first")
	m.silent.Store(true)
	s.goTo("2026-11-24 09:05")
	wrong()
	for _, pupil := range []int{4, 5, 6} {
		page.do("tick", chromedp.Click(button(pupil)))
	}
	page.do("count heads", chromedp.Evaluate[chromedp.Void]("scrollTo(0, 0)"), chromedp.SendKeys("#heads", "5"), chromedp.Click("#count"))
	page.until("it says what is not sent", signal+`.startsWith("4 条还没有送出：没有信号")`)
	page.shot("tick-silent")
	page.do("open it again without signal", chromedp.Reload())
	page.until("it is there again with what is not sent", `document.querySelectorAll("#people li").length === 9 && `+signal+`.startsWith("4 条还没有送出") && document.querySelectorAll("#people button.in").length === 5`)
	page.do("take one back that was not sent", chromedp.Click(button(6)), chromedp.Click(button(6)))
	page.until("it is gone", signal+`.startsWith("3 条还没有送出")`)

	s.goTo("2026-11-24 10:40")
	wrong()
	m.mangle.Store(true)
	m.silent.Store(false)
	eventually(t, 30*time.Second, "the first attempt arrives", func() bool { return len(s.rows("SELECT id FROM head_counts")) == 1 })
	m.mangle.Store(false)
	page.until("all is sent", signal+`.startsWith("都送出了")`)
	page.until("it says that the clock is wrong", `document.querySelector("#reasons").textContent.includes("快了 180 分钟")`)
	page.until("heads and system agree", `document.querySelector("#differs").textContent === "清点 5 人，和系统差 1 人，请核对"`)
	page.shot("tick-sent")
	page.do("look at it on a desk", chromedp.EmulateViewport(1280, 800))
	page.shot("tick-desk")
	at := time.Date(2026, 11, 24, 1, 5, 0, 0, time.UTC)
	for i, row := range s.rows("SELECT learner_id, happened_at, received_at, doubts, actor FROM attendance_events WHERE way = 'trainer' ORDER BY learner_id") {
		f := strings.Split(row, "|")
		happened, _ := strconv.ParseInt(f[1], 10, 64)
		received, _ := strconv.ParseInt(f[2], 10, 64)
		if off := time.UnixMilli(happened).Sub(at); f[0] != strconv.Itoa(id[4+i]) || off < 0 || off > 3*time.Minute || time.UnixMilli(received).Sub(at) < 90*time.Minute || f[3] != "" || f[4] != "learner:"+trainer {
			t.Errorf("%s: %s after it was made", row, off)
		}
	}
	var roll study.Roll
	if err := json.Unmarshal([]byte(mustRun(t, s.bin, s.env, "class", "roll", "class-1", "--json")), &roll); err != nil {
		t.Fatal(err)
	}
	if n := study.Tally(roll.Lines, 0); n[study.Present] != 4 || roll.Counted[0] != 5 {
		t.Errorf("%v, counted %d", n, roll.Counted[0])
	}

	// One that was sent is taken back; a doubtful one is looked at; then the right to the page ends.
	page.do("take one back that was sent", chromedp.Click(button(4)), chromedp.Click(button(4)))
	page.until("it is gone", `!document.querySelector('`+row(4)+` button.in') && `+signal+`.startsWith("都送出了")`)
	for _, who := range []string{s.pupils[2].name, s.pupils[3].name} {
		s.pupils[2].say("换人")
		s.pupils[2].say(who)
		_, number, _ := study.ClassRule2026.Codes(key, s.platform.Clock().Now())
		if reply := s.pupils[2].say("签到 " + number); !strings.Contains(reply, "签到好了") {
			t.Errorf("%s", reply)
		}
	}
	page.do("read it again", chromedp.Reload())
	page.until("two are doubtful", `document.querySelectorAll("#people .why").length === 2 && document.querySelector("#people .why").textContent === "一部手机签了几个人"`)
	page.shot("tick-doubtful")
	page.do("look at one", chromedp.Click(row(2)+" button.yes"))
	page.until("it is decided", `!document.querySelector('`+row(2)+` .why')`)
	page.do("look at the other", chromedp.Click(row(3)+" button.no"))
	page.until("both are decided", `!document.querySelector("#people .why") && `+signal+`.startsWith("都送出了") && document.querySelector("#system").textContent.includes("系统记的到 4 人")`)

	m.silent.Store(true)
	page.do("tick once more", chromedp.Click(button(7)))
	mustRun(t, s.bin, s.env, "class", "unlink", "class-1", "1")
	m.silent.Store(false)
	page.until("it says that it has ended, and keeps the tick", signal+`.includes("停用") && `+signal+`.includes("还有 1 条没有送出")`)
	page.shot("tick-ended")
	fresh := strings.TrimSpace(mustRun(t, s.bin, s.env, "class", "link", "class-1", "--trainer", trainer, "--session", "1"))
	page.do("open the new page", chromedp.Navigate("about:blank"), chromedp.Navigate(fresh))
	page.until("the tick is sent from there", signal+`.startsWith("都送出了") && document.querySelector("#system").textContent.includes("系统记的到 5 人")`)
	mustRun(t, s.bin, s.env, "class", "unlink", "class-1", "2")
	page.do("look again", chromedp.Reload())
	page.until("the names go with the right", signal+`.includes("停用") && !document.querySelector("#people li") && localStorage.getItem("tick.sheet") === null`)
	if out := mustRun(t, s.bin, s.env, "class", "links", "class-1"); strings.Count(out, "revoked") != 2 || strings.Contains(out, "in force") {
		t.Error(out)
	}
}
