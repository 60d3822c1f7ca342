package worker

import (
	"context"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// slow is an engine that starts nothing until it is told to.
type slow struct {
	runner.Runner
	asked chan struct{} // closed by the first who asks
	goOn  chan struct{}
}

func (s *slow) Start(ctx context.Context, name string) error {
	close(s.asked)
	<-s.goOn
	return s.Runner.Start(ctx, name)
}

// A worker whose engine takes longer than a lease keeps its command: another
// one would start it, and then the first would again.
func TestACommandIsStartedOnceHoweverSlowTheEngineIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, storetest.SQLite(t))
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	p.stop()
	op := h.command(i, time.Minute, "--print", "1", "--exit-after", "0s")
	engine := &slow{Runner: h.fake, asked: make(chan struct{}), goOn: make(chan struct{})}
	h.engine = engine
	first := h.idle()
	h.engine = h.fake
	done := make(chan error, 1)
	go func() { done <- first.Operate(h.ctx, op.ID) }()
	<-engine.asked

	// The rest of its lease, as if the engine had been asked for long.
	if _, err := h.db.Exec(h.ctx, `UPDATE operations SET lease_until = {now} + 4000 WHERE id = ?`, op.ID); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(5 * time.Second)
	h.until("that lease has run out", func() bool { return time.Now().After(end) })
	h.logDir = t.TempDir() // of another machine
	second := h.idle()
	if err := second.Operate(h.ctx, op.ID); err != nil {
		t.Error(err)
	}
	close(engine.goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	name := deploy.ContainerName(op.ID)
	h.until("it has ended", func() bool {
		c, err := h.fake.Inspect(h.ctx, name)
		return err == nil && c.State == runner.Exited
	})
	out, err := h.fake.Logs(h.ctx, name, runner.Position{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	lines := 0
	for f, err := out.Next(); err == nil; f, err = out.Next() {
		if string(f.Data) == "line 1" {
			lines++
		}
	}
	if lines != 1 {
		t.Errorf("it printed its line %d times", lines)
	}
}
