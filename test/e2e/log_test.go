package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Lines are printed as fast as a container can while davit serve is killed and
// started again. Whoever reads live and whoever reads afterwards sees each of
// them once and in order.
func TestNoLineIsLostOrShownTwice(t *testing.T) {
	t.Parallel()
	const lines, after = 200_000, 20_000
	h := newHouse(t)
	// A share of a processor, so that the kill is sure to come in the middle.
	s := h.service("log", image(h.app("v1")), func(in input) { in["settings"].(input)["resources"] = input{"cpuMillis": 150} })
	d := s.succeeded(s.request(nil).ID)

	live := &count{want: lines, begun: make(chan struct{})}
	f := s.feed(input{"deploymentId": d.ID})
	read := s.after(func() error { f.until(live.take); return nil })
	s.until("the live reader reads", live.open.Load)
	printed := make(chan error, 1)
	go func() { printed <- s.printing(1, lines-after) }()
	<-live.begun
	h.kill()
	at := live.seen.Load()
	if err := <-printed; err != nil {
		t.Fatal(err)
	}
	// However slow the reader was: these come while nobody is there.
	if err := s.printing(lines-after+1, after); err != nil {
		t.Fatal(err)
	}
	h.start()
	<-read
	live.check(t, "the live reader")
	if at >= lines {
		t.Error("everything was read before davit serve was killed")
	}
	t.Logf("killed after %d lines were read", at)

	past := &count{want: lines, begun: make(chan struct{})}
	s.history(input{"deploymentId": d.ID}, func(l line) { past.take(l) })
	past.check(t, "the reader of the history")
}

// count checks that "line 1", "line 2" … come in order.
type count struct {
	want  int64
	open  atomic.Bool   // something was read
	begun chan struct{} // closed with the first numbered line
	seen  atomic.Int64
	wrong []string
}

// take takes a line and reports whether it was the last one.
func (c *count) take(l line) bool {
	c.open.Store(true)
	text, numbered := strings.CutPrefix(l.Message, "line ")
	if !numbered || l.Stream != "STDOUT" {
		return false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if last := c.seen.Load(); (err != nil || n != last+1) && len(c.wrong) < 5 {
		c.wrong = append(c.wrong, fmt.Sprintf("%q after line %d", l.Message, last))
	}
	if c.seen.Swap(n) == 0 {
		close(c.begun)
	}
	return n >= c.want
}

func (c *count) check(t *testing.T, who string) {
	t.Helper()
	if len(c.wrong) > 0 || c.seen.Load() != c.want {
		t.Errorf("%s ended at line %d of %d and saw %q", who, c.seen.Load(), c.want, c.wrong)
	}
}
