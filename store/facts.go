package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// facts reads what Needs ask for, once for a whole batch.
type facts struct {
	store *Store
	q     querier
	now   time.Time

	profiles map[conversation.IdentityID][]*conversation.Facts
	progress map[people.LearnerID][]*conversation.Facts
	record   map[people.LearnerID][]*conversation.Facts
	names    map[string][]*conversation.Facts
	cohorts  map[string][]*conversation.Facts
	tries    []triesWanted
	notices  map[people.LearnerID][]*conversation.Facts
	once     []onceWanted
	trainers []announcing
	surveys  map[people.LearnerID][]surveyWanted
	mine     []*conversation.Facts
	hours    map[people.LearnerID][]*conversation.Facts
	signing  []signingWanted
	coming   []*conversation.Facts
	queues   []queueWanted

	certificates []certificateWanted
}

type triesWanted struct {
	facts    *conversation.Facts
	learners []people.LearnerID // the candidates
}

func push[K comparable, V any](m *map[K][]V, k K, v V) {
	if *m == nil {
		*m = map[K][]V{}
	}
	(*m)[k] = append((*m)[k], v)
}

// want notes what one turn needs. Needs that name nobody (no identity, no learner) cost nothing.
func (f *facts) want(to *conversation.Facts, n conversation.Needs) {
	id := to.Identity
	if n.Profiles && id.ID != 0 {
		push(&f.profiles, id.ID, to)
	}
	if n.Progress && id.Learner != 0 {
		push(&f.progress, id.Learner, to)
	}
	if n.Record && id.Learner != 0 {
		push(&f.record, id.Learner, to)
	}
	if n.Hours && id.Learner != 0 {
		push(&f.hours, id.Learner, to)
	}
	if n.Name != "" {
		push(&f.names, n.Name, to)
	}
	if n.Cohort != "" {
		push(&f.cohorts, n.Cohort, to)
	}
	if n.Tries {
		f.tries = append(f.tries, triesWanted{facts: to})
	}
	if n.Survey && id.Learner != 0 {
		push(&f.surveys, id.Learner, surveyWanted{to, n.SurveyID})
	}
	if (n.Queue || n.Menu) && id.Learner != 0 {
		f.queues = append(f.queues, queueWanted{to, n.Menu})
	}
	if n.Coming && id.Learner != 0 {
		f.coming = append(f.coming, to)
	}
	if n.SignIn && id.Learner != 0 {
		f.signing = append(f.signing, signingWanted{to, n.SignSession})
	}
	if n.Mine && id.ID != 0 {
		f.mine = append(f.mine, to)
	}
	if n.Certificate != nil && id.Learner != 0 {
		f.certificates = append(f.certificates, certificateWanted{to, *n.Certificate})
	}
	f.wantAnnouncements(to, n)
}

