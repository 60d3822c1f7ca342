package logs

import (
	"context"
	"errors"
	"slices"
)

// errForgotten says that the ring has forgotten what a feed needs next.
var errForgotten = errors.New("no longer in the ring")

// live takes the next chunk out of the ring, or returns what to wait on.
func (f *Feed) live(ctx context.Context) (<-chan struct{}, error) {
	c, wait, err := f.take()
	if errors.Is(err, errForgotten) {
		return nil, f.catchUp(ctx)
	}
	if c != nil {
		f.show(c)
		f.pos = c.end
	}
	return wait, err
}

// take returns the next chunk of the feed's scope. Without one it returns what
// to wait on, or ends the feed.
func (f *Feed) take() (*chunk, <-chan struct{}, error) {
	g := f.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.over {
		return nil, nil, context.Canceled
	}
	if f.next < g.ring.base {
		return nil, nil, errForgotten
	}
	for f.next < g.ring.head() {
		c := g.ring.get(f.next)
		if c.end == nil {
			g.seal()
		}
		f.next++
		if f.scope.ID == "" || f.scope.ID == c.source {
			if f.shares && !c.gap {
				c.batch(f.scope)
			}
			return c, nil, nil
		}
		f.pos = c.end
	}
	if why, ended := f.ended(); ended {
		f.end(why)
		return nil, nil, nil
	}
	return nil, g.wait(), nil
}

// ended reports whether nothing more can come. The caller holds group.mu.
func (f *Feed) ended() (EndReason, bool) {
	g := f.group
	switch {
	case g.gone || f.scope.ID != "" && g.removed[f.scope.ID]:
		return SourceRemoved, true
	case g.closed:
		return ServerShutdown, true
	case f.scope.ID == "":
		return "", false
	}
	src, ok := g.sources[f.scope.ID]
	switch {
	case !ok:
		return "", false
	case f.filter.buildOnly() && (src.end != nil || src.buildEnded()):
		return BuildEnded, true
	case src.end != nil:
		return src.end.Reason, true
	}
	return "", false
}

// buildEnded reports whether the newest build stream has ended. The caller
// holds group.mu.
func (s *source) buildEnded() bool {
	for _, st := range slices.Backward(s.streams) {
		if st.Kind == Build {
			return st.after.Ended
		}
	}
	return false
}

// show makes items of a chunk.
func (f *Feed) show(c *chunk) {
	switch {
	case c.gap:
		if f.filter.selects(c.lines[0].Stream) {
			f.items = append(f.items, gapItem(f.scope, &c.lines[0], c.start, c.end))
		}
	case f.shares:
		f.items = append(f.items, c.shared[scopeIndex(f.scope)])
	default:
		var lines []Line
		for i := range c.lines {
			if l := &c.lines[i]; f.filter.selects(l.Stream) && f.filter.passes(l) {
				lines = append(lines, *l)
			}
		}
		if len(lines) > 0 {
			f.items = append(f.items, newBatch(listing{scope: f.scope, lines: lines, start: f.pos, end: c.end, streams: noStreams}, false))
		}
	}
}

// catchUp replays what the ring has forgotten.
func (f *Feed) catchUp(ctx context.Context) error {
	snap, err := f.log.observe(ctx, f.group, f.scope)
	if err != nil {
		return err
	}
	f.snap = snap
	return nil
}
