// Package source turns a directory into an archive and an archive into a
// directory, with a shelf of uploads in between.
//
// Pack runs on a person's machine. Store and Extract run on the server and
// trust nothing of what they read.
package source

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/davitdev/davit/internal/fault"
)

// Limits bounds a source. A zero field means its default.
type Limits struct {
	Archive int64 // bytes of the compressed archive; 512 MiB
	Total   int64 // bytes of all files together; 2 GiB
	Files   int   // files, links and directories; 200,000
	Depth   int   // directories a path goes through; 64
	Ratio   int64 // how many times larger the files may be than the archive; 200
}

// ratioFloor is how much any archive may unpack to before its ratio counts.
const ratioFloor = 16 << 20

func (l Limits) withDefaults() Limits {
	if l.Archive == 0 {
		l.Archive = 512 << 20
	}
	if l.Total == 0 {
		l.Total = 2 << 30
	}
	if l.Files == 0 {
		l.Files = 200_000
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	return l
}

// Bounds of a path, those of Linux.
const (
	maxPath = 4096
	maxName = 255
)

// nameProblem says what is wrong with the clean, slash-separated path name
// inside a source; "" if nothing is.
func nameProblem(name string, depth int) string {
	switch {
	case unprintable(name):
		return "has a control character or broken UTF-8 in its name"
	case path.IsAbs(name):
		return "is an absolute path"
	case name == ".." || strings.HasPrefix(name, "../"):
		return "leads out of the directory"
	case strings.Count(name, "/") > depth:
		return "lies more than " + strconv.Itoa(depth) + " directories deep"
	case len(name) > maxPath:
		return "is longer than 4096 bytes"
	}
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > maxName {
			return "has a part that is longer than 255 bytes"
		}
	}
	return ""
}

// unprintable reports whether a name could garble a message, a log or the
// program that reads it.
func unprintable(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

// linkInside reports whether target, read at the link name, stays inside the
// source as far as the words alone tell. Links among the parents of target
// can still lead out, which only following it shows.
func linkInside(name, target string) bool {
	if target == "" || path.IsAbs(target) {
		return false
	}
	to := path.Join(path.Dir(name), target)
	return to != ".." && !strings.HasPrefix(to, "../")
}

// show quotes hostile text for a message, without its control characters and
// shortened.
func show(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}

func tooLarge(format string, args ...any) *fault.Error {
	return fault.New(fault.RequestTooLarge, format, args...)
}

// size writes n bytes the way people read them.
func size(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	i := 0
	for i < len(units)-1 && n >= 1024 && n%1024 == 0 {
		n, i = n/1024, i+1
	}
	return strconv.FormatInt(n, 10) + " " + units[i]
}
