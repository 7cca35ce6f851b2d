package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// creditRule is the rule by which lessons and tests become hours.
var creditRule = study.Rule2024

// recountPage is how many people are counted at a time.
const recountPage = 500

// LedgerDifference is a difference with the person's name and unit; "" when the person is on no roster.
type LedgerDifference struct {
	study.Difference
	Name     string
	UnitName string
}

// VerifyLedger counts all hours again from what was recorded and yields every source of which the ledger says
// something else: people by number first, then sessions by class. It reads people by the page and classes one
// by one, each as the database was at one instant.
func (s *Store) VerifyLedger(ctx context.Context) iter.Seq2[LedgerDifference, error] {
	return func(yield func(LedgerDifference, error) bool) {
		v := &verifier{s: s, courses: map[content.Ref]*content.Course{}, yield: yield}
		if err := v.all(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(LedgerDifference{}, fmt.Errorf("counting the hours again: %w", plain(err)))
		}
	}
}

var errStopped = errors.New("the receiver wants no more")

// verifier holds what is read once.
type verifier struct {
	s       *Store
	courses map[content.Ref]*content.Course // nil: there is no such version
	yield   func(LedgerDifference, error) bool
}

func (v *verifier) all(ctx context.Context) error {
	var last int64
	if err := v.s.bulk.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM learners").Scan(&last); err != nil {
		return err
	}
	for from := int64(0); ; from += recountPage {
		lo, hi := "learner_id > ? AND learner_id <= ?", []any{from, from + recountPage}
		switch {
		case from > last:
			lo, hi = "learner_id > ?", []any{from} // numbers that nobody has
		case from == 0:
			lo, hi = "learner_id <= ?", []any{recountPage}
		}
		if err := v.page(ctx, func(q querier) ([]study.Difference, error) { return v.people(ctx, q, lo, hi) }); err != nil {
			return err
		}
		if from > last {
			break
		}
	}
	cohorts, err := v.s.Cohorts(ctx)
	if err != nil {
		return err
	}
	for _, c := range cohorts {
		if err := v.page(ctx, func(q querier) ([]study.Difference, error) { return v.class(ctx, q, c.Code) }); err != nil {
			return err
		}
	}
	return v.page(ctx, func(q querier) ([]study.Difference, error) { return v.strays(ctx, q) })
}

// page compares in one read transaction and hands out what differs.
func (v *verifier) page(ctx context.Context, compare func(q querier) ([]study.Difference, error)) error {
	tx, err := v.s.bulk.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	list, err := compare(tx)
	if err != nil || len(list) == 0 {
		return err
	}
	type known struct{ name, unit string }
	names := map[people.LearnerID]known{}
	ids := []int64{}
	for _, d := range list {
		ids = append(ids, int64(d.Learner))
	}
	err = chunks(ids, func(part []int64) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var id people.LearnerID
			var k known
			err := rows.Scan(&id, &k.name, &k.unit)
			names[id] = k
			return err
		}, "SELECT l.id, l.name, COALESCE(u.full_name, '') FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code WHERE l.id IN "+marks(len(part)), anys(part)...)
	})
	if err != nil {
		return err
	}
	for _, d := range list {
		k := names[d.Learner]
		if !v.yield(LedgerDifference{d, k.name, k.unit}, nil) {
			return errStopped
		}
	}
	return nil
}

const postingColumns = "learner_id, enrolment_id, course_id, source_kind, source_key, hundredths, rule, day, part, delegate"

func scanPosting(rows *sql.Rows) (p study.Posting, err error) {
	err = rows.Scan(&p.Learner, &p.Enrolment, &p.Course, &p.Kind, &p.Key, &p.Hours, &p.Rule, &p.Day, &p.Part, &p.Delegate)
	return p, err
}

func readPostings(ctx context.Context, q querier, where string, args ...any) ([]study.Posting, error) {
	var list []study.Posting
	err := each(ctx, q, func(rows *sql.Rows) error {
		p, err := scanPosting(rows)
		list = append(list, p)
		return err
	}, "SELECT "+postingColumns+" FROM ledger WHERE "+where, args...)
	return list, err
}

