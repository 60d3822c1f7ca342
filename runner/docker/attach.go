package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// attachBuffer is read from the engine at once; a frame points into it.
const attachBuffer = 256 << 10

// Attach follows the container's output. It buffers no more than one read: a
// caller that stops reading stops the application after about 1 MB.
func (e *Engine) Attach(ctx context.Context, name string) (runner.Stream, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	c, err := e.find(ctx, s, name)
	if err != nil {
		return nil, err
	}
	shaking, cancel := e.answered(ctx, 0) // hands; the stream is not bound to it
	defer cancel()
	res, err := s.api.ContainerAttach(shaking, c.ID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	switch {
	case err != nil && strings.Contains(err.Error(), "received 404"): // a hijacked answer has no other error
		return nil, runner.ErrNotFound
	case err != nil:
		return nil, e.fail(shaking, "attach", err)
	}
	a := &attachment{r: bufio.NewReaderSize(res.Conn, attachBuffer)}
	a.ending = endWith(ctx, e.guarded(res.Conn))
	return a, nil
}

// guarded has a connection guarded, and returns what closes it.
func (e *Engine) guarded(conn net.Conn) (closing func() error) {
	raw, ok := conn.(interface {
		syscall.Conn
		CloseRead() error
		CloseWrite() error
	})
	if e.opts.Guard == nil || !ok {
		return conn.Close
	}
	release := e.opts.Guard(raw)
	return func() error {
		// Whoever guards it has it too: closing alone would not end it.
		err := errors.Join(raw.CloseRead(), raw.CloseWrite())
		release()
		if cerr := conn.Close(); cerr != nil {
			return errors.Join(err, cerr)
		}
		return nil // one that had ended before is fine
	}
}

// attachment reads the engine's multiplexed stream: frames of a header, which
// is the descriptor, three zeros and the length, and then that many bytes.
type attachment struct {
	*ending
	r     *bufio.Reader
	fd    runner.Descriptor
	left  int // bytes of the frame not handed on yet
	given int // bytes handed on and still in the buffer
}

// Next hands on what is there of a frame, without copying it.
func (a *attachment) Next() (runner.Frame, error) {
	_, _ = a.r.Discard(a.given) // they are in the buffer: it cannot fail
	a.given = 0
	for a.left == 0 {
		var err error
		if a.fd, a.left, err = readHeader(a.r); err != nil {
			return runner.Frame{}, a.reason(err)
		}
	}
	if _, err := a.r.Peek(1); err != nil {
		return runner.Frame{}, a.reason(err)
	}
	a.given = min(a.left, a.r.Buffered())
	a.left -= a.given
	data, err := a.r.Peek(a.given)
	if err != nil {
		return runner.Frame{}, a.reason(err)
	}
	return runner.Frame{Descriptor: a.fd, Data: data}, nil
}

// readHeader reads the header of a frame.
func readHeader(r *bufio.Reader) (runner.Descriptor, int, error) {
	const size = 8
	h, err := r.Peek(size)
	if err != nil {
		return 0, 0, err
	}
	fd, length := runner.Descriptor(h[0]), int(binary.BigEndian.Uint32(h[4:]))
	if _, err := r.Discard(size); err != nil {
		return 0, 0, err
	}
	if fd != runner.Stdout && fd != runner.Stderr { // 3 is an error of the engine
		msg, err := io.ReadAll(io.LimitReader(r, int64(min(length, 1024))))
		return 0, 0, errors.Join(fmt.Errorf("%w: the engine says: %s", runner.ErrUnreadable, msg), err)
	}
	return fd, length, nil
}

// ending closes a stream once, by Close or by ctx, and knows which it was.
type ending struct {
	ctx    context.Context
	close  func() error // idempotent
	stop   func() bool  // lets go of ctx
	closed chan struct{}
	once   sync.Once
}

func endWith(ctx context.Context, closing func() error) *ending {
	once := sync.OnceValue(closing)
	return &ending{
		ctx: ctx, close: once, closed: make(chan struct{}),
		stop: context.AfterFunc(ctx, func() { _ = once() }),
	}
}

// Close ends the stream; a waiting Next returns io.EOF.
func (e *ending) Close() error {
	e.once.Do(func() { close(e.closed) })
	e.stop()
	return e.close()
}

func (e *ending) isClosed() bool {
	select {
	case <-e.closed:
		return true
	default:
		return false
	}
}

// reason turns the error of a read into what Next returns. The engine ends
// streams with "unexpected EOF" as well as with a plain one, for the same
// reasons; neither means that the container ended.
func (e *ending) reason(err error) error {
	if e.isClosed() {
		return io.EOF
	}
	switch {
	case e.ctx.Err() != nil:
		return classify(e.ctx, "output", e.ctx.Err())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return fmt.Errorf("docker output: %w: %w", runner.ErrUnavailable, err)
	}
	return fmt.Errorf("docker output: %w", err)
}
