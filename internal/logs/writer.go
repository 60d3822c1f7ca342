package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// What a Writer refuses, compared by errors.Is.
var (
	// ErrBehind says that the spool takes less than comes in. What was refused
	// is not there; see Writer.Resume.
	ErrBehind = errors.New("logs: the spool is behind")
	// ErrClosed says that the writer, its source or the log has ended.
	ErrClosed = errors.New("logs: closed")
)

// Writer takes in the raw output of one stream, which has no other writer. It
// is not safe for concurrent use. It never waits for a disk, a store or a
// reader but where it has a context.
//
// Whoever writes can be killed at any moment and go on later, if somebody kept
// the raw output: Resume says which raw line comes next. Lines that are handed
// in from there on are in the log once each.
type Writer struct {
	log    *Log
	stream *stream
	lossy  bool

	// What is taken in goes through here under the queue's lock.
	split    splitter
	nano     int64    // of what is being taken in
	severity Severity // of our own remarks; else it is detected
	detected Severity // of the line whose parts are coming
	begun    bool     // Resume or a first line has said where the output goes on
	behind   bool
	dropped  int64 // raw lines a lossy writer left out
	midLine  bool  // a lossy writer waits for the end of a line it left out
}

// WriterOptions say how a Writer treats what it takes.
type WriterOptions struct {
	Mask *Mask // secrets to hide; nil: none

	// Lossy is for output nobody can hand in again: instead of ErrBehind the
	// writer leaves lines out, and a Gap says how many.
	Lossy bool
}

// Position is where to go on with the raw output of a stream.
type Position struct {
	Lines int64     // complete raw lines, which is newlines, that are in the log
	Time  time.Time // of the last line; zero if there is none
}

// Writer opens a stream of src, Build, Stdout or Stderr; replica is empty for
// those without one. It goes on with the stream there is, unless that has
// ended; then it begins a new one, with the raw lines of the old one counted
// as taken. It fails with fault.Conflict if src has
// ended or the stream has a writer, and with fault.NotFound if src was removed.
// The caller calls Close or End.
func (l *Log) Writer(ctx context.Context, src Source, kind Kind, replica string, o WriterOptions) (*Writer, error) {
	if kind != Build && kind != Stdout && kind != Stderr {
		return nil, fault.At("stream", fault.Invalid, "%.16q is not a stream that can be written.", kind)
	}
	if err := src.check(false); err != nil {
		return nil, err
	}
	if err := checkReplica(replica); err != nil {
		return nil, err
	}
	var w *Writer
	err := l.source(ctx, src, func(g *group, s *source) (err error) {
		w, err = l.openStream(g, s, kind, replica, o)
		return err
	})
	return w, err
}

// System adds a remark of ours to src, a line for each line of message. No
// other way leads into that stream. A remark that finds the queue full is left
// out, with a Gap in its place.
func (l *Log) System(ctx context.Context, src Source, severity Severity, message string) error {
	if err := src.check(false); err != nil {
		return err
	}
	return l.source(ctx, src, func(g *group, s *source) error {
		if s.system == nil {
			w, err := l.openStream(g, s, System, "", WriterOptions{Lossy: true})
			if err != nil {
				return err
			}
			s.system = w
		}
		s.system.severity = severity
		_, err := s.system.Write([]byte(strings.TrimSuffix(message, "\n") + "\n"))
		return err
	})
}

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

// Write takes raw output as of now: any run of bytes, p is not kept. It fails
// with ErrBehind once too much waits for the disk, and then until Resume; what
// it did not take of p, and the unfinished line, have to be handed in again.
func (w *Writer) Write(p []byte) (int, error) { return w.write(time.Now().UnixNano(), p, false) }

// WriteAt takes raw output of the given time, now if it is zero. With eol, p completes a line of
// which it has no newline. It fails like Write.
func (w *Writer) WriteAt(t time.Time, p []byte, eol bool) error {
	if t.IsZero() {
		t = time.Now()
	}
	_, err := w.write(max(0, t.UnixNano()), p, eol)
	return err
}

func (w *Writer) write(nano int64, p []byte, eol bool) (n int, err error) {
	q := &w.stream.queue
	q.mu.Lock()
	had := q.size
	w.nano = nano
	n, err = w.takeAll(p, eol)
	added := q.size - had
	queued := len(q.batches) > 0
	q.mu.Unlock()
	w.log.queued.Add(int64(added))
	if queued {
		w.log.dirty.add(w.stream)
	}
	return n, err
}

// takeAll takes what there is room for. The caller holds the queue's lock.
func (w *Writer) takeAll(p []byte, eol bool) (n int, err error) {
	if err := w.stream.queue.closed; err != nil {
		return 0, err
	}
	w.begin()
	all := len(p)
	for len(p) > 0 || eol {
		if !w.room() {
			w.behind = true
			if !w.lossy {
				return all - len(p), ErrBehind
			}
			w.leaveOut(p, eol)
			break
		}
		line, rest, found := cutLine(p)
		complete := found || eol && len(rest) == 0
		switch {
		case w.midLine:
			w.midLine = !complete
		case complete:
			w.split.line(line)
			w.count(1)
		default:
			w.split.part(line)
		}
		eol = eol && (found || !complete)
		p = rest
	}
	return all, nil
}

