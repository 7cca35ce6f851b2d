package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// ClassStore is what classes that meet need of the store.
type ClassStore interface {
	ClassRoll(ctx context.Context, scope people.Scope, cohort string) (study.Roll, error)
	RecordAttendance(ctx context.Context, now time.Time, scope people.Scope, events []study.AttendanceEvent) (int, error)
	CountHeads(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, c store.HeadCount) error
	CloseSession(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, number int) (study.Session, error)
	MakeUp(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, number int, learner people.LearnerID, note string) error
	Leaves(ctx context.Context, scope people.Scope, cohort string, status study.LeaveStatus) ([]study.Leave, error)
	AskLeave(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, learner people.LearnerID, numbers []int, reason string) (study.LeaveID, error)
	DecideLeave(ctx context.Context, now time.Time, actor string, scope people.Scope, id study.LeaveID, to study.LeaveStatus) error
	DecidePlace(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, learner people.LearnerID, a store.PlaceAct, reason string) error
}

// classRoutes are classes that meet: register, attendance, leave, places.
func classRoutes() []route {
	leave := func(to study.LeaveStatus) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.decideLeave(w, r, to) }
	}
	place := func(act store.PlaceAct) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.decidePlace(w, r, act) }
	}
	const class = "/api/v1/classes/{code}"
	const session, person = class + "/sessions/{number}", class + "/people/{id}"
	return []route{
		{http.MethodGet, class + "/sessions", roleKey, (*api).sessions},
		{http.MethodGet, class + "/roll", roleKey, (*api).roll},
		{http.MethodGet, session + "/sheet", roleKey, (*api).signSheet},
		{http.MethodPost, session + "/attendance", roleKey, (*api).attend},
		{http.MethodPost, session + "/count", roleKey, (*api).countHeads},
		{http.MethodPost, session + "/close", roleKey, (*api).closeSession},
		{http.MethodPost, session + "/make-ups", roleKey, (*api).makeUp},
		{http.MethodGet, class + "/leaves", roleKey, (*api).leaves},
		{http.MethodPost, class + "/leaves", roleKey, (*api).askLeave},
		{http.MethodPost, "/api/v1/leaves/{id}/approve", roleKey, leave(study.LeaveApproved)},
		{http.MethodPost, "/api/v1/leaves/{id}/refuse", roleKey, leave(study.LeaveRefused)},
		{http.MethodPost, "/api/v1/leaves/{id}/withdraw", roleKey, leave(study.LeaveWithdrawn)},
		{http.MethodPost, person + "/withdraw", roleKey, place(store.PlaceWithdraw)},
		{http.MethodPost, person + "/waive", roleKey, place(store.PlaceWaive)},
		{http.MethodPost, person + "/return", roleKey, place(store.PlaceReturn)},
	}
}

// sessionAnswer is one session with how many of the key's people are what in it.
type sessionAnswer struct {
	Number   int       `json:"number"`
	Title    string    `json:"title"`
	Place    string    `json:"place"`
	Starts   time.Time `json:"starts"`
	Ends     time.Time `json:"ends"`
	Hours    string    `json:"hours"`
	Closed   bool      `json:"closed"`
	Counted  *int      `json:"counted"`
	There    int       `json:"there"`
	Late     int       `json:"late"`
	Leave    int       `json:"leave"`
	Absent   int       `json:"absent"`
	Doubtful int       `json:"doubtful"`
	MadeUp   int       `json:"madeUp"`
}

type sessionList struct {
	Sessions []sessionAnswer `json:"sessions"`
}

// rollAnswer is a register.
type rollAnswer struct {
	Class    string          `json:"class"`
	Name     string          `json:"name"`
	Rule     string          `json:"rule"`
	CutOff   time.Time       `json:"cutOff"`
	Sessions []sessionAnswer `json:"sessions"`
	People   []rollPerson    `json:"people"`
}

type rollPerson struct {
	Learner  people.LearnerID      `json:"learner"`
	Name     string                `json:"name"`
	Unit     people.OrgCode        `json:"unit"`
	UnitName string                `json:"unitName"`
	Category string                `json:"category"`
	Status   study.EnrolmentStatus `json:"status"`
	Attended []attendedAnswer      `json:"attended"`
	Total    string                `json:"total"`
	Credited string                `json:"credited"`
	MadeUp   string                `json:"madeUp"`
	Leave    string                `json:"leave"`
	Missed   string                `json:"missed"`
	Near     bool                  `json:"near"`
	Over     bool                  `json:"over"`
	Verdict  string                `json:"verdict"`
}

type attendedAnswer struct {
	Number   int            `json:"number"`
	Presence study.Presence `json:"presence"`
	Word     string         `json:"word"`
	Arrived  *time.Time     `json:"arrived"`
	Way      study.Way      `json:"way"`
	Doubts   []study.Doubt  `json:"doubts"`
	Note     string         `json:"note"`
}

