package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// unitsShownMost is how many units a list has where nothing else is asked for.
const unitsShownMost = 200

// atLevel is the condition that a column holds a code of a level: zeros behind its digits, and not so many as
// one above has.
func atLevel(column string, l people.Level) string {
	where := column + " <> ''"
	if zeros := 12 - l.Digits(); zeros > 0 {
		where = column + " LIKE '%" + strings.Repeat("0", zeros) + "'"
	}
	if l > people.LevelProvince {
		where += " AND " + column + " NOT LIKE '%" + strings.Repeat("0", 12-(l-1).Digits()) + "'"
	}
	return where
}

// Units lists units of a scope: those right below one, or those whose name or code fits, today's names before
// earlier ones. Without a scope there is none.
func (s *Store) Units(ctx context.Context, scope people.Scope, q people.UnitQuery) (list []people.UnitLine, err error) {
	if q.Limit <= 0 || q.Limit > 1000 {
		q.Limit = unitsShownMost
	}
	where, args, _ := within("code", scope.Prefixes())
	var units []people.UnitLine
	read := func(more string, with ...any) error {
		found, err := listUnits(ctx, s.bulk, where+" AND valid_to = '' AND "+more, append(slices.Clone(args), with...)...)
		for _, u := range found {
			if len(units) < q.Limit {
				units = append(units, people.UnitLine{Unit: u})
			}
		}
		return err
	}
	switch {
	case q.Code != "":
		err = read("code = ?", string(q.Code))
	case q.Text != "":
		if units, err = s.searchUnits(ctx, scope, q.Text, q.Limit); err != nil {
			return nil, told("searching units", err)
		}
	default:
		top := q.Below.Level() + 1
		below := q.Below.Prefix() + "%"
		if q.Below == "" {
			top, below = people.LevelProvince, "%"
		}
		for l := top; l <= people.LevelVillage && err == nil && len(units) == 0; l++ {
			err = read("code LIKE ? AND code <> ? AND "+atLevel("code", l), below, string(q.Below))
		}
	}
	if err == nil {
		err = s.dressUnits(ctx, scope, units)
	}
	if err != nil {
		return nil, fmt.Errorf("listing units: %w", plain(err))
	}
	return units, nil
}

// like writes a text for LIKE … ESCAPE '!', so that it stands for itself.
func like(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// searchUnits finds living units by a part of the full name, by the beginning of the code, and by earlier names.
func (s *Store) searchUnits(ctx context.Context, scope people.Scope, text string, limit int) ([]people.UnitLine, error) {
	text = strings.TrimSpace(text)
	where, args, _ := within("code", scope.Prefixes())
	if strings.Trim(text, "0123456789") == "" {
		found, err := listUnits(ctx, s.bulk, where+" AND valid_to = '' AND code LIKE ?", append(slices.Clone(args), text+"%")...)
		return lines(found, limit), err
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '·' || r == '　' })
	for i, w := range words {
		words[i] = like(w)
	}
	if len(words) == 0 {
		return nil, nil
	}
	pattern := "%" + strings.Join(words, "%") + "%"
	found, err := listUnits(ctx, s.bulk, where+" AND valid_to = '' AND name LIKE ? ESCAPE '!' AND full_name LIKE ? ESCAPE '!'", append(slices.Clone(args), "%"+words[len(words)-1]+"%", pattern)...)
	if err == nil && len(found) == 0 { // written as in the chat: 官渡区新村村委会
		found, err = s.unitsNamed(ctx, where, args, text)
	}
	if err != nil {
		return nil, err
	}
	out := lines(found, limit)
	seen := map[people.OrgCode]bool{}
	for _, u := range out {
		seen[u.Code] = true
	}
	err = s.formerlyCalled(ctx, s.bulk, "full_name LIKE ? ESCAPE '!'", []any{pattern}, nil, func(u people.Unit, former string) {
		if scope.Sees(u.Code) && !seen[u.Code] && len(out) < limit {
			seen[u.Code] = true
			out = append(out, people.UnitLine{Unit: u, Former: former})
		}
	})
	return out, err
}

