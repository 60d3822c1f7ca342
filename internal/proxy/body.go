package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxRest is how much of a body that nobody wants is read, so that its
	// connection can be kept: as much as net/http reads.
	maxRest = 256 << 10
	// restTime is how long the client may take to send it: nginx's
	// lingering_timeout.
	restTime = 5 * time.Second
)

// bodyReader remembers what became of a request's body. The transport reads it
// in a goroutine of its own, which may outlive the exchange, and closes it even
// if it could not dial: the next attempt needs it open.
type bodyReader struct {
	io.ReadCloser

	mu      sync.Mutex  // held while reading
	touched atomic.Bool // read at all
	ended   atomic.Bool // came to its end
	failed  atomic.Bool // the client's side broke
	over    atomic.Bool // the target gets no more of it
}

func (b *bodyReader) Read(p []byte) (int, error) {
	b.touched.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.note(err)
	return n, err
}

func (b *bodyReader) note(err error) {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
	default:
		b.failed.Store(true)
	}
}

func (*bodyReader) Close() error { return nil }

// whole reports whether all of the body was read, and was as it should be.
func (b *bodyReader) whole() bool { return b.ended.Load() && !b.failed.Load() }

// drain reads what is left of the body, within maxRest, and reports whether
// that was all. It waits for a read under way.
func (b *bodyReader) drain() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended.Load() && !b.failed.Load() {
		_, err := io.CopyN(io.Discard, b.ReadCloser, maxRest+1)
		b.note(err)
	}
	return b.whole()
}

// stop breaks off a read under way and waits for it.
func (b *bodyReader) stop(rc *http.ResponseController) {
	_ = rc.SetReadDeadline(past) // HTTP/1 always can
	b.mu.Lock()
	defer b.mu.Unlock()
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// whole reports whether the next request on the client's connection begins
// where this one has been read to.
func (x *exchange) whole() bool { return x.in.ContentLength == 0 || x.body.whole() }

// settle has the client's connection closed after the answer unless the
// request's body was read to its end. In full duplex net/http does not: it
// takes whatever it finds behind a body that broke, or that it had no time to
// read, for the next request. The target is done with the request.
func (x *exchange) settle() {
	if x.whole() {
		return
	}
	rc := http.NewResponseController(x.client)
	switch {
	case x.body.failed.Load(), x.in.Header.Get("Expect") != "" && !x.body.touched.Load():
		_ = rc.SetReadDeadline(past) // there is no rest, or it was not asked for
	case x.client.Header().Get("Content-Length") == "":
		// The client may wait for the end of the answer, which comes after
		// us, with the rest; net/http reads of it what it reads of any.
		x.body.stop(rc)
		_ = rc.SetReadDeadline(time.Now().Add(restTime))
	default:
		_ = rc.Flush() // the client may wait for it, too
		_ = rc.SetReadDeadline(time.Now().Add(restTime))
		if x.body.drain() {
			_ = rc.SetReadDeadline(time.Time{})
			return
		}
		_ = rc.SetReadDeadline(past)
	}
	closeAfter(x.client)
}

// closeAfter has the client's connection closed after the answer, whether its
// header, which says so if it can, was sent or not. net/http does that for a
// body that is over its limit, and for nothing else that may come so late.
func closeAfter(w http.ResponseWriter) {
	over := http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = over.Read(make([]byte, 1)) // has to fail
}
