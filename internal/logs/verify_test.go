package logs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/logs"
)

// frames writes a line into each frame of a stream, and returns its files.
func frames(t *testing.T, o logs.Options, src logs.Source, n int) []string {
	t.Helper()
	for range n {
		l := openLog(t, o)
		write(t, writer(t, l, src, logs.Build, ""), []byte("a line\n"))
		closeLog(t, l)
	}
	files, err := filepath.Glob(filepath.Join(o.Dir, src.Group, src.ID, "*.build.*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

//nolint:tparallel // its subtests change one file
func TestVerify(t *testing.T) {
	t.Parallel()

	flaws := func(dir string) []logs.Flaw {
		t.Helper()
		n, flaws, err := logs.Verify(t.Context(), dir)
		if err != nil || n != 1 {
			t.Errorf("%d streams, %v", n, err)
		}
		return flaws
	}
	finds := func(dir, path, says string) {
		t.Helper()
		if found := flaws(dir); len(found) != 1 || !strings.Contains(found[0].Message, says) || found[0].Path != path {
			t.Errorf("it finds %+v, want %q", found, says)
		}
	}

	o := logs.Options{Dir: t.TempDir()}
	path := frames(t, o, newSource(), 3)[0]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := 1 + bytes.Index(good[1:], []byte("dvl1"))
	damaged := slices.Clone(good)
	damaged[80] ^= 0xff
	for _, c := range []struct {
		name, says string
		file       []byte
	}{
		{"a log as it was written", "", good},
		{"what was torn at the end will be written over", "", good[:len(good)-3]},
		{"so will what a failed write left", "", append(slices.Clone(good), "left by a longer one"...)},
		{"damage before other frames", "damaged from byte 0", damaged},
		{"a beginning that is gone", "begins with line 2", good[second:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			if c.says != "" {
				finds(o.Dir, path, c.says)
			} else if found := flaws(o.Dir); len(found) > 0 {
				t.Errorf("it finds %+v", found)
			}
		})
	}

	t.Run("a file that is gone between others", func(t *testing.T) {
		o := logs.Options{Dir: t.TempDir()}.WithFiles(1, 1)
		files := frames(t, o, newSource(), 4)
		if found := flaws(o.Dir); len(found) > 0 || len(files) < 3 {
			t.Fatalf("it finds %+v in %q", found, files)
		}
		if err := os.Remove(files[1]); err != nil {
			t.Fatal(err)
		}
		finds(o.Dir, files[2], "Lines 2 to 2 are gone.")
	})
	if n, found, err := logs.Verify(t.Context(), filepath.Join(o.Dir, "none")); n+len(found) > 0 || err != nil {
		t.Errorf("no log has %d streams, %v, %v", n, found, err)
	}
}
