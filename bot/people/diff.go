package people

import (
	"cmp"
	"slices"
)

// Member is a person as the stored roster has them.
type Member struct {
	ID       LearnerID
	Unit     OrgCode
	Name     string
	Category string
	Code     string
	Phone    string // keyed hash of the number, "" for none
	Left     string // day on which the person left, "" for who is on the roster
}

// ChangeKind is what happens to a person by an import.
type ChangeKind string

// The kinds.
const (
	PersonNew      ChangeKind = "new"
	PersonChanged  ChangeKind = "changed"  // category, short code or telephone
	PersonMoved    ChangeKind = "moved"    // to another unit
	PersonReturned ChangeKind = "returned" // had left, and is back
	PersonLeft     ChangeKind = "left"     // a full roster does not have the person any more
)

// RosterChange is one person whom an import changes.
type RosterChange struct {
	Kind   ChangeKind
	Row    *RosterRow // of the file; nil for one who left
	At     int        // place of Row among the rows
	Before *Member    // nil for a new one
}

// Difference is what importing rows does to a roster. Nothing of it has happened.
type Difference struct {
	Changes   []RosterChange // those of the file in its order, then those who left by unit and name
	Who       []LearnerID    // whom each row is, 0 for a new person
	Unchanged int
	Staying   int // people of the full roster's unit before, 0 for an addition
	counts    map[ChangeKind]int
}

// kinds are in the order in which people want to see them: what may be a mistake first.
var kinds = [...]ChangeKind{PersonLeft, PersonMoved, PersonReturned, PersonChanged, PersonNew}

// First returns up to n of the changes, those first that may be a mistake.
func (d Difference) First(n int) []RosterChange {
	list := make([]RosterChange, 0, min(max(n, 0), len(d.Changes)))
	for _, k := range kinds {
		for _, c := range d.Changes {
			if len(list) == cap(list) {
				return list
			}
			if c.Kind == k {
				list = append(list, c)
			}
		}
	}
	return list
}

// Count is how many people a kind of change has.
func (d Difference) Count(k ChangeKind) int { return d.counts[k] }

// TooManyLeft reports whether a full roster would take off more than percent of a unit's people: such a
// file is more likely cut off than true.
func (d Difference) TooManyLeft(percent int) bool {
	return d.counts[PersonLeft]*100 > d.Staying*percent
}

// What names the columns that a change touches, in the words of the roster.
func (c RosterChange) What(hash func(phone string) string) []string {
	if c.Row == nil || c.Before == nil {
		return nil
	}
	var list []string
	add := func(is bool, col column) {
		if is {
			list = append(list, headings[col][0])
		}
	}
	add(c.Row.Unit != c.Before.Unit, colUnit)
	add(c.Row.Category != c.Before.Category, colCategory)
	add(c.Row.Code != c.Before.Code, colCode)
	add(c.Row.Phone != "" && hash != nil && hash(c.Row.Phone) != c.Before.Phone, colPhone)
	return list
}

// shortCode is the longest short code that alone does not make two people of one name the same person:
// townships count from 0001.
const shortCode = 5

type called struct{ name, code string }

// Compare finds out whom each row is, and what importing the rows does. Everybody is found by the
// strongest of these, each person once:
//
//  1. the same unit, name and short code, on the roster or having left it;
//  2. the same unit and name, when there is one such person and one such row: the code is new;
//  3. the same name and telephone, or the same name and code, elsewhere, when there is one such person
//     and one such row: the person has moved. Of an addition, which does not say who is missing, a code
//     counts from six characters on;
//  4. else the person is new.
//
// full is the unit whose full roster the rows are: those of it whom no row is have left. "" is an
// addition, and nobody leaves. members must be everybody of the rows' units, of the rows' names and of
// the full unit. hash is the keyed hash of a telephone number.
func Compare(members []Member, rows []RosterRow, full OrgCode, hash func(phone string) string) Difference {
	c := comparison{rows: rows, members: members, full: full, hash: hash, of: make([]int32, len(rows)), taken: make([]bool, len(members))}
	for i := range c.of {
		c.of[i] = -1
	}
	if len(members) == 0 {
		return c.result()
	}
	byKeyRows, byKeyMembers := c.byKey()
	c.same(byKeyRows, byKeyMembers)
	c.recoded(byKeyRows, byKeyMembers)
	if hash != nil {
		c.moved(func(m *Member) string { return m.Phone }, func(r *RosterRow) string {
			if r.Phone == "" {
				return ""
			}
			return hash(r.Phone)
		})
	}
	least := shortCode + 1
	if full != "" {
		least = MinCodeRunes
	}
	long := func(code string) string {
		if len(code) < least {
			return ""
		}
		return code
	}
	c.moved(func(m *Member) string { return long(m.Code) }, func(r *RosterRow) string { return long(r.Code) })
	return c.result()
}

type comparison struct {
	rows    []RosterRow
	members []Member
	full    OrgCode
	hash    func(string) string
	of      []int32 // the member whom each row is, -1 for nobody yet
	taken   []bool  // members whom a row is
}

func (c *comparison) take(row, member int) {
	c.of[row], c.taken[member] = int32(member), true
}

