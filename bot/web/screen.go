package web

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Screens are what the projector page needs: nothing of a person, only counts.
type Screens struct {
	Read func(ctx context.Context, id study.SessionID) (study.SignScreen, error)
	Now  func() time.Time
}

// ScreenPath is the path of a session's projector page, below the public URL. Whoever has it can show the code, so it
// is given to trainers only.
func ScreenPath(k study.SignKey) string {
	return "/s/" + strconv.FormatInt(int64(k.Session), 10) + "/" + k.ScreenToken()
}

// screenOf reads the session of a request; a wrong token is no page.
func (p *pages) screenOf(w http.ResponseWriter, r *http.Request) (study.SignScreen, bool) {
	id, err := strconv.ParseInt(r.PathValue("session"), 10, 64)
	if err != nil || id <= 0 {
		p.missing(w, r)
		return study.SignScreen{}, false
	}
	s, err := p.o.Screens.Read(r.Context(), study.SessionID(id))
	var f *fault.Error
	switch {
	case err == nil && hmac.Equal([]byte(s.Key.ScreenToken()), []byte(r.PathValue("token"))):
		w.Header().Set("Cache-Control", "no-store")
		return s, true
	case err == nil, errors.As(err, &f) && f.Code == fault.NotFound:
		p.missing(w, r)
	default:
		p.o.Logger.Error("reading a session for its screen", "err", err)
		http.Error(w, "现在读不出来，请稍等。", http.StatusServiceUnavailable)
	}
	return study.SignScreen{}, false
}

func (p *pages) screen(w http.ResponseWriter, r *http.Request) {
	s, ok := p.screenOf(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	p.render(w, "screen.html", struct{ Class, When, Place, Title string }{s.Class, study.SessionWord(s.Session), s.Session.Place, s.Session.Title})
}

// screenNow is what the page asks for again and again.
type screenNow struct {
	State    string `json:"state"` // "early", "open" or "over"
	Number   string `json:"number,omitempty"`
	Slot     string `json:"slot,omitempty"` // changes with the code
	GoodMs   int64  `json:"goodMs,omitempty"`
	Opens    string `json:"opens,omitempty"` // 08:30
	There    int    `json:"there"`
	Doubtful int    `json:"doubtful"`
	Expected int    `json:"expected"`
}

func (p *pages) screenNow(w http.ResponseWriter, r *http.Request) {
	s, ok := p.screenOf(w, r)
	if !ok {
		return
	}
	now, rule := p.o.Screens.Now(), study.ClassRule2026
	from, _, until := rule.Window(s.Session)
	out := screenNow{State: "open", There: s.There, Doubtful: s.Doubtful, Expected: s.Expected}
	switch {
	case now.Before(from):
		out.State, out.Opens = "early", from.In(study.Zone).Format("15:04")
	case now.After(until) || !s.Session.ClosedAt.IsZero():
		out.State = "over"
	default:
		code, number, changes := rule.Codes(s.Key, now)
		out.Number, out.Slot = number, code[len(code)-8:]
		// A phone may still scan it one slot later: until then it may stay on the screen.
		out.GoodMs = changes.Sub(now).Milliseconds() + rule.Slot.Milliseconds()/2
	}
	answer(w, http.StatusOK, out)
}

func (p *pages) screenCode(w http.ResponseWriter, r *http.Request) {
	s, ok := p.screenOf(w, r)
	if !ok {
		return
	}
	now := p.o.Screens.Now()
	if !study.ClassRule2026.Open(s.Session, now) || !s.Session.ClosedAt.IsZero() {
		http.NotFound(w, r)
		return
	}
	code, _, _ := study.ClassRule2026.Codes(s.Key, now)
	picture, err := codeSVG(code)
	if err != nil {
		p.o.Logger.Error("drawing a code", "err", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(picture) // the reader left: nothing to do
}

// codeSVG draws a text as a QR with the quiet zone of four modules.
func codeSVG(text string) ([]byte, error) {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("encoding a code: %w", err)
	}
	const quiet = 4
	side := c.Size + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path d="`, side, side, side, side)
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}

func (p *pages) static(name, kind, keep string) http.HandlerFunc {
	data, err := files.ReadFile("templates/" + name)
	return func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		w.Header().Set("Cache-Control", keep)
		_, _ = w.Write(data) // the reader left: nothing to do
	}
}
