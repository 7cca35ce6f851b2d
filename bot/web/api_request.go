package web

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// maxBody is how long a request may be, in bytes.
const maxBody = 64 << 10

// request is one request of a known holder.
type request struct {
	*http.Request
	id     string // of this request, for the log and for whoever asks about it
	holder bot.Trainer
}

// actor names the holder in the audit.
func (r *request) actor() string { return "api:" + r.holder.Name }

// apiKey is the form of a key; anything else is not looked up.
var apiKey = regexp.MustCompile(`^tg_[0-9a-zA-Z]{43}$`)

// handler is what every route goes through: paces, key, one log line. Neither keys nor names nor
// what was asked are logged.
func (a *api) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, plain *http.Request) {
		began := a.o.Now()
		r := &request{Request: plain, id: requestID()}
		h := w.Header()
		h.Set("X-Request-Id", r.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		seen := &statusWriter{ResponseWriter: w}
		err := a.admit(route, r)
		if err == nil {
			most := int64(maxBody)
			switch route.method + " " + route.path {
			case uploadRoute:
				most = maxUpload
			case http.MethodPost + " " + mediaPath:
				most = bot.MaxMedia + 1
			}
			plain.Body = http.MaxBytesReader(seen, plain.Body, most)
			err = route.serve(a, seen, r)
		}
		if err != nil {
			a.fail(seen, r, err)
			a.noteRefusal(route, r, seen.status)
		}
		a.o.Logger.Info("api", "method", route.method, "route", route.path, "status", seen.status, "rid", r.id, "ms", a.o.Now().Sub(began).Milliseconds())
	})
}

// errKey is the one answer to everything that is wrong with a key.
var errKey = fault.New(fault.Forbidden, "announce.api_key")

// admit holds a request to its paces and finds out whose it is.
func (a *api) admit(route route, r *request) error {
	if wait := a.addresses.take(clientAddress(r.Request, a.o.Trusted)); wait > 0 {
		return limited(wait)
	}
	if route.role == roleAnybody {
		return nil
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !apiKey.MatchString(key) {
		return errKey
	}
	hash := sha256.Sum256([]byte(key))
	var err error
	switch r.holder, err = a.o.Holder(r.Context(), hash); {
	case fault.CodeOf(err) == fault.Forbidden || fault.CodeOf(err) == fault.NotFound:
		return errKey
	case err != nil:
		return err
	}
	if wait := a.keys.take(string(hash[:])); wait > 0 {
		return limited(wait)
	}
	return nil
}

func limited(wait time.Duration) error {
	return fault.New(fault.Limited, "announce.api_limited", fault.A("seconds", int(math.Ceil(wait.Seconds()))))
}

// read decodes the body, whose every field must be known; an empty body is an empty object.
func (r *request) read(into any) error {
	data, err := r.content()
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if err == nil && d.Decode(new(json.RawMessage)) != io.EOF {
		err = errors.New("there is something behind the object")
	}
	if err != nil {
		return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", err.Error()))
	}
	return nil
}

// content is the body as it is.
func (r *request) content() ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, fault.New(fault.Invalid, "announce.api_too_big", fault.A("limit", long.Limit>>10))
	case err != nil:
		return nil, fault.Wrap(err, fault.Invalid, "announce.api_body_bad", fault.A("problem", "it broke off"))
	}
	return data, nil
}

// campaign is the number in the path; one that is none is not found.
func (r *request) campaign() (bot.CampaignID, error) {
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || n <= 0 {
		return 0, fault.New(fault.NotFound, "campaign.not_found")
	}
	return bot.CampaignID(n), nil
}

func requestID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// statusWriter remembers the status for the log, and whether something was answered already.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader is that of http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is that of http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
