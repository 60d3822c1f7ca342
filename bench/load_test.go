package main

import (
	"bufio"
	"strings"
	"testing"
	"time"
)

func TestLoadCountsWhatTheBackendAnswered(t *testing.T) {
	t.Parallel()

	app, err := startBackend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, took, err := load(t.Context(), app.addr(), 1000, 50*time.Millisecond)
	if err != nil || n < connections || took < 50*time.Millisecond {
		t.Errorf("%d answers in %s, %v", n, took, err)
	}
	if err := app.close(); err != nil {
		t.Error(err)
	}
	if _, _, err := load(t.Context(), app.addr(), 1000, time.Millisecond); err == nil {
		t.Error("nobody is there and load is content")
	}
}

func TestAnAnswerIsOneOfTheSizeAskedFor(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]struct{ good, last bool }{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc":                      {good: true},
		"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: Close\r\n\r\nabc": {good: true, last: true},
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab":                       {},
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab":                       {},
		"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nabc":             {},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":       {},
	} {
		last, err := readAnswer(bufio.NewReader(strings.NewReader(text)), 3)
		if (err == nil) != want.good || err == nil && last != want.last {
			t.Errorf("%q: last %t, %v", text, last, err)
		}
	}
}
