package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Flaw is something in the files of a log that is not as it was written.
type Flaw struct {
	Path    string // of the file
	Message string // a sentence
}

// Verify reads the files of the log in dir through, and returns how many streams
// it found and what is wrong with them: frames that are damaged, and lines that
// are gone from the middle of a stream. It changes nothing, and may run while
// another process writes; what that one writes or moves meanwhile may look like
// a flaw, and does not the next time. A log that is missing has none.
func Verify(ctx context.Context, dir string) (streams int, flaws []Flaw, err error) {
	groups, err := listDir(dir)
	if err != nil {
		return 0, nil, err
	}
	for _, g := range groups {
		sources, err := listDir(filepath.Join(dir, g))
		if err != nil {
			return streams, flaws, err
		}
		for _, s := range sources {
			if err := ctx.Err(); err != nil {
				return streams, flaws, err
			}
			n, more, err := verifySource(dir, Source{g, s})
			if err != nil {
				return streams, flaws, err
			}
			streams += n
			flaws = append(flaws, more...)
		}
	}
	return streams, flaws, nil
}

func verifySource(root string, src Source) (streams int, flaws []Flaw, err error) {
	// Spool files first: what moves meanwhile is seen twice rather than not.
	spool, err := listFiles(root, src, spoolExt)
	if err != nil {
		return 0, nil, err
	}
	segments, err := listFiles(root, src, segmentExt)
	if err != nil {
		return 0, nil, err
	}
	last := map[uint64]uint64{} // seq by stream
	for _, files := range [][]file{segments, spool} {
		for i, f := range files {
			newest := i+1 == len(files) || files[i+1].stream.Number != f.stream.Number
			more, err := verifyFile(f, newest, last)
			if err != nil {
				return len(last), flaws, err
			}
			flaws = append(flaws, more...)
		}
	}
	return len(last), flaws, nil
}

// verifyFile reads a file. What a stream's newest file ends with may be about to
// be written, or is left of a write that failed and will be written over.
func verifyFile(f file, newest bool, last map[uint64]uint64) (flaws []Flaw, err error) {
	h, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // moved or removed meanwhile
	}
	if err != nil {
		return nil, fmt.Errorf("verify log: %w", err)
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil {
		return nil, fmt.Errorf("verify log: %w", err)
	}
	seq := last[f.stream.Number]
	end, err := scanFrames(h, info.Size(), true, func(at int64, fr frame) {
		switch {
		case at == 0 && fr.first != f.first:
			flaws = append(flaws, Flaw{f.path, fmt.Sprintf("It begins with line %d, and not with the one it is named after.", fr.first)})
		case seq > 0 && fr.first > seq+1:
			flaws = append(flaws, Flaw{f.path, fmt.Sprintf("Lines %d to %d are gone.", seq+1, fr.first-1)})
		}
		seq = max(seq, fr.last())
	})
	if err != nil {
		return flaws, fmt.Errorf("verify log: %w", err)
	}
	last[f.stream.Number] = seq
	if end == info.Size() {
		return flaws, nil
	}
	follows, err := frameFollows(h, end, info.Size())
	if err != nil {
		return flaws, err
	}
	if !newest || follows {
		flaws = append(flaws, Flaw{f.path, fmt.Sprintf("It is damaged from byte %d on.", end)})
	}
	return flaws, nil
}

// frameFollows reports whether a frame begins anywhere behind at.
func frameFollows(h *os.File, at, size int64) (bool, error) {
	rest := make([]byte, size-at)
	if _, err := h.ReadAt(rest, at); err != nil {
		return false, fmt.Errorf("verify log: %w", err)
	}
	for rest = rest[1:]; ; rest = rest[1:] {
		i := bytes.Index(rest, []byte(frameMagic))
		if i < 0 {
			return false, nil
		}
		rest = rest[i:]
		if _, ok := parseFrame(rest); ok {
			return true, nil
		}
	}
}
