package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/google/shlex"
	"github.com/rogpeppe/go-internal/testscript"
)

// fiveMinutes are the commands of the README's five minutes, as somebody would
// copy them.
func fiveMinutes(ts *testscript.TestScript) []string {
	text, err := os.ReadFile("../../README.md")
	ts.Check(err)
	_, rest, _ := strings.Cut(string(text), "\n## Five minutes\n\n```sh\n")
	block, _, ok := strings.Cut(rest, "\n```\n")
	if !ok {
		ts.Fatalf("the README has no five minutes")
	}
	lines := strings.Split(block, "\n")
	for i, line := range lines {
		command, _, _ := strings.Cut(line, " #")
		lines[i] = strings.TrimSpace(command)
	}
	return lines
}

// readme takes the N-th command of the README's five minutes:
//
//	readme N is 'COMMAND'    it is this one, which the script does its own way
//	readme N STATUS FILE     runs it, as tty does
//	readme ends N            there are no more
func readme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 && (len(args) != 2 || args[0] != "ends") {
		ts.Fatalf("usage: readme N is COMMAND, readme N STATUS FILE, or readme ends N")
	}
	commands := fiveMinutes(ts)
	if args[0] == "ends" {
		if strconv.Itoa(len(commands)) != args[1] {
			ts.Fatalf("the README has %d commands: this script knows %s", len(commands), args[1])
		}
		return
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	if n < 1 || n > len(commands) {
		ts.Fatalf("the README has no command %d", n)
	}
	command := commands[n-1]
	if args[1] == "is" {
		if command != args[2] {
			ts.Fatalf("command %d of the README is %q", n, command)
		}
		return
	}
	words, err := shlex.Split(command)
	ts.Check(err)
	if len(words) == 0 || words[0] != "bin/davit" {
		ts.Fatalf("command %d of the README is %q, which is not bin/davit", n, command)
	}
	ts.Logf("$ %s", command)
	tty(ts, false, append([]string{args[1], args[2], "davit"}, words[1:]...))
}
