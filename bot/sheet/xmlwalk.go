package sheet

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// errStop ends a walk early, without an error.
var errStop = errors.New("sheet: stop")

// walk hands every token of a part to f. XML that is cut off, badly nested, too deep or has a
// DOCTYPE is an error: a table is never silently short.
func (b *workbook) walk(part string, f func(xml.Token) error) error {
	rc, err := b.open(part)
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }() // only read
	dec := xml.NewDecoder(&tokenGuard{r: rc})
	var open []string // names of the elements around the current place
	for {
		// RawToken, because nothing here depends on namespaces and Token takes half as long again;
		// so nesting is checked here.
		t, err := dec.RawToken()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			if len(open) == maxXMLDepth {
				return fault.New(fault.Invalid, "sheet.damaged")
			}
			open = append(open, e.Name.Local)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				return fault.New(fault.Invalid, "sheet.damaged")
			}
			open = open[:len(open)-1]
		case xml.Directive:
			return fault.New(fault.Invalid, "sheet.damaged")
		}
		if err := f(t); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
	}
}

// tokenGuard stops a document in which one tag, comment or run of text is longer than any honest
// one: the XML decoder holds a token in memory as a whole.
type tokenGuard struct {
	r    io.Reader
	run  int     // bytes of the current token
	tail [3]byte // bytes seen last
	in   guardState
}

type guardState int

const (
	guardPlain guardState = iota
	guardComment
	guardCDATA
)

var errToken = errors.New("sheet: XML token too long")

func (g *tokenGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	for _, c := range p[:n] {
		g.run++
		switch g.in {
		case guardPlain:
			switch {
			case c == '<' || c == '>':
				g.run = 0
			case c == '-' && g.tail == [3]byte{'<', '!', '-'} && g.run <= 4:
				g.in = guardComment
			case c == '[' && g.tail[1] == '<' && g.tail[2] == '!':
				g.in = guardCDATA
			}
		case guardComment:
			if c == '>' && g.tail[1] == '-' && g.tail[2] == '-' {
				g.in, g.run = guardPlain, 0
			}
		case guardCDATA:
			if c == '>' && g.tail[1] == ']' && g.tail[2] == ']' {
				g.in, g.run = guardPlain, 0
			}
		}
		if g.run > maxXMLToken {
			return 0, errToken
		}
		g.tail[0], g.tail[1], g.tail[2] = g.tail[1], g.tail[2], c
	}
	return n, err
}

// textCollector joins the <t> elements of a text, leaving out phonetic readings (<rPh>).
type textCollector struct {
	b        strings.Builder
	max      int // characters kept: one more than allowed
	n        int
	open     bool
	phonetic bool
}

func (c *textCollector) reset(limit int) {
	c.b.Reset()
	c.max, c.n, c.open, c.phonetic = limit+1, 0, false, false
}

func (c *textCollector) see(t xml.Token) {
	switch e := t.(type) {
	case xml.StartElement:
		switch e.Name.Local {
		case "rPh":
			c.phonetic = true
		case "t", "v":
			c.open = !c.phonetic
		}
	case xml.EndElement:
		switch e.Name.Local {
		case "rPh":
			c.phonetic = false
		case "t", "v":
			c.open = false
		}
	case xml.CharData:
		if c.open && c.n < c.max {
			s := e
			c.n += utf8.RuneCount(s)
			c.b.Write(s)
		}
	}
}

// take returns the text with _x000D_ escapes resolved, as XLSX writes what XML cannot hold.
func (c *textCollector) take() string {
	s := c.b.String()
	if c.n > c.max {
		s = firstRunes(s, c.max)
	}
	if !strings.Contains(s, "_x") {
		return strings.Clone(s)
	}
	var out strings.Builder
	for {
		i := strings.Index(s, "_x")
		if i < 0 {
			break
		}
		if r, ok := escapedRune(s[i:]); ok {
			out.WriteString(s[:i])
			out.WriteRune(r)
			s = s[i+len("_x0000_"):]
			continue
		}
		out.WriteString(s[:i+2])
		s = s[i+2:]
	}
	out.WriteString(s)
	return out.String()
}

// escapedRune reads _xHHHH_ at the beginning of s.
func escapedRune(s string) (rune, bool) {
	if len(s) < len("_x0000_") || s[6] != '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
