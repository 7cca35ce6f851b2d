package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

// listPage is how many lines are read at a time. No statement and no transaction is open while the
// consumer writes a page.
const listPage = 2000

// CompletionList starts from the roster: everybody in the scope has a line for every course of their
// classes, and a line without a course when they are in no class and no filter asks for one. The
// scope stands in every statement. Rows that came after the cut-off do not count, so the list stays
// the same while it is read.
func (s *Store) CompletionList(ctx context.Context, q report.Query) (report.Head, iter.Seq2[report.Line, error], error) {
	l := &completionList{s: s, q: q}
	head := report.Head{Query: q}
	if err := l.open(ctx, &head); err != nil {
		return head, nil, fmt.Errorf("opening the completion list: %w", plain(err))
	}
	return head, func(yield func(report.Line, error) bool) {
		if err := l.read(ctx, yield); err != nil {
			yield(report.Line{}, fmt.Errorf("reading the completion list: %w", plain(err)))
		}
	}, nil
}

type completionList struct {
	s       *Store
	q       report.Query
	units   map[people.OrgCode]string
	lessons map[string]map[string]bool // course → lessons of the newest version
	from    string                     // FROM and WHERE of everything
	args    []any
}

// listKey is the order of the list.
type listKey struct {
	unit     people.OrgCode
	name     string
	learner  people.LearnerID
	cohort   string
	position int
}

func (l *completionList) open(ctx context.Context, head *report.Head) error {
	var err error
	if l.units, err = l.s.unitNames(ctx); err != nil {
		return err
	}
	if err := l.newestLessons(ctx); err != nil {
		return err
	}
	cutOff := toMs(l.q.CutOff)
	join := "LEFT JOIN"
	if l.q.Cohort != "" || l.q.Course != "" {
		join = "JOIN"
	}
	l.from = " FROM learners l " + join + " enrolments e ON e.learner_id = l.id AND e.created_at <= ? " +
		join + " cohorts c ON c.id = e.cohort_id " + join + " cohort_courses k ON k.cohort_id = c.id WHERE l.created_at <= ?"
	l.args = []any{cutOff, cutOff}
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
	if l.q.Cohort != "" {
		l.filter("c.code = ?", l.q.Cohort)
		err := l.s.bulk.QueryRowContext(ctx, "SELECT COALESCE(MAX(name), '') FROM cohorts WHERE code = ?", l.q.Cohort).Scan(&head.CohortName)
		if err != nil {
			return err
		}
	}
	if l.q.Course != "" {
		l.filter("k.course_id = ?", l.q.Course)
	}
	return l.version(ctx, head)
}

func (l *completionList) filter(where string, args ...any) {
	l.from += " AND " + where
	l.args = append(l.args, args...)
}

// version hashes the rows that the list starts from, and counts its lines.
func (l *completionList) version(ctx context.Context, head *report.Head) error {
	h := sha256.New()
	err := each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		var learner, enrolment int64
		var unit, name, category, status, course string
		if err := rows.Scan(&learner, &unit, &name, &category, &enrolment, &status, &course); err != nil {
			return err
		}
		head.Lines++
		_, err := fmt.Fprintf(h, "%d %s %q %q %d %s %s\n", learner, unit, name, category, enrolment, status, course)
		return err
	}, "SELECT l.id, l.unit_code, l.name, l.category, COALESCE(e.id, 0), COALESCE(e.status, ''), COALESCE(k.course_id, '')"+l.from+
		" ORDER BY l.id, e.id, k.position", l.args...)
	head.Roster = hex.EncodeToString(h.Sum(nil))[:12]
	return err
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

func (l *completionList) read(ctx context.Context, yield func(report.Line, error) bool) error {
	var after *listKey
	for {
		page, err := l.page(ctx, after)
		if err != nil {
			return err
		}
		for i := range page {
			if !yield(page[i].Line, nil) {
				return nil
			}
		}
		if len(page) < listPage {
			return nil
		}
		after = &page[len(page)-1].key
	}
}

