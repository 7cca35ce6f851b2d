package conversation_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// said are words that lead somewhere; random text is mixed in.
var said = []string{
	"学习", "继续", "1", "2", "3", "A", "B", "C", "D", "AB", "ABD", "对", "错", "5", "五天", "7", "户", "每户", "重做", "重读", "帮助", "我的学习",
	"暂停", "恢复", "退订", "是", "否", "换人", "我是谁", "绑定", "解绑", "删除我的资料", "隐私", "退出", "谢谢", "好的", "你好", "雪习",
	"张三", "李芳", "新村", "7K3M", "K9T4", "AAAA", "张三 新村 7K3M", "李芳 新村 K9T4", "绑定 李芳 新村 K9T4", "赵六 新村 7K3M", "岩温香",
	"第一题选B", "不知道", "A还是B", "[关注 ban-1]", "[关注]", "[扫码 ban-2]", "[扫码 x]", "[取关]", "[菜单 TODAY]", "[菜单 RECORD]", "[菜单 SWITCH]", "[菜单 NONE]",
	"[语音]", "[语音 我选B]", "[图片]", "[位置]", "[网页 u]", "[回执]", "[其他]",
	"我的信息", "更正", "更正 单位应该是大河", "代学", "代学 李芳 新村 K9T4", "代学 岩温香 曼赛 W5N8", "转交手机", "申请代学",
	"通知", "我的通知", "通知 2", "收到", "知道了", "改时间", "12点半发给我", "6点", "默认时间",
	"选课", "培训菜单", "下一页", "上一页", "点", "点 2", "点3", "点 99", "退单", "退单 1", "先学 2", "先学", "我的点单", "返回", "搜 水管", "搜 sg", "shuiguan", "水馆", "搜", "有没有道路的课", "[菜单 COURSES]", "[菜单 ORDERS]", "4", "6",
	"问卷", "问卷", "跳过", "想学养牛", "很有用", "[菜单 SURVEY]", "谁落后", "整改",
}

// saidByTrainers lead somewhere for a trainer.
var saidByTrainers = []string{
	"申请", "同意 12 情况属实", "不同意 13 名册没有错", "同意 12", "不同意", "同意 99 好",
	"通知", "发通知", "紧急通知", "1", "2", "3", "4", "5", "全体", "大河", "新村", "冬训班", "明天开会，请带本子。", "停水通知\n明天停水一天。", "取消", "好的", "收到",
	"发送", "发送", "发送", "催回执", "没回的人", "没收到的人", "没收到的人 2", "要回执", "不要回执", "定时 18:30", "定时 明天9点", "定时", "现在发", "重写", "人数", "结果", "结果 2", "停止发送", "放行", "放行 1", "放行 2",
	"学习", "B", "错", "帮助", "退出", "[菜单 ANNOUNCE]", "[菜单 RELEASE]", "[语音 今晚有大雨]", "[图片]", "[取关]", "换人", "绑定 李芳 新村 K9T4",
}

