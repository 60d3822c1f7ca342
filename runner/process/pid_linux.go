package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// processHandle names a process for good: an ID is given again, but not to one
// that started at the same time.
type processHandle struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // in clock ticks since the machine's
}

// handleOf returns the handle of a running process.
func handleOf(pid int) (processHandle, error) {
	st, err := readStat(pid)
	return processHandle{PID: pid, Start: st.start}, err
}

// signal sends sig to the process, if it is still the same one.
func (h processHandle) signal(sig syscall.Signal) error {
	p, err := os.FindProcess(h.PID) // holds on to it, so that it cannot become another
	if err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	defer func() { _ = p.Release() }()
	if now, err := handleOf(h.PID); err != nil || now != h {
		return os.ErrProcessDone
	}
	return p.Signal(sig)
}

// stat is what is used of /proc/<pid>/stat (proc_pid_stat(5)).
type stat struct {
	parent  int
	session int
	start   uint64
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return stat{}, os.ErrProcessDone
	}
	if err != nil {
		return stat{}, err
	}
	// The second field is the name in parentheses, which may hold any.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const parent, session, start = 4 - 3, 6 - 3, 22 - 3
	if len(fields) <= start {
		return stat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	ppid, err1 := strconv.Atoi(string(fields[parent]))
	sid, err2 := strconv.Atoi(string(fields[session]))
	ticks, err3 := strconv.ParseUint(string(fields[start]), 10, 64)
	return stat{parent: ppid, session: sid, start: ticks}, errors.Join(err1, err2, err3)
}

// descendants returns the processes below root, itself included, parents
// first.
func descendants(root int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if st, err := readStat(pid); err == nil { // else it has just ended
			children[st.parent] = append(children[st.parent], pid)
		}
	}
	found := []int{root}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found, nil
}

// sessionOf returns the processes of a session that came of the container in a
// directory: its ID alone may be another's by now, or of before the machine was
// started.
func sessionOf(program int, dir string) ([]processHandle, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []processHandle
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		st, err := readStat(pid)
		if err != nil || st.session != program {
			continue
		}
		env, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ")) // it may have ended
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if inside := dir + "/"; bytes.Contains(env, []byte("="+inside)) || strings.HasPrefix(cwd, inside) {
			found = append(found, processHandle{PID: pid, Start: st.start})
		}
	}
	return found, nil
}

// isLocked reports whether a process holds the lock on the file.
func isLocked(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
