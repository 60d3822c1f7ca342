// Package runner says what a place that runs replicas can do. It knows images,
// networks, containers and ports; it does not know services, users or rows.
//
// runner/docker and runner/process are real. runnertest.Fake is for tests of
// the code above. All three pass runnertest.Conform, so a test on the Fake
// says something about Docker.
package runner

import (
	"context"
	"net/netip"
	"time"
)

// Backend names a kind of runner.
type Backend string

// The backends. Values are public: they appear in the API.
const (
	Docker  Backend = "DOCKER"
	Process Backend = "PROCESS"
)

// Runner runs containers. "Container" is the word for one isolated run of an
// image, whatever the backend isolates it with.
//
// All methods are safe for concurrent use and stop early with ctx's error.
// Everything that changes something is idempotent, because whoever calls it
// may be killed and call again. A Runner sees only what carries the label of
// its own installation; anything else on the same engine does not exist for
// it. A lost engine is ErrUnavailable from every method.
type Runner interface {
	// Info says what the runner is and whether it can work right now.
	Info(ctx context.Context) (Info, error)

	// Pull makes sure that the image ref names is present and current and
	// returns it. cred may be nil. progress, if not nil, is called from one
	// goroutine, at most ten times a second, with what came so far. It fails
	// with ErrImageNotFound, ErrImageUnauthorized, ErrImageUnsupported or
	// ErrRegistry.
	Pull(ctx context.Context, ref string, cred *Credential, progress func(Progress)) (Image, error)

	// Image returns a present image by ID, digest or reference, or
	// ErrImageNotFound.
	Image(ctx context.Context, id string) (Image, error)

	// EnsureNetwork creates the network name, with a subnet of its own from
	// the configured range, or finds it.
	EnsureNetwork(ctx context.Context, name string) (Network, error)

	// Networks lists the networks of this installation.
	Networks(ctx context.Context) ([]Network, error)

	// RemoveNetwork deletes a network that has no containers left. Removing
	// an absent one is no error.
	RemoveNetwork(ctx context.Context, name string) error

	// Create makes a container for spec without starting it. A container of
	// that name with the same spec.Hash is adopted in whatever state it is;
	// one with another hash is removed and made anew.
	Create(ctx context.Context, spec Spec) (Container, error)

	// Start starts a created or exited container. Starting a running one is
	// no error. A command that cannot be executed is a *StartError.
	Start(ctx context.Context, name string) error

	// Attach follows what the container writes from now on. Attached before
	// Start, nothing is missed. The caller closes the stream.
	Attach(ctx context.Context, name string) (Stream, error)

	// Logs reads the runner's own copy of what the container wrote, from the
	// position on. With follow it goes on with what comes later. A copy that
	// no longer reaches back to the position begins with what is left: its
	// first frames carry a time after what the caller has. The caller closes
	// the stream.
	Logs(ctx context.Context, name string, from Position, follow bool) (Stream, error)

	// Exec runs argv inside a running container and waits for it. Its output
	// is cut at 64 KiB.
	Exec(ctx context.Context, name string, argv []string) (ExecResult, error)

	// Inspect returns the container's present state, or ErrNotFound.
	Inspect(ctx context.Context, name string) (Container, error)

	// List returns all containers of this installation in any state.
	List(ctx context.Context) ([]Container, error)

	// Stop asks the container to end, gives it grace, then kills it. It
	// returns once the container no longer runs. Stopping what does not run
	// or does not exist is no error.
	Stop(ctx context.Context, name string, grace time.Duration) error

	// Remove kills the container if it runs and deletes it with its anonymous
	// volumes and its logs. Removing an absent one is no error.
	Remove(ctx context.Context, name string) error

	// Events streams changes of containers of this installation from now on.
	// The channel is closed when ctx ends or the engine goes away; then the
	// caller subscribes again and compares with List. Reading slowly delays
	// nobody else.
	Events(ctx context.Context) (<-chan Event, error)
}

