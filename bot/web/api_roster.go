package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/store"
)

// Roster is what the API needs for the roster (花名册).
type Roster struct {
	Store RosterStore
	// BadPercent and LeftPercent are how many of a hundred rows may be bad, and people of a full roster leave.
	BadPercent, LeftPercent int
	// Lean is called around the reading of a file, so that memory matters more than time meanwhile; nil is nothing.
	Lean func() (done func())
}

// RosterStore is what of it the store does.
type RosterStore interface {
	TakesPhones() bool
	ImportRoster(ctx context.Context, now time.Time, actor string, scope people.Scope, in people.RosterImport) (people.ImportReport, error)
	RosterImports(ctx context.Context, scope people.Scope, limit int) ([]people.ImportedVersion, error)
	UndoRoster(ctx context.Context, now time.Time, actor string, scope people.Scope) (people.ImportedVersion, error)
	ExportRoster(ctx context.Context, scope people.Scope) iter.Seq2[people.RosterRow, error]
	ExportPhones(ctx context.Context, now time.Time, actor string, scope people.Scope, view store.PhoneView, reason string) (iter.Seq2[people.RosterRow, error], error)
	FindPhone(ctx context.Context, now time.Time, actor string, scope people.Scope, number string) ([]people.Learner, error)
	EnrolPeople(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, learners []people.LearnerID) (int, error)
	EnrolRules(ctx context.Context, scope people.Scope, cohort string) ([]store.EnrolRule, error)
	ApplyEnrolRules(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, rules []store.EnrolRule) (bool, error)
	EnrolByRules(ctx context.Context, now time.Time) (int, error)
}

// Limits of one upload.
const (
	maxUpload     = 64 << 20        // bytes; what package sheet takes of XLSX is less
	uploadTime    = 5 * time.Minute // for the whole of it to arrive
	shownProblems = 20_000          // problems of rows in one answer; more than 5 % of 350,000
	shownChanges  = 1_000
)

// uploadRoute is the one route that takes a file.
const uploadRoute = http.MethodPost + " /api/v1/roster/imports"

// rosterRoutes are the acts on the roster, and those that give places in classes.
func rosterRoutes() []route {
	const roster, class = "/api/v1/roster", "/api/v1/classes/{code}"
	return []route{
		{http.MethodPost, roster + "/imports", roleKey, (*api).importRoster},
		{http.MethodGet, roster + "/imports", roleKey, (*api).rosterImports},
		{http.MethodPost, roster + "/imports/undo", roleKey, (*api).undoRoster},
		{http.MethodGet, roster + "/template", roleKey, (*api).rosterTemplate},
		{http.MethodGet, roster + "/export", roleKey, (*api).exportRoster},
		{http.MethodPost, roster + "/exports", roleKey, (*api).exportPhones},
		{http.MethodPost, roster + "/phones/find", roleKey, (*api).findPhone},
		{http.MethodPost, class + "/people", roleKey, (*api).enrolPeople},
		{http.MethodGet, class + "/rules", roleKey, (*api).enrolRules},
		{http.MethodPut, class + "/rules", roleKey, (*api).putEnrolRules},
	}
}

// importAnswer is what an import did, or would do.
type importAnswer struct {
	Accepted int                     `json:"accepted"`
	Rejected int                     `json:"rejected"`
	DryRun   bool                    `json:"dryRun"`
	Refused  string                  `json:"refused"`
	Version  int64                   `json:"version"`
	Result   people.RosterResult     `json:"result"`
	Changes  []people.ImportedPerson `json:"changes"`
	Problems []recordProblem         `json:"problems"`
}

type importList struct {
	Imports []people.ImportedVersion `json:"imports"`
}

type exportRequest struct {
	Format string `json:"format"`
	Reason string `json:"reason"`
}

type phoneRequest struct {
	Phone string `json:"phone"`
}

type phoneFound struct {
	People []foundPerson `json:"people"`
}

type foundPerson struct {
	Learner  people.LearnerID `json:"learner"`
	Name     string           `json:"name"`
	Unit     people.OrgCode   `json:"unit"`
	UnitName string           `json:"unitName"`
	Category string           `json:"category"`
}

type enrolRequest struct {
	Learners []people.LearnerID `json:"learners"`
}

type enrolAnswer struct {
	Enrolled int `json:"enrolled"`
}

