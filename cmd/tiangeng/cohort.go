package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
	"github.com/tiangeng/tiangeng/store"
)

type cohortCmd struct {
	Import cohortImportCmd `cmd:"" help:"Create or change classes from a YAML file. The same file again changes nothing."`
	List   cohortListCmd   `cmd:"" help:"List the classes."`
	QR     cohortQRCmd     `cmd:"" name:"qr" help:"Make the QR that brings followers straight into a class, and print the address of its picture."`
}

type cohortImportCmd struct {
	configFlag
	File string `arg:"" type:"existingfile" help:"YAML file, see configs/cohorts.example.yaml."`
}

type cohortListCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// cohortFile is what a class looks like in YAML.
type cohortFile struct {
	Cohorts []struct {
		Code    string   `yaml:"code"`
		Name    string   `yaml:"name"`
		Courses []string `yaml:"courses"`
		Start   string   `yaml:"start"`
		End     string   `yaml:"end"`
		Hour    string   `yaml:"hour"`
		Days    any      `yaml:"days"` // "workdays", or a list of mon … sun
		Meets   *meeting `yaml:"meets"`
		Enrol   []struct {
			Unit     string `yaml:"unit"`
			Category string `yaml:"category"`
		} `yaml:"enrol"`
	} `yaml:"cohorts"`
}

// meeting is when and where a class meets.
type meeting struct {
	Place   string   `yaml:"place"`
	On      []string `yaml:"on"`    // days like 2026-12-07
	Times   []string `yaml:"times"` // like 09:00-11:30
	Hours   float64  `yaml:"hours"` // 学时 of one session
	Titles  []string `yaml:"titles"`
	Trainer int64    `yaml:"trainer"` // number of a person of the roster
	Fence   *struct {
		Latitude  float64 `yaml:"latitude"` // degrees, as the platform's map gives them
		Longitude float64 `yaml:"longitude"`
		Metres    int     `yaml:"metres"`
		Law       string  `yaml:"law"` // number of the document that demands it
	} `yaml:"fence"`
}

func (m meeting) sessions(cohort string) ([]study.Session, error) {
	hundredths := math.Round(m.Hours * 100)
	if hundredths != m.Hours*100 && math.Abs(hundredths-m.Hours*100) > 1e-6 || math.IsNaN(m.Hours) || math.Abs(m.Hours) > 1000 {
		return nil, errors.New("hours of a session must be a number with at most two decimals")
	}
	p := study.Plan{Place: strings.TrimSpace(m.Place), Hours: study.StudyHours(hundredths), Titles: m.Titles, Trainer: people.LearnerID(m.Trainer)}
	if f := m.Fence; f != nil {
		p.Fence = study.Fence{Latitude: f.Latitude, Longitude: f.Longitude, Metres: f.Metres, Law: strings.TrimSpace(f.Law)}
		if !p.Fence.Valid() { // also where nothing is filled in
			p.Fence.Metres = -1
		}
	}
	for _, d := range m.On {
		p.Days = append(p.Days, study.Day(d))
	}
	for _, t := range m.Times {
		from, to, _ := strings.Cut(t, "-")
		p.Times = append(p.Times, study.Span{From: strings.TrimSpace(from), To: strings.TrimSpace(to)})
	}
	return p.Sessions(cohort)
}

// plannedCohort is a class with the sessions it meets for.
type plannedCohort struct {
	study.Cohort
	Sessions []study.Session
	Enrol    []store.EnrolRule
}

