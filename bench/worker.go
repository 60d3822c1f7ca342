package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// worker is a peer's queue with its worker, in a process of its own: for each
// line it gets it puts in a job, and says how many nanoseconds later that began.
type worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
	server int // process of the database that it named, or 0
}

// startWorker returns it once it is ready. The caller closes it.
func startWorker(ctx context.Context, path string, args ...string) (*worker, error) {
	w := &worker{cmd: exec.CommandContext(ctx, path, args...)}
	w.cmd.Stderr = &w.errors
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us alone
	w.cmd.Cancel = func() error { return w.in.Close() }     // then it takes down what it made
	w.cmd.WaitDelay = 10 * time.Second
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := w.out.ReadString('\n')
	ready, server, _ := strings.Cut(strings.TrimSpace(line), " ")
	if ready != "ready" {
		return nil, fmt.Errorf("%s is not ready: %w", filepath.Base(path), errors.Join(err, w.close(), errors.New(ending(w.errors.Bytes()))))
	}
	w.server, _ = strconv.Atoi(server) // most name none
	return w, nil
}

// ring puts in a job and returns how long it took to begin.
func (w *worker) ring(context.Context) ([]time.Duration, error) {
	if _, err := io.WriteString(w.in, "\n"); err != nil {
		return nil, err
	}
	line, err := w.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return []time.Duration{time.Duration(nanoseconds)}, err
}

// subject rings once. cpu is what works for it beside its process and the
// server that it named, if not nil.
func (w *worker) subject(name string, every int, cpu func() time.Duration) subject {
	return subject{
		name: name, every: every, op: w.ring,
		after: func(ctx context.Context) error { return sleep(ctx, 3*time.Millisecond) }, // idle again
		cpu: func() time.Duration {
			used := treeCPU(w.cmd.Process.Pid)
			if w.server > 0 {
				used += treeCPU(w.server)
			}
			if cpu != nil {
				used += cpu()
			}
			return used
		},
	}
}

// close ends it; twice is no error.
func (w *worker) close() error {
	_ = w.in.Close() // fails only the second time
	if w.cmd.ProcessState != nil {
		return nil
	}
	return w.cmd.Wait()
}

// startBullMQ starts BullMQ on a Redis.
func startBullMQ(ctx context.Context, b *bench, redis string) (*worker, error) {
	if err := lookPaths("node", "npm"); err != nil {
		return nil, fmt.Errorf("%w: %w", errMissing, err)
	}
	dir := filepath.Join("bench", "peers", "bullmq")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		b.say("  installing BullMQ")
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: npm ci: %w: %s", errMissing, err, ending(out))
	}
	return startWorker(ctx, "node", filepath.Join(dir, "worker.js"), redis)
}

// startRiver starts River on the PostgreSQL of the tests, which waits for no
// disk.
func startRiver(ctx context.Context, b *bench, flags ...string) (*worker, error) {
	path, err := b.built(ctx, "river", ".")
	if err != nil {
		return nil, err
	}
	if os.Getenv("TEST_POSTGRES") == "" {
		return nil, fmt.Errorf("%w: TEST_POSTGRES is not set: use make bench, or test/services run", errMissing)
	}
	return startWorker(ctx, path, flags...)
}
