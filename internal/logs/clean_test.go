package logs

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func cleaned(s string) string {
	var c cleaner
	out, _ := c.clean(nil, []byte(s), true)
	return string(out)
}

func TestClean(t *testing.T) {
	t.Parallel()

	tests := []struct{ name, in, want string }{
		{"plain text stays", "hello, world", "hello, world"},
		{"tabs stay", "\tat main.go:1", "\tat main.go:1"},
		{"other control bytes go", "a\x00b\x08c\x7fd\re", "abcde"},
		{"colours stay", "\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[4:3m", "\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[4:3m"},
		{"the short reset stays", "\x1b[m", "\x1b[m"},
		{"cursor movement goes", "a\x1b[2J\x1b[1;1Hb\x1b[?25lc", "abc"},
		{"colours with private or intermediate bytes go", "\x1b[>4;1ma\x1b[?1mb\x1b[1 mc", "abc"},
		{"a title goes, ended by BEL", "a\x1b]0;pwned\x07b", "ab"},
		{"a link goes, ended by ST", "\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"device control, privacy and application strings go", "\x1bPq#1\x1b\\a\x1b^x\x1b\\b\x1b_y\x1b\\c\x1bXz\x1b\\d", "abcd"},
		{"an unfinished string hides only its line", "a\x1b]0;rest", "a"},
		{"a string is broken off by another sequence", "\x1b]0;x\x1b[31mred", "\x1b[31mred"},
		{"a string is broken off by CAN", "\x1b]0;x\x18y", "y"},
		{"character sets go", "\x1b(Ba\x1b)0b\x1b#8c", "abc"},
		{"two-byte escapes go", "\x1bca\x1b=b\x1b7c", "abc"},
		{"a lone escape goes", "a\x1b", "a"},
		{"an escape before a control byte is dropped", "\x1b\x01a\x1b\tb", "a\tb"},
		{"an unfinished colour goes", "a\x1b[31", "a"},
		{"a sequence broken off by a control byte goes", "a\x1b[3\x011mb", "a1mb"},
		{"a sequence broken off by a rune goes", "a\x1b[3éb", "aéb"},
		{"an endless colour goes", "a\x1b[" + strings.Repeat("1;", 100) + "mb", "ab"},
		{"eight-bit CSI keeps colours as ESC", "\u009b31mred\u009b2J", "\x1b[31mred"},
		{"eight-bit OSC goes, ended by eight-bit ST", "a\u009d0;x\u009cb", "ab"},
		{"other C1 controls go", "a\u0085b\u0080c", "abc"},
		{"runes stay", "héllo 世界 🚢", "héllo 世界 🚢"},
		{"what is not UTF-8 is replaced", "a\xffb\xc3", "a\ufffdb\ufffd"},
		{"overlong and surrogate forms are replaced", "\xc0\xaf\xed\xa0\x80", "\ufffd\ufffd\ufffd\ufffd\ufffd"},
		{"an escape smuggled into a dropped one does not come back", "\x1b\x1b[2J\x1b[3\x1b[2Jx", "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := cleaned(tt.in); got != tt.want {
				t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

var colour = regexp.MustCompile("\x1b\\[[0-9;:]*m")

func FuzzClean(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "\x1b[1;31mred\x1b[0m", "\x1b]0;t\x07x", "\x1bP\x1b\\", "a\x1b", "\xc2", "\xc2\x9b1m", "\xc2\x9d\xc2", "\xff\xfe", "\x1b[", "\x1b[1;2",
		"\x1b[" + strings.Repeat("1", maxColour+3) + "m", "\x1b(", "\x1b]\x1b", "世\x1b[31m界", "\u009b31m\u009c",
	} {
		f.Add([]byte(seed), uint(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint) {
		var c cleaner
		whole, used := c.clean(nil, in, true)
		if used != len(in) {
			t.Fatalf("used %d of %d bytes", used, len(in))
		}
		if !utf8.Valid(whole) {
			t.Errorf("%q is not UTF-8", whole)
		}
		for _, r := range colour.ReplaceAllString(string(whole), "") {
			if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
				t.Errorf("%q holds %U", whole, r)
			}
		}
		if again := cleaned(string(whole)); again != string(whole) {
			t.Errorf("cleaning %q again gives %q", whole, again)
		}
		if plain(in) != (string(whole) == string(in) && !bytes.ContainsFunc(in, func(r rune) bool { return r == esc || r > 0x7e })) {
			t.Errorf("plain(%q) = %t", in, plain(in))
		}

		// However the line is cut on its way in, the same comes out.
		c = cleaner{}
		var out, rest []byte
		for at := 0; at < len(in); {
			n := min(len(in)-at, 1+int(step%7))
			rest = append(rest, in[at:at+n]...)
			at += n
			var used int
			out, used = c.clean(out, rest, false)
			rest = append(rest[:0], rest[used:]...)
			if len(rest) > maxColour {
				t.Fatalf("%d bytes wait", len(rest))
			}
		}
		out, _ = c.clean(out, rest, true)
		if !bytes.Equal(out, whole) {
			t.Errorf("in pieces %q, at once %q", out, whole)
		}
	})
}
