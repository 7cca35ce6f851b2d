package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/content"
)

// PublishCourses registers versions, all or none. A version that is there already changes nothing; a
// number in use with other content is a fault.Conflict "content.number_in_use".
func (s *Store) PublishCourses(ctx context.Context, now time.Time, courses []*content.Course) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		for _, c := range courses {
			if err := publish(ctx, s, q, now, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publishing courses: %w", err)
	}
	return nil
}

func publish(ctx context.Context, s *Store, q querier, now time.Time, c *content.Course) error {
	var version string
	err := q.QueryRowContext(ctx, "SELECT version FROM course_versions WHERE course_id = ? AND number = ?", c.ID, c.Number).Scan(&version)
	switch {
	case err == nil && version == c.Ref().Version:
		return nil
	case err == nil:
		return fault.New(fault.Conflict, "content.number_in_use", fault.A("course", c.ID), fault.A("number", c.Number))
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	ids := make([]string, len(c.Lessons))
	for i := range c.Lessons {
		ids[i] = c.Lessons[i].ID
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	i := insert{table: "course_versions", columns: []string{"course_id", "version", "number", "title", "lessons", "lesson_ids", "body", "published_at"}, tail: s.orIgnore("published_at")}
	i.add(c.ID, c.Ref().Version, c.Number, c.Title, len(ids), string(list), string(c.Encode()), toMs(now))
	return i.exec(ctx, q)
}

// Course loads a registered version; fault.NotFound "content.version_unknown" when there is none.
func (s *Store) Course(ctx context.Context, ref content.Ref) (*content.Course, error) {
	return s.course(ctx, "version = ? AND course_id = ?", ref.Version, ref.Course)
}

// CourseByNumber loads the version that was published under the author's number.
func (s *Store) CourseByNumber(ctx context.Context, id string, number int) (*content.Course, error) {
	return s.course(ctx, "number = ? AND course_id = ?", number, id)
}

func (s *Store) course(ctx context.Context, where string, version any, id string) (*content.Course, error) {
	var body []byte
	err := s.reads.QueryRowContext(ctx, "SELECT body FROM course_versions WHERE "+where, version, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "content.version_unknown", fault.A("course", id))
	}
	if err != nil {
		return nil, fmt.Errorf("loading a course: %w", plain(err))
	}
	c, err := content.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("loading course %s: %w", id, err)
	}
	return c, nil
}

// CourseTitles returns the newest title of every registered course, by id.
func (s *Store) CourseTitles(ctx context.Context) (map[string]string, error) {
	titles := map[string]string{}
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		var id, title string
		if err := rows.Scan(&id, &title); err != nil {
			return err
		}
		titles[id] = title
		return nil
	}, "SELECT course_id, title FROM course_versions ORDER BY course_id, number")
	if err != nil {
		return nil, fmt.Errorf("reading the courses' titles: %w", plain(err))
	}
	return titles, nil
}
