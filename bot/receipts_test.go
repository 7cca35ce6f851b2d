package bot

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiangeng/tiangeng/bot/channel"
)

var noon = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

// keeper is what an intake stores to.
type keeper struct {
	mu      sync.Mutex
	pages   [][]string      // keys, by transaction that was tried
	stored  map[string]bool // committed
	refuse  func(keys []string) error
	entered chan struct{} // one for each transaction, nil for none
	leave   chan struct{}
}

func (k *keeper) keep(_ context.Context, batch []channel.Inbound) error {
	if k.entered != nil {
		k.entered <- struct{}{}
		<-k.leave
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []string
	for _, in := range batch {
		keys = append(keys, in.Key)
	}
	k.pages = append(k.pages, keys)
	if k.refuse != nil {
		if err := k.refuse(keys); err != nil {
			return err
		}
	}
	for _, key := range keys {
		k.stored[key] = true
	}
	return nil
}

func (k *keeper) has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stored[key]
}

func newIntake(k *keeper) *intake {
	k.stored = map[string]bool{}
	return &intake{keep: k.keep, limit: 10_000, pause: time.Second}
}

// come lets n events arrive, each with that much patience, and returns how each was answered.
func come(t *testing.T, i *intake, k *keeper, from, n int, patience time.Duration, all *sync.WaitGroup) []error {
	t.Helper()
	answers := make([]error, n)
	for e := range n {
		key := strconv.Itoa(from + e)
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			answers[e] = i.take(ctx, channel.Inbound{Key: key})
			if answers[e] == nil && !k.has(key) {
				t.Errorf("%s is acknowledged and not stored", key)
			}
		})
	}
	return answers
}

// ended lets the storing notice that nobody waits any more, and reports whether it has ended.
func ended(i *intake) bool {
	<-time.After(i.pause) // of the bubble's clock
	synctest.Wait()
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.running && len(i.waiting) == 0
}

func TestReceiptsThatArriveDuringACommitShareTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{entered: make(chan struct{}), leave: make(chan struct{})}
		i := newIntake(k)
		var all sync.WaitGroup
		come(t, i, k, 0, 1, time.Hour, &all)
		<-k.entered
		come(t, i, k, 1, 700, time.Hour, &all)
		synctest.Wait() // all of them wait now, and the first transaction is still under way
		for range 3 {
			k.leave <- struct{}{}
			synctest.Wait()
			select {
			case <-k.entered:
			default:
			}
		}
		all.Wait()
		var sizes []int
		for _, p := range k.pages {
			sizes = append(sizes, len(p))
		}
		if diff := cmp.Diff([]int{1, 500, 200}, sizes); diff != "" || len(k.stored) != 701 {
			t.Errorf("%d stored, pages: %s", len(k.stored), diff)
		}
		if !ended(i) {
			t.Error("the storing has not ended")
		}
	})
}

func TestATransactionThatFailsIsTriedAgainWhileTheSendersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		k := &keeper{refuse: func([]string) error {
			if up.Load() {
				return nil
			}
			return errors.New("the database is away")
		}}
		i := newIntake(k)
		var all sync.WaitGroup
		short := come(t, i, k, 0, 20, 2500*time.Millisecond, &all)
		long := come(t, i, k, 20, 20, time.Minute, &all)
		<-time.After(10 * time.Second) // of the bubble's clock
		up.Store(true)
		all.Wait()
		for e := range 20 {
			if !errors.Is(short[e], context.DeadlineExceeded) || long[e] != nil {
				t.Fatalf("the impatient: %v, the patient: %v", short[e], long[e])
			}
		}
		if len(k.stored) != 20 {
			t.Errorf("%d are stored, want those whose senders waited", len(k.stored))
		}
	})
}

func TestAPoisonedReceiptEndsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{refuse: func(keys []string) error {
			if slices.Contains(keys, "7") {
				return errors.New("the database cannot hold this")
			}
			return nil
		}}
		i := newIntake(k)
		var all sync.WaitGroup
		answers := come(t, i, k, 0, 300, time.Minute, &all)
		all.Wait()
		for e, err := range answers {
			if (e == 7) != (err != nil) {
				t.Errorf("%d: %v", e, err)
			}
		}
		if !ended(i) || len(k.stored) != 299 {
			t.Errorf("%d are stored", len(k.stored))
		}
	})
}

func TestTooManyWaitingReceiptsAreNotTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{entered: make(chan struct{}), leave: make(chan struct{})}
		i := newIntake(k)
		i.limit = 3
		var all sync.WaitGroup
		come(t, i, k, 0, 1, time.Hour, &all)
		<-k.entered
		come(t, i, k, 1, 3, time.Hour, &all)
		synctest.Wait()
		if err := i.take(t.Context(), channel.Inbound{Key: "5"}); !errors.Is(err, errCrowded) {
			t.Errorf("the one too many: %v", err)
		}
		k.leave <- struct{}{}
		<-k.entered
		k.leave <- struct{}{}
		all.Wait()
		if len(k.stored) != 4 {
			t.Errorf("%d are stored", len(k.stored))
		}
	})
}

// reports is a store of receipts and grants.
type reports struct {
	Store    // nil: nothing else may be asked for
	receipts []channel.Receipt
	grants   []GrantEvent
	joins    []Joined
	err      error
}

func (r *reports) AppendReceipts(_ context.Context, _ time.Time, list []channel.Receipt) error {
	r.receipts = append(r.receipts, list...)
	return r.err
}

func (r *reports) ApplyGrants(_ context.Context, _ time.Time, list []GrantEvent) error {
	r.grants = append(r.grants, list...)
	return r.err
}

func (r *reports) JoinReceipts(_ context.Context, _ time.Time, limit int) (Joined, error) {
	if limit != joinPage || r.err != nil {
		return Joined{}, r.err
	}
	next := r.joins[0]
	r.joins = r.joins[1:]
	return next, nil
}

func reporting(r *reports) *Service {
	s := &Service{o: Options{Store: r, Now: func() time.Time { return noon }, LongTemplates: map[string]bool{"long": true}}}
	s.o.setDefaults()
	s.intake = intake{keep: s.keepReports, limit: 10, pause: time.Second}
	return s
}

func TestAReportIsStoredAndHasNoReply(t *testing.T) {
	t.Parallel()
	from := channel.Address{Channel: "wechat", Account: "default", External: "o1"}
	receipt := channel.Receipt{Kind: "done", To: from, MessageID: "9", Delivered: true, At: noon}
	yes, no := channel.Grant{Template: "long", Accepted: true}, channel.Grant{Template: "once"}
	r := &reports{}
	s := reporting(r)
	for _, in := range []channel.Inbound{
		{Key: "a", From: from, At: noon, Kind: channel.KindReceipt, Receipts: []channel.Receipt{receipt}},
		{Key: "b", From: from, At: noon, Kind: channel.KindGrant, Grants: []channel.Grant{yes, no}},
	} {
		if m := s.HandleInbound(t.Context(), in); m.Kind != channel.MessageNone {
			t.Errorf("%s is answered with %+v", in.Kind, m)
		}
	}
	want := &reports{
		receipts: []channel.Receipt{receipt},
		grants:   []GrantEvent{{Key: "b", From: from, At: noon, Grant: yes, Long: true}, {Key: "b", From: from, At: noon, Grant: no}},
	}
	if diff := cmp.Diff(want, r, cmp.AllowUnexported(reports{}), cmpopts.IgnoreFields(reports{}, "Store")); diff != "" {
		t.Error(diff)
	}
}

func TestAReportThatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := reporting(&reports{err: errors.New("away")})
		begun := time.Now()
		m := s.HandleInbound(t.Context(), channel.Inbound{Key: "a", Kind: channel.KindReceipt, Receipts: []channel.Receipt{{Kind: "done"}}})
		if m.Kind != channel.MessageUnkept || time.Since(begun) != s.o.Patience {
			t.Errorf("%+v after %s", m, time.Since(begun))
		}
		if !ended(&s.intake) {
			t.Error("the storing goes on for nobody")
		}
	})
}

func TestJoiningGoesOnWhilePagesAreFull(t *testing.T) {
	t.Parallel()
	full := Joined{Looked: joinPage, Delivered: joinPage}
	r := &reports{joins: []Joined{full, full, {Looked: 3, Unmatched: 3}, full}}
	if err := reporting(r).Join(t.Context()); err != nil || len(r.joins) != 1 {
		t.Errorf("%v, %d pages left", err, len(r.joins))
	}
	r = &reports{joins: slices.Repeat([]Joined{full}, joinPages+1)}
	if err := reporting(r).Join(t.Context()); err != nil || len(r.joins) != 1 {
		t.Errorf("%v, %d pages left: a round has a limit", err, len(r.joins))
	}
	if err := reporting(&reports{err: errors.New("away")}).Join(t.Context()); err == nil {
		t.Error("a failure is not told")
	}
}
