package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// addresses are where a running program listens, as http:// addresses.
type addresses struct {
	Public string // webhook, console, learner pages
	Admin  string // health, metrics
	Phones string // simulator's page, "" without one
}

// server is one HTTP listener.
type server struct {
	listener net.Listener
	http     *http.Server
}

// listen opens the address. fallback takes a free port when the wanted one is in use.
func listen(ctx context.Context, address string, handler http.Handler, fallback bool, log *slog.Logger) (*server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil && fallback {
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			return nil, err
		}
		l, err = lc.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	return &server{listener: l, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

func (s *server) url() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String()) // made by net itself
	host, _, _ := net.SplitHostPort(s.listener.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// serve answers until shutdown; the error of a closed server is none.
func (s *server) serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// health is what the load balancer and the operator ask.
type health struct {
	checks  map[string]func(context.Context) error
	version string
	now     func() time.Time
}

// handler serves the admin listener: /healthz (alive), /readyz (can do its work), /metrics, pprof.
func (h *health) handler(metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"status": "alive", "version": h.version, "now": h.now().Format(time.RFC3339Nano)})
	})
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// ready fails within 3 s when a part that is needed does not answer (reliability §2.2, row 42).
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2500*time.Millisecond)
	defer cancel()
	status, parts := http.StatusOK, map[string]string{}
	for name, check := range h.checks {
		parts[name] = "ok"
		if err := check(ctx); err != nil {
			parts[name] = "failed"
			status = http.StatusServiceUnavailable
		}
	}
	writeJSON(w, status, map[string]any{"ready": status == http.StatusOK, "parts": parts})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the asker left: nothing to do
}
