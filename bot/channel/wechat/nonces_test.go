package wechat

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestANonceBelongsToOneMessage(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	n := NewNonces(func() time.Time { return now })
	ask := func(nonce, key string) string { return n.Remember(t.Context(), nonce, key, 10*time.Minute) }
	if got := ask("1.a", "k1"); got != "" {
		t.Errorf("a new nonce belonged to %q", got)
	}
	if got := ask("1.a", "k1"); got != "k1" {
		t.Errorf("a repeat belonged to %q, want k1", got)
	}
	if got := ask("1.a", "k2"); got == "" || got == "k2" {
		t.Errorf("the nonce of another message is taken: %q", got)
	}
	now = now.Add(11 * time.Minute)
	if got := ask("1.a", "k1"); got != "k1" {
		t.Errorf("forgotten within twice the time: %q", got)
	}
	now = now.Add(25 * time.Minute)
	ask("2.b", "k3")
	now = now.Add(25 * time.Minute)
	if got := ask("1.a", "k1"); got != "" {
		t.Errorf("kept for ever: %q", got)
	}
}

func TestNoncesAreBoundedAndSafeForMany(t *testing.T) {
	t.Parallel()
	n := NewNonces(time.Now)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				key := strconv.Itoa(w*10000 + i)
				if before := n.Remember(t.Context(), "n"+key, key, time.Hour); before != "" {
					t.Errorf("a new nonce belonged to %q", before)
				}
			}
		})
	}
	wg.Wait()
	n.mu.Lock()
	for i := len(n.young); i < nonceMemory; i++ {
		n.young[uint64(i)] = 1
	}
	n.mu.Unlock()
	n.Remember(t.Context(), "one more", "k", time.Hour)
	if len(n.young) != 1 || len(n.old) < nonceMemory {
		t.Errorf("generations hold %d and %d", len(n.young), len(n.old))
	}
}
