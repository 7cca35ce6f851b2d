package web

import (
	"context"
	"net/http"
	"strings"
)

// NoticesPath is the path of the page where a person allows notices, below the public URL.
const NoticesPath = "/l/notices"

// SignedPage is what the platform's script wants of a page: see SignPage of the platform's adapter.
type SignedPage struct {
	AppID     string
	Timestamp int64
	Nonce     string
	Signature string
}

// Notices is what the page needs; without templates there is no page.
type Notices struct {
	PublicURL string   // the address people reach us by: the signature is for it
	Templates []string // ids, at most 3 of one kind (the platform's rule)
	Sign      func(ctx context.Context, address string) (SignedPage, error)
}

// notices serves the one page that loads a script of the platform: without it nobody can be asked.
// It reads nothing of the person; the platform tells us by its own event what they chose.
func (p *pages) notices(w http.ResponseWriter, r *http.Request) {
	if len(p.o.Notices.Templates) == 0 {
		p.missing(w, r)
		return
	}
	address := strings.TrimRight(p.o.Notices.PublicURL, "/") + r.URL.RequestURI()
	page, err := p.o.Notices.Sign(r.Context(), address)
	if err != nil {
		p.o.Logger.Error("signing the notices page", "err", err)
		http.Error(w, "现在打不开订阅，请过一会儿再试。", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' https://res.wx.qq.com; style-src 'self' 'unsafe-inline'; "+
		"img-src 'self' data: https://res.wx.qq.com; connect-src https://res.wx.qq.com https://mp.weixin.qq.com; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store") // signed for now
	p.render(w, "notices.html", struct {
		Page      SignedPage
		Templates string
	}{page, strings.Join(p.o.Notices.Templates, ",")})
}

func (p *pages) noticesScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(p.script) // the reader left: nothing to do
}
