package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/store"
)

// coursesCmd is the training menu (培训菜单) and what is ordered from it (点单).
type coursesCmd struct {
	List   coursesListCmd   `cmd:"" help:"List the courses, or the menu of people of a unit and category, or of one person."`
	Menu   coursesMenuCmd   `cmd:"" help:"Say which courses units leave in the menu of their people."`
	Demand coursesDemandCmd `cmd:"" help:"Count how often which course was ordered. Courses and counts, nobody's name."`
	Orders coursesOrdersCmd `cmd:"" help:"List what people have ordered."`
	Order  coursesOrderCmd  `cmd:"" help:"Order a course for somebody. They are told, and may drop it."`
	Drop   coursesDropCmd   `cmd:"" help:"Drop somebody's order. What was learned stays."`
	First  coursesFirstCmd  `cmd:"" help:"Let somebody's order be the next of those that wait."`
}

type coursesListCmd struct {
	configFlag
	Search   string           `help:"Words, pinyin or initials." placeholder:"WORDS"`
	Unit     string           `help:"What people of this unit may order." placeholder:"CODE"`
	Category string           `help:"What people of this category may order (干部类别)." placeholder:"NAME"`
	Learner  people.LearnerID `help:"What this person may order, and has." placeholder:"ID"`
	JSON     bool             `help:"Print JSON."`
}

func (c *coursesListCmd) run(ctx context.Context, p *program) error {
	q := web.CourseQuery{Words: c.Search, Learner: c.Learner, Category: c.Category}
	if c.Unit != "" {
		list, err := units("--unit", []string{c.Unit})
		if err != nil {
			return err
		}
		q.Unit = list[0]
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := web.ListCourses(ctx, a.store, a.service.Catalogue(), a.clock.Now(), people.Everyone(), q)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTIER\tLESSONS\tHOURS\tREGIONS\tSTATE\tTITLE")
	for _, x := range list {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", x.ID, a.subject.phrases.Say("order.tier_"+string(x.Tier)), x.Lessons, x.Hours, strings.Join(x.Regions, ","), x.State, x.Title)
	}
	return w.Flush()
}

type coursesMenuCmd struct {
	Show   menuShowCmd   `cmd:"" help:"List what units have closed."`
	Set    menuSetCmd    `cmd:"" help:"Say what one unit leaves in the menu. Again changes nothing."`
	Import menuImportCmd `cmd:"" help:"Say it of many units by a YAML file. Again changes nothing."`
}

type menuShowCmd struct {
	configFlag
	Unit string `help:"Only this unit and what lies inside it." placeholder:"CODE"`
	JSON bool   `help:"Print JSON."`
}

func (c *menuShowCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.MenuLimits(ctx, scope)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "UNIT\tLEFT\tCOURSES")
	for _, m := range list {
		word := "without"
		if m.Only {
			word = "only"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.Unit, word, strings.Join(m.Courses, " "))
	}
	return w.Flush()
}

type menuSetCmd struct {
	configFlag
	Unit    string   `required:"" help:"Code of the unit." placeholder:"CODE"`
	Only    []string `xor:"what" required:"" help:"Only these courses are left." placeholder:"ID"`
	Without []string `xor:"what" required:"" help:"These courses are closed." placeholder:"ID"`
	All     bool     `xor:"what" required:"" help:"The unit closes nothing (any more)."`
}

func (c *menuSetCmd) run(ctx context.Context, p *program) error {
	unit, err := units("--unit", []string{c.Unit})
	if err != nil {
		return err
	}
	return limitMenus(ctx, p, c.configFlag, []study.MenuLimit{{Unit: unit[0], Only: len(c.Only) > 0, Courses: append(c.Only, c.Without...)}})
}

type menuImportCmd struct {
	configFlag
	File string `arg:"" type:"existingfile" help:"YAML file, see configs/menu.example.yaml."`
}

// menuFile is what limits look like in YAML.
type menuFile struct {
	Menu []struct {
		Unit    string   `yaml:"unit"`
		Only    []string `yaml:"only"`
		Without []string `yaml:"without"`
	} `yaml:"menu"`
}

func (c *menuImportCmd) run(ctx context.Context, p *program) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the menu: %w", err)
	}
	list, err := parseMenu(data)
	if err != nil {
		return fmt.Errorf("%s:\n%w", c.File, err)
	}
	return limitMenus(ctx, p, c.configFlag, list)
}

