package worker

import (
	"context"
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
			if err := out.copy(&printed); err != nil {
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
