package docker

import (
	"context"
	"errors"
	"io"
	"time"
)

// errSilent is why a call was given up whose caller would have waited on.
var errSilent = errors.New("it accepts calls and does not answer them")

// answered bounds how long a call waits for the engine, beyond what the call
// itself may take: an engine that hangs keeps its connections open and says
// nothing, and counts as one that is away.
func (e *Engine) answered(ctx context.Context, takes time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, e.opts.Answer+takes, errSilent)
}

// silent reports whether ctx ended because the engine did not answer.
func silent(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errSilent) }

// promptReader reads an answer of which all is there: the engine only has to
// send it. What the reader does with it in between takes its time.
type promptReader struct {
	io.ReadCloser
	wait func() (answered func())
}

func (p *promptReader) Read(b []byte) (int, error) {
	defer p.wait()()
	return p.ReadCloser.Read(b)
}
