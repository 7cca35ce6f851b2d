package people

import (
	"errors"
	"iter"
	"slices"
	"strconv"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// Cells is one row of a table that is not blank. It has the shape of sheet.Row, so that
// Cells(row) is a conversion.
type Cells struct {
	Number   int            // 1-based number of the row in the file
	Cells    []string       // texts from the first column on
	Problems []*fault.Error // cells that cannot be trusted; Column is the column's 1-based number
}

// Roster is what was read of a roster file. Invariant R1: len(Rows) + Rejected == Read, and every
// rejected row has at least one problem that names row, column and reason.
type Roster struct {
	Rows     []RosterRow
	Problems []*fault.Error // in the order of the file
	Read     int            // rows below the headings that are not blank
	Rejected int
}

// DefaultBadPercent is how many rows of a hundred may be wrong before a file as a whole is better
// mended first (reliability §2.2, row 36).
const DefaultBadPercent = 5

// TooBad reports whether more than percent of the rows were rejected. A file without rows is.
func (r Roster) TooBad(percent int) bool {
	return r.Read == 0 || r.Rejected*100 > r.Read*percent
}

// titleRows is how many rows may stand above the headings.
const titleRows = 10

// ReadRoster reads a roster: a row of headings within the first ten rows, in any order and in the
// words that are usual, then one person a row. What stands above the headings is passed over.
//
// ignore lists headings whose columns are passed over; any other unknown heading is an error, and
// a heading that promises private data (identity card, telephone …) is one even if ignored: such
// a file must not travel.
//
// The error is a *fault.Error about the file as a whole, or whatever rows gave; then nothing of
// the file may be used. Problems of single rows are in the result.
func ReadRoster(file string, rows iter.Seq2[Cells, error], ignore []string) (Roster, error) {
	r := rosterReader{
		units: map[OrgCode]unitSeen{}, names: map[string]OrgCode{}, chains: map[OrgCode][]OrgUnit{}, people: map[string]int{},
	}
	above := 0
	for row, err := range rows {
		if err != nil {
			return Roster{}, err
		}
		if r.layout != nil {
			r.row(row)
			continue
		}
		known, ok := findHeader(row.Cells)
		if !ok {
			if above++; above >= titleRows {
				break
			}
			continue
		}
		if r.layout, err = newLayout(row.Number, row.Cells, known, ignore); err != nil {
			return Roster{}, inFile(err, file)
		}
	}
	if r.layout == nil {
		return Roster{}, fault.New(fault.Invalid, "roster.no_header").At(file, 0, "")
	}
	for i, p := range r.out.Problems {
		r.out.Problems[i] = p.At(file, p.Row, p.Column)
	}
	return r.out, nil
}

func inFile(err error, file string) error {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.At(file, e.Row, e.Column)
	}
	return err
}

// rosterReader holds what rows are compared with.
type rosterReader struct {
	layout *layout
	out    Roster
	units  map[OrgCode]unitSeen  // name of each unit, and the row that said so first
	names  map[string]OrgCode    // parent's code + name → the unit of that name there
	chains map[OrgCode][]OrgUnit // units of a row, shared by the rows of one unit
	people map[string]int        // unit, name and code → row
}

type unitSeen struct {
	name string
	row  int
}

// row takes one row: accepted, or rejected with its problems.
func (r *rosterReader) row(cells Cells) {
	r.out.Read++
	p := rowParser{layout: r.layout, cells: cells}
	row, names := p.parse()
	if len(p.problems) == 0 {
		r.compare(&p, row, names)
	}
	if len(p.problems) > 0 {
		r.out.Rejected++
		r.out.Problems = append(r.out.Problems, p.problems...)
		return
	}
	row.Units = r.chain(row.Unit, names, cells.Number)
	r.people[personKey(row)] = cells.Number
	r.out.Rows = append(r.out.Rows, row)
}

// compare looks for contradictions to the rows accepted before: a unit with two names, a name with
// two units in one place, the same person twice.
func (r *rosterReader) compare(p *rowParser, row RosterRow, names unitNames) {
	for l := LevelProvince; l <= row.Unit.Level(); l++ {
		if names[l] == "" {
			continue
		}
		code := row.Unit.Ancestor(l)
		if seen, ok := r.units[code]; ok && seen.name != names[l] {
			p.problem(levelColumns[l], "roster.unit_two_names", fault.A("code", code), fault.A("name", names[l]),
				fault.A("other", seen.name), fault.A("otherRow", seen.row))
			return
		}
		if other, ok := r.names[siblingKey(code, l, names[l])]; ok && other != code {
			p.problem(colUnit, "roster.unit_two_codes", fault.A("name", names[l]), fault.A("code", code),
				fault.A("other", other), fault.A("otherRow", r.units[other].row))
			return
		}
	}
	if first, ok := r.people[personKey(row)]; ok {
		p.problem(colName, "roster.twice", fault.A("otherRow", first))
	}
}

// personKey is what tells people of a roster apart: the same name in the same unit needs another code.
func personKey(row RosterRow) string { return string(row.Unit) + row.Name + "\n" + row.Code }

func siblingKey(code OrgCode, l Level, name string) string {
	if l == LevelProvince {
		return name
	}
	return string(code[:levelDigits[l-1]]) + name
}

// chain remembers the units of an accepted row and returns them, sharing the slice between rows.
func (r *rosterReader) chain(unit OrgCode, names unitNames, row int) []OrgUnit {
	full := ""
	out := make([]OrgUnit, 0, int(LevelVillage))
	for l := LevelProvince; l <= unit.Level(); l++ {
		if names[l] == "" {
			continue
		}
		code := unit.Ancestor(l)
		switch {
		case l == LevelProvince || full == "":
			full = names[l]
		default:
			full += string(MiddleDot) + names[l]
		}
		out = append(out, OrgUnit{Code: code, Name: names[l], Full: full})
		if l == LevelProvince {
			full = ""
		}
		if _, ok := r.units[code]; !ok {
			r.units[code] = unitSeen{names[l], row}
			r.names[siblingKey(code, l, names[l])] = code
		}
	}
	if known := r.chains[unit]; slices.Equal(known, out) {
		return known
	}
	r.chains[unit] = out
	return out
}

// sheetProblems takes over what the table's reader found, with headings in place of numbers.
// Columns that are not read do not matter.
func (p *rowParser) sheetProblems() {
	for _, e := range p.cells.Problems {
		n, err := strconv.Atoi(e.Column)
		if err != nil {
			p.problems = append(p.problems, e)
			continue
		}
		if label := p.layout.labelOf(n - 1); label != "" {
			p.problems = append(p.problems, e.At(e.File, p.cells.Number, label))
			p.doubtful = append(p.doubtful, n-1)
		}
	}
}
