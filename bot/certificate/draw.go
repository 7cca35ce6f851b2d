package certificate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Limits of drawing.
const (
	dots     = 150 // of the picture, to the inch: 1,240 × 1,754
	atOnce   = 2   // drawings at a time: each takes some 10 MB while it lasts
	waiting  = 32  // that may wait for their turn
	MaxPages = 500 // of one PDF
)

// Options are what a Drawer is made of.
type Options struct {
	// Font is a TrueType or OpenType font, or a collection, for characters that the embedded one has not; nil for none.
	Font []byte
	// CheckURL is the address where a number can be checked.
	CheckURL func(n study.CertificateNumber) string
}

// Drawer draws certificates. It may be used by many goroutines.
type Drawer struct {
	o     Options
	extra *typeface
	turns chan struct{}
	queue chan struct{}
}

// New makes a Drawer. The error is about the operator's font.
func New(o Options) (*Drawer, error) {
	d := &Drawer{o: o, turns: make(chan struct{}, atOnce), queue: make(chan struct{}, atOnce+waiting)}
	if o.Font != nil {
		var err error
		if d.extra, err = parseTypeface(o.Font); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Drawer) fonts() (*fonts, error) {
	base, err := unpacked()
	if err != nil {
		return nil, err
	}
	f := &fonts{list: []*typeface{base}}
	if d.extra != nil {
		f.list = append(f.list, d.extra)
	}
	return f, nil
}

// Missing returns the characters of texts that no font has, each once. A certificate with one of them is not drawn: a
// name that lacks a character is somebody else's.
func (d *Drawer) Missing(texts ...string) []rune {
	f, err := d.fonts()
	if err != nil {
		return []rune(strings.Join(texts, "")) // a broken font draws nothing
	}
	return f.missing(texts)
}

// turn waits for a turn to draw. Too many in front is fault.Limited.
func (d *Drawer) turn(ctx context.Context) (func(), error) {
	select {
	case d.queue <- struct{}{}:
	default:
		return nil, fault.New(fault.Limited, "certificate.crowded")
	}
	select {
	case d.turns <- struct{}{}:
		return func() { <-d.turns; <-d.queue }, nil
	case <-ctx.Done():
		<-d.queue
		return nil, ctx.Err()
	}
}

// pages lays certificates out. A revoked one, and one with a character that no font has, is fault.Conflict.
func (d *Drawer) pages(f *fonts, list []study.Certificate) ([]page, error) {
	var out []page
	for _, c := range list {
		if c.Revoked() {
			return nil, fault.New(fault.Conflict, "certificate.revoked", fault.A("number", c.Number))
		}
		if signs := f.missing(c.Texts()); len(signs) > 0 {
			return nil, fault.New(fault.Conflict, "certificate.cannot_draw", fault.A("name", c.Name), fault.A("signs", signWords(signs)))
		}
		p, err := layout(f, c, d.o.CheckURL(c.Number))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// signWords names characters so that somebody without the font can find them: 㐖（U+3416）.
func signWords(signs []rune) string {
	var list []string
	for _, r := range signs {
		list = append(list, fmt.Sprintf("%c（U+%04X）", r, r))
	}
	return strings.Join(list, "、")
}

// PNG draws one as a picture in shades of grey.
func (d *Drawer) PNG(ctx context.Context, c study.Certificate) ([]byte, error) {
	done, err := d.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	f, err := d.fonts()
	if err != nil {
		return nil, err
	}
	pages, err := d.pages(f, []study.Certificate{c})
	if err != nil {
		return nil, err
	}
	return picture(f, pages[0])
}

func picture(f *fonts, p page) ([]byte, error) {
	const scale = dots / 25.4
	width, height := int(math.Round(sheetWidth*scale)), int(math.Round(sheetHeight*scale))
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	fill := func(x1, y1, x2, y2 float64, shade uint8) {
		// Whole dots: a stroke is at least one wide, and a code's squares meet without seams.
		l, t, r, b := int(math.Round(x1*scale)), int(math.Round(y1*scale)), int(math.Round(x2*scale)), int(math.Round(y2*scale))
		for y := t; y < max(b, t+1); y++ {
			for x := l; x < max(r, l+1); x++ {
				img.SetGray(x, y, color.Gray{Y: shade})
			}
		}
	}
	for _, l := range p.lines {
		h := l.width / 2
		if l.x1 == l.x2 {
			fill(l.x1-h, l.y1, l.x1+h, l.y2, shade(l.gray))
		} else {
			fill(l.x1, l.y1-h, l.x2, l.y1+h, shade(l.gray))
		}
	}
	if q := p.code; q != nil {
		// A module is a whole number of dots: phones read it better than one of the exact size.
		side := max(1, math.Floor(q.module*scale)) / scale
		for y := range q.modules.Size {
			for x := range q.modules.Size {
				if q.modules.Black(x, y) {
					at, down := math.Round(q.x*scale)/scale+float64(x)*side, math.Round(q.y*scale)/scale+float64(y)*side
					fill(at, down, at+side, down+side, 0)
				}
			}
		}
	}
	made := &faces{dpi: dots, made: map[faceKey]font.Face{}}
	for _, t := range p.texts {
		x := t.x
		for _, r := range t.say {
			face, _, ok := f.of(r)
			if !ok {
				return nil, fmt.Errorf("drawing: no font has %c", r)
			}
			sized, err := made.of(face, t.size)
			if err != nil {
				return nil, err
			}
			dot := fixed.Point26_6{X: fixed.Int26_6(math.Round(x * scale * 64)), Y: fixed.Int26_6(math.Round(t.y * scale * 64))}
			if box, mask, from, _, ok := sized.Glyph(dot, r); ok {
				ink(img, box, mask, from, shade(t.gray))
			}
			x += f.advance(r) * t.size * mmPerPoint
		}
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := encoder.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("writing a picture: %w", err)
	}
	return b.Bytes(), nil
}

// ink lays a shade through a mask. The library's own way asks for each dot's colour by an interface: four times slower.
func ink(img *image.Gray, box image.Rectangle, mask image.Image, from image.Point, shade uint8) {
	box, moved := box.Intersect(img.Rect), box.Min
	alpha, ok := mask.(*image.Alpha)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			var a int
			if mx, my := x-moved.X+from.X, y-moved.Y+from.Y; ok {
				a = int(alpha.AlphaAt(mx, my).A)
			} else {
				_, _, _, wide := mask.At(mx, my).RGBA()
				a = int(wide >> 8)
			}
			if a != 0 {
				at := img.PixOffset(x, y)
				img.Pix[at] = uint8((int(img.Pix[at])*(255-a) + int(shade)*a + 127) / 255)
			}
		}
	}
}

func shade(gray bool) uint8 {
	if gray {
		return 0x58
	}
	return 0
}

// PDF draws some, a page each, in their order: 1 to MaxPages.
func (d *Drawer) PDF(ctx context.Context, list []study.Certificate) ([]byte, error) {
	if len(list) == 0 || len(list) > MaxPages {
		return nil, fault.New(fault.Invalid, "certificate.pages", fault.A("limit", MaxPages))
	}
	done, err := d.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	f, err := d.fonts()
	if err != nil {
		return nil, err
	}
	pages, err := d.pages(f, list)
	if err != nil {
		return nil, err
	}
	return paper(f, pages, list)
}

const family = "kai"

func paper(f *fonts, pages []page, list []study.Certificate) ([]byte, error) {
	p := fpdf.New("P", "mm", "A4", "")
	issued := list[0].IssuedAt.UTC()
	p.SetCreationDate(issued) // not the clock: the same certificate is the same file
	p.SetModificationDate(issued)
	p.SetCatalogSort(true)
	p.SetProducer("Tiangeng", true)
	p.SetLang("zh-CN")
	title := "学时证明"
	if len(list) == 1 {
		title += " " + list[0].Name + " " + list[0].Number.String()
	}
	p.SetTitle(title, true)
	p.SetAuthor(list[0].Office, true)
	p.SetAutoPageBreak(false, 0)
	p.AddUTF8FontFromBytes(family, "", f.list[0].data)
	for _, x := range pages {
		p.AddPage()
		for _, l := range x.lines {
			tone(p, l.gray)
			p.SetLineWidth(l.width)
			p.Line(l.x1, l.y1, l.x2, l.y2)
		}
		tone(p, false)
		if q := x.code; q != nil {
			for row := range q.modules.Size {
				for from := 0; from < q.modules.Size; from++ {
					to := from
					for to < q.modules.Size && q.modules.Black(to, row) {
						to++
					}
					if to > from {
						p.Rect(q.x+float64(from)*q.module, q.y+float64(row)*q.module, float64(to-from)*q.module, q.module*1.01, "F")
						from = to
					}
				}
			}
		}
		for _, t := range x.texts {
			if err := write(p, f, t); err != nil {
				return nil, err
			}
		}
	}
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, fmt.Errorf("writing a PDF: %w", err)
	}
	return b.Bytes(), nil
}

