package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// maxNamed is how many people a file may name: more of them are units, classes or categories.
const maxNamed = 20_000

// named is one row of a file that names people.
type named struct {
	row  int
	id   people.LearnerID // 0: known by name and unit
	name string
	unit people.OrgCode
}

// headings of the columns, with the names that offices use for them besides.
var namedHeadings = map[string]string{
	"学员编号": "id", "编号": "id", "姓名": "name", "名字": "name", "单位代码": "unit", "单位编码": "unit", "区划代码": "unit",
}

// headRowsMax is how far down the headings may stand: lists have titles above them.
const headRowsMax = 10

// readNamed reads a file that names people: by number, or by name and unit. The error is the first
// one of the whole file; the problems are those of single rows.
func readNamed(name string) ([]named, []*fault.Error, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the list of learners: %w", err)
	}
	defer closing(f)
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("opening the list of learners: %w", err)
	}
	base := filepath.Base(name)
	var (
		columns  map[string]int
		list     []named
		problems []*fault.Error
		rows     int
	)
	for row, err := range sheet.Read(f, info.Size(), base, sheet.DefaultLimits()) {
		if err != nil {
			return nil, nil, err
		}
		rows++
		if columns == nil {
			if columns = namedColumns(row.Cells); columns == nil && rows >= headRowsMax {
				break
			}
			continue
		}
		n, problem := parseNamed(row, columns)
		switch {
		case problem != nil:
			problems = append(problems, problem.At(base, row.Number, problem.Column))
		case n != (named{}):
			list = append(list, n)
		}
		if len(list) > maxNamed {
			return nil, nil, fault.New(fault.Invalid, "announce.file_too_long", fault.A("limit", maxNamed)).At(base, 0, "")
		}
	}
	if columns == nil {
		return nil, nil, fault.New(fault.Invalid, "announce.file_no_header").At(base, 0, "")
	}
	if len(list)+len(problems) == 0 {
		return nil, nil, fault.New(fault.Invalid, "announce.file_nobody").At(base, 0, "")
	}
	return list, problems, nil
}

// namedColumns finds the columns in a row of headings; nil when it is none.
func namedColumns(cells []string) map[string]int {
	columns := map[string]int{}
	for i, c := range cells {
		if what, known := namedHeadings[strings.ReplaceAll(strings.TrimSpace(c), " ", "")]; known {
			if _, twice := columns[what]; !twice {
				columns[what] = i
			}
		}
	}
	_, id := columns["id"]
	_, name := columns["name"]
	_, unit := columns["unit"]
	if !id && (!name || !unit) {
		return nil
	}
	return columns
}

func parseNamed(row sheet.Row, columns map[string]int) (named, *fault.Error) {
	cell := func(what string) string {
		if i, ok := columns[what]; ok && i < len(row.Cells) {
			return strings.TrimSpace(row.Cells[i])
		}
		return ""
	}
	id, name, unit := cell("id"), cell("name"), cell("unit")
	at := func(heading, key string, args ...fault.Arg) *fault.Error {
		return fault.New(fault.Invalid, key, args...).At("", 0, heading)
	}
	for _, p := range row.Problems {
		if i, err := strconv.Atoi(p.Column); err == nil && slices.ContainsFunc([]string{"id", "name", "unit"}, func(w string) bool { c, ok := columns[w]; return ok && c == i-1 }) {
			return named{}, p
		}
	}
	if id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n <= 0 {
			if id == "人数" && unit == "" {
				return named{}, nil // the line below a list of ours that counts it
			}
			return named{}, at("学员编号", "announce.number_bad", fault.A("value", id))
		}
		return named{row: row.Number, id: people.LearnerID(n)}, nil
	}
	folded, problem := people.FoldName(name), (*fault.Error)(nil)
	code, ok := people.ParseOrgCode(unit)
	switch {
	case folded == "":
		problem = at("姓名", "announce.name_missing")
	case !ok:
		problem = at("单位代码", "announce.unit_bad", fault.A("value", unit))
	}
	return named{row: row.Number, name: folded, unit: code}, problem
}

// lists adds the people of the files to the audience.
func (c *audienceFlags) lists(ctx context.Context, p *program, a *app, who *bot.Audience) error {
	for _, l := range []struct {
		file string
		put  func([]people.LearnerID)
	}{
		{c.Learners, func(ids []people.LearnerID) { who.Learners = ids }},
		{c.ExceptLearners, func(ids []people.LearnerID) {
			if who.Except == nil {
				who.Except = &bot.Audience{}
			}
			who.Except.Learners = ids
		}},
	} {
		if l.file == "" {
			continue
		}
		ids, err := learnersOf(ctx, p, a, l.file)
		if err != nil {
			return err
		}
		l.put(ids)
	}
	return nil
}

