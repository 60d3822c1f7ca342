package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Verify reads an SQLite file through and returns what is wrong with it. It
// changes nothing in it, and may run while another process uses it. A file
// that is missing is an error for which errors.Is(err, fs.ErrNotExist) holds.
func Verify(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("verify database: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("verify database: %w", err)
	}
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(2000)")
	if err != nil {
		return fmt.Errorf("verify database: %w", err)
	}
	defer pool.Close()
	var verdict string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("verify database: %w", err)
	}
	if verdict != "ok" {
		return errors.New("verify database: " + verdict)
	}
	return nil
}
