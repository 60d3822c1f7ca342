// Hello answers with a page that says which version of it is running. It logs
// every request, and a line every ten seconds, so that there is something to
// watch.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// drain is how long requests may take to finish once we are asked to stop.
const drain = 10 * time.Second

func main() {
	log.SetFlags(0) // who collects the lines knows the time
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, ":"+cmp.Or(os.Getenv("PORT"), "8080")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	server := &http.Server{Addr: addr, Handler: logged(handler()), ReadHeaderTimeout: 5 * time.Second}
	go tick(ctx)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		log.Print("stopping: requests under way may finish")
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		stopped <- server.Shutdown(ctx)
	}()
	log.Printf("listening on %s", addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func handler() http.Handler {
	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		host, _ := os.Hostname()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err := page.Execute(w, map[string]string{
			"Version":  cmp.Or(os.Getenv("VERSION"), "dev"),
			"Commit":   os.Getenv("COMMIT"),
			"Greeting": cmp.Or(os.Getenv("GREETING"), "Hello!"),
			"Host":     host,
			"Started":  started.UTC().Format(time.RFC1123),
		})
		if err != nil {
			log.Printf("page: %v", err)
		}
	})
	return mux
}

// logged logs one line for each request.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, answer := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		log.Printf("%s %q %d in %s", r.Method, r.URL.Path, answer.status, time.Since(began).Round(time.Microsecond))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// tick logs a line every ten seconds until ctx ends.
func tick(ctx context.Context) {
	t := time.NewTicker(10 * time.Second)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			log.Printf("tick %d", n)
		}
	}
}
