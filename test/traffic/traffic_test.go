package traffic_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/davitdev/davit/test/traffic"
)

// app runs the test application and returns its address.
func app(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "app")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../app").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "-listen", "127.0.0.1:0", "-version", "v1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the application says nothing")
	}
	return strings.TrimPrefix(lines.Text(), "listening on ")
}

// drop breaks the connection off.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// dropKept breaks off connections that bring a second request.
func dropKept() func(http.ResponseWriter, *http.Request) bool {
	var seen sync.Map
	return func(w http.ResponseWriter, r *http.Request) bool {
		_, kept := seen.LoadOrStore(r.RemoteAddr, true)
		if kept {
			drop(w)
		}
		return kept
	}
}

// goAway closes a websocket as a server that is shut down does.
func goAway(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("X-Number", r.Header.Get("X-Number"))
	w.Header().Set("X-Version", "v1")
	conn, err := websocket.Accept(w, r, nil)
	if err == nil {
		conn.Close(websocket.StatusGoingAway, "")
	}
	return true
}

// short cuts an answer's body.
func short(res *http.Response) error {
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, 50), res.Body}
	res.ContentLength = -1
	res.Header.Del("Content-Length")
	return nil
}

func TestTheOracleSeesWhatIsDropped(t *testing.T) {
	t.Parallel()
	addr := app(t)

	for _, tt := range []struct {
		name   string
		path   string // whose requests go wrong
		wrong  func(http.ResponseWriter, *http.Request) bool
		answer func(*http.Response) error
		expect string
		says   string // "": nothing is wrong
		window bool   // requests may fail
	}{
		{name: "nothing", expect: "v1"},
		{name: "a connection that breaks", path: "/", wrong: func(w http.ResponseWriter, _ *http.Request) bool { drop(w); return true }, expect: "v1", says: "EOF"},
		{name: "a kept connection that breaks, which Go makes up for", path: "/", wrong: dropKept(), expect: "v1", says: "2 connections"},
		{name: "an error", path: "/sum", wrong: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true }, expect: "v1", says: "502"},
		{name: "the answer to another", path: "/", answer: func(r *http.Response) error { r.Header.Set("X-Number", "0"); return nil }, expect: "v1", says: `request "0"`},
		{name: "a version that must not answer", expect: "v2", says: `version "v1"`},
		{name: "a download that ends too early", path: "/download", answer: short, expect: "v1", says: "after 50 bytes"},
		{name: "events that end too early", path: "/stream", answer: short, expect: "v1", says: `it says "da"`},
		{name: "a websocket that is refused", path: "/ws", wrong: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }, expect: "v1", says: "503"},
		{name: "a websocket that ends without a wish to come back", path: "/ws", wrong: goAway, expect: "v1", says: "StatusGoingAway"},
		{name: "an error in a window", path: "/sum", wrong: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true }, expect: "v1", window: true},
		{name: "a connection that breaks in a window", path: "/", wrong: func(w http.ResponseWriter, _ *http.Request) bool { drop(w); return true }, expect: "v1", window: true},
		{name: "the answer to another in a window", path: "/", answer: func(r *http.Response) error { r.Header.Set("X-Number", "0"); return nil }, expect: "v1", says: `request "0"`, window: true},
		{name: "a version that must not answer in a window", expect: "v2", says: `version "v1"`, window: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			to := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: addr}) },
				ModifyResponse: func(r *http.Response) error {
					if tt.answer != nil && r.Request.URL.Path == tt.path {
						return tt.answer(r)
					}
					return nil
				},
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.wrong != nil && r.URL.Path == tt.path && tt.wrong(w, r) {
					return
				}
				to.ServeHTTP(w, r)
			}))
			defer server.Close()
			traffic := traffic.Start(t.Context(), traffic.Options{
				Addr: server.Listener.Addr().String(), Host: "app", Connections: 12, Pace: 5 * time.Millisecond, Length: 200 * time.Millisecond, Versions: []string{tt.expect},
				Excused: func(time.Time) bool { return tt.window },
			})
			for traffic.Sent() < 100 && t.Context().Err() == nil {
				<-time.After(time.Millisecond)
			}
			r := traffic.Stop()
			for kind, n := range r.Sent {
				if n == 0 {
					t.Errorf("nothing was sent by %s", kind)
				}
			}
			all := strings.Join(r.Failures, "\n")
			if len(r.Sent) != 6 || r.All() < 100 || (r.Failed > 0) != (tt.says != "") || !strings.Contains(all, tt.says) {
				t.Errorf("%d of %d failed: %s, want %q", r.Failed, r.All(), all, tt.says)
			}
			if (r.Excused > 0) != (tt.window && tt.says == "") {
				t.Errorf("%d of %d are excused", r.Excused, r.All())
			}
		})
	}
}
