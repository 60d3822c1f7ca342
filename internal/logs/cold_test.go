package logs

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// errThen is a context that does something when it is first asked how it is.
type errThen struct {
	context.Context

	do func()
}

func (c *errThen) Err() error {
	if do := c.do; do != nil {
		c.do = nil
		do()
	}
	return c.Context.Err()
}

// Lines may leave for Loki alone while they are being read.
func TestWhatLeavesWhileItIsReadIsNoGap(t *testing.T) {
	t.Parallel()

	for _, reverse := range []bool{false, true} {
		t.Run(fmt.Sprint("reverse ", reverse), func(t *testing.T) {
			t.Parallel()

			w := openBeforeLoki(t, t.TempDir(), lokiURL(t), 1<<30)
			w.write(t, 1, 300)
			if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
				t.Fatal(err)
			}
			w.shippedTo(t, 600)
			states, err := w.cold.Streams(t.Context(), w.src)
			if err != nil || len(states) != 1 {
				t.Fatalf("%+v, %v", states, err)
			}
			s := &states[0].Stream
			for left := (Range{1, 600}); !left.empty(); {
				ctx := &errThen{Context: t.Context(), do: func() {
					w.keepNothing()
					w.coldSegments(t)
					w.cache.mu.Lock()
					w.cache.lru.Purge()
					w.cache.mu.Unlock()
				}}
				var lines []Line
				if lines, left, err = w.cold.Read(ctx, s, left, &Filter{}, reverse); err != nil {
					t.Fatal(err)
				}
				for i := range lines {
					if lines[i].gap {
						lost, why := lines[i].lost()
						t.Fatalf("%d lines are gone: %s", lost, why)
					}
				}
			}
			at, err := w.cold.Before(t.Context(), s, time.Now().Add(time.Hour).UnixNano())
			if err != nil || at != 600 {
				t.Errorf("the last is %d, %v", at, err)
			}
		})
	}
}

// Who asks for old lines while Loki is away learns that it is that.
func TestOldLinesWhileLokiIsAway(t *testing.T) {
	t.Parallel()

	g := openGate(t)
	w := openBeforeLoki(t, t.TempDir(), g.URL, 1)
	w.write(t, 1, 100)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 200)
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	g.shut.Store(http.StatusServiceUnavailable)
	if _, err := w.Query(t.Context(), Query{Source: w.src}); fault.CodeOf(err) != fault.StoreAway {
		t.Errorf("a page: %v", err)
	}
	if _, err := w.Follow(t.Context(), FollowOptions{Source: w.src, Tail: 10}); fault.CodeOf(err) != fault.StoreAway {
		t.Errorf("a feed: %v", err)
	}
	g.shut.Store(0)
	w.wantAll(t, 200)
}
