package runnertest

import (
	"context"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
)

func (s *suite) exec(t *testing.T) {
	t.Run("the command's output and status come back", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		res, err := b.Exec(t.Context(), name, []string{s.Program, "-print=3", "-listen=none", "-exit-after=0s", "-exit-code=7"})
		if err != nil || res.ExitCode != 7 || string(res.Output) != numbered(3) {
			t.Errorf("Exec: %d %q, %v", res.ExitCode, res.Output, err)
		}
	})
	t.Run("too much output is cut, and the command still ends", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		res, err := b.Exec(t.Context(), name, []string{s.Program, "-print=50000", "-listen=none", "-exit-after=0s"})
		if err != nil || res.ExitCode != 0 || string(res.Output) != numbered(50000)[:runner.MaxExecOutput] {
			t.Errorf("Exec: %d, %d bytes, %v", res.ExitCode, len(res.Output), err)
		}
	})
	t.Run("a command that does not exist ends with 126 or 127", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		res, err := b.Exec(t.Context(), name, []string{"/no/such/program"})
		if err != nil || res.ExitCode != 126 && res.ExitCode != 127 {
			t.Errorf("Exec: %+v, %v", res, err)
		}
	})
	t.Run("nothing runs in a container that does not", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		b.create(spec)
		_, err := b.Exec(t.Context(), spec.Name, []string{s.Program})
		wantErr(t, "Exec", err, runner.ErrNotRunning)
		_, err = b.Exec(t.Context(), spec.Name, nil)
		wantErr(t, "Exec without a command", err, runner.ErrSpec)
	})
	t.Run("the context ends the wait", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := b.Exec(ctx, name, []string{s.Program, "-listen=none"})
		wantErr(t, "Exec", err, context.DeadlineExceeded)
		if took := time.Since(begun); took > patience/2 {
			t.Errorf("it took %s", took)
		}
	})
}

func (s *suite) events(t *testing.T) {
	t.Run("tell of start, exit and removal", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events, err := s.New(t, s.installation).Events(ctx) // as after a restart
		if err != nil {
			t.Fatal(err)
		}
		name := b.started("-listen=none")
		b.expect(events, name, runner.EventStarted)
		if err := b.Stop(t.Context(), name, patience); err != nil {
			t.Fatal(err)
		}
		b.expect(events, name, runner.EventExited)
		if err := b.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		b.expect(events, name, runner.EventRemoved)
		cancel()
		for range events { // closed, or the test never ends
		}
	})
}

// expect waits for an event about name, which must be of this kind. Tests run
// side by side, so others have theirs in between.
func (b *bench) expect(events <-chan runner.Event, name string, kind runner.EventKind) {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case ev, ok := <-events:
			switch {
			case !ok:
				b.t.Fatal("the events ended")
			case ev.Name != name:
			case ev.Kind != kind || ev.ReplicaID != "rep_1":
				b.t.Fatalf("%+v, want %s", ev, kind)
			default:
				return
			}
		case <-deadline:
			b.t.Fatalf("no %s of %s", kind, name)
		}
	}
}
