package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/study"
)

var (
	yesWords = words("对 对的 对了 对头 √ ✓ ✔ ☑ ✅ 正确 正确的 是 是的 是对的 是正确的 真 真的 没错 没有错 没问题 说得对 说的对 Y YES T TRUE RIGHT A 1 一 第一个 第一 第1个 第1 勾 打勾 打钩 钩 画勾 ⭕")
	noWords  = words("错 错的 错了 错误 错误的 是错的 是错误的 × X ✗ ✘ ✕ ✖ ❌ ❎ 不对 不对的 不正确 不正确的 不是 不是的 否 假 假的 有误 N NO F FALSE WRONG B 2 二 第二个 第二 第2个 第2 叉 打叉 画叉 说得不对 说的不对 说错了")

	// truthLeads are what people put before a verdict about a statement.
	truthLeads = []string{"这句话", "这个说法", "这种说法", "该说法", "说法", "这话", "这个", "这道题", "这题", "本题", "题目"}
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// readTrueFalse reads a verdict on a statement. The question is shown as A 对, B 错.
func readTrueFalse(plain string) Reading {
	c := compact(plain)
	if c == "" {
		return Reading{Doubt: DoubtEmpty}
	}
	if asks(plain) || strings.Contains(c, "对不对") || strings.Contains(c, "是不是") {
		return Reading{Doubt: DoubtBoth}
	}
	if one := repeated(c); one != "" { // 对对对, xx
		c = one
	}
	for s := c; ; {
		switch {
		case yesWords[s]:
			return Reading{Answer: study.Answer{True: true}, Normal: "true"}
		case noWords[s]:
			return Reading{Answer: study.Answer{}, Normal: "false"}
		}
		rest, ok := cutTruthLead(s)
		if !ok {
			rest, ok = cutPlainTail(s)
		}
		if !ok {
			break
		}
		s = rest
	}
	if marks, doubt := choicesByMark(c, 2, true); doubt == DoubtNone {
		if len(marks) == 2 {
			return Reading{Doubt: DoubtBoth}
		}
		return Reading{Answer: study.Answer{True: marks[0] == 0}, Normal: boolText(marks[0] == 0)}
	} else if doubt == DoubtNoSuch || doubt == DoubtTwo {
		return Reading{Doubt: DoubtNoSuch}
	}
	switch {
	case hasNoIdea(c):
		return Reading{Doubt: DoubtNoIdea}
	case strings.ContainsAny(c, "对√✓✔是") && strings.ContainsAny(c, "错×✗✘不"):
		return Reading{Doubt: DoubtBoth}
	}
	return Reading{Doubt: DoubtUnknown}
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// repeated returns the character when a text is nothing but it, at least twice: 对对对.
func repeated(c string) string {
	for i, r := range c {
		if i > 0 && strings.Trim(c, string(r)) == "" {
			return string(r)
		}
		if strings.Trim(c, string(r)) != "" {
			return ""
		}
	}
	return ""
}

func cutTruthLead(c string) (string, bool) {
	for _, w := range truthLeads {
		if rest, ok := strings.CutPrefix(c, w); ok && rest != "" {
			return rest, true
		}
	}
	return cutLead(c)
}

// cutPlainTail takes a particle off; words that are themselves a verdict stay.
func cutPlainTail(c string) (string, bool) {
	for _, w := range []string{"吧", "呢", "啊", "呀", "哦", "哈", "嘛", "哇", "噢", "咯", "嘞", "噻", "谢谢", "老师"} {
		if rest, ok := strings.CutSuffix(c, w); ok && rest != "" {
			return rest, true
		}
	}
	return c, false
}
