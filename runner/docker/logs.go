package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// maxEntry bounds an entry of the engine's log: it splits lines at 16 KiB and
// puts a time before each part.
const maxEntry = 1 << 20

// maxAhead is by how many bytes of a descriptor an attachment can be ahead of
// the copy: the engine's pipe to its copier grows by slices of 1e6, and waits
// only where it would begin another one with 1e6 in it (moby's bytespipe); the
// copier itself holds some more.
const maxAhead = 5 << 19

// maxLag is by how much time the copy can be behind what it is a copy of.
const maxLag = time.Minute

// standstill is how long a copy that is behind is waited for while nothing is added.
const standstill = 2 * time.Second

// Logs reads the engine's json-file copy of the output.
//
// The engine has no line numbers, so lines are counted from the beginning of
// the copy, up to the position. The copy is a few files, of which the engine
// deletes the oldest: then the count is wrong. That is noticed by
// Position.Time. A line that counts as read but carries a later time was
// either not read, and can only be there because lines before it are gone; or
// it was read from an attachment before the engine wrote it to the copy, which
// it does when it gets to it. The latter are at most maxAhead bytes, far less
// than a file that is deleted. Where the last line of the position is known by its
// own time, and is still there, nothing is missing behind it, see landmark. Else,
// when lines are gone, everything that is later than Position.Time is handed on,
// and the first frame has Gap. Where the clock was
// set back nothing is later; of a copy with fewer lines than were read nobody can
// say then which they are. That is a Gap too, if need be of a frame without data.
//
// The copy is text: bytes that are not UTF-8 come back as U+FFFD.
//
// The engine opens the files one after the other, so that one that is rotated
// meanwhile comes twice; to whoever follows then it repeats a file or leaves one
// out. Its times go back where a file comes twice, as they do where its clock was
// set back. So the copy is never followed. What there is is read, and once more
// where times went back: what was repeated is not repeated again. What comes after
// that is read from the end of the copy whenever the engine says that there is
// something, see look.
func (e *Engine) Logs(ctx context.Context, name string, from runner.Position, follow bool) (runner.Stream, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	c, err := e.find(ctx, s, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	wait := func() (answered func()) {
		t := time.AfterFunc(e.opts.Answer, func() { cancel(errSilent) })
		return func() { t.Stop() }
	}
	l := streamFrom(from)
	l.follow, l.least = follow, leastWithALoss(c.HostConfig)
	l.open = func(tail string, follow bool) (io.ReadCloser, error) {
		defer wait()()
		o := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: tail, Follow: follow}
		body, err := s.api.ContainerLogs(ctx, c.ID, o)
		switch {
		case gone(err), err != nil && strings.Contains(err.Error(), "dead or marked for removal"):
			return nil, runner.ErrNotFound
		case err != nil:
			return nil, e.fail(ctx, "logs", err)
		case !follow: // all of it is there
			return &promptReader{body, wait}, nil
		}
		return body, nil
	}
	if err := l.begin(""); err != nil {
		cancel(nil)
		return nil, err
	}
	l.ending = endWith(ctx, func() error { cancel(nil); return l.body.Load().Close() })
	return l, nil
}

// logStream parses the engine's answer: one frame per entry, which is a time
// of RFC 3339, a space, and a line with its newline or a part of one without.
type logStream struct {
	*ending
	open   func(tail string, follow bool) (io.ReadCloser, error) // of the last entries, "" for all
	body   atomic.Pointer[closer]
	r      *bufio.Reader
	entry  []byte
	unread [3]int64 // lines to pass over, by descriptor
	marks  [3]landmark
	ahead  [3]int64  // bytes of those passed over although they are late
	given  [3]last   // frames handed on while lines were counted
	after  time.Time // of the position
	lost   bool      // the copy does not reach back: count no more, go by time
	gap    bool      // not told yet
	size   int64     // of the copy, at most
	least  int64     // size of a copy that lost its beginning
	grew   time.Time // when there was more of a copy that is behind

	back []back            // where times go back
	seen [3]last           // of all that was read
	end  runner.Descriptor // of the last entry

	follow bool
	met    bool // what there was has been read
	live   bool // the copy is read from its end
	look   look
	stale  [3]time.Time  // of seen when the copy had lost it
	bell   io.ReadCloser // says when something is printed
	last   bool          // nothing will be
}

