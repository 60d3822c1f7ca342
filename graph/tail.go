package graph

import (
	"context"
	"errors"
	"time"

	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
)

// recheck is how long a log feed may go on before permission is looked at
// again.
const recheck = time.Second

// permissionRevoked is the end of a feed that only this package knows of.
const permissionRevoked logs.EndReason = "PERMISSION_REVOKED"

// followLogs streams the log of a source until its end, which it says, or until
// ctx ends.
func (r *Resolver) followLogs(ctx context.Context, source model.LogSource, q *model.LogQuery, after *string, tail int) (<-chan model.LogFeed, error) {
	if q != nil && (q.From != nil || q.To != nil || q.After != nil || q.Before != nil) {
		return nil, fault.At("filter", fault.Invalid, "A feed is not cut by from, to, after or before: use its own argument after, or the query logs.")
	}
	if tail < 0 || tail > logs.MaxPage {
		return nil, fault.At("tail", fault.Invalid, "Ask for 0 to %d lines to begin with.", logs.MaxPage)
	}
	of, err := r.logSource(ctx, source)
	if err != nil {
		return nil, err
	}
	o := logs.FollowOptions{Source: of.Source, Owner: of.workspace, After: or(after), Tail: tail}
	if o.Filter, err = of.filter(q); err != nil {
		return nil, err
	}
	feed, err := r.Logs.Follow(ctx, o)
	if err != nil {
		return nil, err
	}
	out := make(chan model.LogFeed)
	go func() {
		defer close(out)
		defer recovered(ctx, r.Log)
		t := tailing{r: r, feed: feed, source: source, out: out, cursor: or(after)}
		if err := t.run(ctx); err != nil && ctx.Err() == nil {
			transport.EndWith(ctx, err)
		}
	}()
	return out, nil
}

// tailing is a log feed under way.
type tailing struct {
	r      *Resolver
	feed   *logs.Feed
	source model.LogSource
	out    chan<- model.LogFeed
	cursor string // after what was sent
}

// run sends what the feed gives, and looks at permission again each second.
func (t *tailing) run(ctx context.Context) error {
	checked := time.Now()
	for {
		item, err := t.next(ctx, checked.Add(recheck))
		if err != nil {
			return err
		}
		if time.Since(checked) >= recheck {
			if end, err := t.revoked(ctx); end != nil || err != nil {
				return errors.Join(err, t.send(ctx, end))
			}
			checked = time.Now()
		}
		if item == nil {
			continue
		}
		if err := t.send(ctx, item); err != nil {
			return err
		}
		if _, ended := item.(*model.LogEnd); ended {
			return nil
		}
	}
}

// next waits for what the feed gives, nil if that is nothing by the deadline.
func (t *tailing) next(ctx context.Context, deadline time.Time) (model.LogFeed, error) {
	item, err := t.feed.NextUntil(ctx, deadline)
	switch {
	case errors.Is(err, logs.ErrNothing):
		return nil, nil //nolint:nilnil // nothing came
	case err != nil:
		return nil, err
	}
	switch item := item.(type) {
	case *logs.Batch:
		return &model.LogBatch{Lines: linesOf(item.Lines, item.Cursors()), Cursor: item.Cursor(), Replay: item.Replay}, nil
	case *logs.Gap:
		return item, nil
	case *logs.End:
		return &model.LogEnd{Reason: item.Reason, Cursor: item.Cursor}, nil
	default:
		return nil, fault.New(fault.Internal, "A feed gave something unknown.")
	}
}

// revoked is the end of a feed whose viewer may no longer read it, nil if the
// viewer may.
func (t *tailing) revoked(ctx context.Context) (model.LogFeed, error) {
	_, _, err := again(ctx, t.r, func(ctx context.Context) (logOf, bool, error) {
		of, err := t.r.logSource(ctx, t.source)
		return of, false, err
	})
	switch fault.CodeOf(err) {
	case "":
		return nil, nil //nolint:nilnil // it goes on
	case fault.NotFound:
		return &model.LogEnd{Reason: logs.SourceRemoved, Cursor: t.cursor}, nil
	case fault.Forbidden, fault.Unauthenticated:
		return &model.LogEnd{Reason: permissionRevoked, Cursor: t.cursor}, nil
	default:
		return nil, err
	}
}

func (t *tailing) send(ctx context.Context, item model.LogFeed) error {
	if item == nil {
		return nil
	}
	select {
	case t.out <- item:
	case <-ctx.Done():
		return ctx.Err()
	}
	switch item := item.(type) {
	case *model.LogBatch:
		t.cursor = item.Cursor
	case *logs.Gap:
		t.cursor = item.To
	}
	return nil
}
