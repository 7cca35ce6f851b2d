package content

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// line is one line of a text file. fold is text with full-width ASCII and the wide blank made
// half-width, rune for rune, so that a place in fold is a place in text.
type line struct {
	number int // 1-based
	text   string
	fold   string
}

func (l line) blank() bool { return l.text == "" }

// rest is the original text behind the byte offset of fold.
func (l line) rest(offset int) string {
	skip := utf8.RuneCountInString(l.fold[:offset])
	for i := range l.text {
		if skip == 0 {
			return strings.TrimSpace(l.text[i:])
		}
		skip--
	}
	return ""
}

// column is the 1-based place, in characters, of a byte offset of fold.
func (l line) column(offset int) int { return utf8.RuneCountInString(l.fold[:offset]) + 1 }

// foldRune maps one full-width character to its half-width twin.
func foldRune(r rune) rune {
	switch {
	case r >= '！' && r <= '～':
		return r - '！' + '!'
	case r == '　' || r == '\u00a0' || r == '\t':
		return ' '
	default:
		return r
	}
}

func foldText(s string) string { return strings.Map(foldRune, s) }

// unseen are characters without any ink that copying from web pages and chats leaves behind.
func unseen(r rune) bool { return r == '\u200b' || r == '\u2060' || r == '\ufeff' || r == '\u00ad' }

// textOf turns the bytes of a text file into a string with \n as line end. It reports bytes that
// are not UTF-8, and then ok is false: nothing more can be said about the file.
func textOf(f *findings, data []byte) (text string, ok bool) {
	if len(data) > MaxFileBytes {
		f.wrong(0, 0, "content.file_too_big", fault.A("limit", MaxFileBytes>>10))
		return "", false
	}
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		f.wrong(0, 0, "content.encoding_utf16")
		return "", false
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at := bytes.IndexByte(data, 0); at >= 0 {
		f.wrong(0, 0, "content.not_text")
		return "", false
	}
	if !utf8.Valid(data) {
		if chineseGBK(data) {
			f.wrong(0, 0, "content.encoding_gbk")
			return "", false
		}
		number, column := firstInvalid(data)
		f.wrong(number, column, "content.encoding_unknown")
		return "", false
	}
	text = strings.ReplaceAll(string(data), "\r\n", "\n")
	return strings.ReplaceAll(text, "\r", "\n"), true
}

// chineseGBK reports whether bytes that are not UTF-8 make sense as GBK/GB18030, the old default
// of Windows in China.
func chineseGBK(data []byte) bool {
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return false
	}
	han, other := 0, 0
	for _, r := range string(out) {
		switch {
		case unicode.Is(unicode.Han, r):
			han++
		case r > unicode.MaxASCII:
			other++
		}
	}
	return han > other
}

func firstInvalid(data []byte) (number, column int) {
	number, column = 1, 1
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			return number, column
		case r == '\n':
			number, column = number+1, 1
		default:
			column++
		}
		data = data[n:]
	}
	return number, column
}

// linesOf splits text into lines without trailing blanks and unseen characters, and reports
// characters that no reader can see or that turn the text round.
func linesOf(f *findings, text string) []line {
	var lines []line
	number := 0
	for raw := range strings.SplitSeq(text, "\n") {
		number++
		checkCharacters(f, number, raw)
		s := strings.Map(func(r rune) rune {
			switch {
			case unseen(r) || forbidden(r):
				return -1
			case r == '\u00a0' || r == '\t':
				return ' '
			default:
				return r
			}
		}, raw)
		s = strings.TrimRightFunc(s, unicode.IsSpace)
		lines = append(lines, line{number: number, text: s, fold: foldText(s)})
	}
	return lines
}

// forbidden are control characters, separators that are no line ends here, and marks that turn
// the direction of writing.
func forbidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return false
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == utf8.RuneError:
		return true
	default:
		return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}
}

// checkCharacters reports the first forbidden character of a line: one sentence a line is enough.
func checkCharacters(f *findings, number int, s string) {
	column := 0
	for _, r := range s {
		column++
		if !forbidden(r) {
			continue
		}
		if r == utf8.RuneError {
			f.wrong(number, column, "content.garbled")
		} else {
			f.wrong(number, column, "content.control_character")
		}
		return
	}
}

// isRule reports a line that consists of dashes only: --- as typed, or what a word processor
// makes of it.
func isRule(l line) bool {
	weight := 0
	for _, r := range strings.TrimSpace(l.fold) {
		switch r {
		case '-', '–', '─':
			weight++
		case '—':
			weight += 2
		default:
			return false
		}
	}
	return weight >= 3
}
