package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"

	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// parsed is a list as a foreign program reads it: texts only, whatever the format.
type parsed struct {
	Head   map[string]string
	Lines  [][]string
	Totals map[string]string
}

var headings = []string{"序号", "州市", "县市区", "乡镇街道", "村社区", "姓名", "干部类别", "班次", "课程", "状态", "课数", "已完成", "其中代学", "平均分", "学时", "首次学习", "最近学习"}

type tb interface {
	Helper()
	Fatalf(string, ...any)
}

// checkSame writes a list in every format, reads each with a program that is not ours and holds
// it against the list itself.
func checkSame(t tb, head report.Head, lines []report.Line) {
	t.Helper()
	var tally report.Tally
	want := [][]string{}
	for i := range lines {
		tally.Add(&lines[i])
		want = append(want, wantLine(i+1, lines[i]))
	}
	var first parsed
	for _, f := range formats {
		var b bytes.Buffer
		totals, err := report.Write(&b, f, head, titles, seq(lines))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if d := cmp.Diff(tally.Totals, totals); d != "" {
			t.Fatalf("%s: totals: %s", f, d)
		}
		got, err := parse(f, b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if d := cmp.Diff(want, got.Lines); d != "" {
			t.Fatalf("%s: lines: %s", f, d)
		}
		if f == report.CSV {
			first = got
		}
		if d := cmp.Diff(first.Totals, got.Totals); d != "" {
			t.Fatalf("%s: totals: %s", f, d)
		}
		if d := cmp.Diff(first.Head, got.Head); d != "" && f != report.JSON { // JSON's head has codes in place of words: golden file
			t.Fatalf("%s: head: %s", f, d)
		}
	}
}

// wantLine says a second time what each column shows.
func wantLine(n int, l report.Line) []string {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Add(8 * time.Hour).UTC().Format("2006-01-02 15:04:05")
	}
	title, score := titles[l.Course], ""
	if title == "" {
		title = l.Course
	}
	if l.Done > 0 {
		score = fmt.Sprint(l.Score)
	}
	word := map[report.Status]string{report.NotBound: "未绑定", report.NotStarted: "未开始", report.Learning: "学习中", report.Complete: "已完成", report.Away: "退学或免修"}[l.Status]
	out := []string{fmt.Sprint(n), l.Prefecture, l.County, l.Township, l.Village, l.Name, l.Category, l.Cohort, title, word, fmt.Sprint(l.Lessons), fmt.Sprint(l.Done), fmt.Sprint(l.Delegate), score, fmt.Sprintf("%d.%02d", l.Hours/100, l.Hours%100)}
	for i := range out {
		out[i] = sheet.Clean(out[i])
	}
	first, last := stamp(l.FirstAt), stamp(l.LastAt)
	return append(out, first, last)
}

func parse(f report.Format, data []byte) (parsed, error) {
	switch f {
	case report.CSV:
		return parseCSV(data)
	case report.XLSX:
		return parseXLSX(data)
	case report.JSON:
		return parseJSON(data)
	}
	return parseHTML(data)
}

func parseCSV(data []byte) (parsed, error) {
	text, ok := bytes.CutPrefix(data, []byte("\ufeff"))
	if !ok {
		return parsed{}, fmt.Errorf("no byte order mark")
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return parsed{}, err
	}
	for _, row := range rows {
		for i, c := range row {
			if strings.ContainsAny(c[:min(1, len(c))], "=+-@\t\r") {
				return parsed{}, fmt.Errorf("a formula: %q", c)
			}
			row[i] = unprotected(c)
		}
	}
	return split(rows)
}

// unprotected takes the apostrophe off that our CSV puts before texts a program would change.
func unprotected(c string) string {
	rest, ok := strings.CutPrefix(c, "'")
	if ok && sheet.Text(rest).String() == rest {
		var b bytes.Buffer
		w := sheet.NewCSV(&b)
		if w.Write(sheet.RowData, sheet.Texts(rest)) == nil && w.Close() == nil && strings.Contains(b.String(), "'"+strings.ReplaceAll(rest, `"`, `""`)) {
			return rest
		}
	}
	return c
}

