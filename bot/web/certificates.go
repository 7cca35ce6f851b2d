package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Certificates are what the pages about certificates (学时证明) need. Without Check there are none.
type Certificates struct {
	Check     func(ctx context.Context, n study.CertificateNumber) (study.CertificateCheck, error)
	BySecret  func(ctx context.Context, secret string) (study.Certificate, error)
	Draw      CertificateDrawer
	Phrases   *content.Phrases
	Now       func() time.Time
	Trusted   []netip.Prefix // proxies whose X-Forwarded-For is believed
	PerMinute int            // requests of one address; 0 means 30
}

// CertificateDrawer draws certificates. fault.Conflict says why one is not drawn, fault.Limited that too many wait.
type CertificateDrawer interface {
	PNG(ctx context.Context, c study.Certificate) ([]byte, error)
	PDF(ctx context.Context, list []study.Certificate) ([]byte, error)
}

// CheckPath is where anybody can check a number, below the public URL.
const CheckPath = "/c/"

// CertificatePath is the path of a certificate's own page. Whoever has it sees the whole name.
func CertificatePath(secret string) string { return "/c/f/" + secret }

const (
	checksPerMinute = 30
	drawingTime     = 8 * time.Second
)

type certificatePages struct {
	*pages
	c    Certificates
	pace *pace
}

func (p *pages) certificates(mux *http.ServeMux) {
	c := p.o.Certificates
	if c.Check == nil {
		return
	}
	if c.PerMinute == 0 {
		c.PerMinute = checksPerMinute
	}
	s := &certificatePages{pages: p, c: c, pace: newPace(c.PerMinute, c.Now)}
	mux.HandleFunc("GET /c/{$}", s.paced(s.form))
	mux.HandleFunc("GET /c/{number}", s.paced(s.check))
	mux.HandleFunc("GET /c/f/{secret}", s.paced(s.own))
	mux.HandleFunc("GET /c/f/{secret}/{file}", s.paced(s.file))
}

// paced holds each address to its requests, so that nobody goes through numbers.
func (s *certificatePages) paced(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Robots-Tag", "noindex")
		if wait := s.pace.take(clientAddress(r, s.c.Trusted)); wait > 0 {
			h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			s.show(w, http.StatusTooManyRequests, checkView{Say: s.c.Phrases.Say("certificate.page_limited")})
			return
		}
		next(w, r)
	}
}

// checkView is the check page: the form, and what there is to say about a number.
type checkView struct {
	Typed  string
	Say    string // in place of a certificate
	Shown  *study.CertificateCheck
	Number string
	From   string
	To     string
	Issued string
	Taken  string
	Stands string // how the ledger is to it now; "" when it is the same
}

func (s *certificatePages) show(w http.ResponseWriter, status int, v checkView) {
	s.renderStatus(w, status, "check.html", v)
}

// form shows the form, and sends what was typed into it to the page of the number.
func (s *certificatePages) form(w http.ResponseWriter, r *http.Request) {
	typed := strings.TrimSpace(r.URL.Query().Get("n"))
	if typed == "" {
		s.show(w, http.StatusOK, checkView{})
		return
	}
	n, ok := study.ParseCertificateNumber(typed)
	if !ok {
		s.show(w, http.StatusBadRequest, checkView{Typed: cutRunes(typed, 40), Say: s.c.Phrases.Say("certificate.page_slip")})
		return
	}
	http.Redirect(w, r, CheckPath+url.PathEscape(string(n)), http.StatusSeeOther)
}

