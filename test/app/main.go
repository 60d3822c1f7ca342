// Command app is what the tests deploy: an HTTP server that behaves as well
// or as badly as its flags say. Each flag can be given by the environment
// variable APP_<FLAG>, with _ for -; the port also by PORT.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// settings say how to behave.
type settings struct {
	version      string        // answered at /
	listen       string        // host:port; "" is all addresses at PORT; "none" never listens
	print        int           // lines to print before anything else
	partial      string        // to print to stderr after those, without a newline
	exitAfter    time.Duration // end by itself; 0: before it listens; negative: do not
	exitCode     int           // status of that end
	unhealthyFor time.Duration // how long /healthz fails; negative: for ever
	healthStatus int           // what a failing /healthz answers
	stopDelay    time.Duration // serve on for this long after SIGTERM
	ignoreTerm   bool          // outlive SIGTERM
	printRate    int           // numbered lines to print each second; 0: none
	printFor     time.Duration // how long it does that; 0: all the time

	printer *printer
}

func main() {
	s, err := parse(os.Args[1:], os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(2)
	}
	if err := printLines(os.Stdout, 1, s.print); err != nil {
		os.Exit(1)
	}
	fmt.Fprint(os.Stderr, s.partial)
	if s.printRate > 0 {
		s.printer = &printer{out: os.Stdout, rate: s.printRate, limit: s.printFor}
		go s.printer.run()
	}
	code, err := run(context.Background(), s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
	}
	os.Exit(code)
}

func parse(args []string, env func(string) (string, bool)) (settings, error) {
	var s settings
	set := flag.NewFlagSet("app", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&s.version, "version", "dev", "")
	set.StringVar(&s.listen, "listen", "", "")
	set.IntVar(&s.print, "print", 0, "")
	set.StringVar(&s.partial, "partial", "", "")
	set.DurationVar(&s.exitAfter, "exit-after", -1, "")
	set.IntVar(&s.exitCode, "exit-code", 0, "")
	set.DurationVar(&s.unhealthyFor, "unhealthy-for", 0, "")
	set.IntVar(&s.healthStatus, "health-status", http.StatusServiceUnavailable, "")
	set.DurationVar(&s.stopDelay, "stop-delay", 0, "")
	set.IntVar(&s.printRate, "print-rate", 0, "")
	set.DurationVar(&s.printFor, "print-for", 0, "")
	set.BoolVar(&s.ignoreTerm, "ignore-term", false, "")

	var errs []error
	set.VisitAll(func(f *flag.Flag) {
		name := "APP_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := env(name); ok {
			if err := set.Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	errs = append(errs, set.Parse(args))
	if s.listen == "" {
		port, ok := env("PORT")
		if !ok {
			port = "8080"
		}
		s.listen = ":" + port
	}
	return s, errors.Join(errs...)
}

// run serves until the settings or a signal say to end, and returns the exit
// status. What is in flight then is answered.
func run(ctx context.Context, s settings) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	var exit <-chan time.Time
	if s.exitAfter >= 0 {
		exit = time.After(s.exitAfter)
	}
	served := make(chan error, 1)
	server := newServer(s)
	if s.listen != "none" && s.exitAfter != 0 { // who ends at once must not have answered a probe before
		l, err := net.Listen("tcp", s.listen)
		if err != nil {
			return 1, err
		}
		fmt.Println("listening on", l.Addr())
		go func() { served <- server.Serve(l) }()
	}
	for {
		select {
		case err := <-served:
			return 1, err
		case <-exit:
			return s.exitCode, nil
		case sig := <-signals:
			fmt.Println("received", sig)
			if s.ignoreTerm {
				continue
			}
			<-time.After(s.stopDelay)
			return 0, server.Shutdown(ctx)
		}
	}
}

// newServer returns the server. Streams, which would never end, end when it
// shuts down; everything else is answered.
func newServer(s settings) *http.Server {
	ending := make(chan struct{})
	server := &http.Server{Handler: routes(s, time.Now(), ending), ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(func() { close(ending) })
	return server
}

// printLines writes "line FROM" to "line TO" as fast as w takes them.
func printLines(w io.Writer, from, to int) error {
	b := bufio.NewWriterSize(w, 64<<10)
	for i := from; i <= to; i++ {
		fmt.Fprintf(b, "line %d\n", i)
	}
	return b.Flush()
}
