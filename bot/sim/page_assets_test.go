package sim

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// maxPageBytes is what page and assets together may weigh on the wire.
const maxPageBytes = 60 << 10

func openPage(t *testing.T) *phonesPage {
	t.Helper()
	page, err := newPhonesPage()
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func askPage(p http.Handler, method, target string, header map[string]string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

func TestThePhonesPageIsSmallOnTheWire(t *testing.T) {
	t.Parallel()
	page, total := openPage(t), 0
	for target := range page.files {
		res := askPage(page, http.MethodGet, target, map[string]string{"Accept-Encoding": "gzip"})
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		total += len(body)
	}
	t.Logf("%d files, %d bytes compressed", len(page.files), total)
	if total > maxPageBytes {
		t.Errorf("page and assets weigh %d bytes compressed, the limit is %d", total, maxPageBytes)
	}
}

func TestThePhonesPageIsServedSafely(t *testing.T) {
	t.Parallel()
	page := openPage(t)
	for target, wantType := range map[string]string{
		"/sim/":                 "text/html; charset=utf-8",
		"/sim/assets/app.js":    "text/javascript; charset=utf-8",
		"/sim/assets/style.css": "text/css; charset=utf-8",
	} {
		res := askPage(page, http.MethodGet, target, nil)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != wantType {
			t.Errorf("%s: %d %q, want 200 %q", target, res.StatusCode, res.Header.Get("Content-Type"), wantType)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		again := askPage(page, http.MethodGet, target, map[string]string{"If-None-Match": res.Header.Get("ETag")})
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s asked again with its tag: %d, want 304", target, again.StatusCode)
		}
	}
	for target, want := range map[string]int{
		"/sim": http.StatusMovedPermanently, "/sim/assets/": http.StatusNotFound, "/sim/assets/../page.go": http.StatusNotFound,
		"/sim/assets/index.html": http.StatusNotFound, "/sim/nothing": http.StatusNotFound,
	} {
		if res := askPage(page, http.MethodGet, target, nil); res.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", target, res.StatusCode, want)
		}
	}
	if res := askPage(page, http.MethodPost, "/sim/", nil); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /sim/: %d, want 405", res.StatusCode)
	}
}

func TestCompressedAndPlainPageAreTheSame(t *testing.T) {
	t.Parallel()
	page := openPage(t)
	for target := range page.files {
		plain, err := io.ReadAll(askPage(page, http.MethodGet, target, nil).Body)
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(askPage(page, http.MethodGet, target, map[string]string{"Accept-Encoding": "gzip"}).Body)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		zipped, err := io.ReadAll(zr)
		if err != nil || string(zipped) != string(plain) {
			t.Errorf("%s: compressed answer differs from the plain one (%v)", target, err)
		}
	}
}

// The page may never turn a bot's words into markup or code, and must work without a network.
func TestPageSourcesKeepTheHouseRules(t *testing.T) {
	t.Parallel()
	forbidden := map[string]*regexp.Regexp{
		"markup from text":     regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser`),
		"code from text":       regexp.MustCompile(`\beval\(|new Function|javascript:|setTimeout\(['"]`),
		"inline style in HTML": regexp.MustCompile(`\sstyle=|<style`),
		"inline handler":       regexp.MustCompile(`\son[a-z]+="`),
		"file from elsewhere":  regexp.MustCompile(`(?:src|href)="(?:https?:)?//|url\(['"]?(?:https?:)?//|import .* from 'https?:`),
	}
	seen := 0
	err := fs.WalkDir(pageFiles, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		seen++
		data, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		for what, pattern := range forbidden {
			for i, line := range strings.Split(string(data), "\n") {
				code, _, _ := strings.Cut(line, "// ")
				if hit := pattern.FindString(code); hit != "" {
					t.Errorf("%s:%d: %s: %q", name, i+1, what, hit)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 5 {
		t.Errorf("only %d assets are embedded", seen)
	}
}
