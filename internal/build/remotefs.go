package build

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// remoteFile is a file that was fetched: what a build calls it, in a directory
// of its own, and where it lies.
type remoteFile struct {
	dir, name string
	path      string
	size      int64
	time      time.Time
}

// lateFiles shows BuildKit what was fetched when it asks.
type lateFiles struct{ of *remote }

var _ fsutil.FS = lateFiles{}

func (l lateFiles) Open(name string) (io.ReadCloser, error) {
	for _, one := range l.of.fetched() {
		if path.Clean("/"+name) == "/"+one.dir+"/"+one.name {
			return os.Open(one.path)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (l lateFiles) Walk(ctx context.Context, _ string, fn fs.WalkDirFunc) error {
	for _, one := range l.of.fetched() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		dir := &types.Stat{Path: one.dir, Mode: uint32(fs.ModeDir | 0o755)}
		file := &types.Stat{Path: one.dir + "/" + one.name, Mode: 0o600, Size: one.size, ModTime: one.time.UnixNano()}
		err := fn(dir.Path, &fsutil.DirEntryInfo{Stat: dir}, nil)
		if err == nil {
			err = fn(file.Path, &fsutil.DirEntryInfo{Stat: file}, nil)
		}
		if err != nil && !errors.Is(err, fs.SkipDir) {
			return err
		}
	}
	return nil
}
