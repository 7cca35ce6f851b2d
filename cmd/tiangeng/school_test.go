package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// A school is everything an end-to-end test needs: real MariaDB and Redis, the built binary as one
// or more replicas, and the simulated platform with its phones. Nothing in it is faked but the
// platform and the time.
type school struct {
	t        *testing.T
	bin      string
	env      []string
	platform *sim.Platform
	api      string // the platform's address
	replicas []*process
	pupils   []*pupil
	library  *content.Library
}

// schoolOptions say what differs from one replica on shared servers.
type schoolOptions struct {
	pupils   int
	replicas int    // 1 by default
	double   bool   // every push goes to all replicas at once
	dsn      string // "": a fresh database of the shared MariaDB
	redis    string // "": a fresh database of the shared Redis
	start    string // virtual time to begin at; "2026-11-23 07:30" (a Monday) by default
	timeout  time.Duration
	repeats  int
	content  string // folder of the courses; "": the built-in ones
}

const (
	schoolApp    = "wx5af0c5d1e0a7b3aa"
	schoolSecret = "e2eSecretCanary0001"
	schoolToken  = "e2eTokenCanary0002"
	schoolAESKey = "e2eKeyCanary00030123456789abcdefghijklmnopq"
)

// openSchool sets a school up as the README says: migrate, cohort import, roster import, serve.
func openSchool(t *testing.T, o schoolOptions) *school {
	t.Helper()
	s := &school{t: t, bin: buildBinary(t)}
	s.library, _ = content.Load(content.Builtin())
	if o.dsn == "" {
		o.dsn = storetest.MigratedMariaDB(t)
	}
	if o.redis == "" {
		o.redis = storetest.Redis(t)
	}
	s.startPlatform(o)
	s.env = append(os.Environ(),
		"TIANGENG_DATABASE_DSN="+o.dsn, "TIANGENG_REDIS_URL="+o.redis,
		"TIANGENG_LISTEN=127.0.0.1:0", "TIANGENG_ADMIN_LISTEN=127.0.0.1:0", "TIANGENG_LOG_LEVEL=info",
		"TIANGENG_WECHAT_APP_ID="+schoolApp, "TIANGENG_WECHAT_APP_SECRET="+schoolSecret,
		"TIANGENG_WECHAT_TOKEN="+schoolToken, "TIANGENG_WECHAT_AES_KEY="+schoolAESKey,
		"TIANGENG_WECHAT_API_BASE="+s.api, "TIANGENG_CLOCK_FOLLOW="+s.api)
	if o.content != "" {
		s.env = append(s.env, "TIANGENG_CONTENT_DIR="+o.content)
		s.library, _ = content.Load(os.DirFS(o.content))
	}
	s.enrol(o.pupils)
	return s
}

// startPlatform starts the simulator; replicas announce themselves to its front door later, so that
// the webhook's address is known before they are.
func (s *school) startPlatform(o schoolOptions) {
	s.t.Helper()
	start := o.start
	if start == "" {
		start = "2026-11-23 07:30"
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", start, study.Zone)
	if err != nil {
		s.t.Fatal(err)
	}
	clock := &sim.Clock{}
	clock.Set(at)
	if o.replicas == 0 {
		o.replicas = 1
	}
	doors := make([]string, o.replicas)
	for i := range doors {
		doors[i] = s.door(i)
	}
	timeout := o.timeout
	if timeout == 0 {
		timeout = 20 * time.Second // the race detector on two busy cores is slow; 5 s has its own test
	}
	s.platform, err = sim.New(sim.Options{
		AppID: schoolApp, AppSecret: schoolSecret, Token: schoolToken, AESKey: schoolAESKey, Name: "田埂课堂",
		Webhook: strings.Join(doors, ","), Double: o.double, Clock: clock, Timeout: timeout, Repeats: o.repeats,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	server := &http.Server{Handler: s.platform.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	s.platform.Start(context.Background())
	s.api = "http://" + l.Addr().String()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.platform.Settle(ctx); err != nil {
			s.t.Error(err)
		}
		_ = server.Close()
		if err := s.platform.Close(ctx); err != nil {
			s.t.Error(err)
		}
	})
}

// door is a front door that passes requests on to replica i, whose port is not known yet and
// changes over restarts: what a load balancer does.
func (s *school) door(i int) string {
	s.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i >= len(s.replicas) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		req := r.Clone(r.Context())
		req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", strings.TrimPrefix(s.replicas[i].public, "http://")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			panic(http.ErrAbortHandler) // as if the replica had hung up
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		buf := make([]byte, 32<<10)
		for {
			n, err := resp.Body.Read(buf)
			_, _ = w.Write(buf[:n])
			if err != nil {
				return
			}
		}
	})}
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close(); transport.CloseIdleConnections() })
	return "http://" + l.Addr().String() + "/webhook/wechat"
}

