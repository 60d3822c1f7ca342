package logs

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// codec reads and writes frames. It is safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder

	scratch sync.Pool // of *[]byte, for what is compressed
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxPart), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("zstd decoder: %w", err)
	}
	return &codec{enc: enc, dec: dec}, nil
}

// append appends b as a frame to dst.
func (c *codec) append(dst []byte, b Block, compress bool) []byte {
	f := frame{compressed: compress, count: uint32(len(b.Lines)), first: b.First, after: b.After}
	start := len(dst)
	dst = append(dst, make([]byte, frameHeader)...)

	var prev int64
	if len(b.Lines) > 0 {
		f.minNano, f.maxNano = b.Lines[0].UnixNano, b.Lines[len(b.Lines)-1].UnixNano
		prev = f.minNano
	}
	size := 0
	for i := range b.Lines {
		size += len(b.Lines[i].Message) + 1
	}
	f.rawText = uint32(size)
	var meta, text []byte // parts that are compressed, or appended as they are
	if compress {
		buf, _ := c.scratch.Get().(*[]byte)
		if buf == nil {
			buf = new([]byte)
		}
		text = slices.Grow((*buf)[:0], size+gramPad)
		defer func() { c.scratch.Put(&text) }()
	} else {
		meta = dst
	}
	for i := range b.Lines {
		l := &b.Lines[i]
		meta = binary.AppendUvarint(meta, uint64(l.UnixNano-prev))
		prev = l.UnixNano
	}
	for i := range b.Lines {
		flags := b.Lines[i].flags()
		meta = append(meta, flags)
		if flags&lineGap != 0 {
			f.severities |= 1 << gapsBit
		} else {
			f.severities |= 1 << (flags & lineSeverity)
		}
	}
	if compress {
		for i := range b.Lines {
			text = append(append(text, b.Lines[i].Message...), '\n')
		}
		dst = appendFilter(dst, text)
		f.filter = uint32(len(dst) - start - frameHeader)
		f.filterSum = crc32.Checksum(dst[start+frameHeader:], castagnoli)
		body := len(dst)
		dst = c.enc.EncodeAll(meta, dst)
		f.meta = uint32(len(dst) - body)
		dst = c.enc.EncodeAll(text, dst)
		f.text = uint32(len(dst) - body - int(f.meta))
		f.bodySum = crc32.Checksum(dst[body:], castagnoli)
	} else {
		dst = meta
		f.meta = uint32(len(dst) - start - frameHeader)
		for i := range b.Lines {
			dst = append(append(dst, b.Lines[i].Message...), '\n')
		}
		f.text = f.rawText
		f.bodySum = crc32.Checksum(dst[start+frameHeader:], castagnoli)
	}
	f.put(dst[start : start+frameHeader])
	return dst
}

func (l *Line) flags() byte {
	f := byte(l.Severity) & lineSeverity
	if l.Truncated {
		f |= lineTruncated
	}
	if l.Continued {
		f |= lineContinued
	}
	if l.gap {
		f |= lineGap
	}
	return f
}

func (l *Line) setFlags(flags byte) {
	l.Severity = Severity(flags & lineSeverity)
	l.Truncated, l.Continued, l.gap = flags&lineTruncated != 0, flags&lineContinued != 0, flags&lineGap != 0
}

// body checks the body of f, which is what follows the filter, and reads the
// messages out of it, each ended by a newline. Whatever is wrong is errDamaged.
func (c *codec) body(f *frame, body []byte) (text string, err error) {
	if len(body) != int(f.meta)+int(f.text) || crc32.Checksum(body, castagnoli) != f.bodySum {
		return "", errDamaged
	}
	b := body[f.meta:]
	if f.compressed {
		if b, err = c.dec.DecodeAll(b, make([]byte, 0, f.rawText)); err != nil || len(b) != int(f.rawText) {
			return "", errDamaged
		}
	}
	return string(b), nil
}

// lines makes the lines of f of its messages and its body, once body has
// checked that. The messages share the string. Whatever is wrong is errDamaged.
func (c *codec) lines(f *frame, s *Stream, text string, body []byte) (lines []Line, err error) {
	meta := body[:f.meta]
	if f.compressed {
		if meta, err = c.dec.DecodeAll(meta, make([]byte, 0, int(f.count)*(binary.MaxVarintLen64+1))); err != nil {
			return nil, errDamaged
		}
	}
	lines = make([]Line, f.count)
	nano := f.minNano
	for i := range lines {
		d, n := binary.Uvarint(meta)
		if n <= 0 || int64(d) < 0 || nano+int64(d) < nano {
			return nil, errDamaged
		}
		meta = meta[n:]
		nano += int64(d)
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			return nil, errDamaged
		}
		lines[i] = Line{Stream: s, Seq: f.first + uint64(i), UnixNano: nano, Message: text[:end]}
		text = text[end+1:]
	}
	if len(meta) != len(lines) || text != "" {
		return nil, errDamaged
	}
	for i, flags := range meta {
		lines[i].setFlags(flags)
	}
	return lines, nil
}

// decode is body and lines in one.
func (c *codec) decode(f *frame, s *Stream, body []byte) ([]Line, error) {
	text, err := c.body(f, body)
	if err != nil {
		return nil, err
	}
	return c.lines(f, s, text, body)
}

// readBody reads the body of the frame at the offset of r.
func readBody(r io.ReaderAt, at int64, f *frame) ([]byte, error) {
	return readPart(r, at+frameHeader+int64(f.filter), f.meta+f.text)
}

// readFilter reads the filter of the frame at the offset of r.
func readFilter(r io.ReaderAt, at int64, f *frame) ([]byte, error) {
	filter, err := readPart(r, at+frameHeader, f.filter)
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(filter, castagnoli) != f.filterSum {
		return nil, errDamaged
	}
	return filter, nil
}

func readPart(r io.ReaderAt, at int64, size uint32) ([]byte, error) {
	b := make([]byte, size)
	if size == 0 { // readers differ in whether there is nothing at their end
		return b, nil
	}
	if _, err := r.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("read a frame: %w", err)
	}
	return b, nil
}

// checkBody fails with errDamaged if the body does not have its checksum.
func checkBody(r io.ReaderAt, at int64, f *frame) error {
	body, err := readBody(r, at, f)
	if err != nil {
		return err
	}
	if crc32.Checksum(body, castagnoli) != f.bodySum {
		return errDamaged
	}
	return nil
}
