package runnertest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/davitdev/davit/runner"
)

// settings are those of test/app.
type settings struct {
	version      string
	listen       string
	print        int
	partial      string
	exitAfter    time.Duration
	exitCode     int
	unhealthyFor time.Duration
	healthStatus int
	stopDelay    time.Duration
	ignoreTerm   bool
}

// parseSettings reads what test/app reads: flags, and APP_… variables.
func parseSettings(args []string, env map[string]string) (settings, error) {
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
	set.BoolVar(&s.ignoreTerm, "ignore-term", false, "")
	var failed error
	set.VisitAll(func(f *flag.Flag) {
		if v, ok := env["APP_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))]; ok && failed == nil {
			failed = set.Set(f.Name, v)
		}
	})
	if failed != nil {
		return s, failed
	}
	return s, set.Parse(args)
}

// routes are those of test/app that tests of a control plane use.
func (r *run) routes() http.Handler {
	number := func(req *http.Request, name string, fallback int) int {
		if n, err := strconv.Atoi(req.FormValue(name)); err == nil && n >= 0 {
			return n
		}
		return fallback
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, r.app.version) })
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if r.app.unhealthyFor < 0 || time.Since(r.since) < r.app.unhealthyFor {
			w.WriteHeader(r.app.healthStatus)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-time.After(time.Duration(number(req, "ms", 1000)) * time.Millisecond):
			fmt.Fprint(w, r.app.version)
		case <-req.Context().Done():
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, req *http.Request) {
		h := req.Header.Clone()
		h.Set("Host", req.Host)
		_ = json.NewEncoder(w).Encode(h)
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, req *http.Request) {
		r.box.engine.mu.Lock()
		v, ok := r.box.env()[req.FormValue("name")]
		r.box.engine.mu.Unlock()
		if !ok {
			http.Error(w, "not set", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, v)
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, req *http.Request) {
		for _, f := range r.box.spec.Files {
			if f.Path == req.FormValue("path") {
				fmt.Fprintf(w, "%o %s", f.Mode, f.Content)
				return
			}
		}
		http.Error(w, "no such file", http.StatusNotFound)
	})
	mux.HandleFunc("/log", func(_ http.ResponseWriter, req *http.Request) {
		fd := runner.Stdout
		if req.FormValue("stderr") == "true" {
			fd = runner.Stderr
		}
		r.box.engine.mu.Lock()
		defer r.box.engine.mu.Unlock()
		r.box.print(fd, number(req, "n", 1))
	})
	mux.HandleFunc("/oom", func(http.ResponseWriter, *http.Request) { r.exit(137, true) })
	mux.HandleFunc("/exit", func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		r.exit(number(req, "code", 0), false)
	})
	return mux
}

// Exec does what test/app would do with the flags.
func (f *Fake) Exec(ctx context.Context, name string, argv []string) (runner.ExecResult, error) {
	if err := f.ready(ctx); err != nil {
		return runner.ExecResult{}, err
	}
	if len(argv) == 0 || argv[0] == "" {
		f.mu.Unlock()
		return runner.ExecResult{}, runner.ErrSpec
	}
	b, err := f.find(name)
	if err == nil && b.State != runner.Running {
		err = runner.ErrNotRunning
	}
	if err != nil {
		f.mu.Unlock()
		return runner.ExecResult{}, err
	}
	known, ended := argv[0] == b.image.Cmd[0], b.run.ended
	app, wrong := parseSettings(argv[1:], nil)
	f.mu.Unlock()
	switch {
	case !known:
		return runner.ExecResult{ExitCode: 127, Output: []byte("executable file not found")}, nil
	case wrong != nil:
		return runner.ExecResult{ExitCode: 2, Output: []byte(wrong.Error())}, nil //nolint:nilerr // the command failed, not Exec
	case app.exitAfter < 0:
		select {
		case <-ctx.Done():
			return runner.ExecResult{}, ctx.Err()
		case <-ended:
			return runner.ExecResult{ExitCode: 137}, nil
		}
	}
	out := []byte(numbered(app.print))
	return runner.ExecResult{ExitCode: app.exitCode, Output: out[:min(len(out), runner.MaxExecOutput)]}, nil
}
