package report

import (
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// filed is a table that an office can file: a title, what it is about, columns, rows, their number.
type filed struct {
	title  string
	notes  [][]sheet.Cell
	heads  []string
	widths []float64
	total  string // word before the number of rows
	paper  paper
	signed []string // what is signed and stamped below the printed page
}

// write writes CSV, XLSX or a page to print, row by row as they come. A CSV file or a page that broke off says so;
// an XLSX file that broke off does not open.
func (t filed) write(w io.Writer, f Format, rows iter.Seq2[[]sheet.Cell, error]) (n int, err error) {
	var to table
	switch f {
	case CSV, HTML:
		to = sheet.NewCSV(w)
		if f == HTML {
			to = newPrinted(w, t.title, t.signed, t.paper)
		}
		defer func() {
			if err != nil {
				_ = to.Write(sheet.RowTotal, []sheet.Cell{sheet.Text(brokenOff)})
				_ = to.Flush()
			}
		}()
	case XLSX:
		to = sheet.NewXLSX(w, sheet.XLSXOptions{Sheet: t.title, Frozen: len(t.notes) + 2, Widths: t.widths})
	default:
		return 0, fault.New(fault.Invalid, "report.format_unknown", fault.A("format", f))
	}
	if err := to.Write(sheet.RowTitle, sheet.Texts(t.title)); err != nil {
		return 0, err
	}
	for _, note := range t.notes {
		if err := to.Write(sheet.RowNote, note); err != nil {
			return 0, err
		}
	}
	if err := to.Write(sheet.RowHeader, sheet.Texts(t.heads...)); err != nil {
		return 0, err
	}
	for cells, err := range rows {
		if err != nil {
			return n, err
		}
		if err := to.Write(sheet.RowData, cells); err != nil {
			return n, err
		}
		n++
	}
	if err := to.Write(sheet.RowTotal, []sheet.Cell{sheet.Text(t.total), sheet.Int(n)}); err != nil {
		return n, err
	}
	return n, to.Close()
}

func note(word string, cell sheet.Cell) []sheet.Cell { return []sheet.Cell{sheet.Text(word), cell} }

func dayOrBlank(d study.Day) sheet.Cell {
	t, err := time.ParseInLocation(time.DateOnly, string(d), study.Zone)
	if err != nil {
		return sheet.Cell{}
	}
	return sheet.Date(t)
}

// HelpLine is one person of the list of those who need help, with the reasons in words.
type HelpLine struct {
	study.Help
	Why string
}

// WriteHelp writes the list of those who may need a trainer's help (帮扶名单) by unit and name. There is no
// column to rank by.
func WriteHelp(w io.Writer, f Format, cutOff time.Time, lines iter.Seq2[HelpLine, error]) (int, error) {
	t := filed{
		title: "帮扶名单", notes: [][]sheet.Cell{note("截至", sheet.Stamp(cutOff.In(study.Zone))), note("说明", sheet.Text("按单位和姓名排列，不分先后"))},
		heads: []string{"学员编号", "姓名", "单位代码", "单位", "干部类别", "需要帮助的原因", "最近学完"}, widths: []float64{10, 12, 15, 34, 16, 44, 20}, total: "人数",
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		for l, err := range lines {
			p := l.Learner
			if !yield([]sheet.Cell{
				sheet.Int(int(p.ID)), sheet.Text(p.Name), sheet.Text(string(p.Unit)), sheet.Text(p.UnitName), sheet.Text(p.Category), sheet.Text(l.Why), stampOrBlank(l.LastAt),
			}, err) {
				return
			}
		}
	})
}

// RectificationLine is one line of the list of rectifications, with status and evidence in words.
type RectificationLine struct {
	study.Rectification
	CourseTitles string
	StatusWord   string
	EvidenceWord string
}

// WriteRectifications writes the list of rectifications (整改台账).
func WriteRectifications(w io.Writer, f Format, cutOff time.Time, lines []RectificationLine) (int, error) {
	t := filed{
		title: "整改台账", notes: [][]sheet.Cell{note("截至", sheet.Stamp(cutOff.In(study.Zone)))},
		heads: []string{
			"整改编号", "问题编号", "问题来源", "文号", "发现日期", "问题单位", "发现的问题", "责任人编号", "责任人", "责任人单位代码", "责任人单位", "整改学习的课程", "完成期限", "状态", "佐证", "佐证内容或原因", "办理日期", "经办人",
		},
		widths: []float64{10, 10, 18, 22, 12, 26, 44, 10, 12, 15, 30, 30, 12, 12, 14, 34, 12, 16}, total: "条数",
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		for _, l := range lines {
			if !yield([]sheet.Cell{
				sheet.Int(int(l.ID)), sheet.Int(int(l.Finding.ID)), sheet.Text(l.Finding.Source), sheet.Text(l.Finding.Document), dayOrBlank(l.Finding.Found),
				sheet.Text(l.Finding.UnitName), sheet.Text(l.Finding.Problem), sheet.Int(int(l.Learner.ID)), sheet.Text(l.Learner.Name), sheet.Text(string(l.Learner.Unit)),
				sheet.Text(l.Learner.UnitName), sheet.Text(l.CourseTitles), dayOrBlank(l.Due), sheet.Text(l.StatusWord), sheet.Text(l.EvidenceWord), sheet.Text(l.Proof),
				dayOrBlank(l.Decided), sheet.Text(l.By),
			}, nil) {
				return
			}
		}
	})
}

