package logs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// A process may be killed between any two batches: each says exactly how much
// raw output is in it and those before it, so that the rest can be handed in
// to a new writer.
func TestEachBatchSaysHowFarItIs(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(41, 42))
	newWriter := func(after Checkpoint) *Writer {
		l := &Log{opts: Options{QueueBytes: 1 << 40, StreamQueueBytes: 1 << 40}, dirty: newWorklist()}
		w := &Writer{log: l, stream: &stream{}, begun: true}
		w.stream.queue.next, w.stream.queue.after = 1, after
		w.split = splitter{mask: NewMask("hunter22"), emit: w.emit}
		w.split.reset(after.Shown)
		return w
	}
	text := func(blocks ...Block) string {
		var b strings.Builder
		for _, block := range blocks {
			for i := range block.Lines {
				l := &block.Lines[i]
				b.WriteString(l.Message)
				if !l.Truncated {
					b.WriteByte('\n')
				}
			}
		}
		return b.String()
	}
	takeAll := func(w *Writer) (blocks []Block) {
		for p := w.stream.queue.take(); p != nil; p = w.stream.queue.take() {
			blocks = append(blocks, p.block(&w.stream.Stream))
			w.stream.queue.done()
		}
		return blocks
	}
	for range 5 {
		raw := append(randomOutput(rng, 300), bytes.Repeat([]byte("short\n"), 2500)...)
		w := newWriter(Checkpoint{})
		for rest := raw; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(20_000))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if rng.IntN(10) == 0 {
				w.stream.queue.take() // what follows is in another batch
			}
		}
		blocks := takeAll(w)
		if len(blocks) < 10 {
			t.Fatalf("only %d batches", len(blocks))
		}
		whole := text(blocks...)
		for n := range blocks {
			after := blocks[n].After
			again := newWriter(after)
			rest := raw
			for range after.Raw {
				rest = rest[bytes.IndexByte(rest, '\n')+1:]
			}
			if _, err := again.Write(rest); err != nil {
				t.Fatal(err)
			}
			if got := text(append(blocks[:n+1:n+1], takeAll(again)...)...); got != whole {
				t.Fatalf("killed after batch %d, %+v: %d bytes instead of %d", n, after, len(got), len(whole))
			}
		}
	}
}

func TestAQueueIsBounded(t *testing.T) {
	t.Parallel()

	l := &Log{opts: Options{QueueBytes: 100 << 10, StreamQueueBytes: 50 << 10}, dirty: newWorklist()}
	var writers []*Writer
	for range 4 {
		w := &Writer{log: l, stream: &stream{}}
		w.stream.queue.next = 1
		w.split = splitter{emit: w.emit}
		writers = append(writers, w)
	}
	for _, w := range writers {
		raw := bytes.Repeat([]byte("0123456789 0123456789 0123456789\n"), 10_000)
		if n, err := w.Write(raw); !errors.Is(err, ErrBehind) || n == len(raw) {
			t.Errorf("Write took %d of %d bytes, %v", n, len(raw), err)
		}
		if err := w.WriteAt(time.Now(), bytes.Repeat([]byte("x"), 10<<20), true); !errors.Is(err, ErrBehind) {
			t.Errorf("WriteAt: %v", err)
		}
	}
	if held := l.queued.Load(); held > 150<<10 || held < 50<<10 {
		t.Errorf("%d bytes are held", held)
	}
}
