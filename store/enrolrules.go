package store

import (
	"context"
	"database/sql"
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

// EnrolRule gives a place in a class to everybody on the roster who fits.
type EnrolRule struct {
	Unit     people.OrgCode `json:"unit"`     // and what lies inside it
	Category string         `json:"category"` // 干部类别; "" for any
}

const (
	maxEnrolRules = 200
	maxEnrolList  = 10_000
)

// ApplyEnrolRules makes a class enrol by these rules and no others. It gives nobody a place and takes none away; see
// EnrolByRules. Again it changes nothing. The units of the rules, and of those that were there, must be in the scope.
func (s *Store) ApplyEnrolRules(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, rules []EnrolRule) (changed bool, err error) {
	type row struct{ prefix, category string }
	want := make([]row, len(rules))
	for i, r := range rules {
		switch {
		case r.Unit.Prefix() == "": // which would be everybody
			return false, fault.New(fault.Invalid, "roster.unit_code_bad", fault.A("code", r.Unit))
		case !scope.Sees(r.Unit):
			return false, fault.New(fault.NotFound, "roster.out_of_scope", fault.A("code", r.Unit))
		case len([]rune(r.Category)) > 60 || len(rules) > maxEnrolRules:
			return false, fault.New(fault.Invalid, "class.rules_bad", fault.A("limit", maxEnrolRules))
		}
		want[i] = row{r.Unit.Prefix(), r.Category}
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		changed = false
		q := under(tx)
		id, err := s.cohortID(ctx, q, cohort, s.forUpdate())
		if err != nil {
			return err
		}
		have := []row{}
		err = each(ctx, q, func(rows *sql.Rows) error {
			var r row
			err := rows.Scan(&r.prefix, &r.category)
			have = append(have, r)
			return err
		}, "SELECT prefix, category FROM enrol_rules WHERE cohort_id = ? ORDER BY position", id)
		if err != nil || slices.Equal(have, want) {
			return err
		}
		for _, r := range have {
			if !scope.Sees(unitOfPrefix(r.prefix)) {
				return fault.New(fault.Forbidden, "class.rules_not_yours", fault.A("cohort", cohort))
			}
		}
		changed = true
		if _, err := q.ExecContext(ctx, "DELETE FROM enrol_rules WHERE cohort_id = ?", id); err != nil {
			return err
		}
		rows := insert{table: "enrol_rules", columns: []string{"cohort_id", "position", "prefix", "category"}}
		for i, r := range want {
			rows.add(id, i, r.prefix, r.category)
		}
		if err := rows.exec(ctx, q); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.rules", Object: cohort, Result: fmt.Sprint(want)})
	})
	if err != nil {
		return false, fmt.Errorf("writing the enrolment rules of %s: %w", cohort, err)
	}
	return changed, nil
}

// unitOfPrefix is the unit whose code begins with the digits.
func unitOfPrefix(prefix string) people.OrgCode {
	return people.OrgCode(prefix + strings.Repeat("0", max(0, 12-len(prefix))))
}

// EnrolRules are the rules of a class that name units of the scope.
func (s *Store) EnrolRules(ctx context.Context, scope people.Scope, cohort string) (rules []EnrolRule, err error) {
	id, err := s.cohortID(ctx, s.reads, cohort, "")
	if err == nil {
		err = each(ctx, s.reads, func(rows *sql.Rows) error {
			var prefix, category string
			err := rows.Scan(&prefix, &category)
			if unit := unitOfPrefix(prefix); scope.Sees(unit) {
				rules = append(rules, EnrolRule{unit, category})
			}
			return err
		}, "SELECT prefix, category FROM enrol_rules WHERE cohort_id = ? ORDER BY position", id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the enrolment rules of %s: %w", cohort, plain(err))
	}
	return rules, nil
}

// EnrolPeople gives people of the scope a place in a class, all of them or nobody; whoever has one keeps it as it is:
// withdrawn and waived people come back by DecidePlace, with a reason. It returns how many places are new.
func (s *Store) EnrolPeople(ctx context.Context, now time.Time, actor string, scope people.Scope, cohort string, learners []people.LearnerID) (n int, err error) {
	learners = slices.Compact(slices.Sorted(slices.Values(learners)))
	if len(learners) == 0 || len(learners) > maxEnrolList {
		return 0, fault.New(fault.Invalid, "class.list_bad", fault.A("limit", maxEnrolList))
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		n = 0
		q := under(tx)
		id, err := s.cohortID(ctx, q, cohort, s.forUpdate())
		if err != nil {
			return err
		}
		where, args := scoped(scope)
		ids := make([]int64, len(learners))
		for i, l := range learners {
			ids[i] = int64(l)
		}
		var found []int64
		err = chunks(ids, func(part []int64) error {
			some, err := numbers(ctx, q, "SELECT l.id FROM learners l WHERE "+onRoster+" AND "+where+" AND l.id IN "+marks(len(part))+" ORDER BY l.id", append(slices.Clone(args), anys(part)...)...)
			found = append(found, some...)
			return err
		})
		if err != nil {
			return err
		}
		for i, want := range ids {
			if i >= len(found) || found[i] != want {
				return fault.New(fault.NotFound, "class.not_on_roster", fault.A("id", want))
			}
		}
		n, err = s.placesFor(ctx, tx, now, class{id, cohort}, found, actor)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("enrolling people: %w", err)
	}
	return n, nil
}

// EnrolByRules gives a place to everybody who fits a rule of a class that has not ended, is on the roster and has
// none there; who withdrew or is waived keeps that. It returns how many places are new. Again it gives none.
func (s *Store) EnrolByRules(ctx context.Context, now time.Time) (n int, err error) {
	classes, err := s.ruledClasses(ctx, s.reads, now)
	for _, c := range classes {
		if err != nil {
			break
		}
		// Read without locks: of a large roster hardly anybody is new.
		fits, e := s.fitting(ctx, s.bulk, c)
		if err = e; err != nil || len(fits) == 0 {
			continue
		}
		var fresh int
		err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
			if _, err := s.cohortID(ctx, under(tx), c.code, s.forUpdate()); err != nil { // one at a time, so that each counts its own
				return err
			}
			fresh, err = s.placesFor(ctx, tx, now, c, fits, byRule)
			return err
		})
		n += fresh
	}
	if err != nil {
		return 0, fmt.Errorf("enrolling by rule: %w", plain(err))
	}
	return n, nil
}

