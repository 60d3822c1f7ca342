package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/davitdev/davit/internal/lifecycle"
)

// display shows the states of a deployment, one after the other.
type display interface {
	state(deploymentView) error
	end()
}

// display is a live ladder on a terminal, and lines elsewhere.
func (s *session) display(out io.Writer) display {
	switch {
	case s.json:
		return jsonDisplay{s, out}
	case isTerminal(out):
		return newLadder(out.(*os.File))
	default:
		return &lineDisplay{out: out, said: map[lifecycle.PhaseName]string{}}
	}
}

type jsonDisplay struct {
	s   *session
	out io.Writer
}

func (j jsonDisplay) state(d deploymentView) error { return j.s.emit(j.out, d) }
func (jsonDisplay) end()                           {}

// lineDisplay prints a line whenever a phase begins or ends.
type lineDisplay struct {
	out  io.Writer
	said map[lifecycle.PhaseName]string
}

func (l *lineDisplay) state(d deploymentView) error {
	for _, p := range d.Phases {
		if line := phaseLine(p); l.said[p.Name] != line && (p.Status != lifecycle.PhaseRunning || l.said[p.Name] == "") {
			l.said[p.Name] = line
			fmt.Fprintln(l.out, line)
		}
	}
	return nil
}

func (*lineDisplay) end() {}

// ladder redraws the phases in place, ten times a second while they run.
type ladder struct {
	out  *os.File
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	last  deploymentView
	drawn int // lines
}

func newLadder(out *os.File) *ladder {
	l := &ladder{out: out, stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *ladder) run() {
	defer close(l.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			l.draw()
		}
	}
}

func (l *ladder) state(d deploymentView) error {
	l.mu.Lock()
	l.last = d
	l.mu.Unlock()
	l.draw()
	return nil
}

// end draws the last state and waits until nothing more is drawn.
func (l *ladder) end() {
	close(l.stop)
	<-l.done
	l.draw()
}

func (l *ladder) draw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	width, _, err := term.GetSize(int(l.out.Fd())) //nolint:gosec // a descriptor
	if err != nil || width < 20 {
		width = 80
	}
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	for _, p := range l.last.Phases {
		line := []rune(phaseLine(p))
		b.WriteString("\r\x1b[K" + string(line[:min(len(line), width-1)]) + "\n")
	}
	l.drawn = len(l.last.Phases)
	_, _ = io.WriteString(l.out, b.String()) // a terminal that is gone ends us by itself
}

var marks = map[lifecycle.PhaseStatus]string{
	lifecycle.PhasePending: "·", lifecycle.PhaseRunning: "…", lifecycle.PhaseSucceeded: "✓",
	lifecycle.PhaseFailed: "✗", lifecycle.PhaseSkipped: "-", lifecycle.PhaseCanceled: "✗",
}

// phaseLine is a rung of the ladder.
func phaseLine(p phaseView) string {
	took := ""
	switch {
	case p.DurationMs != nil:
		took = short(time.Duration(*p.DurationMs) * time.Millisecond)
	case p.StartedAt != nil && p.Status == lifecycle.PhaseRunning && time.Since(*p.StartedAt) > time.Second:
		took = time.Since(*p.StartedAt).Truncate(time.Second).String()
	}
	line := fmt.Sprintf("%s %-16s %7s", marks[p.Status], phaseTitle(p.Name), took)
	if p.Attempt > 1 {
		line += fmt.Sprintf("  attempt %d", p.Attempt)
	}
	for _, text := range []*string{p.Detail, p.Error} {
		if text != nil {
			line += "  " + plain(*text)
		}
	}
	return strings.TrimRight(line, " ")
}

func phaseTitle(name lifecycle.PhaseName) string {
	return strings.ToLower(strings.ReplaceAll(string(name), "_", " "))
}
