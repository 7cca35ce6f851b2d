package people

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// Unit is one unit of the tree with its life. Days are YYYY-MM-DD in Asia/Shanghai.
type Unit struct {
	Code  OrgCode `json:"code"`
	Name  string  `json:"name"`     // its own name
	Full  string  `json:"fullName"` // names of the chain below the province, joined by ·
	From  string  `json:"from"`     // first day of the unit, "" for always
	Named string  `json:"named"`    // first day of its name, "" for always
	To    string  `json:"to"`       // last day of a unit that is no more, "" for one that is
	Into  OrgCode `json:"into"`     // what it was merged or moved into, "" for nothing
}

// Living reports whether the unit is.
func (u *Unit) Living() bool { return u.To == "" }

// UnitChange is one thing that happened to a unit, or would happen.
type UnitChange struct {
	Kind   UnitChangeKind `json:"kind"`
	Row    int            `json:"row,omitempty"` // of the file, 0 for none
	Code   OrgCode        `json:"code"`
	Name   string         `json:"name"`               // afterwards; of one that ended its last
	Before string         `json:"before,omitempty"`   // name before
	Full   string         `json:"fullName,omitempty"` // of a new unit now, of the others before
	Into   OrgCode        `json:"into,omitempty"`     // of a merged or moved unit
	Place  string         `json:"place,omitempty"`    // full name of what it went into
	Day    string         `json:"day,omitempty"`      // first day on which it is so, "" for always
	// Document is the number of the document (文号) that orders it, "" for none.
	Document string `json:"document,omitempty"`
}

// UnitAct is on whose word and from which day on a unit changes.
type UnitAct struct {
	Day      string // first day on which it is so
	Document string // 文号, "" for none
	Row      int    // of the file, 0 for none
}

// UnitTree is a tree of units that can be changed. It holds these rules: whatever lives has its parent living
// or none at all; a code is used once and never again; who is merged or moved says where it went. Acts change
// the tree, or return a *fault.Error and change nothing.
type UnitTree struct {
	units   map[OrgCode]*Unit
	order   []OrgCode // of units, sorted: what lies in a unit stands together
	dirty   map[OrgCode]bool
	changes []UnitChange
}

// NewUnitTree takes units over.
func NewUnitTree(units []Unit) *UnitTree {
	t := &UnitTree{units: make(map[OrgCode]*Unit, len(units)), dirty: map[OrgCode]bool{}}
	for i := range units {
		t.units[units[i].Code] = &units[i]
	}
	t.order = slices.Sorted(maps.Keys(t.units))
	return t
}

// Unit returns a unit, living or not; nil for one that never was.
func (t *UnitTree) Unit(code OrgCode) *Unit { return t.units[code] }

// Changes are the acts so far in their order: what must be applied to people one after the other.
func (t *UnitTree) Changes() []UnitChange { return t.changes }

// Dirty returns the units that differ from what the tree began with, by code.
func (t *UnitTree) Dirty() []Unit {
	list := make([]Unit, 0, len(t.dirty))
	for _, c := range slices.Sorted(maps.Keys(t.dirty)) {
		list = append(list, *t.units[c])
	}
	return list
}

// All returns every unit by code.
func (t *UnitTree) All() []Unit {
	list := make([]Unit, 0, len(t.units))
	for _, c := range t.order {
		list = append(list, *t.units[c])
	}
	return list
}

// ParentCode is the code right above: of the next level whose code differs; "" above a province. A prefecture
// without counties (东莞市, 4419) is itself the county above its townships.
func (c OrgCode) ParentCode() OrgCode {
	for l := c.Level() - 1; l >= LevelProvince; l-- {
		if a := c.Ancestor(l); a != c {
			return a
		}
	}
	return ""
}

// Parent returns the nearest unit above that the tree has, nil for none.
func (t *UnitTree) Parent(code OrgCode) *Unit {
	for p := code.ParentCode(); p != ""; p = p.ParentCode() {
		if u := t.units[p]; u != nil {
			return u
		}
	}
	return nil
}

// Children returns the living units right below, by code.
func (t *UnitTree) Children(code OrgCode) []*Unit {
	var list []*Unit
	for _, u := range t.below(code) {
		if p := t.livingParent(u.Code); p != nil && p.Code == code {
			list = append(list, u)
		}
	}
	return list
}

