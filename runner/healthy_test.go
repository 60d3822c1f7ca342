package runner_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/runner"
)

var errDown = errors.New("down")

func TestWaitHealthyAddsLittleToTheTimeAnApplicationTakes(t *testing.T) {
	t.Parallel()

	for _, up := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 2 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			start, asked := time.Now(), 0
			err := runner.WaitHealthy(t.Context(), runner.Pace{}, func(context.Context) error {
				if asked++; time.Since(start) < up {
					return errDown
				}
				return nil
			})
			late := time.Since(start) - up
			if err != nil || late > up/10+time.Millisecond || late > 50*time.Millisecond {
				t.Errorf("up after %s: %v, noticed %s late", up, err, late)
			}
			if most := 130 + int(up/(50*time.Millisecond)); asked > most {
				t.Errorf("up after %s: asked %d times, want at most %d", up, asked, most)
			}
		})
	}
}

func TestWaitHealthyWantsSuccessesInARow(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		answers := []error{errDown, nil, nil, errDown, nil, nil, nil}
		start, asked := time.Now(), 0
		err := runner.WaitHealthy(t.Context(), runner.Pace{Successes: 3, Interval: time.Second}, func(context.Context) error {
			asked++
			return answers[asked-1]
		})
		if err != nil || asked != len(answers) {
			t.Errorf("%v after %d questions, want all %d", err, asked, len(answers))
		}
		// Four pauses follow a success, two a failure.
		if took := time.Since(start); took < 4*time.Second || took > 4*time.Second+100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWaitHealthyTellsWhyItGaveUp(t *testing.T) {
	t.Parallel()

	deadline := errors.New("the deployment's time is up")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, deadline)
		defer cancel()
		err := runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) error {
			if time.Sleep(10 * time.Millisecond); ctx.Err() != nil {
				return ctx.Err() // says nothing about the application
			}
			return errDown
		})
		if !errors.Is(err, deadline) || !errors.Is(err, errDown) {
			t.Errorf("%v, want the cause and the last answer", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, deadline)
		defer cancel()
		err := runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) error {
			<-ctx.Done() // never answers at all
			return ctx.Err()
		})
		if !errors.Is(err, deadline) {
			t.Errorf("%v, want the cause", err)
		}
	})
}
