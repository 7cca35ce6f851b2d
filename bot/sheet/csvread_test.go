package sheet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

func TestReadCSVInEveryEncodingAndSeparator(t *testing.T) {
	t.Parallel()
	want := [][]string{
		{"姓名", "单位代码", "备注"},
		{"岩温·香", "530102001001", "说“好”，真好"},
		{"李四", "530102001002", "两行\n一格, 有\"引号\"; 和\t制表"},
	}
	encodings := []struct {
		name string
		enc  encoding.Encoding
		mark string
	}{
		{"UTF-8", unicode.UTF8, ""},
		{"UTF-8 with a mark", unicode.UTF8, "\xef\xbb\xbf"},
		{"GBK", simplifiedchinese.GBK, ""},
		{"GB18030", simplifiedchinese.GB18030, ""},
		{"UTF-16 LE", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "\xff\xfe"},
		{"UTF-16 BE", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "\xfe\xff"},
		{"UTF-16 LE without a mark", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), ""},
		{"UTF-16 BE without a mark", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), ""},
	}
	for _, e := range encodings {
		for _, comma := range []string{",", ";", "\t"} {
			for _, end := range []string{"\n", "\r\n", "\r"} {
				t.Run(fmt.Sprintf("%s, %q, %q", e.name, comma, end), func(t *testing.T) {
					t.Parallel()
					text := strings.Join([]string{
						strings.Join(want[0], comma),
						strings.Join(want[1], comma),
						`李四` + comma + `530102001002` + comma + "\"两行\n一格, 有\"\"引号\"\"; 和\t制表\"",
					}, end)
					raw, err := e.enc.NewEncoder().String(text)
					if err != nil {
						t.Fatal(err)
					}
					got := readAll(t, []byte(e.mark+raw))
					if d := cmp.Diff(want, got.rows); d != "" {
						t.Error(d)
					}
					if got.problems != nil {
						t.Errorf("problems: %v", got.problems)
					}
				})
			}
		}
	}
}

func TestReadCSVAsAnOfficeProgramWould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     [][]string
		numbers  []int
	}{
		{"blank rows are numbered, not read", "a,b\n\n , \n\"\"\nc,d\n", [][]string{{"a", "b"}, {"c", "d"}}, []int{1, 5}},
		{"a break in a cell is one row", "a,\"x\ny\"\nc,d", [][]string{{"a", "x\ny"}, {"c", "d"}}, []int{1, 2}},
		{"mixed line ends", "a,b\rc,d\r\ne,f\ng,h", [][]string{{"a", "b"}, {"c", "d"}, {"e", "f"}, {"g", "h"}}, []int{1, 2, 3, 4}},
		{"Excel's hint line", "sep=;\r\na;b,c\r\n", [][]string{{"a", "b,c"}}, []int{1}},
		{"a cell that looks like the hint", "sep=;x,1\n", [][]string{{"sep=;x", "1"}}, []int{1}},
		{"empty cells at the end", "a,b,,,\n", [][]string{{"a", "b"}}, []int{1}},
		{"empty cells inside", ",,c\n", [][]string{{"", "", "c"}}, []int{1}},
		{"a quote inside a cell is a sign", "5\" 管,b\n", [][]string{{"5\" 管", "b"}}, []int{1}},
		{"text behind a closed quote", "\"a\"b,c\n", [][]string{{"ab", "c"}}, []int{1}},
		{"one column", "姓名\n张三\n", [][]string{{"姓名"}, {"张三"}}, []int{1, 2}},
		{"protected texts lose their apostrophe", "'0042,'=1+1,'x,''@a\n", [][]string{{"0042", "=1+1", "'x", "'@a"}}, []int{1}},
		{"separator of most rows wins over a list in one cell", "a,b\n1;2;3,b\n", [][]string{{"a", "b"}, {"1;2;3", "b"}}, []int{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := readAll(t, []byte(c.in))
			if d := cmp.Diff(c.want, got.rows); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.numbers, got.numbers); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadCSVNamesWhatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("长", 1001)
	got := readAll(t, lines("姓名,号码,备注", "张三,5.30102E+17,好", "李\ufffd四,1.23E+17,"+long, "王五,1E+10,-1.5E+20", "赵六,12E5,AE+12"))
	want := []string{
		"花名册:2:2: sheet.digits_lost text=5.30102E+17",
		"花名册:3:1: sheet.garbled",
		"花名册:3:2: sheet.digits_lost text=1.23E+17",
		"花名册:3:3: sheet.cell_too_long limit=1000",
		"花名册:4:2: sheet.digits_lost text=1E+10",
		"花名册:4:3: sheet.digits_lost text=-1.5E+20",
	}
	if d := cmp.Diff(want, got.problems); d != "" {
		t.Error(d)
	}
	if n := len([]rune(got.rows[2][2])); n != 1000 {
		t.Errorf("a cell that is too long is cut to the limit, got %d characters", n)
	}
}

func TestReadCSVKeepsUTF8WithAFewBrokenBytes(t *testing.T) {
	t.Parallel()
	got := readAll(t, []byte("姓名,单位\n张三,新村村民委员会\n李\xff四,马街\n"))
	if d := cmp.Diff([]string{"花名册:3:1: sheet.garbled"}, got.problems); d != "" {
		t.Error(d)
	}
	if got.rows[1][1] != "新村村民委员会" {
		t.Errorf("read as another encoding: %q", got.rows[1])
	}
}

func TestReadCSVRefusesTheFile(t *testing.T) {
	t.Parallel()
	small := sheet.Limits{FileBytes: 1000, TextBytes: 1000, Rows: 3, Columns: 3, CellRunes: 10}
	for _, c := range []struct {
		name, in, key string
	}{
		{"nothing in it", "", "sheet.empty"},
		{"only blanks", " ,\n\n", "sheet.empty"},
		{"a quote that is never closed", "a,b\n\"c,d\ne,f\n", "sheet.quote_open"},
		{"a quote that swallows rows", "a,b\n\"c,d\n0123456789,e\nx,\"y\"\n", "sheet.quote_open"},
		{"too many rows", "1\n2\n3\n4\n", "sheet.too_many_rows"},
		{"too many columns", "1,2,3,4\n", "sheet.too_many_columns"},
		{"too big", strings.Repeat("a\n", 501), "sheet.too_big"},
		{"a program", "\x7fELF\x00\x01\x02\x03\x00\x00ab", "sheet.not_a_table"},
		{"an old workbook or one with a password", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "sheet.old_format"},
		{"a web page", "\ufeff<html><table><tr><td>1</td></tr></table>", "sheet.old_format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, read([]byte(c.in), small).err, c.key)
		})
	}
	var e *fault.Error
	if err := read([]byte("a,b\n\"c,d\ne,f\n"), small).err; !errors.As(err, &e) || e.Row != 2 {
		t.Errorf("an open quote names its row: %v", err)
	}
}

