package sheet

import (
	"bufio"
	"io"
	"strings"
)

// CSV writes a table as CSV for office programs: UTF-8 with a byte order mark, commas, CRLF, a
// quoted cell where needed and an apostrophe before a text that a program would run or change
// (see protect). Rows of all kinds look alike. The zero value is not usable.
type CSV struct {
	w   *bufio.Writer
	row []byte
}

// NewCSV starts a table on w. The first row's bytes reach w with the first 64 KiB, a Flush or Close.
func NewCSV(w io.Writer) *CSV {
	c := &CSV{w: bufio.NewWriterSize(w, 1<<16), row: make([]byte, 0, 1<<10)}
	_, _ = c.w.WriteString("\ufeff") // an error stays in the buffer and comes with Close
	return c
}

// Write adds one row.
func (c *CSV) Write(_ RowKind, cells []Cell) error {
	row := c.row[:0]
	for i, cell := range cells {
		if i > 0 {
			row = append(row, ',')
		}
		if cell.kind == textCell {
			row = appendCSV(row, protect(cell.text))
		} else {
			row = cell.appendPlain(row)
		}
	}
	row = append(row, '\r', '\n')
	c.row = row
	_, err := c.w.Write(row)
	return err
}

// Flush hands everything written so far to the underlying writer.
func (c *CSV) Flush() error { return c.w.Flush() }

// Close ends the table. It does not close the underlying writer.
func (c *CSV) Close() error { return c.w.Flush() }

func appendCSV(b []byte, s string) []byte {
	if !strings.ContainsAny(s, ",;\t\"\r\n") && s != "" && s[0] != ' ' && s[len(s)-1] != ' ' {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
