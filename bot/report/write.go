package report

import (
	"io"
	"iter"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// Format is a form in which a list is written.
type Format string

// The formats; the word is the ending of a file's name, too.
const (
	CSV  Format = "csv"  // for any program
	XLSX Format = "xlsx" // for the office: numbers are numbers, moments are dates
	JSON Format = "json" // for scripts: {"head":…,"lines":[…],"totals":…}
	HTML Format = "html" // a page to print
)

// writer is one format: head first, then lines, then end or – when something broke – abandon.
type writer interface {
	head(h Head, titles map[string]string) error
	line(r *row) error
	end(t Totals) error
	abandon()
}

// Write writes the completion list as a stream: head, lines in the order they come, totals. The
// same values give the same bytes. titles has the title of each course id; an unknown course shows
// its id. The head reaches w before the first line is asked for.
//
// A list is never silently short. If lines breaks off or w fails, that error is returned; if there
// are more or fewer lines than head.Lines says, the error is a fault.Conflict. In every such case
// what reached w is visibly unusable: CSV and HTML end with a row that says so, JSON and XLSX are
// not closed and do not open. Whoever writes to a file deletes it, whoever serves HTTP breaks the
// connection off.
func Write(w io.Writer, f Format, head Head, titles map[string]string, lines iter.Seq2[Line, error]) (Totals, error) {
	var out writer
	switch f {
	case CSV:
		out = &tableWriter{table: sheet.NewCSV(w), warns: true}
	case XLSX:
		out = &tableWriter{table: sheet.NewXLSX(w, xlsxOptions())}
	case JSON:
		out = newJSONWriter(w)
	case HTML:
		out = newHTMLWriter(w)
	default:
		return Totals{}, fault.New(fault.Invalid, "report.format_unknown", fault.A("format", f))
	}
	var t Tally
	if err := writeAll(out, &t, head, titles, lines); err != nil {
		out.abandon()
		return t.Totals, err
	}
	return t.Totals, nil
}

func writeAll(out writer, t *Tally, head Head, titles map[string]string, lines iter.Seq2[Line, error]) error {
	if err := out.head(head, titles); err != nil {
		return err
	}
	var current Line // one for all: two million lines are not two million allocations
	r := row{Line: &current}
	for line, err := range lines {
		if err != nil {
			return err
		}
		current = line
		t.Add(&current)
		r.number, r.title = t.Totals.Lines, titles[line.Course]
		if r.title == "" {
			r.title = line.Course
		}
		if err := out.line(&r); err != nil {
			return err
		}
	}
	if t.Totals.Lines != head.Lines {
		return fault.New(fault.Conflict, "report.moved", fault.A("want", head.Lines), fault.A("got", t.Totals.Lines))
	}
	return out.end(t.Totals)
}

// brokenOff is the last row of a list that is not whole.
const brokenOff = "！！！导出中断，以上内容不完整，请勿使用，请重新导出"

// table is CSV or XLSX.
type table interface {
	Write(kind sheet.RowKind, cells []sheet.Cell) error
	Flush() error
	Close() error
}

// tableWriter writes CSV and XLSX: they differ in nothing but the door they go through.
type tableWriter struct {
	table table
	cells [len(listColumns)]sheet.Cell
	warns bool // a broken file still opens, so it must say so
}

// headRows is how many rows stand above the first line: title, pairs, headings.
func headRows() int { return 1 + len(headPairs(Head{}, nil)) + 1 }

func xlsxOptions() sheet.XLSXOptions {
	o := sheet.XLSXOptions{Sheet: listTitle, Frozen: headRows()}
	for _, c := range listColumns {
		o.Widths = append(o.Widths, c.width)
	}
	return o
}

func (w *tableWriter) head(h Head, titles map[string]string) error {
	if err := w.table.Write(sheet.RowTitle, []sheet.Cell{sheet.Text(listTitle)}); err != nil {
		return err
	}
	if err := w.pairs(sheet.RowNote, headPairs(h, titles)); err != nil {
		return err
	}
	for i, c := range listColumns {
		w.cells[i] = sheet.Text(c.heading)
	}
	if err := w.table.Write(sheet.RowHeader, w.cells[:]); err != nil {
		return err
	}
	return w.table.Flush()
}

func (w *tableWriter) pairs(kind sheet.RowKind, pairs []pair) error {
	for _, p := range pairs {
		if err := w.table.Write(kind, []sheet.Cell{sheet.Text(p.label), p.value}); err != nil {
			return err
		}
	}
	return nil
}

func (w *tableWriter) line(r *row) error {
	for i := range listColumns {
		w.cells[i] = listColumns[i].cell(r)
	}
	return w.table.Write(sheet.RowData, w.cells[:])
}

func (w *tableWriter) end(t Totals) error {
	if err := w.pairs(sheet.RowTotal, totalPairs(t)); err != nil {
		return err
	}
	return w.table.Close()
}

// abandon: a workbook without its end does not open; a CSV file does, so it gets a last row. An
// error here changes nothing, the list is lost already.
func (w *tableWriter) abandon() {
	if w.warns {
		_ = w.table.Write(sheet.RowTotal, []sheet.Cell{sheet.Text(brokenOff)})
		_ = w.table.Flush()
	}
}
