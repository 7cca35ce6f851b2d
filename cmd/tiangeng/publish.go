package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// publish registers the courses of the files. A course whose files were changed under a number
// that is in use is served as it was published, and said loudly: stopping the whole service for a
// trainer's slip would punish the learners.
func publish(ctx context.Context, s *store.Store, subject *subject, now func() time.Time, log *slog.Logger) error {
	for _, p := range subject.problems {
		if !p.Warning {
			log.Error("a course file is not right: its course is left out", "file", p.File, "line", p.Line)
		}
	}
	var keep []*content.Course
	for _, c := range subject.library.Courses() {
		err := s.PublishCourses(ctx, now(), []*content.Course{c})
		if fault.CodeOf(err) == fault.Conflict {
			log.Error("a course was changed without a new version number: the published one stays", "course", c.ID, "number", c.Number)
			published, err := s.CourseByNumber(ctx, c.ID, c.Number)
			if err != nil {
				return fmt.Errorf("loading the published course %s: %w", c.ID, err)
			}
			keep = append(keep, published)
			continue
		}
		if err != nil {
			return fmt.Errorf("publishing course %s: %w", c.ID, err)
		}
	}
	if len(keep) > 0 {
		subject.library = subject.library.WithCurrent(keep...)
	}
	return nil
}