// byKey orders both lists by unit, name and code without copying them.
func (c *comparison) byKey() (rows, members []int32) {
	rows, members = make([]int32, len(c.rows)), make([]int32, len(c.members))
	for i := range rows {
		rows[i] = int32(i)
	}
	for i := range members {
		members[i] = int32(i)
	}
	slices.SortFunc(rows, func(x, y int32) int {
		a, b := &c.rows[x], &c.rows[y]
		return cmp.Or(comparePlaces(a.Unit, a.Name, b.Unit, b.Name), cmp.Compare(a.Code, b.Code), cmp.Compare(x, y))
	})
	slices.SortFunc(members, func(x, y int32) int {
		a, b := &c.members[x], &c.members[y]
		return cmp.Or(comparePlaces(a.Unit, a.Name, b.Unit, b.Name), cmp.Compare(a.Code, b.Code), cmp.Compare(x, y))
	})
	return rows, members
}

func comparePlaces(unit OrgCode, name string, otherUnit OrgCode, otherName string) int {
	return cmp.Or(cmp.Compare(unit, otherUnit), cmp.Compare(name, otherName))
}

// same is step 1.
func (c *comparison) same(rows, members []int32) {
	for len(rows) > 0 && len(members) > 0 {
		r, m := &c.rows[rows[0]], &c.members[members[0]]
		switch order := cmp.Or(comparePlaces(r.Unit, r.Name, m.Unit, m.Name), cmp.Compare(r.Code, m.Code)); {
		case order < 0:
			rows = rows[1:]
		case order > 0:
			members = members[1:]
		default:
			c.take(int(rows[0]), int(members[0]))
			rows, members = rows[1:], members[1:]
		}
	}
}

// recoded is step 2. Of a full roster those who are found already do not count: who is left over on both
// sides is the same. Of an addition they do: a second person of the name may well be meant.
func (c *comparison) recoded(rows, members []int32) {
	for len(rows) > 0 {
		first := &c.rows[rows[0]]
		n, row, some := 0, 0, 0
		for n < len(rows) && c.rows[rows[n]].Unit == first.Unit && c.rows[rows[n]].Name == first.Name {
			if at := int(rows[n]); c.full == "" || c.of[at] < 0 {
				row, some = at, some+1
			}
			n++
		}
		rows = rows[n:]
		for len(members) > 0 && comparePlaces(c.members[members[0]].Unit, c.members[members[0]].Name, first.Unit, first.Name) < 0 {
			members = members[1:]
		}
		member, one := 0, 0
		for _, at := range members {
			m := &c.members[at]
			if m.Unit != first.Unit || m.Name != first.Name {
				break
			}
			if m.Left == "" && (c.full == "" || !c.taken[at]) {
				member, one = int(at), one+1
			}
		}
		if some == 1 && one == 1 && c.of[row] < 0 && !c.taken[member] {
			c.take(row, member)
		}
	}
}

// only is an index of what has exactly one key; -1 marks a key that several have.
type only[K comparable] map[K]int32

func (o only[K]) add(k K, i int) {
	if _, seen := o[k]; seen {
		o[k] = -1
		return
	}
	o[k] = int32(i)
}

// moved is step 3, by one mark of a person.
func (c *comparison) moved(ofMember func(*Member) string, ofRow func(*RosterRow) string) {
	members, rows := only[called]{}, only[called]{}
	for i := range c.rows {
		if mark := ofRow(&c.rows[i]); c.of[i] < 0 && mark != "" {
			rows.add(called{c.rows[i].Name, mark}, i)
		}
	}
	if len(rows) == 0 {
		return
	}
	for i := range c.members {
		m := &c.members[i]
		if mark := ofMember(m); mark != "" && m.Left == "" && (!c.taken[i] || c.full == "") {
			members.add(called{m.Name, mark}, i)
		}
	}
	for k, i := range rows {
		if i < 0 {
			continue
		}
		if m, ok := members[k]; ok && m >= 0 && !c.taken[m] {
			c.take(int(i), int(m))
		}
	}
}

func (c *comparison) result() Difference {
	d := Difference{counts: map[ChangeKind]int{}, Who: make([]LearnerID, len(c.rows))}
	add := func(ch RosterChange) {
		d.counts[ch.Kind]++
		d.Changes = append(d.Changes, ch)
	}
	for i := range c.rows {
		r := &c.rows[i]
		if c.of[i] < 0 {
			add(RosterChange{Kind: PersonNew, Row: r, At: i})
			continue
		}
		ch := RosterChange{Row: r, At: i, Before: &c.members[c.of[i]]}
		d.Who[i] = ch.Before.ID
		switch {
		case ch.Before.Left != "":
			ch.Kind = PersonReturned
		case ch.Before.Unit != r.Unit:
			ch.Kind = PersonMoved
		case len(ch.What(c.hash)) > 0:
			ch.Kind = PersonChanged
		default:
			d.Unchanged++
			continue
		}
		add(ch)
	}
	if c.full == "" {
		return d
	}
	var gone []*Member
	for i := range c.members {
		m := &c.members[i]
		if m.Left != "" || !c.full.Contains(m.Unit) {
			continue
		}
		d.Staying++
		if !c.taken[i] {
			gone = append(gone, m)
		}
	}
	slices.SortFunc(gone, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	for _, m := range gone {
		add(RosterChange{Kind: PersonLeft, Before: m})
	}
	return d
}
