package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
				if status, body := h.get(host, fmt.Sprintf("/log?n=%d", n)); status != 200 {
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
		if status, body := h.get(host, "/log?n=3"); status != 200 {
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
		_, err := h.fake.Create(h.ctx, runner.Spec{Name: r.ContainerName, ReplicaID: r.ID, Image: d.Image.ID, Network: NetworkName(d.EnvironmentID)})
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
