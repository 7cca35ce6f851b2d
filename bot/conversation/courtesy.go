package conversation

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/study"
)

// maxCourtesyRunes is the longest text that is read as a 收到 with words around it.
const maxCourtesyRunes = 60

// stickers are the little pictures of a chat: 👍, and [强] or /:strong, as the platform writes its own.
var stickers = regexp.MustCompile(`[👍👌🙏🤝💪👏✊🌹🌷❤😊😄😀😁🙂🫡🎉\x{1f3fb}-\x{1f3ff}\x{fe0f}]|\[(?:\p{Han}{1,4}|[A-Za-z]{2,10})\]|/:(?::?[^\p{L}\s]{1,3}|:[A-Za-z0-9]|[a-z]{2,9})`)

var (
	// courteous are the acts that a text of several such words comes to, the one that counts first.
	courteous = []act{actAck, actAckSoft, actThanks, actNod, actGreet}

	// addressed are those whom a courtesy is said to.
	addressed = words("老师 领导 书记 主任 镇长 乡长 县长 站长 各位领导")

	// receipts are the words that a longer 收到 begins with, and goesOn what may stand right behind one:
	// 收到马上落实, but not 收到货款.
	receipts = []string{"我已收到", "我收到", "已收到", "均已收到", "收到", "收悉", "已知悉", "知悉", "已阅"}
	softly   = []string{"我知道了", "知道了", "知道啦", "晓得了", "晓得咯", "明白了"}
	goesOn   = []string{
		"了", "啦", "呢", "哈", "咯", "哦", "嘞", "啊", "呀", "噻", "谢谢", "感谢", "多谢", "领导", "老师", "书记", "主任", "好的", "明白", "马上", "立即", "立刻", "按时", "准时",
		"一定", "保证", "坚决", "照办", "遵照", "落实", "会", "我", "通知", "文件", "消息", "信息", "并", "尽快",
	}

	// asking are the words that make of a 收到 a question, a complaint or somebody else's.
	asking = []string{"没", "未", "不", "否", "谁", "哪", "几", "吗", "么", "怎", "何", "多少", "才", "等", "催", "请回", "的人", "名单"}
	// bidding are those that make of a 收到 at the end what others are to say.
	bidding = []string{"请", "让", "叫", "要", "能", "回", "看", "别"}
)

// everyday is what a text asks for: a word of the list; or several courtesies in one, 好的，谢谢; or a 收到
// with words around it, as people write it to a group: 收到，马上落实. polite says that it is not the
// word alone.
func everyday(text, folded string) (a act, polite, ok bool) {
	if a, ok := actOf[folded]; ok {
		return a, false, true
	}
	if utf8.RuneCountInString(text) > maxCourtesyRunes || strings.ContainsAny(text, "?？") {
		return "", false, false
	}
	bare := stickers.ReplaceAllString(text, "，")
	parts := strings.FieldsFunc(study.Simplify(bare), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	if len(parts) == 0 {
		return actNod, true, bare != text
	}
	if a := courtesies(parts); a != "" {
		return a, true, true
	}
	a = receipt(parts)
	return a, true, a != ""
}

// courtesies is the courtesy that all parts come to; "" when one of them is none.
func courtesies(parts []string) act {
	best := len(courteous)
	for _, p := range parts {
		if addressed[p] {
			continue
		}
		i := slices.Index(courteous, actOf[study.Fold(p)])
		if i < 0 {
			return ""
		}
		best = min(best, i)
	}
	if best == len(courteous) {
		return ""
	}
	return courteous[best]
}

// receipt reads a 收到 at the beginning with anything behind it, or at the end with a name before it.
func receipt(parts []string) act {
	whole := strings.Join(parts, "")
	if containsAny(whole, asking) {
		return ""
	}
	first := 0
	for first < len(parts)-1 && (addressed[parts[first]] || slices.Contains(courteous[2:], actOf[study.Fold(parts[first])])) {
		first++ // 好的，收到，马上办
	}
	switch {
	case beginsReceipt(parts[first], receipts):
		return actAck
	case beginsReceipt(parts[first], softly):
		return actAckSoft
	}
	if name, ok := strings.CutSuffix(whole, "收到"); ok && utf8.RuneCountInString(name) <= 16 && !containsAny(name, bidding) {
		return actAck
	}
	return ""
}

func beginsReceipt(part string, list []string) bool {
	for _, w := range list {
		rest, ok := strings.CutPrefix(part, w)
		if ok && (rest == "" || slices.ContainsFunc(goesOn, func(g string) bool { return strings.HasPrefix(rest, g) })) {
			return true
		}
	}
	return false
}

// allOf reports that every part of a text between its signs is one of the words: 是的，确定.
func allOf(text string, list map[string]bool) bool {
	parts := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	return len(parts) > 0 && !slices.ContainsFunc(parts, func(p string) bool { return !list[study.Fold(p)] })
}
