package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/proxy"
)

func TestEventsArriveAtOnce(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for line := range next {
			fmt.Fprintf(w, "data: %s\n\n", line)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	go func() { next <- "0" }()
	res, err := client(t, p.addr).Get("http://shop.localhost/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for i := range 5 {
		// The next event is only sent when this one was read.
		if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) || !lines.Scan() {
			t.Fatalf("event %d: %q %v", i, lines.Text(), lines.Err())
		}
		next <- fmt.Sprint(i + 1)
	}
	close(next)
}

func TestBothDirectionsStreamAtTheSameTime(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		in := bufio.NewScanner(r.Body)
		for in.Scan() {
			fmt.Fprintln(w, strings.ToUpper(in.Text()))
			_ = http.NewResponseController(w).Flush()
		}
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	body, w := io.Pipe()
	go func() { fmt.Fprintln(w, "first") }()
	res, err := client(t, p.addr).Post("http://shop.localhost/", "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{"FIRST", "SECOND", "THIRD"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q %v, want %s", lines.Text(), lines.Err(), want)
		}
		if want != "THIRD" {
			fmt.Fprintln(w, map[string]string{"FIRST": "second", "SECOND": "third"}[want])
		}
	}
	w.Close()
}

// pattern is an endless reader of bytes that differ.
type pattern struct{ n byte }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		p.n = p.n*5 + 3
		b[i] = p.n
	}
	return len(b), nil
}

func TestBigBodiesPassInBoundedMemory(t *testing.T) {
	const size = 100 << 20
	sum := sha256.New()
	if _, err := io.CopyN(sum, &pattern{}, size); err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(sum.Sum(nil))
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.New()
		if _, err := io.Copy(got, r.Body); err != nil {
			t.Errorf("upload: %v", err)
		}
		w.Header().Set("X-Sum", hex.EncodeToString(got.Sum(nil)))
		_, _ = io.CopyN(w, &pattern{}, size)
	}))
	p := start(t, nil)
	p.push(routeTo(target))

	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				runtime.ReadMemStats(&now)
				peak.Store(max(peak.Load(), now.HeapAlloc))
			case <-done:
				return
			}
		}
	})
	res, err := client(t, p.addr).Post("http://shop.localhost/", "application/octet-stream", io.LimitReader(&pattern{}, size))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := sha256.New()
	n, err := io.Copy(got, res.Body)
	close(done)
	wg.Wait()
	if up, down := res.Header.Get("X-Sum"), hex.EncodeToString(got.Sum(nil)); err != nil || n != size || up != want || down != want {
		t.Errorf("%d bytes, up %s, down %s, want %s, %v", n, up, down, want, err)
	}
	if grown := int64(peak.Load()) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}

func TestHTTPIsPassedOnWhole(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/trailers":
			w.Header().Set("Trailer", "X-After")
			fmt.Fprint(w, "body")
			w.Header().Set("X-After", "yes")
		case "/hints":
			w.Header().Set("Link", "</a.css>")
			w.WriteHeader(http.StatusEarlyHints)
		default:
			b, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s te=%q hop=%q %s", r.Method, r.RequestURI, r.Host, r.Header.Get("Transfer-Encoding"), r.Header.Get("X-Hop"), b)
		}
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	c := client(t, p.addr)

	whole := get(t, c, "http://shop.localhost/trailers")
	if whole.body != "body" || whole.trailer.Get("X-After") != "yes" {
		t.Errorf("trailers: %+v", whole)
	}
	if got := whole.header.Get("X-Davit-Deployment"); got != "dep_1" {
		t.Errorf("deployment %q", got)
	}

	// Path and query arrive as they were sent, broken or not.
	whole = get(t, c, "http://shop.localhost/a%2Fb//c/../%7Ed?x=1;y=%zz&&z")
	if want := `GET /a%2Fb//c/../%7Ed?x=1;y=%zz&&z shop.localhost te="" hop="" `; whole.body != want {
		t.Errorf("got  %s\nwant %s", whole.body, want)
	}

	res, err := c.Head("http://shop.localhost/") //nolint:bodyclose // has none
	if err != nil || res.StatusCode != http.StatusOK || res.ContentLength <= 0 {
		t.Errorf("HEAD: %v %v", res, err)
	}

	got := raw(t, p.addr, "GET /hints HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>") || !strings.Contains(got, "HTTP/1.1 200 OK") {
		t.Errorf("early hints: %q", got)
	}

	// What Connection names, and Connection itself, end here.
	got = raw(t, p.addr, "POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n0\r\n\r\n")
	if !strings.HasSuffix(got, `POST / shop.localhost te="" hop="" ping`) {
		t.Errorf("hop by hop: %q", got)
	}
}

func TestExpectContinueAsksTheApp(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "got %s", b)
	}))
	p := start(t, nil)
	p.push(routeTo(target))

	ask := func(path string) (*bufio.Reader, net.Conn) {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", path)
		return bufio.NewReader(conn), conn
	}
	r, conn := ask("/")
	if line, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("before the body: %q", line)
	}
	fmt.Fprint(conn, "ping")
	_, _ = r.ReadString('\n')
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != "got ping" {
		t.Errorf("got %q", b)
	}
	r, _ = ask("/refuse")
	if line, _ := r.ReadString('\n'); line != "HTTP/1.1 403 Forbidden\r\n" {
		t.Errorf("an app that refuses: %q", line)
	}
}

// refusing returns a target where nobody listens: at a loopback address of its
// own, so that no other test's connection gets the port meanwhile.
func refusing(t *testing.T) proxy.Target {
	t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250)))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return targetAt(ln.Addr())
}

func TestARefusedRequestGoesToAnotherTarget(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("ok", 0))
	p := start(t, nil)
	p.push(routeTo(refusing(t), target, refusing(t)))
	c := client(t, p.addr)
	for i := range 20 {
		res, err := c.Post("http://shop.localhost/", "text/plain", struct{ io.Reader }{strings.NewReader("body")})
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(res.Body); string(b) != "ok:body" {
			t.Errorf("request %d: %s %q", i, res.Status, b)
		}
		res.Body.Close()
	}
}

func TestWhatWasSentIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "pay"} {
		var calls atomic.Int64
		abort := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			_, _ = io.ReadAll(r.Body)
			panic(http.ErrAbortHandler)
		})
		a, _ := serve(t, abort)
		b, _ := serve(t, abort)
		p := start(t, nil)
		p.push(routeTo(a, b))
		res, err := client(t, p.addr).Post("http://shop.localhost/", "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadGateway || calls.Load() != 1 {
			t.Errorf("%q: %s after %d calls, want 502 after 1", body, res.Status, calls.Load())
		}
	}
}

func TestAnAnswerThatBreaksOffIsNotMadeToLookWhole(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	res, err := client(t, p.addr).Get("http://shop.localhost/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("read %q without an error", b)
	}
}

func TestAClientThatLeavesFreesItsTarget(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan struct{})
	target, _ := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop.localhost/", nil)
		if _, err := client(t, p.addr).Do(req); !errors.Is(err, context.Canceled) { //nolint:bodyclose // there is no response
			t.Errorf("got %v", err)
		}
	})
	<-entered
	cancel()
	<-left
	wg.Wait()
	p.push()
	if n, err := p.Drain(t.Context(), []proxy.Target{target}, 10*time.Second); n != 0 || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
}
