package content_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/content"
)

func loadGood(t *testing.T, files map[string]string) *content.Course {
	t.Helper()
	c, problems := content.LoadCourse(course(files), "x")
	if c == nil {
		t.Fatal(said(problems))
	}
	return c
}

func TestTheVersionIsTheHashOfTheContent(t *testing.T) {
	t.Parallel()
	c := loadGood(t, nil)
	// The canonical form is stored in databases: a change of this value orphans every stored version.
	if got, want := c.Ref(), (content.Ref{Course: "x", Version: "4ba96efabfc995b4"}); got != want {
		t.Errorf("ref %v, want %v; canonical form:\n%s", got, want, c.Encode())
	}
	if again := loadGood(t, nil); !bytes.Equal(again.Encode(), c.Encode()) || again.Ref() != c.Ref() {
		t.Error("the same files give another version")
	}
	other := loadGood(t, map[string]string{"01-a.md": strings.Replace(goodLesson, "是的。", "对的。", 1)})
	if other.Ref() == c.Ref() {
		t.Error("another explanation gives the same version")
	}
	picture := map[string]string{"01-a.md": withMedia("p.png", "a.mp3"), "p.png": pngBytes, "a.mp3": mp3Bytes}
	with := loadGood(t, picture)
	picture["p.png"] += "x"
	if changed := loadGood(t, picture); changed.Ref() == with.Ref() {
		t.Error("another picture under the same name gives the same version")
	}
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	t.Parallel()
	c := loadGood(t, map[string]string{"01-a.md": withMedia("p.png", "a.mp3"), "p.png": pngBytes, "a.mp3": mp3Bytes})
	got, err := content.Decode(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got, cmp.AllowUnexported(content.Course{})); diff != "" {
		t.Error(diff)
	}
	// A JSON column of a database gives keys in its own order, with blanks.
	var loose map[string]any
	if err := json.Unmarshal(c.Encode(), &loose); err != nil {
		t.Fatal(err)
	}
	reordered, err := json.MarshalIndent(loose, " ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if got, err = content.Decode(reordered); err != nil || got.Ref() != c.Ref() {
		t.Errorf("reordered: ref %v, error %v, want %v", got.Ref(), err, c.Ref())
	}
	for _, bad := range []string{"", "null", "[]", "{", `{"id":"x"} {}`, `{"id":"x","colour":"red"}`, `{"number":"one"}`} {
		if c, err := content.Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%q) = %v, want an error", bad, c)
		}
	}
}

func TestLibraryKeepsOldVersions(t *testing.T) {
	t.Parallel()
	files := course(nil)
	before, _ := content.Load(files)
	old := before.Current("x")
	now := loadGood(t, map[string]string{"course.yaml": strings.Replace(goodCourse, "版本: 1", "版本: 2", 1)})

	l := content.NewLibrary(files, now).With(old)
	if l.Current("x") != now {
		t.Error("an old version became current")
	}
	if l.Version(old.Ref()) != old || l.Version(now.Ref()) != now {
		t.Error("a version is not known")
	}
	if before.Version(now.Ref()) != nil {
		t.Error("a library was changed")
	}
	back := l.WithCurrent(old)
	if back.Current("x") != old || back.Version(now.Ref()) != now || l.Current("x") != now {
		t.Error("WithCurrent")
	}
	b := content.Seal(content.Course{ID: "b"})
	a := content.Seal(content.Course{ID: "a"})
	var ids []string
	for _, c := range l.WithCurrent(b, a).Courses() {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff([]string{"a", "b", "x"}, ids); diff != "" {
		t.Error(diff)
	}
	var none *content.Library
	if none.Current("x") != nil || none.Version(old.Ref()) != nil || none.Courses() != nil || none.With(old).Version(old.Ref()) != old {
		t.Error("a nil library is not empty")
	}
}

func TestMediaIsWhatTheVersionWasMadeWith(t *testing.T) {
	t.Parallel()
	files := course(map[string]string{"01-a.md": withMedia("pictures/p.png", "a.mp3"), "pictures/p.png": pngBytes, "a.mp3": mp3Bytes})
	l, problems := content.Load(files)
	if len(problems) > 0 {
		t.Fatal(said(problems))
	}
	ref := l.Current("x").Ref()
	r, err := l.Media(ref, "pictures/p.png")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil || string(data) != pngBytes || r.Close() != nil {
		t.Errorf("read %q, error %v", data, err)
	}
	for _, name := range []string{"course.yaml", "../x/pictures/p.png", "", "pictures", "b.png"} {
		if _, err := l.Media(ref, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("media %q: error %v, want not exist", name, err)
		}
	}
	if _, err := l.Media(content.Ref{Course: "x", Version: "0"}, "a.mp3"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown version: error %v", err)
	}
	files["courses/x/a.mp3"].Data = []byte(mp3Bytes + "another recording")
	if _, err := l.Media(ref, "a.mp3"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("changed since: error %v, want not exist", err)
	}
}

func TestFormatWritesWhatReadsBack(t *testing.T) {
	t.Parallel()
	media := map[string]string{"p.png": pngBytes, "a.mp3": mp3Bytes, "01-a.md": withMedia("p.png", "a.mp3")}
	courses := []*content.Course{
		loadGood(t, media),
		loadGood(t, map[string]string{
			"course.yaml": read(t, "testdata/good/course.yaml"), "01-a.md": read(t, "testdata/good/01-wide-and-loose.md"),
		}),
		loadGood(t, map[string]string{"course.yaml": goodCourse + "范围: 特色\n地区: [532901, 5301]\n替代: other\n适用: {村干部: 重点课, 其他: 不开, '2026: 年': 选修课}\n关键词: [水管, 'no', '5: 6']\n"}),
		loadGood(t, map[string]string{"course.yaml": strings.NewReplacer("山区防灾", `"yes: # 2021"`, "短课。", "|\n  一\n\n  - 二: 三", "条例", "'2021'").Replace(goodCourse)}),
	}
	for _, c := range courses {
		files, err := content.Format(c)
		if err != nil {
			t.Fatal(err)
		}
		again := map[string]string{"p.png": pngBytes, "a.mp3": mp3Bytes}
		for name, data := range files {
			again[name] = string(data)
		}
		got := loadGood(t, again)
		if diff := cmp.Diff(string(c.Encode()), string(got.Encode())); diff != "" {
			t.Error(diff)
		}
		twice, err := content.Format(got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(files, twice); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFormatRefusesWhatTheNotationCannotSay(t *testing.T) {
	t.Parallel()
	cases := map[string]func(c *content.Course){
		"a stem that looks like an option": func(c *content.Course) { c.Lessons[0].Items[0].Stem = "选哪个？\nA. 甲" },
		"an explanation in paragraphs":     func(c *content.Course) { c.Lessons[0].Items[0].Explanation = "一\n\n二" },
		"a body with a quiz in it":         func(c *content.Course) { c.Lessons[0].Body = "一\n\n## 测验\n\n二" },
		"an item id of another kind":       func(c *content.Course) { c.Lessons[0].Items[0].ID = "first" },
		"an id that leaves the folder":     func(c *content.Course) { c.Lessons[0].ID = "../../01-a" },
		"an id that is the course file":    func(c *content.Course) { c.Lessons[0].ID = "course" },
		"a header in a title":              func(c *content.Course) { c.Lessons[0].Title = "一\n时长: 9分" },
		"a tier of another kind":           func(c *content.Course) { c.Tier = "gold" },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := loadGood(t, nil)
			change(c)
			if files, err := content.Format(c); err == nil {
				t.Errorf("no error, files %s", files)
			}
		})
	}
}
