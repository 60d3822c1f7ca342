package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A source is a directory, <group>/<source>. Its files belong to a stream each
// and are named after it: <number>.<kind>[.<replica>].<first seq>.<extension>.
// The names are all there is to know which streams exist.
const (
	spoolExt   = "spool"
	segmentExt = "seg"
)

// maxFiles bounds how many files are open at a time.
const maxFiles = 256

func sourceDir(root string, src Source) string { return filepath.Join(root, src.Group, src.ID) }

// fileName returns the name of the stream's file that begins with line first.
func fileName(s *Stream, first uint64, ext string) string {
	name := strconv.FormatUint(s.Number, 10) + "." + strings.ToLower(string(s.Kind))
	if s.Replica != "" {
		name += "." + s.Replica
	}
	return name + "." + strconv.FormatUint(first, 10) + "." + ext
}

// file is what the name of a file says.
type file struct {
	path   string
	stream Stream
	first  uint64
	ext    string
}

func parseFileName(src Source, name string) (file, bool) {
	parts := strings.Split(name, ".")
	n := len(parts)
	if n != 4 && n != 5 {
		return file{}, false
	}
	f := file{stream: Stream{Source: src, Kind: Kind(strings.ToUpper(parts[1]))}, ext: parts[n-1]}
	var err1, err2 error
	f.stream.Number, err1 = strconv.ParseUint(parts[0], 10, 64)
	f.first, err2 = strconv.ParseUint(parts[n-2], 10, 64)
	if n == 5 {
		f.stream.Replica = parts[2]
	}
	known := slices.Contains([]Kind{Build, Stdout, Stderr, System}, f.stream.Kind)
	return f, err1 == nil && err2 == nil && known && f.first > 0
}

// listFiles returns the files of src with the extension, by stream and first
// line. A source without a directory has none.
func listFiles(root string, src Source, ext string) ([]file, error) {
	dir := sourceDir(root, src)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list a source: %w", err)
	}
	var files []file
	for _, e := range entries {
		if f, ok := parseFileName(src, e.Name()); ok && f.ext == ext {
			f.path = filepath.Join(dir, e.Name())
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.stream.Number, b.stream.Number), cmp.Compare(a.first, b.first))
	})
	return files, nil
}

// Groups returns the ids of the groups of which something is on disk, in order.
func (l *Log) Groups() ([]string, error) { return Groups(l.root) }

// Groups returns the same of the log in dir, which another process may have
// open.
func Groups(dir string) ([]string, error) { return listDir(dir) }

// OpenSources returns the sources of which something is on disk and that have
// not ended.
func (l *Log) OpenSources() (open []Source, err error) {
	groups, err := l.Groups()
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		ids, err := listDir(filepath.Join(l.root, g))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			src := Source{g, id}
			_, err := os.Stat(filepath.Join(sourceDir(l.root, src), endingFile))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				open = append(open, src)
			case err != nil:
				return nil, fmt.Errorf("list logs: %w", err)
			}
		}
	}
	return open, nil
}

// listDir returns the names of the directories in dir that are ids, in order.
func listDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list logs: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && validID(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// openFiles is a pool of files by path. They exist already.
type openFiles = pool[string, *os.File]

func newOpenFiles() *openFiles {
	return newPool(maxFiles,
		func(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR, 0) },
		func(f *os.File) { f.Close() })
}

// create makes an empty file and the directories it lies in.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// syncPath makes a file or a directory survive a power cut. One that is gone
// needs it no more.
func syncPath(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// scanFrames reads the headers of the frames in f, which is size bytes long,
// and calls each with where they begin. It returns where the first damaged or
// incomplete frame begins; size if all are whole. With deep it checks the
// bodies as well.
func scanFrames(f io.ReaderAt, size int64, deep bool, each func(at int64, fr frame)) (end int64, err error) {
	var header [frameHeader]byte
	for at := int64(0); at < size; {
		if size-at < frameHeader {
			return at, nil
		}
		if _, err := f.ReadAt(header[:], at); err != nil {
			return at, fmt.Errorf("read a frame: %w", err)
		}
		fr, ok := parseFrame(header[:])
		if !ok || at+fr.size() > size {
			return at, nil
		}
		if deep {
			if err := checkBody(f, at, &fr); errors.Is(err, errDamaged) {
				return at, nil
			} else if err != nil {
				return at, err
			}
		}
		each(at, fr)
		at += fr.size()
	}
	return size, nil
}
