package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Binding is what the API needs of the store about who is on which phone.
type Binding interface {
	Funnel(ctx context.Context, scope people.Scope, from, to study.Day, level people.Level) (people.Funnel, error)
	Requests(ctx context.Context, scope people.Scope, state people.RequestState, after people.RequestID, limit int) ([]people.Request, error)
	CloseRequest(ctx context.Context, now time.Time, actor string, scope people.Scope, rule people.BindRule, id people.RequestID, done bool, reason string) (people.Request, error)
	PutDelegate(ctx context.Context, now time.Time, actor string, scope people.Scope, rule people.BindRule, helper, learner people.LearnerID, reason string) error
	TransferHandset(ctx context.Context, now time.Time, actor string, scope people.Scope, from, to people.LearnerID, reason string) error
	ReleaseLearner(ctx context.Context, now time.Time, actor string, scope people.Scope, learner people.LearnerID, reason string) (phones int, err error)
}

// bindingRoutes are the acts on binding (绑定).
func bindingRoutes() []route {
	return []route{
		{http.MethodGet, "/api/v1/bindings/funnel", roleKey, (*api).funnel},
		{http.MethodGet, "/api/v1/bindings/requests", roleKey, (*api).requests},
		{http.MethodPost, "/api/v1/bindings/requests/{id}/close", roleKey, (*api).closeRequest},
		{http.MethodPost, "/api/v1/bindings/delegate", roleKey, (*api).delegate},
		{http.MethodPost, "/api/v1/bindings/transfer", roleKey, (*api).transfer},
		{http.MethodPost, "/api/v1/bindings/release", roleKey, (*api).release},
	}
}

type requestList struct {
	Requests []people.Request `json:"requests"`
	Next     string           `json:"next,omitempty"`
}

type closeRequest struct {
	Done   bool   `json:"done"`
	Reason string `json:"reason"`
}

type delegateRequest struct {
	Helper  people.LearnerID `json:"helper"`
	Learner people.LearnerID `json:"learner"`
	Reason  string           `json:"reason"`
}

type transferRequest struct {
	From   people.LearnerID `json:"from"`
	To     people.LearnerID `json:"to"`
	Reason string           `json:"reason"`
}

type releaseRequest struct {
	Learner people.LearnerID `json:"learner"`
	Reason  string           `json:"reason"`
}

type releasedAnswer struct {
	Phones int `json:"phones"`
}

// funnel counts the last seven days by township, unless the request says otherwise.
func (a *api) funnel(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	from, to, err := study.LastDays(study.Day(q.Get("from")), study.Day(q.Get("to")), a.o.Now())
	if err != nil {
		return err
	}
	level, err := numberIn(q, "level", int(people.LevelTownship), int(people.LevelProvince), int(people.LevelVillage))
	if err != nil {
		return fault.New(fault.Invalid, "bind.level_bad")
	}
	f, err := a.o.Binding.Funnel(r.Context(), r.holder.Scope, from, to, people.Level(level))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, f)
	return nil
}

// numberIn reads a number of the query between least and most; otherwise is that of a query without it.
func numberIn(q url.Values, name string, otherwise, least, most int) (int, error) {
	s := q.Get(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", name+" must be "+strconv.Itoa(least)+" to "+strconv.Itoa(most)))
	}
	return n, nil
}

func (a *api) requests(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	state := people.RequestState(q.Get("state"))
	switch state {
	case "":
		state = people.RequestOpen
	case "all":
		state = ""
	case people.RequestOpen, people.RequestDone, people.RequestRefused:
	default:
		return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "state must be open, done, refused or all"))
	}
	limit, err := numberIn(q, "limit", 50, 1, listMax)
	if err != nil {
		return err
	}
	after, err := parseCursor("requests", q.Get("cursor"))
	if err != nil {
		return err
	}
	list, err := a.o.Binding.Requests(r.Context(), r.holder.Scope, state, people.RequestID(after), limit)
	if err != nil {
		return err
	}
	out := requestList{Requests: list}
	if len(list) > 0 {
		out.Next = next("requests", int64(list[len(list)-1].ID), len(list), limit)
	}
	answer(w, http.StatusOK, out)
	return nil
}

func (a *api) closeRequest(w http.ResponseWriter, r *request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return fault.New(fault.NotFound, "bind.request_not_found")
	}
	var in closeRequest
	if err := r.read(&in); err != nil {
		return err
	}
	got, err := a.o.Binding.CloseRequest(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, a.o.BindRule, people.RequestID(id), in.Done, in.Reason)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, got)
	return nil
}

func (a *api) delegate(w http.ResponseWriter, r *request) error {
	var in delegateRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if err := a.o.Binding.PutDelegate(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, a.o.BindRule, in.Helper, in.Learner, in.Reason); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (a *api) transfer(w http.ResponseWriter, r *request) error {
	var in transferRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if err := a.o.Binding.TransferHandset(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, in.From, in.To, in.Reason); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (a *api) release(w http.ResponseWriter, r *request) error {
	var in releaseRequest
	if err := r.read(&in); err != nil {
		return err
	}
	n, err := a.o.Binding.ReleaseLearner(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, in.Learner, in.Reason)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, releasedAnswer{n})
	return nil
}
