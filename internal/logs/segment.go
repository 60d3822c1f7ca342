package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Remove implements Store.
func (e *embedded) Remove(_ context.Context, src Source) error {
	files, err := listFiles(e.root, src, segmentExt)
	if err != nil {
		return err
	}
	e.catalogs.forget(src)
	for _, f := range files {
		if err := e.removeSegment(f.path); err != nil {
			return err
		}
	}
	return nil
}

// removeSegment removes a segment, and before it its signature.
func (e *embedded) removeSegment(path string) error {
	if err := e.remove(signaturePath(path)); err != nil {
		return err
	}
	return e.remove(path)
}

func (e *embedded) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a segment: %w", err)
	}
	e.files.forget(path)
	return nil
}

// Segments implements Store.
func (e *embedded) Segments(ctx context.Context) ([]Segment, error) {
	groups, err := listDir(e.root)
	if err != nil {
		return nil, err
	}
	var out []Segment
	for _, g := range groups {
		sources, err := listDir(filepath.Join(e.root, g))
		if err != nil {
			return nil, err
		}
		for _, id := range sources {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			files, err := listFiles(e.root, Source{g, id}, segmentExt)
			if err != nil {
				return nil, err
			}
			for i, f := range files {
				info, err := os.Stat(f.path)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return nil, fmt.Errorf("look at a segment: %w", err)
				}
				size := info.Size()
				if info, err := os.Stat(signaturePath(f.path)); err == nil {
					size += info.Size()
				}
				newest := i+1 == len(files) || files[i+1].stream.Number != f.stream.Number
				out = append(out, Segment{Stream: f.stream, First: f.first, Bytes: size, Written: info.ModTime(), Newest: newest})
			}
		}
	}
	return out, nil
}

// Drop implements Store.
func (e *embedded) Drop(_ context.Context, s Segment) error {
	path := segmentPath(e.root, &s.Stream, s.First)
	return e.catalogs.use(s.Stream.Source, func(x *catalog) error {
		x.drop(s.Stream.Number, path)
		return e.removeSegment(path)
	})
}

func segmentPath(root string, s *Stream, first uint64) string {
	return filepath.Join(sourceDir(root, s.Source), fileName(s, first, segmentExt))
}
