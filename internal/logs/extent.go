package logs

import (
	"errors"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"sort"
)

// extent is the segments of a stream as they were at one moment.
type extent struct {
	store    *embedded
	segments []segmentFile
	open     string // path of the one that tail is of
	tail     []blockRef
}

// extent returns what the store has of s.
func (e *embedded) extent(s *Stream) (x *extent, err error) {
	x = &extent{store: e}
	err = e.catalogs.use(s.Source, func(all *catalog) error {
		all.mu.Lock()
		defer all.mu.Unlock()
		if c, ok := all.chains[s.Number]; ok {
			x = e.extentOf(c)
		}
		return nil
	})
	return x, err
}

// extentOf returns the extent of c. The caller holds catalog.mu.
func (e *embedded) extentOf(c *chain) *extent { return &extent{e, c.segments, c.open, c.tail} }

// blocks returns the blocks with lines of the segment i.
func (x *extent) blocks(i int) ([]blockRef, error) {
	if s := &x.segments[i]; s.path != x.open {
		return x.store.blocksIn(s.path)
	}
	return x.tail, nil
}

// blocksOf returns those of the segment at path, none if there is none.
func (x *extent) blocksOf(path string) ([]blockRef, error) {
	i := slices.IndexFunc(x.segments, func(s segmentFile) bool { return s.path == path })
	if i < 0 {
		return nil, nil
	}
	return x.blocks(i)
}

// at returns the segment that line seq is in, if it is in any; -1 if it is
// before all.
func (x *extent) at(seq uint64) int {
	return sort.Search(len(x.segments), func(i int) bool { return x.segments[i].first > seq }) - 1
}

// head returns the first block with lines of segment i or one behind it; nil if
// there is none.
func (x *extent) head(i int) (*blockRef, error) {
	for ; i < len(x.segments); i++ {
		b, err := x.headOf(i)
		if b != nil || err != nil {
			return b, err
		}
	}
	return nil, nil //nolint:nilnil // nil is none
}

// headOf is head of one segment. Of most it reads no more than a header.
func (x *extent) headOf(i int) (*blockRef, error) {
	s := &x.segments[i]
	if _, known := x.store.cache.get(blockKey{s.path, wholeSegment}); s.path != x.open && !known {
		var header [frameHeader]byte
		err := x.store.files.use(s.path, func(h *os.File) error {
			_, err := h.ReadAt(header[:], 0)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil //nolint:nilnil // retention took it
		}
		if fr, ok := parseFrame(header[:]); err == nil && ok && fr.count > 0 {
			return &blockRef{frame: fr, path: s.path}, nil
		}
	}
	blocks, err := x.blocks(i)
	if err != nil || len(blocks) == 0 {
		return nil, err
	}
	return &blocks[0], nil
}

// last returns the last block with lines that begins at seq or before; nil if
// there is none.
func (x *extent) last(seq uint64) (*blockRef, error) {
	for i := x.at(seq); i >= 0; i-- {
		blocks, err := x.blocks(i)
		if err != nil {
			return nil, err
		}
		if j := sort.Search(len(blocks), func(j int) bool { return blocks[j].first > seq }) - 1; j >= 0 {
			return &blocks[j], nil
		}
	}
	return nil, nil //nolint:nilnil // nil is none
}

// from is the blocks with lines from seq on. An error ends it.
func (x *extent) from(seq uint64) iter.Seq2[*blockRef, error] {
	return func(yield func(*blockRef, error) bool) {
		for i := max(x.at(seq), 0); i < len(x.segments); i++ {
			blocks, err := x.blocks(i)
			if err != nil {
				yield(nil, err)
				return
			}
			for j := sort.Search(len(blocks), func(j int) bool { return blocks[j].last() >= seq }); j < len(blocks); j++ {
				if !yield(&blocks[j], nil) {
					return
				}
			}
		}
	}
}

// locate returns the block with the first line of r, or with the last if
// reverse, or else the part of r at that end that lies in no block.
func (x *extent) locate(r Range, reverse bool) (b *blockRef, missing Range, err error) {
	if reverse {
		b, err := x.last(r.To)
		switch {
		case b == nil || err != nil:
			return nil, r, err
		case b.last() < r.To:
			return nil, Range{max(r.From, b.last()+1), r.To}, nil
		}
		return b, Range{}, nil
	}
	for b, err := range x.from(r.From) {
		switch {
		case err != nil:
			return nil, r, err
		case b.first > r.From:
			return nil, Range{r.From, min(r.To, b.first-1)}, nil
		}
		return b, Range{}, nil
	}
	return nil, r, nil
}

// gone is the gap for lines that are in no block.
func (x *extent) gone(s *Stream, r Range) (Line, error) {
	b, err := x.last(r.To)
	switch {
	case err != nil:
		return Line{}, err
	case b != nil:
		return hole(s, r, b.maxNano, StoreUnavailable), nil
	}
	if b, err = x.head(0); b == nil {
		return hole(s, r, 0, RetentionPassed), err
	}
	return hole(s, r, b.minNano, RetentionPassed), nil
}

// before returns the last block that has a line older than unixNano; nil if
// there is none.
func (x *extent) before(unixNano int64) (*blockRef, error) {
	var failed error
	i := sort.Search(len(x.segments), func(i int) bool {
		b, err := x.head(i)
		if err != nil {
			failed = err
		}
		oldest := int64(math.MaxInt64)
		if b != nil {
			oldest = b.minNano
		}
		return oldest >= unixNano
	}) - 1
	if i < 0 || failed != nil {
		return nil, failed
	}
	blocks, err := x.blocks(i)
	if err != nil {
		return nil, err
	}
	j := sort.Search(len(blocks), func(j int) bool { return blocks[j].minNano >= unixNano }) - 1
	if j < 0 { // retention took it meanwhile
		return nil, nil //nolint:nilnil // nil is none
	}
	return &blocks[j], nil
}
