// Package cache is the fast memory that the replicas share: Redis through go-redis. Nothing in it is
// the only copy of anything: every read may miss, every write may be lost, and the program is right
// without it (S1). It must not be needed.
//
// Keys carry one hash tag each and operations never span two of them in one command, so the same
// code runs on one server and on a cluster. Addresses of people are hashed before they become keys.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
)

// Limits, with where they hold.
const (
	callTimeout     = 150 * time.Millisecond // one round trip; a slower Redis is as good as none
	conversationTTL = 2 * time.Hour          // of a conversation; a longer silence reads the database
	poolSize        = 32                     // connections to one node
)

// Options say where Redis is.
type Options struct {
	// URL is redis://, rediss://, a comma list of them or redis+cluster:// for a cluster, or
	// "embedded" for one in this process, which forgets everything at the end.
	URL    string
	Logger *slog.Logger // nil discards
	// Replicas is how many processes share the account, 1 by default: while Redis does not answer, each
	// takes its part of the rates.
	Replicas int
}

// Cache implements bot.Cache, bot.Limiter and the token store of the WeChat adapter.
type Cache struct {
	client   redis.UniversalClient
	embedded *embedded
	breaker  breaker
	limits   limits
}

var _ bot.Cache = (*Cache)(nil)

// quiet stops the client's own logger, which prints beside slog; the breaker says what matters.
var quiet = sync.OnceFunc(logging.Disable)

// New connects lazily: a Redis that is down now is used as soon as it is up.
func New(o Options) (*Cache, error) {
	quiet()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cache{breaker: breaker{log: o.Logger, now: time.Now}, limits: limits{replicas: max(1, o.Replicas)}}
	if o.URL == "embedded" {
		e, err := startEmbedded()
		if err != nil {
			return nil, err
		}
		c.embedded, o.URL = e, e.url()
		c.limits.now = time.Now // the embedded server's own clock moves in ticks
	}
	options, cluster, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if cluster {
		c.client = redis.NewClusterClient(options.Cluster())
	} else {
		c.client = redis.NewUniversalClient(options)
	}
	return c, nil
}

// parseURL reads the address; its errors do not hold the password.
func parseURL(s string) (*redis.UniversalOptions, bool, error) {
	cluster := strings.HasPrefix(s, "redis+cluster://")
	parts := strings.Split(strings.TrimPrefix(s, "redis+cluster://"), ",")
	cluster = cluster || len(parts) > 1
	u := &redis.UniversalOptions{
		DialTimeout: callTimeout, ReadTimeout: callTimeout, WriteTimeout: callTimeout, PoolTimeout: callTimeout,
		PoolSize: poolSize, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
	}
	if cluster {
		u.MaxRetries, u.MaxRedirects = 0, 3
	}
	for i, part := range parts {
		if part == "" {
			return nil, false, fmt.Errorf("address %d of redis.url is empty", i+1)
		}
		if !strings.Contains(part, "://") {
			part = "redis://" + part
		}
		p, err := redis.ParseURL(part)
		if err != nil {
			var broken *url.Error
			if errors.As(err, &broken) {
				err = broken.Err
			}
			return nil, false, fmt.Errorf("address %d of redis.url is not right: %w", i+1, err)
		}
		u.Addrs = append(u.Addrs, p.Addr)
		if i == 0 {
			u.DB, u.Username, u.Password, u.TLSConfig = p.DB, p.Username, p.Password, p.TLSConfig
		}
	}
	return u, cluster, nil
}

// Close ends the connections and the embedded server.
func (c *Cache) Close() error {
	err := c.client.Close()
	if c.embedded != nil {
		c.embedded.close()
	}
	return err
}

// Ping reports whether Redis answers, whatever the breaker thinks.
func (c *Cache) Ping(ctx context.Context) error {
	if err := c.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("asking Redis: %w", err)
	}
	return nil
}

// person is the hash tag of everything that belongs to one address.
func person(a channel.Address) string {
	return tag(a.Channel + "\x00" + a.Account + "\x00" + a.External)
}

// tag is a hash tag that tells nothing about s and holds no braces.
func tag(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// conversationKey holds the conversation as the last commit left it, and the last message's key.
// Rebuilt from identities (state, seq, active learner).
func conversationKey(a channel.Address) string { return "tg:{" + person(a) + "}:conversation" }

// remembered is the value under conversationKey.
type remembered struct {
	Key      string        `json:"k"`
	Snapshot *bot.Snapshot `json:"s"`
}

// LoadConversations reads in one pipeline.
func (c *Cache) LoadConversations(ctx context.Context, in []channel.Inbound) []*bot.Snapshot {
	out := make([]*bot.Snapshot, len(in))
	if len(in) == 0 || !c.breaker.allow() {
		return out
	}
	pipe := c.client.Pipeline()
	replies := make([]*redis.StringCmd, len(in))
	for i := range in {
		replies[i] = pipe.Get(ctx, conversationKey(in[i].From))
	}
	_, err := pipe.Exec(ctx)
	if c.breaker.settle(err) != nil {
		return out
	}
	for i := range out {
		data, err := replies[i].Bytes()
		if err != nil {
			continue // a miss
		}
		var m remembered
		if json.Unmarshal(data, &m) != nil {
			continue // written by another version: a miss
		}
		if m.Key != in[i].Key { // a repeat: the database has the reply
			out[i] = m.Snapshot
		}
	}
	return out
}

// SaveConversations writes in one pipeline.
func (c *Cache) SaveConversations(ctx context.Context, turns []bot.CachedCommit) {
	if len(turns) == 0 || !c.breaker.allow() {
		return
	}
	pipe := c.client.Pipeline()
	for i := range turns {
		t := &turns[i]
		if t.Snapshot == nil {
			pipe.Del(ctx, conversationKey(t.In.From))
			continue
		}
		data, err := json.Marshal(remembered{Key: t.In.Key, Snapshot: t.Snapshot})
		if err != nil {
			pipe.Del(ctx, conversationKey(t.In.From))
			continue
		}
		pipe.Set(ctx, conversationKey(t.In.From), data, conversationTTL)
	}
	_, err := pipe.Exec(ctx)
	_ = c.breaker.settle(err) // a lost write is a stale copy, which loses at commit
}

// ForgetConversations deletes in one pipeline.
func (c *Cache) ForgetConversations(ctx context.Context, in []channel.Inbound) {
	if len(in) == 0 || !c.breaker.allow() {
		return
	}
	pipe := c.client.Pipeline()
	for i := range in {
		pipe.Del(ctx, conversationKey(in[i].From))
	}
	_, err := pipe.Exec(ctx)
	_ = c.breaker.settle(err) // a stale copy loses at commit
}
