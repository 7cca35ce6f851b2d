package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// APIOptions are what the HTTP API needs.
type APIOptions struct {
	Service *bot.Service
	// Holder returns whose key it is, by the key's SHA-256; fault.Forbidden when it is nobody's.
	Holder   func(ctx context.Context, hash [32]byte) (bot.Trainer, error)
	Binding  Binding
	BindRule people.BindRule
	Phrases  *content.Phrases
	Now      func() time.Time
	Logger   *slog.Logger
	Classes  ClassStore  // classes that meet
	Roster   Roster      // imports and exports of the roster, places in classes
	Courses  CourseStore // the training menu and orders
	Follow   Following   // who needs help, findings, surveys
	Records  Records     // completions, study hours
	Units    UnitStore   // the tree of units
	Tags     Tagging     // tags of people
	Media    MediaStore  // pictures and sounds of announcements
	// Refused records that a request was refused: see refusals. nil records nothing.
	Refused    func(ctx context.Context, actor, object, result, request string) error
	Certifying Certifying     // certificates
	Trusted    []netip.Prefix // proxies whose X-Forwarded-For is believed
	PerMinute  int            // requests of one key, and of one address; 0 means 60
}

// api holds what its handlers share.
type api struct {
	o         APIOptions
	addresses *pace
	keys      *pace
	uploads   sync.Mutex // held while one roster file is read
	pictures  *pace      // uploads for announcements
	refusals  *refusals
}

// role is who may use a route. A route without one does not start (reliability §4, row 17).
type role string

const (
	roleAnybody role = "anybody" // the description of the API
	roleKey     role = "key"     // holders of a key, each within the scope of the key
)

// route is one act of the API.
type route struct {
	method, path string
	role         role
	serve        func(a *api, w http.ResponseWriter, r *request) error
}

// routes is the whole API: what is not in it is not there. Each group of acts has its file.
func routes() []route {
	return slices.Concat(
		[]route{{http.MethodGet, "/api/openapi.json", roleAnybody, (*api).describe}},
		campaignRoutes(),
		mediaRoutes(),
		tagRoutes(),
		bindingRoutes(),
		followRoutes(),
		courseRoutes(),
		classRoutes(),
		rosterRoutes(),
		recordRoutes(),
		unitRoutes(),
		certificateRoutes(),
	)
}

// NewAPI returns the handler of everything below /api/.
func NewAPI(o APIOptions) http.Handler {
	if o.PerMinute == 0 {
		o.PerMinute = 60
	}
	a := &api{
		o: o, addresses: newPace(o.PerMinute, o.Now), keys: newPace(o.PerMinute, o.Now), pictures: newPace(uploadsPerMinute, o.Now),
		refusals: newRefusals(o.Now),
	}
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.Handle(r.method+" "+r.path, a.handler(r))
	}
	mux.Handle("/api/", a.handler(route{path: "/api/", role: roleAnybody, serve: (*api).nothing}))
	return mux
}

func (a *api) describe(w http.ResponseWriter, _ *request) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(openAPI()) // the reader left: nothing to do
	return nil
}
