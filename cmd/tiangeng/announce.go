package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// announceCmd is everything a person does with a message to many (通知).
type announceCmd struct {
	New       announceNewCmd       `cmd:"" help:"Write an announcement as a draft. Nobody gets it before it is sent; the same one again is the same draft."`
	Forecast  announceForecastCmd  `cmd:"" help:"Say whom it would reach now, by which way, and why not the others."`
	Test      announceTestCmd      `cmd:"" help:"Send it to one phone alone."`
	Send      announceSendCmd      `cmd:"" help:"Send it at its hour; a large one waits until a second person releases it."`
	Release   announceReleaseCmd   `cmd:"" help:"Release a large one that somebody else has written."`
	Pause     announcePauseCmd     `cmd:"" help:"Stop sending for a while."`
	Resume    announceResumeCmd    `cmd:"" help:"Go on after a pause."`
	Cancel    announceCancelCmd    `cmd:"" help:"Stop it for good: whatever has not gone out is cancelled."`
	List      announceListCmd      `cmd:"" help:"List the newest ones."`
	Show      announceShowCmd      `cmd:"" help:"Show what became of it: by state, with reasons in words."`
	Unreached announceUnreachedCmd `cmd:"" help:"List by name whom it did not reach, and why."`
	Remind    announceRemindCmd    `cmd:"" help:"Send it once more to those who have not acknowledged it (回执)."`
}

// campaignFlag is what the commands about one campaign have.
type campaignFlag struct {
	configFlag
	ID   bot.CampaignID `arg:"" help:"Number of the announcement."`
	JSON bool           `help:"Print JSON."`
}

// open opens the program for a command; close it.
func (f configFlag) open(ctx context.Context, p *program) (*app, error) {
	cfg, err := f.load()
	if err != nil {
		return nil, err
	}
	return openApp(ctx, cfg, logger(cfg, p.stderr), appOptions{})
}

func printJSON(p *program, v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

type announceForecastCmd struct{ campaignFlag }

func (c *announceForecastCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	// The operator at the machine sees everybody: whoever reads the database sees it anyway.
	forecast, err := a.service.ForecastCampaign(ctx, people.Everyone(), c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, forecast)
	}
	campaign, err := a.service.Campaign(ctx, people.Everyone(), c.ID)
	if err != nil {
		return err
	}
	return newNoticeboard(p.stdout, a).forecast(campaign, forecast)
}

type announceTestCmd struct {
	campaignFlag
	Learner people.LearnerID `required:"" help:"Number of the learner whose phone gets it." placeholder:"NUMBER"`
}

// tested is the answer of a test for scripts.
type tested struct {
	Verdict channel.Verdict `json:"verdict"`
	Code    int             `json:"code"`
	Reason  string          `json:"reason"`
}

func (c *announceTestCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	out, err := a.service.TestCampaign(ctx, people.Everyone(), c.ID, c.Learner)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(p, tested{out.Verdict, out.Code, out.Reason}); err != nil {
			return err
		}
	} else if out.Verdict == channel.Accepted {
		fmt.Fprintln(p.stdout, a.subject.phrases.Say("announce.test_accepted"))
	}
	switch out.Verdict {
	case channel.Accepted:
		return nil
	case channel.Unknown:
		return fault.New(fault.Unavailable, "announce.test_unknown")
	case channel.Unsent:
		return fault.New(fault.Unavailable, "announce.test_unsent", fault.A("reason", out.Reason))
	default:
		return fault.New(fault.Conflict, "announce.test_refused", fault.A("reason", out.Reason), fault.A("code", out.Code))
	}
}

type (
	announceSendCmd    struct{ campaignFlag }
	announceReleaseCmd struct{ campaignFlag }
	announcePauseCmd   struct{ campaignFlag }
	announceResumeCmd  struct{ campaignFlag }
	announceCancelCmd  struct{ campaignFlag }
)

func (c *announceSendCmd) run(ctx context.Context, p *program) error {
	return c.act(ctx, p, bot.ActSubmit)
}

func (c *announceReleaseCmd) run(ctx context.Context, p *program) error {
	return c.act(ctx, p, bot.ActRelease)
}

func (c *announcePauseCmd) run(ctx context.Context, p *program) error {
	return c.act(ctx, p, bot.ActPause)
}

func (c *announceResumeCmd) run(ctx context.Context, p *program) error {
	return c.act(ctx, p, bot.ActResume)
}

func (c *announceCancelCmd) run(ctx context.Context, p *program) error {
	return c.act(ctx, p, bot.ActCancel)
}

// act does one thing with a campaign and says where it stands then.
func (f *campaignFlag) act(ctx context.Context, p *program, act bot.CampaignAct) error {
	a, err := f.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	campaign, err := a.service.ActOnCampaign(ctx, people.Everyone(), f.ID, act, actor())
	if err != nil {
		return err
	}
	if f.JSON {
		return printJSON(p, campaign)
	}
	return newNoticeboard(p.stdout, a).standing(campaign)
}

type announceRemindCmd struct{ campaignFlag }

func (c *announceRemindCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	campaign, err := a.service.RemindUnacked(ctx, people.Everyone(), c.ID, actor())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, campaign)
	}
	return newNoticeboard(p.stdout, a).standing(campaign)
}
