package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// mostRetried is how many failures may be the machine's: tests here kill
// engines, fill disks and count milliseconds on machines that others use, too, now
// and then for all of a run. Where more fail it is ours.
const mostRetried = 12

// endsAll reports whether a line says that a test ended its whole package, or
// that there is a race: neither is the machine's.
func endsAll(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") ||
		strings.Contains(line, "race detected ") || strings.HasPrefix(line, "WARNING: DATA RACE")
}

// retry runs those that failed once more, each alone and whole, because its
// parts may need each other, and reports whether all of them passed. They are
// named flaky: a flaky test is a bug, of it or of what it tests.
func (r *report) retry(ctx context.Context) bool {
	failed := slices.DeleteFunc(slices.Clone(r.failures), func(f failure) bool { return strings.Contains(f.name, "/") })
	if len(failed) == 0 || len(failed) > mostRetried || r.fatal {
		return false
	}
	for _, t := range failed {
		flags := t.args[:1+lastFlag(t.args)]
		fmt.Fprintf(r.w, "again %s %s\n", t.pkg, t.name)
		second := newReport(r.w)
		err := second.goTest(ctx, slices.Concat(flags, []string{"-count=1", "-run=^" + t.name + "$", t.pkg}))
		if err != nil || second.failed+len(second.skipped) > 0 || second.passed == 0 {
			return false
		}
	}
	for _, t := range failed {
		fmt.Fprintf(r.w, "flaky %s %s: failed, and passed when it ran again alone\n", t.pkg, t.name)
	}
	r.passed, r.failed = r.passed+r.failed, 0
	return true
}

// lastFlag is where the last argument is that names no package: packages come
// last, and as paths.
func lastFlag(args []string) int {
	for i, arg := range slices.Backward(args) {
		if !strings.HasPrefix(arg, ".") {
			return i
		}
	}
	return -1
}
