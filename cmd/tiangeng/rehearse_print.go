package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/tiangeng/tiangeng/bot/delivery"
)

// printRehearsals writes a table with a column for each rehearsal, and the cost of growth.
func printRehearsals(out io.Writer, all []rehearsal) {
	row := func(what string, value func(r rehearsal) string) {
		fmt.Fprintf(out, "%-29s", what)
		for _, r := range all {
			fmt.Fprintf(out, "%12s", value(r))
		}
		fmt.Fprintln(out)
	}
	whole := func(n int) string { return strconv.Itoa(n) }
	mib := func(n int64) string { return strconv.FormatInt(n>>20, 10) + " MiB" }
	seconds := func(s float64) string { return strconv.FormatFloat(s, 'f', 2, 64) + " s" }
	row("people", func(r rehearsal) string { return whole(r.People) })
	row("database", func(r rehearsal) string { return r.Database })
	row("filling the fixture", func(r rehearsal) string { return seconds(r.FillTime) })
	row("planned and frozen in", func(r rehearsal) string { return seconds(r.PlanTime) })
	row("frozen rows", func(r rehearsal) string { return whole(r.Frozen) })
	row("sent in", func(r rehearsal) string { return seconds(r.SendTime) })
	row("dispatch, messages/s", func(r rehearsal) string { return whole(int(r.SendRate)) })
	if !all[0].Mass {
		row("bare client, messages/s", func(r rehearsal) string { return whole(int(r.BareRate)) })
		row("ratio", func(r rehearsal) string { return strconv.FormatFloat(r.Ratio, 'f', 2, 64) })
	}
	if slices.ContainsFunc(all, func(r rehearsal) bool { return r.Answers.People > 0 }) {
		milli := func(s float64) string { return strconv.FormatFloat(1000*s, 'f', 0, 64) + " ms" }
		row("people who wrote meanwhile", func(r rehearsal) string { return whole(r.Answers.People) })
		row("  half of them waited", func(r rehearsal) string { return milli(r.Answers.Half) })
		row("  99 of 100 waited", func(r rehearsal) string { return milli(r.Answers.Most) })
		row("  the longest wait", func(r rehearsal) string { return milli(r.Answers.Longest) })
		row("  told to write again", func(r rehearsal) string { return whole(r.Answers.Sorry) })
	}
	micro := func(c float64) string { return strconv.FormatFloat(c, 'f', 0, 64) + " µs" }
	row("CPU a message", func(r rehearsal) string { return micro(r.Cost.total()) })
	row("  of this program", func(r rehearsal) string { return micro(r.Cost.Program) })
	row("  of the database", func(r rehearsal) string { return micro(r.Cost.Database) })
	row("  of the platform", func(r rehearsal) string { return micro(r.Cost.Platform) })
	if !all[0].Mass {
		row("CPU a message, bare client", func(r rehearsal) string { return micro(r.BareCost.total()) })
		row("  of the platform", func(r rehearsal) string { return micro(r.BareCost.Platform) })
		row("ratio of CPU", func(r rehearsal) string {
			return strconv.FormatFloat(r.BareCost.total()/max(r.Cost.total(), 1), 'f', 2, 64)
		})
	}
	row("memory before", func(r rehearsal) string { return mib(r.IdleMemory) })
	row("memory, peak", func(r rehearsal) string { return mib(r.PeakMemory) })
	for _, state := range delivery.States() {
		if slices.ContainsFunc(all, func(r rehearsal) bool { return r.States[state] > 0 }) {
			row("rows "+string(state), func(r rehearsal) string { return whole(r.States[state]) })
		}
	}
	row("platform: reached", func(r rehearsal) string { return whole(r.Seen.Reached) })
	row("platform: reached twice", func(r rehearsal) string { return whole(r.Seen.Twice) })
	row("platform: busiest 10 s", func(r rehearsal) string { return whole(r.Seen.Busiest) })
	if slices.ContainsFunc(all, func(r rehearsal) bool { return r.Rate > 0 }) {
		row("rate allowed, messages/s", func(r rehearsal) string { return whole(r.Rate) })
		row("limiter error over 10 s", func(r rehearsal) string { return strconv.FormatFloat(100*r.RateError, 'f', 2, 64) + " %" })
	}
	row("calls the platform counted", func(r rehearsal) string { return whole(r.CallsUsed) })
	row("calls it allows a day", func(r rehearsal) string { return whole(r.CallsLimit) })
	if !all[0].Mass {
		row("days by the documented quota", func(r rehearsal) string { return whole(daysNeeded(r.People)) })
	}
	if len(all) == 2 {
		small, large := all[0], all[1]
		fmt.Fprintf(out, "%.1f times the people: %.2f times the planning, %.2f times the sending, %+d MiB at the peak\n",
			float64(large.People)/float64(small.People), large.PlanTime/small.PlanTime, large.SendTime/small.SendTime, (large.PeakMemory-small.PeakMemory)>>20)
	}
	for _, r := range all {
		for _, p := range r.Problems {
			fmt.Fprintf(out, "WRONG with %d people: %s\n", r.People, p)
		}
	}
}

// daysNeeded is how many days a push of one message each takes when nothing but the documented
// quota, less the reserve of the defaults, holds it up.
func daysNeeded(people int) int {
	const reserve = 1000
	return (people + documentedQuota - reserve - 1) / (documentedQuota - reserve)
}
