package sheet_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/tiangeng/tiangeng/bot/sheet"
)

const benchRows = 100_000

func benchCells(i int) []sheet.Cell {
	return []sheet.Cell{
		sheet.Int(i), sheet.Text("昆明市"), sheet.Text("西山区"), sheet.Text("团结街道"), sheet.Text("新村村民委员会"),
		sheet.Text(fmt.Sprintf("学员%d", i)), sheet.Text("村党组织书记"), sheet.Text("530112005201"), sheet.Fixed(i, 2), sheet.Stamp(time.Unix(int64(i)*60, 0).UTC()),
	}
}

// BenchmarkWrite: our two writers, and excelize's on cells of the same length.
func BenchmarkWrite(b *testing.B) {
	run := func(name string, write func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	rows := make([][]sheet.Cell, 1000)
	for i := range rows {
		rows[i] = benchCells(i)
	}
	ours := func(w interface {
		Write(sheet.RowKind, []sheet.Cell) error
		Close() error
	}) error {
		for i := range benchRows {
			if err := w.Write(sheet.RowData, rows[i%1000]); err != nil {
				return err
			}
		}
		return w.Close()
	}
	run("csv", func() error { return ours(sheet.NewCSV(io.Discard)) })
	run("xlsx", func() error { return ours(sheet.NewXLSX(io.Discard, sheet.XLSXOptions{})) })
	run("excelize", func() error { return excelizeWrite(rows) })
}

func excelizeWrite(rows [][]sheet.Cell) error {
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	cells := make([][]any, len(rows))
	for i, row := range rows {
		for _, c := range row {
			if c.IsText() {
				cells[i] = append(cells[i], c.String())
			} else {
				cells[i] = append(cells[i], 1234.5)
			}
		}
	}
	for i := range benchRows {
		if err := w.SetRow(fmt.Sprintf("A%d", i+1), cells[i%len(cells)]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Write(io.Discard); err != nil {
		return err
	}
	return f.Close()
}

func BenchmarkRead(b *testing.B) {
	var c, x bytes.Buffer
	cw, xw := sheet.NewCSV(&c), sheet.NewXLSX(&x, sheet.XLSXOptions{})
	for i := range benchRows {
		for _, err := range []error{cw.Write(sheet.RowData, benchCells(i)), xw.Write(sheet.RowData, benchCells(i))} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, err := range []error{cw.Close(), xw.Close()} {
		if err != nil {
			b.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"csv": c.Bytes(), "xlsx": x.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range sheet.Read(bytes.NewReader(data), int64(len(data)), "a", sheet.Limits{}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != benchRows {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
