package logs

import (
	"cmp"
	"context"
)

// lane is a stream in a walk.
type lane struct {
	*view

	low, high uint64 // what the walk may take is above low and up to high
	left      Range  // of that, what was not read yet
	lines     []Line // read and not taken yet
}

// next returns the lane whose head comes next, nil if all are at their end.
// Lanes that cannot be next, because all their lines are later, are not read.
// It fails with errSpent once the step is over.
func (r *reading) next(ctx context.Context, lanes []*lane) (*lane, error) {
	for {
		var best *lane
		for _, ln := range lanes {
			if !ln.empty() && (best == nil || ln.precedes(best, r.reverse)) {
				best = ln
			}
		}
		if best == nil || len(best.lines) > 0 {
			return best, nil
		}
		if r.step.over() {
			return nil, errSpent
		}
		if err := best.fill(ctx, r); err != nil {
			return nil, err
		}
		r.step.read(len(best.lines) > 0)
	}
}

func (ln *lane) empty() bool { return len(ln.lines) == 0 && ln.left.empty() }

// fill reads lines, or at least leaves less to read.
func (ln *lane) fill(ctx context.Context, r *reading) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lines, left, err := ln.view.lines(ctx, r.log, ln.left, r.filter, r.reverse)
	if err != nil {
		return err
	}
	ln.lines, ln.left = lines, left
	return nil
}

// precedes reports whether ln comes before o in the order of the walk, as far
// as is known: a lane that was not read counts as its first line could be.
func (ln *lane) precedes(o *lane, reverse bool) bool {
	a, b := ln.edge(reverse), o.edge(reverse)
	order := cmp.Or(cmp.Compare(a, b), cmp.Compare(ln.stream.Number, o.stream.Number))
	if reverse {
		order = -order
	}
	return order < 0
}

func (ln *lane) edge(reverse bool) int64 {
	switch {
	case len(ln.lines) > 0:
		return ln.head(reverse).UnixNano
	case reverse:
		return ln.newest
	}
	return ln.oldest
}

// head returns the next line, of those that were read.
func (ln *lane) head(reverse bool) *Line {
	if reverse {
		return &ln.lines[len(ln.lines)-1]
	}
	return &ln.lines[0]
}

func (ln *lane) take(reverse bool) {
	if reverse {
		ln.lines = ln.lines[:len(ln.lines)-1]
	} else {
		ln.lines = ln.lines[1:]
	}
}

// settle remembers in all lanes how far the walk came.
func settle(lanes []*lane, reverse bool) {
	for _, ln := range lanes {
		ln.read = ln.done(reverse)
	}
}

// done is how far the walk is in the lane: everything up to it was taken or
// does not match; in reverse, everything above it.
func (ln *lane) done(reverse bool) uint64 {
	switch {
	case reverse && len(ln.lines) > 0:
		return ln.head(true).Seq
	case reverse:
		return max(ln.left.To, ln.low)
	case len(ln.lines) > 0:
		return ln.head(false).Seq - 1
	}
	return min(ln.left.From-1, ln.high)
}
