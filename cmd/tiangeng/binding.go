package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// bindingCmd is what an administrator does about who is on which phone.
type bindingCmd struct {
	Funnel   bindingFunnelCmd   `cmd:"" help:"Count how far people come in binding, by day, unit and step."`
	Requests bindingRequestsCmd `cmd:"" help:"List what people ask for: to learn in another's place (代学), to correct or delete own data."`
	Close    bindingCloseCmd    `cmd:"" help:"Close a request, done or refused, with the reason that the person is told."`
	Delegate bindingDelegateCmd `cmd:"" help:"Let somebody learn in the place of a person without a smartphone (代学)."`
	Transfer bindingTransferCmd `cmd:"" help:"Give the phone of one person to another."`
	Release  bindingReleaseCmd  `cmd:"" help:"Take a person off every phone and end the cool-down."`
}

// scopeFlag limits a command to units; without it, it sees everybody.
type scopeFlag struct {
	configFlag
	Scope []string `help:"Only people of these units, and all below (codes of 2, 4, 6, 9 or 12 digits). Without it: everybody." placeholder:"CODE"`
	JSON  bool     `help:"Print JSON."`
}

func (f scopeFlag) scope() (people.Scope, error) {
	if len(f.Scope) == 0 {
		return people.Everyone(), nil
	}
	list, err := units("--scope", f.Scope)
	return people.Scope{Units: list}, err
}

// with opens the program for a command and hands it over with its scope.
func (f scopeFlag) with(ctx context.Context, p *program, do func(a *app, scope people.Scope) error) error {
	scope, err := f.scope()
	if err != nil {
		return err
	}
	a, err := f.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return do(a, scope)
}

// said prints what was done, or with --json the value.
func (f scopeFlag) said(a *app, p *program, v any, key string, args ...fault.Arg) error {
	if f.JSON {
		return printJSON(p, v)
	}
	fmt.Fprintln(p.stdout, a.subject.phrases.Say(key, args...))
	return nil
}

type bindingFunnelCmd struct {
	scopeFlag
	From  string `help:"First day, for example 2026-03-02; without it six days before the last." placeholder:"DAY"`
	To    string `help:"Last day; without it today." placeholder:"DAY"`
	Level int    `default:"4" help:"Units of which level: 1 province, 2 prefecture, 3 county, 4 township, 5 village."`
}

func (c *bindingFunnelCmd) run(ctx context.Context, p *program) error {
	if c.Level < int(people.LevelProvince) || c.Level > int(people.LevelVillage) {
		return fault.New(fault.Invalid, "bind.level_bad")
	}
	return c.with(ctx, p, func(a *app, scope people.Scope) error {
		from, to, err := study.LastDays(study.Day(c.From), study.Day(c.To), a.clock.Now())
		if err != nil {
			return err
		}
		f, err := a.store.Funnel(ctx, scope, from, to, people.Level(c.Level))
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p, f)
		}
		w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "DAY\tUNIT\tNAME\tSTEP\tWHY\tTIMES\tPHONES")
		for _, n := range f.Counts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", n.Day, dash(string(n.Unit)), dash(n.UnitName), n.Step, dash(n.Why), n.Times, n.Phones)
		}
		fmt.Fprintln(w, "\nUNIT\tNAME\tPEOPLE\tBOUND\tNEVER\tDELEGATE")
		for _, n := range f.Units {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", n.Unit, dash(n.UnitName), n.People, n.Bound, n.Never, n.Delegate)
		}
		return w.Flush()
	})
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type bindingRequestsCmd struct {
	scopeFlag
	State string           `default:"open" enum:"open,done,refused,all" help:"Those of which state: open, done, refused, all."`
	After people.RequestID `help:"Only those behind this number."`
	Limit int              `default:"200" help:"How many."`
}

