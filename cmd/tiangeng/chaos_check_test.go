package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// What the chaos is checked by: functions of what people and the platform saw, and of what the rows say. Each
// returns the breaches that it finds, in words.

// fate is what one person's delivery says.
type fate struct {
	name, openid string
	state        delivery.State
	why          delivery.Why
	ambiguous    int // calls of which nobody knows the outcome
}

func (f fate) String() string {
	return fmt.Sprintf("%s (%s, %q, %d ambiguous)", f.name, f.state, f.why, f.ambiguous)
}

// wrongFates compares each person's row with what the person saw: D1 by name, D2, D3. audience are the openids of
// all who should have a row, with their names; seen counts by openid.
func wrongFates(audience map[string]string, seen map[string]int, rows []fate) (wrong []string) {
	breach := func(rule, format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)+" ("+rule+")") }
	has := map[string]int{}
	for _, f := range rows {
		has[f.openid]++
		n := seen[f.openid]
		if audience[f.openid] == "" {
			breach("D1", "%s is not of the audience", f)
		}
		if n > 1 && f.ambiguous == 0 {
			breach("D2", "%s saw it %d times, and it is not counted", f, n)
		}
		switch f.state {
		case delivery.Accepted, delivery.Delivered:
			if n == 0 {
				breach("D3", "%s never saw it", f)
			}
		case delivery.Unknown, delivery.Sending: // what is under way may have arrived
			if n > 1 {
				breach("D2", "%s saw it %d times", f, n)
			}
			if f.state == delivery.Unknown && f.ambiguous == 0 {
				breach("D2", "%s is not counted as ambiguous", f)
			}
		default:
			if n > 0 {
				breach("D3", "%s saw it", f)
			}
		}
	}
	for _, openid := range slices.Sorted(maps.Keys(audience)) {
		if has[openid] != 1 {
			breach("D1", "%s has %d rows", audience[openid], has[openid])
		}
	}
	for _, openid := range slices.Sorted(maps.Keys(seen)) {
		if has[openid] == 0 {
			breach("D3", "%s saw it and has no row", openid)
		}
	}
	return wrong
}

// wrongHours wants that nothing was seen before its hour, nor from the night on (D5).
func wrongHours(seen []sim.Seen, from, until time.Time) (wrong []string) {
	for _, x := range seen {
		if x.At.Before(from) || !x.At.Before(until) {
			wrong = append(wrong, fmt.Sprintf("something was sent at %s (D5)", x.At))
		}
	}
	return wrong
}

// stopTime is how long after a stop was committed a call may still begin (D4).
const stopTime = 5 * time.Second

// wrongStops wants that nobody was sent anything later than that after saying stop; stopped has the times by openid.
func wrongStops(seen []sim.Seen, stopped map[string]time.Time) (wrong []string) {
	for _, x := range seen {
		if at, said := stopped[x.OpenID]; said && x.At.Sub(at) > stopTime {
			wrong = append(wrong, fmt.Sprintf("%s was sent something %s after saying stop (D4)", x.OpenID, x.At.Sub(at)))
		}
	}
	return wrong
}

// wrongCalls wants that the calls of a day, by the platform's count and by ours, kept within the quota less the
// reserve, and that none was made that was not booked (Q1). quota 0 is none.
func wrongCalls(quota, reserve, counted, booked int) (wrong []string) {
	if counted == 0 || booked < counted {
		wrong = append(wrong, fmt.Sprintf("%d calls were booked, the platform counted %d (Q1)", booked, counted))
	}
	if most := quota - reserve; quota > 0 && max(counted, booked) > most {
		wrong = append(wrong, fmt.Sprintf("%d calls were counted and %d booked, of %d less %d (Q1)", counted, booked, quota, reserve))
	}
	return wrong
}

// otherHolder is how another program that has our secret names itself.
const otherHolder = "another-program/1.0"

// tokenSlack is by how much a replica's clock and the platform's may differ, and how long a call takes to arrive.
const tokenSlack = 5 * time.Second

// wrongRefreshes wants that our forced refreshes were one at a time, each booked before it was made, and the
// bookings at least half a minute apart and no more than a day allows (T1). The times of the bookings decide, as
// in our rule: a call may be slow to arrive.
func wrongRefreshes(asked []sim.Refresh, booked []time.Time) (wrong []string) {
	var before *sim.Refresh
	free := slices.SortedFunc(slices.Values(booked), time.Time.Compare)
	for i, at := range free {
		if i > 0 && at.Sub(free[i-1]) < wechat.ForcedGap {
			wrong = append(wrong, fmt.Sprintf("forced refreshes were booked %s apart, at %s (T1)", at.Sub(free[i-1]), at))
		}
		if i >= wechat.ForcedPerDay && at.Sub(free[i-wechat.ForcedPerDay]) < 24*time.Hour {
			wrong = append(wrong, fmt.Sprintf("more than %d forced refreshes within a day, at %s (T1)", wechat.ForcedPerDay, at))
		}
	}
	for _, r := range asked {
		if r.By == otherHolder {
			continue
		}
		if before != nil && (before.Answered.IsZero() || r.Asked.Before(before.Answered)) {
			wrong = append(wrong, fmt.Sprintf("two forced refreshes at a time, at %s (T1)", r.Asked))
		}
		before = &r
		i := slices.IndexFunc(free, func(at time.Time) bool { return r.Asked.Sub(at).Abs() <= tokenSlack })
		if i < 0 {
			wrong = append(wrong, fmt.Sprintf("a forced refresh at %s was booked by nobody (T1)", r.Asked))
			continue
		}
		free = slices.Delete(free, i, i+1)
	}
	return wrong
}