// Whatever people send in whatever order: no panic, a small state, replies that fit, one response
// for each (lesson, attempt, item), one completion, one sentence 已记录 for one recorded answer.
// world.send checks each of these.
func TestAnySequenceKeepsThePromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		if rapid.Bool().Draw(r, "bound") {
			w.given(t, "已绑定 张三 ban-1")
		}
		for _, g := range []string{"代学 李芳 ban-1", "告诉 delegate_done 李芳 情况属实", "告诉 correct_refused 张三 名册没有错", "别处绑定 岩温·香", "换过手机 岩温·香 1"} {
			if w.identity.Learner != 0 && rapid.Bool().Draw(r, g) {
				w.given(t, g)
			}
		}
		words := said
		if w.identity.Learner != 0 && rapid.Bool().Draw(r, "trainer") {
			words = saidByTrainers
			for _, g := range []string{"教员", "人数上限 100", "有提醒页", "等放行 大扫除 星期六打扫。", "有申请 delegate 李芳 岩温·香", "有申请 correct 张三 - 名字错了", "有申请 delegate 刘建州 李芳 - delegate_limit", "有通知 防火 不得上山用火。 要回执", "有通知 开会 九点开会。 要回执 没送到"} {
				if g == "教员" || rapid.Bool().Draw(r, g) {
					w.given(t, g)
				}
			}
		}
		for _, g := range []string{"问卷 四季度问卷", "问卷 另一份 记名 截止 2026-12-03", "要整改 整改一 2026-12-02", "管着 李四 绑定 2"} {
			if w.identity.Learner != 0 && rapid.Bool().Draw(r, g) {
				w.given(t, g)
			}
		}
		for _, g := range []string{"课程很多 30", "有课程 bixiu 乡村会计 必修课", "点了 ke-001 ke-002", "没有课程 ke-002", "不开课 5301 ke-003"} {
			if w.identity.Learner != 0 && rapid.Bool().Draw(r, g) && (g != "点了 ke-001 ke-002" || w.library != nil && w.library.Current("ke-002") != nil) {
				w.given(t, g)
			}
		}
		n := rapid.IntRange(1, 60).Draw(r, "messages")
		for range n {
			text := rapid.OneOf(rapid.SampledFrom(words), rapid.SampledFrom(words), rapid.SampledFrom(said), rapid.String()).Draw(r, "text")
			if strings.HasPrefix(text, "[") && !strings.HasSuffix(text, "]") {
				text = "x" + text
			}
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 9, 26, 80}).Draw(r, "hours")) * time.Hour)
			if rapid.IntRange(0, 25).Draw(r, "lost") == 0 && w.identity.Learner != 0 {
				w.unconfirmed = &conversation.Unconfirmed{Key: "k", Reply: w.last}
			}
			var in channel.Inbound
			if strings.HasPrefix(text, "[") && !contains(said, text) && !contains(saidByTrainers, text) {
				in = channel.Inbound{Kind: channel.KindText, Contact: channel.ContactTyped, Text: text}
			} else {
				in = inbound(t, text)
			}
			if _, err := w.send(in); err != nil {
				r.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// A learner who answers rightly whenever asked gets to the end of the class.
func TestWhoeverAnswersGetsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(t, "已绑定 张三 ban-1")
	keys := map[string]string{"公示栏": "B", "有人提意见": "错", "公示期一般是几天": "5", "开会要做好": "ABD", "会前要通知到____": "户", "泉水忽然": "A", "什么时候回家": "B"}
	for day := range 4 {
		w.now = clock(t, "2026-12-01 09:00").AddDate(0, 0, day)
		text := "学习"
		for range 12 {
			reply, err := w.send(inbound(t, text))
			if err != nil {
				t.Fatal(err)
			}
			text = "继续"
			best := -1
			for stem, key := range keys {
				if at := strings.LastIndex(reply.Text, stem); at > best && strings.Contains(reply.Text, "请回复") {
					best, text = at, key
				}
			}
			if strings.Contains(reply.Text, "这一课学完了") {
				break
			}
		}
	}
	if w.enrolments[0].Status != study.Completed || len(w.enrolments[0].Done) != 3 {
		t.Errorf("after three days: %s, %d lessons", w.enrolments[0].Status, len(w.enrolments[0].Done))
	}
	var hours study.StudyHours
	for _, e := range w.ledger {
		hours += e.hours
	}
	if hours != 25+50+100+50+50 {
		t.Errorf("%s hours credited", hours)
	}
}

