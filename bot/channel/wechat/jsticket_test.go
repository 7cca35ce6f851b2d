package wechat

import (
	"testing"
	"time"
)

// The vectors of the platform's appendix (wechat-protocol §1.2, V8).
func TestPageSignature(t *testing.T) {
	t.Parallel()
	const ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
	for address, want := range map[string]string{
		"http://mp.weixin.qq.com?params=value":      "0f9de62fce790f9a083d5c99e95740ceb90c27ed",
		"http://mp.weixin.qq.com":                   "f4d90daf4b3bca3078ab155816175ba34c443a7b",
		"http://mp.weixin.qq.com#what-is-not-asked": "f4d90daf4b3bca3078ab155816175ba34c443a7b",
	} {
		if got := pageSignature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// The ticket is fetched once and renewed before its end.
func TestPageTicketIsKept(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.api = func(string) (int, string) {
		return 200, `{"errcode":0,"errmsg":"ok","ticket":"T1","expires_in":7200}`
	}
	c := p.client()
	const path = "/cgi-bin/ticket/getticket"
	for range 3 {
		got, err := c.SignPage(t.Context(), "https://learn.example/l/notices")
		if err != nil || got.Signature != pageSignature("T1", got.Nonce, got.Timestamp, "https://learn.example/l/notices") {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if n := p.count(path); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	p.advance(7200*time.Second - ticketMargin)
	if _, err := c.SignPage(t.Context(), "https://learn.example/"); err != nil || p.count(path) != 2 {
		t.Errorf("near its end: fetched %d times, %v", p.count(path), err)
	}
	p.advance(3 * time.Hour)
	p.api = func(string) (int, string) { return 200, `{"errcode":48001,"errmsg":"api unauthorized"}` }
	if _, err := c.SignPage(t.Context(), "https://learn.example/"); err == nil {
		t.Error("an account without the right signs nothing")
	}
}
