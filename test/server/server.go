// Package server runs davit as a user does, as a process, for what is to be
// seen or proven from outside: the demo and the end-to-end tests.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Build makes the program davit of the module in dir, which it names program.
func Build(ctx context.Context, dir, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/davit")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build davit: %w\n%s", err, out)
	}
	return nil
}

// Server is an installation of Davit, whose davit serve comes and goes. It is
// not safe for concurrent use; the commands it makes are. All exported fields
// but Args and Env are required.
type Server struct {
	Program   string    // davit
	Data      string    // its data directory
	API, Apps string    // where it listens, host:port
	Args      []string  // more arguments of davit serve
	Env       []string  // more variables, as NAME=value, of it and its clients
	Log       io.Writer // what davit serve logs
	Out       io.Writer // what it says to a person

	serving *exec.Cmd
}

// Arguments are those of davit serve.
func (s *Server) Arguments() []string {
	return append([]string{"serve", "--data", s.Data, "--listen", s.API, "--proxy-listen", s.Apps}, s.Args...)
}

// Start runs davit serve. It outlives ctx, so that it can be told to stop what
// it runs; Wait or Kill must be called.
func (s *Server) Start(ctx context.Context) error {
	cmd := s.Command(context.WithoutCancel(ctx), s.Arguments()...)
	cmd.Stdout, cmd.Stderr = s.Out, s.Log
	// Its children, the proxy among them, may keep what it logs to open.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start davit serve: %w", err)
	}
	s.serving = cmd
	return nil
}

// Ready waits until the API answers.
func (s *Server) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("davit serve is not ready after 30 s"))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.API+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Kill ends davit serve by SIGKILL and returns once it is gone. The proxy and
// what runs go on.
func (s *Server) Kill() error {
	if s.serving == nil {
		return nil
	}
	if err := s.serving.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill davit serve: %w", err)
	}
	_ = s.Wait() // how it ended is known
	return nil
}

// Signal sends davit serve a signal, such as one that stops it for a while.
func (s *Server) Signal(sig os.Signal) error {
	if s.serving == nil {
		return os.ErrProcessDone
	}
	return s.serving.Process.Signal(sig)
}

// Serving reports whether davit serve was started and neither killed nor waited
// for.
func (s *Server) Serving() bool { return s.serving != nil }

// Wait returns once davit serve has ended, with an error unless in good order.
func (s *Server) Wait() error {
	if s.serving == nil {
		return nil
	}
	err := s.serving.Wait()
	s.serving = nil
	return err
}

// Command runs davit as a client of the server. A signal of the terminal
// reaches it only through ctx.
func (s *Server) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(append(os.Environ(), "DAVIT_SERVER=http://"+s.API, "DAVIT_DATA="+s.Data, "DAVIT_TOKEN="), s.Env...)
	return cmd
}

// Request makes a request to an application by its host name. Only browsers and
// curl resolve *.localhost, so it dials the proxy's address and says the host.
func (s *Server) Request(ctx context.Context, method, host, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.Apps+path, nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	return req, nil
}

// FreePorts returns n addresses on loopback that nobody listens on. They are
// below the ports that the kernel gives to connections, of which one could have
// it before it is listened on.
func FreePorts(n int) ([]string, error) {
	var out []string
	for range 1000 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.N(22_000)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all at the end, so that they differ
		if out = append(out, ln.Addr().String()); len(out) == n {
			return out, nil
		}
	}
	return nil, errors.New("find ports: all are taken")
}
