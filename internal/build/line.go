package build

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// maxLine is where a line is cut.
const maxLine = 16 << 10

// mask replaces secrets in text.
type mask struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest secret
}

// Shorter values occur in too many words to be told from them.
const minSecret = 4

// newMask hides the values of secrets, and every line of those that have
// several, because output comes by lines.
func newMask(secrets map[string][]byte) mask {
	var values []string
	for _, v := range secrets {
		for line := range strings.Lines(string(v)) {
			if line = strings.TrimSpace(line); len(line) >= minSecret {
				values = append(values, line)
			}
		}
	}
	// Of two that begin alike, the longer one must be found first.
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	m := mask{}
	var pairs []string
	for _, v := range slices.Compact(values) {
		m.longest = max(m.longest, len(v))
		pairs = append(pairs, v, "***")
	}
	m.replacer = strings.NewReplacer(pairs...)
	return m
}

func (m mask) hide(s string) string { return m.replacer.Replace(s) }

// splitter makes lines of one stream of one step.
type splitter struct {
	mask mask
	line Line // what all lines of the stream have in common
	rest []byte
}

// write takes output in pieces of any size and returns the lines that are
// complete.
func (s *splitter) write(data []byte) []Line {
	var out []Line
	for {
		text, after, found := bytes.Cut(data, []byte("\n"))
		s.rest = append(s.rest, text...)
		// A secret that is not complete yet is always among what is kept.
		for len(s.rest) >= maxLine+s.mask.longest {
			masked := s.mask.hide(string(s.rest))
			if len(masked) < maxLine+s.mask.longest {
				s.rest = []byte(masked)
				break
			}
			out = append(out, s.make(masked[:maxLine], true))
			s.rest = []byte(masked[maxLine:])
		}
		if !found {
			return out
		}
		out = append(out, s.flush()...)
		data = after
	}
}

// flush returns what is left, as at least one line.
func (s *splitter) flush() []Line {
	text := strings.TrimSuffix(s.mask.hide(string(s.rest)), "\r")
	s.rest = s.rest[:0]
	var out []Line
	for len(text) > maxLine {
		out = append(out, s.make(text[:maxLine], true))
		text = text[maxLine:]
	}
	return append(out, s.make(text, false))
}

func (s *splitter) make(text string, more bool) Line {
	l := s.line
	l.Text, l.More = strings.ToValidUTF8(text, "\uFFFD"), more
	return l
}
