package web

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// RecordStore is what the lists of study need of the store.
type RecordStore interface {
	CompletionList(ctx context.Context, q report.Query) (report.Head, iter.Seq2[report.Line, error], error)
	Cohorts(ctx context.Context) ([]study.Cohort, error)
	CourseTitles(ctx context.Context) (map[string]string, error)
	KnowUnits(ctx context.Context, codes ...people.OrgCode) error
	LearnerHours(ctx context.Context, q store.HoursQuery) iter.Seq2[study.HoursLine, error]
	UnitHours(ctx context.Context, q store.HoursQuery, level people.Level) ([]study.UnitHours, error)
	ImportRecords(ctx context.Context, now time.Time, actor string, scope people.Scope, in store.RecordImport) (store.RecordResult, error)
	RecordBatches(ctx context.Context, scope people.Scope) ([]store.RecordBatch, error)
	UndoRecords(ctx context.Context, now time.Time, actor string, scope people.Scope, batch int64, why string) (int, error)
}

// Records is what the routes of completions and study hours need.
type Records struct {
	Store   RecordStore
	Targets study.Targets
}

// recordRoutes are the completion list, study hours against what is asked, and study elsewhere.
func recordRoutes() []route {
	const hours = "/api/v1/hours"
	return []route{
		{http.MethodGet, "/api/v1/classes", roleKey, (*api).classes},
		{http.MethodGet, "/api/v1/completions", roleKey, (*api).completions},
		{http.MethodGet, hours, roleKey, (*api).learnerHours},
		{http.MethodGet, hours + "/units", roleKey, (*api).unitHours},
		{http.MethodGet, hours + "/targets", roleKey, (*api).hourTargets},
		{http.MethodGet, hours + "/records", roleKey, (*api).recordBatches},
		{http.MethodPost, hours + "/records", roleKey, (*api).importRecords},
		{http.MethodPost, hours + "/records/{id}/undo", roleKey, (*api).undoRecords},
	}
}

type classAnswer struct {
	Code    string    `json:"code"`
	Name    string    `json:"name"`
	Courses []string  `json:"courses"`
	Start   study.Day `json:"start"`
	End     study.Day `json:"end"`
}

type classList struct {
	Classes []classAnswer `json:"classes"`
}

type hoursPerson struct {
	Learner  people.LearnerID            `json:"learner"`
	Name     string                      `json:"name"`
	Unit     people.OrgCode              `json:"unit"`
	UnitName string                      `json:"unitName"`
	Category string                      `json:"category"`
	Hours    map[study.SourceKind]string `json:"hours"`
	Total    string                      `json:"total"`
	Delegate string                      `json:"delegate"`
	Targets  []hoursGap                  `json:"targets"`
}

type hoursGap struct {
	Code    string `json:"code"`
	Hours   string `json:"hours"`
	Done    string `json:"done"`
	Missing string `json:"missing"`
}

type hoursList struct {
	Year   int           `json:"year"`
	CutOff time.Time     `json:"cutOff"`
	People []hoursPerson `json:"people"`
}

type hoursUnit struct {
	Unit       people.OrgCode `json:"unit"`
	UnitName   string         `json:"unitName"`
	People     int            `json:"people"`
	Hours      string         `json:"hours"`
	WithTarget int            `json:"withTarget"`
	Reached    int            `json:"reached"`
	Missing    string         `json:"missing"`
}

type hoursUnitList struct {
	Year   int         `json:"year"`
	CutOff time.Time   `json:"cutOff"`
	Units  []hoursUnit `json:"units"`
}

type targetAnswer struct {
	Code       string         `json:"code"`
	Name       string         `json:"name"`
	Of         study.TargetOf `json:"of"`
	Hours      string         `json:"hours"`
	Categories []string       `json:"categories"`
	Law        string         `json:"law"`
}

type targetList struct {
	Targets []targetAnswer `json:"targets"`
}

// recordRequest is a list of study elsewhere.
type recordRequest struct {
	SaidBy     string       `json:"saidBy"`
	Evidence   string       `json:"evidence"`
	DryRun     bool         `json:"dryRun"`
	BadPercent int          `json:"badPercent"`
	Records    []recordItem `json:"records"`
}

