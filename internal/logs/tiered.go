package logs

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// tiered is the Store with Loki behind it. What is new is in the embedded
// store, which is where feeds and most pages read; a shipper hands it on to
// Loki, and what Loki has leaves the embedded store, the oldest first, once
// that is larger than it may be. So nothing that is written or live waits for
// Loki; only older lines are asked of it.
type tiered struct {
	*embedded

	loki     *loki // nil: there was one, and what it has is out of reach
	labels   func(ctx context.Context, src Source) (map[string]string, error)
	hotBytes int64
	records  *pool[Source, *shipped]
	shipper  shipper
	retry    time.Duration // first pause after Loki did not take something
	turn     sync.Mutex    // held to change records and what they are about

	trimEvery time.Duration
	trimmed   time.Time // last; belongs to the goroutine of shipLoop
}

var _ Store = (*tiered)(nil)

// hadLokiFile says that lines of this log may be in a Loki.
const hadLokiFile = "loki"

// newTiered returns the store before Loki; o is nil if there was one and no longer
// is.
func newTiered(hot *embedded, o *LokiOptions, hotBytes int64) (*tiered, error) {
	var k *loki
	if o == nil {
		o = &LokiOptions{}
	} else {
		var err error
		if k, err = newLoki(o.URL, o.Tenant); err != nil {
			return nil, err
		}
		if err := writeFile(filepath.Join(hot.root, hadLokiFile), nil); err != nil {
			return nil, fmt.Errorf("open loki: %w", err)
		}
	}
	t := &tiered{embedded: hot, loki: k, labels: o.Labels, hotBytes: hotBytes, shipper: newShipper(), retry: shipRetry, trimEvery: trimEvery, trimmed: time.Now()}
	t.records = newPool(maxCatalogs, func(src Source) (*shipped, error) { return openShipped(hot.root, src) }, func(*shipped) {})
	return t, nil
}

// Append implements Store.
func (t *tiered) Append(ctx context.Context, s *Stream, b Block) error {
	if err := t.embedded.Append(ctx, s, b); err != nil {
		return err
	}
	if t.loki != nil {
		t.shipper.add(s.Source)
	}
	return nil
}

// Streams implements Store.
func (t *tiered) Streams(ctx context.Context, src Source) ([]StreamState, error) {
	states, err := t.embedded.Streams(ctx, src)
	if err != nil {
		return nil, err
	}
	err = t.records.use(src, func(x *shipped) error {
		for _, cold := range x.states() {
			i := slices.IndexFunc(states, func(s StreamState) bool { return s.Stream.Number == cold.Stream.Number })
			if i < 0 {
				states = append(states, cold)
				continue
			}
			hot := &states[i]
			if cold.First < hot.First && cold.First <= cold.Last {
				hot.First, hot.OldestNano = cold.First, cold.OldestNano
			}
			if cold.Last > hot.Last {
				hot.Last, hot.NewestNano, hot.After = cold.Last, cold.NewestNano, cold.After
			}
		}
		return nil
	})
	slices.SortFunc(states, func(a, b StreamState) int { return cmp.Compare(a.Stream.Number, b.Stream.Number) })
	return states, err
}

// Read implements Store.
func (t *tiered) Read(ctx context.Context, s *Stream, r Range, f *Filter, reverse bool) (lines []Line, left Range, err error) {
	err = t.settled(s, func(hot *blockRef) (bool, error) {
		lines, left, err = t.readBehind(ctx, hot, s, r, f, reverse)
		return slices.ContainsFunc(lines, func(l Line) bool { return l.gap }), err
	})
	if err != nil {
		return nil, r, err
	}
	return lines, left, nil
}

// settled calls fn with the oldest block of s that is here, nil if none is. What fn
// misses may have left for Loki meanwhile; then fn is called again.
func (t *tiered) settled(s *Stream, fn func(hot *blockRef) (misses bool, err error)) error {
	hot, err := t.hot(s)
	for err == nil {
		var misses bool
		if misses, err = fn(hot); err != nil || !misses {
			return err
		}
		was := hot
		if hot, err = t.hot(s); err == nil && (was == nil || hot != nil && hot.first == was.first) {
			return nil
		}
	}
	return err
}

// readBehind reads from here what is here, from the block hot on, and the rest from
// Loki.
func (t *tiered) readBehind(ctx context.Context, hot *blockRef, s *Stream, r Range, f *Filter, reverse bool) ([]Line, Range, error) {
	cold := r
	if hot != nil {
		cold.To = min(r.To, hot.first-1)
	}
	switch {
	case cold.empty():
		return t.embedded.Read(ctx, s, r, f, reverse)
	case reverse && cold.To < r.To:
		lines, left, err := t.embedded.Read(ctx, s, Range{cold.To + 1, r.To}, f, true)
		left.From = r.From
		return lines, left, err
	}
	lines, left, err := t.readCold(ctx, s, cold, f, reverse)
	if !reverse {
		left.To = r.To
	}
	return lines, left, err
}

// hot returns the oldest block of s that is here; nil if none is.
func (t *tiered) hot(s *Stream) (*blockRef, error) {
	x, err := t.extent(s)
	if err != nil {
		return nil, err
	}
	return x.head(0)
}

// Before implements Store.
func (t *tiered) Before(ctx context.Context, s *Stream, unixNano int64) (uint64, error) {
	var seq uint64
	err := t.settled(s, func(hot *blockRef) (misses bool, err error) {
		if hot != nil && hot.minNano < unixNano {
			seq, err = t.embedded.Before(ctx, s, unixNano)
			return true, err // which may have met with less
		}
		seq, err = t.coldBefore(ctx, s, unixNano)
		return false, err
	})
	return seq, err
}

// Remove implements Store. What Loki has stays there until its own retention
// takes it, but nothing leads to it any more.
func (t *tiered) Remove(ctx context.Context, src Source) error {
	if err := t.embedded.Remove(ctx, src); err != nil {
		return err
	}
	t.records.forget(src)
	return t.remove(filepath.Join(sourceDir(t.root, src), shippedFile))
}

// Segments implements Store: this one looks after its space itself, and Loki
// after its own.
func (t *tiered) Segments(ctx context.Context) ([]Segment, error) {
	if t.loki != nil {
		return nil, nil
	}
	return t.embedded.Segments(ctx)
}

// Drop implements Store.
func (t *tiered) Drop(ctx context.Context, s Segment) error {
	if t.loki != nil {
		return nil
	}
	return t.embedded.Drop(ctx, s)
}

// Close implements Store.
func (t *tiered) Close() error {
	if t.loki != nil {
		t.loki.close()
	}
	t.records.forgetAll()
	return t.embedded.Close()
}
