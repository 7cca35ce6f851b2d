package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/store"
)

var operationCases = map[string]func(*testing.T, *bundle){
	"the watermark never goes back": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		if at, err := b.s.Watermark(ctx); !at.IsZero() || err != nil {
			t.Error(at, err)
		}
		for _, step := range []struct{ to, want time.Duration }{{0, 0}, {time.Hour, time.Hour}, {time.Minute, time.Hour}, {time.Hour, time.Hour}} {
			if err := b.s.AdvanceWatermark(ctx, start.Add(step.to)); err != nil {
				t.Fatal(err)
			}
			if at, err := b.s.Watermark(ctx); !at.Equal(start.Add(step.want)) || err != nil {
				t.Errorf("at %v, %v; want %v", at, err, step.want)
			}
		}
	},
	"replicas that move the watermark at once leave the highest": func(t *testing.T, b *bundle) {
		stores := []bot.Store{b.s, b.open()}
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				if err := stores[i%2].AdvanceWatermark(t.Context(), start.Add(time.Duration(i*7%40)*time.Minute)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if at, err := b.s.Watermark(t.Context()); !at.Equal(start.Add(39*time.Minute)) || err != nil {
			t.Error(at, err)
		}
	},
	"forced refreshes: twenty a day and 30 s apart, for all replicas together": func(t *testing.T, b *bundle) {
		const limit, day, gap = 20, 24 * time.Hour, 30 * time.Second
		stores := []*store.Store{b.s, b.open()}
		book := func(s *store.Store, app string, now time.Time) bool {
			ok, err := s.BookRefresh(t.Context(), app, now, limit, day, gap)
			if err != nil {
				t.Error(err)
			}
			return ok
		}
		for i := range 25 {
			var group sync.WaitGroup
			var booked atomic.Int32
			for g := range 8 {
				group.Go(func() {
					if book(stores[g%2], "wx1", start.Add(time.Duration(i)*gap)) {
						booked.Add(1)
					}
				})
			}
			group.Wait()
			want := int32(1)
			if i >= limit {
				want = 0
			}
			if booked.Load() != want {
				t.Errorf("round %d: %d were booked", i, booked.Load())
			}
		}
		if !book(b.s, "wx2", start) || book(b.s, "wx2", start.Add(gap-time.Millisecond)) || !book(b.s, "wx2", start.Add(gap)) {
			t.Error("another account, its gap, and after it")
		}
		if book(b.s, "wx1", start.Add(day-time.Second)) || !book(b.s, "wx1", start.Add(day)) {
			t.Error("the day's limit ends a day after the first")
		}
	},
	"a receipt is kept once": func(t *testing.T, b *bundle) {
		one := channel.Receipt{Kind: "TEMPLATESENDJOBFINISH", To: address("o1"), MessageID: "42", Status: "success", Delivered: true, At: start}
		two := one
		two.Status, two.Delivered = "failed:user block", false
		for _, list := range [][]channel.Receipt{{one, two, one}, {two}, nil} {
			if err := b.s.AppendReceipts(t.Context(), start.Add(time.Minute), list); err != nil {
				t.Fatal(err)
			}
		}
		s := start.UnixMilli()
		b.want([]string{fmt.Sprint("wechat|default|o1|42|failed:user block|0|", s, "|", s+60_000), fmt.Sprint("wechat|default|o1|42|success|1|", s, "|", s+60_000)},
			"SELECT channel, account, external_id, message_id, status, delivered, happened_at, received_at FROM receipts ORDER BY status")
	},
	"purging takes what has served and no more": func(t *testing.T, b *bundle) {
		const kept = 7 * 24 * time.Hour
		old, young := typed("old", "o1"), typed("young", "o1")
		b.done(start.Add(-kept-time.Millisecond), old, conversation.WrongCode{})
		b.done(start.Add(-kept), young, conversation.WrongCode{})
		if n, err := b.s.Purge(t.Context(), start); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if b.load(old, nothing).Answered || !b.load(young, nothing).Answered {
			t.Error("the old one is still there, or the young one is not")
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM wrong_codes")
	},
	"purging takes receipts of more than a month ago": func(t *testing.T, b *bundle) {
		for i, at := range []time.Time{start.Add(-time.Millisecond), start} {
			if err := b.s.AppendReceipts(t.Context(), at, []channel.Receipt{{Kind: "X", To: address(fmt.Sprint("o", i)), At: start}}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := b.s.Purge(t.Context(), start.Add(30*24*time.Hour)); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		b.want([]string{"o1"}, "SELECT external_id FROM receipts")
	},
	"a mark whose reply is purged says nothing": func(t *testing.T, b *bundle) {
		b.done(start, typed("B", "o1"))
		b.mark(typed("B", "o1"))
		if _, err := b.s.Purge(t.Context(), start.Add(30*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if l := b.load(typed("C", "o1"), nothing); l.Facts.Unconfirmed != nil {
			t.Errorf("%+v", l.Facts.Unconfirmed)
		}
	},
	"purging takes many in pieces": func(t *testing.T, b *bundle) {
		for i := range 3 {
			turns := make([]conversation.Turn, 500)
			for k := range turns {
				turns[k] = conversation.Turn{In: typed(fmt.Sprint(i, "-", k), fmt.Sprint("o", i, "-", k)), Effects: []conversation.Effect{conversation.WrongCode{}}}
			}
			for _, c := range b.s.CommitTurns(t.Context(), start, turns) {
				if c.Verdict != bot.CommitDone {
					t.Fatal(c)
				}
			}
		}
		if n, err := b.s.Purge(t.Context(), start.Add(8*24*time.Hour)); n != 3000 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	},
	"counts": func(t *testing.T, b *bundle) {
		b.outbox(3)
		got, err := b.s.Counts(t.Context())
		if diff := cmp.Diff(store.Counts{Learners: 3, Cohorts: 1, Identities: 3}, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	},
}
