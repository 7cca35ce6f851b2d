package sheet

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
)

func readXLSX(r io.ReaderAt, size int64, g *gate) error {
	err := readFirstSheet(r, size, g)
	if errors.Is(err, errUnpacked) {
		return fault.New(fault.Invalid, "sheet.unpacked_too_big", fault.A("limit", megabytes(g.limits.TextBytes)))
	}
	return err
}

// readFirstSheet reads the one sheet that has content. Two are refused: which one is meant, only
// their author knows, and half of a roster is worse than none.
func readFirstSheet(r io.ReaderAt, size int64, g *gate) error {
	b, err := openWorkbook(r, size, g.limits)
	if err != nil {
		return err
	}
	var found []sheetRef
	var names []string
	for _, s := range b.sheets {
		rel, known := b.rels[s.rel]
		if !known {
			return fault.New(fault.Invalid, "sheet.damaged")
		}
		if s.hidden || rel.kind != "worksheet" {
			continue
		}
		full, err := b.hasContent(rel.part)
		if err != nil {
			return err
		}
		if full {
			found = append(found, s)
			names = append(names, s.name)
		}
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
	default:
		return fault.New(fault.Invalid, "sheet.more_sheets", fault.A("sheets", strings.Join(names, "、")))
	}
	part := b.rels[found[0].rel].part
	merges, unpacked, err := b.mergedAreas(part)
	if err != nil {
		return err
	}
	b.left = unpacked // the second look at the same part must not be longer
	s := sheetReader{book: b, gate: g, merges: merges}
	if err := b.walk(part, s.token); err != nil {
		return err
	}
	if !s.ended && !g.stopped {
		return fault.New(fault.Invalid, "sheet.damaged")
	}
	return nil
}

// hasContent reports whether a sheet has a cell with a value.
func (b *workbook) hasContent(part string) (bool, error) {
	rc, err := b.open(part)
	if err != nil {
		return false, err
	}
	defer func() { _ = rc.Close() }() // only read
	buf := make([]byte, 0, 1<<16)
	for {
		n, err := rc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for _, word := range [...]string{"<v>", ":v>", "<is>", ":is>", "<v ", ":v ", "<is ", ":is "} {
			if bytes.Contains(buf, []byte(word)) {
				return true, nil
			}
		}
		if len(buf) > 4 {
			buf = append(buf[:0], buf[len(buf)-4:]...)
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, damaged(err)
		}
	}
}

// area is a merged block of cells, 1-based, both ends included.
type area struct{ top, left, bottom, right int }

// mergedAreas finds the merged areas, which stand behind the rows, without building anything else
// of the sheet. It returns how many bytes the part has, too.
func (b *workbook) mergedAreas(part string) ([]area, int64, error) {
	before := b.left
	rc, err := b.open(part)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rc.Close() }() // only read
	var out []area
	buf := make([]byte, 0, 1<<16)
	for {
		n, err := rc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		var rest []byte
		if out, rest = scanMerges(out, buf); len(out) > maxMerges {
			return nil, 0, fault.New(fault.Invalid, "sheet.many_merged")
		}
		buf = append(buf[:0], rest...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, damaged(err)
		}
	}
	slices.SortStableFunc(out, func(x, y area) int { return x.top - y.top })
	return out, before - b.left, nil
}

// longestMerge is more than one <x:mergeCell ref="XFD1048576:XFD1048576"/> needs, in bytes.
const longestMerge = 256

// scanMerges adds the areas of all whole tags in buf and returns what may be the beginning of one.
func scanMerges(out []area, buf []byte) (areas []area, rest []byte) {
	const word = "mergeCell "
	for {
		i := bytes.Index(buf, []byte(word))
		if i < 0 {
			return out, buf[max(0, len(buf)-len(word)):]
		}
		end := bytes.IndexByte(buf[i:], '>')
		if end < 0 && len(buf)-i < longestMerge {
			return out, buf[max(0, i-1):]
		}
		if i > 0 && (buf[i-1] == '<' || buf[i-1] == ':') && end > 0 {
			if a, ok := parseArea(buf[i : i+end]); ok {
				out = append(out, a)
			}
		}
		buf = buf[i+1:]
	}
}

