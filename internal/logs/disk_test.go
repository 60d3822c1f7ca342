package logs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
)

// A disk that takes nothing: the directory of the group cannot be made.
func brokenDisk(t *testing.T, dir string, src logs.Source) (mend func()) {
	t.Helper()
	path := filepath.Join(dir, src.Group)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWriterNeverWaitsForTheDisk(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir, StreamQueueBytes: 64 << 10})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	mend := brokenDisk(t, dir, src)
	var raw []byte
	for i := range 3000 {
		raw = fmt.Appendf(raw, "line %d %s\n", i, strings.Repeat("x", 50))
	}
	n, err := w.Write(raw)
	if !errors.Is(err, logs.ErrBehind) || n == 0 || n == len(raw) {
		t.Fatalf("Write took %d of %d bytes, %v", n, len(raw), err)
	}
	if n, err := w.Write([]byte("more\n")); n != 0 || !errors.Is(err, logs.ErrBehind) {
		t.Errorf("after that, Write took %d bytes, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Resume(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Resume on a broken disk: %v", err)
	}
	mend()
	for {
		p, err := w.Resume(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.Write(fromLine(raw, p.Lines)); err == nil {
			break
		}
		if !errors.Is(err, logs.ErrBehind) {
			t.Fatal(err)
		}
	}
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines, gaps := everything(t, l, src)
	if got := strings.Join(messages(lines), "\n") + "\n"; got != string(raw) || len(gaps) > 0 {
		t.Errorf("%d lines of 3000, %d gaps", len(lines), len(gaps))
	}
}

func TestEndingOnABrokenDiskHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	mend := brokenDisk(t, dir, src)
	if _, err := w.Write([]byte("one\ntwo")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.End(ctx, src, logs.DeploymentEnded); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("End: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- l.End(t.Context(), src, logs.DeploymentEnded) }()
	for range 20 {
		if page, err := l.Query(t.Context(), logs.Query{Source: src}); err != nil || len(page.Lines) > 0 {
			t.Errorf("a page while the disk is broken: %+v, %v", page, err)
		}
		if err := l.System(t.Context(), src, logs.SeverityWarn, "The disk is broken."); err != nil {
			t.Error(err)
		}
	}
	f := follow(t, l, logs.FollowOptions{Source: src})
	mend()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	lines, end := collect(t, f, -1)
	if len(lines) != 22 || end.Reason != logs.DeploymentEnded {
		t.Errorf("%d lines, %+v", len(lines), end)
	}
}

func TestALossyWriterSaysWhatItLeftOut(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir, StreamQueueBytes: 16 << 10})
	src := newSource()
	w, err := l.Writer(t.Context(), src, logs.Build, "", logs.WriterOptions{Lossy: true})
	if err != nil {
		t.Fatal(err)
	}
	mend := brokenDisk(t, dir, src)
	const total = 2000
	for i := range total {
		line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", i%60))
		for half := range 2 { // lines come in two pieces
			piece := line[half*len(line)/2 : (half+1)*len(line)/2]
			if n, err := w.Write([]byte(piece)); err != nil || n != len(piece) {
				t.Fatalf("Write: %d, %v", n, err)
			}
		}
	}
	mend()
	eventually(t, func() bool {
		lines, _ := everything(t, l, src)
		return len(lines) > 0
	})
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, w, []byte("and on\n"))
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines, gaps := everything(t, l, src)
	if len(gaps) != 1 || gaps[0].Reason != logs.StoreUnavailable || gaps[0].Dropped+int64(len(lines)) != total+1 || len(lines) < 10 {
		t.Errorf("%d of %d lines, gaps %+v", len(lines), total+1, gaps)
	}
	if last := lines[len(lines)-1].Message; last != "and on" {
		t.Errorf("the last line is %q", last)
	}
}

// A disk without room, as a real file system says it.
func TestAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("davit-test", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, logs.Options{Dir: dir, StreamQueueBytes: 16 << 10})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	var raw []byte
	for i := range 2000 {
		raw = fmt.Appendf(raw, "line %d %s\n", i, strings.Repeat("x", 60))
	}
	start := raw
	behind := 0
	for len(start) > 0 {
		n, err := w.Write(start[:min(len(start), 1000)])
		start = start[n:]
		if err == nil {
			continue
		}
		if !errors.Is(err, logs.ErrBehind) {
			t.Fatal(err)
		}
		if behind++; behind == 3 {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		p, err := w.Resume(ctx)
		cancel()
		if err == nil {
			start = fromLine(raw, p.Lines)
		} else if behind > 20 {
			t.Fatal(err)
		}
	}
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if behind < 3 {
		t.Fatalf("the disk was never full")
	}
	lines, gaps := everything(t, l, src)
	if got := strings.Join(messages(lines), "\n") + "\n"; got != string(raw) || len(gaps) > 0 {
		t.Errorf("%d lines of 2000, %d gaps", len(lines), len(gaps))
	}
}
