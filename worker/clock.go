package worker

import (
	"context"
	"time"
)

// clockStep is by how much a clock has to be off what passed to count as set.
const clockStep = 2 * time.Second

// clockWatch notices when the clock on the wall is set.
type clockWatch struct {
	began   time.Time // that what passed is counted from
	wall    time.Time
	running time.Duration // since then, by a clock that nobody sets
	set     time.Duration // by how much the clock was set, until deadlines are put off
	mended  bool          // nothing is left of the time before
}

// look compares the two clocks.
func (c *clockWatch) look(wall time.Time, running time.Duration) {
	by := wall.Sub(c.wall) - (running - c.running)
	if !c.wall.IsZero() && by.Abs() >= clockStep {
		c.set += by
		c.mended = false
	}
	c.wall, c.running = wall, running
}

// mendClock mends what the rows wait for after the clock was set, and when a
// process begins to lead: nobody may have been there to see it. The clock of a
// database server is not ours.
func (w *Worker) mendClock(ctx context.Context, c *clockWatch) error {
	if c.mended {
		return nil
	}
	if by := c.set; by != 0 {
		w.Log.WarnContext(ctx, "the clock was set", "by", by.Round(time.Millisecond))
		if by > 0 && w.Deploy.DB.Embedded() {
			if err := w.Deploy.PutDeadlinesOff(ctx, by); err != nil {
				return err
			}
		}
		c.set = 0 // once: if the rest fails, only that is tried again
	}
	if err := w.Deploy.ClockSet(ctx, w.Limits.Deployment); err != nil {
		return err
	}
	c.mended = true
	return nil
}
