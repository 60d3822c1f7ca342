package graph

import (
	"cmp"
	"context"
	"time"

	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/principal"
)

// platform describes this installation. The queues are the operator's.
func (r *Resolver) platform(ctx context.Context) (*model.Platform, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	out := &model.Platform{
		Version: r.Site.Version, Commit: r.Site.Commit, BaseDomain: r.Site.BaseDomain,
		Components: r.Site.Components(ctx), Queues: []*model.QueueStats{},
	}
	if p.PlatformAdmin {
		out.Queues, err = r.Site.Queues(ctx)
	}
	return out, err
}

// lookEvery is how often the parts of an installation are asked how they are
// while somebody watches: they do not tell by themselves when they cease to work.
const lookEvery = 5 * time.Second

// followPlatform streams what platform says, now and after each look, of which
// there is one for all subscriptions of a principal.
func (r *Resolver) followPlatform(ctx context.Context) (<-chan *model.Platform, error) {
	wakes := func(ctx context.Context) <-chan struct{} {
		return regularly(ctx, r.subscribe(ctx), cmp.Or(r.look, lookEvery))
	}
	return followBy(ctx, r, "platform", wakes, func(ctx context.Context) (*model.Platform, bool, error) {
		p, err := r.platform(ctx)
		return p, false, err
	})
}

// regularly is woken by wake, and at least every d until ctx ends.
func regularly(ctx context.Context, wake <-chan struct{}, d time.Duration) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-wake:
			case <-tick.C:
			}
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out
}
