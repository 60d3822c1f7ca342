package source

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// Store keeps uploaded archives in one directory, each under the SHA-256 of
// its bytes. Its methods are safe for concurrent use, also by several
// processes. An archive that two people sent is one file: who may see it, and
// when nobody needs it any more, is known by the rows above.
type Store struct {
	root *os.Root
}

// Artifact is an archive in the store.
type Artifact struct {
	SHA256     string // of its bytes, in hexadecimal
	Size       int64  // bytes
	ReceivedAt time.Time
}

const (
	archiveSuffix = ".tar.gz"
	partPrefix    = "part-"
)

var hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// OpenStore opens the store in dir and makes the directory if it is missing.
// The caller closes it.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open uploads: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open uploads: %w", err)
	}
	return &Store{root: root}, nil
}

// Close ends the use of the store.
func (s *Store) Close() error { return s.root.Close() }

// Receive reads an archive from r and keeps it if its size and SHA-256 are the
// announced ones, and fails with UPLOAD_INVALID otherwise. Over
// limits.Archive it fails with REQUEST_TOO_LARGE, without room with DISK_FULL;
// then nothing is left behind. At most the announced size and one byte are
// read. Receiving what is there already is no error, but the bytes must come:
// knowing a hash gives nobody an archive.
func (s *Store) Receive(ctx context.Context, r io.Reader, sum string, size int64, limits Limits) (Artifact, error) {
	if err := announced(sum, size, limits.withDefaults()); err != nil {
		return Artifact{}, err
	}
	part := partPrefix + rand.Text()
	f, err := s.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Artifact{}, writeError(err)
	}
	defer func() { _ = s.root.Remove(part) }() // no longer there once it has its name
	defer f.Close()
	if err := receive(ctx, f, r, sum, size); err != nil {
		return Artifact{}, err
	}
	if err := f.Sync(); err != nil {
		return Artifact{}, writeError(err)
	}
	if err := f.Close(); err != nil {
		return Artifact{}, writeError(err)
	}
	if err := s.root.Rename(part, sum+archiveSuffix); err != nil {
		return Artifact{}, writeError(err)
	}
	if err := s.sync(); err != nil {
		return Artifact{}, writeError(err)
	}
	return s.stat(sum)
}

func announced(sum string, n int64, limits Limits) error {
	switch {
	case !hexSum.MatchString(sum):
		return fault.At("sha256", fault.Invalid, "A SHA-256 has 64 lower-case hexadecimal digits.")
	case n <= 0:
		return fault.At("sizeBytes", fault.Invalid, "The size of an upload is at least one byte.")
	case n > limits.Archive:
		return tooLarge("An upload has at most %s; this one has %d bytes.", size(limits.Archive), n)
	}
	return nil
}

// receive copies r to f and compares it with what was announced.
func receive(ctx context.Context, f io.Writer, r io.Reader, sum string, n int64) error {
	hash := sha256.New()
	var broken error // of r
	in := readerFunc(func(b []byte) (int, error) {
		m, err := r.Read(b)
		if err != nil && !errors.Is(err, io.EOF) {
			broken = err
		}
		return m, err
	})
	got, err := io.Copy(io.MultiWriter(f, hash), interruptible(ctx, io.LimitReader(in, n+1)))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case broken != nil:
		return fault.Wrap(broken, fault.UploadInvalid, "The upload broke off after %d of %d bytes: send it again.", got, n)
	case err != nil:
		return writeError(err)
	case got < n:
		return fault.New(fault.UploadInvalid, "The upload ended after %d of %d bytes: send it again.", got, n)
	case got > n:
		return fault.New(fault.UploadInvalid, "The upload is longer than the %d bytes that were announced.", n)
	case hex.EncodeToString(hash.Sum(nil)) != sum:
		return fault.New(fault.UploadInvalid, "The upload differs from the SHA-256 that was announced: send it again.")
	}
	return nil
}

// Open opens an archive for reading; the caller closes it. What is not there
// is NOT_FOUND.
func (s *Store) Open(sum string) (*os.File, error) {
	if !hexSum.MatchString(sum) {
		return nil, notKept()
	}
	f, err := s.root.Open(sum + archiveSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notKept()
	}
	if err != nil {
		return nil, fmt.Errorf("open upload: %w", err)
	}
	return f, nil
}

// Remove deletes an archive. Removing an absent one is no error; whoever reads
// it just then reads on to its end.
func (s *Store) Remove(sum string) error {
	if !hexSum.MatchString(sum) {
		return nil
	}
	if err := s.root.Remove(sum + archiveSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove upload: %w", err)
	}
	return s.sync()
}

// List returns the archives, oldest first.
func (s *Store) List() ([]Artifact, error) {
	var list []Artifact
	err := s.each(func(name string, info fs.FileInfo) error {
		if sum, ok := strings.CutSuffix(name, archiveSuffix); ok && hexSum.MatchString(sum) {
			list = append(list, Artifact{SHA256: sum, Size: info.Size(), ReceivedAt: info.ModTime()})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Artifact) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.SHA256, b.SHA256))
	})
	return list, err
}

// Sweep removes what uploads that were killed left behind: unfinished files
// that nobody wrote to for age. It says how many those were.
func (s *Store) Sweep(age time.Duration) (int, error) {
	removed, before := 0, time.Now().Add(-age)
	err := s.each(func(name string, info fs.FileInfo) error {
		if !strings.HasPrefix(name, partPrefix) || info.ModTime().After(before) {
			return nil
		}
		removed++
		return s.root.Remove(name)
	})
	return removed, err
}

// each calls fn for every file of the store. Files that vanish meanwhile are
// left out.
func (s *Store) each(fn func(name string, info fs.FileInfo) error) error {
	d, err := s.root.Open(".")
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	for _, e := range entries {
		info, err := s.root.Lstat(e.Name())
		if err == nil {
			err = fn(e.Name(), info)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("list uploads: %w", err)
		}
	}
	return nil
}

func (s *Store) stat(sum string) (Artifact, error) {
	info, err := s.root.Stat(sum + archiveSuffix)
	if err != nil {
		return Artifact{}, fmt.Errorf("stat upload: %w", err)
	}
	return Artifact{SHA256: sum, Size: info.Size(), ReceivedAt: info.ModTime()}, nil
}

// sync makes the names in the directory last.
func (s *Store) sync() error {
	d, err := s.root.Open(".")
	if err != nil {
		return fmt.Errorf("sync uploads: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync uploads: %w", err)
	}
	return nil
}

func writeError(err error) error {
	if isDiskFull(err) {
		return fault.Wrap(err, fault.DiskFull, "There is no space left to keep the upload.")
	}
	return fmt.Errorf("keep upload: %w", err)
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func notKept() error {
	return fault.New(fault.NotFound, "The upload is no longer kept: send it again.")
}
