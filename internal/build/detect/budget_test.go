package detect_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/build/detect"
)

// endless is a source in which every name is there: every directory has many
// more, and every file has as much text as a reader takes.
type endless struct {
	text  map[string]string // what a file of this name repeats, "" for others
	count *counts
}

type counts struct{ stats, opens, bytes, entries int }

func (e endless) isDir(name string) bool { return path.Ext(name) == "" }

func (e endless) Stat(name string) (fs.FileInfo, error) {
	e.count.stats++
	_, byName := e.text[path.Base(name)]
	_, byEnd := e.text[path.Ext(name)]
	if !byName && !byEnd && !e.isDir(name) {
		return nil, fs.ErrNotExist
	}
	return endlessInfo{path.Base(name), e.isDir(name)}, nil
}

func (e endless) Open(name string) (fs.File, error) {
	e.count.opens++
	text := e.text[path.Base(name)]
	if text == "" {
		text = e.text[path.Ext(name)]
	}
	return &endlessFile{endlessInfo{path.Base(name), e.isDir(name)}, text, 0, e.count}, nil
}

type endlessInfo struct {
	name string
	dir  bool
}

func (i endlessInfo) Name() string { return i.name }
func (i endlessInfo) IsDir() bool  { return i.dir }
func (i endlessInfo) Size() int64  { return 200 << 10 }
func (i endlessInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
func (i endlessInfo) Type() fs.FileMode          { return i.Mode().Type() }
func (i endlessInfo) ModTime() time.Time         { return time.Time{} }
func (i endlessInfo) Sys() any                   { return nil }
func (i endlessInfo) Info() (fs.FileInfo, error) { return i, nil }

type endlessFile struct {
	endlessInfo
	text  string
	at    int
	count *counts
}

func (f *endlessFile) Stat() (fs.FileInfo, error) { return f.endlessInfo, nil }
func (f *endlessFile) Close() error               { return nil }

func (f *endlessFile) Read(b []byte) (int, error) {
	if f.text == "" {
		f.text = "x"
	}
	for i := range b {
		b[i] = f.text[(f.at+i)%len(f.text)]
	}
	f.at += len(b)
	f.count.bytes += len(b)
	return len(b), nil
}

func (f *endlessFile) ReadDir(n int) ([]fs.DirEntry, error) {
	list := []fs.DirEntry{}
	for i := range n / 5 {
		for _, name := range []string{"d%d", "f%d.go", "f%d.py", "f%d.csproj"} {
			name = fmt.Sprintf(name, i)
			list = append(list, endlessInfo{name, path.Ext(name) == ""})
		}
	}
	list = append(list, endlessInfo{name: "package.json"}, endlessInfo{name: "Cargo.toml"})
	f.count.entries += len(list)
	return list, nil
}

// However much a source has, and however its files send the reader on, a
// bounded part of it is read. That, and no clock, bounds the time of a look.
func TestABoundedPartOfASourceIsRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]map[string]string{
		"requirements that name requirements": {"requirements.txt": "-r requirements.txt\n-r other.txt\n", "other.txt": "-r requirements.txt\n"},
		"a workspace of everything":           {"package.json": `{"workspaces":["**"],"scripts":{"start":"x"}}` + strings.Repeat(" ", 1<<20)},
		"programs without end":                {"go.mod": "module x\n", ".go": "//go:build windows\n\npackage main\n"},
		"a framework and no application":      {"pyproject.toml": "[project]\ndependencies=['fastapi','uvicorn']\n" + strings.Repeat("#", 1<<20), ".py": "a = b\n"},
		"projects without end":                {".csproj": "<Project Sdk=\"x\">\n"},
		"nothing known":                       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := &counts{}
			_, err := detect.Detect(endless{text, count}, detect.Options{})
			t.Logf("%+v, %v", *count, err)
			if count.bytes < 100<<10 && len(text) > 0 {
				t.Error("the files were not read")
			}
			if count.stats+count.opens > 3_000+3 || count.bytes > 2<<20+3_000*512 || count.entries > 6_000+3_001 {
				t.Errorf("it took %+v", *count)
			}
		})
	}
}

func grow(t testing.TB, dir string, n int, path func(i int) string) {
	t.Helper()
	for i := range n {
		file := filepath.Join(dir, path(i))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("package main\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"go.mod": "module example.com/x\n\ngo 1.26\n", "main.go": "package main\n", "package.json": `{"workspaces":["**"]}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkDetect looks at sources of 50,000 files on a disk.
func BenchmarkDetect(b *testing.B) {
	for _, shape := range []struct {
		name string
		path func(i int) string
	}{
		{"wide", func(i int) string { return fmt.Sprintf("file%d.go", i) }},
		{"many", func(i int) string { return fmt.Sprintf("pkg%d/sub%d/f.go", i%2500, i%20) }},
		{"mixed", func(i int) string { return fmt.Sprintf("a%d/b%d/c%d.go", i%50, i%900, i) }},
	} {
		b.Run(shape.name, func(b *testing.B) {
			dir := b.TempDir()
			grow(b, dir, 50_000, shape.path)
			root, err := os.OpenRoot(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer root.Close()
			for b.Loop() {
				if _, err := detect.Detect(root.FS(), detect.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
