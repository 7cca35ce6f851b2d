package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

// listPage is how many people are read at a time. No statement and no transaction is open while the
// consumer writes a page.
const listPage = 2000

// errRosterMoved means that a list would not be of the roster version that its head names (C3).
var errRosterMoved = errors.New("the roster was changed while the list was read: ask for it again")

// CompletionList starts from the roster: everybody in the scope has a line for every course of their
// classes, and a line without a course when they are in no class and no filter asks for one. The
// scope stands in every statement. Rows that came after the cut-off do not count, so the list stays
// the same while it is read; when somebody changes the roster meanwhile it ends with an error.
//
// The roster is read twice: for the head (version and number of lines), which keeps the people's
// numbers in the order of the list, 8 bytes each; and then by those numbers, page by page. So a page
// costs the same at the end as at the beginning, whatever plan a database makes of sorting joins.
func (s *Store) CompletionList(ctx context.Context, q report.Query) (report.Head, iter.Seq2[report.Line, error], error) {
	l := &completionList{s: s, q: q}
	head := report.Head{Query: q}
	if err := l.open(ctx, &head); err != nil {
		return head, nil, fmt.Errorf("opening the completion list: %w", plain(err))
	}
	return head, func(yield func(report.Line, error) bool) {
		if err := l.read(ctx, head, yield); err != nil {
			yield(report.Line{}, fmt.Errorf("reading the completion list: %w", plain(err)))
		}
	}, nil
}

type completionList struct {
	s       *Store
	q       report.Query
	units   map[people.OrgCode]string
	lessons map[string]map[string]bool // course → lessons of the newest version
	cohorts map[int64]study.Cohort     // those that the filters leave, with the courses they leave
	from    string                     // FROM and WHERE of the roster
	args    []any
	people  []int64 // in the order of the list

	status     string // SQL: how the place e stood at the cut-off
	statusArgs []any
}

func (l *completionList) open(ctx context.Context, head *report.Head) error {
	var err error
	if l.units, err = l.s.unitNames(ctx); err != nil {
		return err
	}
	if err := l.newestLessons(ctx); err != nil {
		return err
	}
	if err := l.classes(ctx, head); err != nil {
		return err
	}
	cutOff := toMs(l.q.CutOff)
	// A LEFT JOIN in any case: it fixes the order of the tables. Whom the filters leave without a
	// line is left out in lines.
	table, err := l.learners(ctx, cutOff)
	if err != nil {
		return err
	}
	l.from += " FROM " + table + " LEFT JOIN enrolments e" + l.s.by("enrolments_learner") + " ON e.learner_id = l.id AND e.created_at <= ?"
	l.args = append(l.args, cutOff)
	if l.filtered() {
		ids := slices.Sorted(maps.Keys(l.cohorts))
		l.from += " AND e.cohort_id IN " + marks(len(ids))
		l.args = append(l.args, anys(ids)...)
	}
	if err := l.places(ctx, cutOff); err != nil {
		return err
	}
	l.from += " WHERE l.created_at <= ?"
	l.args = append(l.args, cutOff)
	// Who left is on the list, marked, with the places held in the asked period; who left before it is
	// not, and neither is who never should have been there (an import that was undone).
	l.filter("(l.left_day = '' OR l.left_day > ? OR l.left_day >= ? AND e.id IS NOT NULL)", string(study.DayOf(l.q.CutOff)), cmp.Or(string(l.q.From), afterNever))
	where, args := scoped(l.q.Scope)
	l.filter(where, args...)
	if l.q.Unit != "" {
		prefix := l.q.Unit.Prefix()
		if prefix == "" {
			l.filter("1 = 0")
		}
		l.filter("l.unit_code LIKE ?", prefix+"%")
		head.UnitName = l.units[l.q.Unit]
	}
	version := sha256.New()
	err = l.roster(ctx, "", nil, func(p *listPerson) error {
		lines := l.lines(p)
		if len(lines) > 0 {
			l.people = append(l.people, int64(p.Learner))
		}
		head.Lines += len(lines)
		return stamp(version, lines)
	})
	head.Roster = versionOf(version)
	return err
}

