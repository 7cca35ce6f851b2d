package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tiangeng/tiangeng/bot/study"
)

var (
	shownNumber = regexp.MustCompile(`编号：([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})`)
	shownPage   = regexp.MustCompile(`http://\S+/c/f/[0-9a-z]+`)
)

// A phone asks for a certificate, gets number, address and the picture, and anybody can check it; it is revoked, and the
// page says so. The whole program, the real pages in a browser.
func TestACertificateFromTheWordToItsEnd(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 2})
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if to, err := url.Parse(s.replicas[0].public); err == nil {
			r.SetURL(to)
		}
	}})
	t.Cleanup(front.Close)
	s.env = append(s.env, "TIANGENG_PUBLIC_URL="+front.URL, "TIANGENG_CERTIFICATE_OFFICE=田埂县委组织部")
	s.serve(1)
	s.everybody((*pupil).follow)
	s.goTo("2026-11-23 08:30")
	p := s.pupils[0]
	p.hears("学时证明", "还没有学时")
	if !p.learn() {
		t.Fatal("no lesson was completed")
	}
	said := p.say("学时证明")
	number, page := shownNumber.FindStringSubmatch(said), shownPage.FindString(said)
	if number == nil || page == "" || !strings.Contains(said, "0.25 学时") || !strings.Contains(said, "图片马上") {
		t.Fatalf("the phone reads: %s", said)
	}
	if again := p.say("证明"); !strings.Contains(again, number[1]) || !strings.Contains(again, "还是这一份") {
		t.Errorf("again: %s", again)
	}
	pictures := func() (n int) {
		for _, x := range s.platform.Ledger().SeenBy(p.openid) {
			if x.Item.From == "bot" && x.Item.Kind == "image" {
				n++
			}
		}
		return n
	}
	eventually(t, 30*time.Second, "the picture is in the chat", func() bool { return pictures() == 1 })

	own := openTab(t, page, 390, 844)
	own.until("the picture is shown", `(() => { const i = document.querySelector("img"); return i && i.complete && i.naturalWidth === 1240 })()`)
	own.shot("certificate-page")
	if status, pdf := get(t, page+"/certificate.pdf"); status != http.StatusOK || !strings.HasPrefix(pdf, "%PDF") {
		t.Errorf("the paper: %d", status)
	}
	stranger := openTab(t, front.URL+"/c/", 390, 844)
	check := func(typed, want string) {
		t.Helper()
		stranger.do("type a number", chromedp.Evaluate[chromedp.Void](`document.querySelector("#n").value = ""`), chromedp.SendKeys("#n", typed+"\r"))
		eventually(t, 30*time.Second, "the page says "+want, func() bool { // while it changes there is none to ask
			says, err := chromedp.Run(stranger.ctx, chromedp.Evaluate[bool](fmt.Sprintf("document.readyState === 'complete' && document.body.textContent.includes(%q)", want)))
			return err == nil && says
		})
	}
	check("2026-1111-2222-3333", "编号不对")
	check(strings.ToLower(strings.ReplaceAll(number[1], "-", " ")), "有这份证明，没有撤销")
	stranger.shot("certificate-check")
	text, err := chromedp.Run(stranger.ctx, chromedp.Evaluate[string](`document.body.textContent`))
	if err != nil || strings.Contains(text, p.name) || !strings.Contains(text, "学*") || strings.Contains(text, "新村") || !strings.Contains(text, "0.25 学时") || !strings.Contains(text, "田埂县") {
		t.Errorf("%v\n%s", err, text)
	}

	out := mustRun(t, s.bin, s.env, "certificate", "show", number[1])
	if !strings.Contains(out, p.name) || !strings.Contains(out, "same: 0.25 hours") {
		t.Error(out)
	}
	mustRun(t, s.bin, s.env, "certificate", "revoke", number[1], "--reason", "答题不是本人")
	check(number[1], "不能再用")
	stranger.shot("certificate-revoked")
	if status, body := get(t, page); status != http.StatusGone || !strings.Contains(body, "撤销") {
		t.Errorf("its own page: %d %s", status, body)
	}
	if status, _ := get(t, page+"/certificate.png"); status != http.StatusGone {
		t.Errorf("the picture: %d", status)
	}
	p.hears("你好", "学时证明已被撤销", "答题不是本人")
	p.hears("学时证明", "已被撤销", "请找单位")
	if n := pictures(); n != 1 {
		t.Errorf("%d pictures were sent", n)
	}
	s.pupils[1].hears("学时证明", "还没有学时")
}

