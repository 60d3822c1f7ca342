package runner

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listener is a Runner that can see where a container listens.
type Listener interface {
	// Listening returns the TCP sockets on which a running container accepts
	// connections. It fails with ErrUnsupported where they cannot be seen from
	// here, for example on an engine of another machine.
	Listening(ctx context.Context, name string) (Listening, error)
}

// Listening is where a container accepts connections, and where it should.
type Listening struct {
	Port     int  // where it is expected
	Loopback bool // loopback counts: the container has no network of its own
	Sockets  []netip.AddrPort
}

// Advice says in a sentence why nothing answers on the expected port; "" if
// something listens there.
func (l Listening) Advice() string {
	var ports, here []string
	for _, s := range l.Sockets {
		reachable := l.Loopback || !s.Addr().IsLoopback()
		if int(s.Port()) != l.Port {
			if p := strconv.Itoa(int(s.Port())); !slices.Contains(ports, p) {
				ports = append(ports, p)
			}
			continue
		}
		if reachable {
			return ""
		}
		here = append(here, s.Addr().String())
	}
	switch {
	case len(here) > 0:
		return fmt.Sprintf("It listens on port %d only at %s, where nothing outside the container reaches it; listen on 0.0.0.0.",
			l.Port, strings.Join(here, " and "))
	case len(ports) > 0:
		return fmt.Sprintf("It listens on port %s, but port %d is expected; listen on the port in the variable PORT, or set the port.",
			strings.Join(ports, " and "), l.Port)
	}
	return "It does not listen on any port."
}

// ListenAdvice asks r, if it is a Listener, why nothing answers on the port of
// the container name, and returns a sentence for the user, or "" if nobody
// knows.
func ListenAdvice(ctx context.Context, r Runner, name string) string {
	l, ok := r.(Listener)
	if !ok {
		return ""
	}
	found, err := l.Listening(ctx, name)
	if err != nil {
		return ""
	}
	return found.Advice()
}

// Listens asks r, if it is a Listener, whether something in the container name
// listens where others should reach it: on a port, 0 for the one of its Spec. It
// is false where nobody knows.
func Listens(ctx context.Context, r Runner, name string, port int) bool {
	l, ok := r.(Listener)
	if !ok {
		return false
	}
	found, err := l.Listening(ctx, name)
	if port != 0 {
		found.Port = port
	}
	return err == nil && found.Advice() == ""
}

// Socket is a listening TCP socket as Linux shows it in /proc/net/tcp and
// tcp6 (proc_net_tcp.rst of the kernel's documentation).
type Socket struct {
	Addr  netip.AddrPort
	Inode uint64
}

// ReadSockets returns the listening sockets of the network namespace of a
// process, given its directory below /proc.
func ReadSockets(proc string) ([]Socket, error) {
	var found []Socket
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(proc, "net", table))
		if table == "tcp6" && errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6 in this kernel
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		found = append(found, ParseSockets(f)...)
		f.Close()
	}
	return found, nil
}

// ParseSockets reads the listening sockets from such a file. Lines it does
// not understand are left out.
func ParseSockets(r io.Reader) []Socket {
	const listen = "0A"
	var found []Socket
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != listen {
			continue
		}
		addr, ok := parseSocketAddr(f[1])
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if ok && err == nil {
			found = append(found, Socket{addr, inode})
		}
	}
	return found
}

// parseSocketAddr reads "0100007F:1F90": words of 32 bits in the byte order of
// the machine, little-endian wherever Davit runs, then the port.
func parseSocketAddr(s string) (netip.AddrPort, bool) {
	ip, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(ip)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(p)), ok
}
