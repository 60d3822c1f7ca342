package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func serve(t *testing.T, s settings, started time.Time) string {
	t.Helper()
	server := httptest.NewServer(routes(s, started, t.Context().Done()))
	t.Cleanup(server.Close)
	return server.URL
}

func TestRoutes(t *testing.T) {
	t.Setenv("APP_ROUTE_TEST", "value")
	url := serve(t, settings{version: "v1"}, time.Now())

	tests := []struct {
		path   string
		status int
		body   string
	}{
		{"/", 200, "v1"},
		{"/healthz", 200, ""},
		{"/slow?ms=1", 200, "v1"},
		{"/stream?n=2&ms=1", 200, "id: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n"},
		{"/env?name=APP_ROUTE_TEST", 200, "value"},
		{"/env?name=APP_ROUTE_TEST_UNSET", 404, "not set\n"},
		{"/download?bytes=5&ms=1", 200, "\x00\x01\x02\x03\x04"},
		{"/sum", 200, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 v1"},
		{"/pace", 404, "nothing is printed all the time\n"},
		{"/nowhere", 404, "404 page not found\n"},
	}
	for _, tt := range tests {
		res, err := http.Get(url + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != tt.status || string(body) != tt.body {
			t.Errorf("%s: got %d %q, want %d %q", tt.path, res.StatusCode, body, tt.status, tt.body)
		}
	}
}

func TestABodyThatCameOtherwiseIsRefused(t *testing.T) {
	t.Parallel()

	req, err := http.NewRequest(http.MethodPost, serve(t, settings{}, time.Now())+"/sum", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Sum", "another")
	req.Header.Set("X-Number", "7")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnprocessableEntity || res.Header.Get("X-Number") != "7" {
		t.Errorf("status %d, number %q", res.StatusCode, res.Header.Get("X-Number"))
	}
}

func TestThePrinterKeepsItsPaceAndSaysWhenItWasHeldUp(t *testing.T) {
	t.Parallel()

	out, in := io.Pipe()
	p := &printer{out: in, rate: 1000}
	go p.run()
	lines := bufio.NewScanner(out)
	var began time.Time
	for n := 1; n <= 500; n++ {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("line %d", n) {
			t.Fatalf("line %d is %q", n, lines.Text())
		}
		if n == 100 { // the reader pauses
			began = time.Now()
			<-time.After(100 * time.Millisecond)
		}
	}
	paused := time.Since(began)
	out.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.behind < 90*time.Millisecond || p.behind > paused+10*time.Second {
		t.Errorf("it was %s behind", p.behind)
	}
}

func TestHealthFailsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name         string
		unhealthyFor time.Duration
		age          time.Duration
		want         int
	}{
		{"healthy from the start", 0, 0, 200},
		{"not yet healthy", time.Minute, time.Second, 418},
		{"healthy by now", time.Minute, time.Hour, 200},
		{"never healthy", -1, 1000 * time.Hour, 418},
	}
	for _, tt := range tests {
		url := serve(t, settings{unhealthyFor: tt.unhealthyFor, healthStatus: 418}, time.Now().Add(-tt.age))
		res, err := http.Get(url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, res.StatusCode, tt.want)
		}
	}
}

func TestWebsocketEchoes(t *testing.T) {
	t.Parallel()

	url := serve(t, settings{}, time.Now()) + "/ws"
	c, _, err := websocket.Dial(t.Context(), url, nil) //nolint:bodyclose // Dial's answer has none
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, got, err := c.Read(t.Context())
	if err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestHeadersNameTheHost(t *testing.T) {
	t.Parallel()

	req, err := http.NewRequest(http.MethodGet, serve(t, settings{}, time.Now())+"/headers", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.localhost"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if !strings.Contains(string(body), `"Host":["shop.localhost"]`) {
		t.Errorf("got %s", body)
	}
}
