package certificate_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/font/gofont/goregular"
	"rsc.io/qr"

	"github.com/tiangeng/tiangeng/bot/certificate"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

var update = flag.Bool("update", false, "rewrite testdata/*.layout")

var issued = time.Date(2026, 11, 28, 6, 5, 0, 0, time.UTC)

func url(n study.CertificateNumber) string { return "https://learn.example.gov.cn/c/" + string(n) }

// sample has a name with characters beyond GB 2312, one of them beyond the basic plane, and every source of hours.
func sample() study.Certificate {
	h := study.Holder{County: "示范州·田埂县", Learner: people.Learner{ID: 7, Name: "岩温𬭚·香㛃", Unit: "539901100201", UnitName: "示范州·田埂县·青松镇·新村村民委员会", Category: "乡镇干部"}}
	terms := study.CertificateTerms{Office: "中共田埂县委组织部", Targets: study.Targets{
		{Code: "year", Name: "全年学时", Of: study.TargetAll, Hours: 9000, Law: "《干部教育培训工作条例》（2023年）：乡科级及以下每年不少于12天或者90学时"},
		{Code: "online", Name: "网络学习", Of: study.TargetOnline, Hours: 5000, Law: "云南省干部在线学习学院《学习学时制介绍》（2024年1月2日）：每年网络学习不少于50学时"},
	}}
	entry := func(kind study.SourceKind, hours study.StudyHours, rule string, delegate bool) study.Posting {
		return study.Posting{LedgerEntry: study.LedgerEntry{Learner: 7, Kind: kind, Key: "k", Hours: hours, Rule: rule, Day: "2026-03-02", Delegate: delegate}}
	}
	return study.Certificate{
		Number: study.NewCertificateNumber(2026, 0x2b3c4d5e6f708), IssuedAt: issued, IssuedBy: "cli:test",
		Statement: study.StateYear(h, terms, 2026, "2026-11-28", []study.Posting{
			entry(study.SourceLesson, 4125, "yn-2024-01", false), entry(study.SourceTest, 950, "yn-2024-01", true), entry(study.SourceSession, 2800, "class-2026-01", false), entry(study.SourceRecord, 1400, "record-2026-01", false),
		}),
	}
}

func drawer(t testing.TB, extra []byte) *certificate.Drawer {
	t.Helper()
	d, err := certificate.New(certificate.Options{CheckURL: url, Font: extra})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func picture(t testing.TB, d *certificate.Drawer, c study.Certificate) ([]byte, *image.Gray) {
	t.Helper()
	data, err := d.PNG(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	gray, ok := img.(*image.Gray)
	if !ok || gray.Rect.Dx() != 1240 || gray.Rect.Dy() != 1754 {
		t.Fatalf("%T of %v", img, img.Bounds())
	}
	return data, gray
}

// ink is how many thousandths of a field, in millimetres, are dark.
func ink(img *image.Gray, x1, y1, x2, y2 float64) int {
	const scale = 150 / 25.4
	r := image.Rect(int(x1*scale), int(y1*scale), int(x2*scale), int(y2*scale))
	dark := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if img.GrayAt(x, y).Y < 128 {
				dark++
			}
		}
	}
	return dark * 1000 / (r.Dx() * r.Dy())
}

