package people

import (
	"cmp"
	"errors"
	"slices"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// UnitImport says how a file of units changes a tree.
type UnitImport struct {
	Rows     []UnitRow
	Full     OrgCode // the file is all there is of this unit: what it does not have any more has moved or ended; "" for an addition
	Day      string  // first day of what changes, where the file has none
	NewFrom  string  // first day of new units, where the file has none; "" for always
	Document string  // 文号
}

// UnitDifference is what an import did to the tree, besides the tree's own changes.
type UnitDifference struct {
	Unchanged int
	Problems  []*fault.Error // rows that cannot be done; nothing of them was
	Blocked   []*fault.Error // units that the file does not have any more and that still have people
}

// Import makes a tree what a file says. Each row is found by its code:
//
//  1. a code that lives: another name is a new name;
//  2. a code that never was: when a row says what it was before (原代码), or an ended one that it went there
//     (去向代码), that unit with all in it moves; of a full file also the unit that is missing and alone has the
//     name, below the same parent first. Otherwise it is new. Its parent must be there;
//  3. a row with a last day ends its unit: into another, or for good when nobody is left in it;
//  4. of a full file, what is left over has ended.
//
// staffed says how many people of the roster a unit has.
func (t *UnitTree) Import(in UnitImport, staffed func(OrgCode) int) UnitDifference {
	m := unitMerger{tree: t, in: in, staffed: staffed, living: map[OrgCode]*UnitRow{}, ended: map[OrgCode]*UnitRow{}, into: map[OrgCode]OrgCode{}, sources: map[OrgCode][]OrgCode{}, names: map[OrgCode]string{}, meant: map[unitSeat][]OrgCode{}}
	m.sort()
	m.explicit()
	if in.Full != "" {
		m.guess()
	}
	for _, r := range m.top {
		m.row(r)
	}
	for _, r := range m.last {
		m.end(r)
	}
	m.leftover()
	for c := range t.dirty {
		if t.units[c].Living() && t.under(c) != nil {
			m.out.Blocked = append(m.out.Blocked, fault.New(fault.Invalid, "units.no_parent", fault.A("code", c), fault.A("parent", c.ParentCode())))
		}
	}
	slices.SortStableFunc(m.out.Problems, func(a, b *fault.Error) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row)) })
	return m.out
}

type unitMerger struct {
	tree    *UnitTree
	in      UnitImport
	staffed func(OrgCode) int
	out     UnitDifference
	top     []*UnitRow // rows of living units, from above
	last    []*UnitRow // rows of ended ones, from below
	living  map[OrgCode]*UnitRow
	ended   map[OrgCode]*UnitRow
	into    map[OrgCode]OrgCode    // where living units of the tree go
	sources map[OrgCode][]OrgCode  // who goes there, in order
	names   map[OrgCode]string     // of codes that are not in the tree
	meant   map[unitSeat][]OrgCode // these codes, by parent and name
}

func (m *unitMerger) problem(r *UnitRow, err error) {
	var e *fault.Error
	if errors.As(err, &e) {
		m.out.Problems = append(m.out.Problems, e.At(r.File, r.Row, unitHeadings[unitCode][0]))
	}
}

// sort parts the rows, living from above, ended from below.
func (m *unitMerger) sort() {
	for i := range m.in.Rows {
		r := &m.in.Rows[i]
		if m.in.Full != "" && !m.in.Full.Contains(r.Code) && !r.Code.Contains(m.in.Full) {
			m.problem(r, fault.New(fault.Invalid, "units.out_of_unit", fault.A("code", r.Code), fault.A("unit", m.in.Full)))
			continue
		}
		if r.To != "" {
			m.last, m.ended[r.Code] = append(m.last, r), r
			continue
		}
		m.top, m.living[r.Code] = append(m.top, r), r
		if m.tree.units[r.Code] == nil {
			m.names[r.Code] = r.Name
			k := unitSeat{r.Code.ParentCode(), r.Name}
			m.meant[k] = append(m.meant[k], r.Code)
		}
	}
	slices.SortStableFunc(m.top, func(a, b *UnitRow) int {
		return cmp.Or(cmp.Compare(a.Code.Level(), b.Code.Level()), cmp.Compare(a.Code, b.Code))
	})
	slices.SortStableFunc(m.last, func(a, b *UnitRow) int {
		return cmp.Or(cmp.Compare(b.Code.Level(), a.Code.Level()), cmp.Compare(a.Code, b.Code))
	})
}

