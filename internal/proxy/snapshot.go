package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/davitdev/davit/internal/durable"
)

// snapshot keeps the last table on disk, so that a proxy serves before, or
// without, a control plane.
//
// A table is written after it is in force and after it was acknowledged: a
// switch must not wait for a disk. A machine that loses power in between
// starts with the table before, until the control plane pushes again. Tables
// that follow each other faster than the disk are skipped; the last is not.
type snapshot struct {
	path string
	log  *slog.Logger
	wake chan struct{} // holds one

	mu   sync.Mutex
	next []byte // not yet written, nil if there is none

	writing sync.Mutex
}

func newSnapshot(path string, log *slog.Logger) snapshot {
	return snapshot{path: path, log: log, wake: make(chan struct{}, 1)}
}

// save has table written soon. It never blocks on the disk.
func (s *snapshot) save(table []byte) {
	s.mu.Lock()
	s.next = table
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes what is saved until ctx ends.
func (s *snapshot) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
			if err := s.flush(); err != nil {
				s.log.ErrorContext(ctx, "the routes are in force but not saved", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// flush returns when everything saved so far is on disk.
func (s *snapshot) flush() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	table := s.next
	s.next = nil
	s.mu.Unlock()
	if table == nil {
		return nil
	}
	return durable.Replace(s.path, table)
}

// load returns the saved table. It fails with fs.ErrNotExist if none was ever
// saved.
func (s *snapshot) load() (Table, error) {
	b, err := os.ReadFile(s.path)
	if err != nil {
		return Table{}, err
	}
	var t Table
	if err := json.Unmarshal(b, &t); err != nil {
		return Table{}, fmt.Errorf("decode: %w", err)
	}
	return t, t.Validate()
}
