package report

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// jsonHead is the head for scripts: codes beside words, times with their zone.
type jsonHead struct {
	Title      string         `json:"title"`
	Cohort     string         `json:"cohort"` // "" for all, as with every filter
	CohortName string         `json:"cohortName"`
	Course     string         `json:"course"`
	CourseName string         `json:"courseTitle"`
	Unit       people.OrgCode `json:"unit"`
	UnitName   string         `json:"unitName"`
	Scope      []string       `json:"scope"` // what visible units' codes begin with; [""] is all
	From       study.Day      `json:"from"`
	To         study.Day      `json:"to"`
	CutOff     string         `json:"cutOff"`
	Roster     string         `json:"roster"`
	Lines      int            `json:"lines"`
}

type jsonLine struct {
	Number     int              `json:"number"`
	Prefecture string           `json:"prefecture"`
	County     string           `json:"county"`
	Township   string           `json:"township"`
	Village    string           `json:"village"`
	Unit       people.OrgCode   `json:"unit"`
	Learner    people.LearnerID `json:"learner"`
	Name       string           `json:"name"`
	Category   string           `json:"category"`
	Cohort     string           `json:"cohort"` // name
	CohortCode string           `json:"cohortCode"`
	Course     string           `json:"course"` // id
	Title      string           `json:"courseTitle"`
	Status     Status           `json:"status"`
	Left       bool             `json:"left,omitempty"` // has left the roster since
	Lessons    int              `json:"lessons"`
	Done       int              `json:"done"`
	Delegate   int              `json:"delegate"` // of done: learnt in the person's place
	Score      *int             `json:"score"`    // null when nothing is complete
	Hours      json.Number      `json:"hours"`
	FirstAt    *string          `json:"firstAt"` // RFC 3339 in Asia/Shanghai, to the second; null for never
	LastAt     *string          `json:"lastAt"`
}

type jsonTotals struct {
	Lines      int         `json:"lines"`
	Learners   int         `json:"learners"`
	Complete   int         `json:"complete"`
	Learning   int         `json:"learning"`
	NotStarted int         `json:"notStarted"`
	NotBound   int         `json:"notBound"`
	Away       int         `json:"away"`
	Rate       json.Number `json:"rate"` // per cent of those who are not away, one place, rounded down
	Hours      json.Number `json:"hours"`
}

// jsonWriter writes one object, a line of the list on a line of the text.
type jsonWriter struct {
	w     *bufio.Writer
	enc   *json.Encoder
	comma bool
}

func newJSONWriter(w io.Writer) *jsonWriter {
	b := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return &jsonWriter{w: b, enc: enc}
}

func (j *jsonWriter) head(h Head, titles map[string]string) error {
	_, _ = j.w.WriteString(`{"head":`) // an error stays in the buffer and comes with the next one
	scope := h.Query.Scope.Prefixes()
	if scope == nil {
		scope = []string{}
	}
	q := h.Query
	cutOff := ""
	if at := rfc3339(q.CutOff); at != nil {
		cutOff = *at
	}
	if err := j.enc.Encode(jsonHead{
		Title: listTitle, Cohort: q.Cohort, CohortName: h.CohortName, Course: q.Course, CourseName: titles[q.Course],
		Unit: q.Unit, UnitName: h.UnitName, Scope: scope, From: q.From, To: q.To, CutOff: cutOff, Roster: h.Roster, Lines: h.Lines,
	}); err != nil {
		return err
	}
	_, _ = j.w.WriteString(`,"lines":[` + "\n")
	return j.w.Flush()
}

func (j *jsonWriter) line(r *row) error {
	clean := sheet.Clean // as the other forms do, so that all hold the same text
	if j.comma {
		_ = j.w.WriteByte(',')
	}
	j.comma = true
	l := jsonLine{
		Number: r.number, Prefecture: clean(r.Prefecture), County: clean(r.County), Township: clean(r.Township),
		Village: clean(r.Village), Unit: r.Unit, Learner: r.Learner, Name: clean(r.Name), Category: clean(r.Category),
		Cohort: clean(r.Cohort), CohortCode: r.CohortCode, Course: r.Course, Title: clean(r.title), Status: r.Status, Left: r.Left, Lessons: r.Lessons, Done: r.Done, Delegate: r.Delegate, Hours: json.Number(hours(r.Hours)),
		FirstAt: rfc3339(r.FirstAt), LastAt: rfc3339(r.LastAt),
	}
	if r.Done > 0 {
		l.Score = &r.Score
	}
	return j.enc.Encode(l)
}

func (j *jsonWriter) end(t Totals) error {
	_, _ = j.w.WriteString(`],"totals":`)
	if err := j.enc.Encode(jsonTotals{
		Lines: t.Lines, Learners: t.Learners, Complete: t.Complete, Learning: t.Learning, NotStarted: t.NotStarted,
		NotBound: t.NotBound, Away: t.Away, Rate: json.Number(tenths(t.Rate())), Hours: json.Number(hours(t.Hours)),
	}); err != nil {
		return err
	}
	_, _ = j.w.WriteString("}\n")
	return j.w.Flush()
}

// abandon leaves the object open: no parser takes it.
func (j *jsonWriter) abandon() { _ = j.w.Flush() }

func rfc3339(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.In(study.Zone).Format(time.RFC3339)
	return &s
}
