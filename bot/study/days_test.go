package study

import (
	"testing"
	"time"
)

func TestLastDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 16, 0, 0, 0, time.UTC) // the tenth in Shanghai
	for _, c := range []struct{ from, to, wantFrom, wantTo Day }{
		{"", "", "2026-03-04", "2026-03-10"},
		{"", "2026-03-01", "2026-02-23", "2026-03-01"},
		{"2026-03-10", "", "2026-03-10", "2026-03-10"},
		{"2025-03-10", "2026-03-10", "2025-03-10", "2026-03-10"},
		{"2025-03-09", "2026-03-10", "", ""},
		{"2026-03-11", "", "", ""},
		{"2026-02-30", "", "", ""},
		{"", "tomorrow", "", ""},
	} {
		from, to, err := LastDays(c.from, c.to, now)
		if from != c.wantFrom || to != c.wantTo || (err == nil) != (c.wantFrom != "") {
			t.Errorf("%q to %q: %q to %q, %v", c.from, c.to, from, to, err)
		}
	}
}
