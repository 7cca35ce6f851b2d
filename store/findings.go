package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// AddFinding enters what an inspection found. The unit must be there and inside the scope.
func (s *Store) AddFinding(ctx context.Context, now time.Time, actor string, scope people.Scope, f study.Finding) (study.Finding, error) {
	if err := f.Check(study.DayOf(now)); err != nil {
		return f, err
	}
	f.By = cut(actor, 120)
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		err := q.QueryRowContext(ctx, "SELECT full_name FROM org_units WHERE code = ?", string(f.Unit)).Scan(&f.UnitName)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !scope.Sees(f.Unit) {
			return fault.New(fault.NotFound, "follow.unit_unseen", fault.A("unit", f.Unit))
		}
		if err != nil {
			return err
		}
		r, err := q.ExecContext(ctx, "INSERT INTO findings (source, document, found_day, unit_code, problem, actor, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			f.Source, f.Document, string(f.Found), string(f.Unit), f.Problem, f.By, toMs(now))
		if err != nil {
			return err
		}
		id, err := r.LastInsertId()
		if err != nil {
			return err
		}
		f.ID = study.FindingID(id)
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "finding.add", Object: findingName(f.ID), Result: f.Document})
	})
	if err != nil {
		return f, fmt.Errorf("entering a finding: %w", err)
	}
	return f, nil
}

func findingName(id study.FindingID) string { return "finding " + strconv.FormatInt(int64(id), 10) }

// findingColumns are of findings l, so that the scope's condition fits.
const findingColumns = "l.id, l.source, l.document, l.found_day, l.unit_code, COALESCE(u.full_name, ''), l.problem, l.actor"

func findingFields(f *study.Finding) []any {
	return []any{&f.ID, &f.Source, &f.Document, &f.Found, &f.Unit, &f.UnitName, &f.Problem, &f.By}
}

// Findings lists what was found in the units of a scope, oldest first, with how many people there
// are to each and how many are not done.
func (s *Store) Findings(ctx context.Context, scope people.Scope) ([]study.Finding, error) {
	where, args := scoped(scope)
	list := []study.Finding{}
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		var f study.Finding
		if err := rows.Scan(append(findingFields(&f), &f.People, &f.Open)...); err != nil {
			return err
		}
		list = append(list, f)
		return nil
	}, "SELECT "+findingColumns+`, COALESCE(SUM(CASE WHEN r.status IN ('open', 'closed') THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN r.status = 'open' THEN 1 ELSE 0 END), 0)
		FROM findings l LEFT JOIN org_units u ON u.code = l.unit_code LEFT JOIN rectifications r ON r.finding_id = l.id
		WHERE `+where+` GROUP BY l.id, l.source, l.document, l.found_day, l.unit_code, u.full_name, l.problem, l.actor ORDER BY l.id`, args...)
	if err != nil {
		return nil, fmt.Errorf("listing findings: %w", plain(err))
	}
	return list, nil
}

// Assignment asks people for what they have to do about a finding.
type Assignment struct {
	Finding  study.FindingID
	Learners []people.LearnerID
	Courses  []string  // ids, in teaching order
	Due      study.Day // last day
	Class    string    // name of the class that is made for it, for people
	News     string    // what people are told with their next reply; "" for nothing
}

// AssignRectification gives people the courses that mend a finding: a class of their own, whose lessons
// are all released by the due day. Who has one for this finding already keeps it; assigning the same
// again changes nothing. Finding and people must be inside the scope.
func (s *Store) AssignRectification(ctx context.Context, now time.Time, actor string, scope people.Scope, a Assignment) (fresh int, err error) {
	if len(a.Learners) == 0 || len(a.Courses) == 0 {
		return 0, fault.New(fault.Invalid, "follow.assign_empty")
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		fresh = 0
		w := assigning{s: s, q: under(tx), now: now, scope: scope, Assignment: a}
		n, err := w.write(ctx)
		if err != nil || n == 0 {
			return err
		}
		fresh = n
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "rectify.assign", Object: findingName(a.Finding), Result: fmt.Sprintf(
			"people %d, courses %s, due %s", n, strings.Join(a.Courses, " "), a.Due)})
	})
	if err != nil {
		return 0, fmt.Errorf("assigning a rectification: %w", err)
	}
	return fresh, nil
}

