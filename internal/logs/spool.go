package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// spoolFile is a file of frames that were not compressed yet. Only the newest
// of a stream grows.
type spoolFile struct {
	path             string
	first, last      uint64 // seqs; last is first-1 while it has no line
	minNano, maxNano int64
	size             int64
	closed           bool      // the next line begins another one
	begun            time.Time // zero: by an earlier process
}

func (t *spoolFile) add(f *frame) {
	if f.count > 0 {
		if t.last < t.first {
			t.minNano = f.minNano
		}
		t.last, t.maxNano = f.last(), f.maxNano
	}
	t.size += f.size()
}

// stream is a stream of a source that has not ended, or that has lines in the
// spool.
type stream struct {
	Stream

	group *group
	queue queue

	// spooling is held while its spool grows, sealing while its spool moves to
	// the store; both to remove it.
	spooling, sealing sync.Mutex

	// The rest belongs to group.mu.
	writer         *Writer
	spool          []spoolFile // replaced, never changed in place, but for the last one
	stored, last   uint64      // seqs in the store, and there at all
	oldest, newest int64       // times of lines; 0 before the first
	after          Checkpoint  // with the last line
}

// spool writes b to the spool: from now on it survives the end of this
// process. The caller holds s.spooling.
func (l *Log) spool(s *stream, b Block) error {
	s.group.mu.Lock()
	var t spoolFile
	if n := len(s.spool); n > 0 {
		t = s.spool[n-1]
	}
	s.group.mu.Unlock()

	full := t.path == "" || t.size >= l.opts.spoolBytes || t.closed || t.last+1 != b.First
	if full {
		t = spoolFile{path: filepath.Join(sourceDir(l.root, s.Source), fileName(&s.Stream, b.First, spoolExt)), first: b.First, last: b.First - 1, begun: time.Now()}
		if err := create(t.path); err != nil {
			return fmt.Errorf("create a spool file: %w", err)
		}
		l.touchDirs(filepath.Dir(t.path))
	}
	l.frame = l.codec.append(l.frame[:0], b, false)
	f, ok := parseFrame(l.frame)
	if !ok {
		return fmt.Errorf("spool %d lines: %w", len(b.Lines), errDamaged)
	}
	// Always at the same place: what an earlier attempt left is overwritten.
	err := l.files.use(t.path, func(h *os.File) error {
		_, err := h.WriteAt(l.frame, t.size)
		return err
	})
	if err != nil {
		return fmt.Errorf("write to the spool: %w", err)
	}
	t.add(&f)
	l.touch(t.path)

	s.group.mu.Lock()
	if full {
		s.spool = append(slices.Clip(s.spool), t)
	} else {
		s.spool = slices.Clone(s.spool)
		s.spool[len(s.spool)-1] = t
	}
	s.group.mu.Unlock()
	return nil
}

// spooled is how much of s is in the spool and not in the store, about.
func (s *stream) spooled() (bytes int64) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	for i := range s.spool {
		bytes += s.spool[i].size
	}
	return bytes
}

// sealTurn is how many spool files of a stream move before it is the next one's
// turn.
const sealTurn = 16

// seal moves the full spool files of s into the store, all of them once s has
// ended.
func (l *Log) seal(ctx context.Context, s *stream) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	for turn := 0; ; turn++ {
		t, ok := s.full()
		if !ok {
			break
		}
		if turn == sealTurn {
			l.seals.add(s)
			return nil
		}
		if err := l.move(ctx, s, &t); err != nil {
			return err
		}
		l.grow(t.size)
		s.group.mu.Lock()
		s.stored = max(s.stored, t.last)
		s.spool = slices.Clone(s.spool[1:])
		s.group.mu.Unlock()
		l.unlinkLater(t.path)
		l.dirty.add(s) // what was queued may have waited for this
	}
	s.group.settle(s.Source.ID)
	return nil
}

