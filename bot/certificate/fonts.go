package certificate

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// kai is the font: see font/README.md for what is in it, from where, and how it is made.
//
//go:embed font/kai.ttf.gz
var kai []byte

// typeface is one font. sfnt's reader is not safe for many at once, so each drawing has its own buffer.
type typeface struct {
	font *sfnt.Font
	data []byte
	unit float64 // of the em
}

func parseTypeface(data []byte) (*typeface, error) {
	f, err := sfnt.Parse(data)
	if err != nil {
		c, collection := sfnt.ParseCollection(data)
		if collection != nil {
			return nil, fmt.Errorf("reading a font: %w", err)
		}
		if f, err = c.Font(0); err != nil {
			return nil, fmt.Errorf("reading a font: %w", err)
		}
	}
	return &typeface{font: f, data: data, unit: float64(f.UnitsPerEm())}, nil
}

// unpacked is the embedded font. It takes some 5 MB from the first drawing on.
var unpacked = sync.OnceValues(func() (*typeface, error) {
	r, err := gzip.NewReader(bytes.NewReader(kai))
	if err != nil {
		return nil, fmt.Errorf("unpacking the font: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpacking the font: %w", err)
	}
	return parseTypeface(data)
})

// fonts are the embedded font and, for characters that it has not, the operator's.
type fonts struct {
	list []*typeface
	buf  sfnt.Buffer
}

// of finds the font and the glyph of a character; false where no font has it.
func (f *fonts) of(r rune) (*typeface, sfnt.GlyphIndex, bool) {
	for _, t := range f.list {
		if g, err := t.font.GlyphIndex(&f.buf, r); err == nil && g != 0 {
			return t, g, true
		}
	}
	return nil, 0, false
}

// missing are the characters that no font has, each once, in order.
func (f *fonts) missing(texts []string) []rune {
	var out []rune
	for _, s := range texts {
		for _, r := range s {
			if _, _, ok := f.of(r); !ok && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// advance is the width of a character in ems.
func (f *fonts) advance(r rune) float64 {
	t, g, ok := f.of(r)
	if !ok {
		return 1
	}
	a, err := t.font.GlyphAdvance(&f.buf, g, fixed.I(int(t.unit)), font.HintingNone)
	if err != nil {
		return 1
	}
	return float64(a) / 64 / t.unit
}

// width is that of a text in millimetres at a size in points.
func (f *fonts) width(text string, size float64) float64 {
	w := 0.0
	for _, r := range text {
		w += f.advance(r)
	}
	return w * size * mmPerPoint
}

const mmPerPoint = 25.4 / 72

// noStart are signs that a line must not begin with, noEnd those it must not end with.
const (
	noStart = "，。、；：！？）》〉”’】〕…·,.;:!?)%"
	noEnd   = "（《〈“‘【〔("
)

// wrap breaks a text into lines of at most a width in millimetres. Words of letters and digits stay whole where a line
// can hold them; Chinese breaks anywhere but before and behind the signs that forbid it.
func (f *fonts) wrap(text string, size, width float64) []string {
	var lines []string
	runes := []rune(text)
	for len(runes) > 0 {
		n, w := 0, 0.0
		for n < len(runes) {
			w += f.advance(runes[n]) * size * mmPerPoint
			if w > width && n > 0 {
				break
			}
			n++
		}
		if n < len(runes) {
			n = breakBefore(runes, n)
		}
		lines = append(lines, string(runes[:n]))
		runes = runes[n:]
	}
	return lines
}

// breakBefore moves a break to the left, where it is allowed; where nowhere is, it stays.
func breakBefore(runes []rune, n int) int {
	word := func(r rune) bool { return r < unicode.MaxLatin1 && r > ' ' }
	for i := n; i > 0; i-- {
		before, after := runes[i-1], runes[i]
		if word(before) && word(after) || contains(noStart, after) || contains(noEnd, before) {
			continue
		}
		return i
	}
	return n
}

func contains(signs string, r rune) bool {
	for _, s := range signs {
		if s == r {
			return true
		}
	}
	return false
}

// faces are fonts at sizes, for the picture. They are not for many goroutines at once.
type faces struct {
	dpi  float64
	made map[faceKey]font.Face
}

type faceKey struct {
	face *typeface
	size float64
}

func (f *faces) of(t *typeface, size float64) (font.Face, error) {
	k := faceKey{t, size}
	if f.made[k] == nil {
		face, err := opentype.NewFace(t.font, &opentype.FaceOptions{Size: size, DPI: f.dpi, Hinting: font.HintingNone})
		if err != nil {
			return nil, fmt.Errorf("making a face: %w", err)
		}
		f.made[k] = face
	}
	return f.made[k], nil
}
