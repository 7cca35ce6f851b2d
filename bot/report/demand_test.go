package report

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/study"
)

func TestDemandForCourses(t *testing.T) {
	t.Parallel()
	rows := both(t, func(w *bytes.Buffer, f Format) (int, error) {
		return WriteDemand(w, f, followCutOff, "2026-11-01", "", []study.CourseDemand{
			{Course: "shui", Title: "=水管", Ordered: 9, Waiting: 1, Running: 2, Done: 5, Dropped: 1}, {Course: "lu", Title: "道路", Ordered: 1, Waiting: 1},
		})
	})
	want := [][]string{
		{"点单统计"}, {"截至", "2026-12-01 09:00:00"}, {"点单日期从", "2026-11-01"}, {"到", ""}, {"课程代码", "课程", "点过的人数", "排队", "正在学", "学完", "退掉"},
		{"shui", "'=水管", "9", "1", "2", "5", "1"}, {"lu", "道路", "1", "1", "0", "0", "0"}, {"课程门数", "2"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}
