package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/fault"
)

// buildContext is what COPY and ADD of a Dockerfile see of the source: all but
// what its ignore file names.
func buildContext(fsys fs.FS, p Plan) (fsutil.FS, error) {
	fsys, err := contextOf(fsys, p)
	if err != nil {
		return nil, err
	}
	exclude, err := ignorePatterns(fsys, p)
	if err != nil {
		return nil, err
	}
	filtered, err := fsutil.NewFilterFS(contextFS{fsys}, &fsutil.FilterOpt{ExcludePatterns: exclude})
	if err != nil {
		return nil, badIgnore(err)
	}
	return filtered, nil
}

// Ignored returns which paths below the context of a plan are none of what it
// is made of: what the ignore file names, and what is never copied.
func Ignored(fsys fs.FS, p Plan) (func(name string) bool, error) {
	fsys, err := contextOf(fsys, p)
	if err != nil {
		return nil, err
	}
	patterns, err := ignorePatterns(fsys, p)
	if err != nil {
		return nil, err
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, badIgnore(err)
	}
	return func(name string) bool {
		ignored, err := m.MatchesOrParentMatches(name)
		return err != nil || ignored
	}, nil
}

// contextOf is the directory of the source that a plan sees.
func contextOf(fsys fs.FS, p Plan) (fs.FS, error) {
	if p.Context == "" {
		return fsys, nil
	}
	sub, err := fs.Sub(fsys, p.Context)
	if err != nil {
		return nil, fmt.Errorf("build context: %w", err)
	}
	return sub, nil
}

func badIgnore(err error) error {
	return fault.Wrap(err, fault.DockerfileInvalid, "The .dockerignore has a pattern that is not understood: %v.", err)
}

// ignorePatterns reads the ignore file of the plan's Dockerfile, or else the
// one of the source.
func ignorePatterns(fsys fs.FS, p Plan) ([]string, error) {
	names := []string{".dockerignore"}
	if p.DockerfilePath != "" {
		names = []string{p.DockerfilePath + ".dockerignore", ".dockerignore"}
	}
	for _, name := range names {
		if ok, err := exists(fsys, name); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		data, err := read(fsys, name, fault.DockerfileInvalid)
		if err != nil {
			return nil, err
		}
		patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
		if err != nil {
			return nil, fault.Wrap(err, fault.DockerfileInvalid, "%s cannot be read: %v.", name, err)
		}
		return append(patterns, always(p)...), nil
	}
	return always(p), nil
}

// always lists what no Dockerfile of ours copies: what is made anew in the
// build, and what belongs to one machine.
func always(p Plan) []string {
	if p.DockerfilePath != "" {
		return nil
	}
	return detect.Ignored(p)
}

// contextFS shows a tree to BuildKit. The tree itself keeps readers inside.
type contextFS struct{ fsys fs.FS }

var _ fsutil.FS = contextFS{}

func (c contextFS) Open(name string) (io.ReadCloser, error) {
	return c.fsys.Open(filepath.ToSlash(filepath.Clean(name)))
}

func (c contextFS) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	start := filepath.ToSlash(filepath.Clean(target))
	if start == "" || start == "/" {
		start = "."
	}
	err := fs.WalkDir(c.fsys, start, func(name string, d fs.DirEntry, err error) error {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if name == "." && err == nil {
			return nil
		}
		if err != nil {
			return fn(name, nil, err)
		}
		stat, err := c.stat(name, d)
		if err != nil {
			return err
		}
		return fn(name, &fsutil.DirEntryInfo{Stat: stat}, nil)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // as fsutil's own file system has it
	}
	return err
}

func (c contextFS) stat(name string, d fs.DirEntry) (*types.Stat, error) {
	info, err := d.Info()
	if err != nil {
		return nil, err
	}
	stat := &types.Stat{Path: name, Mode: uint32(info.Mode()), ModTime: info.ModTime().UnixNano()}
	switch {
	case info.Mode().IsRegular():
		stat.Size = info.Size()
	case info.Mode()&fs.ModeSymlink != 0:
		if stat.Linkname, err = fs.ReadLink(c.fsys, name); err != nil {
			return nil, err
		}
	}
	return stat, nil
}
