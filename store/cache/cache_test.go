package cache

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// onBoth runs a case on a real Redis and on the embedded one.
func onBoth(t *testing.T, run func(t *testing.T, c *Cache)) {
	t.Helper()
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"redis": storetest.Redis, "embedded": func(testing.TB) string { return "embedded" }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t, url(t)))
		})
	}
}

func open(t testing.TB, url string) *Cache {
	t.Helper()
	c, err := New(Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

func inbound(key, openid string) channel.Inbound {
	return channel.Inbound{Key: key, From: channel.Address{Channel: "wechat", Account: "default", External: openid}}
}

func snapshot(seq int64) *bot.Snapshot {
	return &bot.Snapshot{
		Identity: conversation.Identity{ID: 7, Following: true, Notice: 1, Learner: 9, Name: "李一"}, Seq: seq,
		State: conversation.State{V: 1, Mode: conversation.ModeQuiz, Study: &conversation.Study{Enrolment: 3, Items: []int{2, 0}, Next: 1}},
	}
}

// until calls ready until it is true.
func until(t testing.TB, what string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestConversations(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		ctx := t.Context()
		one, two := inbound("k1", "o1"), inbound("k2", "o2")
		if diff := cmp.Diff([]*bot.Snapshot{nil, nil}, c.LoadConversations(ctx, []channel.Inbound{one, two})); diff != "" {
			t.Errorf("an empty cache: %s", diff)
		}
		c.SaveConversations(ctx, []bot.CachedCommit{{In: one, Snapshot: snapshot(4)}, {In: two, Snapshot: snapshot(8)}})
		elsewhere := inbound("k9", "o1")
		elsewhere.From.Account = "other"
		want := []*bot.Snapshot{
			nil, // the same message again: only the store has its reply
			snapshot(4),
			snapshot(8),
			nil, // the same openid elsewhere is somebody else
		}
		got := c.LoadConversations(ctx, []channel.Inbound{one, inbound("k9", "o1"), inbound("k9", "o2"), elsewhere})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		next := []channel.Inbound{inbound("k9", "o1"), inbound("k9", "o2")}
		c.ForgetConversations(ctx, next[:1])
		if diff := cmp.Diff([]*bot.Snapshot{nil, snapshot(8)}, c.LoadConversations(ctx, next)); diff != "" {
			t.Errorf("after forgetting (-want +got):\n%s", diff)
		}
		c.SaveConversations(ctx, []bot.CachedCommit{{In: two}, {In: one, Snapshot: snapshot(5)}})
		if diff := cmp.Diff([]*bot.Snapshot{snapshot(5), nil}, c.LoadConversations(ctx, next)); diff != "" {
			t.Errorf("after a commit without a snapshot (-want +got):\n%s", diff)
		}
		if got := c.LoadConversations(ctx, nil); len(got) != 0 {
			t.Error(got)
		}
	})
}

func TestAValueOfAnotherVersionIsAMiss(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		in := inbound("k1", "o1")
		if err := c.client.Set(t.Context(), conversationKey(in.From), "{", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*bot.Snapshot{nil}, c.LoadConversations(t.Context(), []channel.Inbound{in})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestToken(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		ctx := t.Context()
		end := time.Date(2026, 3, 2, 10, 0, 0, 5e6, time.UTC)
		token := func(want string, wantEnd time.Time) {
			t.Helper()
			if got, at, err := c.LoadToken(ctx, "wx1"); got != want || !at.Equal(wantEnd) || err != nil {
				t.Errorf("token %q until %v, %v; want %q", got, at, err, want)
			}
		}
		lock := func(ttl time.Duration, want bool) int64 {
			t.Helper()
			term, ok, err := c.LockToken(ctx, "wx1", ttl)
			if ok != want || err != nil {
				t.Errorf("lock: %v, %v; want %v", ok, err, want)
			}
			return term
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		token("", time.Time{})
		first := lock(time.Hour, true)
		lock(time.Hour, false)
		must(c.UnlockToken(ctx, "wx1", first+1)) // not the holder's term
		lock(time.Hour, false)
		must(c.SaveToken(ctx, "wx1", "one", end, first))
		must(c.UnlockToken(ctx, "wx1", first))
		token("one", end)
		second := lock(time.Hour, true)
		if second <= first {
			t.Errorf("terms %d, %d", first, second)
		}
		must(c.SaveToken(ctx, "wx1", "two", end.Add(time.Hour), second))
		must(c.SaveToken(ctx, "wx1", "late", end, first)) // a holder that was frozen
		token("two", end.Add(time.Hour))
		must(c.DropToken(ctx, "wx1", "one"))
		token("two", end.Add(time.Hour))
		must(c.DropToken(ctx, "wx1", "two"))
		token("", time.Time{})
		must(c.SaveToken(ctx, "wx1", "late", end, first))
		token("", time.Time{})
		must(c.UnlockToken(ctx, "wx1", second))
		lock(time.Millisecond, true)
		until(t, "the end of a lock", func() bool {
			_, ok, err := c.LockToken(ctx, "wx1", time.Hour)
			return ok && err == nil
		})
	})
}

func TestKeysHaveOneTagAndNoAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Cache) {
		ctx := t.Context()
		const openid = "oCanary_6wXyZ"
		c.SaveConversations(ctx, []bot.CachedCommit{{In: inbound("k", openid), Snapshot: snapshot(1)}})
		term, _, err := c.LockToken(ctx, "wx1", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SaveToken(ctx, "wx1", "token", time.Now().Add(time.Hour), term); err != nil {
			t.Fatal(err)
		}
		one := regexp.MustCompile(`^tg:\{[^{}]+\}:[a-z0-9:]+$`)
		n := 0
		for keys := c.client.Scan(ctx, 0, "*", 1000).Iterator(); keys.Next(ctx); n++ {
			if k := keys.Val(); !one.MatchString(k) || strings.Contains(k, openid) {
				t.Errorf("key %q", k)
			}
		}
		if n != 1+3 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestTheEmbeddedOneIsForThisProcessAlone(t *testing.T) {
	t.Parallel()
	c := open(t, "embedded")
	stranger := redis.NewClient(&redis.Options{Addr: c.embedded.server.Addr(), DisableIdentity: true})
	defer func() { _ = stranger.Close() }()
	if keys, err := stranger.Keys(t.Context(), "*").Result(); err == nil {
		t.Errorf("anybody may read: %v", keys)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFlushAllCostsNothing(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	c := open(t, server.URL())
	ctx, in := t.Context(), inbound("k1", "o1")
	c.SaveConversations(ctx, []bot.CachedCommit{{In: in, Snapshot: snapshot(1)}})
	if _, ok, err := c.LockToken(ctx, "wx1", time.Hour); !ok || err != nil {
		t.Fatal(ok, err)
	}
	server.FlushAll()
	if got := c.LoadConversations(ctx, []channel.Inbound{inbound("k2", "o1")})[0]; got != nil {
		t.Errorf("%+v", got)
	}
	// Scripts are gone too and are sent anew; the term begins anew with the token itself.
	if term, ok, err := c.LockToken(ctx, "wx1", time.Hour); !ok || err != nil {
		t.Error(term, ok, err)
	} else if err := c.SaveToken(ctx, "wx1", "new", time.Now().Add(time.Hour), term); err != nil {
		t.Error(err)
	}
	if got, _, err := c.LoadToken(ctx, "wx1"); got != "new" || err != nil {
		t.Error(got, err)
	}
}

func TestEmbeddedKeysExpire(t *testing.T) {
	t.Parallel()
	c := open(t, "embedded")
	if _, ok, err := c.LockToken(t.Context(), "wx1", time.Millisecond); !ok || err != nil {
		t.Fatal(ok, err)
	}
	until(t, "a lock's end", func() bool {
		_, ok, err := c.LockToken(t.Context(), "wx1", time.Hour)
		return ok && err == nil
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "http://x", "redis://user:secret@host:port", "redis://user:secret@h:1/x", "redis://user:secret@%zz"} {
		if c, err := New(Options{URL: bad}); err == nil {
			t.Errorf("%q is taken", bad)
			_ = c.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
	for good, cluster := range map[string]bool{"redis://127.0.0.1:1": false, "redis+cluster://a:1": true, "redis://a:1,redis://b:2": true, "redis+cluster://a:1,b:2": true} {
		c := open(t, good)
		if _, is := c.client.(*redis.ClusterClient); is != cluster {
			t.Errorf("%s: cluster %v", good, is)
		}
	}
}
