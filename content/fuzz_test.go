package content_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/content"
)

// seeds adds the sample files with that ending to the corpus.
func seeds(f *testing.F, patterns ...string) {
	f.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %d files, error %v", pattern, len(names), err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// checkCourse holds for whatever the files say: problems have an order and a place, a second
// reading says the same, and a course without errors survives Format and Decode.
func checkCourse(t *testing.T, files map[string]string) {
	t.Helper()
	fsys := course(files)
	c, problems := content.LoadCourse(fsys, "x")
	again, repeated := content.LoadCourse(fsys, "x")
	if diff := cmp.Diff(problems, repeated); diff != "" {
		t.Fatal(diff)
	}
	wrong := false
	for i, p := range problems {
		wrong = wrong || !p.Warning
		if p.File == "" || p.Text == "" || p.Line < 0 || p.Column < 0 {
			t.Errorf("problem %+v", p)
		}
		if i > 0 && p == problems[i-1] {
			t.Errorf("twice: %v", p)
		}
	}
	if !slices.IsSortedFunc(problems, func(a, b content.Problem) int {
		if a.File == b.File && a.Line != b.Line {
			return a.Line - b.Line
		}
		return bytes.Compare([]byte(a.File), []byte(b.File))
	}) {
		t.Errorf("not sorted:\n%s", said(problems))
	}
	if (c == nil) != wrong {
		t.Fatalf("course %v with problems:\n%s", c, said(problems))
	}
	if c == nil {
		return
	}
	if c.Ref() != again.Ref() {
		t.Fatal("two readings, two versions")
	}
	if _, err := content.Format(c); err != nil {
		t.Fatalf("%v\n%s", err, c.Encode())
	}
	back, err := content.Decode(c.Encode())
	if err != nil || back.Ref() != c.Ref() {
		t.Fatalf("decoded %v, error %v", back, err)
	}
}

func FuzzLesson(f *testing.F) {
	seeds(f, "testdata/bad/*.md", "testdata/good/*.md")
	f.Fuzz(func(t *testing.T, data []byte) {
		checkCourse(t, map[string]string{"01-a.md": string(data)})
	})
}

func FuzzCourseFile(f *testing.F) {
	seeds(f, "testdata/bad/*.yaml", "testdata/good/*.yaml", "courses/*/course.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		checkCourse(t, map[string]string{"course.yaml": string(data)})
	})
}

func FuzzDecode(f *testing.F) {
	c, _ := content.LoadCourse(course(nil), "x")
	f.Add(c.Encode())
	f.Add([]byte(`{"id":"x","lessons":null,"media":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := content.Decode(data)
		if err != nil {
			return
		}
		again, err := content.Decode(c.Encode())
		if err != nil || again.Ref() != c.Ref() || !bytes.Equal(again.Encode(), c.Encode()) {
			t.Fatalf("decoded again: %v, error %v", again, err)
		}
		files, err := content.Format(c)
		if err == nil && len(files) != len(c.Lessons)+1 {
			t.Fatalf("%d files for %d lessons", len(files), len(c.Lessons))
		}
	})
}

func FuzzPhrases(f *testing.F) {
	f.Add([]byte(samplePhrases))
	f.Add([]byte("a:\n  b: '{x}{y_1}'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := content.LoadPhrases(data)
		if err != nil {
			return
		}
		for _, key := range p.Keys() {
			if !p.Has(key) || p.Say(key) == "" {
				t.Fatalf("key %q says nothing", key)
			}
		}
		if _, err := p.With(data); err != nil {
			t.Fatalf("a catalogue does not override itself: %v", err)
		}
	})
}