// learnersOf returns the people whom a file names, by number. A file with a row that names nobody,
// or more than one person, is refused whole: an announcement goes to exactly the right people.
func learnersOf(ctx context.Context, p *program, a *app, file string) ([]people.LearnerID, error) {
	list, problems, err := readNamed(file)
	if err != nil {
		return nil, err
	}
	ids, unresolved, err := resolve(ctx, a.store, a.clock.Now(), list)
	if err != nil {
		return nil, fmt.Errorf("looking up the people of the list: %w", err)
	}
	base := filepath.Base(file)
	for _, f := range unresolved {
		problems = append(problems, f.At(base, f.Row, f.Column))
	}
	if len(problems) > 0 {
		for _, f := range problems {
			fmt.Fprintln(p.stderr, a.subject.phrases.Fault(f))
		}
		return nil, fault.New(fault.Invalid, "announce.file_bad", fault.A("bad", len(problems)), fault.A("good", len(ids))).At(base, 0, "")
	}
	return ids, nil
}

// recipients is the part of the store that knows people.
type recipients interface {
	Recipients(ctx context.Context, now time.Time, scope people.Scope, a bot.Audience, after people.LearnerID, limit int) ([]bot.Recipient, error)
}

// lookupPage is how many people are read, or asked about, at a time.
const lookupPage = 1000

// resolve finds the numbers of people; each problem has its row.
func resolve(ctx context.Context, s recipients, now time.Time, list []named) ([]people.LearnerID, []*fault.Error, error) {
	var numbers []people.LearnerID
	var codes []people.OrgCode
	for _, n := range list {
		if n.id > 0 {
			numbers = append(numbers, n.id)
		} else {
			codes = append(codes, n.unit)
		}
	}
	known := map[people.LearnerID]bool{}
	for chunk := range slices.Chunk(distinct(numbers), lookupPage) {
		if err := eachLearner(ctx, s, now, bot.Audience{Learners: chunk}, func(l people.Learner) { known[l.ID] = true }); err != nil {
			return nil, nil, err
		}
	}
	type home struct {
		name string
		unit people.OrgCode
	}
	byName := map[home][]people.LearnerID{}
	for chunk := range slices.Chunk(distinct(codes), 100) {
		if err := eachLearner(ctx, s, now, bot.Audience{Units: chunk}, func(l people.Learner) {
			h := home{l.Name, l.Unit}
			if !slices.Contains(byName[h], l.ID) {
				byName[h] = append(byName[h], l.ID)
			}
		}); err != nil {
			return nil, nil, err
		}
	}
	var ids []people.LearnerID
	var problems []*fault.Error
	for _, n := range list {
		found := byName[home{n.name, n.unit}]
		switch {
		case n.id > 0 && known[n.id]:
			ids = append(ids, n.id)
		case n.id > 0:
			problems = append(problems, fault.New(fault.Invalid, "announce.number_unknown", fault.A("value", n.id)).At("", n.row, "学员编号"))
		case len(found) == 1:
			ids = append(ids, found[0])
		case len(found) == 0:
			problems = append(problems, fault.New(fault.Invalid, "announce.name_unknown", fault.A("name", n.name), fault.A("unit", n.unit)).At("", n.row, "姓名"))
		default:
			problems = append(problems, fault.New(fault.Invalid, "announce.name_twice", fault.A("name", n.name), fault.A("count", len(found))).At("", n.row, "姓名"))
		}
	}
	return distinct(ids), problems, nil
}

// distinct sorts and leaves out repeats.
func distinct[T ~int64 | ~string](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func eachLearner(ctx context.Context, s recipients, now time.Time, who bot.Audience, f func(people.Learner)) error {
	after := people.LearnerID(0)
	for {
		page, err := s.Recipients(ctx, now, people.Everyone(), who, after, lookupPage)
		if err != nil {
			return err
		}
		for _, r := range page {
			after = r.Learner.ID
			f(r.Learner)
		}
		if len(page) < lookupPage {
			return nil
		}
	}
}

// oneLearner finds a person by number, or by name and unit.
func oneLearner(ctx context.Context, a *app, id people.LearnerID, name, unit string) (people.Learner, error) {
	var who bot.Audience
	folded := people.FoldName(name)
	switch {
	case id > 0 && name == "" && unit == "":
		who.Learners = []people.LearnerID{id}
	case id == 0 && folded != "" && unit != "":
		code, ok := people.ParseOrgCode(unit)
		if !ok {
			return people.Learner{}, misuse{fmt.Sprintf("--unit: %q is not a unit's code: 12 digits, or the first 2, 4, 6 or 9", unit)}
		}
		who.Units = []people.OrgCode{code}
	default:
		return people.Learner{}, misuse{"name the learner by number, or by --name and --unit"}
	}
	var found []people.Learner
	err := eachLearner(ctx, a.store, a.clock.Now(), who, func(l people.Learner) {
		if id > 0 || l.Name == folded && l.Unit == who.Units[0] {
			found = append(found, l)
		}
	})
	switch {
	case err != nil:
		return people.Learner{}, errors.Join(errors.New("looking up the learner"), err)
	case len(found) == 1:
		return found[0], nil
	case id > 0:
		return people.Learner{}, fault.New(fault.NotFound, "announce.number_unknown", fault.A("value", id))
	case len(found) == 0:
		return people.Learner{}, fault.New(fault.NotFound, "announce.name_unknown", fault.A("name", folded), fault.A("unit", unit))
	}
	return people.Learner{}, fault.New(fault.Conflict, "announce.name_twice", fault.A("name", folded), fault.A("count", len(found)))
}
