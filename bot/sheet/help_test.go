package sheet_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// table is what a read gave: rows, problems as text, and the error that ended it.
type table struct {
	rows     [][]string
	numbers  []int
	problems []string
	err      error
}

func read(data []byte, limits sheet.Limits) table {
	var t table
	for row, err := range sheet.Read(bytes.NewReader(data), int64(len(data)), `C:\名单\花名册`, limits) {
		if err != nil {
			t.err = err
			continue
		}
		t.rows = append(t.rows, row.Cells)
		t.numbers = append(t.numbers, row.Number)
		for _, p := range row.Problems {
			t.problems = append(t.problems, p.Error())
		}
	}
	return t
}

func readAll(t *testing.T, data []byte) table {
	t.Helper()
	got := read(data, sheet.DefaultLimits())
	if got.err != nil {
		t.Fatalf("reading: %v", got.err)
	}
	return got
}

func wantFault(t *testing.T, err error, key string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Key != key || e.Code != fault.Invalid {
		t.Fatalf("error is %v, want the fault %s", err, key)
	}
	if e.File != "花名册" {
		t.Fatalf("fault names file %q", e.File)
	}
}

// zipOf packs parts in the order of pairs name, text.
func zipOf(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	bookXML = `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
		`<sheets><sheet name="花名册" sheetId="1" r:id="rId1"/></sheets></workbook>`
	relsXML = `<Relationships><Relationship Id="rId1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="http://x/sharedStrings" Target="sharedStrings.xml"/>` +
		`<Relationship Id="rId3" Type="http://x/styles" Target="styles.xml"/></Relationships>`
)

// bookOf packs the XML of one sheet as a workbook, with further parts.
func bookOf(t testing.TB, sheetXML string, more ...string) []byte {
	return zipOf(t, append([]string{"xl/workbook.xml", bookXML, "xl/_rels/workbook.xml.rels", relsXML, "xl/worksheets/sheet1.xml", sheetXML}, more...)...)
}

func sheetOf(rows string) string {
	return "<worksheet><sheetData>" + rows + "</sheetData></worksheet>"
}

func csvOf(t testing.TB, rows ...[]sheet.Cell) []byte {
	t.Helper()
	var b bytes.Buffer
	w := sheet.NewCSV(&b)
	for _, r := range rows {
		if err := w.Write(sheet.RowData, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func xlsxOf(t testing.TB, o sheet.XLSXOptions, rows ...[]sheet.Cell) []byte {
	t.Helper()
	var b bytes.Buffer
	w := sheet.NewXLSX(&b, o)
	for _, r := range rows {
		if err := w.Write(sheet.RowData, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func texts(s ...string) []sheet.Cell {
	out := make([]sheet.Cell, len(s))
	for i, v := range s {
		out[i] = sheet.Text(v)
	}
	return out
}

func lines(s ...string) []byte { return []byte(strings.Join(s, "\r\n")) }
