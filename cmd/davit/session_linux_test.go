package main

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
)

func TestTheTokenOfAnotherUsersServerIsAskedFor(t *testing.T) {
	t.Parallel()

	data := t.TempDir()
	if err := os.WriteFile(config.Config{Data: data}.TokenFile(), []byte("secret"), 0o000); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	got := make(chan error)
	go func() {
		runtime.LockOSThread()       // for good: the thread ends with the goroutine
		_ = syscall.Setfsuid(nobody) // only root needs it, and may
		_, err := localToken(data)
		got <- err
	}()
	err := <-got
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.Unauthenticated || !strings.Contains(f.Hint, "--token") {
		t.Errorf("localToken = %v, want UNAUTHENTICATED and what to do", err)
	}
}
