package web

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Refusals are in the audit: keys that are none, and things that a key's scope does not show. But who
// asks is not trusted, so there is a pace for each asker and one for all: a flood leaves a few rows a
// minute, each with the number of those that were left out before it, and the log has one line for
// each request as always.
const (
	refusalsPerMinute = 2  // of one asker
	refusalsOfAll     = 12 // a minute
	refusalPatience   = 2 * time.Second
)

type refusals struct {
	each, all *pace

	mu      sync.Mutex
	leftOut int // since the last row
}

func newRefusals(now func() time.Time) *refusals {
	return &refusals{each: newPace(refusalsPerMinute, now), all: newPace(refusalsOfAll, now)}
}

// take reports whether a refusal of an asker is recorded, and how many before it were not.
func (f *refusals) take(asker string) (leftOut int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.each.take(asker) > 0 || f.all.take("") > 0 {
		f.leftOut++
		return 0, false
	}
	leftOut, f.leftOut = f.leftOut, 0
	return leftOut, true
}

// noteRefusal records a request that was refused for who asked it: without a key, without the right, or
// for a thing that the scope of the key does not show (which looks like one that is not there).
func (a *api) noteRefusal(route route, r *request, status int) {
	thing := cmp.Or(r.PathValue("id"), r.PathValue("code"), r.PathValue("number"))
	hidden := status == http.StatusNotFound && route.role == roleKey && r.holder.Name != "" && thing != ""
	if a.o.Refused == nil || status != http.StatusUnauthorized && status != http.StatusForbidden && !hidden {
		return
	}
	address := clientAddress(r.Request, a.o.Trusted)
	actor := "api:?"
	if r.holder.Name != "" {
		actor = r.actor()
	}
	leftOut, ok := a.refusals.take(actor + " " + address)
	if !ok {
		return
	}
	object := route.method + " " + route.path
	if hidden && len(thing) <= 20 {
		object += " " + strconv.Quote(thing)
	}
	result := strconv.Itoa(status)
	if leftOut > 0 {
		result += ", " + strconv.Itoa(leftOut) + " refusals before it are not recorded"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), refusalPatience)
	defer cancel()
	if err := a.o.Refused(ctx, actor, object+" from "+address, result, r.id); err != nil {
		a.o.Logger.Warn("recording a refusal", "rid", r.id, "err", err)
	}
}
