package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Platform is one simulated account on the platform.
type Platform struct {
	o        Options
	clock    *Clock
	envelope *Envelope
	webhooks []string
	turn     atomic.Int64 // which webhook gets the next push
	api      http.Handler
	page     http.Handler
	ledger   *Ledger
	faults   *Faults
	wires    *wireLog
	tally    tally // of a lean platform
	hub      *hub

	mu          sync.Mutex
	st          state
	refreshes   []*Refresh       // forced ones, the last of them
	failures    int              // pushes in a row that nobody answered
	pausedTo    time.Time        // blackout
	alarm       *time.Timer      // rings when the first of state.Due is due
	lines       map[string][]due // what is due and waits, by person; there while somebody works at it
	slots       chan struct{}    // held by due pushes
	inFlight    flight
	unsubscribe func()          // from the clock
	life        context.Context // ends with Close
	end         context.CancelFunc
	dirty       chan struct{}
	stopped     chan struct{}
	stop        sync.Once
	saving      sync.WaitGroup
}

// state is what survives a restart. It is guarded by Platform.mu.
type state struct {
	OffsetMs int64                 `json:"offsetMs"`
	NextID   int64                 `json:"nextId"`
	MsgID    int64                 `json:"msgId"`
	Order    []string              `json:"order"`
	Users    map[string]*account   `json:"users"`
	Menu     *menu                 `json:"menu,omitempty"`
	Tokens   map[string]*tokens    `json:"tokens"` // by family: "token", "stable"
	Media    map[string]media      `json:"media"`
	Tags     map[int]string        `json:"tags"`
	Tickets  map[string]qrTicket   `json:"tickets"`
	Used     map[string]int        `json:"used"` // calls by day and path
	Clears   map[string]int        `json:"clears"`
	Template map[string]*templates `json:"templates"`
	Mass     map[string]*mass      `json:"mass"`
	Sent     map[string]sentID     `json:"sent"` // client_msg_id → message, for ten minutes
	Codes    map[string]*webCode   `json:"codes"`
	// MassToAll counts mass messages to everybody by day.
	MassToAll map[string]int `json:"massToAll"`
	Minute    map[string]int `json:"-"`                     // calls by minute and path
	Cond      []condMenu     `json:"conditional,omitempty"` // conditional menus, oldest first
	Due       []due          `json:"due"`                   // in order of time
}

// New makes a platform. It reads what an earlier one left in Options.Dir.
func New(o Options) (*Platform, error) {
	o.defaults()
	if o.AppID == "" || o.Token == "" || o.Webhook == "" {
		return nil, errors.New("making the platform: app id, token and webhook are needed")
	}
	p := &Platform{
		o: o, clock: o.Clock, hub: newHub(), wires: &wireLog{}, faults: &Faults{},
		dirty: make(chan struct{}, 1), stopped: make(chan struct{}), lines: map[string][]due{}, slots: make(chan struct{}, maxDueAtOnce),
	}
	p.life, p.end = context.WithCancel(context.Background())
	if o.Mode != ModePlain {
		var err error
		if p.envelope, err = NewEnvelope(o.AppID, o.AESKey); err != nil {
			return nil, fmt.Errorf("making the platform: %w", err)
		}
	}
	for w := range strings.SplitSeq(o.Webhook, ",") {
		p.webhooks = append(p.webhooks, strings.TrimSpace(w))
	}
	var err error
	if p.ledger, err = openLedger(o.Dir); err != nil {
		return nil, err
	}
	if err := p.load(); err != nil {
		return nil, err
	}
	page, err := newPhonesPage()
	if err != nil {
		return nil, err
	}
	p.page = page
	p.api = p.routes()
	p.unsubscribe = p.clock.Subscribe(p.clockMoved)
	return p, nil
}

// Clock is the platform's time.
func (p *Platform) Clock() *Clock { return p.clock }

// Ledger is what every person truly saw.
func (p *Platform) Ledger() *Ledger { return p.ledger }

// Faults are what shall go wrong.
func (p *Platform) Faults() *Faults { return p.faults }

// Handler serves the API of the platform, and the page and its control below /sim/.
func (p *Platform) Handler() http.Handler { return p.api }

// Start begins to save what changes, until Close, and to do what an earlier platform left undone.
func (p *Platform) Start(context.Context) {
	p.fireDue()
	if p.o.Dir == "" {
		return
	}
	p.saving.Go(func() {
		for {
			select {
			case <-p.stopped:
				return
			case <-p.dirty:
				_ = p.save() // Close saves again and reports
			}
			select { // at most twice a second
			case <-p.stopped:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
}

// Close ends the event streams, waits for the pushes under way as long as ctx allows, and saves.
// What is due later stays in the folder for the next platform.
func (p *Platform) Close(ctx context.Context) error {
	p.mu.Lock()
	p.stop.Do(func() { close(p.stopped) })
	if p.alarm != nil {
		p.alarm.Stop()
	}
	p.mu.Unlock()
	p.unsubscribe()
	p.hub.close()
	err := p.Settle(ctx)
	p.end()
	p.saving.Wait()
	return errors.Join(err, p.save(), p.ledger.close())
}

func (p *Platform) clockMoved(now time.Time) {
	p.fireDue()
	p.hub.send("clock", map[string]any{"now": stamp(now)})
	p.touch()
}

// touch notes that there is something to save.
func (p *Platform) touch() {
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

// shanghai is the zone that people see.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

func stamp(t time.Time) string { return t.In(shanghai).Format(time.RFC3339) }
