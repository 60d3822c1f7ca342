package runnertest

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/davitdev/davit/runner"
)

// entry is a line of output.
type entry struct {
	fd   runner.Descriptor
	at   time.Time
	text string
	part bool // it has no end
}

// print writes what test/app prints; the lock is held.
func (b *box) print(fd runner.Descriptor, n int) {
	for _, line := range numberedLines(1, n) {
		b.log = append(b.log, entry{fd: fd, at: time.Now(), text: line})
	}
	b.changed()
}

// write writes a line; the lock is held.
func (b *box) write(fd runner.Descriptor, line string) {
	b.log = append(b.log, entry{fd: fd, at: time.Now(), text: line})
	b.changed()
}

// begin writes a part of a line; the lock is held.
func (b *box) begin(fd runner.Descriptor, text string) {
	if text != "" {
		b.log = append(b.log, entry{fd: fd, at: time.Now(), text: text, part: true})
		b.changed()
	}
}

// changed wakes streams; the lock is held.
func (b *box) changed() {
	close(b.wake)
	b.wake = make(chan struct{})
}

// fakeStream reads a container's log from an index on.
type fakeStream struct {
	ctx    context.Context
	b      *box
	next   int
	skip   [3]int64 // complete lines to pass over, by descriptor
	raw    bool     // an attachment: bytes with their newlines, no times
	follow bool
	starts int // the number of starts whose end ends the stream
	closed chan struct{}
	once   sync.Once
	data   []byte
}

// Attach follows from the end of the log.
func (f *Fake) Attach(ctx context.Context, name string) (runner.Stream, error) {
	s, err := f.stream(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	s.raw, s.follow, s.next = true, true, len(s.b.log)
	if s.b.State != runner.Running {
		s.starts++ // it is the next run that is waited for
	}
	return s, nil
}

// Logs reads from the position. The copy is whole, so there are no gaps.
func (f *Fake) Logs(ctx context.Context, name string, from runner.Position, follow bool) (runner.Stream, error) {
	s, err := f.stream(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	s.follow = follow
	s.skip[runner.Stdout], s.skip[runner.Stderr] = from.Stdout, from.Stderr
	return s, nil
}

// stream returns one with the lock held, unless it fails.
func (f *Fake) stream(ctx context.Context, name string) (*fakeStream, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	b, err := f.find(name)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	return &fakeStream{ctx: ctx, b: b, starts: b.starts, closed: make(chan struct{})}, nil
}

// Close ends the stream.
func (s *fakeStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Next returns the next line.
func (s *fakeStream) Next() (runner.Frame, error) {
	for {
		select {
		case <-s.closed:
			return runner.Frame{}, io.EOF
		case <-s.ctx.Done():
			return runner.Frame{}, s.ctx.Err()
		default:
		}
		f, wake, err := s.take()
		if wake == nil {
			return f, err
		}
		select {
		case <-wake:
		case <-s.closed:
		case <-s.ctx.Done():
		}
	}
}

// take returns what is there, or what to wait for.
func (s *fakeStream) take() (_ runner.Frame, wake <-chan struct{}, _ error) {
	s.b.engine.mu.Lock()
	defer s.b.engine.mu.Unlock()
	if s.b.engine.away {
		return runner.Frame{}, nil, runner.ErrUnavailable
	}
	for s.next < len(s.b.log) {
		e := s.b.log[s.next]
		s.next++
		if s.skip[e.fd] > 0 {
			if !e.part {
				s.skip[e.fd]--
			}
			continue
		}
		s.data = append(s.data[:0], e.text...)
		if s.raw {
			if !e.part {
				s.data = append(s.data, '\n')
			}
			return runner.Frame{Descriptor: e.fd, Data: s.data}, nil, nil
		}
		return runner.Frame{Descriptor: e.fd, Time: e.at, Data: s.data, Line: !e.part}, nil, nil
	}
	over := s.b.State == runner.Exited && s.b.starts >= s.starts
	if !s.follow || over || s.b.gone {
		for fd, n := range s.skip {
			if n > 0 && !s.follow {
				s.skip[fd] = 0
				return runner.Frame{Descriptor: runner.Descriptor(fd), Missing: n}, nil, nil
			}
		}
		return runner.Frame{}, nil, io.EOF
	}
	return runner.Frame{}, s.b.wake, nil
}
