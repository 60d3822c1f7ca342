package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/davitdev/davit/runner"
)

// Exec runs argv beside the program, with its files and its environment. When
// ctx ends the command's process group is killed.
func (r *Runner) Exec(ctx context.Context, name string, argv []string) (runner.ExecResult, error) {
	if len(argv) == 0 || argv[0] == "" {
		return runner.ExecResult{}, fmt.Errorf("%w: an empty command", runner.ErrSpec)
	}
	if err := ctx.Err(); err != nil {
		return runner.ExecResult{}, err
	}
	rec, err := r.record(name)
	if err != nil {
		return runner.ExecResult{}, err
	}
	switch s, err := r.state(name); {
	case err != nil:
		return runner.ExecResult{}, err
	case s.Status != runner.Running:
		return runner.ExecResult{}, runner.ErrNotRunning
	}
	cwd := r.containerPath(name, rec.Dir)
	path, err := lookPath(argv[0], rec.Env["PATH"], cwd)
	if err != nil {
		return notExecuted(err)
	}
	var out clipped
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Dir, cmd.Env = cwd, environ(rec.Env)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for what left the group and holds the output
	if err := cmd.Start(); err != nil {
		return notExecuted(startError(filepath.Base(path), err))
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return runner.ExecResult{}, ctx.Err()
	}
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok && !errors.Is(err, exec.ErrWaitDelay) {
		return runner.ExecResult{}, fmt.Errorf("process exec: %w", err)
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return runner.ExecResult{}, fmt.Errorf("process exec: no exit status in %v", cmd.ProcessState)
	}
	return runner.ExecResult{ExitCode: exitCode(status), Output: out}, nil
}

// notExecuted turns a StartError into the exit a shell would report.
func notExecuted(err error) (runner.ExecResult, error) {
	failed, ok := errors.AsType[*runner.StartError](err)
	if !ok {
		return runner.ExecResult{}, fmt.Errorf("process exec: %w", err)
	}
	return runner.ExecResult{ExitCode: failed.ExitCode, Output: []byte(failed.Message)}, nil
}

// clipped keeps the beginning of what is written to it.
type clipped []byte

func (c *clipped) Write(b []byte) (int, error) {
	*c = append(*c, b[:min(len(b), runner.MaxExecOutput-len(*c))]...)
	return len(b), nil
}
