package build

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func texts(lines []Line) []string {
	var out []string
	for _, l := range lines {
		if l.More {
			l.Text += "…"
		}
		out = append(out, l.Text)
	}
	return out
}

func TestOutputBecomesLines(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("x", maxLine)
	tests := []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"in pieces of any size", []string{"a", "b\nc", "\n", "\nd"}, []string{"ab", "c", "", "d"}},
		{"without carriage returns", []string{"a\r\nb\r", "\n"}, []string{"a", "b"}},
		{"a line of the largest size", []string{long + "\n"}, []string{long + "…", ""}},
		{"longer lines cut and marked", []string{long, long + "y\n"}, []string{long + "…", long + "…", "y"}},
		{"not UTF-8", []string{"a\xffb\n"}, []string{"a\uFFFDb"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := splitter{mask: newMask(nil)}
			var got []string
			for _, p := range tt.pieces {
				got = append(got, texts(s.write([]byte(p)))...)
			}
			if len(s.rest) > 0 {
				got = append(got, texts(s.flush())...)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Wherever a secret lies in the output and however the output is cut, no line
// has it, nor do two lines together.
func TestSecretsAreMaskedWhereverTheyLie(t *testing.T) {
	t.Parallel()

	secrets := map[string][]byte{"a": []byte("hunter2-hunter2"), "b": []byte("first line\nsecond line\n"), "short": []byte("ab")}
	for _, before := range []int{0, 1, 5, maxLine - 20, maxLine - 7, maxLine - 1, maxLine, 2*maxLine - 7} {
		for _, piece := range []int{1, 7, 4096, 1 << 20} {
			t.Run(fmt.Sprint(before, " ", piece), func(t *testing.T) {
				t.Parallel()
				text := strings.Repeat("x", before) + "hunter2-hunter2" + strings.Repeat("y", 100) + "\nabc second line\n"
				s := splitter{mask: newMask(secrets)}
				var all strings.Builder
				for data := []byte(text); len(data) > 0; {
					n := min(piece, len(data))
					for _, l := range s.write(bytes.Clone(data[:n])) {
						all.WriteString(l.Text)
						if !l.More {
							all.WriteByte('\n')
						}
					}
					data = data[n:]
				}
				want := strings.Repeat("x", before) + "***" + strings.Repeat("y", 100) + "\nabc ***\n"
				if all.String() != want {
					t.Errorf("%d bytes in, %d out, want %d; it ends with %q", len(text), all.Len(), len(want), all.String()[max(0, all.Len()-150):])
				}
			})
		}
	}
}

func TestTheLongerOfTwoSecretsIsMaskedWhole(t *testing.T) {
	t.Parallel()

	m := newMask(map[string][]byte{"a": []byte("pass"), "b": []byte("password")})
	if got := m.hide("a password, a pass"); got != "a ***, a ***" {
		t.Errorf("hide = %q", got)
	}
}
