package people_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
)

// tree draws codes that lie in the same few branches, so that containment happens.
func tree() *rapid.Generator[people.OrgCode] {
	return rapid.Custom(func(t *rapid.T) people.OrgCode {
		part := func(label, format string) string {
			return format[:len(format)-1] + rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, label)
		}
		s := "53" + part("prefecture", "00") + part("county", "00") + part("township", "000") + part("village", "000")
		c, ok := people.ParseOrgCode(s)
		if !ok {
			t.Fatalf("%s is a code", s)
		}
		return c
	})
}

func TestParseOrgCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    string
		want  people.OrgCode
		level people.Level
	}{
		{"53", "530000000000", people.LevelProvince},
		{" 5301 ", "530100000000", people.LevelPrefecture},
		{"530112", "530112000000", people.LevelCounty},
		{"530112005", "530112005000", people.LevelTownship},
		{"530112005201", "530112005201", people.LevelVillage},
		{"530100000201", "530100000201", people.LevelVillage},
		{"530112005000", "530112005000", people.LevelTownship},
	} {
		got, ok := people.ParseOrgCode(c.in)
		if !ok || got != c.want || got.Level() != c.level {
			t.Errorf("ParseOrgCode(%q) = %q, %t at level %d", c.in, got, ok, got.Level())
		}
	}
	for _, in := range []string{"", "5", "530", "00", "000000000000", "53011200520", "5301120052011", "53O1", "*", "-3", "５３"} {
		if got, ok := people.ParseOrgCode(in); ok {
			t.Errorf("ParseOrgCode(%q) = %q", in, got)
		}
	}
}

func TestOrgCodeIsATree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := tree().Draw(t, "a"), tree().Draw(t, "b"), tree().Draw(t, "c")
		if !a.Contains(a) {
			t.Fatalf("%s does not contain itself", a)
		}
		if a.Contains(b) && b.Contains(a) && a != b {
			t.Fatalf("%s and %s contain each other", a, b)
		}
		if a.Contains(b) && b.Contains(c) && !a.Contains(c) {
			t.Fatalf("%s ⊃ %s ⊃ %s but not the first the last", a, b, c)
		}
		if a.Contains(b) && b.Contains(a.Ancestor(people.LevelProvince)) && b != a && b.Level() != people.LevelProvince {
			t.Fatalf("%s lies below %s and above its province", b, a)
		}
		if again, ok := people.ParseOrgCode(a.Prefix()); !ok || again != a {
			t.Fatalf("%s has prefix %s, which reads %s", a, a.Prefix(), again)
		}
		for l := people.LevelNone; l <= people.LevelVillage+1; l++ {
			up := a.Ancestor(l)
			switch {
			case l == people.LevelNone || l > a.Level():
				if up != "" {
					t.Fatalf("%s has ancestor %s at level %d", a, up, l)
				}
			case !up.Contains(a) || up.Level() > l:
				t.Fatalf("%s has ancestor %s at level %d", a, up, l)
			}
		}
	})
}

func TestMalformedCodesAreOutsideEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bad := people.OrgCode(rapid.SampledFrom([]string{"", "*", "5", "53", "000000000000", "0", "53011200520112", "53%000000000", "53011200520A", "5301__000000"}).Draw(t, "bad"))
		good := tree().Draw(t, "good")
		if bad.Level() != people.LevelNone || bad.Prefix() != "" || bad.Contains(good) || bad.Contains(bad) || good.Contains(bad) || bad.Ancestor(people.LevelProvince) != "" {
			t.Fatalf("%q is treated as a unit", bad)
		}
		if (people.Scope{Units: []people.OrgCode{good}}).Sees(bad) {
			t.Fatalf("%s sees %q", good, bad)
		}
	})
}

func TestScope(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unit := tree().Draw(t, "unit")
		if (people.Scope{}).Sees(unit) || (people.Scope{Units: []people.OrgCode{""}}).Sees(unit) {
			t.Fatalf("a scope without units sees %s", unit)
		}
		if !people.Everyone().Sees(unit) {
			t.Fatalf("everyone does not see %s", unit)
		}
		units := rapid.SliceOfN(tree(), 0, 3).Draw(t, "units")
		scope := people.Scope{Units: units}
		want := slices.ContainsFunc(units, func(u people.OrgCode) bool { return u.Contains(unit) })
		if got := scope.Sees(unit); got != want {
			t.Fatalf("%v sees %s: %t, want %t", units, unit, got, want)
		}
		// The same question as SQL asks it: does the code begin with one of the prefixes.
		byPrefix := slices.ContainsFunc(scope.Prefixes(), func(p string) bool { return strings.HasPrefix(string(unit), p) })
		if byPrefix != want {
			t.Fatalf("%v: prefixes %v say %t for %s, want %t", units, scope.Prefixes(), byPrefix, unit, want)
		}
	})
	if p := (people.Scope{}).Prefixes(); p != nil {
		t.Errorf("no units, but prefixes %q", p)
	}
	if p := (people.Scope{Units: []people.OrgCode{"", "000000000000", "53"}}).Prefixes(); p != nil {
		t.Errorf("malformed units give prefixes %q", p)
	}
	if d := people.Everyone().Prefixes(); !slices.Equal(d, []string{""}) {
		t.Errorf("everyone has prefixes %q", d)
	}
}

// TestScopeOfEveryLevel holds one administrator a level against own, parent, sibling and child.
func TestScopeOfEveryLevel(t *testing.T) {
	t.Parallel()
	chain := []people.OrgCode{"530000000000", "530100000000", "530112000000", "530112005000", "530112005201"}
	siblings := []people.OrgCode{"520000000000", "530300000000", "530111000000", "530112006000", "530112005202"}
	for i, own := range chain {
		s := people.Scope{Units: []people.OrgCode{own}}
		for j, other := range chain {
			if got := s.Sees(other); got != (j >= i) {
				t.Errorf("%s sees %s: %t", own, other, got)
			}
		}
		for j, other := range siblings {
			if got := s.Sees(other); got != (j > i) {
				t.Errorf("%s sees %s, beside its branch: %t", own, other, got)
			}
		}
	}
}
