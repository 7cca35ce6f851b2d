package people

import (
	_ "embed" // unitheadings.txt
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// UnitRow is one good row of a file of units.
type UnitRow struct {
	File   string
	Row    int
	Code   OrgCode
	Name   string
	From   string  // first day, "" for always or not said
	To     string  // last day of a unit that is no more, "" for one that is
	Into   OrgCode // what it went into
	Former OrgCode // the code that it had before
}

// UnitFile is what was read of files of units. len(Rows) + Rejected + Outside + Again == Read; each rejected
// row has at least one problem with row, column and reason (R1).
type UnitFile struct {
	Rows     []UnitRow
	Problems []*fault.Error
	Read     int
	Rejected int
	Outside  int      // rows of units outside the one that was asked for
	Again    int      // rows that say once more what another says: 4419 and 441900 are one unit
	Ignored  []string // headings of columns that were passed over

	seen map[OrgCode]unitSeen
}

// TooBad reports whether more than percent of the rows that count were rejected. A file without a good row is.
func (f UnitFile) TooBad(percent int) bool {
	return len(f.Rows) == 0 || f.Rejected*100 > (f.Read-f.Outside)*percent
}

type unitColumn int

const (
	unitCode unitColumn = iota
	unitName
	unitFrom
	unitTo
	unitInto
	unitFormer
	unitColumns
)

//go:embed unitheadings.txt
var unitHeadingWords string

var unitHeadings = func() (list [unitColumns][]string) {
	at := map[string]unitColumn{"code": unitCode, "name": unitName, "from": unitFrom, "to": unitTo, "into": unitInto, "former": unitFormer}
	for line := range strings.Lines(unitHeadingWords) {
		if name, words, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			list[at[name]] = strings.Fields(words)
		}
	}
	return list
}()

// UnitHeadings are the headings of a file of units that we write, in the order of UnitCells.
func UnitHeadings() []string {
	out := make([]string, 0, unitFormer)
	for _, words := range unitHeadings[:unitFormer] {
		out = append(out, words[0])
	}
	return out
}

// UnitCells writes a unit under UnitHeadings. Reading it again gives the same unit.
func (u Unit) UnitCells() []string {
	return []string{string(u.Code), u.Name, u.From, u.To, string(u.Into)}
}

// unitLayout says which cell is which column, by place.
type unitLayout struct {
	at    [unitColumns]int
	label [unitColumns]string
}

// ReadUnits adds a table of units to what was read before: a row of headings within the first ten rows, in the
// words that are usual, then one unit a row. Units that neither lie in within nor
// contain it are passed over; "" takes all. Unknown
// columns are passed over and named in Ignored: whoever looks after such files adds many, and none of them
// comes into the system. The error is about the file as a whole.
func (f *UnitFile) ReadUnits(file string, rows iter.Seq2[Cells, error], within OrgCode) error {
	if f.seen == nil {
		f.seen = map[OrgCode]unitSeen{}
	}
	var l *unitLayout
	above := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		if l != nil {
			f.row(file, l, row, within)
			continue
		}
		if l, err = f.unitHeader(row); err != nil {
			return inFile(err, file)
		}
		if l == nil {
			if above++; above >= titleRows {
				break
			}
		}
	}
	if l == nil {
		return fault.New(fault.Invalid, "units.no_header").At(file, 0, "")
	}
	return nil
}

// unitHeader reads a row as headings; nil when it is none.
func (f *UnitFile) unitHeader(row Cells) (*unitLayout, error) {
	l := &unitLayout{}
	for c := range l.at {
		l.at[c], l.label[c] = -1, unitHeadings[c][0]
	}
	var ignored []string
	for i, cell := range row.Cells {
		folded := foldHeading(cell)
		c := slices.IndexFunc(unitHeadings[:], func(words []string) bool { return slices.Contains(words, folded) })
		switch {
		case folded == "":
		case c < 0:
			ignored = append(ignored, shorten(strings.TrimSpace(cell)))
		case l.at[c] >= 0:
			return nil, fault.New(fault.Invalid, "roster.column_twice", fault.A("other", l.label[c])).At("", row.Number, strings.TrimSpace(cell))
		default:
			l.at[c], l.label[c] = i, strings.TrimSpace(cell)
		}
	}
	if l.at[unitCode] < 0 || l.at[unitName] < 0 {
		return nil, nil //nolint:nilnil // no error and no headings: a title above them
	}
	for _, h := range ignored {
		if !slices.Contains(f.Ignored, h) {
			f.Ignored = append(f.Ignored, h)
		}
	}
	return l, nil
}

// unitRowParser collects what is wrong with a row.
type unitRowParser struct {
	l        *unitLayout
	cells    Cells
	problems []*fault.Error
	doubtful []int
}

func (p *unitRowParser) problem(c unitColumn, key string, args ...fault.Arg) {
	p.problems = append(p.problems, fault.New(fault.Invalid, key, args...).At("", p.cells.Number, p.l.label[c]))
}