// The longest things that content allows still fit, and nothing of them is lost.
func TestLongContentFitsAndIsNotCut(t *testing.T) {
	t.Parallel()
	stem := strings.Repeat("题", 300)
	why := strings.Repeat("因", 500)
	paragraph := strings.Repeat("长段落没有句号", 400)
	course := content.Seal(content.Course{ID: "xiaoke", Number: 1, Title: strings.Repeat("名", content.MaxTitleChars), Tier: content.TierRequired, PassMark: 1, Lessons: []content.Lesson{{
		ID: "01", Title: strings.Repeat("题", content.MaxTitleChars), Seconds: 60, Body: paragraph + "\n\n" + strings.Repeat("有句号的段落。", 300),
		Items: []content.Item{
			{ID: "q1", Kind: content.Single, Stem: stem, Options: []content.Option{{Text: strings.Repeat("甲", 100), Correct: true}, {Text: strings.Repeat("乙", 100)}}, Explanation: why},
			{ID: "q2", Kind: content.Single, Stem: stem, Options: []content.Option{{Text: strings.Repeat("甲", 100), Correct: true}, {Text: strings.Repeat("乙", 100)}}, Explanation: why},
		},
	}}})
	w := newWorld(t)
	w.engine = w.engine.WithLibrary(content.NewLibrary(nil, course))
	w.given(t, "已绑定 张三 ban-1")
	var seen strings.Builder
	questions, text := 0, "学习"
	for range 30 {
		reply, err := w.send(inbound(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(reply.Text, "…") {
			t.Errorf("cut: %s", reply.Text)
		}
		if strings.Contains(reply.Text, "共 2 题（") {
			questions++
			text = "A"
		} else if questions == 0 {
			_, body, _ := strings.Cut(reply.Text, "\n")
			body, _, _ = strings.Cut(body, "第 ")
			body, _, _ = strings.Cut(body, "课文看完了")
			seen.WriteString(strings.Join(strings.Fields(body), ""))
			text = "继续"
		} else {
			text = "继续"
		}
		if len(w.responses) == 2 {
			break
		}
	}
	if want := strings.Join(strings.Fields(course.Lessons[0].Body), ""); !strings.HasPrefix(seen.String(), want) {
		t.Errorf("the pages hold %d of %d bytes", len(seen.String()), len(want))
	}
	if questions != 2 || len(w.responses) != 2 {
		t.Errorf("%d questions shown, %d answers", questions, len(w.responses))
	}
}

// Nobody can tell from the answers whether a name is on the roster.
func TestAFailedBindingRevealsNothing(t *testing.T) {
	t.Parallel()
	for _, steps := range [][]string{
		{"NAME", "新村", "AAAA"}, {"NAME 新村 AAAA"}, {"NAME 新村", "AAAA"}, {"NAME 河口镇 7K3M"}, {"NAME", "河口镇", "7K3M"},
	} {
		var talks []string
		for _, name := range []string{"张三", "钱七"} {
			w := newWorld(t)
			if _, err := w.send(inbound(t, "[关注]")); err != nil {
				t.Fatal(err)
			}
			var talk []string
			for range 6 { // beyond the limit
				for _, s := range steps {
					reply, err := w.send(inbound(t, strings.ReplaceAll(s, "NAME", name)))
					if err != nil {
						t.Fatal(err)
					}
					talk = append(talk, reply.Text)
				}
			}
			talks = append(talks, strings.Join(talk, "\n--\n"))
		}
		if diff := cmp.Diff(talks[0], talks[1]); diff != "" {
			t.Errorf("%v: a known and an unknown name differ:\n%s", steps, diff)
		}
		if strings.Contains(talks[0], "玉溪") || strings.Contains(talks[0], "西山") {
			t.Errorf("%v: a unit is revealed:\n%s", steps, talks[0])
		}
	}
}

// Answering in the middle of a quiz reads nothing but the state: the hot path stays cheap.
func TestNeedIsSmallInMidQuiz(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(t, "已绑定 张三 ban-1")
	if _, err := w.send(inbound(t, "学习")); err != nil {
		t.Fatal(err)
	}
	need := func(text string) conversation.Needs {
		var s conversation.State
		if err := json.Unmarshal(w.state, &s); err != nil {
			t.Fatal(err)
		}
		return w.engine.Need(s, inbound(t, text))
	}
	if got := need("B"); got != (conversation.Needs{}) {
		t.Errorf("a middle answer needs %+v", got)
	}
	for _, text := range []string{"B", "错"} {
		if _, err := w.send(inbound(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	if got := need("5"); got != (conversation.Needs{Progress: true, Queue: true}) {
		t.Errorf("the last answer needs %+v", got)
	}
	if got := need("张三 新村 7K3M"); got.Name != "" {
		t.Errorf("an answer that looks like a binding looks at the roster: %+v", got)
	}
}

// A lesson that is no longer in the library does not trap anybody.
func TestALostCourseVersionIsLeftBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(t, "已绑定 张三 ban-1")
	if _, err := w.send(inbound(t, "学习")); err != nil {
		t.Fatal(err)
	}
	c := *testLibrary(t).Current("xiaoke")
	c.Number, c.Title = 2, "另一版"
	w.engine = w.engine.WithLibrary(content.NewLibrary(nil, content.Seal(c)))
	lost := w.state
	for _, text := range []string{"B", "继续", "学习"} {
		w.state = lost
		reply, err := w.send(inbound(t, text))
		if err != nil || !strings.Contains(reply.Text, "另一版") || len(w.responses) != 0 {
			t.Errorf("%s: the current version is not taught: %v %s", text, err, reply.Text)
		}
	}
	for _, text := range []string{"重做", "重读", "帮助", "退订", "换人", "退出"} {
		w.state = lost
		if _, err := w.send(inbound(t, text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The same name twice in one unit, told apart by the code alone.
func TestSameNameSameUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.roster = append(w.roster, people.Candidate{Learner: people.Learner{ID: 8, Name: "李芳", UnitName: w.roster[2].Learner.UnitName}, Code: "Z9Z9"})
	if _, err := w.send(inbound(t, "李芳 新村 Z9Z9")); err != nil {
		t.Fatal(err)
	}
	if w.identity.Learner != 8 {
		t.Errorf("bound to %d", w.identity.Learner)
	}
}

// The library may be changed at any time, even to none.
func TestEngineIsCheapToRemake(t *testing.T) {
	t.Parallel()
	e := conversation.New(conversation.Options{Library: testLibrary(t), Phrases: testPhrases(t), Calendar: testCalendar(t)})
	empty := e.WithLibrary(nil)
	w := newWorld(t)
	w.given(t, "已绑定 张三 ban-1")
	w.engine = empty
	reply, err := w.send(inbound(t, "学习"))
	if err != nil || !strings.Contains(reply.Text, "没有要学的课") {
		t.Errorf("a class without courses: %v %s", err, reply.Text)
	}
	if got := e.Step(conversation.State{}, inbound(t, "[其他]"), conversation.Facts{}); !got.Reply.Silent() || len(got.Effects) != 0 {
		t.Errorf("an unknown event does something: %+v", got)
	}
}