// parseArea reads mergeCell ref="A1:B2".
func parseArea(tag []byte) (area, bool) {
	_, ref, ok := strings.Cut(string(tag), `ref="`)
	if !ok {
		if _, ref, ok = strings.Cut(string(tag), `ref='`); !ok {
			return area{}, false
		}
	}
	if i := strings.IndexAny(ref, `"'`); i >= 0 {
		ref = ref[:i]
	}
	from, to, ok := strings.Cut(ref, ":")
	if !ok {
		return area{}, false
	}
	left, top, ok1 := parseRef(from)
	right, bottom, ok2 := parseRef(to)
	return area{top, left, bottom, right}, ok1 && ok2 && top <= bottom && left <= right
}

// parseRef reads a cell's name, AB12, as column and row.
func parseRef(s string) (column, row int, ok bool) {
	i := 0
	for i < len(s) && isLetter(s[i]) {
		column = column*26 + int(s[i]|0x20-'a') + 1
		if i++; column > maxSheetColumn {
			return 0, 0, false
		}
	}
	row, err := strconv.Atoi(s[i:])
	return column, row, err == nil && column > 0 && row > 0 && row <= maxSheetRow && isDigit(s[i])
}

// sheetReader turns the tokens of a sheet into rows.
type sheetReader struct {
	book   *workbook
	gate   *gate
	merges []area // by top row; those above the current row are dropped
	active []area

	inData, ended bool
	number        int // of the current row
	width         int // of the widest row so far, in columns
	cells         []string
	problems      []*fault.Error

	inCell  bool
	column  int
	kind    string // the cell's t attribute
	style   int
	formula bool
	text    textCollector
}

func (s *sheetReader) token(t xml.Token) error {
	if s.inCell {
		s.text.see(t)
	}
	switch e := t.(type) {
	case xml.StartElement:
		return s.startElement(e)
	case xml.EndElement:
		switch e.Name.Local {
		case "c":
			if s.inCell {
				s.endCell()
			}
		case "row":
			if s.inData {
				return s.endRow()
			}
		case "sheetData":
			s.inData, s.ended = false, true
		}
	}
	return nil
}

func (s *sheetReader) startElement(e xml.StartElement) error {
	switch {
	case e.Name.Local == "sheetData":
		s.inData = true
	case !s.inData:
	case e.Name.Local == "row":
		n := s.number + 1
		if r := attr(e, "r"); r != "" {
			given, err := strconv.Atoi(r)
			if err != nil || given < n || given > maxSheetRow {
				return fault.New(fault.Invalid, "sheet.damaged")
			}
			n = given
		}
		if n > maxSheetRow {
			return fault.New(fault.Invalid, "sheet.damaged")
		}
		s.number, s.column = n, 0
		s.cells, s.problems = make([]string, 0, cap(s.cells)), nil
	case e.Name.Local == "c":
		return s.startCell(e)
	case e.Name.Local == "f":
		s.formula = s.inCell
	}
	return nil
}

func (s *sheetReader) startCell(e xml.StartElement) error {
	s.column++
	s.kind, s.style, s.formula, s.inCell = "", 0, false, true
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "r":
			column, row, ok := parseRef(a.Value)
			if !ok || row != s.number || column < s.column {
				return fault.New(fault.Invalid, "sheet.damaged")
			}
			s.column = column
		case "t":
			s.kind = a.Value
		case "s":
			s.style, _ = strconv.Atoi(a.Value) // 0, the plain format, for nonsense
		}
	}
	if s.number == 0 || s.column > maxSheetColumn {
		return fault.New(fault.Invalid, "sheet.damaged")
	}
	s.text.reset(s.gate.limits.CellRunes)
	return nil
}

