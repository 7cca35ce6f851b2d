package people

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// UnitMatch says how well a typed unit fits a unit of the roster. A greater value is a better fit:
// whoever looks for somebody takes the rows with the greatest value and asks on.
type UnitMatch int

// The fits.
const (
	UnitNo     UnitMatch = iota // something that was typed is no part of the unit's name
	UnitParent                  // only units above it were named: 团结街道 for 团结街道·新村
	UnitLoose                   // the unit itself, with another ending: 新村村委会, 新村社区 for 新村村民委员会
	UnitExact                   // the unit itself, in the roster's own words
)

// MatchUnitName compares what a person typed with the names of a unit and those above it, joined
// by · (OrgUnit.Full, Learner.UnitName). Units above may be left out or shortened; 省 is passed
// over; 村, 村委会, 村民委员会, 社区, 居委会 … are one ending, and so are 街道 and 街道办事处,
// 白族乡 and 乡. All that was typed must be explained, from left to right: 昆明新村 does not fit
// 玉溪市·新村, so the same name in another place is told apart.
func MatchUnitName(typed, full string) UnitMatch {
	text := foldUnit(typed)
	if text == "" {
		return UnitNo
	}
	var chain []unitForms
	for part := range strings.SplitSeq(full, string(MiddleDot)) {
		if f := formsOf(part); f.exact != "" {
			chain = append(chain, f)
		}
	}
	best := UnitNo
	for _, t := range typedVariants(text) {
		best = max(best, explain(t, chain))
	}
	return best
}

// unitForms are the ways to write one unit's name: its own words, and its stem with the endings
// that mean the same.
type unitForms struct {
	exact   string
	stem    string
	endings []string
}

// maxTypedUnit is the longest text looked at, in characters: the longest chain of names in Yunnan
// has about 50. Anything longer is no unit.
const maxTypedUnit = 80

var (
	villageEndings    = []string{"村村民委员会", "社区居民委员会", "村民委员会", "居民委员会", "村村委会", "社区居委会", "社区村委会", "村委会", "居委会", "社区", "村"}
	townshipEndings   = []string{"街道办事处", "乡人民政府", "镇人民政府", "乡政府", "镇政府", "民族乡", "街道办", "街道", "办事处", "乡", "镇"}
	countyEndings     = []string{"自治县", "县", "市", "区"}
	prefectureEndings = []string{"自治州", "地区", "州", "市"}
	endingClasses     = [][]string{villageEndings, townshipEndings, countyEndings, prefectureEndings}
)

// peoplesNames are what may stand between a place's name and 乡, 县 or 州 in Yunnan.
var peoplesNames = []string{
	"哈尼族", "纳西族", "景颇族", "拉祜族", "布朗族", "普米族", "阿昌族", "德昂族", "基诺族", "独龙族", "蒙古族", "布依族", "傈僳族",
	"彝族", "白族", "傣族", "壮族", "苗族", "回族", "佤族", "瑶族", "藏族", "怒族", "水族", "满族", "各族",
}

func formsOf(part string) unitForms {
	exact := foldUnit(part)
	f := unitForms{exact: exact, stem: exact}
	for _, class := range endingClasses {
		stem, ok := cutEnding(exact, class)
		if !ok {
			continue
		}
		f.stem, f.endings = stem, class
		break
	}
	return f
}

// cutEnding takes the longest ending of a class off a name, then a people's names, as long as two
// characters stay: 新村 keeps its 村, 新村村民委员会 and 新村委会 become 新村.
func cutEnding(name string, class []string) (string, bool) {
	for _, e := range class {
		stem, ok := strings.CutSuffix(name, e)
		if ok && utf8.RuneCountInString(stem) == 1 && strings.HasPrefix(e, "村") {
			stem += "村" // 新村委会: one 村 stands for both
		}
		if !ok || utf8.RuneCountInString(stem) < 2 {
			continue
		}
		for again := true; again; {
			again = false
			for _, p := range peoplesNames {
				if s, ok := strings.CutSuffix(stem, p); ok && utf8.RuneCountInString(s) >= 2 {
					stem, again = s, true
				}
			}
		}
		return stem, true
	}
	return name, false
}

// explain tries to read all of text as names of the chain, in order, each at most once.
func explain(text string, chain []unitForms) UnitMatch {
	if text == "" || len(chain) == 0 {
		return UnitNo
	}
	own := len(chain) == 1
	best := UnitNo
	for _, w := range chain[0].readings(text) {
		rest := text[w.length:]
		fit := UnitNo
		switch {
		case rest == "" && own:
			fit = w.fit
		case rest == "":
			fit = UnitParent
		case !own:
			fit = explain(rest, chain[1:])
		}
		best = max(best, fit)
	}
	if !own {
		best = max(best, explain(text, chain[1:]))
	}
	return best
}

type reading struct {
	length int // bytes of the text that the name takes
	fit    UnitMatch
}

// readings lists how text can begin with this unit's name.
func (f unitForms) readings(text string) []reading {
	var out []reading
	if strings.HasPrefix(text, f.exact) {
		out = append(out, reading{len(f.exact), UnitExact})
	}
	if f.stem != f.exact && strings.HasPrefix(text, f.stem) {
		out = append(out, reading{len(f.stem), UnitLoose})
	}
	if !strings.HasPrefix(text, f.stem) {
		return out
	}
	endings := f.endings
	if endings == nil {
		endings = villageEndings // a bare 新村 in the roster, 新村村委会 typed
	}
	for _, e := range endings {
		if form := f.stem + e; form != f.exact && strings.HasPrefix(text, form) {
			out = append(out, reading{len(form), UnitLoose})
		}
		// 新村委会 for 新村村委会, 石村委会 for 石村: one 村 is left out where two would meet.
		if short, ok := strings.CutSuffix(f.stem, "村"); ok && short != "" && strings.HasPrefix(e, "村") {
			if form := short + e; form != f.exact && form != f.stem && strings.HasPrefix(text, form) {
				out = append(out, reading{len(form), UnitLoose})
			}
		}
	}
	return out
}

// typedVariants returns the text, and the text without the words around a unit that people type:
// “我是新村村委会的”, “在马街镇工作”, “云南省昆明市…”.
func typedVariants(text string) []string {
	out := []string{text}
	bare := text
	for _, w := range []string{"我是", "我在", "我的单位是", "单位是", "是", "在"} {
		if s, ok := strings.CutPrefix(bare, w); ok {
			bare = s
			break
		}
	}
	for _, w := range []string{"工作的", "工作", "上班", "的人", "的"} {
		if s, ok := strings.CutSuffix(bare, w); ok {
			bare = s
			break
		}
	}
	if bare != text && bare != "" {
		out = append(out, bare)
	}
	for _, w := range []string{"云南省", "云南"} {
		if s, ok := strings.CutPrefix(bare, w); ok && s != "" {
			out = append(out, s)
			break
		}
	}
	return out
}

// foldUnit keeps the letters and digits of a unit's name, NFKC. "" for more than anyone types.
func foldUnit(s string) string {
	if len(s) > 16*maxTypedUnit {
		return ""
	}
	var b strings.Builder
	n := 0
	for _, r := range norm.NFKC.String(strings.ToValidUTF8(s, "")) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '〇' {
			b.WriteRune(r)
			n++
		}
	}
	if n > maxTypedUnit {
		return ""
	}
	return b.String()
}
