package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
)

// audienceFlags say whom a command is about. The lists of one flag are alternatives, the flags
// conditions that must all hold.
type audienceFlags struct {
	Everyone       bool     `help:"Everybody on the roster. Needed when nothing below narrows it."`
	Unit           []string `help:"Only people of these units and below (code of 2, 4, 6, 9 or 12 digits)." placeholder:"CODE"`
	Category       []string `help:"Only people of these categories (干部类别)." placeholder:"NAME"`
	Cohort         []string `help:"Only people with a place in these classes." placeholder:"CODE"`
	Course         string   `help:"Together with --progress: the course." placeholder:"ID"`
	Progress       string   `help:"Only people who are so far in the course: not_begun, not_done, begun, behind:LESSONS, done, failed:LESSON/ITEM." placeholder:"STATE"`
	Tag            []string `help:"Only people with one of these tags." placeholder:"TAG"`
	Learners       string   `help:"Only the people of this CSV or XLSX file: column 学员编号, or 姓名 and 单位代码." placeholder:"FILE"`
	ExceptUnit     []string `help:"But not people of these units." placeholder:"CODE"`
	ExceptCategory []string `help:"But not people of these categories." placeholder:"NAME"`
	ExceptCohort   []string `help:"But not people of these classes." placeholder:"CODE"`
	ExceptTag      []string `help:"But not people with one of these tags." placeholder:"TAG"`
	ExceptLearners string   `help:"But not the people of this file." placeholder:"FILE"`
}

func foldTags(list []string) (out []string) {
	for _, t := range list {
		out = append(out, people.FoldTag(t))
	}
	return out
}

// audience is what the flags say about whom, but for the people of files.
func (c *audienceFlags) audience() (bot.Audience, error) {
	out := bot.Audience{Categories: c.Category, Cohorts: c.Cohort, Tags: foldTags(c.Tag)}
	var err error
	if out.Units, err = units("--unit", c.Unit); err != nil {
		return out, err
	}
	except := bot.Audience{Categories: c.ExceptCategory, Cohorts: c.ExceptCohort, Tags: foldTags(c.ExceptTag)}
	if except.Units, err = units("--except-unit", c.ExceptUnit); err != nil {
		return out, err
	}
	if len(except.Units)+len(except.Categories)+len(except.Cohorts)+len(except.Tags) > 0 {
		out.Except = &except
	}
	if out.Progress, err = progress(c.Course, c.Progress); err != nil {
		return out, err
	}
	narrowed := len(out.Units)+len(out.Categories)+len(out.Cohorts)+len(out.Tags) > 0 || out.Progress != nil || c.Learners != ""
	switch {
	case !narrowed && !c.Everyone:
		return out, misuse{"say who: --unit, --cohort, --category, --tag, --progress, --learners, or --everyone"}
	case narrowed && c.Everyone:
		return out, misuse{"--everyone and a narrower choice contradict each other: keep one"}
	}
	return out, nil
}

// units reads codes of units.
func units(flag string, list []string) ([]people.OrgCode, error) {
	var out []people.OrgCode
	for _, s := range list {
		code, ok := people.ParseOrgCode(s)
		if !ok {
			return nil, misuse{fmt.Sprintf("%s: %q is not a unit's code: 12 digits, or the first 2, 4, 6 or 9", flag, s)}
		}
		out = append(out, code)
	}
	return out, nil
}

// progress reads how far somebody has to be in a course.
func progress(course, state string) (*bot.Progress, error) {
	if course == "" && state == "" {
		return nil, nil //nolint:nilnil // no condition
	}
	if course == "" || state == "" {
		return nil, misuse{"--course and --progress go together"}
	}
	word, rest, _ := strings.Cut(state, ":")
	out := &bot.Progress{Course: course, Is: bot.ProgressIs(word)}
	switch out.Is {
	case bot.ProgressNotBegun, bot.ProgressNotDone, bot.ProgressBegun, bot.ProgressDone:
		if rest == "" {
			return out, nil
		}
	case bot.ProgressBehind:
		n, err := strconv.Atoi(rest)
		if out.At = n; err == nil && n > 0 {
			return out, nil
		}
	case bot.ProgressFailed:
		var ok bool
		if out.Lesson, out.Item, ok = strings.Cut(rest, "/"); ok && out.Lesson != "" && out.Item != "" {
			return out, nil
		}
	}
	return nil, misuse{fmt.Sprintf("--progress: %q must be not_begun, not_done, begun, behind:3 (lessons), done or failed:01-lesson/q2", state)}
}
