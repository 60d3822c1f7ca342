// Package schema holds the public API: SDL written by hand, one file per noun.
package schema

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.graphqls
var files embed.FS

// SDL is the whole schema as text.
func SDL() (string, error) {
	names, err := fs.Glob(files, "*.graphqls") // in order
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String(), nil
}