func streamFrom(p runner.Position) *logStream {
	l := &logStream{after: p.Time}
	l.unread[runner.Stdout], l.unread[runner.Stderr] = p.Stdout, p.Stderr
	l.marks[runner.Stdout].time, l.marks[runner.Stderr].time = p.StdoutLast, p.StderrLast
	return l
}

// back is a pair of frames whose times go back.
type back struct{ from, to time.Time }

// last is a time and how many frames have it: the parts of a line share theirs.
type last struct {
	time time.Time
	n    int
}

func (l *last) add(t time.Time) {
	if !t.Equal(l.time) {
		*l = last{time: t}
	}
	l.n++
}

// landmark is the last line of a position in the copy.
type landmark struct {
	time time.Time // zero if it cannot be told from others
	n    int       // lines of that time
}

// passed reports whether the entry before f, of its descriptor, was that line, however
// many lines were counted before it. Of several lines of one time it could be any;
// and where the clock was set back behind it, what was taken later is timed like it.
func (m *landmark) passed(f runner.Frame) bool {
	switch {
	case m.time.IsZero():
	case f.Time.Equal(m.time) && (f.Line || m.n == 0):
		if f.Line {
			m.n++
		}
	case m.n == 1 && f.Time.After(m.time):
		return true
	case m.n > 0:
		*m = landmark{}
	}
	return false
}

// has reports whether a frame was among those, in their order.
func (l *last) has(t time.Time) bool {
	if t.Equal(l.time) && l.n > 0 {
		l.n--
		return true
	}
	return t.Before(l.time)
}

// closer is the engine's answer, for whoever ends the stream.
type closer struct{ io.ReadCloser }

// begin asks the engine for the last entries of the copy, "" for all.
func (l *logStream) begin(tail string) error {
	body, err := l.open(tail, false)
	if err != nil {
		return err
	}
	l.body.Store(&closer{body})
	l.r = bufio.NewReaderSize(body, attachBuffer)
	return nil
}

// Next returns the next line after the position, or part of one.
func (l *logStream) Next() (runner.Frame, error) {
	for {
		f, err := l.read()
		if err != nil {
			if err = l.beyond(l.reason(err)); err == nil {
				continue
			}
			if errors.Is(err, io.EOF) && !l.isClosed() {
				if f, ok := l.closing(); ok {
					return f, nil
				}
			}
			return runner.Frame{}, err
		}
		skipped, err := l.skip(f)
		if err != nil {
			return runner.Frame{}, err
		}
		if skipped {
			if !l.lost && l.ahead[f.Descriptor] > maxAhead {
				if err := l.again(); err != nil {
					return runner.Frame{}, err
				}
			}
			continue
		}
		if !l.lost {
			l.given[f.Descriptor].add(f.Time)
		}
		f.Gap, l.gap = l.gap, false
		return f, nil
	}
}

// closing is what is left to say where the copy has ended: a gap, or that a copy of
// which nothing can have been deleted has fewer lines than were read, none of them
// later.
func (l *logStream) closing() (runner.Frame, bool) {
	if l.gap {
		l.gap = false
		return runner.Frame{Descriptor: runner.Stdout, Gap: true}, true
	}
	if l.follow || l.lost || l.size >= l.least {
		return runner.Frame{}, false
	}
	for _, fd := range []runner.Descriptor{runner.Stdout, runner.Stderr} {
		if n := l.unread[fd]; n > 0 {
			l.unread[fd] = 0
			return runner.Frame{Descriptor: fd, Missing: n}, true
		}
	}
	return runner.Frame{}, false
}

// beyond goes on where an answer of the engine has ended as err says, if there is
// more.
func (l *logStream) beyond(err error) error {
	if errors.Is(err, io.EOF) && l.uncountable() {
		l.gap, l.unread = true, [3]int64{}
	}
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case l.live && !l.look.reached():
		return l.lookFurther()
	case l.short() && !l.behind():
		return l.again()
	case !l.follow:
		return err
	case !l.met:
		l.met = true
		return l.lookBack(leastTail, false)
	}
	return l.goOn()
}

