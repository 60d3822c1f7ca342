package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// wire is the connection below a websocket. Every write has a deadline, and
// what is written between hold and flush leaves in one piece, whatever the
// size of the buffers above, which can therefore be small.
type wire struct {
	net.Conn
	timeout time.Duration

	mu   sync.Mutex
	held *bytes.Buffer // nil: nothing is held back
}

// Write is safe for concurrent use, as the methods below are.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		return w.held.Write(p)
	}
	return w.write(p)
}

func (w *wire) write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// hold keeps what is written from now on in b.
func (w *wire) hold(b *bytes.Buffer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = b
}

// flush sends what was held back and ends the holding.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.held
	w.held = nil
	_, err := w.write(b.Bytes())
	return err
}

// readBuffer and writeBuffer are what a socket keeps for itself, in bytes. The
// reader's bounds what one read of many small messages takes in; the writer's
// holds any control frame, which is at most 127 bytes.
const (
	readBuffer  = 512
	writeBuffer = 128
)

// hijacker hands the websocket library a wire instead of the bare connection,
// with small buffers instead of net/http's two of 4 KiB, and keeps its refusal
// of a handshake to itself.
type hijacker struct {
	http.ResponseWriter
	timeout time.Duration

	wire   *wire // set by Hijack
	status int   // of the refusal, 0 if there was none
}

func (h *hijacker) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		h.status = status
		return
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *hijacker) Write(p []byte) (int, error) { return len(p), nil }

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	early, err := rw.Peek(rw.Reader.Buffered())
	if err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	h.wire = &wire{Conn: conn, timeout: h.timeout}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), h.wire), max(readBuffer, len(early)))
	if _, err := r.Peek(len(early)); err != nil { // the library takes over what is buffered
		_ = conn.Close()
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	return h.wire, bufio.NewReadWriter(r, bufio.NewWriterSize(h.wire, writeBuffer)), nil
}