// serve starts replica after replica.
func (s *school) serve(n int) {
	s.t.Helper()
	for i := range n {
		env := append(append([]string{}, s.env...), fmt.Sprintf("TIANGENG_REPLICA=replica-%d", i))
		r := startBinary(s.t, s.bin, env, "serve")
		s.replicas = append(s.replicas, r)
		s.t.Cleanup(func() { s.checkLog(r) })
	}
}

// checkLog greps a replica's whole output for what may never be in it: secrets, openids, names.
func (s *school) checkLog(r *process) {
	s.t.Helper()
	text := r.log.String()
	canaries := []string{schoolSecret, schoolToken, schoolAESKey, "oE2E_canary", "access_token="}
	for _, p := range s.pupils {
		canaries = append(canaries, p.name, p.code)
	}
	for _, c := range canaries {
		if at := strings.Index(text, c); at >= 0 {
			s.t.Errorf("the log of a replica holds %q: …%s…", c, text[max(0, at-80):min(len(text), at+80)])
		}
	}
}

// enrol sets up the class and its roster and gives every row a phone.
func (s *school) enrol(n int) {
	s.t.Helper()
	dir := s.t.TempDir()
	cohorts, roster := filepath.Join(dir, "cohorts.yaml"), filepath.Join(dir, "roster.csv")
	write(s.t, cohorts, `cohorts:
  - code: class-1
    name: 测试班
    courses: [fang-fanpin, shanqu-bizai]
    start: "2026-11-23"
    end: ""
    hour: "08:00"
    days: workdays
`)
	var rows strings.Builder
	rows.WriteString("姓名,单位代码,省,州市,县市区,乡镇街道,村社区,干部类别,绑定码\n")
	for i := range n {
		p := &pupil{school: s, index: i, name: "学" + numeral(i), code: fmt.Sprintf("C%05d", i)}
		p.user = s.platform.As(fmt.Sprintf("oE2E_canary_%015d", i))
		p.openid = fmt.Sprintf("oE2E_canary_%015d", i)
		s.pupils = append(s.pupils, p)
		village := i % 3
		fmt.Fprintf(&rows, "%s,53990110020%d,云南省,示范州,田埂县,青松镇,%s村民委员会,村干部,%s\n", p.name, village+1, villages[village], p.code)
	}
	write(s.t, roster, rows.String())
	mustRun(s.t, s.bin, s.env, "migrate")
	mustRun(s.t, s.bin, s.env, "cohort", "import", cohorts)
	mustRun(s.t, s.bin, s.env, "roster", "import", "--cohort", "class-1", roster)
}

var villages = []string{"新村", "大河边", "石板坡"}

// numeral writes a number in Chinese characters: names hold no digits.
func numeral(n int) string {
	digits := []rune("零一二三四五六七八九")
	out := []rune{}
	for _, c := range strconv.Itoa(n) {
		out = append(out, digits[c-'0'])
	}
	return string(out)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// goTo moves the virtual time and waits until every replica has followed.
func (s *school) goTo(moment string) {
	s.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", moment, study.Zone)
	if err != nil {
		s.t.Fatal(err)
	}
	s.platform.Clock().Set(at)
	for _, r := range s.replicas {
		eventually(s.t, 20*time.Second, "the replica follows the clock", func() bool {
			_, body := get(s.t, r.admin+"/healthz")
			var h struct{ Now time.Time }
			return json.Unmarshal([]byte(body), &h) == nil && h.Now.Sub(s.platform.Clock().Now()).Abs() < 5*time.Second
		})
	}
}

// pushed is a day's push as the command reports it.
type pushed struct {
	Summary struct {
		Audience int            `json:"audience"`
		States   map[string]int `json:"states"`
		Reasons  map[string]int `json:"reasons"`
		Pulled   int            `json:"pulled"`
	} `json:"summary"`
	Written int    `json:"written"`
	Skipped string `json:"skipped"`
}

// settledPush waits until the day's push is fired and nothing of it is under way, and returns it.
func (s *school) settledPush(day string) pushed {
	s.t.Helper()
	var p pushed
	eventually(s.t, 60*time.Second, "the push of "+day+" is done", func() bool {
		p = s.push(day)
		busy := p.Summary.States["pending"] + p.Summary.States["claimed"] + p.Summary.States["sending"]
		return p.Summary.Audience > 0 && busy == 0
	})
	return p
}

func (s *school) push(day string) pushed {
	s.t.Helper()
	var list []pushed
	out := mustRun(s.t, s.bin, s.env, "push", "--date", day, "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		s.t.Fatalf("push --json: %v\n%s", err, out)
	}
	return list[0]
}

// everybody lets all pupils do something at the same time.
func (s *school) everybody(do func(p *pupil)) {
	var wg sync.WaitGroup
	limit := make(chan struct{}, 24)
	for _, p := range s.pupils {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			do(p)
		})
	}
	wg.Wait()
}