// unitsNamed finds the units whose name fits best what was typed.
func (s *Store) unitsNamed(ctx context.Context, where string, args []any, typed string) (found []people.Unit, err error) {
	all, err := listUnits(ctx, s.bulk, where+" AND valid_to = ''", args...)
	best := people.UnitLoose
	for _, u := range all {
		m := people.MatchUnitName(typed, u.Full)
		if m > best {
			best, found = m, nil
		}
		if m == best {
			found = append(found, u)
		}
	}
	return found, err
}

func lines(units []people.Unit, limit int) []people.UnitLine {
	out := make([]people.UnitLine, 0, min(len(units), limit))
	for _, u := range units[:min(len(units), limit)] {
		out = append(out, people.UnitLine{Unit: u})
	}
	return out
}

// formerlyCalled yields units that live now with a full name that they, or what became part of them, had
// before. where is a condition on full_name; fits one in Go, nil for none.
func (s *Store) formerlyCalled(ctx context.Context, q querier, where string, args []any, fits func(former string) bool, yield func(u people.Unit, former string)) error {
	type name struct {
		code people.OrgCode
		full string
	}
	var names []name
	scan := func(rows *sql.Rows) error {
		var n name
		err := rows.Scan(&n.code, &n.full)
		if fits == nil || fits(n.full) {
			names = append(names, n)
		}
		return err
	}
	if err := each(ctx, q, scan, "SELECT code, full_name FROM org_changes WHERE kind = 'renamed' AND "+where+" ORDER BY code, id", args...); err != nil {
		return err
	}
	if err := each(ctx, q, scan, "SELECT code, full_name FROM org_units WHERE into_code <> '' AND "+where+" ORDER BY code", args...); err != nil {
		return err
	}
	for _, n := range names {
		u, err := unitNow(ctx, q, n.code)
		if err != nil {
			return err
		}
		if u.Code != "" && u.Living() {
			yield(u, n.full)
		}
	}
	return nil
}

// unitNow follows a unit to what it is today.
func unitNow(ctx context.Context, q querier, code people.OrgCode) (u people.Unit, err error) {
	for range 50 { // a chain of more mergers is a loop
		list, err := listUnits(ctx, q, "code = ?", string(code))
		if err != nil || len(list) == 0 {
			return u, err
		}
		if u = list[0]; u.Into == "" {
			return u, nil
		}
		code = u.Into
	}
	return u, nil
}

// dressUnits fills in what lists show beside a unit.
func (s *Store) dressUnits(ctx context.Context, scope people.Scope, list []people.UnitLine) error {
	names := make([]*string, len(list))
	for i := range list {
		u := &list[i]
		u.Short, u.Level = u.Full, u.Code.Level().LevelWord()
		names[i] = &u.Short
		p := u.Code.Prefix() + "%"
		if err := s.bulk.QueryRowContext(ctx, "SELECT COUNT(*) FROM learners l WHERE "+onRoster+" AND l.unit_code LIKE ?", p).Scan(&u.People); err != nil {
			return err
		}
		for l := u.Code.Level() + 1; l <= people.LevelVillage && u.Children == 0; l++ {
			if err := s.bulk.QueryRowContext(ctx, "SELECT COUNT(*) FROM org_units WHERE valid_to = '' AND code LIKE ? AND code <> ? AND "+atLevel("code", l), p, string(u.Code)).Scan(&u.Children); err != nil {
				return err
			}
		}
	}
	return shortUnits(ctx, s.bulk, scope, names)
}

// shortUnits makes full names of units the shortest that nothing else in the scope has.
func shortUnits(ctx context.Context, q querier, scope people.Scope, names []*string) error {
	var own []string
	full := make([]string, 0, len(names))
	for _, n := range names {
		if *n == "" {
			continue
		}
		full = append(full, *n)
		if o := people.OwnName(*n); !slices.Contains(own, o) {
			own = append(own, o)
		}
	}
	where, args, _ := within("code", scope.Prefixes())
	var seen []string
	err := chunks(own, func(part []string) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			seen = append(seen, name)
			return err
		}, "SELECT full_name FROM org_units WHERE valid_to = '' AND name IN "+marks(len(part))+" AND "+where, append(anys(part), args...)...)
	})
	if err != nil {
		return err
	}
	short := people.ShortNames(full, seen)
	i := 0
	for _, n := range names {
		if *n != "" {
			*n = short[i]
			i++
		}
	}
	return nil
}

