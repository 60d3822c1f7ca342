package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Bounds of what a repository may make git do.
const (
	maxOutput  = 16 << 20 // bytes of a list of refs
	maxMessage = 16 << 10 // bytes of what git says when it fails
	// MaxRepository is the largest repository that is fetched, in bytes of any
	// one of its files.
	MaxRepository = 2 << 30

	// A few bytes of a pack may say that what they stand for has gigabytes, and a
	// list of refs need not end: no object has more than maxAllocation bytes, and
	// no run of git has more than maxMemory.
	maxAllocation = 512 << 20
	maxMemory     = 2 << 30
)

// command is one run of git.
type command struct {
	remote *Remote // nil: it stays on this machine
	dir    string  // the repository; "" for none
	args   []string
	stdout io.Writer
	// progress hears what git says while it works, now and then; may be nil.
	progress func(string)
}

// run runs git and waits for it. When ctx ends, git and all it started are
// killed. The error is one of explain's.
func (g *Git) run(ctx context.Context, c command) error {
	env, err := g.environment(ctx, c.remote)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "git", c.args...)
	cmd.Env = env
	if c.dir != "" {
		cmd.Env = append(cmd.Env, "GIT_DIR="+c.dir)
		cmd.Dir = c.dir
	} else {
		cmd.Dir = g.Scratch
		cmd.Env = append(cmd.Env, "GIT_CEILING_DIRECTORIES="+filepath.Dir(g.Scratch))
	}
	said := &tail{progress: c.progress}
	cmd.Stdout, cmd.Stderr = c.stdout, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start git: %w", err)
	}
	limit(cmd.Process.Pid, MaxRepository, maxMemory)
	err = cmd.Wait()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return explain(err, c.remote, said.String())
}

// output runs git and returns what it prints, which is bounded.
func (g *Git) output(ctx context.Context, c command) (string, error) {
	out := &bounded{limit: maxOutput}
	c.stdout = out
	if err := g.run(ctx, c); err != nil {
		return "", err
	}
	return out.String(), nil
}

var errTooLong = errors.New("more output than is read")

// bounded keeps what is written up to its limit, and fails beyond.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}

// tail keeps the end of what git says, and passes lines on now and then.
type tail struct {
	buf      []byte
	progress func(string)
	last     time.Time
}

// progressEvery is how often progress is told.
const progressEvery = 2 * time.Second

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - maxMessage; over > 0 {
		t.buf = t.buf[over:]
	}
	if t.progress != nil && time.Since(t.last) > progressEvery {
		if !t.last.IsZero() {
			if lines := strings.FieldsFunc(string(p), func(r rune) bool { return r == '\r' || r == '\n' }); len(lines) > 0 {
				t.progress(clean(lines[len(lines)-1]))
			}
		}
		t.last = time.Now()
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.buf) }

// clean is a line without what could garble a terminal, shortened.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.TrimSpace(s[:min(len(s), 300)])
}
