package transport

import (
	"context"
	"time"
)

// close says good-bye with c and waits for the client's answer, for 10 s at
// most. Only the first close counts.
func (s *socket) close(c *closing) {
	s.closing.Store(true)
	_ = s.conn.Close(c.code, c.reason)
}

// arm calls f after d, unless the socket ends or arm is called again before.
func (s *socket) arm(d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(d, func() {
		if s.help() {
			defer s.helpers.Done()
			f()
		}
	})
}

// help registers a goroutine the socket waits for; false means it has ended.
func (s *socket) help() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.helpers.Add(1)
	return true
}

// beatLater has a client pinged that was heard of by then, and one cut that
// was not.
func (s *socket) beatLater(ctx context.Context) {
	s.arm(s.transport.Limits.KeepAlive, func() {
		if !s.heard.Swap(false) {
			s.cut()
			return
		}
		if s.send(ctx, bare(ping, nil)) == nil {
			s.beatLater(ctx)
		}
	})
}

// cut ends the connection without a word; the reader notices. What the kernel has
// for a peer that reads nothing goes with it: else that, and the end behind it,
// would wait for the peer for minutes.
func (s *socket) cut() {
	if tcp, ok := s.wire.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.wire.Close()
}

// end forgets the operations and the timer, and cancels what runs.
func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
	for id, op := range s.operations {
		op.cancel()
		delete(s.operations, id)
	}
}

// drain closes the socket once its queries and mutations are done, or cuts it
// when ctx ends.
func (s *socket) drain(ctx context.Context) {
	if !s.help() {
		return
	}
	defer s.helpers.Done()
	s.mu.Lock()
	if s.drained == nil {
		s.drained = make(chan struct{})
		if s.singles == 0 {
			close(s.drained)
		}
	}
	drained := s.drained
	s.mu.Unlock()

	select {
	case <-drained:
	case <-ctx.Done():
		s.cut()
		return
	}
	defer context.AfterFunc(ctx, s.cut)()
	s.close(s.transport.returnLater())
}
