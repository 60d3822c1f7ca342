package logs

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// A frame is how lines are written to a file: a header, a filter, the lines'
// times and flags, and their messages, each ended by a newline. Spool files
// and segments are frames one after the other; those of a segment are
// compressed and have a filter.
//
// All numbers are little-endian:
//
//	 0 magic        8 flags         16 first seq       40 raw lines
//	 4 CRC-32C of   9 severities    24 time of first   48 shown bytes
//	   the header  12 lines         32 time of last    52 filter, meta, text:
//	   from 8 on                                          bytes in the file
//	64 text: bytes when decoded     68 CRC of filter   72 CRC of meta and text
const (
	frameMagic  = "dvl1"
	frameHeader = 76

	// maxPart bounds the parts of a frame; a header that says more is damaged.
	maxPart = 4 << 20
)

const (
	flagCompressed = 1 << iota
	flagEnded
)

// Flags of a line; the low bits are its severity.
const (
	lineSeverity  = 1<<3 - 1
	lineTruncated = 1 << 3
	lineContinued = 1 << 4
	lineGap       = 1 << 5
)

// gapsBit stands in for a severity where a frame lists those it holds.
const gapsBit = 7

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamaged = errors.New("damaged frame")
)

// frame is the header of a frame.
type frame struct {
	compressed         bool
	severities         uint8 // a bit per severity in it, and gapsBit
	count              uint32
	first              uint64
	minNano, maxNano   int64
	after              Checkpoint
	filter, meta, text uint32 // sizes in the file
	rawText            uint32
	filterSum, bodySum uint32
}

// size is the frame's length in the file.
func (f *frame) size() int64 {
	return frameHeader + int64(f.filter) + int64(f.meta) + int64(f.text)
}

// last is the seq of its last line; first-1 if it has none.
func (f *frame) last() uint64 { return f.first + uint64(f.count) - 1 }

func (f *frame) put(h []byte) {
	le := binary.LittleEndian
	copy(h, frameMagic)
	if f.compressed {
		h[8] |= flagCompressed
	}
	if f.after.Ended {
		h[8] |= flagEnded
	}
	h[9] = f.severities
	le.PutUint32(h[12:], f.count)
	le.PutUint64(h[16:], f.first)
	le.PutUint64(h[24:], uint64(f.minNano))
	le.PutUint64(h[32:], uint64(f.maxNano))
	le.PutUint64(h[40:], uint64(f.after.Raw))
	le.PutUint32(h[48:], uint32(f.after.Shown))
	le.PutUint32(h[52:], f.filter)
	le.PutUint32(h[56:], f.meta)
	le.PutUint32(h[60:], f.text)
	le.PutUint32(h[64:], f.rawText)
	le.PutUint32(h[68:], f.filterSum)
	le.PutUint32(h[72:], f.bodySum)
	le.PutUint32(h[4:], crc32.Checksum(h[8:frameHeader], castagnoli))
}

// parseFrame reads a header. It reports whether that is one, and a possible
// one.
func parseFrame(h []byte) (f frame, ok bool) {
	le := binary.LittleEndian
	if len(h) < frameHeader || string(h[:len(frameMagic)]) != frameMagic ||
		le.Uint32(h[4:]) != crc32.Checksum(h[8:frameHeader], castagnoli) {
		return f, false
	}
	f = frame{
		compressed: h[8]&flagCompressed != 0,
		severities: h[9],
		count:      le.Uint32(h[12:]), first: le.Uint64(h[16:]),
		minNano: int64(le.Uint64(h[24:])), maxNano: int64(le.Uint64(h[32:])),
		after:  Checkpoint{Raw: int64(le.Uint64(h[40:])), Shown: int(le.Uint32(h[48:])), Ended: h[8]&flagEnded != 0},
		filter: le.Uint32(h[52:]), meta: le.Uint32(h[56:]), text: le.Uint32(h[60:]), rawText: le.Uint32(h[64:]),
		filterSum: le.Uint32(h[68:]), bodySum: le.Uint32(h[72:]),
	}
	possible := f.filter <= maxPart && f.meta <= maxPart && f.text <= maxPart && f.rawText <= maxPart &&
		f.count <= f.rawText && f.first > 0 && f.first < math.MaxInt64 && f.after.Raw >= 0 &&
		(f.compressed || f.text == f.rawText && f.filter == 0)
	return f, possible
}
