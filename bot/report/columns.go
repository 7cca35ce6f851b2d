package report

import (
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// column is one column of the completion list.
type column struct {
	heading string
	width   float64 // of the column in XLSX, in half-width characters
	cell    func(r *row) sheet.Cell
}

// row is a line on its way out.
type row struct {
	*Line
	number int // 1-based
	title  string
}

// listColumns are the columns of the completion list, in order: the one place that says so.
var listColumns = [...]column{
	{"序号", 12, func(r *row) sheet.Cell { return sheet.Int(r.number) }},
	{"州市", 20, func(r *row) sheet.Cell { return sheet.Text(r.Prefecture) }},
	{"县市区", 14, func(r *row) sheet.Cell { return sheet.Text(r.County) }},
	{"乡镇街道", 16, func(r *row) sheet.Cell { return sheet.Text(r.Township) }},
	{"村社区", 22, func(r *row) sheet.Cell { return sheet.Text(r.Village) }},
	{"姓名", 12, func(r *row) sheet.Cell { return sheet.Text(r.Name) }},
	{"干部类别", 16, func(r *row) sheet.Cell { return sheet.Text(r.Category) }},
	{"班次", 22, func(r *row) sheet.Cell { return sheet.Text(r.Cohort) }},
	{"课程", 30, func(r *row) sheet.Cell { return sheet.Text(r.title) }},
	{"状态", 10, func(r *row) sheet.Cell { return sheet.Text(statusWord(r.Line)) }},
	{"课数", 7, func(r *row) sheet.Cell { return sheet.Int(r.Lessons) }},
	{"已完成", 8, func(r *row) sheet.Cell { return sheet.Int(r.Done) }},
	{"其中代学", 8, func(r *row) sheet.Cell { return sheet.Int(r.Delegate) }},
	{"平均分", 8, scoreCell},
	{"学时", 8, func(r *row) sheet.Cell { return sheet.Fixed(int(r.Hours), 2) }},
	{"首次学习", 20, func(r *row) sheet.Cell { return stamp(r.FirstAt) }},
	{"最近学习", 20, func(r *row) sheet.Cell { return stamp(r.LastAt) }},
}

// scoreCell is blank where nothing is complete: no score is not nought.
func scoreCell(r *row) sheet.Cell {
	if r.Done == 0 {
		return sheet.Cell{}
	}
	return sheet.Int(r.Score)
}

// stamp shows a moment by the clock of Asia/Shanghai.
func stamp(t time.Time) sheet.Cell {
	if t.IsZero() {
		return sheet.Cell{}
	}
	return sheet.Stamp(t.In(study.Zone))
}

// Word is the status in the words of the list.
func (s Status) Word() string {
	switch s {
	case NotBound:
		return "未绑定"
	case Learning:
		return "学习中"
	case Complete:
		return "已完成"
	case Away:
		return "退学或免修"
	}
	return "未开始"
}

// statusWord is the status in the words of the list, marked when the person has left the roster.
func statusWord(l *Line) string {
	switch {
	case l.Left && l.Status == Away:
		return "已离开"
	case l.Left:
		return l.Status.Word() + "（已离开）"
	}
	return l.Status.Word()
}

// listTitle is what the list is called.
const listTitle = "学习完成名单"

// pair is one line above or below the list: what, and its value.
type pair struct {
	label string
	value sheet.Cell
}

// Pairs share the first two columns with line numbers and prefectures: a label has at most six Chinese
// characters, and the second column is wide enough for a moment, which would be shown as #### otherwise.

// headPairs says in words what the list is about, so that a filed copy explains itself (C3).
func headPairs(h Head, titles map[string]string) []pair {
	q := h.Query
	return []pair{
		{"班次", sheet.Text(orAll(withCode(h.CohortName, q.Cohort)))},
		{"课程", sheet.Text(orAll(withCode(titles[q.Course], q.Course)))},
		{"单位", sheet.Text(orAll(withCode(h.UnitName, string(q.Unit))))},
		{"管理范围", sheet.Text(scopeWords(q.Scope))},
		{"学习日期", sheet.Text(rangeWords(q.From, q.To))},
		{"截止时间", stamp(q.CutOff)},
		{"说明", sheet.Text("时间都是北京时间；截止时间以后的学习不算在内；完成率不算退学和免修的人")},
		{"花名册版本", sheet.Text(h.Roster)},
		{"行数", sheet.Int(h.Lines)},
	}
}

// totalPairs are the lines below the list.
func totalPairs(t Totals) []pair {
	return []pair{
		{"人次", sheet.Int(t.Lines)},
		{"人数", sheet.Int(t.Learners)},
		{Complete.Word(), sheet.Int(t.Complete)},
		{Learning.Word(), sheet.Int(t.Learning)},
		{NotStarted.Word(), sheet.Int(t.NotStarted)},
		{NotBound.Word(), sheet.Int(t.NotBound)},
		{Away.Word(), sheet.Int(t.Away)},
		{"完成率（%）", sheet.Fixed(t.Rate(), 1)},
		{"学时合计", sheet.Fixed(int(t.Hours), 2)},
	}
}

func orAll(s string) string {
	if s == "" {
		return "全部"
	}
	return s
}

// withCode joins a name with its code: 村干部轮训班（demo-2026）.
func withCode(name, code string) string {
	if name == "" || code == "" || name == code {
		return code
	}
	return name + "（" + code + "）"
}

func scopeWords(s people.Scope) string {
	prefixes := s.Prefixes()
	words := make([]string, 0, len(prefixes))
	for _, p := range prefixes {
		if p == "" {
			return "全部"
		}
		code, _ := people.ParseOrgCode(p)
		words = append(words, string(code))
	}
	if len(words) == 0 {
		return "无"
	}
	return strings.Join(words, "、")
}

func rangeWords(from, to study.Day) string {
	switch {
	case from == "" && to == "":
		return "不限"
	case from == "":
		return string(to) + " 及以前"
	case to == "":
		return string(from) + " 及以后"
	}
	return string(from) + " 至 " + string(to)
}

// hours writes study hours as a number with two places.
func hours(h study.StudyHours) string { return sheet.Fixed(int(h), 2).String() }

// tenths writes tenths as a number with one place.
func tenths(n int) string { return sheet.Fixed(n, 1).String() }
