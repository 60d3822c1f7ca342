package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

// numbers are the lines that the fake application prints for these counts.
func numbers(counts ...int) []string {
	var out []string
	for _, n := range counts {
		for i := 1; i <= n; i++ {
			out = append(out, fmt.Sprintf("line %d", i))
		}
	}
	return out
}

func TestRecorder(t *testing.T) {
	t.Parallel()

	t.Run("output is whole and in order through restarts of the worker", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		d := h.deploy(i, "")
		host := h.host(i)
		var want []int
		for range 3 {
			for _, n := range []int{150, 100} { // while a worker lives, and while none does
				if n == 100 {
					p.stop()
				}
				if status, body := h.get(host, fmt.Sprintf("/log?n=%d", n)); status != http.StatusOK {
					t.Fatalf("%d %s", status, body)
				}
				want = append(want, n)
			}
			p = h.start()
		}
		lines := func() []string {
			return slices.DeleteFunc(p.output(d, logs.Stdout), func(l string) bool { return !strings.HasPrefix(l, "line ") })
		}
		all := numbers(want...)
		h.until("all is recorded", func() bool { return len(lines()) >= len(all) })
		if got := lines(); !slices.Equal(got, all) {
			t.Errorf("%d lines, want %d: some are lost, twice or out of order", len(got), len(all))
		}
	})

	t.Run("secrets are hidden, also in what is read last of a container that goes", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", nil), func(s *project.NewService) {
			s.Variables = []project.Value{{Name: "TOKEN", Value: "line 2", Secret: true, Runtime: true}}
		})
		d := h.deploy(i, "")
		host := h.host(i)
		p.stop()
		if status, body := h.get(host, "/log?n=3"); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		p = h.idle() // one that has never followed the replica
		r := h.live(i)[0]
		r.Edges.Deployment = h.row(d.ID)
		if err := h.fake.Stop(h.ctx, r.ContainerName, 0); err != nil {
			t.Fatal(err)
		}
		if err := p.finish(h.ctx, r); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(p.output(d), "\n")
		if strings.Contains(text, "line 2") || !strings.Contains(text, "line 3") {
			t.Errorf("the log shows the secret or lacks the end:\n%s", text)
		}
	})

	t.Run("a container that was attached to and never started does not hold up its end", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		d := h.deploy(i, "")
		r := *h.live(i)[0]
		p.stop()
		p = h.idle()
		r.ID = strings.Replace(r.ID, "rep_0", "rep_1", 1)
		r.ContainerName = "davit-rep-second"
		_, err := h.fake.Create(h.ctx, runner.Spec{Name: r.ContainerName, ReplicaID: r.ID, Image: d.Image.ID, Network: deploy.NetworkName(d.EnvironmentID)})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Recorder.Follow(h.ctx, printerOf(&r), nil); err != nil {
			t.Fatal(err)
		}
		if err := p.Recorder.Finish(h.ctx, printerOf(&r), nil); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("the log of a replaced deployment stays and ends, that of the one that serves goes on", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", func(i *runnertest.FakeImage) { i.Env["APP_PRINT"] = "3" }), nil)
		first := h.deploy(i, "")
		second := h.deploy(i, h.version("v2", nil))
		h.until("the first one's log ends", func() bool { return p.ended(first) })
		if p.ended(second) {
			t.Error("the log of the one that serves has ended")
		}
		lines := p.output(first, logs.Stdout)
		if !slices.Contains(lines, "line 3") || lines[len(lines)-1] != "received terminated" {
			t.Errorf("it says %q", lines)
		}
		if said := p.output(first, logs.System); len(said) == 0 || !strings.HasPrefix(said[0], "Pulling") {
			t.Errorf("Davit says %q", said)
		}
	})
}

// met counts the questions that an engine that is away did not answer.
type met struct {
	runner.Runner
	unanswered atomic.Int64
}

func (m *met) Inspect(ctx context.Context, name string) (runner.Container, error) {
	c, err := m.Runner.Inspect(ctx, name)
	if errors.Is(err, runner.ErrUnavailable) {
		m.unanswered.Add(1)
	}
	return c, err
}

// Whoever was to record a replica that serves gave up, or never came: a log that took
// nothing for a while, or a process that died between the switch and the end of a drain.
func TestAReplicaThatNobodyRecordsIsFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, storetest.SQLite(t))
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	d := h.deploy(i, "")
	left := p.Recorder.pumpOf(h.live(i)[0].ID)
	left.cancel()
	<-left.done
	if status, body := h.get(h.host(i), "/log?n=3"); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	h.until("it is recorded", func() bool { return slices.Contains(p.output(d, logs.Stdout), "line 3") })
}