// alive reports whether a code is a living unit of the tree.
func (m *unitMerger) alive(code OrgCode) bool {
	u := m.tree.units[code]
	return u != nil && u.Living()
}

func (m *unitMerger) goes(old, to OrgCode) {
	if _, twice := m.into[old]; !twice {
		m.into[old] = to
		m.sources[to] = append(m.sources[to], old)
	}
}

// explicit takes what the file says about where units go to.
func (m *unitMerger) explicit() {
	for _, r := range m.top {
		if r.Former != "" && m.alive(r.Former) && m.tree.units[r.Code] == nil {
			m.goes(r.Former, r.Code)
		}
	}
	for i := len(m.last) - 1; i >= 0; i-- {
		if r := m.last[i]; r.Into != "" && m.alive(r.Code) {
			m.goes(r.Code, r.Into)
		}
	}
}

// guess finds units of a full file that are there under another code: of one level, alone with a name below
// one parent, then alone with it at all, then alone below one parent with the name but for its ending.
func (m *unitMerger) guess() {
	for l := LevelPrefecture; l <= LevelVillage; l++ {
		for _, way := range []func(parent OrgCode, name string) unitSeat{
			func(parent OrgCode, name string) unitSeat { return unitSeat{parent, name} },
			func(_ OrgCode, name string) unitSeat { return unitSeat{"", name} },
			func(parent OrgCode, name string) unitSeat { return unitSeat{parent, "~" + formsOf(name).stem} },
		} {
			gone, fresh := map[unitSeat][]OrgCode{}, map[unitSeat][]OrgCode{}
			for _, u := range m.tree.below(m.in.Full) {
				c := u.Code
				if _, going := m.into[c]; c.Level() != l || going || m.living[c] != nil || m.ended[c] != nil {
					continue
				}
				parent := c.ParentCode()
				if to, moved := m.into[parent]; moved {
					parent = to
				}
				k := way(parent, u.Name)
				gone[k] = append(gone[k], c)
			}
			if len(gone) == 0 {
				continue
			}
			for _, r := range m.top {
				if r.Code.Level() == l && m.tree.units[r.Code] == nil && len(m.sources[r.Code]) == 0 {
					k := way(r.Code.ParentCode(), r.Name)
					fresh[k] = append(fresh[k], r.Code)
				}
			}
			for k, list := range gone {
				if len(list) == 1 && len(fresh[k]) == 1 {
					m.goes(list[0], fresh[k][0])
				}
			}
		}
	}
}

// act is on which day a unit of the tree changes.
func (m *unitMerger) act(old OrgCode, row int) UnitAct {
	a := UnitAct{Day: m.in.Day, Document: m.in.Document, Row: row}
	if r := m.ended[old]; r != nil {
		a.Day, a.Row = dayAfter(r.To), r.Row
	}
	return a
}

// row makes a living unit what its row says.
func (m *unitMerger) row(r *UnitRow) {
	t := m.tree
	u := t.units[r.Code]
	var err error
	switch {
	case u != nil && !u.Living():
		err = t.free(r.Code)
	case u != nil && u.Name == r.Name:
		if !m.news(r.Code) {
			m.out.Unchanged++
		}
	case u != nil:
		err = t.Rename(r.Code, r.Name, m.act("", r.Row))
	case r.Former != "" && !m.alive(r.Former):
		err = fault.New(fault.NotFound, "units.unknown", fault.A("code", r.Former))
	case len(m.sources[r.Code]) > 0:
		err = m.come(r)
	default:
		a := m.act("", r.Row)
		if a.Day = r.From; a.Day == "" {
			a.Day = m.in.NewFrom
		}
		err = t.AddUnit(r.Code, r.Name, a)
	}
	if err != nil {
		m.problem(r, err)
	}
}

