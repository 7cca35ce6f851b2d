package content

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// coursesDir is the folder of the courses below the content folder; courseFile is the file that
// makes a folder a course.
const (
	coursesDir = "courses"
	courseFile = "course.yaml"
)

// Rules are the checks that an installation can choose. The zero value is the default.
type Rules struct {
	// Hosts are the only hosts (with their sub-domains) that links may lead to; empty for all.
	Hosts []string
}

// Load reads every course below courses/ of fsys, and those of the packs on top of them, below packs/. The library holds the courses without errors;
// problems holds everything found in all files, sorted. Equal files give equal results. The
// library is never nil.
func Load(fsys fs.FS) (*Library, []Problem) { return Rules{}.Load(fsys) }

// LoadCourse reads courses/<id> of fsys. The course is nil when a problem is more than a warning.
func LoadCourse(fsys fs.FS, id string) (*Course, []Problem) { return Rules{}.LoadCourse(fsys, id) }

// Load is the function Load with these rules.
func (r Rules) Load(fsys fs.FS) (*Library, []Problem) {
	l := folderLoader{rules: r, fsys: fsys, problems: []Problem{}, dirs: map[string]string{}, marks: map[string]findings{}}
	l.load()
	return l.library(), sorted(l.problems)
}

// isDir looks through a symbolic link.
func isDir(fsys fs.FS, dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := fs.Stat(fsys, path.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
	lessonPattern = regexp.MustCompile(`^[0-9]{2,3}-[a-z0-9]+(?:-[a-z0-9]+)*$`)
)

// LoadCourse is the function LoadCourse with these rules.
func (r Rules) LoadCourse(fsys fs.FS, id string) (*Course, []Problem) {
	l := courseLoader{rules: r, fsys: fsys, dir: path.Join(coursesDir, id), id: id}
	return l.finish()
}

// finish reads the folder.
func (l *courseLoader) finish() (*Course, []Problem) {
	l.f.file = l.dir
	if odd := !fs.ValidPath(l.dir) || strings.Contains(l.id, "/"); odd || !idPattern.MatchString(l.id) || len(l.id) > MaxIDBytes {
		l.f.wrong(0, 0, "content.course_id", fault.A("id", l.id), fault.A("limit", MaxIDBytes))
		if odd {
			return nil, l.f.list
		}
	}
	l.load()
	l.problems = append(l.problems, l.f.list...)
	problems := sorted(l.problems)
	if l.course == nil || broken(problems) {
		return nil, problems
	}
	return Seal(*l.course), problems
}

// courseLoader reads one course folder.
type courseLoader struct {
	rules    Rules
	fsys     fs.FS
	dir, id  string
	pack     *Pack    // that the course stands in; nil for none
	replaces place    // where course.yaml says 替代
	f        findings // of the folder itself
	problems []Problem
	course   *Course
	media    map[string]string
	titles   map[string]string // lesson title → file
	numbers  map[string]string // number of a lesson file → file
}

func (l *courseLoader) load() {
	entries, err := fs.ReadDir(l.fsys, l.dir)
	if err != nil {
		l.f.wrong(0, 0, "content.course_unreadable")
		return
	}
	l.media, l.titles, l.numbers = make(map[string]string), make(map[string]string), make(map[string]string)
	l.readCourseFile()
	var folders, others []string
	for _, e := range entries {
		switch name := e.Name(); {
		case name == courseFile, ignored(name):
		case e.IsDir():
			folders = append(folders, name)
		case strings.EqualFold(path.Ext(name), ".md"):
			l.lesson(name)
		default:
			others = append(others, name)
		}
	}
	if l.course != nil && len(l.course.Lessons) == 0 {
		l.f.wrong(0, 0, "content.course_empty")
	}
	if l.course != nil && len(l.course.Lessons) > MaxLessons {
		l.f.wrong(0, 0, "content.lessons_many", fault.A("limit", MaxLessons))
	}
	for _, name := range folders {
		others = append(others, l.filesOf(name)...)
	}
	l.unused(others)
	if l.course != nil && len(l.media) > 0 {
		l.course.Media = l.media
	}
}

// at begins the findings of one file of the folder; done keeps them.
func (l *courseLoader) at(name string) *findings {
	l.problems = append(l.problems, l.f.list...)
	l.f = findings{file: path.Join(l.dir, name)}
	return &l.f
}

func (l *courseLoader) done() {
	l.problems = append(l.problems, l.f.list...)
	l.f = findings{file: l.dir}
}

func (l *courseLoader) readCourseFile() {
	f := l.at(courseFile)
	defer l.done()
	l.course = &Course{ID: l.id, Lessons: []Lesson{}}
	data, err := fs.ReadFile(l.fsys, f.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.wrong(0, 0, "content.course_file_missing")
	case err != nil:
		f.wrong(0, 0, "content.file_unreadable")
	default:
		l.course = l.rules.parseCourse(f, l.id, data)
		l.replaces = f.replaces
		l.inPack(f)
	}
}

// inPack makes a pack's course local: for its own regions, or else for the pack's.
func (l *courseLoader) inPack(f *findings) {
	c := l.course
	switch {
	case l.pack == nil && !c.Local() && f.scope.local:
		f.wrong(f.scope.line, f.scope.column, "content.scope_local")
	case l.pack == nil && !c.Local() && c.Replaces != "":
		f.wrong(f.replaces.line, f.replaces.column, "content.replaces_common")
	case l.pack == nil:
	case f.scope.common:
		f.wrong(f.scope.line, f.scope.column, "content.scope_in_pack", fault.A("pack", l.pack.Name))
	case f.regions == place{}:
		c.Regions = l.pack.Regions
	case !inside(c.Regions, l.pack.Regions):
		f.wrong(f.regions.line, f.regions.column, "content.region_outside", fault.A("pack", l.pack.Name), fault.A("regions", strings.Join(l.pack.Regions, "、")))
	}
}

func (l *courseLoader) lesson(name string) {
	f := l.at(name)
	defer l.done()
	id := strings.TrimSuffix(name, ".md")
	if !lessonPattern.MatchString(id) || len(id) > MaxIDBytes {
		f.wrong(0, 0, "content.lesson_id", fault.A("limit", MaxIDBytes))
	}
	number, _, _ := strings.Cut(id, "-")
	if other, twice := l.numbers[number]; twice {
		f.warn(0, 0, "content.lesson_number_twice", fault.A("number", number), fault.A("other", other))
	} else {
		l.numbers[number] = name
	}
	for other := range l.numbers {
		if len(other) != len(number) && lessonPattern.MatchString(id) && isDigits(other) {
			f.wrong(0, 0, "content.lesson_number_width")
			break
		}
	}
	data, err := fs.ReadFile(l.fsys, f.file)
	if err != nil {
		f.wrong(0, 0, "content.file_unreadable")
		return
	}
	lesson, fields := l.rules.parseLesson(f, id, data)
	l.checkMedia(f, fields[keyPicture], lesson.Picture, pictures)
	l.checkMedia(f, fields[keyAudio], lesson.Audio, recordings)
	if other, twice := l.titles[lesson.Title]; twice {
		f.warn(fields[keyTitle].line, fields[keyTitle].column, "content.title_twice", fault.A("other", other))
	} else if lesson.Title != "" {
		l.titles[lesson.Title] = name
	}
	l.course.Lessons = append(l.course.Lessons, lesson)
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func (l *courseLoader) checkMedia(f *findings, at field, name string, kind mediaKind) {
	if name == "" {
		return
	}
	if sum := checkMedia(f, l.fsys, l.dir, at, name, kind); sum != "" {
		l.media[name] = sum
	}
}

// filesOf are the files of a sub-folder; what lies deeper is not looked at.
func (l *courseLoader) filesOf(folder string) []string {
	entries, err := fs.ReadDir(l.fsys, path.Join(l.dir, folder))
	if err != nil {
		l.at(folder).wrong(0, 0, "content.file_unreadable")
		l.done()
		return nil
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && !ignored(e.Name()) {
			out = append(out, path.Join(folder, e.Name()))
		}
	}
	return out
}

// unused reports files that no lesson names.
func (l *courseLoader) unused(names []string) {
	used := l.named()
	for _, name := range names {
		if !slices.Contains(used, name) {
			l.at(name).warn(0, 0, "content.file_unused")
			l.done()
		}
	}
}

// named are all files that the lessons name, usable or not.
func (l *courseLoader) named() []string {
	var out []string
	for i := range l.course.Lessons {
		out = append(out, l.course.Lessons[i].Picture, l.course.Lessons[i].Audio)
	}
	return out
}

// ignored are files that programs leave behind, and notes for people.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "~") ||
		strings.EqualFold(name, "readme.md") || strings.EqualFold(name, "thumbs.db") || strings.EqualFold(name, "desktop.ini")
}
