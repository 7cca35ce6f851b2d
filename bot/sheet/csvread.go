package sheet

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
)

func readCSV(r io.ReaderAt, size int64, g *gate) error {
	if size > g.limits.TextBytes {
		return fault.New(fault.Invalid, "sheet.too_big", fault.A("limit", megabytes(g.limits.TextBytes)))
	}
	cs, err := detectCharset(r, size)
	if err != nil {
		return err
	}
	comma, skip, err := sniffComma(cs.open(r, size), g.limits)
	if err != nil {
		return err
	}
	in := cs.open(r, size)
	if skip {
		if _, err := (&csvParser{in: in, limits: g.limits}).record(); err != nil {
			return ignoreEOF(err)
		}
	}
	p := csvParser{in: in, comma: comma, limits: g.limits}
	for {
		cells, err := p.record()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, c := range cells {
			cells[i] = unprotect(c)
		}
		if more, err := g.row(p.number, cells, nil); !more {
			return err
		}
	}
}

// csvParser reads records. It is stricter than a spreadsheet program in one thing: a quote that is
// never closed is an error, because it silently swallows every row behind it.
type csvParser struct {
	in     *bufio.Reader
	comma  rune
	limits Limits
	number int // of the record read last
	cell   strings.Builder
	runes  int
}

// record returns the cells of the next record; io.EOF at the end. Line ends are \n, \r\n or \r.
// A cell is kept up to one character above the limit, so that the gate can complain.
func (p *csvParser) record() ([]string, error) {
	var cells []string
	p.number++
	p.start()
	quoted, fresh, breaks := false, true, false
	for first := true; ; first = false {
		r, _, err := p.in.ReadRune()
		if errors.Is(err, io.EOF) {
			switch {
			case first:
				return nil, io.EOF
			case quoted:
				return nil, p.openQuote()
			}
			return append(cells, p.cell.String()), nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case quoted && r == '"':
			if p.follows('"') {
				p.add('"')
			} else {
				quoted = false
			}
		case quoted:
			breaks = breaks || r == '\n'
			p.add(r)
			if breaks && p.runes > p.limits.CellRunes {
				return nil, p.openQuote()
			}
		case r == '"' && fresh:
			quoted, fresh, breaks = true, false, false
		case r == p.comma:
			if len(cells) < p.limits.Columns+maxBlankColumns {
				cells = append(cells, p.cell.String())
			}
			p.start()
			fresh = true
		case r == '\r' || r == '\n':
			if r == '\r' {
				p.follows('\n')
			}
			return append(cells, p.cell.String()), nil
		default:
			fresh = false
			p.add(r)
		}
	}
}

// maxBlankColumns is how many empty columns behind the last allowed one are passed over: programs
// write them for columns that were formatted once.
const maxBlankColumns = maxSheetColumn

func (p *csvParser) start() {
	p.cell.Reset()
	p.runes = 0
}

func (p *csvParser) add(r rune) {
	if p.runes <= p.limits.CellRunes {
		p.cell.WriteRune(r)
		p.runes++
	}
}

// follows takes the next character if it is want. An error of reading comes with the next call.
func (p *csvParser) follows(want byte) bool {
	b, err := p.in.Peek(1)
	if err != nil || b[0] != want {
		return false
	}
	_, _ = p.in.Discard(1) // it was there
	return true
}

func (p *csvParser) openQuote() error {
	return fault.New(fault.Invalid, "sheet.quote_open").At("", p.number, "")
}

// Excel's hint line, "sep=;", names the separator and is no row.
const sepHint = "sep="

// sniffRows is how many records at the beginning decide the separator.
const sniffRows = 20

// sniffComma finds the separator: the one that stands in the most of the first rows, then the one
// that stands there most often; a comma when there is none. skip says that the first line is a hint.
func sniffComma(in *bufio.Reader, limits Limits) (comma rune, skip bool, err error) {
	head, err := in.Peek(len(sepHint) + 4)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	if rest, ok := strings.CutPrefix(strings.Trim(string(head), "\""), sepHint); ok && rest != "" {
		c, n := utf8.DecodeRuneInString(rest)
		if end := strings.TrimLeft(rest[n:], "\""); strings.ContainsRune(",;\t|", c) && (end == "" || end[0] == '\r' || end[0] == '\n') {
			return c, true, nil
		}
	}
	candidates := [...]rune{',', '\t', ';'}
	var rows, total, inRow [len(candidates)]int
	quoted, seen := false, 0
	endRow := func() {
		for i, n := range inRow {
			if n > 0 {
				rows[i]++
				total[i] += n
			}
		}
		if inRow != [len(candidates)]int{} {
			seen++
		}
		inRow = [len(candidates)]int{}
	}
	for read := 0; seen < sniffRows && read < sniffRows*limits.CellRunes; read++ {
		r, _, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, false, err
		}
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '\n' || r == '\r':
			endRow()
		default:
			for i, c := range candidates {
				if r == c {
					inRow[i]++
				}
			}
		}
	}
	endRow()
	best := 0
	for i := range candidates {
		if rows[i] > rows[best] || rows[i] == rows[best] && total[i] > total[best] {
			best = i
		}
	}
	return candidates[best], false, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// megabytes writes a limit as people say it.
func megabytes(n int64) int64 { return n >> 20 }