// move stores what is in a spool file. Of one that was damaged since it was
// written that is what comes before, and the rest is a hole.
func (l *Log) move(ctx context.Context, s *stream, t *spoolFile) error {
	lines, after, err := l.readSpool(&s.Stream, t.path, 0, t.size)
	damaged := errors.Is(err, errDamaged)
	if err != nil && !damaged {
		return fmt.Errorf("read the spool: %w", err)
	}
	if !damaged || len(lines) > 0 {
		if err := l.store.Append(ctx, &s.Stream, Block{First: t.first, Lines: lines, After: after}); err != nil {
			return fmt.Errorf("store %d lines: %w", len(lines), err)
		}
	}
	if !damaged {
		return nil
	}
	l.log.ErrorContext(ctx, "log lines are lost in a damaged spool file", slog.Int("left", len(lines)), slog.Any("err", err))
	s.group.mu.Lock()
	end, only := Block{First: t.last + 1, After: s.after}, len(s.spool) == 1
	s.group.mu.Unlock()
	if !only { // the next one says how far the stream came
		return nil
	}
	if err := l.store.Append(ctx, &s.Stream, end); err != nil {
		return fmt.Errorf("store the end of a stream: %w", err)
	}
	return nil
}

// full returns the oldest spool file of s if it can move into the store.
func (s *stream) full() (t spoolFile, ok bool) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	if n := len(s.spool); n > 1 || n == 1 && (s.after.Ended || s.spool[0].closed) {
		return s.spool[0], true
	}
	return t, false
}

// readSpool reads the lines of a spool file from one offset to another, and
// what the last frame there says about its stream. It fails with errDamaged, and
// what comes before the damage.
func (l *Log) readSpool(s *Stream, path string, from, to int64) (lines []Line, after Checkpoint, err error) {
	buf := make([]byte, to-from)
	err = l.files.use(path, func(h *os.File) error {
		_, err := h.ReadAt(buf, from)
		return err
	})
	if err != nil {
		return nil, after, err
	}
	for len(buf) > 0 {
		f, ok := parseFrame(buf)
		if !ok || f.size() > int64(len(buf)) {
			return lines, after, fmt.Errorf("%s: %w", path, errDamaged)
		}
		more, err := l.codec.decode(&f, s, buf[frameHeader:f.size()])
		if err != nil {
			return lines, after, fmt.Errorf("%s: %w", path, err)
		}
		if lines == nil {
			lines = more
		} else {
			lines = append(lines, more...)
		}
		after = f.after
		buf = buf[f.size():]
	}
	return lines, after, nil
}

// spooled returns the lines of a spool file as far as t says, or up to where it
// is damaged.
func (l *Log) spooled(s *Stream, t *spoolFile) ([]Line, error) {
	key := blockKey{path: t.path}
	have, ok := l.cache.get(key)
	if !ok {
		have = &decoded{}
	}
	if have.size < t.size && !have.damaged {
		more, _, err := l.readSpool(s, t.path, have.size, t.size)
		damaged := errors.Is(err, errDamaged)
		if err != nil && !damaged {
			return nil, err
		}
		have = &decoded{lines: slices.Concat(have.lines, more), size: t.size, damaged: damaged}
		l.cache.put(key, have)
	}
	return have.lines, nil // those after t.last are newer than the reader's view; its range leaves them out
}

// openSpool looks at a spool file left by an earlier process. What a power cut
// left half-written is cut off. next is the seq it has to go on with; what
// does not is cut off too.
func (l *Log) openSpool(f file, next uint64) (t spoolFile, after Checkpoint, err error) {
	t = spoolFile{path: f.path, first: f.first, last: f.first - 1}
	err = l.files.use(f.path, func(h *os.File) error {
		info, err := h.Stat()
		if err != nil {
			return err
		}
		whole := true
		if _, err := scanFrames(h, info.Size(), true, func(_ int64, fr frame) {
			if whole = whole && fr.first == t.last+1; whole {
				t.add(&fr)
				after = fr.after
			}
		}); err != nil {
			return err
		}
		if t.size == info.Size() {
			return nil
		}
		l.log.Warn("a log spool file is damaged from here on", slog.String("path", f.path), slog.Int64("at", t.size))
		return h.Truncate(t.size)
	})
	if err != nil {
		return t, after, fmt.Errorf("open a spool file: %w", err)
	}
	if t.first > next {
		l.log.Warn("log lines are missing before a spool file", slog.String("path", f.path), slog.Uint64("next", next))
	}
	return t, after, nil
}
