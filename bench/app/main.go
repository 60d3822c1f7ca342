// App is what D3 deploys: it answers every request, and says when it answered
// first, which is its first good probe.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// sinceHeader of every answer is when the first one was given, in nanoseconds
// since 1970.
const sinceHeader = "X-Since"

func main() {
	since := sync.OnceValue(func() string { return strconv.FormatInt(time.Now().UnixNano(), 10) })
	server := &http.Server{
		Addr: ":8080", ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(sinceHeader, since())
			fmt.Fprintln(w, "hello")
		}),
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-asked
		_ = server.Close() // who asked has drained it
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("cannot serve", "err", err)
		os.Exit(1)
	}
	<-ended
}
