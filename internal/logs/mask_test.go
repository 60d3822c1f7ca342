package logs

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		values []string
		in     string
		want   string
	}{
		{"a value is hidden wherever it stands", []string{"hunter2"}, "hunter2 a hunter2b hunter2", "*** a ***b ***"},
		{"short values stay", []string{"abc"}, "abc", "abc"},
		{"four bytes are enough", []string{"abcd"}, "abcd", "***"},
		{"the longest value counts", []string{"token", "token-123456"}, "token-123456 token", "*** ***"},
		{"values that overlap leave nothing", []string{"abcdef", "defghi"}, "abcdefghi", "***"},
		{"values that touch are two", []string{"aaaa", "bbbb"}, "aaaabbbb", "******"},
		{"each line of a value is hidden", []string{"-----BEGIN KEY-----\nMIIEow\r\n  AAAA==\n}\n"}, "-----BEGIN KEY----- MIIEow AAAA== }", "*** *** *** }"},
		{"spaces around a value do not matter", []string{" s3cret \n"}, "[s3cret]", "[***]"},
		{"a value with control bytes is hidden as it is shown", []string{"se\x00cr\x1b[2Jet"}, "secret", "***"},
		{"a value that is not UTF-8 is hidden as it is shown", []string{"ab\xffcd"}, "ab\ufffdcd", "***"},
		{"a value in itself", []string{"abab"}, "ababab", "***"},
		{"no values hide nothing", nil, "hunter2", "hunter2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := NewMask(tt.values...)
			got, used, left := m.apply(nil, []byte(tt.in), 0, true)
			if string(got) != tt.want || used != len(tt.in) || left != 0 {
				t.Errorf("%q became %q (%d used, %d covered), want %q", tt.in, got, used, left, tt.want)
			}
			if m.hits([]byte(tt.in)) != (tt.in != tt.want) {
				t.Errorf("hits(%q) is wrong", tt.in)
			}
		})
	}
}

// However a text is cut, it is masked as if it had come at once.
func TestMaskDoesNotDependOnHowTextIsCut(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(1, 2))
	m := NewMask("abab", "babba", "aaaaaaaaab", "bbbb")
	for range 3000 {
		in := make([]byte, rng.IntN(60))
		for i := range in {
			in[i] = "aab"[rng.IntN(3)]
		}
		whole, _, _ := m.apply(nil, in, 0, true)
		if strings.Contains(string(whole), "abab") {
			t.Fatalf("%q became %q", in, whole)
		}
		var out, rest []byte
		covered := 0
		for at := 0; at < len(in); {
			n := 1 + rng.IntN(len(in)-at)
			rest = append(rest, in[at:at+n]...)
			at += n
			var used int
			out, used, covered = m.apply(out, rest, covered, false)
			rest = append(rest[:0], rest[used:]...)
		}
		out, _, _ = m.apply(out, rest, covered, true)
		if string(out) != string(whole) {
			t.Fatalf("%q: in pieces %q, at once %q", in, out, whole)
		}
	}
}
