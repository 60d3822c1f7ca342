package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// printer prints numbered lines at a rate, for a while or all the time,
// and watches whether it is held up.
type printer struct {
	out   io.Writer
	rate  int           // lines a second
	limit time.Duration // how long it goes on; 0: for ever

	mu      sync.Mutex
	lines   int           // that were printed
	since   time.Time     // when the write under way began
	behind  time.Duration // by how much it was late at most
	slowest time.Duration // write
}

// printTick is how often it prints.
const printTick = 10 * time.Millisecond

func (p *printer) run() {
	began, tick := time.Now(), time.NewTicker(printTick)
	defer tick.Stop()
	var buf []byte
	for n := 0; ; <-tick.C {
		elapsed := time.Since(began)
		if p.limit > 0 {
			elapsed = min(elapsed, p.limit)
		}
		due := int(elapsed.Seconds() * float64(p.rate))
		if n == due {
			continue
		}
		buf = buf[:0]
		from := n
		for ; n < due; n++ {
			buf = fmt.Appendf(buf, "line %d\n", n+1)
		}
		at := time.Now()
		p.mu.Lock()
		p.since = at
		p.mu.Unlock()
		if _, err := p.out.Write(buf); err != nil {
			return
		}
		took := time.Since(at)
		p.mu.Lock()
		p.lines, p.since, p.slowest = n, time.Time{}, max(p.slowest, took)
		p.behind = max(p.behind, time.Since(began)-time.Duration(float64(from)/float64(p.rate)*float64(time.Second)))
		p.mu.Unlock()
	}
}

// report answers with the pace since the last time it was asked.
func (p *printer) report(w http.ResponseWriter, _ *http.Request) {
	if p == nil {
		http.Error(w, "nothing is printed all the time", http.StatusNotFound)
		return
	}
	p.mu.Lock()
	if !p.since.IsZero() {
		p.slowest = max(p.slowest, time.Since(p.since))
	}
	out := map[string]int64{"lines": int64(p.lines), "behindMs": p.behind.Milliseconds(), "slowestMs": p.slowest.Milliseconds()}
	p.behind, p.slowest = 0, 0
	p.mu.Unlock()
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return // the client is gone
	}
}
