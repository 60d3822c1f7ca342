package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
//	/sum                   a body's SHA-256 and the version; 422 if X-Sum is another
//	/download?bytes=N&ms=M N bytes, which count up, spread over M ms
//	/pace                  how the application got on printing, as JSON
//	/stream?n=N&ms=M       N server-sent events (0: no end), one every M ms
//	/ws                    a websocket that echoes messages
//	/headers               the request's headers as JSON, Host among them
//	/env?name=X            the variable X, or 404
//	/file?path=P           the mode in octal digits and the content of the config file P, or 404
//	/log?n=N&stderr=true   prints N numbered lines, then answers; from=M begins with M
//	/oom?mb=N              allocates N MB and keeps them
//	/exit?code=N           answers, then exits
//
// Each answer has the X-Number of its request, and the version as X-Version.
func routes(s settings, started time.Time, ending <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.version) })
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if s.unhealthyFor < 0 || time.Since(started) < s.unhealthyFor {
			w.WriteHeader(s.healthStatus)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { slow(w, r, s.version) })
	mux.HandleFunc("/sum", func(w http.ResponseWriter, r *http.Request) { sum(w, r, s.version) })
	mux.HandleFunc("/download", download)
	mux.HandleFunc("/pace", s.printer.report)
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) { stream(w, r, ending) })
	mux.HandleFunc("/ws", echo)
	mux.HandleFunc("/headers", headers)
	mux.HandleFunc("/env", variable)
	mux.HandleFunc("/file", file)
	mux.HandleFunc("/log", printLog)
	mux.HandleFunc("/oom", allocate)
	mux.HandleFunc("/exit", exit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := r.Header.Get("X-Number"); n != "" {
			w.Header().Set("X-Number", n)
		}
		w.Header().Set("X-Version", s.version)
		mux.ServeHTTP(w, r)
	})
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

func sum(w http.ResponseWriter, r *http.Request, version string) {
	h := sha256.New()
	if _, err := io.Copy(h, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	got := hex.EncodeToString(h.Sum(nil))
	if want := r.Header.Get("X-Sum"); want != "" && want != got {
		http.Error(w, "the body is another: "+got, http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintf(w, "%s %s", got, version)
}

// piece is how much of a download is written at once.
const piece = 16 << 10

func download(w http.ResponseWriter, r *http.Request) {
	n := number(r, "bytes", 1<<30, 1<<20)
	pieces := (n + piece - 1) / piece
	tick := time.NewTicker(max(1, time.Duration(number(r, "ms", 600_000, 0))*time.Millisecond/time.Duration(max(1, pieces))))
	defer tick.Stop()
	w.Header().Set("Content-Length", strconv.Itoa(n))
	buf := make([]byte, 0, piece)
	for at := 0; at < n; at += len(buf) {
		buf = buf[:0]
		for i := at; i < n && len(buf) < piece; i++ {
			buf = append(buf, byte(i))
		}
		if _, err := w.Write(buf); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
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

// file finds config files with and without a root directory of its own.
func file(w http.ResponseWriter, r *http.Request) {
	at := os.Getenv("DAVIT_FILES") + r.FormValue("path")
	text, err := os.ReadFile(at) //nolint:gosec // what a test asks for
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	info, err := os.Stat(at)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	fmt.Fprintf(w, "%o %s", info.Mode().Perm(), text)
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