// pupil is a person with a phone who behaves in some way.
type pupil struct {
	school *school
	index  int
	name   string
	code   string
	openid string
	user   *sim.User
	last   string // the last reply
	bound  bool
}

// say types something and returns the reply; a notice of the platform fails the test.
func (p *pupil) say(text string) string {
	p.school.t.Helper()
	e, err := p.user.Type(context.Background(), text)
	if err != nil {
		p.school.t.Errorf("%s: %v", p.name, err)
	}
	if e.Notice != "" {
		p.school.t.Errorf("%s typed %q and saw the platform's notice", p.name, text)
	}
	p.last = e.Reply.Text
	return p.last
}

// follow scans the class QR and binds.
func (p *pupil) follow() {
	p.school.t.Helper()
	if _, err := p.user.Follow(context.Background(), "class-1"); err != nil {
		p.school.t.Errorf("%s: %v", p.name, err)
	}
	reply := p.say(fmt.Sprintf("%s %s %s", p.name, villages[p.index%3], p.code))
	if !strings.Contains(reply, "绑定好了") {
		p.school.t.Errorf("%s could not bind: %s", p.name, reply)
		return
	}
	p.bound = true
}

// key is the right answer to the item that the text asks, in the words of a phone; "" when the
// text asks nothing.
func (p *pupil) key(text string) string {
	best, answer := -1, ""
	for _, c := range p.school.library.Courses() {
		for i := range c.Lessons {
			for j := range c.Lessons[i].Items {
				item := &c.Lessons[i].Items[j]
				if at := strings.LastIndex(text, strings.TrimSpace(strings.SplitN(item.Stem, "\n", 2)[0])); at > best {
					best, answer = at, rightAnswer(item)
				}
			}
		}
	}
	return answer
}

func rightAnswer(item *content.Item) string {
	switch item.Kind {
	case content.TrueFalse:
		if item.True {
			return "对"
		}
		return "错"
	case content.Fill:
		return item.Accept[0]
	case content.Numeric:
		return strconv.FormatFloat(item.Number, 'f', -1, 64)
	default:
		letters := ""
		for k, o := range item.Options {
			if o.Correct {
				letters += string(rune('A' + k))
			}
		}
		return letters
	}
}

// asks tells whether a reply ends with an open question.
var asks = regexp.MustCompile(`第 \d+ 题，共 \d+ 题`)

// learn takes the next open lesson to its end, with right answers, and reports whether a lesson was
// completed.
func (p *pupil) learn() bool {
	p.school.t.Helper()
	p.say("学习")
	for range 40 {
		switch {
		case strings.Contains(p.last, "这一课学完了"):
			return true
		case asks.MatchString(p.last):
			answer := p.key(p.last)
			if answer == "" {
				p.school.t.Errorf("%s was asked something that is in no course:\n%s", p.name, p.last)
				return false
			}
			p.say(answer)
		case strings.Contains(p.last, "回复“继续”看") || strings.Contains(p.last, "回复“继续”，看下一题") || strings.Contains(p.last, "回复“继续”，接着学习"):
			p.say("继续")
		default:
			return false
		}
	}
	p.school.t.Errorf("%s came to no end; the last reply:\n%s", p.name, p.last)
	return false
}

// line is one line of the completion list.
type line struct {
	Learner  int64
	Delegate int
	Name     string `json:"name"`
	Course   string `json:"course"`
	Status   string `json:"status"`
	Done     int    `json:"done"`
	Score    int    `json:"score"`
}
