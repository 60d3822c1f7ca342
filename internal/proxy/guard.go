package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The engine holds back an application whose output nobody takes. A control
// plane that hangs takes none, and cannot let go either: so this process, which
// outlives it anyway, holds its connections to the engine too. While nobody
// prints neither says anything. When this process sees output that was not taken
// it asks whether the other lives, and breaks the connections when there was no
// answer for guardSilence. What was printed meanwhile is in the engine's own
// copy.
const (
	guardSilence = time.Second
	guardLook    = guardSilence / 2
	guardRetry   = 200 * time.Millisecond // where no proxy answers

	// handTime bounds how long a proxy that takes nothing holds up who hands it
	// something.
	handTime = time.Second
)

// guardPath is of the second protocol: in the first the other process spoke
// unasked.
const guardPath = "/v2/guard"

// Guard has the proxy watch over connections of this process. It is safe for
// concurrent use; all fields are set with NewGuard.
type Guard struct {
	client *Client
	wanted chan struct{} // of one: there is something to watch over

	mu    sync.Mutex
	conns map[syscall.Conn]bool // whether the proxy has it
	link  *net.UnixConn         // nil while there is none
}

// NewGuard returns a Guard by the proxy of c, which works while Run does.
func NewGuard(c *Client) *Guard {
	return &Guard{client: c, wanted: make(chan struct{}, 1), conns: map[syscall.Conn]bool{}}
}

// Watch has conn broken when this process hangs. The caller shuts conn down in
// both directions before it closes it, since the proxy has it too, and calls
// release.
func (g *Guard) Watch(conn syscall.Conn) (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[conn] = false
	g.hand()
	select {
	case g.wanted <- struct{}{}:
	default:
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.conns, conn)
	}
}

// Run tells whichever proxy serves, when it asks, that this process lives, until
// ctx ends.
func (g *Guard) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, g.drop)()
	for ctx.Err() == nil {
		var again <-chan time.Time
		switch link, some := g.connect(ctx); {
		case link != nil:
			g.answer(link)
			continue
		case some:
			again = time.After(guardRetry)
		}
		select {
		case <-ctx.Done():
		case <-g.wanted:
		case <-again:
		}
	}
}

// connect hands all connections to the proxy. It returns no link if there is
// nothing to watch over, or no proxy now, or one that cannot.
func (g *Guard) connect(ctx context.Context) (link *net.UnixConn, some bool) {
	g.mu.Lock()
	some = len(g.conns) > 0
	g.mu.Unlock()
	if !some {
		return nil, false
	}
	asking, done := context.WithTimeout(ctx, callTime)
	defer done()
	link, err := g.client.raw(asking, guardPath) // without the lock: a proxy may take a connection and be stopped
	if err != nil {
		return nil, true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.link = link
	g.hand()
	if ctx.Err() != nil && g.link != nil {
		g.lost() // drop may have come too early
	}
	return g.link, true
}

// answer answers each question of the proxy until the link is lost.
func (g *Guard) answer(link *net.UnixConn) {
	for b := make([]byte, 1); ; {
		_, err := link.Read(b)
		if err == nil {
			_, err = link.Write(b)
		}
		if err != nil {
			g.drop()
			return
		}
	}
}

// hand passes on what the proxy does not have yet. g.mu is held.
func (g *Guard) hand() {
	if g.link == nil {
		return
	}
	if err := g.link.SetWriteDeadline(time.Now().Add(handTime)); err != nil {
		g.lost()
		return
	}
	for conn, has := range g.conns {
		if has {
			continue
		}
		raw, err := conn.SyscallConn()
		if err != nil {
			continue // it is closed
		}
		var sent error
		if err := raw.Control(func(fd uintptr) {
			_, _, sent = g.link.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(fd)), nil) //nolint:gosec // a descriptor
		}); err != nil {
			continue
		}
		if sent != nil {
			g.lost()
			return
		}
		g.conns[conn] = true
	}
	if err := g.link.SetWriteDeadline(time.Time{}); err != nil { // answers may come late
		g.lost()
	}
}