const recordsOf = "学员编号,来源,记录编号,学习内容,学时,日期\n"

// An office issues by command and by the API, each within its scope, prints a class, and revokes.
func TestAnOfficeIssuesCertificates(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "public_url: https://learn.example\ncertificate:\n  office: 田埂县委组织部\n")
	b.refused(statusFailed, "还没有学时", "certificate", "issue", "-c", b.config, "--learner", "1")
	b.refused(statusFailed, "给谁开", "certificate", "issue", "-c", b.config)
	var rows strings.Builder
	rows.WriteString(recordsOf)
	for i := range 6 {
		fmt.Fprintf(&rows, "%d,云岭先锋,N%d,乡村振兴,%d,2026-05-01\n", i+1, i, i+1)
	}
	write(t, b.path("hours.csv"), rows.String())
	b.must("hours", "import", "-c", b.config, "--said-by", "组织部", "--evidence", "1号", b.path("hours.csv"))
	read := func(out string) (list []certificateLine) {
		t.Helper()
		d := json.NewDecoder(strings.NewReader(out))
		for d.More() {
			var c certificateLine
			if err := d.Decode(&c); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			list = append(list, c)
		}
		return list
	}
	issue := []string{"certificate", "issue", "-c", b.config, "--json", "--learner", "1", "--learner", "2", "--learner", "4"}
	first := read(b.must(issue...))
	again := read(b.must(issue...))
	if len(first) != 3 || len(again) != 3 || first[0].Number != again[0].Number || first[0].Total() != 200 && first[0].Total() != 100 || !strings.HasPrefix(first[0].Page, "https://learn.example/c/f/") {
		t.Fatalf("%+v", first)
	}
	if out := b.must("certificate", "list", "-c", b.config, "--unit", northVillage); strings.Count(out, "\n") != 3 {
		t.Error(out)
	}
	b.refused(statusMisused, "say which", "certificate", "export", "-c", b.config, "-o", b.path("x.pdf"))
	b.refused(statusFailed, "没有编号", "certificate", "show", "-c", b.config, "2026-1111-1111-1111")
	b.must("certificate", "export", "-c", b.config, "--year", "2026", "-o", b.path("all.pdf"))
	b.must("certificate", "export", "-c", b.config, "--year", "2026", "-o", b.path("again.pdf"))
	pdf, err := os.ReadFile(b.path("all.pdf"))
	same, err2 := os.ReadFile(b.path("again.pdf"))
	if err != nil || err2 != nil || !bytes.Equal(pdf, same) || bytes.Count(pdf, []byte("/Type /Page\n")) != 3 {
		t.Errorf("%v %v, %d pages", err, err2, bytes.Count(pdf, []byte("/Type /Page\n")))
	}
	b.must("certificate", "export", "-c", b.config, "--format", "zip", "-o", b.path("all.zip"), string(first[0].Number), first[1].Number.String())
	z, err := zip.OpenReader(b.path("all.zip"))
	if err != nil || len(z.File) != 4 {
		t.Fatalf("%v", err)
	}
	defer closing(z)
	f, err := z.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(f); err != nil || !strings.HasPrefix(z.File[1].Name, first[0].Name) {
		t.Errorf("%s: %v", z.File[1].Name, err)
	}

	north := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "village"))
	south := slices.IndexFunc(first, func(c certificateLine) bool { return string(c.Unit) == southVillage })
	own := (south + 1) % 3
	type answer struct {
		Certificates []struct{ Number, Hours, Page, RevokedWhy string }
		New          int
	}
	b.withAPI(north, func(c *client) {
		var got answer
		body := c.call(http.MethodPost, "/api/v1/certificates", `{"learners":[3]}`, http.StatusCreated, &got)
		c.known("CertificatesIssued", body)
		if got.New != 1 || got.Certificates[0].Hours != "3" {
			t.Error(body)
		}
		c.call(http.MethodPost, "/api/v1/certificates", `{"learners":[3]}`, http.StatusOK, &got)
		c.call(http.MethodPost, "/api/v1/certificates", `{"learners":[5]}`, http.StatusNotFound, nil)
		c.call(http.MethodPost, "/api/v1/certificates", `{"learners":[3],"year":2031}`, http.StatusBadRequest, nil)
		c.call(http.MethodGet, "/api/v1/certificates", "", http.StatusOK, &got)
		if len(got.Certificates) != 3 {
			t.Errorf("a village sees %d", len(got.Certificates))
		}
		of := func(i int, what string) string { return "/api/v1/certificates/" + first[i].Number.String() + what }
		c.call(http.MethodGet, of(south, ""), "", http.StatusNotFound, nil)
		c.call(http.MethodGet, of(south, "/file"), "", http.StatusNotFound, nil)
		c.call(http.MethodPost, of(south, "/revoke"), `{"reason":"x"}`, http.StatusNotFound, nil)
		c.known("Certificate", c.call(http.MethodGet, of(own, ""), "", http.StatusOK, nil))
		if paper := c.call(http.MethodGet, of(own, "/file"), "", http.StatusOK, nil); !strings.HasPrefix(paper, "%PDF") {
			t.Error("no paper")
		}
		if picture := c.call(http.MethodGet, of(own, "/file?format=png"), "", http.StatusOK, nil); !strings.HasPrefix(picture, "\x89PNG") {
			t.Error("no picture")
		}
		c.call(http.MethodGet, of(own, "/file?format=doc"), "", http.StatusBadRequest, nil)
		c.call(http.MethodPost, of(own, "/revoke"), `{"reason":""}`, http.StatusBadRequest, nil)
		if out := c.call(http.MethodPost, of(own, "/revoke"), `{"reason":"重名"}`, http.StatusOK, nil); !strings.Contains(out, "重名") {
			t.Error(out)
		}
		c.call(http.MethodGet, of(own, "/file"), "", http.StatusConflict, nil)
		c.call(http.MethodPost, "/api/v1/certificates", fmt.Sprintf(`{"learners":[%d]}`, first[own].Learner), http.StatusConflict, nil)
		c.call(http.MethodPost, "/api/v1/certificates", fmt.Sprintf(`{"learners":[%d],"again":true}`, first[own].Learner), http.StatusCreated, nil)
	})
	if out := b.must("certificate", "show", "-c", b.config, string(first[own].Number)); !strings.Contains(out, "重名") || !strings.Contains(out, "api:village") {
		t.Error(out)
	}
	// A name that no font has is left out of the print, and said.
	write(t, b.path("r2.csv"), rosterHead+"王𡨴,"+southVillage+",云南省,示范州,田埂县,青松镇,青石村民委员会,村干部,A0077\n")
	b.must("roster", "import", "-c", b.config, b.path("r2.csv"))
	write(t, b.path("h2.csv"), recordsOf+"7,云岭先锋,N7,乡村振兴,9,2026-05-01\n")
	b.must("hours", "import", "-c", b.config, "--said-by", "组织部", "--evidence", "1号", b.path("h2.csv"))
	rare := read(b.must("certificate", "issue", "-c", b.config, "--json", "--learner", "7"))
	_, errs, status := b.run("certificate", "export", "-c", b.config, "--year", "2026", "-o", b.path("rest.pdf"))
	if status != statusFailed || !strings.Contains(errs, "王𡨴") || !strings.Contains(errs, "1 left out") {
		t.Errorf("%d %s", status, errs)
	}
	if rest, err := os.ReadFile(b.path("rest.pdf")); err != nil || bytes.Count(rest, []byte("/Type /Page\n")) != 4 {
		t.Errorf("the others: %v", err)
	}
	b.open(func(a *app) {
		if c, err := a.store.CheckCertificate(t.Context(), rare[0].Number); err != nil || c.Name != "王*" || c.Now != study.LedgerSame {
			t.Errorf("%+v %v", c, err)
		}
		if n, err := a.store.VerifyAudit(t.Context()); err != nil || n == 0 {
			t.Error(err)
		}
	})
}