// Info describes a runner.
type Info struct {
	Backend  Backend
	Version  string // of the engine
	Platform string // of its images, for example "linux/amd64"
	// Limits reports which limits of a Spec the runner can enforce.
	Limits Limits
}

// Limits says which limits are enforced.
type Limits struct{ Memory, CPU, Pids bool }

// Credential opens a registry.
type Credential struct{ Username, Password string }

// Progress of a pull; Total is 0 while it is not known.
type Progress struct{ Current, Total int64 }

// Image is an image that is present.
type Image struct {
	ID     string   // content address, "sha256:…"
	Digest string   // of the registry's manifest; "" for what was built here
	Size   int64    // bytes on disk
	Ports  []int    // TCP ports it declares, ascending
	User   string   // user it runs as; "" means root
	Cmd    []string // what it starts: entrypoint and command
}

// Network is a network of its own for one environment.
type Network struct {
	Name string
	// Gateway is the host's address inside the network, where the internal
	// name server answers; invalid if the runner has no such address.
	Gateway netip.Addr
}

// Spec describes the container to create. The zero value of a limit means the
// runner's default limit, never "none".
type Spec struct {
	Name      string            // unique per runner; decides what Create adopts
	ReplicaID string            // row the container belongs to
	Epoch     int64             // of the claim that creates it
	Image     string            // Image.ID
	Command   []string          // replaces what the image starts; nil keeps it
	Env       map[string]string // complete; the runner adds only PORT
	Port      int               // TCP port the application listens on; 0: none
	Network   string            // an ensured network
	Names     []netip.Addr      // name servers, first one first; nil: the engine's
	Memory    int64             // bytes
	CPUMillis int               // thousandths of a core
	Pids      int               // processes and threads
}

// State of a container.
type State string

// The states.
const (
	Created State = "CREATED"
	Running State = "RUNNING"
	Exited  State = "EXITED"
)

// Container is a container as the runner sees it.
type Container struct {
	Name      string
	ID        string // the engine's
	ReplicaID string
	Epoch     int64
	SpecHash  string
	State     State
	Addr      netip.AddrPort // where the application is dialled; invalid unless Running with a port
	ExitCode  int            // meaningful once Exited
	OOMKilled bool
	StartedAt time.Time
	EndedAt   time.Time
}

// ExecResult is how a command inside a container ended.
type ExecResult struct {
	ExitCode int
	Output   []byte
}

// EventKind is what happened to a container.
type EventKind string

// The kinds of events.
const (
	EventStarted EventKind = "STARTED"
	EventExited  EventKind = "EXITED"
	EventRemoved EventKind = "REMOVED"
)

// Event is a change of one container. It is a hint: the truth is Inspect.
type Event struct {
	Kind      EventKind
	Name      string
	ReplicaID string
}

// Descriptor tells a container's two outputs apart.
type Descriptor int

// The descriptors, by their POSIX numbers.
const (
	Stdout Descriptor = 1
	Stderr Descriptor = 2
)

// Position counts complete lines per descriptor since the container was
// created, over all its starts.
type Position struct{ Stdout, Stderr int64 }

// Frame is a piece of output.
type Frame struct {
	Descriptor Descriptor
	// Time is when the runner's own copy says it was written; zero for an
	// attachment, which carries none.
	Time time.Time
	// Data is any run of bytes for an attachment, and one line without its
	// newline (or its unfinished rest) for Logs. It is valid until the next
	// call of Next.
	Data []byte
	// Line reports that Data is a complete line (Logs only).
	Line bool
}

// Stream is output under way. It is not safe for concurrent use, except that
// Close may come at any time and ends a waiting Next.
type Stream interface {
	// Next returns the next frame, io.EOF after the last. The end of a stream
	// is not the end of the container: Inspect is.
	Next() (Frame, error)
	Close() error
}
