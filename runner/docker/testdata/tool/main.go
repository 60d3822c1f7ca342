// Command tool is what tests run in a container where test/app says too
// little.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch args := os.Args[2:]; os.Args[1] {
	case "cat": // FILE…: their contents
		for _, name := range args {
			b, err := os.ReadFile(name)
			check(err)
			fmt.Printf("%s\n", b)
		}
	case "stat": // FILE…: their modes and owners, links not followed
		for _, name := range args {
			info, err := os.Lstat(name)
			check(err)
			owner := info.Sys().(*syscall.Stat_t)
			fmt.Printf("%s %s %d:%d\n", name, info.Mode(), owner.Uid, owner.Gid)
		}
	case "write": // TEXT…: quoted as in Go, n times if it is n*"…"
		for _, arg := range args {
			text, err := strconv.Unquote(arg[strings.Index(arg, `"`):])
			check(err)
			n, err := strconv.Atoi(strings.TrimSuffix(arg[:strings.Index(arg, `"`)], "*"))
			if err != nil {
				n = 1
			}
			fmt.Print(strings.Repeat(text, n))
		}
	case "lines": // N WIDTH [PAUSE]: numbered lines of this width, with a pause after each 64 KiB
		n, err := strconv.Atoi(args[0])
		check(err)
		width, err := strconv.Atoi(args[1])
		check(err)
		var pause time.Duration
		if len(args) > 2 {
			pause, err = time.ParseDuration(args[2])
			check(err)
		}
		out := bufio.NewWriterSize(os.Stdout, 64<<10)
		for i := range n {
			if out.Available() <= width {
				check(out.Flush())
				time.Sleep(pause)
			}
			fmt.Fprintf(out, "%0*d\n", width, i)
		}
		check(out.Flush())
	case "sleep":
		time.Sleep(time.Hour)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
