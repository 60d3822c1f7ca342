package logs

import (
	"bytes"
	"unicode/utf8"
)

// piece is a message on its way into a stream. Its bytes are valid until the
// splitter is used again.
type piece struct {
	message              []byte
	truncated, continued bool
}

// splitter makes messages of the bytes of raw lines: cleaned, masked and at
// most MaxLine long. The messages of a line depend only on its bytes, never on
// how they were cut on their way in; that is what lets a line be handed in
// again after a crash.
type splitter struct {
	mask *Mask
	emit func(piece)

	cleaner cleaner
	raw     []byte // of the unfinished line, not cleaned yet
	text    []byte // cleaned, not masked yet
	covered int    // bytes of text that belong to a value already masked
	out     []byte // masked, not emitted yet
	shown   int    // masked bytes of the unfinished line that were emitted
	skip    int    // masked bytes still to be left out: an earlier hand-in emitted them
}

// line takes the rest of a raw line, without its newline.
func (s *splitter) line(p []byte) {
	p = bytes.TrimSuffix(p, []byte{'\r'})
	if len(s.raw) == 0 && s.fresh() && len(p) <= MaxLine && plain(p) && !s.mask.hits(p) {
		s.emit(piece{message: p})
		return
	}
	s.raw = append(s.raw, p...)
	s.process(true, true)
	if len(s.out) > 0 || s.shown == 0 {
		s.emit(piece{message: s.out, continued: s.shown > 0})
	}
	s.reset(0)
}

// part takes a piece of a raw line that goes on.
func (s *splitter) part(p []byte) {
	for len(p) > 0 {
		n := min(len(p), MaxLine)
		s.raw = append(s.raw, p[:n]...)
		p = p[n:]
		if len(s.raw) >= MaxLine {
			s.process(false, false)
		}
	}
}

// flush emits what is there of the unfinished line, which goes on.
func (s *splitter) flush() {
	s.process(false, true)
	if len(s.out) == 0 {
		return
	}
	s.emit(piece{message: s.out, continued: s.shown > 0})
	s.shown += len(s.out)
	s.out = s.out[:0]
}

// reset forgets the unfinished line. The next byte is the first of a raw line
// of which skip masked bytes were emitted before.
func (s *splitter) reset(skip int) {
	s.cleaner = cleaner{}
	s.raw, s.text, s.out = s.raw[:0], s.text[:0], s.out[:0]
	s.covered, s.shown, s.skip = 0, 0, skip
}

// fresh reports whether nothing of the line went through process yet.
func (s *splitter) fresh() bool {
	return len(s.text) == 0 && len(s.out) == 0 && s.shown == 0 && s.skip == 0 && s.cleaner.in == nothing
}

// process moves what it can from raw through text to out and emits all but the
// last piece. The two flags say that nothing follows that could change how the
// bytes are cleaned and masked.
func (s *splitter) process(cleanAll, maskAll bool) {
	var n int
	s.text, n = s.cleaner.clean(s.text, s.raw, cleanAll)
	s.raw = append(s.raw[:0], s.raw[n:]...)
	s.out, n, s.covered = s.mask.apply(s.out, s.text, s.covered, maskAll)
	s.text = append(s.text[:0], s.text[n:]...)
	if s.skip > 0 {
		n := min(s.skip, len(s.out))
		s.skip -= n
		s.shown += n
		s.out = append(s.out[:0], s.out[n:]...)
	}
	rest := s.out
	for len(rest) > MaxLine {
		cut := cutPoint(rest)
		continued := s.shown > 0
		s.shown += cut
		s.emit(piece{message: rest[:cut], truncated: true, continued: continued})
		rest = rest[cut:]
	}
	s.out = append(s.out[:0], rest...)
}

// cutPoint returns where to end a piece of p, which is longer than MaxLine:
// not inside a rune and not inside a colour sequence.
func cutPoint(p []byte) int {
	cut := MaxLine
	for !utf8.RuneStart(p[cut]) {
		cut--
	}
	if at := bytes.LastIndexByte(p[cut-maxColour:cut], esc); at >= 0 {
		at += cut - maxColour
		if bytes.IndexByte(p[at:cut], 'm') < 0 {
			return at
		}
	}
	return cut
}
