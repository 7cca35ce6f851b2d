package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/people"
)

// hears says something and wants each of these in the reply.
func (p *pupil) hears(text string, want ...string) {
	p.school.t.Helper()
	reply := p.say(text)
	for _, w := range want {
		if !strings.Contains(reply, w) {
			p.school.t.Errorf("%q is answered without %q:\n%s", text, w, reply)
		}
	}
}

func (p *pupil) triple() string {
	return fmt.Sprintf("%s %s %s", p.name, villages[p.index%3], p.code)
}

// binding runs a command about bindings and reads its JSON.
func (s *school) binding(into any, args ...string) {
	s.t.Helper()
	out := mustRun(s.t, s.bin, s.env, append([]string{"binding", args[0], "--json"}, args[1:]...)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// the only request that is open
func (s *school) request(kind people.RequestKind) string {
	s.t.Helper()
	var list []people.Request
	s.binding(&list, "requests")
	if len(list) != 1 || list[0].Kind != kind {
		s.t.Fatalf("%+v", list)
	}
	return strconv.FormatInt(int64(list[0].ID), 10)
}

func (s *school) times(f people.Funnel, step people.FunnelStep, why string) (n int) {
	for _, c := range f.Counts {
		if c.Step == step && c.Why == why {
			n += c.Times
		}
	}
	return n
}

// Phones and people as they are in villages: one learns for a neighbour, asks what is kept and has it
// put right, and phones go from hand to hand. The real program, the simulated platform.
func TestPeopleAndTheirPhones(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 4})
	s.serve(1)
	s.goTo("2026-11-23 08:30")
	one, two, old, four := s.pupils[0], s.pupils[1], s.pupils[2], s.pupils[3]
	one.follow()
	two.follow()
	numbers := map[string]string{}
	for name, lines := range s.completionList() {
		for _, l := range lines {
			numbers[name] = strconv.FormatInt(l.Learner, 10)
		}
	}

	// 代学: asked for in the chat, granted by an administrator, told, learnt and marked.
	one.hears("代学 "+old.triple(), "要管理员同意")
	id := s.request(people.RequestDelegate)
	var r people.Request
	s.binding(&r, "close", id, "--done", "--reason", "没有智能手机，情况属实")
	if r.Name != old.name || r.Helps != one.name || r.State != people.RequestDone {
		t.Errorf("%+v", r)
	}
	one.hears("谢谢", "【"+one.name+"】", "管理员同意您替"+old.name+"代学", "情况属实")
	one.hears("谢谢", "不客气")
	one.hears("换人", old.name+"·代学")
	one.hears(old.name, "现在是"+old.name)
	if !one.learn() || !strings.Contains(one.last, "【"+old.name+"·代学】") {
		t.Errorf("nothing was learnt in the neighbour's place: %s", one.last)
	}
	one.hears("换人")
	one.hears(one.name, "现在是"+one.name)
	if !one.learn() || !strings.Contains(one.last, "【"+one.name+"】") {
		t.Errorf("nothing was learnt: %s", one.last)
	}
	list := s.completionList("--course", "fang-fanpin")
	for p, want := range map[*pupil]int{old: 1, one: 0} {
		if l := list[p.name]["fang-fanpin"]; l.Done != 1 || l.Delegate != want {
			t.Errorf("%s: %+v, want one lesson, %d of them in another's place", p.name, l, want)
		}
	}

	// Own data: shown, complained about, and the result told before the next lesson.
	two.hears("我的信息", two.name, "大河边", "班次 1 个")
	two.hears("更正 单位应该是新村", "报给管理员")
	s.binding(&r, "close", s.request(people.RequestCorrect), "--refuse", "--reason", "花名册没有错")
	if r.Text != "单位应该是新村" || r.State != people.RequestRefused {
		t.Errorf("%+v", r)
	}
	two.hears("学习", "花名册没有错", "继续")
	two.hears("继续", "第 1 课")

	// The phone goes to somebody else; its first holder binds on another phone, then too soon on a third.
	var nothing struct{}
	s.binding(&nothing, "transfer", "--from", numbers[two.name], "--to", numbers[four.name], "--reason", "村里的公用手机")
	two.hears("我是谁", four.name, "公用手机")
	two.hears("B", "没有")
	if _, err := four.user.Follow(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	four.hears(two.triple(), "绑定好了", two.name)
	one.hears("绑定 "+two.triple(), "绑定好了", "原来那部手机")
	four.hears("你好", "换到另一部手机")
	four.hears(two.triple(), "刚换过手机")
	var released struct{ Phones int }
	s.binding(&released, "release", numbers[two.name], "--reason", "手机摔坏了")
	if released.Phones != 1 {
		t.Errorf("released from %d phones", released.Phones)
	}
	one.hears("谢谢", "手机摔坏了")
	four.hears(two.triple(), "绑定好了")

	// The funnel counts all of it and names nobody.
	var f, part people.Funnel
	s.binding(&f, "funnel")
	s.binding(&part, "funnel", "--level", "5", "--scope", "539901100202")
	if n := s.times(f, people.StepBound, ""); n != 5 {
		t.Errorf("%d bindings were counted, want 5", n)
	}
	if n := s.times(f, people.StepFailed, "cooling"); n != 1 {
		t.Errorf("%d bindings failed by the cool-down, want 1", n)
	}
	if n := s.times(part, people.StepBound, ""); n != 4 {
		t.Errorf("%d bindings of one village, want 4", n)
	}
	if len(f.Units) != 1 || f.Units[0].People != 4 || f.Units[0].Never != 0 || f.Units[0].Delegate != 1 {
		t.Errorf("%+v", f.Units)
	}
}

// A key sees and decides about the people of its units alone.
func TestTheAPIDecidesAboutBindings(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "county-office"))
	b.withAPI(key, func(c *client) {
		const at = "/api/v1/bindings/"
		var f people.Funnel
		c.known("Funnel", c.call(http.MethodGet, at+"funnel?level=5", "", http.StatusOK, &f))
		if len(f.Units) != 1 || f.Units[0].People != 3 || f.Units[0].Bound != 3 {
			t.Errorf("%+v", f.Units)
		}
		for _, q := range []string{"level=6", "from=2026-13-01", "from=2020-01-01", "to=x"} {
			c.call(http.MethodGet, at+"funnel?"+q, "", http.StatusBadRequest, nil)
		}
		for _, q := range []string{"state=x", "limit=0", "cursor=x"} {
			c.call(http.MethodGet, at+"requests?"+q, "", http.StatusBadRequest, nil)
		}
		var list struct{ Requests []people.Request }
		c.known("BindRequestList", c.call(http.MethodGet, at+"requests", "", http.StatusOK, &list))
		if list.Requests == nil || len(list.Requests) != 0 {
			t.Errorf("%+v", list)
		}
		for path, body := range map[string]string{
			"requests/1/close": `{"done":true,"reason":"好"}`, "requests/x/close": `{"done":true,"reason":"好"}`,
			"release": `{"learner":4,"reason":"好"}`, "transfer": `{"from":1,"to":4,"reason":"好"}`, "delegate": `{"helper":1,"learner":4,"reason":"好"}`,
		} {
			c.call(http.MethodPost, at+path, body, http.StatusNotFound, nil)
		}
		c.call(http.MethodPost, at+"release", `{"learner":1,"reason":" "}`, http.StatusBadRequest, nil)
		c.call(http.MethodPost, at+"release", `{"learner":1,"reason":"好","actor":"x"}`, http.StatusBadRequest, nil)
		var released struct{ Phones int }
		c.known("Released", c.call(http.MethodPost, at+"release", `{"learner":1,"reason":"手机丢了"}`, http.StatusOK, &released))
		if released.Phones != 1 {
			t.Errorf("%+v", released)
		}
		c.call(http.MethodPost, at+"transfer", `{"from":1,"to":2,"reason":"好"}`, http.StatusConflict, nil)
		c.call(http.MethodPost, at+"delegate", `{"helper":2,"learner":1,"reason":"没有手机"}`, http.StatusOK, nil)
		c.call(http.MethodPost, at+"delegate", `{"helper":2,"learner":1,"reason":"没有手机"}`, http.StatusConflict, nil)
		c.call(http.MethodPost, at+"transfer", `{"from":2,"to":3,"reason":"换人"}`, http.StatusOK, nil)
	})
	if out := b.must("binding", "requests", "-c", b.config); !strings.Contains(out, "没有申请") {
		t.Error(out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"release", "--reason", "重新绑定", "6"}, "解除了 1 部手机"},
		{[]string{"delegate", "--helper", "4", "--learner", "6", "--reason", "没有手机"}, "代学"},
		{[]string{"transfer", "--from", "4", "--to", "5", "--reason", "换人用"}, "换人用了"},
	} {
		if out := b.must(append([]string{"binding", c.args[0], "-c", b.config}, c.args[1:]...)...); !strings.Contains(out, c.want) {
			t.Errorf("%v: %s", c.args, out)
		}
	}
	if out := b.must("binding", "funnel", "-c", b.config, "--level", "5"); !strings.Contains(out, "新村") || !strings.Contains(out, "NEVER") {
		t.Error(out)
	}
}
