package logs

import (
	"encoding/binary"
	"unicode/utf8"
)

const (
	esc        = 0x1b
	bell       = 0x07
	cancel     = 0x18 // CAN and SUB break off a control sequence
	substitute = 0x1a
	del        = 0x7f

	// maxColour bounds a colour sequence; a longer one is dropped.
	maxColour = 64
)

// cleaner takes out of a raw line whatever could act on a terminal: control
// bytes but tabs, and control sequences (ECMA-48) but colours (SGR). Bytes
// that are not UTF-8 become U+FFFD. What comes out does not depend on how the
// line was cut on its way in. The zero value is at the start of a line.
type cleaner struct{ in sequence }

// sequence is what a line is in the middle of.
type sequence uint8

const (
	nothing  sequence = iota
	nfEscape          // ESC and intermediate bytes, until a final byte
	csi               // a control sequence too long to keep, until its final byte
	text              // a command string (OSC, DCS, SOS, PM, APC), until its terminator
)

// clean appends what is to be seen of src to dst. It returns how much of src
// it used: all of it if final, else what can be judged without knowing what
// comes next.
func (c *cleaner) clean(dst, src []byte, final bool) (out []byte, used int) {
	i := 0
	for i < len(src) {
		var n int
		switch c.in {
		case nfEscape:
			n = c.skipEscape(src[i:])
		case csi:
			n = c.skipCSI(src[i:])
		case text:
			n = c.skipText(src[i:], final)
		case nothing:
			dst, n = c.take(dst, src[i:], final)
		}
		if n < 0 {
			return dst, i
		}
		i += n
	}
	return dst, i
}

// take appends one run of visible bytes, one rune or one colour sequence, or
// leaves out something. It returns -1 if src is too short to say.
func (c *cleaner) take(dst, src []byte, final bool) ([]byte, int) {
	b := src[0]
	switch {
	case b == esc:
		return c.escape(dst, src, final)
	case b >= utf8.RuneSelf:
		if !final && !utf8.FullRune(src) {
			return dst, -1
		}
		r, n := utf8.DecodeRune(src)
		if r >= 0x80 && r < 0xa0 {
			return c.c1(dst, src, r, final)
		}
		return utf8.AppendRune(dst, r), n
	case b == '\t':
		return append(dst, b), 1
	case b < ' ' || b == del:
		return dst, 1
	}
	n := 1
	for n < len(src) && src[n] >= ' ' && src[n] < del {
		n++
	}
	return append(dst, src[:n]...), n
}

func (c *cleaner) escape(dst, src []byte, final bool) ([]byte, int) {
	if len(src) < 2 {
		if final {
			return dst, 1
		}
		return dst, -1
	}
	switch b := src[1]; {
	case b == '[':
		return c.colour(dst, src, 2, final)
	case b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_':
		c.in = text
		return dst, 2
	case b >= 0x20 && b <= 0x2f:
		c.in = nfEscape
		return dst, 2
	case b >= 0x30 && b < del:
		return dst, 2
	}
	return dst, 1
}

// c1 handles the one-rune forms of ESC and a letter.
func (c *cleaner) c1(dst, src []byte, r rune, final bool) ([]byte, int) {
	switch r {
	case 0x9b:
		return c.colour(dst, src, 2, final)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		c.in = text
	}
	return dst, 2
}

// colour appends the control sequence whose parameters begin at src[at] if it
// sets colours, and leaves it out otherwise.
func (c *cleaner) colour(dst, src []byte, at int, final bool) ([]byte, int) {
	keep := true
	for i := at; i < len(src); i++ {
		if i == maxColour {
			c.in = csi
			return dst, i
		}
		switch b := src[i]; {
		case b >= '0' && b <= ';': // digits, colon, semicolon
		case b >= 0x20 && b <= 0x3f:
			keep = false
		case b >= 0x40 && b < del:
			if b == 'm' && keep {
				dst = append(append(dst, esc, '['), src[at:i+1]...)
			}
			return dst, i + 1
		default: // broken off
			return dst, i
		}
	}
	if final {
		return dst, len(src)
	}
	return dst, -1
}

func (c *cleaner) skipEscape(src []byte) int {
	switch b := src[0]; {
	case b >= 0x20 && b <= 0x2f:
		return 1
	case b >= 0x30 && b < del:
		c.in = nothing
		return 1
	}
	c.in = nothing
	return 0
}

func (c *cleaner) skipCSI(src []byte) int {
	switch b := src[0]; {
	case b >= 0x20 && b <= 0x3f:
		return 1
	case b >= 0x40 && b < del:
		c.in = nothing
		return 1
	}
	c.in = nothing
	return 0
}

func (c *cleaner) skipText(src []byte, final bool) int {
	for i, b := range src {
		switch b {
		case bell, cancel, substitute:
			c.in = nothing
			return i + 1
		case esc: // ESC \ ends the string; any other sequence breaks it off
			if i+1 == len(src) {
				return i + boundary(final, i)
			}
			c.in = nothing
			if src[i+1] == '\\' {
				return i + 2
			}
			return i
		case 0xc2: // U+009C ends it too
			if i+1 == len(src) {
				return i + boundary(final, i)
			}
			if src[i+1] == 0x9c {
				c.in = nothing
				return i + 2
			}
		}
	}
	return len(src)
}

// boundary says what to do with the last byte when the next one decides: use
// it if nothing comes, else leave it, and ask for more if it is all there is.
func boundary(final bool, before int) int {
	switch {
	case final:
		return 1
	case before == 0:
		return -1
	}
	return 0
}

// plain reports whether p is printable ASCII and tabs, which needs no
// cleaning. Most lines are, so it looks at eight bytes at once.
func plain(p []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for len(p) >= 8 {
		x := binary.LittleEndian.Uint64(p)
		low := (x - ones*' ') &^ x // high bit where a byte is below space
		isDel := x ^ ones*del
		isDel = (isDel - ones) &^ isDel
		if (low|isDel|x)&highs != 0 && !plainBytes(p[:8]) {
			return false
		}
		p = p[8:]
	}
	return plainBytes(p)
}

func plainBytes(p []byte) bool {
	for _, b := range p {
		if (b < ' ' && b != '\t') || b >= del {
			return false
		}
	}
	return true
}