// places sets how the status of a place at the cut-off is read. Who went away or came back since is read from the
// history; mostly nobody has.
func (l *completionList) places(ctx context.Context, cutOff int64) error {
	l.status, l.statusArgs = "COALESCE(e.status, '')", nil
	var moved bool
	err := l.s.bulk.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM place_history WHERE valid_until > ?)", cutOff).Scan(&moved)
	if err == nil && moved {
		l.status = "COALESCE((SELECT h.status FROM place_history h WHERE h.enrolment_id = e.id AND h.valid_until > ? ORDER BY h.valid_until LIMIT 1), e.status, '')"
		l.statusArgs = []any{cutOff}
	}
	return err
}

// learners is the table l of the people as they were at the cut-off: unit, name, category and whether they were there
// (C3). Who has been changed since is read from the history; mostly nobody has, and then it is the roster itself.
func (l *completionList) learners(ctx context.Context, cutOff int64) (string, error) {
	var moved bool
	err := l.s.bulk.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM learner_history WHERE valid_until > ?)", cutOff).Scan(&moved)
	if err != nil || !moved {
		return "learners l", err
	}
	l.args = append(l.args, cutOff)
	return `(SELECT p.id, p.bound_at, p.created_at, COALESCE(h.unit_code, p.unit_code) AS unit_code, COALESCE(h.name, p.name) AS name,
		COALESCE(h.category, p.category) AS category, COALESCE(h.left_day, p.left_day) AS left_day FROM learners p
		LEFT JOIN learner_history h ON h.learner_id = p.id AND h.valid_until =
			(SELECT MIN(x.valid_until) FROM learner_history x WHERE x.learner_id = p.id AND x.valid_until > ?)) l`, nil
}

func (l *completionList) filter(where string, args ...any) {
	l.from += " AND " + where
	l.args = append(l.args, args...)
}

// filtered reports whether only people of certain classes are listed.
func (l *completionList) filtered() bool { return l.q.Cohort != "" || l.q.Course != "" }

// classes reads the classes and leaves of each the courses that are asked for.
func (l *completionList) classes(ctx context.Context, head *report.Head) error {
	l.cohorts = map[int64]study.Cohort{}
	return readCohorts(ctx, l.s.bulk, func(id int64, c study.Cohort) {
		if l.q.Cohort == c.Code {
			head.CohortName = c.Name
		}
		if l.q.Cohort != "" && l.q.Cohort != c.Code || l.q.Course != "" && !slices.Contains(c.Courses, l.q.Course) {
			return
		}
		if l.q.Course != "" {
			c.Courses = []string{l.q.Course}
		}
		l.cohorts[id] = c
	}, "1 = 1")
}

func (l *completionList) newestLessons(ctx context.Context) error {
	l.lessons = map[string]map[string]bool{}
	return each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		var course string
		var raw []byte
		if err := rows.Scan(&course, &raw); err != nil {
			return err
		}
		var ids []string
		if err := json.Unmarshal(raw, &ids); err != nil {
			return err
		}
		l.lessons[course] = map[string]bool{}
		for _, id := range ids {
			l.lessons[course][id] = true
		}
		return nil
	}, "SELECT course_id, lesson_ids FROM course_versions WHERE published_at <= ? ORDER BY course_id, number", toMs(l.q.CutOff))
}

// listPerson is one of the roster with the places that the filters leave.
type listPerson struct {
	report.Line // Unit, Learner, Name, Category
	bound       int64
	left        study.Day
	places      []listPlace
}

type listPlace struct {
	enrolment int64
	cohort    int64
	status    study.EnrolmentStatus
}

// roster yields the people of the list in its order: unit, name, number. more narrows the statement.
func (l *completionList) roster(ctx context.Context, more string, args []any, found func(*listPerson) error) error {
	var last *listPerson
	err := each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		p := &listPerson{}
		var x listPlace
		if err := rows.Scan(&p.Learner, &p.Unit, &p.Name, &p.Category, &p.bound, &p.left, &x.enrolment, &x.cohort, &x.status); err != nil {
			return err
		}
		p.Left = p.left != "" && p.left <= study.DayOf(l.q.CutOff)
		if last != nil && last.Learner != p.Learner {
			if err := found(last); err != nil {
				return err
			}
			last = nil
		}
		if last == nil {
			last = p
		}
		if x.enrolment != 0 {
			last.places = append(last.places, x)
		}
		return nil
	}, "SELECT l.id, l.unit_code, l.name, l.category, l.bound_at, l.left_day, COALESCE(e.id, 0), COALESCE(e.cohort_id, 0), "+l.status+l.from+more+
		" ORDER BY l.unit_code, l.name, l.id", slices.Concat(l.statusArgs, l.args, args)...)
	if err != nil || last == nil {
		return err
	}
	return found(last)
}

