package web

import (
	"math"
	"testing"

	"github.com/tiangeng/tiangeng/bot/fault"
)

func TestCursors(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{1, 127, 128, 350_000, math.MaxInt64} {
		s := cursor{"campaigns", n}.String()
		if got, err := parseCursor("campaigns", s); got != n || err != nil {
			t.Errorf("%d is %s, and that %d, %v", n, s, got, err)
		}
		if _, err := parseCursor("people", s); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("a cursor of another list: %v", err)
		}
	}
	if n, err := parseCursor("campaigns", ""); n != 0 || err != nil {
		t.Errorf("the beginning: %d, %v", n, err)
	}
	for _, s := range []string{"1", "abc", "AAAAAAAA", cursor{"campaigns", 0}.String(), cursor{"campaigns", -1}.String(), cursor{"campaigns", 7}.String() + "=", cursor{"campaigns", 7}.String() + "A", "../../etc/passwd", "' OR 1=1 --"} {
		if n, err := parseCursor("campaigns", s); fault.CodeOf(err) != fault.Invalid || n != 0 {
			t.Errorf("%q is taken as %d, %v", s, n, err)
		}
	}
	if next("x", 7, 49, 50) != "" || next("x", 7, 50, 50) == "" {
		t.Error("a page that is not full has a next one, or a full one has none")
	}
}

// What is taken is exactly what was given out, and a number above 0.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "a", cursor{"campaigns", 1}.String(), cursor{"campaigns", 1 << 40}.String(), cursor{"people", 3}.String()} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseCursor("campaigns", s)
		if err == nil && s != "" && (n <= 0 || cursor{"campaigns", n}.String() != s) {
			t.Errorf("%q is taken as %d", s, n)
		}
		if err != nil && n != 0 {
			t.Errorf("%q: %d with an error", s, n)
		}
	})
}
