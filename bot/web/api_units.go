package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

// UnitStore is what the routes of units need of the store.
type UnitStore interface {
	Units(ctx context.Context, scope people.Scope, q people.UnitQuery) ([]people.UnitLine, error)
	UnitLife(ctx context.Context, scope people.Scope, code people.OrgCode) (people.UnitLife, error)
	UnitCounts(ctx context.Context, scope people.Scope, level people.Level, day string) ([]people.UnitCount, error)
	WhereWas(ctx context.Context, scope people.Scope, learner people.LearnerID, day string) (people.Whereabouts, error)
	ExportUnits(ctx context.Context, scope people.Scope) ([]people.Unit, error)
	ChangeUnit(ctx context.Context, now time.Time, actor string, scope people.Scope, o people.UnitOrder) (people.UnitReport, error)
}

// unitRoutes are the tree of units: reading, and changing what is named, merged, moved or ended.
func unitRoutes() []route {
	change := func(kind people.UnitChangeKind) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.changeUnit(w, r, kind) }
	}
	const unit = "/api/v1/units/{code}"
	return []route{
		{http.MethodGet, "/api/v1/units", roleKey, (*api).units},
		{http.MethodGet, "/api/v1/units/export", roleKey, (*api).exportUnits},
		{http.MethodGet, unit, roleKey, (*api).unit},
		{http.MethodGet, "/api/v1/unit-counts", roleKey, (*api).unitCounts},
		{http.MethodGet, "/api/v1/learners/{id}/unit", roleKey, (*api).whereWas},
		{http.MethodPost, unit + "/rename", roleKey, change(people.UnitRenamed)},
		{http.MethodPost, unit + "/merge", roleKey, change(people.UnitMerged)},
		{http.MethodPost, unit + "/move", roleKey, change(people.UnitMoved)},
		{http.MethodPost, unit + "/end", roleKey, change(people.UnitEnded)},
	}
}

type unitList struct {
	Units []people.UnitLine `json:"units"`
}

type unitCountList struct {
	Day   string             `json:"day"`
	Units []people.UnitCount `json:"units"`
}

// unitRequest is the body of the acts.
type unitRequest struct {
	Name     string         `json:"name"`
	Into     people.OrgCode `json:"into"`
	Day      string         `json:"day"`
	Document string         `json:"document"`
	DryRun   bool           `json:"dryRun"`
}

// unitChanged is what an act did, or would do.
type unitChanged struct {
	DryRun   bool                    `json:"dryRun"`
	Changes  []people.UnitChange     `json:"changes"`
	People   int                     `json:"people"`
	Recoded  []people.RecodedLearner `json:"recoded"`
	Pointing people.UnitPointers     `json:"pointing"`
}

func unitCodeOf(s string) (people.OrgCode, error) {
	code, ok := people.ParseOrgCode(s)
	if !ok {
		return "", fault.New(fault.Invalid, "units.code_bad", fault.A("code", s))
	}
	return code, nil
}

func (a *api) units(w http.ResponseWriter, r *request) error {
	v := r.URL.Query()
	q := people.UnitQuery{Text: v.Get("q")}
	var err error
	if s := v.Get("below"); s != "" {
		if q.Below, err = unitCodeOf(s); err != nil {
			return err
		}
	}
	if s := v.Get("limit"); s != "" {
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 1 {
			return fault.New(fault.Invalid, "units.limit_bad", fault.A("limit", s))
		}
	}
	list, err := a.o.Units.Units(r.Context(), r.holder.Scope, q)
	if err != nil {
		return err
	}
	if list == nil {
		list = []people.UnitLine{}
	}
	answer(w, http.StatusOK, unitList{list})
	return nil
}

func (a *api) unit(w http.ResponseWriter, r *request) error {
	code, err := unitCodeOf(r.PathValue("code"))
	if err != nil {
		return err
	}
	life, err := a.o.Units.UnitLife(r.Context(), r.holder.Scope, code)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, life)
	return nil
}

// exportUnits is the tree as a file, also with the units that are no more.
func (a *api) exportUnits(w http.ResponseWriter, r *request) error {
	format := r.URL.Query().Get("format")
	if err := sheetFormat(&format); err != nil {
		return err
	}
	list, err := a.o.Units.ExportUnits(r.Context(), r.holder.Scope)
	if err != nil {
		return err
	}
	attach(w, "units", format)
	return report.WriteUnits(w, format, list)
}

// day reads the day of a question, today where there is none.
func (a *api) day(r *request) (string, error) {
	s := r.URL.Query().Get("day")
	if s == "" {
		return string(study.DayOf(a.o.Now())), nil
	}
	day, ok := people.ParseDay(s)
	if !ok {
		return "", fault.New(fault.Invalid, "units.day_bad", fault.A("day", s))
	}
	return day, nil
}

func (a *api) unitCounts(w http.ResponseWriter, r *request) error {
	day, err := a.day(r)
	if err != nil {
		return err
	}
	level, err := people.ParseLevel(r.URL.Query().Get("level"))
	if err != nil {
		return err
	}
	list, err := a.o.Units.UnitCounts(r.Context(), r.holder.Scope, level, day)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, unitCountList{Day: day, Units: list})
	return nil
}

func (a *api) whereWas(w http.ResponseWriter, r *request) error {
	day, err := a.day(r)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return fault.New(fault.NotFound, "units.learner_unknown", fault.A("learner", r.PathValue("id")))
	}
	at, err := a.o.Units.WhereWas(r.Context(), r.holder.Scope, people.LearnerID(n), day)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, at)
	return nil
}

func (a *api) changeUnit(w http.ResponseWriter, r *request, kind people.UnitChangeKind) error {
	code, err := unitCodeOf(r.PathValue("code"))
	if err != nil {
		return err
	}
	var in unitRequest
	if err := r.read(&in); err != nil {
		return err
	}
	o := people.UnitOrder{Kind: kind, Code: code, Name: in.Name, Day: in.Day, Document: in.Document, DryRun: in.DryRun}
	if kind == people.UnitMerged || kind == people.UnitMoved {
		if o.Into, err = unitCodeOf(string(in.Into)); err != nil {
			return err
		}
	}
	got, err := a.o.Units.ChangeUnit(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, o)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, unitChanged{DryRun: in.DryRun, Changes: got.Changes, People: got.People, Recoded: got.Recoded, Pointing: got.Pointing})
	return nil
}
