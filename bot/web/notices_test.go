package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/content"
)

// The page is signed for the very address that was asked for, and is there only when the account has
// notices.
func TestNoticesPage(t *testing.T) {
	t.Parallel()
	library, _ := content.Load(content.Builtin())
	var signed string
	var fails error
	n := Notices{PublicURL: "https://learn.example/", Templates: []string{"T1", "T2"}, Sign: func(_ context.Context, address string) (SignedPage, error) {
		signed = address
		return SignedPage{AppID: "wx1", Timestamp: 7, Nonce: "n", Signature: "s"}, fails
	}}
	open := func(n Notices) http.Handler {
		h, err := New(Options{Library: func() *content.Library { return library }, Notices: n, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	w := ask(open(n), http.MethodGet, NoticesPath+"?from=menu")
	body := w.Body.String()
	if w.Code != http.StatusOK || signed != "https://learn.example/l/notices?from=menu" {
		t.Errorf("status %d, signed for %q", w.Code, signed)
	}
	for _, want := range []string{`template="T1,T2"`, `data-signature="s"`, `data-time="7"`, "/l/notices.js"} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in the page:\n%s", want, body)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" || len(body) > 50<<10 {
		t.Errorf("cache %q, %d bytes", w.Header().Get("Cache-Control"), len(body))
	}
	if w := ask(open(n), http.MethodGet, "/l/notices.js"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "wx-open-subscribe") {
		t.Errorf("script: %d", w.Code)
	}
	fails = errors.New("no right")
	if w := ask(open(n), http.MethodGet, NoticesPath); w.Code != http.StatusServiceUnavailable {
		t.Errorf("unsigned: %d", w.Code)
	}
	if w := ask(open(Notices{}), http.MethodGet, NoticesPath); w.Code != http.StatusNotFound {
		t.Errorf("an account without notices: %d", w.Code)
	}
}
