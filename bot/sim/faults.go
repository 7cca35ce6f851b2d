package sim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Kinds of faults on API calls and on receipts.
const (
	FaultLatency     = "latency"      // answers after Ms
	FaultResetBefore = "reset_before" // connection reset, nothing happened
	FaultResetAfter  = "reset_after"  // it happened, then the connection was reset
	FaultSilent      = "silent"       // it happened, then nothing comes until the caller gives up
	FaultErrcode     = "errcode"      // errcode Code in a 200
	Fault502         = "502"          // 502 with a page
	FaultHTML        = "html"         // a page in a 200
	FaultTruncated   = "truncated"    // it happened; the JSON breaks off
	FaultSlow        = "slow"         // it happened; the body trickles for Ms
	FaultLost        = "lost"         // receipt: never sent
	FaultDoubled     = "doubled"      // receipt: sent twice
	FaultReordered   = "reordered"    // receipt: sent later than the next one
	FaultMsgIDZero   = "msgid_zero"   // receipt: with MsgID 0
)

// Fault is one thing that shall go wrong.
type Fault struct {
	ID    int     `json:"id"`
	Path  string  `json:"path"` // API path, "receipt" for receipts; a trailing * matches the rest
	Kind  string  `json:"kind"`
	Code  int     `json:"code,omitempty"`
	Ms    int     `json:"ms,omitempty"`
	Times int     `json:"times,omitempty"` // how often, 0 for ever
	Share float64 `json:"share,omitempty"` // of the calls, 0 for all
	Seed  uint64  `json:"seed,omitempty"`  // of the draw

	draw *rand.Rand
}

// Faults is the script of what goes wrong.
type Faults struct {
	mu   sync.Mutex
	list []*Fault
	next int
}

// Add puts a fault into the script and returns its number.
func (f *Faults) Add(x Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	x.ID = f.next
	x.draw = rand.New(rand.NewPCG(x.Seed, 1))
	f.list = append(f.list, &x)
	return x.ID
}

// Clear takes a fault out, or all of them for 0.
func (f *Faults) Clear(id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(x *Fault) bool { return id == 0 || x.ID == id })
}

// List returns the script.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Fault, 0, len(f.list))
	for _, x := range f.list {
		c := *x
		c.draw = nil
		out = append(out, c)
	}
	return out
}

// take returns the fault that hits this call, Kind "" for none.
func (f *Faults) take(path string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.list {
		prefix, wild := strings.CutSuffix(x.Path, "*")
		if x.Path != path && (!wild || !strings.HasPrefix(path, prefix)) {
			continue
		}
		if x.Share > 0 && x.draw.Float64() >= x.Share {
			continue
		}
		hit := *x
		if x.Times > 0 {
			if x.Times--; x.Times == 0 {
				f.list = slices.Delete(f.list, i, i+1)
			}
		}
		return hit
	}
	return Fault{}
}
