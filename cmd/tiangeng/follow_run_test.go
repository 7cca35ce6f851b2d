package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// rowsOf reads a spreadsheet back.
func rowsOf(t *testing.T, name string) [][]string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for r, err := range sheet.Read(bytes.NewReader(data), int64(len(data)), filepath.Base(name), sheet.DefaultLimits()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.Cells)
	}
	return rows
}

const anonymousSurvey = `surveys:
  - code: q4
    title: 四季度问卷
    intro: 请说心里话。
    anonymous: true
    opens: 2026-11-01
    closes: 2026-12-31
    unit: "539901"
    by: township
    questions:
      - {id: use, kind: choice, text: 课有用吗？, options: [很有用, 一般, 没什么用]}
      - {id: hard, kind: scale, text: 课难不难？, low: 很容易, high: 很难}
      - {id: more, kind: text, text: 还想学什么？, optional: true}
`

// A class of eight: who needs help, an inspection with its rectifications, a survey – everything by the
// phones, the commands and the built program.
func TestFollowUpFromEndToEnd(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 8})
	s.env = append(s.env, "TIANGENG_LOG_LEVEL=debug") // the most that a log ever tells
	s.serve(1)
	run := func(args ...string) string { return mustRun(t, s.bin, s.env, args...) }
	decode := func(into any, args ...string) {
		t.Helper()
		if err := json.Unmarshal([]byte(run(args...)), into); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	for _, p := range s.pupils[:7] {
		p.follow()
	}
	for _, p := range s.pupils[:3] {
		p.learn()
	}
	s.goTo("2026-11-27 09:00") // five lessons are released
	for _, p := range s.pupils[:2] {
		for range 3 {
			if !p.learn() {
				t.Fatalf("%s does not get on: %s", p.name, p.last)
			}
		}
	}
	var help []study.Help
	decode(&help, "follow", "--json")
	reasons := map[string][]study.HelpReason{}
	for _, h := range help {
		reasons[h.Learner.Name] = h.Reasons
	}
	want := map[string][]study.HelpReason{s.pupils[7].name: {study.HelpUnbound}}
	for _, p := range s.pupils[2:7] {
		want[p.name] = []study.HelpReason{study.HelpBehind}
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSortedFunc(help, func(a, b study.Help) int {
		return strings.Compare(string(a.Learner.Unit)+a.Learner.Name, string(b.Learner.Unit)+b.Learner.Name)
	}) {
		t.Error("the list is not by unit and name")
	}
	dir := t.TempDir()
	run("follow", "--reason", "never_bound", "--format", "xlsx", "-o", filepath.Join(dir, "help.xlsx"))
	if rows := rowsOf(t, filepath.Join(dir, "help.xlsx")); len(rows) != 6 || rows[4][1] != s.pupils[7].name {
		t.Errorf("%v", rows)
	}

	ids := map[string]int64{}
	for _, h := range help {
		ids[h.Learner.Name] = int64(h.Learner.ID)
	}
	one, two := s.pupils[2], s.pupils[3]
	finding := strings.TrimSpace(run("finding", "add", "--source", "县委巡察", "--document", "巡察〔2026〕3号", "--found", "2026-11-20", "--unit", "539901", "--problem", "防灾知识掌握不够"))
	assign := []string{"finding", "assign", finding, "--learner", strconv.FormatInt(ids[one.name], 10), "--learner", strconv.FormatInt(ids[two.name], 10), "--course", "shanqu-bizai", "--due", "2026-11-27"}
	if out := run(assign...); !strings.Contains(out, "2 人") {
		t.Error(out)
	}
	if out := run(assign...); !strings.Contains(out, "0 人") {
		t.Error(out)
	}
	if reply := one.say("学习"); !strings.Contains(reply, "给"+one.name+"安排了要学的课，是“整改：巡察〔2026〕3号”的，2026-11-27 以前学完") {
		t.Errorf("the news: %s", reply)
	}
	if reply := one.say("我的记录"); !strings.Contains(reply, "整改：巡察〔2026〕3号") || !strings.Contains(reply, "2026-11-27 以前") || !strings.Contains(reply, "下一课") {
		t.Errorf("the record: %s", reply)
	}
	for i := range 8 {
		if !one.learn() {
			t.Fatalf("lesson %d: %s", i+1, one.last)
		}
	}
	s.goTo("2026-11-28 09:00")
	var list []study.Rectification
	decode(&list, "rectification", "list", "--json")
	state := map[string]string{}
	for _, r := range list {
		state[r.Learner.Name] = fmt.Sprintf("%s %s %s", r.Status, r.Evidence, r.Decided)
	}
	if diff := cmp.Diff(map[string]string{one.name: "closed course 2026-11-27", two.name: "open  "}, state); diff != "" {
		t.Error(diff)
	}
	decode(&list, "rectification", "list", "--overdue", "--json")
	if len(list) != 1 || list[0].Learner.Name != two.name {
		t.Fatalf("overdue: %+v", list)
	}
	if reply := two.say("记录"); !strings.Contains(reply, "已经到期") {
		t.Errorf("the record: %s", reply)
	}
	run("rectification", "close", strconv.FormatInt(int64(list[0].ID), 10), "--document", "整改报告〔2026〕5号")
	run("rectification", "list", "--finding", finding, "--format", "xlsx", "-o", filepath.Join(dir, "zg.xlsx"))
	rows := rowsOf(t, filepath.Join(dir, "zg.xlsx"))
	filed := map[string]string{}
	for _, r := range rows[3:5] {
		filed[r[8]] = strings.Join([]string{r[3], r[11], r[13], r[14], r[15]}, " ")
	}
	if diff := cmp.Diff(map[string]string{
		one.name: "巡察〔2026〕3号 山区防灾避险 已销号 课程学完 ", two.name: "巡察〔2026〕3号 山区防灾避险 已销号 文件 整改报告〔2026〕5号",
	}, filed); diff != "" {
		t.Error(diff)
	}

	write(t, filepath.Join(dir, "survey.yaml"), anonymousSurvey)
	for _, word := range []string{"written", "unchanged"} {
		if out := run("survey", "import", filepath.Join(dir, "survey.yaml")); !strings.Contains(out, word) {
			t.Error(out)
		}
	}
	for i, p := range s.pupils[:6] {
		if reply := p.say("问卷"); !strings.Contains(reply, "不记名") || !strings.Contains(reply, "A. 很有用") {
			t.Fatalf("%s: %s", p.name, reply)
		}
		p.say([]string{"A", "b"}[i%2])
		p.say(strconv.Itoa(1 + i%5))
		if reply := p.say(fmt.Sprintf("水产养殖canary%d", i)); !strings.Contains(reply, "填完了") || strings.Contains(reply, "canary") {
			t.Errorf("%s: %s", p.name, reply)
		}
	}
	var r study.SurveyResult
	decode(&r, "survey", "result", "q4", "--json")
	if !r.Waits || len(r.Questions) != 0 || r.Begun != 6 || r.Asked != 8 {
		t.Errorf("%+v", r)
	}
	run("survey", "end", "q4")
	decode(&r, "survey", "result", "q4", "--json")
	if len(r.Questions) != 3 || !cmp.Equal(r.Questions[0].Choices, []int{3, 3, 0}) || len(r.Questions[2].Words) != 6 {
		t.Errorf("%+v", r)
	}
	run("survey", "result", "q4", "--format", "xlsx", "-o", filepath.Join(dir, "q4.xlsx"))
	if text := fmt.Sprint(rowsOf(t, filepath.Join(dir, "q4.xlsx"))); !strings.Contains(text, "水产养殖canary5") || strings.Contains(text, s.pupils[0].name) {
		t.Error(text)
	}
	if reply := s.pupils[6].say("问卷"); !strings.Contains(reply, "没有要您填的问卷") {
		t.Error(reply)
	}
	for _, p := range s.replicas {
		if log := p.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "很有用") || len(log) == 0 {
			t.Error("the log tells what was answered")
		}
	}
}

