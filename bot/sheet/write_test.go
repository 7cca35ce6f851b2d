package sheet_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/sheet"
)

var shanghai = time.FixedZone("+8", 8*3600)

func sampleRows() [][]sheet.Cell {
	at := time.Date(2026, 3, 2, 8, 15, 7, 0, shanghai)
	return [][]sheet.Cell{
		texts("姓名", "统计代码", "说明"),
		{sheet.Text("岩温·香"), sheet.Text("530102001001"), sheet.Text("=1+1")},
		{sheet.Int(-7), sheet.Fixed(125, 2), sheet.Fixed(-5, 2), sheet.Fixed(875, 1), sheet.Stamp(at), sheet.Date(at)},
		{sheet.Text(""), {}, sheet.Stamp(time.Time{}), sheet.Text("a\r\nb \x00,\"<&>_x0041_")},
	}
}

func TestCSVBytes(t *testing.T) {
	t.Parallel()
	want := "\ufeff姓名,统计代码,说明\r\n" +
		"岩温·香,'530102001001,'=1+1\r\n" +
		"-7,1.25,-0.05,87.5,2026-03-02 08:15:07,2026-03-02\r\n" +
		",,,\"a\nb  ,\"\"<&>_x0041_\"\r\n"
	if d := cmp.Diff(want, string(csvOf(t, sampleRows()...))); d != "" {
		t.Error(d)
	}
}

func TestSameTableSameBytes(t *testing.T) {
	t.Parallel()
	o := sheet.XLSXOptions{Sheet: "名单", Frozen: 1, Widths: []float64{8, 20}}
	for _, pair := range [][2][]byte{
		{csvOf(t, sampleRows()...), csvOf(t, sampleRows()...)},
		{xlsxOf(t, o, sampleRows()...), xlsxOf(t, o, sampleRows()...)},
	} {
		if sha256.Sum256(pair[0]) != sha256.Sum256(pair[1]) {
			t.Error("two runs differ")
		}
	}
}

func TestXLSXAsAnotherProgramReadsIt(t *testing.T) {
	t.Parallel()
	data := xlsxOf(t, sheet.XLSXOptions{Sheet: "完成/名单", Frozen: 1, Widths: []float64{8, 20}}, sampleRows()...)
	f, err := excelize.OpenReader(bytes.NewReader(data))
	must(t, err)
	if d := cmp.Diff([]string{"完成名单"}, f.GetSheetList()); d != "" {
		t.Error(d)
	}
	rows, err := f.GetRows("完成名单")
	must(t, err)
	want := [][]string{
		{"姓名", "统计代码", "说明"},
		{"岩温·香", "530102001001", "=1+1"},
		{"-7", "1.25", "-0.05", "87.5", "2026-03-02 08:15:07", "2026-03-02"},
		{"", "", "", "a\nb  ,\"<&>_x0041_"},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	for cell, want := range map[string]excelize.CellType{"A2": excelize.CellTypeInlineString, "B2": excelize.CellTypeInlineString, "C2": excelize.CellTypeInlineString, "A3": excelize.CellTypeUnset, "E3": excelize.CellTypeUnset} {
		got, err := f.GetCellType("完成名单", cell)
		must(t, err)
		formula, err := f.GetCellFormula("完成名单", cell)
		must(t, err)
		if got != want || formula != "" {
			t.Errorf("%s has type %v, formula %q; want %v and none", cell, got, formula, want)
		}
	}
	panes, err := f.GetPanes("完成名单")
	must(t, err)
	if !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes: %+v", panes)
	}
	if w, err := f.GetColWidth("完成名单", "B"); err != nil || w != 20 {
		t.Errorf("width of B is %v, %v", w, err)
	}
	props, err := f.GetDocProps()
	if err == nil && (props.Creator != "" || props.Created != "") {
		t.Errorf("the file tells who and when: %+v", props)
	}
}

