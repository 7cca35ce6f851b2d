package web

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

func TestTheScreenOfASession(t *testing.T) {
	t.Parallel()
	starts := time.Date(2026, 12, 7, 1, 0, 0, 0, time.UTC)
	session := study.SignScreen{
		Session: study.Session{ID: 7, Number: 1, Starts: starts, Ends: starts.Add(150 * time.Minute), Place: "党校"}, Class: "示范班<1>", There: 3, Doubtful: 1, Expected: 9,
		Key: study.SignKey{Session: 7, Secret: []byte("s")},
	}
	now, broken := starts, false
	h, err := New(Options{Library: func() *content.Library { return nil }, Logger: slog.New(slog.DiscardHandler), Screens: Screens{
		Now: func() time.Time { return now },
		Read: func(_ context.Context, id study.SessionID) (study.SignScreen, error) {
			switch {
			case broken:
				return study.SignScreen{}, errors.New("no database")
			case id != 7:
				return study.SignScreen{}, fault.New(fault.NotFound, "class.no_session")
			}
			return session, nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := ScreenPath(session.Key)
	page := ask(h, http.MethodGet, path)
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "示范班&lt;1&gt;") || strings.Contains(page.Header().Get("Content-Security-Policy"), "unsafe") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	read := func() (s screenNow) {
		t.Helper()
		w := ask(h, http.MethodGet, path+"/now")
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatal(err, w.Header())
		}
		return s
	}
	code, number, _ := study.ClassRule2026.Codes(session.Key, now)
	if s := read(); s.State != "open" || s.Number != number || s.GoodMs != 30_000 || s.There != 3 || s.Doubtful != 1 || s.Expected != 9 || strings.Contains(fmt.Sprint(s), code) {
		t.Errorf("%+v", s)
	}
	var svg struct {
		Path struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	picture := ask(h, http.MethodGet, path+"/code.svg")
	if err := xml.Unmarshal(picture.Body.Bytes(), &svg); err != nil || picture.Header().Get("Content-Type") != "image/svg+xml" {
		t.Fatal(err)
	}
	want, err := qr.Encode(code, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	for y := range want.Size {
		for x := range want.Size {
			if strings.Contains(svg.Path.D, fmt.Sprintf("M%d %dh", x+4, y+4)) != want.Black(x, y) {
				t.Fatalf("module %d %d", x, y)
			}
		}
	}
	now = starts.Add(-31 * time.Minute)
	if s := read(); s.State != "early" || s.Opens != "08:30" || s.Number != "" {
		t.Errorf("%+v", s)
	}
	for _, over := range []func(){func() { now = session.Session.Ends.Add(time.Second) }, func() { now, session.Session.ClosedAt = starts, starts }} {
		over()
		if s := read(); s.State != "over" || s.Number != "" {
			t.Errorf("%+v", s)
		}
		if w := ask(h, http.MethodGet, path+"/code.svg"); w.Code != http.StatusNotFound {
			t.Errorf("a code when it is over: %d", w.Code)
		}
	}
	for _, wrong := range []string{"/s/8/" + session.Key.ScreenToken(), "/s/7/" + strings.Repeat("0", 32), "/s/x/y"} {
		for _, rest := range []string{"", "/now", "/code.svg"} {
			if w := ask(h, http.MethodGet, wrong+rest); w.Code != http.StatusNotFound {
				t.Errorf("%s%s: %d", wrong, rest, w.Code)
			}
		}
	}
	broken = true
	if w := ask(h, http.MethodGet, path+"/now"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a database: %d", w.Code)
	}
	for _, file := range []string{"/s/screen.css", "/s/screen.js"} {
		if w := ask(h, http.MethodGet, file); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: %d", file, w.Code)
		}
	}
}
