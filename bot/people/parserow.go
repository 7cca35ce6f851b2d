package people

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// Limits of the texts in a roster row, in characters.
const (
	maxUnitNameRunes = 40
	maxCategoryRunes = 20
)

// unitNames are the names of units that a row gives, by level.
type unitNames [LevelVillage + 1]string

// rowParser reads one row and collects what is wrong with it.
type rowParser struct {
	layout   *layout
	cells    Cells
	problems []*fault.Error
	doubtful []int // places whose cells have a problem already: one sentence for one cell is enough
}

func (p *rowParser) problem(c column, key string, args ...fault.Arg) {
	p.problems = append(p.problems, fault.New(fault.Invalid, key, args...).At("", p.cells.Number, p.layout.label[c]))
}

// parse reads the row alone; contradictions between rows are looked for later.
func (p *rowParser) parse() (RosterRow, unitNames) {
	p.sheetProblems()
	row := RosterRow{Row: p.cells.Number}
	row.Unit = p.unit()
	names := p.unitNames(row.Unit)
	row.Name = p.name()
	row.Category = p.category()
	row.Code = p.code()
	row.Phone = p.phone()
	return row, names
}

// text returns a cell, false when a problem is noted for it: found by the table's reader, or found
// here because it looks like a number that must not travel. The number itself is not repeated.
func (p *rowParser) text(c column) (string, bool) {
	if slices.Contains(p.doubtful, p.layout.at[c]) {
		return "", false
	}
	s := p.layout.cell(p.cells.Cells, c)
	if len(s) < 11 { // most cells: too short for any of them
		return s, true
	}
	digits := onlyInk(s)
	switch {
	case identityCard.MatchString(digits) || HoldsIDNumber(digits):
		p.problem(c, "roster.looks_like_id")
		return "", false
	case c != colUnit && c != colPhone && telephoneInside.MatchString(digits):
		p.problem(c, "roster.looks_like_phone")
		return "", false
	}
	return s, true
}

// HoldsIDNumber reports whether a text has a valid number of a Chinese identity card anywhere in it:
// 17 digits and a check digit that is right (GB 11643), with a month and a day that there are.
func HoldsIDNumber(s string) bool {
	for run := 0; run < len(s); {
		if s[run] < '0' || s[run] > '9' {
			run++
			continue
		}
		end := run
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		if end-run == 17 && end < len(s) && (s[end] == 'X' || s[end] == 'x') {
			end++
		}
		if end-run == 18 && validID(s[run:end]) {
			return true
		}
		run = end
	}
	return false
}

// validID reads 18 characters: 17 digits, then a digit or X.
func validID(s string) bool {
	sum := 0
	for i, weight := range [...]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += weight * int(s[i]-'0')
	}
	month, day, last := s[10:12], s[12:14], s[17]
	if last == 'x' {
		last = 'X'
	}
	return "10X98765432"[sum%11] == last && month >= "01" && month <= "12" && day >= "01" && day <= "31"
}

var (
	identityCard = regexp.MustCompile(`^(\d{15}|\d{17}[\dXx])$`) // old and present Chinese identity card numbers
	telephone    = regexp.MustCompile(`^(\+?86)?1[3-9]\d{9}$`)
	// A number with words around it: 书记13800138000.
	telephoneInside = regexp.MustCompile(`(^|\D)(86)?1[3-9]\d{9}(\D|$)`)
	// What spreadsheet programs make of codes like 2026-3-2, 3-2 and MAR02.
	madeDate    = regexp.MustCompile(`^(\d{4}-\d{1,2}-\d{1,2}( .*)?|\d{1,2}-[A-Z][a-z]{2}(-\d{2,4})?|[A-Z][a-z]{2}-\d{2,4})$`)
	maskedPhone = regexp.MustCompile(`^1[3-9]\d\*{4}\d{4}$`)
)

func (p *rowParser) unit() OrgCode {
	s, ok := p.text(colUnit)
	if !ok {
		return ""
	}
	s = onlyInk(s)
	if s == "" {
		p.problem(colUnit, "roster.unit_missing")
		return ""
	}
	code, ok := ParseOrgCode(s)
	if !ok {
		p.problem(colUnit, "roster.unit_code_bad", fault.A("code", shorten(s)))
	}
	return code
}

// unitNames reads the names of the unit and those above it, and holds them against the code's level.
func (p *rowParser) unitNames(unit OrgCode) unitNames {
	var names unitNames
	own := unit.Level()
	for l := LevelProvince; l <= LevelVillage; l++ {
		c := levelColumns[l]
		s, ok := p.text(c)
		if !ok {
			continue
		}
		name := foldUnitName(s)
		switch {
		case name != "" && !goodUnitName(name):
			p.problem(c, "roster.unit_name_bad", fault.A("name", shorten(name)))
		case own == LevelNone: // the code has its problem already
		case name == "" && l == own:
			p.problem(c, "roster.unit_name_missing", fault.A("code", unit), fault.A("level", levelWord[own]))
		case name != "" && l > own:
			p.problem(c, "roster.unit_level", fault.A("code", unit), fault.A("level", levelWord[own]), fault.A("name", name))
		default:
			names[l] = name
		}
	}
	return names
}

