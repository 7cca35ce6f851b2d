package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

// step is an effect that leaves a row to count.
var step = conversation.Step{Name: "asked_name"}

func verdicts(list []bot.Commit) []bot.CommitVerdict {
	out := make([]bot.CommitVerdict, len(list))
	for i, c := range list {
		out[i] = c.Verdict
	}
	return out
}

var turnCases = map[string]func(*testing.T, *bundle){
	"a new identity begins with nothing and is kept": func(t *testing.T, b *bundle) {
		in := typed("hello", "o1")
		l := b.load(in, nothing)
		want := bot.Loaded{Facts: conversation.Facts{Now: start}}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Fatalf("a stranger (-want +got):\n%s", diff)
		}
		id := b.done(start, in, step)
		l = b.load(typed("next", "o1"), nothing)
		snapshot := bot.Snapshot{
			Identity: conversation.Identity{ID: id, Following: true}, Seq: 1,
			State: conversation.State{V: conversation.StateVersion, Mode: conversation.ModeConfirm, Confirm: "hello"},
		}
		want = bot.Loaded{Snapshot: snapshot, Facts: conversation.Facts{Now: start, Identity: snapshot.Identity}}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("after a turn (-want +got):\n%s", diff)
		}
	},
	"the same message again is answered, and repeated when it is committed": func(t *testing.T, b *bundle) {
		in := typed("hello", "o1")
		first := b.turn(in, step)
		if c := b.s.CommitTurns(t.Context(), start, []conversation.Turn{first})[0]; c.Verdict != bot.CommitDone {
			t.Fatal(c)
		}
		if l := b.load(in, nothing); !l.Answered || l.Reply.Text != "re hello" {
			t.Errorf("loaded %+v", l)
		}
		again := first
		again.Reply = channel.Text("another")
		cached := b.turn(typed("x", "o1"), step) // a cached snapshot hides that the key was seen
		cached.In = in
		for name, turn := range map[string]conversation.Turn{"stale": again, "fresh state": cached} {
			if c := b.s.CommitTurns(t.Context(), start, []conversation.Turn{turn})[0]; c.Verdict != bot.CommitRepeated || c.Reply.Text != "re hello" {
				t.Errorf("%s: %+v", name, c)
			}
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM funnel_steps")
	},
	"a silent reply is stored as one": func(t *testing.T, b *bundle) {
		turn := b.turn(typed("hello", "o1"))
		turn.Reply = channel.Message{}
		b.s.CommitTurns(t.Context(), start, []conversation.Turn{turn})
		if l := b.load(turn.In, nothing); !l.Answered || !l.Reply.Silent() {
			t.Errorf("loaded %+v", l)
		}
	},
	"a cached snapshot spares the read and a stale one loses": func(t *testing.T, b *bundle) {
		b.done(start, typed("one", "o1"))
		snapshot := b.load(typed("two", "o1"), nothing).Snapshot
		b.done(start, typed("two", "o1"))
		in := typed("three", "o1")
		list, err := b.s.LoadTurns(t.Context(), start, []bot.LoadRequest{{In: in, Cached: &snapshot}}, nothing)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(snapshot, list[0].Snapshot); diff != "" {
			t.Fatal(diff)
		}
		turn := conversation.Turn{In: in, Identity: snapshot.Identity, Seq: snapshot.Seq, Effects: []conversation.Effect{step}}
		if c := b.s.CommitTurns(t.Context(), start, []conversation.Turn{turn})[0]; c.Verdict != bot.CommitLost {
			t.Errorf("verdict %+v", c)
		}
		b.want([]string{"0"}, "SELECT COUNT(*) FROM funnel_steps")
		b.want([]string{"2"}, "SELECT seq FROM identities")
	},
	"no turns are no trouble": func(t *testing.T, b *bundle) {
		if c := b.s.CommitTurns(t.Context(), start, nil); len(c) != 0 {
			t.Error(c)
		}
		if l, err := b.s.LoadTurns(t.Context(), start, nil, nothing); len(l) != 0 || err != nil {
			t.Error(l, err)
		}
	},
	"two replicas and one message, 300 times: one effect, one reply": func(t *testing.T, b *bundle) {
		other := b.open()
		for i := range 300 {
			in := typed(fmt.Sprint("m", i), fmt.Sprint("o", i%7))
			mine := b.turn(in, step)
			theirs := mine
			mine.Reply, theirs.Reply = channel.Text("mine"), channel.Text("theirs")
			var one, two bot.Commit
			var group sync.WaitGroup
			group.Go(func() { one = b.s.CommitTurns(t.Context(), start, []conversation.Turn{mine})[0] })
			group.Go(func() { two = other.CommitTurns(t.Context(), start, []conversation.Turn{theirs})[0] })
			group.Wait()
			good := one.Verdict == bot.CommitDone && two.Verdict == bot.CommitRepeated || two.Verdict == bot.CommitDone && one.Verdict == bot.CommitRepeated
			if !good || one.Reply.Text != two.Reply.Text || one.Reply.Text == "" {
				t.Fatalf("message %d: %+v and %+v", i, one, two)
			}
		}
		b.want([]string{"300"}, "SELECT COUNT(*) FROM funnel_steps")
		b.want([]string{"300"}, "SELECT COUNT(*) FROM inbox")
		b.want([]string{"300|7"}, "SELECT SUM(seq), COUNT(*) FROM identities")
	},
	"two first messages of one person race: one is lost and goes on": func(t *testing.T, b *bundle) {
		other := b.open()
		for i := range 40 {
			openid := fmt.Sprint("new", i)
			mine, theirs := b.turn(typed("a"+openid, openid), step), b.turn(typed("b"+openid, openid), step)
			var one, two bot.Commit
			var group sync.WaitGroup
			group.Go(func() { one = b.s.CommitTurns(t.Context(), start, []conversation.Turn{mine})[0] })
			group.Go(func() { two = other.CommitTurns(t.Context(), start, []conversation.Turn{theirs})[0] })
			group.Wait()
			got := map[bot.CommitVerdict]int{one.Verdict: 1}
			got[two.Verdict]++
			if diff := cmp.Diff(map[bot.CommitVerdict]int{bot.CommitDone: 1, bot.CommitLost: 1}, got); diff != "" {
				t.Fatalf("%s: %v, %v", diff, one.Err, two.Err)
			}
			lost := mine.In
			if two.Verdict == bot.CommitLost {
				lost = theirs.In
			}
			b.done(start, lost, step)
		}
		b.want([]string{"40"}, "SELECT COUNT(*) FROM identities")
		b.want([]string{"80"}, "SELECT COUNT(*) FROM funnel_steps")
	},
	"a poison turn fails alone": func(t *testing.T, b *bundle) {
		b.done(start, typed("before", "o2"))
		repeated := typed("seen", "o4")
		b.done(start, repeated)
		var turns []conversation.Turn
		for i := range 8 {
			turns = append(turns, b.turn(typed(fmt.Sprint("m", i), fmt.Sprint("o", i)), step))
		}
		turns[1].Effects = append(turns[1].Effects, conversation.Step{Name: "found", Why: strings.Repeat("x", 500)})
		turns[2].Seq += 5
		turns[3].In.Key = "no key"
		turns[4].In = repeated
		turns[6].Effects = append(turns[6].Effects, nil)
		got := b.s.CommitTurns(t.Context(), start, turns)
		want := []bot.CommitVerdict{
			bot.CommitDone, bot.CommitFailed, bot.CommitLost, bot.CommitFailed, bot.CommitRepeated, bot.CommitDone, bot.CommitFailed, bot.CommitDone,
		}
		if diff := cmp.Diff(want, verdicts(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for i, c := range got {
			if (c.Verdict == bot.CommitFailed) != (c.Err != nil && c.Identity == 0 && c.Reply.Silent()) && c.Verdict != bot.CommitLost {
				t.Errorf("turn %d: %+v", i, c)
			}
		}
		b.want([]string{"3"}, "SELECT COUNT(*) FROM funnel_steps")
	},
	"sixteen lanes commit different people": func(t *testing.T, b *bundle) {
		const lanes, rounds, people = 16, 6, 8
		other := b.open()
		var group sync.WaitGroup
		for lane := range lanes {
			s := []bot.Store{b.s, other}[lane%2]
			group.Go(func() {
				for round := range rounds {
					requests := make([]bot.LoadRequest, people)
					turns := make([]conversation.Turn, people)
					for p := range requests {
						requests[p].In = typed(fmt.Sprint(lane, " ", round, " ", p), fmt.Sprint("o", lane, "-", p))
					}
					loaded, err := s.LoadTurns(t.Context(), start, requests, nothing)
					if err != nil {
						t.Error(err)
						return
					}
					for p, l := range loaded {
						turns[p] = conversation.Turn{In: requests[p].In, Identity: l.Snapshot.Identity, Seq: l.Snapshot.Seq, Effects: []conversation.Effect{step}, Reply: channel.Text("r")}
					}
					for _, c := range s.CommitTurns(t.Context(), start, turns) {
						if c.Verdict != bot.CommitDone {
							t.Errorf("%s: %v", c.Verdict, c.Err)
						}
					}
				}
			})
		}
		group.Wait()
		b.want([]string{fmt.Sprint(lanes*people, "|", rounds, "|", rounds)}, "SELECT COUNT(*), MIN(seq), MAX(seq) FROM identities")
		b.want([]string{fmt.Sprint(lanes * people * rounds)}, "SELECT COUNT(*) FROM funnel_steps")
	},
	"batches of 64 find each his own": func(t *testing.T, b *bundle) {
		for round := range 3 {
			requests := make([]bot.LoadRequest, 64)
			for p := range requests {
				requests[p].In = typed(fmt.Sprint(round, " ", p), fmt.Sprint("o", p))
			}
			loaded, err := b.s.LoadTurns(t.Context(), start, requests, nothing)
			if err != nil {
				t.Fatal(err)
			}
			turns := make([]conversation.Turn, len(loaded))
			for p, l := range loaded {
				if round > 0 && l.Snapshot.State.Confirm != fmt.Sprint(round-1, " ", p) {
					t.Fatalf("round %d, person %d has the state %+v", round, p, l.Snapshot)
				}
				in := requests[p].In
				turns[p] = conversation.Turn{In: in, Identity: l.Snapshot.Identity, Seq: l.Snapshot.Seq, After: conversation.State{Confirm: in.Text}, Reply: channel.Text(in.Text)}
			}
			if round == 2 { // the batch in another order
				turns[0], turns[63] = turns[63], turns[0]
			}
			for i, c := range b.s.CommitTurns(t.Context(), start, turns) {
				if c.Verdict != bot.CommitDone || c.Reply.Text != turns[i].In.Text {
					t.Fatalf("turn %d: %+v", i, c)
				}
			}
		}
		b.want([]string{"64|3|3"}, "SELECT COUNT(*), MIN(seq), MAX(seq) FROM identities")
	},
	"addresses that differ by case, blanks or length are different people": func(t *testing.T, b *bundle) {
		list := []string{"oAbC", "oabc", "oAbC ", " oAbC", "oÄ", "oA", "oé", strings.Repeat("o", 64)}
		seen := map[conversation.IdentityID]string{}
		for _, openid := range list {
			id := b.done(start, typed("hello "+openid, openid))
			if before, taken := seen[id]; taken {
				t.Errorf("%q is the same as %q", openid, before)
			}
			seen[id] = openid
		}
		for id, openid := range seen {
			if l := b.load(typed("again "+openid, openid), nothing); l.Snapshot.Identity.ID != id || l.Snapshot.State.Confirm != "hello "+openid {
				t.Errorf("%q is loaded as %+v", openid, l.Snapshot)
			}
		}
		long := b.turn(typed("long", strings.Repeat("o", 65)))
		if c := b.s.CommitTurns(t.Context(), start, []conversation.Turn{long})[0]; c.Verdict != bot.CommitFailed {
			t.Errorf("an address too long: %+v", c)
		}
		b.want([]string{fmt.Sprint(len(list))}, "SELECT COUNT(*) FROM identities")
	},
}
