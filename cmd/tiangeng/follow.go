package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/store"
)

// followCmd lists those who may need a trainer's help.
type followCmd struct {
	configFlag
	Unit   string `help:"Only this unit and what lies inside it." placeholder:"CODE"`
	Reason string `enum:"never_bound,behind,failed," default:"" help:"Only those listed for this: never_bound, behind or failed (the same item wrong again and again)."`
	Behind int    `default:"3" help:"Lessons behind from which somebody is listed."`
	Failed int    `default:"2" help:"How often the same item must be wrong."`
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON   bool   `help:"Print JSON."`
}

// unitScope is the scope of a unit, or everybody: the operator sees the whole database anyway.
func unitScope(unit string) (people.Scope, error) {
	if unit == "" {
		return people.Everyone(), nil
	}
	list, err := units("--unit", []string{unit})
	return people.Scope{Units: list}, err
}

func (c *followCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	if c.Behind < 1 || c.Failed < 2 {
		return misuse{"--behind must be at least 1 and --failed at least 2"}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if err := a.store.KnowUnits(ctx, scope.Units...); err != nil {
		return err
	}
	library, now := a.service.Library(), a.clock.Now()
	list := study.HelpList(a.store.FollowedPeople(ctx, scope), study.Teacher{Course: library.Current, Calendar: a.subject.calendar, Now: now},
		study.HelpRule{Behind: c.Behind, Failed: c.Failed}, study.HelpReason(c.Reason))
	if c.JSON {
		all := []study.Help{}
		for h, err := range list {
			if err != nil {
				return err
			}
			all = append(all, h)
		}
		return printJSON(p, all)
	}
	n := 0
	if err := writeOut(p, c.Output, func(w io.Writer) error {
		n, err = report.WriteHelp(w, report.Format(c.Format), now, web.HelpLines(list, library, a.subject.phrases))
		return err
	}); err != nil {
		return fmt.Errorf("writing who needs help: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d people\n", n)
	return nil
}

// findingCmd are what inspections found (发现问题).
type findingCmd struct {
	Add    findingAddCmd    `cmd:"" help:"Enter what an inspection found."`
	List   findingListCmd   `cmd:"" help:"List findings, with how many people are not done."`
	Assign findingAssignCmd `cmd:"" help:"Give people the courses that mend a finding, until a day. Again changes nothing."`
}

type findingAddCmd struct {
	configFlag
	Source   string `required:"" help:"Which inspection, for example 县委巡察."`
	Document string `required:"" help:"Its document number (文号)."`
	Found    string `required:"" help:"When it was found, a day like 2026-12-01." placeholder:"DAY"`
	Unit     string `required:"" help:"Code of the unit." placeholder:"CODE"`
	Problem  string `required:"" help:"What was found."`
	JSON     bool   `help:"Print JSON."`
}

func (c *findingAddCmd) run(ctx context.Context, p *program) error {
	unit, err := units("--unit", []string{c.Unit})
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	f, err := a.store.AddFinding(ctx, a.clock.Now(), actor(), people.Everyone(),
		study.Finding{Source: c.Source, Document: c.Document, Found: study.Day(c.Found), Unit: unit[0], Problem: c.Problem})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, f)
	}
	fmt.Fprintln(p.stdout, f.ID)
	return nil
}

type findingListCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *findingListCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.Findings(ctx, people.Everyone())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOUND\tUNIT\tDOCUMENT\tSOURCE\tPEOPLE\tOPEN\tPROBLEM")
	for _, f := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", f.ID, f.Found, f.UnitName, f.Document, f.Source, f.People, f.Open, f.Problem)
	}
	return w.Flush()
}

type findingAssignCmd struct {
	configFlag
	ID       study.FindingID    `arg:"" help:"Number of the finding."`
	Learner  []people.LearnerID `help:"Number of a person; may be repeated."`
	Learners string             `type:"existingfile" help:"XLSX or CSV file that names the people: 学员编号, or 姓名 and 单位代码." placeholder:"FILE"`
	Course   []string           `required:"" help:"Id of a course; may be repeated, in teaching order."`
	Due      string             `required:"" help:"Last day." placeholder:"DAY"`
}

