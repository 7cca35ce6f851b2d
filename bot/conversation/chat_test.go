package conversation_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

var update = flag.Bool("update", false, "rewrite testdata/*.chat with what is said now")

// TestChats plays testdata/*.chat. A chat is a page that a trainer can read:
//
//	# a remark            @ 2026-12-02 08:30   the clock
//	= 已绑定 张三 ban-1     what is so before: bound, enrolled; 已学 …: completed; 未确认: see there;
//	                      别班学完 …: of the first class; 退学 name class;
//	                      问卷, 要整改, 管着 …: see follow_model_test.go
//	                      代学, 别处绑定, 换过手机, 告诉: see mine_test.go
//	                      教员, 有通知 …, 等放行 …, 发了 …: see campaign_model_test.go
//	                      有课 …: see signing_model_test.go
//	                      有学时, 类别: see hours_model_test.go
//	                      课程很多, 有课程, 单位, 不开课, 点了, 没有课程: see orders_model_test.go
//	                      撤销证明, 名字, 结业: see certificate_model_test.go
//	> what the learner types; [关注 ban-1] [取关] [扫码 ban-1] [菜单 TODAY] [语音 …] [图片] … for the rest
//	< the reply, line by line; "< （不回复）" for silence
//	! what is recorded
func TestChats(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.chat")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Errorf("only %d chats", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".chat"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(data))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(strings.Split(string(data), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the chat runs otherwise (-file +now):\n%s", diff)
			}
		})
	}
}

// play runs the lines that are given, and returns the chat as it runs now.
func play(t *testing.T, text string) string {
	t.Helper()
	w := newWorld(t)
	var out []string
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		switch mark {
		case "<", "!":
			continue // made anew
		case "@":
			w.now = clock(t, rest)
		case "=":
			w.given(t, rest)
		case ">":
			reply, err := w.send(inbound(t, w.codes(rest)))
			if err != nil {
				t.Fatalf("line %d, %q: %v", i+1, line, err)
			}
			out = append(out, line)
			out = append(out, lines(reply)...)
			for _, e := range w.seen {
				out = append(out, "! "+e)
			}
			continue
		case "#", "":
		default:
			t.Fatalf("line %d: %q begins with no mark", i+1, line)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n") + "\n"
}

func lines(m channel.Message) []string {
	if m.Silent() {
		return []string{"< （不回复）"}
	}
	var out []string
	for line := range strings.SplitSeq(m.Text, "\n") {
		out = append(out, strings.TrimRight("< "+line, " "))
	}
	return out
}

// given makes something so before the chat.
func (w *world) given(t testing.TB, what string) {
	t.Helper()
	f := strings.Fields(what)
	switch f[0] {
	case "已绑定": // name [class…]
		id := people.LearnerID(0)
		for _, c := range w.roster {
			if c.Learner.Name == f[1] && id == 0 {
				id = c.Learner.ID
			}
		}
		w.identity.Following, w.identity.Notice, w.identity.ID = true, 1, 1
		w.profiles = append(w.profiles, id)
		w.bound(id)
		w.activate(id)
		for _, code := range f[2:] {
			w.enrol(id, code, study.DayOf(w.now))
		}
	case "已学": // course lesson score
		e := &w.enrolments[len(w.enrolments)-1]
		var score int
		if _, err := fmt.Sscan(f[3], &score); err != nil {
			t.Fatal(err)
		}
		e.Done = append(e.Done, study.Done{Course: f[1], Lesson: f[2], Score: score, At: w.now})
		e.Attempts[f[1]+"/"+f[2]] = 1
		w.ledger = append(w.ledger, entry{e.Learner, w.now, 25, false, false})
	case "别班学完": // course lesson score: of the first class, and with it the course
		e := &w.enrolments[0]
		var score int
		if _, err := fmt.Sscan(f[3], &score); err != nil {
			t.Fatal(err)
		}
		e.Done = append(e.Done, study.Done{Course: f[1], Lesson: f[2], Score: score, At: w.now})
		e.Passed = append(e.Passed, study.Passed{Course: testLibrary(t).Current(f[1]).Ref(), Mean: score, At: w.now})
	case "未确认": // the last reply did not arrive
		w.unconfirmed = &conversation.Unconfirmed{Key: "k", Reply: w.last}
	case "状态": // paused, withdrawn …
		w.enrolments[len(w.enrolments)-1].Status = study.EnrolmentStatus(f[1])
	case "退学": // learner class, before any phone is bound
		for _, c := range w.roster {
			if c.Learner.Name == f[1] {
				w.enrol(c.Learner.ID, f[2], study.DayOf(w.now))
				w.enrolments[len(w.enrolments)-1].Status = study.Withdrawn
				return
			}
		}
		t.Fatalf("nobody is called %s", f[1])
	case "隐私说明": // an older version was shown
		w.identity.Notice = 0
	case "绑定码试错": // on a roster row, by other phones
		w.learnerTry[1] = 10
	case "课程改版": // lesson 1 of xiaoke says something else now
		w.revise(t)
	default:
		if w.givenMine(t, f) || w.givenCampaign(t, f) || w.givenFollow(t, f) || w.givenSigning(t, f) || w.givenHours(t, f) || w.givenOrders(t, f) || w.givenCertificate(t, f) {
			return
		}
		t.Fatalf("nothing is called %q", f[0])
	}
}

// inbound reads what the learner does.
func inbound(t testing.TB, said string) channel.Inbound {
	t.Helper()
	in := channel.Inbound{Key: "k", From: channel.Address{Channel: "wechat", Account: "default", External: "o"}, Kind: channel.KindText, Contact: channel.ContactTyped, Text: strings.ReplaceAll(said, `\n`, "\n")}
	inner, ok := strings.CutPrefix(said, "[")
	if !ok {
		return in
	}
	act, arg, _ := strings.Cut(strings.TrimSuffix(inner, "]"), " ")
	in.Text = ""
	kinds := map[string]channel.Inbound{
		"关注":   {Kind: channel.KindFollow, Contact: channel.ContactTap, EventKey: arg},
		"取关":   {Kind: channel.KindUnfollow},
		"扫码":   {Kind: channel.KindScan, Contact: channel.ContactTap, EventKey: arg},
		"菜单":   {Kind: channel.KindTap, Contact: channel.ContactTap, EventKey: arg},
		"网页":   {Kind: channel.KindView, EventKey: arg},
		"语音":   {Kind: channel.KindVoice, Contact: channel.ContactTyped, Text: arg, Media: "m-voice"},
		"图片":   {Kind: channel.KindImage, Contact: channel.ContactTyped, Media: "m-image"},
		"空图片":  {Kind: channel.KindImage, Contact: channel.ContactTyped}, // the platform gives no id
		"视频":   {Kind: channel.KindVideo, Contact: channel.ContactTyped},
		"链接":   {Kind: channel.KindLink, Contact: channel.ContactTyped},
		"位置":   {Kind: channel.KindLocation, Contact: channel.ContactTyped},
		"上报位置": {Kind: channel.KindLocation},
		"回执":   {Kind: channel.KindReceipt},
		"其他":   {Kind: channel.KindOther},
	}
	k, ok := kinds[act]
	if !ok {
		t.Fatalf("nobody can do %q", said)
	}
	k.Key, k.From = in.Key, in.From
	if p := (channel.Point{}); act == "位置" && arg != "" {
		if _, err := fmt.Sscan(arg, &p.Latitude, &p.Longitude); err != nil {
			t.Fatal(err)
		}
		k.Point = &p
	}
	return k
}
