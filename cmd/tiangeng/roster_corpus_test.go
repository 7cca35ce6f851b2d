package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

var updateCorpus = flag.Bool("update-roster", false, "rewrite testdata/roster.golden")

// rosterFile is one file that somebody might send, and how it is imported.
type rosterFile struct {
	name   string
	data   []byte
	ignore []string
	phones bool
	full   people.OrgCode
	scope  people.Scope // everybody when empty
	most   int          // bad rows of a hundred, 100 when 0
}

const (
	corpusHead  = "州市,县市区,乡镇街道,村社区,单位代码,姓名,干部类别,绑定码\n"
	corpusUnit  = "示范州,田埂县,青松镇,青石村委会,539901100201,"
	corpusGood  = corpusUnit + "张三,村干部,A001\n"
	corpusOther = corpusUnit + "李四,村医,A002\n"
)

// withRow is a file with two good rows and one more.
func withRow(row string) []byte { return []byte(corpusHead + corpusGood + row + "\n" + corpusOther) }

// withPerson is such a file with another name, category and code in the village of the good rows.
func withPerson(cells string) []byte { return withRow(corpusUnit + cells) }

func utf16Of(e unicode.Endianness) encoding.Encoding { return unicode.UTF16(e, unicode.IgnoreBOM) }

func encoded(t *testing.T, e encoding.Encoding, mark, text string) []byte {
	t.Helper()
	s, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(mark + s)
}

// book is a workbook made by another program: the good file, and what change does to it.
func book(t *testing.T, change func(f *excelize.File) error) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, line := range strings.Split(strings.TrimSpace(corpusHead+corpusGood+corpusOther), "\n") {
		var cells []any
		for _, c := range strings.Split(line, ",") {
			cells = append(cells, c)
		}
		if err := f.SetSheetRow("Sheet1", fmt.Sprint("A", i+1), &cells); err != nil {
			t.Fatal(err)
		}
	}
	if err := change(f); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bookWith is the good workbook with a third person, whose cells are set by cell name.