func (t *UnitTree) livingParent(code OrgCode) *Unit {
	for p := code.ParentCode(); p != ""; p = p.ParentCode() {
		if u := t.units[p]; u != nil && u.Living() {
			return u
		}
	}
	return nil
}

// below returns the living units inside a unit without itself, by code.
func (t *UnitTree) below(code OrgCode) []*Unit {
	prefix := code.Prefix()
	if prefix == "" {
		return nil
	}
	var list []*Unit
	i, _ := slices.BinarySearch(t.order, OrgCode(prefix))
	for _, c := range t.order[i:] {
		if !strings.HasPrefix(string(c), prefix) {
			break
		}
		if u := t.units[c]; c != code && u.Living() {
			list = append(list, u)
		}
	}
	return list
}

// enter puts a unit into the tree.
func (t *UnitTree) enter(u *Unit) {
	i, there := slices.BinarySearch(t.order, u.Code)
	if !there {
		t.order = slices.Insert(t.order, i, u.Code)
	}
	t.units[u.Code] = u
	t.dirty[u.Code] = true
}

// fullName joins the names of the chain below the province.
func (t *UnitTree) fullName(code OrgCode) string {
	var names []string
	for l := LevelPrefecture; l <= code.Level(); l++ {
		a := code.Ancestor(l)
		if u := t.units[a]; u != nil && (l == LevelPrefecture || a != code.Ancestor(l-1)) {
			names = append(names, u.Name)
		}
	}
	if len(names) == 0 && t.units[code] != nil {
		return t.units[code].Name
	}
	return strings.Join(names, string(MiddleDot))
}

// rename gives a unit a name and brings the full names of it and all below up to it.
func (t *UnitTree) rename(u *Unit, name string) {
	u.Name = name
	t.dirty[u.Code] = true
	for _, b := range append(t.below(u.Code), u) {
		if full := t.fullName(b.Code); full != b.Full {
			b.Full = full
			t.dirty[b.Code] = true
		}
	}
}

// AddUnit puts a new unit into the tree. Its parent must live in it.
func (t *UnitTree) AddUnit(code OrgCode, name string, a UnitAct) error {
	if err := t.free(code); err != nil {
		return err
	}
	if err := t.under(code); err != nil {
		return err
	}
	t.put(code, name, a)
	t.changes = append(t.changes, UnitChange{Kind: UnitNew, Row: a.Row, Code: code, Name: name, Full: t.units[code].Full, Day: a.Day, Document: a.Document})
	return nil
}

// put makes a unit, whatever is above it.
func (t *UnitTree) put(code OrgCode, name string, a UnitAct) {
	u := &Unit{Code: code, Name: name, From: a.Day, Named: a.Day}
	t.enter(u)
	t.rename(u, name)
}

