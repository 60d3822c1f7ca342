//go:build unix

package main

import (
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
)

// screen opens a terminal of some columns; read returns all that was written
// to it, once.
func screen(t *testing.T, cols uint16) (l *phaseLadder, read func() string) {
	t.Helper()
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: cols}); err != nil {
		t.Fatal(err)
	}
	written := make(chan string)
	go func() {
		var b strings.Builder
		_, _ = io.Copy(&b, terminal) // ends with EIO when nobody has it open
		written <- b.String()
	}()
	return newPhaseLadder(tty, func() []string { return nil }), func() string {
		tty.Close()
		text := <-written
		terminal.Close()
		return text
	}
}

func TestALadderIsDrawnInPlaceAndNoWiderThanItsTerminal(t *testing.T) {
	t.Parallel()

	l, read := screen(t, 40)
	began, took, long := time.Now(), 1500, "a detail that is longer than the terminal is wide, by far \x1b[2J"
	running := client.Phase{Name: lifecycle.PhaseBuild, Status: lifecycle.PhaseRunning, StartedAt: &began, Attempt: 1}
	done := running
	done.Status, done.DurationMs, done.Detail = lifecycle.PhaseSucceeded, &took, &long
	for _, phases := range [][]client.Phase{{running}, {done, {Name: lifecycle.PhaseStart, Status: lifecycle.PhaseRunning, Attempt: 2}}} {
		if err := l.state(&client.Deployment{Phases: phases}); err != nil {
			t.Fatal(err)
		}
	}
	l.end()
	text := read()

	draws := strings.Split(text, "\x1b[2A") // the last ones go up two lines first
	last := strings.ReplaceAll(draws[len(draws)-1], "\r\n", "\n")
	want := "\r\x1b[K✓ build               1.5s  a detail th\n\r\x1b[K… start                     attempt 2\n"
	if len(draws) < 2 || last != want {
		t.Errorf("drawn last: %q, want %q", last, want)
	}
	if strings.Contains(text, "\x1b[2J") {
		t.Error("a phase steered the terminal")
	}
	for row := range strings.Lines(strings.ReplaceAll(last, "\r\x1b[K", "")) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(row, "\n")); n > 39 {
			t.Errorf("%q has %d columns", row, n)
		}
	}
}

func TestWhatADeploymentWaitsFor(t *testing.T) {
	t.Parallel()

	zero, two := 0, 2
	for _, tt := range []struct {
		d    *client.Deployment
		want string
	}{
		{&client.Deployment{Status: lifecycle.Deploying}, ""},
		{&client.Deployment{Status: lifecycle.Queued, QueuePosition: &zero}, ""},
		{&client.Deployment{Status: lifecycle.Queued, QueuePosition: &two}, "… waiting for its turn, 2 before it\n"},
		{&client.Deployment{Status: lifecycle.Building, QueuePosition: &zero}, "… waiting for a build to end, next in line\n"},
		{&client.Deployment{Status: lifecycle.Building, QueuePosition: &two}, "… waiting for a build to end, 2 wait before it\n"},
	} {
		var out strings.Builder
		l := &lineDisplay{out: &out, said: map[lifecycle.PhaseName]string{}}
		for range 2 { // what did not change is said once
			if err := l.state(tt.d); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.d.Status, out.String(), tt.want)
		}
	}
}

func TestALadderThatIsClearedLeavesNothing(t *testing.T) {
	t.Parallel()

	l, read := screen(t, 80)
	if err := l.state(&client.Deployment{Phases: make([]client.Phase, 3)}); err != nil {
		t.Fatal(err)
	}
	l.clear()
	if text := read(); !strings.HasSuffix(text, "\x1b[3A\r\x1b[J") {
		t.Errorf("the end is %q", text)
	}
}
