package people

import (
	_ "embed" // headings.txt
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// column is what a column of a roster holds.
type column int

const (
	colNone column = iota
	colSerial
	colProvince
	colPrefecture
	colCounty
	colTownship
	colVillage
	colUnit
	colName
	colCategory
	colCode
	colPhone
	columns // how many there are
)

//go:embed headings.txt
var headingWords string

// headings are the words for each column, the one that we write first. This is the whole list of
// what a roster may hold, and why: where a person belongs (lists are made by unit), the name and
// the short code (to find the right person), the category (lists are made by it), and, where the
// operator has set a key for them, the telephone. Nothing else is needed, so nothing else is taken
// (reliability §4, row 35).
var headings = parseHeadings(headingWords)

var columnNames = map[string]column{
	"serial": colSerial, "province": colProvince, "prefecture": colPrefecture, "county": colCounty, "township": colTownship,
	"village": colVillage, "unit": colUnit, "name": colName, "category": colCategory, "code": colCode, "phone": colPhone,
}

func parseHeadings(text string) (list [columns][]string) {
	for line := range strings.Lines(text) {
		if name, words, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			list[columnNames[name]] = strings.Fields(words)
		}
	}
	return list
}

var required = []column{colUnit, colName, colCode}

// levelColumns are the columns with names of units.
var levelColumns = [...]column{
	LevelProvince: colProvince, LevelPrefecture: colPrefecture, LevelCounty: colCounty,
	LevelTownship: colTownship, LevelVillage: colVillage,
}

// privateWords mark columns that must not come here at all, not even to be passed over.
var privateWords = []string{
	"身份证", "证件", "身份号", "公民身份", "护照", "手机", "电话", "联系方式", "联系号", "微信", "QQ", "邮箱",
	"银行", "卡号", "账号", "住址", "地址", "出生", "生日",
}

// layout says which cell of a row is which column.
type layout struct {
	at    [columns]int    // place of the column in the row, -1 for none
	label [columns]string // heading as the file has it, ours when the file has none
}

// findHeader reads a row as headings. ok is false when it is none, for example a title above.
func findHeader(cells []string) (known []column, ok bool) {
	known = make([]column, len(cells))
	found := 0
	for i, c := range cells {
		if known[i] = columnOf(c); known[i] != colNone {
			found++
		}
	}
	return known, found >= 2 && (slices.Contains(known, colName) || slices.Contains(known, colUnit))
}

// newLayout checks the headings: no private one (telephones are, unless they are wanted), none unknown unless ignored, none twice, none
// missing. The error names the heading.
func newLayout(row int, cells []string, known []column, o ReadOptions) (*layout, error) {
	l := &layout{}
	for c := range l.at {
		l.at[c] = -1
		if len(headings[c]) > 0 {
			l.label[c] = headings[c][0]
		}
	}
	ignored := map[string]bool{}
	for _, name := range o.Ignore {
		ignored[foldHeading(name)] = true
	}
	for i, c := range known {
		label := strings.TrimSpace(cells[i])
		switch folded := foldHeading(label); {
		case folded == "" && c == colNone:
		case isPrivate(folded) && (c != colPhone || !o.Phones) || c == colPhone && !o.Phones:
			return nil, fault.New(fault.Invalid, "roster.private_column").At("", row, label)
		case c == colNone && !ignored[folded]:
			return nil, fault.New(fault.Invalid, "roster.unknown_column").At("", row, label)
		case c == colNone:
		case l.at[c] >= 0:
			return nil, fault.New(fault.Invalid, "roster.column_twice", fault.A("other", l.label[c])).At("", row, label)
		default:
			l.at[c], l.label[c] = i, label
		}
	}
	for _, c := range required {
		if l.at[c] < 0 {
			return nil, fault.New(fault.Invalid, "roster.column_missing", fault.A("column", headings[c][0])).At("", row, "")
		}
	}
	return l, nil
}

// cell returns the text of a column in a row, "" when there is none.
func (l *layout) cell(cells []string, c column) string {
	if i := l.at[c]; i >= 0 && i < len(cells) {
		return cells[i]
	}
	return ""
}

// labelOf returns the heading of the cell at a 0-based place, "" for a column that is not read.
func (l *layout) labelOf(place int) string {
	for c, at := range l.at {
		if at == place && c != int(colSerial) {
			return l.label[c]
		}
	}
	return ""
}

func columnOf(heading string) column {
	folded := foldHeading(heading)
	for c, names := range headings {
		if slices.Contains(names, folded) {
			return column(c)
		}
	}
	return colNone
}

func isPrivate(folded string) bool {
	return slices.ContainsFunc(privateWords, func(w string) bool { return strings.Contains(folded, w) })
}

// foldHeading keeps the letters of a heading and leaves out what stands in brackets: “* 姓 名（必填）：”
// is 姓名.
func foldHeading(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range norm.NFKC.String(strings.ToValidUTF8(s, "")) {
		switch {
		case r == '(' || r == '[' || r == '【':
			depth++
		case r == ')' || r == ']' || r == '】':
			depth = max(0, depth-1)
		case depth == 0 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}
