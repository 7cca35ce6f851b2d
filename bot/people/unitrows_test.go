package people_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
)

// table makes rows of cells, numbered from 1.
func table(rows ...[]string) iter.Seq2[people.Cells, error] {
	return func(yield func(people.Cells, error) bool) {
		for i, r := range rows {
			if !yield(people.Cells{Number: i + 1, Cells: r}, nil) {
				return
			}
		}
	}
}

func TestFilesOfUnits(t *testing.T) {
	t.Parallel()
	head := []string{"序号", "行政区划代码", "单位名称", "备注", "启用日期", "终止日期", "并入代码", "原代码"}
	row := func(cells ...string) []string {
		return append([]string{"1"}, append(cells, make([]string, 7-len(cells))...)...)
	}
	for name, c := range map[string]struct {
		rows   [][]string
		within people.OrgCode
		want   string // good rows, then counts, then problems
	}{
		"the headings may stand below a title and be called differently": {
			[][]string{{"西山区单位一览"}, {}, head, row("530112", "西山区", "好")}, "", "530112000000 西山区; 0 bad 0 outside 0 again",
		},
		"digits that count are enough, blanks and full width do not matter": {
			[][]string{head, row("５３０１１２ ００１", " 马街　镇 "), row("530112001201 ", "新村村民委员会", "", "2020/1/5", "2026年3月1日", "530112001202")}, "",
			"530112001000 马街镇|530112001201 新村村民委员会 2020-01-05 2026-03-01 >530112001202; 0 bad 0 outside 0 again",
		},
		"each bad row has row, column and reason": {
			[][]string{head, row("", "马街镇"), row("53011", "马街镇"), row("530112001", ""), row("530112001", "马"), row("530112003", "海口镇", "", "昨天"), row("530112004", "甲镇", "", "", "", "530112005"),
				row("530112006", "乙镇", "", "", "2026-01-01", "530112006"), row("530112007", "丙镇", "", "", "2026-01-01", "530112001201"), row("530112008", "丁镇", "", "2026-03-01", "2026-01-01"), row("530102198001011234", "戊镇"), row("530112009", "己镇", "", "", "2026-01-01", "", "530112010")}, "",
			"; 11 bad 0 outside 0 again; 2 行政区划代码 units.code_missing; 3 行政区划代码 roster.unit_code_bad; 4 单位名称 units.name_missing; 5 单位名称 roster.unit_name_bad; 6 启用日期 units.day_bad; " +
				"7 终止日期 units.into_without_end; 8 并入代码 units.into_itself; 9 并入代码 units.level_differs; 10 终止日期 units.day_order; 11 行政区划代码 roster.looks_like_id; 12 原代码 units.former_ended",
		},
		"one code with two names is told, said twice the same is not": {
			[][]string{head, row("530112", "西山区"), row("530112000000", "西山区"), row("530112", "东山区")}, "", "530112000000 西山区; 1 bad 0 outside 1 again; 4 行政区划代码 units.twice",
		},
		"only what lies in a unit is taken, and what it lies in": {
			[][]string{head, row("53", "云南省"), row("5301", "昆明市"), row("5303", "曲靖市"), row("530112", "西山区"), row("530112001", "马街镇"), row("5303", "")}, "530112",
			"530000000000 云南省|530100000000 昆明市|530112000000 西山区|530112001000 马街镇; 0 bad 2 outside 0 again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			within, _ := people.ParseOrgCode(string(c.within))
			var f people.UnitFile
			if err := f.ReadUnits("x.csv", table(c.rows...), within); err != nil {
				t.Fatal(err)
			}
			var good, parts []string
			for _, r := range f.Rows {
				s := strings.TrimRight(fmt.Sprintf("%s %s %s %s", r.Code, r.Name, r.From, r.To), " ")
				if r.Into != "" {
					s += " >" + string(r.Into)
				}
				good = append(good, s)
			}
			parts = append(parts, strings.Join(good, "|"), fmt.Sprintf("%d bad %d outside %d again", f.Rejected, f.Outside, f.Again))
			for _, p := range f.Problems {
				parts = append(parts, fmt.Sprintf("%d %s %s", p.Row, p.Column, p.Key))
			}
			if diff := cmp.Diff(c.want, strings.Join(parts, "; ")); diff != "" {
				t.Error(diff)
			}
			if len(f.Rows)+f.Rejected+f.Outside+f.Again != f.Read {
				t.Errorf("R1: %d+%d+%d+%d of %d", len(f.Rows), f.Rejected, f.Outside, f.Again, f.Read)
			}
		})
	}
	var f people.UnitFile
	if err := f.ReadUnits("x.csv", table([]string{"姓名", "电话"}), ""); err == nil || !strings.Contains(err.Error(), "units.no_header") {
		t.Error(err)
	}
	if err := f.ReadUnits("x.csv", table([]string{"代码", "名称", "单位名称"}), ""); err == nil || !strings.Contains(err.Error(), "roster.column_twice") {
		t.Error(err)
	}
	if err := f.ReadUnits("x.csv", table([]string{"代码", "名称", "负责人手机"}), ""); err != nil || !slices.Equal(f.Ignored, []string{"负责人手机"}) {
		t.Error(err, f.Ignored)
	}
}

func TestShortNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ shown, seen, want string }{
		{"昆明市·西山区·马街镇", "", "马街镇"},
		{"昆明市·西山区·马街镇", "昆明市·东川区·马街镇", "西山区·马街镇"},
		{"昆明市·西山区·马街镇 昆明市·东川区·马街镇", "", "西山区·马街镇 东川区·马街镇"},
		{"昆明市·西山区·马街镇 曲靖市·西山区·马街镇", "", "昆明市·西山区·马街镇 曲靖市·西山区·马街镇"},
		{"昆明市·西山区·马街镇 昆明市·西山区·马街镇", "", "马街镇 马街镇"}, // one unit twice in a list
		{"云南省", "昆明市", "云南省"},
		{"新村", "昆明市·西山区·新村", "新村"}, // nothing is above it: all there is
	} {
		if got := strings.Join(people.ShortNames(strings.Fields(c.shown), strings.Fields(c.seen)), " "); got != c.want {
			t.Errorf("%s among %s: %s, want %s", c.shown, c.seen, got, c.want)
		}
	}
}

// Whatever a file has in it: every row is accounted for, what is good can be imported into an empty tree or says
// why not, and what comes out of it reads as it went in.
func FuzzReadUnits(f *testing.F) {
	f.Add("代码,名称\n53,云南省\n5301,昆明市\n", "53")
	f.Add("代码,名称,启用日,终止日,去向代码,原代码\n530112001,马街镇,2020-1-1,,,530112009\n530112009,马街镇,,2019-12-31,530112001,", "")
	f.Add("code,name,cityCode\n441900,东莞市,4419\n4419,东莞市,44\n441900003,东城街道,4419\n", "44")
	f.Add("代码,名称,终止日,去向代码\n530112001,马街镇,2026-01-01,530112002\n530112002,海口镇,2026-01-01,530112001", "")
	f.Fuzz(func(t *testing.T, text, within string) {
		if len(text) > 4000 {
			return
		}
		var rows [][]string
		for line := range strings.SplitSeq(text, "\n") {
			rows = append(rows, strings.Split(line, ","))
		}
		code, _ := people.ParseOrgCode(within)
		var file people.UnitFile
		if err := file.ReadUnits("x", table(rows...), code); err != nil {
			return
		}
		if len(file.Rows)+file.Rejected+file.Outside+file.Again != file.Read || file.Rejected > len(file.Problems) {
			t.Fatalf("%d good, %d bad (%d problems), %d outside, %d again of %d", len(file.Rows), file.Rejected, len(file.Problems), file.Outside, file.Again, file.Read)
		}
		nobody := func(people.OrgCode) int { return 0 }
		tree := people.NewUnitTree(nil)
		d := tree.Import(people.UnitImport{Rows: file.Rows, Day: "2026-03-02"}, nobody)
		for _, p := range d.Problems {
			if p.Row == 0 || p.Column == "" || p.Key == "" {
				t.Fatalf("a problem without its place: %+v", p)
			}
		}
		for _, x := range tree.Check(nil) {
			if x.Kind == people.UnitOrphan || x.Kind == people.UnitStale || x.Kind == people.UnitOldDigits {
				t.Fatalf("%+v of %q", x, text)
			}
		}
		var again []people.UnitRow
		for i, u := range tree.All() {
			cells := u.UnitCells()
			var one people.UnitFile
			if err := one.ReadUnits("y", table(people.UnitHeadings(), cells), ""); err != nil || len(one.Rows) != 1 {
				t.Fatalf("%q is not read again: %v %v", cells, err, one.Problems)
			}
			one.Rows[0].Row = i + 2
			again = append(again, one.Rows[0])
		}
		before := len(tree.Changes())
		if d := tree.Import(people.UnitImport{Rows: again, Day: "2026-03-02"}, nobody); len(d.Problems) > 0 || len(tree.Changes()) != before {
			t.Fatalf("the export changes the tree: %v %v", d.Problems, tree.Changes()[before:])
		}
	})
}
