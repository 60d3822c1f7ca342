package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// maxEntry bounds an entry of the engine's log: it splits lines at 16 KiB and
// puts a time before each part.
const maxEntry = 1 << 20

// maxAhead is by how many bytes of a descriptor an attachment can be ahead of
// the copy: the engine's pipe to its copier takes a little more than 1e6.
const maxAhead = 5 << 18

// Logs reads the engine's json-file copy of the output.
//
// The engine has no line numbers, so lines are counted from the beginning of
// the copy, up to the position. The copy is a few files, of which the engine
// deletes the oldest: then the count is wrong. That is noticed by
// Position.Time. A line that counts as read but carries a later time was
// either not read, and can only be there because lines before it are gone; or
// it was read from an attachment before the engine wrote it to the copy, which
// it does when it gets to it. The latter are at most maxAhead bytes, far less
// than a file that is deleted. When lines are gone, everything that is later
// than Position.Time is handed on, and the first frame has Gap.
//
// The copy is text: bytes that are not UTF-8 come back as U+FFFD. A follower
// that is slow while files are rotated may lose lines to the engine without
// notice; recovering reads without follow, then attaches.
func (e *Engine) Logs(ctx context.Context, name string, from runner.Position, follow bool) (runner.Stream, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	c, err := e.find(ctx, s, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &logStream{after: from.Time}
	l.unread[runner.Stdout], l.unread[runner.Stderr] = from.Stdout, from.Stderr
	l.open = func() (io.ReadCloser, error) {
		body, err := s.api.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{
			ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow,
		})
		switch {
		case gone(err), err != nil && strings.Contains(err.Error(), "dead or marked for removal"):
			return nil, runner.ErrNotFound
		case err != nil:
			return nil, e.fail(ctx, "logs", err)
		}
		return body, nil
	}
	if err := l.begin(); err != nil {
		cancel()
		return nil, err
	}
	l.ending = endWith(ctx, func() error { cancel(); return l.body.Load().Close() })
	return l, nil
}

// logStream parses the engine's answer: one frame per entry, which is a time
// of RFC 3339, a space, and a line with its newline or a part of one without.
type logStream struct {
	*ending
	open   func() (io.ReadCloser, error)
	body   atomic.Pointer[closer]
	r      *bufio.Reader
	entry  []byte
	unread [3]int64  // lines to pass over, by descriptor
	ahead  [3]int64  // bytes of those passed over although they are late
	given  [3]last   // frames handed on while lines were counted
	after  time.Time // of the position
	lost   bool      // the copy does not reach back: count no more, go by time
	gap    bool      // not told yet
}

// last is a time and how many frames handed on have it: the parts of a line
// share theirs.
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

// has reports whether a frame was among those handed on, in their order.
func (l *last) has(t time.Time) bool {
	if t.Equal(l.time) && l.n > 0 {
		l.n--
		return true
	}
	return t.Before(l.time)
}

// closer is the engine's answer, for whoever ends the stream.
type closer struct{ io.ReadCloser }

// begin asks the engine for the copy from its beginning.
func (l *logStream) begin() error {
	body, err := l.open()
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
			err = l.reason(err)
			// The end, and fewer lines than were read, though later ones.
			if errors.Is(err, io.EOF) && !l.lost && l.ahead != [3]int64{} && (l.unread[runner.Stdout] > 0 || l.unread[runner.Stderr] > 0) {
				err = l.again()
			}
			if err != nil {
				return runner.Frame{}, err
			}
			continue
		}
		if l.skip(f) {
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

// again reads a copy that lost its beginning, by time.
func (l *logStream) again() error {
	select {
	case <-l.closed:
		return io.EOF
	default:
	}
	l.lost, l.gap = true, true
	old := l.body.Load()
	defer old.Close()
	if err := l.begin(); err != nil {
		return l.reason(err)
	}
	return nil
}

// skip reports whether f lies before the position, and keeps count.
func (l *logStream) skip(f runner.Frame) bool {
	late := !l.after.IsZero() && f.Time.After(l.after)
	switch {
	case l.lost:
		return l.given[f.Descriptor].has(f.Time) || !late
	case l.unread[f.Descriptor] == 0:
		return false
	case late:
		l.ahead[f.Descriptor] += int64(len(f.Data)) + 1
	}
	if f.Line {
		l.unread[f.Descriptor]--
	}
	return true
}

// read parses one entry.
func (l *logStream) read() (runner.Frame, error) {
	fd, size, err := readHeader(l.r)
	if err != nil {
		return runner.Frame{}, err
	}
	if size > maxEntry {
		return runner.Frame{}, fmt.Errorf("a log entry of %d bytes", size)
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
		return runner.Frame{}, fmt.Errorf("a log entry without a time: %q", l.entry[:min(size, 64)])
	}
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return runner.Frame{}, fmt.Errorf("a log entry's time: %w", err)
	}
	text, line := bytes.CutSuffix(data, []byte("\n"))
	return runner.Frame{Descriptor: fd, Time: t, Data: text, Line: line}, nil
}
