package worker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

const (
	// settle is how long a replica that nobody can ask must run to count as
	// healthy.
	settle = 500 * time.Millisecond
	// lookEvery is how often a replica that does not answer is looked at.
	lookEvery = 100 * time.Millisecond
	// excerptWait is how long the end of a replica's output is waited for
	// before its failure is told without it.
	excerptWait = 2 * time.Second
)

// endedError is a replica that ended by itself.
type endedError struct {
	process   string // "": the service itself
	slot      int
	container runner.Container
	excerpt   []lifecycle.ExcerptLine
}

func (e *endedError) Error() string { return e.sentence() }

// cannotStart reports whether the command itself could not be run, in the
// words of a shell.
func (e *endedError) cannotStart() bool {
	return e.container.ExitCode == 126 || e.container.ExitCode == 127
}

// again reports whether starting it again may help.
func (e *endedError) again() bool { return !e.cannotStart() && !e.container.OOMKilled }

func (e *endedError) sentence() string {
	who, command := "The application", "The start command"
	if e.process != "" {
		who, command = "The process "+e.process, "The command of the process "+e.process
	}
	switch c := e.container; {
	case c.OOMKilled:
		return who + " ran out of memory and was killed."
	case c.ExitCode == 127:
		return command + " was not found in the image."
	case c.ExitCode == 126:
		return command + " cannot be executed."
	default:
		return fmt.Sprintf("%s ended with exit code %d before it was healthy.", who, c.ExitCode)
	}
}

// write notes the end in the replica's row.
func (e *endedError) write(u *ent.ReplicaUpdate) {
	u.SetStatus(lifecycle.ReplicaExited).SetHealth(lifecycle.HealthUnhealthy).SetLastExitCode(e.container.ExitCode).
		SetOomKilled(e.container.OOMKilled).SetEndedAt(endedAt(e.container)).AddFailures(1)
}

// Unwrap explains the end to the user.
func (e *endedError) Unwrap() error {
	code, hint := fault.AppExited, "Its last lines say why. An application must keep running and listen on the port in PORT."
	switch {
	case e.container.OOMKilled:
		code, hint = fault.AppOutOfMemory, "Raise the memory limit of the service, or make the application use less."
	case e.cannotStart():
		code, hint = fault.AppCannotStart, "Check the start command and that the image has it."
	}
	exit := e.container.ExitCode
	return &lifecycle.AppError{
		Err:      fault.New(code, "%s", e.sentence()).WithHint("%s", hint),
		ExitCode: &exit, OOMKilled: e.container.OOMKilled, Excerpt: e.excerpt,
	}
}

// untilWell waits until a started replica answers its health check. It fails
// with an *endedError if the replica ends, with an *unreachedError if it is not
// reached and another one would be made, and with what the check found if the
// start period passes.
func (w *Worker) untilWell(ctx context.Context, set *replicaSet, r *ent.Replica, another bool) error {
	set = set.of(r)
	h := set.settings.HealthCheck
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(context.Canceled)
	timely, done := context.WithTimeoutCause(ctx, h.StartPeriod, errLate)
	var watch sync.WaitGroup
	watch.Go(func() { w.watchEnd(timely, cancel, r) })
	defer watch.Wait()
	defer done() // first
	if h.Kind == spec.CheckNone {
		return cause(ctx, pause(ctx, settle))
	}
	var tried reach
	err := runner.WaitHealthy(timely, runner.Pace{Successes: h.HealthyThreshold}, func(ctx context.Context) error {
		err := w.ask(ctx, set, r)
		if another && tried.failed(ctx, w, r, set.settings.HealthCheck.Port, err) {
			cancel(&unreachedError{r})
		}
		return err
	})
	if unreached, ok := errors.AsType[*unreachedError](context.Cause(ctx)); ok {
		return unreached
	}
	if ended, ok := errors.AsType[*endedError](context.Cause(ctx)); ok {
		return ended
	}
	if err != nil && errors.Is(context.Cause(timely), errLate) && ctx.Err() == nil {
		return w.unwell(ctx, set, r, err)
	}
	return cause(ctx, err)
}

