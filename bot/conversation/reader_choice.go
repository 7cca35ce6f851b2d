package conversation

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// readChoice reads single and multiple choices: letters, numbers, ordinals, or an option's text.
func readChoice(item content.Item, plain string) Reading {
	c := compact(plain)
	if c == "" {
		return Reading{Doubt: DoubtEmpty}
	}
	byText := choicesByText(item, plain)
	picked, doubt := choicesByMark(strings.TrimSuffix(c, "吗"), len(item.Options), item.Kind == content.Multiple)
	if len(byText) > 0 {
		if doubt == DoubtNone && !slices.Equal(picked, byText) {
			return Reading{Doubt: DoubtConflict}
		}
		r := chosen(item, byText)
		r.Literal = true
		return r
	}
	if doubt == DoubtNone {
		if asks(plain) {
			return meant(picked)
		}
		return chosen(item, picked)
	}
	if own, ok := markWithText(item, plain); ok {
		return own
	}
	if hasNoIdea(c) {
		return Reading{Doubt: DoubtNoIdea}
	}
	if doubt != DoubtUnknown {
		return Reading{Doubt: doubt}
	}
	return guessChoice(item, c)
}

func chosen(item content.Item, picked []int) Reading {
	r := Reading{Answer: study.Answer{Choices: picked}, Normal: letters(picked)}
	switch {
	case item.Kind == content.Single && len(picked) > 1:
		return Reading{Doubt: DoubtTwo}
	case item.Kind == content.Multiple && len(picked) == 1:
		r.Doubt, r.Firm = DoubtOnlyOne, true
	}
	return r
}

func meant(picked []int) Reading {
	return Reading{Doubt: DoubtMeant, Guess: letters(picked)}
}

func letters(picked []int) string {
	b := make([]byte, len(picked))
	for i, p := range picked {
		b[i] = byte('A' + p)
	}
	return string(b)
}

// choicesByText finds the one option whose own text was typed; for a multiple choice also several,
// parted by signs.
func choicesByText(item content.Item, plain string) []int {
	folded := study.Fold(plain)
	var hit []int
	for i, o := range item.Options {
		if f := study.Fold(o.Text); f != "" && f == folded {
			hit = append(hit, i)
		}
	}
	if len(hit) == 1 {
		return hit
	}
	if item.Kind != content.Multiple || len(hit) > 1 {
		return nil
	}
	parts := strings.FieldsFunc(plain, func(r rune) bool { return strings.ContainsRune("、,;\n/ ", r) })
	if len(parts) < 2 {
		return nil
	}
	for _, p := range parts {
		one := choicesByText(content.Item{Kind: content.Single, Options: item.Options}, p)
		if len(one) != 1 {
			return nil
		}
		hit = append(hit, one[0])
	}
	return ascending(hit)
}

// markWithText reads “B. text of B”; a letter with another option's text is a conflict.
func markWithText(item content.Item, plain string) (Reading, bool) {
	for s := plain; s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if i := int(r - 'A'); i >= 0 && i < len(item.Options) && r < 0x80 {
			text := choicesByText(content.Item{Kind: content.Single, Options: item.Options}, s[size:])
			switch {
			case len(text) == 0:
				return Reading{}, false
			case text[0] == i:
				return chosen(item, []int{i}), true
			default:
				return Reading{Doubt: DoubtConflict}, true
			}
		}
		rest, ok := cutLead(s)
		if !ok {
			return Reading{}, false
		}
		s = rest
	}
	return Reading{}, false
}

var (
	negations = []string{"不", "没", "别", "非", "除", "错", "排除", "去掉", "无"}
	everyWord = []string{"全部", "全选", "全都选", "都选", "全对", "都对", "所有", "全都对", "以上都是", "以上都对", "以上全选", "全都是", "都是", "全"}
)

// choicesByMark reads letters, digits and ordinals. n is the number of options.
func choicesByMark(c string, n int, several bool) ([]int, Doubt) {
	for _, w := range negations {
		if strings.Contains(c, w) {
			return nil, DoubtNegated
		}
	}
	for {
		if several && (slices.Contains(everyWord, c) || isCountedAll(c, n)) {
			return upTo(n), DoubtNone
		}
		if picked, doubt := markTokens(c, n, several); doubt != DoubtUnknown {
			return picked, doubt
		}
		rest, ok := cutLead(c)
		if !ok {
			rest, ok = cutTail(c)
		}
		if !ok {
			return nil, DoubtUnknown
		}
		c = rest
	}
}