// UnitLife returns a unit of the scope, living or not, with what happened to it and what went into it.
func (s *Store) UnitLife(ctx context.Context, scope people.Scope, code people.OrgCode) (life people.UnitLife, err error) {
	where, args, _ := within("code", scope.Prefixes())
	list, err := listUnits(ctx, s.bulk, "code = ? AND "+where, append([]any{string(code)}, args...)...)
	if err == nil && len(list) == 0 {
		return life, fault.New(fault.NotFound, "units.unseen", fault.A("code", code))
	}
	if err != nil {
		return life, fmt.Errorf("reading a unit: %w", plain(err))
	}
	one := lines(list, 1)
	if err = s.dressUnits(ctx, scope, one); err == nil {
		life.UnitLine = one[0]
		var above []string
		for p := code.ParentCode(); p != ""; p = p.ParentCode() {
			above = append(above, string(p))
		}
		life.Above, err = listUnits(ctx, s.bulk, "code IN "+marks(len(above)), anys(above)...)
	}
	if err == nil {
		life.Events, err = unitChanges(ctx, s.bulk, "c.code = ? OR c.into_code = ?", string(code), string(code))
	}
	if err != nil {
		return people.UnitLife{}, fmt.Errorf("reading the history of a unit: %w", plain(err))
	}
	return life, nil
}

func unitChanges(ctx context.Context, q querier, where string, args ...any) ([]people.UnitChange, error) {
	list := []people.UnitChange{}
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var c people.UnitChange
		err := rows.Scan(&c.Code, &c.Kind, &c.Before, &c.Full, &c.Into, &c.Day, &c.Document, &c.Name, &c.Place)
		list = append(list, c)
		return err
	}, `SELECT c.code, c.kind, c.name, c.full_name, c.into_code, c.day, c.document, COALESCE(i.name, u.name, ''), COALESCE(i.full_name, '') FROM org_changes c
		LEFT JOIN org_units u ON u.code = c.code LEFT JOIN org_units i ON i.code = c.into_code AND c.into_code <> '' WHERE `+where+" ORDER BY c.day, c.id", args...)
}

// history reads the tree and its changes as far as these prefixes go.
func (s *Store) unitHistory(ctx context.Context, q querier, prefixes []string) (*people.UnitTree, *people.UnitHistory, error) {
	units, err := readUnits(ctx, q, prefixes)
	if err != nil {
		return nil, nil, err
	}
	where, args, _ := within("c.code", prefixes)
	changes, err := unitChanges(ctx, q, "c.kind = 'renamed' AND "+where, args...)
	tree := people.NewUnitTree(units)
	return tree, people.NewUnitHistory(tree, changes), err
}

// WhereWas tells where a person of the scope was on a day, in the names of that day.
func (s *Store) WhereWas(ctx context.Context, scope people.Scope, learner people.LearnerID, day string) (people.Whereabouts, error) {
	w := people.Whereabouts{Learner: learner, Day: day}
	where, args := scoped(scope)
	var created int64
	var left string
	err := s.bulk.QueryRowContext(ctx, "SELECT l.name, l.unit_code, l.created_at, l.left_day FROM learners l WHERE l.id = ? AND "+where, append([]any{int64(learner)}, args...)...).Scan(&w.Name, &w.Now, &created, &left)
	if errors.Is(err, sql.ErrNoRows) {
		return w, fault.New(fault.NotFound, "units.learner_unknown", fault.A("learner", learner))
	}
	var stays []people.Stay
	if err == nil {
		err = each(ctx, s.bulk, func(rows *sql.Rows) error {
			var x people.Stay
			var until int64
			var leftThen string
			err := rows.Scan(&x.Unit, &until, &leftThen)
			x.Until = string(study.DayOf(fromMs(until)))
			if x.Until > day && len(stays) == 0 {
				left = leftThen // what was so then
			}
			if x.Until > day {
				stays = append(stays, x)
			}
			return err
		}, "SELECT unit_code, valid_until, left_day FROM learner_history WHERE learner_id = ? ORDER BY valid_until", int64(learner))
	}
	if err != nil {
		return w, fmt.Errorf("reading where somebody was: %w", plain(err))
	}
	_, h, err := s.unitHistory(ctx, s.bulk, []string{""})
	if err != nil {
		return w, fmt.Errorf("reading where somebody was: %w", plain(err))
	}
	w.NowName = h.Full(w.Now, "9999-12-31")
	if day < string(study.DayOf(fromMs(created))) || left != "" && left <= day {
		return w, nil // not on the roster that day
	}
	w.Unit, w.UnitName = h.Where(w.Now, stays, day)
	return w, nil
}

