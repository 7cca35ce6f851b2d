package certificate

import (
	"fmt"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/tiangeng/tiangeng/bot/study"
)

// The sheet is A4, upright, in millimetres from the top left corner.
const (
	sheetWidth  = 210.0
	sheetHeight = 297.0
	left        = 25.0
	right       = sheetWidth - left
)

// page is what is drawn, in order. Both drawings do exactly this.
type page struct {
	texts []text
	lines []line
	code  *code
}

// text stands with its baseline at y and begins at x.
type text struct {
	x, y float64
	size float64 // in points
	gray bool
	say  string
}

// line is a stroke.
type line struct {
	x1, y1, x2, y2 float64
	width          float64
	gray           bool
}

// code is a QR: its black modules as squares of a side.
type code struct {
	x, y, module float64
	modules      *qr.Code
}

// sourceWords name where hours come from.
var sourceWords = map[study.SourceKind]string{
	study.SourceLesson: "微课学习", study.SourceTest: "课程测验", study.SourceSession: "面授培训", study.SourceRecord: "其他学习（补录）",
}

// writer lays out from the top down.
type writer struct {
	page
	f *fonts
	y float64
	k float64 // of the part between head and foot: 1, and less where it would not fit
}

// head and foot are where the part between begins, and must have ended.
const (
	head = 65.0
	foot = 216.0
)

// layout places everything that a certificate says. check is the address of its check page.
func layout(f *fonts, c study.Certificate, check string) (page, error) {
	for _, k := range []float64{1, 0.9, 0.8, 0.7, 0.6, 0.5} {
		if w := body(f, c, k); w.y <= foot {
			return w.finish(c, check)
		}
	}
	return page{}, fmt.Errorf("laying out %s: its texts are too long for a sheet", c.Number)
}

func body(f *fonts, c study.Certificate, k float64) *writer {
	w := &writer{f: f, k: k}
	w.frame(11, 0.9)
	w.frame(13, 0.25)
	w.center(40, 30, "学 时 证 明")
	about := strconv.Itoa(c.Year) + "年度"
	if c.Kind == study.CertificateClass {
		about = "培训班次"
	}
	w.center(50, 14, "（"+about+"）")
	w.put(right-f.width("编号："+c.Number.String(), 11), 61, 11, "编号："+c.Number.String())
	w.y = head
	w.person(c)
	w.y += 5 * k
	w.hours(c)
	if len(c.Gaps) > 0 {
		w.y += 5 * k
		w.gaps(c)
	}
	w.y += 9 * k
	w.paragraph(11.5*k, fmt.Sprintf("以上学时，据本单位学时台账截至%s的记录开具，所用学时标准版本：%s。", moment(c), strings.Join(c.Rules, "、")))
	return w
}

// finish adds what stands at the foot of every sheet.
func (w *writer) finish(c study.Certificate, check string) (page, error) {
	w.foot(c, check)
	m, err := qr.Encode(check, qr.M)
	if err != nil {
		return page{}, fmt.Errorf("encoding the address of a check: %w", err)
	}
	const side = 34.0
	w.code = &code{x: left, y: 231, module: side / float64(m.Size), modules: m}
	return w.page, nil
}

func (w *writer) frame(at, width float64) {
	x, y := sheetWidth-at, sheetHeight-at
	for _, l := range [][4]float64{{at, at, x, at}, {at, y, x, y}, {at, at, at, y}, {x, at, x, y}} {
		w.lines = append(w.lines, line{l[0], l[1], l[2], l[3], width, false})
	}
}

func (w *writer) put(x, y, size float64, say string) {
	w.texts = append(w.texts, text{x: x, y: y, size: size, say: say})
}

func (w *writer) faint(x, y, size float64, say string) {
	w.texts = append(w.texts, text{x: x, y: y, size: size, say: say, gray: true})
}

func (w *writer) center(y, size float64, say string) {
	w.put((sheetWidth-w.f.width(say, size))/2, y, size, say)
}

func (w *writer) rule(width float64) {
	w.lines = append(w.lines, line{left, w.y, right, w.y, width, true})
}

func (w *writer) paragraph(size float64, say string) {
	for _, l := range w.f.wrap("　　"+say, size, right-left) {
		w.put(left, w.y, size, l)
		w.y += size * mmPerPoint * 1.55
	}
}

// row is a name and a value, which may take several lines, with a rule below.
func (w *writer) row(name, value string) {
	const column = 32.0
	size, step := 12.5*w.k, 6.6*w.k
	w.y += 7 * w.k
	w.faint(left+2, w.y, size, name)
	for i, l := range w.f.wrap(value, size, right-left-column-2) {
		if i > 0 {
			w.y += step
		}
		w.put(left+column, w.y, size, l)
	}
	w.y += 2.8 * w.k
	w.rule(0.2)
}