type brokenDisk struct{ io.ReaderAt }

var errDisk = errors.New("disk")

func (b brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		return 0, errDisk
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestReadHandsOnAnErrorOfReading(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("姓名,单位\n"), 50_000)
	var last error
	for _, err := range sheet.Read(brokenDisk{bytes.NewReader(data)}, int64(len(data)), "a.csv", sheet.DefaultLimits()) {
		last = err
	}
	if !errors.Is(last, errDisk) || fault.CodeOf(last) != fault.Internal {
		t.Fatalf("error is %v", last)
	}
}

func TestReadStopsWhenTheReceiverDoes(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{[]byte("1\n2\n3\n"), xlsxOf(t, sheet.XLSXOptions{}, texts("1"), texts("2"), texts("3"))} {
		n := 0
		for _, err := range sheet.Read(bytes.NewReader(data), int64(len(data)), "a", sheet.DefaultLimits()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 2 {
				break
			}
		}
		if n != 2 {
			t.Fatalf("got %d rows", n)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("姓名,单位\n张三,\"新村\"\n"))
	f.Add([]byte("sep=;\r\na;b\r\n\"c"))
	f.Add([]byte("\xff\xfea\x00,\x00b\x00\n\x00"))
	f.Add([]byte("\xd0\xd5\xc3\xfb,\xb5\xa5\xce\xbb\r\xd5\xc5\xc8\xfd,1.2E+17"))
	limits := sheet.Limits{FileBytes: 1 << 16, TextBytes: 1 << 16, Rows: 50, Columns: 10, CellRunes: 30}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := read(data, limits)
		if got.err != nil && fault.CodeOf(got.err) != fault.Invalid {
			t.Fatalf("neither rows nor a sentence for people: %v", got.err)
		}
		for i, row := range got.rows {
			if len(row) > limits.Columns || got.numbers[i] < 1 || i > 0 && got.numbers[i] <= got.numbers[i-1] {
				t.Fatalf("row %d is number %d with %d cells", i, got.numbers[i], len(row))
			}
			for _, c := range row {
				if len([]rune(c)) > limits.CellRunes {
					t.Fatalf("a cell of %d characters", len([]rune(c)))
				}
			}
		}
	})
}
