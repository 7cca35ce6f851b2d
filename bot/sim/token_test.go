package sim

import (
	"fmt"
	"testing"
	"time"
)

// useToken calls something with that token and returns the errcode.
func (b *bench) useToken(token string) int {
	b.t.Helper()
	return errcode(b.get("/cgi-bin/getcallbackip?access_token=" + token))
}

func TestTheStableTokenStaysAndRenewsWithAnOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.token()
	if again := b.token(); again != first {
		t.Error("a second call gives another token")
	}
	b.advance(114 * time.Minute)
	if again := b.token(); again != first {
		t.Error("renewed with six minutes left")
	}
	b.advance(70 * time.Second)
	m := b.stable(false)
	second := fmt.Sprint(m["access_token"])
	if second == first || fmt.Sprint(m["expires_in"]) != "7200" {
		t.Fatalf("not renewed in the last five minutes: %v", m)
	}
	b.wants("old token in the overlap", b.useToken(first), 0)
	b.wants("new token in the overlap", b.useToken(second), 0)
	b.advance(5 * time.Minute)
	b.wants("old token after its end", b.useToken(first), 42001)
	b.wants("new token", b.useToken(second), 0)
	b.advance(2 * time.Hour)
	b.wants("new token after its end", b.useToken(second), 42001)
}

func TestForcedRefreshesAreRare(t *testing.T) {
	t.Parallel()
	b := setup(t)
	last := b.token()
	for i := range 20 {
		b.advance(30 * time.Second)
		next := fmt.Sprint(b.stable(true)["access_token"])
		if next == last {
			t.Fatalf("forced refresh %d is not done", i+1)
		}
		b.wants("token that a forced refresh replaced", b.useToken(last), 40001)
		if again := fmt.Sprint(b.stable(true)["access_token"]); again != next {
			t.Fatal("forced twice in 30 seconds")
		}
		last = next
	}
	b.advance(time.Minute)
	if got := fmt.Sprint(b.stable(true)["access_token"]); got != last {
		t.Error("forced the 21st time in a day")
	}
	if got := b.p.Forced(); got != 20 {
		t.Errorf("%d forced refreshes, want 20", got)
	}
	b.advance(24 * time.Hour)
	if got := b.p.Forced(); got != 0 {
		t.Errorf("%d forced refreshes a day later, want 0", got)
	}
}

// Who asked for a forced refresh, when, and whether it was done, is kept.
func TestForcedRefreshesAreRemembered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.token() // not a forced one
	b.advance(time.Minute)
	began := b.p.Clock().Now()
	b.stable(true)
	b.advance(10 * time.Second)
	b.stable(true)
	list := b.p.Refreshes()
	if len(list) != 2 || !list[0].Granted || list[1].Granted {
		t.Fatalf("%+v", list)
	}
	for i, r := range list {
		if at := began.Add(time.Duration(i) * 10 * time.Second); r.Asked.Sub(at).Abs() > 5*time.Second || r.Answered.Before(r.Asked) || r.By != "Go-http-client/1.1" {
			t.Errorf("the one of %s: %+v", at, r)
		}
	}
}

func TestTheOldTokenCallRenewsEachTimeAndStandsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stable := b.token()
	path := "/cgi-bin/token?grant_type=client_credential&appid=" + testAppID + "&secret=" + testSecret
	one := fmt.Sprint(b.get(path)["access_token"])
	two := fmt.Sprint(b.get(path)["access_token"])
	b.wants("first", b.useToken(one), 40001)
	b.wants("second", b.useToken(two), 0)
	b.wants("stable", b.useToken(stable), 0)
	b.p.InvalidateToken()
	b.wants("second, invalidated", b.useToken(two), 40001)
	b.wants("stable, invalidated", b.useToken(stable), 40001)
}

func TestWrongCredentialsAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.wants("no token", errcode(b.get("/cgi-bin/getcallbackip")), 41001)
	b.wants("unknown token", b.useToken("SIM_nonsense"), 40001)
	for _, c := range []struct {
		name  string
		query string
		body  map[string]any
		code  int
	}{
		{"appid", "grant_type=client_credential&appid=wx0&secret=" + testSecret, map[string]any{"grant_type": "client_credential", "appid": "wx0", "secret": testSecret}, 40013},
		{"secret", "grant_type=client_credential&appid=" + testAppID + "&secret=x", map[string]any{"grant_type": "client_credential", "appid": testAppID, "secret": "x"}, 40125},
		{"grant type", "grant_type=x&appid=" + testAppID + "&secret=" + testSecret, map[string]any{"grant_type": "x", "appid": testAppID, "secret": testSecret}, 40002},
	} {
		b.wants(c.name+" of token", errcode(b.get("/cgi-bin/token?"+c.query)), c.code)
		b.wants(c.name+" of stable_token", errcode(b.post("/cgi-bin/stable_token", c.body)), c.code)
	}
	b.wants("GET of stable_token", errcode(b.get("/cgi-bin/stable_token")), 43002)
}

func TestOnlyListedAddressesMayCall(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.AllowedIPs = []string{"192.0.2.1"} })
	b.wants("stranger", errcode(b.stable(false)), 40164)
	mine := setup(t, func(o *Options) { o.AllowedIPs = []string{"127.0.0.1"} })
	mine.wants("listed", errcode(mine.stable(false)), 0)
}