func (s *certificatePages) check(w http.ResponseWriter, r *http.Request) {
	n, ok := study.ParseCertificateNumber(r.PathValue("number"))
	if !ok {
		s.show(w, http.StatusBadRequest, checkView{Typed: cutRunes(r.PathValue("number"), 40), Say: s.c.Phrases.Say("certificate.page_slip")})
		return
	}
	c, err := s.c.Check(r.Context(), n)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		s.show(w, http.StatusNotFound, checkView{Typed: n.String(), Say: s.c.Phrases.Say("certificate.page_none", fault.A("number", n))})
		return
	case err != nil:
		s.o.Logger.Error("checking a certificate", "err", err)
		s.show(w, http.StatusServiceUnavailable, checkView{Typed: n.String(), Say: s.c.Phrases.Say("certificate.page_down")})
		return
	}
	v := checkView{Typed: n.String(), Shown: &c, Number: n.String(), From: chinaDay(c.From), To: chinaDay(c.To), Issued: chinaDay(study.DayOf(c.IssuedAt))}
	if !c.RevokedAt.IsZero() {
		v.Taken = chinaDay(study.DayOf(c.RevokedAt))
	}
	switch c.Now {
	case study.LedgerMore:
		v.Stands = s.c.Phrases.Say("certificate.page_more", fault.A("hours", c.HoursNow))
	case study.LedgerLess:
		v.Stands = s.c.Phrases.Say("certificate.page_less", fault.A("hours", c.HoursNow), fault.A("was", c.Hours))
	case study.LedgerSame:
	}
	s.show(w, http.StatusOK, v)
}

// ownView is a certificate's own page.
type ownView struct {
	Say    string // in place of the picture
	Number string
	Path   string
	Check  string
}

// bySecret finds the certificate of a request, or says that there is none.
func (s *certificatePages) bySecret(w http.ResponseWriter, r *http.Request) (study.Certificate, bool) {
	c, err := s.c.BySecret(r.Context(), r.PathValue("secret"))
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		s.missing(w, r)
	case err != nil:
		s.o.Logger.Error("reading a certificate", "err", err)
		http.Error(w, s.c.Phrases.Say("certificate.page_down"), http.StatusServiceUnavailable)
	default:
		return c, true
	}
	return c, false
}

func (s *certificatePages) own(w http.ResponseWriter, r *http.Request) {
	c, ok := s.bySecret(w, r)
	if !ok {
		return
	}
	v, status := ownView{Number: c.Number.String(), Path: CertificatePath(c.Secret), Check: CheckPath + string(c.Number)}, http.StatusOK
	if c.Revoked() {
		v.Say, status = s.c.Phrases.Say("certificate.page_revoked", fault.A("number", c.Number), fault.A("day", chinaDay(study.DayOf(c.RevokedAt)))), http.StatusGone
	}
	s.renderStatus(w, status, "certificate.html", v)
}

// file draws the picture or the paper.
func (s *certificatePages) file(w http.ResponseWriter, r *http.Request) {
	kind := map[string]string{"certificate.png": "image/png", "certificate.pdf": "application/pdf"}[r.PathValue("file")]
	if kind == "" {
		http.NotFound(w, r)
		return
	}
	c, ok := s.bySecret(w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), drawingTime)
	defer cancel()
	data, err := draw(ctx, s.c.Draw, kind, c)
	var no *fault.Error
	switch {
	case errors.As(err, &no):
		status := statuses[no.Code]
		if c.Revoked() {
			status = http.StatusGone
		}
		http.Error(w, s.c.Phrases.Fault(no), status)
		return
	case err != nil:
		if r.Context().Err() == nil {
			s.o.Logger.Error("drawing a certificate", "err", err)
		}
		http.Error(w, s.c.Phrases.Say("certificate.page_down"), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `inline; filename="`+string(c.Number)+map[string]string{"image/png": ".png", "application/pdf": ".pdf"}[kind]+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // the reader left: nothing to do
}

func draw(ctx context.Context, d CertificateDrawer, kind string, c study.Certificate) ([]byte, error) {
	if kind == "application/pdf" {
		return d.PDF(ctx, []study.Certificate{c})
	}
	return d.PNG(ctx, c)
}

// chinaDay writes a day as 2026年3月9日.
func chinaDay(d study.Day) string {
	at, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return fmt.Sprintf("%d年%d月%d日", at.Year(), at.Month(), at.Day())
}

func cutRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
