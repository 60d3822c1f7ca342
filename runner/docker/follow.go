package docker

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/davitdev/davit/runner"
)

const (
	// leastTail is how many entries are asked for at least, to find among them
	// the last one that is known.
	leastTail = 256
	// mostTail is how many are asked for at most, before all are.
	mostTail = leastTail << 10
	// breath is between two looks at the copy while there is something new each time.
	breath = 20 * time.Millisecond
	// lookAgain is how long an engine is believed that nothing was printed.
	lookAgain = 30 * time.Second

	// maxEscape is how many bytes of JSON a byte of output can take, maxFields what
	// an entry has else.
	maxEscape, maxFields = 6, 100
)

// look is one look at the end of the copy, which has to reach back to the last
// entry that is known: what is behind that is new, whatever its time.
type look struct {
	asked  int          // entries; 0: all there are
	got    int          // entries
	fresh  int          // of them handed on
	equal  int          // of them with the descriptor and the time of the last known one
	before bool         // one of that descriptor came before those
	found  bool         // the last known one
	byTime bool         // that is gone from the copy: new is what is later
	times  [3]time.Time // of the last one of each descriptor
}

// lookBack asks for the last n entries of the copy, 0 for all.
func (l *logStream) lookBack(n int, byTime bool) error {
	l.live = true
	l.look = look{asked: n, byTime: byTime, found: l.seen == [3]last{}}
	if l.look.found || n > mostTail {
		l.look.asked = 0
	}
	tail := ""
	if l.look.asked > 0 {
		tail = strconv.Itoa(l.look.asked)
	}
	return l.reopen(tail)
}

// reached reports whether nothing lies between what is known and this look.
func (k *look) reached() bool {
	return k.found || k.byTime || k.asked == 0 && k.got == 0
}

// known reports whether f was there at the look before.
func (l *logStream) known(f runner.Frame) (bool, error) {
	k, fd := &l.look, f.Descriptor
	k.got++
	if l.goesBack(k.times[fd], f) { // a file that comes twice
		return true, l.lookBack(max(k.asked, 2*leastTail), false)
	}
	k.times[fd] = f.Time
	switch {
	case k.found, k.byTime && f.Time.After(l.stale[fd]):
		k.fresh++
		return false, nil
	case fd != l.end:
	case !f.Time.Equal(l.seen[fd].time):
		k.before = k.before || k.equal == 0
	default:
		k.equal++
		// Else the look may have begun in the middle of those of this time.
		k.found = k.equal == l.seen[fd].n && (k.before || k.asked == 0)
	}
	return true, nil
}

// note remembers f, which is the last entry read so far.
func (l *logStream) note(f runner.Frame) {
	l.seen[f.Descriptor].add(f.Time)
	l.end = f.Descriptor
	l.size += maxEscape*int64(len(f.Data)) + maxFields
}

// goesBack reports whether f is older than the entry before it, and that is not
// known yet.
func (l *logStream) goesBack(before time.Time, f runner.Frame) bool {
	if !f.Time.Before(before) || slices.Contains(l.back, back{before, f.Time}) {
		return false
	}
	l.back = append(l.back, back{before, f.Time})
	return true
}

// lookFurther asks for more of the copy, and goes by time where it does not reach
// back either.
func (l *logStream) lookFurther() error {
	k := l.look
	switch {
	case k.asked == 0:
		l.gap = true
		l.lost = !l.after.IsZero()
		if !l.lost {
			l.unread = [3]int64{}
		}
		for fd, s := range l.seen {
			l.stale[fd] = s.time
		}
		return l.lookBack(0, true)
	case k.got < k.asked:
		return l.lookBack(0, false)
	}
	return l.lookBack(4*k.asked, false)
}

// goOn looks again where a look has ended, once there is something to see. It
// returns io.EOF if the engine says that no more comes.
func (l *logStream) goOn() error {
	k := l.look
	l.back = nil
	switch {
	case k.fresh > 0, l.short():
		if err := l.sleep(breath); err != nil {
			return err
		}
	case l.last:
		return io.EOF
	case l.bell != nil:
		if err := l.listen(); err != nil {
			return err
		}
	default: // what is printed from here on rings, what was before is seen
		bell, err := l.open("0", true)
		if err != nil {
			return l.reason(err)
		}
		l.bell = bell
	}
	return l.lookBack(leastTail+k.fresh+k.fresh/4, false)
}

// listen waits until the engine says something to whoever follows. What it says
// is not read: while files are rotated it repeats itself, and leaves out.
func (l *logStream) listen() error {
	bell := l.bell
	l.bell = nil
	defer bell.Close()
	late := time.AfterFunc(lookAgain, func() { _ = bell.Close() })
	n, err := bell.Read(make([]byte, 1))
	if n > 0 || !late.Stop() {
		return nil
	}
	if err = l.reason(err); errors.Is(err, io.EOF) {
		l.last = true
		return nil
	}
	return err
}

// sleep waits for d, or returns why the stream has ended.
func (l *logStream) sleep(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-l.closed:
		return io.EOF
	case <-l.ctx.Done():
		return l.reason(l.ctx.Err())
	}
}