func TestThePictureHasEverythingInItsPlace(t *testing.T) {
	t.Parallel()
	d := drawer(t, nil)
	data, img := picture(t, d, sample())
	again, _ := picture(t, d, sample())
	if !bytes.Equal(data, again) || len(data) > 400<<10 {
		t.Errorf("%d bytes, equal %t", len(data), bytes.Equal(data, again))
	}
	for name, f := range map[string]struct {
		x1, y1, x2, y2 float64
		least, most    int
	}{
		"title": {70, 28, 140, 45, 40, 300}, "number": {120, 56, 185, 63, 20, 300}, "name": {55, 67, 85, 74, 30, 300}, "the rare character": {70.5, 67, 75, 74, 60, 400},
		"code": {25, 231, 59, 265, 350, 650}, "office": {138, 243, 184, 254, 30, 300}, "margin": {0, 0, 210, 9, 0, 0}, "room for the stamp": {140, 233, 180, 242, 0, 5}, "left edge": {14, 70, 24, 220, 0, 0},
	} {
		if n := ink(img, f.x1, f.y1, f.x2, f.y2); n < f.least || n > f.most {
			t.Errorf("%s: %d thousandths are dark, want %d to %d", name, n, f.least, f.most)
		}
	}
	want, err := qr.Encode(url(sample().Number), qr.M)
	if err != nil {
		t.Fatal(err)
	}
	side := int(34.0 / float64(want.Size) * 150 / 25.4)
	for y := range want.Size {
		for x := range want.Size {
			if dark := img.GrayAt(148+x*side+side/2, 1364+y*side+side/2).Y < 128; dark != want.Black(x, y) {
				t.Fatalf("the code is another one at %d, %d", x, y)
			}
		}
	}
	other := sample()
	other.Name = "岩温铎·香㛃"
	if changed, _ := picture(t, d, other); bytes.Equal(data, changed) {
		t.Error("another name looks the same")
	}
}

