package people

import "strings"

// OrgCode is the 12-digit statistics code of a unit. Prefix is containment: the first 2 digits
// name the province, 4 the prefecture, 6 the county, 9 the township, 12 the village; the rest of
// a higher unit's code is zeros (DESIGN §3). The zero value is no unit.
type OrgCode string

// Level is the height of a unit in the tree.
type Level int

// The levels, in the order of containment. LevelNone is a code that is not one.
const (
	LevelNone Level = iota
	LevelProvince
	LevelPrefecture
	LevelCounty
	LevelTownship
	LevelVillage
)

var levelDigits = [...]int{LevelNone: 0, LevelProvince: 2, LevelPrefecture: 4, LevelCounty: 6, LevelTownship: 9, LevelVillage: 12}

// Digits is how many digits of a code name a unit of the level.
func (l Level) Digits() int { return levelDigits[l] }

// ParseOrgCode reads a code: 12 digits, or the significant 2, 4, 6 or 9 digits alone.
func ParseOrgCode(s string) (OrgCode, bool) {
	s = strings.TrimSpace(s)
	for _, r := range s {
		if r < '0' || r > '9' {
			return "", false
		}
	}
	switch len(s) {
	case 2, 4, 6, 9:
		s += strings.Repeat("0", 12-len(s))
	case 12:
	default:
		return "", false
	}
	c := OrgCode(s)
	return c, c.Level() != LevelNone
}

// Level returns how high the unit stands; LevelNone for a malformed code.
func (c OrgCode) Level() Level {
	if len(c) != 12 || c[:2] == "00" || strings.Trim(string(c), "0123456789") != "" {
		return LevelNone
	}
	for l := LevelProvince; l < LevelVillage; l++ {
		if strings.Trim(string(c[levelDigits[l]:]), "0") == "" {
			return l
		}
	}
	return LevelVillage
}

// Prefix returns the digits that every unit inside c begins with; "" for a malformed code.
func (c OrgCode) Prefix() string {
	l := c.Level()
	if l == LevelNone {
		return ""
	}
	return string(c[:levelDigits[l]])
}

// Contains reports whether other is c or lies inside it. A malformed c contains nothing.
func (c OrgCode) Contains(other OrgCode) bool {
	p := c.Prefix()
	return p != "" && other.Level() != LevelNone && strings.HasPrefix(string(other), p)
}

// Ancestor returns the unit of that level which c lies in, c itself at its own level, "" below it.
func (c OrgCode) Ancestor(l Level) OrgCode {
	if l == LevelNone || l > c.Level() {
		return ""
	}
	n := levelDigits[l]
	return c[:n] + OrgCode(strings.Repeat("0", 12-n))
}

// Scope is what an administrator may see (管理范围). The zero value sees nobody (DESIGN rule 5).
type Scope struct {
	Units []OrgCode `json:"units"`
}

// Everyone is the scope of the operator at the machine itself, who can read the database anyway.
func Everyone() Scope { return Scope{Units: []OrgCode{everywhere}} }

// everywhere is no unit's code: ParseOrgCode refuses it.
const everywhere OrgCode = "*"

// Prefixes returns what a visible unit's code begins with: none means no rows, "" means all rows.
func (s Scope) Prefixes() []string {
	var out []string
	for _, u := range s.Units {
		if u == everywhere {
			return []string{""}
		}
		if p := u.Prefix(); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// Sees reports whether a unit lies inside the scope.
func (s Scope) Sees(c OrgCode) bool {
	for _, p := range s.Prefixes() {
		if c.Level() != LevelNone && strings.HasPrefix(string(c), p) {
			return true
		}
	}
	return false
}
