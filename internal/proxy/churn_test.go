package proxy_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/proxy"
)

// A proxy runs for as long as nobody restarts it: what was replaced leaves
// neither memory nor a goroutine. It runs alone, since it counts those of the
// process.
func TestSwapsLeaveNothingBehind(t *testing.T) {
	const swaps = 400
	p := start(t, nil)
	target, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	c := client(t, p.addr)
	p.push(routeTo(target))
	churn := func() {
		for range swaps {
			next := target // another replica at that address
			next.ReplicaID += "'"
			if len(next.ReplicaID) > 40 {
				next.ReplicaID = "rep"
			}
			p.push(routeTo(next))
			if r := get(t, c, "http://shop.localhost/"); r.status != http.StatusOK {
				t.Fatalf("answered %d", r.status)
			}
			if left, err := p.Drain(t.Context(), []proxy.Target{target}, 10*time.Second); err != nil || left != 0 {
				t.Fatalf("%d left, %v", left, err)
			}
			target = next
		}
	}
	held := func() (bytes uint64) {
		runtime.GC()
		runtime.GC() // what the first one finalized
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	churn() // buffers and pools
	bytes, goroutines := held(), runtime.NumGoroutine()
	churn()
	waitFor(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines+4 })
	if now := held(); now > bytes+swaps*512 {
		t.Errorf("%d swaps left %d KB", swaps, (now-bytes)>>10)
	} else {
		t.Logf("%d KB, then %d KB", bytes>>10, now>>10)
	}
}
