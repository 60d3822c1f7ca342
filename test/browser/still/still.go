// Package still runs a browser that sees no network come or go. Chromium gives
// up what it asks for whenever one does, and on a machine whose engine runs
// containers for other tests one does all the time.
package still

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// name is what the program is called under which Main becomes the browser.
const name = "still-chromium"

// Browser makes a program in dir that is Chromium, but blind to networks. It is
// the calling program by another name, whose main function must call Main first.
// An error is exec.ErrNotFound if there is no Chromium.
func Browser(dir string) (string, error) {
	if _, err := exec.LookPath("chromium"); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, os.Symlink(self, path)
}

// Main becomes the browser if the program was started as one.
func Main() {
	if filepath.Base(os.Args[0]) != name {
		return
	}
	fmt.Fprintln(os.Stderr, become())
	os.Exit(1)
}

func become() error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return err
	}
	runtime.LockOSThread() // whose filter the browser inherits
	if err := refuseNetlink(); err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
}

// refuseNetlink has the kernel refuse sockets that tell of networks, to this
// thread and what it starts. Chromium takes the network for one that never
// changes then.
func refuseNetlink() error {
	const number, firstArgument = 0, 16 // in struct seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: firstArgument},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_NETLINK, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	return nil
}
