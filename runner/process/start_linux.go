package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/davitdev/davit/runner"
)

// report is what a new shim says: nothing, or why there is no program.
type report struct {
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exitCode,omitempty"` // 126 or 127 if the program is to blame
	Begun    bool   `json:"begun,omitempty"`    // by another shim
}

// Start starts the program with a shim of its own.
func (r *Runner) Start(ctx context.Context, name string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := r.record(name); err != nil {
		return err
	}
	s, err := r.state(name)
	if err != nil || s.Status == runner.Running {
		return err
	}
	if err := r.killLeft(ctx, name, s); err != nil {
		return err
	}
	said, err := r.spawn(ctx, r.containerPath(name), s.Run)
	if err != nil {
		return fmt.Errorf("process start: %w", diskError(err))
	}
	switch {
	case said.Begun:
		return nil
	case said.ExitCode != 0:
		return &runner.StartError{ExitCode: said.ExitCode, Message: said.Error}
	case said.Error != "":
		return fmt.Errorf("process start: %s", said.Error)
	}
	return nil
}

// children are the shims that this process has to collect from the process
// table once they have ended. They are looked for now and then: a goroutine for
// each would hold a thread for each.
type children struct {
	mu   sync.Mutex
	pids map[int]struct{}
}

func (c *children) add(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pids == nil {
		c.pids = make(map[int]struct{})
	}
	c.pids[pid] = struct{}{}
}

func (c *children) collect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for pid := range c.pids {
		if got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); got == pid || errors.Is(err, syscall.ECHILD) {
			delete(c.pids, pid)
		}
	}
}

// spawn starts a shim for the run after before and waits for its report. When ctx
// ends before that, the shim goes on; starting again finds it.
func (r *Runner) spawn(ctx context.Context, dir string, before int) (said report, _ error) {
	reading, writing, err := os.Pipe()
	if err != nil {
		return said, err
	}
	defer reading.Close()
	defer writing.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return said, err
	}
	defer null.Close()
	log, err := os.OpenFile(dir+"/"+shimLog, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return said, err
	}
	defer log.Close()
	// The program that runs now, even if its file was replaced since.
	p, err := os.StartProcess("/proc/self/exe", []string{shimName, dir, strconv.Itoa(before)}, &os.ProcAttr{
		Dir: "/",
		// Small, because there is one for each container: it only copies.
		Env:   []string{"GOMAXPROCS=1", "GOGC=20"},
		Files: []*os.File{null, writing, log},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return said, err
	}
	r.shims.add(p.Pid)
	_ = p.Release() // it is collected by its ID
	writing.Close()
	defer context.AfterFunc(ctx, func() { _ = reading.SetReadDeadline(time.Now()) })()
	err = json.NewDecoder(reading).Decode(&said)
	switch {
	case ctx.Err() != nil:
		return said, ctx.Err()
	case errors.Is(err, io.EOF):
		return said, errors.New("the shim ended without a word: does main call process.Shim?")
	}
	return said, err
}
