package runnertest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
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
	b.run, b.State, b.StartedAt, b.EndedAt, b.ExitCode, b.OOMKilled, b.Outlived = r, runner.Running, r.since, time.Time{}, 0, false, false
	b.starts++
	if b.spec.Port != 0 {
		b.Addr = port.addr
	}
	b.engine.publish(b, runner.EventStarted)
	b.print(runner.Stdout, app.print)
	b.begin(runner.Stderr, app.partial)
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
