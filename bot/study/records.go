package study

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// RecordRow is one row of a file of study elsewhere. Who it is: Learner, or Name and Unit.
type RecordRow struct {
	Row  int // in the file, or the place in a list, from 1
	Name string
	Unit people.OrgCode
	Record
}

// RecordFile is what was read of a file. len(Rows) + Rejected == Read (R1).
type RecordFile struct {
	Rows     []RecordRow
	Problems []*fault.Error // in the order of the file
	Read     int
	Rejected int
}

// Limits of a record.
const (
	maxRecordHours  = 50000 // 500 hours of one record are more than a year has
	maxRecordSource = 60
	maxRecordNumber = 80
	maxRecordTitle  = 120
	recordTitleRows = 10 // how many rows may stand above the headings
)

// recordHeadings are the columns, with the names that offices use for them besides.
var recordHeadings = map[string]string{
	"学员编号": "learner", "姓名": "name", "名字": "name", "单位代码": "unit", "单位编码": "unit", "区划代码": "unit",
	"来源": "source", "学习平台": "source", "平台": "source", "培训单位": "source",
	"记录编号": "number", "编号": "number", "证书编号": "number", "流水号": "number",
	"学习内容": "title", "课程名称": "title", "课程": "title", "培训内容": "title",
	"学时": "hours", "学时数": "hours", "日期": "day", "学习日期": "day", "完成日期": "day",
}

// recordNames are the headings that problems name.
var recordNames = map[string]string{"learner": "学员编号", "name": "姓名", "unit": "单位代码", "source": "来源", "number": "记录编号", "title": "学习内容", "hours": "学时", "day": "日期"}

// ReadRecords reads a file of study elsewhere: a row of headings within the first ten rows, then a record a row.
// The error is about the file as a whole, and then nothing of it may be used.
func ReadRecords(file string, rows iter.Seq2[people.Cells, error], today Day) (RecordFile, error) {
	var out RecordFile
	var columns map[string]int
	above := 0
	seen := map[string]int{}
	for row, err := range rows {
		if err != nil {
			return RecordFile{}, err
		}
		if columns == nil {
			if columns = recordColumns(row.Cells); columns == nil {
				if above++; above >= recordTitleRows {
					break
				}
			}
			continue
		}
		out.Read++
		r, problems := parseRecord(row, columns, today)
		if len(problems) == 0 {
			key := RecordKey(r.Source, r.Number)
			if first, twice := seen[key]; twice {
				problems = append(problems, recordProblem("number", "ledger.record_twice", fault.A("otherRow", first)))
			} else {
				seen[key] = row.Number
			}
		}
		if len(problems) > 0 {
			out.Rejected++
			for _, p := range problems {
				out.Problems = append(out.Problems, p.At(file, row.Number, p.Column))
			}
			continue
		}
		out.Rows = append(out.Rows, r)
	}
	if columns == nil {
		return RecordFile{}, fault.New(fault.Invalid, "ledger.record_no_header").At(file, 0, "")
	}
	return out, nil
}

func recordColumns(cells []string) map[string]int {
	columns := map[string]int{}
	for i, c := range cells {
		if what, known := recordHeadings[strings.ReplaceAll(strings.TrimSpace(c), " ", "")]; known {
			if _, twice := columns[what]; !twice {
				columns[what] = i
			}
		}
	}
	has := func(list ...string) bool {
		return !slices.ContainsFunc(list, func(what string) bool { _, ok := columns[what]; return !ok })
	}
	if !has("source", "number", "hours", "day") || !has("learner") && !has("name", "unit") {
		return nil
	}
	return columns
}

func recordProblem(column, key string, args ...fault.Arg) *fault.Error {
	return fault.New(fault.Invalid, key, args...).At("", 0, recordNames[column])
}

func parseRecord(row people.Cells, columns map[string]int, today Day) (RecordRow, []*fault.Error) {
	var problems []*fault.Error
	cell := func(what string) string {
		i, ok := columns[what]
		if !ok || i >= len(row.Cells) {
			return ""
		}
		for _, p := range row.Problems {
			if p.Column == strconv.Itoa(i+1) {
				problems = append(problems, p.At("", 0, recordNames[what]))
			}
		}
		return strings.TrimSpace(row.Cells[i])
	}
	r := RecordRow{Row: row.Number, Name: people.FoldName(cell("name"))}
	r.Source, r.Number, r.Title = cell("source"), cell("number"), cell("title")
	id, unit, hours, day := cell("learner"), cell("unit"), cell("hours"), cell("day")
	if len(problems) > 0 {
		return r, problems
	}
	if id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n <= 0 {
			return r, []*fault.Error{recordProblem("learner", "announce.number_bad", fault.A("value", id))}
		}
		r.Learner = people.LearnerID(n)
	} else {
		code, ok := people.ParseOrgCode(unit)
		if r.Unit = code; !ok {
			return r, []*fault.Error{recordProblem("unit", "announce.unit_bad", fault.A("value", unit))}
		}
	}
	h, ok := ParseHours(hours)
	if r.Hours = h; !ok {
		return r, []*fault.Error{recordProblem("hours", "ledger.record_hours", fault.A("value", hours))}
	}
	r.Day = readDay(day)
	if p := r.Problem(today); p != nil {
		return r, []*fault.Error{p}
	}
	return r, nil
}

// Problem says what is wrong with a record whose cells could be read; nil when nothing is.
func (r RecordRow) Problem(today Day) *fault.Error {
	tooLong := func(value string, limit int) bool { return utf8.RuneCountInString(value) > limit }
	switch {
	case r.Learner == 0 && r.Name == "":
		return recordProblem("name", "announce.name_missing")
	case r.Source == "" || tooLong(r.Source, maxRecordSource):
		return recordProblem("source", "ledger.record_text", fault.A("limit", maxRecordSource))
	case r.Number == "" || tooLong(r.Number, maxRecordNumber):
		return recordProblem("number", "ledger.record_text", fault.A("limit", maxRecordNumber))
	case tooLong(r.Title, maxRecordTitle):
		return recordProblem("title", "ledger.record_text", fault.A("limit", maxRecordTitle))
	case r.Hours <= 0 || r.Hours > maxRecordHours:
		return recordProblem("hours", "ledger.record_hours", fault.A("value", r.Hours))
	case r.Day == "" || r.Day > today || r.Day < "2000-01-01":
		return recordProblem("day", "ledger.record_day", fault.A("value", r.Day))
	}
	return nil
}

// ParseHours reads hours with at most two decimals, without rounding anything away.
func ParseHours(s string) (StudyHours, bool) {
	whole, part, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(s), "学时"), ".")
	part = strings.TrimRight(part, "0")
	if len(part) > 2 || len(whole) > 6 || whole == "" {
		return 0, false
	}
	for len(part) < 2 {
		part += "0"
	}
	n, err := strconv.ParseUint(whole+part, 10, 32)
	return StudyHours(n), err == nil
}

// readDay reads a day as offices write it: 2026-05-01, 2026/5/1, 2026.5.1, 2026年5月1日, 20260501; "" for none.
func readDay(s string) Day {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	for _, layout := range []string{"2006-1-2", "2006/1/2", "2006.1.2", "2006年1月2日", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return Day(t.Format(time.DateOnly))
		}
	}
	return ""
}
