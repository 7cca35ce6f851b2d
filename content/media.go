package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// mediaKind is what a header key may name.
type mediaKind struct {
	key   string
	limit int64
	// magic maps each file ending to the ways such a file begins.
	magic map[string][]string
	bad   string // sentence for another ending
}

var (
	jpegMagic = []string{"\xff\xd8\xff"}
	mp3Magic  = []string{"ID3", "\xff\xfb", "\xff\xfa", "\xff\xf3", "\xff\xf2", "\xff\xe3", "\xff\xe2"}

	pictures = mediaKind{
		key: keyPicture, limit: MaxPictureBytes, bad: "content.picture_kind",
		magic: map[string][]string{".jpg": jpegMagic, ".jpeg": jpegMagic, ".png": {"\x89PNG\r\n\x1a\n"}},
	}
	recordings = mediaKind{
		key: keyAudio, limit: MaxAudioBytes, bad: "content.audio_kind",
		magic: map[string][]string{".mp3": mp3Magic, ".m4a": {""}},
	}
)

// checkMedia looks at a file that a lesson names and returns the SHA-256 of its bytes in hex, ""
// when it cannot be used. dir is the course folder.
func checkMedia(f *findings, fsys fs.FS, dir string, at field, name string, kind mediaKind) string {
	if !fs.ValidPath(name) || name == "." || path.Clean(name) != name || strings.Contains(name, ":") {
		f.wrong(at.line, at.column, "content.media_path", fault.A("path", name))
		return ""
	}
	starts, ok := kind.magic[strings.ToLower(path.Ext(name))]
	if !ok {
		f.wrong(at.line, at.column, kind.bad, fault.A("path", name))
		return ""
	}
	full := path.Join(dir, name)
	info, err := fs.Stat(fsys, full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if other := sameButCase(fsys, full); other != "" {
			f.wrong(at.line, at.column, "content.media_case", fault.A("path", name), fault.A("other", other))
		} else {
			f.wrong(at.line, at.column, "content.media_missing", fault.A("path", name))
		}
		return ""
	case err != nil || info.IsDir():
		f.wrong(at.line, at.column, "content.media_unreadable", fault.A("path", name))
		return ""
	case info.Size() > kind.limit:
		f.wrong(at.line, at.column, "content.media_big", fault.A("path", name), fault.A("size", (info.Size()+1023)>>10), fault.A("limit", kind.limit>>10))
		return ""
	}
	data, err := fs.ReadFile(fsys, full)
	if err != nil {
		f.wrong(at.line, at.column, "content.media_unreadable", fault.A("path", name))
		return ""
	}
	for _, m := range starts {
		if len(data) > 0 && bytes.HasPrefix(data, []byte(m)) {
			return digest(data)
		}
	}
	f.wrong(at.line, at.column, "content.media_other", fault.A("path", name))
	return ""
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// sameButCase finds a file whose name differs in upper and lower case only: it works on the
// author's Windows and not on the server.
func sameButCase(fsys fs.FS, full string) string {
	entries, err := fs.ReadDir(fsys, path.Dir(full))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), path.Base(full)) {
			return e.Name()
		}
	}
	return ""
}
