package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/runner"
)

// Recorder brings what replicas print, and what Davit says about a deployment,
// into the log. All exported fields are required.
type Recorder struct {
	Logs   *logs.Log
	Runner runner.Runner
	Log    *slog.Logger
	// CatchUp is how long each step of the end of an output, and the end of a
	// log, may wait for the log: what is left of an output then is left out.
	CatchUp time.Duration

	mu       sync.Mutex
	pumps    map[string]*pump // by printer
	closings map[logs.Source]*closing
	wg       sync.WaitGroup
}

// printer is a container whose output is recorded.
type printer struct {
	id        string // of the row it belongs to
	container string
	source    logs.Source // where its lines go
	replica   string      // that they are said to come from, "" for none
}

// printerOf is a replica's container.
func printerOf(r *ent.Replica) printer {
	return printer{r.ID, r.ContainerName, sourceOf(r.InstanceID, r.DeploymentID), r.ID}
}

// pump copies the output of one container for as long as it runs.
type pump struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Close ends all pumps and waits for them. What they did not read is in the
// runner's own copy, and is read by whoever follows next. Logs that wait to be
// closed stay open.
func (rec *Recorder) Close() {
	rec.mu.Lock()
	for _, p := range rec.pumps {
		p.cancel()
	}
	for _, c := range rec.closings {
		c.cancel()
	}
	rec.mu.Unlock()
	rec.wg.Wait()
}

// sourceOf names where the log of a replica's deployment is.
func sourceOf(group, deploymentID string) logs.Source {
	return logs.Source{Group: group, ID: deploymentID}
}

// Say adds a line of Davit's own to the log of a deployment. The log is for
// people: what cannot be said there does not stop the work.
func (rec *Recorder) Say(ctx context.Context, d *ent.Deployment, s lifecycle.Severity, message string) {
	severity := logs.SeverityInfo
	if s == lifecycle.Warning || s == lifecycle.Critical {
		severity = logs.SeverityWarn
	}
	if err := rec.Logs.System(ctx, sourceOf(d.InstanceID, d.ID), severity, message); err != nil {
		rec.Log.WarnContext(ctx, "not said in the log", "deployment", d.ID, "err", err)
	}
}

// Follow records the output of a container from where the record
// ends, until the container ends. Before a start it returns once nothing that
// is printed can be missed: where the log takes nothing for CatchUp that is kept by the
// runner, and recorded once somebody follows again. Following twice is no error.
func (rec *Recorder) Follow(ctx context.Context, by printer, secrets []string) error {
	err := rec.timely(ctx, func(ctx context.Context) error { return rec.follow(ctx, by, secrets) })
	if errors.Is(err, errSlow) {
		rec.Log.WarnContext(ctx, "output is recorded later", "of", by.id, "err", err)
		return nil
	}
	return err
}

