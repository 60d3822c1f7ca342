// Package redistest runs a real Redis for a test, one that the test may kill.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a redis-server on a loopback port of its own. It lives until the
// end of the test.
type Server struct {
	tb   testing.TB
	port int
	args []string
	cmd  *exec.Cmd
}

// Start starts an empty Redis that keeps its data in memory only; args are
// added to its command line. Without redis-server on the machine the test is
// skipped.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Skip("redis-server is not installed")
	}
	s := &Server{
		tb:   tb,
		port: freePort(tb),
		args: append([]string{"--bind", "127.0.0.1", "--save", "", "--dir", tb.TempDir()}, args...),
	}
	tb.Cleanup(s.Kill)
	s.Restart()
	return s
}

// URL is how a client reaches the server, before and after a restart.
func (s *Server) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", s.port) }

// Client returns a client that is closed with the test.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.addr()})
	s.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Kill ends the server as kill -9 does. Killing a dead one does nothing.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Hang lets the server live and do nothing, until goOn or Kill.
func (s *Server) Hang() (goOn func()) {
	s.tb.Helper()
	process := s.cmd.Process
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		s.tb.Fatal(err)
	}
	return func() { _ = process.Signal(syscall.SIGCONT) } // it may have been killed
}

// Restart starts the server, on the port it had, and returns once it answers.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	args := append([]string{"--port", strconv.Itoa(s.port)}, s.args...)
	// The test's context ends before its cleanups, which still talk to Redis.
	cmd := exec.CommandContext(context.WithoutCancel(s.tb.Context()), "redis-server", args...)
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.cmd = cmd
	c := redis.NewClient(&redis.Options{Addr: s.addr(), MaxRetries: -1})
	defer c.Close()
	ctx, cancel := context.WithTimeout(s.tb.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for c.Ping(ctx).Err() != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.tb.Fatalf("redis-server on %s does not answer", s.addr())
		}
	}
}

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func freePort(tb testing.TB) int {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
