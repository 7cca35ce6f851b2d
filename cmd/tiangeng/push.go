package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

type pushCmd struct {
	configFlag
	Date   string `required:"" help:"Day in Asia/Shanghai, 2026-12-01, or today." placeholder:"DAY"`
	Cohort string `help:"Only this class (code)."`
	DryRun bool   `help:"Only say what would happen: who can be reached, who waits for the pull, and why."`
	JSON   bool   `help:"Print JSON."`
}

func (c *pushCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	a, err := openApp(ctx, cfg, logger(cfg, p.stderr), appOptions{})
	if err != nil {
		return err
	}
	defer closing(a)
	day := study.Day(c.Date)
	if c.Date == "today" {
		day = study.DayOf(a.clock.Now())
	}
	reports, err := a.service.PushDay(ctx, day, c.Cohort, c.DryRun)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(reports)
	}
	return printPush(p, reports, c.DryRun, a.subject.phrases)
}

// printPush writes what a trainer wants to know: how many can be reached, and why the others not.
func printPush(p *program, reports []bot.PushReport, dryRun bool, phrases *content.Phrases) error {
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	for _, r := range reports {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Cohort, r.Name, r.DueAt.In(study.Zone).Format("2006-01-02 15:04"))
		if r.Skipped != "" {
			fmt.Fprintf(w, "  %s\n", phrases.Say("push."+string(r.Skipped)))
		}
		if dryRun && r.Planned > 0 {
			would := 0
			for _, n := range r.Rungs {
				would += n
			}
			fmt.Fprintf(w, "  %s\t%d\n", phrases.Say("push.would_send"), would)
			printReasons(w, r.Waiting, phrases)
		}
		if r.Summary != nil {
			fmt.Fprintf(w, "  %s\t%d\n", phrases.Say("push.audience"), r.Summary.Audience)
			for _, state := range slices.Sorted(keys(r.Summary.States)) {
				fmt.Fprintf(w, "  %s\t%d\n", phrases.Say("push.state_"+string(state)), r.Summary.States[state])
			}
			printReasons(w, r.Summary.Reasons, phrases)
			fmt.Fprintf(w, "  %s\t%d\n", phrases.Say("push.pulled"), r.Summary.Pulled)
		}
	}
	return w.Flush()
}

func printReasons(w *tabwriter.Writer, reasons map[delivery.Why]int, phrases *content.Phrases) {
	for _, why := range slices.Sorted(keys(reasons)) {
		if why != delivery.WhyNone && reasons[why] > 0 {
			fmt.Fprintf(w, "    %s\t%d\n", phrases.Say("why."+string(why)), reasons[why])
		}
	}
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
