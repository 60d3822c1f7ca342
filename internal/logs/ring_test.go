package logs

import (
	"context"
	"fmt"
	"testing"
)

// A chunk of one line costs more than that line, the more the more streams there
// are.
func TestTheRingCountsWhatChunksCost(t *testing.T) {
	t.Parallel()

	l, w := oneWriter(t, Options{})
	const streams, lines = 20, 50
	writers := []*Writer{w}
	for i := 2; i <= streams; i++ {
		w, err := l.Writer(t.Context(), w.stream.Source, Stdout, testID("rep", i), WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		writers = append(writers, w)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	f, err := l.Follow(ctx, FollowOptions{Source: w.stream.Source})
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if _, err := fmt.Fprintf(writers[i%streams], "line %d\n", i); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(ctx); err != nil { // so that each line is a chunk
			t.Fatal(err)
		}
	}
	least := int64(lines * (lineCost + chunkCost + streams*markCost))
	if n := l.ringBytes.Load(); n < least {
		t.Errorf("it counts %d bytes, which are at least %d", n, least)
	}
	leave()
	until(t, "it is empty", func() bool { return l.ringBytes.Load() == 0 })
}
