package content_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/tiangeng/tiangeng/content"
)

const (
	pngBytes = "\x89PNG\r\n\x1a\n…"
	mp3Bytes = "ID3…"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func withMedia(picture, audio string) string {
	return strings.Replace(goodLesson, "时长: 2分\n", "时长: 2分\n图片: "+picture+"\n音频: "+audio+"\n", 1)
}

func TestWideAndLooseWritingIsAccepted(t *testing.T) {
	t.Parallel()
	c, problems := content.LoadCourse(fstest.MapFS{
		"courses/x/course.yaml": {Data: []byte(read(t, "testdata/good/course.yaml"))},
		"courses/x/01-a.md":     {Data: []byte(read(t, "testdata/good/01-wide-and-loose.md"))},
	}, "x")
	if len(problems) > 0 {
		t.Fatal(said(problems))
	}
	want := &content.Course{
		ID: "x", Number: 2, Title: "宽松的写法", Summary: "第一行\n第二行", Tier: content.TierElective, PassMark: 60,
		Authors: []string{"编写组"},
		Sources: []content.Source{
			{Title: "条例：总则", Date: "2021-05-19"},
			{Title: "办法", From: "国务院", Date: "2021-05", URL: "https://www.gov.cn/zhengce"},
			{Title: "通知", Date: "2021"},
		},
		Lessons: []content.Lesson{{
			ID: "01-a", Title: "宽松的写法", Lead: "全角标点、题型加“题”字、括号换样子，都读得懂。", Seconds: 90,
			Body: "第一段，\n还是第一段。\n\n第二段。\n\n---\n\n　　第二页。网址 https://www.gov.cn/zhengce 可以写。",
			Items: []content.Item{
				{ID: "q1", Kind: content.Single, Stem: "全角的题号？", Options: []content.Option{{Text: "甲"}, {Text: "乙"}, {Text: "丙", Correct: true}, {Text: "丁"}}, Explanation: "全角也行。\n换行还是解析。"},
				{ID: "q2", Kind: content.Multiple, Stem: "哪些？\n下面选。", Options: []content.Option{{Text: "甲", Correct: true}, {Text: "乙"}, {Text: "丙", Correct: true}}, Explanation: "A. 是对的，C 也是。\nA. 再说一遍。"},
				{ID: "q3", Kind: content.TrueFalse, Stem: "年份（2021年）也在括号里。", True: true, Explanation: "对的。"},
				{ID: "q4", Kind: content.Fill, Stem: "叫做＿＿＿＿。", Accept: []string{"一户一策", "一户一案"}, Explanation: "都行。"},
				{ID: "q5", Kind: content.Numeric, Stem: "多少？", Number: 1234.5, Tolerance: 0.5, Unit: "万元", Explanation: "带单位。"},
				{ID: "q6", Kind: content.Numeric, Stem: "零下几度？", Number: -3, Unit: "℃", Explanation: "没写 ±。"},
			},
		}},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(content.Course{})); diff != "" {
		t.Error(diff)
	}
}

func TestBytesOfAFile(t *testing.T) {
	t.Parallel()
	encoded := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	gbk := encoded(simplifiedchinese.GBK.NewEncoder().String(goodLesson))
	utf16 := encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(goodLesson))
	bare := encoded(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(goodLesson))
	cases := []struct{ name, file, want string }{
		{"as it should be", goodLesson, ""},
		{"with a byte order mark", "\ufeff" + goodLesson, ""},
		{"with Windows line ends", strings.ReplaceAll(goodLesson, "\n", "\r\n"), ""},
		{"with old Macintosh line ends", strings.ReplaceAll(goodLesson, "\n", "\r"), ""},
		{"with unseen characters from a web page", strings.ReplaceAll(goodLesson, "。", "\u200b。\u00a0"), ""},
		{"GBK", gbk, "GBK"},
		{"UTF-16", utf16, "UTF-16"},
		{"UTF-16 without a mark", bare, "不是纯文字文件"},
		{"a picture", pngBytes + "\x00\x00", "不是纯文字文件"},
		{"cut in the middle of a character", goodLesson[:len(goodLesson)-5] + "\n", "01-a.md:12:6: 从这里开始读不出文字"},
		{"far too big", goodLesson + strings.Repeat("长", content.MaxFileBytes), "太大了"},
	}
	plain, _ := content.LoadCourse(course(nil), "x")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, problems := content.LoadCourse(course(map[string]string{"01-a.md": c.file}), "x")
			if c.want == "" {
				if len(problems) > 0 || got == nil || got.Ref() != plain.Ref() {
					t.Errorf("course %v, problems:\n%s", got, said(problems))
				}
				return
			}
			if len(problems) != 1 || got != nil || !strings.Contains(said(problems), c.want) {
				t.Errorf("problems:\n%swant one with %q", said(problems), c.want)
			}
		})
	}
}

