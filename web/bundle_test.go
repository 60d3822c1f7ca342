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

// sources returns a copy of what the bundles are made of, and of its tests.
func sources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, pattern := range []string{"*.json", "*.js", "*.mjs"} {
		names, err := filepath.Glob(pattern)
		check(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
		}
	}
	for _, name := range []string{"graphiql", "console", "test"} {
		check(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(name)))
	}
	return dir
}

// beside is the environment that says where what lies beside web is.
func beside(t *testing.T) []string {
	t.Helper()
	schema, err := filepath.Abs("../schema")
	check(t, err)
	examples, err := filepath.Abs("../examples")
	check(t, err)
	return append(os.Environ(), "SCHEMA="+schema, "EXAMPLES="+examples)
}

func TestTheSourcesKeepTheirRules(t *testing.T) {
	t.Parallel()
	if out, err := npm.Command(t, sources(t), "node_modules/eslint/bin/eslint.js", ".").Output(); err != nil {
		t.Errorf("eslint: %v\n%s", err, out)
	}
}

func TestTheSourcesPassTheirTests(t *testing.T) {
	t.Parallel()
	cmd := npm.Command(t, sources(t), "node_modules/vitest/vitest.mjs", "run")
	cmd.Env = beside(t)
	if out, err := cmd.Output(); err != nil {
		t.Errorf("vitest: %v\n%s", err, out)
	}
}

func TestTheBundlesAreWhatTheirSourcesMake(t *testing.T) {
	t.Parallel()
	made := t.TempDir()
	cmd := npm.Command(t, sources(t), "build.mjs", made)
	cmd.Env = beside(t)
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	want, got := files(t, made), files(t, "dist")
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
