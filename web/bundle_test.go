package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/test/npm"
)

func TestTheBundleIsWhatItsSourcesMake(t *testing.T) {
	t.Parallel()
	sources, made := t.TempDir(), t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json", "vite.config.js", "build.mjs"} {
		text, err := os.ReadFile(name)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(sources, name), text, 0o600))
	}
	check(t, os.CopyFS(filepath.Join(sources, "graphiql"), os.DirFS("graphiql")))
	if out, err := npm.Command(t, sources, "build.mjs", made).Output(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	want, got := files(t, made), files(t, "dist/graphiql")
	for name, text := range want {
		if !bytes.Equal(got[name], text) {
			t.Errorf("%s is not what the sources make: run make web", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left from other sources: run make web", name)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files returns what is in a directory, unpacked, by name.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, packed := strings.CutSuffix(path, ".gz")
		if !packed {
			t.Errorf("%s is not packed", path)
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		out[rel], err = io.ReadAll(r)
		return err
	}))
	return out
}
