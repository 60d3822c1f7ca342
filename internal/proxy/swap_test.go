package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/proxy"
)

// hammer sends requests over n connections until the returned function is
// called, which reports how many were answered. Anything but a 200 with the
// expected body fails the test. Every other request has a body, so that it
// could not be sent twice unnoticed.
func hammer(t *testing.T, addr string, n int) (stop func() int64) {
	t.Helper()
	var answered atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	c := client(t, addr)
	for range n {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				method, body := http.MethodGet, ""
				if i%2 == 0 {
					method, body = http.MethodPost, "ping"
				}
				req, _ := http.NewRequest(method, "http://shop.localhost/", struct{ io.Reader }{strings.NewReader(body)})
				req.ContentLength = int64(len(body))
				res, err := c.Do(req)
				if err != nil {
					t.Errorf("%s: %v", method, err)
					return
				}
				b, err := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK || err != nil || !strings.HasSuffix(string(b), ":"+body) {
					t.Errorf("%s: %s %q %v", method, res.Status, b, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	return sync.OnceValue(func() int64 {
		close(done)
		wg.Wait()
		return answered.Load()
	})
}

// echoAfter answers with its name and the request's body, a little later.
func echoAfter(name string, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if d > 0 {
			<-time.After(d)
		}
		fmt.Fprintf(w, "%s:%s", name, b)
	})
}

func TestFiftySwapsUnderLoadDropNothing(t *testing.T) {
	p := start(t, nil)
	newest := func(i int) (proxy.Target, *httptest.Server) {
		return serve(t, echoAfter(fmt.Sprint(i), time.Duration(i%3)*time.Millisecond))
	}
	target, srv := newest(0)
	p.push(routeTo(target))
	stop := hammer(t, p.addr, 32)
	for i := 1; i <= 50; i++ {
		next, nextSrv := newest(i)
		p.push(routeTo(next))
		if left, err := p.Drain(t.Context(), []proxy.Target{target}, 10*time.Second); err != nil || left != 0 {
			t.Fatalf("drain %d: %d left, %v", i, left, err)
		}
		srv.CloseClientConnections() // nothing may still need the replica
		srv.Close()
		target, srv = next, nextSrv
	}
	n := stop()
	stats, err := p.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n < 500 || len(stats.Routes) != 1 || stats.Routes[0].Requests != uint64(n) || stats.Routes[0].Failures != 0 {
		t.Errorf("%d answers, counted %+v", n, stats.Routes)
	}
	if len(stats.Targets) != 1 || stats.Targets[0].Target != target {
		t.Errorf("targets %+v, want the last one only", stats.Targets)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 8), make(chan struct{})
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-release
		fmt.Fprint(w, "done")
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	c := client(t, p.addr)
	answer := make(chan string, 1)
	go func() { answer <- get(t, c, "http://shop.localhost/").body }()
	<-entered

	if _, err := p.Drain(t.Context(), []proxy.Target{target}, time.Second); err == nil || !strings.Contains(err.Error(), "still in version") {
		t.Errorf("draining a target in force: %v", err)
	}
	p.push()
	if left, err := p.Drain(t.Context(), []proxy.Target{target}, 50*time.Millisecond); left != 1 || err != nil {
		t.Errorf("a request under way: %d left, %v", left, err)
	}
	// The same address with another replica is another target.
	again := target
	again.ReplicaID = "rep_again"
	p.push(routeTo(again))
	if left, err := p.Drain(t.Context(), []proxy.Target{target}, 50*time.Millisecond); left != 1 || err != nil {
		t.Errorf("after the address came back: %d left, %v", left, err)
	}
	drained := make(chan int64, 1)
	go func() {
		left, _ := p.Drain(t.Context(), []proxy.Target{target}, time.Minute)
		drained <- left
	}()
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the request that was waited for got %q", got)
	}
	if left := <-drained; left != 0 {
		t.Errorf("%d left after the last answer", left)
	}
	if left, err := p.Drain(t.Context(), []proxy.Target{{ReplicaID: "unknown"}}, time.Minute); left != 0 || err != nil {
		t.Errorf("an unknown target: %d left, %v", left, err)
	}
}

func TestRequestsSpreadOverTargets(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	var targets []proxy.Target
	var counts [3]atomic.Int64
	for i := range counts {
		tg, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { counts[i].Add(1) }))
		targets = append(targets, tg)
	}
	p.push(routeTo(targets...))
	c := client(t, p.addr)
	for range 30 {
		get(t, c, "http://shop.localhost/")
	}
	for i := range counts {
		if n := counts[i].Load(); n != 10 {
			t.Errorf("target %d served %d of 30", i, n)
		}
	}
}

func TestTheLeastBusyTargetIsPreferred(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	busy, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}))
	var served atomic.Int64
	free, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	p := start(t, nil)
	c := client(t, p.addr)
	p.push(routeTo(busy))
	var wg sync.WaitGroup
	wg.Go(func() { get(t, c, "http://shop.localhost/") })
	<-entered
	p.push(routeTo(busy, free))
	for range 10 {
		get(t, c, "http://shop.localhost/")
	}
	if n := served.Load(); n != 10 {
		t.Errorf("the free target served %d of 10", n)
	}
	close(release)
	wg.Wait()
}
