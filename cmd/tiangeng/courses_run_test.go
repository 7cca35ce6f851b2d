package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// catalogueDir is a content folder with the built-in courses, n short ones and a pack of a prefecture's own.
func catalogueDir(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, content.Builtin()); err != nil {
		t.Fatal(err)
	}
	topics := []string{"水管", "道路", "烤烟", "核桃", "肉牛", "生猪", "防汛", "防火", "低保", "医保", "养老", "集市", "土地"}
	acts := []string{"怎么管", "怎样防病", "政策问答", "常见纠纷", "验收要点", "账目公开", "安全检查", "村规民约", "典型案例", "台账少填"}
	put := func(folder, title, more string) {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, folder, "course.yaml"), fmt.Sprintf("名称: %s\n版本: 1\n类别: 选修课\n及格线: 60\n简介: 讲清%s。\n作者: [编写组]\n来源:\n  - 标题: 条例\n%s", title, title, more))
		for i, lesson := range []string{"讲一讲", "再讲讲"} {
			write(t, filepath.Join(dir, folder, fmt.Sprintf("%02d-a.md", i+1)), fmt.Sprintf(
				"---\n标题: %s%s\n导语: 先看一看。\n时长: 2分\n---\n%s，讲得很短。\n\n## 测验\n\n1. [判断] 《%s》%s要紧。\n答案: 对\n解析: 是的。\n", title, lesson, title, title, lesson))
		}
	}
	for i := range n {
		put(fmt.Sprintf("courses/ke-%03d", i+1), topics[i%len(topics)]+acts[i/len(topics)%len(acts)], "")
	}
	if err := os.MkdirAll(filepath.Join(dir, "packs/shifan"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "packs/shifan/pack.yaml"), "名称: 示范州特色课\n地区: 5399\n")
	put("packs/shifan/courses/sf-shuiguan", "示范州的水管", "替代: ke-001\n适用:\n  村干部: 必修课\n关键词: [自来水]\n")
	return dir
}

