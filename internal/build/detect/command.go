package detect

import (
	"slices"
	"strings"

	"github.com/google/shlex"

	"github.com/davitdev/davit/internal/lazy"
)

// shellChars are those that a shell does something with, besides quotes.
const shellChars = "|&;<>()$`*?[]{}~#!\\\n"

// builtins are words that only a shell knows.
var builtins = []string{".", "cd", "eval", "exec", "exit", "export", "if", "for", "while", "case", "set", "source", "trap", "ulimit", "umask", "unset"}

// commandWord is what of a source may stand in a command as it is: the name of a
// program, of an extension.
var commandWord = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

var assignment = lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]*=`)

// words splits a command that needs no shell.
func words(command string) ([]string, bool) {
	if strings.ContainsAny(command, shellChars) {
		return nil, false
	}
	w, err := shlex.Split(command)
	if err != nil || len(w) == 0 || slices.Contains(builtins, w[0]) || assignment().MatchString(w[0]) {
		return nil, false
	}
	return w, true
}

// argv is how a container runs a command: by itself if it is one program with
// its arguments, else by the shell of the image, which puts the program in its
// place so that signals reach it. alone is false if a shell stays in front.
func argv(command string) (args []string, alone bool) {
	command = strings.TrimSpace(command)
	if w, ok := words(command); ok {
		return w, true
	}
	command, alone = lastByExec(command)
	return []string{"/bin/sh", "-c", command}, alone
}

// lastByExec puts exec before the last program of a list like "a && B=c d". It
// leaves a pipe, a job, a loop or a subshell as it is and returns false.
func lastByExec(command string) (string, bool) {
	start, ok := lastCommand(command)
	if !ok {
		return command, false
	}
	rest := command[start:]
	lead := rest[:len(rest)-len(strings.TrimLeft(rest, " \t\n"))]
	rest = rest[len(lead):]
	// Assignments stay before exec: "A=b exec c".
	for assignment().MatchString(rest) {
		end := wordEnd(rest)
		after := strings.TrimLeft(rest[end:], " \t")
		if after == "" {
			return command, false
		}
		lead += rest[:len(rest)-len(after)]
		rest = after
	}
	first, _, _ := strings.Cut(rest, " ")
	switch {
	case rest == "":
		return command, false
	case first == "exec":
		return command, true
	case slices.Contains(builtins, first), strings.ContainsAny(first, "{!"):
		return command, false
	}
	return command[:start] + lead + "exec " + rest, true
}

// lastCommand is where the last command of a list begins. It returns false for
// what is no plain list of commands.
func lastCommand(command string) (start int, ok bool) {
	var quote byte
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case quote == '\'' && c != '\'':
		case c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0 && (c == '`' || strings.HasPrefix(command[i:], "$(")):
			return 0, false
		case quote != 0:
		case c == '\'' || c == '"':
			quote = c
		case c == '`' || c == '(' || c == ')' || c == '|':
			return 0, false
		case strings.HasPrefix(command[i:], "&&"):
			i++
			start = i + 1
		case c == '&' && (i > 0 && command[i-1] == '>' || i+1 < len(command) && command[i+1] == '>'): // 2>&1, &>
		case c == '&':
			return 0, false
		case c == ';' || c == '\n':
			start = i + 1
		}
	}
	return start, quote == 0
}

// wordEnd is where the first word of s ends.
func wordEnd(s string) int {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\\':
			i++
		case c == '\'' || c == '"':
			quote = c
		case c == ' ' || c == '\t':
			return i
		}
	}
	return len(s)
}

// program is the first word of a command that is no assignment, "" if a shell
// would have to say.
func program(command string) string {
	rest := strings.TrimSpace(command)
	for assignment().MatchString(rest) {
		rest = strings.TrimLeft(rest[wordEnd(rest):], " \t")
	}
	return rest[:wordEnd(rest)]
}
