package conversation

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// maxFillRunes is how much of a wrong word is kept in the record.
const maxFillRunes = 60

// readFill reads the word for a blank. Words around it, also those that stand around the blank in
// the question, do not make it wrong; more than that is asked back once.
func readFill(item content.Item, plain string) Reading {
	text := strings.TrimFunc(plain, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) && r != '-' && r != '%' })
	folded := study.Fold(text)
	if folded == "" {
		return Reading{Doubt: DoubtEmpty}
	}
	for i, v := range fillVariants(item.Stem, text) {
		if study.Accepts(item, v) {
			r := filled(v)
			r.Literal = i == 0
			return r
		}
	}
	if hasNoIdea(folded) {
		return Reading{Doubt: DoubtNoIdea}
	}
	longest := 0
	for _, a := range item.Accept {
		longest = max(longest, utf8.RuneCountInString(study.Fold(a)))
	}
	if longest > 1 && isMark(folded) {
		return Reading{Doubt: DoubtLetter}
	}
	r := filled(text)
	switch n := utf8.RuneCountInString(folded); {
	case n > 3*longest+10:
		r.Doubt, r.Firm = DoubtLong, true
	case soundsLikeKey(item, folded):
		r.Doubt, r.Firm = DoubtTypo, true
	case holdsKey(item, folded):
		r.Doubt, r.Firm = DoubtExtra, true
	}
	return r
}

func filled(text string) Reading {
	if r := []rune(text); len(r) > maxFillRunes {
		text = string(r[:maxFillRunes])
	}
	return Reading{Answer: study.Answer{Text: text}, Normal: strings.ToLower(text)}
}

// fillVariants returns the text, then the text without words around it.
func fillVariants(stem, text string) []string {
	out := []string{text}
	before, after := aroundBlank(stem)
	for s := text; ; {
		rest, ok := cutLead(s)
		if !ok {
			rest, ok = cutPlainTail(s)
		}
		if !ok {
			break
		}
		s = strings.TrimFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) })
		if s == "" {
			break
		}
		out = append(out, s)
	}
	for _, v := range out {
		if s := study.Fold(v); s != "" {
			out = append(out, cutAround(s, before, after))
		}
	}
	return out
}

// aroundBlank returns the folded text before and behind the blank (a run of _ or empty brackets).
func aroundBlank(stem string) (before, after string) {
	i := strings.IndexAny(stem, "_＿")
	if i < 0 {
		return "", ""
	}
	j := strings.LastIndexAny(stem, "_＿")
	_, size := utf8.DecodeRuneInString(stem[j:])
	return study.Fold(stem[:i]), study.Fold(stem[j+size:])
}

// cutAround takes off what the text shares with the question around the blank.
func cutAround(s, before, after string) string {
	for b := before; b != ""; {
		if rest, ok := strings.CutPrefix(s, b); ok && rest != "" {
			s = rest
			break
		}
		_, size := utf8.DecodeRuneInString(b)
		b = b[size:]
	}
	for a := after; a != ""; {
		if rest, ok := strings.CutSuffix(s, a); ok && rest != "" {
			s = rest
			break
		}
		_, size := utf8.DecodeLastRuneInString(a)
		a = a[:len(a)-size]
	}
	return s
}

// isMark reports a text that answers another form of question: a lone letter, letters of options, a tick, 对, 错.
func isMark(folded string) bool {
	up := strings.ToUpper(folded)
	if n := utf8.RuneCountInString(folded); n != 1 {
		return n <= 6 && strings.Trim(up, "ABCDEFGH") == ""
	}
	return up >= "A" && up <= "Z" || up == "对" || up == "错" || up == "是" || yesWords[up] || noWords[up]
}

func holdsKey(item content.Item, folded string) bool {
	for _, a := range item.Accept {
		if f := study.Fold(a); f != "" && strings.Contains(folded, f) {
			return true
		}
	}
	return false
}

// soundsLikeKey reports a word that is pronounced like a right one: a slip of the input method.
func soundsLikeKey(item content.Item, folded string) bool {
	if utf8.RuneCountInString(folded) < 2 {
		return false
	}
	p := study.Sound(folded)
	for _, a := range item.Accept {
		if f := study.Fold(a); f != folded && p != "" && study.Sound(f) == p {
			return true
		}
	}
	return false
}
