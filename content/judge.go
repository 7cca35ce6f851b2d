package content

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// item judges the draft and makes the question.
func (d *draft) item(f *findings) Item {
	it := Item{ID: "q" + strconv.Itoa(d.number), Kind: d.kind, Stem: d.stem.text(), Explanation: d.explain.text()}
	if it.Stem == "" {
		f.wrong(d.line, 0, "content.stem_missing", fault.A("item", d.number))
	}
	if it.Explanation == "" {
		f.wrong(d.line, 0, "content.explanation_missing", fault.A("item", d.number))
	}
	if d.choice() {
		d.judgeOptions(f, &it)
	}
	if d.answer.text() == "" {
		f.wrong(d.line, 0, "content.answer_missing", fault.A("item", d.number))
	} else {
		d.judgeAnswer(f, &it)
	}
	if d.kind == Fill {
		d.judgeBlank(f)
	}
	if n := itemBytes(it); n > ReplyBytes-FrameBytes {
		f.wrong(d.line, 0, "content.item_too_long", fault.A("item", d.number), fault.A("bytes", n), fault.A("limit", ReplyBytes-FrameBytes))
	}
	if n := len(it.Explanation); n > ReplyBytes-FrameBytes {
		f.wrong(d.explain.line, 0, "content.explanation_too_long", fault.A("item", d.number), fault.A("bytes", n), fault.A("limit", ReplyBytes-FrameBytes))
	}
	return it
}

// itemBytes is what stem and options take in a reply.
func itemBytes(it Item) int {
	n := len(it.Stem)
	for _, o := range it.Options {
		n += len("\nA. ") + len(o.Text)
	}
	return n
}

// checkPair warns when the explanation of one question and the next question do not fit into one
// reply together: the chat sends them together where it can.
func checkPair(f *findings, d *draft, before, it Item) {
	n := len(before.Explanation) + itemBytes(it)
	if n > ReplyBytes-FrameBytes && len(before.Explanation) <= ReplyBytes-FrameBytes && itemBytes(it) <= ReplyBytes-FrameBytes {
		f.warn(d.line, 0, "content.pair_long", fault.A("item", d.number))
	}
}

func (d *draft) judgeOptions(f *findings, it *Item) {
	switch n := len(d.options); {
	case n < 2:
		f.wrong(d.line, 0, "content.options_few", fault.A("item", d.number))
	case n > MaxOptions:
		f.wrong(d.options[MaxOptions].part.line, 0, "content.options_many", fault.A("item", d.number), fault.A("limit", MaxOptions))
	}
	seen := make(map[string]rune)
	for _, o := range d.options {
		text := o.part.text()
		it.Options = append(it.Options, Option{Text: text})
		if text == "" {
			f.wrong(o.part.line, 0, "content.option_empty", fault.A("letter", string(o.letter)))
			continue
		}
		key := strings.ToLower(strings.ReplaceAll(foldText(text), " ", ""))
		if other, twice := seen[key]; twice {
			f.warn(o.part.line, 0, "content.option_twice", fault.A("letter", string(o.letter)), fault.A("other", string(other)))
			continue
		}
		seen[key] = o.letter
	}
}

func (d *draft) judgeAnswer(f *findings, it *Item) {
	value := d.answer.text()
	switch d.kind {
	case Single, Multiple:
		d.judgeLetters(f, it, value)
	case TrueFalse:
		right, ok := trueWords[strings.TrimRight(foldText(value), "。. ")]
		if !ok {
			f.wrong(d.answer.line, d.answer.column, "content.answer_truefalse", fault.A("value", value))
		}
		it.True = right
	case Fill:
		d.judgeWordings(f, it, value)
	case Numeric:
		d.judgeNumber(f, it, value)
	}
}

// trueWords are the ways to write the answer of a true/false item.
var trueWords = map[string]bool{
	"对": true, "正确": true, "√": true, "✓": true, "✔": true,
	"错": false, "错误": false, "不对": false, "×": false, "✗": false, "✘": false, "x": false, "X": false,
}

