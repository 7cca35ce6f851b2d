package content_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/content"
)

var update = flag.Bool("update", false, "rewrite the expected problems")

const (
	goodCourse = "名称: 山区防灾\n版本: 1\n类别: 必修课\n及格线: 60\n简介: 短课。\n作者: [编写组]\n来源:\n  - 标题: 条例\n"
	goodLesson = "---\n标题: 看预警\n导语: 先看颜色。\n时长: 2分\n---\n正文。\n\n## 测验\n\n1. [判断] 红色最重。\n答案: 对\n解析: 是的。\n"
)

// course puts files into the folder of course x, with a good course.yaml and a good lesson unless
// they are given.
func course(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{
		"courses/x/course.yaml": {Data: []byte(goodCourse)},
		"courses/x/01-a.md":     {Data: []byte(goodLesson)},
	}
	for name, data := range files {
		fsys["courses/x/"+name] = &fstest.MapFile{Data: []byte(data)}
	}
	return fsys
}

func said(problems []content.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(strings.TrimPrefix(p.String(), "courses/x/") + "\n")
	}
	return b.String()
}

// Every file in testdata/bad is read as a lesson or as a course.yaml; what is said about it stands
// beside it. Run with -update after a sentence was changed, and read the difference.
func TestProblemsOfBadFiles(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/bad/*.[my]*")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d files, error %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			as := "01-a.md"
			if filepath.Ext(name) == ".yaml" {
				as = "course.yaml"
			}
			_, problems := content.LoadCourse(course(map[string]string{as: string(data)}), "x")
			got := said(problems)
			golden := strings.TrimSuffix(name, filepath.Ext(name)) + ".problems"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if len(problems) == 0 {
				t.Error("nothing is wrong with this file")
			}
			if strings.Contains(got, "〔") {
				t.Error("a sentence lacks an argument")
			}
		})
	}
}