// short reports whether what there is of the copy has fewer lines than were read,
// though later ones.
func (l *logStream) short() bool {
	return !l.lost && l.ahead != [3]int64{} && (l.unread[runner.Stdout] > 0 || l.unread[runner.Stderr] > 0)
}

// behind reports whether the engine may still get to those lines: nothing of the copy
// can have been deleted, and it grows.
func (l *logStream) behind() bool {
	if !l.follow || l.last || l.size >= l.least {
		return false
	}
	if l.look.fresh > 0 || l.grew.IsZero() {
		l.grew = time.Now()
	}
	return time.Since(l.grew) < standstill
}

// leastWithALoss is the size of all files of a copy but the newest: one that has been
// deleted was the next of that size.
func leastWithALoss(h *container.HostConfig) int64 {
	if h == nil {
		return 0
	}
	size, err := strconv.ParseInt(h.LogConfig.Config["max-size"], 10, 64)
	files, ferr := strconv.ParseInt(h.LogConfig.Config["max-file"], 10, 64)
	if err != nil || ferr != nil || h.LogConfig.Type != "json-file" {
		return 0
	}
	return size * (files - 1)
}

// uncountable reports whether a whole copy has fewer lines than were read, and all
// of them long before the last of those.
func (l *logStream) uncountable() bool {
	if l.live || l.lost || l.after.IsZero() || l.unread == [3]int64{} || l.ahead != [3]int64{} {
		return false
	}
	newest := l.seen[l.end].time
	return !newest.IsZero() && newest.Add(maxLag).Before(l.after)
}

// again reads a copy that lost its beginning, by time.
func (l *logStream) again() error {
	l.lost, l.gap, l.live, l.met = true, true, false, false
	l.seen = [3]last{}
	return l.reopen("")
}

// reopen goes on with another answer of the engine.
func (l *logStream) reopen(tail string) error {
	if l.isClosed() {
		return io.EOF
	}
	old := l.body.Load()
	defer old.Close()
	if err := l.begin(tail); err != nil {
		return l.reason(err)
	}
	return nil
}

// skip reports whether f lies before the position, or was read, and keeps count.
func (l *logStream) skip(f runner.Frame) (bool, error) {
	fd := f.Descriptor
	switch {
	case l.live:
		if known, err := l.known(f); known || err != nil {
			return known, err
		}
	case l.goesBack(l.seen[fd].time, f):
		return true, l.lookBack(2*leastTail, false)
	}
	l.note(f)
	late := !l.after.IsZero() && f.Time.After(l.after)
	switch {
	case l.lost:
		return !l.met && (l.given[fd].has(f.Time) || !late), nil
	case l.unread[fd] == 0:
		return false, nil
	case l.marks[fd].passed(f):
		l.unread[fd] = 0
		return false, nil
	case late:
		l.ahead[fd] += int64(len(f.Data)) + 1
	}
	if f.Line {
		l.unread[fd]--
	}
	return true, nil
}

// read parses one entry.
func (l *logStream) read() (runner.Frame, error) {
	fd, size, err := readHeader(l.r)
	if err != nil {
		return runner.Frame{}, err
	}
	if size > maxEntry {
		return runner.Frame{}, fmt.Errorf("%w: a log entry of %d bytes", runner.ErrUnreadable, size)
	}
	if cap(l.entry) < size {
		l.entry = make([]byte, size)
	}
	l.entry = l.entry[:size]
	if _, err := io.ReadFull(l.r, l.entry); err != nil {
		return runner.Frame{}, err
	}
	stamp, data, ok := bytes.Cut(l.entry, []byte(" "))
	if !ok {
		return runner.Frame{}, fmt.Errorf("%w: a log entry without a time: %q", runner.ErrUnreadable, l.entry[:min(size, 64)])
	}
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return runner.Frame{}, fmt.Errorf("%w: a log entry's time: %w", runner.ErrUnreadable, err)
	}
	text, line := bytes.CutSuffix(data, []byte("\n"))
	return runner.Frame{Descriptor: fd, Time: t, Data: text, Line: line}, nil
}