func tone(p *fpdf.Fpdf, gray bool) {
	v := int(shade(gray))
	p.SetDrawColor(v, v, v)
	p.SetFillColor(v, v, v)
	p.SetTextColor(v, v, v)
}

// write sets a text in runs. What the library's font cannot hold – characters beyond the basic plane, and those of the
// operator's font – is drawn as the outline that it is, with the character behind it for searching and copying.
func write(p *fpdf.Fpdf, f *fonts, t text) error {
	tone(p, t.gray)
	p.SetFont(family, "", t.size)
	x, from := t.x, t.x
	run := ""
	flush := func() {
		if run != "" {
			p.Text(from, t.y, run)
		}
		run = ""
	}
	for _, r := range t.say {
		face, glyph, ok := f.of(r)
		if !ok {
			return fmt.Errorf("drawing: no font has %c", r)
		}
		wide := f.advance(r) * t.size * mmPerPoint
		if face == f.list[0] && r < 0x10000 {
			if run == "" {
				from = x
			}
			run += string(r)
		} else {
			flush()
			if err := outline(p, f, face, glyph, r, x, t); err != nil {
				return err
			}
		}
		x += wide
	}
	flush()
	return nil
}

// outline fills the outline of a glyph. The sign 〓 stands there invisibly and stands for the character.
func outline(p *fpdf.Fpdf, f *fonts, face *typeface, glyph sfnt.GlyphIndex, r rune, x float64, t text) error {
	segments, err := face.font.LoadGlyph(&f.buf, glyph, fixed.I(int(face.unit)), nil)
	if err != nil {
		return fmt.Errorf("drawing %c: %w", r, err)
	}
	scale := t.size * mmPerPoint / face.unit / 64
	at := func(q fixed.Point26_6) (float64, float64) { return x + float64(q.X)*scale, t.y + float64(q.Y)*scale }
	actual := "FEFF"
	for _, u := range utf16Of(r) {
		actual += fmt.Sprintf("%04X", u)
	}
	p.RawWriteStr("/Span <</ActualText <" + actual + ">>> BDC\n")
	var px, py float64 // where the pen is
	for i, s := range segments {
		ax, ay := at(s.Args[0])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			if i > 0 {
				p.ClosePath()
			}
			p.MoveTo(ax, ay)
			px, py = ax, ay
		case sfnt.SegmentOpLineTo:
			p.LineTo(ax, ay)
			px, py = ax, ay
		case sfnt.SegmentOpQuadTo:
			// As a cubic: the library's quadratic curve writes an operator that is none.
			bx, by := at(s.Args[1])
			p.CurveBezierCubicTo(px+(ax-px)*2/3, py+(ay-py)*2/3, bx+(ax-bx)*2/3, by+(ay-by)*2/3, bx, by)
			px, py = bx, by
		case sfnt.SegmentOpCubeTo:
			bx, by := at(s.Args[1])
			cx, cy := at(s.Args[2])
			p.CurveBezierCubicTo(ax, ay, bx, by, cx, cy)
			px, py = cx, cy
		}
	}
	if len(segments) > 0 {
		p.ClosePath()
		p.DrawPath("F")
	}
	p.SetTextRenderingMode(3)
	p.Text(x, t.y, "〓")
	p.SetTextRenderingMode(0)
	p.RawWriteStr("EMC\n")
	if p.Err() {
		return errors.Join(errors.New("drawing an outline"), p.Error())
	}
	return nil
}

func utf16Of(r rune) []uint16 {
	if r < 0x10000 {
		return []uint16{uint16(r)}
	}
	r -= 0x10000
	return []uint16{0xd800 + uint16(r>>10), 0xdc00 + uint16(r&0x3ff)}
}
