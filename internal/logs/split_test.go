package logs

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

type emitted struct {
	Message              string
	Truncated, Continued bool
}

func newSplitter(mask *Mask, out *[]emitted) *splitter {
	s := &splitter{mask: mask}
	s.emit = func(p piece) { *out = append(*out, emitted{string(p.message), p.truncated, p.continued}) }
	return s
}

// feed hands in raw output in pieces of the sizes cut returns.
func (s *splitter) feed(raw []byte, cut func(most int) int) {
	for len(raw) > 0 {
		n := cut(len(raw))
		p := raw[:n]
		raw = raw[n:]
		for {
			i := bytes.IndexByte(p, '\n')
			if i < 0 {
				s.part(p)
				break
			}
			s.line(p[:i])
			p = p[i+1:]
		}
	}
}

func TestLongLinesAreSplit(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("x", MaxLine)
	red := "\x1b[31m"
	tests := []struct {
		name string
		in   string
		want []emitted
	}{
		{"a line as long as may be is one", long, []emitted{{long, false, false}}},
		{"one byte more makes two", long + "y", []emitted{{long, true, false}, {"y", false, true}}},
		{"a rune is not cut", long[1:] + "é", []emitted{{long[1:], true, false}, {"é", false, true}}},
		{"a colour is not cut", long[2:] + red + "y", []emitted{{long[2:], true, false}, {red + "y", false, true}}},
		{"an empty line is one", "", []emitted{{"", false, false}}},
		{"what is cleaned away does not count", strings.Repeat("\x00", 3*MaxLine) + "y", []emitted{{"y", false, false}}},
		{"a line of nothing visible is an empty one", strings.Repeat("\x00", 3*MaxLine), []emitted{{"", false, false}}},
		{"carriage returns go", "a\r", []emitted{{"a", false, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []emitted
			newSplitter(nil, &got).line([]byte(tt.in))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestASecretIsHiddenAcrossASplit(t *testing.T) {
	t.Parallel()

	for shift := range 12 {
		var got []emitted
		s := newSplitter(NewMask("topsecret"), &got)
		s.line([]byte(strings.Repeat("x", MaxLine-shift) + "topsecret" + strings.Repeat("y", 2*MaxLine)))
		all := ""
		for _, e := range got {
			all += e.Message
		}
		if want := strings.Repeat("x", MaxLine-shift) + "***" + strings.Repeat("y", 2*MaxLine); all != want {
			t.Errorf("shift %d: the secret is not hidden", shift)
		}
	}
}

// randomOutput has long lines, secrets, colours, runes and rubbish.
func randomOutput(rng *rand.Rand, lines int) []byte {
	parts := []string{
		"word ", "hunter22", "hunter", "\x1b[31m", "\x1b[0m", "世界", "\xff", "\x00", "\x1b]0;title\x07", "é", "\t", "\r",
		strings.Repeat("long", 3000), strings.Repeat("ö", 9000), strings.Repeat("hunter22", 2500), "\x1b[38;5;12", "\xc2", "0123456789",
	}
	var b bytes.Buffer
	for range lines {
		for range rng.IntN(8) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// However output is cut on its way in, it makes the same messages.
func TestMessagesDoNotDependOnHowOutputIsCut(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(3, 4))
	mask := NewMask("hunter22", "22hun")
	for range 200 {
		raw := randomOutput(rng, 6)
		var whole, cut []emitted
		newSplitter(mask, &whole).feed(raw, func(most int) int { return most })
		newSplitter(mask, &cut).feed(raw, func(most int) int { return 1 + rng.IntN(min(most, 1+rng.IntN(40000))) })
		if d := cmp.Diff(whole, cut); d != "" {
			t.Fatal(d)
		}
		for _, e := range whole {
			if len(e.Message) > MaxLine || !utf8.ValidString(e.Message) || strings.Contains(e.Message, "hunter22") {
				t.Fatalf("a message of %d bytes: %.80q", len(e.Message), e.Message)
			}
		}
	}
}

// A raw line that is handed in again goes on where its messages ended.
func TestALineHandedInAgainGoesOn(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(5, 6))
	mask := NewMask("hunter22")
	for range 300 {
		raw := bytes.TrimSuffix(randomOutput(rng, 1), []byte{'\n'})
		var whole []emitted
		newSplitter(mask, &whole).line(raw)

		var got []emitted
		s := newSplitter(mask, &got)
		if len(raw) > 0 {
			s.feed(raw[:rng.IntN(len(raw))], func(most int) int { return 1 + rng.IntN(most) })
		}
		shown := s.shown // and then the process was killed
		s = newSplitter(mask, &got)
		s.reset(shown)
		s.line(raw)
		if d := cmp.Diff(whole, got); d != "" {
			t.Fatal(d)
		}
	}
}

func TestAFlushedLineGoesOn(t *testing.T) {
	t.Parallel()

	var got []emitted
	s := newSplitter(nil, &got)
	s.part([]byte("Password: "))
	s.flush()
	s.flush()
	s.part([]byte("ok"))
	s.line(nil)
	s.line([]byte("next"))
	want := []emitted{{"Password: ", false, false}, {"ok", false, true}, {"next", false, false}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The same for any output, any secret and any two cuts. An L is a long line, so
// that what is tried remains short.
func FuzzSplitter(f *testing.F) {
	for _, raw := range []string{
		"word hunter22\n\x1b[31mred\x1b[0m 世界\n", "LLhunter22L\xff\x00hunter\n22", "Lhunter22hunter22\x1b]0;title\x07é\t\r\n\r", "\x1b[38;5;12", "L\xc2L\n\n",
	} {
		for _, cut := range []uint16{1, 7, 20000} {
			f.Add([]byte(raw), "hunter22", cut, cut/2)
		}
	}
	f.Add([]byte("aaaaaaaa\r\r\n\r"), "aaaa", uint16(1), uint16(4))
	f.Fuzz(func(t *testing.T, raw []byte, secret string, first, second uint16) {
		if bytes.Count(raw, []byte("L")) > 4 {
			return
		}
		raw = append(bytes.ReplaceAll(raw, []byte("L"), bytes.Repeat([]byte("lo"), 6000)), '\n')
		feed := func(cuts ...int) []emitted {
			var got []emitted
			newSplitter(NewMask(secret), &got).feed(raw, func(most int) int {
				n := most
				if len(cuts) > 0 {
					n, cuts = min(max(cuts[0], 1), most), cuts[1:]
				}
				return n
			})
			return got
		}
		whole := feed()
		if d := cmp.Diff(whole, feed(int(first), int(second))); d != "" {
			t.Error(d)
		}
		for _, e := range whole {
			if len(e.Message) > MaxLine || !utf8.ValidString(e.Message) {
				t.Errorf("a message of %d bytes: %q", len(e.Message), e.Message)
			}
		}
	})
}
