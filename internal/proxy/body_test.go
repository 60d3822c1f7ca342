package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/proxy"
)

// hidden is a request that a client puts where the body of another one breaks
// off. The connection ends with its answer, if it gets one.
const hidden = "GET /hidden HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\nX-Pad: 123456\r\n\r\n"

// brokenBodies are chunked ones, each from where it breaks.
var brokenBodies = map[string]string{
	"an empty extension":       "40;\r\n" + hidden,
	"a line that only feeds":   "40;\n" + hidden + "\r\n0\r\n\r\n",
	"a size that is no number": "zz\r\n" + hidden,
	"a size that is too large": "fffffffffffffffff\r\n" + hidden,
	"a size below zero":        "-1\r\n" + hidden,
	"no size":                  "\r\n" + hidden,
	"no line after the data":   "2\r\nokXX" + hidden,
	"data beyond the size":     "2\r\nokay\r\n" + hidden,
	"a trailer that is none":   "0\r\nbad trailer\r\n" + hidden,
	"a trailer without a name": "0\r\n: none\r\n\r\n" + hidden,
}

// dial connects to the proxy for at most ten seconds.
func dial(t *testing.T, p *running) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn, bufio.NewReader(conn)
}

// read reads one whole answer.
func read(t *testing.T, r *bufio.Reader) (status int, body string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return res.StatusCode, string(b)
}

// seen wraps an app and counts the hidden requests that arrive at it.
func seen(h http.HandlerFunc) (http.Handler, *atomic.Int64) {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hidden" {
			n.Add(1)
		}
		h(w, r)
	}), &n
}

const chunkedHead = "POST /a HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestNothingAfterABrokenBodyIsARequest(t *testing.T) {
	t.Parallel()
	app, hits := seen(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		fmt.Fprint(w, "ok")
	})
	up, _ := serve(t, app)
	store := sites(t)
	for by, route := range map[string]proxy.Route{
		"an app":          routeTo(up),
		"no app":          routeTo(refusing(t)),
		"no replica":      {Host: "shop.localhost", Instance: "ins_1", State: proxy.Crashed},
		"a site":          siteRoute(bundle(t, store, "index.html", "home")),
		"no route at all": {Host: "bank.localhost", Instance: "ins_1", State: proxy.Crashed},
	} {
		p := start(t, nil)
		p.push(route)
		for name, body := range brokenBodies {
			for _, first := range []string{"", "4\r\nping\r\n"} {
				got := raw(t, p.addr, chunkedHead+first+body)
				if n := strings.Count(got, "HTTP/1.1 "); n != 1 || !strings.Contains(got, "\r\nConnection: close\r\n") && by == "an app" {
					t.Errorf("%s, answered by %s: %d answers: %q", name, by, n, got)
				}
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the app got %d hidden requests", n)
	}
}

// early answers a request of which only the beginning is there.
func early(chunked bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		if chunked {
			fmt.Fprint(w, "no")
			_ = http.NewResponseController(w).Flush()
		}
		fmt.Fprint(w, "thanks")
	}
}

func TestNothingAfterABrokenBodyIsARequestOnceItIsAnswered(t *testing.T) {
	t.Parallel()
	for _, chunked := range []bool{false, true} {
		app, hits := seen(early(chunked))
		target, _ := serve(t, app)
		p := start(t, nil)
		p.push(routeTo(target))
		for name, body := range brokenBodies {
			conn, r := dial(t, p)
			fmt.Fprintf(conn, "%s2000\r\n%s\r\n", chunkedHead, strings.Repeat("x", 0x2000))
			if status, got := read(t, r); status != http.StatusOK || !strings.HasSuffix(got, "thanks") {
				t.Fatalf("%s: %d %q", name, status, got)
			}
			_, _ = io.WriteString(conn, body) // fails if the proxy has closed already
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("chunked=%t, %s: after the answer %q", chunked, name, rest)
			}
		}
		if n := hits.Load(); n != 0 {
			t.Errorf("chunked=%t: the app got %d hidden requests", chunked, n)
		}
	}
}

func TestNothingAfterABrokenStreamIsARequest(t *testing.T) {
	t.Parallel()
	app, hits := seen(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		in := bufio.NewScanner(r.Body)
		for in.Scan() {
			fmt.Fprintln(w, strings.ToUpper(in.Text()))
			_ = http.NewResponseController(w).Flush()
		}
	})
	target, _ := serve(t, app)
	p := start(t, nil)
	p.push(routeTo(target))
	for name, body := range brokenBodies {
		conn, r := dial(t, p)
		fmt.Fprint(conn, chunkedHead, "5\r\nping\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(res.Body).ReadString('\n'); line != "PING\n" {
			t.Fatalf("%s: %q %v", name, line, err)
		}
		fmt.Fprint(conn, body)
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if rest, _ := io.ReadAll(r); strings.Contains(string(rest), "HTTP/1.1") {
			t.Errorf("%s: after the answer %q", name, rest)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the app got %d hidden requests", n)
	}
}

