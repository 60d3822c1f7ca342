package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/runner"
)

// lookAgain is when an operation is looked at again at the latest; what it
// waits for rings for it earlier.
const lookAgain = 2 * time.Second

// Operate carries an operation as far as it goes now. One that waits for
// something gives itself back.
func (w *Worker) Operate(ctx context.Context, id string) error {
	job, err := claim(ctx, id, w.Owner, w.Deploy.ClaimOperation)
	if err != nil {
		return ignore(err)
	}
	if job.Row.Kind == deploy.OpRun {
		held, release := w.holdJob(ctx, job)
		defer release()
		return ignore(w.operateCommand(held, job))
	}
	progress, err := w.operate(ctx, job)
	switch {
	case overtaken(err):
		return ignore(err)
	case ctx.Err() != nil: // another process goes on at once
		last, done := briefly(ctx, 10*time.Second)
		defer done()
		return ignore(w.Deploy.PauseOperation(last, job, progress.share, "Waiting: going on soon.", 0))
	case err != nil && !fault.CodeOf(classify(err)).Info().Retryable:
		return ignore(w.Deploy.FinishOperation(ctx, job, lifecycle.Explain(classify(err), "")))
	case job.Overdue():
		return ignore(w.Deploy.FinishOperation(ctx, job, deploy.Late("", job.Limit())))
	case err != nil:
		w.Log.WarnContext(ctx, "operation goes on later", "operation", id, "err", err)
		return ignore(w.Deploy.PauseOperation(ctx, job, 0, "Waiting: trying again.", lookAgain))
	case progress.done && progress.removal:
		return ignore(w.Deploy.FinishRemoval(ctx, job))
	case progress.done:
		return ignore(w.Deploy.FinishOperation(ctx, job, nil))
	default:
		return ignore(w.Deploy.PauseOperation(ctx, job, progress.share, progress.message, lookAgain))
	}
}

// progress is how far an operation is.
type progress struct {
	done    bool
	share   float64 // 0 … 1
	message string
	removal bool // its end deletes the rows of its target
}

func (w *Worker) operate(ctx context.Context, job *deploy.Job) (progress, error) {
	switch job.Row.Kind {
	case deploy.OpRestart, deploy.OpStop, deploy.OpStart:
		return w.settled(ctx, job)
	case project.OpDeleteProject, project.OpDeleteEnvironment, project.OpDeleteService:
		return w.remove(ctx, job)
	default:
		return progress{}, fault.New(fault.Internal, "Nobody knows how to carry out %s.", job.Row.Kind)
	}
}

// settled looks whether an instance has become what it should be.
func (w *Worker) settled(ctx context.Context, job *deploy.Job) (progress, error) {
	s, err := w.Deploy.Settling(ctx, job.Row.TargetID)
	if err != nil {
		return progress{}, err
	}
	if s.Site {
		if err := w.Router.Sync(ctx); err != nil {
			return progress{}, err
		}
	}
	if s.Left == 0 {
		return progress{done: true}, nil
	}
	share := 0.0
	if all := s.Left + s.Done; all > 0 {
		share = float64(s.Done) / float64(all)
	}
	return progress{share: share, message: fmt.Sprintf("%d of %d replicas to go.", s.Left, s.Left+s.Done)}, nil
}

// remove takes down everything below a target, then its rows.
func (w *Worker) remove(ctx context.Context, job *deploy.Job) (progress, error) {
	c, err := w.Deploy.Condemn(ctx, job.Row.TargetID)
	if err != nil {
		return progress{}, err
	}
	if c.Open > 0 || c.Replicas > 0 || c.Commands > 0 {
		return progress{message: fmt.Sprintf("%d deployments, %d replicas and %d commands to go.", c.Open, c.Replicas, c.Commands), share: 0.1}, nil
	}
	if err := w.Router.Sync(ctx); err != nil { // no name server listens in a network that goes
		return progress{}, err
	}
	for _, id := range c.EnvironmentIDs {
		if err := w.Runner.RemoveNetwork(ctx, deploy.NetworkName(id)); err != nil {
			return progress{}, fmt.Errorf("remove network: %w", err)
		}
	}
	images, err := w.Deploy.BuiltImages(ctx, c.InstanceIDs)
	if err != nil {
		return progress{}, err
	}
	for _, id := range images {
		if err := w.Runner.RemoveImage(ctx, id); err != nil && !errors.Is(err, runner.ErrInUse) {
			return progress{}, fmt.Errorf("remove image: %w", err)
		}
	}
	commands, err := w.Deploy.Commands(ctx, c.InstanceIDs)
	if err != nil {
		return progress{}, err
	}
	var errs []error
	for _, id := range append(commands, c.InstanceIDs...) {
		errs = append(errs, w.Recorder.Forget(ctx, id))
	}
	if err := errors.Join(errs...); err != nil {
		return progress{}, err
	}
	return progress{done: true, removal: true}, nil
}
