package sheet

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// XLSXOptions describes the look of a workbook.
type XLSXOptions struct {
	Sheet  string    // name of the sheet; further ones get a number. Cut to what Excel allows
	Frozen int       // rows that stay when scrolling: up to and including the header row
	Widths []float64 // widths of the columns, in characters
	Filled bool      // people fill it in: what they type below, 0012, stays as it is
}

// XLSX writes a table as an Office Open XML workbook: numbers are numbers, moments are dates, texts
// are texts and never formulas. Rows go into the archive as they come; nothing is kept but the
// header row, and nothing is put on disk. A table longer than a sheet (1,048,576 rows) goes on in
// the next one, under the same header. The file names no author and no time of making, so equal
// tables are equal bytes. Without Close the file is not a workbook, and no program opens it.
type XLSX struct {
	o      XLSXOptions
	z      *zip.Writer
	part   *bufio.Writer // sheet being written
	names  []string      // sheets so far
	row    int           // rows in the current sheet
	max    int           // rows a sheet may have
	header []Cell
	titled int      // row of the header in the current sheet; 0 for none
	last   int      // last row of data in the current sheet
	ranges []string // names in the workbook: what stands on every printed page, what can be filtered
	buf    []byte
	err    error
}

// NewXLSX starts a workbook on w.
func NewXLSX(w io.Writer, o XLSXOptions) *XLSX {
	x := &XLSX{o: o, z: zip.NewWriter(w), max: maxSheetRow, buf: make([]byte, 0, 4<<10)}
	// Sheets are wordy XML: the fastest level makes them a tenth of their size already.
	x.z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestSpeed)
	})
	x.o.Sheet = sheetName(o.Sheet)
	return x
}

// Write adds one row.
func (x *XLSX) Write(kind RowKind, cells []Cell) error {
	if x.err != nil {
		return x.err
	}
	if x.part == nil || x.row == x.max {
		x.err = x.nextSheet()
	}
	if kind == RowHeader && x.header == nil {
		x.header = append([]Cell(nil), cells...)
	}
	if x.err == nil {
		x.err = x.writeRow(kind, cells)
	}
	return x.err
}

// Flush hands the whole compressed blocks so far to the underlying writer.
func (x *XLSX) Flush() error {
	if x.err != nil {
		return x.err
	}
	if x.part != nil {
		if x.err = x.part.Flush(); x.err != nil {
			return x.err
		}
	}
	x.err = x.z.Flush()
	return x.err
}

// Close ends the workbook. It does not close the underlying writer.
func (x *XLSX) Close() error {
	if x.err == nil && x.part == nil {
		x.err = x.nextSheet()
	}
	if x.err == nil {
		x.err = x.endSheet()
	}
	if x.err == nil {
		x.err = x.writeIndex()
	}
	if x.err == nil {
		x.err = x.z.Close()
	}
	if x.err != nil {
		return x.err
	}
	x.err = errClosed
	return nil
}

var errClosed = fmt.Errorf("sheet: workbook is closed")

func (x *XLSX) nextSheet() error {
	frozen := x.o.Frozen
	if x.part != nil {
		if err := x.endSheet(); err != nil {
			return err
		}
		frozen = min(1, len(x.header))
	}
	n := len(x.names) + 1
	name := x.o.Sheet
	if n > 1 {
		name = fmt.Sprintf("%s (%d)", firstRunes(name, 25), n)
	}
	x.names = append(x.names, name)
	w, err := x.create(fmt.Sprintf("xl/worksheets/sheet%d.xml", n))
	if err != nil {
		return err
	}
	x.part, x.row, x.titled, x.last = bufio.NewWriterSize(w, 1<<16), 0, 0, 0
	var b strings.Builder
	b.WriteString(xmlHead + `<worksheet xmlns="` + nsMain + `"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>`)
	if frozen > 0 {
		fmt.Fprintf(&b, `<sheetViews><sheetView workbookViewId="0"><pane ySplit="%d" topLeftCell="A%d" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`, frozen, frozen+1)
	}
	if len(x.o.Widths) > 0 {
		b.WriteString("<cols>")
		style := ""
		if x.o.Filled {
			style = fmt.Sprintf(` style="%d"`, formatNote)
		}
		for i, width := range x.o.Widths {
			fmt.Fprintf(&b, `<col min="%d" max="%d" width="%s"%s customWidth="1"/>`, i+1, i+1, strconv.FormatFloat(width, 'f', -1, 64), style)
		}
		b.WriteString("</cols>")
	}
	b.WriteString("<sheetData>")
	if _, err := x.part.WriteString(b.String()); err != nil {
		return err
	}
	if n > 1 && x.header != nil {
		return x.writeRow(RowHeader, x.header)
	}
	return nil
}

