package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/content"
)

// demo runs the demo in process until the test ends or stop is called.
type demo struct {
	at   addresses
	stop func() int
}

func startDemo(t *testing.T, dir string, more ...string) demo {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan addresses, 1), make(chan int, 1)
	var out lockedBuffer
	p := &program{stdout: writer{&out}, stderr: writer{&out}, ready: func(a addresses) { listening <- a }}
	args := append([]string{"demo", "--dir", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--phones", "127.0.0.1:0"}, more...)
	go func() { ended <- p.main(ctx, args) }()
	d := demo{stop: func() int {
		cancel()
		status := <-ended
		ended <- status
		return status
	}}
	t.Cleanup(func() { d.stop() })
	select {
	case d.at = <-listening:
	case status := <-ended:
		ended <- status
		t.Fatalf("the demo ended with %d:\n%s", status, out.String())
	case <-time.After(60 * time.Second):
		t.Fatalf("the demo did not start:\n%s", out.String())
	}
	return d
}

type writer struct{ b *lockedBuffer }

func (w writer) Write(p []byte) (int, error) { w.b.WriteString(string(p)); return len(p), nil }

// tab is one tab of a headless Chromium on the phones page.
type tab struct {
	t   *testing.T
	ctx context.Context
	dir string
}

// openTab fails, and does not skip, where there is no Chromium: a page nobody looked at is not tested.
func openTab(t *testing.T, url string, width, height int64) *tab {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			browser = found
			break
		}
	}
	if browser == "" {
		t.Fatal("no Chromium: `make test` installs it, or: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	page, closePage := chromedp.NewContext(alloc)
	ctx, stop := context.WithTimeout(page, 3*time.Minute)
	t.Cleanup(func() { stop(); closePage(); stopAlloc() })
	b := &tab{t: t, ctx: ctx, dir: os.Getenv("TIANGENG_TEST_ARTIFACTS")}
	if b.dir == "" {
		b.dir = t.TempDir()
	} else if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.do("open the page", chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
	return b
}

// do takes steps. Lists redraw themselves: of an element that is gone between being found and being clicked nothing has been
// clicked yet, and the new one is looked for.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		err := chromedp.Do(b.ctx, step)
		for try := 0; err != nil && strings.Contains(err.Error(), "Could not find node with given id") && try < 20; try++ {
			err = chromedp.Do(b.ctx, step)
		}
		if err != nil {
			b.shot("failed")
			b.t.Fatalf("%s: %v", what, err)
		}
	}
}

func (b *tab) until(what, expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(40*time.Second))); err != nil {
		b.shot("failed")
		b.t.Fatalf("waiting until %s: %v", what, err)
	}
}

// says waits until the phone shows a bubble of the bot with the text, and returns the newest one.
func (b *tab) says(openid, text string) string {
	b.t.Helper()
	bubbles := fmt.Sprintf(`[...document.querySelectorAll('[data-openid=%q] [data-role="bubble"][data-from="bot"], [data-openid=%q] [data-role="card"]')]`, openid, openid)
	b.until("the phone says "+text, fmt.Sprintf("%s.some((e) => e.textContent.includes(%q))", bubbles, text))
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf("(%s.at(-1) || {}).textContent || ''", bubbles)))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// count is how many bubbles of the bot a phone shows.
func (b *tab) count(openid string) int {
	b.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](fmt.Sprintf(`document.querySelectorAll('[data-openid=%q] [data-role="bubble"][data-from="bot"]').length`, openid)))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// types sends a text and waits for the next bubble of the bot.
func (b *tab) types(openid, text string) string {
	b.t.Helper()
	before := b.count(openid)
	input := fmt.Sprintf(`[data-openid=%q] [data-role="input"]`, openid)
	visible, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf("!!(document.querySelector(%q) || {}).offsetParent", input)))
	if err != nil {
		b.t.Fatal(err)
	}
	if !visible { // the menu bar is shown instead of the keyboard
		b.do("show the keyboard", chromedp.Click(fmt.Sprintf(`[data-openid=%q] [data-role="menu-toggle"]`, openid)))
	}
	b.do("type "+text, chromedp.SendKeys(input, text+"\r"))
	return b.next(openid, "an answer to "+text, before)
}

