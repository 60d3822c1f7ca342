package worker

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// frames is an output that is read once.
type frames []runner.Frame

func (s *frames) Next() (runner.Frame, error) {
	if len(*s) == 0 {
		return runner.Frame{}, io.EOF
	}
	f := (*s)[0]
	*s = (*s)[1:]
	return f, nil
}

func (s *frames) Close() error { return nil }

// The first frame behind what an engine deleted says so. The lines may have been of
// either output.
func TestAGapOfTheCopyIsInBothOutputs(t *testing.T) {
	t.Parallel()

	line := func(fd runner.Descriptor, text string) runner.Frame {
		return runner.Frame{Descriptor: fd, Time: time.Now(), Data: []byte(text), Line: true}
	}
	gap := line(runner.Stdout, "three")
	gap.Gap = true
	for name, tt := range map[string]struct {
		before []runner.Frame
		want   map[logs.Kind]int
	}{
		"that have lines":         {[]runner.Frame{line(runner.Stdout, "one"), line(runner.Stderr, "two")}, map[logs.Kind]int{logs.Stdout: 1, logs.Stderr: 1}},
		"but not if one has none": {nil, map[logs.Kind]int{logs.Stdout: 1, logs.Stderr: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newHouse(t, storetest.SQLite(t)).printed(0, logs.Options{})
			out, err := p.rec.open(p.ctx, p.by, nil)
			if err != nil {
				t.Fatal(err)
			}
			printed := frames(append(tt.before, gap))
			if err := out.copy(t.Context(), &printed); err != nil {
				t.Fatal(err)
			}
			if err := out.end(context.WithoutCancel(p.ctx)); err != nil {
				t.Fatal(err)
			}
			for kind, want := range tt.want {
				page, err := p.rec.Logs.Query(p.ctx, logs.Query{Source: p.by.source, Filter: logs.Filter{Streams: []logs.Kind{kind}}})
				if err != nil || len(page.Gaps) != want {
					t.Errorf("%s has the gaps %+v, %v, want %d", kind, page.Gaps, err, want)
				}
			}
		})
	}
}

// Whoever goes on with an output knows the last line of it by the time the engine gave
// it, through restarts, as long as nothing of the next one is in the log.
func TestTheLastLineIsKnownByItsTime(t *testing.T) {
	t.Parallel()

	p := newHouse(t, storetest.SQLite(t)).printed(0, logs.Options{})
	at := func(i int) time.Time { return time.Date(2026, 1, 2, 3, 4, 5, i, time.UTC) }
	first := p.rec.Logs
	out, err := p.rec.open(p.ctx, p.by, nil)
	if err != nil {
		t.Fatal(err)
	}
	step := func(stdout, stderr time.Time, printed ...runner.Frame) {
		t.Helper()
		f := frames(printed)
		if err := errors.Join(out.copy(t.Context(), &f), out.flush()); err != nil {
			t.Fatal(err)
		}
		if got := out.taken(); !got.StdoutLast.Equal(stdout) || !got.StderrLast.Equal(stderr) {
			t.Errorf("the last lines are of %v and %v, want %v and %v", got.StdoutLast, got.StderrLast, stdout, stderr)
		}
	}
	step(time.Time{}, time.Time{})
	step(at(1), at(2),
		runner.Frame{Descriptor: runner.Stdout, Time: at(1), Data: []byte("one"), Line: true},
		runner.Frame{Descriptor: runner.Stderr, Time: at(2), Data: []byte("two"), Line: true})
	step(at(1), time.Time{}, runner.Frame{Descriptor: runner.Stderr, Time: at(3), Data: []byte("half")})
	step(at(4), at(3),
		runner.Frame{Descriptor: runner.Stdout, Time: at(4), Line: true},
		runner.Frame{Descriptor: runner.Stderr, Time: at(3), Line: true})

	out.close()
	if err := first.Close(p.ctx); err != nil {
		t.Fatal(err)
	}
	again, err := logs.Open(p.ctx, logs.Options{Dir: p.logDir, Logger: p.log})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close(context.WithoutCancel(p.ctx)) }() // all is read by then
	p.rec.Logs = again
	if out, err = p.rec.open(p.ctx, p.by, nil); err != nil {
		t.Fatal(err)
	}
	defer out.close()
	step(at(4), at(3))
}
