package client

import (
	"context"
	"errors"
	"io"
	"time"
)

// silence is how long a server may say nothing before it is gone: it pings
// sockets every 20 seconds, and answers requests in less than this. Only what
// reads a whole repository (Repository.detect) may take two minutes, which no
// command asks for.
const silence = time.Minute

// errSilent ends a request of which the server takes nothing more, or that it
// does not answer: a process that was stopped keeps its connections.
var errSilent = errors.New("it is silent")

// unlessSilent returns a context that ends with errSilent after limit, unless
// the timer is set anew. end ends both.
func unlessSilent(ctx context.Context, limit time.Duration) (_ context.Context, heard *time.Timer, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	heard = time.AfterFunc(limit, func() { cancel(errSilent) })
	return ctx, heard, func() {
		heard.Stop()
		cancel(nil)
	}
}

// whySilent is errSilent if that ended ctx, else err.
func whySilent(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}

// moving is a body in either direction. Whoever reads on has passed on what was
// read, or got it: the time in which the server may be silent begins anew.
type moving struct {
	io.Reader

	heard *time.Timer
}

func (m *moving) Read(b []byte) (int, error) {
	m.heard.Reset(silence)
	return m.Reader.Read(b)
}