// A cadre looks through more than 128 courses, finds one by pinyin, orders two, drops one, and learns the other after
// the course that was begun; hours, list, record and demand agree.
func TestACadreOrdersFromALargeMenu(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 3, content: catalogueDir(t, 130)})
	s.serve(1)
	run := func(args ...string) string { return mustRun(t, s.bin, s.env, args...) }
	p := s.pupils[0]
	say := func(text string, want ...string) string {
		t.Helper()
		reply := p.say(text)
		for _, w := range want {
			if !strings.Contains(reply, w) {
				t.Errorf("%q is answered without %q: %s", text, w, reply)
			}
		}
		if len(reply) > content.ReplyBytes || !utf8.ValidString(reply) {
			t.Errorf("a reply of %d bytes", len(reply))
		}
		return reply
	}
	p.follow()
	s.goTo("2026-11-23 08:30")
	if !p.learn() { // begins the class's first course
		t.Fatal(p.last)
	}

	// 130 and two built-in ones, and the local course in the place of a common one.
	reply := say("选课", "共 132 门", "第 1 页，共 22 页", "1. 防止返贫监测与帮扶政策常识（必修课", "示范州的水管（必修课")
	seen := map[string]bool{}
	for page := 1; ; page++ {
		for line := range strings.SplitSeq(reply, "\n") {
			if _, course, ok := strings.Cut(line, ". "); ok {
				seen[course] = true
			}
		}
		if !strings.Contains(reply, "“下一页”") {
			if page != 22 {
				t.Errorf("%d pages", page)
			}
			break
		}
		reply = say("下一页")
	}
	if len(seen) != 132 {
		t.Errorf("the pages show %d courses", len(seen))
	}
	say("zilaishui", "1. 示范州的水管")
	if reply := say("shuiguanzenmeguan"); strings.Contains(reply, "水管怎么管（") {
		t.Errorf("the common course stands beside the one that takes its place: %s", reply)
	}
	say("hetaozhengcewenda", "1. 核桃政策问答（选修课，1 学时）")
	say("1", "《核桃政策问答》", "通用主课", "回复“点”")
	say("点", "点好了：《核桃政策问答》", "排在《防止返贫监测与帮扶政策常识》后面")
	say("dlzmg", "1. 道路怎么管")
	say("点 1", "排在《核桃政策问答》后面")
	say("我的点单", "1. 《核桃政策问答》（排队）", "2. 《道路怎么管》（排队）", "排在《防止返贫监测与帮扶政策常识》后面")
	say("退单 1", "《核桃政策问答》退掉了", "1. 《道路怎么管》（排队）")
	say("我的学习", "您这类干部的必修课：3 门，学完 0 门", "自己点的课：排队 1 门")

	s.goTo("2026-12-02 09:00") // Wednesday: eight lessons are released
	for range 7 {
		if !p.learn() {
			t.Fatalf("the class's course: %s", p.last)
		}
	}
	if !strings.Contains(p.last, "课程《防止返贫监测与帮扶政策常识》全部学完") || !strings.Contains(p.last, "您点的《道路怎么管》轮到了") {
		t.Errorf("the last lesson says: %s", p.last)
	}
	if !p.learn() || !strings.Contains(p.last, "《道路怎么管讲一讲》记 0.25 学时") {
		t.Fatalf("the ordered course: %s", p.last)
	}
	s.goTo("2026-12-03 08:00")
	var pushed []struct {
		Cohort  string
		Summary struct{ Audience int }
	}
	eventually(t, 60e9, "the ordered course is pushed", func() bool {
		if err := json.Unmarshal([]byte(run("push", "--date", "2026-12-03", "--json")), &pushed); err != nil {
			t.Fatal(err)
		}
		return len(pushed) == 2 && pushed[1].Cohort == "dd-ke-002" && pushed[1].Summary.Audience == 1
	})
	s.goTo("2026-12-03 09:00")
	for range 2 { // the class has another lesson today
		p.learn()
	}
	if list := s.completionList("--cohort", "dd-ke-002"); len(list) != 1 || list[p.name]["ke-002"].Status != "complete" || list[p.name]["ke-002"].Done != 2 {
		t.Errorf("the list of the ordered course: %v", list)
	}
	if reply := say("我的学时", "微课"); strings.Count(reply, "学时") < 2 {
		t.Error(reply)
	}
	say("选课", "防止返贫监测与帮扶政策常识（必修课，2.5 学时，已学完）")
	say("搜 道路怎么管", "1. 道路怎么管（选修课，1 学时，已学完）")
	say("点 1", "已经学完了")
	run("ledger", "verify") // fails when the hours are not what was learned

	var demand []study.CourseDemand
	if err := json.Unmarshal([]byte(run("courses", "demand", "--json")), &demand); err != nil {
		t.Fatal(err)
	}
	want := []study.CourseDemand{{Course: "ke-002", Title: "道路怎么管", Ordered: 1, Done: 1}, {Course: "ke-029", Title: "核桃政策问答"}}
	if len(demand) != 2 || demand[0] != want[0] || demand[1].Dropped != 1 || !strings.Contains(demand[1].Title, "核桃") {
		t.Errorf("%+v", demand)
	}
	if csv := run("courses", "demand", "--unit", "5399"); !strings.Contains(csv, "点单统计") || !strings.Contains(csv, "道路怎么管") || strings.Contains(csv, p.name) {
		t.Error(csv)
	}

	// An administrator closes a course, and orders one for somebody.
	for _, word := range []string{"written", "unchanged"} {
		if out := run("courses", "menu", "set", "--unit", "539901", "--without", "ke-003"); !strings.Contains(out, word) {
			t.Error(out)
		}
	}
	q := s.pupils[1]
	q.follow()
	if reply := q.say("搜 烤烟怎么管"); strings.Contains(reply, "烤烟怎么管（") {
		t.Errorf("a closed course: %s", reply)
	}
	var orders []web.OrderLine
	if err := json.Unmarshal([]byte(run("courses", "orders", "--json")), &orders); err != nil || len(orders) != 2 {
		t.Fatalf("%v %+v", err, orders)
	}
	var list struct{ Lines []line }
	if err := json.Unmarshal([]byte(run("completions", "export", "--format", "json")), &list); err != nil {
		t.Fatal(err)
	}
	var id int64
	for _, l := range list.Lines {
		if l.Name == q.name {
			id = l.Learner
		}
	}
	if out := run("courses", "order", fmt.Sprint(id), "sf-shuiguan"); !strings.Contains(out, "sf-shuiguan\trunning") {
		t.Error(out)
	}
	if reply := q.say("我的点单"); !strings.Contains(reply, "管理员给"+q.name+"点了一门课，《示范州的水管》") || !strings.Contains(reply, "1. 《示范州的水管》（正在学）") {
		t.Error(reply)
	}
	if reply := q.say("退单 1"); !strings.Contains(reply, "退掉了") {
		t.Error(reply)
	}
}