type assigning struct {
	Assignment
	s     *Store
	q     querier
	now   time.Time
	scope people.Scope
}

func (w assigning) write(ctx context.Context) (int, error) {
	if err := w.visible(ctx); err != nil {
		return 0, err
	}
	var have []int64
	classes := 0
	seen := map[int64]bool{}
	err := each(ctx, w.q, func(rows *sql.Rows) error {
		var learner, cohort int64
		err := rows.Scan(&learner, &cohort)
		have = append(have, learner)
		if !seen[cohort] {
			seen[cohort] = true
			classes++
		}
		return err
	}, "SELECT learner_id, cohort_id FROM rectifications WHERE finding_id = ?", int64(w.Finding))
	if err != nil {
		return 0, err
	}
	var wanted []int64
	for _, l := range w.Learners {
		if id := int64(l); !slices.Contains(have, id) && !slices.Contains(wanted, id) {
			wanted = append(wanted, id)
		}
	}
	if len(wanted) == 0 {
		return 0, nil
	}
	cohort, start, err := w.class(ctx, classes+1)
	if err != nil {
		return 0, err
	}
	ms := toMs(w.now)
	places := insert{table: "enrolments", columns: []string{"cohort_id", "learner_id", "status", "since", "created_at", "updated_at"}}
	for _, id := range wanted {
		places.add(cohort, id, string(study.Active), string(start), ms, ms)
	}
	if err := places.exec(ctx, w.q); err != nil {
		return 0, err
	}
	_, err = w.q.ExecContext(ctx, `INSERT INTO rectifications (finding_id, learner_id, cohort_id, enrolment_id, due_day, status, created_at, updated_at)
		SELECT ?, e.learner_id, e.cohort_id, e.id, ?, ?, ?, ? FROM enrolments e WHERE e.cohort_id = ?`,
		int64(w.Finding), string(w.Due), string(study.RectifyOpen), ms, ms, cohort)
	if err == nil && w.News != "" {
		err = w.s.tellPeople(ctx, w.q, w.now, wanted, people.NewsRectify, w.News)
	}
	return len(wanted), err
}

// tellPeople puts news before people: on every phone where they learn, by themselves or by a helper, or on the one
// that they bind next.
func (s *Store) tellPeople(ctx context.Context, q querier, now time.Time, learners []int64, kind people.NewsKind, reason string) error {
	b := &binder{s: s, q: q, now: toMs(now)}
	type phone struct{ id, learner, reader int64 }
	var phones []phone
	err := chunks(learners, func(part []int64) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var p phone
			err := rows.Scan(&p.id, &p.learner, &p.reader)
			phones = append(phones, p)
			return err
		}, `SELECT COALESCE(p.identity_id, 0), l.id, CASE WHEN COALESCE(p.helper_id, 0) > 0 THEN p.helper_id ELSE l.id END
			FROM learners l LEFT JOIN profiles p ON p.learner_id = l.id WHERE l.id IN `+marks(len(part))+" ORDER BY 1, 2", anys(part)...)
	})
	for _, p := range phones {
		if err == nil {
			err = b.tell(ctx, p.id, people.LearnerID(p.reader), people.LearnerID(p.learner), kind, cut(reason, 200))
		}
	}
	return err
}

