package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc, which is the same on all Linux.
const tick = 10 * time.Millisecond

// ownCPU is what this process and those it has waited for used so far.
func ownCPU() time.Duration { return resourceUsage(syscall.RUSAGE_SELF) + childrenCPU() }

// childrenCPU is what the processes it has waited for used.
func childrenCPU() time.Duration { return resourceUsage(syscall.RUSAGE_CHILDREN) }

func resourceUsage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processCPU is what another process used so far, to a hundredth of a second;
// 0 if it has ended.
func processCPU(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in parentheses, may hold anything; utime is the 12th field
	// behind it (proc_pid_stat(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// treeCPU is what a process and its children used so far: in a container the
// first is an init.
func treeCPU(pid int) time.Duration {
	used := processCPU(pid)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // none, if it has ended
	for _, text := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(text); err == nil {
			used += treeCPU(child)
		}
	}
	return used
}

// memory of a process, in bytes.
type memory struct {
	resident     int64 // RSS: with every page of the program it has looked at
	proportional int64 // PSS: pages that several processes share are divided among them
	anonymous    int64 // its own, in no file
}

// memoryOf reads what the kernel says about a process.
func memoryOf(pid int) (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue // the header
		}
		switch name {
		case "Rss":
			m.resident = kilobytes << 10
		case "Pss":
			m.proportional = kilobytes << 10
		case "Anonymous":
			m.anonymous = kilobytes << 10
		}
	}
	return m, nil
}
