// Package process runs programs straight on the host, for machines without
// Docker: a demo, a CI job, a laptop. It runs on Linux.
//
// It isolates nothing. A program runs as the user Davit runs as; it can read
// and write what that user can, Davit's own data and the environment of other
// programs included; it can reach every address the host can; it may use all
// memory and all cores; nothing keeps it on the port it was given. What it does
// have of its own: a session and a process group, a copy of its files to work
// in, a complete environment that inherits nothing, no terminal, no core dumps,
// and no way to gain privileges by executing a set-user-ID program. Run only
// programs here that you would start from your own shell.
//
// A container is a directory, a program, and a shim: a small process of the
// same binary (see Shim) that starts the program, copies its output to files,
// and writes down how it ended. Shims belong to no other process. So programs
// outlive Davit, which finds them again by their directories; and a process ID
// that the system has given to somebody else is never signalled.
package process

import (
	"fmt"
	"path/filepath"
)

// Options configure a Runner.
type Options struct {
	// Dir is where everything is kept: images, containers, output. It belongs
	// to one installation and is made with mode 0700.
	Dir string

	// Path is the PATH of programs that bring none of their own.
	Path string

	// LogSize is how many bytes of output are kept for each container; 0
	// means 256 MiB.
	LogSize int64
}

const defaultLogSize = 256 << 20

func (o Options) withDefaults() (Options, error) {
	if !filepath.IsAbs(o.Dir) {
		return o, fmt.Errorf("process: %q is no absolute path", o.Dir)
	}
	if o.LogSize <= 0 {
		o.LogSize = defaultLogSize
	}
	return o, nil
}

// ImageConfig says how the files of an image are run.
type ImageConfig struct {
	Cmd     []string          `json:"cmd"`               // program and arguments; a program with a slash is relative to Workdir
	Env     map[string]string `json:"env,omitempty"`     // a container's own variables win
	Workdir string            `json:"workdir,omitempty"` // below the files; "" is their root
	Ports   []int             `json:"ports,omitempty"`   // that it declares
}