// attendRequest says who was there, or what was decided about people.
type attendRequest struct {
	Events []attendEvent `json:"events"`
}

type attendEvent struct {
	ID      string           `json:"id"`
	Learner people.LearnerID `json:"learner"`
	As      study.Decided    `json:"as"`
	At      time.Time        `json:"at"`
	Note    string           `json:"note"`
}

type attendAnswer struct {
	Recorded int `json:"recorded"`
}

type countRequest struct {
	ID    string    `json:"id"`
	Heads int       `json:"heads"`
	At    time.Time `json:"at"`
}

type makeUpRequest struct {
	Learner people.LearnerID `json:"learner"`
	Note    string           `json:"note"`
}

type leaveRequest struct {
	Learner  people.LearnerID `json:"learner"`
	Sessions []int            `json:"sessions"`
	Reason   string           `json:"reason"`
}

type leaveMade struct {
	ID study.LeaveID `json:"id"`
}

type leaveAnswer struct {
	ID       study.LeaveID     `json:"id"`
	Learner  people.LearnerID  `json:"learner"`
	Sessions []int             `json:"sessions"`
	Reason   string            `json:"reason"`
	Status   study.LeaveStatus `json:"status"`
	By       string            `json:"by"`
}

type leaveList struct {
	Leaves []leaveAnswer `json:"leaves"`
}

type reasonRequest struct {
	Reason string `json:"reason"`
}

func sessionAnswers(roll study.Roll) []sessionAnswer {
	out := []sessionAnswer{}
	for i, s := range roll.Sessions {
		n := study.Tally(roll.Lines, i)
		x := sessionAnswer{
			Number: s.Number, Title: s.Title, Place: s.Place, Starts: s.Starts.In(study.Zone), Ends: s.Ends.In(study.Zone), Hours: s.Hours.String(), Closed: !s.ClosedAt.IsZero(),
			There: n[study.Present] + n[study.Late] + n[study.LeftEarly], Late: n[study.Late], Leave: n[study.OnLeave], Absent: n[study.Absent], Doubtful: n[study.PresenceDoubt], MadeUp: n[study.MadeUpLater],
		}
		if roll.Counted[i] >= 0 {
			x.Counted = &roll.Counted[i]
		}
		out = append(out, x)
	}
	return out
}

func (a *api) sessions(w http.ResponseWriter, r *request) error {
	roll, err := a.o.Classes.ClassRoll(r.Context(), r.holder.Scope, r.PathValue("code"))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, sessionList{sessionAnswers(roll)})
	return nil
}

func (a *api) roll(w http.ResponseWriter, r *request) error {
	scope, err := narrowed(r.holder.Scope, r.URL.Query().Get("unit"))
	if err != nil {
		return err
	}
	now := a.o.Now()
	roll, err := a.o.Classes.ClassRoll(r.Context(), scope, r.PathValue("code"))
	if err != nil {
		return err
	}
	return a.table(w, r, "roll-"+roll.Cohort.Code, func() (any, error) { return rollOf(roll, now), nil }, func(format report.Format) error {
		_, err := report.WriteRoll(w, format, now, roll)
		return err
	})
}

func rollOf(roll study.Roll, now time.Time) rollAnswer {
	out := rollAnswer{
		Class: roll.Cohort.Code, Name: roll.Cohort.Name, Rule: study.ClassRule2026.Version, CutOff: now.In(study.Zone), Sessions: sessionAnswers(roll), People: []rollPerson{},
	}
	for _, l := range roll.Lines {
		st := l.Standing
		p := rollPerson{
			Learner: l.Learner.ID, Name: l.Learner.Name, Unit: l.Learner.Unit, UnitName: l.Learner.UnitName, Category: l.Learner.Category, Status: l.Status, Attended: []attendedAnswer{},
			Total: st.Total.String(), Credited: st.Credited.String(), MadeUp: st.MadeUp.String(), Leave: st.Leave.String(), Missed: st.Missed.String(), Near: st.Near, Over: st.Over, Verdict: report.Verdict(roll, l),
		}
		for i, x := range l.Attended {
			y := attendedAnswer{Number: roll.Sessions[i].Number, Presence: x.Presence, Word: report.PresenceWord(x.Presence), Way: x.Way, Doubts: append([]study.Doubt{}, x.Doubts...), Note: x.Note}
			if !x.Arrived.IsZero() {
				at := x.Arrived.In(study.Zone)
				y.Arrived = &at
			}
			p.Attended = append(p.Attended, y)
		}
		out.People = append(out.People, p)
	}
	return out
}

