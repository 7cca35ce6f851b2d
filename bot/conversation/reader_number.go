package conversation

import (
	"math"
	"strconv"
	"strings"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// measure is a unit people write: what it measures, and how many base units it is.
type measure struct {
	group  string
	factor float64
}

var measures = map[string]measure{
	"元": {"money", 1}, "块": {"money", 1}, "块钱": {"money", 1}, "元钱": {"money", 1}, "圆": {"money", 1}, "人民币": {"money", 1}, "角": {"money", 0.1}, "毛": {"money", 0.1}, "毛钱": {"money", 0.1},
	"秒": {"time", 1}, "秒钟": {"time", 1}, "分": {"time", 60}, "分钟": {"time", 60}, "小时": {"time", 3600}, "个小时": {"time", 3600}, "钟头": {"time", 3600}, "个钟头": {"time", 3600},
	"天": {"time", 86400}, "日": {"time", 86400}, "周": {"time", 604800}, "星期": {"time", 604800}, "个星期": {"time", 604800}, "礼拜": {"time", 604800}, "个礼拜": {"time", 604800},
	"月": {"month", 1}, "个月": {"month", 1}, "年": {"month", 12},
	"毫米": {"length", 0.001}, "MM": {"length", 0.001}, "厘米": {"length", 0.01}, "公分": {"length", 0.01}, "CM": {"length", 0.01}, "分米": {"length", 0.1},
	"米": {"length", 1}, "M": {"length", 1}, "里": {"length", 500}, "公里": {"length", 1000}, "千米": {"length", 1000}, "KM": {"length", 1000},
	"亩": {"field", 1}, "公顷": {"field", 15}, "平方米": {"area", 1}, "平米": {"area", 1}, "平方": {"area", 1}, "平方公里": {"area", 1e6},
	"克": {"mass", 1}, "G": {"mass", 1}, "斤": {"mass", 500}, "公斤": {"mass", 1000}, "千克": {"mass", 1000}, "KG": {"mass", 1000}, "吨": {"mass", 1e6},
	"%": {"share", 1}, "个百分点": {"share", 1}, "个点": {"share", 1}, "成": {"share", 10},
	"度": {"heat", 1}, "°C": {"heat", 1}, "摄氏度": {"heat", 1},
}

// counters are measure words that may stand behind any count.
var counters = []string{"个", "户", "人", "名", "位", "项", "条", "种", "次", "件", "口", "家", "岁", "级", "类", "步", "号", "路", "遍", "回"}

// numeral is a number found in a text, with the unit behind it.
type numeral struct {
	value float64
	unit  string // as typed, upper case, "" for none
	big   bool   // 万 or 亿 was written
	share bool   // written as a fraction: value is a part of one
}

var (
	numberLeads = []string{"大约", "大概", "约", "差不多", "不超过", "不得超过", "不能超过", "最多", "最高", "至少", "最少", "不低于", "不少于", "不得少于", "超过", "共", "一共", "总共", "总计", "上限", "每户", "一户", "每天", "每年", "每月", "每次", "打", "拨打", "提前", "贷", "满"}
	numberTails = []string{"左右", "以内", "之内", "以下", "以上", "上下", "整", "吧", "呢", "啊", "呀", "哦", "嘛", "了", "的", "谢谢", "老师", "钱"}
)

// readNumber reads one number with or without a unit.
func readNumber(item content.Item, plain string) Reading {
	c := squeeze(plain)
	if compact(c) == "" {
		return Reading{Doubt: DoubtEmpty}
	}
	if hasNoIdea(c) {
		return Reading{Doubt: DoubtNoIdea}
	}
	if asks(plain) {
		return Reading{Doubt: DoubtNumber}
	}
	found, words := numerals(c, item.Unit)
	switch {
	case len(found) == 0:
		return Reading{Doubt: DoubtNumber}
	case len(found) > 1:
		return Reading{Doubt: DoubtNumbers}
	case !fillerOnly(words[0], words[1], item.Stem):
		if strings.ContainsAny(words[0]+words[1], "不没别非") {
			return Reading{Doubt: DoubtNumber}
		}
		return Reading{Doubt: DoubtUnit}
	}
	v, doubt := inUnit(found[0], item)
	if doubt != DoubtNone {
		return Reading{Doubt: doubt}
	}
	v = math.Round(v*1e9) / 1e9
	if math.IsNaN(v) || math.Abs(v) > 1e15 {
		return Reading{Doubt: DoubtNumber}
	}
	return Reading{Answer: study.Answer{Number: v}, Normal: strconv.FormatFloat(v, 'f', -1, 64)}
}

// squeeze drops blanks and the commas of thousands.
func squeeze(s string) string {
	r := []rune(s)
	var b strings.Builder
	for i, c := range r {
		switch {
		case c == ' ' || c == '\u3000' || c == '\t' || c == '\n' || c == '\r':
		case c == ',' && i > 0 && isASCIIDigit(r[i-1]) && threeDigits(r[i+1:]):
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func threeDigits(r []rune) bool {
	n := 0
	for n < len(r) && isASCIIDigit(r[n]) {
		n++
	}
	return n == 3
}

func isASCIIDigit(r rune) bool { return r >= '0' && r <= '9' }

// numerals finds the numbers of a text and what stands before the first and behind the last.
func numerals(s, ownUnit string) (found []numeral, around [2]string) {
	for s != "" {
		n, size := scanNumeral(s, ownUnit)
		if size == 0 {
			r := []rune(s)[0]
			width := len(string(r))
			if len(found) == 0 {
				around[0] += s[:width]
			} else {
				around[1] += s[:width]
			}
			s = s[width:]
			continue
		}
		found = append(found, n)
		s = s[size:]
	}
	return found, around
}

// scanNumeral reads a number and its unit at the beginning of s; size 0 when there is none.
func scanNumeral(s, ownUnit string) (n numeral, size int) {
	sign, rest := 1.0, s
	for _, w := range []string{"-", "负", "零下"} {
		if r, ok := strings.CutPrefix(rest, w); ok {
			sign, rest = -1, r
			break
		}
	}
	for w, per := range map[string]float64{"百分之": 100, "千分之": 1000, "万分之": 10000} {
		if r, ok := strings.CutPrefix(rest, w); ok {
			if v, _, used := scanValue(r); used > 0 {
				rest = r[used:]
				return numeral{value: sign * v / per, share: true}, len(s) - len(rest)
			}
		}
	}
	if r, ok := strings.CutPrefix(rest, "半"); ok {
		if unit := scanUnit(r, ownUnit); unit != "" {
			return numeral{value: sign * 0.5, unit: unit}, len(s) - len(r) + len(unit)
		}
	}
	v, big, used := scanValue(rest)
	if used == 0 {
		return numeral{}, 0
	}
	rest = rest[used:]
	if r, ok := strings.CutPrefix(rest, "分之"); ok && v != 0 {
		if up, _, used := scanValue(r); used > 0 {
			return numeral{value: sign * up / v, share: true}, len(s) - len(r) + used
		}
	}
	if r, ok := strings.CutPrefix(rest, "个半"); ok {
		v, rest = v+0.5, r
	}
	unit := scanUnit(rest, ownUnit)
	rest = rest[len(unit):]
	if r, ok := strings.CutPrefix(rest, "半"); ok && unit != "" {
		v, rest = v+0.5, r
	}
	return numeral{value: sign * v, unit: unit, big: big}, len(s) - len(rest)
}

// scanUnit returns the longest unit that s begins with.
func scanUnit(s, ownUnit string) string {
	best := ""
	take := func(u string) {
		if u != "" && len(u) > len(best) && strings.HasPrefix(s, u) {
			best = u
		}
	}
	take(foldAnswer(ownUnit))
	for u := range measures {
		take(u)
	}
	for _, u := range counters {
		take(u)
	}
	return best
}

// inUnit converts a numeral to the item's unit.
func inUnit(n numeral, item content.Item) (float64, Doubt) {
	own := foldAnswer(item.Unit)
	scale, base := unitScale(own)
	switch {
	case n.share:
		switch {
		case measures[own].group == "share":
			return n.value * 100 / measures[own].factor, DoubtNone
		case own == "" && strings.Contains(item.Stem, "百分之"):
			return n.value * 100, DoubtNone
		case own == "":
			return n.value, DoubtNone
		}
		return 0, DoubtUnit
	case n.unit == "" || contains(counters, n.unit) && own != n.unit && measures[base].group == "":
		return bare(n, own, scale)
	case n.unit == own:
		if n.big && scale > 1 {
			return n.value, DoubtScale
		}
		return n.value, DoubtNone
	case own == "":
		if strings.Contains(foldAnswer(item.Stem), n.unit) || n.unit == "%" {
			return n.value, DoubtNone
		}
		return 0, DoubtUnit
	}
	typed, wanted := measures[n.unit], measures[base]
	if typed.group == "" || typed.group != wanted.group {
		return 0, DoubtUnit
	}
	return n.value * typed.factor / wanted.factor / scale, DoubtNone
}

// bare reads a number without a unit: in the item's unit, unless that is plainly not meant.
func bare(n numeral, own string, scale float64) (float64, Doubt) {
	switch {
	case scale > 1 && n.big && math.Abs(n.value) >= scale:
		return n.value / scale, DoubtNone // 5万 where the unit is 万元
	case scale > 1 && math.Abs(n.value) >= scale:
		return 0, DoubtScale // 50000 where the unit is 万元
	case measures[own].group == "share" && n.value != 0 && math.Abs(n.value) < 1:
		return 0, DoubtScale // 0.2 where the unit is %
	}
	return n.value, DoubtNone
}

// unitScale parts 万元 into 10000 and 元.
func unitScale(unit string) (float64, string) {
	for _, s := range []struct {
		word  string
		scale float64
	}{{"万亿", 1e12}, {"亿", 1e8}, {"万", 1e4}} {
		if base, ok := strings.CutPrefix(unit, s.word); ok {
			return s.scale, base
		}
	}
	return 1, unit
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// fillerOnly reports whether what stands around the number says nothing.
func fillerOnly(before, after, stem string) bool {
	before, after = compact(before), compact(after)
	for again := true; again && before != ""; {
		again = false
		for _, list := range [][]string{numberLeads, leads} {
			for _, w := range list {
				if rest, ok := strings.CutPrefix(before, w); ok {
					before, again = rest, true
					break
				}
			}
		}
	}
	for again := true; again && after != ""; {
		again = false
		for _, w := range numberTails {
			if rest, ok := strings.CutSuffix(after, w); ok {
				after, again = rest, true
				break
			}
		}
	}
	stem = foldAnswer(stem)
	return (before == "" || len([]rune(before)) > 1 && strings.Contains(stem, before)) && after == ""
}

var scales = map[rune]float64{'十': 10, '百': 100, '千': 1000, '万': 1e4, '亿': 1e8, '拾': 10, '佰': 100, '仟': 1000, '廿': 20}

// hanDigit reads one digit as it is written in Chinese, plain or for accounts.
func hanDigit(r rune) (float64, bool) {
	for i, list := range []string{"〇零", "一壹幺", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"} {
		if strings.ContainsRune(list, r) {
			return float64(i), true
		}
	}
	return 0, false
}

// scanValue reads a number without sign or unit at the beginning of s: 3.5, 3千5百, 五万, 两万五,
// 三点五, 一二一一九. big says that 万 or 亿 stood in it.
func scanValue(s string) (value float64, big bool, size int) {
	var total, section, num, last float64
	pending, zero, digits, seen := false, false, 0, false
	r := []rune(s)
	i := 0
loop:
	for i < len(r) {
		c := r[i]
		switch {
		case isASCIIDigit(c):
			if pending {
				break loop
			}
			v, n := scanDecimal(r[i:])
			num, pending, digits, seen = v, true, 2, true
			if v < 10 && v == math.Trunc(v) && n == 1 {
				digits = 1
			}
			i += n
			continue
		case c == '点' && pending && digits > 0 && i+1 < len(r):
			v, n := scanFraction(r[i+1:])
			if n == 0 {
				break loop
			}
			num += v
			digits = 2
			i += n + 1
			continue
		case scales[c] > 0:
			scale := scales[c]
			if c == '廿' {
				section += 20
			} else if scale >= 1e4 {
				if !pending && section == 0 && total == 0 {
					break loop // 万一 is no number
				}
				total = (total + section + num) * scale
				section, big = 0, true
			} else if pending {
				section += num * scale
			} else if scale == 10 {
				section += scale
			} else {
				break loop
			}
			num, pending, zero, digits, seen, last = 0, false, false, 0, true, scale
		default:
			d, ok := hanDigit(c)
			if !ok {
				break loop
			}
			switch {
			case pending && last == 0 && digits > 0:
				num, digits = num*10+d, digits+1
			case pending:
				break loop
			case d == 0 && seen:
				zero = true
			default:
				num, pending, digits, seen = d, true, 1, true
			}
		}
		i++
	}
	if !seen {
		return 0, false, 0
	}
	if pending && last >= 100 && !zero && digits == 1 {
		num *= last / 10 // 两万五 is 25000
	}
	return total + section + num, big, len(string(r[:i]))
}

// scanDecimal reads digits with at most one point.
func scanDecimal(r []rune) (float64, int) {
	i, point := 0, false
	for i < len(r) && i < 18 {
		if r[i] == '.' && !point && i+1 < len(r) && isASCIIDigit(r[i+1]) {
			point = true
		} else if !isASCIIDigit(r[i]) {
			break
		}
		i++
	}
	v, err := strconv.ParseFloat(string(r[:i]), 64)
	if err != nil {
		return 0, i
	}
	return v, i
}

// scanFraction reads the digits behind 点 as a part of one.
func scanFraction(r []rune) (float64, int) {
	v, place, i := 0.0, 0.1, 0
	for i < len(r) && i < 9 {
		d, ok := hanDigit(r[i])
		if isASCIIDigit(r[i]) {
			d, ok = float64(r[i]-'0'), true
		}
		if !ok {
			break
		}
		v += d * place
		place /= 10
		i++
	}
	return v, i
}
