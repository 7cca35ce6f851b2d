package cache

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// nonceAsk is one request's question about its nonce.
type nonceAsk struct {
	nonce, key string
	ttl        time.Duration
	answer     chan string // buffered
}

// nonceBatch is how many questions share a round trip at most.
const nonceBatch = 128

// nonceKey holds the message key that a signed request's nonce belongs to. Rebuilt from nothing:
// without it a replayed request still meets the inbox's unique message key.
func nonceKey(nonce string) string { return "tg:{" + nonce + "}:nonce" }

// RememberNonce asks together with whoever else is asking at this moment.
func (c *Cache) RememberNonce(ctx context.Context, nonce, key string, ttl time.Duration) (before string) {
	if !c.breaker.allow() {
		return ""
	}
	ask := nonceAsk{nonce: nonce, key: key, ttl: ttl, answer: make(chan string, 1)}
	select {
	case c.nonces <- ask:
	case <-ctx.Done():
		return ""
	case <-c.stop:
		return ""
	}
	select {
	case before = <-ask.answer:
		return before
	case <-ctx.Done():
		return ""
	}
}

// rememberNonces serves RememberNonce: all questions that wait share one pipeline.
func (c *Cache) rememberNonces() {
	for {
		select {
		case <-c.stop:
			return
		case first := <-c.nonces:
			asks := []nonceAsk{first}
		gather:
			for len(asks) < nonceBatch {
				select {
				case a := <-c.nonces:
					asks = append(asks, a)
				default:
					break gather
				}
			}
			c.askNonces(asks)
		}
	}
}

func (c *Cache) askNonces(asks []nonceAsk) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*callTimeout)
	defer cancel()
	pipe := c.client.Pipeline()
	fresh := make([]*redis.BoolCmd, len(asks))
	for i, a := range asks {
		fresh[i] = pipe.SetNX(ctx, nonceKey(a.nonce), a.key, a.ttl)
	}
	_, err := pipe.Exec(ctx)
	down := c.breaker.settle(err) != nil
	for i, a := range asks {
		if down || fresh[i].Err() != nil || fresh[i].Val() {
			a.answer <- ""
			continue
		}
		before, err := c.client.Get(ctx, nonceKey(a.nonce)).Result()
		if err != nil {
			before = ""
		}
		a.answer <- before
	}
}
