package detect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"

	"github.com/davitdev/davit/internal/fault"
)

// Bounds of what is read of a source, whatever it is. Together they bound how
// long a look takes: nothing is done more often than something is read.
const (
	maxFile  = 256 << 10 // bytes of one file that is read
	maxYAML  = 32 << 10  // of one that is YAML, whose parser is slow
	maxBytes = 2 << 20   // bytes of all of them
	maxLooks = 3_000     // names that are asked for, files and directories that are opened
	maxNest  = 200       // brackets inside brackets of JSON, TOML and YAML
)

// app is one look at a source.
type app struct {
	Options
	files // below RootDirectory

	root  files // of the source
	trace []string

	byFile map[string]bool // keys of Options that davit.toml says
	mains  *[]string       // programs of Go, once looked for
	failed error           // a setting that cannot be followed
}

// files reads a directory of the source within bounds.
type files struct {
	fsys   fs.FS
	budget *budget
	cached *index
}

// budget is shared by all looks into one source. What lies beyond it is not
// there.
type budget struct {
	bytes, looks int   // what is left
	failed       error // of the machine, not of the source
}

// look takes one look, and reports whether there was one left.
func (b *budget) look() bool {
	b.looks--
	return b.looks >= 0
}

// spent reports whether something of the source was left out.
func (b *budget) spent() bool { return b.looks < 0 || b.bytes <= 0 }

func open(fsys fs.FS, o Options) (*app, error) {
	b := &budget{bytes: maxBytes, looks: maxLooks}
	a := &app{Options: o, byFile: map[string]bool{}, root: files{fsys: fsys, budget: b}}
	a.files = a.root
	dir := path.Clean(strings.Trim(o.RootDirectory, "/"))
	if dir == "." {
		a.RootDirectory = ""
		return a, nil
	}
	if !fs.ValidPath(dir) || strings.HasPrefix(o.RootDirectory, "../") {
		return nil, fault.New(fault.NotBuildable, "The root directory %q must be a path inside the source.", clip(o.RootDirectory))
	}
	if info, err := fs.Stat(fsys, dir); err != nil || !info.IsDir() {
		return nil, fault.New(fault.NotBuildable, "The source has no directory %q: change the root directory.", dir)
	}
	sub, err := a.root.sub(dir)
	if err != nil {
		return nil, err
	}
	a.RootDirectory, a.files = dir, sub
	a.say("The application is looked for in the directory %s, as the settings say.", dir)
	return a, nil
}

// say adds a sentence to the trace.
func (a *app) say(format string, args ...any) {
	const most = 60
	if len(a.trace) < most {
		a.trace = append(a.trace, printable(fmt.Sprintf(format, args...)))
	}
}

// sub is a directory below.
func (f files) sub(dir string) (files, error) {
	fsys, err := fs.Sub(f.fsys, dir)
	if err != nil {
		return files{}, fmt.Errorf("detect: %w", err)
	}
	return files{fsys: fsys, budget: f.budget}, nil
}

// context is the directory that COPY of the Dockerfile sees.
func (a *app) context() string { return a.RootDirectory }

// below is a name as seen from the root of the source.
func (a *app) below(name string) string { return path.Join(a.RootDirectory, name) }

// has reports whether name is a regular file. Links are followed as far as
// they stay inside the source.
func (f files) has(name string) bool {
	info, ok := f.stat(name)
	return ok && info.Mode().IsRegular()
}

// hasDir reports whether name is a directory.
func (f files) hasDir(name string) bool {
	info, ok := f.stat(name)
	return ok && info.IsDir()
}

func (f files) stat(name string) (fs.FileInfo, bool) {
	if !f.budget.look() {
		return nil, false
	}
	info, err := fs.Stat(f.fsys, name)
	if err != nil {
		f.blame(err)
		return nil, false
	}
	return info, true
}

// first is the first of names that is a file, "" if none is.
func (f files) first(names ...string) string {
	for _, n := range names {
		if f.has(n) {
			return n
		}
	}
	return ""
}