func (rec *Recorder) follow(ctx context.Context, by printer, secrets []string) error {
	c, err := rec.Runner.Inspect(ctx, by.container)
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	if c.State == runner.Exited { // whoever follows that run is about to end
		if err := rec.wait(ctx, by.id); err != nil {
			return err
		}
	}
	if rec.follows(by.id) {
		return nil
	}
	before := rec.pumpOf(by.id) // of an earlier run of the container
	out, err := rec.open(ctx, by, secrets)
	if err != nil {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var stream runner.Stream
	if c.State == runner.Running {
		stream, err = rec.Runner.Logs(life, by.container, out.at, true)
	} else {
		if c.State == runner.Exited { // one that was never started has printed nothing
			err = rec.catchUp(ctx, by, out, noLimit)
			if err == nil && before == nil && c.Outlived {
				err = out.doubt()
			}
		}
		if err == nil {
			stream, err = rec.Runner.Attach(life, by.container)
		}
	}
	if err != nil {
		cancel()
		out.close()
		return fmt.Errorf("follow output: %w", err)
	}
	p := &pump{cancel: cancel, done: make(chan struct{})}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.pumps == nil {
		rec.pumps = map[string]*pump{}
	}
	rec.pumps[by.id] = p
	rec.wg.Go(func() {
		defer close(p.done)
		defer cancel()
		defer out.close()
		err := unlessPanic(life, func(ctx context.Context) error { rec.pump(ctx, by, out, stream); return nil })
		if err != nil {
			rec.Log.ErrorContext(life, "output is recorded later", "of", by.id, "err", err)
		}
	})
	return nil
}

// follows reports whether the output of a printer is being recorded.
func (rec *Recorder) follows(id string) bool {
	p := rec.pumpOf(id)
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (rec *Recorder) pumpOf(id string) *pump {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.pumps[id]
}

// wait waits until nobody follows a printer.
func (rec *Recorder) wait(ctx context.Context, id string) error {
	p := rec.pumpOf(id)
	if p == nil {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pump copies until the container ends. When it falls behind it lets go, waits
// for the log, and goes on with the runner's own copy.
func (rec *Recorder) pump(ctx context.Context, by printer, out *output, stream runner.Stream) {
	away := false   // the engine, since the last line
	unreadable := 0 // how often in a row its copy was
	failed := false
	doubt := func() {
		if !away {
			return
		}
		if err := out.doubt(); err != nil {
			rec.Log.WarnContext(ctx, "it is not said that lines may be missing", "of", by.id, "err", err)
		}
		away = false
	}
	for {
		err := out.copy(ctx, stream)
		stream.Close()
		if ctx.Err() != nil {
			return
		}
		if unreadable++; !errors.Is(err, runner.ErrUnreadable) {
			unreadable = 0
		}
		if err := out.resume(ctx); err != nil {
			rec.Log.WarnContext(ctx, "output is recorded later", "of", by.id, "err", err)
			if pause(ctx, time.Second) != nil {
				return
			}
			continue
		}
		c, ierr := rec.Runner.Inspect(ctx, by.container)
		switch {
		case errors.Is(ierr, runner.ErrNotFound):
			return
		case ierr == nil && c.State != runner.Running && (err == nil || unreadable > 0):
			doubt()
			err := rec.catchUp(ctx, by, out, noLimit)
			if err == nil {
				err = out.resume(ctx) // whoever waits for the pump reads it from the log
			}
			if err != nil && ctx.Err() == nil { // else Finish does it
				rec.Log.WarnContext(ctx, "the end of the output is recorded later", "of", by.id, "err", err)
			}
			return
		case ierr != nil:
			away = away || errors.Is(ierr, runner.ErrUnavailable)
			if pause(ctx, time.Second) != nil {
				return
			}
		case err != nil && !errors.Is(err, logs.ErrBehind):
			if !failed {
				rec.Log.WarnContext(ctx, "output is not read, trying again", "of", by.id, "err", err)
			}
			if failed = true; pause(ctx, time.Second) != nil {
				return
			}
		}
		if stream, err = rec.again(ctx, by, out, unreadable > 1); err != nil {
			stream = ended{}
			if pause(ctx, time.Second) != nil {
				return
			}
			continue
		}
		doubt()
	}
}

// again goes on with the runner's own copy, or, if that stays unreadable, with
// what is printed from now on.
func (rec *Recorder) again(ctx context.Context, by printer, out *output, unreadable bool) (runner.Stream, error) {
	if !unreadable {
		return rec.Runner.Logs(ctx, by.container, out.at, true)
	}
	stream, err := rec.Runner.Attach(ctx, by.container)
	if err != nil {
		return nil, err
	}
	if err := out.lost(logs.StoreUnavailable); err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// ended is a stream of nothing.
type ended struct{}

func (ended) Next() (runner.Frame, error) { return runner.Frame{}, io.EOF }
func (ended) Close() error                { return nil }

// errSlow is a log that held somebody up for as long as it may.
var errSlow = errors.New("worker: the log did not take the output in time")

// noLimit is for who has nothing better to do than to wait for the log.
const noLimit = time.Duration(math.MaxInt64)

// catchUp records what a container that does not run has printed and the
// record lacks. Where it printed no end of its last line, the next run goes on with
// that: so does the output. It fails with errSlow if the log, once it is behind, holds it up
// for limit. The engine has limits of its own. Where its copy stays unreadable
// there is a gap.
func (rec *Recorder) catchUp(ctx context.Context, by printer, out *output, limit time.Duration) error {
	var timely context.Context //nolint:contextcheck // it is of ctx
	unreadable := false
	for {
		stream, err := rec.Runner.Logs(ctx, by.container, out.at, false)
		if errors.Is(err, runner.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		err = out.copy(ctx, stream)
		stream.Close()
		again := unreadable
		if unreadable = errors.Is(err, runner.ErrUnreadable); unreadable && again {
			rec.Log.WarnContext(ctx, "the rest of an output cannot be read", "of", by.id, "err", err)
			err = out.lost(logs.StoreUnavailable)
		}
		if err == nil {
			return out.flush()
		}
		if timely == nil {
			var cancel context.CancelFunc
			timely, cancel = context.WithTimeoutCause(ctx, limit, errSlow)
			defer cancel()
		}
		if rerr := out.resume(timely); rerr != nil {
			return cause(timely, rerr)
		}
		if !unreadable && !errors.Is(err, logs.ErrBehind) { // else the log has caught up: go on from there
			return err
		}
		if timely.Err() != nil {
			return context.Cause(timely)
		}
	}
}

// timely does what waits for the log. It fails with errSlow if that takes longer
// than CatchUp.
func (rec *Recorder) timely(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, rec.CatchUp, errSlow)
	defer cancel()
	return cause(ctx, do(ctx))
}

// Tail returns the last lines a container printed, oldest first.
func (rec *Recorder) Tail(ctx context.Context, by printer, n int) []lifecycle.ExcerptLine {
	page, err := rec.Logs.Query(ctx, logs.Query{
		Source: by.source, Limit: n,
		Filter: logs.Filter{Replica: by.replica, Streams: []logs.Kind{logs.Stdout, logs.Stderr}},
	})
	if err != nil {
		rec.Log.WarnContext(ctx, "no excerpt", "of", by.id, "err", err)
		return nil
	}
	return excerpt(page.Lines)
}

func excerpt(lines []logs.Line) []lifecycle.ExcerptLine {
	out := make([]lifecycle.ExcerptLine, len(lines))
	for i, l := range lines {
		out[i] = lifecycle.ExcerptLine{Time: time.Unix(0, l.UnixNano).UTC(), Stream: string(l.Stream.Kind), Message: l.Message}
	}
	return out
}

// Forget removes the logs of an instance, or of a command.
func (rec *Recorder) Forget(ctx context.Context, id string) error {
	return rec.Logs.RemoveGroup(ctx, id)
}