// A key follows up its own units and nothing else.
func TestTheAPIFollowsUpWithinItsKey(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "north"))
	wide := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "539901", "county"))
	const finding = `{"source":"年终考核","document":"考核1号","found":"2026-01-05","unit":"539901100201","problem":"没有公示"}`
	today := ""
	b.open(func(a *app) { today = string(study.DayOf(a.clock.Now())) })
	b.withAPI(key, func(c *client) {
		var help struct {
			People []struct{ Name, Unit, Why string }
		}
		c.known("HelpList", c.call("GET", "/api/v1/help?behind=1", "", http.StatusOK, &help))
		for _, p := range help.People {
			if p.Unit != northVillage || p.Why == "" {
				t.Errorf("%+v", p)
			}
		}
		c.call("GET", "/api/v1/help?unit="+southVillage, "", http.StatusNotFound, nil)
		c.call("GET", "/api/v1/help?behind=x", "", http.StatusBadRequest, nil)
		if csv := c.call("GET", "/api/v1/help?format=csv", "", http.StatusOK, nil); !strings.Contains(csv, "帮扶名单") {
			t.Error(csv)
		}
		var f struct{ ID int64 }
		c.known("Finding", c.call("POST", "/api/v1/findings", strings.Replace(finding, "2026-01-05", today, 1), http.StatusCreated, &f))
		c.call("POST", "/api/v1/findings", strings.Replace(finding, northVillage, southVillage, 1), http.StatusNotFound, nil)
		c.call("POST", "/api/v1/findings", strings.Replace(finding, "考核1号", "", 1), http.StatusBadRequest, nil)
		c.call("POST", "/api/v1/findings", strings.Replace(finding, `{`, `{"by":"me",`, 1), http.StatusBadRequest, nil)
		c.known("FindingList", c.call("GET", "/api/v1/findings", "", http.StatusOK, nil))
		one := fmt.Sprintf("/api/v1/findings/%d/rectifications", f.ID)
		c.call("POST", one, `{"learners":[1,5],"courses":["fang-fanpin"],"due":"2099-01-01"}`, http.StatusNotFound, nil)
		c.call("POST", one, `{"learners":[1],"courses":["none"],"due":"2099-01-01"}`, http.StatusNotFound, nil)
		c.call("POST", one, `{"learners":[],"courses":[],"due":"2099-01-01"}`, http.StatusBadRequest, nil)
		var n struct{ Assigned int }
		c.known("AssignAnswer", c.call("POST", one, `{"learners":[1,2],"courses":["fang-fanpin"],"due":"2099-01-01"}`, http.StatusOK, &n))
		var list struct {
			Rectifications []struct {
				ID      int64
				Status  string
				Overdue bool
			}
		}
		c.known("RectificationList", c.call("GET", "/api/v1/rectifications?status=open", "", http.StatusOK, &list))
		if n.Assigned != 2 || len(list.Rectifications) != 2 || list.Rectifications[0].Overdue {
			t.Fatalf("%+v %+v", n, list)
		}
		zg := fmt.Sprintf("/api/v1/rectifications/%d", list.Rectifications[0].ID)
		c.call("POST", zg+"/close", `{"evidence":"course","proof":"x"}`, http.StatusBadRequest, nil)
		c.known("Rectification", c.call("POST", zg+"/close", `{"evidence":"note","proof":"到村里看过"}`, http.StatusOK, nil))
		c.call("POST", zg+"/withdraw", `{"proof":"x"}`, http.StatusConflict, nil)
		c.known("Rectification", c.call("POST", zg+"/reopen", `{"proof":"又没公示"}`, http.StatusOK, nil))
		c.known("Rectification", c.call("POST", zg+"/withdraw", `{"proof":"写错人"}`, http.StatusOK, nil))
		c.call("POST", "/api/v1/rectifications/x/close", "", http.StatusNotFound, nil)
		if xlsx := c.call("GET", "/api/v1/rectifications?format=xlsx&overdue=true", "", http.StatusOK, nil); !strings.HasPrefix(xlsx, "PK") {
			t.Error("as XLSX: it is none")
		}
		c.call("POST", "/api/v1/surveys", survey("q-north", northVillage, false), http.StatusCreated, nil)
		c.call("POST", "/api/v1/surveys", survey("q-small", northVillage, true), http.StatusBadRequest, nil) // three people only
		c.call("POST", "/api/v1/surveys", survey("q-wide", "539901", true), http.StatusNotFound, nil)
	})
	b.withAPI(wide, func(c *client) {
		c.known("SurveyMade", c.call("POST", "/api/v1/surveys", survey("q-wide", "539901", true), http.StatusCreated, nil))
		c.known("SurveyMade", c.call("POST", "/api/v1/surveys", survey("q-wide", "539901", true), http.StatusOK, nil))
		c.call("POST", "/api/v1/surveys", strings.Replace(survey("q-wide", "539901", true), "有用吗", "好吗", 1), http.StatusConflict, nil)
		var list struct{ Surveys []struct{ Code string } }
		c.known("SurveyList", c.call("GET", "/api/v1/surveys", "", http.StatusOK, &list))
		if len(list.Surveys) != 2 {
			t.Errorf("%+v", list)
		}
		c.known("NamedAnswerList", c.call("GET", "/api/v1/surveys/q-north/answers", "", http.StatusOK, nil))
		c.call("GET", "/api/v1/surveys/q-wide/answers", "", http.StatusForbidden, nil)
		c.known("SurveyResult", c.call("GET", "/api/v1/surveys/q-wide/result", "", http.StatusOK, nil))
		c.known("Survey", c.call("POST", "/api/v1/surveys/q-wide/end", "", http.StatusOK, nil))
		if csv := c.call("GET", "/api/v1/surveys/q-wide/result?format=csv", "", http.StatusOK, nil); !strings.Contains(csv, "少于 5 人") {
			t.Error(csv)
		}
		c.call("GET", "/api/v1/surveys/q-wide/result?format=pdf", "", http.StatusBadRequest, nil)
	})
	b.withAPI(key, func(c *client) {
		c.call("GET", "/api/v1/surveys/q-wide/result", "", http.StatusNotFound, nil)
		c.call("POST", "/api/v1/surveys/q-wide/end", "", http.StatusNotFound, nil)
	})
}

func survey(code, unit string, anonymous bool) string {
	return fmt.Sprintf(`{"code":%q,"title":"问卷","anonymous":%t,"opens":"2026-01-01","closes":"2099-12-31","unit":%q,"questions":[{"id":"use","kind":"choice","text":"有用吗？","options":["有","没有"]}]}`, code, anonymous, unit)
}

// What a file of surveys says wrongly is told; nothing is anonymous, or not, by oversight.
func TestSurveyFiles(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"anonymous: true=>":            "anonymous must be",
		"by: township=>by: village":    "by must be",
		"unit: \"539901\"=>unit: x":    "unit must be",
		"title:=>titel:":               "titel",
		"surveys:=>other:":             "other",
		"kind: text=>kind: text, x: 1": "there is no key x",
	} {
		from, to, _ := strings.Cut(change, "=>")
		if _, err := parseSurveys([]byte(strings.Replace(anonymousSurvey, from, to, 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
	for _, name := range []string{"../../configs/survey.example.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := parseSurveys(data)
		if err != nil || len(list) != 1 || list[0].Check() != nil {
			t.Errorf("%s: %v, %v, %v", name, list, err, list[0].Check())
		}
	}
}
