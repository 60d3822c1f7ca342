package logs

import (
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// openStream opens a stream for writing. The caller holds s.life.
func (l *Log) openStream(g *group, s *source, kind Kind, replica string, o WriterOptions) (*Writer, error) {
	if err := l.numbers.ensure(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closing:
		return nil, errShutdown()
	case s.end != nil:
		return nil, fault.New(fault.Conflict, "The log of %s has ended.", s.ID)
	}
	var st *stream // the newest one
	for _, have := range s.streams {
		if have.Kind == kind && have.Replica == replica {
			st = have
		}
	}
	if st == nil || st.queue.ended() {
		number, ok := l.numbers.take()
		if !ok {
			return nil, fault.New(fault.Unavailable, "Too many log streams are opened at once. Try again.")
		}
		st = st.successor(g, Stream{Source: s.Source, Number: number, Kind: kind, Replica: replica})
		s.streams = append(s.streams, st)
	}
	if st.writer != nil {
		return nil, fault.New(fault.Conflict, "The %s stream of %s is being written already.", strings.ToLower(string(kind)), s.ID)
	}
	w := &Writer{log: l, stream: st, lossy: o.Lossy}
	w.split = splitter{mask: o.Mask, emit: w.emit}
	st.writer = w
	return w, nil
}

// successor returns a new stream that goes on with the raw output of s, which
// has ended, if there was one: ending it may have been the last thing its
// writer did before it was killed. The caller holds group.mu.
func (s *stream) successor(g *group, as Stream) *stream {
	next := &stream{Stream: as, group: g}
	next.queue.next = 1
	if s != nil {
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		next.after, next.queue.nano = s.queue.after, s.queue.nano
		next.after.Ended = false
		next.queue.after = next.after
	}
	return next
}
