package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// connections is how many a hammer has; every second one is new for each
// request.
const connections = 64

// hammer sends requests to one host until it is stopped.
type hammer struct {
	stop func()

	mu     sync.Mutex
	took   []time.Duration // of good answers
	failed []string        // what came instead
	first  map[string]time.Duration
}

// strike begins to send GET / to addr, saying host: on each connection one
// request every pace, and the next not before the last was answered.
func strike(ctx context.Context, addr, host string, pace time.Duration) *hammer {
	ctx, cancel := context.WithCancel(ctx)
	h := &hammer{first: map[string]time.Duration{}}
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0, MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			one := &http.Client{Transport: transport, Timeout: 30 * time.Second}
			if sleep(ctx, pace*time.Duration(i)/connections) != nil { // not all at once
				return
			}
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for {
				// What is under way when the hammer stops is answered too.
				h.ask(context.WithoutCancel(ctx), one, addr, host)
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
		slices.Sort(h.took)
	})
	return h
}

func (h *hammer) ask(ctx context.Context, c *http.Client, addr, host string) {
	began := time.Now()
	header, err := get(ctx, c, addr, host)
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.failed = append(h.failed, now.Format("15:04:05.000 ")+err.Error())
		return
	}
	h.took = append(h.took, now.Sub(began))
	deployment := header.Get("X-Davit-Deployment")
	if _, seen := h.first[deployment]; seen {
		return
	}
	if since, err := strconv.ParseInt(header.Get("X-Since"), 10, 64); err == nil {
		h.first[deployment] = now.Sub(time.Unix(0, since))
	}
}

func get(ctx context.Context, c *http.Client, addr, host string) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %d %.100q", res.StatusCode, body)
	}
	return res.Header, err
}

// firstOf is how long after the first good probe of a deployment its first
// answer came; ok is false if none did.
func (h *hammer) firstOf(deployment string) (took time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	took, ok = h.first[deployment]
	return took, ok
}
