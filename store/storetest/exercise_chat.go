package storetest

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

// mark says that the sender of a message was told "not recorded".
func (b *bundle) mark(in channel.Inbound) {
	b.t.Helper()
	if err := b.s.MarkUnconfirmed(b.t.Context(), []channel.Inbound{in}); err != nil {
		b.t.Fatalf("MarkUnconfirmed: %v", err)
	}
}

var unconfirmedCases = map[string]func(*testing.T, *bundle){
	"a committed message that was called unrecorded is shown first": func(t *testing.T, b *bundle) {
		in := typed("B", "o1")
		b.done(start, in)
		cached := b.load(typed("B again", "o1"), nothing).Snapshot
		b.mark(in)
		l := b.load(typed("B again", "o1"), nothing)
		want := &conversation.Unconfirmed{Key: in.Key, Reply: channel.Text("re B")}
		if diff := cmp.Diff(want, l.Facts.Unconfirmed); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		stale := conversation.Turn{In: typed("B again", "o1"), Identity: cached.Identity, Seq: cached.Seq, Effects: []conversation.Effect{step}}
		if c := b.s.CommitTurns(t.Context(), start, []conversation.Turn{stale})[0]; c.Verdict != bot.CommitLost {
			t.Errorf("a cached copy hid the mark: %+v", c)
		}
		b.done(start, typed("B again", "o1"), conversation.Confirmed{})
		if l := b.load(typed("C", "o1"), nothing); l.Facts.Unconfirmed != nil {
			t.Errorf("the mark stays after Confirmed: %+v", l.Facts.Unconfirmed)
		}
	},
	"marking again changes nothing": func(t *testing.T, b *bundle) {
		in := typed("B", "o1")
		b.done(start, in)
		b.mark(in)
		b.mark(in)
		b.want([]string{"2"}, "SELECT seq FROM identities")
		b.done(start, typed("B again", "o1"), conversation.Confirmed{})
		b.mark(in) // another replica is late
		if l := b.load(typed("C", "o1"), nothing); l.Facts.Unconfirmed != nil {
			t.Errorf("a late mark came back: %+v", l.Facts.Unconfirmed)
		}
	},
	"nothing is marked when the conversation went on, though the clock stood still": func(t *testing.T, b *bundle) {
		in := typed("B", "o1")
		b.done(start, in)
		b.done(start, typed("C", "o1"))
		b.mark(in)
		if l := b.load(typed("D", "o1"), nothing); l.Facts.Unconfirmed != nil {
			t.Errorf("marked: %+v", l.Facts.Unconfirmed)
		}
		b.want([]string{"2"}, "SELECT seq FROM identities")
	},
	"the newest message is marked though the clock went back": func(t *testing.T, b *bundle) {
		b.done(start.Add(time.Minute), typed("B", "o1"))
		b.done(start, typed("C", "o1"))
		b.mark(typed("C", "o1"))
		if l := b.load(typed("D", "o1"), nothing); l.Facts.Unconfirmed == nil || l.Facts.Unconfirmed.Reply.Text != "re C" {
			t.Errorf("facts: %+v", l.Facts)
		}
	},
	"a message that was not committed is not marked": func(t *testing.T, b *bundle) {
		b.done(start, typed("A", "o1"))
		b.mark(typed("B", "o1"))
		b.mark(typed("B", "stranger"))
		if l := b.load(typed("B", "o1"), nothing); l.Facts.Unconfirmed != nil || l.Snapshot.Seq != 1 {
			t.Errorf("loaded: %+v", l)
		}
	},
	"the mark waits for a commit that is still on its way": func(t *testing.T, b *bundle) {
		b.done(start, typed("A", "o1"))
		in := typed("B", "o1")
		tx, err := b.raw.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		// What a commit does that nobody waits for any more.
		raw := unhex(in.Key)
		for _, q := range []struct {
			text string
			args []any
		}{
			{"UPDATE identities SET seq = seq + 1 WHERE external_id = ?", []any{"o1"}},
			{"INSERT INTO inbox (message_key, identity_id, seq, reply, committed_at) SELECT ?, id, seq, '{\"kind\":\"text\",\"text\":\"late\"}', ? FROM identities", []any{raw, start.UnixMilli()}},
		} {
			if _, err := tx.ExecContext(t.Context(), q.text, q.args...); err != nil {
				t.Fatal(err)
			}
		}
		marked := make(chan error, 1)
		go func() { marked <- b.s.MarkUnconfirmed(t.Context(), []channel.Inbound{in}) }()
		eventually(t, "a waiting mark", func() bool { return b.waiting() })
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-marked; err != nil {
			t.Fatal(err)
		}
		if l := b.load(typed("C", "o1"), nothing); l.Facts.Unconfirmed == nil || l.Facts.Unconfirmed.Reply.Text != "late" {
			t.Errorf("facts: %+v", l.Facts)
		}
	},
}

