package content

import (
	"embed"
	"io/fs"
)

//go:embed courses
var builtin embed.FS

// Builtin is the content folder that every binary carries: courses/<id>/… .
func Builtin() fs.FS { return builtin }
