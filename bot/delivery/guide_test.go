package delivery

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/delivery.md")

// names are the words for trainers.
var rungNames = map[Rung]string{
	RungLong: "长期订阅通知", RungWindow: "48小时窗口消息", RungNotice: "一次性订阅通知",
	RungOnce: "一次性订阅消息", RungTemplate: "模板消息", RungMass: "群发", RungPull: "等学员来取",
}

var kindNames = map[Kind]string{
	KindLesson: "每日一课", KindReminder: "催学、催回执", KindAnnouncement: "通知", KindUrgent: "紧急通知", KindReceipt: "本人操作的回执", KindDigest: "每周小结",
}

const guidePath = "../../docs/delivery.md"

// TestGuide keeps the trainers' table equal to ladder.csv: `go test ./bot/delivery -update` rewrites it.
func TestGuide(t *testing.T) {
	t.Parallel()
	want := guide()
	if *update {
		if err := os.WriteFile(guidePath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(guidePath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/delivery.md is not what ladder.csv says; rewrite it with -update (-want +got)\n%s", diff)
	}
}

// TestGuideNamesEverything finds a kind or rung that has no word for trainers.
func TestGuideNamesEverything(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		if kindNames[k] == "" {
			t.Errorf("kind %s has no Chinese name", k)
		}
		if _, ok := Ladders()[k]; !ok {
			t.Errorf("kind %s has no line in ladder.csv", k)
		}
	}
	for _, r := range append(Rungs(), RungPull) {
		if rungNames[r] == "" {
			t.Errorf("rung %s has no Chinese name", r)
		}
	}
}

func guide() string {
	var b strings.Builder
	b.WriteString(guideHead)
	b.WriteString("| 消息 | 依次用这些方式 | 一天最多 | 夜里（免打扰） | 说明 |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range LadderRules() {
		var steps []string
		for _, rung := range append(slices.Clone(r.Rungs), RungPull) {
			steps = append(steps, rungNames[rung])
		}
		day, quiet := "不限", "照发"
		if r.PerDay > 0 {
			day = fmt.Sprintf("当天已收到%d条主动消息就不再发", r.PerDay)
		}
		if r.Quiet {
			quiet = "不发，等到早上"
		}
		_, note, found := strings.Cut(r.Note, "：")
		if !found {
			note = r.Note
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", kindNames[r.Kind], strings.Join(steps, " → "), day, quiet, note)
	}
	fmt.Fprintf(&b, guideTail, int(TypedWindow.Hours()), TypedMessages, int(TapWindow.Minutes()), TapMessages, MassPerMonth,
		int(TemplateRepeat.Minutes())+1, int(MassRepeat.Hours())+1)
	return b.String()
}

const guideHead = `<!-- 本页由 bot/delivery 的测试按 ladder.csv 生成；改规则请改 ladder.csv，再运行 go test ./bot/delivery -update。 -->
# 消息怎样送到学员手里

给教员看的说明。发消息之前，系统会先告诉您：多少人收得到、各用哪种方式、多少人收不到、为什么。发完以后，收不到的人会列出名字。

## 先说结论：谁也不能每天主动推送给所有人

微信不允许服务号每天主动给全部关注者发消息。每一种方式都要学员先同意，或者先说过话：

- 最近两天没有给公众号打过字、也没有订阅的人，平时收不到主动消息。这不是系统坏了。
- 这些人的课不会丢。学员任何时候打开公众号，点“今日学习”或者随便打几个字，就能学到该学的课。
- 用“不回复就丢课”一类的话逼学员打字，是微信禁止的，会被封接口，请不要写。

最管用的办法有两个：一是每课最后请学员打字答题（打一次字，两天内就能收到下一课）；二是请单位申请政务民生类的**长期订阅**，学员同意一次，以后每天都能收到。

## 每种消息走哪条路

从左往右试，前一种用不了或者被微信退回，才试下一种；都不行就“等学员来取”。同一条消息，同一种方式只试一次。

`

const guideTail = `
## 每种方式要什么条件

| 方式 | 学员要先做什么 | 限制 |
| --- | --- | --- |
| 长期订阅通知 | 同意一次，长期有效 | 只有政务、医疗等公共服务账号能申请；学员可以随时关掉 |
| 48小时窗口消息 | 给公众号打字、发语音或发图片 | %d小时内最多%d条，系统留两条用来回答学员；只点菜单、扫码、关注的，只有%d分钟、%d条 |
| 一次性订阅通知 | 每同意一次，可以收一条 | 用掉就没有了，要请学员再点一次 |
| 一次性订阅消息 | 在公众号里回复“订阅”，点链接同意一次，可以收一条 | 用掉就没有了，最多同时留三条；链接半小时内有效 |
| 模板消息 | 学员本人刚做了一件事（例如学完一门课） | 只能用来回执，不能用来推课、催学、发通知，否则会被封 |
| 群发 | 关注公众号 | 每人每个自然月最多%d次，留给每周小结和山洪、火情这类紧急通知；一批至少两个人，只能是文字 |
| 等学员来取 | 打开公众号 | 不限 |

## 做不到的事

- 不能发给没有绑定、没有关注、已经取消关注的人。
- 不能发给退订的人；暂停的人只收紧急通知和自己操作的回执。
- 不能知道学员看没看。“已受理”是微信收下了，“已送达”是微信后来说送到了；窗口消息微信不告诉我们送没送到。
- 群发之后，微信只给总数，不告诉我们这一批里谁收到、谁没收到。
- 网络断在半路，就分不清发没发出去。这样的算“不明”，单独列出，不算送到，也不算失败，也不会再发一遍。只有模板消息（%d分钟内）和群发（%d小时内）能放心重发，因为微信会去掉重复的。
- 当天的额度用完了，就等到第二天；过了截止时间就不发了，不会半夜补发，也不会隔几天再冒出来。

## 几个常见的情形

- **“发了三百人，怎么只有一百二十人收得到？”** 看“收不到的原因”：没有窗口，是这两天没打过字；今天已收过，是当天的条数到了；没有绑定，请乡镇帮他绑定。
- **“通知很急。”** 山洪、火情、转移这一类用紧急通知，它不分白天黑夜，也可以用群发。一般的事不要用：群发一个月只有那么几次。
- **“想发一张图片，或者发录音。”** 在对话里把照片发过来，再写一句话；说的话，可以发文字，也可以发录音。图片和录音本身只有48小时窗口送得到，别的方式只送得到那一句话。没收到的人回复“通知”，图片、录音马上另外发给他。
- **“要确认每个人都知道。”** 发通知时勾上要回执，学员打“收到”两个字。发出去以后回复“结果”，再回复“没回的人”看是谁，回复“催回执”催一次；还没有的，请打电话。
- **“有人还没轮到就自己看了。”** 学员回复“通知”看过的，不再发给他，结果里算“自己看了”，照样可以催回执。
`
