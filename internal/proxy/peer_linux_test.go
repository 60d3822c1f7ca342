package proxy_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOtherUsersAreNotHeard(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	p := start(t, nil)
	socket := filepath.Join(p.data, "proxy.sock")
	for path, mode := range map[string]os.FileMode{p.data: 0o755, socket: 0o666} { // as if somebody had
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	answered := make(chan string)
	go func() {
		defer close(answered)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			t.Error(errno)
			return
		}
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /v1/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		b, _ := io.ReadAll(conn)
		answered <- string(b)
	}()
	if got := <-answered; got != "" {
		t.Errorf("a stranger got %q", got)
	}
	if _, err := p.Hello(t.Context()); err != nil {
		t.Error(err)
	}
}
