package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// A handover gives the listening socket of a live proxy to its successor,
// usually another version of the binary, without a moment in which nobody
// listens:
//
//	successor                          proxy
//	POST /v1/handover            →     holds pushes, writes the snapshot
//	                             ←     101 Switching Protocols
//	one byte: nothing read ahead →
//	                             ←     one byte with the socket (SCM_RIGHTS)
//	loads the snapshot
//	one byte: you may leave      →
//	                             ←     one byte: leaving, now it is yours
//	takes the name of the              accepts no more, drains, exits
//	control socket, accepts
//	end of file: it has left     ←     and whoever handed over to it
//
// If the successor fails before it takes the place, the proxy goes on as if
// nothing had happened.
const handoverTime = 10 * time.Second

// predecessor is the proxy that handed over to us.
type predecessor struct {
	conn *net.UnixConn
	gone chan struct{} // closed when its last request is done, those of its predecessors are, and it has exited
}

// takeOver asks the live proxy of the data directory for its listener, which
// is nil if that is elsewhere than at listen. Without a live proxy it fails
// with errNobody.
func takeOver(ctx context.Context, data, listen string) (*predecessor, net.Listener, error) {
	c := NewClient(data)
	hello, err := c.Hello(ctx)
	if err != nil {
		return nil, nil, err
	}
	conn, err := c.raw(ctx, "/v1/handover")
	if err != nil {
		return nil, nil, err
	}
	ln, err := receiveListener(conn)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("take over from process %d: %w", hello.PID, err)
	}
	if hello.Listen != listen {
		ln.Close()
		ln = nil
	}
	return &predecessor{conn: conn, gone: make(chan struct{})}, ln, nil
}

func receiveListener(conn *net.UnixConn) (net.Listener, error) {
	if err := conn.SetDeadline(time.Now().Add(handoverTime)); err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		return nil, err
	}
	b, oob := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, errors.New("no listener was sent")
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fds[0]), "listener")
	defer f.Close() // the listener has a descriptor of its own
	return net.FileListener(f)
}

// dismiss has the predecessor leave, and learns when it has gone.
func (p *predecessor) dismiss(wg *sync.WaitGroup) error {
	if _, err := p.conn.Write([]byte{1}); err != nil {
		return err
	}
	if _, err := io.ReadFull(p.conn, make([]byte, 1)); err != nil {
		return err
	}
	if err := p.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	wg.Go(func() {
		_, _ = io.Copy(io.Discard, p.conn) // ends with the process, or by close
		close(p.gone)
	})
	return nil
}

// handover is the proxy's side.
func (s *server) handover(w http.ResponseWriter, r *http.Request) {
	s.pushing.Lock()
	defer s.pushing.Unlock()
	if s.moved || s.leaving.Load() {
		reply(w, struct{}{}, fault.New(fault.Unavailable, "This proxy is already leaving."))
		return
	}
	if err := s.snapshot.flush(); err != nil {
		reply(w, struct{}{}, fmt.Errorf("save routes: %w", err))
		return
	}
	conn, rw, err := s.switchProtocols(w, "davit-handover")
	if err != nil {
		reply(w, struct{}{}, err)
		return
	}
	if err := sendListener(conn, rw.Reader, s.listener); err != nil {
		conn.Close()
		s.log.WarnContext(r.Context(), "a successor did not take over", "error", err)
		return
	}
	s.moved = true
	s.farewells.add(conn)
	s.finish(nil)
}

// sendListener returns once the successor can serve and knows that it has to.
func sendListener(conn *net.UnixConn, r *bufio.Reader, ln net.Listener) error {
	if err := conn.SetDeadline(time.Now().Add(handoverTime)); err != nil {
		return err
	}
	if _, err := r.ReadByte(); err != nil {
		return err
	}
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		_, _, sendErr = conn.WriteMsgUnix([]byte{1}, syscall.UnixRights(int(fd)), nil)
	})
	if err := errors.Join(err, sendErr); err != nil {
		return err
	}
	if _, err := r.ReadByte(); err != nil {
		return err
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// switchProtocols takes the connection out of HTTP.
func (s *server) switchProtocols(w http.ResponseWriter, protocol string) (*net.UnixConn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	if err != nil {
		s.log.Debug("control connection", "error", err) // the next read says it too
	}
	return conn.(*net.UnixConn), rw, nil
}

// farewells are connections whose end says that the proxy has ended.
type farewells struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (f *farewells) add(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
}

func (f *farewells) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}
