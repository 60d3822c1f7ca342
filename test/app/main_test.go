package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asApp makes the test binary behave as the application.
const asApp = "APP_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asApp) != "" {
		main()
	}
	os.Exit(m.Run())
}

// app is the application in a process of its own.
type app struct {
	*exec.Cmd
	out *bufio.Scanner
}

func startApp(t *testing.T, args ...string) *app {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asApp+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return &app{cmd, bufio.NewScanner(out)}
}

// line returns the rest of the next line the application prints that begins
// with prefix.
func (a *app) line(t *testing.T, prefix string) string {
	t.Helper()
	for a.out.Scan() {
		if rest, ok := strings.CutPrefix(a.out.Text(), prefix); ok {
			return rest
		}
	}
	t.Fatalf("no line begins with %q", prefix)
	return ""
}

func (a *app) status(t *testing.T) int {
	t.Helper()
	err := a.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestSigtermAnswersWhatIsInFlightAndEndsStreams(t *testing.T) {
	t.Parallel()

	a := startApp(t, "-listen", "127.0.0.1:0", "-version", "v7")
	url := "http://" + a.line(t, "listening on ")
	events, err := http.Get(url + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get(url + "/slow?ms=500")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	a.line(t, "slow request")
	a.Process.Signal(syscall.SIGTERM)

	if got := <-answer; got != "v7" {
		t.Errorf("the request in flight got %q, want v7", got)
	}
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	if got := a.status(t); got != 0 {
		t.Errorf("exit status %d, want 0", got)
	}
}

func TestIgnoringSigtermServesOn(t *testing.T) {
	t.Parallel()

	a := startApp(t, "-listen", "127.0.0.1:0", "-ignore-term")
	url := "http://" + a.line(t, "listening on ")
	a.Process.Signal(syscall.SIGTERM)
	a.line(t, "received terminated")
	res, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", res.StatusCode)
	}
}

func TestExitPrintsItsLinesFirst(t *testing.T) {
	t.Parallel()

	a := startApp(t, "-listen", "none", "-print", "3", "-exit-after", "10ms", "-exit-code", "7")
	var lines []string
	for a.out.Scan() {
		lines = append(lines, a.out.Text())
	}
	if diff := cmp.Diff([]string{"line 1", "line 2", "line 3"}, lines); diff != "" {
		t.Error(diff)
	}
	if got := a.status(t); got != 7 {
		t.Errorf("exit status %d, want 7", got)
	}
}

func TestEnvironmentSetsFlagsAndFlagsWin(t *testing.T) {
	t.Parallel()

	env := map[string]string{"PORT": "9000", "APP_VERSION": "env", "APP_UNHEALTHY_FOR": "2s"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	s, err := parse([]string{"-version", "flag"}, lookup)
	if err != nil {
		t.Fatal(err)
	}
	if s.listen != ":9000" || s.version != "flag" || s.unhealthyFor != 2*time.Second {
		t.Errorf("got %+v", s)
	}

	env["APP_EXIT_CODE"] = "many"
	if _, err := parse(nil, lookup); err == nil {
		t.Error("a malformed variable was taken")
	}
}
