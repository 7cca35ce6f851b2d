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
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// CourseStore is what the training menu needs of the store.
type CourseStore interface {
	PersonalMenu(ctx context.Context, now time.Time, scope people.Scope, who people.LearnerID) (store.PersonalMenu, error)
	UnitLimits(ctx context.Context, unit people.OrgCode) ([]study.MenuLimit, error)
	MenuLimits(ctx context.Context, scope people.Scope) ([]study.MenuLimit, error)
	LimitMenu(ctx context.Context, now time.Time, actor string, scope people.Scope, m study.MenuLimit) (bool, error)
	ChangeOrders(ctx context.Context, now time.Time, actor string, scope people.Scope, c store.OrderChange) (study.Queue, error)
	Orders(ctx context.Context, q store.OrderQuery) ([]store.OrderLine, bool, error)
	OrderDemand(ctx context.Context, scope people.Scope, from, to study.Day) ([]study.CourseDemand, error)
}

// courseRoutes are the catalogue, what units close of it, orders and the demand.
func courseRoutes() []route {
	change := func(act study.OrderAct) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.changeOrders(w, r, act) }
	}
	const orders = "/api/v1/orders"
	return []route{
		{http.MethodGet, "/api/v1/courses", roleKey, (*api).courses},
		{http.MethodGet, "/api/v1/courses/demand", roleKey, (*api).demand},
		{http.MethodGet, "/api/v1/courses/menu", roleKey, (*api).menuLimits},
		{http.MethodPost, "/api/v1/courses/menu", roleKey, (*api).limitMenu},
		{http.MethodGet, orders, roleKey, (*api).listOrders},
		{http.MethodPost, orders, roleKey, change(study.OrderPlace)},
		{http.MethodPost, orders + "/drop", roleKey, change(study.OrderDrop)},
		{http.MethodPost, orders + "/first", roleKey, change(study.OrderFirst)},
	}
}

// CourseInfo is a course of the catalogue. Tier and State are for whom the list was asked.
type CourseInfo struct {
	ID       string                  `json:"id"`
	Number   int                     `json:"number"`
	Version  string                  `json:"version"`
	Title    string                  `json:"title"`
	Summary  string                  `json:"summary"`
	Tier     content.Tier            `json:"tier"`
	Tiers    map[string]content.Tier `json:"tiers"`
	Local    bool                    `json:"local"`
	Regions  []string                `json:"regions"`
	Replaces string                  `json:"replaces"`
	Keywords []string                `json:"keywords"`
	Lessons  int                     `json:"lessons"`
	Hours    study.StudyHours        `json:"hours"`
	State    study.OrderState        `json:"state"`
}

type courseList struct {
	Courses []CourseInfo `json:"courses"`
}

// CourseQuery says which courses are listed: all of them, the menu of people of a unit and category, or that of one
// person. Words narrow it down, the best first.
type CourseQuery struct {
	Words    string
	Learner  people.LearnerID // 0: nobody
	Unit     people.OrgCode   // "": none
	Category string           // "": none
}

// ListCourses lists courses. A person must be inside the scope.
func ListCourses(ctx context.Context, s CourseStore, c *study.Catalogue, now time.Time, scope people.Scope, q CourseQuery) ([]CourseInfo, error) {
	var menu study.Menu
	var queue study.Queue
	switch {
	case q.Learner != 0:
		m, err := s.PersonalMenu(ctx, now, scope, q.Learner)
		if err != nil {
			return nil, err
		}
		menu, queue = c.Menu(m.Learner, m.Limits), m.Queue
	case q.Unit != "" || q.Category != "":
		limits, err := s.UnitLimits(ctx, q.Unit)
		if err != nil {
			return nil, err
		}
		menu = c.Menu(people.Learner{Unit: q.Unit, Category: q.Category}, limits)
	default:
		for _, x := range c.Courses() {
			menu = append(menu, study.Offer{Course: x, Tier: x.Tier})
		}
	}
	if q.Words != "" {
		menu = menu.Search(c, q.Words)
	}
	list := []CourseInfo{}
	for _, o := range menu {
		x := o.Course
		i := CourseInfo{
			ID: x.ID, Number: x.Number, Version: x.Ref().Version, Title: x.Title, Summary: x.Summary, Tier: o.Tier, Tiers: x.Tiers, Local: x.Local(),
			Regions: append([]string{}, x.Regions...), Replaces: x.Replaces, Keywords: append([]string{}, x.Keywords...), Lessons: len(x.Lessons), Hours: study.Rule2024.CourseHours(x),
		}
		if i.Tiers == nil {
			i.Tiers = map[string]content.Tier{}
		}
		if order, ok := queue.Order(x.ID); ok {
			i.State = order.State
		}
		list = append(list, i)
	}
	return list, nil
}

