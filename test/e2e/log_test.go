package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Lines are printed as fast as a container can while davit serve is killed and
// started again. Whoever reads live, whoever comes and goes while reading, and
// whoever reads afterwards sees each of them once and in order.
// TEST_LOG_LINES=1000000 prints more of them.
func TestNoLineIsLostOrShownTwice(t *testing.T) {
	t.Parallel()
	lines := setting(t, "TEST_LOG_LINES", 200_000)
	after := lines / 10
	h := newHouse(t)
	s := h.service("log", image(h.app("v1")), nil)
	d := s.succeeded(s.request(nil).ID)

	live, restless := newCount(lines), newCount(lines)
	steady, broken := s.feed(input{"deploymentId": d.ID}), s.feed(input{"deploymentId": d.ID})
	next := int64(1)
	broken.cut = func() bool {
		seen := restless.seen.Load()
		if seen < next {
			return false
		}
		next = seen + rand.N(int64(lines/10)+1)
		return true
	}
	read := s.after(func() error { steady.until(live.take); return nil })
	pieces := s.after(func() error { broken.until(restless.take); return nil })
	s.until("both read", func() bool { return live.open.Load() && restless.open.Load() })
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
	<-pieces
	live.check(t, "the live reader")
	restless.check(t, "the one that comes and goes")
	if at >= int64(lines) {
		t.Error("everything was read before davit serve was killed")
	}
	if broken.cuts == 0 {
		t.Error("the one that comes and goes stayed")
	}
	t.Logf("killed after %d lines were read; one reader came %d times", at, broken.cuts+1)

	past := newCount(lines)
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

func newCount(want int) *count { return &count{want: int64(want), begun: make(chan struct{})} }

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
