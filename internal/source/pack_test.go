package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/source"
)

func writeTree(t *testing.T, dir string, tree map[string]string) {
	t.Helper()
	for name, text := range tree {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// packed packs dir and returns the headers of the archive, none if nothing is
// left to pack.
func packed(t *testing.T, dir string) []*tar.Header {
	t.Helper()
	var buf bytes.Buffer
	switch _, err := source.Pack(t.Context(), dir, &buf, source.PackOptions{}); {
	case fault.Is(err, fault.SourceMissing):
		return nil
	case err != nil:
		t.Fatalf("Pack: %v", err)
	}
	zr, err := gzip.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	var headers []*tar.Header
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
}

func names(headers []*tar.Header) []string {
	var out []string
	for _, h := range headers {
		out = append(out, h.Name)
	}
	return out
}

func TestPackTakesWhatABuildNeeds(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		tree map[string]string
		want []string
	}{
		{
			"everything, in order, with its directories",
			map[string]string{"b": "", "a/y": "", "a/x": "", "a.txt": ""},
			[]string{"a/", "a/x", "a/y", "a.txt", "b"},
		},
		{
			"never history or what Davit keeps",
			map[string]string{"a": "", ".git/config": "", ".davit/x": "", "sub/.git": "gitdir: x", "sub/b": "", ".gitmodules": ""},
			[]string{".gitmodules", "a", "sub/", "sub/b"},
		},
		{
			"nothing that .dockerignore names",
			map[string]string{".dockerignore": "node_modules\n**/*.tmp\n", "node_modules/x/y": "", "a.tmp": "", "s/b.tmp": "", "s/c": ""},
			[]string{".dockerignore", "s/", "s/c"},
		},
		{
			"what .dockerignore takes back below an ignored directory",
			map[string]string{".dockerignore": "*\n!src/app\n", "src/app/main": "", "src/other": "", "README": ""},
			[]string{".dockerignore", "src/app/", "src/app/main"},
		},
		{
			"the Dockerfile, although .dockerignore names it",
			map[string]string{".dockerignore": "*\n", "Dockerfile": "FROM scratch", "x": ""},
			[]string{".dockerignore", "Dockerfile"},
		},
		{
			"the Dockerfile's own ignore file comes first",
			map[string]string{".dockerignore": "a\n", "Dockerfile.dockerignore": "b\n", "Dockerfile": "", "a": "", "b": ""},
			[]string{".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "a"},
		},
		{
			"not what either file names",
			map[string]string{".dockerignore": "a\n", ".gitignore": "b\n", "a": "", "b": "", "c": ""},
			[]string{".dockerignore", ".gitignore", "c"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, tt.tree)
			if diff := cmp.Diff(tt.want, names(packed(t, dir))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEqualTreesMakeEqualArchives(t *testing.T) {
	t.Parallel()

	pack := func(at time.Time, mode fs.FileMode) (source.Stats, []byte) {
		dir := t.TempDir()
		writeTree(t, dir, map[string]string{"run.sh": "echo", "d/a": "1", "d/b": strings.Repeat("2", 100_000)})
		if err := os.Symlink("d/a", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, "run.sh"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, "d/a"), at, at); err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		stats, err := source.Pack(t.Context(), dir, &buf, source.PackOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return stats, buf.Bytes()
	}
	stats, first := pack(time.Unix(1, 0), 0o700)
	again, second := pack(time.Unix(1e9, 5), 0o755)
	if !bytes.Equal(first, second) || stats != again {
		t.Error("the same files with other times and other bits for others make another archive")
	}
	if _, third := pack(time.Unix(1, 0), 0o644); bytes.Equal(first, third) {
		t.Error("an executable and a plain file make the same archive")
	}
	sum := sha256.Sum256(first)
	want := source.Stats{Files: 5, Bytes: 100_005, Size: int64(len(first)), SHA256: hex.EncodeToString(sum[:])}
	if diff := cmp.Diff(want, stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestPackReportsProgress(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"a": strings.Repeat("x", 1<<20), "b": "y"})
	var seen []source.Progress
	opts := source.PackOptions{Progress: func(p source.Progress) { seen = append(seen, p) }}
	if _, err := source.Pack(t.Context(), dir, io.Discard, opts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(source.Progress{TotalFiles: 2, TotalBytes: 1<<20 + 1}, seen[0]); diff != "" {
		t.Errorf("first report (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(source.Progress{Files: 2, TotalFiles: 2, Bytes: 1<<20 + 1, TotalBytes: 1<<20 + 1}, seen[len(seen)-1]); diff != "" {
		t.Errorf("last report (-want +got):\n%s", diff)
	}
	if len(seen) < 6 {
		t.Errorf("%d reports for a large file: it should report while it reads", len(seen))
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()

	link := func(target string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		limits source.Limits
		setup  func(t *testing.T, dir string)
		code   fault.Code
		text   string
	}{
		{"a link that leads out", source.Limits{}, link("../secret"), fault.Invalid, `The link "link" leads out of the directory, to "../secret"`},
		{"a link that leads out through a missing directory", source.Limits{}, link("missing/../../x"), fault.Invalid, "leads out"},
		{"an absolute link", source.Limits{}, link("/etc/passwd"), fault.Invalid, "leads out"},
		{"a link that leads out through another link", source.Limits{}, func(t *testing.T, dir string) {
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, "a"), 0o755), os.Symlink("..", filepath.Join(dir, "a/up")), os.Symlink("a/up/../x", filepath.Join(dir, "link"))); err != nil {
				t.Fatal(err)
			}
		}, fault.Invalid, "leads out"},
		{"a name no log should print", source.Limits{}, func(t *testing.T, dir string) { writeTree(t, dir, map[string]string{"a\nb": ""}) }, fault.Invalid, `"a\nb" has a control character`},
		{"too many files", source.Limits{Files: 2}, func(t *testing.T, dir string) { writeTree(t, dir, map[string]string{"1": "", "2": ""}) }, fault.RequestTooLarge, "more than 2 files"},
		{"too large files", source.Limits{Total: 1024}, func(t *testing.T, dir string) { writeTree(t, dir, map[string]string{"1": strings.Repeat("x", 2000)}) }, fault.RequestTooLarge, "more than 1 KiB"},
		{"too large an archive", source.Limits{Archive: 10}, nil, fault.RequestTooLarge, "more than 10 bytes"},
		{"too deep directories", source.Limits{Depth: 1}, func(t *testing.T, dir string) { writeTree(t, dir, map[string]string{"1/2/3": ""}) }, fault.Invalid, "more than 1 directories deep"},
		{"nothing at all", source.Limits{}, func(t *testing.T, dir string) { writeTree(t, dir, map[string]string{".gitignore": "*\n"}) }, fault.SourceMissing, "everything in it is ignored"},
		{"no directory", source.Limits{}, func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, fault.Invalid, "is not a directory"},
		{"a .dockerignore that cannot be read", source.Limits{}, func(t *testing.T, dir string) { writeTree(t, dir, map[string]string{".dockerignore": "[\n"}) }, fault.Invalid, "pattern"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, map[string]string{"file": ""})
			if tt.setup != nil {
				tt.setup(t, dir)
			}
			_, err := source.Pack(t.Context(), dir, io.Discard, source.PackOptions{Limits: tt.limits})
			if !fault.Is(err, tt.code) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Pack = %v, want %s with %q", err, tt.code, tt.text)
			}
		})
	}
}

func TestPackKeepsLinksThatStayInside(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"d/a": "1"})
	for name, target := range map[string]string{"d/up": "../d/a", "not-yet": "d/later"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for _, h := range packed(t, dir) {
		if h.Typeflag == tar.TypeSymlink {
			got[h.Name] = h.Linkname
		}
	}
	if diff := cmp.Diff(map[string]string{"d/up": "../d/a", "not-yet": "d/later"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPackLeavesOutSockets(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	writeTree(t, dir, map[string]string{"a": ""})
	if diff := cmp.Diff([]string{"a"}, names(packed(t, dir))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPackNoticesAFileThatChanges(t *testing.T) {
	t.Parallel()

	for name, size := range map[string]int64{"it grows": 20, "it shrinks": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, map[string]string{"a": "0123456789"})
			resize := func(p source.Progress) {
				if p.Files == 0 && p.Bytes == 0 {
					if err := os.Truncate(filepath.Join(dir, "a"), size); err != nil {
						t.Error(err)
					}
				}
			}
			_, err := source.Pack(t.Context(), dir, io.Discard, source.PackOptions{Progress: resize})
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("Pack = %v, want CONFLICT", err)
			}
		})
	}
}

func TestPackStopsWithItsContext(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"a": strings.Repeat("x", 10<<20)})
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	_, err := source.Pack(ctx, dir, io.Discard, source.PackOptions{Progress: func(p source.Progress) {
		if p.Bytes > 0 {
			cancel(stop)
		}
		if p.Bytes > 5<<20 {
			t.Error("it goes on reading")
		}
	}})
	if !errors.Is(err, stop) {
		t.Errorf("Pack = %v, want the cause", err)
	}
}
