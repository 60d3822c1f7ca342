package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// hammer sends requests to a service until it is stopped.
type hammer struct {
	s      *service
	answer []string // what may be answered

	sent   atomic.Int64
	failed atomic.Int64
	mu     sync.Mutex
	first  []string // failures
	stop   func() int64
}

// hammer sends requests over n connections, each as often as pace says. Half of
// them are kept alive, the other half are new for each request. stop returns
// how many were sent, and fails the test if one was answered otherwise than
// with 200 and one of the answers.
func (s *service) hammer(n int, pace time.Duration, answers ...string) *hammer {
	h := &hammer{s: s, answer: answers}
	ctx, cancel := context.WithCancel(s.ctx)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { h.strike(ctx, i%2 == 0, pace) })
	}
	h.stop = sync.OnceValue(func() int64 {
		s.t.Helper()
		cancel()
		wg.Wait()
		if failed := h.failed.Load(); failed > 0 {
			s.t.Errorf("%d of %d requests failed, the first: %q", failed, h.sent.Load(), h.first)
		}
		return h.sent.Load()
	})
	s.t.Cleanup(func() { h.stop() })
	return h
}

func (h *hammer) strike(ctx context.Context, keepAlive bool, pace time.Duration) {
	transport := &http.Transport{DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// What is under way when the hammer stops is answered too.
		if err := h.once(context.WithoutCancel(ctx), c); err != nil {
			h.failed.Add(1)
			h.mu.Lock()
			if len(h.first) < 5 {
				h.first = append(h.first, time.Now().Format("15:04:05.000 ")+err.Error())
			}
			h.mu.Unlock()
		}
		h.sent.Add(1)
	}
}

func (h *hammer) once(ctx context.Context, c *http.Client) error {
	req, err := h.s.srv.Request(ctx, http.MethodGet, h.s.host, "/")
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !slices.Contains(h.answer, string(body)) {
		return fmt.Errorf("answered %d %.200q", res.StatusCode, body)
	}
	return nil
}
