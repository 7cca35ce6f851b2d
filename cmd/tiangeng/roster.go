package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

type rosterCmd struct {
	Import   rosterImportCmd   `cmd:"" help:"Add and update people from an XLSX or CSV file. The same file again changes nothing."`
	Export   rosterExportCmd   `cmd:"" help:"Write the roster as CSV or XLSX; importing it again changes nothing."`
	Template rosterTemplateCmd `cmd:"" help:"Write an empty roster file to fill in."`
	History  rosterHistoryCmd  `cmd:"" help:"List the imports, the newest first."`
	Undo     rosterUndoCmd     `cmd:"" help:"Make the roster as it was before the last import."`
	Phone    rosterPhoneCmd    `cmd:"" help:"Find people by a telephone number."`
	Rekey    rosterRekeyCmd    `cmd:"" help:"Seal all telephone numbers with the first key of the configuration."`
}

type rosterImportCmd struct {
	configFlag
	File        string   `arg:"" type:"existingfile" help:"Roster file: 姓名, 单位代码, 州市/县市区/乡镇街道/村社区, 干部类别, 绑定码; 手机号 where keys are set for it."`
	Cohort      string   `help:"Also give everybody a place in this class (code)."`
	DryRun      bool     `help:"Only say what the file would change."`
	Full        string   `help:"The file is the full roster of this unit (code): whoever it does not have any more has left." placeholder:"UNIT"`
	Ignore      []string `help:"Columns of the file to leave out, by heading. Other unknown columns are refused: only what is needed is collected."`
	BadPercent  int      `default:"-1" help:"Refuse the file when more than this many rows of a hundred are bad; fewer are left out and listed. Without it roster.bad_percent."`
	LeftPercent int      `default:"-1" help:"Refuse a full roster by which more than this many people of a hundred would leave. Without it roster.left_percent."`
	Show        int      `default:"50" help:"List this many of the people who change: who leaves or moves first."`
	JSON        bool     `help:"Print JSON, with the people who change (--show) and the rows that are bad."`
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
	full, err := unitFlag(c.Full)
	if err != nil {
		return err
	}
	defer lean()()
	r, err := readRoster(c.File, people.ReadOptions{Ignore: c.Ignore, Phones: cfg.Roster.PhoneKeys != ""})
	if err != nil {
		return err
	}
	base := people.SafeFileName(c.File)
	r, bad := r.Usable(base, people.Everyone(), full, orConfigured(c.BadPercent, cfg.Roster.BadPercent))
	for _, f := range r.Problems {
		fmt.Fprintln(p.stderr, subject.phrases.Fault(f))
	}
	if bad != nil {
		return bad
	}
	s, clock, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	got, err := s.ImportRoster(ctx, clock.Now(), actor(), people.Everyone(), people.RosterImport{
		File: base, Rows: r.Rows, Rejected: r.Rejected, Full: full, Cohort: c.Cohort, DryRun: c.DryRun,
		LeftPercent: orConfigured(c.LeftPercent, cfg.Roster.LeftPercent), Show: c.Show,
	})
	if err != nil {
		return fmt.Errorf("writing the roster: %w", err)
	}
	if c.JSON {
		type problem struct {
			Row     int    `json:"row"`
			Column  string `json:"column"`
			Message string `json:"message"`
		}
		problems := make([]problem, len(r.Problems))
		for i, f := range r.Problems {
			problems[i] = problem{f.Row, f.Column, subject.phrases.Fault(f)}
		}
		return json.NewEncoder(p.stdout).Encode(map[string]any{
			"problems": problems, "accepted": len(r.Rows), "rejected": r.Rejected, "dryRun": c.DryRun, "result": got.RosterResult, "version": got.Version, "changes": got.Changes,
		})
	}
	return printImport(p, subject.phrases, r, got, c.DryRun)
}

