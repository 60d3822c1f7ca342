package process

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/davitdev/davit/runner"
)

// Create makes the directory with a copy of the image's files.
func (r *Runner) Create(ctx context.Context, spec runner.Spec) (runner.Container, error) {
	if err := spec.Validate(); err != nil {
		return runner.Container{}, err
	}
	m, err := r.manifest(spec.Image)
	if err != nil {
		return runner.Container{}, err
	}
	if c, there, err := r.settle(ctx, spec); there || err != nil {
		return c, err
	}
	// Copying takes its time and is done before anybody has to wait.
	staged, err := r.stage()
	if err != nil {
		return runner.Container{}, err
	}
	defer func() { _ = removeAll(staged) }()
	if err := r.fill(ctx, staged, spec.Image); err != nil {
		return runner.Container{}, err
	}
	if err := putFiles(filepath.Join(staged, filesDir), spec.Files); err != nil {
		return runner.Container{}, err
	}
	return r.commit(ctx, staged, spec, m)
}

// settle returns the container to adopt. It fails where nobody may create, and
// otherwise reports that there is none to keep.
func (r *Runner) settle(ctx context.Context, spec runner.Spec) (_ runner.Container, there bool, _ error) {
	if err := ctx.Err(); err != nil {
		return runner.Container{}, false, err
	}
	if _, err := os.Stat(r.path(networksDir, spec.Network)); err != nil {
		return runner.Container{}, false, fmt.Errorf("%w: %s", runner.ErrNetworkNotFound, spec.Network)
	}
	rec, err := r.record(spec.Name)
	switch {
	case errors.Is(err, runner.ErrNotFound):
		return runner.Container{}, false, nil
	case err != nil:
		return runner.Container{}, false, err
	case rec.Hash == spec.Hash():
		c, err := r.describe(rec)
		return c, err == nil, err
	case spec.Epoch != 0 && rec.Spec.Epoch > spec.Epoch:
		return runner.Container{}, false, fmt.Errorf("%w: %s has epoch %d, not %d", runner.ErrStale, spec.Name, rec.Spec.Epoch, spec.Epoch)
	}
	return runner.Container{}, false, nil
}

// fill makes what a container's directory has beside its record.
func (r *Runner) fill(ctx context.Context, dir, image string) error {
	_, err := copyTree(ctx, filepath.Join(dir, workDir), filepath.Join(r.imagePath(image), filesDir), sha256.New())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", runner.ErrImageNotFound, image)
	}
	if err != nil {
		return err
	}
	for _, d := range []string{scratchDir, logDir} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return fmt.Errorf("process create: %w", diskError(err))
		}
	}
	return nil
}

// putFiles makes the files of a spec below dir: a program has no root directory
// of its own, and is told of this one.
func putFiles(dir string, files []runner.File) error {
	for _, f := range files {
		to := filepath.Join(dir, f.Path)
		err := os.MkdirAll(filepath.Dir(to), 0o700)
		if err == nil {
			err = os.WriteFile(to, []byte(f.Content), 0o600)
		}
		if err == nil {
			err = os.Chmod(to, f.Mode)
		}
		if err != nil {
			return fmt.Errorf("process create: %w", diskError(err))
		}
	}
	return nil
}

// commit gives the staged container its port and its name.
func (r *Runner) commit(ctx context.Context, staged string, spec runner.Spec, m manifest) (runner.Container, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return runner.Container{}, err
	}
	defer unlock()
	if c, there, err := r.settle(ctx, spec); there || err != nil { // by somebody faster
		return c, err
	}
	if _, err := r.manifest(spec.Image); err != nil { // removed meanwhile
		return runner.Container{}, err
	}
	if err := r.remove(ctx, spec.Name); err != nil {
		return runner.Container{}, err
	}
	rec, err := r.newRecord(spec, m)
	if err != nil {
		return runner.Container{}, err
	}
	if err := writeFile(filepath.Join(staged, recordFile), rec); err != nil {
		return runner.Container{}, fmt.Errorf("process create: %w", err)
	}
	if err := os.Rename(staged, r.containerPath(spec.Name)); err != nil {
		return runner.Container{}, fmt.Errorf("process create: %w", err)
	}
	ring(r.opts.Dir)
	return state{Status: runner.Created}.describe(rec), nil
}

func (r *Runner) newRecord(spec runner.Spec, m manifest) (record, error) {
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	rec := record{
		ID: hex.EncodeToString(id), Spec: spec, Hash: spec.Hash(), Cmd: spec.Command,
		Dir: filepath.Join(workDir, m.Workdir), LogSize: r.opts.LogSize,
	}
	if rec.Cmd == nil {
		rec.Cmd = m.Cmd
	}
	dir := r.containerPath(spec.Name)
	rec.Env = map[string]string{
		"PATH": r.opts.Path, "LANG": "C.UTF-8",
		"HOME": filepath.Join(dir, workDir), "TMPDIR": filepath.Join(dir, scratchDir),
	}
	for _, env := range []map[string]string{m.Env, spec.Env} {
		for k, v := range env {
			rec.Env[k] = v
		}
	}
	if len(spec.Files) > 0 {
		rec.Env[runner.FilesVariable] = filepath.Join(dir, filesDir)
		rec.Spec.Files = nil // they are there
	}
	if spec.Port == 0 {
		return rec, nil
	}
	all, err := r.records()
	if err != nil {
		return record{}, err
	}
	if rec.Port, err = freePort(all); err != nil {
		return record{}, err
	}
	rec.Env["PORT"] = strconv.Itoa(rec.Port)
	return rec, nil
}

// Remove kills the program and deletes the directory.
func (r *Runner) Remove(ctx context.Context, name string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.remove(ctx, name)
}

// remove needs the lock.
func (r *Runner) remove(ctx context.Context, name string) error {
	if _, err := r.record(name); errors.Is(err, runner.ErrNotFound) {
		return nil
	}
	s, err := r.state(name)
	if err != nil {
		return err
	}
	if s.Status == runner.Running {
		if err := r.kill(ctx, name, s); err != nil {
			return err
		}
		if s, err = r.state(name); err != nil {
			return err
		}
	}
	if err := r.killLeft(ctx, name, s); err != nil {
		return err
	}
	if err := r.discard(r.containerPath(name)); err != nil {
		return err
	}
	ring(r.opts.Dir)
	return nil
}
