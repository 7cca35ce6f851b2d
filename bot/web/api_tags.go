package web

import (
	"context"
	"net/http"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// Tagging is what the API needs of the store about tags (标签).
type Tagging interface {
	Tags(ctx context.Context, scope people.Scope) ([]people.TagCount, error)
	TagPeople(ctx context.Context, now time.Time, actor string, scope people.Scope, who bot.Audience, tag string, on bool) (met, changed int, err error)
	Recipients(ctx context.Context, now time.Time, scope people.Scope, a bot.Audience, after people.LearnerID, limit int) ([]bot.Recipient, error)
}

// tagRoutes are the acts on tags.
func tagRoutes() []route {
	put := func(on bool) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.tag(w, r, on) }
	}
	return []route{
		{http.MethodGet, "/api/v1/tags", roleKey, (*api).tags},
		{http.MethodGet, "/api/v1/tags/people", roleKey, (*api).taggedPeople},
		{http.MethodPost, "/api/v1/tags/add", roleKey, put(true)},
		{http.MethodPost, "/api/v1/tags/remove", roleKey, put(false)},
	}
}

type tagList struct {
	Tags []people.TagCount `json:"tags"`
}

type taggedList struct {
	People []taggedPerson `json:"people"`
	Next   string         `json:"next,omitempty"`
}

type taggedPerson struct {
	Learner  people.LearnerID `json:"learner"`
	Name     string           `json:"name"`
	Unit     people.OrgCode   `json:"unit"`
	UnitName string           `json:"unitName"`
}

type tagRequest struct {
	Tag      string          `json:"tag"`
	Everyone bool            `json:"everyone"`
	Audience audienceRequest `json:"audience"`
}

type tagAnswer struct {
	Tag     string `json:"tag"`
	People  int    `json:"people"`
	Changed int    `json:"changed"`
}

// oneTag folds a tag and refuses what is none.
func oneTag(s string) (string, error) {
	tag := people.FoldTag(s)
	if problem := people.TagProblem(tag); problem != "" {
		return "", fault.New(fault.Invalid, problem, fault.A("limit", people.MaxTagRunes))
	}
	return tag, nil
}

func (a *api) tags(w http.ResponseWriter, r *request) error {
	list, err := a.o.Tags.Tags(r.Context(), r.holder.Scope)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, tagList{append([]people.TagCount{}, list...)})
	return nil
}

func (a *api) taggedPeople(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	tag, err := oneTag(q.Get("tag"))
	if err != nil {
		return err
	}
	limit, err := numberIn(q, "limit", 50, 1, listMax)
	if err != nil {
		return err
	}
	after, err := parseCursor("tagged", q.Get("cursor"))
	if err != nil {
		return err
	}
	list, err := a.o.Tags.Recipients(r.Context(), a.o.Now(), r.holder.Scope, bot.Audience{Tags: []string{tag}}, people.LearnerID(after), limit)
	if err != nil {
		return err
	}
	out := taggedList{People: []taggedPerson{}}
	for _, p := range list {
		l := p.Learner
		out.People = append(out.People, taggedPerson{l.ID, l.Name, l.Unit, l.UnitName})
		after = int64(l.ID)
	}
	out.Next = next("tagged", after, len(list), limit)
	answer(w, http.StatusOK, out)
	return nil
}

func (a *api) tag(w http.ResponseWriter, r *request, on bool) error {
	var in tagRequest
	if err := r.read(&in); err != nil {
		return err
	}
	tag, err := oneTag(in.Tag)
	if err != nil {
		return err
	}
	who, err := in.Audience.whole(in.Everyone)
	if err != nil {
		return err
	}
	met, changed, err := a.o.Tags.TagPeople(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, who, tag, on)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, tagAnswer{tag, met, changed})
	return nil
}
