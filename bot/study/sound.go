package study

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

// Sound writes a text as it is pronounced, without tones and blurred, with a blank behind each Chinese
// character. "" for a text without any.
func Sound(s string) string {
	var b strings.Builder
	han := false
	for _, r := range s {
		p := Syllable(r)
		if !unicode.Is(unicode.Han, r) {
			b.WriteRune(r)
			continue
		}
		han = true
		if p != "" {
			b.WriteString(BlurSound(p))
		} else {
			b.WriteRune(r)
		}
		b.WriteByte(' ')
	}
	if !han {
		return ""
	}
	return b.String()
}

// Syllable is the plain pinyin of a Chinese character, as people type it; "" where there is none. Of several
// it is the usual one.
func Syllable(r rune) string {
	if !unicode.Is(unicode.Han, r) {
		return ""
	}
	p, _, _ := strings.Cut(pinyin.PinyinDict[int(r)], ",")
	return toneless.Replace(p)
}

// toneless takes the tones off; the library's own way is a regular expression for each character.
var toneless = strings.NewReplacer(
	"ā", "a", "á", "a", "ǎ", "a", "à", "a", "ō", "o", "ó", "o", "ǒ", "o", "ò", "o", "ē", "e", "é", "e", "ě", "e", "è", "e",
	"ī", "i", "í", "i", "ǐ", "i", "ì", "i", "ū", "u", "ú", "u", "ǔ", "u", "ù", "u", "ǖ", "v", "ǘ", "v", "ǚ", "v", "ǜ", "v", "ü", "v",
	"ń", "n", "ň", "n", "ǹ", "n", "ḿ", "m", "m̀", "m", "n̂", "n", "ẑ", "z", "ê̄", "e", "ế", "e", "ê̌", "e", "ề", "e", "ê", "e",
)

// blurs makes the pairs one that many speakers in Yunnan do not part. l is a sound's beginning only, so
// that letters can be blurred without knowing where syllables end.
var blurs = strings.NewReplacer("zh", "z", "ch", "c", "sh", "s", "ng", "n", "l", "n")

// BlurSound makes what sounds alike to many one: zh z, ch c, sh s, ng n, l n. s is plain pinyin in lower case,
// with or without an end in it.
func BlurSound(s string) string { return blurs.Replace(s) }
