package delivery

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed ladder.csv
var ladderTable string

// Ladders returns the rules of ladder.csv: which rungs each kind may use, in which order, how often
// a day, and whether quiet hours hold. The map is the caller's.
func Ladders() map[Kind]Ladder {
	rules := parsedLadders()
	out := make(map[Kind]Ladder, len(rules))
	for _, r := range rules {
		out[r.Kind] = r.Ladder
	}
	return out
}

// LadderRule is one line of the table, for documents and forecasts.
type LadderRule struct {
	Kind Kind
	Ladder
	Note string // in Chinese, for trainers
}

// LadderRules returns the table in its order.
func LadderRules() []LadderRule { return slices.Clone(parsedLadders()) }

// The table is part of the program: a line that cannot be read is a mistake of ours, found by every
// test, so it panics.
var parsedLadders = sync.OnceValue(func() []LadderRule {
	rules, err := parseLadders(ladderTable)
	if err != nil {
		panic("delivery: ladder.csv: " + err.Error())
	}
	return rules
})

func parseLadders(table string) ([]LadderRule, error) {
	r := csv.NewReader(strings.NewReader(table))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	var rules []LadderRule
	for _, f := range rows[1:] {
		rule := LadderRule{Kind: Kind(f[0]), Note: f[4]}
		if !slices.Contains(Kinds(), rule.Kind) || slices.ContainsFunc(rules, func(o LadderRule) bool { return o.Kind == rule.Kind }) {
			return nil, fmt.Errorf("kind %q is unknown or there twice", f[0])
		}
		for _, word := range strings.Fields(f[1]) {
			rung := Rung(word)
			if rung.Way() == "" || slices.Contains(rule.Rungs, rung) {
				return nil, fmt.Errorf("%s: rung %q is unknown or there twice", rule.Kind, word)
			}
			rule.Rungs = append(rule.Rungs, rung)
		}
		if rule.PerDay, err = strconv.Atoi(f[2]); err != nil || rule.PerDay < 0 {
			return nil, fmt.Errorf("%s: per_day %q", rule.Kind, f[2])
		}
		if f[3] != "yes" && f[3] != "no" {
			return nil, fmt.Errorf("%s: quiet_hours %q", rule.Kind, f[3])
		}
		rule.Quiet = f[3] == "yes"
		rules = append(rules, rule)
	}
	return rules, nil
}
