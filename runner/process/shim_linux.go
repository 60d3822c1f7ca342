package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davitdev/davit/internal/memory"
	"github.com/davitdev/davit/runner"
)

// shimName is the argv[0] by which a binary knows that it is to be a shim.
const shimName = "davit-shim"

// What a shim is asked to do.
const (
	sigStop = syscall.SIGTERM // pass it on to the program's process group
	sigKill = syscall.SIGUSR1 // kill the program and all it started
)

// Shim must be the first thing main calls, and TestMain, in every binary that
// uses a Runner. In a process that a Runner started as a shim it does that work
// and exits; in any other it returns at once.
func Shim() {
	if len(os.Args) != 3 || os.Args[0] != shimName {
		return
	}
	// What becomes of the program is tied to the thread that starts it.
	runtime.LockOSThread()
	s, err := newShim(os.Args[1], os.Args[2])
	said := report{Begun: errors.Is(err, errBegun)}
	if err == nil {
		err = s.start()
	}
	if failed, ok := errors.AsType[*runner.StartError](err); ok {
		said = report{Error: failed.Message, ExitCode: failed.ExitCode}
	} else if err != nil {
		said.Error = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(said) // who asked may be gone
	os.Stdout.Close()
	if err != nil {
		os.Exit(1)
	}
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// shim starts a program, copies its output and outlives it just long enough to
// write down how it ended.
type shim struct {
	dir    string
	rec    record
	state  state
	alive  *os.File
	log    *logWriter
	pipes  []*os.File // our ends
	orders chan os.Signal
	deaths chan os.Signal // of children
}

// newShim prepares everything that can fail before the program runs. before is
// the number of the last run that whoever starts it knows of.
func newShim(dir, before string) (*shim, error) {
	s := &shim{dir: dir, orders: make(chan os.Signal, 8), deaths: make(chan os.Signal, 1)}
	signal.Notify(s.orders, sigStop, sigKill)
	signal.Notify(s.deaths, syscall.SIGCHLD)
	// To be ignored, but not by the program, which would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	var err error
	if s.alive, err = os.OpenFile(filepath.Join(dir, aliveFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, diskError(err)
	}
	if err := s.await(before); err != nil {
		return nil, err
	}
	if err := readFile(filepath.Join(dir, recordFile), &s.rec); err != nil {
		return nil, err
	}
	if s.log, err = newLogWriter(filepath.Join(dir, logDir), s.rec.LogSize); err != nil {
		return nil, err
	}
	// The program's orphans become ours, so that none is left over.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("subreaper: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no new privileges: %w", err)
	}
	return s, syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// errBegun says that a run has begun that whoever starts this shim does not know:
// of one that was started before, and that nobody waited for.
var errBegun = errors.New("another shim was started before")

// lockPatience is how long a shim may take that has the lock: to let go once it has
// written its end down, or to begin.
const lockPatience = 5 * time.Second

// await takes the lock and reads the state.
func (s *shim) await(before string) error {
	again, late := time.NewTicker(5*time.Millisecond), time.NewTimer(lockPatience)
	defer again.Stop()
	defer late.Stop()
	for {
		locked := syscall.Flock(int(s.alive.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		s.state = state{}
		err := readFile(filepath.Join(s.dir, stateFile), &s.state)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case strconv.Itoa(s.state.Run) != before:
			return errBegun
		case locked == nil:
			return nil
		case !errors.Is(locked, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock: %w", locked)
		}
		select {
		case <-again.C:
		case <-late.C:
			return fmt.Errorf("lock: %w", locked)
		}
	}
}

// start starts the program.
func (s *shim) start() error {
	cwd := filepath.Join(s.dir, s.rec.Dir)
	path, err := lookPath(s.rec.Cmd[0], s.rec.Env["PATH"], cwd)
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	files := []uintptr{null.Fd()}
	for range 2 {
		ours, theirs, err := os.Pipe()
		if err != nil {
			return err
		}
		defer theirs.Close()
		s.pipes, files = append(s.pipes, ours), append(files, theirs.Fd())
	}
	s.state = state{Run: s.state.Run + 1, Status: runner.Running, StartedAt: time.Now()}
	if s.state.Shim, err = handleOf(os.Getpid()); err != nil {
		return err
	}
	s.state.Program, err = syscall.ForkExec(path, s.rec.Cmd, &syscall.ProcAttr{
		Dir: cwd, Env: environ(s.rec.Env), Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return startError(path, err)
	}
	if err := s.write(); err != nil {
		_ = syscall.Kill(s.state.Program, syscall.SIGKILL)
		return err
	}
	return nil
}

// run copies output and obeys until the program and all it started have ended.
func (s *shim) run() error {
	var copying sync.WaitGroup
	for i, pipe := range s.pipes {
		copying.Go(func() { s.log.copy(runner.Descriptor(i+1), pipe) })
	}
	memory.Release()
	// Signals and deaths are one loop's, so that the program's ID is nobody
	// else's when it is used: it is given again only after reap.
	var status *syscall.WaitStatus
	for status == nil {
		select {
		case sig := <-s.orders:
			if sig == sigStop {
				_ = syscall.Kill(-s.state.Program, syscall.SIGTERM)
			} else {
				_ = syscall.Kill(-s.state.Program, syscall.SIGKILL)
			}
		case <-s.deaths:
			status, _ = reap(s.state.Program)
		}
	}
	killAll()
	copying.Wait() // nobody has the other ends any more
	s.state.Status, s.state.EndedAt, s.state.ExitCode = runner.Exited, time.Now(), exitCode(*status)
	return errors.Join(s.log.close(), s.write())
}

// reap collects the children that have ended. It returns how the program did,
// if it is among them, and whether any child is left.
func reap(program int) (ended *syscall.WaitStatus, left bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // ECHILD
			return ended, false
		case pid == 0:
			return ended, true
		case pid == program:
			ended = &status
		}
	}
}

// killAll kills what the program left behind, again and again, because that
// may have children until its last moment.
func killAll() {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if _, left := reap(0); !left {
			return
		}
		if all, err := descendants(os.Getpid()); err == nil {
			for _, pid := range all[1:] {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		<-again.C
	}
}

// write makes the state known.
func (s *shim) write() error {
	if err := writeFile(filepath.Join(s.dir, stateFile), s.state); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	ring(filepath.Dir(filepath.Dir(s.dir)))
	return nil
}