// look is what the database said at one moment of the chaos.
type look struct {
	at   time.Time // of this host
	away bool      // it did not answer
	rows int       // deliveries there are
	held []holding
}

// holding is a delivery that somebody holds, claimed or sending.
type holding struct {
	id, term int64 // each claim has a term of its own
	name     string
	state    delivery.State
}

// heldMost is a lease and the sweep that ends it, on a machine with other work (reliability §2.1).
const heldMost = 90 * time.Second

// wrongHolds wants that no row was held by one claim for longer than heldMost, not counting the time when the
// database was away (D6), and that no row went missing (D1). It returns the longest time too.
func wrongHolds(looks []look) (wrong []string, longest time.Duration) {
	type claim struct{ id, term int64 }
	held := map[claim]time.Duration{}
	told := map[claim]bool{}
	rows := 0
	for i, l := range looks {
		if l.away {
			continue
		}
		if l.rows < rows {
			wrong = append(wrong, fmt.Sprintf("there are %d deliveries where there were %d (D1)", l.rows, rows))
		}
		rows = l.rows
		for _, h := range l.held {
			c := claim{h.id, h.term}
			since, known := held[c]
			if known && i > 0 && !looks[i-1].away {
				since += l.at.Sub(looks[i-1].at)
			}
			held[c], longest = since, max(longest, since)
			if since > heldMost && !told[c] {
				told[c] = true
				wrong = append(wrong, fmt.Sprintf("%s has been %s for %s (D6)", h.name, h.state, since))
			}
		}
	}
	return wrong, longest
}

