package report

import (
	"io"
	"iter"
	"time"

	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// WriteDemand writes how often which course was ordered (点单统计). It has courses and counts, and nobody's name.
func WriteDemand(w io.Writer, f Format, cutOff time.Time, from, to study.Day, lines []study.CourseDemand) (int, error) {
	t := filed{
		title: "点单统计", notes: [][]sheet.Cell{note("截至", sheet.Stamp(cutOff.In(study.Zone))), note("点单日期从", dayOrBlank(from)), note("到", dayOrBlank(to))},
		heads: []string{"课程代码", "课程", "点过的人数", "排队", "正在学", "学完", "退掉"}, widths: []float64{22, 36, 12, 10, 10, 10, 10}, total: "课程门数",
	}
	return t.write(w, f, iter.Seq2[[]sheet.Cell, error](func(yield func([]sheet.Cell, error) bool) {
		for _, d := range lines {
			cells := []sheet.Cell{sheet.Text(d.Course), sheet.Text(d.Title), sheet.Int(d.Ordered), sheet.Int(d.Waiting), sheet.Int(d.Running), sheet.Int(d.Done), sheet.Int(d.Dropped)}
			if !yield(cells, nil) {
				return
			}
		}
	}))
}