func bookWith(t *testing.T, cells map[string]any) []byte {
	t.Helper()
	return book(t, func(f *excelize.File) error {
		for i, c := range []string{"示范州", "田埂县", "青松镇", "青石村委会", "539901100201", "王五", "村干部", "A003"} {
			if err := f.SetCellStr("Sheet1", string(rune('A'+i))+"4", c); err != nil {
				return err
			}
		}
		for at, v := range cells {
			if err := f.SetCellValue("Sheet1", at, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// repacked is a workbook with parts replaced or added; a nil text takes one out.
func repacked(t *testing.T, data []byte, parts map[string]func(old string) string) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	// The files that are hostile have hundreds of megabytes of the same: at any level that is next to nothing, and at this one soon.
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	put := func(name, text string) {
		p, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(p, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		old, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		text := string(old)
		if change := parts[f.Name]; change != nil {
			text = change(text)
			delete(parts, f.Name)
		}
		put(f.Name, text)
	}
	for name, make := range parts {
		put(name, make(""))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const firstSheet = "xl/worksheets/sheet1.xml"

func sheetChanged(t *testing.T, change func(old string) string) []byte {
	t.Helper()
	return repacked(t, bookWith(t, nil), map[string]func(string) string{firstSheet: change})
}

// theSame replaces a part whatever it was.
func theSame(text string) func(string) string { return func(string) string { return text } }

// corpus is every file. Ground truth is the golden file, which people can read.
func corpus(t *testing.T) []rosterFile {
	t.Helper()
	plain := corpusHead + corpusGood + corpusOther
	list := []rosterFile{
		{name: "好文件", data: []byte(plain)},
		{name: "空文件"},
		{name: "只有空白", data: []byte(" ,,\n\n　\n")},
		{name: "只有表头", data: []byte(corpusHead)},
		{name: "没有表头", data: []byte(corpusGood + corpusOther)},
		{name: "表头不在第一行", data: []byte("2026年花名册\n填表人：某某\n\n" + plain)},
		{name: "表头在第十行", data: []byte(strings.Repeat("说明\n", 9) + plain)},
		{name: "表头在第十一行", data: []byte(strings.Repeat("说明\n", 10) + plain)},
		{name: "表头换个说法、换个顺序", data: []byte("验证码,学员姓名,人员类别,统计用区划代码,村委会,乡镇,县区,地州市\nA001,张三,村干部,539901100201,青石村委会,青松镇,田埂县,示范州\n")},
		{name: "表头带星号、括号、空格、冒号", data: []byte("* 单 位 代 码（必填）,姓　名：,绑定码[4-12位],村社区\n539901100201,张三,A001,青石村委会\n")},
		{name: "英文表头", data: []byte("unit,Name,CODE,village\n539901100201,张三,A001,青石村委会\n")},
		{name: "缺一列", data: []byte("单位代码,姓名\n539901,张三\n")},
		{name: "同一列两次", data: []byte("单位代码,姓名,绑定码,名字\n539901,张三,A001,张三\n")},
		{name: "不认识的列", data: []byte("单位代码,姓名,绑定码,县市区,备注\n539901,张三,A001,田埂县,好\n")},
		{name: "不认识的列，写明不读", data: []byte("单位代码,姓名,绑定码,县市区,备 注\n539901,张三,A001,田埂县,好\n"), ignore: []string{"备注"}},
		{name: "身份证列", data: []byte("单位代码,姓名,绑定码,公民身份号码\n539901,张三,A001,\n")},
		{name: "身份证列，写明不读也不行", data: []byte("单位代码,姓名,绑定码,身份证号\n539901,张三,A001,\n"), ignore: []string{"身份证号"}},
		{name: "电话列，没有密钥", data: []byte("单位代码,姓名,绑定码,联系电话\n539901,张三,A001,\n")},
		{name: "银行卡列", data: []byte("单位代码,姓名,绑定码,银行卡号\n539901,张三,A001,\n")},
		{name: "序号列不读", data: []byte("序号,单位代码,姓名,绑定码,县市区\n1,539901,张三,A001,田埂县\n")},
		{name: "列名叫备注，其实全是身份证号", data: []byte("单位代码,姓名,绑定码,县市区,备注\n" + idRows(4)), ignore: []string{"备注"}},
		{name: "备注里个别身份证号", data: []byte("单位代码,姓名,绑定码,县市区,备注\n" + idRows(2)), ignore: []string{"备注"}},
		{name: "空行在中间和末尾", data: []byte(corpusHead + "\n,,,,,,,\n" + corpusGood + "\n\n" + corpusOther + ",,\n\n")},
		{name: "行末多空格和空格子", data: []byte(corpusHead + corpusUnit + "张三 　, 村干部 ,A001\u00a0,,,\n")},
		{name: "全角数字和字母", data: []byte(corpusHead + "示范州,田埂县,青松镇,青石村委会,５３９９０１１００２０１,张三,村干部,ａ００１\n")},
		{name: "单位代码写前九位、六位", data: []byte(corpusHead + "示范州,田埂县,青松镇,,539901100,张三,,A001\n示范州,田埂县,,,539901,李四,,A002\n")},
		{name: "姓名带间隔号", data: []byte(corpusHead + corpusUnit + "岩温・香,,A001\n" + corpusUnit + "岩温•香,,A002\n")},
		{name: "生僻字姓名", data: []byte(corpusHead + corpusUnit + "𠮷三,,A001\n" + corpusUnit + "㛃四,,A002\n")},
		{name: "零宽字符", data: withPerson("王\u200b五\ufeff,村干部,A0\u200b03")},
		{name: "换行符混着用", data: []byte(strings.Replace(strings.Replace(plain, "\n", "\r\n", 1), "A001\n", "A001\r", 1))},
		{name: "制表符分隔", data: []byte(strings.ReplaceAll(plain, ",", "\t"))},
		{name: "分号分隔", data: []byte(strings.ReplaceAll(plain, ",", ";"))},
		{name: "带 sep= 提示行", data: []byte("sep=;\r\n" + strings.ReplaceAll(plain, ",", ";"))},
		{name: "加引号，格子里有逗号和换行", data: withRow(`"示范州","田埂县","青松镇","青石村委会","539901100201","王五","村干部,兼会计` + "\n" + `第二行","A003"`)},
		{name: "引号没有配对", data: withRow(corpusUnit + `"王五,村干部,A003`)},
		{name: "格子太长", data: withPerson("王五," + strings.Repeat("长", 1001) + ",A003")},
		{name: "姓名一万字", data: withPerson(strings.Repeat("王", 10_000) + ",,A003")},
		{name: "公式样的姓名", data: withPerson("=1+1,村干部,A003")},
		{name: "前面有撇号的代码", data: withPerson("王五,村干部,'0042")},
		{name: "个别坏字节", data: withPerson("王\xff五,村干部,A003")},
		{name: "有零字节", data: withPerson("王\x00五,村干部,A003")},
		{name: "乱码替换符", data: withPerson("王\ufffd五,村干部,A003")},
		{name: "程序文件", data: []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00")},
		{name: "网页存成表格", data: []byte("<html><table><tr><td>姓名</td></tr></table></html>")},
		{name: "旧格式或加密的表格", data: []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600))},
		{name: "没填单位代码", data: withRow("示范州,田埂县,青松镇,青石村委会,,王五,,A003")},
		{name: "单位代码位数不对", data: withRow("示范州,田埂县,青松镇,青石村委会,5399011002,王五,,A003")},
		{name: "单位代码里有字母", data: withRow("示范州,田埂县,青松镇,青石村委会,5399O1100201,王五,,A003")},
		{name: "单位代码被缩成 5.39901E+11", data: withRow("示范州,田埂县,青松镇,青石村委会,5.39901E+11,王五,,A003")},
		{name: "代码被缩成 1.23E+17", data: withPerson("王五,村干部,1.23E+17")},
		{name: "没写单位名称", data: withRow("示范州,田埂县,青松镇,,539901100201,王五,,A003")},
		{name: "名称比代码低一级", data: withRow("示范州,田埂县,青松镇,青石村委会,539901100,王五,,A003")},
		{name: "单位名称不像名称", data: withRow("示范州,田埂县,青松镇,????,539901100201,王五,,A003")},
		{name: "一个代码两个名称", data: withRow("示范州,田埂县,青松镇,青山村委会,539901100201,王五,,A003")},
		{name: "一个名称两个代码", data: withRow("示范州,田埂县,青松镇,青石村委会,539901100202,王五,,A003")},
		{name: "没填姓名", data: withPerson(" ,村干部,A003")},
		{name: "一个字的姓名", data: withPerson("王,村干部,A003")},
		{name: "姓名太长", data: withPerson(strings.Repeat("王", 31) + ",村干部,A003")},
		{name: "姓名里有数字", data: withPerson("王五2,村干部,A003")},
		{name: "姓名里有备注", data: withPerson("王五（女）,村干部,A003")},
		{name: "姓名是日期", data: withPerson("2026-03-01,村干部,A003")},
		{name: "类别太长", data: withPerson("王五," + strings.Repeat("干", 21) + ",A003")},
		{name: "类别里有看不见的符号", data: withPerson("王五,干\u202e部,A003")},
		{name: "没填绑定码", data: withPerson("王五,村干部,")},
		{name: "行没写完", data: withRow("示范州,田埂县,青松镇,青石村委会,539901100201,王五")},
		{name: "绑定码太短", data: withPerson("王五,村干部,A3")},
		{name: "绑定码太长", data: withPerson("王五,村干部,A123456789012")},
		{name: "绑定码变成 2-Mar", data: withPerson("王五,村干部,2-Mar")},
		{name: "绑定码变成 Mar-02", data: withPerson("王五,村干部,Mar-02")},
		{name: "带横线的绑定码", data: withPerson("王五,村干部,MAR-026")},
		{name: "绑定码是汉字", data: withPerson("王五,村干部,绑定码三")},
		{name: "绑定码像身份证号", data: withPerson("王五,村干部," + anID)},
		{name: "绑定码像手机号", data: withPerson("王五,村干部,13800138000")},
		{name: "姓名像身份证号", data: withPerson(anID + ",村干部,A003")},
		{name: "十五位身份证号", data: withPerson("530102900101123,村干部,A003")},
		{name: "全角、带空格的身份证号", data: withPerson("王五,村干部,５３９９０１ １９９００１０１ １２３" + anID[17:])},
		{name: "校验码不对的身份证号", data: withPerson("王五,村干部,539901199001011230")},
		{name: "类别里夹着身份证号", data: withPerson("王五,村干部" + anID + ",A003")},
		{name: "类别里夹着手机号", data: withPerson("王五,书记13800138000,A003")},
		{name: "单位名称里夹着身份证号", data: withRow("示范州,田埂县,青松镇,青石村" + anID + ",539901100201,王五,,A003")},
		{name: "单位代码填成身份证号", data: withRow("示范州,田埂县,青松镇,青石村委会," + anID + ",王五,,A003")},
		{name: "完全重复", data: withRow(strings.TrimSpace(corpusGood))},
		{name: "同名写法不同也是重复", data: withPerson("张　三,驻村,a-001")},
		{name: "三个重复", data: []byte(corpusHead + strings.Repeat(corpusGood, 4))},
		{name: "同村同名不同绑定码", data: withPerson("张三,村医,A009")},
		{name: "同名同码不同村", data: withRow("示范州,田埂县,青松镇,白石村委会,539901100202,张三,村干部,A001")},
		{name: "一行几处不对", data: withRow("示范州,田埂县,青松镇,,53990110020,王," + strings.Repeat("干", 21) + ",A")},
		{name: "不对的超过百分之五", data: withPerson("王,村干部,A003"), most: 5},
		{name: "不对的不到百分之五", data: []byte(corpusHead + many(99) + corpusUnit + "王,,A999\n"), most: 5},
		{name: "超出管理范围", data: withRow("示范州,山下县,河口镇,河口村委会,539902100201,王五,,A003"), scope: people.Scope{Units: []people.OrgCode{"539901000000"}}},
		{name: "完整花名册写了别的单位", data: withRow("示范州,山下县,河口镇,河口村委会,539902100201,王五,,A003"), full: "539901000000"},
		{name: "一百零一列", data: []byte(strings.TrimSpace(corpusHead) + strings.Repeat(",x", 93) + "\n" + corpusGood)},
		{name: "一万列", data: []byte(strings.TrimSpace(corpusHead) + strings.Repeat(",x", 9_992) + "\n" + corpusGood)},
		{name: "一万个空列", data: []byte(strings.TrimSpace(corpusHead) + strings.Repeat(",", 9_992) + "\n" + corpusGood)},
		{name: "五十万零一行", data: []byte(corpusHead + strings.Repeat("x\n", 500_001))},
		{name: "手机号", data: phoneFile("13800138000"), phones: true},
		{name: "手机号带区号和横线", data: phoneFile("+86 138-0013-8000"), phones: true},
		{name: "手机号遮住的", data: phoneFile("138****8000"), phones: true},
		{name: "手机号空着", data: phoneFile(""), phones: true},
		{name: "手机号少一位", data: phoneFile("1380013800"), phones: true},
		{name: "座机号", data: phoneFile("0871-63192222"), phones: true},
		{name: "手机号被缩成 1.38E+10", data: phoneFile("1.38E+10"), phones: true},
		{name: "手机号填成身份证号", data: phoneFile(anID), phones: true},
		{name: "一个手机号两个人", data: []byte(strings.TrimSpace(corpusHead) + ",手机号\n" + corpusUnit + "张三,,A001,13800138000\n" + corpusUnit + "李四,,A002,13800138000\n"), phones: true},
	}
	for _, e := range []struct {
		name, mark string
		enc        encoding.Encoding
	}{
		{"UTF-8", "", unicode.UTF8}, {"UTF-8 有标记", "\xef\xbb\xbf", unicode.UTF8}, {"GBK", "", simplifiedchinese.GBK}, {"GB18030", "", simplifiedchinese.GB18030},
		{"UTF-16 LE", "", utf16Of(unicode.LittleEndian)}, {"UTF-16 LE 有标记", "\xff\xfe", utf16Of(unicode.LittleEndian)},
		{"UTF-16 BE", "", utf16Of(unicode.BigEndian)}, {"UTF-16 BE 有标记", "\xfe\xff", utf16Of(unicode.BigEndian)},
	} {
		list = append(list, rosterFile{name: "编码 " + e.name, data: encoded(t, e.enc, e.mark, strings.ReplaceAll(plain, "\n", "\r\n"))})
	}
	list = append(list, rosterFile{name: "编码 GB18030 四字节的字", data: encoded(t, simplifiedchinese.GB18030, "", corpusHead+corpusUnit+"㛃四,,A001\n"+corpusOther)})
	return append(list, books(t)...)
}

// books are the workbooks of the corpus.
func books(t *testing.T) []rosterFile {
	t.Helper()
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	styled := func(format, at string, v any) []byte {
		return book(t, func(f *excelize.File) error {
			id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
			if err != nil {
				return err
			}
			for i, c := range []string{"示范州", "田埂县", "青松镇", "青石村委会", "539901100201", "王五", "村干部", "A003"} {
				if err := f.SetCellStr("Sheet1", string(rune('A'+i))+"4", c); err != nil {
					return err
				}
			}
			if err := f.SetCellValue("Sheet1", at, v); err != nil {
				return err
			}
			return f.SetCellStyle("Sheet1", at, at, id)
		})
	}
	good := bookWith(t, nil)
	return []rosterFile{
		{name: "XLSX 好文件", data: good},
		{name: "XLSX 单位代码是数字", data: bookWith(t, map[string]any{"E4": 539901100201})},
		{name: "XLSX 绑定码是数字 1234", data: bookWith(t, map[string]any{"H4": 1234})},
		{name: "XLSX 绑定码格式 0000，值 42", data: styled("0000", "H4", 42)},
		{name: "XLSX 绑定码是小数", data: bookWith(t, map[string]any{"H4": 12.5})},
		{name: "XLSX 绑定码变成日期", data: styled("yyyy-mm-dd", "H4", day)},
		{name: "XLSX 姓名变成日期", data: styled(`m"月"d"日"`, "F4", day)},
		{name: "XLSX 十八位数字 5.39901199001011E+17", data: bookWith(t, map[string]any{"H4": 539901199001011234})},
		{name: "XLSX 是否值", data: bookWith(t, map[string]any{"H4": true})},
		{name: "XLSX 合并单元格", data: book(t, func(f *excelize.File) error { return f.MergeCell("Sheet1", "D2", "D3") })},
		{name: "XLSX 合并的标题", data: book(t, func(f *excelize.File) error {
			if err := f.InsertRows("Sheet1", 1, 1); err != nil {
				return err
			}
			if err := f.SetCellStr("Sheet1", "A1", "花名册"); err != nil {
				return err
			}
			return f.MergeCell("Sheet1", "A1", "H1")
		})},
		{name: "XLSX 公式", data: book(t, func(f *excelize.File) error { return f.SetCellFormula("Sheet1", "H3", "A1&A2") })},
		{name: "XLSX 出错的公式", data: sheetChanged(t, func(s string) string {
			before, cell, _ := strings.Cut(s, `<c r="G4"`)
			_, after, _ := strings.Cut(cell, "</c>")
			return before + `<c r="G4" t="e"><v>#REF!</v></c>` + after
		})},
		{name: "XLSX 空白行和末尾格式", data: book(t, func(f *excelize.File) error {
			if err := f.InsertRows("Sheet1", 3, 2); err != nil {
				return err
			}
			return f.SetCellStr("Sheet1", "A900", "　")
		})},
		{name: "XLSX 富文本姓名", data: book(t, func(f *excelize.File) error {
			return f.SetCellRichText("Sheet1", "F3", []excelize.RichTextRun{{Text: "李"}, {Text: "四", Font: &excelize.Font{Bold: true}}})
		})},
		{name: "XLSX 隐藏的工作表不读", data: book(t, func(f *excelize.File) error {
			if _, err := f.NewSheet("旧名单"); err != nil {
				return err
			}
			if err := f.SetCellStr("旧名单", "A1", "别的"); err != nil {
				return err
			}
			return f.SetSheetVisible("旧名单", false)
		})},
		{name: "XLSX 两张有内容的工作表", data: book(t, func(f *excelize.File) error {
			if _, err := f.NewSheet("说明"); err != nil {
				return err
			}
			return f.SetCellStr("说明", "A1", "怎么填")
		})},
		{name: "XLSX 一张空工作表在后面", data: book(t, func(f *excelize.File) error {
			_, err := f.NewSheet("Sheet2")
			return err
		})},
		{name: "XLSX 全角代码", data: bookWith(t, map[string]any{"H4": "ａ００３"})},
		{name: "XLSX 一万列", data: bookWith(t, map[string]any{"NTP1": "x"})},
		{name: "XLSX 截断", data: good[:len(good)/2]},
		{name: "XLSX 工作表截断", data: sheetChanged(t, func(s string) string { return s[:len(s)*2/3] })},
		{name: "XLSX 少一个部件", data: repacked(t, good, map[string]func(string) string{"xl/_rels/workbook.xml.rels": theSame("<Relationships/>")})},
		{name: "XLSX 其实是别的压缩包", data: repacked(t, emptyZip(t), map[string]func(string) string{"word/document.xml": theSame("<w/>")})},
		{name: "XLSX 展开超过 200 MB", data: repacked(t, good, map[string]func(string) string{firstSheet: func(s string) string {
			return strings.Replace(s, "</sheetData>", strings.Repeat("<row></row>", 20<<20)+"</sheetData>", 1)
		}})},
		{name: "XLSX 文字表展开超过 200 MB", data: repacked(t, good, map[string]func(string) string{"xl/sharedStrings.xml": theSame("<sst>" + strings.Repeat("<si><t>十个字十个字十个字十</t></si>", 5<<20) + "</sst>")})},
		{name: "XLSX 实体炸弹", data: sheetChanged(t, func(s string) string {
			return `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>` + strings.Replace(strings.TrimPrefix(s, `<?xml version="1.0" encoding="UTF-8"?>`), "A003", "&b;", 1)
		})},
		{name: "XLSX 外部实体", data: sheetChanged(t, func(string) string {
			return `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>`
		})},
		{name: "XLSX 一千层嵌套", data: sheetChanged(t, func(string) string {
			return "<worksheet><sheetData><row><c><v>1</v></c></row>" + strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000) + "</sheetData></worksheet>"
		})},
		{name: "XLSX 一个没有尽头的标签", data: sheetChanged(t, func(string) string {
			return "<worksheet><sheetData><row><c><v>1</v></c></row><row " + strings.Repeat("a", 2<<20) + "='1'/></sheetData></worksheet>"
		})},
		{name: "XLSX 两万零一处合并", data: sheetChanged(t, func(s string) string {
			return strings.Replace(s, "</worksheet>", "<mergeCells>"+strings.Repeat(`<mergeCell ref="A2:A3"/>`, 20_001)+"</mergeCells></worksheet>", 1)
		})},
		{name: "XLSX 行号倒着写", data: sheetChanged(t, func(s string) string { return strings.Replace(s, `<row r="4"`, `<row r="1"`, 1) })},
		{name: "XLSX 超过 20 MB", data: append(bytes.Clone(good), make([]byte, 20<<20)...)},
		{name: "XLSX 五十万零一行", data: sheetChanged(t, func(s string) string {
			head, _, _ := strings.Cut(s, `<row r="4"`)
			return head + strings.Repeat("<row><c><v>1</v></c></row>", 500_000) + "</sheetData></worksheet>"
		})},
	}
}

func emptyZip(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create("mimetype"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// anID has the form of an identity card number with the right check digit; there is no such county.
const anID = "539901199001011237"

func idRows(n int) string {
	var b strings.Builder
	for i := range 6 {
		note := "好"
		if i < n {
			note = anID
		}
		fmt.Fprintf(&b, "539901,张三,A%03d,田埂县,%s\n", i, note)
	}
	return b.String()
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s张三,,B%03d\n", corpusUnit, i)
	}
	return b.String()
}

func phoneFile(number string) []byte {
	return []byte(strings.TrimSpace(corpusHead) + ",手机号\n" + corpusUnit + "张三,,A001," + number + "\n")
}

// Every file of the corpus is read as the golden file says: R1 holds, whatever is wrong is said with row, column and
// reason in plain Chinese, and what is usable is imported once.
func TestRosterCorpus(t *testing.T) {
	t.Parallel()
	keys, err := store.NewPhoneKeys("k1:"+strings.Repeat("A", 43)+"=", strings.Repeat("B", 43)+"=")
	if err != nil {
		t.Fatal(err)
	}
	say := content.DefaultPhrases()
	empty := storetest.MigratedSQLiteFile(t)
	files := corpus(t)
	if len(files) < 100 {
		t.Errorf("only %d files", len(files))
	}
	seen := map[string]bool{}
	var out strings.Builder
	for _, f := range files {
		if seen[f.name] {
			t.Errorf("%s is there twice", f.name)
		}
		seen[f.name] = true
		name := "花名册.csv"
		if bytes.HasPrefix(f.data, []byte("PK")) {
			name = "花名册.xlsx"
		}
		fmt.Fprintf(&out, "## %s\n", f.name)
		r, err := report.ReadRoster(bytes.NewReader(f.data), int64(len(f.data)), name, people.ReadOptions{Ignore: f.ignore, Phones: f.phones})
		if err == nil {
			if len(f.scope.Units) == 0 {
				f.scope = people.Everyone()
			}
			if f.most == 0 {
				f.most = 100
			}
			r, err = r.Usable(name, f.scope, f.full, f.most)
			if len(r.Rows)+r.Rejected != r.Read {
				t.Errorf("%s: R1: %d + %d rows of %d", f.name, len(r.Rows), r.Rejected, r.Read)
			}
			fmt.Fprintf(&out, "读 %d 行，可用 %d 行，不可用 %d 行\n", r.Read, len(r.Rows), r.Rejected)
			for _, row := range r.Rows[:min(len(r.Rows), 3)] {
				fmt.Fprintf(&out, "  %d: %s %s %s %q %s\n", row.Row, row.Unit, row.Name, row.Code, row.Category, people.MaskPhone(row.Phone))
			}
			for _, p := range r.Problems {
				if p.Row == 0 || p.Column == "" {
					t.Errorf("%s: a row is refused without row or column: %v", f.name, p)
				}
				fmt.Fprintf(&out, "  %s\n", say.Fault(p))
			}
		}
		var said *fault.Error
		switch {
		case errors.As(err, &said):
			fmt.Fprintf(&out, "整个文件不能用：%s\n", say.Fault(said))
		case err != nil:
			t.Errorf("%s: no sentence for people: %v", f.name, err)
		}
		if err == nil {
			importTwice(t, empty, keys, f, r)
		}
	}
	if strings.Contains(out.String(), anID) || strings.Contains(out.String(), "13800138000") {
		t.Error("what is said repeats a number that must not travel")
	}
	golden := filepath.Join("testdata", "roster.golden")
	if *updateCorpus {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("-want +got (-update-roster writes it anew):\n%s", diff)
	}
}

// importTwice puts the rows into a fresh roster: all of them are new, and the same again changes nothing. What it
// exports is read again as the same.
func importTwice(t *testing.T, empty []byte, keys *store.PhoneKeys, f rosterFile, r people.Roster) {
	t.Helper()
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "a.db")
	write(t, file, string(empty))
	s, err := store.Open(ctx, store.Options{DSN: "sqlite:///" + file, Phones: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(s)
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i, want := range []people.RosterResult{{New: len(r.Rows)}, {Unchanged: len(r.Rows)}} {
		got, err := s.ImportRoster(ctx, now, "test", people.Everyone(), people.RosterImport{File: "a", Rows: r.Rows, Rejected: r.Rejected})
		got.Units = 0
		if err != nil || got.RosterResult != want || i == 1 && got.Version != 0 {
			t.Errorf("%s: import %d: %+v, %v", f.name, i+1, got, err)
		}
	}
	rows, err := s.ExportPhones(ctx, now, "test", people.Everyone(), store.PhonesPlain, "核对")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"csv", "xlsx"} {
		var b bytes.Buffer
		if err := report.WriteRoster(&b, format, true, rows); err != nil {
			t.Fatal(err)
		}
		again, err := report.ReadRoster(bytes.NewReader(b.Bytes()), int64(b.Len()), "b", people.ReadOptions{Phones: true})
		if err != nil {
			t.Fatalf("%s: reading the export: %v", f.name, err)
		}
		got, err := s.ImportRoster(ctx, now, "test", people.Everyone(), people.RosterImport{File: "b", Rows: again.Rows, Full: everyProvince(again.Rows)})
		if err != nil || got.Unchanged != len(r.Rows) || got.Version != 0 {
			t.Errorf("%s: its %s export: %+v of %s, %v", f.name, format, got, strconv.Itoa(len(r.Rows)), err)
		}
	}
}

func everyProvince(rows []people.RosterRow) people.OrgCode {
	if len(rows) == 0 {
		return ""
	}
	return rows[0].Unit.Ancestor(people.LevelProvince)
}
