package people

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestJudgeTellsABindingFromAMove(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	week := 7 * 24 * time.Hour
	for name, c := range map[string]struct {
		rule    BindRule
		handset HandsetID
		moved   time.Time
		want    BindVerdict
		until   time.Time
	}{
		"nobody's phone":              {want: BindFirst},
		"a phone that is forgotten":   {moved: now, want: BindFirst},
		"the same":                    {handset: 1, want: BindAgain},
		"the same, just moved":        {handset: 1, moved: now, want: BindAgain},
		"another for the first time":  {handset: 2, want: BindMove},
		"another, just moved":         {handset: 2, moved: now, want: BindCooling, until: now.Add(week)},
		"another, a breath too early": {handset: 2, moved: now.Add(time.Millisecond - week), want: BindCooling, until: now.Add(time.Millisecond)},
		"another, after the week":     {handset: 2, moved: now.Add(-week), want: BindMove},
		"a rule of a day":             {rule: BindRule{CoolDown: 24 * time.Hour}, handset: 2, moved: now.Add(-25 * time.Hour), want: BindMove},
	} {
		got, until := c.rule.Judge(now, 1, Candidate{Handset: c.handset, MovedAt: c.moved})
		if got != c.want || !until.Equal(c.until) {
			t.Errorf("%s: %v until %v, want %v until %v", name, got, until, c.want, c.until)
		}
	}
}

// However somebody goes from phone to phone: between two moves lies the cool-down.
func TestMovesAreACoolDownApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		rule := BindRule{CoolDown: time.Duration(rapid.IntRange(1, 200).Draw(r, "hours")) * time.Hour}
		now := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
		var c Candidate
		for range 40 {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(r, "later")) * time.Hour)
			here := HandsetID(rapid.IntRange(1, 3).Draw(r, "phone"))
			v, until := rule.Judge(now, here, c)
			if v == BindCooling {
				if !until.After(now) {
					t.Fatalf("at %v to be cool until %v", now, until)
				}
				continue
			}
			if v == BindMove {
				if !c.MovedAt.IsZero() && now.Sub(c.MovedAt) < rule.CoolDown {
					t.Fatalf("moved after %v", now.Sub(c.MovedAt))
				}
				c.MovedAt = now
			}
			c.Handset = here
		}
	})
}

func TestDelegatesAreLimited(t *testing.T) {
	t.Parallel()
	if (BindRule{}).RoomFor(3) || !(BindRule{}).RoomFor(2) || (BindRule{Delegates: 1}).RoomFor(1) || !(BindRule{Delegates: 1}).RoomFor(0) {
		t.Error("three people on a phone, or as many as the rule says")
	}
}

func TestAReasonIsAskedFor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", " \n\t": "", " 已核对 \n 无误 ": "已核对 无误", strings.Repeat("长", MaxReason): strings.Repeat("长", MaxReason), strings.Repeat("长", MaxReason+1): ""} {
		got, ok := FoldReason(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v", text, got, ok)
		}
	}
}
