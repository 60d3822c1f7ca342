package process

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile replaces a file so that after a crash it is the old one or the new
// one, and never a part of either.
func writeFile(path string, v any) (err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return diskError(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(b); err != nil {
		f.Close()
		return diskError(err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return diskError(err)
	}
	if err := f.Close(); err != nil {
		return diskError(err)
	}
	return os.Rename(f.Name(), path)
}

func readFile(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
