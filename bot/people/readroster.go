package people

import (
	"cmp"
	"errors"
	"hash/maphash"
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
	Unlisted int // problems that are not in Problems: there were more than anybody reads
	// HasPhones says that the file has a column of telephone numbers.
	HasPhones bool
}

// DefaultBadPercent is how many rows of a hundred may be wrong before a file as a whole is better
// mended first (reliability §2.2, row 36).
const DefaultBadPercent = 5

// TooBad reports whether more than percent of the rows were rejected. A file without rows is.
func (r Roster) TooBad(percent int) bool {
	return r.Read == 0 || r.Unlisted > 0 || r.Rejected*100 > r.Read*percent
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
	return ReadRosterWith(file, rows, ReadOptions{Ignore: ignore})
}

// ReadOptions say what of a roster file is read.
type ReadOptions struct {
	Ignore []string // headings whose columns are passed over
	Phones bool     // take a column of telephone numbers; without it such a column is refused
}

// ReadRosterWith is ReadRoster with options.
func ReadRosterWith(file string, rows iter.Seq2[Cells, error], o ReadOptions) (Roster, error) {
	r := rosterReader{
		units: map[OrgCode]unitSeen{}, names: map[string]OrgCode{}, chains: map[OrgCode][]OrgUnit{}, words: map[string]string{},
		people: map[uint64]int32{}, seed: maphash.MakeSeed(),
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
		if r.layout, err = newLayout(row.Number, row.Cells, known, o); err != nil {
			return Roster{}, inFile(err, file)
		}
		r.headings = row
	}
	if r.layout == nil {
		return Roster{}, fault.New(fault.Invalid, "roster.no_header").At(file, 0, "")
	}
	if p := r.idColumn(); p != nil {
		return Roster{}, p.At(file, p.Row, p.Column)
	}
	r.out.HasPhones = r.layout.at[colPhone] >= 0
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
	layout   *layout
	headings Cells
	ids      []int // cells that look like an identity card number, by place
	out      Roster
	units    map[OrgCode]unitSeen  // name of each unit, and the row that said so first
	names    map[string]OrgCode    // parent's code + name → the unit of that name there
	chains   map[OrgCode][]OrgUnit // units of a row, shared by the rows of one unit
	words    map[string]string     // categories, one string each however many rows have it
	// people finds a row by the hash of unit, name and code: the whole of them would take a tenth of the memory of
	// a large import. What is found is compared; the rare row whose place another has is in more.
	people map[uint64]int32 // → place in out.Rows
	more   []int32
	seed   maphash.Seed
}

type unitSeen struct {
	name string
	row  int
}

// row takes one row: accepted, or rejected with its problems.
func (r *rosterReader) row(cells Cells) {
	r.out.Read++
	r.countIDs(cells.Cells)
	p := rowParser{layout: r.layout, cells: cells}
	row, names := p.parse()
	if len(p.problems) == 0 {
		r.compare(&p, row, names)
	}
	if len(p.problems) > 0 {
		r.out.Rejected++
		if len(r.out.Problems) < maxProblems {
			r.out.Problems = append(r.out.Problems, p.problems...)
		} else {
			r.out.Unlisted += len(p.problems)
		}
		return
	}
	row.Units = r.chain(row.Unit, names, cells.Number)
	row.Unit = row.Units[len(row.Units)-1].Code // the rows of a unit share the string
	if word, ok := r.words[row.Category]; ok {
		row.Category = word
	} else if len(r.words) < manyWords {
		r.words[row.Category] = row.Category
	}
	if _, other := r.people[r.hash(row)]; other {
		r.more = append(r.more, int32(len(r.out.Rows)))
	} else {
		r.people[r.hash(row)] = int32(len(r.out.Rows))
	}
	r.out.Rows = append(r.out.Rows, row)
}

// manyWords is how many categories are remembered: more are no categories.
const manyWords = 1000

func (r *rosterReader) hash(row RosterRow) uint64 {
	return maphash.Comparable(r.seed, personKey{row.Unit, row.Name, row.Code})
}

