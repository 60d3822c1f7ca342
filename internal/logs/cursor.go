package logs

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/davitdev/davit/internal/fault"
)

// A cursor is a position in URL-safe base64 without padding: a version byte,
// the CRC-32C of the scope and the rest, and uvarints: next, own, for a group
// the ids of last and of each source with marks, and for each mark how much
// its number is above the one before, and its seq. The checksum finds cursors
// of other scopes and typing errors; it keeps nobody from making one. A made-up
// cursor is only a place in a log its maker may read.
const (
	cursorVersion = 1
	cursorHeader  = 5

	maxCursor = 64 << 10 // characters
)

var cursorEncoding = base64.RawURLEncoding.Strict()

// encode returns p as a cursor of scope. For a source, p may be a position in
// the whole group.
func (p *position) encode(scope Source) string {
	if p == nil {
		p = &position{}
	}
	group := scope.ID == ""
	next := p.next
	if !group && p.last < scope.ID { // it comes before the source, of which it knows no stream then
		next = 0
	}
	b := make([]byte, cursorHeader, 64)
	b = binary.AppendUvarint(b, next)
	b = binary.AppendUvarint(b, p.own)
	if group {
		b = appendID(b, p.last)
	}
	source, prev := scope.ID, uint64(0)
	for _, m := range p.marks {
		switch {
		case group && m.source != source:
			if source != "" {
				b = append(b, 0) // no mark is 0 above the one before
			}
			source, prev = m.source, 0
			b = appendID(b, source)
		case !group && m.source != source:
			continue
		}
		b = binary.AppendUvarint(b, m.number-prev)
		b = binary.AppendUvarint(b, m.seq)
		prev = m.number
	}
	b[0] = cursorVersion
	binary.LittleEndian.PutUint32(b[1:], cursorSum(scope, b[cursorHeader:]))
	return cursorEncoding.EncodeToString(b)
}

func appendID(b []byte, id string) []byte {
	return append(append(b, byte(len(id))), id...)
}

func cursorSum(scope Source, payload []byte) uint32 {
	sum := crc32.Checksum([]byte(scope.Group+"/"+scope.ID+"/"), castagnoli)
	return crc32.Update(sum, castagnoli, payload)
}

// decodeCursor reads a cursor of scope; "" is nil, the beginning. Whatever
// encode did not make for that scope is fault.CursorInvalid.
func decodeCursor(scope Source, cursor, field string) (*position, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // nil is a position
	}
	invalid := fault.At(field, fault.CursorInvalid, "This cursor is not one of this log. Start again without a cursor.")
	if len(cursor) > maxCursor {
		return nil, invalid
	}
	b, err := cursorEncoding.DecodeString(cursor)
	if err != nil || len(b) < cursorHeader || b[0] != cursorVersion ||
		binary.LittleEndian.Uint32(b[1:]) != cursorSum(scope, b[cursorHeader:]) {
		return nil, invalid
	}
	r := cursorReader{b: b[cursorHeader:]}
	p := &position{last: scope.ID, next: r.uvarint(), own: r.uvarint()}
	source := scope.ID
	if source == "" {
		if p.last = r.id(); len(r.b) > 0 {
			source = r.id()
			r.bad = r.bad || source == ""
		}
	}
	number, standing := uint64(0), p.own == 0
	for !r.bad && len(r.b) > 0 {
		step := r.uvarint()
		if step == 0 {
			next := r.id()
			r.bad = r.bad || scope.ID != "" || next <= source || number == 0
			source, number = next, 0
			continue
		}
		m := mark{source: source, number: number + step, seq: r.uvarint()}
		r.bad = r.bad || m.number < number || m.seq >= math.MaxInt64
		p.marks = append(p.marks, m)
		standing = standing || m.number == p.own
		number = m.number
	}
	if r.bad || !standing || source != "" && number == 0 && scope.ID == "" {
		return nil, invalid
	}
	return p, nil
}

// cursorReader reads the parts of a cursor. After the first that is not there
// it is bad and reads zeros.
type cursorReader struct {
	b   []byte
	bad bool
}

func (r *cursorReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 { // too short, too long, or longer than need be
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// id reads an id, which may be empty.
func (r *cursorReader) id() string {
	n := 0
	if len(r.b) > 0 {
		n = int(r.b[0])
	}
	if n != 0 && n != idLen || len(r.b) < 1+n {
		r.bad, r.b = true, nil
		return ""
	}
	id := string(r.b[1 : 1+n])
	r.b = r.b[1+n:]
	if id != "" && !validID(id) {
		r.bad = true
	}
	return id
}
