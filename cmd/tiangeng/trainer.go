package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// trainerCmd says who may send announcements from the own phone.
type trainerCmd struct {
	Add    trainerAddCmd    `cmd:"" help:"Let a learner send announcements from the phone, within units. Again with other units changes them."`
	List   trainerListCmd   `cmd:"" help:"List the trainers."`
	Remove trainerRemoveCmd `cmd:"" help:"Take the right back."`
}

// personFlag names one person of the roster.
type personFlag struct {
	configFlag
	Learner people.LearnerID `arg:"" optional:"" help:"Number of the learner; or --name and --unit."`
	Name    string           `help:"Name of the learner."`
	Unit    string           `help:"Code of the learner's unit." placeholder:"CODE"`
	JSON    bool             `help:"Print JSON."`
}

type trainerAddCmd struct {
	personFlag
	Scope []string `required:"" help:"Units that the trainer may write to, and all below (codes of 2, 4, 6, 9 or 12 digits)." placeholder:"CODE"`
}

func (c *trainerAddCmd) run(ctx context.Context, p *program) error {
	scope, err := units("--scope", c.Scope)
	if err != nil {
		return err
	}
	if len(scope) == 0 {
		return misuse{"--scope: name at least one unit"}
	}
	return c.put(ctx, p, people.Scope{Units: scope})
}

// put makes a person a trainer of a scope; of none: ends it.
func (f *personFlag) put(ctx context.Context, p *program, scope people.Scope) error {
	a, err := f.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	who, err := oneLearner(ctx, a, f.Learner, f.Name, f.Unit)
	if err != nil {
		return err
	}
	now := a.clock.Now()
	t := bot.Trainer{Learner: who.ID, Name: who.Name, Scope: scope, Since: study.DayOf(now)}
	if err := a.store.PutTrainer(ctx, now, actor(), t); err != nil {
		return err
	}
	switch {
	case f.JSON:
		return printJSON(p, t)
	case len(scope.Units) == 0:
		fmt.Fprintln(p.stdout, a.subject.phrases.Say("announce.trainer_removed", fault.A("name", who.Name), fault.A("unit", who.UnitName)))
	default:
		fmt.Fprintln(p.stdout, a.subject.phrases.Say("announce.trainer_added", fault.A("name", who.Name), fault.A("unit", who.UnitName), fault.A("scope", codeList(scope))))
	}
	return nil
}

func codeList(s people.Scope) string {
	var list []string
	for _, u := range s.Units {
		list = append(list, string(u))
	}
	return strings.Join(list, " ")
}

type trainerRemoveCmd struct{ personFlag }

func (c *trainerRemoveCmd) run(ctx context.Context, p *program) error {
	return c.put(ctx, p, people.Scope{})
}

type trainerListCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *trainerListCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	all, err := a.store.Trainers(ctx)
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(all, func(t bot.Trainer) bool { return t.Learner == 0 }) // those are keys
	if c.JSON {
		return printJSON(p, append([]bot.Trainer{}, list...))
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	for _, t := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", t.Learner, t.Name, t.Since, codeList(t.Scope))
	}
	return w.Flush()
}
