package source_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/source"
)

// A view shows what Pack sends, and nothing else by any way.
func TestAViewIsWhatIsPacked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		".gitignore": "node_modules/\n*.log\n", ".dockerignore": "docs\n!docs/keep.md\n", "main.go": "package main\n", "debug.log": "x",
		"node_modules/a/package.json": "{}", "docs/keep.md": "k", "docs/drop.md": "d", "src/.gitignore": "made\n", "src/made/x": "x", "src/a.go": "a",
		".git/config": "secret", "lib/b.go": "b",
	})
	if err := os.Symlink("lib", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	v, err := source.OpenView(t.Context(), dir, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var seen []string
	if err := fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
		if name != "." && !d.IsDir() {
			seen = append(seen, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, h := range packed(t, dir) {
		if !strings.HasSuffix(h.Name, "/") {
			sent = append(sent, h.Name)
		}
	}
	slices.Sort(sent)
	if diff := cmp.Diff(sent, seen); diff != "" {
		t.Errorf("(-packed +seen):\n%s", diff)
	}
	for _, name := range []string{"debug.log", "node_modules/a/package.json", ".git/config", "docs/drop.md", "src/made/x", "src/made"} {
		if _, err := fs.Stat(v, name); err == nil {
			t.Errorf("%s is seen", name)
		}
		if _, err := fs.ReadFile(v, name); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if text, err := fs.ReadFile(v, "link/b.go"); err != nil || string(text) != "b" {
		t.Errorf("through the link: %q, %v", text, err)
	}
	v.Hide("main.go")
	if _, err := v.Open("main.go"); err == nil {
		t.Error("what was hidden is open")
	}
	if _, err := source.OpenView(t.Context(), filepath.Join(dir, "main.go"), source.Limits{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a file: %v", err)
	}
}
