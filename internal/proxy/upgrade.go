package proxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// serviceRestart is the websocket close frame with status 1012: come back.
const serviceRestart = "\x88\x02\x03\xf4"

// upgradeWriter catches the connection of a request that switches protocols,
// so that it can be ended politely when its target is drained.
type upgradeWriter struct {
	http.ResponseWriter
	exchange *exchange
	cancel   context.CancelFunc // closes the app's side
}

func (w *upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack returns the connection as a socket.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c := &socket{
		Conn: conn, owner: &w.exchange.server.sockets, cancel: w.cancel, target: w.exchange.target,
		websocket: strings.EqualFold(w.exchange.in.Header.Get("Upgrade"), "websocket"),
	}
	// What the client sent before it saw the switch; all of it is there.
	c.early, _ = rw.Peek(rw.Reader.Buffered())
	c.touch()
	return c, rw, nil
}

// sockets are the upgraded connections that are open.
type sockets struct {
	mu   sync.Mutex
	open map[*socket]struct{}
}

// add lists c unless it is closed already.
func (s *sockets) add(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closed {
		return
	}
	if s.open == nil {
		s.open = make(map[*socket]struct{})
	}
	s.open[c] = struct{}{}
}

func (s *sockets) remove(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.closed = true
	delete(s.open, c)
}

// tell asks the target's sockets (nil: all) that were silent for at least idle
// to leave within grace, and returns when they know or the grace is over. With
// an idle of 0 it asks those too on which something is under way.
func (s *sockets) tell(of *target, idle, grace time.Duration) {
	end := (*socket).leave
	if idle > 0 {
		end = (*socket).leaveSilently
	}
	var wg sync.WaitGroup // one that does not read must not delay the others
	s.mu.Lock()
	for c := range s.open {
		if (of == nil || c.target == of) && time.Since(time.Unix(0, c.last.Load())) >= idle {
			wg.Go(func() { end(c, grace) })
		}
	}
	s.mu.Unlock()
	wg.Wait()
}

// socket is the client's side of an upgraded connection. A websocket is told
// to leave with a close frame, which it gets between two frames of the app;
// any other protocol is just closed.
type socket struct {
	net.Conn
	owner     *sockets
	cancel    context.CancelFunc
	target    *target
	websocket bool
	early     []byte
	last      atomic.Int64 // Unix nanoseconds of the last byte in either direction
	closed    bool         // owner.mu is held

	leaving atomic.Bool
	mu      sync.Mutex // held while writing
	frames  frames     // of what the app sends
	told    bool
}

// Socket buffers are small: most sockets are silent most of the time.
const socketBuffer = 4 << 10

func (c *socket) touch() { c.last.Store(time.Now().UnixNano()) }

func (c *socket) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	c.touch()
	return n, err
}

// Write passes on what the app sends. What it sends after the close frame goes
// nowhere: the client has left and only its answer is still awaited.
func (c *socket) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.touch() // until then mu says that it is not silent
	if c.told {
		return len(p), nil
	}
	rest := p
	if c.websocket {
		rest = p[:c.frames.advance(p, c.leaving.Load())]
	}
	if n, err := c.Conn.Write(rest); err != nil {
		return n, err
	}
	if c.leaving.Load() && c.frames.boundary() {
		return len(p), c.sayRestart()
	}
	return len(p), nil
}

// sayRestart sends the close frame; c.mu is held, between two frames.
func (c *socket) sayRestart() error {
	c.told = true
	_, err := io.WriteString(c.Conn, serviceRestart)
	return err
}

// sayTime is what a close frame may take to be written, however short the grace
// is: to be cut without one is what a client must not see.
const sayTime = 100 * time.Millisecond

// leave begins the end of the connection, which comes at the latest after
// grace. Asking twice changes nothing.
func (c *socket) leave(grace time.Duration) {
	if !c.limit(grace) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frames.boundary() && !c.told {
		_ = c.sayRestart() // the deadline ends what this could not
	}
}

// leaveSilently is leave for a connection on which nothing is under way; another
// one goes on. What the client takes its time to read is under way.
func (c *socket) leaveSilently(grace time.Duration) {
	if !c.mu.TryLock() {
		return // it is written to
	}
	defer c.mu.Unlock()
	if c.frames.boundary() && c.limit(grace) {
		_ = c.sayRestart() // the deadline ends what this could not
	}
}

// limit ends the connection after grace, or at once where there is no close
// frame. It reports whether one has to be said.
func (c *socket) limit(grace time.Duration) bool {
	if !c.websocket {
		c.Conn.Close()
		c.cancel()
		return false
	}
	if c.leaving.Swap(true) {
		return false
	}
	// Until then the client's answer to the close frame passes to the app.
	// The deadline also ends a write, here or under way, to a client that does
	// not read; cancel ends an app that does not care.
	grace = max(grace, sayTime)
	_ = c.SetDeadline(time.Now().Add(grace)) // fails only on a closed connection
	time.AfterFunc(grace, c.cancel)
	return true
}

// WriteTo and ReadFrom keep io.Copy from using buffers of 32 KiB. With WriteTo
// the client has been told of the switch: a close frame before that would be
// none.
func (c *socket) WriteTo(w io.Writer) (int64, error) {
	c.owner.add(c)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{c}, make([]byte, socketBuffer))
}

func (c *socket) ReadFrom(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{r}, make([]byte, socketBuffer))
}

// CloseWrite passes on that the app has nothing more to say.
func (c *socket) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

func (c *socket) Close() error {
	c.owner.remove(c)
	return c.Conn.Close()
}

// frames follows a stream of websocket frames (RFC 6455, section 5.2) closely
// enough to know where one ends. The zero value is before the first.
type frames struct {
	head [14]byte
	have int    // bytes of head
	left uint64 // bytes of payload still to come
}

// boundary reports whether no frame is under way.
func (f *frames) boundary() bool { return f.have == 0 && f.left == 0 }

// advance takes in b, or with once only what belongs to the frame under way,
// and returns how many bytes it took.
func (f *frames) advance(b []byte, once bool) int {
	n := 0
	for n < len(b) && (!once || !f.boundary()) {
		if f.left > 0 {
			k := min(f.left, uint64(len(b)-n))
			f.left -= k
			n += int(k)
			continue
		}
		f.head[f.have] = b[n]
		f.have++
		n++
		if size, payload := f.header(); f.have == size {
			f.have, f.left = 0, payload
		}
	}
	return n
}

// header returns the size of the header under way, as far as it is known, and
// once it is complete the size of its payload.
func (f *frames) header() (size int, payload uint64) {
	if f.have < 2 {
		return 2, 0
	}
	size, payload = 2, uint64(f.head[1]&0x7f)
	switch payload {
	case 126:
		size, payload = 4, uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		size, payload = 10, binary.BigEndian.Uint64(f.head[2:])
	}
	if f.head[1]&0x80 != 0 {
		size += 4 // mask
	}
	return size, payload
}
