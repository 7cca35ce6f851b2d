package sheet

import (
	"strconv"
	"strings"
	"time"
)

// Cell is one value to be written. The zero value is a blank cell.
type Cell struct {
	kind   cellKind
	text   string
	number int64
	places int
	at     time.Time
}

type cellKind uint8

const (
	blankCell cellKind = iota
	textCell
	numberCell
	stampCell
	dateCell
)

// stampFormat and dateFormat are how moments and days read, in CSV and in XLSX.
const (
	stampFormat = "2006-01-02 15:04:05"
	dateFormat  = time.DateOnly
)

// Text is a text, whatever it looks like; "" is a blank cell.
func Text(s string) Cell {
	if s == "" {
		return Cell{}
	}
	return Cell{kind: textCell, text: Clean(s)}
}

// Texts makes a row of texts.
func Texts(s ...string) []Cell {
	out := make([]Cell, len(s))
	for i, v := range s {
		out[i] = Text(v)
	}
	return out
}

// Int is a whole number.
func Int(n int) Cell { return Cell{kind: numberCell, number: int64(n)} }

// Fixed is the number n / 10^places with exactly that many places, 0 to 2: Fixed(125, 2) is 1.25.
func Fixed(n, places int) Cell {
	return Cell{kind: numberCell, number: int64(n), places: min(max(places, 0), maxPlaces)}
}

const maxPlaces = 2

// Stamp is a moment to the second, shown as the clock of t's own location shows it: the caller
// chooses the zone. The zero time is a blank cell.
func Stamp(t time.Time) Cell {
	if t.IsZero() {
		return Cell{}
	}
	return Cell{kind: stampCell, at: t}
}

// Date is a day, that of t in t's own location. The zero time is a blank cell.
func Date(t time.Time) Cell {
	if t.IsZero() {
		return Cell{}
	}
	return Cell{kind: dateCell, at: t}
}

// String returns the cell as a reader sees it, the same for every format: "" for a blank one.
func (c Cell) String() string {
	if c.kind == textCell {
		return c.text
	}
	return string(c.appendPlain(nil))
}

// IsText reports whether the cell holds a text, so that it stands on the left.
func (c Cell) IsText() bool { return c.kind == textCell }

// IsStamp reports a moment.
func (c Cell) IsStamp() bool { return c.kind == stampCell }

// appendPlain appends numbers, moments and days; they need no quoting anywhere.
func (c Cell) appendPlain(b []byte) []byte {
	switch c.kind {
	case numberCell:
		return appendFixed(b, c.number, c.places)
	case stampCell:
		return c.at.AppendFormat(b, stampFormat)
	case dateCell:
		return c.at.AppendFormat(b, dateFormat)
	}
	return b
}

func appendFixed(b []byte, n int64, places int) []byte {
	if places == 0 {
		return strconv.AppendInt(b, n, 10)
	}
	if n < 0 {
		b = append(b, '-')
	}
	digits := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	for len(digits) <= places {
		digits = "0" + digits
	}
	b = append(b, digits[:len(digits)-places]...)
	b = append(b, '.')
	return append(b, digits[len(digits)-places:]...)
}

// RowKind is what a row is in its table; it decides how XLSX shows it.
type RowKind int

// The kinds.
const (
	RowData   RowKind = iota
	RowTitle          // what the table is
	RowNote           // a line about it
	RowHeader         // headings of the columns; repeated when a table goes on in another sheet
	RowTotal          // below the table
)
