package runnertest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/davitdev/davit/runner"
)

// box is a container of a Fake. The engine's lock guards it.
type box struct {
	runner.Container
	engine       *fakeEngine
	installation string
	spec         runner.Spec
	image        FakeImage
	log          []entry
	starts       int
	gone         bool
	run          *run          // the present or last one
	wake         chan struct{} // closed and replaced when anything changes
}

// run is one run of a container's application.
type run struct {
	box   *box
	app   settings
	since time.Time
	srv   *http.Server
	port  *port
	later []*time.Timer // what it has in mind
	ended chan struct{}
}

// settings are those of test/app.
type settings struct {
	version      string
	listen       string
	print        int
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

// env is what the application sees.
func (b *box) env() map[string]string {
	env := maps.Clone(b.image.Env)
	if env == nil {
		env = make(map[string]string)
	}
	maps.Copy(env, b.spec.Env)
	if b.spec.Port != 0 {
		env["PORT"] = strconv.Itoa(int(b.Addr.Port()))
	}
	return env
}

// start runs the application; the lock is held.
func (b *box) start() error {
	argv := b.spec.Command
	if argv == nil {
		argv = b.image.Cmd
	}
	if argv[0] != b.image.Cmd[0] {
		return &runner.StartError{ExitCode: 127, Message: fmt.Sprintf("exec: %q: executable file not found", argv[0])}
	}
	app, err := parseSettings(argv[1:], b.env())
	if err != nil {
		return err
	}
	port, err := reserve()
	if err != nil {
		return err
	}
	r := &run{box: b, app: app, since: time.Now(), port: port, ended: make(chan struct{})}
	b.run, b.State, b.StartedAt, b.EndedAt, b.ExitCode, b.OOMKilled = r, runner.Running, r.since, time.Time{}, 0, false
	b.starts++
	if b.spec.Port != 0 {
		b.Addr = port.addr
	}
	b.engine.publish(b, runner.EventStarted)
	b.print(runner.Stdout, app.print)
	if app.listen == "" {
		r.srv = &http.Server{Handler: r.routes(), ReadHeaderTimeout: patience}
		if b.image.ListenAfter > 0 {
			r.after(b.image.ListenAfter, r.serve)
		} else {
			r.serve()
		}
	}
	if app.exitAfter == 0 {
		b.finish(app.exitCode, false)
	} else if app.exitAfter > 0 {
		r.after(app.exitAfter, func() { b.finish(app.exitCode, false) })
	}
	return nil
}

// after calls do under the lock, unless the run has ended.
func (r *run) after(d time.Duration, do func()) {
	r.later = append(r.later, time.AfterFunc(d, func() {
		r.box.engine.mu.Lock()
		defer r.box.engine.mu.Unlock()
		if r.box.run == r && r.box.State == runner.Running {
			do()
		}
	}))
}

// serve begins to listen; the lock is held.
func (r *run) serve() {
	ln, err := r.port.listen()
	if err != nil {
		r.box.write(runner.Stderr, err.Error())
		r.box.finish(1, false)
		return
	}
	r.box.write(runner.Stdout, "listening on "+r.port.addr.String())
	go func() { _ = r.srv.Serve(ln) }() // ends with the run, by finish
}

// terminate is SIGTERM; the lock is held.
func (r *run) terminate(ctx context.Context) {
	r.box.write(runner.Stdout, "received terminated")
	if r.app.ignoreTerm {
		return
	}
	go func() {
		select {
		case <-time.After(r.app.stopDelay):
		case <-r.ended:
			return
		}
		if r.srv != nil { // answers what is in flight
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			_ = r.srv.Shutdown(ctx)
		}
		r.exit(0, false)
	}()
}

// exit ends this run, from outside the lock.
func (r *run) exit(code int, oom bool) {
	r.box.engine.mu.Lock()
	defer r.box.engine.mu.Unlock()
	if r.box.run == r {
		r.box.finish(code, oom)
	}
}

// finish ends the present run if there is one; the lock is held.
func (b *box) finish(code int, oom bool) {
	if b.State != runner.Running {
		return
	}
	b.State, b.ExitCode, b.OOMKilled, b.EndedAt, b.Addr = runner.Exited, code, oom, time.Now(), netip.AddrPort{}
	if b.run.srv != nil {
		_ = b.run.srv.Close()
	}
	b.run.port.close()
	for _, timer := range b.run.later {
		timer.Stop()
	}
	close(b.run.ended)
	b.changed()
	b.engine.publish(b, runner.EventExited)
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

// port is a port of loopback that refuses connections until somebody listens,
// and that nobody else can get meanwhile. The engine's lock guards it.
type port struct {
	addr netip.AddrPort
	fd   int
}

func reserve() (*port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	p := &port{fd: fd}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		p.close()
		return nil, fmt.Errorf("bind: %w", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		p.close()
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	in, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		p.close()
		return nil, fmt.Errorf("getsockname: %T", name)
	}
	p.addr = netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
	return p, nil
}

// close may be called twice, and after listen.
func (p *port) close() {
	if p.fd >= 0 {
		_ = syscall.Close(p.fd)
	}
	p.fd = -1
}

// listen begins to accept connections.
func (p *port) listen() (net.Listener, error) {
	if err := syscall.Listen(p.fd, 128); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	f := os.NewFile(uintptr(p.fd), "port")
	p.fd = -1 // f has it now
	defer f.Close()
	return net.FileListener(f)
}
