package bot

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/tiangeng/tiangeng/bot/channel"
)

func waiting(person, message int) *waiter {
	return &waiter{
		ctx: context.Background(), reply: make(chan answer, 1),
		in: channel.Inbound{Key: strconv.Itoa(message), From: channel.Address{External: strconv.Itoa(person)}},
	}
}

func TestABatchHasEveryPersonOnceAndKeepsTheirOrder(t *testing.T) {
	t.Parallel()
	l := newLine(100)
	for m, p := range []int{1, 1, 2, 3, 2, 1} {
		if !l.join(waiting(p, m)) {
			t.Fatal("the line is full")
		}
	}
	keys := func(batch []*waiter) string {
		s := ""
		for _, w := range batch {
			s += w.in.Key
		}
		return s
	}
	first := l.take(64)
	if keys(first) != "023" {
		t.Errorf("first batch %s, want 023", keys(first))
	}
	l.join(waiting(4, 9))
	if second := l.take(64); keys(second) != "9" { // the others have one in flight
		t.Errorf("second batch %s, want 9", keys(second))
	}
	l.release(first)
	third := l.take(1)
	if keys(third) != "1" {
		t.Errorf("third batch %s, want 1: first come first served, at most one", keys(third))
	}
	if rest := l.take(64); keys(rest) != "4" {
		t.Errorf("rest %s, want 4", keys(rest))
	}
}

func TestAFullOrClosedLineTakesNobody(t *testing.T) {
	t.Parallel()
	l := newLine(1)
	if !l.join(waiting(1, 1)) || l.join(waiting(2, 2)) {
		t.Error("the limit does not hold")
	}
	l.close()
	if batch := l.take(64); len(batch) != 1 {
		t.Error("who waited when the line closed is still served")
	}
	if l.take(64) != nil || l.join(waiting(3, 3)) {
		t.Error("a closed line goes on")
	}
}

// Many senders and lanes: everybody is served once, nobody twice at the same time.
func TestTheLineUnderLoad(t *testing.T) {
	t.Parallel()
	const people, messages = 40, 50
	l := newLine(people * messages)
	var mu sync.Mutex
	inFlight, served := map[string]bool{}, map[string]int{}
	var lanes, senders sync.WaitGroup
	for range 4 {
		lanes.Go(func() {
			for batch := l.take(16); batch != nil; batch = l.take(16) {
				mu.Lock()
				for _, w := range batch {
					if inFlight[w.in.From.External] {
						t.Error("two messages of one person in flight")
					}
					inFlight[w.in.From.External] = true
				}
				mu.Unlock()
				mu.Lock()
				for _, w := range batch {
					delete(inFlight, w.in.From.External)
					if n, _ := strconv.Atoi(w.in.Key); n != served[w.in.From.External] {
						t.Error("a person's messages changed their order")
					}
					served[w.in.From.External]++
				}
				mu.Unlock()
				l.release(batch)
			}
		})
	}
	for p := range people {
		senders.Go(func() {
			for m := range messages {
				l.join(waiting(p, m))
			}
		})
	}
	senders.Wait()
	l.close()
	lanes.Wait()
	for p := range people {
		if n := served[strconv.Itoa(p)]; n != messages {
			t.Errorf("person %d: %d of %d served", p, n, messages)
		}
	}
}

// A reply that comes after its sender was told "not recorded" is not delivered: the caller must mark
// it unconfirmed.
func TestOnlyOneOfReplyAndDepartureWins(t *testing.T) {
	t.Parallel()
	for range 500 {
		w := waiting(1, 1)
		var finished, left bool
		var both sync.WaitGroup
		both.Go(func() { finished = w.finish(channel.Text("x")) })
		both.Go(func() { left = w.abandon() })
		both.Wait()
		if finished == left {
			t.Fatalf("finished %v, left %v", finished, left)
		}
	}
}
