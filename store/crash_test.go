package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // to look past the store

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

var instant = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func message(word, openid string) channel.Inbound {
	sum := sha256.Sum256([]byte(word))
	return channel.Inbound{
		Key: hex.EncodeToString(sum[:]), From: channel.Address{Channel: "wechat", Account: "default", External: openid},
		At: instant, Kind: channel.KindText, Contact: channel.ContactTyped, Text: word,
	}
}

func nothing(conversation.State, channel.Inbound) conversation.Needs { return conversation.Needs{} }

// crash is a MariaDB of its own with people who write without a pause.
type crash struct {
	t      *testing.T
	server *storetest.Server
	s      *store.Store
	raw    *sql.DB

	mu       sync.Mutex
	verdicts map[string]bot.CommitVerdict // by message key
	counts   map[bot.CommitVerdict]int
	done     atomic.Int64 // batches with a verdict
	refused  atomic.Int64 // batches that could not even be loaded
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{t: t, server: storetest.StartMariaDB(t), verdicts: map[string]bot.CommitVerdict{}, counts: map[bot.CommitVerdict]int{}}
	dsn := c.server.NewDatabase(t)
	var err error
	if c.s, err = store.Open(t.Context(), store.Options{DSN: dsn + "?readTimeout=1s&writeTimeout=1s", Connections: 24}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.s.Close() })
	if err := c.s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.raw, err = sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", c.server.Port(), dsn[len(fmt.Sprintf("mysql://root@127.0.0.1:%d/", c.server.Port())):])); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.raw.Close() })
	return c
}

// write lets one person send messages until ctx ends, two in a batch with a neighbour.
func (c *crash) write(ctx context.Context, writer int) {
	people := []string{fmt.Sprint("o", writer, "a"), fmt.Sprint("o", writer, "b")}
	for n := 0; ctx.Err() == nil; n++ {
		requests := make([]bot.LoadRequest, len(people))
		for i, p := range people {
			requests[i].In = message(fmt.Sprint(p, " ", n), p)
		}
		loaded, err := c.s.LoadTurns(ctx, instant, requests, nothing)
		if err != nil {
			c.refused.Add(1)
			select { // nothing was begun
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		turns := make([]conversation.Turn, len(people))
		for i, l := range loaded {
			turns[i] = conversation.Turn{
				In: requests[i].In, Identity: l.Snapshot.Identity, Seq: l.Snapshot.Seq, Reply: channel.Text(requests[i].In.Text),
				Effects: []conversation.Effect{conversation.Step{Name: "found"}},
			}
		}
		// Not ctx: its end must not look like a fault of the database.
		results := c.s.CommitTurns(context.WithoutCancel(ctx), instant, turns)
		c.mu.Lock()
		for i, r := range results {
			c.verdicts[turns[i].In.Key] = r.Verdict
			c.counts[r.Verdict]++
		}
		c.mu.Unlock()
		c.done.Add(1)
	}
}

// check compares what was said with what is there.
func (c *crash) check() {
	c.t.Helper()
	rows, err := c.raw.QueryContext(c.t.Context(), "SELECT message_key, identity_id, seq FROM inbox")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	stored := map[string]bool{}
	places := map[string]bool{}
	for rows.Next() {
		var key []byte
		var id, seq int64
		if err := rows.Scan(&key, &id, &seq); err != nil {
			c.t.Fatal(err)
		}
		stored[hex.EncodeToString(key)] = true
		places[fmt.Sprint(id, "/", seq)] = true
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
	if len(places) != len(stored) {
		c.t.Errorf("%d messages stand at %d places of their conversations", len(stored), len(places))
	}
	for key, v := range c.verdicts {
		switch there := stored[key]; {
		case (v == bot.CommitDone || v == bot.CommitRepeated) && !there:
			c.t.Errorf("%s was called %s and is lost (A1)", key[:8], v)
		case (v == bot.CommitFailed || v == bot.CommitLost) && there:
			c.t.Errorf("%s was called %s and is stored", key[:8], v)
		}
	}
	var steps, moved int
	if err := c.raw.QueryRowContext(c.t.Context(), "SELECT (SELECT COUNT(*) FROM funnel_steps), (SELECT SUM(seq) FROM identities)").Scan(&steps, &moved); err != nil {
		c.t.Fatal(err)
	}
	if steps != len(stored) || moved != len(stored) {
		c.t.Errorf("%d messages, %d effects, %d moves of conversations", len(stored), steps, moved)
	}
	c.t.Logf("verdicts %v, stored %d", c.counts, len(stored))
}

// wait lets a counter go on by n.
func (c *crash) wait(counter *atomic.Int64, n int64) {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for until := counter.Load() + n; counter.Load() < until; {
		select {
		case <-tick.C:
		case <-limit.C:
			c.t.Fatal("the writers stand still")
		}
	}
}

func (c *crash) run(faults func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	var writers sync.WaitGroup
	for w := range 20 {
		writers.Go(func() { c.write(ctx, w) })
	}
	faults()
	cancel()
	writers.Wait()
	c.check()
}

func TestKillingTheDatabaseDuringCommits(t *testing.T) {
	t.Parallel()
	c := newCrash(t)
	c.run(func() {
		for range 4 {
			c.wait(&c.done, 400)
			c.server.Kill()
			c.server.Start()
		}
		c.wait(&c.done, 200)
	})
	if c.counts[bot.CommitDone] == 0 || c.counts[bot.CommitFailed]+c.counts[bot.CommitUncertain] == 0 {
		t.Errorf("the kills hit nobody: %v", c.counts)
	}
}

// A frozen database makes nobody's verdict wrong: what is told late may be stored after all, and
// then it was called uncertain.
func TestFreezingTheDatabaseDuringCommits(t *testing.T) {
	t.Parallel()
	c := newCrash(t)
	c.run(func() {
		for range 2 {
			c.wait(&c.done, 400)
			c.server.Pause()
			c.wait(&c.refused, 20) // so everybody's commit has been given up
			c.server.Resume()
		}
		c.wait(&c.done, 200)
	})
	if c.counts[bot.CommitUncertain]+c.counts[bot.CommitFailed] == 0 {
		t.Errorf("the freeze hit nobody: %v", c.counts)
	}
}
