package worker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

// command runs the fake's program with these flags for an instance.
func (h *house) command(i *ent.ServiceInstance, limit time.Duration, args ...string) *ent.Operation {
	h.t.Helper()
	op, err := h.verbs.RunCommand(h.ctx, deploy.Command{InstanceID: i.ID, Words: append([]string{runnertest.FakeProgram}, args...), Limit: limit})
	if err != nil {
		h.t.Fatal(err)
	}
	return op
}

func (h *house) operation(id string) *ent.Operation {
	h.t.Helper()
	op, err := h.db.Operation.Query().Where(operation.ID(id)).Only(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return op
}

// ended waits until an operation has ended.
func (h *house) ended(id string) *ent.Operation {
	h.t.Helper()
	h.until("the operation ends", func() bool { return h.operation(id).Status.Final() })
	return h.operation(id)
}

// printed reads what a command printed.
func (p *process) printed(op *ent.Operation) []string {
	p.h.t.Helper()
	page, err := p.Recorder.Logs.Query(p.h.ctx, logs.Query{Source: logs.Source{Group: op.ID, ID: op.ID}, Limit: 1000})
	if err != nil {
		p.h.t.Fatal(err)
	}
	var lines []string
	for _, l := range page.Lines {
		lines = append(lines, l.Message)
	}
	return lines
}

// closed reports whether the log of a command has ended.
func (p *process) closed(op *ent.Operation) bool {
	out, err := p.Recorder.Logs.Writer(p.h.ctx, logs.Source{Group: op.ID, ID: op.ID}, logs.Build, "", logs.WriterOptions{})
	if err == nil {
		out.Close()
	}
	return fault.Is(err, fault.Conflict)
}

func TestCommand(t *testing.T) {
	t.Parallel()

	t.Run("it runs beside what serves, with its image and variables, and its output and exit code are kept", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), func(n *project.NewService) {
				n.Variables = []project.Value{{Name: "APP_PRINT", Value: "3", Runtime: true}}
			})
			d := h.deploy(i, "")
			before := len(p.output(d))
			op := h.ended(h.command(i, time.Minute, "--exit-after", "30ms").ID)
			if op.Status != lifecycle.OperationSucceeded || op.ExitCode == nil || *op.ExitCode != 0 || op.FinishedAt == nil {
				t.Errorf("it ended as %s with %v: %+v", op.Status, op.ExitCode, op.Failure)
			}
			if lines := p.printed(op); !slices.Contains(lines, "line 3") {
				t.Errorf("it printed %q", lines)
			}
			if !p.closed(op) {
				t.Error("its log goes on")
			}
			if after := len(p.output(d)); after != before {
				t.Errorf("the deployment's log has %d lines more", after-before)
			}
			h.running(i, 1)
			h.tidy()
		})
	})

	t.Run("a secret it prints is not shown", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", nil), func(n *project.NewService) {
			n.Variables = []project.Value{{Name: "SECRET", Value: "listening on", Secret: true, Runtime: true}}
		})
		h.deploy(i, "")
		op := h.ended(h.command(i, time.Minute, "--exit-after", "30ms").ID)
		if lines := p.printed(op); len(lines) == 0 || strings.Contains(strings.Join(lines, " "), "listening on") {
			t.Errorf("it printed %q", lines)
		}
	})

	for _, tt := range []struct {
		name string
		args []string
		exit int // -1: none
		says string
	}{
		{"ends badly", []string{"--print", "2", "--partial", "panic: boom", "--exit-after", "0s", "--exit-code", "42"}, 42, "ended with exit code 42"},
		{"takes too long", []string{"--print", "2", "--partial", "panic: boom"}, -1, "did not end within 1s"},
	} {
		t.Run("one that "+tt.name+" fails with its last lines", func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			op := h.ended(h.command(i, time.Second, tt.args...).ID)
			f := op.Failure
			if op.Status != lifecycle.OperationFailed || f == nil || f.Code != fault.CommandFailed || !strings.Contains(f.Message, tt.says) {
				t.Fatalf("it ended as %s: %+v", op.Status, f)
			}
			if (op.ExitCode == nil) != (tt.exit < 0) || op.ExitCode != nil && *op.ExitCode != tt.exit {
				t.Errorf("its exit code is %v", op.ExitCode)
			}
			for _, want := range []string{"line 2", "panic: boom"} {
				if !slices.ContainsFunc(f.Excerpt, func(l lifecycle.ExcerptLine) bool { return l.Message == want }) {
					t.Errorf("the excerpt is %v, without %s", f.Excerpt, want)
				}
			}
			h.running(i, 1)
			h.tidy()
		})
	}

	t.Run("one that cannot be started fails", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		op, err := h.verbs.RunCommand(h.ctx, deploy.Command{InstanceID: i.ID, Words: []string{"/nowhere"}, Limit: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if op = h.ended(op.ID); op.Status != lifecycle.OperationFailed || op.Failure.Code != fault.CommandFailed {
			t.Errorf("it ended as %s: %+v", op.Status, op.Failure)
		}
		h.tidy()
	})

	t.Run("a cancel stops it", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			op := h.command(i, time.Minute, "--print", "1", "--ignore-term")
			h.until("it runs", func() bool { return slices.Contains(p.printed(op), "line 1") })
			for range 2 {
				if _, err := h.verbs.CancelOperation(h.ctx, op.ID); err != nil {
					t.Fatal(err)
				}
			}
			h.within(spec.StopGrace+5*time.Second, "it ends", func() bool { return h.operation(op.ID).Status.Final() })
			if op = h.operation(op.ID); op.Status != lifecycle.OperationCanceled || op.ExitCode != nil || !p.closed(op) {
				t.Errorf("it ended as %s with %v: %+v", op.Status, op.ExitCode, op.Failure)
			}
			h.tidy()
		})
	})

	t.Run("the next worker waits for the one that runs", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			op := h.command(i, time.Minute, "--print", "1", "--exit-after", "1s", "--exit-code", "3")
			h.until("it runs", func() bool { return slices.Contains(p.printed(op), "line 1") })
			p.stop()
			p = h.start()
			if op = h.ended(op.ID); op.ExitCode == nil || *op.ExitCode != 3 {
				t.Errorf("it ended as %s with %v: %+v", op.Status, op.ExitCode, op.Failure)
			}
			lines := p.printed(op)
			if n := len(slices.DeleteFunc(lines, func(l string) bool { return l != "line 1" })); n != 1 {
				t.Errorf("it ran %d times", n)
			}
			h.tidy()
		})
	})

	for what, lose := range map[string]func(h *house, container string) error{
		"container is taken away": func(h *house, container string) error { return h.fake.Remove(h.ctx, container) },
		"engine is killed":        func(h *house, _ string) error { h.fake.Restart(); return nil },
	} {
		t.Run("one whose "+what+" is not run a second time", func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			p := h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			op := h.command(i, time.Minute, "--print", "1")
			h.until("it runs", func() bool { return slices.Contains(p.printed(op), "line 1") })
			if err := lose(h, deploy.ContainerName(op.ID)); err != nil {
				t.Fatal(err)
			}
			if op = h.ended(op.ID); op.Status != lifecycle.OperationFailed || op.Failure.Code != fault.RunnerAway || op.Failure.Domain != fault.Platform ||
				op.Failure.Hint == nil || !strings.Contains(op.Failure.Message, "was lost") || op.ExitCode != nil {
				t.Errorf("it ended as %s with %v: %+v", op.Status, op.ExitCode, op.Failure)
			}
		})
	}

	t.Run("a service that is deleted takes its commands and their logs along", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		over := h.ended(h.command(i, time.Minute, "--print", "1", "--exit-after", "1ms").ID)
		op := h.command(i, time.Minute, "--print", "1")
		h.until("it runs", func() bool { return slices.Contains(p.printed(op), "line 1") })
		gone, err := h.projects.DeleteService(h.ctx, i.ServiceID)
		if err != nil {
			t.Fatal(err)
		}
		h.done(gone.ID)
		if op = h.operation(op.ID); op.Status != lifecycle.OperationCanceled {
			t.Errorf("it ended as %s: %+v", op.Status, op.Failure)
		}
		h.tidy()
		groups, err := p.Recorder.Logs.Groups()
		if err != nil || slices.Contains(groups, op.ID) || slices.Contains(groups, over.ID) {
			t.Errorf("logs of %q are left, %v", groups, err)
		}
	})
}
