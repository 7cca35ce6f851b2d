package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// workbook is an opened XLSX file: its parts, and what the rows of a sheet refer to.
type workbook struct {
	parts  map[string]*zip.File // by path, lower case, forward slashes
	left   int64                // bytes that may still be unpacked
	limits Limits
	sheets []sheetRef
	rels   map[string]relation // by id, of the workbook
	types  map[string]string   // last word of a relation's type → part
	date04 bool                // days are counted from 1904
	texts  []string            // shared strings
	styles []style
}

// relation is what a relation points to: the last word of its type, and the part.
type relation struct{ kind, part string }

type sheetRef struct {
	name   string
	rel    string
	hidden bool
}

// errUnpacked ends reading when the file unpacks to more than it may.
var errUnpacked = errors.New("sheet: unpacked size above the limit")

func openWorkbook(r io.ReaderAt, size int64, limits Limits) (*workbook, error) {
	if size > limits.FileBytes {
		return nil, fault.New(fault.Invalid, "sheet.too_big", fault.A("limit", megabytes(limits.FileBytes)))
	}
	// The archive's directory is read by archive/zip as a whole: count its entries before.
	n, err := countInFile(io.NewSectionReader(r, 0, size), "PK\x01\x02", maxZipEntries)
	if err != nil {
		return nil, err
	}
	if n > maxZipEntries {
		return nil, fault.New(fault.Invalid, "sheet.damaged")
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, damaged(err)
	}
	b := &workbook{parts: make(map[string]*zip.File, len(z.File)), left: limits.TextBytes, limits: limits}
	for _, f := range z.File {
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		if b.parts[name] != nil {
			return nil, fault.New(fault.Invalid, "sheet.damaged") // two parts of one name: which one is meant?
		}
		b.parts[name] = f
	}
	return b, b.readIndex()
}

