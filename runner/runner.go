// Package runner says what a place that runs replicas can do. It knows images,
// networks, containers and ports; it does not know services, users or rows.
//
// runner/docker and runner/process are real. runnertest.Fake is for tests of
// the code above. All three pass runnertest.Conform, so a test on the Fake
// says something about Docker.
package runner

import (
	"context"
	"io/fs"
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
// it, except that a name it holds is taken: ErrNameTaken. A lost engine is
// ErrUnavailable from every method, and the first call that finds it back
// works again. A container's name that could not be one is ErrNotFound.
type Runner interface {
	// Info says what the runner is and whether it can work right now.
	Info(ctx context.Context) (Info, error)

	// Pull makes sure that the image ref names is present and current and
	// returns it. cred may be nil. progress, if not nil, is called from one
	// goroutine, at most ten times a second, with what came so far. Where the
	// registry does not have the image or does not answer, one of that name
	// that was made on the engine's machine by somebody else is taken as it
	// is, and Image.Local says so. It fails with ErrImageNotFound (also for
	// what is no reference), ErrImageUnauthorized, ErrImageUnsupported,
	// ErrRegistry or ErrDiskFull.
	Pull(ctx context.Context, ref string, cred *Credential, progress func(Progress)) (Image, error)

	// Readable reports whether the registry of an image lets cred, or anybody if
	// it is nil, read it: that an image is present says nothing of who may have
	// it. It is nil too for one that somebody else made on the engine's machine
	// and the registry does not give, and for official images of Docker Hub,
	// which are everybody's and of which the registry is not asked. It fails
	// with ErrImageNotFound, ErrImageUnauthorized, ErrImageUnsupported or
	// ErrRegistry.
	Readable(ctx context.Context, ref string, cred *Credential) error

	// Image returns a present image by ID, digest or reference, or
	// ErrImageNotFound.
	Image(ctx context.Context, id string) (Image, error)

	// Images lists what builds made for this installation. What was pulled is
	// not listed, nor what somebody made of one of ours or gave a name.
	Images(ctx context.Context) ([]BuiltImage, error)

	// RemoveImage deletes the image with this Image.ID. One that a container
	// needs, running or not, is ErrInUse; an absent one is no error. Whose
	// image it is, the caller knows: pass only what was pulled or built for
	// this installation.
	RemoveImage(ctx context.Context, id string) error

	// EnsureNetwork creates the network name, with a subnet of its own from
	// the configured range, or finds it. A full range is ErrNetworkRange.
	EnsureNetwork(ctx context.Context, name string) (Network, error)

	// Networks lists the networks of this installation.
	Networks(ctx context.Context) ([]Network, error)

	// RemoveNetwork deletes a network that has no containers left; with some
	// it is ErrInUse. Removing an absent one is no error.
	RemoveNetwork(ctx context.Context, name string) error

	// Create makes a container for spec without starting it. A container of
	// that name with the same spec.Hash is adopted in whatever state it is;
	// one with another hash is removed and made anew, unless a later epoch
	// made it: then the caller is late, and gets ErrStale. Once it returns,
	// the files of spec are there; whoever was killed before it did calls it
	// again before Start. It fails with ErrSpec, ErrImageNotFound,
	// ErrImageUnsupported or ErrNetworkNotFound, and with a *FileError where a
	// file cannot be put.
	Create(ctx context.Context, spec Spec) (Container, error)

	// Start starts a created or exited container. Starting a running one is
	// no error. One that can never be started any more, because its engine was
	// killed while it did that, is removed, and the error is ErrUnavailable.
	// A command that cannot be executed is a *StartError; a backend
	// whose containers have an init process does not learn of it in time, and
	// the container exits at once with 126 or 127, as a shell would.
	Start(ctx context.Context, name string) error

	// Attach follows what the container writes from now on. Attached before
	// Start, nothing is missed. The caller closes the stream, which ends with
	// ctx as well, and reads without pause: an engine holds back the
	// application itself once about 1 MB is unread.
	Attach(ctx context.Context, name string) (Stream, error)

	// Logs reads the runner's own copy of what the container wrote, from the
	// position on. With follow it goes on with what comes later. A copy that
	// no longer reaches back to the position begins with what is left after
	// Position.Time, and its first frame has Gap. One that is damaged, as by a
	// power cut, ends with ErrUnreadable, and does so again. The caller closes
	// the stream, which ends with ctx as well.
	Logs(ctx context.Context, name string, from Position, follow bool) (Stream, error)

	// Exec runs argv inside a running container and waits for it. Its output
	// is cut at MaxExecOutput. A command that cannot be executed ends with
	// 126 or 127. One that still runs when ctx ends is killed where the
	// backend can do that, and else left to the container's end; until it has
	// ended another one is ErrInUse. A container that does not run is
	// ErrNotRunning.
	Exec(ctx context.Context, name string, argv []string) (ExecResult, error)

	// Inspect returns the container's present state, or ErrNotFound.
	Inspect(ctx context.Context, name string) (Container, error)

	// List returns all containers of this installation in any state. When one
	// was started, how it ended and whether it was outlived may be left out:
	// that is for Inspect.
	List(ctx context.Context) ([]Container, error)

	// Stop asks the container to end, gives it grace, then kills it. It
	// returns once the container no longer runs. Stopping what does not run
	// or does not exist is no error.
	Stop(ctx context.Context, name string, grace time.Duration) error

	// Remove kills the container if it runs and deletes it with its anonymous
	// volumes and its logs. Removing an absent one is no error.
	Remove(ctx context.Context, name string) error

	// Events streams changes of containers of this installation from now on.
	// The channel is closed when ctx ends, when the engine goes away and when
	// the caller falls far behind; then the caller subscribes again and
	// compares with List. Reading slowly delays nobody else.
	Events(ctx context.Context) (<-chan Event, error)
}

// MaxExecOutput is how much of a command's output Exec keeps, in bytes.
const MaxExecOutput = 64 << 10

// Info describes a runner.
type Info struct {
	Backend  Backend
	Version  string // of the engine
	Platform string // of its images, for example "linux/amd64"
	Root     string // directory of the engine's machine where it keeps images; "" if there is none
	Storage  string // driver that keeps images and containers, for example "overlay2"; "" if there is none
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
	// Local says why Pull settled for an image that it found on the machine,
	// a sentence; "" if the registry was asked and answered.
	Local string
}

// BuiltImage is an image that a build made for an installation.
type BuiltImage struct {
	ID string
	// Deployment is the id of what it was built for; "" where equal builds are
	// one image, and nobody can tell.
	Deployment string
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
	Epoch     int64             // of the claim that creates it; 0: none
	Image     string            // Image.ID
	Command   []string          // replaces what the image starts; nil keeps it
	Env       map[string]string // complete; the runner adds PORT and what the image sets
	Port      int               // TCP port the application listens on; 0: none
	Network   string            // an ensured network
	Names     []netip.Addr      // name servers, first one first; nil: the engine's
	Memory    int64             // bytes
	CPUMillis int               // thousandths of a core
	Pids      int               // processes and threads
	Files     []File            `json:",omitempty"`
}

// FilesVariable is set by a backend that has no root directory for each
// container: the files of its Spec are below the directory this names.
const FilesVariable = "DAVIT_FILES"

// File is put into a container before its first start and stays over the next
// ones. It belongs to the user of the image, takes the place of a file or a link
// that is there, and its directories are made where they are missing. Links in
// its path are followed inside the container.
type File struct {
	Path    string // absolute and clean
	Mode    fs.FileMode
	Content string
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
	OOMKilled bool           // likewise: its memory ran out
	StartedAt time.Time      // zero before the first start
	EndedAt   time.Time      // zero unless Exited, and where nobody saw it
	// Outlived reports that the engine which started it was not there when it
	// ended, or may not have been: the last it printed may be in no copy.
	Outlived bool
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

// Position is how far a reader has come in a container's output.
type Position struct {
	// Complete lines per descriptor, which is newlines, since the container
	// was created, over all its starts.
	Stdout, Stderr int64

	// Time is when the reader got the last of them, or the Frame.Time of the
	// last, by the engine's clock. It is how a runner that lost the beginning
	// of its copy notices: a line that counts as read, but was written later,
	// is another line. Zero means not to check.
	Time time.Time

	// StdoutLast and StderrLast are the Frame.Time of the last of those lines, by
	// which a runner finds it in a copy that lost its beginning. Zero, or any
	// other time, if it was not of a Frame that had one.
	StdoutLast, StderrLast time.Time
}

// Frame is a piece of output.
type Frame struct {
	Descriptor Descriptor
	// Time is when the runner's own copy says it was written; zero for an
	// attachment whose engine says none.
	Time time.Time
	// Data is any run of bytes for an attachment. For Logs it is a line
	// without its newline, or a part of a long one. It is valid until the next
	// call of Next.
	Data []byte
	// Line reports that Data completes a line (Logs only).
	Line bool
	// Gap reports that output may be lost between the frame before, or the
	// position asked for, and this one.
	Gap bool
	// Missing is how many of the lines that were read the runner's own copy does
	// not have, and never will: an engine that is killed takes them along. What
	// comes next is counted without them. Such a frame has no data, and is one
	// of the last (Logs without follow only).
	Missing int64
}

// Stream is output under way. It is not safe for concurrent use, except that
// Close may come at any time and ends a waiting Next.
type Stream interface {
	// Next returns the next frame, and io.EOF after the last and after Close;
	// it may wait. The end of a stream is not the end of the container:
	// Inspect is.
	Next() (Frame, error)
	Close() error
}