func (f *facts) load(ctx context.Context) error {
	for _, step := range []func(context.Context) error{f.loadProfiles, f.loadProgress, f.loadRecord, f.loadByKind, f.loadCertificates, f.loadDue, f.loadSurveys, f.loadNames, f.loadCohorts, f.loadTries, f.loadMine, f.loadSigning, f.loadComing, f.loadQueues, f.loadNotices, f.loadOnce, f.loadTrainers} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func keysOf[K comparable, V any](m map[K]V) []any {
	out := make([]any, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

const learnerColumns = "l.id, l.name, l.unit_code, COALESCE(u.full_name, ''), l.category, l.push"

func learnerFields(l *people.Learner) []any {
	return []any{&l.ID, &l.Name, &l.Unit, &l.UnitName, &l.Category, &l.Push}
}

func (f *facts) loadProfiles(ctx context.Context) error {
	if len(f.profiles) == 0 {
		return nil
	}
	return each(ctx, f.q, func(rows *sql.Rows) error {
		var id conversation.IdentityID
		var l people.Learner
		var helper people.LearnerID
		if err := rows.Scan(append([]any{&id, &helper}, learnerFields(&l)...)...); err != nil {
			return err
		}
		for _, to := range f.profiles[id] {
			to.Profiles = append(to.Profiles, l)
			if helper != 0 {
				if to.Delegated == nil {
					to.Delegated = map[people.LearnerID]people.LearnerID{}
				}
				to.Delegated[l.ID] = helper
			}
			if l.ID == to.Identity.Learner {
				to.Learner = &l
			}
		}
		return nil
	}, "SELECT p.identity_id, p.helper_id, "+learnerColumns+` FROM profiles p JOIN learners l ON l.id = p.learner_id
		LEFT JOIN org_units u ON u.code = l.unit_code
		WHERE p.identity_id IN `+marks(len(f.profiles))+" ORDER BY p.identity_id, l.id", keysOf(f.profiles)...)
}

func (f *facts) loadProgress(ctx context.Context) error {
	if len(f.progress) == 0 {
		return nil
	}
	byLearner, err := f.store.enrolments(ctx, f.q, "enrolments_learner", "e.learner_id IN "+marks(len(f.progress)), keysOf(f.progress)...)
	if err != nil {
		return err
	}
	if err := f.store.attemptsOf(ctx, f.q, byLearner); err != nil {
		return err
	}
	for _, e := range byLearner {
		for _, to := range f.progress[e.Learner] {
			to.Enrolments = append(to.Enrolments, *e)
		}
	}
	return nil
}

// enrolments reads places with their classes and what is done there, by id. The index is named: of an IN of some people
// MariaDB may read all places instead.
func (s *Store) enrolments(ctx context.Context, q querier, index, where string, args ...any) ([]*conversation.Enrolment, error) {
	var list []*conversation.Enrolment
	cohortOf := map[*conversation.Enrolment]int64{}
	cohorts := map[int64]study.Cohort{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var e conversation.Enrolment
		var cohort int64
		if err := rows.Scan(&e.ID, &e.Learner, &cohort, &e.Status, &e.Since); err != nil {
			return err
		}
		list = append(list, &e)
		cohortOf[&e], cohorts[cohort] = cohort, study.Cohort{}
		return nil
	}, "SELECT e.id, e.learner_id, e.cohort_id, e.status, e.since FROM enrolments e"+s.by(index)+" WHERE "+where+" ORDER BY e.id", args...)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := readCohorts(ctx, q, func(id int64, c study.Cohort) { cohorts[id] = c }, "c.id IN "+marks(len(cohorts)), keysOf(cohorts)...); err != nil {
		return nil, err
	}
	byID := make(map[study.EnrolmentID]*conversation.Enrolment, len(list))
	for _, e := range list {
		e.Cohort = cohorts[cohortOf[e]]
		byID[e.ID] = e
	}
	in, ids := marks(len(list)), keysOf(byID)
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var id study.EnrolmentID
		var d study.Done
		var version string
		var at int64
		if err := rows.Scan(&id, &d.Course, &version, &d.Lesson, &d.Score, &at); err != nil {
			return err
		}
		d.At = fromMs(at)
		e := byID[id]
		if d.Lesson == "" {
			e.Passed = append(e.Passed, study.Passed{Course: content.Ref{Course: d.Course, Version: version}, Mean: d.Score, At: d.At})
		} else {
			e.Done = append(e.Done, d)
		}
		return nil
	}, `SELECT enrolment_id, course_id, '', lesson_id, score, completed_at AS at FROM lesson_completions`+s.by("PRIMARY")+` WHERE enrolment_id IN `+in+`
		UNION ALL SELECT enrolment_id, course_id, version, '', score, completed_at FROM course_completions`+s.by("PRIMARY")+` WHERE enrolment_id IN `+in+`
		ORDER BY 1, 6, 2, 4`, append(ids, ids...)...)
}