// byRule is the actor of places that a rule gave.
const byRule = "rule"

// enrolLateJoiners is EnrolByRules in the transaction of an import, so that whoever is new there has a place at once.
func (s *Store) enrolLateJoiners(ctx context.Context, tx *gorm.DB, now time.Time) (n int, err error) {
	q := under(tx)
	classes, err := s.ruledClasses(ctx, q, now)
	for _, c := range classes {
		if err != nil {
			break
		}
		if _, err = s.cohortID(ctx, q, c.code, s.forUpdate()); err != nil {
			break
		}
		var fits []int64
		if fits, err = s.fitting(ctx, q, c); err == nil && len(fits) > 0 {
			var some int
			some, err = s.placesFor(ctx, tx, now, c, fits, byRule)
			n += some
		}
	}
	return n, err
}

type class struct {
	id   int64
	code string
}

// ruledClasses are the classes with rules that have not ended.
func (s *Store) ruledClasses(ctx context.Context, q querier, now time.Time) (list []class, err error) {
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var c class
		err := rows.Scan(&c.id, &c.code)
		list = append(list, c)
		return err
	}, "SELECT c.id, c.code FROM cohorts c WHERE (c.end_day = '' OR c.end_day >= ?) AND EXISTS (SELECT 1 FROM enrol_rules r WHERE r.cohort_id = c.id) ORDER BY c.id", string(study.DayOf(now)))
}

// fitting are the people on the roster who fit a rule of the class and have no place there, of whatever status.
func (s *Store) fitting(ctx context.Context, q querier, c class) ([]int64, error) {
	return numbers(ctx, q, `SELECT l.id FROM learners l WHERE l.left_day = ''
		AND EXISTS (SELECT 1 FROM enrol_rules r WHERE r.cohort_id = ? AND SUBSTR(l.unit_code, 1, LENGTH(r.prefix)) = r.prefix AND (r.category = '' OR r.category = l.category))
		AND NOT EXISTS (SELECT 1 FROM enrolments e WHERE e.cohort_id = ? AND e.learner_id = l.id) ORDER BY l.id`, c.id, c.id)
}

// placesFor gives places where there are none, and records how many. The class's row is locked by the caller.
func (s *Store) placesFor(ctx context.Context, tx *gorm.DB, now time.Time, c class, learners []int64, actor string) (n int, err error) {
	q := under(tx)
	count := func() (n int, err error) {
		return n, q.QueryRowContext(ctx, "SELECT COUNT(*) FROM enrolments WHERE cohort_id = ?", c.id).Scan(&n)
	}
	before, err := count()
	if err != nil {
		return 0, err
	}
	places := insert{table: "enrolments", columns: []string{"cohort_id", "learner_id", "status", "since", "created_at", "updated_at"}, tail: s.orIgnore("created_at")}
	for _, id := range learners {
		if err := places.put(ctx, q, c.id, id, string(study.Active), string(study.DayOf(now)), toMs(now), toMs(now)); err != nil {
			return 0, err
		}
	}
	if err := places.exec(ctx, q); err != nil {
		return 0, err
	}
	after, err := count()
	if n = after - before; err != nil || n == 0 {
		return n, err
	}
	return n, appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "class.enrol", Object: c.code, Result: strconv.Itoa(n) + " enrolled"})
}
