//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
)

// holder is the process that serves a data directory, as it says in the lock.
type holder struct {
	PID    int    `json:"pid"`
	Listen string `json:"listen"` // address of the API
	Kept   int    `json:"kept"`   // deployments it keeps of each service
	// Redis is the address of its queue, "" of one in the process.
	Redis string `json:"redis,omitempty"`
}

// write says in a lock who holds it.
func (h holder) write(lock *os.File) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := lock.WriteAt(text, 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// findHolder says who holds a lock; ok is false if nobody does, and h whoever
// did last.
func findHolder(path string) (h holder, ok bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, fmt.Errorf("read lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) //nolint:gosec // a descriptor
	if err == nil {
		// Closing lets it go.
		if err := json.NewDecoder(f).Decode(&h); err != nil {
			h = holder{} // nobody ever did
		}
		return h, false, nil
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return h, false, fmt.Errorf("read lock: %w", err)
	}
	if err := json.NewDecoder(f).Decode(&h); err != nil || h.PID <= 1 || h.Listen == "" {
		return h, false, fault.New(fault.Conflict, "The davit serve of this directory is still starting.").WithHint("Try again in a moment.")
	}
	return h, true, nil
}

// url is where to reach the holder from this machine.
func (h holder) url() string {
	addr, err := netip.ParseAddrPort(h.Listen)
	if err != nil {
		return "http://" + h.Listen
	}
	if ip := addr.Addr(); ip.IsUnspecified() {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if ip.Is6() && !ip.Is4In6() {
			loopback = netip.IPv6Loopback()
		}
		addr = netip.AddrPortFrom(loopback, addr.Port())
	}
	return "http://" + addr.String()
}

// holderURL is where to reach the server that holds a data directory; ok is
// false if none does.
func holderURL(data string) (url string, ok bool, err error) {
	h, ok, err := findHolder(config.Config{Data: data}.Lock())
	return h.url(), ok, err
}

// end asks the holder to end and waits until it let the lock go.
func (h holder) end(ctx context.Context, path string) error {
	if err := syscall.Kill(h.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end davit serve: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, held, err := findHolder(path); err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
