package content

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// packsDir is the folder of the packs below the content folder; packFile makes a folder a pack.
const (
	packsDir = "packs"
	packFile = "pack.yaml"
)

var packKeys = []string{keyName, keyRegions}

// Pack is a folder of local courses (特色课) that a prefecture or a county puts on top of the province's:
// packs/<id>/pack.yaml and packs/<id>/courses/….
type Pack struct {
	ID      string   `json:"id"` // name of its folder
	Name    string   `json:"name"`
	Regions []string `json:"regions"` // as Course.Regions; those of every course in it that names none
}

// Packs returns the packs on top of the common courses, by id.
func (l *Library) Packs() []Pack {
	if l == nil {
		return nil
	}
	return slices.Clone(l.packs)
}

// Dir is the folder of a current course's files, below the content folder.
func (l *Library) Dir(course string) string {
	if l != nil && l.dirs[course] != "" {
		return l.dirs[course]
	}
	return path.Join(coursesDir, course)
}

// folderLoader reads the content folder: the common courses, and the packs on top of them.
type folderLoader struct {
	rules    Rules
	fsys     fs.FS
	problems []Problem
	courses  []*Course
	packs    []Pack
	dirs     map[string]string // course → folder
	marks    map[string]findings
}

func (l *folderLoader) load() {
	packs := l.packFolders()
	_, err := fs.Stat(l.fsys, coursesDir)
	if packsAlone := errors.Is(err, fs.ErrNotExist) && len(packs) > 0; !packsAlone {
		l.coursesOf(coursesDir, nil)
	}
	for _, id := range packs {
		l.pack(id)
	}
	l.checkReplaced()
}

// packFolders are the names below packs/.
func (l *folderLoader) packFolders() []string {
	entries, err := fs.ReadDir(l.fsys, packsDir)
	if err != nil {
		return nil // there need not be any
	}
	var out []string
	for _, e := range entries {
		f := findings{file: path.Join(packsDir, e.Name())}
		switch {
		case ignored(e.Name()):
			continue
		case !isDir(l.fsys, packsDir, e):
			f.warn(0, 0, "content.file_unused")
		case !idPattern.MatchString(e.Name()) || len(e.Name()) > MaxIDBytes:
			f.wrong(0, 0, "content.pack_id", fault.A("id", e.Name()), fault.A("limit", MaxIDBytes))
		default:
			out = append(out, e.Name())
		}
		l.problems = append(l.problems, f.list...)
	}
	return out
}

// pack reads one pack. Without a readable pack.yaml nobody knows whom its courses are for: none of them is taken.
func (l *folderLoader) pack(id string) {
	dir := path.Join(packsDir, id)
	f := findings{file: path.Join(dir, packFile)}
	p := Pack{ID: id}
	data, err := fs.ReadFile(l.fsys, f.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.wrong(0, 0, "content.pack_file_missing")
	case err != nil:
		f.wrong(0, 0, "content.file_unreadable")
	default:
		p.read(&f, data)
	}
	l.problems = append(l.problems, f.list...)
	if broken(f.list) {
		return
	}
	l.packs = append(l.packs, p)
	l.coursesOf(path.Join(dir, coursesDir), &p)
}

func (p *Pack) read(f *findings, data []byte) {
	text, ok := textOf(f, data)
	if !ok {
		return
	}
	for i, line := range strings.Split(text, "\n") {
		checkCharacters(f, i+1, line)
	}
	if broken(f.list) {
		return
	}
	text, _ = halfWidthColons(text)
	before := len(f.list)
	root := yamlRoot(f, text)
	if root == nil {
		if len(f.list) == before {
			f.wrong(0, 0, "content.file_empty")
		}
		return
	}
	found := map[string]bool{}
	for _, x := range pairs(f, root, packKeys) {
		found[x.key] = true
		if x.key == keyRegions {
			p.Regions = f.regionsOf(x)
		} else if s, ok := scalar(f, x.value, x.key); ok {
			p.Name = s
		}
	}
	for _, key := range packKeys {
		if !found[key] && !broken(f.list) {
			f.wrong(0, 0, "content.key_missing", fault.A("key", key))
		}
	}
}

// coursesOf reads the courses of a folder; pack is nil for the common ones.
func (l *folderLoader) coursesOf(dir string, pack *Pack) {
	f := findings{file: dir}
	entries, err := fs.ReadDir(l.fsys, dir)
	if err != nil {
		f.wrong(0, 0, "content.courses_missing")
		l.problems = append(l.problems, f.list...)
		return
	}
	folders := 0
	for _, e := range entries {
		if ignored(e.Name()) {
			continue
		}
		f.file = path.Join(dir, e.Name())
		if !isDir(l.fsys, dir, e) {
			f.warn(0, 0, "content.file_unused")
			continue
		}
		folders++
		if other := l.dirs[e.Name()]; other != "" {
			// A course is one thing to everybody: a class that names it must not teach two.
			f.wrong(0, 0, "content.course_twice", fault.A("other", other))
			continue
		}
		x := courseLoader{rules: l.rules, fsys: l.fsys, dir: path.Join(dir, e.Name()), id: e.Name(), pack: pack}
		c, found := x.finish()
		l.problems = append(l.problems, found...)
		l.dirs[e.Name()] = x.dir
		if c != nil {
			l.courses = append(l.courses, c)
			l.marks[c.ID] = findings{file: path.Join(x.dir, courseFile), replaces: x.replaces}
		}
	}
	if folders == 0 {
		f.file = dir
		f.wrong(0, 0, "content.no_course")
	}
	l.problems = append(l.problems, f.list...)
}

// checkReplaced looks at what local courses take the place of. A course that cannot is left out: both would
// stand in the menu.
func (l *folderLoader) checkReplaced() {
	byID := map[string]*Course{}
	for _, c := range l.courses {
		byID[c.ID] = c
	}
	l.courses = slices.DeleteFunc(l.courses, func(c *Course) bool {
		if c.Replaces == "" {
			return false
		}
		f := l.marks[c.ID]
		switch of := byID[c.Replaces]; {
		case of == nil:
			f.wrong(f.replaces.line, f.replaces.column, "content.replaces_unknown", fault.A("value", c.Replaces))
		case of.Local():
			f.wrong(f.replaces.line, f.replaces.column, "content.replaces_local", fault.A("value", c.Replaces))
		}
		l.problems = append(l.problems, f.list...)
		return len(f.list) > 0
	})
}

func (l *folderLoader) library() *Library {
	n := NewLibrary(l.fsys, l.courses...)
	n.packs, n.dirs = l.packs, l.dirs
	slices.SortFunc(n.packs, func(a, b Pack) int { return cmp.Compare(a.ID, b.ID) })
	return n
}
