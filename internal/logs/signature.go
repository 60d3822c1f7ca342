package logs

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
	"os"
	"sort"
	"strings"
)

// A full segment has a signature beside it: the filters of its blocks, turned by
// a quarter. A row is one bit of all filters, so a few rows say which of the
// hundreds of blocks may hold a needle, and mostly that none does. Without a
// signature, or with one that is damaged, the filters themselves are asked.
//
// All numbers are little-endian:
//
//	0 magic   4 CRC-32C of the rest of the header   8 blocks   12 rows
//	16 first seq   24 last seq   32 rows, each followed by its CRC-32C
const (
	signatureMagic  = "dvs1"
	signatureHeader = 32
	signatureExt    = "sig"

	// signatureShare is what a signature may have of the size of its segment;
	// rows that are more become one.
	signatureShare = 4
	signatureLook  = 1 << 10 // bytes that are looked at to ask one, about
)

func signaturePath(segment string) string {
	return strings.TrimSuffix(segment, segmentExt) + signatureExt
}

// signature is the header of one.
type signature struct {
	blocks, rows uint32
	first, last  uint64
}

func (g *signature) rowSize() int { return int(g.blocks+7) / 8 }

func (g *signature) at(row uint32) int64 {
	return signatureHeader + int64(row)*int64(g.rowSize()+crc32.Size)
}

// sign writes the signature of a segment that is full. One that cannot be
// written is done without.
func (e *embedded) sign(path string) {
	blocks, err := e.blocksIn(path)
	if err != nil || len(blocks) == 0 {
		return
	}
	g := signature{blocks: uint32(len(blocks)), rows: 8, first: blocks[0].first, last: blocks[len(blocks)-1].last()}
	for i := range blocks {
		if i > 0 && blocks[i].first != blocks[i-1].last()+1 {
			return // what is missing in between would be skipped
		}
		if size := blocks[i].filter; size&(size-1) == 0 {
			g.rows = max(g.rows, 8*size)
		}
	}
	end := blocks[len(blocks)-1]
	for room := (end.at + end.size()) / signatureShare; g.at(g.rows) > room; g.rows /= 2 {
		if g.rows <= 8 {
			return
		}
	}
	rows := make([]byte, int(g.rows)*g.rowSize())
	err = e.files.use(path, func(h *os.File) error {
		for i := range blocks {
			b := &blocks[i]
			filter, err := readFilter(h, b.at, &b.frame)
			if err != nil && !errors.Is(err, errDamaged) {
				return err
			}
			asks := err == nil && b.filter&(b.filter-1) == 0 && b.severities&(1<<gapsBit) == 0
			g.column(rows, i, filter, asks)
		}
		return nil
	})
	if err != nil {
		return
	}
	tmp := signaturePath(path) + ".new"
	err = os.WriteFile(tmp, g.encode(rows), 0o600)
	if err == nil {
		err = os.Rename(tmp, signaturePath(path))
	}
	if err != nil {
		_ = os.Remove(tmp) // a search does without
	}
}

// column writes the filter of block i into the rows. A block that is to be read
// whatever its filter says has all bits.
func (g *signature) column(rows []byte, i int, filter []byte, asks bool) {
	at, bit, width := i/8, byte(1)<<(i%8), g.rowSize()
	if !asks {
		for row := range int(g.rows) {
			rows[row*width+at] |= bit
		}
		return
	}
	size := uint32(len(filter)) * 8
	for n, b := range filter {
		for ; b != 0; b &= b - 1 {
			row := uint32(n*8 + bits.TrailingZeros8(b))
			for row &= g.rows - 1; row < g.rows; row += size { // of a larger filter, rows fall together
				rows[int(row)*width+at] |= bit
			}
		}
	}
}