var errLate = errors.New("worker: the start period is over")

// watchEnd looks whether the replica still runs and cancels the wait if not.
func (w *Worker) watchEnd(ctx context.Context, cancel context.CancelCauseFunc, r *ent.Replica) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		container, err := w.Runner.Inspect(ctx, r.ContainerName)
		switch {
		case errors.Is(err, runner.ErrNotFound):
			cancel(fmt.Errorf("container vanished: %w", runner.ErrUnavailable))
			return
		case err == nil && container.State == runner.Exited:
			cancel(w.ended(ctx, r, container))
			return
		}
	}
}

// ended describes how a replica ended, with its last lines.
func (w *Worker) ended(ctx context.Context, r *ent.Replica, c runner.Container) *endedError {
	recorded, done := context.WithTimeout(ctx, excerptWait)
	defer done()
	if err := w.Recorder.wait(recorded, r.ID); err != nil {
		w.Log.InfoContext(ctx, "the excerpt may lack the last lines", "replica", r.ID, "err", err)
	}
	return &endedError{process: r.Process, slot: r.Slot, container: c, excerpt: w.Recorder.Tail(ctx, printerOf(r), lifecycle.ExcerptLines)}
}

// ask puts the health check to a replica once.
func (w *Worker) ask(ctx context.Context, set *replicaSet, r *ent.Replica) error {
	set = set.of(r)
	h := set.settings.HealthCheck
	if h.Kind == spec.CheckCommand {
		ctx, cancel := context.WithTimeout(ctx, h.Timeout)
		defer cancel()
		res, err := w.Runner.Exec(ctx, r.ContainerName, h.Command)
		if err == nil && res.ExitCode != 0 {
			err = fmt.Errorf("the command ended with %d: %.200s", res.ExitCode, res.Output)
		}
		return err
	}
	if r.Addr == nil {
		return errors.New("it has no address")
	}
	addr, err := netip.ParseAddrPort(*r.Addr)
	if err != nil {
		return fmt.Errorf("address of replica: %w", err)
	}
	if h.Port != 0 {
		addr = netip.AddrPortFrom(addr.Addr(), uint16(h.Port)) //nolint:gosec // validated
	}
	check := runner.Check{Timeout: h.Timeout}
	if h.Kind == spec.CheckHTTP {
		check.Path = h.Path
		ranges, err := spec.ParseCodes(h.SuccessCodes)
		if err != nil {
			return fmt.Errorf("success codes: %w", err)
		}
		for _, c := range ranges {
			check.Statuses = append(check.Statuses, runner.StatusRange{First: c.From, Last: c.To})
		}
	}
	return runner.Probe(ctx, check, addr)
}

// unwell says to the user what the health check found to the end.
func (w *Worker) unwell(ctx context.Context, set *replicaSet, r *ent.Replica, err error) error {
	set = set.of(r)
	h := set.settings.HealthCheck
	code := fault.AppUnhealthy
	message := fmt.Sprintf("The application was not healthy within %s", h.StartPeriod)
	hint := "Check the path and the port of the health check, or give it a longer start period."
	if p, ok := errors.AsType[*runner.ProbeError](err); ok {
		message += ": " + logs.NewMask(set.secrets...).Hide(p.Error()) // which has what it answered
		if p.Reason == runner.Refused {
			code = fault.AppNotListening
			hint = fmt.Sprintf("Make it listen on 0.0.0.0 and the port in PORT (%d), or set the service's port.", set.port)
			if advice := runner.ListenAdvice(ctx, w.Runner, r.ContainerName); advice != "" {
				hint = advice
			}
		}
	}
	return &lifecycle.AppError{Err: fault.New(code, "%s.", trimDot(message)).WithHint("%s", hint), Excerpt: w.Recorder.Tail(ctx, printerOf(r), lifecycle.ExcerptLines)}
}

func trimDot(s string) string {
	for len(s) > 0 && s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}