func (c *findingAssignCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	who := c.Learner
	if c.Learners != "" {
		named, err := learnersOf(ctx, p, a, c.Learners)
		if err != nil {
			return err
		}
		who = append(who, named...)
	}
	n, err := web.Assign(ctx, a.store, a.subject.phrases, a.clock.Now(), actor(), people.Everyone(),
		store.Assignment{Finding: c.ID, Learners: who, Courses: c.Course, Due: study.Day(c.Due)})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, a.subject.phrases.Say("follow.assigned", fault.A("count", n), fault.A("day", c.Due)))
	return nil
}

// rectificationCmd are what people do about findings (整改).
type rectificationCmd struct {
	List     rectificationListCmd     `cmd:"" help:"List or export rectifications (整改台账)."`
	Close    rectificationCloseCmd    `cmd:"" help:"Close one by a document or a note. Passed courses close it by themselves."`
	Reopen   rectificationReopenCmd   `cmd:"" help:"Open one again."`
	Withdraw rectificationWithdrawCmd `cmd:"" help:"Withdraw one that should not have been asked for."`
}

type rectificationListCmd struct {
	configFlag
	Finding study.FindingID `help:"Only of this finding." placeholder:"ID"`
	Unit    string          `help:"Only people of this unit and what lies inside it." placeholder:"CODE"`
	Status  string          `enum:"open,closed,withdrawn," default:"" help:"Only with this status: open, closed or withdrawn."`
	Overdue bool            `help:"Only those whose day has passed."`
	Format  string          `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output  string          `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON    bool            `help:"Print JSON."`
}

func (c *rectificationListCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if err := a.store.KnowUnits(ctx, scope.Units...); err != nil {
		return err
	}
	now := a.clock.Now()
	q := store.RectifyQuery{Scope: scope, Finding: c.Finding, Status: study.RectifyStatus(c.Status)}
	if c.Overdue {
		q.Overdue = study.DayOf(now)
	}
	list, err := a.store.Rectifications(ctx, q)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	if err := writeOut(p, c.Output, func(w io.Writer) error {
		_, err := report.WriteRectifications(w, report.Format(c.Format), now, web.RectificationLines(list, now, a.service.Library(), a.subject.phrases))
		return err
	}); err != nil {
		return fmt.Errorf("writing the rectifications: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d rectifications\n", len(list))
	return nil
}

type rectificationFlag struct {
	configFlag
	ID study.RectificationID `arg:"" help:"Number of the rectification."`
}

func (c *rectificationFlag) decide(ctx context.Context, p *program, d study.Decision) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	r, err := a.store.DecideRectification(ctx, a.clock.Now(), actor(), people.Everyone(), c.ID, d)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%d\t%s\t%s\n", r.ID, r.Learner.Name, a.subject.phrases.Say("follow.status_"+string(r.Status)))
	return nil
}

type rectificationCloseCmd struct {
	rectificationFlag
	Document string `help:"Number of the document that proves it." placeholder:"NUMBER"`
	Note     string `help:"What was seen, where there is no document."`
}

func (c *rectificationCloseCmd) run(ctx context.Context, p *program) error {
	d := study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceNote, Proof: c.Note}
	if c.Document != "" {
		d.Evidence, d.Proof = study.EvidenceDocument, strings.TrimSpace(c.Document+" "+c.Note)
	}
	return c.decide(ctx, p, d)
}

type rectificationReopenCmd struct {
	rectificationFlag
	Note string `required:"" help:"Why."`
}

func (c *rectificationReopenCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, study.Decision{Act: study.RectifyReopen, Proof: c.Note})
}

type rectificationWithdrawCmd struct {
	rectificationFlag
	Note string `required:"" help:"Why."`
}

func (c *rectificationWithdrawCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, study.Decision{Act: study.RectifyWithdraw, Proof: c.Note})
}