type recordItem struct {
	Learner people.LearnerID `json:"learner"`
	Source  string           `json:"source"`
	Number  string           `json:"number"`
	Title   string           `json:"title"`
	Hours   string           `json:"hours"`
	Day     study.Day        `json:"day"`
}

type recordAnswer struct {
	Batch    int64           `json:"batch"`
	New      int             `json:"new"`
	Same     int             `json:"same"`
	Rejected int             `json:"rejected"`
	Problems []recordProblem `json:"problems"`
}

type recordProblem struct {
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

type batchAnswer struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	File     string    `json:"file"`
	SaidBy   string    `json:"saidBy"`
	Evidence string    `json:"evidence"`
	Records  int       `json:"records"`
	By       string    `json:"by"`
	Undone   bool      `json:"undone"`
	Why      string    `json:"why"`
}

type batchList struct {
	Batches []batchAnswer `json:"batches"`
}

type undoRequest struct {
	Why string `json:"why"`
}

type undoAnswer struct {
	Undone int `json:"undone"`
}

func (a *api) classes(w http.ResponseWriter, r *request) error {
	list, err := a.o.Records.Store.Cohorts(r.Context())
	if err != nil {
		return err
	}
	out := classList{Classes: []classAnswer{}}
	for _, c := range list {
		out.Classes = append(out.Classes, classAnswer{c.Code, c.Name, append([]string{}, c.Courses...), c.Schedule.Start, c.Schedule.End})
	}
	answer(w, http.StatusOK, out)
	return nil
}

// completions streams the list; it is the one that the command line and the files give, whatever the format.
func (a *api) completions(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	s := a.o.Records.Store
	query := report.Query{
		Scope: r.holder.Scope, Cohort: q.Get("cohort"), Course: q.Get("course"), From: study.Day(q.Get("from")), To: study.Day(q.Get("to")), CutOff: a.o.Now().UTC(),
	}
	narrow, err := narrowed(query.Scope, q.Get("unit"))
	if err != nil {
		return err
	}
	if q.Get("unit") != "" { // the head of the list says what was asked for, beside whose scope it is
		query.Unit = narrow.Units[0]
	}
	if text := q.Get("cutOff"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "cutOff must be a time as 2026-12-31T18:00:00+08:00"))
		}
		query.CutOff = at.UTC().Truncate(time.Millisecond)
	}
	format := report.Format(q.Get("format"))
	if format == "" {
		format = report.JSON
	}
	kind, known := fileTypes[format]
	if !known {
		return fault.New(fault.Invalid, "report.format_unknown", fault.A("format", format))
	}
	titles, err := KnownCompletions(r.Context(), s, query)
	if err != nil {
		return err
	}
	head, lines, err := s.CompletionList(r.Context(), query)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	if format != report.JSON {
		w.Header().Set("Content-Disposition", `attachment; filename="completions.`+string(format)+`"`)
	}
	_, err = report.Write(w, format, head, titles, lines)
	return err
}

// KnownCompletions refuses a unit, a class, a course or days that there are not: a slip of the pen would give an empty list
// that looks like one to file. It returns the titles of the courses.
func KnownCompletions(ctx context.Context, s RecordStore, q report.Query) (titles map[string]string, err error) {
	if err := q.CheckDays(); err != nil {
		return nil, err
	}
	if q.Unit != "" {
		if err := s.KnowUnits(ctx, q.Unit); err != nil {
			return nil, err
		}
	}
	if titles, err = s.CourseTitles(ctx); err != nil {
		return nil, err
	}
	cohorts, err := s.Cohorts(ctx)
	if err != nil {
		return nil, err
	}
	if q.Cohort != "" && !slices.ContainsFunc(cohorts, func(c study.Cohort) bool { return c.Code == q.Cohort }) {
		return nil, fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", q.Cohort))
	}
	_, published := titles[q.Course]
	planned := slices.ContainsFunc(cohorts, func(c study.Cohort) bool { return slices.Contains(c.Courses, q.Course) })
	if q.Course != "" && !published && !planned {
		return nil, fault.New(fault.NotFound, "report.no_course", fault.A("course", q.Course))
	}
	return titles, nil
}