// next waits until the phone shows more bubbles of the bot than before, and returns the newest.
func (b *tab) next(openid, what string, before int) string {
	b.t.Helper()
	b.until(what, fmt.Sprintf(`document.querySelectorAll('[data-openid=%q] [data-role="bubble"][data-from="bot"]').length > %d`, openid, before))
	return b.says(openid, "")
}

func (b *tab) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no screenshot %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(b.dir, "phones-"+name+".png"), png, 0o600); err != nil {
		b.t.Errorf("writing a screenshot: %v", err)
	}
}

// The tour of the README on the real page in a real browser: bind, learn, answer, complete; move the
// clock and see the push; the wire shows ciphertext and plaintext. A second start goes on, --fresh
// starts over.
func TestTheTourOfTheDemo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d := startDemo(t, dir)
	library, _ := content.Load(content.Builtin())
	p := &pupil{school: &school{t: t, library: library}, name: "杨秀兰"}

	b := openTab(t, d.at.Phones, 1600, 1000)
	follow := fmt.Sprintf(`[data-openid=%q] [data-role="follow"]`, phoneYang)
	b.do("follow", chromedp.WaitVisible(follow), chromedp.Click(follow))
	b.says(phoneYang, "个人信息说明")
	b.do("take the suggested line", chromedp.Click(fmt.Sprintf(`[data-openid=%q] .hint[title="杨秀兰 新村 7K3M"]`, phoneYang)))
	b.do("send it", chromedp.Click(fmt.Sprintf(`[data-openid=%q] [data-role="send"]`, phoneYang)))
	b.says(phoneYang, "绑定好了")
	before := b.count(phoneYang)
	b.do("show the menu", chromedp.Click(fmt.Sprintf(`[data-openid=%q] [data-role="menu-toggle"]`, phoneYang)))
	b.do("tap 今日学习", chromedp.Click(fmt.Sprintf(`[data-openid=%q] [data-role="menu-button"][data-key=%q]`, phoneYang, conversation.KeyToday)))
	reply := b.next(phoneYang, "the lesson", before)
	b.shot("lesson")
	for range 20 {
		if strings.Contains(reply, "这一课学完了") {
			break
		}
		if answer := p.key(reply); answer != "" && asks.MatchString(reply) {
			reply = b.types(phoneYang, answer)
		} else {
			reply = b.types(phoneYang, "继续")
		}
	}
	if !strings.Contains(reply, "这一课学完了") || !strings.Contains(reply, "学时") {
		t.Fatalf("the lesson was not completed: %s", reply)
	}
	before = b.count(phoneYang)
	b.do("move the clock", chromedp.Click(`[data-role="advance"][data-step="tomorrow 08:00"]`))
	if push := b.next(phoneYang, "the push", before); !strings.Contains(push, "今天的微课") {
		t.Errorf("tomorrow at eight came: %s", push)
	}
	b.until("the wire shows a push of a message and a call of the API", `document.querySelector('[data-role="wire-item"][data-dir="api"][data-errcode="0"]') !== null`)
	b.do("open the last push", chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll('[data-role="wire-item"][data-dir="push"]')].at(-1).click()`))
	for what, shown := range map[string]string{
		"the signed address": "msg_signature", "the ciphertext": "<Encrypt>", "the plaintext": "<MsgType><![CDATA[text]]>", "the decrypted reply": "这一课学完了",
	} {
		b.until("the wire shows "+what, fmt.Sprintf("document.querySelector('.wdetail').textContent.includes(%q)", shown))
	}
	b.do("show the plaintext", chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll('.wdetail h4')].find((e) => e.textContent.includes('请求解密后')).scrollIntoView()`))
	b.until("every picture is there", `[...document.images].every((i) => i.complete && i.naturalWidth > 0)`)
	b.shot("desk")
	small := openTab(t, d.at.Phones, 390, 844)
	small.until("a phone is shown", `!!document.querySelector('[data-openid] [data-role="bubble"]')`)
	small.shot("phone")

	checkDemoList(t, dir, 1)
	for path, want := range map[string]string{d.at.Public + "/console/": "管理台", d.at.Admin + "/healthz": "alive", d.at.Admin + "/readyz": "true", d.at.Admin + "/metrics": "tiangeng_turns_total"} {
		if status, body := get(t, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, no %q in it", path, status, want)
		}
	}
	offset := d.offset(t)
	if status := d.stop(); status != statusDone {
		t.Errorf("the demo stopped with %d", status)
	}
	again := startDemo(t, dir)
	if chat := again.chat(t, phoneYang); !strings.Contains(chat, "绑定好了") || !strings.Contains(chat, "这一课学完了") {
		t.Error("a second start forgot the chat")
	}
	if now := again.offset(t); now != offset {
		t.Errorf("a second start moved the clock from %s to %s ahead", offset, now)
	}
	checkDemoList(t, dir, 1)
	again.stop()
	fresh := startDemo(t, dir, "--fresh")
	if chat := fresh.chat(t, phoneYang); strings.Contains(chat, "绑定好了") {
		t.Error("--fresh kept the chat")
	}
	if now := fresh.offset(t); now == offset {
		t.Errorf("--fresh kept the clock %s ahead", now)
	}
	checkDemoList(t, dir, 0)
}

