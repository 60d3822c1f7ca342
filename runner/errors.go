package runner

import "errors"

// Errors of a Runner, compared by errors.Is.
var (
	ErrUnavailable       = errors.New("runner: the engine does not answer")
	ErrSpec              = errors.New("runner: not a valid container")
	ErrStale             = errors.New("runner: a later epoch made the container of that name")
	ErrNameTaken         = errors.New("runner: the name belongs to something that is not ours")
	ErrNotFound          = errors.New("runner: no such container")
	ErrNotRunning        = errors.New("runner: the container does not run")
	ErrInUse             = errors.New("runner: still in use")
	ErrImageNotFound     = errors.New("runner: no such image")
	ErrImageUnauthorized = errors.New("runner: the registry refuses access to the image")
	ErrImageUnsupported  = errors.New("runner: the image does not fit this runner")
	ErrRegistry          = errors.New("runner: the registry does not answer")
	ErrNetworkNotFound   = errors.New("runner: no such network")
	ErrNetworkRange      = errors.New("runner: no free subnet is left in the configured range")
	ErrDiskFull          = errors.New("runner: no space left on the engine's disk")
	ErrUnreadable        = errors.New("runner: the copy of an output cannot be read")
	ErrUnsupported       = errors.New("runner: this backend cannot do that")
)

// StartError is a container whose command cannot be executed: not found, not
// executable, of another architecture. Retrying cannot help.
type StartError struct {
	ExitCode int    // 126 or 127, as a shell would report it
	Message  string // what the engine says, one line
}

func (e *StartError) Error() string { return "runner: cannot start: " + e.Message }

// FileError is a file that cannot be put into a container. Retrying cannot help.
type FileError struct {
	Path    string
	Message string // why, one line
}

func (e *FileError) Error() string { return "runner: cannot put " + e.Path + ": " + e.Message }
