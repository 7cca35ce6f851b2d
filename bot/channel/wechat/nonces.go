package wechat

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// Nonces is the memory of this process for the nonces of verified requests: a nonce belongs to one
// message. What keeps a replayed message from taking effect again is the store's unique message
// key, on every replica and after a restart; this memory refuses the same nonce with another
// message, which only somebody with the account's token could send. That is why it need not be
// shared, and costs no round trip.
type Nonces struct {
	now  func() time.Time
	seed maphash.Seed

	mu     sync.Mutex
	young  map[uint64]uint64 // hash of the nonce → hash of the message key
	old    map[uint64]uint64
	turned time.Time
}

// nonceMemory is how many nonces one of the two generations holds: about 20 MB. When it is full the
// older generation is dropped early.
const nonceMemory = 400_000

// NewNonces makes an empty memory.
func NewNonces(now func() time.Time) *Nonces {
	return &Nonces{now: now, seed: maphash.MakeSeed(), young: map[uint64]uint64{}, turned: now()}
}

// Remember notes that nonce belongs to key, for at least ttl while there is room. It returns "" when
// the nonce is new, key when it belonged to that key before, and something else when it belonged to
// another. It fits ReceiverOptions.Remember.
func (n *Nonces) Remember(_ context.Context, nonce, key string, ttl time.Duration) (before string) {
	id, message := maphash.String(n.seed, nonce), maphash.String(n.seed, key)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if since := now.Sub(n.turned); len(n.young) >= nonceMemory || since > ttl || since < 0 {
		n.old, n.young, n.turned = n.young, map[uint64]uint64{}, now
	}
	was, seen := n.young[id]
	if !seen {
		was, seen = n.old[id]
	}
	switch {
	case !seen:
		n.young[id] = message
		return ""
	case was == message:
		return key
	}
	return "another message"
}
