package logs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

const (
	masked = "***"

	// minSecret is the shortest value that is masked; hiding shorter ones
	// would make logs unreadable and hide nothing.
	minSecret = 4
)

// Mask hides secret values in what a writer takes. It is immutable and may be
// shared. A nil Mask hides nothing.
type Mask struct {
	byStart map[uint32][][]byte // by their first four bytes, longest first
	starts  [1 << 6]uint64      // a set bit: some value may start like this
	longest int
}

// NewMask returns a Mask for the values. Of a value with several lines each
// line is hidden for itself, so that it does not matter how they are printed;
// values and lines shorter than 4 bytes are left alone. Values are compared as
// a reader would see them: without control sequences, spaces around them and
// bytes that are not UTF-8.
func NewMask(values ...string) *Mask {
	m := &Mask{byStart: map[uint32][][]byte{}}
	seen := map[string]bool{}
	for _, v := range values {
		for line := range strings.SplitSeq(v, "\n") {
			var c cleaner
			cleaned, _ := c.clean(nil, []byte(line), true)
			cleaned = bytes.TrimSpace(cleaned)
			if len(cleaned) < minSecret || seen[string(cleaned)] {
				continue
			}
			seen[string(cleaned)] = true
			start := binary.LittleEndian.Uint32(cleaned)
			m.byStart[start] = append(m.byStart[start], cleaned)
			m.starts[bucket(start)>>6] |= 1 << (bucket(start) & 63)
			m.longest = max(m.longest, len(cleaned))
		}
	}
	if m.longest == 0 {
		return nil
	}
	for _, vs := range m.byStart {
		slices.SortFunc(vs, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
	}
	return m
}

func bucket(start uint32) uint32 { return start * 0x9e3779b1 >> 20 } // 12 bits

// Hide returns a text with the values in it hidden.
func (m *Mask) Hide(text string) string {
	out, _, _ := m.apply(nil, []byte(text), 0, true)
	return string(out)
}

// at returns the length of the longest value p begins with, 0 if none.
func (m *Mask) at(p []byte) int {
	if len(p) < minSecret {
		return 0
	}
	start := binary.LittleEndian.Uint32(p)
	if b := bucket(start); m.starts[b>>6]&(1<<(b&63)) == 0 {
		return 0
	}
	for _, v := range m.byStart[start] {
		if bytes.HasPrefix(p, v) {
			return len(v)
		}
	}
	return 0
}

// hits reports whether p holds a value.
func (m *Mask) hits(p []byte) bool {
	if m == nil {
		return false
	}
	for i := range p {
		if m.at(p[i:]) > 0 {
			return true
		}
	}
	return false
}

// apply appends src to dst with values replaced; values that overlap become
// one. It returns how much of src it used: all of it if final, else what
// cannot be part of a value that goes on. covered is how many bytes at the
// start of what is left belong to a value already replaced; it is handed in
// again with the rest.
func (m *Mask) apply(dst, src []byte, covered int, final bool) (out []byte, used, left int) {
	if m == nil {
		return append(dst, src...), len(src), 0
	}
	stop := len(src)
	if !final {
		stop = max(0, stop-m.longest+1)
	}
	end := covered // everything before it is replaced or copied
	for i := range stop {
		if n := m.at(src[i:]); n > 0 {
			if i >= end {
				dst = append(dst, masked...)
			}
			end = max(end, i+n)
		}
		if i >= end {
			dst = append(dst, src[i])
		}
	}
	return dst, stop, max(0, end-stop)
}
