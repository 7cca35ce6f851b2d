// Package web serves the pages that are not the webhook: the learner's lesson page with its
// picture and audio, and the front door of the console. Pages are rendered here, work without
// script, carry no request to another host (the notices page alone loads the
// platform's script, see notices.go), and never contain the answer to an open question. Certificates can be checked here.
// The package must not know SQL.
package web

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/content"
)

//go:embed templates/*.html templates/style.css templates/notices.js templates/screen.css templates/screen.js templates/tick.css templates/tick.js templates/tick-worker.js
var files embed.FS

// Options are what the pages need.
type Options struct {
	Library      func() *content.Library // the courses known at this moment
	Notices      Notices
	Once         Once
	Screens      Screens
	Ticks        Ticks
	Certificates Certificates
	Logger       *slog.Logger
}

// pages holds the parsed templates.
type pages struct {
	o    Options
	tmpl *template.Template
	css  []byte

	script []byte // of the notices page
}

// New returns the handler of everything below / that is not the webhook.
func New(o Options) (http.Handler, error) {
	tmpl, err := template.ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	css, err := files.ReadFile("templates/style.css")
	if err != nil {
		return nil, err
	}
	script, err := files.ReadFile("templates/notices.js")
	if err != nil {
		return nil, err
	}
	p := &pages{o: o, tmpl: tmpl, css: css, script: script}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/console/", http.StatusFound) })
	mux.HandleFunc("GET /console/{$}", p.console)
	mux.HandleFunc("GET /l/style.css", p.style)
	mux.HandleFunc("GET "+NoticesPath, p.notices)
	mux.HandleFunc("GET /l/notices.js", p.noticesScript)
	mux.HandleFunc("GET "+OncePath+"{secret}", p.once)
	mux.HandleFunc("GET "+OnceBack, p.onceBack)
	mux.HandleFunc("GET /l/{course}/{version}/{lesson}", p.lesson)
	mux.HandleFunc("GET /l/{course}/{version}/media/{path...}", p.media)
	mux.HandleFunc("GET /s/screen.css", p.static("screen.css", "text/css", "public, max-age=3600"))
	mux.HandleFunc("GET /s/screen.js", p.static("screen.js", "text/javascript", "public, max-age=3600"))
	mux.HandleFunc("GET /s/{session}/{token}", p.screen)
	mux.HandleFunc("GET /s/{session}/{token}/now", p.screenNow)
	mux.HandleFunc("GET /s/{session}/{token}/code.svg", p.screenCode)
	mux.HandleFunc("GET /", p.missing)
	p.certificates(mux)
	p.tickRoutes(mux)
	return secure(mux), nil
}

// LessonPath is the path of a lesson's page, below the public URL.
func LessonPath(ref content.Ref, lesson string) string {
	return "/l/" + ref.Course + "/" + ref.Version + "/" + lesson
}

// MediaPath is the path of a lesson's picture or audio, below the public URL.
func MediaPath(ref content.Ref, file string) string {
	return "/l/" + ref.Course + "/" + ref.Version + "/media/" + file
}

// secure sets the headers that every page carries (reliability §4, row 27).
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (p *pages) console(w http.ResponseWriter, _ *http.Request) {
	p.render(w, "console.html", p.o.Library().Courses())
}

// missing is the page of an address that leads nowhere, for somebody who may not read English.
func (p *pages) missing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p.renderStatus(w, http.StatusNotFound, "missing.html", nil)
}

func (p *pages) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(p.css) // the reader left: nothing to do
}

// lessonView is what the lesson page shows. There is no quiz in it, so no answer can leak.
type lessonView struct {
	Course, Title, Lead string
	Number, Total       int
	Minutes             int
	Paragraphs          []string
	Picture, Audio      string
	Sources             []content.Source
}

func (p *pages) lesson(w http.ResponseWriter, r *http.Request) {
	ref := content.Ref{Course: r.PathValue("course"), Version: r.PathValue("version")}
	course := p.o.Library().Version(ref)
	if course == nil {
		p.missing(w, r)
		return
	}
	lesson, place := course.Lesson(r.PathValue("lesson"))
	if lesson == nil {
		p.missing(w, r)
		return
	}
	v := lessonView{
		Course: course.Title, Title: lesson.Title, Lead: lesson.Lead, Number: place + 1, Total: len(course.Lessons),
		Minutes: max(1, (lesson.Seconds+30)/60), Sources: course.Sources,
	}
	for para := range strings.SplitSeq(lesson.Body, "\n\n") {
		if para = strings.TrimSpace(para); para != "" && para != "---" {
			v.Paragraphs = append(v.Paragraphs, para)
		}
	}
	if lesson.Picture != "" {
		v.Picture = MediaPath(ref, lesson.Picture)
	}
	if lesson.Audio != "" {
		v.Audio = MediaPath(ref, lesson.Audio)
	}
	w.Header().Set("Cache-Control", "public, max-age=86400, immutable") // a version never changes
	p.render(w, "lesson.html", v)
}

func (p *pages) media(w http.ResponseWriter, r *http.Request) {
	ref := content.Ref{Course: r.PathValue("course"), Version: r.PathValue("version")}
	name := path.Clean("/" + r.PathValue("path"))[1:]
	course := p.o.Library().Version(ref)
	if course == nil || !references(course, name) {
		http.NotFound(w, r)
		return
	}
	f, err := p.o.Library().Media(ref, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer func() { _ = f.Close() }() // read-only
	data, err := io.ReadAll(io.LimitReader(f, 16<<20))
	if err != nil {
		p.o.Logger.Error("reading a course's media file", "course", ref.Course, "err", err)
		http.Error(w, "not available", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=86400, immutable")
	http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(data))
}

// references reports whether a lesson of the course names the file: nothing else is served.
func references(c *content.Course, name string) bool {
	for i := range c.Lessons {
		if l := &c.Lessons[i]; name != "" && (l.Picture == name || l.Audio == name) {
			return true
		}
	}
	return false
}

func (p *pages) render(w http.ResponseWriter, name string, data any) {
	p.renderStatus(w, http.StatusOK, name, data)
}

func (p *pages) renderStatus(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := p.tmpl.ExecuteTemplate(&b, name, data); err != nil {
		p.o.Logger.Error("rendering a page", "page", name, "err", err)
		http.Error(w, "not available", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader left: nothing to do
}