func TestProblemsOfFolders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 41)
	cases := []struct {
		name  string
		files map[string]string // added to a good course
		drop  []string
		want  []string
	}{
		{"nothing wrong", map[string]string{"README.md": "给老师看的", ".DS_Store": "x", "~$a.docx": "x"}, nil, nil},
		{"no course.yaml", nil, []string{"course.yaml"}, []string{"course.yaml: 课程文件夹里没有 course.yaml"}},
		{"no lesson", nil, []string{"01-a.md"}, []string{"courses/x: 这门课一节课也没有"}},
		{"lesson names", map[string]string{"02-课.md": goodLesson, "3-b.md": goodLesson, "04-B.MD": goodLesson, "05-" + long + ".md": goodLesson}, nil, []string{
			"02-课.md: 课文件的名字不行", "04-B.MD: 课文件的名字不行", "05-" + long + ".md: 课文件的名字不行", "3-b.md: 课文件的名字不行",
			"02-课.md:2:5: 提醒：标题和 01-a.md 的一样", "04-B.MD:2:5: 提醒：标题和 01-a.md 的一样", "05-" + long + ".md:2:5: 提醒：标题和 01-a.md 的一样", "3-b.md:2:5: 提醒：标题和 01-a.md 的一样",
		}},
		{"a number twice", map[string]string{"01-b.md": strings.Replace(goodLesson, "看预警", "看颜色", 1)}, nil, []string{"01-b.md: 提醒：编号 01 和 01-a.md 重复了"}},
		{"numbers of two widths", map[string]string{"010-b.md": strings.Replace(goodLesson, "看预警", "看颜色", 1)}, nil, []string{"010-b.md: 课文件的编号位数不一样"}},
		{"files nobody uses", map[string]string{"旧稿.docx": "x", "pictures/old.png": pngBytes}, nil, []string{"pictures/old.png: 提醒：没有哪一节课用到", "旧稿.docx: 提醒：没有哪一节课用到"}},
		{"good media", map[string]string{"01-a.md": withMedia(`pictures\01.png`, "audio/01.mp3"), "pictures/01.png": pngBytes, "audio/01.mp3": mp3Bytes}, nil, nil},
		{"media missing", map[string]string{"01-a.md": withMedia("pictures/01.png", "audio/01.mp3"), "pictures/01.PNG": pngBytes}, nil, []string{
			"01-a.md:5:5: 找不到文件 pictures/01.png，只有 01.PNG", "01-a.md:6:5: 找不到文件 audio/01.mp3", "pictures/01.PNG: 提醒",
		}},
		{"media too large", map[string]string{"01-a.md": withMedia("01.png", "01.mp3"), "01.png": pngBytes + strings.Repeat("x", content.MaxPictureBytes), "01.mp3": mp3Bytes + strings.Repeat("x", content.MaxAudioBytes)}, nil, []string{
			"01-a.md:5:5: 文件 01.png 有 301 KB，太大了，最多 300 KB", "01-a.md:6:5: 文件 01.mp3 有 4097 KB，太大了，最多 4096 KB",
		}},
		{"media that is something else", map[string]string{"01-a.md": withMedia("pictures/01.jpg", "audio/01.m4a"), "pictures/01.jpg": pngBytes, "audio/01.m4a": ""}, nil, []string{
			"01-a.md:5:5: 文件 pictures/01.jpg 的内容和它的后缀对不上", "01-a.md:6:5: 文件 audio/01.m4a 的内容和它的后缀对不上",
		}},
		{"media that is a folder, media on the web", map[string]string{"01-a.md": withMedia("pictures.png", "https://a.cn/1.mp3"), "pictures.png/x": "x"}, nil, []string{
			"01-a.md:5:5: 文件 pictures.png 打不开", "01-a.md:6:5: “https://a.cn/1.mp3”不行", "pictures.png/x: 提醒",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fsys := course(c.files)
			for _, name := range c.drop {
				delete(fsys, "courses/x/"+name)
			}
			_, problems := content.LoadCourse(fsys, "x")
			got := said(problems)
			for _, w := range c.want {
				if !strings.Contains("\n"+got, "\n"+w) {
					t.Errorf("lacks %q", w)
				}
			}
			if len(problems) != len(c.want) || t.Failed() {
				t.Errorf("problems:\n%swant:\n%s", got, strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestProblemsOfTheContentFolder(t *testing.T) {
	t.Parallel()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	cases := []struct {
		name    string
		files   fstest.MapFS
		want    []string
		courses int
	}{
		{"nothing at all", fstest.MapFS{}, []string{"courses: 找不到 courses 文件夹"}, 0},
		{"no course", fstest.MapFS{"courses/.keep": file("")}, []string{"courses: courses 文件夹里一门课也没有"}, 0},
		{"a course name in Chinese", fstest.MapFS{"courses/防火/course.yaml": file(goodCourse), "courses/防火/01-a.md": file(goodLesson)}, []string{"courses/防火: 课程文件夹的名字“防火”不行"}, 0},
		{
			"a bad course does not take the good one with it",
			fstest.MapFS{
				"courses/a/course.yaml": file(goodCourse), "courses/a/01-a.md": file(""),
				"courses/b/course.yaml": file(goodCourse), "courses/b/01-a.md": file(goodLesson), "courses/b/notes.txt": file("x"),
				"courses/notes.txt": file("x"),
			},
			[]string{"courses/a/01-a.md: 这个文件是空的", "courses/b/notes.txt: 提醒：", "courses/notes.txt: 提醒："}, 1,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			library, problems := content.Load(c.files)
			if len(problems) != len(c.want) {
				t.Fatalf("problems:\n%s", said(problems))
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), c.want[i]) {
					t.Errorf("problem %q, want %q", p, c.want[i])
				}
			}
			if n := len(library.Courses()); n != c.courses {
				t.Errorf("%d courses, want %d", n, c.courses)
			}
		})
	}
	for _, id := range []string{"", "..", "a/b", "/", "nothing"} {
		if c, problems := content.LoadCourse(course(nil), id); c != nil || len(problems) == 0 {
			t.Errorf("course %q: %v, %d problems", id, c, len(problems))
		}
	}
}

func TestAllowListOfHosts(t *testing.T) {
	t.Parallel()
	lesson := strings.Replace(goodLesson, "正文。", "看 https://www.gov.cn/a 和 https://gov.cn.evil.cn/a 和 https://evilgov.cn。", 1)
	source := goodCourse + "    网址: https://news.cn/1\n"
	rules := content.Rules{Hosts: []string{"gov.cn"}}
	_, problems := rules.Load(course(map[string]string{"01-a.md": lesson, "course.yaml": source}))
	want := "01-a.md:6:26: 网址 gov.cn.evil.cn 不在允许的名单里。请换成名单里的网站，或者请管理员把它加进名单。\n" +
		"01-a.md:6:53: 网址 evilgov.cn 不在允许的名单里。请换成名单里的网站，或者请管理员把它加进名单。\n" +
		"course.yaml:9:9: 网址 news.cn 不在允许的名单里。请换成名单里的网站，或者请管理员把它加进名单。\n"
	if diff := cmp.Diff(want, said(problems)); diff != "" {
		t.Error(diff)
	}
	if _, problems := content.LoadCourse(course(map[string]string{"01-a.md": lesson}), "x"); len(problems) > 0 {
		t.Errorf("without an allow list:\n%s", said(problems))
	}
}
