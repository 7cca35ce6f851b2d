package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// tagCmd groups people by words (标签), so that announcements can go to them.
type tagCmd struct {
	Add    tagAddCmd    `cmd:"" help:"Give a tag to people."`
	Remove tagRemoveCmd `cmd:"" help:"Take a tag from people."`
	List   tagListCmd   `cmd:"" help:"List the tags with how many people have each, or the people of one tag."`
}

// tagFlags are what giving and taking have.
type tagFlags struct {
	configFlag
	Tag string `arg:"" help:"The tag, at most 20 characters: 防汛骨干."`
	audienceFlags
	JSON bool `help:"Print JSON."`
}

type (
	tagAddCmd    struct{ tagFlags }
	tagRemoveCmd struct{ tagFlags }
)

func (c *tagAddCmd) run(ctx context.Context, p *program) error    { return c.put(ctx, p, true) }
func (c *tagRemoveCmd) run(ctx context.Context, p *program) error { return c.put(ctx, p, false) }

// tagged is the answer for scripts.
type tagged struct {
	Tag     string `json:"tag"`
	People  int    `json:"people"`  // who were meant
	Changed int    `json:"changed"` // for whom it changed something
}

func (c *tagFlags) put(ctx context.Context, p *program, on bool) error {
	tag := people.FoldTag(c.Tag)
	if problem := people.TagProblem(tag); problem != "" {
		return fault.New(fault.Invalid, problem, fault.A("limit", people.MaxTagRunes))
	}
	who, err := c.audience()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if err := c.lists(ctx, p, a, &who); err != nil {
		return err
	}
	met, changed, err := a.store.TagPeople(ctx, a.clock.Now(), actor(), people.Everyone(), who, tag, on)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, tagged{tag, met, changed})
	}
	key := "tag.added"
	if !on {
		key = "tag.removed"
	}
	fmt.Fprintln(p.stdout, a.subject.phrases.Say(key, fault.A("tag", tag), fault.A("people", met), fault.A("changed", changed)))
	return nil
}

type tagListCmd struct {
	configFlag
	Tag  string `arg:"" optional:"" help:"List the people with this tag."`
	JSON bool   `help:"Print JSON."`
}

func (c *tagListCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	if c.Tag != "" {
		list := []people.Learner{}
		err := eachLearner(ctx, a.store, a.clock.Now(), bot.Audience{Tags: foldTags([]string{c.Tag})}, func(l people.Learner) { list = append(list, l) })
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p, list)
		}
		for _, l := range list {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", l.ID, l.Name, l.Unit, l.UnitName)
		}
		return w.Flush()
	}
	list, err := a.store.Tags(ctx, people.Everyone())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, append([]people.TagCount{}, list...))
	}
	for _, t := range list {
		fmt.Fprintf(w, "%s\t%d\n", t.Tag, t.People)
	}
	return w.Flush()
}
