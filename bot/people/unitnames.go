package people

import (
	"slices"
	"strings"
)

// ShortNames says for each full name that is shown the shortest run of names, from the unit's own upward, that
// no other unit the reader sees ends with: 新村村民委员会 where there is one, 马街镇·新村村民委员会 where there are
// two. seen are the full names of what the reader may see; those that are shown count as seen.
func ShortNames(shown, seen []string) []string {
	ends := map[string]int{} // last k names → how many units end so
	counted := map[string]bool{}
	count := func(full string) {
		if counted[full] {
			return
		}
		counted[full] = true
		for end := range endings(full) {
			ends[end]++
		}
	}
	for _, full := range shown {
		count(full)
	}
	for _, full := range seen {
		count(full)
	}
	out := make([]string, len(shown))
	for i, full := range shown {
		out[i] = full
		for end := range endings(full) {
			if ends[end] == 1 {
				out[i] = end
				break
			}
		}
	}
	return out
}

// endings yields the last name of a chain, the last two, and so on.
func endings(full string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(full); i > 0; {
			i = strings.LastIndex(full[:i], string(MiddleDot))
			if i < 0 {
				yield(full)
				return
			}
			if !yield(full[i+len(string(MiddleDot)):]) {
				return
			}
		}
	}
}

// OwnName is the last name of a chain.
func OwnName(full string) string {
	if i := strings.LastIndex(full, string(MiddleDot)); i >= 0 {
		return full[i+len(string(MiddleDot)):]
	}
	return full
}

// MatchUnit is MatchUnitName for a unit that had other names or was another unit: former are its full names
// then. The name of today is the better fit.
func MatchUnit(typed, full string, former []string) UnitMatch {
	best := MatchUnitName(typed, full)
	for _, f := range former {
		best = max(best, min(MatchUnitName(typed, f), UnitLoose))
	}
	return best
}

// sameUnitName reports whether two names of a unit are one, written out or shortened: 新村村委会 for
// 新村村民委员会. 新村社区 is another: villages do become communities.
func sameUnitName(a, b string) bool { return longUnitName(a) == longUnitName(b) }

func longUnitName(s string) string {
	for _, e := range [...][2]string{{"村村委会", "村村民委员会"}, {"村委会", "村村民委员会"}, {"村民委员会", "村村民委员会"}, {"居委会", "居民委员会"}, {"街道办事处", "街道"}, {"街道办", "街道"}} {
		if stem, ok := strings.CutSuffix(s, e[0]); ok && !strings.HasSuffix(s, "村村民委员会") {
			return stem + e[1]
		}
	}
	return s
}

// UnitHistory tells names and places of earlier days.
type UnitHistory struct {
	tree    *UnitTree
	renamed map[OrgCode][]UnitChange // by day
}

// NewUnitHistory takes a tree and the changes of its units in the order in which they were made.
func NewUnitHistory(tree *UnitTree, changes []UnitChange) *UnitHistory {
	h := &UnitHistory{tree: tree, renamed: map[OrgCode][]UnitChange{}}
	for _, c := range changes {
		if c.Kind == UnitRenamed {
			h.renamed[c.Code] = append(h.renamed[c.Code], c)
		}
	}
	for _, list := range h.renamed {
		slices.SortStableFunc(list, func(a, b UnitChange) int { return strings.Compare(a.Day, b.Day) })
	}
	return h
}

// Name is the name that a unit had on a day, "" for a unit that is not known.
func (h *UnitHistory) Name(code OrgCode, day string) string {
	u := h.tree.Unit(code)
	if u == nil {
		return ""
	}
	for _, c := range h.renamed[code] {
		if c.Day > day {
			return c.Before
		}
	}
	return u.Name
}

// Full is the full name that a unit had on a day.
func (h *UnitHistory) Full(code OrgCode, day string) string {
	var names []string
	for l := LevelPrefecture; l <= code.Level(); l++ {
		a := code.Ancestor(l)
		if l > LevelPrefecture && a == code.Ancestor(l-1) {
			continue
		}
		if name := h.Name(a, day); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return h.Name(code, day)
	}
	return strings.Join(names, string(MiddleDot))
}

// Stay is a place where somebody was, as far as was known, before a day.
type Stay struct {
	Unit  OrgCode
	Until string // first day on which it was not so any more
}

// Where tells the unit that somebody belonged to on a day, in the code and by the name of that day: stays are
// the places before the one of now. What a unit became later does not change where somebody was; what it had
// become by then does.
func (h *UnitHistory) Where(now OrgCode, stays []Stay, day string) (OrgCode, string) {
	code, until := now, ""
	for _, s := range stays {
		if s.Until > day && (until == "" || s.Until < until) {
			code, until = s.Unit, s.Until
		}
	}
	code = h.tree.Successor(code, day)
	return code, h.Full(code, day)
}
