package web

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// FollowStore is what following up needs of the store.
type FollowStore interface {
	FollowedPeople(ctx context.Context, scope people.Scope) iter.Seq2[study.Followed, error]
	AddFinding(ctx context.Context, now time.Time, actor string, scope people.Scope, f study.Finding) (study.Finding, error)
	Findings(ctx context.Context, scope people.Scope) ([]study.Finding, error)
	AssignRectification(ctx context.Context, now time.Time, actor string, scope people.Scope, a store.Assignment) (int, error)
	Rectifications(ctx context.Context, q store.RectifyQuery) ([]study.Rectification, error)
	DecideRectification(ctx context.Context, now time.Time, actor string, scope people.Scope, id study.RectificationID, d study.Decision) (study.Rectification, error)
	PutSurvey(ctx context.Context, now time.Time, actor string, scope people.Scope, v study.Survey) (bool, error)
	Surveys(ctx context.Context, scope people.Scope) ([]study.Survey, error)
	EndSurvey(ctx context.Context, now time.Time, actor string, scope people.Scope, code string) (study.Survey, error)
	SurveyResult(ctx context.Context, now time.Time, scope people.Scope, code string) (study.SurveyResult, error)
	NamedAnswers(ctx context.Context, scope people.Scope, code string) (study.Survey, []study.NamedAnswers, error)
	SurveyUnits(ctx context.Context, r study.SurveyResult) (map[people.OrgCode]string, error)
}

// Following is what the routes of following up need.
type Following struct {
	Store    FollowStore
	Library  func() *content.Library
	Calendar study.Calendar
}

// followRoutes are who needs help, findings with their rectifications, and surveys.
func followRoutes() []route {
	decide := func(act study.RectifyAct) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.decide(w, r, act) }
	}
	const rectification, survey = "/api/v1/rectifications/{id}", "/api/v1/surveys/{code}"
	return []route{
		{http.MethodGet, "/api/v1/help", roleKey, (*api).needHelp},
		{http.MethodPost, "/api/v1/findings", roleKey, (*api).addFinding},
		{http.MethodGet, "/api/v1/findings", roleKey, (*api).findings},
		{http.MethodPost, "/api/v1/findings/{id}/rectifications", roleKey, (*api).assign},
		{http.MethodGet, "/api/v1/rectifications", roleKey, (*api).rectifications},
		{http.MethodPost, rectification + "/close", roleKey, decide(study.RectifyClose)},
		{http.MethodPost, rectification + "/reopen", roleKey, decide(study.RectifyReopen)},
		{http.MethodPost, rectification + "/withdraw", roleKey, decide(study.RectifyWithdraw)},
		{http.MethodPost, "/api/v1/surveys", roleKey, (*api).putSurvey},
		{http.MethodGet, "/api/v1/surveys", roleKey, (*api).surveys},
		{http.MethodGet, survey + "/result", roleKey, (*api).surveyResult},
		{http.MethodGet, survey + "/answers", roleKey, (*api).surveyAnswers},
		{http.MethodPost, survey + "/end", roleKey, (*api).endSurvey},
	}
}

// helpPerson is one person of the list of those who may need help.
type helpPerson struct {
	Learner  people.LearnerID   `json:"learner"`
	Name     string             `json:"name"`
	Unit     people.OrgCode     `json:"unit"`
	UnitName string             `json:"unitName"`
	Category string             `json:"category"`
	Reasons  []study.HelpReason `json:"reasons"`
	Why      string             `json:"why"`
	Behind   int                `json:"behind"`
	Stuck    []study.Stuck      `json:"stuck"`
	LastAt   *string            `json:"lastAt"`
}

type helpList struct {
	People []helpPerson `json:"people"`
}

// findingRequest asks for a finding to be entered.
type findingRequest struct {
	Source   string    `json:"source"`
	Document string    `json:"document"`
	Found    study.Day `json:"found"`
	Unit     string    `json:"unit"`
	Problem  string    `json:"problem"`
}

type findingList struct {
	Findings []study.Finding `json:"findings"`
}