// visible locks the finding and refuses what lies outside the scope.
func (w assigning) visible(ctx context.Context) error {
	where, args := scoped(w.scope)
	var id int64
	err := w.q.QueryRowContext(ctx, "SELECT l.id FROM findings l WHERE l.id = ? AND "+where+w.s.forUpdate(), append([]any{int64(w.Finding)}, args...)...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "follow.no_finding", fault.A("id", int64(w.Finding)))
	}
	if err != nil {
		return err
	}
	return chunks(w.Learners, func(part []people.LearnerID) error {
		seen := map[people.LearnerID]bool{}
		err := each(ctx, w.q, func(rows *sql.Rows) error {
			var id people.LearnerID
			err := rows.Scan(&id)
			seen[id] = true
			return err
		}, "SELECT l.id FROM learners l WHERE l.id IN "+marks(len(part))+" AND "+onRoster+" AND "+where, append(anys(part), args...)...)
		for _, id := range part {
			if err == nil && !seen[id] {
				err = fault.New(fault.NotFound, "follow.no_learner", fault.A("id", int64(id)))
			}
		}
		return err
	})
}

// class makes the class, of every day at eight, with the courses.
func (w assigning) class(ctx context.Context, number int) (id int64, start study.Day, err error) {
	lessons := 0
	for i, c := range w.Courses {
		var n int
		err := w.q.QueryRowContext(ctx, "SELECT lessons FROM course_versions WHERE course_id = ? ORDER BY number DESC LIMIT 1", c).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) || slices.Contains(w.Courses[:i], c) {
			return 0, "", fault.New(fault.NotFound, "follow.no_course", fault.A("course", c))
		}
		if err != nil {
			return 0, "", err
		}
		lessons += n
	}
	if start, err = study.RectifyStart(study.DayOf(w.now), w.Due, lessons); err != nil {
		return 0, "", err
	}
	ms := toMs(w.now)
	r, err := w.q.ExecContext(ctx, `INSERT INTO cohorts (code, name, start_day, hour, weekdays, created_at, updated_at) VALUES (?, ?, ?, '08:00', '0123456', ?, ?)`,
		fmt.Sprintf("%s%d-%d", study.RectifyPrefix, w.Finding, number), cut(w.Class, 200), string(start), ms, ms)
	if err != nil {
		return 0, "", err
	}
	if id, err = r.LastInsertId(); err != nil {
		return 0, "", err
	}
	i := insert{table: "cohort_courses", columns: []string{"cohort_id", "position", "course_id"}}
	for k, c := range w.Courses {
		i.add(id, k, c)
	}
	return id, start, i.exec(ctx, w.q)
}

// RectifyQuery says which rectifications are listed.
type RectifyQuery struct {
	Scope   people.Scope
	Finding study.FindingID     // 0: all
	Status  study.RectifyStatus // "": all
	Overdue study.Day           // not "": only open ones that were due before this day
	ID      study.RectificationID
}

// Rectifications lists what people have to do, by unit, name and finding. The scope is that of the
// people.
func (s *Store) Rectifications(ctx context.Context, query RectifyQuery) ([]study.Rectification, error) {
	list, err := s.rectifications(ctx, s.reads, query)
	if err != nil {
		return nil, fmt.Errorf("listing rectifications: %w", plain(err))
	}
	return list, nil
}

