//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
)

// "davit doctor" has the lock for a moment, to see whether a server does.
func TestWhoOnlyLooksAtALockKeepsNoServerFromStarting(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		how  int
		code fault.Code // "" for none
	}{
		"one who looks":  {syscall.LOCK_SH, ""},
		"another server": {syscall.LOCK_EX, fault.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &house{config: config.Config{Data: t.TempDir()}}
				defer h.close()
				other, err := os.Create(h.config.Lock())
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				if err := syscall.Flock(int(other.Fd()), c.how); err != nil {
					t.Fatal(err)
				}
				if c.how == syscall.LOCK_SH {
					defer time.AfterFunc(100*time.Millisecond, func() { other.Close() }).Stop() // of the bubble
				}
				err = h.lock(t.Context())
				if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
					t.Errorf("got %v, want %q", err, c.code)
				}
			})
		})
	}
}