// UnitCounts counts the people of a scope who were on the roster on a day, by the units of a level where they
// were, in the names of that day; by code. Who was above the level counts for nobody.
func (s *Store) UnitCounts(ctx context.Context, scope people.Scope, level people.Level, day string) ([]people.UnitCount, error) {
	tree, h, err := s.unitHistory(ctx, s.bulk, []string{""})
	if err != nil {
		return nil, fmt.Errorf("counting people by unit: %w", plain(err))
	}
	end, err := time.ParseInLocation(time.DateOnly, day, study.Zone)
	if err != nil {
		return nil, fault.New(fault.Invalid, "units.day_bad", fault.A("day", day))
	}
	counts := map[people.OrgCode]int{}
	err = s.countPlaces(ctx, scope, day, toMs(end.AddDate(0, 0, 1)), func(unit people.OrgCode, n int) {
		if a := tree.Successor(unit, day).Ancestor(level); a != "" {
			counts[a] += n
		}
	})
	if err != nil {
		return nil, fmt.Errorf("counting people by unit: %w", plain(err))
	}
	list := make([]people.UnitCount, 0, len(counts))
	for c, n := range counts {
		if n > 0 {
			list = append(list, people.UnitCount{Code: c, Name: h.Full(c, day), People: n})
		}
	}
	slices.SortFunc(list, func(a, b people.UnitCount) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return list, nil
}

// countPlaces counts people by the unit that they were known to be in when a day ended: by that of today, and
// what is different for those few who changed since. One statement for everybody took 4 s for 348,000 people.
func (s *Store) countPlaces(ctx context.Context, scope people.Scope, day string, end int64, add func(unit people.OrgCode, n int)) error {
	where, args := scoped(scope)
	err := each(ctx, s.bulk, func(rows *sql.Rows) error {
		var unit people.OrgCode
		var n int
		err := rows.Scan(&unit, &n)
		add(unit, n)
		return err
	}, "SELECT l.unit_code, COUNT(*) FROM learners l WHERE (l.left_day = '' OR l.left_day > ?) AND l.created_at < ? AND "+where+" GROUP BY l.unit_code", append([]any{day, end}, args...)...)
	if err != nil {
		return err
	}
	return each(ctx, s.bulk, func(rows *sql.Rows) error {
		var now, then people.OrgCode
		var left, leftThen string
		var n int
		if err := rows.Scan(&now, &left, &then, &leftThen, &n); err != nil {
			return err
		}
		if left == "" || left > day {
			add(now, -n)
		}
		if leftThen == "" || leftThen > day {
			add(then, n)
		}
		return nil
	}, `SELECT l.unit_code, l.left_day, h.unit_code, h.left_day, COUNT(*) FROM (SELECT learner_id, MIN(valid_until) AS until FROM learner_history WHERE valid_until >= ? GROUP BY learner_id) m
		JOIN learner_history h ON h.learner_id = m.learner_id AND h.valid_until = m.until JOIN learners l ON l.id = m.learner_id WHERE l.created_at < ? AND `+where+
		" GROUP BY l.unit_code, l.left_day, h.unit_code, h.left_day", append([]any{end, end}, args...)...)
}

// CheckUnits looks over the tree and where people are in it.
func (s *Store) CheckUnits(ctx context.Context) ([]people.UnitProblem, error) {
	units, err := readUnits(ctx, s.bulk, []string{""})
	var staffed map[people.OrgCode]int
	if err == nil {
		staffed, err = s.staffed(ctx, s.bulk, []string{""})
	}
	if err != nil {
		return nil, fmt.Errorf("looking over the units: %w", plain(err))
	}
	return people.NewUnitTree(units).Check(staffed), nil
}

// ExportUnits returns all units of a scope, also those that are no more, by code. Reading them in again changes
// nothing.
func (s *Store) ExportUnits(ctx context.Context, scope people.Scope) ([]people.Unit, error) {
	list, err := readUnits(ctx, s.bulk, scope.Prefixes())
	if err != nil {
		return nil, fmt.Errorf("exporting the units: %w", plain(err))
	}
	return list, nil
}

// formerNames finds the full names that units had before, or what became part of them had.
func formerNames(ctx context.Context, q querier, codes []people.OrgCode) (map[people.OrgCode][]string, error) {
	out := map[people.OrgCode][]string{}
	roots := map[people.OrgCode][]people.OrgCode{} // a unit of before → those of today
	for _, c := range codes {
		roots[c] = []people.OrgCode{c}
	}
	all, next := slices.Clone(codes), codes
	for range 50 { // a longer chain of mergers is a loop
		var found []people.OrgCode
		err := chunks(next, func(part []people.OrgCode) error {
			return each(ctx, q, func(rows *sql.Rows) error {
				var code, into people.OrgCode
				var full string
				if err := rows.Scan(&code, &into, &full); err != nil || roots[code] != nil {
					return err
				}
				roots[code] = roots[into]
				for _, r := range roots[into] {
					out[r] = append(out[r], full)
				}
				found = append(found, code)
				return nil
			}, "SELECT code, into_code, full_name FROM org_units WHERE into_code IN "+marks(len(part)), anys(part)...)
		})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			break
		}
		all, next = append(all, found...), found
	}
	return out, formerParts(ctx, q, all, roots, out)
}