func TestAConnectionIsKeptAfterAWholeBody(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s;", r.Method, b)
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	for request, want := range map[string]string{
		"POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4;a=b\r\nping\r\n0\r\nX-Sum: 7\r\n\r\n": "POST ping;",
		"POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 4\r\n\r\nping":                                                              "POST ping;",
		"POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 0\r\n\r\n":                                                                  "POST ;",
		"POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                                                "POST ;",
		"GET / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 4\r\n\r\nping":                                                               "GET ping;",
	} {
		conn, r := dial(t, p)
		fmt.Fprint(conn, request, request, hidden)
		for range 2 {
			if status, got := read(t, r); got != want {
				t.Errorf("%q: %d %q", request, status, got)
			}
		}
		if status, _ := read(t, r); status != http.StatusOK {
			t.Errorf("%q: then %d", request, status)
		}
	}
	got := raw(t, p.addr, "HEAD / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 4\r\n\r\nping"+hidden)
	if strings.Count(got, "HTTP/1.1 200 OK") != 2 {
		t.Errorf("HEAD with a body: %q", got)
	}
}

// The app has answered before the client has sent all, and both go on.
func TestAConnectionIsKeptWhenTheRestOfTheBodyComes(t *testing.T) {
	t.Parallel()
	app, hits := seen(early(false))
	target, _ := serve(t, app)
	p := start(t, nil)
	p.push(routeTo(target))
	conn, r := dial(t, p)
	fmt.Fprintf(conn, "%s2000\r\n%s\r\n", chunkedHead, strings.Repeat("x", 0x2000))
	if _, got := read(t, r); got != "thanks" {
		t.Fatalf("got %q", got)
	}
	fmt.Fprint(conn, "2\r\nok\r\n0\r\n\r\n", hidden)
	if _, got := read(t, r); got != "thanks" || hits.Load() != 1 {
		t.Errorf("the next request: %q, %d", got, hits.Load())
	}
}

// A client that waits for the whole answer before it sends more gets it, and
// one that sends on as well.
func TestAnEarlyAnswerArrivesWhole(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	for _, chunked := range []bool{false, true} {
		target, _ := serve(t, early(chunked))
		p := start(t, nil)
		p.push(routeTo(target))
		for _, more := range []int64{0, size} {
			conn, r := dial(t, p)
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", 0x2000))
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.CopyN(conn, &pattern{}, more) // fails when the proxy closes
			}()
			began := time.Now()
			if _, got := read(t, r); !strings.HasSuffix(got, "thanks") || time.Since(began) > 4*time.Second {
				t.Errorf("chunked=%t, %d more: %q after %s", chunked, more, got, time.Since(began))
			}
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("chunked=%t, %d more: after the answer %q", chunked, more, rest)
			}
			<-done
		}
	}
}

func TestABodyThatWasNotAskedForIsNoRequest(t *testing.T) {
	t.Parallel()
	app, hits := seen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	target, _ := serve(t, app)
	p := start(t, nil)
	p.push(routeTo(target))
	const head = "PUT / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 900\r\nExpect: 100-continue\r\n\r\n"
	for _, body := range []string{"", hidden} {
		began := time.Now()
		got := raw(t, p.addr, head+body)
		if strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, "\r\nConnection: close\r\n") || time.Since(began) > 4*time.Second {
			t.Errorf("after %s: %q", time.Since(began), got)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the app got %d hidden requests", n)
	}
}

func TestABodyThatEndsTooEarlyEndsTheConnection(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("ok", 0))
	p := start(t, nil)
	p.push(routeTo(target))
	conn, r := dial(t, p)
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 900\r\n\r\n", hidden)
	_ = conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(r); err != nil || strings.Contains(string(got), " 200 ") || strings.Count(string(got), "HTTP/1.1 ") > 1 {
		t.Errorf("%q %v", got, err)
	}
}

// While the body comes in, what follows is not yet the other protocol's.
func TestNoSwitchOfProtocolsInsideABody(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, upgradeTo(t, "lines"))
	p := start(t, nil)
	p.push(routeTo(target))
	const head = "POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: lines\r\n"
	conn, r := dial(t, p)
	fmt.Fprintf(conn, "%sContent-Length: 10000\r\n\r\n%s", head, strings.Repeat("x", 0x2000))
	status, got := read(t, r)
	if status != http.StatusBadRequest || !strings.Contains(got, "BAD_REQUEST") {
		t.Errorf("%d %q", status, got)
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("after the answer %q", rest)
	}

	conn, r = dial(t, p)
	fmt.Fprint(conn, head, "Transfer-Encoding: chunked\r\n\r\nzz\r\n", hidden)
	if b, err := io.ReadAll(r); err != nil || strings.Count(string(b), "HTTP/1.1 ") != 1 {
		t.Errorf("a broken body: %q %v", b, err)
	}
}

// HTTP/1.0 has no chunks: where one is said to be, nobody knows what the
// request's end is to others (RFC 9112, section 6.1).
func TestNoConnectionIsKeptForHTTP10(t *testing.T) {
	t.Parallel()
	app, hits := seen(echoAfter("ok", 0).ServeHTTP)
	target, _ := serve(t, app)
	p := start(t, nil)
	store := sites(t)
	for _, route := range []proxy.Route{routeTo(target), siteRoute(bundle(t, store, "index.html", "home")), {Host: "bank.localhost", Instance: "ins_1", State: proxy.Crashed}} {
		p.push(route)
		for _, head := range []string{"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"} {
			got := raw(t, p.addr, "POST / HTTP/1.0\r\nHost: shop.localhost\r\nConnection: keep-alive\r\n"+head+"\r\n"+hidden)
			if n := strings.Count(got, "HTTP/1."); n != 1 {
				t.Errorf("%q: %d answers: %q", head, n, got)
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the app got %d hidden requests", n)
	}
}