// assignRequest names who has to learn what until when.
type assignRequest struct {
	Learners []people.LearnerID `json:"learners"`
	Courses  []string           `json:"courses"`
	Due      study.Day          `json:"due"`
}

type assignAnswer struct {
	Assigned int `json:"assigned"`
}

// decideRequest is a decision about a rectification.
type decideRequest struct {
	Evidence study.Evidence `json:"evidence"` // of closing
	Proof    string         `json:"proof"`
}

// rectificationAnswer is one rectification.
type rectificationAnswer struct {
	ID       study.RectificationID `json:"id"`
	Finding  study.FindingID       `json:"finding"`
	Document string                `json:"document"`
	Learner  people.LearnerID      `json:"learner"`
	Name     string                `json:"name"`
	Unit     people.OrgCode        `json:"unit"`
	UnitName string                `json:"unitName"`
	Cohort   string                `json:"cohort"`
	Courses  []string              `json:"courses"`
	Due      study.Day             `json:"due"`
	Status   study.RectifyStatus   `json:"status"`
	Overdue  bool                  `json:"overdue"`
	Evidence study.Evidence        `json:"evidence"`
	Proof    string                `json:"proof"`
	By       string                `json:"by"`
	Decided  study.Day             `json:"decided"`
}

type rectificationList struct {
	Rectifications []rectificationAnswer `json:"rectifications"`
}

// surveyRequest asks for a survey to be made.
type surveyRequest struct {
	Code      string           `json:"code"`
	Title     string           `json:"title"`
	Intro     string           `json:"intro"`
	Anonymous bool             `json:"anonymous"`
	Opens     study.Day        `json:"opens"`
	Closes    study.Day        `json:"closes"`
	Unit      string           `json:"unit"`
	Cohort    string           `json:"cohort"`
	By        people.Level     `json:"by"`
	Questions []study.Question `json:"questions"`
}

type surveyList struct {
	Surveys []study.Survey `json:"surveys"`
}

// namedAnswers are one person's, to a survey that is not anonymous.
type namedAnswers struct {
	Learner  people.LearnerID       `json:"learner"`
	Name     string                 `json:"name"`
	Unit     people.OrgCode         `json:"unit"`
	UnitName string                 `json:"unitName"`
	Replies  map[string]study.Reply `json:"replies"`
}

type namedAnswerList struct {
	People []namedAnswers `json:"people"`
}

type surveyMade struct {
	Created bool `json:"created"`
}

// narrowed is the holder's scope down to a unit inside it; a unit outside is not found.
func narrowed(scope people.Scope, unit string) (people.Scope, error) {
	if unit == "" {
		return scope, nil
	}
	code, ok := people.ParseOrgCode(unit)
	if !ok || !scope.Sees(code) {
		return people.Scope{}, fault.New(fault.NotFound, "follow.unit_unseen", fault.A("unit", unit))
	}
	return people.Scope{Units: []people.OrgCode{code}}, nil
}

// table answers with a file, or with v as JSON.
func (a *api) table(w http.ResponseWriter, r *request, name string, v func() (any, error), file func(f report.Format) error) error {
	format := report.Format(r.URL.Query().Get("format"))
	kind, known := fileTypes[format]
	switch {
	case format == "" || format == report.JSON:
		body, err := v()
		if err == nil {
			answer(w, http.StatusOK, body)
		}
		return err
	case !known:
		return fault.New(fault.Invalid, "report.format_unknown", fault.A("format", format))
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+string(format)+`"`)
	return file(format)
}

