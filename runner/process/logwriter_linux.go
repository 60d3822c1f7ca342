package process

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/davitdev/davit/runner"
)

// The copy of the output is a few files, called by number, oldest first:
//
//	header: magic, 8 bytes; lines of stdout and of stderr before it, 8 each
//	record: descriptor, 1 byte; flags, 1; zeros, 2; length, 4; time, 8; data
//
// in big-endian order. A record is what one read of the program's output gave;
// times are Unix nanoseconds. Only the last record of a file can be incomplete:
// where the shim was killed, and while it writes. When a file is full the next
// one begins, and the oldest goes.
const (
	logMagic     = "davitlog"
	logHeader    = 24
	recordHeader = 16
	maxRecord    = 32 << 10
	segments     = 4

	flagLost = 1 // output before this record could not be written
)

// lineCount is the number of newlines by descriptor.
type lineCount [runner.Stderr + 1]int64

// logWriter writes the copy. It never fails: a program does not wait for a disk
// that is full, and the loss is marked.
type logWriter struct {
	dir   string
	limit int64 // of one file

	mu    sync.Mutex
	f     *os.File
	n     int64 // its number
	size  int64
	lines lineCount
	lost  bool
}

// newLogWriter begins the file after the last one.
func newLogWriter(dir string, limit int64) (*logWriter, error) {
	w := &logWriter{dir: dir, limit: max(limit/segments, logHeader+1)}
	all, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 {
		r := &logReader{dir: dir}
		defer r.close()
		err := r.toEnd()
		damaged := errors.Is(err, runner.ErrUnreadable)
		if err != nil && !damaged {
			return nil, err
		}
		w.n, w.lines, w.lost = max(r.n, all[len(all)-1]), r.lines, damaged || r.torn()
	}
	return w, w.rotate()
}

// rotate begins the next file and deletes what is too old.
func (w *logWriter) rotate() error {
	header := binary.BigEndian.AppendUint64([]byte(logMagic), uint64(w.lines[runner.Stdout]))
	header = binary.BigEndian.AppendUint64(header, uint64(w.lines[runner.Stderr]))
	// It appears with its header, because a reader may be waiting for it.
	staged := filepath.Join(w.dir, "next")
	if err := os.WriteFile(staged, header, 0o600); err != nil {
		return diskError(err)
	}
	f, err := os.OpenFile(staged, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := os.Rename(staged, segmentPath(w.dir, w.n+1)); err != nil {
		return errors.Join(err, f.Close())
	}
	if w.f != nil {
		w.f.Close()
	}
	w.f, w.n, w.size = f, w.n+1, logHeader
	all, err := listSegments(w.dir)
	if err != nil {
		return err
	}
	for _, n := range all[:max(len(all)-segments, 0)] {
		_ = os.Remove(segmentPath(w.dir, n)) // or it goes with the next one
	}
	return nil
}

// copy writes down what comes from the program until nothing more can.
func (w *logWriter) copy(fd runner.Descriptor, from io.Reader) {
	buf := make([]byte, recordHeader+maxRecord)
	for {
		n, err := from.Read(buf[recordHeader:])
		if n > 0 {
			w.write(fd, buf[:recordHeader+n])
		}
		if err != nil {
			return
		}
	}
}

// write fills in the header of a record and writes it. Lines count only if they
// are written, because only then anybody reads them.
func (w *logWriter) write(fd runner.Descriptor, record []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size >= w.limit && w.rotate() != nil && w.size >= w.limit {
		w.lost = true
		return
	}
	data := record[recordHeader:]
	clear(record[:recordHeader])
	record[0] = byte(fd)
	if w.lost {
		record[1] = flagLost
	}
	binary.BigEndian.PutUint32(record[4:], uint32(len(data)))
	binary.BigEndian.PutUint64(record[8:], uint64(time.Now().UnixNano()))
	if _, err := w.f.Write(record); err != nil {
		w.lost = true
		_ = w.f.Truncate(w.size) // a part of a record would hide those after it
		return
	}
	w.lost = false
	w.size += int64(len(record))
	w.lines[fd] += int64(bytes.Count(data, []byte("\n")))
}

func (w *logWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.f.Close()
}

func segmentPath(dir string, n int64) string {
	return filepath.Join(dir, fmt.Sprintf("%08d", n))
}

// listSegments returns the numbers of the files, ascending.
func listSegments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, runner.ErrNotFound // with its container
	}
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, e := range entries {
		if n, err := strconv.ParseInt(e.Name(), 10, 64); err == nil && n > 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}
