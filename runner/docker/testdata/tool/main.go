// Command tool is what tests run in a container where test/app says too
// little.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
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
	case "lines": // N WIDTH: numbered lines of this width, on both outputs in turn
		n, err := strconv.Atoi(args[0])
		check(err)
		width, err := strconv.Atoi(args[1])
		check(err)
		out := bufio.NewWriterSize(os.Stdout, 64<<10)
		for i := range n {
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
