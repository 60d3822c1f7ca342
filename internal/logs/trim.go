package logs

import (
	"context"
	"log/slog"
	"slices"
)

// trim drops from the embedded store what is more than it may have: segments
// that Loki has, the oldest first, and then, because a full disk would stop
// everything, those it does not have; these are gaps from then on. The newest
// segment of a stream that goes on stays.
func (t *tiered) trim(ctx context.Context) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	segments, err := t.embedded.Segments(ctx)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, s := range segments {
		total += s.Bytes
	}
	oldestFirst(segments)
	var failed error // with one source; others make room
	for _, lose := range []bool{false, true} {
		for i := range segments {
			s := &segments[i]
			if total <= t.hotBytes || ctx.Err() != nil {
				return failed
			}
			dropped, err := t.trimOne(ctx, s, lose)
			if err != nil && failed == nil {
				failed = err
			}
			if dropped {
				total -= s.Bytes
				s.Bytes = 0
			}
		}
	}
	return failed
}

// trimOne drops a segment if Loki has its lines, or if lose says to lose those
// it does not have. It reports whether it did.
func (t *tiered) trimOne(ctx context.Context, seg *Segment, lose bool) (bool, error) {
	s := &seg.Stream
	states, err := t.embedded.Streams(ctx, s.Source)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(states, func(st StreamState) bool { return st.Stream.Number == s.Number })
	if seg.Bytes == 0 || i < 0 || seg.Newest && !states[i].After.Ended {
		return false, nil
	}
	hot, err := t.extent(s)
	if err != nil {
		return false, err
	}
	blocks, err := hot.blocksOf(segmentPath(t.root, s, seg.First))
	if err != nil {
		return false, err
	}
	dropped := false
	err = t.records.use(s.Source, func(x *shipped) error {
		for i := range blocks {
			b := &blocks[i]
			next, _ := x.position(s)
			if next > b.last() {
				continue
			}
			if !lose {
				return nil
			}
			t.shipper.lost(uint64(b.count))
			t.log.ErrorContext(ctx, "log lines are lost: loki does not take them, and there is no more room to keep them",
				slog.String("source", s.Source.ID), slog.Uint64("from", max(next, b.first)), slog.Uint64("to", b.last()))
			x.took(s, lostBlock(b, next))
		}
		if seg.Newest {
			x.passed(s, states[i].Last, states[i].After)
		}
		if err := x.save(); err != nil { // what is not noted would be a gap after a crash
			return err
		}
		err := t.embedded.Drop(ctx, *seg)
		dropped = err == nil
		return err
	})
	return dropped, err
}

// lostBlock stands for lines of b from next on that nobody has: it has no
// stamp.
func lostBlock(b *blockRef, next uint64) blockRef {
	first := max(next, b.first)
	return blockRef{frame: frame{
		first: first, count: uint32(b.last() + 1 - first), minNano: b.minNano, maxNano: b.maxNano, severities: 1 << gapsBit, after: b.after,
	}}
}

func (b *blockRef) isLost() bool { return b.path == "" && b.at == 0 }
