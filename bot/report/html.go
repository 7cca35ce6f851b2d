package report

import (
	"bufio"
	"html"
	"io"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/sheet"
)

// htmlWriter writes a page for print: A4 across, headings on every sheet of paper, no script.
type htmlWriter struct{ w *bufio.Writer }

func newHTMLWriter(w io.Writer) *htmlWriter {
	return &htmlWriter{bufio.NewWriterSize(w, 1<<16)}
}

// pageHead begins a page for print with its title.
func pageHead(title string) string {
	title = html.EscapeString(title)
	return htmlBefore + title + htmlStyle + title + "</h1>\n"
}

const (
	htmlBefore = `<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>`
	htmlStyle = `</title>
<style>
@page { size: A4 landscape; margin: 12mm }
body { font: 10.5pt/1.4 "Songti SC", SimSun, serif; margin: 1em }
h1 { font-size: 16pt; text-align: center; margin: .4em 0 }
dl { display: flex; flex-wrap: wrap; gap: 0 2em; margin: .4em 0 }
dl div { display: flex } dt { white-space: nowrap } dt::after { content: "：" } dd { margin: 0 }
table { border-collapse: collapse; width: 100%; font-size: 9pt }
thead { display: table-header-group } tr { break-inside: avoid }
th, td { border: 1px solid #444; padding: .15em .35em; text-align: left }
th { background: #eee } td.n { text-align: right; white-space: nowrap } td.w { white-space: nowrap } td.d { text-align: right }
table.fixed { table-layout: fixed; font-size: 7.5pt } .fixed th, .fixed td.w { white-space: normal; overflow-wrap: anywhere } .fixed th, .fixed td { padding: .15em .25em }
table.tall { font-size: 10pt } .tall th, .tall td { padding: .15em .35em } .tall td { height: 9mm }
.broken { color: #b00; font-size: 16pt; font-weight: bold }
.signed { display: flex; margin-top: 2.5em; break-inside: avoid } .signed span { flex: 1 }
</style>
</head>
<body>
<h1>`
)

// Errors of writing stay in the buffered writer, so only what flushes is asked for them.
func (h *htmlWriter) text(s string) { _, _ = h.w.WriteString(s) }

func (h *htmlWriter) head(head Head, titles map[string]string) error {
	h.text(pageHead(listTitle))
	h.pairs("head", headPairs(head, titles))
	h.text("<table>\n<thead><tr>")
	for _, c := range listColumns {
		h.text("<th>" + html.EscapeString(c.heading) + "</th>")
	}
	h.text("</tr></thead>\n<tbody>\n")
	return h.w.Flush()
}

func (h *htmlWriter) pairs(class string, pairs []pair) {
	h.text(`<dl class="` + class + "\">\n")
	for _, p := range pairs {
		h.text("<div><dt>" + html.EscapeString(p.label) + "</dt><dd>" + html.EscapeString(p.value.String()) + "</dd></div>\n")
	}
	h.text("</dl>\n")
}

// keptTogether is the length of a text that is not broken on paper: 李文山, 学习中. A moment may be, behind its day.
const keptTogether = 4

func (h *htmlWriter) line(r *row) error {
	h.text("<tr>")
	for i := range listColumns {
		c := listColumns[i].cell(r)
		switch text := c.String(); {
		case c.IsText() && text != "" && utf8.RuneCountInString(text) <= keptTogether:
			h.text(`<td class="w">` + html.EscapeString(text) + "</td>")
		case c.IsText() || c == (sheet.Cell{}):
			h.text("<td>" + html.EscapeString(text) + "</td>")
		case c.IsStamp():
			h.text(`<td class="d">` + text + "</td>")
		default:
			h.text(`<td class="n">` + text + "</td>")
		}
	}
	_, err := h.w.WriteString("</tr>\n")
	return err
}

func (h *htmlWriter) end(t Totals) error {
	h.text("</tbody>\n</table>\n")
	h.pairs("totals", totalPairs(t))
	h.text("</body>\n</html>\n")
	return h.w.Flush()
}

func (h *htmlWriter) abandon() {
	h.text("</tbody>\n</table>\n<p class=\"broken\">" + brokenOff + "</p>\n")
	_ = h.w.Flush() // the list is lost already
}