func (s *sheetReader) endCell() {
	s.inCell = false
	text := s.text.take()
	switch s.kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || i < 0 || i >= len(s.book.texts) {
			s.problem("sheet.damaged_cell")
			text = ""
		} else {
			text = s.book.texts[i]
		}
	case "inlineStr", "str":
	case "b":
		text = strings.ToUpper(strconv.FormatBool(isTrue(text)))
	case "e":
		s.problem("sheet.cell_error", fault.A("text", text))
	case "d":
		text = strings.Replace(text, "T", " ", 1)
	default:
		text = s.numberText(text)
	}
	if s.formula {
		s.problem("sheet.formula")
	}
	if text == "" {
		return
	}
	for len(s.cells) < s.column-1 {
		s.cells = append(s.cells, "")
	}
	s.cells = append(s.cells, text)
}

func (s *sheetReader) problem(key string, args ...fault.Arg) {
	s.problems = append(s.problems, fault.New(fault.Invalid, key, args...).At("", 0, strconv.Itoa(s.column)))
}

func (s *sheetReader) endRow() error {
	for len(s.merges) > 0 && s.merges[0].top <= s.number {
		if s.merges[0].left <= s.gate.limits.Columns {
			s.active = append(s.active, s.merges[0])
		}
		s.merges = s.merges[1:]
	}
	s.active = slices.DeleteFunc(s.active, func(a area) bool { return a.bottom < s.number })
	// What lies right of everything written so far is nobody's cell, and a thousand columns of it cost as much as cells.
	s.width = max(s.width, min(len(s.cells), s.gate.limits.Columns))
	last := 0
	slices.SortStableFunc(s.active, func(x, y area) int { return x.left - y.left })
	for _, a := range s.active {
		if a.left <= last { // they overlap
			return fault.New(fault.Invalid, "sheet.damaged")
		}
		last = a.right
		for c := a.left; c <= min(a.right, s.width); c++ {
			if a.top < s.number || c > a.left {
				s.column = c
				s.problem("sheet.merged")
			}
		}
	}
	more, err := s.gate.row(s.number, s.cells, s.problems)
	if err == nil && !more {
		return errStop
	}
	return err
}

// maxExactDigits is how many digits of a number a spreadsheet keeps: the rest became zeros when
// it was typed.
const maxExactDigits = 15

// numberText returns a number as the sheet shows it: whole numbers digit by digit, days and times as
// such, 0000 formats with their zeros.
func (s *sheetReader) numberText(raw string) string {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return ""
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		s.problem("sheet.damaged_cell")
		return raw
	}
	var st style
	if s.style >= 0 && s.style < len(s.book.styles) {
		st = s.book.styles[s.style]
	}
	if st.day || st.clock {
		if text, ok := serialText(f, st, s.book.date04); ok {
			return text
		}
	}
	if math.Abs(f) >= 1e15 {
		s.problem("sheet.digits_lost", fault.A("text", strconv.FormatFloat(f, 'G', 3, 64)))
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	if f == math.Trunc(f) {
		text := strconv.FormatInt(int64(f), 10)
		if pad := st.zeros - len(text); pad > 0 && f >= 0 {
			text = strings.Repeat("0", pad) + text
		}
		return text
	}
	// 15 digits undo what binary fractions add: 0.30000000000000004 is shown as 0.3.
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', maxExactDigits, 64), 64)
	if err != nil {
		short = f
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// serialText turns a spreadsheet's day number into text. Day 60 of the 1900 calendar, a 29
// February that never was, is not told apart: nobody here was born then.
func serialText(f float64, st style, date04 bool) (string, bool) {
	if f < 0 || f > 2_958_466 { // 31 December 9999
		return "", false
	}
	origin := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if date04 {
		origin = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	days, part := math.Modf(f)
	t := origin.AddDate(0, 0, int(days)).Add(time.Duration(math.Round(part*86_400)) * time.Second)
	switch {
	case st.day && (st.clock || part != 0):
		return t.Format(stampFormat), true
	case st.day:
		return t.Format(dateFormat), true
	}
	return t.Format(time.TimeOnly), true
}
