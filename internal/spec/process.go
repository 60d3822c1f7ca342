package spec

import (
	"slices"
	"strings"

	"github.com/google/shlex"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// MainProcess is what people call the service itself. In rows its name is "".
const MainProcess = "web"

// MaxProcesses bounds the processes beside a service.
const MaxProcesses = 20

// Process is another way to run a service's image: a worker, a scheduler.
type Process struct {
	Name     string `json:"name"`
	Command  string `json:"command"` // split into words; no shell sees it
	Replicas int    `json:"replicas"`
}

// ImageProcess is a process that the source of an image names.
type ImageProcess struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"`
}

// Run is a process of a deployment: what it starts, and how many replicas it
// has where nobody scaled it.
type Run struct {
	Name     string
	Argv     []string
	Replicas int
}

var processName = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// IsProcessName reports whether a process may be called that.
func IsProcessName(name string) bool { return processName().MatchString(name) }

// Runs are the processes beside a service with these settings and this image,
// by name: those of the settings, which go before those of the image's source.
// Of the latter each has one replica. image may be nil.
func (s Settings) Runs(image *ImageRef) []Run {
	var out []Run
	for _, p := range s.Processes {
		words, err := p.words()
		if err != nil {
			continue // refused when it was set
		}
		out = append(out, Run{p.Name, words, p.Replicas})
	}
	if image != nil {
		for _, p := range image.Processes {
			if !slices.ContainsFunc(out, func(r Run) bool { return r.Name == p.Name }) {
				out = append(out, Run{p.Name, p.Argv, 1})
			}
		}
	}
	slices.SortFunc(out, func(a, b Run) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (p Process) words() ([]string, error) {
	words, err := shlex.Split(p.Command)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%v", err)
	}
	return words, CheckWords("command", words)
}

func checkProcesses(field string, list []Process) error {
	if len(list) > MaxProcesses {
		return fault.At(field, fault.Invalid, "At most %d processes can run beside a service.", MaxProcesses)
	}
	seen := map[string]bool{}
	for _, p := range list {
		switch {
		case p.Name == MainProcess:
			return fault.At(field, fault.Invalid, "%s is the service itself: set its start command and its replicas instead.", MainProcess)
		case !IsProcessName(p.Name):
			return fault.At(field, fault.Invalid, "%s is not the name of a process: use 1 to 63 letters, digits, dashes and underscores.", quote(p.Name))
		case seen[p.Name]:
			return fault.At(field, fault.Invalid, "The process %s is there twice.", p.Name)
		case p.Replicas < 0 || p.Replicas > MaxReplicas:
			return fault.At(field, fault.Invalid, "Between 0 and %d replicas of a process can run.", MaxReplicas)
		case len(p.Command) > maxText || strings.ContainsRune(p.Command, 0):
			return fault.At(field, fault.Invalid, "The command of %s is too long or has a NUL byte.", p.Name)
		}
		if _, err := p.words(); err != nil {
			return fault.At(field, fault.Invalid, "The command of %s cannot be split into words.", p.Name).Because(err)
		}
		seen[p.Name] = true
	}
	return nil
}
