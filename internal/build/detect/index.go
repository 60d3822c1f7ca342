package detect

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Bounds of the walk through a source.
const (
	maxDirs    = 400   // directories that are listed
	maxListed  = 6_000 // entries of all of them
	maxEntries = 3_000 // of one directory; a larger one is no source
	maxDepth   = 8     // of directories; what decides is never deeper
)

// index is a list of what a source has, near its root.
type index struct {
	files []string            // regular files and links, breadth first, then by name
	dirs  []string            // directories that were listed, "." first
	in    map[string][]string // files by directory: their base names
	part  bool                // there is more of it than is listed
}

// skipped are directories that hold no source, or that of others.
var skipped = map[string]bool{
	"node_modules": true, "bower_components": true, "vendor": true, "testdata": true, "target": true, "_build": true,
	"__pycache__": true, "venv": true, "site-packages": true,
}

// walk lists the source breadth first, once. Where the source is larger than
// its bounds, the same part of it is always left out.
func (f *files) walk() *index {
	if f.cached != nil {
		return f.cached
	}
	x := &index{in: map[string][]string{}}
	f.cached = x
	queue, listed := []string{"."}, 0
	for len(queue) > 0 && len(x.dirs) < maxDirs && listed < maxListed {
		dir := queue[0]
		queue = queue[1:]
		entries, whole := f.list(dir)
		if !whole {
			x.part = true
			continue
		}
		x.dirs = append(x.dirs, dir)
		listed += len(entries)
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case e.Type()&^(fs.ModeSymlink|fs.ModeDir) != 0: // a pipe would never end
			case !e.IsDir():
				x.files = append(x.files, name)
				x.in[dir] = append(x.in[dir], e.Name())
			case e.Name()[0] == '.' || e.Name()[0] == '_' || skipped[e.Name()]:
			case strings.Count(name, "/") < maxDepth:
				queue = append(queue, name)
			}
		}
	}
	x.part = x.part || len(queue) > 0
	return x
}

// list is a directory by name; whole is false if it has too many entries.
func (f *files) list(dir string) (entries []fs.DirEntry, whole bool) {
	if !f.budget.look() {
		return nil, false
	}
	d, err := f.fsys.Open(dir)
	if err != nil {
		f.blame(err)
		return nil, true
	}
	defer d.Close()
	lister, ok := d.(fs.ReadDirFile)
	if !ok {
		return nil, true
	}
	entries, err = lister.ReadDir(maxEntries + 1)
	if err != nil && err != io.EOF { //nolint:errorlint // the contract of ReadDir
		f.blame(err)
		return nil, true
	}
	if len(entries) > maxEntries {
		return nil, false
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "" }), true
}

// find lists files whose base name matches a pattern of package path, at most
// depth directories below the root.
func (f *files) find(pattern string, depth int) []string {
	var out []string
	for _, name := range f.walk().files {
		if strings.Count(name, "/") > depth {
			continue
		}
		if ok, err := path.Match(pattern, path.Base(name)); ok && err == nil {
			out = append(out, name)
		}
	}
	return out
}
