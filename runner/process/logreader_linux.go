package process

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/davitdev/davit/runner"
)

// logReader reads records, from one file into the next.
type logReader struct {
	dir   string
	f     *os.File // nil before the first
	r     *bufio.Reader
	n     int64
	lines lineCount // up to the last record returned
	given int       // bytes of that record, still in the buffer
	lost  bool      // something is missing before the next record
}

// logRecord is a piece of output, valid until the next call.
type logRecord struct {
	fd   runner.Descriptor
	at   time.Time
	data []byte
	lost bool // something is missing before it
}

// errNoMore says that there is no further record yet.
var errNoMore = errors.New("process: no more output yet")

// next returns the next record, or errNoMore.
func (r *logReader) next() (logRecord, error) {
	for {
		rec, err := r.inFile()
		if !errors.Is(err, errNoMore) {
			return rec, err
		}
		after, err := r.successor()
		switch {
		case err != nil:
			return logRecord{}, err
		case after == 0:
			return logRecord{}, errNoMore
		}
		// The file is complete, but may have grown since it was read.
		if rec, err := r.inFile(); !errors.Is(err, errNoMore) {
			return rec, err
		}
		r.lost = r.lost || r.torn()
		if err := r.open(after); err != nil {
			return logRecord{}, err
		}
	}
}

// inFile returns the next complete record of the open file, or errNoMore.
func (r *logReader) inFile() (logRecord, error) {
	if r.f == nil {
		return logRecord{}, errNoMore
	}
	_, _ = r.r.Discard(r.given)
	r.given = 0
	h, err := r.r.Peek(recordHeader)
	if err != nil {
		return logRecord{}, endOf(err)
	}
	fd, size := runner.Descriptor(h[0]), int(binary.BigEndian.Uint32(h[4:]))
	if fd != runner.Stdout && fd != runner.Stderr || size > maxRecord {
		return logRecord{}, fmt.Errorf("%w: %s is damaged", runner.ErrUnreadable, r.f.Name())
	}
	b, err := r.r.Peek(recordHeader + size)
	if err != nil {
		return logRecord{}, endOf(err)
	}
	r.given = len(b)
	rec := logRecord{
		fd: fd, at: time.Unix(0, int64(binary.BigEndian.Uint64(b[8:]))), data: b[recordHeader:],
		lost: r.lost || b[1]&flagLost != 0,
	}
	r.lost = false
	r.lines[fd] += int64(bytes.Count(rec.data, []byte("\n")))
	return rec, nil
}

func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoMore
	}
	return err
}

// torn reports whether the open file ends inside of a record.
func (r *logReader) torn() bool { return r.f != nil && r.r.Buffered()-r.given > 0 }

// successor returns the number of the file after the open one, 0 if there is
// none.
func (r *logReader) successor() (int64, error) {
	all, err := listSegments(r.dir)
	if err != nil {
		return 0, err
	}
	for _, n := range all {
		if n > r.n {
			return n, nil
		}
	}
	return 0, nil
}

// open begins a file. One whose count does not follow on from what was read
// comes after something that is missing.
func (r *logReader) open(n int64) error {
	f, err := os.Open(segmentPath(r.dir, n))
	if errors.Is(err, fs.ErrNotExist) { // deleted just now: the next one is due
		r.close()
		r.f, r.n, r.lost = nil, n, true
		return nil
	}
	if err != nil {
		return err
	}
	lines, err := readLogHeader(f)
	if err != nil {
		f.Close()
		return err
	}
	r.close()
	r.lost = r.lost || lines != r.lines
	r.f, r.n, r.lines, r.given = f, n, lines, 0
	if r.r == nil {
		r.r = bufio.NewReaderSize(f, 2*(recordHeader+maxRecord))
	} else {
		r.r.Reset(f)
	}
	return nil
}

func readLogHeader(f *os.File) (lines lineCount, _ error) {
	var h [logHeader]byte
	if _, err := io.ReadFull(f, h[:]); err != nil || string(h[:8]) != logMagic {
		return lines, fmt.Errorf("%w: %s is damaged", runner.ErrUnreadable, f.Name())
	}
	lines[runner.Stdout] = int64(binary.BigEndian.Uint64(h[8:]))
	lines[runner.Stderr] = int64(binary.BigEndian.Uint64(h[16:]))
	return lines, nil
}

// toEnd goes to the end of what there is.
func (r *logReader) toEnd() error {
	all, err := listSegments(r.dir)
	if err != nil {
		return err
	}
	if len(all) > 0 {
		if err := r.open(all[len(all)-1]); err != nil {
			return err
		}
	}
	for err == nil {
		_, err = r.next()
	}
	r.lost = false // before what is wanted
	if !errors.Is(err, errNoMore) {
		return err
	}
	return nil
}

// toFile goes to the beginning of the last file that has everything after the
// position, or of the first if none has. A line that goes on where a file begins
// may have begun in those before it.
func (r *logReader) toFile(from lineCount) error {
	all, err := listSegments(r.dir)
	if err != nil || len(all) == 0 {
		return err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if err := r.open(all[i]); err != nil {
			return err
		}
		if r.f != nil && r.lines[runner.Stdout] < from[runner.Stdout] && r.lines[runner.Stderr] < from[runner.Stderr] {
			break
		}
	}
	r.lost = r.lines[runner.Stdout] > from[runner.Stdout] || r.lines[runner.Stderr] > from[runner.Stderr]
	return nil
}

func (r *logReader) close() {
	if r.f != nil {
		r.f.Close()
	}
}
