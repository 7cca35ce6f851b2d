package content

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// part is one labelled piece of a question: its stem, an option, the answer, the explanation.
// Lines that follow belong to it.
type part struct {
	line   int
	column int
	lines  []string
}

func newPart(l line, offset int) *part {
	p := &part{line: l.number, column: l.column(offset)}
	p.add(l.rest(offset))
	return p
}

func (p *part) add(s string) {
	if s = strings.TrimSpace(s); s != "" {
		p.lines = append(p.lines, s)
	}
}

func (p *part) text() string {
	if p == nil {
		return ""
	}
	return strings.Join(p.lines, "\n")
}

// draft is a question as it is written, before its parts are judged.
type draft struct {
	line    int
	number  int
	kind    ItemKind // "" when it could not be read
	stem    *part
	options []draftOption
	answer  *part
	explain *part
	last    *part // where a line without a label belongs
}

type draftOption struct {
	letter rune // 'A' …
	part   *part
}

func (d *draft) choice() bool { return d.kind == Single || d.kind == Multiple }

// start is the first line of a question.
type start struct {
	number int  // 0 when there is none
	known  bool // the kind is one of ours
	kind   ItemKind
	name   string // the kind as written, "" when there is none
	rest   int    // offset of the stem in fold
}

var (
	startNumber = regexp.MustCompile(`^\s*(\d{1,4})\s*[.、。:)]\s*`)
	startKind   = regexp.MustCompile(`^\s*[\[【〔(]\s*([^\[\]【】〔〕()]{1,10}?)\s*[\]】〕)]\s*[:.、]?\s*`)
)

// kindNames are the names of the kinds in the notation.
var kindNames = map[string]ItemKind{
	"单选": Single, "单选题": Single, "多选": Multiple, "多选题": Multiple, "判断": TrueFalse, "判断题": TrueFalse,
	"填空": Fill, "填空题": Fill, "填数": Numeric, "填数题": Numeric,
}

// startOf reads a line as the first line of a question. ok is false when it has neither a number
// nor a known kind.
func startOf(l line) (s start, ok bool) {
	rest := l.fold
	if m := startNumber.FindStringSubmatchIndex(rest); m != nil && !decimal(rest, m[3]) {
		s.number, _ = strconv.Atoi(rest[m[2]:m[3]]) // at most four digits
		s.rest = m[1]
		ok = true
	}
	m := startKind.FindStringSubmatchIndex(rest[s.rest:])
	if m == nil {
		return s, ok
	}
	name := rest[s.rest+m[2] : s.rest+m[3]]
	kind, known := kindNames[strings.ReplaceAll(name, " ", "")]
	round := strings.HasPrefix(strings.TrimSpace(rest[s.rest:]), "(")
	if !known && (round || !ok) {
		return s, ok // brackets that belong to the sentence
	}
	s.kind, s.known, s.name = kind, known, name
	s.rest += m[1]
	return s, true
}

// decimal reports that the digits up to end go on as in 3.5 or 8:30: that is no question's number.
func decimal(s string, end int) bool {
	return end+1 < len(s) && (s[end] == '.' || s[end] == ':') && s[end+1] >= '0' && s[end+1] <= '9'
}

var (
	label = regexp.MustCompile(`^\s*(?:[\[【]\s*(正确答案|参考答案|答案解析|答案|解析)\s*[\]】]\s*:?|(正确答案|参考答案|答案解析|答案|解析)\s*(?::|\s|$))\s*`)
	// An option is a letter and a sign; a blank alone is enough for the letter that is due.
	optionSign  = regexp.MustCompile(`^\s*([A-Za-z])\s*[.、。:)]\s*`)
	optionBlank = regexp.MustCompile(`^\s*([A-Za-z])\s+`)
)

// quizReader walks over the lines of a quiz.
type quizReader struct {
	f      *findings
	drafts []*draft
	top    int  // the highest number so far
	gap    bool // a blank line came before
	stray  bool // text before the first question was reported
}

// parseQuiz reads the questions of a lesson.
func parseQuiz(f *findings, lines []line) []Item {
	q := quizReader{f: f, gap: true}
	for _, l := range lines {
		if l.blank() {
			q.gap = true
			continue
		}
		q.read(l)
		q.gap = false
	}
	switch {
	case len(q.drafts) == 0:
		f.wrong(0, 0, "content.quiz_empty")
	case len(q.drafts) > MaxItems:
		f.wrong(q.drafts[MaxItems].line, 0, "content.items_many", fault.A("limit", MaxItems))
	}
	items := make([]Item, 0, len(q.drafts))
	for i, d := range q.drafts {
		item := d.item(f)
		if i > 0 {
			checkPair(f, d, items[i-1], item)
		}
		items = append(items, item)
	}
	return items
}