// blame remembers errors that are the machine's. All others are properties of
// the source: a link that leads out of it, a loop of links, a file where a
// directory is expected.
func (f files) blame(err error) {
	for _, e := range []error{syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, fs.ErrPermission, fs.ErrClosed} {
		if errors.Is(err, e) && f.budget.failed == nil {
			f.budget.failed = fmt.Errorf("detect: %w", err)
		}
	}
}

// text reads a file as text with "\n" at the ends of its lines and no byte
// order mark; "" if it is not there, larger than is read, or no text.
func (f files) text(name string) string {
	if info, ok := f.stat(name); !ok || !info.Mode().IsRegular() || info.Size() > maxFile {
		return ""
	}
	return f.head(name, maxFile)
}

// head reads the beginning of a file as text does.
func (f files) head(name string, most int) string {
	return decode(f.raw(name, most))
}

// raw is the beginning of a file, nil if it cannot be read.
func (f files) raw(name string, most int) []byte {
	if info, ok := f.stat(name); !ok || !info.Mode().IsRegular() {
		return nil // a pipe would never end
	}
	most = min(most, f.budget.bytes)
	if most <= 0 || !f.budget.look() {
		return nil
	}
	file, err := f.fsys.Open(name)
	if err != nil {
		f.blame(err)
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(most)))
	f.budget.bytes -= len(data)
	if err != nil {
		f.blame(err)
		return nil
	}
	return data
}

// decode turns bytes into text, also those that Windows writes.
func decode(data []byte) string {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data, 0) >= 0 {
		return ""
	}
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// word is the first line of a small file that is no comment.
func (f files) word(name string) string {
	for line := range strings.Lines(f.head(name, 4<<10)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

var errNested = errors.New("it is nested too deeply")

// nested reports text in which brackets are more deeply nested than anybody
// writes them: parsers recurse.
func nested(text string) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{', '[', '(':
			if depth++; depth > maxNest {
				return true
			}
		case '}', ']', ')':
			depth = max(depth-1, 0)
		}
	}
	return false
}

// json reads a JSON file, with comments and trailing commas if they are there.
// ok is false if there is no such file; err says why it could not be read.
func (f files) json(name string, v any) (ok bool, err error) {
	return f.parse(name, maxFile, func(text string) error {
		err := lenient(json.Unmarshal([]byte(text), v))
		if err == nil {
			return nil
		}
		std, jerr := hujson.Standardize([]byte(text))
		if jerr != nil {
			return err
		}
		return lenient(json.Unmarshal(std, v))
	})
}

// lenient forgives a field of an unexpected type: it is left empty.
func lenient(err error) error {
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

func (f files) toml(name string, v any) (ok bool, err error) {
	return f.parse(name, maxFile, func(text string) error { return toml.Unmarshal([]byte(text), v) })
}

func (f files) yaml(name string, v any) (ok bool, err error) {
	return f.parse(name, maxYAML, func(text string) error { return yaml.Unmarshal([]byte(text), v) })
}

func (f files) parse(name string, most int64, into func(text string) error) (ok bool, err error) {
	info, ok := f.stat(name)
	switch {
	case !ok || !info.Mode().IsRegular():
		return false, nil
	case info.Size() > most:
		return true, fmt.Errorf("it has more than %d KiB", most>>10)
	}
	text := f.head(name, maxFile)
	if text == "" && info.Size() > 0 {
		return true, errors.New("it is no text")
	}
	if nested(text) {
		return true, errNested
	}
	return true, into(text)
}

// unreadable blames a file of the source.
func unreadable(name string, err error) error {
	return fault.Wrap(err, fault.NotBuildable, "%s cannot be read: %s.", name, clip(strings.TrimSuffix(err.Error(), ".")))
}

// clip shortens hostile text for a message.
func clip(s string) string {
	const most = 200
	s = printable(s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// printable is s on one line, without control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@+-"

// plainPath reports whether a path is inside of where it begins and can stand
// in a Dockerfile without quotes.
func plainPath(p string) bool {
	return p != "" && fs.ValidPath(p) && p[0] != '-' && !strings.ContainsFunc(p, func(r rune) bool {
		return !strings.ContainsRune(plainLetters, r)
	})
}

func sorted[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
