package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"strings"

	"github.com/andybalholm/brotli"
)

const (
	compressFrom = 512      // smaller files fit into a packet either way
	compressTo   = 16 << 20 // larger ones would take too much memory and time
	// Of the same text, level 9 makes one percent less and takes twelve times
	// as long, which a deployment would wait for (BenchmarkWrite).
	brotliLevel = 5
)

// finish gives a file that was received its place, and compresses it. It closes
// f.
func (w *Writer) finish(f *os.File, temp string, file *File) (err error) {
	defer func() {
		if p := recover(); p != nil { // of a compressor, by what anybody sent
			err = fmt.Errorf("compress %s: panic: %v\n%s", file.Path, p, debug.Stack())
		}
	}()
	defer f.Close()
	if err := w.ctx.Err(); err != nil {
		return errors.Join(err, w.store.root.Remove(temp))
	}
	var plain []byte
	if compressible(file.Path) && file.Size >= compressFrom && file.Size <= compressTo && !w.compressed(file) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("write site: %w", err)
		}
		plain = make([]byte, file.Size)
		if _, err := io.ReadFull(f, plain); err != nil {
			return fmt.Errorf("write site: %w", err)
		}
	}
	if !w.store.have(file.Blob) { // else it is dropped
		if err := f.Sync(); err != nil {
			return fmt.Errorf("write site: %w", err)
		}
	}
	if _, err := w.store.keep(temp, blobPath(file.SHA256), file.Size); err != nil {
		return fmt.Errorf("write site: %w", err)
	}
	if plain == nil {
		return nil
	}
	zipped, err := w.pack(plain, func(to io.Writer) io.WriteCloser {
		zw, _ := gzip.NewWriterLevel(to, gzip.BestCompression) // fails for another level only
		return zw
	})
	if err != nil {
		return err
	}
	br, err := w.pack(plain, func(to io.Writer) io.WriteCloser { return brotli.NewWriterLevel(to, brotliLevel) })
	if err != nil {
		return err
	}
	file.Gzip, file.Brotli = zipped, br
	return nil
}

// compressed takes over what an earlier bundle has of the same content, and
// reports whether that is all there is to do.
func (w *Writer) compressed(file *File) bool {
	known := w.known[file.SHA256]
	if known == nil || !compressible(known.Path) {
		return false
	}
	for _, b := range []*Blob{known.Gzip, known.Brotli} {
		if b != nil && !w.store.have(*b) {
			return false
		}
	}
	file.Gzip, file.Brotli = known.Gzip, known.Brotli
	return true
}

// pack keeps a compressed form, unless that saves too little.
func (w *Writer) pack(plain []byte, by func(io.Writer) io.WriteCloser) (*Blob, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zw := by(&out)
	if _, err := zw.Write(plain); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if out.Len() > len(plain)-len(plain)/10 {
		return nil, nil //nolint:nilnil // not worth it
	}
	b := &Blob{sha256.Sum256(out.Bytes()), int64(out.Len())}
	f, temp, err := w.store.temp()
	if err != nil {
		return nil, fmt.Errorf("write site: %w", err)
	}
	_, err = f.Write(out.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		_, err = w.store.keep(temp, blobPath(b.SHA256), b.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("write site: %w", err)
	}
	return b, nil
}

// compressible reports whether files of that name are text, or something else
// that is not compressed already.
func compressible(name string) bool { return types[strings.ToLower(path.Ext(name))].compressible }
