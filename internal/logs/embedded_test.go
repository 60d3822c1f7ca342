package logs

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// No segment is on the disk for good before those that come before it in its
// stream: when the next one is begun, nothing of them is still to be synced.
func TestSegmentsSurviveAPowerCutInTheirOrder(t *testing.T) {
	t.Parallel()

	e := openEmbedded(t, t.TempDir())
	s := &Stream{Source: Source{testID("ins", 1), freshID()}, Number: 1, Kind: Stdout}
	begun := map[string]bool{}
	for seq := uint64(1); len(begun) < 3; seq++ {
		b := Block{First: seq, After: Checkpoint{Raw: int64(seq)}}
		b.Lines = []Line{{Stream: s, Seq: seq, UnixNano: int64(seq), Message: fmt.Sprintf("%d %x", seq, strings.Repeat("x", 99))}}
		if err := e.Append(t.Context(), s, b); err != nil {
			t.Fatal(err)
		}
		var segments []string
		for path := range e.dirty {
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				segments = append(segments, path)
			}
		}
		if len(segments) != 1 {
			t.Fatalf("behind line %d there are to be synced %q", seq, segments)
		}
		begun[segments[0]] = true
	}
}
