package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/davitdev/davit/internal/fault"
)

// tarOverhead is what a tar of these limits may have besides the bytes of its
// files: headers, padding and long names.
func tarOverhead(l Limits) int64 { return int64(l.Files)*4096 + 1<<20 }

// unzipper reads the tar inside an archive and stops it when it grows beyond
// all reason.
type unzipper struct {
	packed *counter
	in     *bufio.Reader
	zr     *gzip.Reader
	limits Limits
	n      int64 // bytes unpacked so far
}

func newUnzipper(ctx context.Context, r io.Reader, limits Limits) (*unzipper, error) {
	packed := &counter{r: interruptible(ctx, r), limit: limits.Archive}
	u := &unzipper{packed: packed, in: bufio.NewReader(packed), limits: limits}
	var err error
	if u.zr, err = gzip.NewReader(u.in); err != nil {
		return nil, u.explain(err)
	}
	u.zr.Multistream(false)
	return u, nil
}

func (u *unzipper) Read(b []byte) (int, error) {
	n, err := u.zr.Read(b)
	u.n += int64(n)
	switch {
	case u.n > u.limits.Total+tarOverhead(u.limits):
		return 0, invalid("it unpacks to more than %s.", size(u.limits.Total))
	case u.n > ratioFloor && u.n/u.limits.Ratio > u.packed.n:
		return 0, invalid("it unpacks to more than %d times its size.", u.limits.Ratio)
	}
	return n, err
}

// finish makes sure that nothing but padding is left.
func (u *unzipper) finish() error {
	buf := make([]byte, 32<<10)
	for {
		n, err := u.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) > 0 {
			return invalid("there is something after its last file.")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.explain(err)
		}
	}
	switch _, err := u.in.ReadByte(); {
	case err == nil:
		return invalid("there is something after its end.")
	case !errors.Is(err, io.EOF):
		return u.explain(err)
	}
	return nil
}

// explain says in words why the archive could not be read on. Errors that are
// not about its bytes pass through.
func (u *unzipper) explain(err error) error {
	if u.packed.err != nil {
		return u.packed.err
	}
	_, known := errors.AsType[*fault.Error](err)
	_, disk := errors.AsType[*fs.PathError](err)
	switch {
	case known, disk:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return invalid("it ends too early.")
	case errors.Is(err, gzip.ErrHeader):
		return invalid("it is not a gzipped tar.")
	}
	return fault.New(fault.UploadInvalid, "The archive cannot be used: it is damaged.").WithHint(makeArchive).Because(err)
}

// counter counts the bytes of the archive and holds it under its limit.
type counter struct {
	r        io.Reader
	n, limit int64
	err      error // of r, other than its end
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.n += int64(n); c.n > c.limit {
		return 0, invalid("it has more than %s.", size(c.limit))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = fmt.Errorf("read archive: %w", err)
	}
	return n, err
}
