package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// watched is everything anybody waits for.
const watched = syscall.IN_MODIFY | syscall.IN_ATTRIB | syscall.IN_CREATE | syscall.IN_DELETE |
	syscall.IN_MOVED_TO | syscall.IN_DELETE_SELF | syscall.IN_MOVE_SELF

// notifier tells when files change, with one inotify instance for all: a user
// may have only 128.
type notifier struct {
	f       *os.File
	fd      int
	mu      sync.Mutex
	waiters map[int32]map[*watch]struct{} // by watch descriptor
}

// watch is somebody who wants to know about one path.
type watch struct {
	n    *notifier
	wd   int32
	wake chan struct{} // holds at most one: looking again finds everything
}

// newNotifier starts the goroutine that hands events on; it ends with ctx.
func newNotifier(ctx context.Context) (*notifier, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("process: inotify: %w", err)
	}
	n := &notifier{f: os.NewFile(uintptr(fd), "inotify"), fd: fd, waiters: make(map[int32]map[*watch]struct{})}
	context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.fd = -1
		n.f.Close()
	})
	go n.run()
	return n, nil
}

// run reads until the file is closed.
func (n *notifier) run() {
	buf := make([]byte, 64<<10)
	for {
		size, err := n.f.Read(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		for b := buf[:size]; len(b) >= syscall.SizeofInotifyEvent; {
			wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
			name := int(binary.NativeEndian.Uint32(b[12:]))
			b = b[syscall.SizeofInotifyEvent+name:]
			n.tell(wd, mask)
		}
		n.mu.Unlock()
	}
}

// tell wakes who waits for wd; after an overflow, everybody.
func (n *notifier) tell(wd int32, mask uint32) {
	if mask&syscall.IN_Q_OVERFLOW != 0 {
		for other := range n.waiters {
			n.tell(other, 0)
		}
		return
	}
	for w := range n.waiters[wd] {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	if mask&syscall.IN_IGNORED != 0 { // the path is gone
		delete(n.waiters, wd)
	}
}

// watch begins to watch an existing path. The caller closes it.
func (n *notifier) watch(path string) (*watch, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fd < 0 {
		return nil, errors.New("process: the runner has ended")
	}
	wd, err := syscall.InotifyAddWatch(n.fd, path, watched) // the same for the same path
	if err != nil {
		return nil, &os.PathError{Op: "watch", Path: path, Err: err}
	}
	w := &watch{n: n, wd: int32(wd), wake: make(chan struct{}, 1)}
	if n.waiters[w.wd] == nil {
		n.waiters[w.wd] = make(map[*watch]struct{})
	}
	n.waiters[w.wd][w] = struct{}{}
	return w, nil
}

func (w *watch) close() {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	others := w.n.waiters[w.wd]
	delete(others, w)
	if len(others) > 0 || others == nil {
		return
	}
	delete(w.n.waiters, w.wd)
	if w.n.fd >= 0 {
		_, _ = syscall.InotifyRmWatch(w.n.fd, uint32(w.wd))
	}
}
