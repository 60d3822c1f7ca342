package source

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/moby/patternmatcher"

	"github.com/davitdev/davit/internal/fault"
)

// View is a directory as Pack would send it, for reading in place. Readers
// cannot leave it. It implements fs.FS, fs.StatFS and fs.ReadLinkFS.
type View struct {
	root *os.Root
	fsys fs.FS
	kind map[string]fs.FileMode // type of each item by name
}

var _ interface {
	fs.StatFS
	fs.ReadLinkFS
} = (*View)(nil)

// OpenView lists what Pack would take of dir, and reads none of it. It fails as
// Pack does, except that there may be nothing. The caller closes it.
func OpenView(ctx context.Context, dir string, limits Limits) (*View, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "%s is not a directory that can be read.", show(dir))
	}
	list := walker{root: root, limits: limits.withDefaults()}
	if list.docker, err = list.dockerMatcher(); err == nil {
		err = list.walk(ctx, ".", nil, patternmatcher.MatchInfo{})
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	v := &View{root: root, fsys: root.FS(), kind: map[string]fs.FileMode{".": fs.ModeDir}}
	for _, i := range list.items {
		v.kind[i.name] = i.mode.Type()
		for dir := path.Dir(i.name); dir != "."; dir = path.Dir(dir) { // one that .dockerignore names but for this
			v.kind[dir] = fs.ModeDir
		}
	}
	return v, nil
}

// Close ends reading.
func (v *View) Close() error { return v.root.Close() }

// Hide takes a file out of the view.
func (v *View) Hide(name string) { delete(v.kind, name) }

// has reports whether a name is seen: it is an item, or reached by a link that
// is one.
func (v *View) has(name string) bool {
	if _, ok := v.kind[name]; ok {
		return true
	}
	for at := name; at != "."; {
		at = path.Dir(at)
		if v.kind[at] == fs.ModeSymlink {
			return true
		}
	}
	return false
}

func (v *View) look(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if !v.has(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

// Open implements fs.FS.
func (v *View) Open(name string) (fs.File, error) {
	if err := v.look("open", name); err != nil {
		return nil, err
	}
	f, err := v.fsys.Open(name)
	if dir, ok := f.(fs.ReadDirFile); ok && err == nil && v.kind[name] == fs.ModeDir {
		return viewDir{dir, v, name}, nil
	}
	return f, err
}

// Stat implements fs.StatFS.
func (v *View) Stat(name string) (fs.FileInfo, error) {
	if err := v.look("stat", name); err != nil {
		return nil, err
	}
	return fs.Stat(v.fsys, name)
}

// Lstat implements fs.ReadLinkFS.
func (v *View) Lstat(name string) (fs.FileInfo, error) {
	if err := v.look("lstat", name); err != nil {
		return nil, err
	}
	return fs.Lstat(v.fsys, name)
}

// ReadLink implements fs.ReadLinkFS.
func (v *View) ReadLink(name string) (string, error) {
	if err := v.look("readlink", name); err != nil {
		return "", err
	}
	return fs.ReadLink(v.fsys, name)
}

// viewDir is a directory that lists only what the view has.
type viewDir struct {
	fs.ReadDirFile
	view *View
	name string
}

// ReadDir implements fs.ReadDirFile.
func (d viewDir) ReadDir(n int) ([]fs.DirEntry, error) {
	var out []fs.DirEntry
	for {
		entries, err := d.ReadDirFile.ReadDir(n - len(out))
		for _, e := range entries {
			if _, ok := d.view.kind[path.Join(d.name, e.Name())]; ok {
				out = append(out, e)
			}
		}
		switch {
		case err == io.EOF && len(out) > 0: //nolint:errorlint // the contract of ReadDir
			return out, nil
		case err != nil || n <= 0 || len(out) == n:
			return out, err
		}
	}
}
