package content

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// parseLesson reads one lesson file. The lesson is complete only when no problem is more than a
// warning. Pictures and audio are not looked at here: see checkMedia.
func (r Rules) parseLesson(f *findings, id string, data []byte) (Lesson, map[string]field) {
	l := Lesson{ID: id}
	text, ok := textOf(f, data)
	if !ok {
		return l, nil
	}
	lines := linesOf(f, text)
	for _, x := range lines {
		r.checkLinks(f, x.number, x.text)
	}
	fields, rest := header(f, lines)
	if rest == nil && len(fields) == 0 {
		return l, fields
	}
	lessonHead(f, fields, &l)
	body, quiz, found := splitQuiz(f, rest)
	l.Body = parseBody(f, body)
	if found {
		l.Items = parseQuiz(f, quiz)
	}
	return l, fields
}

var (
	quizHeading = regexp.MustCompile(`^\s*#+\s*(?:测验|小测验|测试)\s*:?\s*$`)
	anyHeading  = regexp.MustCompile(`^\s*#+`)
)

// splitQuiz parts the text from the questions. A missing heading is reported and guessed.
func splitQuiz(f *findings, lines []line) (body, quiz []line, found bool) {
	for i, l := range lines {
		if quizHeading.MatchString(l.fold) {
			return lines[:i], lines[i+1:], true
		}
		if s, ok := startOf(l); ok && s.known {
			f.wrong(l.number, 0, "content.quiz_heading_missing")
			return lines[:i], lines[i:], true
		}
	}
	f.wrong(0, 0, "content.quiz_missing")
	return lines, nil, false
}

// parseBody joins the text of a lesson: paragraphs parted by one blank line, a forced page break
// as a paragraph of its own that says ---.
func parseBody(f *findings, lines []line) string {
	var paragraphs []string
	var open []string
	start := 0
	flush := func() {
		if len(open) == 0 {
			return
		}
		p := strings.Join(open, "\n")
		if len(p) > ReplyBytes-FrameBytes {
			f.warn(start, 0, "content.paragraph_long", fault.A("limit", (ReplyBytes-FrameBytes)/3))
		}
		paragraphs = append(paragraphs, p)
		open = nil
	}
	for _, l := range lines {
		switch {
		case l.blank():
			flush()
		case isRule(l):
			flush()
			if len(paragraphs) == 0 || paragraphs[len(paragraphs)-1] == pageBreak {
				f.warn(l.number, 0, "content.page_empty")
				continue
			}
			paragraphs = append(paragraphs, pageBreak)
		default:
			checkMarkup(f, l)
			if len(open) == 0 {
				start = l.number
			}
			open = append(open, l.text)
		}
	}
	flush()
	if n := len(paragraphs); n > 0 && paragraphs[n-1] == pageBreak {
		paragraphs = paragraphs[:n-1]
	}
	if len(paragraphs) == 0 {
		f.wrong(0, 0, "content.body_missing")
		return ""
	}
	body := strings.Join(paragraphs, "\n\n")
	if n := pages(body); n > MaxPages {
		f.warn(0, 0, "content.body_long", fault.A("pages", n), fault.A("limit", MaxPages))
	}
	return body
}

// pageBreak is the paragraph that forces a new page.
const pageBreak = "---"

// pages is the least number of replies that a body fills.
func pages(body string) int {
	n := 0
	for part := range strings.SplitSeq(body, "\n\n"+pageBreak+"\n\n") {
		n += (len(part) + ReplyBytes - 1) / ReplyBytes
	}
	return n
}

var markup = regexp.MustCompile("\\*\\*|__[^_]|!\\[|\\]\\(|^\\s*>|^\\s*```|<[a-zA-Z/]")

// checkMarkup reports what a chat would show as raw signs.
func checkMarkup(f *findings, l line) {
	if at := anyHeading.FindStringIndex(l.fold); at != nil {
		f.wrong(l.number, l.column(at[0]), "content.heading_in_body")
		return
	}
	if at := markup.FindStringIndex(l.text); at != nil {
		f.warn(l.number, 0, "content.markup", fault.A("sign", strings.TrimSpace(l.text[at[0]:at[1]])))
	}
}

var (
	link   = regexp.MustCompile(`(?i)https?[:：]//[^\s\p{Han}，。；：！？、（）《》“”‘’【】<>"]*`)
	anchor = regexp.MustCompile(`(?i)<a\s`)
)

// checkLinks reports links that are not https or lead to a host that is not allowed.
func (r Rules) checkLinks(f *findings, number int, text string) {
	for _, at := range link.FindAllStringIndex(text, -1) {
		r.checkLink(f, number, len([]rune(text[:at[0]]))+1, text[at[0]:at[1]])
	}
	if at := anchor.FindStringIndex(text); at != nil {
		f.wrong(number, len([]rune(text[:at[0]]))+1, "content.link_markup")
	}
}

// checkLink reports one link that cannot be shown to learners.
func (r Rules) checkLink(f *findings, number, column int, s string) {
	u, err := url.Parse(strings.TrimRight(s, ".,;:!?)"))
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || !strings.Contains(u.Hostname(), "."):
		f.wrong(number, column, "content.link_unreadable", fault.A("link", s))
	case !strings.EqualFold(u.Scheme, "https"):
		f.wrong(number, column, "content.link_http", fault.A("link", s))
	case len(r.Hosts) > 0 && !r.allowed(strings.ToLower(u.Hostname())):
		f.wrong(number, column, "content.link_host", fault.A("host", u.Hostname()))
	}
}

func (r Rules) allowed(host string) bool {
	return slices.ContainsFunc(r.Hosts, func(h string) bool {
		h = strings.ToLower(h)
		return host == h || strings.HasSuffix(host, "."+h)
	})
}
