package delivery

import (
	"bytes"
	"encoding/csv"
	"os"
	"strconv"
	"testing"
	"time"

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