var (
	cohortCode = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	weekdays   = map[string]time.Weekday{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
)

func (c *cohortImportCmd) run(ctx context.Context, p *program) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the classes: %w", err)
	}
	cohorts, err := parseCohorts(data)
	if err != nil {
		return fmt.Errorf("%s:\n%w", c.File, err)
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := logger(cfg, p.stderr)
	s, err := openCurrent(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer closing(s)
	subject, err := loadSubject(cfg)
	if err != nil {
		return err
	}
	clock, err := openClock(ctx, cfg)
	if err != nil {
		return err
	}
	for _, cohort := range cohorts { // before anything is written: half a file would be hard to mend
		for _, id := range cohort.Courses {
			if subject.library.Current(id) == nil {
				return fmt.Errorf("class %s: there is no course %q (tiangeng content list)", cohort.Code, id)
			}
		}
	}
	// The service publishes at its start; a list exported before has to know titles and lengths too.
	if err := publish(ctx, s, subject, clock.Now, log); err != nil {
		return err
	}
	for _, cohort := range cohorts {
		changed, err := s.ApplyCohort(ctx, clock.Now(), actor(), cohort.Cohort)
		if err != nil {
			return fmt.Errorf("class %s: %w", cohort.Code, err)
		}
		moved, err := s.ApplySessions(ctx, clock.Now(), actor(), cohort.Code, cohort.Sessions)
		if err != nil {
			return fmt.Errorf("class %s: %w", cohort.Code, err)
		}
		ruled, err := s.ApplyEnrolRules(ctx, clock.Now(), actor(), people.Everyone(), cohort.Code, cohort.Enrol)
		if err != nil {
			return fmt.Errorf("class %s: %w", cohort.Code, err)
		}
		word := "unchanged"
		if changed || ruled || moved > 0 {
			word = "written"
		}
		fmt.Fprintf(p.stdout, "%s\t%s\t%s\n", cohort.Code, cohort.Name, word)
	}
	n, err := s.EnrolByRules(ctx, clock.Now())
	if err != nil {
		return err
	}
	if n > 0 {
		fmt.Fprintf(p.stdout, "%d enrolled by rule\n", n)
	}
	return nil
}

// parseCohorts reads a class file; the error names every problem.
func parseCohorts(data []byte) ([]plannedCohort, error) {
	var f cohortFile
	if err := decodeYAML(data, &f); err != nil {
		return nil, err
	}
	var problems []error
	var list []plannedCohort
	first := map[string]int{}
	for i, c := range f.Cohorts {
		bad := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("class %d (%s): "+format, append([]any{i + 1, c.Code}, args...)...))
		}
		if !cohortCode.MatchString(c.Code) {
			bad("code must be 1 to 40 lower-case letters, digits and hyphens: it is also the content of the class QR")
		}
		if strings.HasPrefix(c.Code, study.RectifyPrefix) {
			bad("code begins with %s, which is kept for classes made for rectifications", study.RectifyPrefix)
		}
		if strings.HasPrefix(c.Code, study.MenuPrefix) {
			bad("code begins with %s, which is kept for classes of ordered courses", study.MenuPrefix)
		}
		if at, twice := first[c.Code]; twice {
			bad("code is that of class %d already", at)
		} else {
			first[c.Code] = i + 1
		}
		if strings.TrimSpace(c.Name) == "" {
			bad("name is missing")
		}
		if len(c.Courses) == 0 && c.Meets == nil {
			bad("courses is empty, and meets as well: what is the class for?")
		}
		if len(c.Courses) == 0 { // nothing is pushed, so there is nothing to say about it
			c.Hour, c.Days = cmp.Or(c.Hour, "08:00"), cmp.Or(c.Days, any("workdays"))
		}
		s := study.Schedule{Start: study.Day(c.Start), End: study.Day(c.End), Hour: c.Hour}
		if !s.Start.Valid() {
			bad("start must be a day like 2026-12-01")
		}
		if s.End != "" {
			if !s.End.Valid() || s.End < s.Start {
				bad("end must be empty or a day not before start")
			}
		}
		if _, err := s.At("2026-01-01"); err != nil { // any day will do
			bad("hour must be a time of day like \"08:00\" (in quotes)")
		}
		if err := readDays(c.Days, &s); err != nil {
			bad("%v", err)
		}
		planned := plannedCohort{Cohort: study.Cohort{Code: c.Code, Name: strings.TrimSpace(c.Name), Courses: c.Courses, Schedule: s}}
		if c.Meets != nil {
			var err error
			if planned.Sessions, err = c.Meets.sessions(c.Code); err != nil {
				bad("meets: %v", err)
			}
		}
		for _, e := range c.Enrol {
			unit, ok := people.ParseOrgCode(e.Unit)
			if !ok || len([]rune(e.Category)) > 60 {
				bad("enrol: unit must be a code of 12 digits (in quotes), and category at most 60 characters")
			}
			planned.Enrol = append(planned.Enrol, store.EnrolRule{Unit: unit, Category: strings.TrimSpace(e.Category)})
		}
		list = append(list, planned)
	}
	if len(f.Cohorts) == 0 {
		problems = append(problems, errors.New("there is no class in it"))
	}
	return list, errors.Join(problems...)
}

// decodeYAML reads a file of one YAML document with no unknown key. A second document is refused:
// it would be passed over without a word.
func decodeYAML(data []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return configs.PlainYAML(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("there is a second document (a line ---) in it: put everything into one")
	}
	return nil
}

func readDays(v any, s *study.Schedule) error {
	const help = "days must be workdays (the holiday calendar decides) or a list like [mon, wed, fri]"
	switch v := v.(type) {
	case string:
		if v != "workdays" {
			return errors.New(help)
		}
		s.WorkingDays = true
		return nil
	case []any:
		for _, e := range v {
			name, _ := e.(string)
			day, ok := weekdays[strings.ToLower(name)]
			if !ok {
				return errors.New(help)
			}
			s.Weekdays = append(s.Weekdays, day)
		}
		if len(v) > 0 {
			return nil
		}
	}
	return errors.New(help)
}

func (c *cohortListCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, err := openCurrent(ctx, cfg, logger(cfg, p.stderr))
	if err != nil {
		return err
	}
	defer closing(s)
	cohorts, err := s.Cohorts(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(cohorts)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tNAME\tSTART\tHOUR\tCOURSES")
	for _, c := range cohorts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Code, c.Name, c.Schedule.Start, c.Schedule.Hour, strings.Join(c.Courses, " "))
	}
	return w.Flush()
}

type cohortQRCmd struct {
	configFlag
	Code string `arg:"" help:"Code of the class."`
	Days int    `default:"0" help:"Days it works, 1 to 30; 0 for ever (an account has 100,000 of those)."`
}

func (c *cohortQRCmd) run(ctx context.Context, p *program) error {
	if c.Days < 0 || c.Days > 30 {
		return misuse{"--days must be 0 to 30"}
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if missing := cfg.NeedWeChat(); len(missing) > 0 {
		return fmt.Errorf("the configuration is not complete:\n%w", errors.Join(missing...))
	}
	a, err := openApp(ctx, cfg, logger(cfg, p.stderr), appOptions{})
	if err != nil {
		return err
	}
	defer closing(a)
	cohorts, err := a.store.Cohorts(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(cohorts, func(x study.Cohort) bool { return x.Code == c.Code }) {
		return fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", c.Code))
	}
	qr, err := a.client.QRTicket(ctx, c.Code, time.Duration(c.Days)*24*time.Hour)
	if err != nil {
		return fmt.Errorf("making the class QR: %w", err)
	}
	fmt.Fprintln(p.stdout, qr.Image)
	return nil
}

// closing closes what a command opened; at the end of a command nobody could act on the error.
func closing(c interface{ Close() error }) { _ = c.Close() }