// WriteSurvey writes what came of a survey (问卷结果): a row for each option or degree, in all and by
// unit, and one for each answer in words. names are those of the units.
func WriteSurvey(w io.Writer, f Format, cutOff time.Time, r study.SurveyResult, names map[people.OrgCode]string) (int, error) {
	named := "记名"
	if r.Survey.Anonymous {
		named = "不记名"
	}
	t := filed{
		title: "问卷结果", notes: [][]sheet.Cell{
			note("问卷", sheet.Text(r.Survey.Title)), note("截至", sheet.Stamp(cutOff.In(study.Zone))), note("填写方式", sheet.Text(named)),
			note("应填人数", sheet.Int(r.Asked)), note("已填人数", sheet.Int(r.Begun)), note("填完人数", sheet.Int(r.Finished)),
		},
		heads: []string{"题号", "题目", "范围", "选项或回答", "人数"}, widths: []float64{8, 44, 30, 44, 10}, total: "行数",
	}
	if r.Waits {
		t.notes = append(t.notes, note("说明", sheet.Text("不记名的问卷，结束以后才出结果")))
	} else if r.Survey.Anonymous {
		t.notes = append(t.notes, note("说明", sheet.Text("少于 5 人的不单独列出")))
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		for i, q := range r.Questions {
			for _, row := range surveyRows(r.Survey.Questions[i], q, names) {
				if !yield(append([]sheet.Cell{sheet.Int(i + 1), sheet.Text(r.Survey.Questions[i].Text)}, row...), nil) {
					return
				}
			}
		}
	})
}

func surveyRows(q study.Question, r study.QuestionResult, names map[people.OrgCode]string) [][]sheet.Cell {
	const all = "全部"
	if r.Hidden {
		return [][]sheet.Cell{{sheet.Text(all), sheet.Text("回答的不到 5 人，不列出"), {}}}
	}
	var rows [][]sheet.Cell
	counts := func(where string, choices []int) {
		for i, n := range choices {
			rows = append(rows, []sheet.Cell{sheet.Text(where), sheet.Text(choiceWord(q, i)), sheet.Int(n)})
		}
	}
	counts(all, r.Choices)
	for _, p := range r.Parts {
		where := names[p.Unit]
		switch {
		case p.Unit == "":
			where = "其他单位合计"
		case where == "":
			where = string(p.Unit)
		}
		counts(where, p.Choices)
	}
	for _, w := range r.Words {
		rows = append(rows, []sheet.Cell{sheet.Text(all), sheet.Text(w), {}})
	}
	return rows
}

// choiceWord names an option or a degree, 0-based.
func choiceWord(q study.Question, i int) string {
	if q.Kind != study.QuestionScale {
		return string(rune('A'+i)) + ". " + q.Options[i]
	}
	word := string(rune('1' + i))
	switch i {
	case 0:
		word += "（" + q.Low + "）"
	case study.ScaleTop - 1:
		word += "（" + q.High + "）"
	}
	return word
}

// WriteNamedAnswers writes who answered what to a survey that is not anonymous: a row for each person, a
// column for each question.
func WriteNamedAnswers(w io.Writer, f Format, cutOff time.Time, v study.Survey, list []study.NamedAnswers) (int, error) {
	t := filed{
		title: "问卷答案", notes: [][]sheet.Cell{note("问卷", sheet.Text(v.Title)), note("截至", sheet.Stamp(cutOff.In(study.Zone))), note("填写方式", sheet.Text("记名"))},
		heads: []string{"学员编号", "姓名", "单位代码", "单位"}, widths: []float64{10, 12, 15, 34}, total: "人数",
	}
	for i, q := range v.Questions {
		t.heads, t.widths = append(t.heads, strconv.Itoa(i+1)+". "+q.Text), append(t.widths, 24)
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		for _, a := range list {
			cells := []sheet.Cell{sheet.Int(int(a.Learner.ID)), sheet.Text(a.Learner.Name), sheet.Text(string(a.Learner.Unit)), sheet.Text(a.Learner.UnitName)}
			for _, q := range v.Questions {
				r, word := a.Replies[q.ID], ""
				switch {
				case q.Top() == 0:
					word = r.Words
				case r.Choice >= 1 && r.Choice <= q.Top():
					word = choiceWord(q, r.Choice-1)
				}
				cells = append(cells, sheet.Text(word))
			}
			if !yield(cells, nil) {
				return
			}
		}
	})
}
