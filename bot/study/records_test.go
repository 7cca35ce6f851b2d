package study_test

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

func cells(rows ...string) iter.Seq2[people.Cells, error] {
	return func(yield func(people.Cells, error) bool) {
		for i, r := range rows {
			if r != "" && !yield(people.Cells{Number: i + 1, Cells: strings.Split(r, "|")}, nil) {
				return
			}
		}
	}
}

func TestReadRecords(t *testing.T) {
	t.Parallel()
	f, err := study.ReadRecords("a.csv", cells(
		"2026 年补录", "来源|记录编号|学 时|日期|姓名|单位代码|学习内容|备注",
		"云岭先锋|1|1.5|2026-05-01|罗明|530112001201|乡村振兴|x",
		"云岭先锋|2|0.25学时|2026年5月1日|李 芳|530112001|",
		"云岭先锋|1|1|2026/5/2|李芳|530112001201|",
		"|3|1|2026-05-02|李芳|530112001201|", "甲|"+strings.Repeat("长", 81)+"|1|2026-05-02|李芳|530112001201",
		"甲|4|0|2026-05-02|李芳|530112001201", "甲|5|1.005|2026-05-02|李芳|530112001201", "甲|6|501|2026-05-02|李芳|530112001201",
		"甲|7|1|2026-13-02|李芳|530112001201", "甲|8|1|2026-06-02|李芳|530112001201", "甲|9|1|2026-05-02||530112001201", "甲|10|1|2026-05-02|李芳|9",
	), "2026-06-01")
	if err != nil {
		t.Fatal(err)
	}
	want := []study.RecordRow{
		{Row: 3, Name: "罗明", Unit: "530112001201", Record: study.Record{Source: "云岭先锋", Number: "1", Title: "乡村振兴", Hours: 150, Day: "2026-05-01"}},
		{Row: 4, Name: "李芳", Unit: "530112001000", Record: study.Record{Source: "云岭先锋", Number: "2", Hours: 25, Day: "2026-05-01"}},
	}
	if diff := cmp.Diff(want, f.Rows); diff != "" {
		t.Error(diff)
	}
	var said []string
	for _, p := range f.Problems {
		said = append(said, fmt.Sprint(p.File, p.Row, p.Column, " ", p.Key))
	}
	if diff := cmp.Diff([]string{
		"a.csv5记录编号 ledger.record_twice", "a.csv6来源 ledger.record_text", "a.csv7记录编号 ledger.record_text", "a.csv8学时 ledger.record_hours", "a.csv9学时 ledger.record_hours",
		"a.csv10学时 ledger.record_hours", "a.csv11日期 ledger.record_day", "a.csv12日期 ledger.record_day", "a.csv13姓名 announce.name_missing", "a.csv14单位代码 announce.unit_bad",
	}, said); diff != "" {
		t.Error(diff)
	}
	if f.Read != 12 || f.Rejected != 10 {
		t.Error(f.Read, f.Rejected)
	}
	if _, err := study.ReadRecords("a.csv", cells("姓名|学时", "x|1"), "2026-06-01"); err == nil {
		t.Error("a file without headings was read")
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add("云岭先锋|1|1.5|2026-05-01|7|罗明|530112001201")
	f.Add("||||||")
	f.Add("a|b|-1|20260501|-7")
	f.Fuzz(func(t *testing.T, row string) {
		out, err := study.ReadRecords("f", cells("来源|记录编号|学时|日期|学员编号|姓名|单位代码", row), "2026-06-01")
		if err != nil || len(out.Rows)+out.Rejected != out.Read || len(out.Problems) < out.Rejected {
			t.Fatal(out, err)
		}
		for _, r := range out.Rows {
			if p := r.Problem("2026-06-01"); p != nil {
				t.Fatal(r, p)
			}
		}
	})
}

func TestParseHours(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]study.StudyHours{"1": 100, "1.5": 150, " 0.25 ": 25, "2学时": 200, "1.50": 150, "1.500": 150, "0": 0} {
		if got, ok := study.ParseHours(s); !ok || got != want {
			t.Errorf("%q: %v %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "-1", "1.005", "1e3", "一", ".5", "1.-5", "99999999999", "1,5"} {
		if got, ok := study.ParseHours(s); ok {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	targets := study.Targets{{Code: "year", Of: study.TargetAll, Hours: 9000}, {Code: "net", Of: study.TargetOnline, Hours: 200, Categories: []string{"乡镇干部"}}}
	h := study.Hours{study.SourceLesson: 125, study.SourceTest: 50, study.SourceSession: 400, study.SourceRecord: 9000}
	got := targets.For("乡镇干部", h)
	if len(got) != 2 || got[0].Done != 9575 || got[0].Missing != 0 || got[1].Done != 175 || got[1].Missing != 25 {
		t.Errorf("%+v", got)
	}
	if got := targets.For("村干部", nil); len(got) != 1 || got[0].Missing != 9000 {
		t.Errorf("%+v", got)
	}
	var u study.UnitHours
	for _, c := range []string{"乡镇干部", "村干部"} {
		u.Add(study.HoursLine{Hours: h, Gaps: targets.For(c, h)})
	}
	u.Add(study.HoursLine{})
	if u.People != 3 || u.WithGoal != 2 || u.Reached != 1 || u.Missing != 25 || u.Hours != 19150 {
		t.Errorf("%+v", u)
	}
}
