package conversation

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

// sound writes a text as it is pronounced, without tones, and with the pairs made one that many
// speakers in Yunnan do not part (zh z, ch c, sh s, n l, ing in, eng en). "" for a text without
// Chinese characters.
func sound(s string) string {
	var b strings.Builder
	han := false
	args := pinyin.NewArgs()
	for _, r := range s {
		if !unicode.Is(unicode.Han, r) {
			b.WriteRune(r)
			continue
		}
		han = true
		if p := pinyin.SinglePinyin(r, args); len(p) > 0 {
			b.WriteString(blur(p[0]))
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

func blur(p string) string {
	for _, pair := range [][2]string{{"zh", "z"}, {"ch", "c"}, {"sh", "s"}, {"n", "l"}} {
		if rest, ok := strings.CutPrefix(p, pair[0]); ok {
			p = pair[1] + rest
			break
		}
	}
	if strings.HasSuffix(p, "ing") || strings.HasSuffix(p, "eng") || strings.HasSuffix(p, "ang") {
		p = strings.TrimSuffix(p, "g")
	}
	return p
}

// syllables returns the plain pinyin of each Chinese character, as people type it.
func syllables(s string) []string {
	var out []string
	args := pinyin.NewArgs()
	for _, r := range s {
		if p := pinyin.SinglePinyin(r, args); len(p) > 0 {
			out = append(out, p[0])
		}
	}
	return out
}
