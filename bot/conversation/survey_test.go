package conversation_test

import (
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// The longest survey that may be made is shown whole, on a phone that two people use.
func TestTheLongestSurveyFitsAReply(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("字", n) }
	v := study.Survey{
		ID: 1, Code: strings.Repeat("s", 40), Title: long(study.SurveyTitleRunes), Intro: long(study.SurveyIntroRunes), Anonymous: true, Opens: "2026-12-01", Closes: "2026-12-10", Unit: "530112000000",
	}
	q := study.Question{ID: "q", Kind: study.QuestionChoice, Text: long(study.SurveyTextRunes), Optional: true}
	for range study.SurveyOptions {
		q.Options = append(q.Options, long(study.SurveyOptionRunes))
	}
	v.Questions = []study.Question{q}
	if err := v.Check(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.given(t, "已绑定 张三 ban-1")
	f := w.facts(conversation.Needs{})
	f.Survey = &conversation.SurveyFacts{Survey: v}
	f.Identity.People, f.Identity.Delegate, f.Identity.Name = 2, true, long(20)
	reply := w.engine.Step(conversation.State{}, inbound(t, "问卷"), f).Reply.Text
	for _, part := range []string{v.Title, v.Intro, q.Text, "不记名", "H. " + q.Options[7], "回复“跳过”"} {
		if !strings.Contains(reply, part) {
			t.Errorf("%q is missing in %d bytes:\n%s", part, len(reply), reply)
		}
	}
}

// The list for a trainer fits a reply however long names are, and says how many are not shown.
func TestTheListOfThoseWhoNeedHelpFitsAReply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(t, "已绑定 刘建州")
	w.given(t, "教员")
	for range 40 {
		w.follow.followed = append(w.follow.followed, study.Followed{Learner: people.Learner{Name: "岩温香罕恩甩", UnitName: "西双版纳傣族自治州·勐海县·勐混镇·曼赛村民委员会"}})
	}
	reply, err := w.send(inbound(t, "谁需要帮助"))
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Count(reply.Text, "还没有绑定过")
	if shown == 0 || strings.Contains(reply.Text, "…") || !strings.Contains(reply.Text, "40 人") || !strings.Contains(reply.Text, "还有 28 人") {
		t.Errorf("%d shown in %d bytes:\n%s", shown, len(reply.Text), reply.Text)
	}
}
