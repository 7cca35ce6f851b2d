package report

import (
	"encoding/json"
	"io"
	"iter"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// UnreachedHead says what a list of unreached people (未送达名单) is about.
type UnreachedHead struct {
	Campaign int64  // number of the campaign
	Title    string // of the campaign
	Acks     bool   // the list also has those who were reached and have not acknowledged
	CutOff   time.Time
}

// UnreachedLine is one person whom a message did not reach, or of whom nobody can tell. State and
// Why are codes for programs, the words are for people.
type UnreachedLine struct {
	Learner   people.LearnerID
	Name      string
	Unit      people.OrgCode
	UnitName  string
	Category  string
	State     string
	StateWord string
	Why       string
	WhyWord   string    // reason in words, with the platform's where there are some
	Pulled    time.Time // when the person asked for it; UTC, zero for never
	Acked     time.Time // when the person acknowledged it; UTC, zero for never
}

const unreachedTitle = "未送达名单"

// unreachedColumns are the columns of the list, in order. The first headings are those of the files
// that name recipients, so that a list can be used as one.
var unreachedColumns = [...]struct {
	heading string
	width   float64
	cell    func(l *UnreachedLine) sheet.Cell
}{
	{"学员编号", 10, func(l *UnreachedLine) sheet.Cell { return sheet.Int(int(l.Learner)) }},
	{"姓名", 12, func(l *UnreachedLine) sheet.Cell { return sheet.Text(l.Name) }},
	{"单位代码", 15, func(l *UnreachedLine) sheet.Cell { return sheet.Text(string(l.Unit)) }},
	{"单位", 34, func(l *UnreachedLine) sheet.Cell { return sheet.Text(l.UnitName) }},
	{"干部类别", 16, func(l *UnreachedLine) sheet.Cell { return sheet.Text(l.Category) }},
	{"结果", 20, func(l *UnreachedLine) sheet.Cell { return sheet.Text(l.StateWord) }},
	{"原因", 40, func(l *UnreachedLine) sheet.Cell { return sheet.Text(l.WhyWord) }},
	{"自己来看过", 20, func(l *UnreachedLine) sheet.Cell { return stampOrBlank(l.Pulled) }},
	{"回执", 20, func(l *UnreachedLine) sheet.Cell { return stampOrBlank(l.Acked) }},
}

func stampOrBlank(t time.Time) sheet.Cell {
	if t.IsZero() {
		return sheet.Cell{}
	}
	return sheet.Stamp(t.In(study.Zone))
}

// WriteUnreached writes the list as a stream in CSV, XLSX or JSON: head, lines in the order they
// come, their number. As with Write, a list that breaks off is visibly unusable.
func WriteUnreached(w io.Writer, f Format, head UnreachedHead, lines iter.Seq2[UnreachedLine, error]) (int, error) {
	switch f {
	case CSV:
		return writeUnreachedTable(sheet.NewCSV(w), head, lines, true)
	case XLSX:
		o := sheet.XLSXOptions{Sheet: unreachedTitle, Frozen: 4}
		for _, c := range unreachedColumns {
			o.Widths = append(o.Widths, c.width)
		}
		return writeUnreachedTable(sheet.NewXLSX(w, o), head, lines, false)
	case JSON:
		return writeUnreachedJSON(w, head, lines)
	default:
		return 0, fault.New(fault.Invalid, "report.format_unknown", fault.A("format", f))
	}
}

func writeUnreachedTable(t table, head UnreachedHead, lines iter.Seq2[UnreachedLine, error], warns bool) (n int, err error) {
	defer func() {
		if err != nil && warns { // a broken CSV file still opens, so it must say so; the list is lost already
			_ = t.Write(sheet.RowTotal, []sheet.Cell{sheet.Text(brokenOff)})
			_ = t.Flush()
		}
	}()
	title := unreachedTitle
	if head.Acks {
		title = "未送达和未回执名单"
	}
	cells := make([]sheet.Cell, len(unreachedColumns))
	for i, c := range unreachedColumns {
		cells[i] = sheet.Text(c.heading)
	}
	for _, row := range []struct {
		kind  sheet.RowKind
		cells []sheet.Cell
	}{
		{sheet.RowTitle, sheet.Texts(title)},
		{sheet.RowNote, []sheet.Cell{sheet.Text("通知"), sheet.Int(int(head.Campaign)), sheet.Text(head.Title)}},
		{sheet.RowNote, []sheet.Cell{sheet.Text("截至"), sheet.Stamp(head.CutOff.In(study.Zone))}},
		{sheet.RowHeader, cells},
	} {
		if err := t.Write(row.kind, row.cells); err != nil {
			return 0, err
		}
	}
	for l, err := range lines {
		if err != nil {
			return n, err
		}
		for i, c := range unreachedColumns {
			cells[i] = c.cell(&l)
		}
		if err := t.Write(sheet.RowData, cells); err != nil {
			return n, err
		}
		n++
	}
	if err := t.Write(sheet.RowTotal, []sheet.Cell{sheet.Text("人数"), sheet.Int(n)}); err != nil {
		return n, err
	}
	return n, t.Close()
}

// jsonUnreached is a line for scripts; times are RFC 3339 in Asia/Shanghai, to the second.
type jsonUnreached struct {
	Learner   people.LearnerID `json:"learner"`
	Name      string           `json:"name"`
	Unit      people.OrgCode   `json:"unit"`
	UnitName  string           `json:"unitName"`
	Category  string           `json:"category"`
	State     string           `json:"state"`
	StateWord string           `json:"stateWord"`
	Why       string           `json:"why"`
	WhyWord   string           `json:"whyWord"`
	PulledAt  *string          `json:"pulledAt"`
	AckedAt   *string          `json:"ackedAt"`
}

func writeUnreachedJSON(w io.Writer, head UnreachedHead, lines iter.Seq2[UnreachedLine, error]) (n int, err error) {
	h, err := json.Marshal(struct {
		Campaign int64  `json:"campaign"`
		Title    string `json:"title"`
		Acks     bool   `json:"acks"`
		CutOff   string `json:"cutOff"`
	}{head.Campaign, head.Title, head.Acks, head.CutOff.In(study.Zone).Format(time.RFC3339)})
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(w, `{"head":`+string(h)+`,"lines":[`); err != nil {
		return 0, err
	}
	for l, err := range lines {
		if err != nil {
			return n, err
		}
		b, err := json.Marshal(jsonUnreached{
			l.Learner, l.Name, l.Unit, l.UnitName, l.Category, l.State, l.StateWord, l.Why, l.WhyWord, moment(l.Pulled), moment(l.Acked),
		})
		if err != nil {
			return n, err
		}
		separator := "\n"
		if n > 0 {
			separator = ",\n"
		}
		if _, err := io.WriteString(w, separator+string(b)); err != nil {
			return n, err
		}
		n++
	}
	end, err := json.Marshal(n)
	if err != nil {
		return n, err
	}
	_, err = io.WriteString(w, "\n],\"people\":"+string(end)+"}\n")
	return n, err
}

func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.In(study.Zone).Format(time.RFC3339)
	return &s
}
