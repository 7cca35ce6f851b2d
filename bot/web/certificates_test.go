package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// drawn is a drawer that draws words.
type drawn struct{ err error }

func (d drawn) PNG(context.Context, study.Certificate) ([]byte, error) {
	return []byte("\x89PNG"), d.err
}
func (d drawn) PDF(context.Context, []study.Certificate) ([]byte, error) {
	return []byte("%PDF"), d.err
}

// filed is a store of one certificate, and the pages about it.
type filed struct {
	http.Handler
	now    time.Time
	one    study.Certificate
	ledger []study.Posting
	broken bool
	draw   drawn
}

func openFiled(t *testing.T) *filed {
	t.Helper()
	at := time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)
	ledger := []study.Posting{{LedgerEntry: study.LedgerEntry{Learner: 7, Kind: study.SourceLesson, Key: "k", Hours: 1250, Rule: "r", Day: "2026-03-02"}}}
	h := study.Holder{County: "示范州·田埂县", Learner: people.Learner{ID: 7, Name: "张<明", Unit: "539901100201", UnitName: "示范州·田埂县·青松镇·新村村民委员会", Category: "村干部"}}
	f := &filed{now: at, ledger: ledger, one: study.Certificate{
		Number: study.NewCertificateNumber(2026, 12345), Secret: "geheim", IssuedAt: at, IssuedBy: "canary-actor",
		Statement: study.StateYear(h, study.CertificateTerms{Office: "田埂县委组织部"}, 2026, "2026-11-28", ledger),
	}}
	none := fault.New(fault.NotFound, "certificate.none")
	var err error
	f.Handler, err = New(Options{Library: func() *content.Library { return nil }, Logger: slog.New(slog.DiscardHandler), Certificates: Certificates{
		Check: func(_ context.Context, n study.CertificateNumber) (study.CertificateCheck, error) {
			switch {
			case f.broken:
				return study.CertificateCheck{}, errors.New("canary: no database")
			case n != f.one.Number:
				return study.CertificateCheck{}, none
			}
			return f.one.Check(f.ledger), nil
		},
		BySecret: func(_ context.Context, secret string) (study.Certificate, error) {
			switch {
			case f.broken:
				return study.Certificate{}, errors.New("canary: no database")
			case secret != f.one.Secret:
				return study.Certificate{}, none
			}
			return f.one, nil
		},
		Draw: f, Phrases: content.DefaultPhrases(), Now: func() time.Time { return f.now },
	}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *filed) PNG(ctx context.Context, c study.Certificate) ([]byte, error) {
	return f.draw.PNG(ctx, c)
}
func (f *filed) PDF(ctx context.Context, l []study.Certificate) ([]byte, error) {
	return f.draw.PDF(ctx, l)
}

func (f *filed) get(path string) *httptest.ResponseRecorder {
	f.now = f.now.Add(time.Minute) // each asks at leisure
	return ask(f, http.MethodGet, path)
}

func TestAnybodyCanCheckANumber(t *testing.T) {
	t.Parallel()
	f := openFiled(t)
	page := f.get("/c/" + string(f.one.Number))
	body := page.Body.String()
	for _, want := range []string{"有这份证明，没有撤销", "张*明", "示范州·田埂县", "12.5 学时", "2026年1月1日至2026年11月28日", f.one.Number.String(), "田埂县委组织部", f.one.LedgerMark()} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	h := page.Header()
	if page.Code != http.StatusOK || strings.Contains(body, "<script") || strings.Contains(body, "style=") || len(body) > 50<<10 || h.Get("Cache-Control") != "no-store" || h.Get("X-Robots-Tag") != "noindex" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %v", page.Code, h)
	}
	for _, secret := range []string{"新村", "&lt;", "canary", "geheim", "村干部", "539901"} {
		if strings.Contains(body, secret) {
			t.Errorf("the page shows %s", secret)
		}
	}
	f.ledger = append(f.ledger, study.Posting{LedgerEntry: f.ledger[0].LedgerEntry, Part: 1})
	f.ledger[1].Hours = -1250
	if body := f.get("/c/" + f.one.Number.String()).Body.String(); !strings.Contains(body, "台账有更正。证明上是 12.5 学时，台账现在是 0 学时") || !strings.Contains(body, "没有撤销") {
		t.Error(body)
	}
	f.one.RevokedAt, f.one.RevokedWhy = f.now, "canary-why"
	if body := f.get("/c/" + string(f.one.Number)).Body.String(); !strings.Contains(body, "撤销，不能再用") || strings.Contains(body, "没有撤销") || strings.Contains(body, "canary") {
		t.Error(body)
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	f := openFiled(t)
	for path, want := range map[string]struct {
		status int
		say    string
	}{
		"/c/":                      {http.StatusOK, "请输入证明右上角的编号"},
		"/c/?n=":                   {http.StatusOK, "请输入证明右上角的编号"},
		"/c/?n=123":                {http.StatusBadRequest, "编号不对"},
		"/c/2026000000000000":      {http.StatusBadRequest, "编号不对"},
		"/c/?n=%3Cscript%3E%00%FF": {http.StatusBadRequest, "编号不对"},
		"/c/" + string(study.NewCertificateNumber(2026, 1)): {http.StatusNotFound, "没有查到"},
		"/c/" + string(study.NewCertificateNumber(1999, 7)): {http.StatusNotFound, "没有查到"},
	} {
		if page := f.get(path); page.Code != want.status || !strings.Contains(page.Body.String(), want.say) || strings.Contains(page.Body.String(), "<script") {
			t.Errorf("%s: %d\n%s", path, page.Code, page.Body)
		}
	}
	typed := f.get("/c/?n=" + strings.ToLower(f.one.Number.String()))
	if typed.Code != http.StatusSeeOther || typed.Header().Get("Location") != "/c/"+string(f.one.Number) {
		t.Errorf("%d to %q", typed.Code, typed.Header().Get("Location"))
	}
	// What is unknown looks the same whatever is asked for, but for the number itself.
	a, b := study.NewCertificateNumber(2026, 1), study.NewCertificateNumber(2026, 2)
	if x, y := f.get("/c/"+string(a)).Body.String(), f.get("/c/"+string(b)).Body.String(); strings.ReplaceAll(x, a.String(), "") != strings.ReplaceAll(y, b.String(), "") {
		t.Error("two unknown numbers look different")
	}
	f.broken = true
	if page := f.get("/c/" + string(f.one.Number)); page.Code != http.StatusServiceUnavailable || strings.Contains(page.Body.String(), "canary") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
}

func TestNobodyGoesThroughNumbers(t *testing.T) {
	t.Parallel()
	f := openFiled(t)
	limited := 0
	for i := range 60 {
		page := ask(f, http.MethodGet, "/c/"+string(study.NewCertificateNumber(2026, uint64(i))))
		if page.Code == http.StatusTooManyRequests {
			limited++
			if page.Header().Get("Retry-After") == "" || !strings.Contains(page.Body.String(), "查得太快") {
				t.Fatalf("%v %s", page.Header(), page.Body)
			}
		}
	}
	if limited != 30 {
		t.Errorf("%d of 60 were held back", limited)
	}
	if page := ask(f, http.MethodGet, "/c/f/geheim/certificate.png"); page.Code != http.StatusTooManyRequests {
		t.Errorf("pictures are not held back: %d", page.Code)
	}
	f.now = f.now.Add(2 * time.Second)
	if page := ask(f, http.MethodGet, "/c/"+string(f.one.Number)); page.Code != http.StatusOK {
		t.Errorf("after a while: %d", page.Code)
	}
}

func TestACertificatesOwnPage(t *testing.T) {
	t.Parallel()
	f := openFiled(t)
	if page := f.get("/c/f/geheim"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "/c/f/geheim/certificate.png") || !strings.Contains(page.Body.String(), "/c/f/geheim/certificate.pdf") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	for file, kind := range map[string]string{"certificate.png": "image/png", "certificate.pdf": "application/pdf"} {
		page := f.get("/c/f/geheim/" + file)
		if page.Code != http.StatusOK || page.Header().Get("Content-Type") != kind || !strings.Contains(page.Header().Get("Content-Disposition"), string(f.one.Number)) || page.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", file, page.Code, page.Header())
		}
	}
	for _, path := range []string{"/c/f/other", "/c/f/other/certificate.png", "/c/f/geheim/certificate.exe", "/c/f/" + string(f.one.Number)} {
		if page := f.get(path); page.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, page.Code)
		}
	}
	f.draw.err = fault.New(fault.Conflict, "certificate.cannot_draw", fault.A("name", "张三"), fault.A("signs", "㐂（U+3402）"))
	if page := f.get("/c/f/geheim/certificate.png"); page.Code != http.StatusConflict || !strings.Contains(page.Body.String(), "㐂（U+3402）") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	f.draw.err = fault.New(fault.Limited, "certificate.crowded")
	if page := f.get("/c/f/geheim/certificate.pdf"); page.Code != http.StatusTooManyRequests {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	f.draw.err = errors.New("canary: no memory")
	if page := f.get("/c/f/geheim/certificate.pdf"); page.Code != http.StatusServiceUnavailable || strings.Contains(page.Body.String(), "canary") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	f.draw.err = fault.New(fault.Conflict, "certificate.revoked", fault.A("number", f.one.Number))
	f.one.RevokedAt = f.now
	if page := f.get("/c/f/geheim"); page.Code != http.StatusGone || strings.Contains(page.Body.String(), "certificate.png") || !strings.Contains(page.Body.String(), "撤销") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	if page := f.get("/c/f/geheim/certificate.png"); page.Code != http.StatusGone {
		t.Errorf("a revoked picture: %d", page.Code)
	}
	f.broken = true
	if page := f.get("/c/f/geheim"); page.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", page.Code)
	}
}
