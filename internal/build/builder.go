// Package build turns source into something a runner can run: Detect says how,
// a Builder does it. BuildKit makes images in a Docker engine, Toolchain makes
// programs for a machine without one.
package build

import (
	"context"
	"io"
	"time"

	"github.com/davitdev/davit/internal/source"
)

// Builder builds what a Plan says.
type Builder interface {
	// Build runs one build and returns what it made. It tells sink what
	// happens, and has told everything when it returns. When ctx ends, the
	// build ends and Build returns the cause of ctx.
	//
	// DOCKERFILE_INVALID, IMAGE_NOT_FOUND, IMAGE_UNAUTHORIZED,
	// IMAGE_UNSUPPORTED, SOURCE_FORBIDDEN, NOT_BUILDABLE and BUILD_FAILED
	// blame the source, BUILD_TIMEOUT the time it took, RUNNER_UNAVAILABLE
	// and DISK_FULL the machine, REGISTRY_UNAVAILABLE others. Where there is
	// more to say, an *Error is around the fault.
	Build(ctx context.Context, req Request, sink Sink) (Result, error)
}

// Pruner is a Builder that keeps what steps made for builds to come.
type Pruner interface {
	// Prune removes so many bytes of that, what was used longest ago first, or
	// all that no build under way uses. It says how many it removed.
	Prune(ctx context.Context, bytes int64) (removed int64, err error)
}

// Request is one build. Equal requests may be built again and again.
type Request struct {
	Tree *source.Tree
	Plan Plan

	// Instance and Deployment are ids. They name the result,
	// davit/<instance>:<deployment>.
	Instance   string
	Deployment string

	// CacheScope says who shares what builds leave in RUN --mount=type=cache,
	// and what steps with secrets made: those who trust each other, because one
	// can poison it for all, and read it. "" is the instance.
	CacheScope string

	// Readable, if set, fails for an image that whoever asks for the build may
	// not read. What the engine holds is no proof: it may have been pulled with
	// another's password. It is asked for each image that the Dockerfile names,
	// from several goroutines. A *fault.Error is the build's; any other says
	// what the registry said.
	Readable func(ctx context.Context, image string) error

	// Export, if set, gets the files of what a static Plan builds, as a tar, and
	// no image is made. It reads to the end, or fails; the build fails then
	// with the same error.
	Export func(files io.Reader) error

	Target  string            // stage of the Dockerfile; "" is the last one
	Args    map[string]string // build arguments; only declared ones are seen
	Secrets map[string][]byte // by id, for RUN --mount=type=secret; never kept
	NoCache bool              // run every step again, with empty cache mounts
	Timeout time.Duration     // of the whole build; 0 is an hour
}

// Reference is the name of the image that a deployment is built to, where
// images have names.
func Reference(instance, deployment string) string {
	return repository + "/" + instance + ":" + deployment
}

const defaultTimeout = time.Hour

// Result is what a build made.
type Result struct {
	Image     string // its content address, for a runner.Spec; "" where files were exported
	Reference string // davit/<instance>:<deployment>, likewise
	Platform  string // for example "linux/amd64"
	CacheHit  bool   // no step had to run
}

// Sink hears what a build does. Its methods are called one at a time; while
// one waits, the build may have to.
type Sink interface {
	// Step tells that a step is known, has started or has ended. The same
	// step comes again with more fields set.
	Step(step Step)

	// Log brings lines in the order they were written. The slice is the
	// sink's to keep.
	Log(lines []Line)
}

// Step is one vertex of a build's graph.
type Step struct {
	ID         string
	Name       string
	Inputs     []string  // ids of the steps it needs
	StartedAt  time.Time // zero: not yet
	FinishedAt time.Time // zero: not yet
	Cached     bool      // nothing had to be done
	Error      string    // "" unless it failed
}

// Stream is where a line was written.
type Stream string

// The streams.
const (
	Stdout Stream = "STDOUT"
	Stderr Stream = "STDERR"
)

// Line is one line of output, without its newline.
type Line struct {
	Step   string // id
	Stream Stream
	Time   time.Time
	Text   string // at most 16 KiB
	More   bool   // the line was longer: it goes on with the next one
}

// Error says where a build failed.
type Error struct {
	Err         error  // a *fault.Error
	ExitCode    int    // of the command that failed; 0 if none did
	Line        int    // of the Dockerfile of the source; 0 if it is not about one
	Instruction string // what failed: that line, or the command
	Last        []Line // what the failing step said last, oldest first
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }
