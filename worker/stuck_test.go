package worker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/store/storetest"
)

// A replica that crashed is started again although its log takes nothing.
func TestAReplicaStartsThoughItsLogTakesNothing(t *testing.T) {
	t.Parallel()

	p := newHouse(t, storetest.SQLite(t)).printed(900, logs.Options{StreamQueueBytes: 4 << 10})
	p.rec.CatchUp = 50 * time.Millisecond
	if err := p.rec.Follow(p.ctx, p.by, nil); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(p.logDir, p.by.source.Group)
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.runs()
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	err := p.rec.Follow(ctx, p.by, nil) // what run does before Start
	if rerr := os.Remove(disk); rerr != nil {
		t.Fatal(rerr)
	}
	if err != nil {
		t.Errorf("not started again: %v", err)
	}
}

// Renew says that it is done, and kill -9 comes before the disk takes it.
func TestThatAnOutputBeginsAnewIsOnTheDisk(t *testing.T) {
	t.Parallel()

	p := newHouse(t, storetest.SQLite(t)).printed(9, logs.Options{})
	p.rec.CatchUp = 2 * time.Second
	if err := p.rec.Follow(p.ctx, p.by, nil); err != nil {
		t.Fatal(err)
	}
	p.runs()
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	// The disk is full: what there is stays.
	group := filepath.Join(p.logDir, p.by.source.Group)
	aside := filepath.Join(t.TempDir(), "logs")
	if err := os.CopyFS(aside, os.DirFS(p.logDir)); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(aside, "lock"))
	if err := os.Rename(group, group+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(group, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.rec.CatchUp = 50 * time.Millisecond
	err := p.rec.Renew(p.ctx, p.by)
	if rerr := os.Remove(group); rerr != nil {
		t.Fatal(rerr)
	}
	for {
		rerr := os.Rename(group+".aside", group)
		if rerr == nil {
			break
		}
		if !errors.Is(rerr, fs.ErrExist) {
			t.Fatal(rerr)
		}
		if rerr := os.RemoveAll(group); rerr != nil { // what was still being written made it again
			t.Fatal(rerr)
		}
	}
	if err != nil {
		return // it is tried again
	}
	// kill -9 before the disk takes anything again: what is there is aside.
	book, err := logs.Open(p.ctx, logs.Options{Dir: aside, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close(context.WithoutCancel(p.ctx))
	w, err := book.Writer(p.ctx, p.by.source, logs.Stdout, p.by.replica, logs.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at, err := w.Resume(p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if at.Lines != 0 {
		t.Errorf("the first %d lines of the container that follows are passed over", at.Lines)
	}
}