// listLine is a line on its way.
type listLine struct {
	report.Line
	key       listKey
	enrolment int64
	status    study.EnrolmentStatus
	bound     int64
	opened    bool
	scores    []int
}

// page reads the next lines and what was done in them.
func (l *completionList) page(ctx context.Context, after *listKey) ([]*listLine, error) {
	where, args := l.from, l.args
	if after != nil {
		where += ` AND (l.unit_code > ? OR (l.unit_code = ? AND (l.name > ? OR (l.name = ? AND (l.id > ? OR (l.id = ? AND
			(c.code > ? OR (c.code = ? AND k.position > ?))))))))`
		args = append(append([]any{}, args...), string(after.unit), string(after.unit), after.name, after.name, int64(after.learner), int64(after.learner), after.cohort, after.cohort, after.position)
	}
	var page []*listLine
	byPlace := map[string]*listLine{}
	enrolments := map[int64]bool{}
	err := each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		x := &listLine{}
		err := rows.Scan(&x.Unit, &x.Name, &x.Learner, &x.Category, &x.bound, &x.CohortCode, &x.Cohort, &x.enrolment, &x.status, &x.Course, &x.key.position)
		if err != nil {
			return err
		}
		x.key = listKey{unit: x.Unit, name: x.Name, learner: x.Learner, cohort: x.CohortCode, position: x.key.position}
		page = append(page, x)
		if x.enrolment != 0 {
			byPlace[place(x.enrolment, x.Course)] = x
			enrolments[x.enrolment] = true
		}
		return nil
	}, `SELECT l.unit_code, l.name, l.id, l.category, l.bound_at, COALESCE(c.code, ''), COALESCE(c.name, ''), COALESCE(e.id, 0), COALESCE(e.status, ''),
		COALESCE(k.course_id, ''), COALESCE(k.position, 0)`+where+" ORDER BY l.unit_code, l.name, l.id, c.code, k.position LIMIT ?", append(append([]any{}, args...), listPage)...)
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

func place(enrolment int64, course string) string { return fmt.Sprintf("%d/%s", enrolment, course) }

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
func (l *completionList) done(ctx context.Context, enrolments []any, byPlace map[string]*listLine) error {
	if len(enrolments) == 0 {
		return nil
	}
	in := " AND enrolment_id IN " + marks(len(enrolments))
	where, args := l.inRange("completed_at", true)
	err := each(ctx, l.s.bulk, func(rows *sql.Rows) error {
		var id, at int64
		var course, lesson string
		var score int
		if err := rows.Scan(&id, &course, &lesson, &score, &at); err != nil {
			return err
		}
		if x := byPlace[place(id, course)]; x != nil && l.lessons[course][lesson] {
			x.scores = append(x.scores, score)
			t := fromMs(at)
			if x.FirstAt.IsZero() || t.Before(x.FirstAt) {
				x.FirstAt = t
			}
			if t.After(x.LastAt) {
				x.LastAt = t
			}
		}
		return nil
	}, "SELECT enrolment_id, course_id, lesson_id, score, completed_at FROM lesson_completions WHERE "+where+in, append(args, enrolments...)...)
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
		if x := byPlace[place(id, course)]; x != nil {
			x.Hours = hours
		}
		return nil
	}, "SELECT enrolment_id, course_id, SUM(hundredths) FROM ledger WHERE "+where+in+" GROUP BY enrolment_id, course_id", append(args, enrolments...)...)
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
		if x := byPlace[place(id, course)]; x != nil {
			x.opened = true
		}
		return nil
	}, "SELECT DISTINCT enrolment_id, course_id FROM openings WHERE "+where+in, append(args, enrolments...)...)
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
	case x.status == study.Withdrawn || x.status == study.Waived:
		x.Status = report.Away
	case x.Done > 0 && x.Done >= x.Lessons:
		x.Status = report.Complete
	case x.Done > 0 || x.opened:
		x.Status = report.Learning
	case bound:
		x.Status = report.NotStarted
	default:
		x.Status = report.NotBound
	}
}
