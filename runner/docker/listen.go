package docker

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/davitdev/davit/runner"
)

// embeddedDNS is where the engine itself listens inside a container.
var embeddedDNS = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// Listening reads the sockets of the container's network namespace through the
// /proc of this machine. On an engine of another machine that process is
// somebody else's or none at all, so the container's ID must be in its cgroup.
func (e *Engine) Listening(ctx context.Context, name string) (runner.Listening, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Listening{}, err
	}
	c, err := e.find(ctx, s, name)
	switch {
	case err != nil:
		return runner.Listening{}, err
	case !c.State.Running || c.State.Pid <= 0:
		return runner.Listening{}, runner.ErrNotRunning
	}
	proc := "/proc/" + strconv.Itoa(c.State.Pid)
	cgroup, err := os.ReadFile(proc + "/cgroup")
	if err != nil || !strings.Contains(string(cgroup), c.ID) {
		return runner.Listening{}, fmt.Errorf("%w: the container's process is not on this machine", runner.ErrUnsupported)
	}
	port, err := strconv.Atoi(c.Config.Labels[labelPort])
	if err != nil {
		return runner.Listening{}, fmt.Errorf("docker listening: label %s: %w", labelPort, err)
	}
	found := runner.Listening{Port: port}
	sockets, err := runner.ReadSockets(proc)
	if err != nil {
		return runner.Listening{}, err
	}
	for _, socket := range sockets {
		if socket.Addr.Addr() != embeddedDNS {
			found.Sockets = append(found.Sockets, socket.Addr)
		}
	}
	return found, nil
}