// Adopt takes over what a roster says about a unit and those above it: who is not there comes in as if it had
// always been, whatever is above it; who has another name gets it from day on. A shortened form of the name it
// has is none.
func (t *UnitTree) Adopt(chain []OrgUnit, day string) error {
	for _, c := range chain {
		u := t.units[c.Code]
		switch {
		case u == nil:
			t.put(c.Code, c.Name, UnitAct{})
			t.changes = append(t.changes, UnitChange{Kind: UnitNew, Code: c.Code, Name: c.Name, Full: t.units[c.Code].Full})
		case u.Living() && !sameUnitName(u.Name, c.Name):
			if err := t.Rename(c.Code, c.Name, UnitAct{Day: max(day, u.From, u.Named)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// free refuses a code that is or was a unit's.
func (t *UnitTree) free(code OrgCode) error {
	switch u := t.units[code]; {
	case code.Level() == LevelNone:
		return fault.New(fault.Invalid, "units.code_bad", fault.A("code", code))
	case u == nil:
		return nil
	case u.Living():
		return fault.New(fault.Conflict, "units.code_taken", fault.A("code", code), fault.A("name", u.Full))
	default:
		return fault.New(fault.Conflict, "units.code_used", fault.A("code", code), fault.A("name", u.Full), fault.A("day", u.To))
	}
}

// under wants the unit above a code to live. A province has none.
func (t *UnitTree) under(code OrgCode) error {
	p := code.ParentCode()
	if p == "" {
		return nil
	}
	if u := t.units[p]; u == nil || !u.Living() {
		return fault.New(fault.Invalid, "units.no_parent", fault.A("code", code), fault.A("parent", p))
	}
	return nil
}

// living returns the unit of an act, and refuses one that is not, and a day before the unit's or its name's
// first, or that of whatever lives in it.
func (t *UnitTree) living(code OrgCode, a UnitAct) (*Unit, error) {
	u := t.units[code]
	switch {
	case u == nil:
		return nil, fault.New(fault.NotFound, "units.unknown", fault.A("code", code))
	case !u.Living():
		return nil, fault.New(fault.Conflict, "units.code_used", fault.A("code", code), fault.A("name", u.Full), fault.A("day", u.To))
	}
	for _, b := range append(t.below(code), u) {
		if last := max(b.From, b.Named); a.Day < last {
			return nil, fault.New(fault.Invalid, "units.day_early", fault.A("day", a.Day), fault.A("name", b.Full), fault.A("last", last))
		}
	}
	return u, nil
}

// Rename gives a unit another name from a day on.
func (t *UnitTree) Rename(code OrgCode, name string, a UnitAct) error {
	u := t.units[code]
	switch {
	case u == nil:
		return fault.New(fault.NotFound, "units.unknown", fault.A("code", code))
	case !u.Living():
		return fault.New(fault.Conflict, "units.code_used", fault.A("code", code), fault.A("name", u.Full), fault.A("day", u.To))
	case a.Day < max(u.From, u.Named):
		return fault.New(fault.Invalid, "units.day_early", fault.A("day", a.Day), fault.A("name", u.Full), fault.A("last", max(u.From, u.Named)))
	case u.Name == name:
		return fault.New(fault.Conflict, "units.name_same", fault.A("code", code), fault.A("name", name))
	}
	name, err := UnitNameOf(name)
	if err != nil {
		return err
	}
	c := UnitChange{Kind: UnitRenamed, Row: a.Row, Code: code, Name: name, Before: u.Name, Full: u.Full, Day: a.Day, Document: a.Document}
	t.changes = append(t.changes, c)
	u.Named = a.Day
	t.rename(u, name)
	return nil
}

// UnitNameOf brings a unit's name into its one form, or says what is wrong with it.
func UnitNameOf(s string) (string, error) {
	name := foldUnitName(s)
	if !goodUnitName(name) {
		return "", fault.New(fault.Invalid, "roster.unit_name_bad", fault.A("name", shorten(name)))
	}
	return name, nil
}

// Merge makes a unit, with all that is in it, part of another of its level that goes on. What is in it gets
// new codes there: the last digits stay where they are free.
func (t *UnitTree) Merge(code, into OrgCode, a UnitAct) error {
	if _, err := t.living(code, a); err != nil {
		return err
	}
	u := t.units[into]
	switch {
	case code == into:
		return fault.New(fault.Invalid, "units.into_itself", fault.A("code", code))
	case u == nil:
		return fault.New(fault.NotFound, "units.unknown", fault.A("code", into))
	case !u.Living():
		return fault.New(fault.Conflict, "units.code_used", fault.A("code", into), fault.A("name", u.Full), fault.A("day", u.To))
	case into.Level() != code.Level():
		return fault.New(fault.Invalid, "units.level_differs", fault.A("code", code), fault.A("into", into))
	case a.Day < u.From:
		return fault.New(fault.Invalid, "units.day_early", fault.A("day", a.Day), fault.A("name", u.Full), fault.A("last", u.From))
	}
	r := relocation{tree: t, act: a}
	if err := r.room(code, into); err != nil {
		return err
	}
	r.take(code, into, "")
	return nil
}

// Move gives a unit another code, of the same level and never used, and with it another place: the prefix is
// where it lies. All that is in it goes along; the last digits stay. name is its name there, "" for the same.
func (t *UnitTree) Move(code, to OrgCode, name string, a UnitAct) error {
	u, err := t.living(code, a)
	if err != nil {
		return err
	}
	if err := t.free(to); err != nil {
		return err
	}
	if to.Level() != code.Level() {
		return fault.New(fault.Invalid, "units.level_differs", fault.A("code", code), fault.A("into", to))
	}
	if err := t.under(to); err != nil {
		return err
	}
	if name == "" {
		name = u.Name
	}
	if name, err = UnitNameOf(name); err != nil {
		return err
	}
	if p := t.units[to.ParentCode()]; p != nil && a.Day < p.From {
		return fault.New(fault.Invalid, "units.day_early", fault.A("day", a.Day), fault.A("name", p.Full), fault.A("last", p.From))
	}
	r := relocation{tree: t, act: a}
	r.take(code, to, name)
	return nil
}

// End ends a unit and all that is in it. staffed says how many people of the roster a unit has: people must go
// somewhere first.
func (t *UnitTree) End(code OrgCode, a UnitAct, staffed func(OrgCode) int) error {
	u, err := t.living(code, a)
	if err != nil {
		return err
	}
	all := append(t.below(code), u)
	n := 0
	for _, b := range all {
		n += staffed(b.Code)
	}
	if n > 0 {
		return fault.New(fault.Conflict, "units.end_staffed", fault.A("name", u.Full), fault.A("code", code), fault.A("count", n))
	}
	slices.SortStableFunc(all, func(a, b *Unit) int { return int(b.Code.Level() - a.Code.Level()) })
	for _, b := range all {
		t.end(b, UnitEnded, "", a)
	}
	return nil
}

func (t *UnitTree) end(u *Unit, kind UnitChangeKind, into OrgCode, a UnitAct) {
	c := UnitChange{Kind: kind, Row: a.Row, Code: u.Code, Name: u.Name, Before: u.Name, Full: u.Full, Into: into, Day: a.Day, Document: a.Document}
	if w := t.units[into]; w != nil {
		c.Name, c.Place = w.Name, w.Full
	}
	t.changes = append(t.changes, c)
	u.To, u.Into = dayBefore(a.Day), into
	t.dirty[u.Code] = true
}

// relocation takes a unit with all in it to another code.
type relocation struct {
	tree *UnitTree
	act  UnitAct
	// pick says where a unit goes, names what is called how at a code that is not there yet: codes that are
	// named stay free for those who are meant. Both may be nil.
	pick  map[OrgCode]OrgCode
	names map[OrgCode]string
	// meant are the codes of names by parent and name.
	meant map[unitSeat][]OrgCode
}

// unitSeat is a name right below a unit.
type unitSeat struct {
	parent OrgCode
	name   string
}

// take takes old to a code: into the unit that is there, or as that unit under name.
func (r relocation) take(old, to OrgCode, name string) {
	t := r.tree
	u := t.units[old]
	children := t.Children(old)
	kind := UnitMerged
	if t.units[to] == nil {
		kind = UnitMoved
		if name == "" {
			name = u.Name
		}
		t.put(to, name, r.act)
	}
	for _, c := range children {
		place, known := r.pick[c.Code]
		if list := r.meant[unitSeat{to, c.Name}]; !known && len(list) == 1 && t.units[list[0]] == nil {
			place, known = list[0], true
		}
		if !known {
			place = r.place(c.Code, old, to)
		}
		r.take(c.Code, place, r.names[place])
	}
	t.end(u, kind, to, r.act)
}

// place is the code that a child gets below another parent: its own last digits, else the next free ones.
// room has seen to it that there are some.
func (r relocation) place(child, old, to OrgCode) OrgCode {
	keep := string(child[len(old.Prefix()):])
	code := OrgCode(to.Prefix() + keep)
	from, digits := child.Level(), child.Level().Digits()
	width := digits - (from - 1).Digits()
	n, _ := strconv.Atoi(string(code[digits-width : digits]))
	most := 1
	for range width {
		most *= 10
	}
	for range most {
		if _, meant := r.names[code]; n > 0 && r.tree.units[code] == nil && !meant {
			return code
		}
		n = (n + 1) % most
		s := strconv.Itoa(n)
		code = code[:digits-width] + OrgCode(strings.Repeat("0", width-len(s))+s) + code[digits:]
	}
	return ""
}

// room refuses when there are not codes enough for all that goes along. 999 fit into a unit; a tenth is left
// alone so that place finds its way.
func (r relocation) room(old, into OrgCode) error {
	width := 0
	if c := r.tree.Children(old); len(c) > 0 {
		l := c[0].Code.Level()
		width = l.Digits() - (l - 1).Digits()
	}
	most := 1
	for range width {
		most *= 10
	}
	used := 0
	i, _ := slices.BinarySearch(r.tree.order, OrgCode(into.Prefix()))
	for _, c := range r.tree.order[i:] {
		if !into.Contains(c) {
			break
		}
		if c.ParentCode() == into {
			used++
		}
	}
	if n := len(r.tree.Children(old)); n > 0 && used+n >= most {
		return fault.New(fault.Conflict, "units.no_room", fault.A("code", into))
	}
	return nil
}

// dayBefore is the day before; of "" it is "".
func dayBefore(day string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return d.AddDate(0, 0, -1).Format(time.DateOnly)
}

// dayAfter is the day after; of "" it is "".
func dayAfter(day string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return d.AddDate(0, 0, 1).Format(time.DateOnly)
}

// Successor follows what became of a unit until the one that was it on a day; on day "" the one that is now.
// A unit that ended without one stays itself.
func (t *UnitTree) Successor(code OrgCode, day string) OrgCode {
	for range len(t.units) + 1 {
		u := t.units[code]
		if u == nil || u.Living() || u.Into == "" || day != "" && day <= u.To {
			return code
		}
		code = u.Into
	}
	return code
}

// UnitProblemKind is what is not in order with a tree.
type UnitProblemKind string

// The kinds.
const (
	UnitOrphan    UnitProblemKind = "orphan"    // the unit right above is missing or ended
	UnitNamesake  UnitProblemKind = "namesake"  // two living units of one name right below one parent
	UnitEmpty     UnitProblemKind = "empty"     // a township without villages, a county without townships
	UnitDeadEnd   UnitProblemKind = "dead_end"  // went into a unit that is not known, or round in a circle
	UnitStranded  UnitProblemKind = "stranded"  // people of the roster in a unit that is no more or never was
	UnitOldDigits UnitProblemKind = "bad_code"  // the code is none
	UnitStale     UnitProblemKind = "full_name" // the full name does not follow from the names above
)

// UnitProblem is one thing that is not in order.
type UnitProblem struct {
	Kind  UnitProblemKind `json:"kind"`
	Code  OrgCode         `json:"code"`
	Name  string          `json:"name"`
	Other OrgCode         `json:"other,omitempty"` // the missing parent, the namesake, where it went
	Count int             `json:"count,omitempty"` // people
}

// Check looks a tree over, by code. staffed is how many people of the roster each code has.
func (t *UnitTree) Check(staffed map[OrgCode]int) []UnitProblem {
	var out []UnitProblem
	first, parents := map[unitSeat]OrgCode{}, map[OrgCode]bool{}
	for _, c := range t.order {
		if t.units[c].Living() {
			parents[c.ParentCode()] = true
		}
	}
	for _, c := range t.order {
		u := t.units[c]
		add := func(kind UnitProblemKind, other OrgCode) {
			out = append(out, UnitProblem{Kind: kind, Code: c, Name: u.Full, Other: other})
		}
		if c.Level() == LevelNone {
			add(UnitOldDigits, "")
			continue
		}
		if !u.Living() {
			if w := t.units[t.Successor(c, "")]; w == nil || w.Into != "" {
				add(UnitDeadEnd, u.Into)
			}
			continue
		}
		if t.under(c) != nil {
			add(UnitOrphan, c.ParentCode())
		}
		k := unitSeat{c.ParentCode(), u.Name}
		if other, twice := first[k]; twice {
			add(UnitNamesake, other)
		} else {
			first[k] = c
		}
		if l := c.Level(); l >= LevelPrefecture && l < LevelVillage && !parents[c] {
			add(UnitEmpty, "")
		}
		if u.Full != t.fullName(c) {
			add(UnitStale, "")
		}
	}
	for _, c := range slices.Sorted(maps.Keys(staffed)) {
		if u := t.units[c]; staffed[c] > 0 && (u == nil || !u.Living()) {
			p := UnitProblem{Kind: UnitStranded, Code: c, Count: staffed[c]}
			if u != nil {
				p.Name, p.Other = u.Full, u.Into
			}
			out = append(out, p)
		}
	}
	return out
}

// UnitOrder asks for one change of a unit.
type UnitOrder struct {
	Kind     UnitChangeKind // renamed, merged, moved or ended
	Code     OrgCode
	Name     string  // of renamed; of moved the name there, "" for the same
	Into     OrgCode // of merged the unit that goes on, of moved the new code
	Day      string  // first day on which it is so; "" for today
	Document string  // 文号, "" for none
	DryRun   bool
}

// MaxDocument is the longest number of a document, in characters.
const MaxDocument = 100

// Apply does what an order says. Its Day must be filled in.
func (t *UnitTree) Apply(o UnitOrder, staffed func(OrgCode) int) error {
	a := UnitAct{Day: o.Day, Document: o.Document}
	switch o.Kind {
	case UnitRenamed:
		return t.Rename(o.Code, o.Name, a)
	case UnitMerged:
		return t.Merge(o.Code, o.Into, a)
	case UnitMoved:
		return t.Move(o.Code, o.Into, o.Name, a)
	case UnitEnded:
		return t.End(o.Code, a, staffed)
	default:
		return fault.New(fault.Invalid, "units.kind_bad", fault.A("kind", string(o.Kind)))
	}
}

// UnitReport is what changing units did, or would do.
type UnitReport struct {
	Changes   []UnitChange     `json:"changes"`
	Unchanged int              `json:"unchanged"`
	People    int              `json:"people"`   // who belong to another unit by it
	Recoded   []RecodedLearner `json:"recoded"`  // who got another binding code, because one of the name and code is there already
	Pointing  UnitPointers     `json:"pointing"` // what still names a unit that is no more
	Problems  []*fault.Error   `json:"-"`        // rows that cannot be done
	Blocked   []*fault.Error   `json:"-"`        // what keeps the whole from being done; with it nothing was
}

// Count is how many changes are of a kind.
func (r UnitReport) Count(k UnitChangeKind) int {
	n := 0
	for _, c := range r.Changes {
		if c.Kind == k {
			n++
		}
	}
	return n
}

// RecodedLearner is a person who got another binding code. The code itself is in the roster.
type RecodedLearner struct {
	ID   LearnerID `json:"id"`
	Name string    `json:"name"`
	Unit OrgCode   `json:"unit"`
}

// UnitPointers count what an administrator has to decide about: whoever saw a merged unit does not see all of
// the other by that.
type UnitPointers struct {
	Trainers  int `json:"trainers"`  // scopes of trainers
	Keys      int `json:"keys"`      // scopes of keys of the API
	Rules     int `json:"rules"`     // rules of enrolment
	Campaigns int `json:"campaigns"` // announcements that are not sent yet
	Surveys   int `json:"surveys"`
}

// None reports whether nothing points there.
func (p UnitPointers) None() bool { return p == UnitPointers{} }

// UnitQuery asks for units of a scope.
type UnitQuery struct {
	Below OrgCode // the units right below this one; "" for those at the top of the scope
	Text  string  // or: units whose name has this, or had; digits: whose code begins so
	Code  OrgCode // or: this unit alone
	Limit int     // 0 means 200
}

// UnitLine is a unit of a list.
type UnitLine struct {
	Unit
	Short    string `json:"shortName"` // the shortest name that nothing else in the reader's scope has
	Level    string `json:"level"`     // 省, 州市 …
	People   int    `json:"people"`    // on the roster, with all that is in it
	Children int    `json:"children"`  // living units right below
	Former   string `json:"former"`    // the earlier name by which it was found, "" for that of today
}

// ParseLevel reads a level: province, prefecture, county, township or village, or its Chinese word.
func ParseLevel(s string) (Level, error) {
	for l, names := range [...][2]string{LevelProvince: {"province", "省"}, LevelPrefecture: {"prefecture", "州市"}, LevelCounty: {"county", "县市区"}, LevelTownship: {"township", "乡镇街道"}, LevelVillage: {"village", "村社区"}} {
		if s != "" && (s == names[0] || s == names[1]) {
			return Level(l), nil
		}
	}
	return LevelNone, fault.New(fault.Invalid, "units.level_bad", fault.A("level", shorten(s)))
}

// LevelWord is what people call a level.
func (l Level) LevelWord() string {
	if l <= LevelNone || l > LevelVillage {
		return ""
	}
	return levelWord[l]
}

// UnitLife is a unit with its history.
type UnitLife struct {
	UnitLine
	Above  []Unit       `json:"above"`  // the units it lies in, from the top
	Events []UnitChange `json:"events"` // what happened to it, and what went into it, by day
}

// UnitCount is how many people of the roster a unit has, with all that is in it.
type UnitCount struct {
	Code   OrgCode `json:"code"`
	Name   string  `json:"fullName"`
	People int     `json:"people"`
}

// Whereabouts is where a person was on a day.
type Whereabouts struct {
	Learner  LearnerID `json:"learner"`
	Name     string    `json:"name"`
	Day      string    `json:"day"`
	Unit     OrgCode   `json:"unit"`
	UnitName string    `json:"unitName"`
	Now      OrgCode   `json:"now"` // where the person is today
	NowName  string    `json:"nowName"`
}