// isCountedAll reads “四个都选” when there are four options.
func isCountedAll(c string, n int) bool {
	r, size := utf8.DecodeRuneInString(c)
	rest := strings.TrimLeft(c[size:], "个项")
	return smallNumber(r) == n && slices.Contains(everyWord, rest)
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// markTokens reads a text that consists of nothing but marks and the words between them.
func markTokens(c string, n int, several bool) ([]int, Doubt) {
	if n > 0 && (c == "最后一个" || c == "最后一项" || c == "最后") {
		return []int{n - 1}, DoubtNone
	}
	if rest, ok := strings.CutPrefix(c, "前"); ok && several {
		r, size := utf8.DecodeRuneInString(rest)
		if k := smallNumber(r); k >= 1 && k <= n && strings.Trim(rest[size:], "个项") == "" {
			return upTo(k), DoubtNone
		}
	}
	var picked []int
	byLetter, byNumber, either := false, false, false
	for s := c; s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if w := between(s); w > 0 {
			s = s[w:]
			continue
		}
		if w, ok := strings.CutPrefix(s, "还是"); ok {
			either, s = true, w
			continue
		}
		switch num := smallNumber(r); {
		case r == '或':
			either = true
		case r >= 'A' && r <= 'Z':
			byLetter = true
			picked = append(picked, int(r-'A'))
		case num > 0:
			byNumber = true
			picked = append(picked, num-1)
		case r == '0':
			byNumber = true
			picked = append(picked, n) // no option has this number
		default:
			return nil, DoubtUnknown
		}
		s = s[size:]
	}
	switch {
	case len(picked) == 0:
		return nil, DoubtUnknown
	case byLetter && byNumber:
		return nil, DoubtConflict
	}
	picked = ascending(picked)
	if i, _ := slices.BinarySearch(picked, n); byLetter && len(picked)-i > 1 {
		return nil, DoubtUnknown // an English word
	}
	if picked[len(picked)-1] >= n {
		return nil, DoubtNoSuch
	}
	if either && len(picked) > 1 || !several && len(picked) > 1 {
		return nil, DoubtTwo
	}
	return picked, DoubtNone
}

// between measures a word that may stand between marks: 第 and 个 of an ordinal, 和 and the like.
func between(s string) int {
	for _, w := range []string{"第", "个", "项", "条", "种", "号", "还有", "以及", "和", "跟", "与", "及", "加", "+", "&", "选项"} {
		if strings.HasPrefix(s, w) {
			return len(w)
		}
	}
	return 0
}

func ascending(picked []int) []int {
	slices.Sort(picked)
	return slices.Compact(picked)
}

// heard are what speech recognition makes of a lone letter.
var heard = map[string]byte{
	"诶": 'A', "欸": 'A', "哎": 'A', "唉": 'A', "比": 'B', "必": 'B', "毕": 'B', "币": 'B', "逼": 'B', "笔": 'B', "闭": 'B',
	"西": 'C', "希": 'C', "嘻": 'C', "谁": 'C', "SEE": 'C', "SEA": 'C', "地": 'D', "弟": 'D', "第": 'D', "低": 'D', "帝": 'D', "滴": 'D', "BEE": 'B',
}

// guessChoice suggests, never takes: what sounds like a letter, or is a piece of one option only.
func guessChoice(item content.Item, c string) Reading {
	for s := c; ; {
		if l, ok := heard[s]; ok && int(l-'A') < len(item.Options) {
			return Reading{Doubt: DoubtMeant, Guess: string(l)}
		}
		rest, ok := cutLead(s)
		if !ok {
			rest, ok = cutTail(s)
		}
		if !ok {
			break
		}
		s = rest
	}
	folded := study.Fold(c)
	if utf8.RuneCountInString(folded) < 2 {
		return Reading{Doubt: DoubtUnknown}
	}
	var hit []int
	for i, o := range item.Options {
		if f := study.Fold(o.Text); utf8.RuneCountInString(f) > 1 && (strings.Contains(f, folded) || strings.Contains(folded, f)) {
			hit = append(hit, i)
		}
	}
	if len(hit) == 1 {
		return meant(hit)
	}
	return Reading{Doubt: DoubtUnknown}
}
