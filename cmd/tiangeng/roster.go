package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

type rosterCmd struct {
	Import rosterImportCmd `cmd:"" help:"Add and update people from an XLSX or CSV file. The same file again changes nothing."`
	Export rosterExportCmd `cmd:"" help:"Write the roster as CSV or XLSX; importing it again changes nothing."`
}

type rosterImportCmd struct {
	configFlag
	File       string   `arg:"" type:"existingfile" help:"Roster file: 姓名, 单位代码, 州市/县市区/乡镇街道/村社区, 干部类别, 绑定码."`
	Cohort     string   `help:"Also give everybody a place in this class (code)."`
	DryRun     bool     `help:"Only check the file."`
	Ignore     []string `help:"Columns of the file to leave out, by heading. Other unknown columns are refused: only what is needed is collected."`
	BadPercent int      `default:"5" help:"Refuse the file when more than this many rows of a hundred are bad; fewer are left out and listed."`
	JSON       bool     `help:"Print JSON."`
}

func (c *rosterImportCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	subject, err := loadSubject(cfg)
	if err != nil {
		return err
	}
	r, err := readRoster(c.File, c.Ignore)
	if err != nil {
		return err
	}
	for _, f := range r.Problems {
		fmt.Fprintln(p.stderr, subject.phrases.Fault(f))
	}
	if r.TooBad(c.BadPercent) {
		return fault.New(fault.Invalid, "roster.too_many_bad", fault.A("good", len(r.Rows)), fault.A("bad", r.Rejected), fault.A("cap", c.BadPercent)).At(filepath.Base(c.File), 0, "")
	}
	var result people.RosterResult
	if !c.DryRun {
		s, err := openCurrent(ctx, cfg, logger(cfg, p.stderr))
		if err != nil {
			return err
		}
		defer closing(s)
		clock, err := openClock(ctx, cfg)
		if err != nil {
			return err
		}
		if result, err = s.ApplyRoster(ctx, clock.Now(), actor(), r.Rows, c.Cohort); err != nil {
			return fmt.Errorf("writing the roster: %w", err)
		}
	}
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(map[string]any{
			"accepted": len(r.Rows), "rejected": r.Rejected, "dryRun": c.DryRun, "result": result,
		})
	}
	fmt.Fprintln(p.stdout, subject.phrases.Say("roster.read", fault.A("good", len(r.Rows)), fault.A("bad", r.Rejected)))
	if !c.DryRun {
		fmt.Fprintln(p.stdout, subject.phrases.Say("roster.applied", fault.A("new", result.New), fault.A("changed", result.Changed),
			fault.A("unchanged", result.Unchanged), fault.A("units", result.Units), fault.A("enrolled", result.Enrolled)))
	}
	return nil
}

// readRoster reads a roster file: good rows, and every bad one with row, column and reason.
func readRoster(name string, ignore []string) (people.Roster, error) {
	f, err := os.Open(name)
	if err != nil {
		return people.Roster{}, fmt.Errorf("opening the roster: %w", err)
	}
	defer closing(f)
	info, err := f.Stat()
	if err != nil {
		return people.Roster{}, fmt.Errorf("opening the roster: %w", err)
	}
	base := filepath.Base(name)
	return people.ReadRoster(base, cells(sheet.Read(f, info.Size(), base, sheet.DefaultLimits())), ignore)
}

// cells hands the sheet's rows to package people, which must not know sheets.
func cells(rows iter.Seq2[sheet.Row, error]) iter.Seq2[people.Cells, error] {
	return func(yield func(people.Cells, error) bool) {
		for r, err := range rows {
			if !yield(people.Cells(r), err) {
				return
			}
		}
	}
}

type rosterExportCmd struct {
	configFlag
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *rosterExportCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, err := openCurrent(ctx, cfg, logger(cfg, p.stderr))
	if err != nil {
		return err
	}
	defer closing(s)
	return writeOut(p, c.Output, func(w io.Writer) error {
		return writeRoster(w, c.Format, s.ExportRoster(ctx, people.Everyone()))
	})
}

// table is a sheet being written.
type table interface {
	Write(kind sheet.RowKind, cells []sheet.Cell) error
	Close() error
}

func writeRoster(w io.Writer, format string, rows iter.Seq2[people.RosterRow, error]) error {
	var t table
	if format == "xlsx" {
		t = sheet.NewXLSX(w, sheet.XLSXOptions{Sheet: "花名册", Frozen: 1})
	} else {
		t = sheet.NewCSV(w)
	}
	if err := t.Write(sheet.RowHeader, texts(people.RosterHeadings())); err != nil {
		return err
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		if err := t.Write(sheet.RowData, texts(r.Cells())); err != nil {
			return err
		}
	}
	return t.Close()
}

func texts(list []string) []sheet.Cell {
	cells := make([]sheet.Cell, len(list))
	for i, s := range list {
		cells[i] = sheet.Text(s)
	}
	return cells
}