func (s *Store) attemptsOf(ctx context.Context, q querier, list []*conversation.Enrolment) error {
	byID := make(map[study.EnrolmentID]*conversation.Enrolment, len(list))
	for _, e := range list {
		e.Attempts = map[string]int{}
		byID[e.ID] = e
	}
	if len(byID) == 0 {
		return nil
	}
	return each(ctx, q, func(rows *sql.Rows) error {
		var id study.EnrolmentID
		var course, lesson string
		var number int
		if err := rows.Scan(&id, &course, &lesson, &number); err != nil {
			return err
		}
		byID[id].Attempts[course+"/"+lesson] = number
		return nil
	}, `SELECT enrolment_id, course_id, lesson_id, MAX(number) FROM attempts`+s.by("PRIMARY")+`
		WHERE enrolment_id IN `+marks(len(byID))+" GROUP BY enrolment_id, course_id, lesson_id", keysOf(byID)...)
}

// loadRecord reads the current year's totals: hours from the ledger, counts from the completions.
func (f *facts) loadRecord(ctx context.Context) error {
	if len(f.record) == 0 {
		return nil
	}
	year := strconv.Itoa(f.now.In(study.Zone).Year())
	for _, list := range f.record {
		for _, to := range list {
			to.Record = &conversation.Record{}
		}
	}
	if err := f.loadHours(ctx); err != nil {
		return err
	}
	const where = " WHERE day >= ? AND day <= ? AND learner_id IN "
	m, args := marks(len(f.record)), keysOf(f.record)
	part := func(kind, amount, at, table string) string {
		return "SELECT " + kind + ", learner_id, " + amount + ", MAX(" + at + ") FROM " + table + where + m + " GROUP BY learner_id"
	}
	var all []any
	for range 4 {
		all = append(append(all, year+"-01-01", year+"-12-31"), args...)
	}
	return each(ctx, f.q, func(rows *sql.Rows) error {
		var kind, amount int
		var learner people.LearnerID
		var at int64
		if err := rows.Scan(&kind, &learner, &amount, &at); err != nil {
			return err
		}
		for _, to := range f.record[learner] {
			switch kind {
			case 0:
				to.Record.Hours = study.StudyHours(amount)
			case 1:
				to.Record.Lessons = amount
			case 3:
				to.Record.Delegate = study.StudyHours(amount)
			default:
				to.Record.Courses = amount
			}
			if last := fromMs(at); kind > 0 && kind < 3 && last.After(to.Record.LastAt) {
				to.Record.LastAt = last
			}
		}
		return nil
	}, part("0", "SUM(hundredths)", "credited_at", "ledger")+" UNION ALL "+part("1", "COUNT(*)", "completed_at", "lesson_completions")+
		" UNION ALL "+part("2", "COUNT(*)", "completed_at", "course_completions")+
		" UNION ALL "+part("3", "SUM(CASE WHEN delegate = 1 THEN hundredths ELSE 0 END)", "credited_at", "ledger"), all...)
}

// loadHours reads the hours that people chose themselves.
func (f *facts) loadHours(ctx context.Context) error {
	return each(ctx, f.q, func(rows *sql.Rows) error {
		var learner people.LearnerID
		var hour string
		if err := rows.Scan(&learner, &hour); err != nil {
			return err
		}
		for _, to := range f.record[learner] {
			to.Record.Hour = hour
		}
		return nil
	}, "SELECT id, push_hour FROM learners WHERE push_hour <> '' AND id IN "+marks(len(f.record)), keysOf(f.record)...)
}

