package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
)

// stopped is the cause of a context whose deployment was asked to stop.
type stopped struct{ reason fault.Code }

func (s stopped) Error() string { return "asked to stop: " + string(s.reason) }

// hold renews the claim until release is called. The context it returns ends
// when the deployment is asked to stop, its deadline passes or the claim is
// lost; its cause says which.
func (w *Worker) hold(ctx context.Context, c *deploy.Claim) (held context.Context, release func()) {
	asked := func(ctx context.Context) <-chan struct{} { return w.Wakes.Subscribe(ctx, deploy.CancelTopic(c.ID)) }
	return renewing(ctx, asked, func(ctx context.Context) (fault.Code, error) { return w.Deploy.Renew(ctx, c) })
}

// holdJob does the same for an operation, which ends when it is asked to by
// itself.
func (w *Worker) holdJob(ctx context.Context, j *deploy.Job) (held context.Context, release func()) {
	return renewing(ctx, func(context.Context) <-chan struct{} { return nil }, func(ctx context.Context) (fault.Code, error) { return "", w.Deploy.RenewOperation(ctx, j) })
}

// renewing calls renew in good time, and when asked to, by what lasts as long as
// its context: that of a worker outlives many deployments.
func renewing(ctx context.Context, ask func(context.Context) <-chan struct{}, renew func(context.Context) (fault.Code, error)) (held context.Context, release func()) {
	held, cancel := context.WithCancelCause(ctx)
	asked := ask(held) // before the first look, so that nothing falls in between
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(deploy.Lease / 4)
		defer tick.Stop()
		sure := time.Now().Add(deploy.Lease) // until then the lease lasts
		for {
			select {
			case <-held.Done():
				return
			case <-asked:
			case <-tick.C:
			}
			var reason fault.Code
			err := unlessPanic(held, func(ctx context.Context) (err error) {
				reason, err = renew(ctx)
				return err
			})
			switch {
			case reason != "":
				cancel(stopped{reason})
				return
			case err == nil:
				sure = time.Now().Add(deploy.Lease)
			case errors.Is(err, deploy.ErrOvertaken), time.Now().After(sure):
				cancel(fmt.Errorf("lease lost: %w", deploy.ErrOvertaken))
				return
			}
		}
	}()
	return held, func() {
		cancel(context.Canceled)
		<-done
	}
}

// claim takes a row even if ctx ends meanwhile: a claim that was made must be
// known, to be given back.
func claim[T any](ctx context.Context, id, owner string, take func(context.Context, string, string) (T, error)) (T, error) {
	ctx, cancel := briefly(ctx, 10*time.Second)
	defer cancel()
	return take(ctx, id, owner)
}

// giveBack releases a claim even if ctx ends meanwhile or the database is away:
// whoever goes on with the row then need not wait until the lease has run out,
// as long as there is one.
func giveBack(ctx context.Context, release func(context.Context) error) error {
	ctx, cancel := briefly(ctx, deploy.Lease)
	defer cancel()
	for {
		err := release(ctx)
		if !fault.Is(err, fault.StoreAway) || pause(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

// within returns ctx with the time a step may take. What runs out of it fails
// with late.
func within(ctx context.Context, d time.Duration, late *fault.Error) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, late)
}

// cause returns why ctx ended if that explains err, else err. What succeeded
// has no cause.
func cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	why := context.Cause(ctx)
	if why == nil || errors.Is(why, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w (%w)", why, err)
}
