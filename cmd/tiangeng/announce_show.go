package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/content"
)

type announceListCmd struct {
	configFlag
	All   bool `help:"Also lessons, reminders and digests, which the program makes itself."`
	Limit int  `default:"20" help:"How many, 1 to 1000."`
	JSON  bool `help:"Print JSON."`
}

func (c *announceListCmd) run(ctx context.Context, p *program) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return misuse{"--limit must be 1 to 1000"}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	kinds := []delivery.Kind{delivery.KindAnnouncement, delivery.KindUrgent}
	if c.All {
		kinds = nil
	}
	list, err := a.service.Campaigns(ctx, people.Everyone(), kinds, 0, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		if list == nil {
			list = []bot.Campaign{}
		}
		return printJSON(p, list)
	}
	return newNoticeboard(p.stdout, a).list(list)
}

type announceShowCmd struct {
	campaignFlag
	Watch bool `help:"Wait until it is finished, with its progress on standard error, and show it then."`
}

func (c *announceShowCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	read := func(ctx context.Context) (bot.CampaignSummary, error) {
		return a.service.CampaignSummary(ctx, people.Everyone(), c.ID)
	}
	s, err := read(ctx)
	if err == nil && c.Watch {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		s, err = watch(ctx, s, ticker.C, read, progressLine(p.stderr, a.subject.phrases))
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, s)
	}
	return newNoticeboard(p.stdout, a).summary(s)
}

// watchEvery is how often a watched announcement is counted.
const watchEvery = 2 * time.Second

// watch reads at every tick until nothing is left to do, and returns the last reading.
func watch(ctx context.Context, s bot.CampaignSummary, ticks <-chan time.Time, read func(context.Context) (bot.CampaignSummary, error), show func(bot.CampaignSummary, bool)) (bot.CampaignSummary, error) {
	for !settled(s) {
		show(s, false)
		select {
		case <-ctx.Done():
			show(s, true)
			return s, nil // whoever stops watching still wants to see how far it is
		case <-ticks:
		}
		var err error
		if s, err = read(ctx); err != nil {
			if ctx.Err() != nil {
				return s, nil //nolint:nilerr // stopped watching in the middle of a reading
			}
			return s, err
		}
	}
	show(s, true)
	return s, nil
}

// settled reports that watching longer shows nothing new: a draft or one that waits for its release
// has nothing to watch.
func settled(s bot.CampaignSummary) bool {
	switch s.Campaign.Status {
	case bot.CampaignRunning, bot.CampaignCancelled:
		return s.Finished
	case bot.CampaignScheduled, bot.CampaignFreezing:
		return false
	}
	return true
}

// progressLine writes the progress over itself when w is a terminal, and nothing else.
func progressLine(w io.Writer, phrases *content.Phrases) func(bot.CampaignSummary, bool) {
	if !isTerminal(w) {
		return func(bot.CampaignSummary, bool) {}
	}
	width := 0
	return func(s bot.CampaignSummary, last bool) {
		line := progressText(s, phrases)
		fmt.Fprintf(w, "\r%s%s", line, strings.Repeat(" ", max(0, width-displayWidth(line))))
		width = displayWidth(line)
		if last {
			fmt.Fprintln(w)
		}
	}
}

// progressText is one line about how far a campaign is.
func progressText(s bot.CampaignSummary, phrases *content.Phrases) string {
	if s.Campaign.Status != bot.CampaignRunning {
		return phrases.Say("announce.status_" + string(s.Campaign.Status))
	}
	done := s.Audience - unfinished(s)
	return phrases.Say("announce.progress", fault.A("done", done), fault.A("total", s.Audience), fault.A("percent", done*100/max(1, s.Audience)))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

type announceUnreachedCmd struct {
	configFlag
	ID     bot.CampaignID `arg:"" help:"Number of the announcement."`
	Acks   bool           `help:"Also those who got it and have not acknowledged it (回执)."`
	Format string         `default:"csv" enum:"csv,xlsx,json" help:"csv, xlsx or json. A csv or xlsx list can be given to announce new --learners."`
	Output string         `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *announceUnreachedCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	campaign, err := a.service.Campaign(ctx, people.Everyone(), c.ID)
	if err != nil {
		return err
	}
	head := report.UnreachedHead{Campaign: int64(c.ID), Title: campaign.Title, Acks: c.Acks, CutOff: a.clock.Now()}
	lines := web.UnreachedLines(ctx, a.subject.phrases, func(ctx context.Context, after people.LearnerID, limit int) ([]bot.Unreached, error) {
		return a.service.UnreachedPeople(ctx, people.Everyone(), c.ID, c.Acks, after, limit)
	})
	var n int
	err = writeOut(p, c.Output, func(w io.Writer) error {
		n, err = report.WriteUnreached(w, report.Format(c.Format), head, lines)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the list: %w", err)
	}
	fmt.Fprintln(p.stderr, a.subject.phrases.Say("announce.listed", fault.A("people", n)))
	return nil
}
