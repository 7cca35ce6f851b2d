package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tiangeng/tiangeng/content"
)

func pagesOf(t *testing.T, library *content.Library) http.Handler {
	t.Helper()
	h, err := New(Options{Library: func() *content.Library { return library }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// Every page of every built-in lesson is small, has the strict headers, asks no other host, and holds
// no answer to its quiz.
func TestLessonPages(t *testing.T) {
	t.Parallel()
	library, _ := content.Load(content.Builtin())
	h := pagesOf(t, library)
	for _, c := range library.Courses() {
		for i := range c.Lessons {
			l := &c.Lessons[i]
			w := ask(h, http.MethodGet, LessonPath(c.Ref(), l.ID))
			body := w.Body.String()
			if w.Code != http.StatusOK || !strings.Contains(body, l.Title) || len(body) > 50<<10 {
				t.Errorf("%s: status %d, %d bytes", l.ID, w.Code, len(body))
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: policy %q", l.ID, csp)
			}
			if strings.Contains(body, "<script") || strings.Contains(body, "src=\"http") || strings.Contains(body, "href=\"http") {
				t.Errorf("%s asks for something elsewhere", l.ID)
			}
			for _, item := range l.Items {
				if strings.Contains(body, item.Stem) {
					t.Errorf("%s shows item %s of its quiz", l.ID, item.ID)
				}
			}
			if l.Picture != "" {
				if m := ask(h, http.MethodGet, MediaPath(c.Ref(), l.Picture)); m.Code != http.StatusOK || m.Header().Get("Content-Type") != "image/png" {
					t.Errorf("%s: picture %d %s", l.ID, m.Code, m.Header().Get("Content-Type"))
				}
			}
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	library, _ := content.Load(content.Builtin())
	h := pagesOf(t, library)
	c := library.Courses()[0]
	for path, want := range map[string]int{
		"/":                                      http.StatusFound,
		"/console/":                              http.StatusOK,
		"/console/x":                             http.StatusNotFound,
		"/l/nothing/0000/x":                      http.StatusNotFound,
		LessonPath(c.Ref(), "nothing"):           http.StatusNotFound,
		MediaPath(c.Ref(), "course.yaml"):        http.StatusNotFound, // in the folder, named by no lesson
		MediaPath(c.Ref(), "../course.yaml"):     http.StatusNotFound,
		MediaPath(c.Ref(), "%2e%2e/phrases"):     http.StatusNotFound,
		"/l/" + c.ID + "/ffffffffffffffff/x":     http.StatusNotFound,
		LessonPath(c.Ref(), c.Lessons[0].ID):     http.StatusOK,
		LessonPath(c.Ref(), "%3Cscript%3E") + "": http.StatusNotFound,
		"/wp-login.php":                          http.StatusNotFound,
	} {
		w := ask(h, http.MethodGet, path)
		if people := !strings.Contains(path, "/media/"); w.Code == http.StatusNotFound && strings.Contains(w.Body.String(), "没有这一页") != people {
			t.Errorf("%s says %s", path, w.Body)
		}
		if w.Code != want && (w.Code < 300 || w.Code > 308 || want != http.StatusNotFound) {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := ask(h, http.MethodPost, "/console/"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestTextOfALessonIsEscaped(t *testing.T) {
	t.Parallel()
	const attack = "<script>alert(1)</script>"
	library, problems := content.Load(fstest.MapFS{
		"courses/x/course.yaml": {Data: []byte("名称: 课\n版本: 1\n类别: 选修课\n及格线: 60\n简介: 短。\n作者: [甲]\n来源:\n  - 标题: 无\n")},
		"courses/x/01-a.md": {Data: []byte("---\n标题: 课" + attack + "\n导语: 读。\n时长: 2分\n---\n" + attack + " 正文。\n\n## 测验\n\n1. [判断] 对吗。\n答案: 对\n解析: 是。\n\n" +
			"2. [判断] 对吗？\n答案: 对\n解析: 是的。\n")},
	})
	c := library.Current("x")
	if c == nil {
		t.Fatalf("the course did not load: %v", problems)
	}
	if body := ask(pagesOf(t, library), http.MethodGet, LessonPath(c.Ref(), "01-a")).Body.String(); strings.Contains(body, attack) || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("markup of a lesson reaches the page as markup")
	}
}
