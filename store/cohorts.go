package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/study"
)

type cohortRow struct {
	ID          int64 `gorm:"primaryKey"`
	Code        string
	Name        string
	StartDay    study.Day
	EndDay      study.Day
	Hour        string
	Weekdays    string
	WorkingDays bool
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	UpdatedAt   int64 `gorm:"autoUpdateTime:false"`
}

func (cohortRow) TableName() string { return "cohorts" }

type cohortCourseRow struct {
	CohortID int64
	Position int
	CourseID string
}

func (cohortCourseRow) TableName() string { return "cohort_courses" }

// readCohorts reads classes with their courses in one statement, by code.
func readCohorts(ctx context.Context, q querier, found func(int64, study.Cohort), where string, args ...any) error {
	var c study.Cohort
	var current int64
	done := func() {
		if current != 0 {
			found(current, c)
		}
	}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var next study.Cohort
		var id int64
		var days, course string
		sch := &next.Schedule
		if err := rows.Scan(&id, &next.Code, &next.Name, &sch.Start, &sch.End, &sch.Hour, &days, &sch.WorkingDays, &course); err != nil {
			return err
		}
		if id != current {
			done()
			for _, d := range days {
				sch.Weekdays = append(sch.Weekdays, time.Weekday(d-'0'))
			}
			c, current = next, id
		}
		if course != "" {
			c.Courses = append(c.Courses, course)
		}
		return nil
	}, `SELECT c.id, c.code, c.name, c.start_day, c.end_day, c.hour, c.weekdays, c.working_days, COALESCE(k.course_id, '')
		FROM cohorts c LEFT JOIN cohort_courses k ON k.cohort_id = c.id WHERE `+where+" ORDER BY c.code, k.position", args...)
	if err == nil {
		done()
	}
	return err
}

// Cohorts returns every class, by code.
func (s *Store) Cohorts(ctx context.Context) ([]study.Cohort, error) {
	var list []study.Cohort
	err := readCohorts(ctx, s.reads, func(_ int64, c study.Cohort) { list = append(list, c) }, "1 = 1")
	if err != nil {
		return nil, fmt.Errorf("reading the classes: %w", plain(err))
	}
	return list, nil
}

func rowOfCohort(c study.Cohort) cohortRow {
	days := slices.Clone(c.Schedule.Weekdays)
	slices.Sort(days)
	var text strings.Builder
	for _, d := range slices.Compact(days) {
		text.WriteByte('0' + byte(d))
	}
	return cohortRow{
		Code: c.Code, Name: c.Name, StartDay: c.Schedule.Start, EndDay: c.Schedule.End, Hour: c.Schedule.Hour,
		Weekdays: text.String(), WorkingDays: c.Schedule.WorkingDays,
	}
}

// ApplyCohort makes the class exist as described, matched by its code. changed is false when it
// was so already; then nothing is written, not even an audit row.
func (s *Store) ApplyCohort(ctx context.Context, now time.Time, actor string, c study.Cohort) (changed bool, err error) {
	want := rowOfCohort(c)
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		changed = false
		var have cohortRow
		err := tx.Where("code = ?", c.Code).Take(&have).Error
		fresh := errors.Is(err, gorm.ErrRecordNotFound)
		if err != nil && !fresh {
			return err
		}
		var courses []string
		if !fresh {
			if err := tx.Table("cohort_courses").Where("cohort_id = ?", have.ID).Order("position").Pluck("course_id", &courses).Error; err != nil {
				return err
			}
		}
		want.ID, want.CreatedAt, want.UpdatedAt = have.ID, have.CreatedAt, have.UpdatedAt
		if !fresh && reflect.DeepEqual(want, have) && slices.Equal(courses, c.Courses) {
			return nil
		}
		changed = true
		want.UpdatedAt = toMs(now)
		if fresh {
			want.CreatedAt = toMs(now)
			err = tx.Create(&want).Error
		} else {
			err = tx.Model(&cohortRow{}).Where("id = ?", want.ID).
				Select("name", "start_day", "end_day", "hour", "weekdays", "working_days", "updated_at").Updates(&want).Error
		}
		if err != nil {
			return err
		}
		if err := replaceCourses(tx, want.ID, c.Courses); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "cohort.apply", Object: c.Code, Result: "courses: " + strings.Join(c.Courses, " ")})
	})
	if err != nil {
		return false, fmt.Errorf("writing the class %s: %w", c.Code, err)
	}
	return changed, nil
}

func replaceCourses(tx *gorm.DB, cohort int64, courses []string) error {
	if err := tx.Where("cohort_id = ?", cohort).Delete(&cohortCourseRow{}).Error; err != nil {
		return err
	}
	rows := make([]cohortCourseRow, len(courses))
	for i, id := range courses {
		rows[i] = cohortCourseRow{CohortID: cohort, Position: i, CourseID: id}
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.Create(&rows).Error
}
