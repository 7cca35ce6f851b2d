package wechat

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep elements may nest, the root being 1 (reliability §4, row 5). Real messages
// reach 5.
const maxDepth = 32

// errXML is every fault of a document. The text goes to the operator's log, never to a caller.
var errXML = errors.New("malformed message")

type xmlToken byte

const (
	xmlEnd   xmlToken = iota // the document is complete
	xmlOpen                  // data is the element's name
	xmlClose                 // data is the element's name
	xmlText                  // data is decoded text; one element may have several pieces
)

// xmlScanner reads the part of XML 1.0 the platform writes: elements without attributes, text,
// CDATA, the five named entities and character references. Anything else is an error: DOCTYPE,
// comments, processing instructions, attributes (and so namespaces), prefixes, a second root, text
// outside the root, bytes that are not UTF-8 or not XML characters, more than maxDepth levels.
// A declaration may stand at the very beginning. Tokens share the memory of the document.
type xmlScanner struct {
	src       []byte
	pos       int
	stack     [maxDepth][]byte
	depth     int
	rooted    bool   // the root has been opened
	selfClose bool   // the element just opened was <a/>
	arena     []byte // texts that had to be decoded; never moved back, so tokens stay valid
}

// reset starts on a new document. It reports false when a byte of it may not be in XML at all.
func (s *xmlScanner) reset(src []byte) bool {
	s.src, s.pos, s.depth, s.rooted, s.selfClose = src, 0, 0, false, false
	s.arena = s.arena[:0]
	if !utf8.Valid(src) {
		return false
	}
	for i, c := range src {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
		// U+FFFE and U+FFFF are UTF-8, but no characters.
		if c == 0xEF && src[i+1] == 0xBF && src[i+2] >= 0xBE {
			return false
		}
	}
	return s.declaration()
}

// declaration skips <?xml version="1.0" encoding="UTF-8"?>.
func (s *xmlScanner) declaration() bool {
	const start, end = "<?xml", "?>"
	if !bytes.HasPrefix(s.src, []byte(start)) {
		return true
	}
	i := bytes.Index(s.src, []byte(end))
	if i < 0 || i > 128 {
		return false
	}
	body := string(s.src[len(start):i])
	s.pos = i + len(end)
	switch body {
	case ` version="1.0"`, ` version='1.0'`,
		` version="1.0" encoding="UTF-8"`, ` version="1.0" encoding="utf-8"`,
		` version='1.0' encoding='UTF-8'`, ` version='1.0' encoding='utf-8'`:
		return true
	}
	return false
}

func (s *xmlScanner) next() (xmlToken, []byte, error) {
	if s.selfClose {
		s.selfClose = false
		s.depth--
		return xmlClose, s.stack[s.depth], nil
	}
	for s.pos < len(s.src) {
		if s.src[s.pos] != '<' {
			text, err := s.text()
			if err != nil {
				return 0, nil, err
			}
			if s.depth == 0 {
				continue // white space around the root
			}
			return xmlText, text, nil
		}
		if s.pos+1 == len(s.src) {
			return 0, nil, errXML
		}
		switch s.src[s.pos+1] {
		case '/':
			return s.closeTag()
		case '!':
			return s.cdata()
		default:
			return s.openTag()
		}
	}
	if s.depth != 0 || !s.rooted {
		return 0, nil, errXML
	}
	return xmlEnd, nil, nil
}

func (s *xmlScanner) openTag() (xmlToken, []byte, error) {
	s.pos++
	name := s.name()
	if name == nil || s.depth == maxDepth || s.depth == 0 && s.rooted {
		return 0, nil, errXML
	}
	s.space()
	if s.has('/') {
		s.selfClose = true
	}
	if !s.has('>') { // an attribute, or the end of the document
		return 0, nil, errXML
	}
	s.rooted = true
	s.stack[s.depth] = name
	s.depth++
	return xmlOpen, name, nil
}

func (s *xmlScanner) closeTag() (xmlToken, []byte, error) {
	s.pos += 2
	name := s.name()
	s.space()
	if name == nil || !s.has('>') || s.depth == 0 || !bytes.Equal(name, s.stack[s.depth-1]) {
		return 0, nil, errXML
	}
	s.depth--
	return xmlClose, name, nil
}

func (s *xmlScanner) cdata() (xmlToken, []byte, error) {
	const start, end = "<![CDATA[", "]]>"
	rest := s.src[s.pos:]
	if s.depth == 0 || !bytes.HasPrefix(rest, []byte(start)) {
		return 0, nil, errXML
	}
	rest = rest[len(start):]
	i := bytes.Index(rest, []byte(end))
	if i < 0 {
		return 0, nil, errXML
	}
	s.pos += len(start) + i + len(end)
	return xmlText, s.newlines(rest[:i]), nil
}

// text reads up to the next '<' and decodes references.
func (s *xmlScanner) text() ([]byte, error) {
	raw := s.src[s.pos:]
	if i := bytes.IndexByte(raw, '<'); i >= 0 {
		raw = raw[:i]
	}
	s.pos += len(raw)
	if s.depth == 0 {
		if !blank(raw) {
			return nil, errXML
		}
		return nil, nil
	}
	if bytes.Contains(raw, []byte("]]>")) {
		return nil, errXML
	}
	if bytes.IndexByte(raw, '&') < 0 {
		return s.newlines(raw), nil
	}
	start := len(s.arena)
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			s.arena = appendNewlines(s.arena, raw)
			break
		}
		s.arena = appendNewlines(s.arena, raw[:i])
		raw = raw[i+1:]
		j := bytes.IndexByte(raw, ';')
		if j < 1 || j > 10 {
			return nil, errXML
		}
		r, ok := reference(string(raw[:j]))
		if !ok {
			return nil, errXML
		}
		s.arena = utf8.AppendRune(s.arena, r)
		raw = raw[j+1:]
	}
	return s.arena[start:len(s.arena):len(s.arena)], nil
}

func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || !xmlRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}

// xmlRune is the Char production of XML 1.0.
func xmlRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}

// newlines turns CR LF and CR into LF, as XML demands. Texts without CR are returned as they are.
func (s *xmlScanner) newlines(raw []byte) []byte {
	if bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	start := len(s.arena)
	s.arena = appendNewlines(s.arena, raw)
	return s.arena[start:len(s.arena):len(s.arena)]
}

func appendNewlines(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\r')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(append(dst, raw[:i]...), '\n')
		raw = raw[i+1:]
		if len(raw) > 0 && raw[0] == '\n' {
			raw = raw[1:]
		}
	}
}

func (s *xmlScanner) name() []byte {
	start := s.pos
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (s.pos == start || (c < '0' || c > '9') && c != '-' && c != '.') {
			break
		}
		s.pos++
	}
	if s.pos == start {
		return nil
	}
	return s.src[start:s.pos]
}

func (s *xmlScanner) space() {
	for s.pos < len(s.src) && blankByte(s.src[s.pos]) {
		s.pos++
	}
}

func (s *xmlScanner) has(c byte) bool {
	if s.pos < len(s.src) && s.src[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func blankByte(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func blank(b []byte) bool {
	for _, c := range b {
		if !blankByte(c) {
			return false
		}
	}
	return true
}