func (c *bindingRequestsCmd) run(ctx context.Context, p *program) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return misuse{"--limit must be 1 to 10000"}
	}
	return c.with(ctx, p, func(a *app, scope people.Scope) error {
		state := people.RequestState(c.State)
		if state == "all" {
			state = ""
		}
		list, err := a.store.Requests(ctx, scope, state, c.After, c.Limit)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p, list)
		}
		if len(list) == 0 {
			fmt.Fprintln(p.stdout, a.subject.phrases.Say("bind.no_requests"))
			return nil
		}
		w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
		for _, r := range list {
			what := r.Text
			if r.Helper != 0 {
				what = strings.TrimSpace(fmt.Sprintf("%s（%d）%s", r.Helps, r.Helper, r.Text))
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s（%d）\t%s\t%s\t%s\t%s\n", r.ID, r.AskedAt.In(study.Zone).Format(time.DateTime), r.Kind, r.Name, r.Learner, r.UnitName, r.State, dash(what), dash(r.Reason))
		}
		return w.Flush()
	})
}

type bindingCloseCmd struct {
	scopeFlag
	Request people.RequestID `arg:"" help:"Number of the request."`
	Done    bool             `xor:"end" required:"" help:"It is done as asked."`
	Refuse  bool             `xor:"end" required:"" help:"It is not done."`
	Reason  string           `required:"" help:"Why, 1 to 100 characters; the person is told it."`
}

func (c *bindingCloseCmd) run(ctx context.Context, p *program) error {
	return c.with(ctx, p, func(a *app, scope people.Scope) error {
		r, err := a.store.CloseRequest(ctx, a.clock.Now(), actor(), scope, bindRule(a.config), c.Request, c.Done, c.Reason)
		if err != nil {
			return err
		}
		key := "bind.request_refused"
		if c.Done {
			key = "bind.request_done"
		}
		return c.said(a, p, r, key, fault.A("id", r.ID))
	})
}

type bindingDelegateCmd struct {
	scopeFlag
	Helper  people.LearnerID `required:"" help:"Number of the learner on whose phone it is."`
	Learner people.LearnerID `required:"" help:"Number of the learner without a smartphone."`
	Reason  string           `required:"" help:"Why, 1 to 100 characters."`
}

func (c *bindingDelegateCmd) run(ctx context.Context, p *program) error {
	return c.with(ctx, p, func(a *app, scope people.Scope) error {
		if err := a.store.PutDelegate(ctx, a.clock.Now(), actor(), scope, bindRule(a.config), c.Helper, c.Learner, c.Reason); err != nil {
			return err
		}
		return c.said(a, p, struct{}{}, "bind.delegate_put")
	})
}

type bindingTransferCmd struct {
	scopeFlag
	From   people.LearnerID `required:"" help:"Number of the learner who has the phone."`
	To     people.LearnerID `required:"" help:"Number of the learner who gets it."`
	Reason string           `required:"" help:"Why, 1 to 100 characters."`
}

func (c *bindingTransferCmd) run(ctx context.Context, p *program) error {
	return c.with(ctx, p, func(a *app, scope people.Scope) error {
		if err := a.store.TransferHandset(ctx, a.clock.Now(), actor(), scope, c.From, c.To, c.Reason); err != nil {
			return err
		}
		return c.said(a, p, struct{}{}, "bind.transferred")
	})
}

type bindingReleaseCmd struct {
	scopeFlag
	Learner people.LearnerID `arg:"" help:"Number of the learner."`
	Reason  string           `required:"" help:"Why, 1 to 100 characters."`
}

func (c *bindingReleaseCmd) run(ctx context.Context, p *program) error {
	return c.with(ctx, p, func(a *app, scope people.Scope) error {
		n, err := a.store.ReleaseLearner(ctx, a.clock.Now(), actor(), scope, c.Learner, c.Reason)
		if err != nil {
			return err
		}
		return c.said(a, p, map[string]int{"phones": n}, "bind.released", fault.A("count", n))
	})
}
