package main

import (
	stdbytes "bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// escaper is where a command prints. What it is handed comes in part from the
// server, and that from others: of control characters only the ends of lines and
// tabs get to the terminal, all others as \u001b, which JSON reads as the same.
// It is safe for concurrent use.
type escaper struct {
	out io.Writer

	mu   sync.Mutex
	half bool // the first byte of a control character of two bytes was held back
}

// c1 is the first byte of U+0080 to U+009F in UTF-8, and of letters.
const c1 = 0xc2

func (s *escaper) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := p
	if s.half {
		text = append([]byte{c1}, p...)
	}
	s.half = len(text) > 0 && text[len(text)-1] == c1
	if s.half {
		text = text[:len(text)-1]
	}
	if stdbytes.ContainsFunc(text, steers) {
		text = []byte(escape(string(text)))
	}
	if _, err := s.out.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// steers reports whether a terminal may take r for more than a character.
func steers(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// escape returns text with the control characters written out that steer.
func escape(text string) string {
	if !strings.ContainsFunc(text, steers) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if steers(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

// plain is escape for text of others that is one line.
func plain(text string) string { return strings.ReplaceAll(escape(text), "\n", `\u000a`) }

// colours are the sequences that a server leaves in a line of a log.
var colours = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// logLine is plain for a line of a log, which may be coloured.
func logLine(message string) string {
	if !strings.ContainsFunc(message, unicode.IsControl) {
		return message
	}
	var b strings.Builder
	for at := 0; ; {
		next := colours.FindStringIndex(message[at:])
		if next == nil {
			b.WriteString(plain(message[at:]))
			return b.String()
		}
		b.WriteString(plain(message[at : at+next[0]]))
		b.WriteString(message[at+next[0] : at+next[1]])
		at += next[1]
	}
}

// raw is what is behind an escaper, for what is ours or was made plain.
func raw(w io.Writer) io.Writer {
	if s, ok := w.(*escaper); ok {
		return s.out
	}
	return w
}

// isTerminal reports whether a person looks at w or types into it.
func isTerminal(w any) bool {
	if s, ok := w.(*escaper); ok {
		w = s.out
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor
}