// A key sees and changes the orders and the menu of its own units and nothing else.
func TestTheAPIOrdersWithinItsKey(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "north"))
	type orders struct {
		Orders []struct {
			Learner           int64
			Course, State, By string
		}
	}
	b.withAPI(key, func(c *client) {
		var list struct{ Courses []web.CourseInfo }
		c.known("CourseList", c.call("GET", "/api/v1/courses", "", http.StatusOK, &list))
		if len(list.Courses) != 2 || list.Courses[0].Hours != 250 || list.Courses[0].Tier != content.TierRequired {
			t.Errorf("%+v", list)
		}
		c.call("GET", "/api/v1/courses?q=fangzai", "", http.StatusOK, &list)
		if len(list.Courses) != 1 || list.Courses[0].ID != "shanqu-bizai" {
			t.Errorf("%+v", list)
		}
		c.call("GET", "/api/v1/courses?learner=1", "", http.StatusOK, &list)
		c.call("GET", "/api/v1/courses?unit="+northVillage+"&category=村干部", "", http.StatusOK, &list)
		c.call("GET", "/api/v1/courses?unit="+southVillage, "", http.StatusNotFound, nil)
		c.call("GET", "/api/v1/courses?learner=5", "", http.StatusNotFound, nil)
		c.call("GET", "/api/v1/courses?learner=x", "", http.StatusNotFound, nil)

		// Everybody is in a class that teaches both courses: they need not be ordered.
		c.call("POST", "/api/v1/orders", `{"learner":1,"course":"fang-fanpin"}`, http.StatusConflict, nil)
		b.open(func(a *app) {
			if err := a.store.DecidePlace(t.Context(), a.clock.Now(), "test", people.Everyone(), "class-1", 1, store.PlaceWithdraw, "出差"); err != nil {
				t.Fatal(err)
			}
		})
		var got orders
		c.known("PersonalOrders", c.call("POST", "/api/v1/orders", `{"learner":1,"course":"fang-fanpin"}`, http.StatusOK, &got))
		c.call("POST", "/api/v1/orders", `{"learner":1,"course":"fang-fanpin"}`, http.StatusConflict, nil)
		c.call("POST", "/api/v1/orders", `{"learner":1,"course":"shanqu-bizai"}`, http.StatusOK, &got)
		if len(got.Orders) != 2 || got.Orders[0].State != "running" || got.Orders[1].State != "waiting" || got.Orders[0].By != "api:north" {
			t.Errorf("%+v", got)
		}
		c.call("POST", "/api/v1/orders", `{"learner":1,"course":"none"}`, http.StatusNotFound, nil)
		c.call("POST", "/api/v1/orders", `{"learner":5,"course":"fang-fanpin"}`, http.StatusNotFound, nil)
		c.call("POST", "/api/v1/orders/drop", `{"learner":5,"course":"fang-fanpin"}`, http.StatusNotFound, nil)
		c.call("POST", "/api/v1/orders", `{"learner":1,"courses":"x"}`, http.StatusBadRequest, nil)
		c.known("PersonalOrders", c.call("POST", "/api/v1/orders/first", `{"learner":1,"course":"shanqu-bizai"}`, http.StatusOK, nil))
		c.known("PersonalOrders", c.call("POST", "/api/v1/orders/drop", `{"learner":1,"course":"fang-fanpin"}`, http.StatusOK, &got))
		if i := slices.IndexFunc(got.Orders, func(o struct {
			Learner           int64
			Course, State, By string
		}) bool {
			return o.Course == "shanqu-bizai"
		}); i < 0 || got.Orders[i].State != "running" {
			t.Errorf("%+v", got)
		}
		c.known("OrderList", c.call("GET", "/api/v1/orders?state=running&limit=10", "", http.StatusOK, &got))
		if len(got.Orders) != 1 || got.Orders[0].Learner != 1 {
			t.Errorf("%+v", got)
		}
		c.call("GET", "/api/v1/orders?after=x", "", http.StatusBadRequest, nil)
		c.call("GET", "/api/v1/orders?unit="+southVillage, "", http.StatusNotFound, nil)
		c.known("CourseDemandList", c.call("GET", "/api/v1/courses/demand?from=2020-01-01", "", http.StatusOK, nil))
		c.call("GET", "/api/v1/courses/demand?to=x", "", http.StatusBadRequest, nil)
		if xlsx := c.call("GET", "/api/v1/courses/demand?format=xlsx", "", http.StatusOK, nil); !strings.HasPrefix(xlsx, "PK") {
			t.Error("as XLSX: it is none")
		}

		const closing = `{"unit":"` + northVillage + `","courses":["fang-fanpin"]}`
		var changed struct{ Changed bool }
		c.known("MenuLimitAnswer", c.call("POST", "/api/v1/courses/menu", closing, http.StatusOK, &changed))
		c.call("POST", "/api/v1/courses/menu", strings.Replace(closing, northVillage, southVillage, 1), http.StatusNotFound, nil)
		c.call("POST", "/api/v1/courses/menu", strings.Replace(closing, "fang-fanpin", "none", 1), http.StatusNotFound, nil)
		c.call("POST", "/api/v1/courses/menu", strings.Replace(closing, northVillage, "x", 1), http.StatusBadRequest, nil)
		c.known("MenuLimitList", c.call("GET", "/api/v1/courses/menu", "", http.StatusOK, nil))
		c.call("POST", "/api/v1/orders", `{"learner":2,"course":"fang-fanpin"}`, http.StatusNotFound, nil)
		c.call("GET", "/api/v1/courses?learner=2", "", http.StatusOK, &list)
		if !changed.Changed || len(list.Courses) != 1 || list.Courses[0].ID != "shanqu-bizai" {
			t.Errorf("%t, %+v", changed.Changed, list)
		}
	})
}

// What a menu file says wrongly is told before anything is written.
func TestMenuFiles(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../configs/menu.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseMenu(data)
	want := []study.MenuLimit{{Unit: "530100000000", Courses: []string{"fang-fanpin"}}, {Unit: "530102000000", Only: true, Courses: []string{"shanqu-bizai"}}, {Unit: "530103000000"}}
	if diff := cmp.Diff(want, list); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for file, want := range map[string]string{
		"menu: []":           "no entry",
		"menu:\n  - unit: x": "must be a statistics code",
		"menu:\n  - unit: '5301'\n    only: [a]\n    without: [b]": "cannot both",
		"menu:\n  - unit: '5301'\n  - unit: '530100000000'":        "a second time",
		"menu:\n  - unit: '5301'\n    except: [a]":                 "except",
	} {
		if _, err := parseMenu([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}
