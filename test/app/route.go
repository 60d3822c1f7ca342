package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// routes serves:
//
//	/                      the version
//	/healthz               200, or what the settings say
//	/slow?ms=N             prints "slow request", answers the version after N ms
//	/stream?n=N&ms=M       N server-sent events (0: no end), one every M ms
//	/ws                    a websocket that echoes messages
//	/headers               the request's headers as JSON, Host among them
//	/env?name=X            the variable X, or 404
//	/log?n=N&stderr=true   prints N numbered lines, then answers; from=M begins with M
//	/oom?mb=N              allocates N MB and keeps them
//	/exit?code=N           answers, then exits
func routes(s settings, started time.Time, ending <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.version) })
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if s.unhealthyFor < 0 || time.Since(started) < s.unhealthyFor {
			w.WriteHeader(s.healthStatus)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { slow(w, r, s.version) })
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) { stream(w, r, ending) })
	mux.HandleFunc("/ws", echo)
	mux.HandleFunc("/headers", headers)
	mux.HandleFunc("/env", variable)
	mux.HandleFunc("/log", printLog)
	mux.HandleFunc("/oom", allocate)
	mux.HandleFunc("/exit", exit)
	return mux
}

// number reads a parameter, 0 to limit, or returns fallback.
func number(r *http.Request, name string, limit, fallback int) int {
	n, err := strconv.Atoi(r.FormValue(name))
	if err != nil || n < 0 {
		return fallback
	}
	return min(n, limit)
}

func slow(w http.ResponseWriter, r *http.Request, version string) {
	fmt.Println("slow request")
	select {
	case <-time.After(time.Duration(number(r, "ms", 600_000, 1000)) * time.Millisecond):
		fmt.Fprint(w, version)
	case <-r.Context().Done():
	}
}

func stream(w http.ResponseWriter, r *http.Request, ending <-chan struct{}) {
	w.Header().Set("Content-Type", "text/event-stream")
	n := number(r, "n", 1_000_000_000, 0)
	tick := time.NewTicker(time.Duration(max(1, number(r, "ms", 600_000, 100))) * time.Millisecond)
	defer tick.Stop()
	for i := 1; n == 0 || i <= n; i++ {
		fmt.Fprintf(w, "id: %d\ndata: event %d\n\n", i, i)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ending:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
}

func headers(w http.ResponseWriter, r *http.Request) {
	h := r.Header.Clone()
	h.Set("Host", r.Host) // net/http keeps it apart
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(h); err != nil {
		return // the client is gone
	}
}

func variable(w http.ResponseWriter, r *http.Request) {
	v, ok := os.LookupEnv(r.FormValue("name"))
	if !ok {
		http.Error(w, "not set", http.StatusNotFound)
		return
	}
	fmt.Fprint(w, v)
}

func printLog(w http.ResponseWriter, r *http.Request) {
	out := os.Stdout
	if r.FormValue("stderr") == "true" {
		out = os.Stderr
	}
	from := number(r, "from", 100_000_000, 1)
	if err := printLines(out, from, from-1+number(r, "n", 100_000_000, 1)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func allocate(w http.ResponseWriter, r *http.Request) {
	mb := number(r, "mb", 16<<10, 1<<10)
	kept := make([][]byte, 0, mb)
	for range mb {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4 << 10 {
			block[i] = 1 // a page costs memory only once it is written
		}
		kept = append(kept, block)
	}
	<-r.Context().Done()
	fmt.Fprintln(w, len(kept))
}

func exit(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	_ = http.NewResponseController(w).Flush() // a client that is gone changes nothing
	os.Exit(number(r, "code", 255, 0))
}