func TestXLSXGoesOnInAnotherSheet(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	x := sheet.NewXLSX(&b, sheet.XLSXOptions{Sheet: "名单", Frozen: 2})
	x.SetSheetRows(4)
	must(t, x.Write(sheet.RowTitle, texts("题目")))
	must(t, x.Write(sheet.RowHeader, texts("姓名")))
	for i := range 6 {
		must(t, x.Write(sheet.RowData, texts(fmt.Sprintf("第%d人", i))))
	}
	must(t, x.Close())
	f, err := excelize.OpenReader(&b)
	must(t, err)
	var got [][]string
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name)
		must(t, err)
		sheetRows := []string{name}
		for _, r := range rows {
			sheetRows = append(sheetRows, r[0])
		}
		got = append(got, sheetRows)
	}
	want := [][]string{
		{"名单", "题目", "姓名", "第0人", "第1人"},
		{"名单 (2)", "姓名", "第2人", "第3人", "第4人"},
		{"名单 (3)", "姓名", "第5人"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A list is printed across A4, as wide as the paper, with its header on every page, and filtered by its header; what
// people type into a file that is to be filled in stays text.
func TestXLSXIsPrintedFilteredAndFilledIn(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	x := sheet.NewXLSX(&b, sheet.XLSXOptions{Sheet: "岩'温", Frozen: 2, Widths: []float64{8, 12}, Filled: true})
	x.SetSheetRows(4)
	must(t, x.Write(sheet.RowTitle, texts("题目")))
	must(t, x.Write(sheet.RowHeader, texts("姓名", "绑定码")))
	for i := range 4 {
		must(t, x.Write(sheet.RowData, texts(fmt.Sprintf("第%d人", i), "0012")))
	}
	must(t, x.Write(sheet.RowTotal, texts("人数")))
	must(t, x.Close())
	f, err := excelize.OpenReader(&b)
	must(t, err)
	var got []string
	for _, d := range f.GetDefinedName() {
		got = append(got, d.Scope+" "+d.Name+" "+d.RefersTo)
	}
	want := []string{
		"岩'温 _xlnm._FilterDatabase '岩''温'!$A$2:$B$4", "岩'温 _xlnm.Print_Titles '岩''温'!$2:$2",
		"岩'温 (2) _xlnm._FilterDatabase '岩''温 (2)'!$A$1:$B$3", "岩'温 (2) _xlnm.Print_Titles '岩''温 (2)'!$1:$1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	layout, err := f.GetPageLayout("岩'温")
	must(t, err)
	if *layout.Size != 9 || *layout.Orientation != "landscape" || *layout.FitToHeight != 0 {
		t.Errorf("page: %+v", layout)
	}
	props, err := f.GetSheetProps("岩'温")
	must(t, err)
	if props.FitToPage == nil || !*props.FitToPage {
		t.Error("not fitted to the paper")
	}
	style, err := f.GetColStyle("岩'温", "B")
	must(t, err)
	if s, err := f.GetStyle(style); err != nil || s.NumFmt != 49 {
		t.Errorf("blank cells of a column: %+v, %v", s, err)
	}
}

func TestXLSXWithoutCloseIsNoWorkbook(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	x := sheet.NewXLSX(&b, sheet.XLSXOptions{})
	must(t, x.Write(sheet.RowData, texts("张三")))
	must(t, x.Flush())
	if b.Len() == 0 {
		t.Fatal("Flush hands nothing on")
	}
	wantFault(t, read(b.Bytes(), sheet.DefaultLimits()).err, "sheet.damaged")
	if _, err := excelize.OpenReader(bytes.NewReader(b.Bytes())); err == nil {
		t.Error("another program opens it")
	}
	must(t, x.Close())
	if err := x.Write(sheet.RowData, nil); err == nil {
		t.Error("a closed workbook takes rows")
	}
	if err := x.Close(); err == nil {
		t.Error("a closed workbook closes again")
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWritersReportAFullDisk(t *testing.T) {
	t.Parallel()
	for _, w := range []interface {
		Write(sheet.RowKind, []sheet.Cell) error
		Close() error
	}{sheet.NewCSV(&fullDisk{100}), sheet.NewXLSX(&fullDisk{100}, sheet.XLSXOptions{})} {
		var err error
		for i := 0; i < 100_000 && err == nil; i++ {
			err = w.Write(sheet.RowData, texts(fmt.Sprintf("行%d", i*7919)))
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%T: %v", w, err)
		}
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("%T: Close after an error: %v", w, err)
		}
	}
}

// cellText draws what people and attackers put into cells.
func cellText() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{
		"=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "'", "\"", " ", "　", "0", "42", "E5", "E+17", "1/2", "MAR", "sept-4", "530102001001",
		"张三", "岩温·香", ",", ";", "cmd|' /C calc'!A0", "\u200b", "\ufeff", "_x000D_", "_x005F_", "<b>", "&amp;", "]]>", "\x00", "\x1b", "\xff", "𬭚", "\ufffe",
	})
	return rapid.OneOf(
		rapid.String(),
		rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(pieces, 0, 6).Draw(t, "pieces"), "") }),
	)
}

