//go:build bench

package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	wechatcache "github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/util"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	gormlogger "gorm.io/gorm/logger"

	"github.com/tiangeng/tiangeng/store/storetest"
)

// The side-by-side comparison of DESIGN's first row: the whole webhook path, safe mode, MySQL and
// Redis on the same cores, commit before the reply, against
//
//	echo    the SDK's bare server: decrypt, echo, encrypt; no storage
//	frugal  what a careful person writes by hand: SDK server, one Redis round trip, one GORM insert
//
// Every target is a process of its own; the load comes from this one. Run it by `make bench`.
// It fails only when something is wrong (a lost or doubled answer), never for being slow.

const (
	benchApp   = "wx5af0c5d1e0a7b3ff"
	benchToken = "benchtoken"
	benchKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	benchUsers = 2000
)

func init() {
	roles["bench-echo"] = func() { benchPeer(nil, nil) }
	roles["bench-frugal"] = func() {
		db, err := gorm.Open(mysql.Open(os.Getenv("BENCH_DSN")), &gorm.Config{SkipDefaultTransaction: true, PrepareStmt: true, Logger: gormlogger.Discard})
		must(err)
		must(db.AutoMigrate(&benchRow{}))
		sqlDB, err := db.DB()
		must(err)
		sqlDB.SetMaxOpenConns(32)
		sqlDB.SetMaxIdleConns(32)
		options, err := redis.ParseURL(os.Getenv("BENCH_REDIS"))
		must(err)
		options.PoolSize = 64
		benchPeer(db, redis.NewClient(options))
	}
}