// formerParts adds the names from before a unit, or one above it, was renamed.
func formerParts(ctx context.Context, q querier, all []people.OrgCode, roots map[people.OrgCode][]people.OrgCode, out map[people.OrgCode][]string) error {
	asked := map[people.OrgCode]bool{}
	for _, c := range all {
		for a := c; a != ""; a = a.ParentCode() {
			asked[a] = true
		}
	}
	var list []people.OrgCode
	for c := range asked {
		list = append(list, c)
	}
	before, now := map[people.OrgCode][]string{}, map[people.OrgCode]string{}
	err := chunks(list, func(part []people.OrgCode) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var code people.OrgCode
			var was, is string
			err := rows.Scan(&code, &was, &is)
			before[code], now[code] = append(before[code], was), is
			return err
		}, "SELECT c.code, c.full_name, u.full_name FROM org_changes c JOIN org_units u ON u.code = c.code WHERE c.kind = 'renamed' AND c.code IN "+marks(len(part)), anys(part)...)
	})
	if err != nil || len(before) == 0 {
		return err
	}
	full := map[people.OrgCode]string{}
	err = chunks(all, func(part []people.OrgCode) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var code people.OrgCode
			var name string
			err := rows.Scan(&code, &name)
			full[code] = name
			return err
		}, "SELECT code, full_name FROM org_units WHERE code IN "+marks(len(part)), anys(part)...)
	})
	for _, c := range all {
		for a := c; a != ""; a = a.ParentCode() {
			rest, inside := strings.CutPrefix(full[c], now[a])
			if !inside {
				continue
			}
			for _, was := range before[a] {
				for _, r := range roots[c] {
					out[r] = append(out[r], was+rest)
				}
			}
		}
	}
	return err
}

// KnowUnits refuses a code that no unit has, nor any unit inside it: a slip of the pen would give an empty list that
// looks like one to file.
func (s *Store) KnowUnits(ctx context.Context, codes ...people.OrgCode) error {
	return knowUnits(ctx, s.bulk, codes)
}

func knowUnits(ctx context.Context, q querier, codes []people.OrgCode) error {
	for _, code := range codes {
		var known bool
		if err := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM org_units WHERE code LIKE ?)", code.Prefix()+"%").Scan(&known); err != nil {
			return fmt.Errorf("looking for a unit: %w", plain(err))
		}
		if !known {
			return fault.New(fault.NotFound, "report.no_unit", fault.A("unit", code))
		}
	}
	return nil
}
