package graph

import (
	"context"

	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
)

const queued = lifecycle.Queued

// waiting keeps the deployments that take a turn before another.
var waiting = deployment.StatusIn(lifecycle.Queued, lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying)

// turn is the place of a deployment among those of its instance.
type turn struct {
	instance string
	number   int
}

// newAhead makes a loader of how many deployments are to end before each.
func newAhead(b batching, db *ent.Client) *dataloadgen.Loader[turn, int] {
	return newLoader(b, func(ctx context.Context, turns []turn) ([]int, []error) {
		instances := make([]string, len(turns))
		for i, t := range turns {
			instances[i] = t.instance
		}
		rows, err := db.Deployment.Query().Where(deployment.InstanceIDIn(instances...), deploy.Unfinished, waiting).
			Select(deployment.FieldInstanceID, deployment.FieldNumber).All(ctx)
		if err != nil {
			return nil, []error{err}
		}
		out := make([]int, len(turns))
		for i, t := range turns {
			for _, d := range rows {
				if d.InstanceID == t.instance && d.Number < t.number {
					out[i]++
				}
			}
		}
		return out, nil
	})
}

// queuePosition counts the deployments that are to end before d begins, or the
// builds that wait before its own.
func queuePosition(ctx context.Context, d *ent.Deployment) (*int, error) {
	switch d.Status {
	case queued:
		n, err := load(ctx).ahead.Load(ctx, turn{d.InstanceID, d.Number})
		return &n, err
	case lifecycle.Building:
		b, err := orNil(load(ctx).made.Load(ctx, d.ID))
		if err != nil || b == nil || b.Status != lifecycle.BuildQueued {
			return nil, err
		}
		return &b.Ahead, nil
	default:
		return nil, nil //nolint:nilnil // null in the API
	}
}
