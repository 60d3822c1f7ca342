package docker

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/davitdev/davit/runner"
)

// maxReference is longer than any registry takes.
const maxReference = 512

// parseReference reads an image reference as Docker does: "redis" is
// docker.io/library/redis:latest. What is none is ErrImageNotFound: there can
// be no such image.
func parseReference(s string) (reference.Named, error) {
	if len(s) > maxReference {
		return nil, fmt.Errorf("%w: a reference of %d bytes", runner.ErrImageNotFound, len(s))
	}
	ref, err := reference.ParseDockerRef(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not an image reference: %w", runner.ErrImageNotFound, s, err)
	}
	return ref, nil
}

// tcpPorts reads "8080/tcp" and leaves other protocols out.
func tcpPorts(exposed iter.Seq[string]) []int {
	var ports []int
	for s := range exposed {
		number, protocol, _ := strings.Cut(s, "/")
		port, err := strconv.Atoi(number)
		if err == nil && port > 0 && port < 1<<16 && (protocol == "" || protocol == "tcp") {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
