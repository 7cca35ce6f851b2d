package report

import (
	"bufio"
	"html"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/sheet"
)

// printed writes a table as a page to print: A4 across, the headings on every sheet of paper, no script. It ends
// with the places for signatures and stamp.
type printed struct {
	w      *bufio.Writer
	title  string
	signed []string
	paper  paper
	notes  bool // inside the list of notes
	rows   bool // inside the table
}

// paper says how a table stands on paper; the zero value leaves it to the browser.
type paper struct {
	widths []float64 // of the columns, in parts of the whole; for a table too wide to be left alone
	tall   bool      // rows are high enough to be signed by hand
}

func newPrinted(w io.Writer, title string, signed []string, on paper) *printed {
	return &printed{w: bufio.NewWriterSize(w, 1<<16), title: title, signed: signed, paper: on}
}

// table begins the table with its columns.
func (p *printed) table() {
	class := ""
	if p.paper.widths != nil {
		class = "fixed"
	}
	if p.paper.tall {
		class = strings.TrimSpace(class + " tall")
	}
	if class == "" {
		p.text("<table>\n")
		return
	}
	p.text(`<table class="` + class + "\">\n")
	if p.paper.widths == nil {
		return
	}
	whole := 0.0
	for _, w := range p.paper.widths {
		whole += w
	}
	p.text("<colgroup>")
	for _, w := range p.paper.widths {
		p.text(`<col style="width: ` + strconv.FormatFloat(100*w/whole, 'f', 2, 64) + `%">`)
	}
	p.text("</colgroup>\n")
}

func (p *printed) text(s string) { _, _ = p.w.WriteString(s) } // the error stays in the writer until Flush

// Write adds one row.
func (p *printed) Write(kind sheet.RowKind, cells []sheet.Cell) error {
	switch kind {
	case sheet.RowTitle:
		p.text(pageHead(p.title))
	case sheet.RowNote:
		if !p.notes {
			p.text("<dl>\n")
			p.notes = true
		}
		p.text("<div><dt>" + html.EscapeString(cells[0].String()) + "</dt><dd>" + html.EscapeString(cells[1].String()) + "</dd></div>\n")
	case sheet.RowHeader:
		if p.notes {
			p.text("</dl>\n")
		}
		p.table()
		p.text("<thead><tr>")
		for _, c := range cells {
			p.text("<th>" + html.EscapeString(c.String()) + "</th>")
		}
		p.text("</tr></thead>\n<tbody>\n")
		p.rows = true
	case sheet.RowTotal:
		p.end()
		p.text("<p>")
		for _, c := range cells {
			p.text(html.EscapeString(c.String()) + " ")
		}
		p.text("</p>\n")
	default:
		p.text("<tr>")
		for _, c := range cells {
			switch text := c.String(); {
			case !c.IsText():
				p.text(`<td class="n">` + html.EscapeString(text))
			case utf8.RuneCountInString(text) <= 8: // a name or a word is not broken
				p.text(`<td class="w">` + html.EscapeString(text))
			default:
				p.text("<td>" + html.EscapeString(text))
			}
			p.text("</td>")
		}
		p.text("</tr>\n")
	}
	return nil
}

func (p *printed) end() {
	if p.rows {
		p.text("</tbody></table>\n")
		p.rows = false
	}
}

// Flush writes what is there so far.
func (p *printed) Flush() error { return p.w.Flush() }

// Close ends the page.
func (p *printed) Close() error {
	p.end()
	if len(p.signed) > 0 {
		p.text(`<p class="signed">`)
		for _, s := range p.signed {
			p.text("<span>" + html.EscapeString(s) + "：</span>")
		}
		p.text("</p>\n")
	}
	p.text("</body></html>\n")
	return p.w.Flush()
}
