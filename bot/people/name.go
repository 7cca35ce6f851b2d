package people

import (
	"crypto/subtle"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MiddleDot parts the name parts of many of Yunnan's peoples (·, U+00B7). Every look-alike that
// keyboards and office programs produce is folded to it.
const MiddleDot = '·'

// Limits of a name, in characters after folding. The longest names on Chinese identity cards have
// 25 characters or so; a single character is a slip of the finger.
const (
	MinNameRunes = 2
	MaxNameRunes = 30
)

// Limits of a short code (绑定码), in characters after folding.
const (
	MinCodeRunes = 4
	MaxCodeRunes = 12
)

// FoldName brings a name into the one form that is stored and compared: NFKC (full-width letters,
// compatibility ideographs), one middle dot, nothing invisible, no blank except a single one
// between two letters that are not Chinese. Roster and chat both use it, so “岩 温・香” typed on a
// phone finds 岩温·香. It does not judge: "" stays "", nonsense stays nonsense (see NameProblem).
// FoldName(FoldName(s)) == FoldName(s).
func FoldName(s string) string {
	in := []rune(norm.NFKC.String(strings.ToValidUTF8(s, "")))
	in = dropInvisible(in)
	out := make([]rune, 0, len(in))
	for i, r := range in {
		switch {
		case unicode.IsSpace(r):
			if len(out) > 0 && spaced(out[len(out)-1]) && spaced(nextInk(in, i)) {
				out = append(out, ' ')
			}
		case isMiddleDot(r) || r == '.' && betweenHan(out, nextInk(in, i)):
			if len(out) == 0 || out[len(out)-1] != MiddleDot {
				out = append(out, MiddleDot)
			}
		default:
			out = append(out, r)
		}
	}
	// A removed character may have kept two marks apart that compose.
	return norm.NFKC.String(strings.Trim(string(out), string(MiddleDot)+" "))
}

// NameProblem says what is wrong with a folded name: a sentence key below "roster.", or "" when
// the name is fine.
func NameProblem(folded string) string {
	n := utf8.RuneCountInString(folded)
	switch {
	case n == 0:
		return "name_missing"
	case n < MinNameRunes:
		return "name_short"
	case n > MaxNameRunes:
		return "name_long"
	}
	for _, r := range folded {
		switch {
		case unicode.IsDigit(r):
			return "name_digit"
		case unicode.IsLetter(r), unicode.IsMark(r), r == MiddleDot, r == '〇', r == ' ', r == '\'', r == '-':
		default:
			return "name_sign"
		}
	}
	return ""
}

// FoldCode brings a short code into its one form: NFKC, blanks and hyphens left out, upper case.
// false means that no code can look like that: it is not 4 to 12 of the letters A–Z and digits.
func FoldCode(s string) (string, bool) {
	var b strings.Builder
	for _, r := range strings.ToUpper(norm.NFKC.String(strings.ToValidUTF8(s, "?"))) {
		switch {
		case unicode.IsSpace(r) || r == '-' || r == '\u200b' || r == '\ufeff':
		case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		default:
			return "", false
		}
	}
	n := b.Len()
	if n < MinCodeRunes || n > MaxCodeRunes {
		return "", false
	}
	return b.String(), true
}

// SameCode reports whether what was typed is the short code of the roster, in a time that does
// not tell how much of it was right. An empty or malformed code equals nothing.
func SameCode(typed, code string) bool {
	t, ok := FoldCode(typed)
	if !ok {
		return false
	}
	c, ok := FoldCode(code)
	return ok && subtle.ConstantTimeCompare([]byte(t), []byte(c)) == 1
}

func dropInvisible(in []rune) []rune {
	out := in[:0]
	for _, r := range in {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) ||
			unicode.IsControl(r) && !unicode.IsSpace(r) {
			continue
		}
		out = append(out, r)
	}
	return out
}

func isMiddleDot(r rune) bool {
	switch r {
	case MiddleDot, '•', '・', '‧', '∙', '⋅', '●', '◦', '᛫', '⸱':
		return true
	}
	return false
}

// spaced reports whether a blank beside r means something: between letters that are not Chinese.
func spaced(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Han, r) }

func betweenHan(before []rune, after rune) bool {
	return len(before) > 0 && unicode.Is(unicode.Han, before[len(before)-1]) && unicode.Is(unicode.Han, after)
}

// nextInk returns the first rune behind place i that is not a blank, 0 for none.
func nextInk(in []rune, i int) rune {
	for _, r := range in[i+1:] {
		if !unicode.IsSpace(r) {
			return r
		}
	}
	return 0
}

// MaskName shows a name so that those who know the person recognise it and others do not learn it: 张*明, 张*. How long
// a long name is does not show.
func MaskName(name string) string {
	r := []rune(name)
	switch len(r) {
	case 0, 1:
		return strings.Repeat("*", len(r))
	case 2:
		return string(r[0]) + "*"
	}
	return string(r[0]) + strings.Repeat("*", min(len(r)-2, 2)) + string(r[len(r)-1])
}