type enrolRuleList struct {
	Rules []store.EnrolRule `json:"rules"`
}

// importRoster reads the body as a roster file. A dry run that finds too much wrong says so in refused, beside what is
// wrong; an import answers with the error alone.
func (a *api) importRoster(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	in, options, err := a.importOrder(q)
	if err != nil {
		return err
	}
	if !a.uploads.TryLock() { // one file at a time: each may need 200 MB
		return fault.New(fault.Unavailable, "roster.busy")
	}
	defer a.uploads.Unlock()
	if a.o.Roster.Lean != nil {
		defer a.o.Roster.Lean()()
	}
	file, size, err := spool(w, r.Request)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it has no name any more
	read, err := report.ReadRoster(file, size, in.File, options)
	if err != nil {
		return err
	}
	read, refused := read.Usable(in.File, r.holder.Scope, in.Full, a.o.Roster.BadPercent)
	out := importAnswer{Accepted: len(read.Rows), Rejected: read.Rejected, DryRun: in.DryRun, Changes: []people.ImportedPerson{}, Problems: []recordProblem{}}
	for _, p := range read.Problems[:min(len(read.Problems), shownProblems)] {
		out.Problems = append(out.Problems, recordProblemOf(p, a.o.Phrases))
	}
	if refused == nil {
		in.Rows, in.Rejected = read.Rows, read.Rejected
		var got people.ImportReport
		if got, refused = a.o.Roster.Store.ImportRoster(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, in); refused == nil {
			out.Version, out.Result, out.Changes = got.Version, got.RosterResult, got.Changes
		}
	}
	var f *fault.Error
	if refused != nil && (!in.DryRun || !errors.As(refused, &f)) {
		return refused
	}
	if f != nil {
		out.Refused = a.o.Phrases.Fault(f)
	}
	answer(w, http.StatusOK, out)
	return nil
}

// importOrder reads what the query says about an import.
func (a *api) importOrder(q url.Values) (in people.RosterImport, o people.ReadOptions, err error) {
	in.File, in.Cohort, in.LeftPercent = "roster", q.Get("cohort"), a.o.Roster.LeftPercent
	if name := q.Get("file"); name != "" {
		in.File = people.SafeFileName(name)
	}
	switch dry := q.Get("dryRun"); dry {
	case "true", "false", "":
		in.DryRun = dry == "true"
	default:
		return in, o, fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "dryRun must be true or false"))
	}
	if s := q.Get("full"); s != "" {
		code, ok := people.ParseOrgCode(s)
		if !ok {
			return in, o, fault.New(fault.Invalid, "roster.unit_code_bad", fault.A("code", s))
		}
		in.Full = code
	}
	in.Show, err = numberIn(q, "show", 50, 0, shownChanges)
	return in, people.ReadOptions{Ignore: q["ignore"], Phones: a.o.Roster.Store.TakesPhones()}, err
}

// spool keeps the body in a file without a name: a roster is too big for memory, and must not be left on a disk.
func spool(w http.ResponseWriter, r *http.Request) (_ *os.File, _ int64, err error) {
	file, err := os.CreateTemp("", "roster-*")
	if err != nil {
		return nil, 0, fmt.Errorf("keeping an upload: %w", err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, 0, fmt.Errorf("keeping an upload: %w", err)
	}
	control := http.NewResponseController(w)
	late := time.AfterFunc(uploadTime, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	size, err := io.Copy(file, r.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, 0, fault.New(fault.Invalid, "sheet.too_big", fault.A("limit", maxUpload>>20))
	case err != nil && r.Context().Err() == nil && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, 0, fault.Wrap(err, fault.Invalid, "announce.api_body_bad", fault.A("problem", "it took too long"))
	case err != nil:
		return nil, 0, fmt.Errorf("keeping an upload: %w", err)
	}
	return file, size, nil
}

func (a *api) rosterImports(w http.ResponseWriter, r *request) error {
	limit, err := numberIn(r.URL.Query(), "limit", 50, 1, listMax)
	if err != nil {
		return err
	}
	list, err := a.o.Roster.Store.RosterImports(r.Context(), r.holder.Scope, limit)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, importList{append([]people.ImportedVersion{}, list...)})
	return nil
}

func (a *api) undoRoster(w http.ResponseWriter, r *request) error {
	if err := r.read(&struct{}{}); err != nil {
		return err
	}
	v, err := a.o.Roster.Store.UndoRoster(r.Context(), a.o.Now(), r.actor(), r.holder.Scope)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, v)
	return nil
}

