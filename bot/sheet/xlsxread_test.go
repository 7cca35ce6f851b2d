package sheet_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// bytesOf saves a workbook that another program made.
func bytesOf(t testing.TB, f *excelize.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadXLSXOfAnotherProgram(t *testing.T) {
	t.Parallel()
	f := excelize.NewFile()
	const s = "Sheet1"
	style := func(format string) int {
		id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
		must(t, err)
		return id
	}
	stampStyle, dayStyle, zeroStyle := style("yyyy-mm-dd hh:mm"), style(`yyyy"年"m"月"d"日"`), style("0000")
	must(t, f.SetSheetRow(s, "A1", &[]any{"姓名", "单位代码", "数", "时间", "日子", "代码", "是否"}))
	must(t, f.SetSheetRow(s, "A3", &[]any{"岩温·香", 530102001001, 0.1 + 0.2, time.Date(2026, 3, 2, 8, 15, 30, 0, time.UTC), time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), 42, true}))
	must(t, f.SetCellStyle(s, "D3", "D3", stampStyle))
	must(t, f.SetCellStyle(s, "E3", "E3", dayStyle))
	must(t, f.SetCellStyle(s, "F3", "F3", zeroStyle))
	must(t, f.SetCellRichText(s, "A4", []excelize.RichTextRun{{Text: "李"}, {Text: "四", Font: &excelize.Font{Bold: true}}}))
	must(t, f.SetCellValue(s, "C4", -12.50))
	_, err := f.NewSheet("空表")
	must(t, err)
	must(t, f.SetSheetVisible("空表", true))
	got := readAll(t, bytesOf(t, f))
	want := [][]string{
		{"姓名", "单位代码", "数", "时间", "日子", "代码", "是否"},
		{"岩温·香", "530102001001", "0.3", "2026-03-02 08:15:30", "2026-03-02", "0042", "TRUE"},
		{"李四", "", "-12.5"},
	}
	if d := cmp.Diff(want, got.rows); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{1, 3, 4}, got.numbers); d != "" {
		t.Error(d)
	}
	if got.problems != nil {
		t.Errorf("problems: %v", got.problems)
	}
}

func TestReadXLSXNamesWhatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	f := excelize.NewFile()
	const s = "Sheet1"
	must(t, f.SetSheetRow(s, "A1", &[]any{"姓名", "单位代码", "绑定码"}))
	must(t, f.SetSheetRow(s, "A2", &[]any{"张三", "530102001001", 530102199001011234}))
	must(t, f.SetCellFormula(s, "B3", "B2"))
	must(t, f.SetCellValue(s, "A3", "李四"))
	must(t, f.SetSheetRow(s, "A4", &[]any{"王五", "马街", "A"}))
	must(t, f.SetSheetRow(s, "A5", &[]any{"赵六", "", "B"}))
	must(t, f.MergeCell(s, "B4", "B5"))
	must(t, f.SetSheetRow(s, "A6", &[]any{"孙七", "1.2E+11", "C"}))
	got := readAll(t, bytesOf(t, f))
	want := []string{
		"花名册:2:3: sheet.digits_lost text=5.3E+17",
		"花名册:3:2: sheet.formula",
		"花名册:5:2: sheet.merged",
		"花名册:6:2: sheet.digits_lost text=1.2E+11",
	}
	if d := cmp.Diff(want, got.problems); d != "" {
		t.Error(d)
	}
}