func (a *api) needHelp(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	scope, err := narrowed(r.holder.Scope, q.Get("unit"))
	if err != nil {
		return err
	}
	rule := study.HelpRule{}
	for name, to := range map[string]*int{"behind": &rule.Behind, "failed": &rule.Failed} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 1000 {
				return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", name+" must be 1 to 1000"))
			}
			*to = n
		}
	}
	f, library := a.o.Follow, a.o.Follow.Library()
	teacher := study.Teacher{Course: library.Current, Calendar: f.Calendar, Now: a.o.Now()}
	list := study.HelpList(f.Store.FollowedPeople(r.Context(), scope), teacher, rule, study.HelpReason(q.Get("reason")))
	return a.table(w, r, "help", func() (any, error) {
		out := helpList{People: []helpPerson{}}
		for h, err := range list {
			if err != nil {
				return nil, err
			}
			p := helpPerson{
				Learner: h.Learner.ID, Name: h.Learner.Name, Unit: h.Learner.Unit, UnitName: h.Learner.UnitName, Category: h.Learner.Category,
				Reasons: h.Reasons, Why: HelpWhy(h, library, a.o.Phrases), Behind: h.Behind, Stuck: h.Stuck,
			}
			if !h.LastAt.IsZero() {
				s := h.LastAt.In(study.Zone).Format(time.RFC3339)
				p.LastAt = &s
			}
			out.People = append(out.People, p)
		}
		return out, nil
	}, func(format report.Format) error {
		_, err := report.WriteHelp(w, format, a.o.Now(), HelpLines(list, library, a.o.Phrases))
		return err
	})
}

func (a *api) addFinding(w http.ResponseWriter, r *request) error {
	var in findingRequest
	if err := r.read(&in); err != nil {
		return err
	}
	unit, _ := people.ParseOrgCode(in.Unit)
	f, err := a.o.Follow.Store.AddFinding(r.Context(), a.o.Now(), r.actor(), r.holder.Scope,
		study.Finding{Source: in.Source, Document: in.Document, Found: in.Found, Unit: unit, Problem: in.Problem})
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, f)
	return nil
}

func (a *api) findings(w http.ResponseWriter, r *request) error {
	list, err := a.o.Follow.Store.Findings(r.Context(), r.holder.Scope)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, findingList{list})
	return nil
}

// number is the number in the path; one that is none names nothing.
func (r *request) number(unknown string) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || n <= 0 {
		return 0, fault.New(fault.NotFound, unknown, fault.A("id", r.PathValue("id")))
	}
	return n, nil
}

func (a *api) assign(w http.ResponseWriter, r *request) error {
	id, err := r.number("follow.no_finding")
	if err != nil {
		return err
	}
	var in assignRequest
	if err := r.read(&in); err != nil {
		return err
	}
	n, err := Assign(r.Context(), a.o.Follow.Store, a.o.Phrases, a.o.Now(), r.actor(), r.holder.Scope,
		store.Assignment{Finding: study.FindingID(id), Learners: in.Learners, Courses: in.Courses, Due: in.Due})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, assignAnswer{n})
	return nil
}

// Assign tells the people, names the class after the finding's document and assigns it.
func Assign(ctx context.Context, s FollowStore, p *content.Phrases, now time.Time, actor string, scope people.Scope, a store.Assignment) (int, error) {
	list, err := s.Findings(ctx, scope)
	if err != nil {
		return 0, err
	}
	for _, f := range list {
		if f.ID == a.Finding {
			a.Class = p.Say("follow.class_name", fault.A("document", f.Document))
			a.News = p.Say("follow.news", fault.A("class", a.Class), fault.A("day", a.Due))
		}
	}
	return s.AssignRectification(ctx, now, actor, scope, a)
}

func (a *api) rectifications(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	scope, err := narrowed(r.holder.Scope, q.Get("unit"))
	if err != nil {
		return err
	}
	query := store.RectifyQuery{Scope: scope, Status: study.RectifyStatus(q.Get("status"))}
	if s := q.Get("finding"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n <= 0 {
			return fault.New(fault.NotFound, "follow.no_finding", fault.A("id", s))
		}
		query.Finding = study.FindingID(n)
	}
	if q.Get("overdue") == "true" {
		query.Overdue = study.DayOf(a.o.Now())
	}
	list, err := a.o.Follow.Store.Rectifications(r.Context(), query)
	if err != nil {
		return err
	}
	return a.table(w, r, "rectifications", func() (any, error) {
		out := rectificationList{Rectifications: []rectificationAnswer{}}
		for _, x := range list {
			out.Rectifications = append(out.Rectifications, rectificationOf(x, study.DayOf(a.o.Now())))
		}
		return out, nil
	}, func(format report.Format) error {
		_, err := report.WriteRectifications(w, format, a.o.Now(), RectificationLines(list, a.o.Now(), a.o.Follow.Library(), a.o.Phrases))
		return err
	})
}

