package people_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
)

// unitWorld is a tree with people, and what a careful clerk would have written down day by day.
type unitWorld struct {
	tree    *people.UnitTree
	now     map[int]people.OrgCode // person → unit
	stays   map[int][]people.Stay
	written map[string]map[int]string // day → person → code and full name
	last    int                       // day of the newest act
	changes []people.UnitChange
}

func unitDay(n int) string { return fmt.Sprintf("2026-%02d-%02d", 1+n/28, 1+n%28) }

const worldDays = 40

// note writes down where everybody is from a day on.
func (w *unitWorld) note(from int) {
	for d := from; d < worldDays; d++ {
		at := map[int]string{}
		for p, c := range w.now {
			at[p] = string(c) + " " + w.tree.Unit(c).Full
		}
		w.written[unitDay(d)] = at
	}
}

// follow takes people along with what changed, by the rule that the store has as well.
func (w *unitWorld) follow(today int) {
	for _, c := range w.tree.Changes()[len(w.changes):] {
		w.changes = append(w.changes, c)
		if c.Into == "" {
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(w.now)) {
			if w.now[p] != c.Code {
				continue
			}
			w.stays[p] = append(w.stays[p], people.Stay{Unit: c.Code, Until: unitDay(today)})
			w.now[p] = c.Into
		}
	}
}

func (w *unitWorld) staffed(c people.OrgCode) int {
	n := 0
	for _, at := range w.now {
		if at == c {
			n++
		}
	}
	return n
}

func (w *unitWorld) check(t *rapid.T, people_ int) {
	if len(w.now) != people_ {
		t.Fatalf("%d people, want %d", len(w.now), people_)
	}
	codes := map[people.OrgCode]int{}
	for p, c := range w.now {
		if u := w.tree.Unit(c); u == nil || !u.Living() {
			t.Fatalf("person %d is in %s, which is no more", p, c)
		}
		codes[c]++
	}
	for _, x := range w.tree.Check(codes) {
		if x.Kind != people.UnitNamesake && x.Kind != people.UnitEmpty {
			t.Fatalf("%+v", x)
		}
	}
	for _, u := range w.tree.All() {
		if u.Into != "" && w.tree.Successor(u.Code, "") == u.Code {
			t.Fatalf("%s went nowhere", u.Code)
		}
		sum := w.staffed(u.Code)
		if u.Living() {
			for _, c := range w.tree.Children(u.Code) {
				sum += inside(w, c.Code)
			}
			if sum != inside(w, u.Code) {
				t.Fatalf("%s: %d people inside, the units in it have %d", u.Code, inside(w, u.Code), sum)
			}
		}
	}
	h := people.NewUnitHistory(w.tree, w.changes)
	for day, at := range w.written {
		for p, want := range at {
			code, full := h.Where(w.now[p], w.stays[p], day)
			if got := string(code) + " " + full; got != want {
				t.Fatalf("person %d on %s: %s, want %s\nstays %v", p, day, got, want, w.stays[p])
			}
		}
	}
}

func inside(w *unitWorld, c people.OrgCode) int {
	n := 0
	for _, at := range w.now {
		if c.Contains(at) {
			n++
		}
	}
	return n
}

