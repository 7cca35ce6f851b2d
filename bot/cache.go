package bot

import (
	"context"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// Cache is the fast memory shared by the replicas (Redis). Every read may miss and every write
// may be lost: the program is right without it, only slower (S1). No method returns an error:
// an implementation counts its errors and opens a breaker.
type Cache interface {
	// LoadConversations returns for each message its sender's conversation; nil when it is not
	// cached, or when this message is the last one that went into it (a repeat, whose reply only
	// the store has).
	LoadConversations(ctx context.Context, in []channel.Inbound) []*Snapshot

	// SaveConversations stores conversations after a commit; a nil Snapshot deletes.
	SaveConversations(ctx context.Context, turns []CachedCommit)

	// ForgetConversations drops the cached conversations of these senders.
	ForgetConversations(ctx context.Context, in []channel.Inbound)

	// Ping reports whether the cache answers.
	Ping(ctx context.Context) error
}

// CachedCommit is what a commit leaves for the cache.
type CachedCommit struct {
	In       channel.Inbound
	Snapshot *Snapshot // nil: forget the sender's conversation
}
