package delivery

import (
	"bytes"
	"encoding/csv"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

type wayCase struct {
	name string
	question
	rungs, at string
	why       Why
}

// ways reads testdata/ways.csv; its head says what the columns mean.
func ways(t *testing.T) []wayCase {
	t.Helper()
	data, err := os.ReadFile("testdata/ways.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var cases []wayCase
	for _, f := range rows {
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatalf("%s: %v", f[0], err)
			}
			return n
		}
		at, err := time.ParseInLocation("2006-01 2 15:04", "2026-11 "+f[2], shanghai)
		if err != nil {
			t.Fatal(err)
		}
		c := wayCase{name: f[0], rungs: f[12], at: f[13], why: Why(f[14])}
		bits := 0
		for i, right := range []string{"L", "N", "O", "T", "M"} {
			if strings.Contains(f[3], right) {
				bits |= 1 << i
			}
		}
		if strings.Contains(f[3], "n") {
			bits |= 2
		}
		c.f, c.a = opened(Kind(f[1]), bits)
		if strings.Contains(f[3], "n") {
			c.f.Grants[0].Left = 0
		}
		c.p, c.now = quiet, at
		c.p.KeepFree = 2
		if f[4] != "" {
			c.f.TypedAt = at.Add(-time.Duration(number(f[4])) * time.Hour)
		}
		c.f.SentSince, c.f.Contacts, c.f.Mass, c.f.Refusing = number(f[5]), number(f[6]), number(f[7]), f[8] == "y"
		c.a.Spent = map[Rung]bool{}
		for _, r := range strings.Fields(f[9]) {
			c.f.Tried = append(c.f.Tried, Rung(r))
		}
		for _, r := range strings.Fields(f[10]) {
			c.a.Spent[Rung(r)] = true
		}
		c.r = Request{Kind: Kind(f[1]), Due: at, Deadline: at.Add(time.Duration(number(f[11])) * time.Hour)}
		cases = append(cases, c)
	}
	return cases
}

func TestWays(t *testing.T) {
	t.Parallel()
	for _, c := range ways(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := c.check(t)
			words := []string{string(d.Rung)}
			for _, r := range d.Next {
				words = append(words, string(r))
			}
			at := ""
			if !d.NotBefore.IsZero() {
				at = d.NotBefore.In(shanghai).Format("2 15:04")
			}
			if got := strings.Join(words, " "); got != c.rungs || at != c.at || d.Why != c.why {
				t.Errorf("Plan = %q at %q because %q, want %q at %q because %q", got, at, d.Why, c.rungs, c.at, c.why)
			}
		})
	}
}