func parseXLSX(data []byte) (parsed, error) {
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		return parsed{}, err
	}
	rows, err := f.GetRows("学习完成名单")
	if err != nil {
		return parsed{}, err
	}
	for i, row := range rows { // excelize leaves out what is blank at the end
		if i > 0 && len(row) > 2 {
			rows[i] = append(row, make([]string, len(headings)-len(row))...)
		}
	}
	return split(rows)
}

// split parts the rows of a table into head, lines and totals.
func split(rows [][]string) (parsed, error) {
	p := parsed{Head: map[string]string{}, Lines: [][]string{}, Totals: map[string]string{}}
	part := p.Head
	for i, row := range rows {
		switch {
		case i == 0:
			if len(row) != 1 || row[0] != "学习完成名单" {
				return p, fmt.Errorf("title is %q", row)
			}
		case slices.Equal(row, headings):
			part = p.Totals
		case len(row) == len(headings):
			p.Lines = append(p.Lines, row)
		case len(row) == 2:
			part[row[0]] = row[1]
		case len(row) == 1:
			part[row[0]] = ""
		default:
			return p, fmt.Errorf("row %d has %d cells", i+1, len(row))
		}
	}
	return p, nil
}

func parseJSON(data []byte) (parsed, error) {
	var doc struct {
		Head  map[string]any
		Lines []struct {
			Number                                                                             int
			Prefecture, County, Township, Village, Name, Category, Cohort, CourseTitle, Status string
			Lessons, Done, Delegate                                                            int
			Score                                                                              *int
			Hours                                                                              json.Number
			FirstAt, LastAt                                                                    *time.Time
		}
		Totals struct {
			Lines, Learners, Complete, Learning, NotStarted, NotBound, Away int
			Rate, Hours                                                     json.Number
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return parsed{}, err
	}
	p := parsed{Lines: [][]string{}}
	stamp := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.In(study.Zone).Format("2006-01-02 15:04:05")
	}
	words := map[string]string{"not_bound": "未绑定", "not_started": "未开始", "learning": "学习中", "complete": "已完成", "away": "退学或免修"}
	for _, l := range doc.Lines {
		score := ""
		if l.Score != nil {
			score = fmt.Sprint(*l.Score)
		}
		p.Lines = append(p.Lines, []string{fmt.Sprint(l.Number), l.Prefecture, l.County, l.Township, l.Village, l.Name, l.Category, l.Cohort, l.CourseTitle,
			words[l.Status], fmt.Sprint(l.Lessons), fmt.Sprint(l.Done), fmt.Sprint(l.Delegate), score, l.Hours.String(), stamp(l.FirstAt), stamp(l.LastAt)})
	}
	t := doc.Totals
	p.Totals = map[string]string{
		"人次": fmt.Sprint(t.Lines), "人数": fmt.Sprint(t.Learners), "已完成": fmt.Sprint(t.Complete), "学习中": fmt.Sprint(t.Learning), "未开始": fmt.Sprint(t.NotStarted),
		"未绑定": fmt.Sprint(t.NotBound), "退学或免修": fmt.Sprint(t.Away), "完成率（%）": t.Rate.String(), "学时合计": t.Hours.String(),
	}
	return p, nil
}

func parseHTML(data []byte) (parsed, error) {
	doc, err := html.Parse(bytes.NewReader(data))
	if err != nil {
		return parsed{}, err
	}
	p := parsed{Head: map[string]string{}, Lines: [][]string{}, Totals: map[string]string{}}
	part, label := p.Head, ""
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "dl":
			part = map[string]map[string]string{"head": p.Head, "totals": p.Totals}[n.Attr[0].Val]
		case "dt":
			label = textOf(n)
		case "dd":
			part[label] = textOf(n)
		case "tr":
			var cells []string
			for c := range n.ChildNodes() {
				cells = append(cells, textOf(c))
			}
			if slices.Equal(cells, headings) {
				continue
			}
			p.Lines = append(p.Lines, cells)
		}
	}
	return p, nil
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
