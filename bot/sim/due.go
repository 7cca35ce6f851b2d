package sim

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"
)

// due is something that happens at a moment of the platform's time. It is data, not a function, so
// that it survives a restart.
type due struct {
	At     time.Time `json:"at"`
	OpenID string    `json:"openid,omitempty"` // whose push it is; "" for nobody's
	Inner  string    `json:"inner,omitempty"`  // push without its common fields
	Copies int       `json:"copies,omitempty"`
	Mass   string    `json:"mass,omitempty"` // key of the mass message that ends now
}

// maxDueAtOnce is how many people get due pushes at the same time (assumed).
const maxDueAtOnce = 64

// flight counts what is under way. Its zero value counts nothing.
type flight struct {
	mu      sync.Mutex
	n       int
	waiting []chan struct{}
}

func (f *flight) add() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
}

func (f *flight) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 {
		for _, c := range f.waiting {
			close(c)
		}
		f.waiting = nil
	}
}

func (f *flight) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n == 0
}

// none is closed at the first moment when nothing is under way.
func (f *flight) none() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{})
	if f.n == 0 {
		close(c)
	} else {
		f.waiting = append(f.waiting, c)
	}
	return c
}

// Settle waits until no push and no due receipt is under way.
func (p *Platform) Settle(ctx context.Context) error {
	for {
		select {
		case <-p.inFlight.none():
		case <-ctx.Done():
			return fmt.Errorf("waiting for the platform to settle: %w", ctx.Err())
		}
		// What was under way may have made something due at once, like the report of a mass send: its alarm may not have rung.
		p.fireDue()
		if p.inFlight.idle() {
			return nil
		}
	}
}

// later keeps d in order of time, behind what is due at the same moment, and sets the alarm. A move
// of the clock over that moment does it at once; otherwise the host's time brings it. The caller
// holds mu.
func (p *Platform) later(d due) {
	list := p.st.Due
	i := sort.Search(len(list), func(i int) bool { return list[i].At.After(d.At) })
	p.st.Due = append(list, due{})
	copy(p.st.Due[i+1:], p.st.Due[i:])
	p.st.Due[i] = d
	p.setAlarm()
}

// setAlarm wakes the platform when the first due thing is due. The caller holds mu.
func (p *Platform) setAlarm() {
	if p.alarm != nil {
		p.alarm.Stop()
	}
	if len(p.st.Due) > 0 && !p.closed() {
		p.alarm = time.AfterFunc(max(0, p.st.Due[0].At.Sub(p.clock.Now())), p.fireDue)
	}
}

func (p *Platform) closed() bool {
	select {
	case <-p.stopped:
		return true
	default:
		return false
	}
}

// fireDue queues everything that is due: one person's pushes in order, people side by side.
func (p *Platform) fireDue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed() {
		return // the next platform on the same folder does it
	}
	now := p.clock.Now()
	n := sort.Search(len(p.st.Due), func(i int) bool { return p.st.Due[i].At.After(now) })
	ready := p.st.Due[:n:n]
	p.st.Due = append([]due(nil), p.st.Due[n:]...)
	for _, d := range ready {
		p.inFlight.add()
		line, running := p.lines[d.OpenID]
		p.lines[d.OpenID] = append(line, d)
		if !running {
			go p.work(d.OpenID)
		}
	}
	p.setAlarm()
}

// work does what is due for one person until nothing is left.
func (p *Platform) work(openid string) {
	for {
		p.mu.Lock()
		line := p.lines[openid]
		if len(line) == 0 {
			delete(p.lines, openid)
			p.mu.Unlock()
			return
		}
		d := line[0]
		p.lines[openid] = line[1:]
		p.mu.Unlock()
		if d.Mass != "" {
			p.endMass(d.Mass)
		} else {
			p.pushDue(d)
		}
		p.inFlight.done()
	}
}

func (p *Platform) pushDue(d due) {
	p.mu.Lock()
	a := p.st.Users[d.OpenID]
	p.mu.Unlock()
	if a != nil {
		a.turn.Lock()
		defer a.turn.Unlock()
	}
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	body := "<xml>" + cdata("ToUserName", p.o.OriginalID) + cdata("FromUserName", d.OpenID) + element("CreateTime", p.clock.Now().Unix()) + d.Inner + "</xml>"
	for range d.Copies {
		p.push(p.life, d.OpenID, body, false)
	}
}

// receipt plans the report of a message, as the faults want it: inner makes the report from the
// number that it names. The caller holds mu.
func (p *Platform) receipt(fault Fault, openid string, after time.Duration, msgID int64, inner func(msgID int64) string) {
	copies := 1
	switch fault.Kind {
	case FaultLost:
		return
	case FaultDoubled:
		copies = 2
	case FaultReordered:
		after *= 3
	case FaultMsgIDZero:
		msgID = 0
	}
	p.later(due{At: p.clock.Now().Add(after), OpenID: openid, Inner: inner(msgID), Copies: copies})
}
