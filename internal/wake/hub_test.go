package wake_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/davitdev/davit/internal/wake"
)

// pending reports whether a wake waits in ch, and takes it.
func pending(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func TestHub(t *testing.T) {
	t.Parallel()

	t.Run("a burst becomes one wake and never blocks", func(t *testing.T) {
		t.Parallel()
		var h wake.Hub
		ch := h.Subscribe(t.Context(), "dep_1")
		for range 100 {
			h.Publish("dep_1")
		}
		if !pending(ch) || pending(ch) {
			t.Error("want exactly one wake")
		}
		h.Publish("dep_1")
		if !pending(ch) {
			t.Error("a wake after the first was taken is lost")
		}
	})

	t.Run("only subscribers of the topic are woken, each of any of its topics", func(t *testing.T) {
		t.Parallel()
		var h wake.Hub
		one, both := h.Subscribe(t.Context(), "dep_1"), h.Subscribe(t.Context(), "dep_1", "dep_2", "dep_2")
		h.Publish("dep_2", "dep_3")
		if pending(one) {
			t.Error("woken by a topic it did not subscribe to")
		}
		if !pending(both) {
			t.Error("not woken by its second topic")
		}
		h.Publish("dep_2", "dep_1")
		if !pending(one) || !pending(both) || pending(both) {
			t.Error("want one wake each")
		}
	})

	t.Run("a subscription ends with its context and leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
			var h wake.Hub
			ctx, cancel := context.WithCancel(t.Context())
			gone, stays := h.Subscribe(ctx, "dep_1", "dep_2"), h.Subscribe(t.Context(), "dep_1")
			cancel()
			synctest.Wait()
			h.Publish("dep_1", "dep_2")
			if pending(gone) {
				t.Error("woken after its end")
			}
			if !pending(stays) {
				t.Error("its neighbour was forgotten too")
			}
		})
	})

	t.Run("publishing, subscribing and leaving at once is safe", func(t *testing.T) {
		t.Parallel()
		var h wake.Hub
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 200 {
					ctx, cancel := context.WithCancel(t.Context())
					ch := h.Subscribe(ctx, fmt.Sprint(j%3), fmt.Sprint(i))
					h.Publish(fmt.Sprint(i))
					<-ch
					cancel()
				}
			})
		}
		wg.Wait()
	})
}

// The budget of an idle GraphQL subscription is 10 KB, its wake a part of it.
// Not parallel: it weighs the heap.
func TestAnIdleSubscriptionIsLight(t *testing.T) {
	const count, limit = 10_000, 1024
	topics := make([]string, count)
	for i := range topics {
		topics[i] = fmt.Sprintf("dep_%022d", i)
	}
	var h wake.Hub
	before := heap()
	for _, topic := range topics {
		h.Subscribe(t.Context(), topic, "prj_1")
	}
	each := (heap() - before) / count
	runtime.KeepAlive(&h)
	t.Logf("%d bytes a subscription", each)
	if each > limit {
		t.Errorf("%d bytes a subscription, want at most %d", each, limit)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkPublishTo5000(b *testing.B) {
	var h wake.Hub
	for range 5000 {
		h.Subscribe(b.Context(), "dep_1")
	}
	for b.Loop() {
		h.Publish("dep_1")
	}
}
