package sim

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A crowd is many followers at once, for rehearsals of large pushes: each follows and has just
// typed something, so that five customer-service messages may be sent in two days. With
// Options.Lean nothing is kept of what they see but counts, so that memory stays flat however much
// is sent.

// CrowdID is the openid of the nth member of a crowd, n from 1 on; 28 bytes, as real ones have.
// name has at most 8 letters and digits.
func CrowdID(name string, n int) string { return fmt.Sprintf("o%s_%0*d", name, 26-len(name), n) }

// crowdName is the name in an openid that CrowdID made.
func crowdName(openid string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(openid, "o"), "_")
	return name
}

// Crowd adds the members 1 to count of a crowd. Who is there already is as new.
func (p *Platform) Crowd(name string, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	for n := range count {
		a := p.user(CrowdID(name, n+1))
		a.Name, a.Following, a.Subscribed = "", true, now
		a.typed(now)
	}
	p.touch()
}

// CrowdView is what a crowd has seen.
type CrowdView struct {
	Messages int `json:"messages"` // seen by all together
	Reached  int `json:"reached"`  // people who saw at least one
	Twice    int `json:"twice"`    // people who saw more than one
	// Busiest is the largest number of messages inside any Window seconds, to a tenth of a second.
	Busiest int     `json:"busiest"`
	Window  int     `json:"window"`
	Seconds float64 `json:"seconds"` // from the first message to the last
}

// crowdWindow is over how many seconds the busiest moment is looked for.
const crowdWindow = 10

// tenth is how fine moments are kept.
const tenth = 100 * time.Millisecond

// tally counts what crowds see. Its zero value is ready.
type tally struct {
	mu     sync.Mutex
	crowds map[string]*crowdTally
}

type crowdTally struct {
	messages int
	seen     map[string]int
	first    time.Time
	last     time.Time
	tenths   []int // messages by tenth of a second since first
}

// maxTenths bounds the moments that are kept: a day.
const maxTenths = 24 * 60 * 60 * 10

func (t *tally) add(openid string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := crowdName(openid)
	c := t.crowds[name]
	if c == nil {
		if t.crowds == nil {
			t.crowds = map[string]*crowdTally{}
		}
		c = &crowdTally{seen: map[string]int{}, first: at}
		t.crowds[name] = c
	}
	c.messages++
	c.seen[openid]++
	c.last = at
	i := max(0, int(at.Sub(c.first)/tenth))
	if i >= maxTenths {
		return
	}
	for len(c.tenths) <= i {
		c.tenths = append(c.tenths, 0)
	}
	c.tenths[i]++
}

func (t *tally) view(name string) CrowdView {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := CrowdView{Window: crowdWindow}
	c := t.crowds[name]
	if c == nil {
		return v
	}
	v.Messages, v.Reached, v.Seconds = c.messages, len(c.seen), c.last.Sub(c.first).Seconds()
	for _, n := range c.seen {
		if n > 1 {
			v.Twice++
		}
	}
	inside := 0
	for i, n := range c.tenths {
		inside += n
		if i >= crowdWindow*10 {
			inside -= c.tenths[i-crowdWindow*10]
		}
		v.Busiest = max(v.Busiest, inside)
	}
	return v
}

func (p *Platform) postCrowd(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name  string `json:"name"`
		Count int    `json:"count"`
	}
	if !readControl(w, r, &in) {
		return
	}
	if in.Name == "" || len(in.Name) > 8 || strings.Trim(in.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || in.Count < 1 || in.Count > 5_000_000 {
		refuseControl(w, http.StatusBadRequest, "name must be 1 to 8 letters and digits, count 1 to 5000000")
		return
	}
	p.Crowd(in.Name, in.Count)
	writeJSON(w, http.StatusCreated, map[string]any{"count": in.Count})
}

func (p *Platform) getCrowd(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, p.tally.view(r.URL.Query().Get("name")))
}