// listLine is a line on its way.
type listLine struct {
	report.Line
	enrolment int64
	status    study.EnrolmentStatus
	bound     int64
	opened    bool
	scores    []int
}

// away reports whether the person had left the class at the cut-off.
func (x *listLine) away() bool { return x.status == study.Withdrawn || x.status == study.Waived }

// lines makes a person's lines, by class and place of the course, with nothing done yet.
func (l *completionList) lines(p *listPerson) []*listLine {
	slices.SortFunc(p.places, func(a, b listPlace) int { return cmp.Compare(l.cohorts[a.cohort].Code, l.cohorts[b.cohort].Code) })
	var list []*listLine
	add := func(x listPlace, c study.Cohort, course string) {
		line := &listLine{Line: p.Line, enrolment: x.enrolment, status: x.status, bound: p.bound}
		line.Cohort, line.CohortCode, line.Course = c.Name, c.Code, course
		list = append(list, line)
	}
	for _, x := range p.places {
		c := l.cohorts[x.cohort]
		for _, course := range c.Courses {
			add(x, c, course)
		}
		if len(c.Courses) == 0 && !l.filtered() {
			add(x, c, "")
		}
	}
	if len(p.places) == 0 && !l.filtered() {
		add(listPlace{}, study.Cohort{}, "")
	}
	return list
}