// OrderFor is what somebody else does with a person's orders.
type OrderFor struct {
	Learner people.LearnerID
	Act     study.OrderAct
	Course  string
	Class   func(course string) (name string, taught bool) // bot.Service.OrderClass
}

// ChangeOrder does it, for the command line and the API alike: what is ordered must stand in the person's menu, and
// the person is told.
func ChangeOrder(ctx context.Context, s CourseStore, c *study.Catalogue, p *content.Phrases, now time.Time, actor string, scope people.Scope, o OrderFor) (study.Queue, error) {
	title := o.Course
	if x := c.Course(o.Course); x != nil {
		title = x.Title
	}
	if o.Act == study.OrderPlace {
		m, err := s.PersonalMenu(ctx, now, scope, o.Learner)
		if err != nil {
			return study.Queue{}, err
		}
		if _, ok := c.Menu(m.Learner, m.Limits).Offer(o.Course); !ok {
			return study.Queue{}, fault.New(fault.NotFound, "order.not_offered", fault.A("course", o.Course))
		}
	}
	return s.ChangeOrders(ctx, now, actor, scope, store.OrderChange{
		Learner: o.Learner, Act: o.Act, Course: o.Course, Class: o.Class, News: p.Say("order.title", fault.A("course", title)),
	})
}

// LimitMenu closes courses for the people of a unit; it must name courses that are there.
func LimitMenu(ctx context.Context, s CourseStore, c *study.Catalogue, now time.Time, actor string, scope people.Scope, m study.MenuLimit) (bool, error) {
	if err := m.Check(c); err != nil {
		return false, err
	}
	return s.LimitMenu(ctx, now, actor, scope, m)
}

// orderRequest names somebody's order.
type orderRequest struct {
	Learner people.LearnerID `json:"learner"`
	Course  string           `json:"course"`
}

// PersonalOrder is one order of a person who is known.
type PersonalOrder struct {
	Course  string           `json:"course"`
	State   study.OrderState `json:"state"`
	By      string           `json:"by"`
	Ordered study.Day        `json:"ordered"`
}

// PersonalOrders are the orders of a queue, those that wait in their turn.
func PersonalOrders(q study.Queue) []PersonalOrder {
	list := []PersonalOrder{}
	for _, o := range q.Orders {
		list = append(list, PersonalOrder{o.Course, o.State, o.By, o.Ordered})
	}
	return list
}

// personalOrders are the orders of one person, as they are afterwards.
type personalOrders struct {
	Orders []PersonalOrder `json:"orders"`
}

// OrderLine is one order of one person.
type OrderLine struct {
	Learner  people.LearnerID `json:"learner"`
	Name     string           `json:"name"`
	Unit     people.OrgCode   `json:"unit"`
	UnitName string           `json:"unitName"`
	Course   string           `json:"course"`
	State    study.OrderState `json:"state"`
	By       string           `json:"by"`
	Ordered  study.Day        `json:"ordered"`
}

type orderList struct {
	Orders []OrderLine `json:"orders"`
	More   bool        `json:"more"`
}

type demandList struct {
	Courses []study.CourseDemand `json:"courses"`
}

type limitList struct {
	Limits []study.MenuLimit `json:"limits"`
}

// limitRequest says what a unit leaves in the menu of its people.
type limitRequest struct {
	Unit    string   `json:"unit"`
	Only    bool     `json:"only"`
	Courses []string `json:"courses"`
}

