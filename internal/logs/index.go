package logs

import (
	"cmp"
	"slices"
	"sort"
	"sync"
)

// index is what somebody has of the streams of a source, in few blocks each.
type index struct {
	mu      sync.Mutex
	streams map[uint64]*indexed // by number
}

// indexed is a stream in an index.
type indexed struct {
	stream *Stream
	blocks []blockRef // those with lines, in order
	next   uint64     // seq of the line after the last
	after  Checkpoint
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