// lost notes that the proxy has nothing any more. g.mu is held, and there is a
// link.
func (g *Guard) lost() {
	g.link.Close()
	g.link = nil
	for conn := range g.conns {
		g.conns[conn] = false
	}
}

func (g *Guard) drop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.link != nil {
		g.lost()
	}
}

// guard is the proxy's side.
func (s *server) guard(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := s.switchProtocols(w, "davit-guard")
	if err != nil {
		reply(w, struct{}{}, err)
		return
	}
	s.farewells.add(conn)
	defer conn.Close()
	var h held
	defer h.forget(func(int) bool { return true })
	if err := h.watch(conn, rw.Reader); errors.Is(err, errPeerGone) {
		h.cut()
	}
}

// errPeerGone says that the other process has ended, or closed the link.
var errPeerGone = errors.New("the other process has gone")

// held are connections of another process, by their descriptors here.
type held []int

// watch takes connections in and breaks them whenever the other process leaves
// output and a question lie. It returns why it can no longer.
func (h *held) watch(conn *net.UnixConn, early *bufio.Reader) error {
	if early.Buffered() > 0 {
		return errors.New("spoke too early") // descriptors would be lost
	}
	b, oob := make([]byte, 64), make([]byte, syscall.CmsgSpace(4*64))
	var asked time.Time // zero: nothing, or it was answered
	for {
		deadline := time.Time{}
		if len(*h) > 0 {
			deadline = time.Now().Add(guardLook)
		}
		if err := conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, oobn, _, _, err := conn.ReadMsgUnix(b, oob)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			switch waits := h.look(); {
			case !asked.IsZero() && time.Since(asked) >= guardSilence:
				h.cut()
				asked = time.Time{}
			case asked.IsZero() && waits:
				asked = time.Now()
				_, _ = conn.Write([]byte{0}) // that the other is gone is read
			}
			continue
		}
		switch {
		case errors.Is(err, net.ErrClosed):
			return err // this process ends: another proxy takes over
		case err != nil: // a question left unread resets the connection
			return fmt.Errorf("%w: %w", errPeerGone, err)
		case n == 0:
			return errPeerGone
		}
		if err := h.take(oob[:oobn]); err != nil {
			return err
		}
		asked = time.Time{}
	}
}

func (h *held) take(oob []byte) error {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("read descriptors: %w", err)
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return fmt.Errorf("read descriptors: %w", err)
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
		}
		*h = append(*h, fds...)
	}
	return nil
}

// cut breaks all connections.
func (h *held) cut() {
	for _, fd := range *h {
		_ = syscall.Shutdown(fd, syscall.SHUT_RDWR) // one that has ended is fine
	}
	h.forget(func(int) bool { return true })
}

// forget closes those that over selects.
func (h *held) forget(over func(fd int) bool) {
	rest := (*h)[:0]
	for _, fd := range *h {
		if over(fd) {
			_ = syscall.Close(fd)
			continue
		}
		rest = append(rest, fd)
	}
	*h = rest
}

// look forgets connections that were shut down by either side and reports
// whether there is something to read on one of the others.
func (h *held) look() (waits bool) {
	polls := make([]unix.PollFd, len(*h))
	for i, fd := range *h {
		polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} //nolint:gosec // a descriptor
	}
	if n, err := unix.Poll(polls, 0); err != nil || n <= 0 {
		return err != nil // who cannot look asks
	}
	said := make(map[int]int16, len(polls))
	for _, p := range polls {
		said[int(p.Fd)] = p.Revents
	}
	h.forget(func(fd int) bool { return said[fd]&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 })
	for _, fd := range *h {
		waits = waits || said[fd]&unix.POLLIN != 0
	}
	return waits
}