func (s *Store) rectifications(ctx context.Context, q querier, query RectifyQuery) ([]study.Rectification, error) {
	where, args := scoped(query.Scope)
	and := func(condition string, value any) {
		where += " AND " + condition
		args = append(args, value)
	}
	if query.ID != 0 {
		and("r.id = ?", int64(query.ID))
	}
	if query.Finding != 0 {
		and("r.finding_id = ?", int64(query.Finding))
	}
	if query.Status != "" {
		and("r.status = ?", string(query.Status))
	}
	if query.Overdue != "" {
		and("r.status = 'open' AND r.due_day < ?", string(query.Overdue))
	}
	list := []study.Rectification{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var r study.Rectification
		var course string
		f, l := &r.Finding, &r.Learner
		if err := rows.Scan(&r.ID, &r.Due, &r.Status, &r.Evidence, &r.Proof, &r.By, &r.Decided, &r.Place, &r.Cohort,
			&f.ID, &f.Source, &f.Document, &f.Found, &f.Unit, &f.UnitName, &f.Problem, &f.By,
			&l.ID, &l.Name, &l.Unit, &l.UnitName, &l.Category, &l.Push, &course); err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].ID != r.ID {
			r.Courses = []string{}
			list = append(list, r)
		}
		last := &list[len(list)-1]
		if course != "" {
			last.Courses = append(last.Courses, course)
		}
		return nil
	}, `SELECT r.id, r.due_day, r.status, r.evidence, r.proof, r.decided_by, r.decided_day, r.enrolment_id, c.code,
		f.id, f.source, f.document, f.found_day, f.unit_code, COALESCE(g.full_name, ''), f.problem, f.actor, `+learnerColumns+`, COALESCE(k.course_id, '')
		FROM rectifications r JOIN learners l ON l.id = r.learner_id JOIN findings f ON f.id = r.finding_id JOIN cohorts c ON c.id = r.cohort_id
		LEFT JOIN org_units u ON u.code = l.unit_code LEFT JOIN org_units g ON g.code = f.unit_code LEFT JOIN cohort_courses k ON k.cohort_id = r.cohort_id
		WHERE `+where+" ORDER BY l.unit_code, l.name, l.id, r.id, k.position", args...)
	return list, err
}

// DecideRectification closes, withdraws or opens again what is inside the scope. The courses follow: who is
// done by other evidence need not take them, who is opened again must.
func (s *Store) DecideRectification(ctx context.Context, now time.Time, actor string, scope people.Scope, id study.RectificationID, d study.Decision) (study.Rectification, error) {
	var r study.Rectification
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var locked int64
		err := q.QueryRowContext(ctx, "SELECT id FROM rectifications WHERE id = ?"+s.forUpdate(), int64(id)).Scan(&locked)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		list, err := s.rectifications(ctx, q, RectifyQuery{Scope: scope, ID: id})
		if err != nil {
			return err
		}
		if locked == 0 || len(list) == 0 {
			return fault.New(fault.NotFound, "follow.no_rectification", fault.A("id", int64(id)))
		}
		r = list[0]
		to, err := r.Decide(d)
		if err != nil {
			return err
		}
		r.Status, r.Evidence, r.Proof, r.By, r.Decided = to, study.EvidenceNone, d.Proof, cut(actor, 120), study.DayOf(now)
		place, from := study.Active, []study.EnrolmentStatus{study.Withdrawn, study.Waived}
		switch to {
		case study.RectifyClosed:
			r.Evidence, place, from = d.Evidence, study.Waived, []study.EnrolmentStatus{study.Active, study.Paused}
		case study.RectifyWithdrawn:
			place, from = study.Withdrawn, []study.EnrolmentStatus{study.Active, study.Paused}
		case study.RectifyOpen:
		}
		if _, err := q.ExecContext(ctx, "UPDATE rectifications SET status = ?, evidence = ?, proof = ?, decided_by = ?, decided_day = ?, updated_at = ? WHERE id = ?",
			string(r.Status), string(r.Evidence), r.Proof, r.By, string(r.Decided), toMs(now), int64(id)); err != nil {
			return err
		}
		if err := s.movePlaces(ctx, q, toMs(now), place, "id = ? AND status IN (?, ?)", int64(r.Place), string(from[0]), string(from[1])); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "rectify." + string(d.Act), Object: "rectification " + strconv.FormatInt(int64(id), 10),
			Result: strings.TrimSpace(string(d.Evidence) + " " + d.Proof)})
	})
	if err != nil {
		return study.Rectification{}, fmt.Errorf("deciding about a rectification: %w", err)
	}
	return r, nil
}

// rectified closes, by the record itself, what the courses of an enrolment were assigned for.
func (w *turnWriter) rectified(e study.EnrolmentID) {
	w.after("UPDATE rectifications SET status = ?, evidence = ?, proof = '', decided_by = '', decided_day = ?, updated_at = ? WHERE enrolment_id = ? AND status = ?",
		string(study.RectifyClosed), string(study.EvidenceCourse), string(w.day()), w.now, int64(e), string(study.RectifyOpen))
}
