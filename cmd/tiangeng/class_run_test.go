package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

const meetingFile = `cohorts:
  - code: class-1
    name: 示范培训班
    start: "2026-12-07"
    meets: {place: 县委党校, on: ["2026-12-07", "2026-12-08"], times: ["09:00-11:30", "14:30-17:00"], hours: 3.5, titles: [开班, 防火, 产业, 结业]}
`

// A class of two days as an operator runs it: plan, paper sheet, ticks, leave, closing, making up, register.
func TestAClassThatMeets(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	write(t, b.path("meets.yaml"), meetingFile)
	importing := []string{"cohort", "import", "-c", b.config, b.path("meets.yaml")}
	if out := b.must(importing...); !strings.Contains(out, "written") {
		t.Error(out)
	}
	if out := b.must(importing...); !strings.Contains(out, "unchanged") {
		t.Error(out)
	}
	class := func(args ...string) string {
		t.Helper()
		return b.must(append([]string{"class", args[0], "-c", b.config}, args[1:]...)...)
	}
	if out := class("sessions", "class-1"); strings.Count(out, "\n") != 5 || !strings.Contains(out, "2026-12-08 14:30") || !strings.Contains(out, "3.5") {
		t.Error(out)
	}
	if out := class("sheet", "class-1", "1"); strings.Count(out, "<tr>") != 7 || !strings.Contains(out, "12月7日上午 开班") || !strings.Contains(out, "清点人数：") {
		t.Error(out)
	}
	at := func(day, hour int) { b.clock.Set(time.Date(2026, 12, day, hour-8, 40, 0, 0, time.UTC)) }

	if id := strings.TrimSpace(b.must("class", "leave", "ask", "-c", b.config, "class-1", "--learner", "3", "--session", "1", "--reason", "防火值班")); id != "1" {
		t.Error(id)
	}
	b.must("class", "leave", "approve", "-c", b.config, "1")
	if out := b.must("class", "leave", "list", "-c", b.config, "class-1"); !strings.Contains(out, "approved") || !strings.Contains(out, "12月7日上午") {
		t.Error(out)
	}
	at(7, 9)
	class("attend", "class-1", "1", "--learner", "1", "--learner", "2")
	write(t, b.path("paper.csv"), "学员编号\n4\n5\n")
	if out := class("attend", "class-1", "1", "--as", "paper", "--learners", b.path("paper.csv")); out != "2\n" {
		t.Error(out)
	}
	class("count", "class-1", "1", "3")
	b.refused(statusFailed, "还没到下课时间", "class", "close", "-c", b.config, "class-1", "1")
	b.refused(statusFailed, "第 9 次课", "class", "close", "-c", b.config, "class-1", "9")
	b.refused(statusFailed, "理由", "class", "attend", "-c", b.config, "class-1", "1", "--learner", "1", "--as", "absent")
	at(7, 11)
	if out := class("close", "class-1", "1"); !strings.Contains(out, "到 4 人（其中迟到 0 人），请假 1 人，缺勤 1 人") || !strings.Contains(out, "清点只有 3 人") {
		t.Error(out)
	}
	for n := 2; n <= 4; n++ {
		at([]int{0, 0, 7, 8, 8}[n], []int{0, 0, 17, 11, 17}[n])
		class("attend", "class-1", []string{"", "", "2", "3", "4"}[n], "--learners", b.path("paper.csv"))
		class("attend", "class-1", []string{"", "", "2", "3", "4"}[n], "--learner", "1", "--learner", "3")
		class("close", "class-1", []string{"", "", "2", "3", "4"}[n])
	}
	class("make-up", "class-1", "1", "--learner", "3", "--note", "党校培训科批准")
	class("waive", "class-1", "--learner", "6", "--reason", "已有证书")
	class("attend", "class-1", "2", "--learner", "5", "--as", "absent", "--note", "代签")

	var roll study.Roll
	if err := json.Unmarshal([]byte(class("roll", "class-1", "--json")), &roll); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range roll.Lines {
		line := l.Learner.Name
		for _, a := range l.Attended {
			line += " " + report.PresenceWord(a.Presence)
		}
		got = append(got, line+" "+l.Standing.Credited.String()+" "+report.Verdict(roll, l))
	}
	want := []string{
		"李芳 到 缺勤 缺勤 缺勤 3.5 缺课超过七分之一", "李芳 补学 到 到 到 14 结业", "罗明 到 到 到 到 14 结业",
		"岩温 到 到 到 到 14 结业", "王芳 到 缺勤 到 到 10.5 缺课超过七分之一", "赵明     0 免修",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// A rule enrols whoever fits, and who joins the roster later.
	write(t, b.path("ruled.yaml"), "cohorts:\n  - {code: ruled, name: 全镇班, courses: [fang-fanpin], start: \"2026-12-07\", hour: \"08:00\", days: workdays, enrol: [{unit: \"539901100000\", category: 村干部}]}\n")
	if out := b.must("cohort", "import", "-c", b.config, b.path("ruled.yaml")); !strings.Contains(out, "6 enrolled by rule") {
		t.Error(out)
	}
	write(t, b.path("late.csv"), rosterHead+"周晚,"+southVillage+",云南省,示范州,田埂县,青松镇,青石村民委员会,村干部,A0099\n")
	if out := b.must("roster", "import", "-c", b.config, "--json", b.path("late.csv")); !strings.Contains(out, `"enrolled":1`) {
		t.Error(out)
	}
	page := class("roll", "class-1", "--format", "html")
	if !strings.Contains(page, "班主任（签字）：") || !strings.Contains(page, "补学") || strings.Contains(page, "不是最后结果") {
		t.Error(page)
	}
	class("roll", "class-1", "-o", b.path("roll.xlsx"))
	if data, err := os.ReadFile(b.path("roll.xlsx")); err != nil || !strings.HasPrefix(string(data), "PK") {
		t.Errorf("%v", err)
	}
	if out := class("roll", "class-1", "--format", "csv", "--unit", southVillage); strings.Contains(out, "罗明") || !strings.Contains(out, "岩温") {
		t.Error(out)
	}
	// The class has no lessons: nothing is pushed, and whoever asks for the lesson is not sent around in circles.
	if out := b.must("push", "-c", b.config, "--date", "2026-12-08", "--dry-run"); strings.Contains(out, "class-1") {
		t.Error(out)
	}
	write(t, filepath.Join(t.ArtifactDir(), "roll.html"), page)
}

// A key reaches its own people of a class and no others; who sees the whole class closes its sessions.
func TestAClassOverTheAPI(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	write(t, b.path("meets.yaml"), meetingFile)
	b.must("cohort", "import", "-c", b.config, b.path("meets.yaml"))
	north := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "village"))
	county := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "539901000000", "county"))
	b.clock.Set(time.Date(2026, 12, 7, 1, 40, 0, 0, time.UTC))
	const class, first = "/api/v1/classes/class-1", "/api/v1/classes/class-1/sessions/1"
	b.withAPI(north, func(c *client) {
		var list struct {
			Sessions []struct{ Number, There, Absent, Leave int }
		}
		c.known("SessionList", c.call("GET", class+"/sessions", "", http.StatusOK, &list))
		if len(list.Sessions) != 4 {
			t.Errorf("%+v", list)
		}
		const seen = `{"events":[{"id":"queue-0001","learner":1,"as":"tick","at":"2026-12-07T09:05:00+08:00"}]}`
		c.known("AttendAnswer", c.call("POST", first+"/attendance", seen, http.StatusOK, nil))
		if got := c.call("POST", first+"/attendance", seen, http.StatusOK, nil); !strings.Contains(got, `"recorded":0`) {
			t.Error(got)
		}
		c.call("POST", first+"/attendance", `{"events":[{"learner":1,"as":"tick"},{"learner":4,"as":"tick"}]}`, http.StatusNotFound, nil)
		c.call("POST", first+"/attendance", `{"events":[{"learner":1,"as":"absent"}]}`, http.StatusBadRequest, nil)
		c.call("POST", class+"/sessions/9/attendance", seen, http.StatusNotFound, nil)
		c.call("POST", first+"/count", `{"heads":3}`, http.StatusForbidden, nil)
		c.call("POST", first+"/close", "", http.StatusForbidden, nil)
		c.known("LeaveMade", c.call("POST", class+"/leaves", `{"learner":2,"sessions":[1],"reason":"防火"}`, http.StatusCreated, nil))
		c.call("POST", class+"/leaves", `{"learner":4,"sessions":[1],"reason":"防火"}`, http.StatusNotFound, nil)
		c.call("POST", "/api/v1/leaves/1/approve", "", http.StatusOK, nil)
		c.call("POST", "/api/v1/leaves/2/approve", "", http.StatusNotFound, nil)
		c.call("POST", class+"/people/4/waive", `{"reason":"x"}`, http.StatusNotFound, nil)
		c.call("POST", class+"/people/3/withdraw", `{"reason":"调走"}`, http.StatusOK, nil)
	})
	b.clock.Set(time.Date(2026, 12, 7, 3, 40, 0, 0, time.UTC))
	b.withAPI(county, func(c *client) {
		c.call("POST", first+"/count", `{"heads":3}`, http.StatusOK, nil)
		var s struct{ There, Absent, Leave, Counted int }
		c.known("ClassSession", c.call("POST", first+"/close", "", http.StatusOK, &s))
		if s.There != 1 || s.Absent != 3 || s.Leave != 1 || s.Counted != 3 {
			t.Errorf("%+v", s)
		}
		c.call("POST", first+"/make-ups", `{"learner":2,"note":"党校批准"}`, http.StatusOK, nil)
		c.call("POST", first+"/make-ups", `{"learner":1,"note":"党校批准"}`, http.StatusConflict, nil)
		c.known("LeaveList", c.call("GET", class+"/leaves?status=approved", "", http.StatusOK, nil))
		body := c.call("GET", class+"/roll", "", http.StatusOK, nil)
		c.known("Roll", body)
		for _, want := range []string{`"word":"补学"`, `"status":"withdrawn"`, `"arrived":null`, `"credited":"3.5"`} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in %s", want, body)
			}
		}
		if got := c.call("GET", class+"/roll?unit="+southVillage+"&format=html", "", http.StatusOK, nil); strings.Contains(got, "罗明") || !strings.Contains(got, "岩温") {
			t.Error(got)
		}
		c.call("GET", class+"/roll?unit=530000000000", "", http.StatusNotFound, nil)
		c.call("GET", first+"/sheet", "", http.StatusBadRequest, nil)
		if got := c.call("GET", first+"/sheet?format=csv", "", http.StatusOK, nil); !strings.Contains(got, "签名") {
			t.Error(got)
		}
		c.call("GET", "/api/v1/classes/none/roll", "", http.StatusNotFound, nil)
	})
}
