package report_test

import (
	"archive/zip"
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenFiles shows in testdata what an office gets. XLSX is shown by its sheet.
func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	for _, f := range formats {
		got, _ := write(t, f, head, lines)
		name := filepath.Join("testdata", "list."+string(f))
		if f == report.XLSX {
			name += ".xml"
			got = bytes.ReplaceAll(part(t, got, "xl/worksheets/sheet1.xml"), []byte("<row "), []byte("\n<row "))
		}
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s (go test ./bot/report -update rewrites it): %s", name, d)
		}
	}
}

func part(t *testing.T, book []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