// rosterTemplate is an empty file to fill in, with a column for telephone numbers where they are kept.
func (a *api) rosterTemplate(w http.ResponseWriter, r *request) error {
	return writeRoster(w, "roster-template", r.URL.Query().Get("format"), a.o.Roster.Store.TakesPhones(), func(func(people.RosterRow, error) bool) {})
}

// exportRoster is the roster without telephone numbers, or with masked ones.
func (a *api) exportRoster(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	switch q.Get("phones") {
	case "", "no":
		return writeRoster(w, "roster", q.Get("format"), false, a.o.Roster.Store.ExportRoster(r.Context(), r.holder.Scope))
	case "masked":
		rows, err := a.o.Roster.Store.ExportPhones(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, store.PhonesMasked, "")
		if err != nil {
			return err
		}
		return writeRoster(w, "roster", q.Get("format"), true, rows)
	}
	return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "phones must be no or masked; whole numbers need a reason: POST /api/v1/roster/exports"))
}

// exportPhones is the roster with whole telephone numbers: an act with a reason.
func (a *api) exportPhones(w http.ResponseWriter, r *request) error {
	var in exportRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if err := sheetFormat(&in.Format); err != nil {
		return err
	}
	rows, err := a.o.Roster.Store.ExportPhones(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, store.PhonesPlain, in.Reason)
	if err != nil {
		return err
	}
	return writeRoster(w, "roster", in.Format, true, rows)
}

// findPhone says whose a telephone number is. It is asked for in the body: proxies keep addresses.
func (a *api) findPhone(w http.ResponseWriter, r *request) error {
	var in phoneRequest
	if err := r.read(&in); err != nil {
		return err
	}
	list, err := a.o.Roster.Store.FindPhone(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, in.Phone)
	if err != nil {
		return err
	}
	out := phoneFound{People: []foundPerson{}}
	for _, l := range list {
		out.People = append(out.People, foundPerson{l.ID, l.Name, l.Unit, l.UnitName, l.Category})
	}
	answer(w, http.StatusOK, out)
	return nil
}

func sheetFormat(format *string) error {
	switch *format {
	case "":
		*format = "csv"
	case "csv", "xlsx":
	default:
		return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "format must be csv or xlsx"))
	}
	return nil
}

func writeRoster(w http.ResponseWriter, name, format string, phones bool, rows iter.Seq2[people.RosterRow, error]) error {
	if err := sheetFormat(&format); err != nil {
		return err
	}
	attach(w, name, format)
	return report.WriteRoster(w, format, phones, rows)
}

// attach says that the answer is a file, csv or xlsx.
func attach(w http.ResponseWriter, name, format string) {
	h := w.Header()
	h.Set("Content-Type", map[string]string{"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}[format])
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
}

func (a *api) enrolPeople(w http.ResponseWriter, r *request) error {
	var in enrolRequest
	if err := r.read(&in); err != nil {
		return err
	}
	n, err := a.o.Roster.Store.EnrolPeople(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, r.PathValue("code"), in.Learners)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, enrolAnswer{n})
	return nil
}

func (a *api) enrolRules(w http.ResponseWriter, r *request) error {
	rules, err := a.o.Roster.Store.EnrolRules(r.Context(), r.holder.Scope, r.PathValue("code"))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, enrolRuleList{append([]store.EnrolRule{}, rules...)})
	return nil
}

// putEnrolRules makes these the rules of a class, and gives places to whoever fits.
func (a *api) putEnrolRules(w http.ResponseWriter, r *request) error {
	var in enrolRuleList
	if err := r.read(&in); err != nil {
		return err
	}
	for i, rule := range in.Rules {
		code, ok := people.ParseOrgCode(string(rule.Unit))
		if !ok {
			return fault.New(fault.Invalid, "roster.unit_code_bad", fault.A("code", rule.Unit))
		}
		in.Rules[i] = store.EnrolRule{Unit: code, Category: strings.TrimSpace(rule.Category)}
	}
	if _, err := a.o.Roster.Store.ApplyEnrolRules(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, r.PathValue("code"), in.Rules); err != nil {
		return err
	}
	n, err := a.o.Roster.Store.EnrolByRules(r.Context(), a.o.Now())
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, enrolAnswer{n})
	return nil
}