// wantBack is what a table must come back as: clean, and without blank rows and trailing blanks,
// which a table does not have.
func wantBack(rows [][]string) [][]string {
	var out [][]string
	for _, r := range rows {
		end := 0
		clean := make([]string, len(r))
		for i, c := range r {
			if clean[i] = sheet.Clean(c); strings.TrimFunc(clean[i], func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' }) != "" {
				end = i + 1
			}
		}
		if end > 0 {
			out = append(out, clean[:end])
		}
	}
	return out
}

func TestRoundTripOfAnyText(t *testing.T) {
	t.Parallel()
	limits := sheet.DefaultLimits()
	limits.CellRunes = 40_000
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(cellText(), 1, 5), 1, 6).Draw(t, "rows")
		want := wantBack(rows)
		cells := make([][]sheet.Cell, len(rows))
		for i, r := range rows {
			cells[i] = texts(r...)
		}
		var c, x bytes.Buffer
		write(t, sheet.NewCSV(&c), cells)
		write(t, sheet.NewXLSX(&x, sheet.XLSXOptions{}), cells)
		for name, data := range map[string][]byte{"CSV": c.Bytes(), "XLSX": x.Bytes()} {
			got := read(data, limits)
			if want == nil {
				if len(got.rows) != 0 {
					t.Fatalf("%s: rows out of nothing: %q", name, got.rows)
				}
				continue
			}
			if got.err != nil {
				t.Fatalf("%s: %v", name, got.err)
			}
			if d := cmp.Diff(want, got.rows); d != "" {
				t.Fatalf("%s: %s", name, d)
			}
		}
	})
}

func write(t *rapid.T, w interface {
	Write(sheet.RowKind, []sheet.Cell) error
	Close() error
}, rows [][]sheet.Cell) {
	for _, r := range rows {
		if err := w.Write(sheet.RowData, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// dangerous is the rule of reliability §4, row 29, written down a second time.
func dangerous(cell string) bool {
	cell = strings.TrimLeft(cell, " \u00a0\u3000\"“”‘’`\u200b\ufeff")
	for _, p := range []string{"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, p) {
			return true
		}
	}
	return false
}

func FuzzProtect(f *testing.F) {
	for _, s := range []string{"=1+1", " =1", "\"=1", "'=1", "＝1", "\t=1", "0042", "'0042", "''=", "530102001001", "12E5", "MAR01", "张三", "-", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := sheet.Protect(s)
		if dangerous(p) {
			t.Fatalf("%q is written as %q", s, p)
		}
		if got := sheet.Unprotect(p); got != s {
			t.Fatalf("%q is written as %q and read as %q", s, p, got)
		}
	})
}

func TestProtectLeavesPlainTextsAlone(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"张三", "岩温·香", "42", "53010200100", "AB12", "3.15 消费者日", "5G 入村", "2026年3月1日", "A=B", "学习-1", "0", "MARK1", "Ma01", "12E", "don't"} {
		if got := sheet.Protect(s); got != s {
			t.Errorf("%q becomes %q", s, got)
		}
	}
	for _, s := range []string{"0042", "530102001001", "12E5", "1e+10", "1-2", "3/4", "8:15", "1.50", "MAR01", "sept-4", "1MAR", "1-mar-26", "'0042", " =1", "“=1", "−1"} {
		if got := sheet.Protect(s); got != "'"+s {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}
