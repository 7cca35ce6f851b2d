package sim

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserBudget is how long one browser test may take before it is called stuck.
const browserBudget = 90 * time.Second

// chromium finds the browser the page tests drive: CHROMIUM names one, else the usual names are
// tried. Without one the test fails: a page nobody looked at is not tested.
func chromium(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("CHROMIUM"); named != "" {
		return named
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	t.Fatal("the phones page is tested in a real browser and none was found: install Chromium (Debian: apt install chromium) or set CHROMIUM to its path")
	return ""
}

// browser is one tab of a headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
	dir string // where screenshots go
}

func openBrowser(t *testing.T, width, height int64) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(t.Context(), options...)
	tab, closeTab := chromedp.NewContext(alloc)
	ctx, stop := context.WithTimeout(tab, browserBudget)
	t.Cleanup(func() { stop(); closeTab(); stopAlloc() })
	b := &browser{t: t, ctx: ctx, dir: t.TempDir()}
	if dir := os.Getenv("TIANGENG_TEST_ARTIFACTS"); dir != "" {
		b.dir = filepath.Join(dir, "phones-page")
		if err := os.MkdirAll(b.dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// A script that throws, or a policy that blocks one, is a failure even if the page looks right.
	err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the page threw: %s", e.ExceptionDetails.Exception.Description)
		}
	})
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	b.do("size", chromedp.EmulateViewport(width, height))
	return b
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.shot("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) open(url string) { b.t.Helper(); b.do("open "+url, chromedp.Navigate(url)) }

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.Click(selector))
}

func (b *browser) write(selector, text string) {
	b.t.Helper()
	b.do("type into "+selector, chromedp.SendKeys(selector, text))
}

// until waits for a JavaScript expression to become true; the browser looks before each frame.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		b.shot("failed")
		b.t.Fatalf("waiting until %s: %v", what, err)
	}
}

// sees waits until an element that matches the selector contains the text.
func (b *browser) sees(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s shows %q", selector, text),
		fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))", selector, text))
}

func (b *browser) text(expression string) string {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return got
}

func (b *browser) shot(name string) {
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no screenshot %s: %v", name, err)
		return
	}
	file := filepath.Join(b.dir, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png")
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Errorf("writing a screenshot: %v", err)
	}
}

// on selects an element of one phone by its role.
func on(openid, role string) string {
	return fmt.Sprintf("[data-openid=%q] [data-role=%q]", openid, role)
}
