package people

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxTagRunes is how long a tag may be, in characters after folding.
const MaxTagRunes = 20

// tagDigits is how many digits in a row make a tag look like a phone or identity-card number, which
// has no place in one.
const tagDigits = 6

// TagCount is a tag (标签) with how many people of a scope have it.
type TagCount struct {
	Tag    string `json:"tag"`
	People int    `json:"people"`
}

// FoldTag brings a tag into the one form that is stored and compared: NFKC, nothing invisible, single
// blanks inside. FoldTag(FoldTag(s)) == FoldTag(s).
func FoldTag(s string) string {
	in := dropInvisible([]rune(norm.NFKC.String(strings.ToValidUTF8(s, ""))))
	return norm.NFKC.String(strings.Join(strings.Fields(string(in)), " "))
}

// TagProblem says what is wrong with a folded tag: a sentence key, or "" when it is fine.
func TagProblem(folded string) string {
	digits := 0
	for _, r := range folded {
		if unicode.IsDigit(r) {
			if digits++; digits >= tagDigits {
				return "tag.digits"
			}
			continue
		}
		digits = 0
		if !unicode.IsLetter(r) && !strings.ContainsRune(" -_·+()（）", r) {
			return "tag.sign"
		}
	}
	switch n := utf8.RuneCountInString(folded); {
	case n == 0:
		return "tag.empty"
	case n > MaxTagRunes:
		return "tag.long"
	}
	return ""
}