func rectificationOf(r study.Rectification, today study.Day) rectificationAnswer {
	return rectificationAnswer{
		ID: r.ID, Finding: r.Finding.ID, Document: r.Finding.Document, Learner: r.Learner.ID, Name: r.Learner.Name, Unit: r.Learner.Unit, UnitName: r.Learner.UnitName,
		Cohort: r.Cohort, Courses: r.Courses, Due: r.Due, Status: r.Status, Overdue: r.Overdue(today), Evidence: r.Evidence, Proof: r.Proof, By: r.By, Decided: r.Decided,
	}
}

func (a *api) decide(w http.ResponseWriter, r *request, act study.RectifyAct) error {
	id, err := r.number("follow.no_rectification")
	if err != nil {
		return err
	}
	var in decideRequest
	if err := r.read(&in); err != nil {
		return err
	}
	x, err := a.o.Follow.Store.DecideRectification(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, study.RectificationID(id),
		study.Decision{Act: act, Evidence: in.Evidence, Proof: in.Proof})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, rectificationOf(x, study.DayOf(a.o.Now())))
	return nil
}

func (a *api) putSurvey(w http.ResponseWriter, r *request) error {
	var in surveyRequest
	if err := r.read(&in); err != nil {
		return err
	}
	unit, _ := people.ParseOrgCode(in.Unit)
	created, err := a.o.Follow.Store.PutSurvey(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, study.Survey{
		Code: in.Code, Title: in.Title, Intro: in.Intro, Anonymous: in.Anonymous, Opens: in.Opens, Closes: in.Closes,
		Unit: unit, Cohort: in.Cohort, By: in.By, Questions: in.Questions,
	})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	answer(w, status, surveyMade{created})
	return nil
}

func (a *api) surveys(w http.ResponseWriter, r *request) error {
	list, err := a.o.Follow.Store.Surveys(r.Context(), r.holder.Scope)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, surveyList{list})
	return nil
}

func (a *api) surveyResult(w http.ResponseWriter, r *request) error {
	s := a.o.Follow.Store
	out, err := s.SurveyResult(r.Context(), a.o.Now(), r.holder.Scope, r.PathValue("code"))
	if err != nil {
		return err
	}
	return a.table(w, r, "survey-"+out.Survey.Code, func() (any, error) { return out, nil }, func(format report.Format) error {
		names, err := s.SurveyUnits(r.Context(), out)
		if err == nil {
			_, err = report.WriteSurvey(w, format, a.o.Now(), out, names)
		}
		return err
	})
}

func (a *api) surveyAnswers(w http.ResponseWriter, r *request) error {
	v, list, err := a.o.Follow.Store.NamedAnswers(r.Context(), r.holder.Scope, r.PathValue("code"))
	if err != nil {
		return err
	}
	return a.table(w, r, "answers-"+v.Code, func() (any, error) {
		out := namedAnswerList{People: []namedAnswers{}}
		for _, x := range list {
			out.People = append(out.People, namedAnswers{Learner: x.Learner.ID, Name: x.Learner.Name, Unit: x.Learner.Unit, UnitName: x.Learner.UnitName, Replies: x.Replies})
		}
		return out, nil
	}, func(format report.Format) error {
		_, err := report.WriteNamedAnswers(w, format, a.o.Now(), v, list)
		return err
	})
}

func (a *api) endSurvey(w http.ResponseWriter, r *request) error {
	if err := r.read(&struct{}{}); err != nil {
		return err
	}
	v, err := a.o.Follow.Store.EndSurvey(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, r.PathValue("code"))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, v)
	return nil
}
