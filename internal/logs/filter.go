package logs

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
)

// A search must find any literal, also in the middle of a word, so a block's
// filter is not made of words but of grams: of all runs of gramLen bytes in
// its lines, those whose hash falls into one of eight classes are put into a
// Bloom filter. Whoever searches computes the same grams of the needle; a
// block that misses one of them cannot hold the needle. A needle without such
// a gram (below six bytes, or with luck against it) reads every block.
const (
	gramLen    = 6
	gramPad    = 8 - gramLen // so that a gram can be loaded with its neighbours
	gramMask   = 1<<(8*gramLen) - 1
	gramProbes = 3

	bitsPerGram = 5
	maxFilter   = 16 << 10 // bytes
)

// gramClass returns the first half of the hash of the gram in the low bytes of
// x, and whether the gram counts.
func gramClass(x uint64) (h uint64, counts bool) {
	h = (x & gramMask) * 0x9e3779b97f4a7c15
	return h, h>>61 == 0
}

// gramHash makes all bits of h depend on all of the gram.
func gramHash(h uint64) uint64 { return (h ^ h>>32) * 0xd6e8feb86659fd93 }

// appendFilter appends the filter of text to dst: lines, each ended by a
// newline, with gramPad spare bytes of capacity. A text without grams gets
// none.
func appendFilter(dst, text []byte) []byte {
	var seen [1 << 12]uint64 // drops most repeats, so that the filter's size fits
	var grams []uint64
	rest := text[:len(text)+gramPad]
	for len(rest) > gramPad {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		// A window on the line and gramPad bytes behind it: eight bytes can be
		// loaded at each gram.
		for line := rest[:end+gramPad]; len(line) >= 8; line = line[1:] {
			h, counts := gramClass(binary.LittleEndian.Uint64(line))
			if !counts {
				continue
			}
			h = gramHash(h)
			if slot := &seen[h&(1<<12-1)]; *slot != h {
				*slot = h
				grams = append(grams, h)
			}
		}
		rest = rest[end+1:]
	}
	if len(grams) == 0 {
		return dst
	}
	size := min(maxFilter, 1<<bits.Len(uint((len(grams)*bitsPerGram-1)/8)))
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	f := dst[start:]
	for _, h := range grams {
		for p := range uint32(gramProbes) {
			bit := probe(h, p, uint32(size))
			f[bit>>3] |= 1 << (bit & 7)
		}
	}
	return dst
}

// probe returns the bit of gram h in a filter of size bytes, a power of two.
func probe(h uint64, p, size uint32) uint32 {
	return (uint32(h) + p*uint32(h>>29|1)) & (size*8 - 1)
}

// needle is a literal prepared for filters.
type needle struct {
	literal string
	grams   []uint64
}

func newNeedle(literal string) needle {
	n := needle{literal: literal}
	var buf [8]byte
	for i := 0; i+gramLen <= len(literal); i++ {
		copy(buf[:], literal[i:i+gramLen])
		if h, counts := gramClass(binary.LittleEndian.Uint64(buf[:])); counts {
			n.grams = append(n.grams, gramHash(h))
		}
	}
	return n
}

// mayBeIn reports whether a block with that filter can hold the needle.
func (n needle) mayBeIn(filter []byte) bool {
	size := uint32(len(filter))
	if size == 0 {
		return len(n.grams) == 0
	}
	if size&(size-1) != 0 {
		return true // not a filter of ours
	}
	for _, h := range n.grams {
		for p := range uint32(gramProbes) {
			if bit := probe(h, p, size); filter[bit>>3]&(1<<(bit&7)) == 0 {
				return false
			}
		}
	}
	return true
}

// in reports whether text holds the needle.
func (n needle) in(text string) bool { return strings.Contains(text, n.literal) }
