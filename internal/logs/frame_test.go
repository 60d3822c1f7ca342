package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func testCodec(tb testing.TB) *codec {
	tb.Helper()
	c, err := newCodec()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var compareLines = cmp.Options{cmp.AllowUnexported(Line{}), cmpopts.EquateEmpty()}

// testBlock is n lines of all kinds.
func testBlock(s *Stream, first uint64, n int) Block {
	b := Block{First: first, After: Checkpoint{Raw: int64(first) * 3, Shown: 7, Ended: n%2 == 1}}
	for i := range n {
		b.Lines = append(b.Lines, Line{
			Stream: s, Seq: first + uint64(i), UnixNano: 1_700_000_000_000_000_000 + int64(i*i)*1000, Severity: Severity(i % 7),
			Message: fmt.Sprintf("line %d %s", first+uint64(i), strings.Repeat("é", i%40)), Truncated: i%5 == 0, Continued: i%3 == 0,
		})
	}
	if n > 3 {
		b.Lines[3].gap, b.Lines[3].Message = true, gapMessage(12, StoreUnavailable)
		b.Lines[2].Message = ""
	}
	return b
}

func TestAFrameHoldsItsBlock(t *testing.T) {
	t.Parallel()

	c, s := testCodec(t), &Stream{Number: 1}
	for _, compress := range []bool{false, true} {
		for _, n := range []int{0, 1, 2, 5, 3000} {
			b := testBlock(s, 42, n)
			raw := c.append([]byte("before"), b, compress)[len("before"):]
			f, ok := parseFrame(raw)
			if !ok {
				t.Fatalf("%d lines: no frame", n)
			}
			if f.size() != int64(len(raw)) || f.first != 42 || f.last() != b.last() || f.after != b.After || f.compressed != compress {
				t.Errorf("%d lines: header %+v for %d bytes", n, f, len(raw))
			}
			got, err := c.decode(&f, s, raw[frameHeader+int(f.filter):])
			if err != nil {
				t.Fatalf("%d lines: %v", n, err)
			}
			if d := cmp.Diff(b.Lines, got, compareLines); d != "" {
				t.Errorf("%d lines, compressed %t:\n%s", n, compress, d)
			}
		}
	}
}

func TestADamagedFrameIsNoticed(t *testing.T) {
	t.Parallel()

	c, s := testCodec(t), &Stream{Number: 1}
	for _, compress := range []bool{false, true} {
		raw := c.append(nil, testBlock(s, 1, 9), compress)
		for i := range raw {
			bad := bytes.Clone(raw)
			bad[i] ^= 0x41
			f, ok := parseFrame(bad)
			if !ok {
				continue
			}
			var err error
			if f.filter > 0 {
				_, err = readFilter(bytes.NewReader(bad), 0, &f)
			}
			if err == nil {
				_, err = c.decode(&f, s, bad[frameHeader+int(f.filter):])
			}
			if !errors.Is(err, errDamaged) {
				t.Fatalf("byte %d of %d changed: %v", i, len(raw), err)
			}
		}
		for n := range raw {
			read := int64(0)
			end, err := scanFrames(bytes.NewReader(raw[:n]), int64(n), true, func(at int64, _ frame) { read = at + 1 })
			if end != 0 || err != nil || read != 0 {
				t.Fatalf("cut to %d bytes: ends at %d, %v", n, end, err)
			}
		}
	}
}

// FuzzFrame gives the reader of files whatever bytes, with right checksums so
// that it looks further than those.
func FuzzFrame(f *testing.F) {
	c, s := testCodec(f), &Stream{Number: 1}
	for _, compress := range []bool{false, true} {
		for _, n := range []int{0, 1, 8} {
			f.Add(c.append(nil, testBlock(s, 1, n), compress))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < frameHeader {
			return
		}
		if h, ok := parseFrame(resum(raw)); ok && h.size() <= int64(len(raw)) {
			h.filterSum, h.bodySum = 0, 0
			body := raw[frameHeader+int(h.filter) : h.size()]
			h.bodySum = checksum(body)
			lines, err := c.decode(&h, s, body)
			if err != nil && !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			if err == nil && len(lines) != int(h.count) {
				t.Fatalf("%d lines instead of %d", len(lines), h.count)
			}
			newNeedle("whatever it is").mayBeIn(raw[frameHeader : frameHeader+int(h.filter)])
		}
		end, err := scanFrames(bytes.NewReader(raw), int64(len(raw)), true, func(int64, frame) {})
		if err != nil || end > int64(len(raw)) {
			t.Fatalf("scan ended at %d of %d: %v", end, len(raw), err)
		}
	})
}

// resum returns raw with the checksum its header should have.
func resum(raw []byte) []byte {
	raw = bytes.Clone(raw)
	copy(raw, frameMagic)
	binary.LittleEndian.PutUint32(raw[4:], checksum(raw[8:frameHeader]))
	return raw
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func TestAFilterFindsEveryLiteral(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(7, 8))
	c, s := testCodec(t), &Stream{Number: 1}
	var b Block
	b.First = 1
	for i := range 2000 {
		b.Lines = append(b.Lines, Line{Stream: s, Seq: uint64(i + 1), Message: fmt.Sprintf("request %016x took %d ms on host-%d", rng.Uint64(), rng.IntN(1000), rng.IntN(9))})
	}
	raw := c.append(nil, b, true)
	f, ok := parseFrame(raw)
	if !ok {
		t.Fatal("no frame")
	}
	filter, err := readFilter(bytes.NewReader(raw), 0, &f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Lines {
		m := b.Lines[i].Message
		from := rng.IntN(len(m))
		literal := m[from : from+rng.IntN(len(m)-from+1)]
		if n := newNeedle(literal); !n.mayBeIn(filter) || !n.in(m) {
			t.Fatalf("%q of %q is not found", literal, m)
		}
	}
	wrong := 0
	for range 1000 {
		if newNeedle(fmt.Sprintf("request %016x took", rng.Uint64())).mayBeIn(filter) {
			wrong++
		}
	}
	if wrong > 300 {
		t.Errorf("%d of 1000 literals that are not there may be there", wrong)
	}
	if f.text+f.meta < 8*f.filter/10 {
		t.Errorf("the filter takes %d bytes beside %d", f.filter, f.text+f.meta)
	}
}
