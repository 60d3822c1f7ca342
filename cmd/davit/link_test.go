package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

func TestNothingIsMadeForADirectoryThatCannotKeepTheLink(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the server was asked for %s", r.URL)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, linkDir)); err != nil { // root may write where others may not
		t.Fatal(err)
	}
	var out, err strings.Builder
	status := run(t.Context(), []string{"deploy", "-y", "--image", "nginx", "--server", server.URL, "--token", "x", dir}, nothing, &out, &err)
	if status != fault.ExitInput || !strings.Contains(err.String(), "can be kept in "+dir) || !strings.Contains(err.String(), "writable") {
		t.Errorf("status %d, %s%s", status, out.String(), err.String())
	}
}

func TestWhetherALinkCanBeKeptIsTriedWithoutATrace(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	if err := keepsLink(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	other := filepath.Join(dir, linkDir, "other")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := keepsLink(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("it took away what was there: %v", err)
	}
}