func (g *signature) encode(rows []byte) []byte {
	le := binary.LittleEndian
	out := make([]byte, signatureHeader, g.at(g.rows))
	copy(out, signatureMagic)
	le.PutUint32(out[8:], g.blocks)
	le.PutUint32(out[12:], g.rows)
	le.PutUint64(out[16:], g.first)
	le.PutUint64(out[24:], g.last)
	le.PutUint32(out[4:], crc32.Checksum(out[8:], castagnoli))
	for width := g.rowSize(); len(rows) > 0; rows = rows[width:] {
		out = append(out, rows[:width]...)
		out = le.AppendUint32(out, crc32.Checksum(rows[:width], castagnoli))
	}
	return out
}

// suspects are the blocks of a segment that a signature says may hold a needle.
type suspects struct {
	signature

	may []byte // a bit for each
}

func (s *suspects) none() bool {
	for _, b := range s.may {
		if b != 0 {
			return false
		}
	}
	return true
}

func (s *suspects) has(i int) bool { return s.may[i/8]&(1<<(i%8)) != 0 }

// suspect asks the signature of a segment; nil if there is none that can be
// read.
func (e *embedded) suspect(segment string, n needle) (s *suspects) {
	err := e.files.use(signaturePath(segment), func(h *os.File) error {
		var header [signatureHeader]byte
		if _, err := h.ReadAt(header[:], 0); err != nil {
			return err
		}
		le := binary.LittleEndian
		g := signature{le.Uint32(header[8:]), le.Uint32(header[12:]), le.Uint64(header[16:]), le.Uint64(header[24:])}
		if string(header[:4]) != signatureMagic || le.Uint32(header[4:]) != crc32.Checksum(header[8:], castagnoli) {
			return errDamaged
		}
		s = &suspects{g, make([]byte, g.rowSize())}
		for i := range s.may {
			s.may[i] = 0xff
		}
		if over := g.blocks % 8; over != 0 {
			s.may[len(s.may)-1] = 1<<over - 1
		}
		row := make([]byte, g.rowSize()+crc32.Size)
		for _, gram := range n.grams {
			for p := range uint32(gramProbes) {
				if s.none() {
					return nil
				}
				if _, err := h.ReadAt(row, g.at(probe(gram, p, g.rows/8))); err != nil {
					return err
				}
				if le.Uint32(row[g.rowSize():]) != crc32.Checksum(row[:g.rowSize()], castagnoli) {
					return errDamaged
				}
				for i := range s.may {
					s.may[i] &= row[i]
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return s
}

// signs is what signatures say to who searches through an extent.
type signs struct {
	*extent

	needle needle
	of     int // segment that was asked last; -1: none
	found  *suspects
	blocks []blockRef // of that segment; nil if they are not as the signature knows them
}

// skip returns what is left of r behind a segment in which the needle is not,
// or r, and how many bytes that was decided by.
func (g *signs) skip(r Range, reverse bool) (rest Range, looked int) {
	edge := r.From
	if reverse {
		edge = r.To
	}
	i := g.at(edge)
	if len(g.needle.grams) == 0 || i < 0 || g.segments[i].path == g.open {
		g.of, g.found = -1, nil
		return r, 0
	}
	if i != g.of {
		g.of, g.found, g.blocks = i, g.store.suspect(g.segments[i].path, g.needle), nil
		looked = signatureLook
	}
	s := g.found
	if s == nil || !s.none() || edge < s.first || edge > s.last {
		return r, looked
	}
	if reverse {
		return Range{r.From, s.first - 1}, looked
	}
	return Range{s.last + 1, r.To}, looked
}

// exclude reports whether b, a block of the segment that was asked, cannot hold
// the needle.
func (g *signs) exclude(b *blockRef) bool {
	if g.found == nil || b.path != g.segments[g.of].path {
		return false
	}
	if g.blocks == nil {
		blocks, err := g.extent.blocks(g.of)
		if err != nil || len(blocks) != int(g.found.blocks) || blocks[0].first != g.found.first || blocks[len(blocks)-1].last() != g.found.last {
			g.found = nil
			return false
		}
		g.blocks = blocks
	}
	i := sort.Search(len(g.blocks), func(i int) bool { return g.blocks[i].first >= b.first })
	return i < len(g.blocks) && !g.found.has(i)
}