func (w *writer) person(c study.Certificate) {
	w.rule(0.4)
	w.row("姓　　名", c.Name)
	w.row("单　　位", c.UnitName)
	if c.Category != "" {
		w.row("干部类别", c.Category)
	}
	if c.Kind == study.CertificateClass {
		w.row("培训班次", c.ClassName)
	}
	w.row("起止日期", dayWords(c.From)+"至"+dayWords(c.To))
}

// hours are the sources with their hours, at the right edge, and the sum.
func (w *writer) hours(c study.Certificate) {
	w.rule(0.4)
	amount := func(name string, h study.StudyHours, size float64) {
		w.y += 6.6 * w.k
		size *= w.k
		say := h.String() + " 学时"
		w.put(left+2, w.y, size, name)
		w.put(right-2-w.f.width(say, size), w.y, size, say)
		w.y += 2.4 * w.k
		w.rule(0.2)
	}
	for _, k := range study.SourceKinds() {
		if h := c.Hours[k]; h != 0 {
			amount(sourceWords[k], h, 12)
		}
	}
	amount("合　　计", c.Total(), 14)
	if c.Delegate != 0 {
		amount("其中由他人代为学习（代学）", c.Delegate, 11)
	}
}

// gaps are what is asked of the person in the year.
func (w *writer) gaps(c study.Certificate) {
	for _, g := range c.Gaps {
		say := fmt.Sprintf("%s要求 %s 学时，计入 %s 学时，", g.Target.Name, g.Target.Hours, g.Done)
		if g.Missing > 0 {
			say += fmt.Sprintf("还差 %s 学时。", g.Missing)
		} else {
			say += "已达到。"
		}
		w.y += 6 * w.k
		w.put(left+2, w.y, 11*w.k, say)
		if g.Target.Law != "" {
			for _, l := range w.f.wrap("依据："+g.Target.Law, 8.5*w.k, right-left-4) {
				w.y += 4.4 * w.k
				w.faint(left+2, w.y, 8.5*w.k, l)
			}
		}
	}
}

// foot is the code with what to do with it at the left, the office with the place of its stamp at the right.
func (w *writer) foot(c study.Certificate, check string) {
	const top = 224.0
	x := left + 38
	w.put(left, top, 10, "核对真伪")
	for i, l := range append([]string{"用手机扫码，或者打开网址输入编号，", "可以核对本证明，也能看到是否已经", "撤销。台账以后有更正的，以核对页", "上的说明为准。"}, "台账指纹 "+c.LedgerMark()) {
		w.faint(x, 234+float64(i)*4.9, 8.5, l)
	}
	for i, l := range w.f.wrap(strings.TrimSuffix(check, string(c.Number)), 8.5, 62) {
		w.faint(x, 260.5+float64(i)*4.2, 8.5, l)
	}
	const box, size = 46.0, 13.0
	bx := right - box - 2
	for i := range 4 { // a dashed square: the stamp goes here
		for k := range 12 {
			a, b := float64(k)*box/12, float64(k)*box/12+box/24
			l := [][4]float64{{bx + a, top, bx + b, top}, {bx + a, top + box, bx + b, top + box}, {bx, top + a, bx, top + b}, {bx + box, top + a, bx + box, top + b}}[i]
			w.lines = append(w.lines, line{l[0], l[1], l[2], l[3], 0.15, true})
		}
	}
	center := func(y, size float64, say string, faint bool) {
		at := bx + (box-w.f.width(say, size))/2
		if faint {
			w.faint(at, y, size, say)
		} else {
			w.put(at, y, size, say)
		}
	}
	center(top+8, 10, "（盖章处）", true)
	lines := w.f.wrap(c.Office, size, box-4)
	y := top + 27 - float64(len(lines)-1)*3
	for _, l := range lines {
		center(y, size, l, false)
		y += 6.2
	}
	center(top+42, size, dayWords(study.DayOf(c.IssuedAt)), false)
}

// dayWords writes a day in full: 2026年3月9日.
func dayWords(d study.Day) string {
	p := strings.Split(string(d), "-")
	if len(p) != 3 {
		return string(d)
	}
	return p[0] + "年" + strings.TrimPrefix(p[1], "0") + "月" + strings.TrimPrefix(p[2], "0") + "日"
}

// moment writes when a certificate was issued.
func moment(c study.Certificate) string {
	at := c.IssuedAt.In(study.Zone)
	return dayWords(study.DayOf(at)) + at.Format("15时04分")
}