// page is how a sheet is printed: on A4 across, as wide as the paper, with the page's number below.
const page = `<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.6" header="0.3" footer="0.3"/>` +
	`<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/>` +
	`<headerFooter><oddFooter>&amp;C第 &amp;P 页，共 &amp;N 页</oddFooter></headerFooter>`

// endSheet ends the current sheet. Its header stands on every printed page, and filters the rows of data below it.
func (x *XLSX) endSheet() error {
	_, _ = x.part.WriteString("</sheetData>") // an error comes with Flush
	if n := len(x.names) - 1; x.titled > 0 {
		name := "'" + strings.ReplaceAll(string(appendXMLText(nil, x.names[n])), "'", "''") + "'"
		if x.last > x.titled {
			a, b := fmt.Sprintf("A%d", x.titled), fmt.Sprintf("%s%d", appendColumn(nil, len(x.header)-1), x.last)
			_, _ = fmt.Fprintf(x.part, `<autoFilter ref="%s:%s"/>`, a, b)
			x.ranges = append(x.ranges, fmt.Sprintf(`<definedName name="_xlnm._FilterDatabase" localSheetId="%d" hidden="1">%s!$A$%d:$%s$%d</definedName>`,
				n, name, x.titled, appendColumn(nil, len(x.header)-1), x.last))
		}
		x.ranges = append(x.ranges, fmt.Sprintf(`<definedName name="_xlnm.Print_Titles" localSheetId="%d">%s!$%d:$%d</definedName>`, n, name, x.titled, x.titled))
	}
	_, _ = x.part.WriteString(page + "</worksheet>")
	return x.part.Flush()
}

func (x *XLSX) writeRow(kind RowKind, cells []Cell) error {
	x.row++
	switch kind {
	case RowHeader:
		if x.titled == 0 {
			x.titled = x.row
		}
	case RowData:
		x.last = x.row
	}
	b := append(x.buf[:0], `<row r="`...)
	b = strconv.AppendInt(b, int64(x.row), 10)
	b = append(b, `">`...)
	for i, c := range cells {
		if c.kind != blankCell {
			b = x.appendCell(b, kind, i, c)
		}
	}
	b = append(b, "</row>"...)
	x.buf = b
	_, err := x.part.Write(b)
	return err
}

func (x *XLSX) appendCell(b []byte, kind RowKind, column int, c Cell) []byte {
	b = append(b, `<c r="`...)
	b = appendColumn(b, column)
	b = strconv.AppendInt(b, int64(x.row), 10)
	b = append(b, `" s="`...)
	b = strconv.AppendInt(b, int64(formatOf(kind, c)), 10)
	switch c.kind {
	case numberCell:
		b = append(b, `"><v>`...)
		b = appendFixed(b, c.number, c.places)
		return append(b, `</v></c>`...)
	case stampCell, dateCell:
		b = append(b, `"><v>`...)
		b = appendSerial(b, c)
		return append(b, `</v></c>`...)
	}
	b = append(b, `" t="inlineStr"><is><t xml:space="preserve">`...)
	b = appendXMLText(b, c.text)
	return append(b, `</t></is></c>`...)
}

// appendColumn appends a column's letters: 0 is A, 26 is AA.
func appendColumn(b []byte, column int) []byte {
	if column >= 26 {
		b = appendColumn(b, column/26-1)
	}
	return append(b, byte('A'+column%26))
}

// appendSerial appends a moment as days since 30 December 1899, by its own clock.
func appendSerial(b []byte, c Cell) []byte {
	y, m, d := c.at.Date()
	days := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24
	if c.kind == dateCell {
		return strconv.AppendInt(b, int64(days), 10)
	}
	seconds := c.at.Hour()*3600 + c.at.Minute()*60 + c.at.Second()
	return strconv.AppendFloat(b, days+float64(seconds)/86_400, 'f', 8, 64)
}

// appendXMLText escapes a clean text for XML, and a text that looks like XLSX's own escape.
func appendXMLText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '&':
			b = append(b, "&amp;"...)
		case c == '<':
			b = append(b, "&lt;"...)
		case c == '>':
			b = append(b, "&gt;"...)
		case c == '_' && isEscape(s[i:]):
			b = append(b, "_x005F_"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

func isEscape(s string) bool {
	if !strings.HasPrefix(s, "_x") {
		return false
	}
	_, ok := escapedRune(s)
	return ok
}

// create starts a part. Its time is the oldest a ZIP archive knows: the bytes must not tell when.
func (x *XLSX) create(name string) (io.Writer, error) {
	return x.z.CreateHeader(&zip.FileHeader{
		Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
	})
}

// sheetName makes a name that Excel accepts: 1 to 31 characters without : \ / ? * [ ] and without
// an apostrophe at either end.
func sheetName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]`, r) || r < ' ' || r == utf8.RuneError {
			return -1
		}
		return r
	}, Clean(s))
	if s = strings.Trim(firstRunes(s, 31), "' "); s == "" {
		return "Sheet1"
	}
	return s
}
