package report

import (
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// hours are a cell with two decimals.
func hoursCell(h study.StudyHours) sheet.Cell { return sheet.Fixed(int(h), 2) }

func hoursNotes(cutOff time.Time, year int, targets study.Targets) [][]sheet.Cell {
	notes := [][]sheet.Cell{note("截至", sheet.Stamp(cutOff.In(study.Zone))), note("年度", sheet.Text(strconv.Itoa(year)))}
	for _, t := range targets {
		text := t.Name + " " + t.Hours.String() + " 学时"
		if t.Law != "" {
			text += "，依据：" + t.Law
		}
		notes = append(notes, note("学时要求", sheet.Text(text)))
	}
	return notes
}

// WriteHours writes people's study hours of a year (学时台账) by unit and name: by source, and for each target
// what is missing.
func WriteHours(w io.Writer, f Format, cutOff time.Time, year int, targets study.Targets, lines iter.Seq2[study.HoursLine, error]) (int, error) {
	t := filed{
		title: "学时台账", notes: hoursNotes(cutOff, year, targets),
		heads:  []string{"学员编号", "姓名", "单位代码", "单位", "干部类别", "微课学时", "测验学时", "面授学时", "补录学时", "合计学时", "其中代学"},
		widths: []float64{10, 12, 15, 34, 16, 10, 10, 10, 10, 10, 10}, total: "人数",
	}
	for _, x := range targets {
		t.heads, t.widths = append(t.heads, x.Name+"要求", x.Name+"还差"), append(t.widths, 14, 14)
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		for l, err := range lines {
			p := l.Learner
			cells := []sheet.Cell{sheet.Int(int(p.ID)), sheet.Text(p.Name), sheet.Text(string(p.Unit)), sheet.Text(p.UnitName), sheet.Text(p.Category)}
			for _, k := range study.SourceKinds() {
				cells = append(cells, hoursCell(l.Hours[k]))
			}
			cells = append(cells, hoursCell(l.Hours.Sum(study.TargetAll)), hoursCell(l.Delegate))
			for _, x := range targets {
				want, missing := sheet.Cell{}, sheet.Cell{} // blank for those of whom it is not asked
				for _, g := range l.Gaps {
					if g.Target.Code == x.Code {
						want, missing = hoursCell(x.Hours), hoursCell(g.Missing)
					}
				}
				cells = append(cells, want, missing)
			}
			if !yield(cells, err) {
				return
			}
		}
	})
}

// WriteUnitHours writes the hours of units.
func WriteUnitHours(w io.Writer, f Format, cutOff time.Time, year int, targets study.Targets, list []study.UnitHours) (int, error) {
	t := filed{
		title: "单位学时汇总", notes: hoursNotes(cutOff, year, targets),
		heads: []string{"单位代码", "单位", "人数", "合计学时", "有学时要求的人数", "其中达到的人数", "还差学时合计"}, widths: []float64{15, 34, 10, 12, 18, 16, 14}, total: "单位数",
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		for _, u := range list {
			if !yield([]sheet.Cell{
				sheet.Text(string(u.Unit)), sheet.Text(u.UnitName), sheet.Int(u.People), hoursCell(u.Hours), sheet.Int(u.WithGoal), sheet.Int(u.Reached), hoursCell(u.Missing),
			}, nil) {
				return
			}
		}
	})
}