func (f *facts) loadNames(ctx context.Context) error {
	if len(f.names) == 0 {
		return nil
	}
	var found []people.Candidate
	var units []people.OrgCode
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var c people.Candidate
		var moved int64
		var out string
		if err := rows.Scan(append(learnerFields(&c.Learner), &c.Code, &c.Bound, &c.Handset, &moved, &out)...); err != nil {
			return err
		}
		c.MovedAt = fromMs(moved)
		if out != "" {
			c.Out = strings.Split(out, ",")
		}
		found = append(found, c)
		if !slices.Contains(units, c.Learner.Unit) {
			units = append(units, c.Learner.Unit)
		}
		return nil
	}, "SELECT "+learnerColumns+`, l.bind_code, (SELECT COUNT(*) FROM profiles p`+f.store.by("profiles_learner")+` WHERE p.learner_id = l.id AND p.helper_id = 0) > 0, COALESCE(h.identity_id, 0), COALESCE(h.moved_at, 0),
		COALESCE((SELECT GROUP_CONCAT(c.code) FROM enrolments e`+f.store.by("enrolments_learner")+` JOIN cohorts c ON c.id = e.cohort_id WHERE e.learner_id = l.id AND e.status IN ('withdrawn', 'waived')), '')
		FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code LEFT JOIN handsets h ON h.learner_id = l.id
		WHERE `+onRoster+` AND l.name IN `+marks(len(f.names))+" ORDER BY l.name, l.unit_code, l.id", keysOf(f.names)...)
	if err != nil || len(found) == 0 {
		return err
	}
	former, err := formerNames(ctx, f.q, units)
	for _, c := range found {
		c.Former = former[c.Learner.Unit]
		for _, to := range f.names[c.Learner.Name] {
			to.Candidates = append(to.Candidates, c)
		}
	}
	return err
}

func (f *facts) loadCohorts(ctx context.Context) error {
	if len(f.cohorts) == 0 {
		return nil
	}
	return readCohorts(ctx, f.q, func(_ int64, c study.Cohort) {
		for _, to := range f.cohorts[c.Code] {
			to.Cohort = &c
		}
	}, "c.code IN "+marks(len(f.cohorts)), keysOf(f.cohorts)...)
}

// triesKept is how long a wrong short code counts.
const triesKept = 24 * time.Hour

func (f *facts) loadTries(ctx context.Context) error {
	identities, learners := map[conversation.IdentityID]int{}, map[people.LearnerID]int{}
	for i := range f.tries {
		t := &f.tries[i]
		identities[t.facts.Identity.ID] = 0
		for _, c := range t.facts.Candidates {
			t.learners = append(t.learners, c.Learner.ID)
		}
		for _, l := range t.learners {
			learners[l] = 0
		}
	}
	if len(f.tries) == 0 {
		return nil
	}
	since := toMs(f.now.Add(-triesKept))
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var id conversation.IdentityID
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		identities[id] = n
		return nil
	}, "SELECT identity_id, COUNT(*) FROM wrong_codes WHERE learner_id = 0 AND tried_at > ? AND identity_id IN "+
		marks(len(identities))+" GROUP BY identity_id", append([]any{since}, keysOf(identities)...)...)
	if err == nil && len(learners) > 0 {
		err = each(ctx, f.q, func(rows *sql.Rows) error {
			var id people.LearnerID
			var n int
			if err := rows.Scan(&id, &n); err != nil {
				return err
			}
			learners[id] = n
			return nil
		}, "SELECT learner_id, COUNT(*) FROM wrong_codes WHERE tried_at > ? AND learner_id IN "+
			marks(len(learners))+" GROUP BY learner_id", append([]any{since}, keysOf(learners)...)...)
	}
	if err != nil {
		return err
	}
	for _, t := range f.tries {
		if t.facts.Identity.ID != 0 { // rows of deleted identities have number 0
			t.facts.Tries.Identity = identities[t.facts.Identity.ID]
		}
		t.facts.Tries.Learner = map[people.LearnerID]int{}
		for _, l := range t.learners {
			t.facts.Tries.Learner[l] = learners[l]
		}
	}
	return nil
}

// sourceKey names what a ledger entry was credited for.
func sourceKey(e study.EnrolmentID, course content.Ref, lesson string) string {
	return study.LessonKey(e, course.Course, lesson)
}