var levelWord = [...]string{LevelProvince: "省", LevelPrefecture: "州市", LevelCounty: "县市区", LevelTownship: "乡镇街道", LevelVillage: "村社区"}

func (p *rowParser) name() string {
	s, ok := p.text(colName)
	if !ok {
		return ""
	}
	name := FoldName(s)
	if why := NameProblem(name); why != "" {
		p.problem(colName, "roster."+why) // the name itself stays out of logs: row and column lead to it
	}
	return name
}

func (p *rowParser) category() string {
	s, ok := p.text(colCategory)
	if !ok {
		return ""
	}
	category := strings.Join(strings.Fields(norm.NFKC.String(strings.ToValidUTF8(s, ""))), " ")
	for _, r := range category {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			p.problem(colCategory, "roster.category_bad")
			return ""
		}
	}
	if utf8.RuneCountInString(category) > maxCategoryRunes {
		p.problem(colCategory, "roster.category_long", fault.A("limit", maxCategoryRunes))
	}
	return category
}

func (p *rowParser) code() string {
	s, ok := p.text(colCode)
	if !ok {
		return ""
	}
	if onlyInk(s) == "" {
		p.problem(colCode, "roster.code_missing")
		return ""
	}
	if madeDate.MatchString(strings.TrimSpace(s)) {
		p.problem(colCode, "roster.code_date")
		return ""
	}
	code, ok := FoldCode(s)
	if !ok {
		p.problem(colCode, "roster.code_bad")
	}
	return code
}

// phone reads a mobile number: 11 digits. "" for none; a masked one (138****8000), as our own lists show
// it, is none, so that such a list can be read again without a change.
func (p *rowParser) phone() string {
	if p.layout.at[colPhone] < 0 {
		return ""
	}
	s, ok := p.text(colPhone)
	if !ok {
		return ""
	}
	number, ok := FoldPhone(s)
	if !ok {
		p.problem(colPhone, "roster.phone_bad") // the number itself stays out of logs
	}
	return number
}

// FoldPhone brings a mobile number into its one form, 11 digits without 86. "" and a masked number give
// "" and true; false means that it is no mobile number.
func FoldPhone(s string) (string, bool) {
	s = strings.Map(func(r rune) rune {
		if r == '-' || r == '(' || r == ')' {
			return -1
		}
		return r
	}, onlyInk(s))
	if s == "" || maskedPhone.MatchString(s) {
		return "", true
	}
	if !telephone.MatchString(s) {
		return "", false
	}
	return s[len(s)-11:], true
}

// MaskPhone shows a number as everybody may see it: 138****8000.
func MaskPhone(number string) string {
	if len(number) != 11 {
		return ""
	}
	return number[:3] + "****" + number[7:]
}

// foldUnitName brings a unit's name into its one form: NFKC without blanks and invisible signs. A
// middle dot would look like the joint of a chain, so it is left out.
func foldUnitName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || isMiddleDot(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(strings.ToValidUTF8(s, "")))
}

func goodUnitName(s string) bool {
	n, digits := 0, 0
	for _, r := range s {
		n++
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r) || unicode.IsMark(r) || strings.ContainsRune("()〇-、#", r):
		default:
			return false
		}
	}
	return n >= 2 && n <= maxUnitNameRunes && digits <= 4
}

// onlyInk returns the text in NFKC without blanks and invisible signs.
func onlyInk(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(strings.ToValidUTF8(s, "?")))
}

// shorten keeps an echo of wrong input short enough for a sentence.
func shorten(s string) string {
	const most = 20
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// RosterHeadings are the headings of a roster that we write, in the order of Cells.
func RosterHeadings() []string {
	return []string{
		headings[colProvince][0], headings[colPrefecture][0], headings[colCounty][0], headings[colTownship][0],
		headings[colVillage][0], headings[colUnit][0], headings[colName][0], headings[colCategory][0], headings[colCode][0],
	}
}

// PhoneHeading is the heading of telephone numbers, behind RosterHeadings where they are wanted.
func PhoneHeading() string { return headings[colPhone][0] }

// Cells writes the row under RosterHeadings. Reading it again gives the same row.
func (r RosterRow) Cells() []string {
	var names unitNames
	for _, u := range r.Units {
		names[u.Code.Level()] = u.Name
	}
	return []string{
		names[LevelProvince], names[LevelPrefecture], names[LevelCounty], names[LevelTownship], names[LevelVillage],
		string(r.Unit), r.Name, r.Category, r.Code,
	}
}