// hoursQuery reads which hours are asked for; the year is the present one in Asia/Shanghai without it.
func (a *api) hoursQuery(r *request) (store.HoursQuery, error) {
	q := r.URL.Query()
	scope, err := narrowed(r.holder.Scope, q.Get("unit"))
	if err != nil {
		return store.HoursQuery{}, err
	}
	out := store.HoursQuery{
		Scope: scope, Category: q.Get("category"), Targets: a.o.Records.Targets, Short: q.Get("short") == "true", Year: a.o.Now().In(study.Zone).Year(),
	}
	if s := q.Get("year"); s != "" {
		if out.Year, err = strconv.Atoi(s); err != nil || out.Year < 2000 || out.Year > 2999 {
			return out, fault.New(fault.Invalid, "ledger.year_bad")
		}
	}
	return out, nil
}

func (a *api) learnerHours(w http.ResponseWriter, r *request) error {
	q, err := a.hoursQuery(r)
	if err != nil {
		return err
	}
	now := a.o.Now()
	lines := a.o.Records.Store.LearnerHours(r.Context(), q)
	if f := report.Format(r.URL.Query().Get("format")); f != "" && f != report.JSON {
		return a.table(w, r, "hours-"+strconv.Itoa(q.Year), nil, func(format report.Format) error {
			_, err := report.WriteHours(w, format, now, q.Year, q.Targets, lines)
			return err
		})
	}
	return stream(w, hoursList{Year: q.Year, CutOff: now.In(study.Zone)}, "people", func(yield func(any, error) bool) {
		for l, err := range lines {
			if !yield(hoursPersonOf(l), err) {
				return
			}
		}
	})
}

func hoursPersonOf(l study.HoursLine) hoursPerson {
	p := hoursPerson{
		Learner: l.Learner.ID, Name: l.Learner.Name, Unit: l.Learner.Unit, UnitName: l.Learner.UnitName, Category: l.Learner.Category,
		Hours: map[study.SourceKind]string{}, Total: l.Hours.Sum(study.TargetAll).String(), Delegate: l.Delegate.String(), Targets: []hoursGap{},
	}
	for _, k := range study.SourceKinds() {
		p.Hours[k] = l.Hours[k].String()
	}
	for _, g := range l.Gaps {
		p.Targets = append(p.Targets, hoursGap{g.Target.Code, g.Target.Hours.String(), g.Done.String(), g.Missing.String()})
	}
	return p
}

// stream answers with an object whose last field, an empty list in head, is filled one element at a time: a
// county's list needs no more memory than a village's. The first element is read before anything is answered,
// so that a question that fails at once is answered with its error.
func stream(w http.ResponseWriter, head any, field string, list iter.Seq2[any, error]) error {
	next, stop := iter.Pull2(list)
	defer stop()
	v, err, more := next()
	if err != nil {
		return err
	}
	whole, err := json.Marshal(head)
	if err != nil {
		return err
	}
	empty := `"` + field + `":null}`
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if _, err := io.WriteString(w, string(whole[:len(whole)-len(empty)])+`"`+field+`":[`); err != nil {
		return err
	}
	for e := json.NewEncoder(w); more; {
		if err := e.Encode(v); err != nil {
			return err
		}
		if v, err, more = next(); err != nil {
			return err
		}
		if more {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
	}
	_, err = io.WriteString(w, "]}\n")
	return err
}

// unitLevels are the levels that hours are summed up by.
var unitLevels = map[string]people.Level{
	"prefecture": people.LevelPrefecture, "county": people.LevelCounty, "township": people.LevelTownship, "village": people.LevelVillage,
}

func (a *api) unitHours(w http.ResponseWriter, r *request) error {
	q, err := a.hoursQuery(r)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("level")
	if name == "" {
		name = "county"
	}
	level, known := unitLevels[name]
	if !known {
		return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "level must be prefecture, county, township or village"))
	}
	list, err := a.o.Records.Store.UnitHours(r.Context(), q, level)
	if err != nil {
		return err
	}
	now := a.o.Now()
	return a.table(w, r, "hours-units-"+strconv.Itoa(q.Year), func() (any, error) {
		out := hoursUnitList{Year: q.Year, CutOff: now.In(study.Zone), Units: []hoursUnit{}}
		for _, u := range list {
			out.Units = append(out.Units, hoursUnit{u.Unit, u.UnitName, u.People, u.Hours.String(), u.WithGoal, u.Reached, u.Missing.String()})
		}
		return out, nil
	}, func(format report.Format) error {
		_, err := report.WriteUnitHours(w, format, now, q.Year, q.Targets, list)
		return err
	})
}

