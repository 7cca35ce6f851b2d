package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

type surveyCmd struct {
	Import  surveyImportCmd  `cmd:"" help:"Make surveys from a YAML file. The same file again changes nothing; what people may have answered is not changed."`
	List    surveyListCmd    `cmd:"" help:"List the surveys."`
	Result  surveyResultCmd  `cmd:"" help:"Write what came of a survey. Of an anonymous one nothing is told before it has closed, and no group of fewer than five."`
	Answers surveyAnswersCmd `cmd:"" help:"Write who answered what to a survey that is not anonymous."`
	End     surveyEndCmd     `cmd:"" help:"Close a survey before its day."`
}

// surveyFile is what surveys look like in YAML.
type surveyFile struct {
	Surveys []struct {
		Code      string           `yaml:"code"`
		Title     string           `yaml:"title"`
		Intro     string           `yaml:"intro"`
		Anonymous *bool            `yaml:"anonymous"` // must be said: nothing may be anonymous, or not, by oversight
		Opens     string           `yaml:"opens"`
		Closes    string           `yaml:"closes"`
		Unit      string           `yaml:"unit"`
		Cohort    string           `yaml:"cohort"`
		By        string           `yaml:"by"` // "", prefecture, county or township
		Questions []study.Question `yaml:"questions"`
	} `yaml:"surveys"`
}

var partLevels = map[string]people.Level{"": people.LevelNone, "prefecture": people.LevelPrefecture, "county": people.LevelCounty, "township": people.LevelTownship}

func parseSurveys(data []byte) ([]study.Survey, error) {
	var f surveyFile
	if err := decodeYAML(data, &f); err != nil {
		return nil, err
	}
	if len(f.Surveys) == 0 {
		return nil, fmt.Errorf("there is no survey in it")
	}
	var list []study.Survey
	for i, s := range f.Surveys {
		by, known := partLevels[s.By]
		unit, isUnit := people.ParseOrgCode(s.Unit)
		switch {
		case s.Anonymous == nil:
			return nil, fmt.Errorf("survey %d (%s): anonymous must be true or false", i+1, s.Code)
		case !known:
			return nil, fmt.Errorf("survey %d (%s): by must be prefecture, county or township, or left out", i+1, s.Code)
		case !isUnit:
			return nil, fmt.Errorf("survey %d (%s): unit must be a unit's code: 12 digits, or the first 2, 4, 6 or 9, in quotes", i+1, s.Code)
		}
		list = append(list, study.Survey{
			Code: s.Code, Title: s.Title, Intro: s.Intro, Anonymous: *s.Anonymous, Opens: study.Day(s.Opens), Closes: study.Day(s.Closes),
			Unit: unit, Cohort: s.Cohort, By: by, Questions: s.Questions,
		})
	}
	return list, nil
}

type surveyImportCmd struct {
	configFlag
	File string `arg:"" type:"existingfile" help:"YAML file, see configs/survey.example.yaml."`
}

func (c *surveyImportCmd) run(ctx context.Context, p *program) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the surveys: %w", err)
	}
	list, err := parseSurveys(data)
	if err != nil {
		return fmt.Errorf("%s:\n%w", c.File, err)
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	for _, v := range list {
		created, err := a.store.PutSurvey(ctx, a.clock.Now(), actor(), people.Everyone(), v)
		if err != nil {
			return err
		}
		word := "unchanged"
		if created {
			word = "written"
		}
		fmt.Fprintf(p.stdout, "%s\t%s\t%s\n", v.Code, v.Title, word)
	}
	return nil
}

type surveyListCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (c *surveyListCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.Surveys(ctx, people.Everyone())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tTITLE\tOPENS\tCLOSES\tUNIT\tANONYMOUS\tQUESTIONS")
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%t\t%d\n", v.Code, v.Title, v.Opens, v.Closes, v.Unit, v.Anonymous, len(v.Questions))
	}
	return w.Flush()
}

type surveyResultCmd struct {
	configFlag
	Code   string `arg:"" help:"Code of the survey."`
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON   bool   `help:"Print JSON."`
}

func (c *surveyResultCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	now := a.clock.Now()
	r, err := a.store.SurveyResult(ctx, now, people.Everyone(), c.Code)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, r)
	}
	names, err := a.store.SurveyUnits(ctx, r)
	if err != nil {
		return err
	}
	if err := writeOut(p, c.Output, func(w io.Writer) error {
		_, err := report.WriteSurvey(w, report.Format(c.Format), now, r, names)
		return err
	}); err != nil {
		return fmt.Errorf("writing the result of a survey: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d asked, %d answered\n", r.Asked, r.Begun)
	return nil
}

type surveyAnswersCmd struct {
	configFlag
	Code   string `arg:"" help:"Code of the survey."`
	Format string `default:"csv" enum:"csv,xlsx" help:"csv or xlsx."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON   bool   `help:"Print JSON."`
}

func (c *surveyAnswersCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	v, list, err := a.store.NamedAnswers(ctx, people.Everyone(), c.Code)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	if err := writeOut(p, c.Output, func(w io.Writer) error {
		_, err := report.WriteNamedAnswers(w, report.Format(c.Format), a.clock.Now(), v, list)
		return err
	}); err != nil {
		return fmt.Errorf("writing the answers to a survey: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d people\n", len(list))
	return nil
}

type surveyEndCmd struct {
	configFlag
	Code string `arg:"" help:"Code of the survey."`
}

func (c *surveyEndCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	v, err := a.store.EndSurvey(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s\t%s\n", v.Code, v.Closes)
	return nil
}
