//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// waits reports whether something can be read of a pipe at once.
func waits(f *os.File) bool {
	poll := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}} //nolint:gosec // a descriptor
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0 && poll[0].Revents&unix.POLLIN != 0
}
