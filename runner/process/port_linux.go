package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports programs get: below those the kernel gives to outgoing
// connections.
const firstPort, ports = 20_000, 12_000

// freePort returns a port that no container has and nobody listens on. It is
// the container's as long as that exists, so that what runs can be found again.
func freePort(all []record) (int, error) {
	taken := make(map[int]bool)
	for _, rec := range all {
		taken[rec.Port] = true
	}
	for _, i := range rand.Perm(ports) {
		port := firstPort + i
		if taken[port] {
			continue
		}
		// On every address, as programs tend to.
		ln, err := net.Listen("tcp", ":"+strconv.Itoa(port)) //nolint:noctx // it never waits
		if err != nil {
			continue
		}
		return port, ln.Close()
	}
	return 0, fmt.Errorf("process: no port from %d to %d is free", firstPort, firstPort+ports-1)
}
