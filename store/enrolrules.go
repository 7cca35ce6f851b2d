package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// EnrolRule gives a place in a class to everybody on the roster who fits.
type EnrolRule struct {
	Unit     people.OrgCode // and what lies inside it
	Category string         // 干部类别; "" for any
}

// ApplyEnrolRules makes a class enrol by these rules and no others. It gives nobody a place and takes none away; see
// EnrolByRules. Again it changes nothing.
func (s *Store) ApplyEnrolRules(ctx context.Context, now time.Time, actor, cohort string, rules []EnrolRule) (changed bool, err error) {
	type row struct{ prefix, category string }
	want := make([]row, len(rules))
	for i, r := range rules {
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

// EnrolByRules gives a place to everybody who fits a rule of a class that has not ended, is on the roster and has
// none there; who withdrew or is waived keeps that. It returns how many places are new. Again it gives none.
func (s *Store) EnrolByRules(ctx context.Context, now time.Time) (n int, err error) {
	today := string(study.DayOf(now))
	type class struct {
		id   int64
		code string
	}
	var classes []class
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var c class
		err := rows.Scan(&c.id, &c.code)
		classes = append(classes, c)
		return err
	}, "SELECT c.id, c.code FROM cohorts c WHERE (c.end_day = '' OR c.end_day >= ?) AND EXISTS (SELECT 1 FROM enrol_rules r WHERE r.cohort_id = c.id) ORDER BY c.id", today)
	for _, c := range classes {
		if err != nil {
			break
		}
		// Read without locks: of a large roster hardly anybody is new.
		fits, e := numbers(ctx, s.bulk, `SELECT l.id FROM learners l WHERE l.left_day = ''
			AND EXISTS (SELECT 1 FROM enrol_rules r WHERE r.cohort_id = ? AND SUBSTR(l.unit_code, 1, LENGTH(r.prefix)) = r.prefix AND (r.category = '' OR r.category = l.category))
			AND NOT EXISTS (SELECT 1 FROM enrolments e WHERE e.cohort_id = ? AND e.learner_id = l.id) ORDER BY l.id`, c.id, c.id)
		if err = e; err != nil || len(fits) == 0 {
			continue
		}
		var fresh int
		err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
			fresh = 0
			q := under(tx)
			if _, err := s.cohortID(ctx, q, c.code, s.forUpdate()); err != nil { // one at a time, so that each counts its own
				return err
			}
			count := func() (n int, err error) {
				return n, q.QueryRowContext(ctx, "SELECT COUNT(*) FROM enrolments WHERE cohort_id = ?", c.id).Scan(&n)
			}
			before, err := count()
			if err != nil {
				return err
			}
			places := insert{table: "enrolments", columns: []string{"cohort_id", "learner_id", "status", "since", "created_at", "updated_at"}, tail: s.orIgnore("created_at")}
			for _, id := range fits {
				places.add(c.id, id, string(study.Active), today, toMs(now), toMs(now))
			}
			if err := places.exec(ctx, q); err != nil {
				return err
			}
			after, err := count()
			if fresh = after - before; err != nil || fresh == 0 {
				return err
			}
			return appendAudit(ctx, s, tx, act{At: now, Actor: "rule", Action: "class.enrol", Object: c.code, Result: strconv.Itoa(fresh) + " enrolled"})
		})
		n += fresh
	}
	if err != nil {
		return 0, fmt.Errorf("enrolling by rule: %w", plain(err))
	}
	return n, nil
}
