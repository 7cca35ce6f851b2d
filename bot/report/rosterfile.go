package report

import (
	"io"
	"iter"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// ReadRoster reads a roster file: good rows, and every bad one with row, column and reason.
func ReadRoster(r io.ReaderAt, size int64, name string, o people.ReadOptions) (people.Roster, error) {
	return people.ReadRosterWith(name, func(yield func(people.Cells, error) bool) {
		for row, err := range sheet.Read(r, size, name, sheet.DefaultLimits()) {
			if !yield(people.Cells(row), err) { // package people must not know sheets
				return
			}
		}
	}, o)
}

// rosterWidths are those of people.RosterHeadings, and of the telephone number.
var rosterWidths = []float64{10, 18, 14, 16, 24, 16, 12, 18, 12, 15}

// WriteRoster writes a roster as csv or xlsx, as ReadRoster reads it.
func WriteRoster(w io.Writer, format string, phones bool, rows iter.Seq2[people.RosterRow, error]) error {
	var t interface {
		Write(kind sheet.RowKind, cells []sheet.Cell) error
		Close() error
	}
	if format == "xlsx" {
		t = sheet.NewXLSX(w, sheet.XLSXOptions{Sheet: "花名册", Frozen: 1, Widths: rosterWidths, Filled: true})
	} else {
		t = sheet.NewCSV(w)
	}
	headings := people.RosterHeadings()
	if phones {
		headings = append(headings, people.PhoneHeading())
	}
	if err := t.Write(sheet.RowHeader, sheet.Texts(headings...)); err != nil {
		return err
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		cells := r.Cells()
		if phones {
			cells = append(cells, r.Phone)
		}
		if err := t.Write(sheet.RowData, sheet.Texts(cells...)); err != nil {
			return err
		}
	}
	return t.Close()
}