// What checks the chaos finds each of these breaches, and nothing where there is none.
func TestTheCheckersOfTheChaosFindWhatIsWrong(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	after := func(s int) time.Time { return at.Add(time.Duration(s) * time.Second) }
	audience := map[string]string{"o1": "学一", "o2": "学二"}
	good := fate{name: "学二", openid: "o2", state: delivery.Accepted}
	fates := func(f fate, n int) []string {
		f.name, f.openid = "学一", "o1"
		return wrongFates(audience, map[string]int{"o1": n, "o2": 1}, []fate{f, good})
	}
	sent := func(s int) []sim.Seen { return []sim.Seen{{At: after(s), OpenID: "o1"}} }
	refresh := func(from, to int, by string) sim.Refresh {
		r := sim.Refresh{Asked: after(from), By: by}
		if to > from {
			r.Answered = after(to)
		}
		return r
	}
	var daily []sim.Refresh
	var dailyBooked []time.Time
	for i := range 21 {
		daily, dailyBooked = append(daily, refresh(60*i, 60*i+1, "us")), append(dailyBooked, after(60*i))
	}
	// holds is a row held by one claim, seen every ten seconds; where the letter is "-" the database was away, "." is not
	// held, "n" by the next claim.
	holds := func(pattern string) []string {
		var looks []look
		for i, c := range pattern {
			l := look{at: after(10 * i), away: c == '-', rows: 2}
			switch c {
			case 'h':
				l.held = []holding{{1, 1, "学一", delivery.Sending}}
			case 'n':
				l.held = []holding{{1, 2, "学一", delivery.Claimed}}
			case 'm':
				l.rows = 1
			}
			looks = append(looks, l)
		}
		wrong, _ := wrongHolds(looks)
		return wrong
	}
	for name, c := range map[string]struct {
		found []string
		want  string // "" nothing
	}{
		"accepted and seen":                       {fates(fate{state: delivery.Accepted}, 1), ""},
		"accepted and never seen":                 {fates(fate{state: delivery.Accepted}, 0), "学一 (accepted, \"\", 0 ambiguous) never saw it (D3)"},
		"seen twice and not counted":              {fates(fate{state: delivery.Accepted}, 2), "saw it 2 times, and it is not counted (D2)"},
		"seen twice and counted":                  {fates(fate{state: delivery.Accepted, ambiguous: 1}, 2), ""},
		"unknown and not seen":                    {fates(fate{state: delivery.Unknown, ambiguous: 1}, 0), ""},
		"unknown and seen":                        {fates(fate{state: delivery.Unknown, ambiguous: 1}, 1), ""},
		"unknown and seen twice":                  {fates(fate{state: delivery.Unknown, ambiguous: 1}, 2), "saw it 2 times (D2)"},
		"unknown and not counted":                 {fates(fate{state: delivery.Unknown}, 1), "is not counted as ambiguous (D2)"},
		"failed and not seen":                     {fates(fate{state: delivery.Failed}, 0), ""},
		"failed and seen":                         {fates(fate{state: delivery.Failed}, 1), "(failed, \"\", 0 ambiguous) saw it (D3)"},
		"skipped and seen":                        {fates(fate{state: delivery.Skipped, why: delivery.WhyOptedOut}, 1), "saw it (D3)"},
		"pending and seen":                        {fates(fate{state: delivery.Pending}, 1), "saw it (D3)"},
		"somebody has no row":                     {wrongFates(audience, map[string]int{"o2": 1}, []fate{good}), "学一 has 0 rows (D1)"},
		"somebody has two rows":                   {wrongFates(audience, map[string]int{"o2": 1}, []fate{good, good, {openid: "o1", state: delivery.Pending}}), "学二 has 2 rows (D1)"},
		"a stranger has a row":                    {wrongFates(map[string]string{"o2": "学二"}, map[string]int{"o2": 1}, []fate{good, {name: "学九", openid: "o9", state: delivery.Pending}}), "学九 (pending, \"\", 0 ambiguous) is not of the audience (D1)"},
		"somebody saw it without a row":           {wrongFates(map[string]string{"o2": "学二"}, map[string]int{"o2": 1, "o9": 1}, []fate{good}), "o9 saw it and has no row (D3)"},
		"at its hour":                             {wrongHours(sent(0), after(0), after(10)), ""},
		"before its hour":                         {wrongHours(sent(-1), after(0), after(10)), "(D5)"},
		"in the night":                            {wrongHours(sent(10), after(0), after(10)), "(D5)"},
		"just after the stop":                     {wrongStops(sent(15), map[string]time.Time{"o1": after(10)}), ""},
		"long after the stop":                     {wrongStops(sent(16), map[string]time.Time{"o1": after(10)}), "o1 was sent something 6s after saying stop (D4)"},
		"another's stop":                          {wrongStops(sent(16), map[string]time.Time{"o2": after(10)}), ""},
		"within the quota":                        {wrongCalls(100, 10, 80, 90), ""},
		"without a quota":                         {wrongCalls(0, 0, 80, 90), ""},
		"more calls than booked":                  {wrongCalls(0, 0, 81, 80), "80 calls were booked, the platform counted 81 (Q1)"},
		"nothing was called":                      {wrongCalls(100, 10, 0, 90), "the platform counted 0 (Q1)"},
		"the reserve was used":                    {wrongCalls(100, 10, 91, 91), "91 calls were counted and 91 booked, of 100 less 10 (Q1)"},
		"the reserve was booked":                  {wrongCalls(100, 10, 80, 91), "(Q1)"},
		"forced twice, far apart":                 {wrongRefreshes([]sim.Refresh{refresh(0, 1, "us"), refresh(31, 32, "us")}, []time.Time{after(0), after(30)}), ""},
		"booked and never made":                   {wrongRefreshes(nil, []time.Time{after(0), after(30)}), ""},
		"another forces between":                  {wrongRefreshes([]sim.Refresh{refresh(0, 9, "us"), refresh(5, 6, otherHolder)}, []time.Time{after(0)}), ""},
		"two at a time":                           {wrongRefreshes([]sim.Refresh{refresh(0, 40, "us"), refresh(30, 31, "us")}, []time.Time{after(0), after(30)}), "two forced refreshes at a time"},
		"one without an answer, then another":     {wrongRefreshes([]sim.Refresh{refresh(0, 0, "us"), refresh(30, 31, "us")}, []time.Time{after(0), after(30)}), "two forced refreshes at a time"},
		"too soon":                                {wrongRefreshes([]sim.Refresh{refresh(0, 1, "us"), refresh(29, 30, "us")}, []time.Time{after(0), after(29)}), "booked 29s apart"},
		"not booked":                              {wrongRefreshes([]sim.Refresh{refresh(0, 1, "us"), refresh(40, 41, "us")}, []time.Time{after(0)}), "booked by nobody"},
		"one booking for two":                     {wrongRefreshes([]sim.Refresh{refresh(0, 1, "us"), refresh(2, 3, "us")}, []time.Time{after(0)}), "booked by nobody"},
		"twenty-one in a day":                     {wrongRefreshes(daily, dailyBooked), "more than 20 forced refreshes within a day"},
		"twenty in a day":                         {wrongRefreshes(daily[:20], dailyBooked[:20]), ""},
		"held for a lease and a sweep":            {holds("..hhhhhhhhhh.."), ""},
		"held for longer":                         {holds("..hhhhhhhhhhh.."), "学一 has been sending for 1m40s (D6)"},
		"held again by the next claim":            {holds("hhhhhhhnnnnnnn"), ""},
		"the database was away for a while of it": {holds("hhhhh-----hhhhh"), ""},
		"away, and still too long":                {holds("hhhhhh--hhhhhhhhh"), "(D6)"},
		"a row goes missing":                      {holds("..m.."), "there are 1 deliveries where there were 2 (D1)"},
	} {
		got := strings.Join(c.found, "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}
