package conversation_test

import (
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
)

// What costs a read is read only when its word was said.
func TestNeedOfAnnouncementsIsSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writing := conversation.State{Mode: conversation.ModeSend, Draft: &conversation.Draft{By: 1, Key: "chat/k"}}
	choosing := conversation.State{Mode: conversation.ModeDraftTo, Draft: &conversation.Draft{By: 1, Options: []string{"all"}}}
	asked := conversation.State{Mode: conversation.ModeDraft, Draft: &conversation.Draft{By: 1}}
	heard := conversation.State{Mode: conversation.ModeSend, Draft: &conversation.Draft{By: 1, Key: "chat/k", Media: &conversation.DraftMedia{ID: "m", Kind: "voice", Said: "话"}}}
	for _, c := range []struct {
		state conversation.State
		said  string
		want  conversation.Needs
	}{
		{conversation.State{}, "收到", conversation.Needs{Notices: true}},
		{conversation.State{}, "我的通知", conversation.Needs{Notices: true}},
		{conversation.State{}, "通知 2", conversation.Needs{Notices: true}},
		{conversation.State{}, "通知", conversation.Needs{Trainer: true, Audiences: true, Notices: true}},
		{conversation.State{}, "发通知", conversation.Needs{Trainer: true, Audiences: true}},
		{conversation.State{}, "结果", conversation.Needs{Trainer: true, Result: 1}},
		{conversation.State{}, "结果 3", conversation.Needs{Trainer: true, Result: 3}},
		{conversation.State{}, "没收到的人", conversation.Needs{Trainer: true, Result: 1, Names: conversation.NamesUnreached, Page: 1}},
		{conversation.State{Result: 7}, "没收到的人 3", conversation.Needs{Trainer: true, Result: 1, ResultOf: 7, Names: conversation.NamesUnreached, Page: 3}},
		{conversation.State{}, "谁没回", conversation.Needs{Trainer: true, Result: 1, Silent: true, Names: conversation.NamesSilent, Page: 1}},
		{conversation.State{Result: 7}, "催回执", conversation.Needs{Trainer: true, Result: 1, ResultOf: 7, Silent: true}},
		{writing, "催回执", conversation.Needs{Trainer: true, Result: 1, Silent: true, Draft: "chat/k"}},
		{conversation.State{}, "放行 1", conversation.Needs{Trainer: true, Waiting: true}},
		{conversation.State{}, "发送", conversation.Needs{Trainer: true}},
		{conversation.State{}, "好的", conversation.Needs{}},
		{conversation.State{}, "谢谢", conversation.Needs{}},
		{conversation.State{}, "8点", conversation.Needs{}},
		{conversation.State{}, "8点推送", conversation.Needs{Progress: true, Profiles: true}},
		{choosing, "1", conversation.Needs{Trainer: true, Audiences: true}},
		{choosing, "大河村", conversation.Needs{Trainer: true, Audiences: true, Unit: "大河村"}},
		{choosing, "取消", conversation.Needs{Trainer: true}},
		{writing, "发送", conversation.Needs{Trainer: true, Draft: "chat/k", Size: true}},
		{writing, "要回执", conversation.Needs{Trainer: true, Draft: "chat/k"}},
		{asked, "[图片]", conversation.Needs{Trainer: true}},
		{heard, "[图片]", conversation.Needs{Trainer: true, Draft: "chat/k"}},
		{asked, "[语音]", conversation.Needs{Trainer: true}},
		{heard, "2", conversation.Needs{Trainer: true, Draft: "chat/k"}},
		{writing, "2", conversation.Needs{}},
		{conversation.State{}, "[图片]", conversation.Needs{}}, // of anybody else
		{writing, "今天", conversation.Needs{Progress: true}},
		{writing, "随便说一句", conversation.Needs{}},
	} {
		if got := w.engine.Need(c.state, inbound(t, c.said)); got != c.want {
			t.Errorf("%s, %q: needs %+v, want %+v", c.state.Mode, c.said, got, c.want)
		}
	}
}
