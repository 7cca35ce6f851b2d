package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// hoursCmd are study hours (学时) against what is asked of people.
type hoursCmd struct {
	List    hoursListCmd    `cmd:"" help:"Export people's study hours of a year and what they lack, by unit and name (学时台账)."`
	Units   hoursUnitsCmd   `cmd:"" help:"Sum up study hours by units of a level."`
	Targets hoursTargetsCmd `cmd:"" help:"List the yearly targets with the documents that demand them."`
	Import  hoursImportCmd  `cmd:"" help:"Credit study elsewhere from an XLSX or CSV file (补录). The same file again changes nothing."`
	Batches hoursBatchesCmd `cmd:"" help:"List the imports of study elsewhere."`
	Undo    hoursUndoCmd    `cmd:"" help:"Take back an import of study elsewhere."`
}

type hoursFlags struct {
	configFlag
	Year     int    `help:"Year; this one without it."`
	Unit     string `help:"Only people of this unit and what lies inside it." placeholder:"CODE"`
	Category string `help:"Only this category of cadres."`
	Format   string `default:"csv" enum:"csv,xlsx,html" help:"csv, xlsx, or html to print."`
	Output   string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON     bool   `help:"Print JSON."`
}

// query opens the program and makes the question.
func (c *hoursFlags) query(ctx context.Context, p *program) (*app, store.HoursQuery, error) {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return nil, store.HoursQuery{}, err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return nil, store.HoursQuery{}, err
	}
	if err := a.store.KnowUnits(ctx, scope.Units...); err != nil {
		closing(a)
		return nil, store.HoursQuery{}, err
	}
	q := store.HoursQuery{Scope: scope, Year: c.Year, Category: c.Category, Targets: a.subject.targets}
	if q.Year == 0 {
		q.Year = a.clock.Now().In(study.Zone).Year()
	}
	if q.Year < 2000 || q.Year > 2999 {
		closing(a)
		return nil, q, fault.New(fault.Invalid, "ledger.year_bad")
	}
	return a, q, nil
}

type hoursListCmd struct {
	hoursFlags
	Short bool `help:"Only those who lack something."`
}

func (c *hoursListCmd) run(ctx context.Context, p *program) error {
	a, q, err := c.query(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	q.Short = c.Short
	lines := a.store.LearnerHours(ctx, q)
	if c.JSON {
		for l, err := range lines {
			if err != nil {
				return err
			}
			if err := printJSON(p, l); err != nil {
				return err
			}
		}
		return nil
	}
	n := 0
	if err := writeOut(p, c.Output, func(w io.Writer) error {
		n, err = report.WriteHours(w, report.Format(c.Format), a.clock.Now(), q.Year, q.Targets, lines)
		return err
	}); err != nil {
		return fmt.Errorf("writing the hours: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d people\n", n)
	return nil
}

type hoursUnitsCmd struct {
	hoursFlags
	Level string `default:"county" enum:"prefecture,county,township,village" help:"Level of the units: prefecture, county, township or village."`
}

var levelNames = map[string]people.Level{"prefecture": people.LevelPrefecture, "county": people.LevelCounty, "township": people.LevelTownship, "village": people.LevelVillage}

func (c *hoursUnitsCmd) run(ctx context.Context, p *program) error {
	a, q, err := c.query(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.UnitHours(ctx, q, levelNames[c.Level])
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	return writeOut(p, c.Output, func(w io.Writer) error {
		_, err := report.WriteUnitHours(w, report.Format(c.Format), a.clock.Now(), q.Year, q.Targets, list)
		return err
	})
}

type hoursTargetsCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *hoursTargetsCmd) run(_ context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	subject, err := loadSubject(cfg)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, subject.targets)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tHOURS\tOF\tCATEGORIES\tNAME\tLAW")
	for _, t := range subject.targets {
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\t%s\n", t.Code, t.Hours, t.Of, t.Categories, t.Name, t.Law)
	}
	return w.Flush()
}

type hoursImportCmd struct {
	configFlag
	File       string `arg:"" type:"existingfile" help:"File: 学员编号 (or 姓名 and 单位代码), 来源, 记录编号, 学习内容, 学时, 日期."`
	SaidBy     string `required:"" help:"Who vouches for it: a person or an office."`
	Evidence   string `required:"" help:"By what: number of a document, or what was seen."`
	DryRun     bool   `help:"Only check the file."`
	BadPercent int    `default:"5" help:"Refuse the file when more than this many rows of a hundred are bad; fewer are left out and listed."`
	JSON       bool   `help:"Print JSON."`
}

func (c *hoursImportCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	now := a.clock.Now()
	file, err := readRecords(c.File, study.DayOf(now))
	if err != nil {
		return err
	}
	r, err := a.store.ImportRecords(ctx, now, actor(), people.Everyone(), store.RecordImport{
		File: filepath.Base(c.File), SaidBy: c.SaidBy, Evidence: c.Evidence, Rows: file.Rows, Rejected: file.Rejected, Today: study.DayOf(now), DryRun: c.DryRun, BadPercent: c.BadPercent,
	})
	for _, f := range append(file.Problems, r.Problems...) {
		fmt.Fprintln(p.stderr, a.subject.phrases.Fault(f))
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, r)
	}
	fmt.Fprintln(p.stdout, a.subject.phrases.Say("ledger.record_read", fault.A("all", file.Read), fault.A("new", r.New), fault.A("same", r.Same), fault.A("bad", r.Rejected)))
	if r.Batch != 0 {
		fmt.Fprintln(p.stdout, a.subject.phrases.Say("ledger.record_done", fault.A("batch", r.Batch)))
	}
	return nil
}

// readRecords reads a file of study elsewhere.
func readRecords(name string, today study.Day) (study.RecordFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return study.RecordFile{}, fmt.Errorf("opening the file of records: %w", err)
	}
	defer closing(f)
	info, err := f.Stat()
	if err != nil {
		return study.RecordFile{}, fmt.Errorf("opening the file of records: %w", err)
	}
	base := filepath.Base(name)
	return study.ReadRecords(base, func(yield func(people.Cells, error) bool) {
		for row, err := range sheet.Read(f, info.Size(), base, sheet.DefaultLimits()) {
			if !yield(people.Cells(row), err) {
				return
			}
		}
	}, today)
}

type hoursBatchesCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *hoursBatchesCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.RecordBatches(ctx, people.Everyone())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BATCH\tIMPORTED\tRECORDS\tSAID BY\tEVIDENCE\tFILE\tUNDONE")
	for _, b := range list {
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\t%s\n", b.ID, b.At.In(study.Zone).Format("2006-01-02 15:04"), b.Records, b.SaidBy, b.Evidence, b.File, b.Why)
	}
	return w.Flush()
}

type hoursUndoCmd struct {
	configFlag
	Batch int64  `arg:"" help:"Number of the import."`
	Why   string `required:"" help:"Why."`
}

func (c *hoursUndoCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	n, err := a.store.UndoRecords(ctx, a.clock.Now(), actor(), people.Everyone(), c.Batch, c.Why)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, a.subject.phrases.Say("ledger.undone", fault.A("batch", c.Batch), fault.A("count", n)))
	return nil
}
