package sim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var pageFiles embed.FS

// pagePolicy is the Content-Security-Policy of the phones page: nothing inline, nothing from other
// hosts but pictures, which a bot may take from anywhere.
const pagePolicy = "default-src 'self'; img-src 'self' data: http: https:; frame-ancestors 'self'; base-uri 'none'"

// pageTypes gives the media type of each kind of asset. A file of another kind is a mistake found
// at start, not sniffed by a browser.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
}

// phonesPage serves the phones page under /sim/: the page itself at /sim/ and its files at
// /sim/assets/. Files are compressed once, when it is made. The zero value serves nothing.
type phonesPage struct {
	files map[string]pageFile // by request path
}

type pageFile struct {
	mediaType     string
	plain, zipped []byte
	tag           string // strong entity tag, quotes included
}

// newPhonesPage prepares the embedded files. Its errors are mistakes in the build: an asset of an
// unknown kind.
func newPhonesPage() (*phonesPage, error) {
	page := &phonesPage{files: make(map[string]pageFile)}
	err := fs.WalkDir(pageFiles, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := newPageFile(name, data)
		if err != nil {
			return err
		}
		if name == "assets/index.html" {
			page.files["/sim/"] = file
			return nil
		}
		page.files["/sim/"+name] = file
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the phones page: %w", err)
	}
	return page, nil
}

func newPageFile(name string, data []byte) (pageFile, error) {
	mediaType, ok := pageTypes[path.Ext(name)]
	if !ok {
		return pageFile{}, fmt.Errorf("asset %s: no media type for %q", name, path.Ext(name))
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return pageFile{}, err
	}
	if _, err := w.Write(data); err != nil {
		return pageFile{}, err
	}
	if err := w.Close(); err != nil {
		return pageFile{}, err
	}
	sum := sha256.Sum256(data)
	return pageFile{mediaType: mediaType, plain: data, zipped: zipped.Bytes(), tag: `"` + hex.EncodeToString(sum[:8]) + `"`}, nil
}

// ServeHTTP answers GET and HEAD; another method is 405, an unknown path 404.
func (p *phonesPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sim" {
		http.Redirect(w, r, "/sim/", http.StatusMovedPermanently)
		return
	}
	file, ok := p.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD only", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // asked again each time, answered 304: the tool changes with the binary
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", file.tag)
	if r.Header.Get("If-None-Match") == file.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", file.mediaType)
	body := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = file.zipped
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a reader who left needs no answer
}
