package logs

import (
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
	Whole bool      // that line is the end of a raw one: of the next nothing is in the log
}

// Writer opens a stream of src, Build, Stdout or Stderr; replica is empty for
// those without one. It goes on with the stream there is, unless that has
// ended; then it begins a new one, with the raw lines of the old one counted
// as taken, unless that was renewed. It fails with fault.Conflict if src has ended or the stream has a
// writer, and with fault.NotFound if src was removed. The caller calls Close or
// End.
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

// Write takes raw output as of now: any run of bytes, p is not kept. It fails
// with ErrBehind once too much waits for the disk, and then until Resume; what
// it did not take of p, and the unfinished line, have to be handed in again.
func (w *Writer) Write(p []byte) (int, error) { return w.write(time.Now().UnixNano(), p, false) }

// WriteAt takes raw output of the given time, now if it is zero. With eol, p
// completes a line of which it has no newline. It fails like Write.
func (w *Writer) WriteAt(t time.Time, p []byte, eol bool) error {
	if t.IsZero() {
		t = time.Now()
	}
	_, err := w.write(max(0, t.UnixNano()), p, eol)
	return err
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
		w.nano = time.Now().UnixNano()
		w.split.reset(0)
		w.addGap(lines, why)
	})
}

// Doubt says that raw lines may be missing at this point. Unlike behind a Gap the
// unfinished line goes on: what there is of it comes before.
func (w *Writer) Doubt(why GapReason) error {
	return w.locked(func() {
		w.split.flush()
		q := &w.stream.queue
		q.add([]byte(gapMessage(0, why)), pendingLine{nano: time.Now().UnixNano(), gap: true}, q.after)
	})
}

// Fewer says that the raw output has lost lines that were taken, and the unfinished
// one: what is handed in next has a number that is so much lower. It returns once the
// spool has that: whoever goes on after a crash has to count alike.
func (w *Writer) Fewer(ctx context.Context, lines int64) error {
	err := w.locked(func() {
		w.split.flush()
		w.split.reset(0)
		after := w.stream.queue.after
		after.Raw, after.Shown = max(0, after.Raw-lines), 0
		w.stream.queue.checkpoint(after)
	})
	if err != nil {
		return err
	}
	return w.stream.queue.wait(ctx)
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
	return q.position(), q.closed
}

// Position returns how far the output that was taken goes, also what is not in
// the spool yet.
func (w *Writer) Position() Position {
	q := &w.stream.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.position()
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
func (w *Writer) End(ctx context.Context) error { return w.endBy(ctx, w.finish) }

// Renew is End after which the raw lines of the stream that follows count from
// the first again: they come from another program.
func (w *Writer) Renew(ctx context.Context) error { return w.endBy(ctx, w.renew) }

func (w *Writer) endBy(ctx context.Context, end func()) error {
	if err := w.locked(end); err != nil && !errors.Is(err, errStreamEnded) {
		return err
	}
	w.Close()
	return w.stream.queue.wait(ctx)
}

// errStreamEnded is why an ended stream takes nothing more.
var errStreamEnded = fmt.Errorf("%w: the stream has ended", ErrClosed)
