package content

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Library is an immutable set of courses and their versions. The zero value, and nil, is an empty
// library. It may be used by many goroutines.
type Library struct {
	files    fs.FS // for media; nil when there are none
	current  map[string]*Course
	versions map[Ref]*Course
	packs    []Pack
	dirs     map[string]string // of courses, where it is not courses/<id>
}

// NewLibrary makes a library of current courses. files holds courses/<id>/… for Media and may be
// nil.
func NewLibrary(files fs.FS, courses ...*Course) *Library {
	return (&Library{files: files}).WithCurrent(courses...)
}

// Current returns the version of the course that is taught to those who begin now, nil when there
// is no such course.
func (l *Library) Current(id string) *Course {
	if l == nil {
		return nil
	}
	return l.current[id]
}

// Version returns one version of a course, current or old, nil when it is not known.
func (l *Library) Version(ref Ref) *Course {
	if l == nil {
		return nil
	}
	return l.versions[ref]
}

// Courses returns the current courses, ordered by id.
func (l *Library) Courses() []*Course {
	if l == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(l.current), func(a, b *Course) int { return cmp.Compare(a.ID, b.ID) })
}

// With returns a library that also knows these versions, without making them current: what was
// taught before, as the database kept it.
func (l *Library) With(courses ...*Course) *Library {
	n := l.clone()
	for _, c := range courses {
		n.versions[c.Ref()] = c
	}
	return n
}

// WithCurrent returns a library in which these courses are current. What was current under the
// same ids stays known as a version.
func (l *Library) WithCurrent(courses ...*Course) *Library {
	n := l.With(courses...)
	for _, c := range courses {
		n.current[c.ID] = c
	}
	return n
}

func (l *Library) clone() *Library {
	n := &Library{current: make(map[string]*Course), versions: make(map[Ref]*Course)}
	if l != nil {
		n.files, n.packs, n.dirs = l.files, l.packs, l.dirs
		maps.Copy(n.current, l.current)
		maps.Copy(n.versions, l.versions)
	}
	return n
}

// Media opens a picture or a recording of one version of a course. name is the path as the lesson
// gives it. The bytes are those the version was made with: a file that was changed or removed since
// is fs.ErrNotExist, as is everything that no lesson of the version names.
func (l *Library) Media(ref Ref, name string) (io.ReadCloser, error) {
	c := l.Version(ref)
	if c == nil || c.Media[name] == "" || l.files == nil || !fs.ValidPath(name) {
		return nil, fmt.Errorf("media %s of course %s: %w", name, ref.Course, fs.ErrNotExist)
	}
	data, err := fs.ReadFile(l.files, path.Join(l.Dir(c.ID), name))
	if err != nil {
		return nil, fmt.Errorf("reading media of course %s: %w", ref.Course, err)
	}
	if digest(data) != c.Media[name] {
		return nil, fmt.Errorf("media %s of course %s was changed since: %w", name, ref.Course, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}
