package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// answered sends the first n deliveries by a rung; the platform took them as m0, m1 …, but for those
// whose answer is unknown.
func (s *sends) answered(n int, rung delivery.Rung, unknown ...int) {
	s.t.Helper()
	for i, d := range s.claim("me", n) {
		d = s.by(d, rung, "", true)
		out := delivery.Settlement{To: delivery.Accepted, Outcome: channel.Outcome{Verdict: channel.Accepted, MessageID: fmt.Sprint("m", i)}}
		if slices.Contains(unknown, i) {
			out = delivery.Settlement{To: delivery.Unknown, Why: delivery.WhyAmbiguous, Ambiguous: true, Outcome: answer(channel.Unknown)}
		}
		s.settle(d, out, true)
	}
}

// says is a receipt to phone i.
func says(i int, id, status string, second int) channel.Receipt {
	return channel.Receipt{Kind: "TEMPLATESENDJOBFINISH", To: address(fmt.Sprint("o", i)), MessageID: id, Status: status, Delivered: status == "success", At: start.Add(time.Duration(second) * time.Second)}
}

// keep stores receipts; join matches what is due.
func (b *bundle) keep(at time.Time, list ...channel.Receipt) {
	b.t.Helper()
	if err := b.s.AppendReceipts(b.t.Context(), at, list); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) join(at time.Time) bot.Joined {
	b.t.Helper()
	j, err := b.s.JoinReceipts(b.t.Context(), at, 500)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

// ends are the states of all deliveries; each has its change in the history, and no terminal one was left.
func (b *bundle) ends(want ...string) {
	b.t.Helper()
	b.want(want, "SELECT state FROM deliveries ORDER BY id")
	b.want(nil, `SELECT d.id FROM deliveries d WHERE d.state <> 'pending' AND d.state <> (SELECT h.to_state FROM moves h WHERE h.delivery_id = d.id ORDER BY h.id DESC LIMIT 1)`)
	b.want(nil, "SELECT id FROM moves WHERE from_state = 'delivered' OR from_state = 'refused' AND to_state <> 'delivered'")
}

var receiptCases = map[string]func(*testing.T, *bundle){
	"receipts in any order, doubled and mixed: success wins (D7)": func(t *testing.T, b *bundle) {
		s := b.sends(4, delivery.RungTemplate)
		s.answered(4, delivery.RungTemplate)
		// Phone 0 gets a success and a failure, 1 a failure alone, 2 a success alone, 3 none.
		list := []channel.Receipt{
			says(0, "m0", "success", 1), says(0, "m0", "failed: system failed", 2), says(1, "m1", "failed:user block", 1), says(2, "m2", "success", 1),
			says(0, "m0", "success", 1), says(1, "m1", "failed:user block", 1),
		}
		rng := rand.New(rand.NewPCG(7, 11))
		for range 12 {
			b.exec("UPDATE deliveries SET state = 'accepted', why = '', reason = ''")
			b.exec("DELETE FROM delivery_history")
			b.exec("INSERT INTO delivery_history (first_id, last_id, deliveries, from_state, to_state) SELECT id, id, id, 'sending', 'accepted' FROM deliveries")
			b.exec("DELETE FROM receipts")
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for at := 0; at < len(list); {
				n := 1 + rng.IntN(len(list)-at)
				b.keep(start.Add(time.Minute), list[at:at+n]...)
				b.join(start.Add(time.Minute))
				at += n
			}
			b.ends("delivered", "refused", "delivered", "accepted")
			if t.Failed() {
				t.Fatalf("in this order: %+v", list)
			}
		}
		b.want([]string{"4"}, "SELECT COUNT(*) FROM receipts")
		b.want([]string{"4"}, "SELECT COUNT(*) FROM receipts WHERE joined_at > 0 AND next_try_at = 0")
	},
	"a receipt without a number is about the only one that waits, else about none": func(t *testing.T, b *bundle) {
		s := b.sends(2, delivery.RungTemplate)
		s.answered(2, delivery.RungTemplate, 0, 1)
		again := b.running(announcement("again"), delivery.RungTemplate, s.learners[1:]) // phone 1 has two that wait
		list := s.claim("me", 5)
		if len(list) != 1 || list[0].Campaign != again.ID {
			t.Fatalf("%+v", list)
		}
		s.settle(s.by(list[0], delivery.RungTemplate, "", true), accepted, true)
		b.keep(start.Add(time.Minute), says(0, "0", "success", 5), says(1, "0", "success", 5))
		got := b.join(start.Add(time.Minute))
		if got.Delivered != 1 || got.Looked != 2 {
			t.Errorf("%+v", got)
		}
		b.ends("delivered", "unknown", "accepted")
		for at := start.Add(2 * time.Minute); at.Before(start.Add(3 * time.Hour)); at = at.Add(6 * time.Minute) {
			got.Unmatched += b.join(at).Unmatched
		}
		if got.Unmatched != 1 {
			t.Errorf("unmatched in the end: %d", got.Unmatched)
		}
		b.ends("delivered", "unknown", "accepted")
	},
	"what seems to have begun shortly after a receipt came may be what it is about": func(_ *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungTemplate)
		s.answered(1, delivery.RungTemplate, 0)
		again := b.running(announcement("again"), delivery.RungTemplate, s.learners)
		s.settle(s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true), accepted, true)
		// The clock of the machine that took the receipt had stood still: the receipt is the second one's.
		b.exec("UPDATE deliveries SET first_attempt_at = first_attempt_at + 100000 WHERE campaign_id = ?", int64(again.ID))
		b.keep(start.Add(10*time.Second), says(0, "0", "success", 110))
		b.join(start.Add(2 * time.Minute))
		b.ends("unknown", "accepted")
		b.exec("UPDATE deliveries SET first_attempt_at = first_attempt_at + 300000 WHERE campaign_id = ?", int64(again.ID))
		b.join(start.Add(4 * time.Minute)) // so long is no clock behind
		b.ends("delivered", "accepted")
	},
	"what was tried in vain yesterday and sent today waits for a receipt too": func(_ *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungTemplate)
		s.answered(1, delivery.RungTemplate, 0)
		b.running(announcement("again"), delivery.RungTemplate, s.learners)
		s.settle(s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true), accepted, true)
		b.exec("UPDATE deliveries SET first_attempt_at = first_attempt_at - ?, message_id = '' WHERE state = 'accepted'", (25 * time.Hour).Milliseconds())
		b.keep(start.Add(time.Minute), says(0, "0", "success", 50))
		b.join(start.Add(time.Minute))
		b.ends("unknown", "accepted") // either of the two
		b.exec("UPDATE deliveries SET updated_at = updated_at - ? WHERE state = 'accepted'", (25 * time.Hour).Milliseconds())
		b.join(start.Add(3 * time.Minute))
		b.ends("delivered", "accepted")
	},
	"a receipt that comes before the answer waits for it": func(_ *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungTemplate)
		d := s.by(s.claim("me", 1)[0], delivery.RungTemplate, "", true)
		b.keep(start, says(0, "m1", "success", 0))
		b.join(start)
		b.ends("sending")
		s.settle(d, accepted, true)
		b.join(start.Add(10 * time.Second))
		b.ends("delivered")
	},
	"what cannot be about it: another's phone, yesterday's send, a way without receipts": func(_ *testing.T, b *bundle) {
		s := b.sends(2, delivery.RungTemplate)
		s.answered(2, delivery.RungTemplate)
		b.keep(start.Add(time.Minute), says(1, "m0", "success", 5)) // the number of phone 0
		b.join(start.Add(time.Minute))
		b.ends("accepted", "accepted")
		b.keep(start.Add(25*time.Hour), says(0, "0", "success", 9)) // a day and an hour later
		b.join(start.Add(25 * time.Hour))
		b.ends("accepted", "accepted")
		b.exec("UPDATE deliveries SET rung = 'window'")
		b.keep(start.Add(2*time.Minute), says(0, "m0", "success", 8))
		b.join(start.Add(26 * time.Hour))
		b.ends("accepted", "accepted")
	},
	"many receipts are joined page by page, by two replicas, each once": func(t *testing.T, b *bundle) {
		const n = 120
		s := b.sends(n, delivery.RungTemplate)
		s.answered(n, delivery.RungTemplate)
		list := make([]channel.Receipt, n)
		for i := range list {
			list[i] = says(i, fmt.Sprint("m", i), "success", i)
		}
		b.keep(start.Add(time.Minute), list...)
		var delivered atomic.Int64
		var group sync.WaitGroup
		for _, replica := range []interface {
			JoinReceipts(ctx context.Context, now time.Time, limit int) (bot.Joined, error)
		}{b.s, b.open()} {
			group.Go(func() {
				for at := start.Add(time.Minute); ; at = at.Add(2 * time.Second) {
					j, err := replica.JoinReceipts(t.Context(), at, 25)
					if err != nil {
						t.Error(err)
						return
					}
					delivered.Add(int64(j.Delivered))
					if j.Looked == 0 {
						return
					}
				}
			})
		}
		group.Wait()
		b.join(start.Add(time.Hour))
		b.want([]string{fmt.Sprint("delivered|", n)}, "SELECT state, COUNT(*) FROM deliveries GROUP BY state")
		b.want([]string{fmt.Sprint(n)}, "SELECT COUNT(*) FROM moves WHERE to_state = 'delivered'")
	},
	"grants follow what people decide, in any order and doubled": func(t *testing.T, b *bundle) {
		b.bound(2)
		at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
		event := func(key string, second, phone int, template string, accepted, long bool, scene int) bot.GrantEvent {
			return bot.GrantEvent{Key: key, From: address(fmt.Sprint("o", phone)), At: at(second), Grant: channel.Grant{Template: template, Accepted: accepted}, Long: long, Scene: scene}
		}
		list := []bot.GrantEvent{
			event("a", 1, 0, "N", true, false, 0), event("b", 2, 0, "N", true, false, 0), // two one-time notices
			event("c", 1, 1, "N", true, false, 0), event("d", 5, 1, "N", false, false, 0), // taken back
			event("e", 3, 0, "L", true, true, 0),                                         // for good
			event("f", 4, 0, "O", true, false, 7), event("g", 5, 0, "O", true, false, 7), // one scene does not stack
			event("h", 4, 0, "O", true, false, 8),
			event("i", 6, 9, "N", true, false, 0), // somebody who never wrote
			event("a", 1, 0, "N", true, false, 0), // the first again
		}
		want := []string{"o0|L|0|-1", "o0|N|0|2", "o0|O|7|1", "o0|O|8|1", "o1|N|0|0", "o9|N|0|1"}
		rng := rand.New(rand.NewPCG(3, 5))
		for range 12 {
			b.exec("DELETE FROM grants")
			b.exec("DELETE FROM grant_events")
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for from := 0; from < len(list); {
				n := 1 + rng.IntN(len(list)-from)
				if err := b.s.ApplyGrants(t.Context(), at(10), list[from:from+n]); err != nil {
					t.Fatal(err)
				}
				from += n
			}
			got := b.rows("SELECT i.external_id, g.template, g.scene, g.left_count FROM grants g JOIN identities i ON i.id = g.identity_id ORDER BY i.external_id, g.template, g.scene")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("in the order %+v (-want +got):\n%s", list, diff)
			}
		}
	},
	"calls of a day are granted once over all replicas (Q1)": func(t *testing.T, b *bundle) {
		const limit = 1000
		ctx := t.Context()
		var granted atomic.Int64
		var group sync.WaitGroup
		for range 3 {
			s := b.open()
			group.Go(func() {
				for range 40 {
					n, err := s.ReserveCalls(ctx, "2026-03-02", "default", channel.WayNotice, 37, limit)
					if err != nil {
						t.Error(err)
						return
					}
					granted.Add(int64(n))
					if n > 30 {
						if err := s.ReturnCalls(ctx, "2026-03-02", "default", channel.WayNotice, 7); err != nil {
							t.Error(err)
						}
						granted.Add(-7)
					}
				}
			})
		}
		group.Wait()
		if n := granted.Load(); n != limit {
			t.Errorf("%d calls were granted of %d", n, limit)
		}
		for _, c := range []struct {
			day, account string
			way          channel.Way
			limit, left  int
			spent        bool
		}{
			{"2026-03-02", "default", channel.WayNotice, limit, 0, false}, {"2026-03-02", "default", channel.WayNotice, limit + 9, 9, false},
			{"2026-03-03", "default", channel.WayNotice, limit, limit, false}, {"2026-03-02", "other", channel.WayNotice, limit, limit, false},
			{"2026-03-02", "default", channel.WayMass, 100, 100, false},
		} {
			if left, spent, err := b.s.CallsLeft(ctx, c.day, c.account, c.way, c.limit); left != c.left || spent != c.spent || err != nil {
				t.Errorf("%+v: %d left, spent %v, %v", c, left, spent, err)
			}
		}
		// The platform has the last word for the day, also without a limit of ours.
		err := errors.Join(b.s.SpendCalls(ctx, "2026-03-03", "default", channel.WayNotice), b.s.SpendCalls(ctx, "2026-03-03", "default", channel.WayNotice))
		n, reserved := b.s.ReserveCalls(ctx, "2026-03-03", "default", channel.WayNotice, 5, 0)
		if err = errors.Join(err, reserved); n != 0 || err != nil {
			t.Errorf("after it is spent: %d, %v", n, err)
		}
		if n, err := b.s.ReserveCalls(ctx, "2026-03-04", "default", channel.WayNotice, 5, 0); n != 5 || err != nil {
			t.Errorf("without a limit: %d, %v", n, err)
		}
		if err := b.s.ReturnCalls(ctx, "2026-03-04", "default", channel.WayNotice, 99); err != nil {
			t.Error(err)
		}
		b.want([]string{"0"}, "SELECT used FROM calls WHERE day = '2026-03-04'")
	},
}