// streams are the contents of a PDF, unpacked.
func streams(t testing.TB, pdf []byte) string {
	t.Helper()
	var out strings.Builder
	for _, part := range regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`).FindAllSubmatch(pdf, -1) {
		r, err := zlib.NewReader(bytes.NewReader(part[1]))
		if err != nil {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		out.Write(data)
	}
	return out.String()
}

func TestThePaperIsOneFileForOneCertificate(t *testing.T) {
	t.Parallel()
	d := drawer(t, nil)
	one, err := d.PDF(t.Context(), []study.Certificate{sample()})
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.PDF(t.Context(), []study.Certificate{sample()})
	if err != nil || !bytes.Equal(one, again) || len(one) > 200<<10 || !bytes.HasPrefix(one, []byte("%PDF-1.")) {
		t.Errorf("%d bytes, equal %t, %v", len(one), bytes.Equal(one, again), err)
	}
	text := streams(t, one)
	for what, want := range map[string]string{
		"the character beyond the basic plane, to be copied": "/ActualText <FEFFD872DF5A>", "its outline": " c\n",
		"the font, embedded": "",
	} {
		if want != "" && !strings.Contains(text, want) {
			t.Errorf("%s is not there", what)
		}
	}
	if !bytes.Contains(one, []byte("/FontFile2")) || !bytes.Contains(one, []byte("/ToUnicode")) || strings.Count(string(one), "/Type /Page\n") != 1 {
		t.Error("no font, no text, or not one page")
	}
	two := sample()
	two.Number = study.NewCertificateNumber(2026, 9)
	both, err := d.PDF(t.Context(), []study.Certificate{sample(), two})
	if err != nil || strings.Count(string(both), "/Type /Page\n") != 2 || len(both) > len(one)*3/2 {
		t.Errorf("two take %d bytes, one %d; %v", len(both), len(one), err)
	}
}

// Both drawings are made of one layout; it stands in a file, so that a change is seen.
func TestTheLayout(t *testing.T) {
	t.Parallel()
	class := sample()
	class.Kind, class.Class, class.ClassName, class.Gaps = study.CertificateClass, "c", "村党组织书记培训示范班（第一期）", nil
	class.Office = "中共示范州田埂县委组织部干部教育培训科"
	class.UnitName = strings.Repeat("示范州·田埂县·", 6) + "新村村民委员会"
	for name, c := range map[string]study.Certificate{"year": sample(), "class": class} {
		got, err := drawer(t, nil).Describe(c)
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".layout"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("%s differs from %s (-update writes it anew; look at it first): %v\n%s", name, file, err, got)
		}
	}
}

// Whatever names and laws there are, they fit on the sheet, or the drawing is refused: nothing overlaps the foot.
func TestLongTextsFit(t *testing.T) {
	t.Parallel()
	d := drawer(t, nil)
	c := sample()
	for n := 1; n <= 4; n++ {
		c.UnitName = strings.Repeat("很长的单位名称", 12*n)
		c.Gaps = append(c.Gaps, study.Gap{Target: study.Target{Name: strings.Repeat("学", 20), Hours: 100, Law: strings.Repeat("依", 100)}, Missing: 100})
		list, err := d.Describe(c)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		for l := range strings.Lines(list) {
			var x, y, size float64
			if got, _ := fmt.Sscanf(l, "text %f %f %fpt", &x, &y, &size); got == 3 && y > 216 && y < 224 {
				t.Errorf("%d: in the gap above the foot stands %s", n, l)
			}
		}
	}
	c.UnitName = strings.Repeat("很长的单位名称", 200)
	if _, err := d.Describe(c); err == nil {
		t.Error("what does not fit is drawn")
	}
}

func TestWhatCannotBeDrawnIsNotDrawn(t *testing.T) {
	t.Parallel()
	d := drawer(t, nil)
	rare := sample()
	rare.Name = "王𡨴\U000323ae"
	if got := string(d.Missing(rare.Texts()...)); got != "𡨴\U000323ae" {
		t.Errorf("missing %q", got)
	}
	revoked := sample()
	revoked.RevokedAt = issued
	for key, c := range map[string]study.Certificate{"certificate.cannot_draw": rare, "certificate.revoked": revoked} {
		var f *fault.Error
		if _, err := d.PNG(t.Context(), c); !errors.As(err, &f) || f.Key != key || f.Code != fault.Conflict {
			t.Errorf("picture: %v", err)
		}
		if _, err := d.PDF(t.Context(), []study.Certificate{sample(), c}); !errors.As(err, &f) || f.Key != key {
			t.Errorf("paper: %v", err)
		}
	}
	if _, err := d.PDF(t.Context(), nil); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("no pages: %v", err)
	}
	if _, err := certificate.New(certificate.Options{Font: []byte("no font")}); err == nil {
		t.Error("what is no font is one")
	}
}

// The operator's font draws what the embedded one has not, in both drawings, and nothing else.
func TestASecondFontFillsIn(t *testing.T) {
	t.Parallel()
	c := sample()
	c.Name = "张Ω三" // Go's font has it, the embedded one has not
	d := drawer(t, goregular.TTF)
	if string(drawer(t, nil).Missing(c.Name)) != "Ω" || len(d.Missing(c.Name)) != 0 {
		t.Fatal("the case proves nothing")
	}
	_, img := picture(t, d, c)
	if n := ink(img, 61.5, 68, 65, 73); n < 40 {
		t.Errorf("only %d thousandths are dark where the sign is", n)
	}
	pdf, err := d.PDF(t.Context(), []study.Certificate{c})
	if err != nil || !strings.Contains(streams(t, pdf), "/ActualText <FEFF03A9>") {
		t.Errorf("%v", err)
	}
}

// Names of Yunnan's peoples, of 通用规范汉字表 and of newer registers can be drawn.
func TestNamesCanBeDrawn(t *testing.T) {
	t.Parallel()
	missing := drawer(t, nil).Missing(
		"杨秀兰 岩温·香 玉罕・光 扎西尼玛 和志强 阿卜杜拉·买买提 Ā á ü ABC-123", "喆堃昇淼犇赟翀珺璟煊囡嫚垚㛃𬭚䶮㼆㑊㑇𠅤𣲗𬍛䏝𬞟䥽䲟傈僳佤仡佬", "（）《》〈〉“”‘’、。，：；！？·—…〇℃％＋－１２３ＡＢ")
	if len(missing) > 0 {
		t.Errorf("no glyphs for %q", string(missing))
	}
}

// Many at once are drawn two at a time; who comes when too many wait is told so.
func TestDrawingIsBounded(t *testing.T) {
	t.Parallel()
	d := drawer(t, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	drawn, limited := 0, 0
	for range 60 {
		all.Go(func() {
			_, err := d.PNG(t.Context(), sample())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				drawn++
			case fault.CodeOf(err) == fault.Limited:
				limited++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if drawn < 34 || drawn+limited != 60 {
		t.Errorf("%d drawn, %d limited", drawn, limited)
	}
}

func BenchmarkPNG(b *testing.B) {
	d := drawer(b, nil)
	for b.Loop() {
		if _, err := d.PNG(b.Context(), sample()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPDF(b *testing.B) {
	d := drawer(b, nil)
	for b.Loop() {
		if _, err := d.PDF(b.Context(), []study.Certificate{sample()}); err != nil {
			b.Fatal(err)
		}
	}
}