// news reports whether a unit came into the tree by this import, along with a greater one.
func (m *unitMerger) news(code OrgCode) bool {
	_, fresh := m.names[code]
	return fresh
}

// come moves units to the code of a row: the first is it from now on, the others are merged into it.
func (m *unitMerger) come(r *UnitRow) error {
	t := m.tree
	if err := t.under(r.Code); err != nil {
		return err
	}
	for _, old := range m.sources[r.Code] {
		if !m.alive(old) {
			continue // went along with what it was in
		}
		a := m.act(old, r.Row)
		if _, err := t.living(old, a); err != nil {
			return err
		}
		move := relocation{tree: t, act: a, pick: m.into, names: m.names, meant: m.meant}
		if err := move.room(old, r.Code); err != nil {
			return err
		}
		move.take(old, r.Code, r.Name)
	}
	return nil
}

// end makes an ended unit what its row says.
func (m *unitMerger) end(r *UnitRow) {
	t := m.tree
	u := t.units[r.Code]
	a := UnitAct{Day: dayAfter(r.To), Document: m.in.Document, Row: r.Row}
	var err error
	switch {
	case u == nil:
		err = m.record(r)
	case !u.Living() && u.To == r.To && u.Into == r.Into:
		if _, now := m.into[r.Code]; !now {
			m.out.Unchanged++
		}
	case !u.Living():
		err = fault.New(fault.Conflict, "units.ended_differs", fault.A("code", r.Code), fault.A("day", u.To), fault.A("into", orDash(string(u.Into))))
	case r.Into == "":
		err = t.End(r.Code, a, m.staffed)
	case t.units[r.Into] == nil:
		err = t.Move(r.Code, r.Into, "", a)
	default:
		err = t.Merge(r.Code, r.Into, a)
	}
	if err != nil {
		m.problem(r, err)
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// record keeps a unit that is no more and that the tree never knew.
func (m *unitMerger) record(r *UnitRow) error {
	t := m.tree
	if r.Into != "" && t.units[r.Into] == nil && m.ended[r.Into] == nil {
		return fault.New(fault.NotFound, "units.unknown", fault.A("code", r.Into))
	}
	u := &Unit{Code: r.Code, Name: r.Name, From: r.From, Named: r.From, To: r.To, Into: r.Into}
	t.enter(u)
	u.Full = t.fullName(r.Code)
	t.changes = append(t.changes, UnitChange{Kind: UnitNew, Row: r.Row, Code: r.Code, Name: r.Name, Full: u.Full, Day: r.From})
	return nil
}

// leftover ends what a full file does not have any more.
func (m *unitMerger) leftover() {
	if m.in.Full == "" {
		return
	}
	t := m.tree
	keep := map[OrgCode]bool{} // what something of the file, or that came along with a move, lives in or is
	for _, c := range t.changes {
		keep[c.Into] = true
	}
	for _, r := range m.top {
		for c := r.Code; c != ""; c = c.ParentCode() {
			keep[c] = true
		}
	}
	all := t.below(m.in.Full)
	slices.SortStableFunc(all, func(a, b *Unit) int { return cmp.Compare(a.Code.Level(), b.Code.Level()) })
	for _, u := range all {
		if keep[u.Code] || m.names[u.Code] != "" || !u.Living() {
			continue
		}
		if err := t.End(u.Code, m.act("", 0), m.staffed); err != nil {
			var e *fault.Error
			if errors.As(err, &e) {
				m.out.Blocked = append(m.out.Blocked, e)
			}
		}
	}
}
