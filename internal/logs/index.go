package logs

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
)

// index is where the embedded store has the blocks of a source. It is rebuilt
// from the headers in the source's files.
type index struct {
	mu      sync.Mutex
	streams map[uint64]*indexed // by number
}

// indexed is a stream in an index.
type indexed struct {
	stream *Stream
	files  []*segmentFile // by first line
	blocks []blockRef     // those with lines, in order
	next   uint64         // seq of the line after the last
	after  Checkpoint
}

type segmentFile struct {
	path  string
	first uint64
	size  int64
}

// blockRef is where a block lies.
type blockRef struct {
	frame

	path string
	at   int64
}

// loadIndex reads the index of src. What a power cut left half-written at the
// end of a stream is cut off.
func (e *embedded) loadIndex(src Source) (*index, error) {
	files, err := listFiles(e.root, src, segmentExt)
	if err != nil {
		return nil, err
	}
	x := &index{streams: map[uint64]*indexed{}}
	files = slices.DeleteFunc(files, func(f file) bool { // made, and not written to before the end came
		info, err := os.Stat(f.path)
		return err == nil && info.Size() == 0
	})
	for i, f := range files {
		newest := i+1 == len(files) || files[i+1].stream.Number != f.stream.Number
		if err := e.loadSegment(x.stream(&f.stream), f, newest); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (e *embedded) loadSegment(s *indexed, f file, newest bool) error {
	return e.files.use(f.path, func(h *os.File) error {
		info, err := h.Stat()
		if err != nil {
			return fmt.Errorf("open a segment: %w", err)
		}
		var blocks []blockRef
		end, err := scanFrames(h, info.Size(), false, func(at int64, fr frame) {
			blocks = append(blocks, blockRef{frame: fr, path: f.path, at: at})
		})
		if err != nil {
			return err
		}
		if newest && len(blocks) > 0 { // only what was written last can be torn
			last := &blocks[len(blocks)-1]
			if err := checkBody(h, last.at, &last.frame); err != nil {
				end = last.at
				blocks = blocks[:len(blocks)-1]
			}
		}
		if end < info.Size() {
			e.log.Warn("a log segment is damaged from here on", slog.String("path", f.path), slog.Int64("at", end))
			if newest {
				if err := h.Truncate(end); err != nil {
					return fmt.Errorf("cut a torn segment: %w", err)
				}
			}
		}
		s.files = append(s.files, &segmentFile{path: f.path, first: f.first, size: end})
		for _, b := range blocks {
			s.add(b)
		}
		return nil
	})
}

// stream returns the entry of s, a new one if there is none. The caller holds
// mu or is alone.
func (x *index) stream(s *Stream) *indexed {
	n, ok := x.streams[s.Number]
	if !ok {
		n = &indexed{stream: s, next: 1}
		x.streams[s.Number] = n
	}
	return n
}

func (s *indexed) add(b blockRef) {
	s.after = b.after
	s.next = max(s.next, b.last()+1)
	if b.count > 0 {
		s.blocks = append(s.blocks, b)
	}
}

// blocks returns the blocks of a stream as they are now. They are not to be
// changed.
func (x *index) blocks(number uint64) []blockRef {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s, ok := x.streams[number]; ok {
		return s.blocks
	}
	return nil
}

// states returns what the index knows, by number.
func (x *index) states() []StreamState {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]StreamState, 0, len(x.streams))
	for _, s := range x.streams {
		st := StreamState{Stream: *s.stream, First: s.next, Last: s.next - 1, After: s.after}
		if n := len(s.blocks); n > 0 {
			st.First, st.OldestNano, st.NewestNano = s.blocks[0].first, s.blocks[0].minNano, s.blocks[n-1].maxNano
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b StreamState) int { return cmp.Compare(a.Stream.Number, b.Stream.Number) })
	return out
}

// drop takes the file out of the index.
func (x *index) drop(number uint64, path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, ok := x.streams[number]
	if !ok {
		return
	}
	s.files = slices.DeleteFunc(slices.Clone(s.files), func(f *segmentFile) bool { return f.path == path })
	s.blocks = slices.DeleteFunc(slices.Clone(s.blocks), func(b blockRef) bool { return b.path == path })
}

// locate returns the block with the first line of r, or with the last if
// reverse, or else the part of r at that end that lies in no block.
func locate(blocks []blockRef, r Range, reverse bool) (b *blockRef, missing Range) {
	if reverse {
		i := sort.Search(len(blocks), func(i int) bool { return blocks[i].first > r.To }) - 1
		switch {
		case i < 0:
			return nil, r
		case blocks[i].last() < r.To:
			return nil, Range{max(r.From, blocks[i].last()+1), r.To}
		}
		return &blocks[i], Range{}
	}
	i := sort.Search(len(blocks), func(i int) bool { return blocks[i].last() >= r.From })
	switch {
	case i == len(blocks):
		return nil, r
	case blocks[i].first > r.From:
		return nil, Range{r.From, min(r.To, blocks[i].first-1)}
	}
	return &blocks[i], Range{}
}

func segmentPath(root string, s *Stream, first uint64) string {
	return filepath.Join(sourceDir(root, s.Source), fileName(s, first, segmentExt))
}