// personKey is what tells people of a roster apart: the same name in the same unit needs another code.
type personKey struct {
	unit       OrgCode
	name, code string
}

// first finds the row of the same person, nil for none.
func (r *rosterReader) first(row RosterRow) *RosterRow {
	same := func(at int32) *RosterRow {
		if x := &r.out.Rows[at]; x.Unit == row.Unit && x.Name == row.Name && x.Code == row.Code {
			return x
		}
		return nil
	}
	at, ok := r.people[r.hash(row)]
	if !ok {
		return nil
	}
	if x := same(at); x != nil {
		return x
	}
	for _, at := range r.more {
		if x := same(at); x != nil {
			return x
		}
	}
	return nil
}

// maxProblems is how many problems are listed: a tenth of the largest file. With more it is a file of another kind.
const maxProblems = 50_000

// fewIDs is how many cells of a column may look like an identity card number before the column as a
// whole is taken for one of them. Up to there each is a problem of its row alone.
const fewIDs = 3

func (r *rosterReader) countIDs(cells []string) {
	for i, c := range cells {
		if len(c) < 15 || len(c) > 1000 {
			continue
		}
		if ink := onlyInk(c); !identityCard.MatchString(ink) && !HoldsIDNumber(ink) {
			continue
		}
		for len(r.ids) <= i {
			r.ids = append(r.ids, 0)
		}
		r.ids[i]++
	}
}

// idColumn is the problem of a file that carries identity card numbers, whatever the column is called
// and whether it is read or not; nil when there is none.
func (r *rosterReader) idColumn() *fault.Error {
	for i, n := range r.ids {
		if n > fewIDs {
			heading := strconv.Itoa(i + 1)
			if i < len(r.headings.Cells) && r.headings.Cells[i] != "" {
				heading = r.headings.Cells[i]
			}
			return fault.New(fault.Invalid, "roster.id_column", fault.A("count", n)).At("", r.headings.Number, heading)
		}
	}
	return nil
}

// Usable is what every import does with a file that was read: rows outside the scope, or outside the unit whose full
// roster it is, are rejected, and with more than badPercent bad rows of a hundred it is better mended first. The
// roster with all its problems is returned in any case.
func (r Roster) Usable(file string, scope Scope, full OrgCode, badPercent int) (Roster, error) {
	r = r.Within(file, scope, full)
	if r.Read == 0 {
		return r, fault.New(fault.Invalid, "roster.no_rows").At(file, 0, "")
	}
	if r.TooBad(badPercent) {
		return r, fault.New(fault.Invalid, "roster.too_many_bad", fault.A("good", len(r.Rows)), fault.A("bad", r.Rejected), fault.A("cap", badPercent)).At(file, 0, "")
	}
	return r, nil
}

// Within rejects the rows outside a scope and, of a full roster, outside its unit.
func (r Roster) Within(file string, scope Scope, full OrgCode) Roster {
	rows := make([]RosterRow, 0, len(r.Rows))
	for _, row := range r.Rows {
		key := ""
		switch {
		case !scope.Sees(row.Unit):
			key = "roster.out_of_scope"
		case full != "" && !full.Contains(row.Unit):
			key = "roster.out_of_unit"
		}
		if key == "" {
			rows = append(rows, row)
			continue
		}
		r.Rejected++
		r.Problems = append(slices.Clip(r.Problems), fault.New(fault.Invalid, key, fault.A("code", row.Unit), fault.A("unit", full)).At(file, row.Row, headings[colUnit][0]))
	}
	r.Rows = rows
	slices.SortStableFunc(r.Problems, func(a, b *fault.Error) int { return cmp.Compare(a.Row, b.Row) })
	return r
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
	if first := r.first(row); first != nil {
		p.problem(colName, "roster.twice", fault.A("otherRow", first.Row))
	}
}

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
			r.units[code] = unitSeen{name: names[l], row: row}
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
