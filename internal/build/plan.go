package build

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/fault"
)

// Kind says how an image comes about.
type Kind = detect.Builder

// Options is what a person said about a build.
type Options = detect.Options

// Plan says how source is built.
type Plan = detect.Plan

// Process is one way of a plan to run its image.
type Process = detect.Process

// The kinds of builds.
const (
	Auto       = detect.Auto
	Dockerfile = detect.Dockerfile
	Static     = detect.Static
)

// Languages are the names that Options.Language may have.
func Languages() []string { return detect.Languages() }

// Detect looks at source and says how it is built, as detect.Detect does. A
// Dockerfile of the source is read too: it fails with DOCKERFILE_INVALID for
// one that no builder could read, and its only port is the plan's.
func Detect(fsys fs.FS, o Options) (Plan, error) {
	p, err := detect.Detect(fsys, o)
	if err != nil || p.Builder != Dockerfile {
		return p, err
	}
	f, err := parseDockerfile(p.Dockerfile)
	if err != nil {
		return Plan{}, err
	}
	if port := f.port(); port != 0 && p.Port == 0 {
		p.Port = port
		p.Trace = append(p.Trace, fmt.Sprintf("It exposes port %d.", port))
	}
	return p, nil
}

// exists reports whether name is a regular file. Links are followed as far as
// they stay inside.
func exists(fsys fs.FS, name string) (bool, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("source: %w", err)
	}
	return info.Mode().IsRegular(), nil
}

// maxRead bounds the files of the source that are read.
const maxRead = 256 << 10

// read reads a file of the source that code names.
func read(fsys fs.FS, name string, code fault.Code) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if info.Size() > maxRead {
		return nil, fault.New(code, "%s has more than %d KiB.", name, maxRead>>10)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return data, nil
}
