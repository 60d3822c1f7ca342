package source

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/davitdev/davit/internal/fault"
)

// PackOptions steers Pack. The zero value is good.
type PackOptions struct {
	Limits Limits
	// Progress, if not nil, is called from the goroutine of Pack with what
	// went so far, before the first file and at least once a file.
	Progress func(Progress)
}

// Progress counts files, links and directories, and the bytes of files.
type Progress struct {
	Files, TotalFiles int
	Bytes, TotalBytes int64
}

// Stats says what Pack wrote.
type Stats struct {
	Files  int    // files, links and directories
	Bytes  int64  // of all files together
	Size   int64  // bytes of the archive
	SHA256 string // of the archive, in hexadecimal
}

// packed is the time of everything in an archive: equal trees make equal
// archives. Not 1970, which some tools take for "no time".
var packed = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Pack writes the directory dir to w as a gzipped tar. It leaves out what
// .gitignore files (in any directory) and .dockerignore name, and always .git
// and .davit. Git's own rule that a file once committed is never ignored does
// not hold here. Links stay links. Sockets, pipes and devices are left out.
//
// Equal trees make equal bytes: entries are sorted, owners and times fixed and
// modes reduced to 0644 and 0755. Nothing outside of dir is read. Everything
// is measured before the first byte is written. It fails with INVALID for a
// directory or file that cannot be packed, REQUEST_TOO_LARGE over a limit and
// SOURCE_MISSING if nothing is left to pack.
func Pack(ctx context.Context, dir string, w io.Writer, opts PackOptions) (Stats, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Stats{}, fault.Wrap(err, fault.Invalid, "%s is not a directory that can be read.", show(dir))
	}
	defer root.Close()
	list := walker{root: root, limits: opts.Limits.withDefaults()}
	if list.docker, err = list.dockerMatcher(); err != nil {
		return Stats{}, err
	}
	if err := list.walk(ctx, ".", nil, patternmatcher.MatchInfo{}); err != nil {
		return Stats{}, err
	}
	if len(list.items) == 0 {
		return Stats{}, fault.New(fault.SourceMissing, "There is nothing in %s: it is empty, or everything in it is ignored.", show(dir))
	}
	sum := sha256.New()
	out := &archiveWriter{w: io.MultiWriter(w, sum), limit: list.limits.Archive}
	p := packer{root: root, progress: opts.Progress, now: Progress{TotalFiles: len(list.items), TotalBytes: list.total}}
	if err := p.pack(ctx, list.items, out); err != nil {
		return Stats{}, err
	}
	return Stats{Files: p.now.Files, Bytes: p.now.Bytes, Size: out.n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

type packer struct {
	root     *os.Root
	progress func(Progress)
	now      Progress
}

func (p *packer) pack(ctx context.Context, items []item, w io.Writer) error {
	p.report()
	zw := gzip.NewWriter(w)
	tw := tar.NewWriter(zw)
	for _, i := range items {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := p.entry(ctx, tw, i); err != nil {
			return err
		}
		p.now.Files++
		p.report()
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func (p *packer) entry(ctx context.Context, tw *tar.Writer, i item) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: i.name, Size: i.size, Mode: int64(i.mode.Perm()), ModTime: packed}
	switch {
	case i.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, i.name+"/"
	case i.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, i.link
	}
	if err := tw.WriteHeader(h); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := p.root.Open(i.name)
	if err != nil {
		return fmt.Errorf("read %s: %w", i.name, err)
	}
	defer f.Close()
	// One byte more than announced shows that the file grew.
	n, err := io.Copy(p.counted(tw), interruptible(ctx, io.LimitReader(f, i.size+1)))
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != i.size {
		return fault.New(fault.Conflict, "%s changed while it was read: try again.", show(i.name))
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", i.name, err)
	}
	return nil
}

func (p *packer) report() {
	if p.progress != nil {
		p.progress(p.now)
	}
}

// counted reports what goes into the archive while it does.
func (p *packer) counted(w io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		n, err := w.Write(b)
		p.now.Bytes += int64(n)
		p.report()
		return n, err
	})
}

// archiveWriter counts the archive and holds it under its limit.
type archiveWriter struct {
	w        io.Writer
	n, limit int64
}

func (a *archiveWriter) Write(b []byte) (int, error) {
	if a.n += int64(len(b)); a.n > a.limit {
		return 0, tooLarge("The archive of the directory has more than %s: name what is not needed in %s or %s.", size(a.limit), gitignore, dockerignore)
	}
	return a.w.Write(b)
}
