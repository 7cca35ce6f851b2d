package bot

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A part that fails is told of once, then once a minute, and when it works again.
func TestAFailingPartDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	s := &Service{o: Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: NewMetrics(nil), Now: func() time.Time { return now }}}
	fail := func(context.Context) error { return errors.New("connection refused") }
	work := func(context.Context) error { return nil }
	for range 150 {
		s.try(t.Context(), "tick", fail)
		s.try(t.Context(), "sweep", work)
		now = now.Add(time.Second)
	}
	s.try(t.Context(), "tick", work)
	s.try(t.Context(), "tick", work)
	s.try(t.Context(), "tick", fail)
	var got []string
	for line := range strings.Lines(log.String()) {
		_, rest, _ := strings.Cut(line, "msg=")
		got = append(got, strings.TrimSpace(rest))
	}
	const failed = `"a part of the service failed and is tried again" part=tick failures=`
	want := []string{
		failed + `1 err="connection refused"`, failed + `61 err="connection refused"`, failed + `121 err="connection refused"`,
		`"a part of the service works again" part=tick failures=150 after=2m30s`, failed + `1 err="connection refused"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log says\n%s", strings.Join(got, "\n"))
	}
}
