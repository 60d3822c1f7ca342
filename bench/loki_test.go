package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
)

func TestAnEntryIsWhatProtobufMakesOfIt(t *testing.T) {
	t.Parallel()

	// 2: {1: {1: 1700000000, 2: 5}, 2: "hi"}
	const want = "120e" + "0a08" + "0880e2cfaa06" + "1005" + "12026869"
	if got := hex.EncodeToString(appendEntry(nil, 1_700_000_000_000_000_005, []byte("hi"))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLokiIsPushedAStreamAndAskedForAText(t *testing.T) {
	t.Parallel()

	var pushed, query string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loki/api/v1/push":
			body, _ := io.ReadAll(r.Body)
			request, err := snappy.Decode(nil, body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			pushed = hex.EncodeToString(request)
			w.WriteHeader(http.StatusNoContent)
		case "/loki/api/v1/query_range":
			query = r.FormValue("query")
			fmt.Fprint(w, `{"data":{"result":[{"values":[["1","a"],["2","b"]]},{"values":[["3","c"]]}]}}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	k := &loki{program: &program{addr: strings.TrimPrefix(server.URL, "http://")}}
	if err := k.push(t.Context(), "{}", appendEntry(nil, 1_700_000_000_000_000_005, []byte("hi"))); err != nil {
		t.Fatal(err)
	}
	// 1: {1: "{}", 2: the entry}
	if want := "0a14" + "0a027b7d" + "120e0a080880e2cfaa06100512026869"; pushed != want {
		t.Errorf("pushed %s, want %s", pushed, want)
	}
	found, err := k.search(t.Context(), "a needle")
	if err != nil || found != 3 || query != `{job="bench"} |= "a needle"` {
		t.Errorf("%d lines for %s, %v", found, query, err)
	}
	if _, err := k.ask(t.Context(), http.MethodPost, "/elsewhere", nil, nil); err == nil {
		t.Error("a refusal is no error")
	}
}

func TestOneLineOfATurnHoldsItsNeedle(t *testing.T) {
	t.Parallel()

	for turn := range 2 {
		c := grow(turn, 1000)
		found := 0
		for n := range c.lines {
			if len(c.line(n)) == 0 || string(c.line(n)) == needle(turn) {
				t.Fatalf("line %d is %q", n, c.line(n))
			}
			if string(c.line(n)) == "the needle is "+needle(turn)+" in here" {
				found++
			}
		}
		if len(c.lines) != 1000 || found != 1 {
			t.Errorf("turn %d has %d lines and %d needles", turn, len(c.lines), found)
		}
	}
}
