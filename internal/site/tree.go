package site

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// AddTree brings everything below dir, which is "." or a clean path in fsys.
// fsys must not be left by links, as that of an os.Root, and implement
// fs.ReadLinkFS.
func AddTree(ctx context.Context, w *Writer, fsys fs.FS, dir string) error {
	info, err := fs.Lstat(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return invalid("the output directory %s is not in the source.", show(dir))
	}
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	if !info.IsDir() {
		return invalid("the output directory %s is no directory.", show(dir))
	}
	return fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		below := name
		if dir != "." {
			below = strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		}
		switch {
		case e.IsDir():
			if base := e.Name(); name != dir && strings.HasPrefix(base, ".") && below != ".well-known" {
				return fs.SkipDir
			}
			return nil
		case e.Type() == fs.ModeSymlink:
			target, err := fs.ReadLink(fsys, name)
			if err != nil {
				return fmt.Errorf("read source: %w", err)
			}
			return w.Link(below, target)
		case e.Type().IsRegular():
			return addFile(w, fsys, name, below)
		}
		return nil // sockets, pipes and devices are no files
	})
}

func addFile(w *Writer, fsys fs.FS, name, below string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	defer f.Close()
	return w.Add(below, f)
}

// AddTar brings the files of a tar, which may come from anybody.
func AddTar(w *Writer, r io.Reader) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read output of the build: %w", err)
		}
		name := strings.TrimPrefix(path.Clean(h.Name), "/")
		switch h.Typeflag {
		case tar.TypeXGlobalHeader, tar.TypeDir:
		case tar.TypeReg:
			err = w.Add(name, tr)
		case tar.TypeSymlink:
			err = w.Link(name, h.Linkname)
		case tar.TypeLink:
			err = w.Same(name, strings.TrimPrefix(path.Clean(h.Linkname), "/"))
		default:
			err = invalid("%s is neither a file nor a directory nor a link.", show(name))
		}
		if err != nil {
			return err
		}
	}
}