// parseMenu reads a menu file; the error names every problem.
func parseMenu(data []byte) ([]study.MenuLimit, error) {
	var f menuFile
	if err := decodeYAML(data, &f); err != nil {
		return nil, err
	}
	var problems []error
	var list []study.MenuLimit
	seen := map[people.OrgCode]bool{}
	for i, m := range f.Menu {
		unit, ok := people.ParseOrgCode(m.Unit)
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("entry %d: unit must be a statistics code, not %q", i+1, m.Unit))
		case seen[unit]:
			problems = append(problems, fmt.Errorf("entry %d: unit %s stands here a second time", i+1, unit))
		case len(m.Only) > 0 && len(m.Without) > 0:
			problems = append(problems, fmt.Errorf("entry %d (%s): only and without cannot both be there", i+1, unit))
		}
		seen[unit] = true
		list = append(list, study.MenuLimit{Unit: unit, Only: len(m.Only) > 0, Courses: append(m.Only, m.Without...)})
	}
	if len(f.Menu) == 0 {
		problems = append(problems, errors.New("there is no entry below menu"))
	}
	return list, errors.Join(problems...)
}

// limitMenus checks all limits before it writes the first: half a file would be hard to mend.
func limitMenus(ctx context.Context, p *program, flag configFlag, list []study.MenuLimit) error {
	a, err := flag.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	for _, m := range list {
		if err := m.Check(a.service.Catalogue()); err != nil {
			return err
		}
	}
	for _, m := range list {
		changed, err := web.LimitMenu(ctx, a.store, a.service.Catalogue(), a.clock.Now(), actor(), people.Everyone(), m)
		if err != nil {
			return err
		}
		word := "unchanged"
		if changed {
			word = "written"
		}
		fmt.Fprintf(p.stdout, "%s\t%s\n", m.Unit, word)
	}
	return nil
}

type coursesDemandCmd struct {
	configFlag
	Unit   string `help:"Only orders of people of this unit and what lies inside it." placeholder:"CODE"`
	From   string `help:"Only what was ordered from this day on." placeholder:"DAY"`
	To     string `help:"Only what was ordered up to this day." placeholder:"DAY"`
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON   bool   `help:"Print JSON."`
}

func (c *coursesDemandCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	from, to := study.Day(c.From), study.Day(c.To)
	if from != "" && !from.Valid() || to != "" && !to.Valid() {
		return misuse{"--from and --to must be days like 2026-12-01"}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.OrderDemand(ctx, scope, from, to)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	return writeOut(p, c.Output, func(w io.Writer) error {
		_, err := report.WriteDemand(w, report.Format(c.Format), a.clock.Now(), from, to, list)
		return err
	})
}

type coursesOrdersCmd struct {
	configFlag
	Unit    string           `help:"Only of people of this unit and what lies inside it." placeholder:"CODE"`
	Learner people.LearnerID `help:"Only of this person." placeholder:"ID"`
	Course  string           `help:"Only of this course." placeholder:"ID"`
	State   string           `enum:"waiting,running,done,dropped," default:"" help:"Only in this state: waiting, running, done or dropped."`
	JSON    bool             `help:"Print JSON."`
}

func (c *coursesOrdersCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	q := store.OrderQuery{Scope: scope, Learner: c.Learner, Course: c.Course, State: study.OrderState(c.State)}
	all := []web.OrderLine{}
	for {
		page, more, err := a.store.Orders(ctx, q)
		if err != nil {
			return err
		}
		all = append(all, web.OrderLines(page)...)
		q.After += len(page)
		if !more {
			break
		}
	}
	if c.JSON {
		return printJSON(p, all)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "LEARNER\tNAME\tUNIT\tCOURSE\tSTATE\tORDERED\tBY")
	for _, o := range all {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", o.Learner, o.Name, o.UnitName, o.Course, o.State, o.Ordered, o.By)
	}
	return w.Flush()
}

// orderFlag names somebody's order.
type orderFlag struct {
	configFlag
	Learner people.LearnerID `arg:"" help:"Number of the person."`
	Course  string           `arg:"" help:"Id of the course."`
}

func (c *orderFlag) change(ctx context.Context, p *program, act study.OrderAct) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	q, err := web.ChangeOrder(ctx, a.store, a.service.Catalogue(), a.subject.phrases, a.clock.Now(), actor(), people.Everyone(),
		web.OrderFor{Learner: c.Learner, Act: act, Course: c.Course, Class: a.service.OrderClass})
	if err != nil {
		return err
	}
	for _, o := range web.PersonalOrders(q) {
		fmt.Fprintf(p.stdout, "%s\t%s\n", o.Course, o.State)
	}
	return nil
}

type coursesOrderCmd struct{ orderFlag }

func (c *coursesOrderCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, study.OrderPlace)
}

type coursesDropCmd struct{ orderFlag }

func (c *coursesDropCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, study.OrderDrop)
}

type coursesFirstCmd struct{ orderFlag }

func (c *coursesFirstCmd) run(ctx context.Context, p *program) error {
	return c.change(ctx, p, study.OrderFirst)
}
