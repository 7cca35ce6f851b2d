package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// errorAnswer is the body of every answer that is not 2xx.
type errorAnswer struct {
	Error errorBody `json:"error"`
}

// errorBody has a code for programs and a sentence for people. Nothing of the inside is in it.
type errorBody struct {
	Code      string `json:"code"` // that of package fault; unauthorized, or internal
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

// statuses are the HTTP statuses of the codes.
var statuses = map[fault.Code]int{
	fault.Invalid: http.StatusBadRequest, fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict,
	fault.Forbidden: http.StatusForbidden, fault.Limited: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable,
}

// fail answers with an error. What is no fault.Error is internal: the asker gets a number to ask
// about, the log gets the rest. An answer that has begun is broken off, so that nobody takes its
// part for the whole.
func (a *api) fail(w *statusWriter, r *request, err error) {
	if w.status != 0 {
		a.o.Logger.Error("an answer of the api broke off", "rid", r.id, "err", err)
		panic(http.ErrAbortHandler)
	}
	w.Header().Del("Content-Disposition")
	var f *fault.Error
	if !errors.As(err, &f) || statuses[f.Code] == 0 {
		if r.Context().Err() == nil {
			a.o.Logger.Error("serving the api", "rid", r.id, "err", err)
		}
		f = fault.New(fault.Internal, "announce.api_internal")
	}
	code, status := string(f.Code), statuses[f.Code]
	switch {
	case f == errKey:
		code, status = "unauthorized", http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
	case f.Code == fault.Internal:
		code, status = "internal", http.StatusInternalServerError
	case f.Key == "announce.api_too_big":
		status = http.StatusRequestEntityTooLarge
	case f.Code == fault.Limited:
		for _, arg := range f.Args {
			if n, ok := arg.Value.(int); ok && arg.Name == "seconds" {
				w.Header().Set("Retry-After", strconv.Itoa(n))
			}
		}
	}
	answer(w, status, errorAnswer{errorBody{Code: code, Message: a.o.Phrases.Fault(f), RequestID: r.id}})
}

func (a *api) nothing(http.ResponseWriter, *request) error {
	return fault.New(fault.NotFound, "announce.api_not_found")
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // the types have no value that JSON has not; the asker left: nothing to do
}
