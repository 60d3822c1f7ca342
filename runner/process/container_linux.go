package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/davitdev/davit/runner"
)

// A container's directory.
const (
	recordFile = "container.json" // record: what to run; written once
	stateFile  = "state.json"     // state: how it goes; written by the shim
	aliveFile  = "alive"          // locked by the shim as long as it lives
	workDir    = "work"           // the program's own copy of the image's files
	scratchDir = "tmp"            // its TMPDIR
	logDir     = "log"
	shimLog    = "shim.log"
)

// record is what a container is made of. It holds the environment, secrets
// included, because a program must start again without anybody else; so does
// any container engine's.
type record struct {
	ID   string            `json:"id"`
	Spec runner.Spec       `json:"spec"`
	Hash string            `json:"hash"`
	Port int               `json:"port"` // of loopback, 0 if the spec has none
	Cmd  []string          `json:"cmd"`
	Env  map[string]string `json:"env"`
	Dir  string            `json:"dir"` // working directory, below workDir

	LogSize int64 `json:"logSize"`
}

// state is how the last run of a container goes or went.
type state struct {
	Run       int           `json:"run"` // counts from 1
	Status    runner.State  `json:"status"`
	Shim      processHandle `json:"shim"`
	Program   int           `json:"program"` // its process ID, and its group's
	ExitCode  int           `json:"exitCode"`
	StartedAt time.Time     `json:"startedAt"`
	EndedAt   time.Time     `json:"endedAt"`
}

// killed is the exit code of a program nobody saw the end of: it ended with
// its shim, or with the machine.
const killed = 137

func (r *Runner) containerPath(name string, elem ...string) string {
	return r.path(append([]string{containersDir, name}, elem...)...)
}

// record reads a container's.
func (r *Runner) record(name string) (rec record, _ error) {
	if !runner.ValidName(name) {
		return rec, runner.ErrNotFound
	}
	err := readFile(r.containerPath(name, recordFile), &rec)
	if errors.Is(err, fs.ErrNotExist) {
		return rec, runner.ErrNotFound
	}
	return rec, err
}

// records reads all, by name.
func (r *Runner) records() ([]record, error) {
	r.shims.collect()
	entries, err := os.ReadDir(r.path(containersDir))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	var all []record
	for _, e := range entries {
		rec, err := r.record(e.Name())
		switch {
		case errors.Is(err, runner.ErrNotFound): // removed just now
		case err != nil:
			return nil, err
		default:
			all = append(all, rec)
		}
	}
	return all, nil
}

// state tells how the container is, from what the shim wrote and from whether
// it still lives.
func (r *Runner) state(name string) (state, error) {
	var s state
	for range 2 {
		err := readFile(r.containerPath(name, stateFile), &s)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return state{Status: runner.Created}, nil
		case err != nil:
			return s, err
		case s.Status != runner.Running:
			return s, nil
		}
		alive, err := isLocked(r.containerPath(name, aliveFile))
		if err != nil || alive {
			return s, err
		}
		// It ended in between, and wrote that down; or it did not.
	}
	s.Status, s.ExitCode = runner.Exited, killed
	return s, nil
}

// describe reads the container's state.
func (r *Runner) describe(rec record) (runner.Container, error) {
	s, err := r.state(rec.Spec.Name)
	if err != nil {
		return runner.Container{}, err
	}
	return s.describe(rec), nil
}

func (s state) describe(rec record) runner.Container {
	c := runner.Container{
		Name: rec.Spec.Name, ID: rec.ID, ReplicaID: rec.Spec.ReplicaID, Epoch: rec.Spec.Epoch, SpecHash: rec.Hash,
		State: s.Status, StartedAt: s.StartedAt,
	}
	switch s.Status {
	case runner.Created:
	case runner.Running:
		if rec.Port != 0 {
			c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(rec.Port))
		}
	case runner.Exited:
		c.ExitCode, c.EndedAt = s.ExitCode, s.EndedAt
	}
	return c
}

// Inspect returns the present state.
func (r *Runner) Inspect(ctx context.Context, name string) (runner.Container, error) {
	if err := ctx.Err(); err != nil {
		return runner.Container{}, err
	}
	rec, err := r.record(name)
	if err != nil {
		return runner.Container{}, err
	}
	return r.describe(rec)
}

// List returns all containers, by name.
func (r *Runner) List(ctx context.Context) ([]runner.Container, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	list := make([]runner.Container, 0, len(all))
	for _, rec := range all {
		c, err := r.describe(rec)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b runner.Container) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}
