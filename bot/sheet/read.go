package sheet

import (
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// Row is one row of a file that is not blank.
type Row struct {
	Number   int            // 1-based, as the office program numbers it: blank rows count
	Cells    []string       // texts of the cells from the first column on; owned by the receiver
	Problems []*fault.Error // cells that cannot be trusted, with row and column (a number, as text)
}

// Read yields the rows of a CSV or XLSX file, told apart by content, not by name. name goes into
// problems only, without folders.
//
// A cell that cannot be trusted – formula, covered part of a merged area, digits lost to 1.23E+17,
// unreadable characters, too long – is a problem of its row; its text, as far as there is one, is
// in Cells all the same, and reading goes on. An error ends the sequence and says that the file as
// a whole cannot be used: whatever came before must be thrown away. It is a *fault.Error when a
// person can mend the file, and anything else when reading r failed.
//
// Memory is flat for CSV; for XLSX it is the table of texts, bounded by named limits.
func Read(r io.ReaderAt, size int64, name string, limits Limits) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		g := &gate{name: baseName(name), limits: limits.orDefault(), yield: yield}
		var err error
		switch kind, kindErr := sniffKind(r, size); {
		case kindErr != nil:
			err = kindErr
		case kind == kindXLSX:
			err = readXLSX(r, size, g)
		case kind == kindOld:
			err = fault.New(fault.Invalid, "sheet.old_format")
		default:
			err = readCSV(r, size, g)
		}
		if err == nil && g.count == 0 {
			err = fault.New(fault.Invalid, "sheet.empty")
		}
		if err != nil && !g.stopped {
			yield(Row{}, g.place(err))
		}
	}
}

type fileKind int

const (
	kindText fileKind = iota
	kindXLSX
	kindOld // the binary .xls, a file with a password, or a web page under a spreadsheet's name
)

func sniffKind(r io.ReaderAt, size int64) (fileKind, error) {
	head := make([]byte, min(size, 1<<10))
	if n, err := r.ReadAt(head, 0); err != nil && (err != io.EOF || n < len(head)) {
		return kindText, err
	}
	text := strings.ToLower(strings.TrimLeft(string(head), "\ufeff \r\n\t"))
	switch {
	case strings.HasPrefix(string(head), "PK\x03\x04"):
		return kindXLSX, nil
	case strings.HasPrefix(string(head), "\xd0\xcf\x11\xe0"):
		return kindOld, nil
	case strings.HasPrefix(text, "<") && (strings.Contains(text, "<html") || strings.Contains(text, "<table") || strings.HasPrefix(text, "<?xml")):
		return kindOld, nil
	}
	return kindText, nil
}

// gate is what every row passes on its way out, whatever the format: the limits and the checks
// that do not depend on it.
type gate struct {
	name    string
	limits  Limits
	yield   func(Row, error) bool
	count   int
	stopped bool // the receiver wants no more
}

// row hands one row out. false means stop: either the receiver wants no more or err is set.
func (g *gate) row(number int, cells []string, problems []*fault.Error) (bool, error) {
	for len(cells) > 0 && isBlank(cells[len(cells)-1]) {
		cells = cells[:len(cells)-1]
	}
	if len(cells) == 0 && !anyBut(problems, "sheet.merged") {
		return true, nil
	}
	g.count++
	if g.count > g.limits.Rows {
		return false, fault.New(fault.Invalid, "sheet.too_many_rows", fault.A("limit", g.limits.Rows))
	}
	if len(cells) > g.limits.Columns {
		return false, fault.New(fault.Invalid, "sheet.too_many_columns", fault.A("limit", g.limits.Columns)).At("", number, "")
	}
	for i, c := range cells {
		if p := g.check(c); p != nil {
			problems = append(problems, p.At("", number, strconv.Itoa(i+1)))
		}
		cells[i] = firstRunes(c, g.limits.CellRunes)
	}
	for i, p := range problems {
		problems[i] = p.At(g.name, number, p.Column)
	}
	if !g.yield(Row{Number: number, Cells: cells, Problems: problems}, nil) {
		g.stopped = true
		return false, nil
	}
	return true, nil
}

func (g *gate) check(cell string) *fault.Error {
	switch {
	case len(cell) > g.limits.CellRunes && utf8.RuneCountInString(cell) > g.limits.CellRunes:
		return fault.New(fault.Invalid, "sheet.cell_too_long", fault.A("limit", g.limits.CellRunes))
	case strings.ContainsRune(cell, utf8.RuneError) || strings.ContainsRune(cell, 0):
		return fault.New(fault.Invalid, "sheet.garbled")
	case lostDigits(cell):
		return fault.New(fault.Invalid, "sheet.digits_lost", fault.A("text", cell))
	}
	return nil
}

// place puts the file's name on an error for people.
func (g *gate) place(err error) error {
	if e, ok := err.(*fault.Error); ok { //nolint:errorlint // ours, made in this package, never wrapped
		return e.At(g.name, e.Row, e.Column)
	}
	return err
}

func anyBut(problems []*fault.Error, key string) bool {
	for _, p := range problems {
		if p.Key != key {
			return true
		}
	}
	return false
}

func isBlank(s string) bool {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }) == ""
}

func firstRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// baseName is the last part of a path of any system: a browser may send its user's folders.
func baseName(name string) string {
	return name[strings.LastIndexAny(name, `/\`)+1:]
}
