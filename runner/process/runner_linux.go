package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/davitdev/davit/runner"
)

// The directory's layout. A container is made in tmp and appears by rename, and
// goes the same way.
const (
	imagesDir     = "images"     // <hex>/image.json, <hex>/files/
	containersDir = "containers" // <name>/, see container_linux.go
	networksDir   = "networks"   // <name>
	tmpDir        = "tmp"
	lockFile      = "lock" // held by whoever changes the above
	bellFile      = "bell" // touched after every change
)

// leftover is the age at which something in tmp belongs to nobody any more.
const leftover = time.Hour

// Runner is a runner.Runner on this machine. Several processes may use one
// directory.
type Runner struct {
	opts     Options
	mu       chan struct{} // held with the lock file; a file lock is per process
	notifier *notifier
	shims    children
}

var (
	_ runner.Runner   = (*Runner)(nil)
	_ runner.Listener = (*Runner)(nil)
)

// New prepares the directory. What watches it ends with ctx; programs go on.
func New(ctx context.Context, o Options) (*Runner, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Runner{opts: o, mu: make(chan struct{}, 1)}
	for _, d := range []string{"", imagesDir, containersDir, networksDir, tmpDir} {
		if err := os.MkdirAll(r.path(d), 0o700); err != nil {
			return nil, fmt.Errorf("process: %w", diskError(err))
		}
	}
	if err := os.Chmod(o.Dir, 0o700); err != nil { // it may have been there
		return nil, fmt.Errorf("process: %w", err)
	}
	bell, err := os.OpenFile(r.path(bellFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("process: %w", diskError(err))
	}
	if err := bell.Close(); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	if err := r.sweep(); err != nil {
		return nil, err
	}
	if r.notifier, err = newNotifier(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Look returns a Runner that only looks at a directory which is there: List,
// Images and Networks change nothing in it.
func Look(o Options) (*Runner, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Runner{opts: o, mu: make(chan struct{}, 1)}, nil
}

func (r *Runner) path(elem ...string) string {
	return filepath.Join(append([]string{r.opts.Dir}, elem...)...)
}

// Info says that this machine answers and enforces nothing.
func (r *Runner) Info(ctx context.Context) (runner.Info, error) {
	if err := ctx.Err(); err != nil {
		return runner.Info{}, err
	}
	if _, err := os.Stat(r.path(containersDir)); err != nil {
		return runner.Info{}, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	return runner.Info{Backend: runner.Process, Version: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}, nil
}

// lock keeps everybody else, in this process and in others, from changing the
// directory until unlock is called.
func (r *Runner) lock(ctx context.Context) (unlock func(), _ error) {
	select {
	case r.mu <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := os.OpenFile(r.path(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		<-r.mu
		return nil, fmt.Errorf("process lock: %w", diskError(err))
	}
	// A file lock cannot be waited for with a context.
	err = runner.WaitHealthy(ctx, runner.Pace{}, func(context.Context) error {
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	})
	unlock = func() {
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) // a program that is just being started has a copy of f
		f.Close()
		<-r.mu
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("process lock: %w", errors.Join(ctx.Err(), err))
	}
	return unlock, nil
}

// ring tells everybody who watches that something changed. It is a hint: that
// it may be lost is made good by their looking now and then.
func ring(dir string) {
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, bellFile), now, now)
}

// stage makes a directory in tmp.
func (r *Runner) stage() (string, error) {
	dir := r.path(tmpDir, rand.Text())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("process: %w", diskError(err))
	}
	return dir, nil
}

// discard moves a directory out of sight and deletes it.
func (r *Runner) discard(dir string) error {
	away := r.path(tmpDir, rand.Text())
	if err := os.Rename(dir, away); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	return removeAll(away)
}

// sweep deletes what processes that were killed left in tmp.
func (r *Runner) sweep() error {
	entries, err := os.ReadDir(r.path(tmpDir))
	if err != nil {
		return fmt.Errorf("process: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < leftover {
			continue // gone, or in use
		}
		if err := removeAll(r.path(tmpDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// removeAll also deletes directories that a program made read-only.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // a directory to be deleted
		}
		return err
	})
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	return nil
}

// diskError gives a full disk its name.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", runner.ErrDiskFull, err)
	}
	return err
}