func (q *quizReader) read(l line) {
	var d *draft
	if n := len(q.drafts); n > 0 {
		d = q.drafts[n-1]
	}
	if s, ok := startOf(l); ok && (s.name != "" || q.gap && (d == nil || s.number == q.top+1)) {
		q.open(l, s)
		return
	}
	switch {
	case anyHeading.MatchString(l.fold):
		q.f.wrong(l.number, 0, "content.heading_in_quiz")
	case isRule(l):
		q.f.wrong(l.number, 0, "content.rule_in_quiz")
	case d == nil:
		if !q.stray {
			q.f.wrong(l.number, 0, "content.text_before_items")
			q.stray = true
		}
	case q.readLabel(d, l), q.readOption(d, l):
	case d.last == d.answer:
		q.f.wrong(l.number, 0, "content.text_after_answer")
	default:
		d.last.add(l.text)
	}
}

// open begins the next question.
func (q *quizReader) open(l line, s start) {
	due := q.top + 1
	d := &draft{line: l.number, number: s.number, kind: s.kind, stem: newPart(l, s.rest)}
	d.last = d.stem
	switch {
	case s.number == 0 && s.rest == 0, s.number == 0 && !startNumber.MatchString(l.fold):
		d.number = due
		q.f.wrong(l.number, 0, "content.item_unnumbered", fault.A("want", d.number))
	case s.number != due:
		q.f.wrong(l.number, 0, "content.item_misnumbered", fault.A("got", s.number), fault.A("want", due))
	}
	switch {
	case s.name == "":
		q.f.wrong(l.number, 0, "content.kind_missing", fault.A("item", d.number))
	case !s.known:
		q.f.wrong(l.number, 0, "content.kind_unknown", fault.A("kind", s.name))
	}
	q.drafts = append(q.drafts, d)
	q.top = max(q.top, d.number)
}

// readLabel takes a line that begins with 答案 or 解析.
func (q *quizReader) readLabel(d *draft, l line) bool {
	m := label.FindStringSubmatchIndex(l.fold)
	if m == nil {
		return false
	}
	at := 2
	if m[at] < 0 {
		at = 4
	}
	name, place := "答案", &d.answer
	if strings.HasSuffix(l.fold[m[at]:m[at+1]], "解析") {
		name, place = "解析", &d.explain
	}
	p := newPart(l, m[1])
	if *place != nil {
		q.f.wrong(l.number, 0, "content.label_twice", fault.A("label", name), fault.A("item", d.number))
	} else {
		*place = p
	}
	d.last = p
	if *place != p && name == "答案" {
		d.last = d.stem // what follows a second answer is nobody's; it was reported
	}
	return true
}

// readOption takes a line that begins with an option's letter.
func (q *quizReader) readOption(d *draft, l line) bool {
	due := rune('A' + len(d.options))
	m := optionSign.FindStringSubmatchIndex(l.fold)
	if m == nil {
		m = optionBlank.FindStringSubmatchIndex(l.fold)
		if m == nil || !d.choice() || upper(l.fold[m[2]]) != due {
			return false
		}
	}
	inExplanation := d.explain != nil && d.last == d.explain
	if inExplanation && (len(d.options) > 0 || !d.choice() && d.kind != "") {
		return false // the explanation speaks about an option
	}
	if d.kind != "" && !d.choice() {
		q.f.wrong(l.number, 0, "content.option_unwanted", fault.A("kind", kindName(d.kind)))
		return true
	}
	letter := upper(l.fold[m[2]])
	p := newPart(l, m[1])
	switch {
	case letter == due:
	case len(d.options) >= MaxOptions:
	default:
		q.f.wrong(l.number, l.column(m[2]), "content.option_order", fault.A("got", string(letter)), fault.A("want", string(due)))
	}
	d.options = append(d.options, draftOption{letter: letter, part: p})
	d.last = p
	return true
}

func upper(b byte) rune {
	if b >= 'a' && b <= 'z' {
		b -= 'a' - 'A'
	}
	return rune(b)
}

// kindName is the name of a kind as the notation writes it.
func kindName(k ItemKind) string {
	switch k {
	case Single:
		return "单选"
	case Multiple:
		return "多选"
	case TrueFalse:
		return "判断"
	case Fill:
		return "填空"
	case Numeric:
		return "填数"
	default:
		return string(k)
	}
}