// three has what serves print three lines.
func (p *process) three(d *ent.Deployment) {
	p.h.t.Helper()
	i, err := d.QueryInstance().Only(p.h.ctx)
	if err != nil {
		p.h.t.Fatal(err)
	}
	if status, body := p.h.get(p.h.host(i), "/log?n=3"); status != http.StatusOK {
		p.h.t.Fatalf("%d %s", status, body)
	}
}

// prints has it print three lines, and waits until as many as wanted are recorded.
func (p *process) prints(d *ent.Deployment, want int) {
	p.h.t.Helper()
	p.three(d)
	p.h.until("it is recorded", func() bool {
		n := 0
		for _, l := range p.output(d, logs.Stdout) {
			if strings.HasPrefix(l, "line ") {
				n++
			}
		}
		return n == want
	})
}

// An engine that dies takes along what it had read from an application and not
// handed on. Nobody knows what that was, so it is said where it would be.
func TestWhereAnEngineWasAwayLinesMayBeMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, storetest.SQLite(t))
	engine := &met{Runner: h.fake}
	h.engine = engine
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	d := h.deploy(i, "")
	p.prints(d, 3)
	for range 2 { // the second time nothing was printed in between
		before := engine.unanswered.Load()
		h.fake.SetAway(true)
		h.until("it is met", func() bool { return engine.unanswered.Load() > before+1 })
		h.fake.SetAway(false)
		h.running(i, 1)
	}
	p.prints(d, 6)
	page, err := p.Recorder.Logs.Query(h.ctx, logs.Query{Source: sourceOf(d.InstanceID, d.ID), Filter: logs.Filter{Streams: []logs.Kind{logs.Stdout, logs.Stderr}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Gaps) != 1 || page.Gaps[0].Reason != logs.EngineAway || page.Gaps[0].Dropped != 0 {
		t.Errorf("the gaps are %+v", page.Gaps)
	}
}

// What an engine had handed on and not kept is not in its copy. It counts no more: else
// as many lines of the next run were taken for them after the next restart of Davit.
func TestLinesThatAnEngineTookAlongDoNotHideOthers(t *testing.T) {
	t.Parallel()
	for _, davit := range []string{"while Davit runs", "while Davit is away"} {
		t.Run(davit, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			p := h.start()
			i := h.service(h.version("v1", nil), nil)
			d := h.deploy(i, "")
			p.prints(d, 3)
			if davit == "while Davit is away" {
				p.stop()
			}
			h.fake.RestartWithout(2)
			if davit == "while Davit is away" {
				p = h.start()
			}
			h.until("it serves again", func() bool {
				status, _ := h.get(h.host(i), "/")
				return h.live(i)[0].Restarts == 1 && status == http.StatusOK
			})
			p.stop()
			p.three(d)
			p = h.start()
			p.prints(d, 9)
		})
	}
}

// An engine that was killed and is back before Davit has met nobody, and its
// containers say so. What ended before that was seen.
func TestWhereAnEngineWasRestartedUnseenLinesMayBeMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		kill func(*house)
		gaps int
	}{
		{"an engine that was killed", func(h *house) { h.fake.Restart() }, 1},
		{"an application that ended", func(h *house) {
			h.fake.Kill(h.containers()[0], 1, false)
			h.fake.Restart()
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			p := h.start()
			i := h.service(h.version("v1", func(i *runnertest.FakeImage) { i.Env["APP_PRINT"] = "3" }), nil)
			d := h.deploy(i, "")
			p.stop()
			c.kill(h)
			p = h.start()
			h.running(i, 1)
			var page *logs.Page
			h.until("the next run is recorded", func() bool {
				var err error
				page, err = p.Recorder.Logs.Query(h.ctx, logs.Query{Source: sourceOf(d.InstanceID, d.ID), Filter: logs.Filter{Streams: []logs.Kind{logs.Stdout}, Search: "line 3"}})
				if err != nil {
					t.Fatal(err)
				}
				return len(page.Lines) == 2
			})
			if len(page.Gaps) != c.gaps || c.gaps > 0 && page.Gaps[0].Reason != logs.EngineAway {
				t.Errorf("the gaps are %+v", page.Gaps)
			}
		})
	}
}

// Whoever holds a row is told by others until it lets go, and no longer: what it
// is told in lasts as long as the worker.
func TestAHoldEndsWhatItAsked(t *testing.T) {
	t.Parallel()
	var asked context.Context
	_, release := renewing(t.Context(), func(ctx context.Context) <-chan struct{} { asked = ctx; return nil }, func(context.Context) (fault.Code, error) { return "", nil })
	if asked.Err() != nil {
		t.Error("it asked in what had ended")
	}
	release()
	if asked.Err() == nil {
		t.Error("what it asked goes on")
	}
}

// A worker that has returned leaves nothing behind.
func TestRunEndsWhatItBegan(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	h.scale(i, 2)
	h.running(i, 2)
	p.stop()
	h.until("no goroutine of the worker is left", func() bool { return stacks() == "" })
}
