package content_test

import (
	"testing"

	"github.com/tiangeng/tiangeng/content"
)

func TestBuiltinCoursesHaveNoProblems(t *testing.T) {
	t.Parallel()
	library, problems := content.Load(content.Builtin())
	for _, p := range problems {
		t.Error(p.String())
	}
	if n := len(library.Courses()); n < 2 {
		t.Fatalf("%d built-in courses, want at least 2", n)
	}
	for _, c := range library.Courses() {
		if len(c.Lessons) < 7 {
			t.Errorf("%s has %d lessons, want at least 7", c.ID, len(c.Lessons))
		}
		for i := range c.Lessons {
			if n := len(c.Lessons[i].Items); n < 3 {
				t.Errorf("%s/%s has %d items, want at least 3", c.ID, c.Lessons[i].ID, n)
			}
		}
		if _, err := content.Format(c); err != nil {
			t.Error(err)
		}
	}
}
