package content_test

import (
	"io"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/content"
)

const goodPack = "名称: 大理州本地课\n地区: 532900000000\n"

// packed is a province's course x and a prefecture's pack with course y, and what is given besides; "" takes away.
func packed(files map[string]string) fstest.MapFS {
	all := map[string]string{
		"courses/x/course.yaml": goodCourse, "courses/x/01-a.md": goodLesson,
		"packs/dali/pack.yaml": goodPack, "packs/dali/courses/y/course.yaml": goodCourse, "packs/dali/courses/y/01-a.md": goodLesson,
	}
	maps.Copy(all, files)
	fsys := fstest.MapFS{}
	for name, text := range all {
		if text != "" {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return fsys
}

func with(course, line string) string { return course + line + "\n" }

func TestPacksAddLocalCourses(t *testing.T) {
	t.Parallel()
	l, problems := content.Load(packed(map[string]string{
		"packs/dali/courses/z/course.yaml": with(goodCourse, "地区: [532901, 532922001000]"), "packs/dali/courses/z/01-a.md": withMedia("p.png", "a.mp3"),
		"packs/dali/courses/z/p.png": pngBytes, "packs/dali/courses/z/a.mp3": mp3Bytes, "packs/readme.md": "给老师看的",
	}))
	if len(problems) > 0 {
		t.Fatal(said(problems))
	}
	if diff := cmp.Diff([]content.Pack{{ID: "dali", Name: "大理州本地课", Regions: []string{"5329"}}}, l.Packs()); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[string][]string{"x": nil, "y": {"5329"}, "z": {"532901", "532922001"}} {
		if diff := cmp.Diff(want, l.Current(id).Regions); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
	for unit, want := range map[string]string{"532901001001": "xyz", "532922001200": "xyz", "532922002000": "xy", "530102001001": "x", "": "x"} {
		got := ""
		for _, c := range l.Courses() {
			if c.IsFor(unit) {
				got += c.ID
			}
		}
		if got != want {
			t.Errorf("people of %q have %s, want %s", unit, got, want)
		}
	}
	r, err := l.With(l.Current("x")).Media(l.Current("z").Ref(), "p.png")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != pngBytes {
		t.Errorf("%q, %v", data, err)
	}
	if l.Dir("z") != "packs/dali/courses/z" || l.Dir("x") != "courses/x" {
		t.Errorf("%s, %s", l.Dir("z"), l.Dir("x"))
	}
	var none *content.Library
	if none.Packs() != nil || none.Dir("x") != "courses/x" {
		t.Error("a nil library is not empty")
	}
}

func TestProblemsOfPacks(t *testing.T) {
	t.Parallel()
	const y, file = "packs/dali/courses/y/course.yaml", "packs/dali/pack.yaml"
	for name, c := range map[string]struct {
		files map[string]string
		left  string // ids of the courses that are taken
		want  []string
	}{
		"nothing wrong":            {nil, "xy", nil},
		"no common courses at all": {map[string]string{"courses/x/course.yaml": "", "courses/x/01-a.md": ""}, "y", nil},
		"no pack.yaml":             {map[string]string{file: ""}, "x", []string{file + ": 内容包里没有 pack.yaml"}},
		"an empty pack.yaml":       {map[string]string{file: "# x\n"}, "x", []string{file + ": 这个文件是空的"}},
		"a pack for nobody":        {map[string]string{file: "名称: 大理\n"}, "x", []string{file + ": 缺少“地区”"}},
		"a pack with odd keys":     {map[string]string{file: goodPack + "类别: 选修课\n"}, "x", []string{file + ":3:1: 不认识“类别”。这里能写的有：名称、地区。"}},
		"a region that is none":    {map[string]string{file: "名称：大理\n地区：大理\n"}, "x", []string{file + ":2:5: 地区“大理”不对"}},
		"a pack of an odd name":    {map[string]string{"packs/大理/pack.yaml": goodPack}, "xy", []string{"packs/大理: 内容包文件夹的名字“大理”不行"}},
		"a pack without courses":   {map[string]string{"packs/lijiang/pack.yaml": goodPack}, "xy", []string{"packs/lijiang/courses: 找不到 courses 文件夹"}},
		"a file beside the packs":  {map[string]string{"packs/x.txt": "x"}, "xy", []string{"packs/x.txt: 提醒：没有哪一节课用到"}},
		"the same name twice": {map[string]string{"packs/dali/courses/x/course.yaml": goodCourse, "packs/dali/courses/x/01-a.md": goodLesson}, "xy",
			[]string{"packs/dali/courses/x: 有两门课用了同一个文件夹名，另一门在 courses/x"}},
		"a common course in a pack":          {map[string]string{y: with(goodCourse, "范围: 通用主课")}, "x", []string{y + ":9:5: “大理州本地课”内容包里只放特色课"}},
		"regions outside the pack":           {map[string]string{y: with(goodCourse, "地区: [5329, 5301]")}, "x", []string{y + ":9:5: 地区超出了“大理州本地课”内容包的范围（5329）"}},
		"takes the place of a common course": {map[string]string{y: with(goodCourse, "替代: x")}, "xy", nil},
		"takes the place of nothing":         {map[string]string{y: with(goodCourse, "替代: none")}, "x", []string{y + ":9:5: 没有课程“none”"}},
		"takes the place of a local course": {map[string]string{
			"packs/dali/courses/z/course.yaml": with(goodCourse, "替代: y"), "packs/dali/courses/z/01-a.md": goodLesson,
		}, "xy", []string{"packs/dali/courses/z/course.yaml:9:5: “y”也是特色课"}},
		"takes its own place": {map[string]string{y: with(goodCourse, "替代: y")}, "x", []string{y + ":9:5: 替代“y”不对"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, problems := content.Load(packed(c.files))
			left := ""
			for _, x := range l.Courses() {
				left += x.ID
			}
			if left != c.left {
				t.Errorf("taken: %s, want %s\n%s", left, c.left, said(problems))
			}
			if len(problems) != len(c.want) {
				t.Fatalf("problems:\n%s", said(problems))
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), c.want[i]) {
					t.Errorf("%s\nwant %s", p, c.want[i])
				}
			}
		})
	}
}

func TestTiersByCategory(t *testing.T) {
	t.Parallel()
	c := loadGood(t, map[string]string{"course.yaml": goodCourse + "适用：\n  村干部：选修课\n  其他: 不开\n关键词：水管\n"})
	for category, want := range map[string]content.Tier{"村干部": content.TierElective, "乡镇干部": content.TierNone, "": content.TierNone} {
		if got := c.TierFor(category); got != want {
			t.Errorf("%q: %s, want %s", category, got, want)
		}
	}
	if plain := loadGood(t, nil); plain.TierFor("村干部") != content.TierRequired || plain.TierFor("") != content.TierRequired {
		t.Error("类别 is not what holds where 适用 says nothing")
	}
	if diff := cmp.Diff([]string{"水管"}, c.Keywords); diff != "" {
		t.Error(diff)
	}
}

// What was published before courses knew for whom they are keeps its version.
func TestNewKeysLeaveOldVersionsAlone(t *testing.T) {
	t.Parallel()
	if got := string(loadGood(t, nil).Encode()); strings.Contains(got, "regions") || strings.Contains(got, "tiers") || strings.Contains(got, "keywords") || strings.Contains(got, "replaces") {
		t.Error(got)
	}
	plain, local := loadGood(t, nil), loadGood(t, map[string]string{"course.yaml": with(goodCourse, "地区: 5301")})
	if plain.Ref() == local.Ref() {
		t.Error("for whom a course is is not part of its version")
	}
}
