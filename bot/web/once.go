package web

import (
	"context"
	"net/http"
	"regexp"
	"strconv"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// OncePath is what stands before the secret of a link by which a person allows one one-time subscribe
// message, below the public URL; onceBack is where the platform sends the person back to.
const (
	OncePath = "/l/once/"
	OnceBack = "/l/once/back"
)

// Once is what the links need; the zero value has none.
type Once struct {
	Find func(ctx context.Context, secret string) (template string, scene int, err error) // fault.NotFound when it does not work
	Page func(template string, scene int, secret string) string                           // of the platform, to be sent on to
	Use  func(ctx context.Context, r bot.OnceReturn) error                                // fault.NotFound when it does not work
}

var onceSecret = regexp.MustCompile(`^[0-9a-f]{32}$`)

// once sends a person on to the platform's page. The secret goes with them as what the platform gives
// back unchanged.
func (p *pages) once(w http.ResponseWriter, r *http.Request) {
	secret := r.PathValue("secret")
	if p.o.Once.Find == nil || !onceSecret.MatchString(secret) {
		p.onceSays(w, http.StatusNotFound, false)
		return
	}
	template, scene, err := p.o.Once.Find(r.Context(), secret)
	if err != nil {
		p.onceFails(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.o.Once.Page(template, scene, secret), http.StatusFound)
}

// onceBack takes what the person decided. Everything in the address can be made up but the secret, which
// was made for one phone, one template and one scene, and works once.
func (p *pages) onceBack(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	scene, err := strconv.Atoi(q.Get("scene"))
	allowed := q.Get("action") == "confirm"
	if p.o.Once.Use == nil || err != nil || !onceSecret.MatchString(q.Get("reserved")) || q.Get("openid") == "" || !allowed && q.Get("action") != "cancel" {
		p.onceSays(w, http.StatusNotFound, false)
		return
	}
	err = p.o.Once.Use(r.Context(), bot.OnceReturn{Secret: q.Get("reserved"), External: q.Get("openid"), Template: q.Get("template_id"), Scene: scene, Allowed: allowed})
	if err != nil {
		p.onceFails(w, err)
		return
	}
	p.onceSays(w, http.StatusOK, allowed)
}

func (p *pages) onceFails(w http.ResponseWriter, err error) {
	if fault.CodeOf(err) == fault.NotFound {
		p.onceSays(w, http.StatusNotFound, false)
		return
	}
	p.o.Logger.Error("serving a one-time link", "err", err)
	http.Error(w, "现在打不开，请过一会儿再试。", http.StatusServiceUnavailable)
}

func (p *pages) onceSays(w http.ResponseWriter, status int, allowed bool) {
	w.Header().Set("Cache-Control", "no-store")
	p.renderStatus(w, status, "once.html", struct{ Over, Allowed bool }{status != http.StatusOK, allowed})
}