// Whatever happens to units: the tree stays a tree, nobody is lost, the units of a unit have all its people,
// and where somebody was on a day is answered as it was written down then.
func TestUnitsOverTheYears(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rows []people.UnitRow
		add := func(code people.OrgCode, name string) { rows = append(rows, people.UnitRow{Code: code, Name: name}) }
		add("530000000000", "云南省")
		var places []people.OrgCode
		for _, p := range []string{"5301", "5303"} {
			add(people.OrgCode(p+"00000000"), "州市"+p)
			for _, c := range []string{"02", "12"} {
				county := p + c
				add(people.OrgCode(county+"000000"), "县"+county)
				for _, tw := range []string{"001", "100"} {
					add(people.OrgCode(county+tw+"000"), "镇"+county+tw)
					for _, v := range []string{"201", "202", "999"} {
						code := people.OrgCode(county + tw + v)
						add(code, rapid.SampledFrom([]string{"新村", "老村", "村" + v}).Draw(t, "name"))
						places = append(places, code)
					}
					places = append(places, people.OrgCode(county+tw+"000"))
				}
				places = append(places, people.OrgCode(county+"000000"))
			}
		}
		w := &unitWorld{tree: people.NewUnitTree(nil), now: map[int]people.OrgCode{}, stays: map[int][]people.Stay{}, written: map[string]map[int]string{}}
		if d := w.tree.Import(people.UnitImport{Rows: rows, Day: unitDay(0)}, w.staffed); len(d.Problems) > 0 {
			t.Fatal(d.Problems)
		}
		w.changes = slices.Clone(w.tree.Changes())
		const crowd = 25
		for p := range crowd {
			w.now[p] = rapid.SampledFrom(places).Draw(t, "place")
		}
		w.note(0)
		today := 0
		for range rapid.IntRange(1, 12).Draw(t, "acts") {
			day := rapid.IntRange(max(w.last, 1), min(w.last+4, worldDays-1)).Draw(t, "day")
			living := slices.DeleteFunc(w.tree.All(), func(u people.Unit) bool { return !u.Living() })
			o := people.UnitOrder{
				Kind: rapid.SampledFrom([]people.UnitChangeKind{people.UnitRenamed, people.UnitMerged, people.UnitMoved, people.UnitEnded}).Draw(t, "kind"),
				Code: rapid.SampledFrom(living).Draw(t, "unit").Code, Day: unitDay(day),
			}
			switch o.Kind {
			case people.UnitRenamed:
				o.Name = rapid.SampledFrom([]string{"新村", "红旗", "团结", "前进"}).Draw(t, "new name")
			case people.UnitMerged:
				same := slices.DeleteFunc(slices.Clone(living), func(u people.Unit) bool { return u.Code.Level() != o.Code.Level() })
				o.Into = rapid.SampledFrom(same).Draw(t, "into").Code
			case people.UnitMoved:
				same := slices.DeleteFunc(slices.Clone(living), func(u people.Unit) bool { return u.Code.Level() != o.Code.Level() })
				parent := rapid.SampledFrom(same).Draw(t, "beside").Code.ParentCode()
				digits := o.Code.Level().Digits()
				tail := fmt.Sprintf("%03d", rapid.IntRange(1, 99).Draw(t, "number"))
				o.Into = parent.Ancestor(parent.Level())
				if parent != "" {
					s := parent.Prefix() + tail[3-(digits-len(parent.Prefix())):]
					o.Into, _ = people.ParseOrgCode(s)
				}
			}
			before := w.tree.All()
			if err := w.tree.Apply(o, w.staffed); err != nil {
				if !slices.Equal(before, w.tree.All()) || len(w.changes) != len(w.tree.Changes()) {
					t.Fatalf("%+v was refused (%v) and changed the tree", o, err)
				}
				continue
			}
			w.last = day
			today = max(today, rapid.IntRange(day, worldDays-1).Draw(t, "today"))
			w.follow(today)
			w.note(day)
			w.check(t, crowd)
			// What is written out and read again says the same.
			again := people.NewUnitTree(w.tree.All())
			var out []people.UnitRow
			for i, u := range w.tree.All() {
				out = append(out, people.UnitRow{Row: i + 2, Code: u.Code, Name: u.Name, From: u.From, To: u.To, Into: u.Into})
			}
			for _, full := range []people.OrgCode{"", "530000000000"} {
				d := again.Import(people.UnitImport{Rows: out, Full: full, Day: unitDay(day)}, w.staffed)
				if len(d.Problems)+len(d.Blocked) > 0 || len(again.Changes()) > 0 || len(again.Dirty()) > 0 || d.Unchanged != len(out) {
					t.Fatalf("reading the export again: %v %v, changes %v, %d of %d unchanged", d.Problems, d.Blocked, again.Changes(), d.Unchanged, len(out))
				}
			}
		}
	})
}
