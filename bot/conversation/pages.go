package conversation

import (
	"strings"
	"unicode/utf8"
)

// pageBreak is the paragraph of a lesson's body that forces a new page.
const pageBreak = "---"

// paginate cuts a lesson's body into pages of at most limit bytes: at forced breaks, else between
// paragraphs, else behind a sentence, else at a character. Equal bodies give equal pages, and the
// pages hold every character of every paragraph.
func paginate(body string, limit int) []string {
	var pages []string
	page := ""
	flush := func() {
		if page != "" {
			pages = append(pages, page)
			page = ""
		}
	}
	for paragraph := range strings.SplitSeq(body, gap) {
		paragraph = strings.TrimSpace(paragraph)
		switch {
		case paragraph == "":
			continue
		case paragraph == pageBreak:
			flush()
			continue
		}
		for _, piece := range cutParagraph(paragraph, limit) {
			if page != "" && len(page)+len(gap)+len(piece) > limit {
				flush()
			}
			if page != "" {
				page += gap
			}
			page += piece
		}
	}
	flush()
	if len(pages) == 0 {
		pages = []string{""}
	}
	return pages
}

// cutParagraph cuts a paragraph that is longer than a page.
func cutParagraph(p string, limit int) []string {
	var out []string
	for len(p) > limit {
		end := limit
		for end > 0 && !utf8.RuneStart(p[end]) {
			end--
		}
		if i := lastSentence(p[:end]); i > limit/3 {
			end = i
		}
		if end == 0 { // a limit below one character
			_, end = utf8.DecodeRuneInString(p)
		}
		out = append(out, strings.TrimSpace(p[:end]))
		p = strings.TrimSpace(p[end:])
	}
	if p != "" {
		out = append(out, p)
	}
	return out
}

// lastSentence returns the place behind the last end of a sentence, 0 for none.
func lastSentence(s string) int {
	best := 0
	for i, r := range s {
		if strings.ContainsRune("。！？；\n", r) {
			best = i + utf8.RuneLen(r)
		}
	}
	return best
}
