package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/davitdev/davit/runner"
)

// lookAgain is how often a follower looks without having been woken: a shim
// that is killed tells nobody.
const lookAgain = time.Second

// stream follows a container's copy. It holds nobody up: a reader that is too
// slow for the copy's size finds a gap.
type stream struct {
	r      *Runner
	ctx    context.Context
	name   string
	follow bool
	run    int // whose end ends the stream
	watch  *watch
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex // held by Next; guards what follows
	reader *logReader

	lines bool // a line a frame; else as it was written
	skip  lineCount
	rest  logRecord // what is left of a record
}

// Attach follows what is written from now on.
func (r *Runner) Attach(ctx context.Context, name string) (runner.Stream, error) {
	s, err := r.newStream(ctx, name, true)
	if err != nil {
		return nil, err
	}
	if err := s.reader.toEnd(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Logs reads from the position. The copy knows its line numbers, so that
// Position.Time is not needed: a gap is where lines are missing.
func (r *Runner) Logs(ctx context.Context, name string, from runner.Position, follow bool) (runner.Stream, error) {
	s, err := r.newStream(ctx, name, follow)
	if err != nil {
		return nil, err
	}
	s.lines = true
	s.skip = lineCount{runner.Stdout: from.Stdout, runner.Stderr: from.Stderr}
	if err := s.reader.toFile(s.skip); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for fd, n := range s.reader.lines {
		s.skip[fd] = max(s.skip[fd]-n, 0)
	}
	return s, nil
}

func (r *Runner) newStream(ctx context.Context, name string, follow bool) (*stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := r.record(name); err != nil {
		return nil, err
	}
	st, err := r.state(name)
	if err != nil {
		return nil, err
	}
	s := &stream{
		r: r, ctx: ctx, name: name, follow: follow, run: st.Run, closed: make(chan struct{}),
		reader: &logReader{dir: r.containerPath(name, logDir)},
	}
	if st.Status == runner.Created || follow && st.Status == runner.Exited {
		s.run++ // the next run is waited for
	}
	if follow {
		if s.watch, err = r.notifier.watch(s.reader.dir); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends the stream, and a Next that is under way.
func (s *stream) Close() error {
	s.once.Do(func() {
		close(s.closed)
		if s.watch != nil {
			s.watch.close()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reader.close()
	})
	return nil
}

// Next returns the next frame.
func (s *stream) Next() (runner.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		select {
		case <-s.closed:
			return runner.Frame{}, io.EOF
		case <-s.ctx.Done():
			return runner.Frame{}, s.ctx.Err()
		default:
		}
		// Before reading: what is written until the end is read after it.
		over, err := s.over()
		if err != nil {
			return runner.Frame{}, err
		}
		f, err := s.take()
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, errNoMore) && !errors.Is(err, runner.ErrNotFound):
			return runner.Frame{}, err
		case over || errors.Is(err, runner.ErrNotFound):
			return runner.Frame{}, io.EOF
		}
		s.wait()
	}
}

// wait returns when there may be more.
func (s *stream) wait() {
	again := time.NewTimer(lookAgain)
	defer again.Stop()
	select {
	case <-s.watch.wake:
	case <-again.C:
	case <-s.closed:
	case <-s.ctx.Done():
	}
}

// over reports whether nothing more will come.
func (s *stream) over() (bool, error) {
	if !s.follow {
		return true, nil
	}
	st, err := s.r.state(s.name)
	if errors.Is(err, runner.ErrNotFound) {
		return true, nil
	}
	return st.Status == runner.Exited && st.Run >= s.run, err
}

// take returns the next frame that is there, or errNoMore.
func (s *stream) take() (runner.Frame, error) {
	for {
		if len(s.rest.data) == 0 {
			rec, err := s.reader.next()
			if err != nil {
				return runner.Frame{}, err
			}
			s.rest = rec
		}
		f := runner.Frame{Descriptor: s.rest.fd, Time: s.rest.at, Gap: s.rest.lost, Data: s.rest.data}
		if s.lines {
			f.Data, s.rest.data, f.Line = bytes.Cut(s.rest.data, []byte("\n"))
		} else {
			s.rest.data = nil
		}
		if s.skip[f.Descriptor] > 0 {
			if f.Line {
				s.skip[f.Descriptor]--
			}
			continue
		}
		s.rest.lost = false
		return f, nil
	}
}