// judgeLetters marks the right options. Letters are looked up as they are written, so that an
// option out of order is not reported a second time here.
func (d *draft) judgeLetters(f *findings, it *Item, value string) {
	place := make(map[rune]int)
	for i, o := range d.options {
		if _, twice := place[o.letter]; !twice {
			place[o.letter] = i
		}
	}
	chosen := make(map[rune]bool)
	for _, r := range foldText(value) {
		if strings.ContainsRune(" ,、;/.。和", r) {
			continue
		}
		if r > 'z' || !isLetter(byte(r)) {
			f.wrong(d.answer.line, d.answer.column, "content.answer_letters", fault.A("value", value))
			return
		}
		letter := upper(byte(r))
		at, ok := place[letter]
		switch {
		case chosen[letter]:
			f.wrong(d.answer.line, d.answer.column, "content.answer_letter_twice", fault.A("letter", string(letter)))
		case !ok && len(d.options) > 0:
			f.wrong(d.answer.line, d.answer.column, "content.answer_no_option", fault.A("letter", string(letter)))
		case ok:
			it.Options[at].Correct = true
		}
		chosen[letter] = true
	}
	switch {
	case len(chosen) == 0:
		f.wrong(d.answer.line, d.answer.column, "content.answer_letters", fault.A("value", value))
	case d.kind == Single && len(chosen) > 1:
		f.wrong(d.answer.line, d.answer.column, "content.answer_two_for_single", fault.A("value", value))
	case d.kind == Multiple && len(chosen) == 1:
		f.warn(d.answer.line, d.answer.column, "content.answer_one_for_multiple")
	}
}

func isLetter(b byte) bool { return b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' }

func (d *draft) judgeWordings(f *findings, it *Item, value string) {
	seen := make(map[string]bool)
	for w := range strings.SplitSeq(strings.ReplaceAll(value, "｜", "|"), "|") {
		w = strings.TrimSpace(w)
		key := strings.ToLower(strings.ReplaceAll(foldText(w), " ", ""))
		switch {
		case w == "":
			f.wrong(d.answer.line, d.answer.column, "content.wording_empty")
		case utf8.RuneCountInString(w) > MaxAcceptChars:
			f.wrong(d.answer.line, d.answer.column, "content.wording_long", fault.A("limit", MaxAcceptChars))
		case seen[key]:
			f.warn(d.answer.line, d.answer.column, "content.wording_twice", fault.A("value", w))
		}
		seen[key] = true
		it.Accept = append(it.Accept, w)
	}
}

var blankRun = regexp.MustCompile(`_{2,}`)

// judgeBlank checks that a fill-in item has exactly one blank.
func (d *draft) judgeBlank(f *findings) {
	switch len(blankRun.FindAllString(foldText(d.stem.text()), -1)) {
	case 0:
		f.warn(d.line, 0, "content.blank_missing", fault.A("item", d.number))
	case 1:
	default:
		f.wrong(d.line, 0, "content.blanks_many", fault.A("item", d.number))
	}
}

const numberPattern = `([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)`

var numericAnswer = regexp.MustCompile(`^` + numberPattern + `\s*([^±]*?)\s*(?:(?:±|\+/-|\+-)\s*` + numberPattern + `\s*([^±]*?))?$`)

// judgeNumber reads 5, 5 万元, 5 ± 0.5 万元, 5万元±0.5万元.
func (d *draft) judgeNumber(f *findings, it *Item, value string) {
	m := numericAnswer.FindStringSubmatch(strings.TrimRight(foldText(value), "。 "))
	if m == nil {
		f.wrong(d.answer.line, d.answer.column, "content.answer_number", fault.A("value", value))
		return
	}
	unit := m[2]
	if m[4] != "" {
		unit = m[4]
	}
	number, tolerance := toNumber(m[1]), toNumber(m[3])
	switch {
	case m[2] != "" && m[4] != "" && m[2] != m[4]:
		f.wrong(d.answer.line, d.answer.column, "content.answer_units_differ", fault.A("one", m[2]), fault.A("other", m[4]))
	case unit != "" && !isUnit(unit), len(m[1]) > 18, len(m[3]) > 18:
		f.wrong(d.answer.line, d.answer.column, "content.answer_number", fault.A("value", value))
	case utf8.RuneCountInString(unit) > MaxUnitChars:
		f.wrong(d.answer.line, d.answer.column, "content.unit_long", fault.A("limit", MaxUnitChars))
	case tolerance < 0:
		f.wrong(d.answer.line, d.answer.column, "content.tolerance_negative")
	}
	it.Number, it.Tolerance, it.Unit = number, tolerance, unit
}

// isUnit refuses what is no unit but the rest of a number that was not understood: 5-10, 3.1.4.
func isUnit(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return !strings.ContainsRune("0123456789+-.,~—–至到/*=|", r)
}

// toNumber reads what numberPattern matched; "" is 0.
func toNumber(s string) float64 {
	n, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	if err != nil || n == 0 {
		return 0 // "", or a number too long, which is reported by its length; never minus zero
	}
	return n
}
