package sim

import (
	"net/http"
	"slices"
	"time"
)

// tokens is one family of access tokens; the two are isolated from each other (doc).
type tokens struct {
	Current  string    `json:"current"`
	Expires  time.Time `json:"expires"`
	Old      string    `json:"old,omitempty"` // still good until OldUntil
	OldUntil time.Time `json:"oldUntil"`
	Expired  bool      `json:"expired,omitempty"` // the old one ends by age, nothing killed it
	Forced   []int64   `json:"forced,omitempty"`  // Unix seconds of forced refreshes today
}

const (
	tokenLife    = 2 * time.Hour
	tokenOverlap = 5 * time.Minute
	forcedADay   = 20
	forcedGap    = 30 * time.Second
)

// Refresh is one forced refresh of the token that somebody asked for.
type Refresh struct {
	Asked    time.Time // the platform's time
	Answered time.Time // the platform's time; zero while the answer is under way
	By       string    // how the caller names itself (User-Agent)
	Granted  bool      // a new token was made; else the caller got the one that was there
}

// refreshesKept is how many of them are remembered.
const refreshesKept = 1000

// Refreshes returns the last forced refreshes that were asked for, oldest first.
func (p *Platform) Refreshes() []Refresh {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Refresh, 0, len(p.refreshes))
	for _, r := range p.refreshes {
		out = append(out, *r)
	}
	return out
}

// asksForce notes that the call asks for a forced refresh. p.mu is held.
func (c *call) asksForce(now time.Time, granted bool) {
	c.refresh = &Refresh{Asked: now, By: c.r.UserAgent(), Granted: granted}
	p := c.p
	p.refreshes = append(p.refreshes, c.refresh)
	p.refreshes = p.refreshes[max(0, len(p.refreshes)-refreshesKept):]
}

// answered notes when the call's answer was on the wire.
func (c *call) answered() {
	if c.refresh == nil {
		return
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.refresh.Answered = c.p.clock.Now()
}

func (p *Platform) family(name string) *tokens {
	t := p.st.Tokens[name]
	if t == nil {
		t = &tokens{}
		p.st.Tokens[name] = t
	}
	return t
}

// renew makes a new token; the old one lives to its end, or dies at once when killed.
func (t *tokens) renew(now time.Time, kill bool) {
	t.Old, t.OldUntil, t.Expired = t.Current, t.Expires, !kill
	if kill {
		t.OldUntil = now
	}
	t.Current, t.Expires = "SIM_"+digits(40), now.Add(tokenLife)
}

func (p *Platform) credentials(appid, secret string) int {
	switch {
	case appid != p.o.AppID:
		return 40013
	case secret != p.o.AppSecret:
		return 40125
	}
	return 0
}

// token is GET /cgi-bin/token: every call makes a new one and the old one dies; that there is no
// overlap is assumed (the strict reading).
func (c *call) token() answer {
	p := c.p
	if c.query.Get("grant_type") != "client_credential" {
		return p.refuse(40002)
	}
	if code := p.credentials(c.query.Get("appid"), c.query.Get("secret")); code != 0 {
		return p.refuse(code)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.family("token")
	t.renew(p.clock.Now(), true)
	return answer{"access_token": t.Current, "expires_in": int(tokenLife.Seconds())}
}

// stableToken is POST /cgi-bin/stable_token: the same token while it is good, a new one from five
// minutes before its end on, both good meanwhile; a forced one kills the old at once, at most 20 a
// day and 30 s apart, else it is as if not forced (doc).
func (c *call) stableToken() answer {
	p := c.p
	if c.r.Method != http.MethodPost {
		return p.refuse(43002)
	}
	var in struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	if in.GrantType != "client_credential" {
		return p.refuse(40002)
	}
	if code := p.credentials(in.AppID, in.Secret); code != 0 {
		return p.refuse(code)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, t := p.clock.Now(), p.family("stable")
	granted := in.Force && p.mayForce(t, now)
	if in.Force {
		c.asksForce(now, granted)
	}
	switch {
	case granted:
		t.Forced = append(t.Forced, now.Unix())
		t.renew(now, true)
	case t.Current == "" || now.After(t.Expires.Add(-tokenOverlap)):
		t.renew(now, false)
	}
	return answer{"access_token": t.Current, "expires_in": int(t.Expires.Sub(now).Seconds())}
}

func (p *Platform) mayForce(t *tokens, now time.Time) bool {
	today := t.forced(now)
	if len(today) == 0 {
		return true
	}
	return len(today) < forcedADay && now.Sub(time.Unix(today[len(today)-1], 0)) >= forcedGap
}

// forced returns the forced refreshes of the last day and forgets older ones.
func (t *tokens) forced(now time.Time) []int64 {
	t.Forced = slices.DeleteFunc(t.Forced, func(at int64) bool { return now.Sub(time.Unix(at, 0)) >= 24*time.Hour })
	return t.Forced
}

// Forced tells how many forced refreshes were granted in the last day.
func (p *Platform) Forced() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.family("stable").forced(p.clock.Now()))
}

// InvalidateToken kills the tokens at once, as another holder of the secret can.
func (p *Platform) InvalidateToken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.st.Tokens {
		t.renew(p.clock.Now(), true)
	}
}

// tokenCode says what is wrong with the call's token, 0 for nothing.
func (c *call) tokenCode() int {
	given := c.query.Get("access_token")
	if given == "" {
		return 41001
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	for _, t := range p.st.Tokens {
		switch {
		case given == t.Current && now.Before(t.Expires):
			return 0
		case given == t.Current:
			return 42001
		case given == t.Old && now.Before(t.OldUntil):
			return 0
		case given == t.Old && t.Expired:
			return 42001
		}
	}
	return 40001
}

func (c *call) jsTicket() answer {
	return answer{"errcode": 0, "errmsg": "ok", "ticket": "SIMTICKET" + c.p.o.AppID, "expires_in": 7200}
}
