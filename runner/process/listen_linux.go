package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/davitdev/davit/runner"
)

// Listening returns the sockets of the program and of all it started: the
// host's, by the inodes of their open files.
func (r *Runner) Listening(ctx context.Context, name string) (runner.Listening, error) {
	if err := ctx.Err(); err != nil {
		return runner.Listening{}, err
	}
	rec, err := r.record(name)
	if err != nil {
		return runner.Listening{}, err
	}
	s, err := r.state(name)
	switch {
	case err != nil:
		return runner.Listening{}, err
	case s.Status != runner.Running:
		return runner.Listening{}, runner.ErrNotRunning
	}
	all, err := runner.ReadSockets("/proc/self")
	if err != nil {
		return runner.Listening{}, err
	}
	pids, err := descendants(s.Shim.PID)
	if err != nil {
		return runner.Listening{}, fmt.Errorf("%w: %w", runner.ErrUnsupported, err)
	}
	open := make(map[uint64]bool)
	for _, pid := range pids {
		addSockets(open, pid)
	}
	found := runner.Listening{Port: rec.Port, Loopback: true}
	for _, socket := range all {
		if open[socket.Inode] {
			found.Sockets = append(found.Sockets, socket.Addr)
		}
	}
	return found, nil
}

// addSockets notes the inodes of a process's sockets. One that has just ended
// has none.
func addSockets(open map[uint64]bool, pid int) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		text, ok := strings.CutPrefix(link, "socket:[")
		inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
		if ok && err == nil {
			open[inode] = true
		}
	}
}
