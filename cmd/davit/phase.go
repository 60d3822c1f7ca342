package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
)

// display shows the states of a deployment, one after the other.
type display interface {
	state(*client.Deployment) error
	end()
}

// display is a live ladder on a terminal, and lines elsewhere.
func (s *session) display(out io.Writer) display {
	switch {
	case s.json:
		return jsonDisplay{s, out}
	case isTerminal(out):
		return newPhaseLadder(raw(out).(*os.File), s.awayRows)
	default:
		return &lineDisplay{out: out, said: map[lifecycle.PhaseName]string{}}
	}
}

type jsonDisplay struct {
	s   *session
	out io.Writer
}

func (j jsonDisplay) state(d *client.Deployment) error { return j.s.emit(j.out, d) }
func (jsonDisplay) end()                               {}

// lineDisplay prints a line whenever a phase begins or ends.
type lineDisplay struct {
	out   io.Writer
	said  map[lifecycle.PhaseName]string
	waits string
}

func (l *lineDisplay) state(d *client.Deployment) error {
	for _, p := range d.Phases {
		if line := phaseLine(p); l.said[p.Name] != line && (p.Status != lifecycle.PhaseRunning || l.said[p.Name] == "") {
			l.said[p.Name] = line
			fmt.Fprintln(l.out, line)
		}
	}
	if line := waitLine(d); line != l.waits {
		l.waits = line
		if line != "" {
			fmt.Fprintln(l.out, line)
		}
	}
	return nil
}

func (*lineDisplay) end() {}

// phaseLadder redraws the phases while they run.
type phaseLadder struct {
	*ladder

	more func() []string // rows below

	mu   sync.Mutex
	last *client.Deployment
}

func newPhaseLadder(out *os.File, more func() []string) *phaseLadder {
	l := &phaseLadder{last: &client.Deployment{}, more: more}
	l.ladder = newLadder(out, l.lines)
	return l
}

func (l *phaseLadder) state(d *client.Deployment) error {
	l.mu.Lock()
	l.last = d
	l.mu.Unlock()
	l.draw()
	return nil
}

func (l *phaseLadder) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := make([]string, len(l.last.Phases))
	for i, p := range l.last.Phases {
		lines[i] = phaseLine(p)
	}
	if line := waitLine(l.last); line != "" {
		lines = append(lines, line)
	}
	return append(lines, l.more()...)
}

// waitLine says what a deployment waits for, "" if for nothing.
func waitLine(d *client.Deployment) string {
	n := d.QueuePosition
	switch {
	case n == nil || d.Status == lifecycle.Queued && *n == 0:
		return ""
	case d.Status == lifecycle.Queued:
		return fmt.Sprintf("… waiting for its turn, %d before it", *n)
	case *n == 0:
		return "… waiting for a build to end, next in line"
	default:
		return fmt.Sprintf("… waiting for a build to end, %d wait before it", *n)
	}
}

var marks = map[lifecycle.PhaseStatus]string{
	lifecycle.PhasePending: "·", lifecycle.PhaseRunning: "…", lifecycle.PhaseSucceeded: "✓",
	lifecycle.PhaseFailed: "✗", lifecycle.PhaseSkipped: "-", lifecycle.PhaseCanceled: "✗",
}

// phaseLine is a rung of the ladder.
func phaseLine(p client.Phase) string {
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
