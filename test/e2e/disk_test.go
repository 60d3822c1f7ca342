package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A disk that is full under the logs holds up neither requests nor what is
// printed, and once there is room again the log is whole.
func TestAFullDiskUnderTheLogsHarmsNobody(t *testing.T) {
	t.Parallel()
	loud(t)
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	const rate, full, lasts = 20_000, 4 * time.Second, 9 * time.Second
	t.TempDir() // is removed after what is registered now
	mounted := ""
	t.Cleanup(func() {
		if mounted == "" {
			return
		}
		if err := syscall.Unmount(mounted, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	h := newHouse(t)
	h.kill()
	dir := filepath.Join(h.srv.Data, "logs")
	if err := syscall.Mount("davit-test", dir, "tmpfs", 0, "size=32m,mode=700"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	mounted = dir
	h.start()

	s, id := h.printer("disk", rate, lasts)
	traffic, stop := s.traffic(12, "v1")
	h.until("it prints", func() bool { return s.pace().Lines > rate })
	began := time.Now()
	ballast := fill(t, filepath.Join(dir, "ballast"))
	s.pace()
	sent := traffic.Sent()
	h.within(full+patience, "a while", after(full))
	if p := s.pace(); p.SlowestMs > 2500 {
		t.Errorf("the application stood still for %d ms: its output was not taken", p.SlowestMs)
	}
	if traffic.Sent() < sent+int64(full/time.Second)*2 {
		t.Errorf("only %d requests were answered", traffic.Sent()-sent)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	all := int64(lasts/time.Second) * rate
	h.until("everything is printed", func() bool { return s.pace().Lines == all })
	s.dense(id, began, all)
	stop()
}

// fill writes a file until its disk is full.
func fill(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		_, err := f.Write(block)
		if errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return path
}
