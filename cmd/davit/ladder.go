package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// ladder redraws some rows in place, ten times a second.
type ladder struct {
	out  *os.File
	rows func() []string
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	drawn int // rows
}

// newLadder begins to draw rows, which is called from several goroutines, one
// at a time. It ends with end or clear.
func newLadder(out *os.File, rows func() []string) *ladder {
	l := &ladder{out: out, rows: rows, stop: make(chan struct{}), done: make(chan struct{})}
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

// end draws the rows a last time and leaves them there.
func (l *ladder) end() {
	close(l.stop)
	<-l.done
	l.draw()
}

// clear takes the rows away.
func (l *ladder) clear() {
	close(l.stop)
	<-l.done
	if l.drawn > 0 {
		_, _ = fmt.Fprintf(l.out, "\x1b[%dA\r\x1b[J", l.drawn)
	}
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
	rows := l.rows()
	for _, row := range rows {
		line := []rune(plain(row))
		b.WriteString("\r\x1b[K" + string(line[:min(len(line), width-1)]) + "\n")
	}
	if len(rows) < l.drawn {
		b.WriteString("\x1b[J")
	}
	l.drawn = len(rows)
	_, _ = io.WriteString(l.out, b.String()) // a terminal that is gone ends us by itself
}

// waiting shows a person on a terminal what is waited for and how long, until
// the function it returns is called.
func (s *session) waiting(out io.Writer, what string) func() {
	if s.json || !isTerminal(out) {
		return func() {}
	}
	began := time.Now()
	l := newLadder(raw(out).(*os.File), func() []string {
		row := "… " + what
		if took := time.Since(began); took >= time.Second {
			row += "  " + took.Truncate(time.Second).String()
		}
		return append([]string{row}, s.awayRows()...)
	})
	l.draw()
	return l.clear
}

// awayRows say that the server is waited for, while it is.
func (s *session) awayRows() []string {
	if !s.away.Load() {
		return nil
	}
	return []string{"… " + s.server + " does not answer any more, waiting for it"}
}
