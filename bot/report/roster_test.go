package report_test

import (
	"bytes"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

// Package people must not know tables and package sheet must not know people; this package sees
// both, so the test that a roster survives a file stands here.

func readRoster(t *testing.T, data []byte) people.Roster {
	t.Helper()
	rows := func(yield func(people.Cells, error) bool) {
		for row, err := range sheet.Read(bytes.NewReader(data), int64(len(data)), "花名册", sheet.Limits{}) {
			if !yield(people.Cells(row), err) {
				return
			}
		}
	}
	r, err := people.ReadRoster("花名册", iter.Seq2[people.Cells, error](rows), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARosterSurvivesItsFile(t *testing.T) {
	t.Parallel()
	const text = "单位代码,州市,县市区,乡镇街道,村社区,姓名,干部类别,绑定码\n" +
		"532801101203,西双版纳州,景洪市,嘎洒镇,曼播村委会,岩温·香,书记,0042\n" +
		"532801101203,西双版纳州,景洪市,嘎洒镇,曼播村委会,张三,-,12E5\n" +
		"532801101,西双版纳州,景洪市,嘎洒镇,,李四,=工作队员,MAR01\n" +
		"5.32801E+11,西双版纳州,景洪市,嘎洒镇,曼播村委会,王五,,A005\n"
	first := readRoster(t, []byte(text))
	if len(first.Rows) != 3 || first.Rejected != 1 || first.Problems[0].Error() != "花名册:5:单位代码: sheet.digits_lost text=5.32801E+11" {
		t.Fatalf("%+v", first)
	}
	var c, x bytes.Buffer
	for _, w := range []interface {
		Write(sheet.RowKind, []sheet.Cell) error
		Close() error
	}{sheet.NewCSV(&c), sheet.NewXLSX(&x, sheet.XLSXOptions{Sheet: "花名册", Frozen: 1})} {
		if err := w.Write(sheet.RowHeader, sheet.Texts(people.RosterHeadings()...)); err != nil {
			t.Fatal(err)
		}
		for _, r := range first.Rows {
			if err := w.Write(sheet.RowData, sheet.Texts(r.Cells()...)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"CSV": c.Bytes(), "XLSX": x.Bytes()} {
		again := readRoster(t, data)
		if again.Rejected != 0 {
			t.Errorf("%s: %v", name, again.Problems)
		}
		if d := cmp.Diff(first.Rows, again.Rows); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