// chat is what a phone shows, as the page is told.
func (d demo) chat(t *testing.T, openid string) string {
	t.Helper()
	status, chat := get(t, d.at.Phones+"api/users/"+openid+"/chat")
	if status != http.StatusOK {
		t.Fatalf("reading a chat: %d %s", status, chat)
	}
	return chat
}

// offset is how far the demo's clock is ahead of the host's.
func (d demo) offset(t *testing.T) time.Duration {
	t.Helper()
	_, body := get(t, d.at.Phones+"api/clock")
	var c struct{ OffsetMs int64 }
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return time.Duration(c.OffsetMs) * time.Millisecond
}

// checkDemoList exports the demo's completion list while it runs: ten people in two courses each,
// also those who did nothing, and as many lines as wanted for what 杨秀兰 learned.
func checkDemoList(t *testing.T, dir string, want int) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{stdout: &out, stderr: &errs}
	if status := p.main(context.Background(), []string{"completions", "export", "-c", filepath.Join(dir, "tiangeng.yaml")}); status != statusDone {
		t.Fatalf("completions export: %d\n%s", status, errs.String())
	}
	if !bytes.HasPrefix(out.Bytes(), []byte("\ufeff")) {
		t.Error("the CSV has no byte order mark: Excel would show rubbish")
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(out.Bytes(), []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	people, lines, learned := map[string]int{}, 0, 0
	for _, row := range rows {
		text := strings.Join(row, "|")
		if len(row) < 10 || !strings.Contains(text, "青松镇") {
			continue
		}
		people[row[4]+row[5]]++
		lines++
		if strings.Contains(text, "杨秀兰") && strings.Contains(text, "防止返贫") && strings.Contains(text, "|8|1|0|100|") {
			learned++
		}
	}
	if len(people) != 10 || lines != 20 || learned != want {
		t.Errorf("the list has %d people, %d lines, and %d for what 杨秀兰 learned:\n%s", len(people), lines, learned, out.String())
	}
}

func TestTheDemoDeletesNothingThatIsNotADemos(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "thesis.txt"), "years of work")
	for _, fresh := range [][]string{nil, {"--fresh"}} {
		var out, errs bytes.Buffer
		p := &program{stdout: &out, stderr: &errs}
		if status := p.main(context.Background(), append([]string{"demo", "--dir", dir}, fresh...)); status != statusFailed || !strings.Contains(errs.String(), "not a demo's folder") {
			t.Errorf("%v: status %d, %s", fresh, status, errs.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "thesis.txt")); err != nil {
		t.Error(err)
	}
}