func TestReadXLSXCellByCell(t *testing.T) {
	t.Parallel()
	const texts = `<sst><si><t>甲</t></si><si><r><t>乙</t></r><rPh sb="0" eb="1"><t>yi</t></rPh><r><t xml:space="preserve"> 丙</t></r></si><si><t>a_x000A_b_x005F_x0041_</t></si></sst>`
	for _, c := range []struct {
		name, cell, want, problem string
	}{
		{"shared", `<c r="A1" t="s"><v>0</v></c>`, "甲", ""},
		{"rich without its reading", `<c r="A1" t="s"><v>1</v></c>`, "乙 丙", ""},
		{"escapes", `<c r="A1" t="s"><v>2</v></c>`, "a\nb_x0041_", ""},
		{"shared text that is missing", `<c r="A1" t="s"><v>3</v></c>`, "", "sheet.damaged_cell"},
		{"shared text with a negative number", `<c r="A1" t="s"><v>-1</v></c>`, "", "sheet.damaged_cell"},
		{"inline", `<c r="A1" t="inlineStr"><is><t>丁</t></is></c>`, "丁", ""},
		{"entities", `<c t="inlineStr"><is><t>&lt;a&amp;b&#x4e01;</t></is></c>`, "<a&b丁", ""},
		{"CDATA", `<c t="inlineStr"><is><t><![CDATA[<b>]]></t></is></c>`, "<b>", ""},
		{"other namespace prefix", `<x:c xmlns:x="u" r="A1"><x:v>7</x:v></x:c>`, "7", ""},
		{"exponent of a whole number", `<c><v>5.30102001001E11</v></c>`, "530102001001", ""},
		{"15 digits", `<c><v>999999999999999</v></c>`, "999999999999999", ""},
		{"16 digits", `<c><v>1000000000000000</v></c>`, "1000000000000000", "sheet.digits_lost"},
		{"no number", `<c><v>abc</v></c>`, "abc", "sheet.damaged_cell"},
		{"endless number", `<c><v>1e999</v></c>`, "1e999", "sheet.damaged_cell"},
		{"error value", `<c t="e"><v>#REF!</v></c>`, "#REF!", "sheet.cell_error"},
		{"ISO day", `<c t="d"><v>2026-03-02T08:00:00</v></c>`, "2026-03-02 08:00:00", ""},
		{"formula with its text", `<c t="str"><f>A2</f><v>戊</v></c>`, "戊", "sheet.formula"},
		{"formula without a value", `<c><f>A2</f></c>`, "", "sheet.formula"},
		{"format that does not exist", `<c s="99"><v>1</v></c>`, "1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := readAll(t, bookOf(t, sheetOf(`<row>`+c.cell+`<c t="inlineStr"><is><t>尾</t></is></c></row>`), "xl/sharedStrings.xml", texts))
			if got.rows[0][0] != c.want {
				t.Errorf("read %q, want %q", got.rows[0][0], c.want)
			}
			if all := strings.Join(got.problems, "\n"); !strings.Contains(all, c.problem) || c.problem == "" && all != "" {
				t.Errorf("problems %q, want %q", all, c.problem)
			}
		})
	}
}

func TestReadXLSXRefusesTheFile(t *testing.T) {
	t.Parallel()
	cell := `<c t="inlineStr"><is><t>a</t></is></c>`
	row := "<row>" + cell + "</row>"
	good := sheetOf(row)
	limits := sheet.Limits{FileBytes: 4 << 20, TextBytes: 8 << 20, Rows: 3, Columns: 3, CellRunes: 10}
	var manyParts []string
	for i := range 1001 {
		manyParts = append(manyParts, fmt.Sprintf("x%d", i), "")
	}
	twoSheets := strings.Replace(bookXML, "</sheets>", `<sheet name="乙" sheetId="2" r:id="rId9"/></sheets>`, 1)
	twoRels := strings.Replace(relsXML, "</Relationships>", `<Relationship Id="rId9" Type="http://x/worksheet" Target="/xl/worksheets/sheet2.xml"/></Relationships>`, 1)
	for _, c := range []struct {
		name string
		data []byte
		key  string
	}{
		{"cut off in the middle", bookOf(t, good[:len(good)-20]), "sheet.damaged"},
		{"cut off between two rows", bookOf(t, "<worksheet><sheetData>"+row), "sheet.damaged"},
		{"rows that never end", bookOf(t, "<worksheet>"+row+"</worksheet>"), "sheet.damaged"},
		{"DOCTYPE", bookOf(t, `<!DOCTYPE x [<!ENTITY a "b">]>`+good), "sheet.damaged"},
		{"unknown entity", bookOf(t, sheetOf(`<row><c><v>&a;</v></c></row>`)), "sheet.damaged"},
		{"nested without end", bookOf(t, sheetOf("<row><c><v></v></c></row>"+strings.Repeat("<a>", 40)+strings.Repeat("</a>", 40))), "sheet.damaged"},
		{"one endless text", bookOf(t, sheetOf(`<row><c><v>`+strings.Repeat("1", 2<<20)+`</v></c></row>`)), "sheet.damaged"},
		{"one endless comment", bookOf(t, sheetOf(row+`<!-- >`+strings.Repeat("<>", 1<<20)+`-->`)), "sheet.damaged"},
		{"unpacks to too much", bookOf(t, sheetOf(strings.Repeat(`<row></row>`, 1<<20)+row)), "sheet.unpacked_too_big"},
		{"texts unpack to too much", bookOf(t, good, "xl/sharedStrings.xml", "<sst>"+strings.Repeat("<si><t></t></si>", 1<<20)+"</sst>"), "sheet.unpacked_too_big"},
		{"too many parts", bookOf(t, good, manyParts...), "sheet.damaged"},
		{"the same part twice", bookOf(t, good, "xl/Workbook.xml", bookXML), "sheet.damaged"},
		{"a ZIP archive of something else", zipOf(t, "a.txt", "b"), "sheet.not_a_table"},
		{"half an archive", bookOf(t, good)[:300], "sheet.damaged"},
		{"a sheet that is missing", zipOf(t, "xl/workbook.xml", bookXML, "xl/_rels/workbook.xml.rels", relsXML), "sheet.damaged"},
		{"no content", bookOf(t, sheetOf("")), "sheet.empty"},
		{"two sheets with content", zipOf(t, "xl/workbook.xml", twoSheets, "xl/_rels/workbook.xml.rels", twoRels, "xl/worksheets/sheet1.xml", good, "xl/worksheets/sheet2.xml", good), "sheet.more_sheets"},
		{"rows out of order", bookOf(t, sheetOf(`<row r="5">`+cell+`</row><row r="4">`+cell+`</row>`)), "sheet.damaged"},
		{"a row beyond the last", bookOf(t, sheetOf(`<row r="1048577">`+cell+`</row>`)), "sheet.damaged"},
		{"cells out of order", bookOf(t, sheetOf(`<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>`)), "sheet.damaged"},
		{"a cell of another row", bookOf(t, sheetOf(`<row r="1"><c r="A2"><v>1</v></c></row>`)), "sheet.damaged"},
		{"too many rows", bookOf(t, sheetOf(strings.Repeat(row, 4))), "sheet.too_many_rows"},
		{"too many columns", bookOf(t, sheetOf(`<row r="1"><c r="XFD1"><v>1</v></c></row>`)), "sheet.too_many_columns"},
		{"merged areas without number", bookOf(t, `<worksheet><sheetData>`+row+`</sheetData><mergeCells>`+strings.Repeat(`<mergeCell ref="A2:B3"/>`, 20_001)+`</mergeCells></worksheet>`), "sheet.many_merged"},
		{"merged areas that overlap", bookOf(t, `<worksheet><sheetData>`+row+`</sheetData><mergeCells>`+strings.Repeat(`<mergeCell ref="A1:B3"/>`, 4)+`</mergeCells></worksheet>`), "sheet.damaged"},
		{"too big", append(bookOf(t, good), make([]byte, 4<<20)...), "sheet.too_big"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, read(c.data, limits).err, c.key)
		})
	}
	if got := read(bookOf(t, good), limits); got.err != nil || len(got.rows) != 1 {
		t.Fatalf("the good one of these is refused, too: %+v", got)
	}
}

