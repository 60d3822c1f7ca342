package durable_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/durable"
)

func TestReplace(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "file")
	// What a crash left in the way of the next one is no obstacle, nor part of it.
	if err := os.WriteFile(path+".new", []byte(strings.Repeat("left", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "", "a longer one"} {
		if err := durable.Replace(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
	if err := durable.Replace(filepath.Join(path, "below a file"), nil); err == nil {
		t.Error("a file has no files below it")
	}
}