func (a *api) hourTargets(w http.ResponseWriter, _ *request) error {
	out := targetList{Targets: []targetAnswer{}}
	for _, t := range a.o.Records.Targets {
		out.Targets = append(out.Targets, targetAnswer{t.Code, t.Name, t.Of, t.Hours.String(), append([]string{}, t.Categories...), t.Law})
	}
	answer(w, http.StatusOK, out)
	return nil
}

func (a *api) recordBatches(w http.ResponseWriter, r *request) error {
	list, err := a.o.Records.Store.RecordBatches(r.Context(), r.holder.Scope)
	if err != nil {
		return err
	}
	out := batchList{Batches: []batchAnswer{}}
	for _, b := range list {
		out.Batches = append(out.Batches, batchAnswer{
			ID: b.ID, At: b.At.In(study.Zone), File: b.File, SaidBy: b.SaidBy, Evidence: b.Evidence, Records: b.Records, By: b.Actor, Undone: b.UndoneBy != "", Why: b.Why,
		})
	}
	answer(w, http.StatusOK, out)
	return nil
}

func (a *api) importRecords(w http.ResponseWriter, r *request) error {
	var in recordRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if in.BadPercent < 0 || in.BadPercent > 100 {
		return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "badPercent must be 0 to 100"))
	}
	now := a.o.Now()
	file := recordRows(in.Records, study.DayOf(now))
	got, err := a.o.Records.Store.ImportRecords(r.Context(), now, r.actor(), r.holder.Scope, store.RecordImport{
		SaidBy: in.SaidBy, Evidence: in.Evidence, Rows: file.Rows, Rejected: file.Rejected, Today: study.DayOf(now), DryRun: in.DryRun, BadPercent: in.BadPercent,
	})
	if err != nil {
		return err
	}
	out := recordAnswer{Batch: got.Batch, New: got.New, Same: got.Same, Rejected: got.Rejected, Problems: []recordProblem{}}
	for _, p := range append(file.Problems, got.Problems...) {
		out.Problems = append(out.Problems, recordProblemOf(p, a.o.Phrases))
	}
	answer(w, http.StatusOK, out)
	return nil
}

func recordProblemOf(p *fault.Error, say *content.Phrases) recordProblem {
	return recordProblem{Row: p.Row, Column: p.Column, Message: say.Fault(p)}
}

// recordRows reads the records as rows of a file are read, so that both are held to the same rules.
func recordRows(list []recordItem, today study.Day) study.RecordFile {
	file, _ := study.ReadRecords("", func(yield func(people.Cells, error) bool) { // the headings are ours: the file as a whole is none to refuse
		if !yield(people.Cells{Number: 0, Cells: []string{"学员编号", "来源", "记录编号", "学习内容", "学时", "日期"}}, nil) {
			return
		}
		for i, x := range list {
			cells := []string{strconv.FormatInt(int64(x.Learner), 10), x.Source, x.Number, x.Title, x.Hours, string(x.Day)}
			if !yield(people.Cells{Number: i + 1, Cells: cells}, nil) {
				return
			}
		}
	}, today)
	return file
}

func (a *api) undoRecords(w http.ResponseWriter, r *request) error {
	id, err := r.number("ledger.no_batch")
	if err != nil {
		return err
	}
	var in undoRequest
	if err := r.read(&in); err != nil {
		return err
	}
	n, err := a.o.Records.Store.UndoRecords(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, id, in.Why)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, undoAnswer{n})
	return nil
}