// stamp adds lines to the roster's version: who they are of, not what was done. Of the status only going away belongs
// to it: a course that is completed later must not change the version of an earlier list.
func stamp(version hash.Hash, lines []*listLine) error {
	for _, x := range lines {
		status := study.EnrolmentStatus("")
		if x.away() {
			status = x.status
		}
		_, err := fmt.Fprintf(version, "%d %s %q %q %d %s %s\n", x.Learner, x.Unit, x.Name, x.Category, x.enrolment, status, x.Course)
		if err == nil && x.Left {
			_, err = fmt.Fprintln(version, "left")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func versionOf(version hash.Hash) string { return hex.EncodeToString(version.Sum(nil))[:12] }

func (l *completionList) read(ctx context.Context, head report.Head, yield func(report.Line, error) bool) error {
	version := sha256.New()
	for ids := range slices.Chunk(l.people, listPage) {
		page, err := l.page(ctx, ids)
		if err != nil {
			return err
		}
		if err := stamp(version, page); err != nil {
			return err
		}
		for _, x := range page {
			if !yield(x.Line, nil) {
				return nil
			}
		}
	}
	if versionOf(version) != head.Roster {
		return errRosterMoved
	}
	return nil
}

// placeKey is a line's place: what is done is looked up by it.
type placeKey struct {
	enrolment int64
	course    string
}

// page reads the lines of some people and what was done in them.
func (l *completionList) page(ctx context.Context, ids []int64) ([]*listLine, error) {
	var page []*listLine
	byPlace := map[placeKey]*listLine{}
	enrolments := map[int64]bool{}
	err := l.roster(ctx, " AND l.id IN "+marks(len(ids)), anys(ids), func(p *listPerson) error {
		for _, x := range l.lines(p) {
			page = append(page, x)
			if x.enrolment != 0 {
				byPlace[placeKey{x.enrolment, x.Course}] = x
				enrolments[x.enrolment] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := l.done(ctx, keysOf(enrolments), byPlace); err != nil {
		return nil, err
	}
	for _, x := range page {
		l.finish(x)
	}
	return page, nil
}

// inRange limits by day and cut-off.
func (l *completionList) inRange(at string, day bool) (string, []any) {
	where, args := at+" <= ?", []any{toMs(l.q.CutOff)}
	if day && l.q.From != "" {
		where, args = where+" AND day >= ?", append(args, string(l.q.From))
	}
	if day && l.q.To != "" {
		where, args = where+" AND day <= ?", append(args, string(l.q.To))
	}
	return where, args
}

// done adds completed lessons, hours and opened lessons.
func (l *completionList) done(ctx context.Context, enrolments []any, byPlace map[placeKey]*listLine) error {
	if len(enrolments) == 0 {
		return nil
	}
	in := " AND enrolment_id IN " + marks(len(enrolments))
	where, args := l.inRange("completed_at", true)
	err := each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		var id, at int64
		var course, lesson string
		var score, delegate int
		if err := rows.Scan(&id, &course, &lesson, &score, &delegate, &at); err != nil {
			return err
		}
		if x := byPlace[placeKey{id, course}]; x != nil && l.lessons[course][lesson] {
			x.scores = append(x.scores, score)
			x.Delegate += delegate
			t := fromMs(at)
			if x.FirstAt.IsZero() || t.Before(x.FirstAt) {
				x.FirstAt = t
			}
			if t.After(x.LastAt) {
				x.LastAt = t
			}
		}
		return nil
	}, "SELECT enrolment_id, course_id, lesson_id, score, delegate, completed_at FROM lesson_completions"+l.s.by("PRIMARY")+" WHERE "+where+in, append(args, enrolments...)...)
	if err != nil {
		return err
	}
	where, args = l.inRange("credited_at", true)
	err = each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		var id int64
		var course string
		var hours study.StudyHours
		if err := rows.Scan(&id, &course, &hours); err != nil {
			return err
		}
		if x := byPlace[placeKey{id, course}]; x != nil {
			x.Hours = hours
		}
		return nil
	}, "SELECT enrolment_id, course_id, SUM(hundredths) FROM ledger"+l.s.by("ledger_enrolment")+" WHERE "+where+in+" GROUP BY enrolment_id, course_id", append(args, enrolments...)...)
	if err != nil {
		return err
	}
	where, args = l.openedRange()
	return each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		var id int64
		var course string
		if err := rows.Scan(&id, &course); err != nil {
			return err
		}
		if x := byPlace[placeKey{id, course}]; x != nil {
			x.opened = true
		}
		return nil
	}, "SELECT DISTINCT enrolment_id, course_id FROM openings"+l.s.by("PRIMARY")+" WHERE "+where+in, append(args, enrolments...)...)
}

// openedRange limits openings, which have no day, by the instants at which days begin and end.
func (l *completionList) openedRange() (string, []any) {
	where, args := l.inRange("opened_at", false)
	if at, ok := midnight(l.q.From); ok {
		where, args = where+" AND opened_at >= ?", append(args, toMs(at))
	}
	if at, ok := midnight(l.q.To); ok {
		where, args = where+" AND opened_at < ?", append(args, toMs(at.AddDate(0, 0, 1)))
	}
	return where, args
}

func midnight(d study.Day) (time.Time, bool) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), study.Zone)
	return t, err == nil
}

// finish makes the line of what was read.
func (l *completionList) finish(x *listLine) {
	name := func(level people.Level) string { return l.units[x.Unit.Ancestor(level)] }
	x.Prefecture, x.County, x.Township, x.Village = name(people.LevelPrefecture), name(people.LevelCounty), name(people.LevelTownship), name(people.LevelVillage)
	x.Lessons, x.Done = len(l.lessons[x.Course]), len(x.scores)
	if x.Done > 0 {
		sum := 0
		for _, n := range x.scores {
			sum += n
		}
		x.Score = int(math.Round(float64(sum) / float64(x.Done)))
	}
	switch bound := x.bound > 0 && x.bound <= toMs(l.q.CutOff); {
	case x.away():
		x.Status = report.Away
	case x.Done > 0 && x.Done >= x.Lessons:
		x.Status = report.Complete
	case x.Left:
		x.Status = report.Away
	case x.Done > 0 || x.opened:
		x.Status = report.Learning
	case bound:
		x.Status = report.NotStarted
	default:
		x.Status = report.NotBound
	}
}
