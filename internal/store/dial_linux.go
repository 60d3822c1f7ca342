package store

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged has a connection given up whose other end acknowledges
// nothing: the kernel's own limit is a quarter of an hour.
func limitUnacknowledged(network, _ string, c syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(noticed.Milliseconds())) //nolint:gosec // a descriptor
	})
	if cerr != nil {
		return cerr
	}
	return err
}
