package git

import "golang.org/x/sys/unix"

// limitFiles bounds the size of every file that a process and its children
// write. What is gone already needs no limit.
func limitFiles(pid int, size uint64) {
	_ = unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: size}, nil)
}
