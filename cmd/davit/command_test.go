package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// davit is a run of the program with the directory and the environment of a
// script.
func davit(ts *testscript.TestScript, args []string) *exec.Cmd {
	if len(args) == 0 || args[0] != "davit" {
		ts.Fatalf("only davit is run this way, not %q", args)
	}
	cmd := exec.Command(filepath.Join(ts.Getenv("BIN"), "davit"), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "TERM", "DOCKER_HOST", "GOPROXY", "GOFLAGS", "DAVIT_SERVER", "DAVIT_LISTEN", "DAVIT_PROXY_LISTEN", "DAVIT_DATA", "DAVIT_RUNNER",
	} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// exits runs a command and wants it to end with a status: exits 8 davit deploy.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS davit ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := davit(ts, args[1:])
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if got := status(ts, cmd.Run()); got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

func status(ts *testscript.TestScript, err error) int {
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode()
	}
	ts.Check(err)
	return 0
}

// jsonl wants every line of a file, or of stdout or stderr, to be a JSON
// object, and at least one: jsonl stdout.
func jsonl(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonl FILE")
	}
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			ts.Fatalf("%q is not a JSON object: %v", line, err)
		}
	}
	if text == "" {
		ts.Fatalf("%s is empty", args[0])
	}
}

// patience is how long a dialogue may wait for a program's next word.
const patience = 90 * time.Second

// tty runs a command on a terminal of 80 columns and has a dialogue with it:
// tty STATUS FILE davit ... Each line of FILE is "REGEXP => TEXT": when the
// output goes on with what REGEXP matches, TEXT is typed and Enter pressed, or,
// if TEXT is ^C or ^D, that. FILE may be - for none. What the terminal got is
// stdout.
func tty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: tty STATUS FILE davit ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := davit(ts, args[2:])
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 80})
	ts.Check(err)
	defer terminal.Close()

	output := make(chan []byte)
	go func() {
		defer close(output)
		for {
			b := make([]byte, 4096)
			n, err := terminal.Read(b) // EIO once the program has ended
			if n > 0 {
				output <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	seen, err := converse(terminal, output, dialogue(ts, args[1]))
	if err != nil {
		_ = cmd.Process.Kill()
		for b := range output {
			seen = append(seen, b...)
		}
	}
	got := status(ts, cmd.Wait())
	_, _ = ts.Stdout().Write([]byte(strings.ReplaceAll(string(seen), "\r\n", "\n")))
	if err != nil {
		ts.Fatalf("%v; the terminal got %q", err, seen)
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

// turn is what is typed once something was seen.
type turn struct {
	when *regexp.Regexp
	text string
}

func dialogue(ts *testscript.TestScript, file string) []turn {
	if file == "-" {
		return nil
	}
	var turns []turn
	for line := range strings.Lines(ts.ReadFile(file)) {
		when, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " =>")
		if !ok {
			ts.Fatalf("%q is not of the form REGEXP => TEXT", line)
		}
		text = strings.TrimPrefix(text, " ") + "\r"
		switch text {
		case "^C\r":
			text = "\x03"
		case "^D\r":
			text = "\x04"
		}
		turns = append(turns, turn{regexp.MustCompile(when), text})
	}
	return turns
}

// converse takes the turns one after the other and returns all that was put
// out.
func converse(terminal *os.File, output <-chan []byte, turns []turn) ([]byte, error) {
	var seen []byte
	from := 0
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case b, ok := <-output:
			seen = append(seen, b...)
			if !ok && len(turns) > 0 {
				return seen, errors.New("it ended before " + turns[0].when.String())
			}
			if !ok {
				return seen, nil
			}
		case <-limit.C:
			return seen, errors.New("nothing happened for too long")
		}
		limit.Reset(patience)
		for len(turns) > 0 {
			at := turns[0].when.FindIndex(seen[from:])
			if at == nil {
				break
			}
			from += at[1]
			if _, err := terminal.WriteString(turns[0].text); err != nil {
				return seen, err
			}
			turns = turns[1:]
		}
	}
}