func printImport(p *program, say *content.Phrases, r people.Roster, got people.ImportReport, dry bool) error {
	fmt.Fprintln(p.stdout, say.Say("roster.read", fault.A("good", len(r.Rows)), fault.A("bad", r.Rejected)))
	d := got.RosterResult
	fmt.Fprintln(p.stdout, say.Say("roster.diff", fault.A("new", d.New), fault.A("changed", d.Changed), fault.A("moved", d.Moved),
		fault.A("returned", d.Returned), fault.A("left", d.Left), fault.A("unchanged", d.Unchanged)))
	if dry {
		w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		for _, c := range got.Changes {
			row, from := "", ""
			if c.Row > 0 {
				row = strconv.Itoa(c.Row)
			}
			if c.From != "" {
				from = c.Before
			}
			fmt.Fprintln(w, strings.Join([]string{row, say.Say("roster.kind_" + string(c.Kind)), c.Name, c.Place, from, strings.Join(c.What, "、")}, "\t"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(p.stdout, say.Say("roster.dry"))
		return nil
	}
	fmt.Fprintln(p.stdout, say.Say("roster.written", fault.A("units", d.Units), fault.A("enrolled", d.Enrolled)))
	if got.Version > 0 {
		fmt.Fprintln(p.stdout, say.Say("roster.version", fault.A("version", got.Version)))
	}
	return nil
}

// orConfigured is what a flag says, or the configuration where it says nothing.
func orConfigured(flag, configured int) int {
	if flag < 0 {
		return configured
	}
	return flag
}

// unitFlag reads a unit's code; "" is none.
func unitFlag(s string) (people.OrgCode, error) {
	if s == "" {
		return "", nil
	}
	code, ok := people.ParseOrgCode(s)
	if !ok {
		return "", fault.New(fault.Invalid, "roster.unit_code_bad", fault.A("code", s))
	}
	return code, nil
}

func openRoster(ctx context.Context, cfg *configs.Config, p *program) (*store.Store, *clock, error) {
	s, err := openCurrent(ctx, cfg, logger(cfg, p.stderr))
	if err != nil {
		return nil, nil, err
	}
	clock, err := openClock(ctx, cfg)
	if err != nil {
		closing(s)
		return nil, nil, err
	}
	return s, clock, nil
}

type rosterTemplateCmd struct {
	Format string `default:"xlsx" enum:"csv,xlsx" help:"csv or xlsx."`
	Phones bool   `help:"With a column for telephone numbers."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *rosterTemplateCmd) run(_ context.Context, p *program) error {
	return writeOut(p, c.Output, func(w io.Writer) error {
		return report.WriteRoster(w, c.Format, c.Phones, func(func(people.RosterRow, error) bool) {})
	})
}

type rosterHistoryCmd struct {
	configFlag
	Limit int  `default:"20" help:"How many."`
	JSON  bool `help:"Print JSON."`
}

func (c *rosterHistoryCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, _, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	list, err := s.RosterImports(ctx, people.Everyone(), c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "版本\t时间\t经办\t文件\t新增\t变动\t调动\t回来\t离开\t撤销")
	for _, v := range list {
		undone := ""
		if !v.UndoneAt.IsZero() {
			undone = v.UndoneAt.In(study.Zone).Format(time.DateTime)
		}
		d := v.Result
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", v.Version, v.At.In(study.Zone).Format(time.DateTime), v.Actor, v.File, d.New, d.Changed, d.Moved, d.Returned, d.Left, undone)
	}
	return w.Flush()
}

type rosterUndoCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *rosterUndoCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	subject, err := loadSubject(cfg)
	if err != nil {
		return err
	}
	s, clock, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	defer lean()()
	v, err := s.UndoRoster(ctx, clock.Now(), actor(), people.Everyone())
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(v)
	}
	fmt.Fprintln(p.stdout, subject.phrases.Say("roster.undone", fault.A("version", v.Version), fault.A("changed", v.Result.Changed+v.Result.Moved+v.Result.Returned),
		fault.A("left", v.Result.Left), fault.A("new", v.Result.New)))
	return nil
}

type rosterPhoneCmd struct {
	configFlag
	Number string `arg:"" help:"The number."`
}

func (c *rosterPhoneCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, clock, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	list, err := s.FindPhone(ctx, clock.Now(), actor(), people.Everyone(), c.Number)
	for _, l := range list {
		fmt.Fprintf(p.stdout, "%d\t%s\t%s\t%s\n", l.ID, l.Name, l.UnitName, l.Category)
	}
	return err
}

type rosterRekeyCmd struct{ configFlag }

func (c *rosterRekeyCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, clock, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	n, err := s.RekeyPhones(ctx, clock.Now(), actor())
	if err == nil {
		fmt.Fprintln(p.stdout, n)
	}
	return err
}

// readRoster reads a roster file: good rows, and every bad one with row, column and reason.
func readRoster(name string, o people.ReadOptions) (people.Roster, error) {
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
	return report.ReadRoster(f, info.Size(), base, o)
}

type rosterExportCmd struct {
	configFlag
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Phones string `default:"no" enum:"no,masked,plain" help:"Telephone numbers: no, masked (138****8000) or plain; plain is recorded with its reason."`
	Reason string `help:"Why whole telephone numbers are needed."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *rosterExportCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, clock, err := openRoster(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer closing(s)
	rows := s.ExportRoster(ctx, people.Everyone())
	if c.Phones != "no" {
		view := store.PhonesMasked
		if c.Phones == "plain" {
			view = store.PhonesPlain
		}
		if rows, err = s.ExportPhones(ctx, clock.Now(), actor(), people.Everyone(), view, c.Reason); err != nil {
			return err
		}
	}
	return writeOut(p, c.Output, func(w io.Writer) error {
		return report.WriteRoster(w, c.Format, c.Phones != "no", rows)
	})
}

func texts(list []string) []sheet.Cell {
	cells := make([]sheet.Cell, len(list))
	for i, s := range list {
		cells[i] = sheet.Text(s)
	}
	return cells
}