func TestReadXLSXWithMergedAreasAcrossChunks(t *testing.T) {
	t.Parallel()
	for pad := 0; pad < 300; pad += 3 {
		rows := `<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="B2"><v>2</v></c></row>`
		data := bookOf(t, "<worksheet><sheetData>"+rows+"</sheetData><!--"+strings.Repeat("x", 1<<16-250+pad)+`--><mergeCells count="1"><mergeCell ref="A1:A2"/></mergeCells></worksheet>`)
		got := readAll(t, data)
		if d := cmp.Diff([]string{"花名册:2:1: sheet.merged"}, got.problems); d != "" {
			t.Fatalf("pad %d: %s", pad, d)
		}
	}
}

func FuzzReadXLSX(f *testing.F) {
	f.Add(sheetOf(`<row r="1"><c r="A1" t="s"><v>0</v></c><c s="1"><v>1.5E3</v></c></row>`), `<sst><si><t>甲</t></si></sst>`, `<styleSheet><numFmts><numFmt numFmtId="200" formatCode="yyyy\-mm"/></numFmts><cellXfs><xf/><xf numFmtId="200"/></cellXfs></styleSheet>`)
	f.Add(sheetOf(`<row><c t="inlineStr"><is><t>_x000A_</t></is></c></row>`)+`<mergeCell ref="A1:B2"/>`, "", "")
	limits := sheet.Limits{FileBytes: 1 << 20, TextBytes: 1 << 20, Rows: 50, Columns: 10, CellRunes: 30}
	f.Fuzz(func(t *testing.T, sheetXML, texts, styles string) {
		got := read(bookOf(t, sheetXML, "xl/sharedStrings.xml", texts, "xl/styles.xml", styles), limits)
		if got.err != nil && fault.CodeOf(got.err) != fault.Invalid {
			t.Fatalf("neither rows nor a sentence for people: %v", got.err)
		}
		for _, row := range got.rows {
			if len(row) > limits.Columns {
				t.Fatalf("%d cells", len(row))
			}
		}
	})
}
