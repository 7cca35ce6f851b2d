package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
)

type completionsCmd struct {
	Export completionsExportCmd `cmd:"" help:"Write the completion list: everybody on the roster, also those who did nothing."`
}

type completionsExportCmd struct {
	configFlag
	Format string `default:"csv" enum:"csv,xlsx,json,html" help:"csv, xlsx, json or html (for print)."`
	Cohort string `help:"Only this class (code)."`
	Course string `help:"Only this course (id)."`
	Unit   string `help:"Only this unit and what lies inside it: 12-digit code, or its 2, 4, 6 or 9 significant digits."`
	From   string `help:"Count only what was completed from this day on (2026-12-01)." placeholder:"DAY"`
	To     string `help:"… up to and including this day." placeholder:"DAY"`
	CutOff string `help:"Count only what was recorded before this time (2026-12-31T18:00:00+08:00); now without it." placeholder:"TIME"`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *completionsExportCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	q, err := c.query()
	if err != nil {
		return err
	}
	if err := q.CheckDays(); err != nil {
		return misuse{p.sentence(err)}
	}
	s, err := openCurrent(ctx, cfg, logger(cfg, p.stderr))
	if err != nil {
		return err
	}
	defer closing(s)
	if q.CutOff.IsZero() {
		clock, err := openClock(ctx, cfg)
		if err != nil {
			return err
		}
		q.CutOff = clock.Now()
	}
	titles, err := web.KnownCompletions(ctx, s, q)
	if err != nil {
		return err
	}
	head, lines, err := s.CompletionList(ctx, q)
	if err != nil {
		return err
	}
	var totals report.Totals
	err = writeOut(p, c.Output, func(w io.Writer) error {
		totals, err = report.Write(w, report.Format(c.Format), head, titles, lines)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the completion list: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d lines, %d complete, cut-off %s\n", totals.Lines, totals.Complete, q.CutOff.In(study.Zone).Format("2006-01-02 15:04:05"))
	return nil
}

// query reads the flags. The operator at the machine sees everybody; a scope comes with accounts.
func (c *completionsExportCmd) query() (report.Query, error) {
	q := report.Query{Scope: people.Everyone(), Cohort: c.Cohort, Course: c.Course, From: study.Day(c.From), To: study.Day(c.To)}
	if c.Unit != "" {
		code, ok := people.ParseOrgCode(c.Unit)
		if !ok {
			return q, misuse{fault.New(fault.Invalid, "report.bad_unit", fault.A("unit", c.Unit)).Error()}
		}
		q.Unit = code
	}
	if c.CutOff != "" {
		t, err := time.Parse(time.RFC3339, c.CutOff)
		if err != nil {
			return q, misuse{fmt.Sprintf("%q is not a time like 2026-12-31T18:00:00+08:00", c.CutOff)}
		}
		q.CutOff = t.UTC().Truncate(time.Millisecond)
	}
	return q, nil
}