// sessionOf reads the register and the place of the path's session in it.
func (a *api) sessionOf(r *request) (study.Roll, int, error) {
	code := r.PathValue("code")
	roll, err := a.o.Classes.ClassRoll(r.Context(), r.holder.Scope, code)
	if err != nil {
		return roll, 0, err
	}
	for i, s := range roll.Sessions {
		if strconv.Itoa(s.Number) == r.PathValue("number") {
			return roll, i, nil
		}
	}
	return roll, 0, fault.New(fault.NotFound, "class.no_session", fault.A("cohort", code), fault.A("number", r.PathValue("number")))
}

func (a *api) signSheet(w http.ResponseWriter, r *request) error {
	roll, i, err := a.sessionOf(r)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("sheet-%s-%d", roll.Cohort.Code, roll.Sessions[i].Number)
	return a.table(w, r, name, func() (any, error) {
		return nil, fault.New(fault.Invalid, "report.format_unknown", fault.A("format", "json"))
	}, func(format report.Format) error {
		_, err := report.WriteSignSheet(w, format, roll, roll.Sessions[i])
		return err
	})
}

func (a *api) attend(w http.ResponseWriter, r *request) error {
	roll, i, err := a.sessionOf(r)
	if err != nil {
		return err
	}
	var in attendRequest
	if err := r.read(&in); err != nil {
		return err
	}
	now := a.o.Now()
	events := []study.AttendanceEvent{}
	for _, e := range in.Events {
		x, err := study.DecideAttendance(roll.Sessions[i], now, r.actor(), study.AttendanceDecision{ID: e.ID, Learner: e.Learner, As: e.As, At: e.At, Note: e.Note})
		if err != nil {
			return err
		}
		events = append(events, x)
	}
	n, err := a.o.Classes.RecordAttendance(r.Context(), now, r.holder.Scope, events)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, attendAnswer{n})
	return nil
}

func (a *api) countHeads(w http.ResponseWriter, r *request) error {
	roll, i, err := a.sessionOf(r)
	if err != nil {
		return err
	}
	var in countRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if err := a.o.Classes.CountHeads(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, roll.Cohort.Code, store.HeadCount{ID: in.ID, Number: roll.Sessions[i].Number, Heads: in.Heads, At: in.At}); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (a *api) closeSession(w http.ResponseWriter, r *request) error {
	roll, i, err := a.sessionOf(r)
	if err != nil {
		return err
	}
	if _, err := a.o.Classes.CloseSession(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, roll.Cohort.Code, roll.Sessions[i].Number); err != nil {
		return err
	}
	if roll, i, err = a.sessionOf(r); err != nil {
		return err
	}
	answer(w, http.StatusOK, sessionAnswers(roll)[i])
	return nil
}

func (a *api) makeUp(w http.ResponseWriter, r *request) error {
	roll, i, err := a.sessionOf(r)
	if err != nil {
		return err
	}
	var in makeUpRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if err := a.o.Classes.MakeUp(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, roll.Cohort.Code, roll.Sessions[i].Number, in.Learner, in.Note); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (a *api) leaves(w http.ResponseWriter, r *request) error {
	code := r.PathValue("code")
	roll, err := a.o.Classes.ClassRoll(r.Context(), r.holder.Scope, code)
	if err != nil {
		return err
	}
	number := map[study.SessionID]int{}
	for _, s := range roll.Sessions {
		number[s.ID] = s.Number
	}
	list, err := a.o.Classes.Leaves(r.Context(), r.holder.Scope, code, study.LeaveStatus(r.URL.Query().Get("status")))
	if err != nil {
		return err
	}
	out := leaveList{Leaves: []leaveAnswer{}}
	for _, v := range list {
		x := leaveAnswer{ID: v.ID, Learner: v.Learner, Sessions: []int{}, Reason: v.Reason, Status: v.Status, By: v.DecidedBy}
		for _, id := range v.Sessions {
			x.Sessions = append(x.Sessions, number[id])
		}
		out.Leaves = append(out.Leaves, x)
	}
	answer(w, http.StatusOK, out)
	return nil
}

func (a *api) askLeave(w http.ResponseWriter, r *request) error {
	var in leaveRequest
	if err := r.read(&in); err != nil {
		return err
	}
	id, err := a.o.Classes.AskLeave(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, r.PathValue("code"), in.Learner, in.Sessions, in.Reason)
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, leaveMade{id})
	return nil
}

func (a *api) decideLeave(w http.ResponseWriter, r *request, to study.LeaveStatus) error {
	id, err := r.number("class.no_leave")
	if err != nil {
		return err
	}
	if err := a.o.Classes.DecideLeave(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, study.LeaveID(id), to); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (a *api) decidePlace(w http.ResponseWriter, r *request, act store.PlaceAct) error {
	id, err := r.number("follow.no_learner")
	if err != nil {
		return err
	}
	var in reasonRequest
	if err := r.read(&in); err != nil {
		return err
	}
	if err := a.o.Classes.DecidePlace(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, r.PathValue("code"), people.LearnerID(id), act, in.Reason); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}
