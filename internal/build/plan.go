package build

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/davitdev/davit/internal/fault"
)

// Kind says how an image comes about. Values are public: they appear in the
// API.
type Kind string

// The kinds.
const (
	Auto       Kind = "AUTO"       // found out by looking at the source
	Dockerfile Kind = "DOCKERFILE" // the source says
)

// Options is what a person said about a build. The zero value leaves
// everything to Detect.
type Options struct {
	Builder        Kind              // Dockerfile takes nothing else; "" is Auto
	DockerfilePath string            // below the root of the source; "" is "Dockerfile"
	Args           map[string]string // build arguments
}

func (o Options) dockerfile() string {
	if o.DockerfilePath != "" {
		return o.DockerfilePath
	}
	return "Dockerfile"
}

// Plan says how source is built.
type Plan struct {
	Builder     Kind
	Language    string  // "Go"; "" for a Dockerfile of the source
	Version     string  // of the language: "1.26"
	VersionFrom string  // what says so: "go.mod"
	Install     string  // command that fetches dependencies; "" if there is none
	Build       string  // command that compiles
	Start       string  // command that runs the result; "" if the Dockerfile says
	Package     string  // of Go, the one to build: "./cmd/shop"
	Port        int     // TCP port the result listens on; 0 if nothing tells
	Confidence  float64 // 0 to 1
	Trace       []string

	Dockerfile     []byte // of the source, or made for it
	DockerfilePath string // below the root of the source; "" for one made for it
}

// detector recognises one kind of source. It returns false for what it does
// not know, and an error for what it knows but cannot build.
type detector struct {
	name   string
	detect func(fsys fs.FS, o Options) (Plan, bool, error)
}

// detectors are asked in this order.
var detectors = []detector{
	{"a Dockerfile", detectDockerfile},
	{"a Go module", detectGo},
}

// Detect looks at source and says how it is built. It only reads, and gives
// the same answer for the same source. Plan.Trace tells a person why. It fails
// with NOT_BUILDABLE and a sentence that says what to add or to choose, and
// with DOCKERFILE_INVALID for a Dockerfile that no builder could read.
func Detect(fsys fs.FS, o Options) (Plan, error) {
	var trace []string
	for _, d := range detectors {
		p, ok, err := d.detect(fsys, o)
		if err != nil {
			return Plan{}, err
		}
		if ok {
			p.Trace = append(trace, p.Trace...)
			return p, nil
		}
		trace = append(trace, fmt.Sprintf("The source is not built as %s.", d.name))
		if o.Builder == Dockerfile {
			return Plan{}, fault.New(fault.NotBuildable, "There is no %s in the source, and the settings ask for one: add it, or set the builder to AUTO.", o.dockerfile())
		}
	}
	return Plan{}, fault.New(fault.NotBuildable, "Nothing in the source says how to build it: add a Dockerfile, or a go.mod for a Go program, at its root.")
}

// exists reports whether name is a regular file. Links are followed as far as
// they stay inside.
func exists(fsys fs.FS, name string) (bool, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("detect: %w", err)
	}
	return info.Mode().IsRegular(), nil
}

// maxRead bounds the files that are read to find out how to build.
const maxRead = 256 << 10

// read reads a file of the source that code names.
func read(fsys fs.FS, name string, code fault.Code) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	if info.Size() > maxRead {
		return nil, fault.New(code, "%s has more than %d KiB.", name, maxRead>>10)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	return data, nil
}
