package study

import (
	_ "embed" // for simplified.txt
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/tiangeng/tiangeng/content"
)

// Mark reports whether an answer is right. A multiple choice is right only as a whole. It is total:
// an answer of another form is wrong, never a panic.
func Mark(item content.Item, a Answer) bool {
	switch item.Kind {
	case content.Single, content.Multiple:
		var key []int
		for i, o := range item.Options {
			if o.Correct {
				key = append(key, i)
			}
		}
		return len(key) > 0 && slices.Equal(key, a.Choices)
	case content.TrueFalse:
		return a.True == item.True
	case content.Fill:
		return Accepts(item, a.Text)
	case content.Numeric:
		// The key is a decimal as a person wrote it; the slack only covers what binary fractions lose.
		slack := 1e-9 * math.Max(1, math.Abs(item.Number))
		return math.Abs(a.Number-item.Number) <= item.Tolerance+slack
	}
	return false
}

// Accepts reports whether a text is one of the wordings that a fill-in item takes, folded as Fold
// says.
func Accepts(item content.Item, text string) bool {
	folded := Fold(text)
	if folded == "" {
		return false
	}
	for _, w := range item.Accept {
		if Fold(w) == folded {
			return true
		}
	}
	return false
}

// Fold brings a text into the form in which answers are compared: NFKC, simplified characters,
// lower case, without blanks, punctuation and anything invisible. A point, a sign and a per cent
// sign at a digit stay: 3.5 is not 35.
func Fold(s string) string {
	in := []rune(Simplify(s))
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range in {
		switch {
		case unicode.IsLetter(r), unicode.IsNumber(r):
			b.WriteRune(unicode.ToLower(r))
		case r == '.' && i > 0 && i+1 < len(in) && isDigit(in[i-1]) && isDigit(in[i+1]):
			b.WriteRune(r)
		case r == '-' && i+1 < len(in) && isDigit(in[i+1]) && b.Len() == 0:
			b.WriteRune(r)
		case r == '%' && i > 0 && isDigit(in[i-1]):
			b.WriteRune(r)
		case unicode.IsSymbol(r) && r > unicode.MaxLatin1 || strings.ContainsRune("+=<>×÷±", r):
			b.WriteRune(r) // √, ×, ≥: signs that say something
		}
	}
	// What was taken out may have kept two characters apart that compose.
	return norm.NFKC.String(b.String())
}

// Simplify is NFKC with traditional characters made simplified, one by one. Invalid UTF-8 is
// dropped.
func Simplify(s string) string {
	s = norm.NFKC.String(strings.ToValidUTF8(s, ""))
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s
	}
	table := simplified()
	return strings.Map(func(r rune) rune {
		if t, ok := table[r]; ok {
			return t
		}
		return r
	}, s)
}

// simplified.txt has a traditional character and its simplified one in each line, for the two blocks that keyboards
// produce. It is made from the dictionary of OpenCC (Apache-2.0), which takes each program's start longer to read than
// all the rest; a test holds the two together.
//
//go:embed simplified.txt
var simplifiedPairs string

// simplified maps traditional characters, so that the hot path is one map look-up a character.
var simplified = sync.OnceValue(func() map[rune]rune {
	table := make(map[rune]rune, 4096)
	for pair := range strings.Lines(simplifiedPairs) {
		from, size := utf8.DecodeRuneInString(pair)
		to, _ := utf8.DecodeRuneInString(pair[size:])
		table[from] = to
	}
	return table
})

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