func readCorrections(ctx context.Context, q querier, where string, args ...any) ([]study.LedgerEntry, error) {
	var list []study.LedgerEntry
	err := each(ctx, q, func(rows *sql.Rows) error {
		var e study.LedgerEntry
		err := rows.Scan(&e.Learner, &e.Enrolment, &e.Course, &e.Kind, &e.Key, &e.Hours, &e.Rule, &e.Day, &e.Delegate)
		list = append(list, e)
		return err
	}, "SELECT learner_id, enrolment_id, course_id, source_kind, source_key, hundredths, rule, day, delegate FROM ledger_corrections WHERE "+where+" ORDER BY id", args...)
	return list, err
}

// people compares everything but sessions of a page of people.
func (v *verifier) people(ctx context.Context, q querier, where string, args []any) ([]study.Difference, error) {
	var f study.LedgerFacts
	unjudged := map[study.Source]study.Difference{}
	unknown := func(who people.LearnerID, kind study.SourceKind, key string) {
		unjudged[study.Source{Kind: kind, Key: key}] = study.Difference{Fault: study.LedgerUnknown, Learner: who, Source: study.Source{Kind: kind, Key: key}}
	}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var d study.LessonDone
		var ref content.Ref
		var at int64
		if err := rows.Scan(&d.Learner, &d.Enrolment, &ref.Course, &ref.Version, &d.Lesson, &d.Day, &d.Delegate, &at); err != nil {
			return err
		}
		d.Course, d.At = ref.Course, fromMs(at)
		c, err := v.course(ctx, ref)
		if err != nil {
			return err
		}
		if c != nil {
			if l, _ := c.Lesson(d.Lesson); l != nil {
				d.Seconds = l.Seconds
				f.Lessons = append(f.Lessons, d)
				return nil
			}
		}
		unknown(d.Learner, study.SourceLesson, study.LessonKey(d.Enrolment, d.Course, d.Lesson))
		return nil
	}, "SELECT learner_id, enrolment_id, course_id, version, lesson_id, day, delegate, completed_at FROM lesson_completions WHERE "+where+" ORDER BY course_id, version", args...)
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, func(rows *sql.Rows) error {
		var d study.CourseDone
		var ref content.Ref
		var at int64
		if err := rows.Scan(&d.Learner, &d.Enrolment, &ref.Course, &ref.Version, &d.Mean, &d.Day, &d.Delegate, &at); err != nil {
			return err
		}
		d.Course, d.At = ref.Course, fromMs(at)
		c, err := v.course(ctx, ref)
		switch {
		case err != nil:
			return err
		case c == nil:
			unknown(d.Learner, study.SourceTest, study.LessonKey(d.Enrolment, d.Course, ""))
		default:
			d.PassMark = c.PassMark
			f.Courses = append(f.Courses, d)
		}
		return nil
	}, "SELECT learner_id, enrolment_id, course_id, version, score, day, delegate, completed_at FROM course_completions WHERE "+where+" ORDER BY course_id, version", args...)
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, func(rows *sql.Rows) error {
		var r study.Record
		err := rows.Scan(&r.Learner, &r.Source, &r.Number, &r.Title, &r.Hours, &r.Day)
		f.Records = append(f.Records, r)
		return err
	}, "SELECT learner_id, source, number, title, hundredths, day FROM records WHERE undone_at = 0 AND "+where, args...)
	if err != nil {
		return nil, err
	}
	if f.Corrections, err = readCorrections(ctx, q, "source_kind <> 'session' AND "+where, args...); err != nil {
		return nil, err
	}
	posted, err := readPostings(ctx, q, "source_kind <> 'session' AND "+where, args...)
	if err != nil {
		return nil, err
	}
	for _, c := range f.Corrections { // a decision needs no course
		delete(unjudged, c.Of())
	}
	var judged []study.Posting
	for _, p := range posted {
		if d, not := unjudged[p.Of()]; not {
			d.Have += p.Hours
			unjudged[p.Of()] = d
			continue
		}
		judged = append(judged, p)
	}
	list := study.Differences(creditRule.Recount(f), judged)
	for _, d := range unjudged {
		list = append(list, d)
	}
	study.SortDifferences(list)
	return list, nil
}

