package graph

import (
	"context"

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
