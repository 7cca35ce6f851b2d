package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

var followCutOff = time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)

// both writes a table in both formats and wants the same rows from each.
func both(t *testing.T, write func(w *bytes.Buffer, f Format) (int, error)) [][]string {
	t.Helper()
	var text, book bytes.Buffer
	n, err := write(&text, CSV)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := write(&book, XLSX); err != nil || m != n {
		t.Fatalf("%d rows, %d in the other: %v", n, m, err)
	}
	if _, err := write(new(bytes.Buffer), "pdf"); err == nil {
		t.Error("an unknown format is no error")
	}
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(text.String(), "\ufeff")))
	in.FieldsPerRecord = -1
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var sheetRows [][]string
	for r, err := range sheet.Read(bytes.NewReader(book.Bytes()), int64(book.Len()), "x.xlsx", sheet.DefaultLimits()) {
		if err != nil {
			t.Fatal(err)
		}
		sheetRows = append(sheetRows, r.Cells)
	}
	if len(sheetRows) != len(rows) {
		t.Errorf("%d rows in CSV, %d in XLSX", len(rows), len(sheetRows))
	}
	return rows
}

func TestTheListOfThoseWhoNeedHelp(t *testing.T) {
	t.Parallel()
	lines := func(end error) func(yield func(HelpLine, error) bool) {
		return func(yield func(HelpLine, error) bool) {
			if !yield(HelpLine{study.Help{Learner: people.Learner{ID: 7, Name: "=罗明", Unit: "539901100201", UnitName: "青松镇·新村", Category: "村干部"}, LastAt: followCutOff}, "落下 3 课"}, nil) {
				return
			}
			if end != nil {
				yield(HelpLine{}, end)
			}
		}
	}
	rows := both(t, func(w *bytes.Buffer, f Format) (int, error) { return WriteHelp(w, f, followCutOff, lines(nil)) })
	want := [][]string{
		{"帮扶名单"}, {"截至", "2026-12-01 09:00:00"}, {"说明", "按单位和姓名排列，不分先后"},
		{"学员编号", "姓名", "单位代码", "单位", "干部类别", "需要帮助的原因", "最近学完"},
		{"7", "'=罗明", "'539901100201", "青松镇·新村", "村干部", "落下 3 课", "2026-12-01 09:00:00"},
		{"人数", "1"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	var b bytes.Buffer
	broken := errors.New("broken")
	if _, err := WriteHelp(&b, CSV, followCutOff, lines(broken)); !errors.Is(err, broken) || !strings.Contains(b.String(), brokenOff) {
		t.Errorf("a list that broke off: %v, %s", err, b.String())
	}
}

func TestTheListOfRectifications(t *testing.T) {
	t.Parallel()
	line := RectificationLine{
		Rectification: study.Rectification{
			ID: 3, Finding: study.Finding{ID: 2, Source: "县委巡察", Document: "巡察〔2026〕3号", Found: "2026-11-20", UnitName: "青松镇", Problem: "公开不及时"},
			Learner: people.Learner{ID: 7, Name: "罗明", Unit: "539901100201", UnitName: "青松镇·新村"}, Due: "2026-12-20", Proof: "报告5号", Decided: "2026-12-01", By: "cli:root",
		}, CourseTitles: "村务公开", StatusWord: "已销号", EvidenceWord: "文件",
	}
	rows := both(t, func(w *bytes.Buffer, f Format) (int, error) {
		return WriteRectifications(w, f, followCutOff, []RectificationLine{line, {}})
	})
	if diff := cmp.Diff([]string{"3", "2", "县委巡察", "巡察〔2026〕3号", "2026-11-20", "青松镇", "公开不及时", "7", "罗明", "'539901100201", "青松镇·新村", "村务公开", "2026-12-20", "已销号", "文件", "报告5号", "2026-12-01", "cli:root"}, rows[3]); diff != "" {
		t.Error(diff)
	}
	if len(rows) != 6 || len(rows[2]) != len(rows[3]) || rows[5][1] != "2" {
		t.Errorf("%v", rows)
	}
}

func TestTheAnswersOfANamedSurvey(t *testing.T) {
	t.Parallel()
	v := study.Survey{Title: "培训需求", Questions: []study.Question{
		{ID: "use", Kind: study.QuestionChoice, Text: "有用吗？", Options: []string{"有用", "没用"}}, {ID: "hard", Kind: study.QuestionScale, Text: "难不难？", Low: "容易", High: "难"}, {ID: "more", Kind: study.QuestionText, Text: "还想学？"},
	}}
	list := []study.NamedAnswers{
		{Learner: people.Learner{ID: 7, Name: "罗明", Unit: "539901100201", UnitName: "青松镇·新村"}, Replies: map[string]study.Reply{"use": {Choice: 2}, "hard": {Choice: 5}, "more": {Words: "=1+1"}}},
		{Learner: people.Learner{ID: 8, Name: "李芳"}, Replies: map[string]study.Reply{"use": {Choice: 9}}},
	}
	rows := both(t, func(w *bytes.Buffer, f Format) (int, error) { return WriteNamedAnswers(w, f, followCutOff, v, list) })
	want := [][]string{
		{"学员编号", "姓名", "单位代码", "单位", "1. 有用吗？", "2. 难不难？", "3. 还想学？"},
		{"7", "罗明", "'539901100201", "青松镇·新村", "B. 没用", "5（难）", "'=1+1"}, {"8", "李芳", "", "", "", "", ""}, {"人数", "2"},
	}
	if diff := cmp.Diff(want, rows[4:]); diff != "" {
		t.Error(diff)
	}
}

func TestTheResultOfASurvey(t *testing.T) {
	t.Parallel()
	r := study.SurveyResult{
		Survey: study.Survey{Title: "四季度", Anonymous: true, Questions: []study.Question{
			{ID: "use", Kind: study.QuestionChoice, Text: "有用吗？", Options: []string{"有用", "没用"}},
			{ID: "hard", Kind: study.QuestionScale, Text: "难不难？", Low: "容易", High: "难"}, {ID: "more", Kind: study.QuestionText, Text: "还想学？"}, {ID: "few", Kind: study.QuestionText, Text: "少？"},
		}},
		Asked: 20, Begun: 12, Finished: 11,
		Questions: []study.QuestionResult{
			{ID: "use", Answers: 12, Choices: []int{10, 2}, Parts: []study.PartResult{{Unit: "530112001000", Answers: 6, Choices: []int{5, 1}}, {Answers: 6, Choices: []int{5, 1}}}},
			{ID: "hard", Answers: 12, Choices: []int{1, 2, 3, 4, 2}}, {ID: "more", Answers: 2, Words: []string{"养牛", "养猪"}}, {ID: "few", Hidden: true},
		},
	}
	rows := both(t, func(w *bytes.Buffer, f Format) (int, error) {
		return WriteSurvey(w, f, followCutOff, r, map[people.OrgCode]string{"530112001000": "团结街道"})
	})
	want := [][]string{
		{"问卷结果"}, {"问卷", "四季度"}, {"截至", "2026-12-01 09:00:00"}, {"填写方式", "不记名"}, {"应填人数", "20"}, {"已填人数", "12"}, {"填完人数", "11"}, {"说明", "少于 5 人的不单独列出"},
		{"题号", "题目", "范围", "选项或回答", "人数"},
		{"1", "有用吗？", "全部", "A. 有用", "10"}, {"1", "有用吗？", "全部", "B. 没用", "2"}, {"1", "有用吗？", "团结街道", "A. 有用", "5"}, {"1", "有用吗？", "团结街道", "B. 没用", "1"},
		{"1", "有用吗？", "其他单位合计", "A. 有用", "5"}, {"1", "有用吗？", "其他单位合计", "B. 没用", "1"},
		{"2", "难不难？", "全部", "1（容易）", "1"}, {"2", "难不难？", "全部", "2", "2"}, {"2", "难不难？", "全部", "3", "3"}, {"2", "难不难？", "全部", "4", "4"}, {"2", "难不难？", "全部", "5（难）", "2"},
		{"3", "还想学？", "全部", "养牛", ""}, {"3", "还想学？", "全部", "养猪", ""}, {"4", "少？", "全部", "回答的不到 5 人，不列出", ""},
		{"行数", "14"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	r.Waits, r.Questions = true, nil
	if rows := both(t, func(w *bytes.Buffer, f Format) (int, error) { return WriteSurvey(w, f, followCutOff, r, nil) }); rows[7][1] != "不记名的问卷，结束以后才出结果" || len(rows) != 10 {
		t.Errorf("%v", rows)
	}
}
