package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/davitdev/davit/internal/store"
)

func TestAnSQLiteFileIsVerified(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "100% of it.db")
	if err := store.Verify(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a missing file: %v, want that it does not exist", err)
	}
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(t.Context(), path); err != nil {
		t.Errorf("while it is in use: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(t.Context(), path); err != nil {
		t.Errorf("afterwards: %v", err)
	}

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(text); i++ {
		text[i] = byte(i)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(t.Context(), path); err == nil {
		t.Error("a damaged file was found sound")
	}
}
