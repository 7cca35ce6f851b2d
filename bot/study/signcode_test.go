package study_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/study"
)

func TestCodesChangeAndGrowOld(t *testing.T) {
	t.Parallel()
	rule, now := study.ClassRule2026, time.Date(2026, 12, 7, 1, 0, 5, 0, time.UTC)
	key, other := study.SignKey{Session: 71, Secret: []byte("s")}, study.SignKey{Session: 72, Secret: []byte("s")}
	code, number, until := rule.Codes(key, now)
	if want := time.Date(2026, 12, 7, 1, 0, 20, 0, time.UTC); !until.Equal(want) {
		t.Errorf("changes at %s", until)
	}
	if id, ok := study.SignSession(code); id != 71 || !ok || len(number) != 6 || len(code) > 60 {
		t.Errorf("%d %v %q %q", id, ok, number, code)
	}
	for _, c := range []struct {
		after        time.Duration
		code, number study.CodeCheck
	}{
		{-26 * time.Second, study.CodeOld, study.CodeWrong}, // before it was shown
		{-6 * time.Second, study.CodeGood, study.CodeGood},  // the clock of the replica that shows it is ahead
		{0, study.CodeGood, study.CodeGood},
		{34 * time.Second, study.CodeGood, study.CodeGood},
		{35 * time.Second, study.CodeOld, study.CodeGood},
		{74 * time.Second, study.CodeOld, study.CodeGood},
		{75 * time.Second, study.CodeOld, study.CodeWrong},
		{24 * time.Hour, study.CodeOld, study.CodeWrong},
	} {
		at := now.Add(c.after)
		if got := rule.CheckCode(key, at, code); got != c.code {
			t.Errorf("the code after %s is %s", c.after, got)
		}
		if got := rule.CheckNumber(key, at, number); got != c.number {
			t.Errorf("the number after %s is %s", c.after, got)
		}
	}
	if rule.CheckCode(other, now, code) != study.CodeWrong || rule.CheckNumber(other, now, number) != study.CodeWrong {
		t.Error("the code of another session is good")
	}
	if key.DeviceMark(1) == key.DeviceMark(2) || key.DeviceMark(1) == other.DeviceMark(1) || len(key.DeviceMark(1)) != 24 {
		t.Error("marks of phones")
	}
}

// No change to a code, and no other text, is taken for it.
func TestAForgedCodeIsWrong(t *testing.T) {
	t.Parallel()
	rule, key := study.ClassRule2026, study.SignKey{Session: 71, Secret: []byte("secret")}
	now := time.Date(2026, 12, 7, 1, 0, 5, 0, time.UTC)
	code, _, _ := rule.Codes(key, now)
	rapid.Check(t, func(r *rapid.T) {
		b := []byte(code)
		at := rapid.IntRange(0, len(b)-1).Draw(r, "at")
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(r, "change"))
		if got := rule.CheckCode(key, now, string(b)); got != study.CodeWrong {
			r.Errorf("%q is %s", b, got)
		}
	})
}

func FuzzSignCode(f *testing.F) {
	rule, key := study.ClassRule2026, study.SignKey{Session: 71, Secret: []byte("secret")}
	now := time.Date(2026, 12, 7, 1, 0, 5, 0, time.UTC)
	code, _, _ := rule.Codes(key, now)
	for _, s := range []string{code, "tg1.", "tg1.1z.", "tg1.1z.a.b", "tg1.-1.a.b", "ban-1", "tg1.zzzzzzzzzzzzzzzzzzzz.1.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ours := study.SignSession(text)
		if ours && id <= 0 {
			t.Errorf("%q is of session %d", text, id)
		}
		if rule.CheckCode(key, now, text) == study.CodeGood && text != code {
			previous, _, _ := rule.Codes(key, now.Add(-rule.Slot))
			if text != previous {
				t.Errorf("%q is good", text)
			}
		}
	})
}
