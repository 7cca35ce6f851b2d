package delivery

import (
	"bytes"
	"encoding/csv"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
)

var quiet = Policy{QuietFrom: 21 * time.Hour, QuietUntil: 7 * time.Hour}

// ladderCase is one line of testdata/ladder.csv.
type ladderCase struct {
	name          string
	now, deadline time.Time
	facts         Facts
	account       Account
	policy        Policy
	rung          Rung
	why           Why
}

func ladder(t *testing.T) []ladderCase {
	t.Helper()
	data, err := os.ReadFile("testdata/ladder.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cases := make([]ladderCase, 0, len(rows))
	for _, f := range rows {
		clock, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-24 "+f[1], shanghai)
		if err != nil {
			t.Fatal(err)
		}
		minutes := func(s string) time.Time {
			if s == "" {
				return time.Time{}
			}
			m, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return clock.Add(time.Duration(m * float64(time.Minute)))
		}
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		p := quiet
		p.KeepFree = number(f[10])
		cases = append(cases, ladderCase{
			name: f[0], now: clock, deadline: minutes(f[11]), account: Account{Window: f[9] == "y"}, policy: p, rung: Rung(f[12]), why: Why(f[13]),
			facts: Facts{
				TypedAt: minutes(f[2]), TapAt: minutes(f[3]), SentSince: number(f[4]),
				Bound: f[5] == "y", Following: f[6] == "y", Push: people.Push(f[7]), Due: f[8] == "y",
			},
		})
	}
	return cases
}

func TestLadder(t *testing.T) {
	t.Parallel()
	for _, c := range ladder(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Plan(c.facts, c.account, c.policy, Request{Kind: KindLesson, Due: c.now, Deadline: c.deadline}, c.now)
			if got.Rung != c.rung || got.Why != c.why {
				t.Errorf("Plan = %s %q, want %s %q", got.Rung, got.Why, c.rung, c.why)
			}
		})
	}
}

// No decision sends outside window, quota, quiet hours or deadline (D5), and equal facts give
// equal decisions.
func TestNoDecisionBreaksARule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 24, 0, 0, 0, 0, shanghai).Add(time.Duration(rapid.IntRange(0, 7*24*3600).Draw(t, "now")) * time.Second)
		ago := func(label string) time.Time {
			n := rapid.IntRange(-1, 60*3600).Draw(t, label)
			if n < 0 {
				return time.Time{}
			}
			return now.Add(-time.Duration(n) * time.Second)
		}
		f := Facts{
			Bound: rapid.Bool().Draw(t, "bound"), Following: rapid.Bool().Draw(t, "following"), Due: rapid.Bool().Draw(t, "due"),
			Push:    rapid.SampledFrom([]people.Push{people.PushOn, people.PushPaused, people.PushOff}).Draw(t, "push"),
			TypedAt: ago("typed"), TapAt: ago("tap"), SentSince: rapid.IntRange(0, 6).Draw(t, "sent"),
		}
		p := Policy{
			KeepFree:  rapid.IntRange(0, 4).Draw(t, "keep"),
			QuietFrom: time.Duration(rapid.IntRange(0, 23).Draw(t, "from")) * time.Hour, QuietUntil: time.Duration(rapid.IntRange(0, 23).Draw(t, "until")) * time.Hour,
		}
		deadline := now.Add(time.Duration(rapid.IntRange(-60, 16*60).Draw(t, "deadline")) * time.Minute)
		a := Account{Window: rapid.Bool().Draw(t, "window")}
		r := Request{Kind: KindLesson, Due: now, Deadline: deadline}
		d := Plan(f, a, p, r, now)
		if again := Plan(f, a, p, r, now); !cmp.Equal(again, d) {
			t.Fatalf("not deterministic: %+v then %+v", d, again)
		}
		if d.Rung == RungPull {
			if d.Why == WhyNone {
				t.Fatal("waits for the pull without a reason")
			}
			return
		}
		at := now
		if !d.NotBefore.IsZero() {
			at = d.NotBefore
		}
		left, until := Left(f, at)
		switch {
		case !f.Bound || !f.Following || !f.Due || f.Push != people.PushOn || !a.Window:
			t.Fatalf("sends to somebody who may not be sent to: %+v", f)
		case left <= p.KeepFree || !at.Before(until):
			t.Fatalf("sends outside the window: left %d until %v, %+v", left, until, d)
		case !at.Before(deadline) || d.NotAfter.After(deadline):
			t.Fatalf("sends after the deadline %v: %+v", deadline, d)
		case p.quietEnd(Ladder{Quiet: true}, at) != at:
			t.Fatalf("sends in quiet hours at %v: %+v", at, p)
		}
	})
}
