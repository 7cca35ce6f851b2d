package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxControl is the largest body of a control request.
const maxControl = 1 << 20

// control adds the page and its API below /sim/. It is for people at this machine: a request from a
// page of another site is refused.
func (p *Platform) control(mux *http.ServeMux) {
	guard := http.NewCrossOriginProtection()
	h := http.NewServeMux()
	h.HandleFunc("GET /sim/api/state", p.getState)
	h.HandleFunc("POST /sim/api/users", p.postUser)
	h.HandleFunc("GET /sim/api/users/{openid}/chat", p.getChat)
	h.HandleFunc("POST /sim/api/users/{openid}/act", p.postAct)
	h.HandleFunc("GET /sim/api/media/{id}", p.showFile)
	h.HandleFunc("GET /sim/api/clock", p.getClock)
	h.HandleFunc("POST /sim/api/clock", p.postClock)
	h.HandleFunc("GET /sim/api/wire", p.getWire)
	h.HandleFunc("GET /sim/api/ledger", p.getLedger)
	h.HandleFunc("GET /sim/api/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, p.faultViews()) })
	h.HandleFunc("POST /sim/api/faults", p.postFault)
	h.HandleFunc("DELETE /sim/api/faults", p.deleteFaults)
	h.HandleFunc("POST /sim/api/crowd", p.postCrowd)
	h.HandleFunc("GET /sim/api/crowd", p.getCrowd)
	h.HandleFunc("GET /sim/api/stream", p.hub.stream)
	h.Handle("GET /sim/", p.page)
	mux.Handle("/sim/", guard.Handler(h))
	mux.HandleFunc("GET "+oncePage, p.showOnce)
	mux.Handle("POST "+oncePage, guard.Handler(http.HandlerFunc(p.takeOnce)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/sim/", http.StatusFound) })
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the page left
}

func refuseControl(w http.ResponseWriter, status int, why string) {
	writeJSON(w, status, map[string]any{"error": why})
}

func readControl(w http.ResponseWriter, r *http.Request, v any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err != nil || json.Unmarshal(data, v) != nil {
		refuseControl(w, http.StatusBadRequest, "the request is not the JSON that is wanted")
		return false
	}
	return true
}

// userView is a phone as the page lists it.
type userView struct {
	Persona
	Following bool        `json:"following"`
	Window    *windowView `json:"window"`
	Unread    int         `json:"unread"`
}

type windowView struct {
	Kind  string `json:"kind"`
	Left  int    `json:"left"`
	Until string `json:"until,omitempty"`
}

// userViews lists the phones; the caller holds mu.
func (p *Platform) userViews() []userView {
	now := p.clock.Now()
	list := make([]userView, 0, len(p.st.Order))
	for _, id := range p.st.Order {
		if len(list) == 50 {
			break // the page is for a handful; tests have thousands
		}
		a := p.st.Users[id]
		v := userView{Persona: a.Persona, Following: a.Following, Unread: a.Unread, Window: &windowView{Kind: "none"}}
		if kind, left, until := a.Window.open(now); kind != "none" {
			v.Window = &windowView{Kind: kind, Left: left, Until: stamp(until)}
		}
		list = append(list, v)
	}
	return list
}

func (p *Platform) getState(w http.ResponseWriter, _ *http.Request) {
	var until any
	if t := p.blackout(); !t.IsZero() {
		until = stamp(t)
	}
	p.mu.Lock()
	m := p.st.Menu
	if m == nil {
		m = &menu{Button: []button{}}
	}
	state := map[string]any{
		"now": stamp(p.clock.Now()), "mode": p.o.Mode.String(), "webhook": p.o.Webhook, "menu": m, "users": p.userViews(), "blackoutUntil": until,
		"account": map[string]any{"name": p.o.Name, "appid": p.o.AppID, "originalId": p.o.OriginalID, "type": "service"},
		"scenes":  append([]Scene{}, p.o.Scenes...),
	}
	data, err := json.Marshal(state)
	p.mu.Unlock()
	if err != nil {
		refuseControl(w, http.StatusInternalServerError, "the state cannot be shown")
		return
	}
	writeJSON(w, http.StatusOK, json.RawMessage(data))
}

func (p *Platform) postUser(w http.ResponseWriter, r *http.Request) {
	var in Persona
	if !readControl(w, r, &in) {
		return
	}
	if in.OpenID == "" {
		in.OpenID = "oSIM_" + digits(23)
	}
	if in.Name == "" || len(in.Name) > 60 || len(in.OpenID) > 64 {
		refuseControl(w, http.StatusBadRequest, "a name is needed, of at most 20 characters")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.st.Users[in.OpenID] != nil {
		refuseControl(w, http.StatusConflict, "there is a phone with that openid")
		return
	}
	p.user(in.OpenID).Persona = in
	p.hub.send("users", map[string]any{"users": p.userViews()})
	p.touch()
	writeJSON(w, http.StatusCreated, in)
}

func (p *Platform) known(w http.ResponseWriter, r *http.Request) (string, bool) {
	openid := r.PathValue("openid")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.st.Users[openid] == nil {
		refuseControl(w, http.StatusNotFound, "there is no such phone")
		return "", false
	}
	return openid, true
}

func (p *Platform) getChat(w http.ResponseWriter, r *http.Request) {
	openid, there := p.known(w, r)
	if !there {
		return
	}
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64) // anything else is the beginning
	items := []ChatItem{}
	p.mu.Lock()
	a := p.st.Users[openid]
	a.Unread = 0
	for _, i := range a.Chat {
		if i.ID > after {
			items = append(items, i)
		}
	}
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"items": items})
}

// actRequest is what a phone does, as the page says it.
type actRequest struct {
	Kind        string  `json:"kind"`
	Text        string  `json:"text"`
	Recognition string  `json:"recognition"`
	Key         string  `json:"key"`
	Scene       string  `json:"scene"`
	URL         string  `json:"url"`
	ID          string  `json:"id"`
	Content     string  `json:"content"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Lat         float64 `json:"lat"`
	Lng         float64 `json:"lng"`
	Label       string  `json:"label"`
	Result      string  `json:"result"`
	Wait        bool    `json:"wait"`
	TemplateID  string  `json:"templateId"`
	Accept      bool    `json:"accept"`
	LongTerm    bool    `json:"longTerm"`
	Ticket      string  `json:"ticket"`
}

func (p *Platform) postAct(w http.ResponseWriter, r *http.Request) {
	openid, there := p.known(w, r)
	if !there {
		return
	}
	var in actRequest
	if !readControl(w, r, &in) {
		return
	}
	e, err := p.As(openid).perform(r, in)
	if err != nil {
		refuseControl(w, http.StatusConflict, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"exchange": e})
}

func (u *User) perform(r *http.Request, in actRequest) (Exchange, error) {
	ctx := context.WithoutCancel(r.Context()) // what a phone sent is sent, whether the page stays or not
	switch in.Kind {
	case "follow":
		return u.Follow(ctx, in.Scene)
	case "unfollow":
		return u.Unfollow(ctx)
	case "text":
		return u.Type(ctx, in.Text)
	case "voice":
		return u.Voice(ctx, in.Recognition)
	case "image":
		return u.Image(ctx)
	case "location":
		return u.Location(ctx, in.Lat, in.Lng, in.Label)
	case "link":
		return u.Link(ctx, in.Title, in.Description, in.URL)
	case "click":
		return u.Tap(ctx, in.Key)
	case "view":
		return u.View(ctx, in.URL)
	case "scan":
		if in.Ticket != "" {
			return u.ScanTicket(ctx, in.Ticket)
		}
		return u.Scan(ctx, in.Scene)
	case "scancode":
		return u.ScanButton(ctx, in.Key, in.Result, in.Wait)
	case "locationSelect":
		return u.SelectLocation(ctx, in.Key, in.Lat, in.Lng, in.Label)
	case "msgmenu":
		return u.TapMenuItem(ctx, in.ID, in.Content)
	case "enter":
		return u.Enter(ctx)
	case "subscribe":
		return u.Subscribe(ctx, in.TemplateID, in.Accept, in.LongTerm)
	}
	return Exchange{}, fmt.Errorf("a phone cannot %q", in.Kind)
}

func (p *Platform) getClock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"now": p.clock.Now().In(shanghai).Format(time.RFC3339Nano), "offsetMs": p.clock.Offset().Milliseconds()})
}

func (p *Platform) postClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
		To      string `json:"to"`
		Reset   bool   `json:"reset"`
	}
	if !readControl(w, r, &in) {
		return
	}
	switch {
	case in.Reset:
		p.clock.setOffset(0)
	case in.Advance != "":
		d, err := time.ParseDuration(in.Advance)
		if err != nil {
			refuseControl(w, http.StatusBadRequest, "advance is a length of time like 1h30m")
			return
		}
		p.clock.Advance(d)
	default:
		t, err := p.moment(in.To)
		if err != nil {
			refuseControl(w, http.StatusBadRequest, "to is a time like 2026-12-01T08:00:00+08:00, or tomorrow 08:00")
			return
		}
		p.clock.Set(t)
	}
	p.getClock(w, r)
}

func (p *Platform) moment(s string) (time.Time, error) {
	if rest, found := strings.CutPrefix(s, "tomorrow "); found {
		clock, err := time.Parse("15:04", rest)
		if err != nil {
			return time.Time{}, err
		}
		now := p.clock.Now().In(shanghai)
		return time.Date(now.Year(), now.Month(), now.Day()+1, clock.Hour(), clock.Minute(), 0, 0, shanghai), nil
	}
	return time.Parse(time.RFC3339, s)
}

func (p *Platform) getWire(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64) // anything else is the beginning
	writeJSON(w, http.StatusOK, map[string]any{"items": p.wires.after(after, r.URL.Query().Get("openid"))})
}

func (p *Platform) getLedger(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	e := json.NewEncoder(w)
	for _, s := range p.ledger.SeenBy(r.URL.Query().Get("openid")) {
		if e.Encode(s) != nil {
			return
		}
	}
}

func (p *Platform) faultViews() map[string]any {
	views := []faultView{}
	for _, x := range p.faults.List() {
		views = append(views, x.view())
	}
	return map[string]any{"items": views}
}

func (p *Platform) postFault(w http.ResponseWriter, r *http.Request) {
	var in faultView
	if !readControl(w, r, &in) {
		return
	}
	x, err := in.fault()
	if err != nil {
		refuseControl(w, http.StatusBadRequest, err.Error())
		return
	}
	x.ID = p.faults.Add(x)
	writeJSON(w, http.StatusCreated, x.view())
}

func (p *Platform) deleteFaults(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.URL.Query().Get("id")) // anything else is all of them
	p.faults.Clear(id)
	writeJSON(w, http.StatusOK, p.faultViews())
}