type limitAnswer struct {
	Changed bool `json:"changed"`
}

func (a *api) courses(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	ask := CourseQuery{Words: q.Get("q"), Category: q.Get("category")}
	var err error
	if ask.Learner, err = r.learner(); err != nil {
		return err
	}
	if s := q.Get("unit"); s != "" {
		scope, err := narrowed(r.holder.Scope, s)
		if err != nil {
			return err
		}
		ask.Unit = scope.Units[0]
	}
	list, err := ListCourses(r.Context(), a.o.Courses, a.o.Service.Catalogue(), a.o.Now(), r.holder.Scope, ask)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, courseList{list})
	return nil
}

// learner is the person that the query names; 0 for nobody.
func (r *request) learner() (people.LearnerID, error) {
	s := r.URL.Query().Get("learner")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fault.New(fault.NotFound, "follow.no_learner", fault.A("id", s))
	}
	return people.LearnerID(n), nil
}

func (a *api) demand(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	scope, err := narrowed(r.holder.Scope, q.Get("unit"))
	if err != nil {
		return err
	}
	from, to := study.Day(q.Get("from")), study.Day(q.Get("to"))
	for _, d := range []study.Day{from, to} {
		if d != "" && !d.Valid() {
			return fault.New(fault.Invalid, "push.bad_day", fault.A("day", d))
		}
	}
	list, err := a.o.Courses.OrderDemand(r.Context(), scope, from, to)
	if err != nil {
		return err
	}
	return a.table(w, r, "demand", func() (any, error) { return demandList{list}, nil }, func(format report.Format) error {
		_, err := report.WriteDemand(w, format, a.o.Now(), from, to, list)
		return err
	})
}

func (a *api) menuLimits(w http.ResponseWriter, r *request) error {
	list, err := a.o.Courses.MenuLimits(r.Context(), r.holder.Scope)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, limitList{list})
	return nil
}

func (a *api) limitMenu(w http.ResponseWriter, r *request) error {
	var in limitRequest
	if err := r.read(&in); err != nil {
		return err
	}
	unit, _ := people.ParseOrgCode(in.Unit)
	changed, err := LimitMenu(r.Context(), a.o.Courses, a.o.Service.Catalogue(), a.o.Now(), r.actor(), r.holder.Scope, study.MenuLimit{Unit: unit, Only: in.Only, Courses: in.Courses})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, limitAnswer{changed})
	return nil
}

func (a *api) listOrders(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	scope, err := narrowed(r.holder.Scope, q.Get("unit"))
	if err != nil {
		return err
	}
	query := store.OrderQuery{Scope: scope, Course: q.Get("course"), State: study.OrderState(q.Get("state"))}
	if query.Learner, err = r.learner(); err != nil {
		return err
	}
	for name, to := range map[string]*int{"after": &query.After, "limit": &query.Limit} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", name+" must be a number"))
			}
			*to = n
		}
	}
	list, more, err := a.o.Courses.Orders(r.Context(), query)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, orderList{OrderLines(list), more})
	return nil
}

// OrderLines are orders as they are shown.
func OrderLines(list []store.OrderLine) []OrderLine {
	out := []OrderLine{}
	for _, l := range list {
		out = append(out, OrderLine{
			Learner: l.Learner.ID, Name: l.Learner.Name, Unit: l.Learner.Unit, UnitName: l.Learner.UnitName, Course: l.Course, State: l.State, By: l.By, Ordered: l.Ordered,
		})
	}
	return out
}

func (a *api) changeOrders(w http.ResponseWriter, r *request, act study.OrderAct) error {
	var in orderRequest
	if err := r.read(&in); err != nil {
		return err
	}
	q, err := ChangeOrder(r.Context(), a.o.Courses, a.o.Service.Catalogue(), a.o.Phrases, a.o.Now(), r.actor(), r.holder.Scope,
		OrderFor{Learner: in.Learner, Act: act, Course: in.Course, Class: a.o.Service.OrderClass})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, personalOrders{PersonalOrders(q)})
	return nil
}
