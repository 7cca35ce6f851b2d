package sim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kinds of faults. Those of API calls and of pushes may be delayed, lost or broken on the way; those
// of receipts hit the report of a message that was accepted.
const (
	FaultLatency     = "latency"         // API: answers after Ms; push: delivered after Ms
	FaultResetBefore = "reset_before"    // connection reset, nothing happened
	FaultResetAfter  = "reset_after"     // it happened, then the connection was reset
	FaultSilent      = "silent"          // API: it happened, then nothing comes until the caller gives up
	FaultErrcode     = "errcode"         // API: errcode Code in a 200, nothing happened
	Fault502         = "http_502"        // API: 502 with a page, nothing happened
	FaultHTML        = "html_body"       // API: a page in a 200, nothing happened
	FaultTruncated   = "truncated"       // API: it happened; the JSON breaks off
	FaultSlow        = "slow_body"       // API: it happened; the body trickles for Ms
	FaultDuplicate   = "duplicate"       // push: delivered twice at the same time
	FaultLost        = "drop_receipt"    // receipt: never sent
	FaultDoubled     = "double_receipt"  // receipt: sent twice
	FaultReordered   = "reorder_receipt" // receipt: sent later than the next one
	FaultMsgIDZero   = "msgid_zero"      // receipt: with MsgID 0
	FaultStatus      = "status"          // receipt: with Status Text, and the person saw nothing
)

// What faults can hit, told by their kind.
var (
	faultsOfCalls    = []string{FaultLatency, FaultResetBefore, FaultResetAfter, FaultSilent, FaultErrcode, Fault502, FaultHTML, FaultTruncated, FaultSlow}
	faultsOfPushes   = []string{FaultLatency, FaultResetBefore, FaultResetAfter, FaultDuplicate}
	faultsOfReceipts = []string{FaultLost, FaultDoubled, FaultReordered, FaultMsgIDZero, FaultStatus}
)

// Fault is one thing that shall go wrong.
type Fault struct {
	ID int
	// Path is an API path, where a trailing * matches the rest; "push" for pushes. Receipts have
	// the path of the API call they report, and "receipt" and "push" match any.
	Path  string
	Kind  string
	Code  int
	Text  string
	Ms    int
	Times int     // how often, 0 for ever
	Share float64 // of the calls, 0 for all
	Seed  uint64  // of the draw

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

// ofCall returns the fault that hits an API call, Kind "" for none.
func (f *Faults) ofCall(path string) Fault { return f.take(faultsOfCalls, path) }

// ofPush returns the fault that hits a delivery.
func (f *Faults) ofPush() Fault { return f.take(faultsOfPushes, "push") }

// ofReceipt returns the fault that hits the report of what path did.
func (f *Faults) ofReceipt(path string) Fault {
	return f.take(faultsOfReceipts, path, "receipt", "push")
}

func (f *Faults) take(kinds []string, paths ...string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.list {
		if !slices.Contains(kinds, x.Kind) || !slices.ContainsFunc(paths, x.matches) {
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

func (x *Fault) matches(path string) bool {
	prefix, wild := strings.CutSuffix(x.Path, "*")
	return x.Path == path || wild && strings.HasPrefix(path, prefix) && path != "push"
}

// faultView is a fault as the control speaks of it.
type faultView struct {
	ID          int     `json:"id"`
	Path        string  `json:"path"`
	Kind        string  `json:"kind"`
	Errcode     int     `json:"errcode,omitempty"`
	Status      string  `json:"status,omitempty"`
	Latency     string  `json:"latency,omitempty"` // like 1.5s
	Times       int     `json:"times"`
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
}

func (x Fault) view() faultView {
	v := faultView{ID: x.ID, Path: x.Path, Kind: x.Kind, Errcode: x.Code, Status: x.Text, Times: x.Times, Probability: x.Share, Seed: x.Seed}
	if x.Ms > 0 {
		v.Latency = (time.Duration(x.Ms) * time.Millisecond).String()
	}
	return v
}

// fault checks what the control was given; the error is for people.
func (v faultView) fault() (Fault, error) {
	x := Fault{Path: v.Path, Kind: v.Kind, Code: v.Errcode, Text: v.Status, Times: v.Times, Share: v.Probability, Seed: v.Seed}
	push, call, receipt := slices.Contains(faultsOfPushes, v.Kind), slices.Contains(faultsOfCalls, v.Kind), slices.Contains(faultsOfReceipts, v.Kind)
	switch {
	case !push && !call && !receipt:
		return x, errors.New("没有这种故障")
	case v.Path == "push" && !push && !receipt:
		return x, errors.New("这种故障不能用在推送上，请选一个接口")
	case v.Path != "push" && v.Kind == FaultDuplicate:
		return x, errors.New("这种故障只能用在推送上")
	case v.Path == "" || v.Times < 0 || v.Probability < 0 || v.Probability > 1:
		return x, errors.New("请写明在哪里、几次（0 或以上）和可能性（0 到 1）")
	}
	if v.Latency != "" {
		d, err := time.ParseDuration(v.Latency)
		if err != nil || d < 0 || d > 10*time.Minute {
			return x, errors.New("慢多少秒要在 0 到 600 之间")
		}
		x.Ms = int(d.Milliseconds())
	}
	return x, nil
}