// benchRow is the frugal path's one row a message.
type benchRow struct {
	ID      uint64 `gorm:"primaryKey"`
	MsgID   int64  `gorm:"uniqueIndex"`
	OpenID  string `gorm:"size:64;index"`
	Content string `gorm:"size:200"`
	At      int64
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// benchPeer serves the SDK's own server; with a database and a Redis it is the frugal path.
func benchPeer(db *gorm.DB, rdb *redis.Client) {
	account := officialaccount.NewOfficialAccount(&config.Config{
		AppID: benchApp, AppSecret: "s", Token: benchToken, EncodingAESKey: benchKey, Cache: wechatcache.NewMemory(),
	})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := account.GetServer(r, w)
		s.SetMessageHandler(func(m *message.MixMessage) *message.Reply {
			if rdb != nil {
				ctx := r.Context()
				fresh, err := rdb.SetNX(ctx, fmt.Sprintf("seen:%d", m.MsgID), 1, time.Minute).Result()
				if err != nil || !fresh {
					return nil
				}
				if err := db.WithContext(ctx).Create(&benchRow{MsgID: m.MsgID, OpenID: string(m.FromUserName), Content: m.Content, At: time.Now().UnixMilli()}).Error; err != nil {
					return nil
				}
			}
			return &message.Reply{MsgType: message.MsgTypeText, MsgData: message.NewText("已记录：" + m.Content + "。解析：要如实登记，谁家有困难就写谁家。下一题请回复一个字母。")}
		})
		if err := s.Serve(); err != nil {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_ = s.Send()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(l.Addr())
	must((&http.Server{Handler: handler}).Serve(l)) //nolint:gosec // loopback only
}

// startPeer starts a role of this test binary and returns its address.
func startPeer(t *testing.T, role string, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(append(os.Environ(), "TIANGENG_TEST_ROLE="+role), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("%s did not start: %v", role, err)
	}
	return "http://" + strings.TrimSpace(string(line[:n])) + "/webhook/wechat"
}

// load is what one closed or open run measured.
type load struct {
	name     string
	messages int
	seconds  float64
	bad      int
	latency  []time.Duration
	cpu      time.Duration // of target, database and Redis together; not of the generator
}

func (l load) rate() float64 { return float64(l.messages) / l.seconds }

func (l *load) percentile(p float64) time.Duration {
	if len(l.latency) == 0 {
		return 0
	}
	slices.Sort(l.latency)
	return l.latency[min(len(l.latency)-1, int(p*float64(len(l.latency))))]
}

// generator makes real traffic: signed, encrypted text messages of many people.
type generator struct {
	client *http.Client
	msgID  atomic.Int64
	script []string
	step   []atomic.Int64 // by user
}

func newGenerator(connections int, script ...string) *generator {
	g := &generator{script: script, step: make([]atomic.Int64, benchUsers)}
	g.client = &http.Client{Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections}, Timeout: 10 * time.Second}
	g.msgID.Store(time.Now().UnixNano() / 1000)
	return g
}

func openID(user int) string { return fmt.Sprintf("oBENCH_%020d", user) }

func (g *generator) send(target string, user int, body string) (int, string, error) {
	now := time.Now()
	msg := fmt.Sprintf("<xml><ToUserName><![CDATA[gh_bench]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime>%s</xml>", openID(user), now.Unix(), body)
	cipher, err := util.EncryptMsg([]byte("0123456789abcdef"), []byte(msg), benchApp, benchKey)
	if err != nil {
		return 0, "", err
	}
	ts, nonce := fmt.Sprint(now.Unix()), fmt.Sprint(g.msgID.Add(1))
	q := url.Values{
		"signature": {util.Signature(benchToken, ts, nonce)}, "timestamp": {ts}, "nonce": {nonce}, "openid": {openID(user)},
		"encrypt_type": {"aes"}, "msg_signature": {util.Signature(benchToken, ts, nonce, string(cipher))},
	}
	envelope := "<xml><ToUserName><![CDATA[gh_bench]]></ToUserName><Encrypt><![CDATA[" + string(cipher) + "]]></Encrypt></xml>"
	resp, err := g.client.Post(target+"?"+q.Encode(), "text/xml", strings.NewReader(envelope))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

func (g *generator) text(target string, user int, text string) (int, string, error) {
	return g.send(target, user, fmt.Sprintf("<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[%s]]></Content><MsgId>%d</MsgId>", text, g.msgID.Add(1)))
}

// next sends the next line of a user's script.
func (g *generator) next(target string, user int) error {
	n := g.step[user].Add(1) - 1
	status, body, err := g.text(target, user, g.script[int(n)%len(g.script)])
	if err != nil {
		return err
	}
	if status != http.StatusOK || !strings.Contains(body, "Encrypt") {
		return fmt.Errorf("status %d, %d bytes", status, len(body))
	}
	return nil
}

// openReply decrypts a reply.
func openReply(body string) (string, error) {
	var e struct{ Encrypt string }
	if err := xml.Unmarshal([]byte(body), &e); err != nil {
		return body, err
	}
	_, plain, err := util.DecryptMsg(benchApp, e.Encrypt, benchKey)
	return string(plain), err
}

// closed runs connections × (send, wait for the reply) for a time.
func (g *generator) closed(name, target string, connections int, d time.Duration) load {
	l := load{name: name}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began, cpu := time.Now(), othersCPU()
	for c := range connections {
		wg.Go(func() {
			var lat []time.Duration
			bad := 0
			for i := c; time.Since(began) < d; i += connections {
				at := time.Now()
				if err := g.next(target, i%benchUsers); err != nil {
					bad++
					continue
				}
				lat = append(lat, time.Since(at))
			}
			mu.Lock()
			l.latency, l.bad = append(l.latency, lat...), l.bad+bad
			mu.Unlock()
		})
	}
	wg.Wait()
	l.seconds, l.messages, l.cpu = time.Since(began).Seconds(), len(l.latency), othersCPU()-cpu
	return l
}

func (l load) cpuEach() float64 { return float64(l.cpu.Microseconds()) / float64(max(1, l.messages)) }

// othersCPU is the processor time that this process's children have used: the targets, MariaDB and
// Redis. Unlike a rate it does not depend on who else is busy on the machine.
func othersCPU() time.Duration {
	var ticks int64
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, d := range dirs {
		data, err := os.ReadFile(d)
		if err != nil {
			continue // ended meanwhile
		}
		f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if f[1] != fmt.Sprint(os.Getpid()) {
			continue
		}
		for _, n := range f[11:13] {
			var v int64
			_, _ = fmt.Sscan(n, &v)
			ticks += v
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond // a hundred ticks a second
}

// open offers answers at a fixed rate.
func (g *generator) open(name, target string, rate int, d time.Duration) load {
	return offered(name, rate, d, func(i int) error { return g.next(target, i%benchUsers) })
}

// offered does things at a fixed rate; latency counts from when each was due (no coordinated omission).
func offered(name string, rate int, d time.Duration, do func(i int) error) load {
	l := load{name: name}
	type job struct {
		i   int
		due time.Time
	}
	jobs := make(chan job, rate*10)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for j := range jobs {
				err := do(j.i)
				took := time.Since(j.due)
				mu.Lock()
				if err != nil {
					l.bad++
				} else {
					l.latency = append(l.latency, took)
				}
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	total := int(d.Seconds() * float64(rate))
	ticker := time.NewTicker(2 * time.Millisecond)
	for sent := 0; sent < total; {
		<-ticker.C
		for due := int(time.Since(began).Seconds() * float64(rate)); sent < min(due, total); sent++ {
			jobs <- job{sent, began.Add(time.Duration(float64(sent) / float64(rate) * float64(time.Second)))}
		}
	}
	ticker.Stop()
	close(jobs)
	wg.Wait()
	l.seconds, l.messages = time.Since(began).Seconds(), len(l.latency)
	return l
}

// benchContent is one course of one lesson whose answers are all A, so that a script can answer.
func benchContent(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	course := filepath.Join(dir, "courses", "bench")
	if err := os.MkdirAll(course, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"course.yaml": "名称: 测速课\n版本: 1\n类别: 选修课\n及格线: 60\n简介: 测速用。\n作者: [测速]\n来源:\n  - 标题: 无\n",
		"01-one.md": "---\n标题: 第一课\n导语: 测速用的一课。\n时长: 2分\n---\n先看后答。\n\n## 测验\n\n" +
			"1. [单选] 选哪个？\nA. 这个\nB. 那个\n答案: A\n解析: 选这个。\n\n2. [单选] 再选哪个？\nA. 这个\nB. 那个\n答案: A\n解析: 选这个。\n\n3. [单选] 最后选哪个？\nA. 这个\nB. 那个\n答案: A\n解析: 选这个。\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(course, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSideBySide(t *testing.T) {
	dsn, redisAddr := storetest.MariaDB(t), storetest.Redis(t)
	program := startOurs(t, dsn, redisAddr)
	ours := program.public + "/webhook/wechat"
	frugalDSN := goDSN(t, storetest.MariaDB(t))
	echo := startPeer(t, "bench-echo")
	frugal := startPeer(t, "bench-frugal", "BENCH_DSN="+frugalDSN, "BENCH_REDIS="+redisAddr)
	idle := rss(t, program.cmd.Process.Pid)

	g := newGenerator(256, "重做", "A", "A", "A")
	bind(t, g, ours)
	plain := newGenerator(256, "A")
	const rounds, connections, length = 3, 64, 8 * time.Second
	var a, b, c []load
	if only := os.Getenv("TIANGENG_TEST_BENCH_SECONDS"); only != "" { // for profiling: our path alone
		d, err := time.ParseDuration(only + "s")
		if err != nil {
			t.Fatal(err)
		}
		l := g.closed("tiangeng", ours, connections, d)
		t.Logf("%.0f messages/s, %.0f µs of CPU each, p50 %s", l.rate(), l.cpuEach(), l.percentile(.5))
		return
	}
	for range rounds { // alternating, so that a noisy neighbour hits all alike
		a = append(a, plain.closed("SDK echo, no storage", echo, connections, length))
		b = append(b, plain.closed("frugal hand-written path", frugal, connections, length))
		c = append(c, g.closed("tiangeng, full path", ours, connections, length))
	}
	steady := g.open("tiangeng at 1,500/s offered", ours, 1500, 20*time.Second)
	printTable(t, median(a), median(b), median(c), steady, idle, rss(t, program.cmd.Process.Pid), program.took)
	checkNothingLost(t, dsn, c, steady)
}

// A push to 35,000 and to 350,000 on MariaDB, beside a bare client of the same platform.
func TestPushAtScale(t *testing.T) {
	out, errs, status := runBinaryFor(t, 20*time.Minute, buildBinary(t), os.Environ(), "rehearse", "--compare", "--dsn", storetest.MariaDB(t))
	if status != 0 {
		t.Fatalf("exit %d\n%s%s", status, out, errs)
	}
	fmt.Fprintf(os.Stdout, "\n%s, %d CPUs, %s, MariaDB\n\n%s\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), out)
}

func median(runs []load) load {
	slices.SortFunc(runs, func(x, y load) int { return int(x.rate() - y.rate()) })
	return runs[len(runs)/2]
}

func printTable(t *testing.T, echo, frugal, ours, steady load, idle, busy int, start time.Duration) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s, %d CPUs, %s; 64 connections, median of 3 rounds of 8 s, alternating\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version())
	fmt.Fprintln(&b, "| path | messages/s | × frugal | CPU µs/message | p50 | p99 | max | errors |\n|---|---|---|---|---|---|---|---|")
	for _, l := range []load{echo, frugal, ours, steady} {
		fmt.Fprintf(&b, "| %s | %.0f | %.2f | %s | %s | %s | %s | %d |\n", l.name, l.rate(), l.rate()/frugal.rate(), cpuText(l),
			l.percentile(.5).Round(100*time.Microsecond), l.percentile(.99).Round(100*time.Microsecond), l.percentile(1).Round(100*time.Microsecond), l.bad)
	}
	slow := 0
	for _, d := range steady.latency {
		if d > 4500*time.Millisecond {
			slow++
		}
	}
	fmt.Fprintf(&b, "\nover 4.5 s at 1,500/s: %d. Resident: %d MB idle, %d MB after the load.\n", slow, idle, busy)
	fmt.Fprint(&b, small(t, start))
	fmt.Fprintln(os.Stdout, b.String())
}

func cpuText(l load) string {
	if l.cpu == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", l.cpuEach())
}

// startOurs builds the binary, sets it up as the README says and starts it.
func startOurs(t *testing.T, dsn, redisURL string) *process {
	t.Helper()
	bin := buildBinary(t)
	env := append(os.Environ(),
		"TIANGENG_DATABASE_DSN="+dsn, "TIANGENG_REDIS_URL="+redisURL, "TIANGENG_LISTEN=127.0.0.1:0", "TIANGENG_ADMIN_LISTEN=127.0.0.1:0",
		"TIANGENG_WECHAT_APP_ID="+benchApp, "TIANGENG_WECHAT_APP_SECRET=s", "TIANGENG_WECHAT_TOKEN="+benchToken, "TIANGENG_WECHAT_AES_KEY="+benchKey,
		"TIANGENG_WECHAT_API_BASE=http://127.0.0.1:9", "TIANGENG_CONTENT_DIR="+benchContent(t), "TIANGENG_LOG_LEVEL=info")
	dir := t.TempDir()
	cohorts := filepath.Join(dir, "cohorts.yaml")
	yesterday := time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cohorts, fmt.Sprintf("cohorts:\n  - {code: bench, name: 测速班, courses: [bench], start: %q, end: \"\", hour: \"00:00\", days: [mon, tue, wed, thu, fri, sat, sun]}\n", yesterday))
	roster := filepath.Join(dir, "roster.csv")
	var rows strings.Builder
	rows.WriteString("姓名,单位代码,州市,县市区,乡镇街道,村社区,干部类别,绑定码\n")
	for i := range benchUsers {
		fmt.Fprintf(&rows, "测%s,539901100201,示范州,田埂县,青松镇,新村村民委员会,村干部,%06d\n", numeral(i), i)
	}
	write(roster, rows.String())
	for _, args := range [][]string{{"migrate"}, {"cohort", "import", cohorts}, {"roster", "import", "--cohort", "bench", roster}} {
		cmd := exec.Command(bin, args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return startBinary(t, bin, env, "serve")
}

// bind brings every user into the class and to the end of the first lesson, through the webhook.
func bind(t *testing.T, g *generator, target string) {
	t.Helper()
	var wg sync.WaitGroup
	var failed atomic.Int64
	var sample atomic.Value
	for w := range 32 {
		wg.Go(func() {
			for u := w; u < benchUsers; u += 32 {
				follow := "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe]]></Event><EventKey><![CDATA[qrscene_bench]]></EventKey><Ticket><![CDATA[T]]></Ticket>"
				if status, _, err := g.send(target, u, follow); err != nil || status != http.StatusOK {
					failed.Add(1)
				}
				lines := []string{fmt.Sprintf("测%s 新村 %06d", numeral(u), u), "学习", "A", "A", "A"}
				for i, text := range lines {
					status, body, err := g.text(target, u, text)
					if err != nil || status != http.StatusOK {
						failed.Add(1)
						continue
					}
					if i == len(lines)-1 {
						reply, _ := openReply(body)
						sample.Store(reply)
					}
				}
			}
		})
	}
	wg.Wait()
	if failed.Load() > 0 {
		t.Fatalf("%d messages of the set-up failed", failed.Load())
	}
	if reply, _ := sample.Load().(string); !strings.Contains(reply, "学时") {
		t.Fatalf("the set-up did not complete the lesson; the last reply was:\n%s", reply)
	}
}

// goDSN makes the driver's form of a mysql:// address.
func goDSN(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return fmt.Sprintf("%s:%s@tcp(%s)%s?parseTime=true&charset=utf8mb4", u.User.Username(), password, u.Host, u.Path)
}

// checkNothingLost counts the rows: every answered "A" is one response, and none is doubled.
func checkNothingLost(t *testing.T, dsn string, runs []load, steady load) {
	t.Helper()
	db, err := gorm.Open(mysql.Open(goDSN(t, dsn)), &gorm.Config{Logger: gormlogger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	var responses, distinct int64
	if err := db.Raw("SELECT COUNT(*) FROM responses").Scan(&responses).Error; err != nil {
		t.Fatal(err)
	}
	if err := db.Raw("SELECT COUNT(*) FROM (SELECT DISTINCT enrolment_id, course_id, lesson_id, attempt, item_id FROM responses) x").Scan(&distinct).Error; err != nil {
		t.Fatal(err)
	}
	answered := 3 * benchUsers // the set-up's
	for _, l := range append(runs, steady) {
		answered += l.messages * 3 / 4
	}
	t.Logf("responses stored: %d, expected about %d (three of four messages)", responses, answered)
	if responses != distinct || responses < int64(answered)*97/100 {
		t.Errorf("responses %d, distinct %d, expected about %d", responses, distinct, answered)
	}
}

// small measures what DESIGN calls small: start, binary.
func small(t *testing.T, start time.Duration) string {
	t.Helper()
	bin := buildBinary(t)
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	began := time.Now()
	cmd := exec.CommandContext(ctx, bin, "version")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("Binary: %.1f MB. `tiangeng version`: %s. Start of serve until it answers: %s.\n", float64(info.Size())/1e6, time.Since(began).Round(time.Millisecond), start.Round(time.Millisecond))
}

// rss is a process's resident memory in MB.
func rss(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kb int
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				t.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}