// readIndex reads what the workbook says about its sheets, texts and formats.
func (b *workbook) readIndex() error {
	book := "xl/workbook.xml"
	_, types, err := b.relations("")
	if err != nil {
		return err
	}
	if p := types["officeDocument"]; p != "" {
		book = p
	}
	if b.parts[book] == nil {
		return fault.New(fault.Invalid, "sheet.not_a_table")
	}
	if b.rels, b.types, err = b.relations(book); err != nil {
		return err
	}
	err = b.walk(book, func(t xml.Token) error {
		e, ok := t.(xml.StartElement)
		if !ok {
			return nil
		}
		switch e.Name.Local {
		case "workbookPr":
			b.date04 = isTrue(attr(e, "date1904"))
		case "sheet":
			state := attr(e, "state")
			b.sheets = append(b.sheets, sheetRef{attr(e, "name"), attr(e, "id"), state == "hidden" || state == "veryHidden"})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.readTexts(); err != nil {
		return err
	}
	return b.readStyles()
}

// relations reads the relations of a part ("" is the archive), by id and by type.
func (b *workbook) relations(of string) (ids map[string]relation, types map[string]string, err error) {
	dir, file := path.Split(of)
	ids, types = map[string]relation{}, map[string]string{}
	name := dir + "_rels/" + file + ".rels"
	if b.parts[name] == nil {
		return ids, types, nil
	}
	err = b.walk(name, func(t xml.Token) error {
		e, ok := t.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" || attr(e, "TargetMode") == "External" {
			return nil
		}
		target := strings.ToLower(strings.ReplaceAll(attr(e, "Target"), `\`, "/"))
		if abs, ok := strings.CutPrefix(target, "/"); ok {
			target = abs
		} else {
			target = strings.ToLower(path.Join(dir, target))
		}
		kind := attr(e, "Type")
		kind = kind[strings.LastIndexByte(kind, '/')+1:]
		ids[attr(e, "Id")] = relation{kind, target}
		types[kind] = target
		return nil
	})
	return ids, types, err
}

// readTexts reads the table of shared strings: plain and rich text, without reading aids.
func (b *workbook) readTexts() error {
	name := b.types["sharedStrings"]
	if b.parts[name] == nil {
		return nil
	}
	var text textCollector
	kept := 0
	return b.walk(name, func(t xml.Token) error {
		text.see(t)
		switch e := t.(type) {
		case xml.StartElement:
			if e.Name.Local == "si" {
				text.reset(b.limits.CellRunes)
			}
		case xml.EndElement:
			if e.Name.Local != "si" {
				return nil
			}
			s := text.take()
			kept += len(s)
			if len(b.texts) >= maxSharedStrings || kept > maxSharedBytes {
				return errUnpacked
			}
			b.texts = append(b.texts, s)
		}
		return nil
	})
}

// style is what matters of a cell format.
type style struct {
	day, clock bool // shows a day, shows a time
	zeros      int  // 0000 shows 42 as 0042: number of digits, 0 for none
}

func (b *workbook) readStyles() error {
	name := b.types["styles"]
	if b.parts[name] == nil {
		return nil
	}
	custom := map[string]string{}
	inCells := false
	return b.walk(name, func(t xml.Token) error {
		switch e := t.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "numFmt":
				if len(custom) < maxStyles {
					custom[attr(e, "numFmtId")] = attr(e, "formatCode")
				}
			case "cellXfs":
				inCells = true
			case "xf":
				if inCells && len(b.styles) < maxStyles {
					b.styles = append(b.styles, styleOf(attr(e, "numFmtId"), custom))
				}
			}
		case xml.EndElement:
			if e.Name.Local == "cellXfs" {
				inCells = false
			}
		}
		return nil
	})
}

func styleOf(id string, custom map[string]string) style {
	if code, ok := custom[id]; ok {
		return styleOfCode(code)
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		return style{}
	}
	switch {
	case n == 22:
		return style{day: true, clock: true}
	case n >= 14 && n <= 17, n >= 27 && n <= 31, n == 36, n >= 50 && n <= 54, n == 57, n == 58:
		return style{day: true}
	case n >= 18 && n <= 21, n >= 32 && n <= 35, n >= 45 && n <= 47, n == 55, n == 56:
		return style{clock: true}
	}
	return style{}
}

// styleOfCode reads a format like yyyy"年"m"月"d"日" or 0000. Quoted text, escaped characters and
// [conditions] say nothing.
func styleOfCode(code string) style {
	var plain strings.Builder
	quoted, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\\' || c == '_' || c == '*':
			i++
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case !bracket:
			plain.WriteByte(c | 0x20)
		}
	}
	first, _, _ := strings.Cut(code, ";")
	if first != "" && strings.Trim(first, "0") == "" && len(first) <= 20 {
		return style{zeros: len(first)}
	}
	p, _, _ := strings.Cut(plain.String(), ";")
	if strings.Contains(p, "general") {
		return style{}
	}
	return style{day: strings.ContainsAny(p, "yd"), clock: strings.ContainsAny(p, "hs")}
}

// open unpacks a part, counting against what may be unpacked.
func (b *workbook) open(name string) (io.ReadCloser, error) {
	f := b.parts[name]
	if f == nil {
		return nil, fault.New(fault.Invalid, "sheet.damaged")
	}
	rc, err := f.Open()
	if err != nil {
		return nil, damaged(err)
	}
	return &countedReader{rc, &b.left}, nil
}

type countedReader struct {
	io.ReadCloser
	left *int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if *c.left -= int64(n); *c.left < 0 {
		return 0, errUnpacked
	}
	return n, err
}

// countInFile counts how often word stands in r, up to a little more than enough.
func countInFile(r io.Reader, word string, enough int) (int, error) {
	buf := make([]byte, 0, 1<<16)
	n := 0
	for n <= enough {
		m, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		n += bytes.Count(buf, []byte(word))
		if keep := len(word) - 1; len(buf) > keep {
			buf = append(buf[:0], buf[len(buf)-keep:]...)
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func isTrue(s string) bool { return s == "1" || s == "true" }

func damaged(cause error) error {
	if errors.Is(cause, errUnpacked) {
		return cause
	}
	return fault.Wrap(cause, fault.Invalid, "sheet.damaged")
}
