package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	who "github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// The whole province with its people: what five levels count is what the units in them count, whichever way
// it is asked, before and after a county went to another prefecture.
func TestWholeYunnan(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); wholeYunnan(t, storetest.MigratedSQLite(t)) })
	t.Run("MariaDB", func(t *testing.T) { t.Parallel(); wholeYunnan(t, storetest.MigratedMariaDB(t)) })
}

// yunnanRoster puts people into villages in turn, some into each level above; the same always.
func yunnanRoster(units []who.UnitRow) (rows []who.RosterRow, direct map[who.OrgCode]int) {
	byLevel := map[who.Level][]who.OrgCode{}
	for _, u := range units {
		byLevel[u.Code.Level()] = append(byLevel[u.Code.Level()], u.Code)
	}
	direct = map[who.OrgCode]int{}
	const surnames, given = "李王张刘陈杨赵黄周吴岩玉", "芳伟秀英敏静丽强磊军洋勇艳杰"
	s, g := []rune(surnames), []rune(given)
	for i := range yunnanPeople {
		l := who.LevelVillage
		for k, every := range []int{17_000, 2_000, 200, 20} { // province, prefecture, county, township
			if i%every == every-1 {
				l = who.LevelProvince + who.Level(k)
				break
			}
		}
		list := byLevel[l]
		code := list[(i*7919)%len(list)]
		direct[code]++
		rows = append(rows, who.RosterRow{Row: i + 2, Unit: code, Name: string(s[i%len(s)]) + string(g[i/7%len(g)]) + string(g[i/11%len(g)]), Category: "村干部", Code: fmt.Sprintf("Y%06d", i)})
	}
	return rows, direct
}

// rolled adds people up to the units of a level; who is above it is in none.
func rolled(direct map[who.OrgCode]int, l who.Level) map[who.OrgCode]int {
	out := map[who.OrgCode]int{}
	for c, n := range direct {
		if a := c.Ancestor(l); a != "" {
			out[a] += n
		}
	}
	return out
}

func wholeYunnan(t *testing.T, dsn string) {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	timed := func(what string, f func() error) {
		t.Helper()
		began := time.Now()
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Logf("%-34s %8d ms, peak memory of the process so far %s", what, time.Since(began).Milliseconds(), peakMemory())
	}
	units, err := who.BuiltinUnits()
	if err != nil {
		t.Fatal(err)
	}
	load := func(want string) func() error {
		return func() error {
			r, err := s.ImportUnits(ctx, instant, "test", "builtin", who.UnitImport{Rows: units}, 0, 0, false)
			if got := fmt.Sprintf("%d new, %d unchanged, %d changes", r.Count(who.UnitNew), r.Unchanged, len(r.Changes)); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			return err
		}
	}
	timed("built-in units", load("16495 new, 0 unchanged, 16495 changes"))
	timed("built-in units again", load("0 new, 16495 unchanged, 0 changes"))
	rows, direct := yunnanRoster(units)
	timed(fmt.Sprint(len(rows), " people"), func() error {
		_, err := s.ApplyRoster(ctx, instant, "test", rows, "")
		return err
	})
	today := string(study.DayOf(instant))
	countsAre := func(what string, direct map[who.OrgCode]int, day string) {
		t.Helper()
		timed("counts "+what, func() error { return fiveLevels(t, s, direct, day) })
	}
	countsAre("today", direct, today)
	timed("counts by the prefix of scopes", func() error { return byScope(t, s, units, direct) })
	if list, err := s.CheckUnits(ctx); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	// 石林 goes to 曲靖.
	const county, to = who.OrgCode("530126000000"), who.OrgCode("530396000000")
	tomorrow := instant.AddDate(0, 0, 1)
	timed("a county to another prefecture", func() error {
		r, err := s.ChangeUnit(ctx, tomorrow, "test", who.Everyone(), who.UnitOrder{Kind: who.UnitMoved, Code: county, Into: to})
		if n := rolled(direct, who.LevelCounty)[county]; r.People != n || n == 0 {
			t.Errorf("%d people went along, want %d", r.People, n)
		}
		return err
	})
	moved := map[who.OrgCode]int{}
	for c, n := range direct {
		if county.Contains(c) {
			c = to[:6] + c[6:]
		}
		moved[c] += n
	}
	countsAre("after that", moved, string(study.DayOf(tomorrow)))
	countsAre("of the day before", direct, today)
	if list, err := s.CheckUnits(ctx); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// fiveLevels holds the counts of every level against the people, and each unit against the units in it.
func fiveLevels(t *testing.T, s *store.Store, direct map[who.OrgCode]int, day string) error {
	t.Helper()
	above := map[who.OrgCode]int{}
	for l := who.LevelVillage; l >= who.LevelProvince; l-- {
		list, err := s.UnitCounts(t.Context(), who.Everyone(), l, day)
		if err != nil {
			return err
		}
		got, up := map[who.OrgCode]int{}, map[who.OrgCode]int{}
		for _, u := range list {
			got[u.Code] = u.People
			up[u.Code.ParentCode()] += u.People
			if sum := above[u.Code] + direct[u.Code]; sum != u.People {
				t.Errorf("%s %s: %d people, its units and itself have %d", u.Code, u.Name, u.People, sum)
			}
		}
		if diff := cmp.Diff(rolled(direct, l), got); diff != "" {
			t.Errorf("level %d on %s (-people +counted):\n%.2000s", l, day, diff)
		}
		above = up
	}
	return nil
}

// byScope counts the people of scopes by lists that the scope alone limits.
func byScope(t *testing.T, s *store.Store, units []who.UnitRow, direct map[who.OrgCode]int) error {
	t.Helper()
	want := map[who.OrgCode]int{} // by prefix, not by ancestor
	for c, n := range direct {
		for l := who.LevelProvince; l <= who.LevelVillage; l++ {
			want[who.OrgCode(string(c)[:l.Digits()])] += n
		}
	}
	for i, u := range units {
		l := u.Code.Level()
		if l == who.LevelCounty && i%5 != 0 || l == who.LevelTownship && i%59 != 0 || l == who.LevelVillage && i%797 != 0 {
			continue
		}
		want, scope := want[who.OrgCode(u.Code.Prefix())], who.Scope{Units: []who.OrgCode{u.Code}}
		list, err := s.Units(t.Context(), scope, who.UnitQuery{Code: u.Code})
		if err != nil || len(list) != 1 || list[0].People != want {
			t.Errorf("%s: %+v, %v; want %d people", u.Code, list, err, want)
		}
		if l > who.LevelCounty {
			continue
		}
		n := 0
		for _, err := range s.ExportRoster(t.Context(), scope) {
			if err != nil {
				return err
			}
			n++
		}
		if n != want {
			t.Errorf("%s: a roster of %d people, want %d", u.Code, n, want)
		}
	}
	return nil
}

// peakMemory is the greatest resident size so far, "" where the system does not tell.
func peakMemory() string {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
