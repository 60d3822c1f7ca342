package memory

import (
	"bufio"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Release gives back the memory that work took and rest does not need: free
// heap, and the pages of the program that were run through on the way, which
// the kernel maps again from its cache when they are needed (madvise(2),
// MADV_DONTNEED on a mapped file). It collects garbage, so it is for a process
// at rest.
func Release() { release() }

// release is Release, and returns where the program itself is mapped, which it
// is to the end.
func release() (program []mapping) {
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil
	}
	defer f.Close()
	all := fileMappings(bufio.NewScanner(f))
	drop(all)
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(m mapping) bool { return m.path != self })
}

// drop lets the pages of files go.
func drop(files []mapping) {
	for _, m := range files {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED)
	}
}

// mapping is a range of addresses with a file.
type mapping struct {
	start, end uintptr
	path       string
}

// fileMappings returns the read-only mappings of files that are nothing but the
// file. One with pages of its own is left out, even if it cannot be written any
// more: the dynamic linker's relocations would be lost.
func fileMappings(smaps *bufio.Scanner) []mapping {
	var found []mapping
	var last *mapping
	for smaps.Scan() {
		f := strings.Fields(smaps.Text())
		if len(f) == 0 {
			continue
		}
		if len(f) >= 2 && f[0] == "Anonymous:" && f[1] == "0" && last != nil {
			found = append(found, *last)
		}
		from, to, isRange := strings.Cut(f[0], "-")
		if !isRange {
			continue // one of the lines about the last range
		}
		last = nil
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		// Addresses, permissions, offset, device, inode, path.
		if err1 == nil && err2 == nil && len(f) >= 6 && f[1][0] == 'r' && f[1][1] == '-' && strings.HasPrefix(f[5], "/") {
			last = &mapping{uintptr(start), uintptr(end), f[5]}
		}
	}
	return found
}
