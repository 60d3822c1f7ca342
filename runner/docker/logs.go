package docker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// maxEntry bounds an entry of the engine's log: it splits lines at 16 KiB and
// puts a time before each part.
const maxEntry = 1 << 20

// Logs reads the engine's json-file copy of the output.
//
// The engine has no line numbers, so lines are counted from the beginning of
// the copy, up to the position. The copy is a few files, of which the engine
// deletes the oldest: then the count is wrong. That is noticed by
// Position.Time. A line that counts as read but carries a later time was not
// read; it can only be there because lines before it are gone. (The other way
// round cannot happen: a file that is deleted is larger than the 1 MB or so an
// application may be ahead of its reader.) From there on everything that is
// later than Position.Time is handed on, and the first frame has Gap.
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
	body, err := s.api.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow,
	})
	if err != nil {
		defer cancel()
		if gone(err) {
			return nil, runner.ErrNotFound
		}
		return nil, e.fail(ctx, "logs", err)
	}
	l := &logStream{r: bufio.NewReaderSize(body, attachBuffer), after: from.Time}
	l.unread[runner.Stdout], l.unread[runner.Stderr] = from.Stdout, from.Stderr
	l.ending = endWith(ctx, func() error { cancel(); return body.Close() })
	return l, nil
}

// logStream parses the engine's answer: one frame per entry, which is a time
// of RFC 3339, a space, and a line with its newline or a part of one without.
type logStream struct {
	*ending
	r      *bufio.Reader
	entry  []byte
	unread [3]int64  // lines to pass over, by descriptor
	after  time.Time // of the position
	lost   bool      // the copy does not reach back: count no more, go by time
	gap    bool      // not told yet
}

// Next returns the next line after the position, or part of one.
func (l *logStream) Next() (runner.Frame, error) {
	for {
		f, err := l.read()
		if err != nil {
			return runner.Frame{}, l.reason(err)
		}
		if l.skip(f) {
			continue
		}
		f.Gap, l.gap = l.gap, false
		return f, nil
	}
}

// skip reports whether f lies before the position, and keeps count.
func (l *logStream) skip(f runner.Frame) bool {
	late := !l.after.IsZero() && f.Time.After(l.after)
	switch {
	case l.lost:
		return !late
	case l.unread[f.Descriptor] == 0:
		return false
	case late:
		l.lost, l.gap = true, true
		return false
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
