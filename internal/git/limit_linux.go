package git

import "golang.org/x/sys/unix"

// limit bounds the size of every file that a process and its children write, and
// the memory that each has for itself, files it looks into apart; in bytes. What
// is gone already needs no limit.
func limit(pid int, files, memory uint64) {
	_ = unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: files, Max: files}, nil)
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: memory, Max: memory}, nil)
}