// course reads a version once; nil when there is none.
func (v *verifier) course(ctx context.Context, ref content.Ref) (*content.Course, error) {
	if c, known := v.courses[ref]; known {
		return c, nil
	}
	c, err := v.s.Course(ctx, ref)
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return nil, err
	}
	v.courses[ref] = c
	return c, nil
}

// class compares the sessions of one class.
func (v *verifier) class(ctx context.Context, q querier, cohort string) ([]study.Difference, error) {
	roll, err := v.s.classRoll(ctx, q, people.Everyone(), cohort)
	if err != nil || len(roll.Sessions) == 0 {
		return nil, err
	}
	var f study.LedgerFacts
	var posted []study.Posting
	for i, x := range roll.Sessions {
		f.Sessions = append(f.Sessions, classRule.Credits(x, i, roll.Lines)...)
		prefix := strconv.FormatInt(int64(x.ID), 10)
		where, args := "source_kind = 'session' AND source_key >= ? AND source_key < ?", []any{prefix + "/", prefix + "0"} // 0 comes after the slash
		some, err := readPostings(ctx, q, where, args...)
		if err != nil {
			return nil, err
		}
		decided, err := readCorrections(ctx, q, where, args...)
		if err != nil {
			return nil, err
		}
		posted, f.Corrections = append(posted, some...), append(f.Corrections, decided...)
	}
	list := study.Differences(creditRule.Recount(f), posted)
	study.SortDifferences(list)
	return list, nil
}

// strays finds hours of sessions that there are none of.
func (v *verifier) strays(ctx context.Context, q querier) ([]study.Difference, error) {
	known := map[string]bool{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		known[strconv.FormatInt(id, 10)] = true
		return err
	}, "SELECT id FROM sessions")
	if err != nil {
		return nil, err
	}
	stray := map[study.Source][]study.Posting{}
	err = each(ctx, q, func(rows *sql.Rows) error {
		p, err := scanPosting(rows)
		if session, _, _ := strings.Cut(p.Key, "/"); !known[session] {
			stray[p.Of()] = append(stray[p.Of()], p)
		}
		return err
	}, "SELECT "+postingColumns+" FROM ledger WHERE source_kind = 'session'")
	if err != nil {
		return nil, err
	}
	decided, err := readCorrections(ctx, q, "source_kind = 'session'")
	if err != nil {
		return nil, err
	}
	var f study.LedgerFacts
	var posted []study.Posting
	for _, c := range decided {
		if session, _, _ := strings.Cut(c.Key, "/"); !known[session] {
			f.Corrections = append(f.Corrections, c)
		}
	}
	for _, list := range stray {
		posted = append(posted, list...)
	}
	list := study.Differences(creditRule.Recount(f), posted)
	study.SortDifferences(list)
	return list, nil
}

// RepairLedger makes the ledger say what a recount gave, by reversals and new entries, and tells how many sources
// it changed. What cannot be judged, and postings that are no row of entries and reversals, it leaves alone.
func (s *Store) RepairLedger(ctx context.Context, now time.Time, actor string, list []study.Difference) (repaired int, err error) {
	var entries []study.LedgerEntry
	for _, d := range list {
		if d.Fault == study.LedgerUnknown || d.Fault == study.LedgerBroken {
			continue
		}
		e := d.Want
		if e.Kind == "" { // nothing is wanted
			e = study.LedgerEntry{Learner: d.Learner, Kind: d.Source.Kind, Key: d.Source.Key}
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return 0, nil
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		if err := credit(ctx, s, tx, now, entries, correction{actor: actor, note: "recount", decided: true}); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "ledger.repair", Object: fmt.Sprintf("%d sources", len(entries)), Result: "as counted again"})
	})
	if err != nil {
		return 0, fmt.Errorf("repairing the ledger: %w", err)
	}
	return len(entries), nil
}
