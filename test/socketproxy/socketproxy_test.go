package socketproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// engine answers each call with its path, and echoes on upgraded connections.
func engine(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(w, r.URL.RequestURI())
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		_, _ = io.CopyN(conn, buffered, 5)
	})}}
	srv.Start()
	t.Cleanup(srv.Close)
	return socket
}

func newProxy(t *testing.T, allowed ...Call) (*Proxy, *httptest.Server) {
	t.Helper()
	p := New(engine(t), allowed)
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return p, srv
}

func TestOnlyWhatIsAllowedPasses(t *testing.T) {
	t.Parallel()

	p, srv := newProxy(t, Call{"GET", "/_ping"}, Call{"GET", "/containers/{id}/json"}, Call{"GET", "/images/{name...}/json"}, Call{"DELETE", "/networks/{id}"})
	for _, tt := range []struct {
		method, path string
		passes       bool
	}{
		{"GET", "/_ping", true},
		{"GET", "/v1.41/containers/a/json?all=1", true},
		{"GET", "/v1.41/images/127.0.0.1:5000/a/b@sha256:1/json", true},
		{"HEAD", "/_ping", false},
		{"GET", "/v1.41/containers/a/b/json", false},
		{"GET", "/v1.41/containers//json", false},
		{"GET", "/v1.41/containers/json", false},
		{"POST", "/v1.41/containers/a/json", false},
		{"GET", "/v1.41/images/a/jsonx", false},
		{"GET", "/x/_ping", false},
		{"GET", "/v1.41", false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if passes := res.StatusCode == http.StatusOK; passes != tt.passes || passes && string(body) != tt.path {
			t.Errorf("%s %s: %s %q", tt.method, tt.path, res.Status, body)
		}
	}
	if want := []Call{{"DELETE", "/networks/{id}"}}; !slices.Equal(p.Unused(), want) {
		t.Errorf("unused are %v, want %v", p.Unused(), want)
	}
	if n := len(p.Refused()); n != 8 {
		t.Errorf("%d were refused: %q", n, p.Refused())
	}
}

func TestUpgradedConnectionsPass(t *testing.T) {
	t.Parallel()

	_, srv := newProxy(t, Call{"POST", "/containers/{id}/attach"})
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST /v1.41/containers/a/attach HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", res, err)
	}
	defer res.Body.Close()
	fmt.Fprint(conn, "hello")
	var echo [5]byte
	if _, err := io.ReadFull(r, echo[:]); err != nil || string(echo[:]) != "hello" {
		t.Errorf("%q, %v", echo, err)
	}
}

func TestATableIsRead(t *testing.T) {
	t.Parallel()

	const text = "# Calls\n\n| method | path | why |\n|---|---|---|\n| `GET` | `/info` | a |\n| `POST` | `/images/create` | `b` |\n"
	calls, err := ReadTable(text)
	if want := []Call{{"GET", "/info"}, {"POST", "/images/create"}}; err != nil || !slices.Equal(calls, want) {
		t.Errorf("%v, %v; want %v", calls, err, want)
	}
	for _, wrong := range []string{"", "| method | path |", text + "| `GET` | `/info` | again |\n"} {
		if calls, err := ReadTable(wrong); err == nil {
			t.Errorf("%q: %v", wrong, calls)
		}
	}
}