// contact is a message of that kind and time.
func contact(word string, c channel.Contact, at time.Time) channel.Inbound {
	in := typed(word, "o1")
	in.Contact, in.At = c, at
	return in
}

var contactCases = map[string]func(*testing.T, *bundle){
	"times of contact are the platform's and count the sends anew": func(t *testing.T, b *bundle) {
		const query = "SELECT typed_at, tap_at, sent_since FROM identities"
		check := func(typedAt, tapAt time.Time, sent int) {
			t.Helper()
			ms := func(at time.Time) int64 {
				if at.IsZero() {
					return 0
				}
				return at.UnixMilli()
			}
			b.want([]string{fmt.Sprint(ms(typedAt), "|", ms(tapAt), "|", sent)}, query)
		}
		sent := func(n int) { b.exec("UPDATE identities SET sent_since = ?", n) }
		never, later := time.Time{}, start.Add(90*time.Hour) // the service's own clock does not matter
		tap := start.Add(time.Hour)
		b.done(later, contact("0", channel.ContactTap, tap))
		check(never, tap, 0)
		sent(2)
		b.done(later, contact("1", channel.ContactNone, start.Add(2*time.Hour)))
		check(never, tap, 2)
		talk := start.Add(3 * time.Hour)
		b.done(later, contact("2", channel.ContactTyped, talk))
		check(talk, tap, 0)
		sent(3)
		inside := talk.Add(47 * time.Hour)
		b.done(later, contact("3", channel.ContactTap, inside)) // the window of the typed one is wider
		check(talk, inside, 3)
		outside := talk.Add(49 * time.Hour)
		b.done(later, contact("4", channel.ContactTap, outside))
		check(talk, outside, 0)
		sent(4)
		b.done(later, contact("5", channel.ContactTyped, talk.Add(-time.Hour))) // comes late: it opens nothing
		check(talk, outside, 4)
		again := outside.Add(time.Hour)
		b.done(later, contact("6", channel.ContactTyped, again))
		check(again, outside, 0)
	},
	"who writes follows, whatever a late refusal said": func(_ *testing.T, b *bundle) {
		b.done(start, typed("1", "o1"))
		b.exec("UPDATE identities SET following = 0")
		b.done(start, typed("2", "o1"))
		b.want([]string{"1"}, "SELECT following FROM identities")
	},
	"a batch keeps everybody's own times": func(t *testing.T, b *bundle) {
		for _, o := range []string{"a", "b", "c"} {
			b.done(start, typed("hello "+o, o))
		}
		b.exec("UPDATE identities SET sent_since = 1")
		turns := []conversation.Turn{b.turn(typed("2 a", "a")), b.turn(typed("2 b", "b")), b.turn(typed("2 c", "c"))}
		turns[0].In.At = start.Add(time.Second)
		turns[1].In.Contact, turns[1].In.At = channel.ContactTap, start.Add(2*time.Second)
		turns[2].In.Contact = channel.ContactNone
		b.s.CommitTurns(t.Context(), start, turns)
		s := start.UnixMilli()
		b.want([]string{fmt.Sprint("a|", s+1000, "|0|0"), fmt.Sprint("b|", s, "|", s+2000, "|1"), fmt.Sprint("c|", s, "|0|1")},
			"SELECT external_id, typed_at, tap_at, sent_since FROM identities ORDER BY external_id")
	},
}

// waiting reports whether a statement waits for a row of identities. SQLite does not tell: there
// whoever comes later waits for the whole transaction.
func (b *bundle) waiting() bool {
	b.t.Helper()
	if b.s.Engine(b.t.Context())[:6] == "SQLite" {
		return true
	}
	return b.number(`SELECT COUNT(*) FROM information_schema.processlist
		WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%identities%FOR UPDATE%'`) > 0
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