func (p *unitRowParser) text(c unitColumn) (string, bool) {
	i := p.l.at[c]
	if i < 0 || i >= len(p.cells.Cells) || slices.Contains(p.doubtful, i) {
		return "", !slices.Contains(p.doubtful, i)
	}
	return p.cells.Cells[i], true
}

// code reads a code; "" where the cell is empty and may be.
func (p *unitRowParser) code(c unitColumn, needed bool) (OrgCode, bool) {
	s, ok := p.text(c)
	if !ok {
		return "", false
	}
	s = onlyInk(s)
	switch {
	case s == "" && needed:
		p.problem(c, "units.code_missing")
		return "", false
	case s == "":
		return "", true
	case identityCard.MatchString(s):
		p.problem(c, "roster.looks_like_id") // the number itself stays out of logs
		return "", false
	}
	code, ok := ParseOrgCode(s)
	if !ok {
		p.problem(c, "roster.unit_code_bad", fault.A("code", shorten(s)))
		return "", false
	}
	return code, true
}

var writtenDay = regexp.MustCompile(`^(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?$`)

// ParseDay reads a day as people write it: 2026-03-02, 2026/3/2, 2026年3月2日, 20260302.
func ParseDay(s string) (string, bool) {
	m := writtenDay.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	two := func(s string) string { return strings.Repeat("0", 2-len(s)) + s }
	day := m[1] + "-" + two(m[2]) + "-" + two(m[3])
	if _, err := time.Parse(time.DateOnly, day); err != nil || day < "1900-01-01" {
		return "", false
	}
	return day, true
}

func (p *unitRowParser) day(c unitColumn) string {
	s, ok := p.text(c)
	s = onlyInk(s)
	if !ok || s == "" {
		return ""
	}
	day, ok := ParseDay(strings.TrimSuffix(s, "00:00:00"))
	if !ok {
		p.problem(c, "units.day_bad", fault.A("day", shorten(s)))
	}
	return day
}

// row takes one row.
func (f *UnitFile) row(file string, l *unitLayout, cells Cells, within OrgCode) {
	f.Read++
	p := unitRowParser{l: l, cells: cells}
	for _, e := range cells.Problems {
		n, err := strconv.Atoi(e.Column)
		c := slices.Index(l.at[:], n-1)
		switch {
		case err != nil:
			p.problems = append(p.problems, e)
		case c >= 0:
			p.problems = append(p.problems, e.At("", cells.Number, l.label[c]))
			p.doubtful = append(p.doubtful, n-1)
		}
	}
	r := UnitRow{File: file, Row: cells.Number}
	code, good := p.code(unitCode, true)
	if r.Code = code; good && within != "" && !within.Contains(code) && !code.Contains(within) {
		f.Outside++
		return
	}
	p.fill(&r)
	if len(p.problems) == 0 {
		if other, twice := f.seen[r.Code]; twice {
			if other.name == r.Name && r.To == "" && r.Former == "" {
				f.Again++
				return
			}
			p.problem(unitCode, "units.twice", fault.A("code", r.Code), fault.A("other", other.name), fault.A("otherRow", other.row))
		}
	}
	if len(p.problems) > 0 {
		f.Rejected++
		for _, e := range p.problems {
			f.Problems = append(f.Problems, e.At(file, e.Row, e.Column))
		}
		return
	}
	f.seen[r.Code] = unitSeen{name: r.Name, row: r.Row}
	f.Rows = append(f.Rows, r)
}

// fill reads what stands beside the code.
func (p *unitRowParser) fill(r *UnitRow) {
	if s, ok := p.text(unitName); ok {
		switch name := foldUnitName(s); {
		case name == "":
			p.problem(unitName, "units.name_missing")
		case !goodUnitName(name):
			p.problem(unitName, "roster.unit_name_bad", fault.A("name", shorten(name)))
		default:
			r.Name = name
		}
	}
	r.From, r.To = p.day(unitFrom), p.day(unitTo)
	r.Into, _ = p.code(unitInto, false)
	r.Former, _ = p.code(unitFormer, false)
	switch {
	case len(p.problems) > 0:
	case r.To != "" && r.From != "" && r.To < dayBefore(r.From):
		p.problem(unitTo, "units.day_order", fault.A("from", r.From), fault.A("to", r.To))
	case r.Into != "" && r.To == "":
		p.problem(unitTo, "units.into_without_end", fault.A("into", r.Into))
	case r.Into == r.Code:
		p.problem(unitInto, "units.into_itself", fault.A("code", r.Code))
	case r.Into != "" && r.Into.Level() != r.Code.Level():
		p.problem(unitInto, "units.level_differs", fault.A("code", r.Code), fault.A("into", r.Into))
	case r.Former == r.Code:
		p.problem(unitFormer, "units.into_itself", fault.A("code", r.Code))
	case r.Former != "" && r.Former.Level() != r.Code.Level():
		p.problem(unitFormer, "units.level_differs", fault.A("code", r.Former), fault.A("into", r.Code))
	case r.Former != "" && r.To != "":
		p.problem(unitFormer, "units.former_ended", fault.A("former", r.Former))
	}
}
