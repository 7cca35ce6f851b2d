package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The account's access token, shared by the replicas. All keys of an account carry its hash tag.
// Rebuilt by asking the platform, which gives the same token again; how often a refresh was forced
// is counted in the database, so losing this can break no limit.
func tokenKey(app string) string { return "tg:{" + app + "}:token" } // hash: token, expires (Unix ms), term
func lockKey(app string) string  { return "tg:{" + app + "}:lock" }  // the term that may refresh
func fenceKey(app string) string { return "tg:{" + app + "}:fence" } // the last term given

// errDown means that the breaker is open.
var errDown = errors.New("redis is not asked at the moment")

var (
	saveToken = redis.NewScript(`
local term = tonumber(redis.call('HGET', KEYS[1], 'term') or '0')
if term > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'expires', ARGV[2], 'term', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`)
	dropToken = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then return redis.call('HDEL', KEYS[1], 'token', 'expires') end
return 0`)
	lockToken = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local term = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], term, 'PX', ARGV[1])
return term`)
	unlockToken = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)
)

// LoadToken returns the shared token, "" when there is none.
func (c *Cache) LoadToken(ctx context.Context, app string) (string, time.Time, error) {
	if !c.breaker.allow() {
		return "", time.Time{}, errDown
	}
	v, err := c.client.HMGet(ctx, tokenKey(app), "token", "expires").Result()
	if err := c.breaker.settle(err); err != nil {
		return "", time.Time{}, fmt.Errorf("reading the shared token: %w", err)
	}
	token, _ := v[0].(string)
	expires, _ := v[1].(string)
	ms, parseErr := strconv.ParseInt(expires, 10, 64)
	if token == "" || parseErr != nil {
		return "", time.Time{}, nil //nolint:nilerr // what cannot be read is a token that is not there
	}
	return token, time.UnixMilli(ms).UTC(), nil
}

// SaveToken shares a token unless a later term has saved one.
func (c *Cache) SaveToken(ctx context.Context, app, token string, expires time.Time, term int64) error {
	if !c.breaker.allow() {
		return errDown
	}
	err := saveToken.Run(ctx, c.client, []string{tokenKey(app)}, token, expires.UnixMilli(), term, (3 * time.Hour).Milliseconds()).Err()
	return c.breaker.settle(err)
}

// DropToken forgets the shared token if it still is this one.
func (c *Cache) DropToken(ctx context.Context, app, token string) error {
	if !c.breaker.allow() {
		return errDown
	}
	return c.breaker.settle(dropToken.Run(ctx, c.client, []string{tokenKey(app)}, token).Err())
}

// LockToken takes the right to refresh.
func (c *Cache) LockToken(ctx context.Context, app string, ttl time.Duration) (int64, bool, error) {
	if !c.breaker.allow() {
		return 0, false, errDown
	}
	term, err := lockToken.Run(ctx, c.client, []string{lockKey(app), fenceKey(app)}, ttl.Milliseconds()).Int64()
	if err := c.breaker.settle(err); err != nil {
		return 0, false, fmt.Errorf("locking the shared token: %w", err)
	}
	return term, term > 0, nil
}

// UnlockToken gives the right back if it is still held under this term.
func (c *Cache) UnlockToken(ctx context.Context, app string, term int64) error {
	if !c.breaker.allow() {
		return errDown
	}
	return c.breaker.settle(unlockToken.Run(ctx, c.client, []string{lockKey(app)}, strconv.FormatInt(term, 10)).Err())
}