// begin makes output that nobody resumed a new raw line.
func (w *Writer) begin() {
	if !w.begun {
		w.begun = true
		w.stream.queue.after.Shown = 0
	}
}

// cutLine cuts p behind its first newline, or, so that no line takes more than
// there is room for, behind MaxLine bytes.
func cutLine(p []byte) (line, rest []byte, found bool) {
	if i := bytes.IndexByte(p[:min(len(p), MaxLine)], '\n'); i >= 0 {
		return p[:i], p[i+1:], true
	}
	n := min(len(p), MaxLine)
	return p[:n], p[n:], false
}

// room reports whether a line can be taken. A writer that is behind stays so
// until Resume, or, if lossy, until it can say what it left out.
func (w *Writer) room() bool {
	size, queued := int64(w.stream.queue.size), w.log.queued.Load()
	o := &w.log.opts
	if !w.behind {
		return size < o.StreamQueueBytes && queued < o.QueueBytes
	}
	if !w.lossy || size > o.StreamQueueBytes/2 || queued > o.QueueBytes/2 {
		return false
	}
	w.addGap(w.dropped, StoreUnavailable)
	w.behind, w.dropped = false, 0
	return true
}

// leaveOut counts the lines of p, and the unfinished one, as lost.
func (w *Writer) leaveOut(p []byte, eol bool) {
	lines := int64(bytes.Count(p, []byte{'\n'}))
	if w.midLine {
		lines-- // counted when it began
	}
	w.midLine = !eol && p[len(p)-1] != '\n'
	if w.midLine || eol {
		lines++
	}
	w.dropped += lines
	w.split.reset(0)
}

// emit puts a message into the queue. The caller holds its lock.
func (w *Writer) emit(p piece) {
	severity := w.severity
	if severity == SeverityUnknown {
		if !p.continued {
			w.detected = detectSeverity(p.message)
		}
		severity = w.detected
	}
	after := w.stream.queue.after
	after.Shown += len(p.message)
	w.stream.queue.add(p.message, pendingLine{
		nano: w.nano, severity: severity, truncated: p.truncated, continued: p.continued,
	}, after)
}

// count says that raw lines are complete. The caller holds the queue's lock.
func (w *Writer) count(lines int64) {
	after := w.stream.queue.after
	after.Raw += lines
	after.Shown = 0
	w.stream.queue.checkpoint(after)
}

// Flush shows the unfinished raw line as far as it is there, for output that
// may not go on soon. It does not complete the line: the next bytes go on with
// it.
func (w *Writer) Flush() error {
	return w.locked(w.split.flush)
}

// Gap says that raw lines are lost at this point, 0 if nobody can know how
// many. Lines that are known count as taken.
func (w *Writer) Gap(lines int64, why GapReason) error {
	return w.locked(func() {
		w.split.reset(0)
		w.addGap(lines, why)
	})
}

func (w *Writer) addGap(lines int64, why GapReason) {
	after := w.stream.queue.after
	after.Raw += lines
	after.Shown = 0
	w.stream.queue.add([]byte(gapMessage(lines, why)), pendingLine{nano: w.nano, gap: true}, after)
}

// locked calls fn with the queue's lock and wakes the flusher.
func (w *Writer) locked(fn func()) error {
	q := &w.stream.queue
	q.mu.Lock()
	if err := q.closed; err != nil {
		q.mu.Unlock()
		return err
	}
	had := q.size
	w.nano = time.Now().UnixNano()
	w.begin()
	fn()
	added := q.size - had
	q.mu.Unlock()
	w.log.queued.Add(int64(added))
	w.log.dirty.add(w.stream)
	return nil
}

// Resume forgets the unfinished raw line, waits until all that was taken is in
// the spool, and returns where to go on: the next byte handed in is the first
// of raw line number Lines, counted from 0. It is called after ErrBehind, and
// before a new writer is handed a stream's output from its middle.
func (w *Writer) Resume(ctx context.Context) (Position, error) {
	if err := w.stream.queue.wait(ctx); err != nil {
		return Position{}, err
	}
	q := &w.stream.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	w.behind, w.begun = false, true
	w.split.reset(q.after.Shown)
	p := Position{Lines: q.after.Raw}
	if q.nano != 0 {
		p.Time = time.Unix(0, q.nano)
	}
	return p, q.closed
}

// Close lets go of the stream, which can be opened again. The unfinished raw
// line is forgotten: it comes with the next hand-in. Closing twice is no error.
func (w *Writer) Close() {
	g := w.stream.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.stream.writer == w {
		w.stream.writer = nil
	}
}

// End says that nothing more will come, shows the unfinished raw line and
// returns once everything is in the spool, so that the raw output can be
// removed. A Build stream's feeds end with it.
func (w *Writer) End(ctx context.Context) error {
	if err := w.locked(w.finish); err != nil && !errors.Is(err, errStreamEnded) {
		return err
	}
	w.Close()
	return w.stream.queue.wait(ctx)
}

// finish ends the stream. The caller holds the queue's lock.
func (w *Writer) finish() {
	w.split.flush()
	if w.lossy && w.dropped > 0 {
		w.addGap(w.dropped, StoreUnavailable)
	}
	w.stream.queue.end()
}

// errStreamEnded is why an ended stream takes nothing more.
var errStreamEnded = fmt.Errorf("%w: the stream has ended", ErrClosed)
