package logs

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// reading is a walk through a snapshot: source after source, and within one
// the lines of all streams by time. It takes lines after lo and before hi, and
// of a time from from on and before to.
type reading struct {
	*snapshot

	filter   *Filter
	lo, hi   *position // nil: the beginning, and the end of the snapshot
	from, to int64     // math.MinInt64 and math.MaxInt64: any time
	reverse  bool      // from the end
	limit    int       // lines
	bytes    int       // of messages, but at least one line

	owner string        // whose search it is
	wait  time.Duration // for the turn of a search; 0: any
	step  *step         // of a search
	keep  bool          // how far a search came when ctx ends, instead of failing
}

// found is what a reading gave.
type found struct {
	lines      []Line // in order, gaps among them
	start, end *position
	more       bool // there are more in the direction of the reading
	others     bool // there are lines on the other side, whether they match or not
	spent      bool // it is not known whether there are more that match
}

// read walks, after begin. A search goes a step.
func (r *reading) read(ctx context.Context) (*found, error) {
	f := &found{}
	if !r.filter.all() {
		r.step = &step{reads: r.log.opts.searchReads, until: time.Now().Add(searchTime)}
	}
	if err := r.settleIn(ctx); err != nil {
		return nil, err
	}
	r.place()
	last, size := r.firstLast(), 0
	sources := slices.Clone(r.sources)
	if r.reverse {
		slices.Reverse(sources)
	}
walk:
	for _, src := range sources {
		if r.skips(src) {
			f.others = f.others || !r.reverse || r.hi != nil && src.ID > r.hi.last
			continue
		}
		lanes, err := r.lanes(ctx, src)
		if err != nil {
			return nil, err
		}
		if last = src.ID; !r.reverse && r.lo != nil {
			last = max(last, r.lo.last)
		}
		for _, ln := range lanes {
			f.others = f.others || !r.reverse && ln.low > 0 || r.reverse && ln.high < ln.last
		}
		for {
			ln, err := r.next(ctx, lanes)
			if errors.Is(err, errSpent) || err != nil && r.keep && ctx.Err() != nil && r.step.came() {
				f.more, f.spent = true, true
				settle(lanes, r.reverse)
				break walk
			}
			if err != nil {
				return nil, err
			}
			if ln == nil {
				break
			}
			l := *ln.head(r.reverse)
			if len(f.lines) == r.limit || len(f.lines) > 0 && size+len(l.Message) > r.bytes {
				f.more = true
				settle(lanes, r.reverse)
				break walk
			}
			size += len(l.Message)
			f.lines = append(f.lines, l)
			ln.take(r.reverse)
			r.step.took()
		}
		settle(lanes, r.reverse)
	}
	r.finish(f, last)
	return f, nil
}

// settleIn makes lo a position in this snapshot, whoever made it: it has no
// marks on streams that are not there, and what comes later is not taken for
// read, also if a power cut took lines that were.
func (r *reading) settleIn(ctx context.Context) error {
	if r.lo == nil {
		return nil
	}
	lo := &position{last: r.lo.last, next: min(r.lo.next, r.end.next)}
	for _, src := range r.sources {
		if !r.lo.marked(src.ID) {
			continue
		}
		if err := r.load(ctx, src); err != nil {
			return err
		}
		for _, v := range src.views {
			if seq := r.lo.at(src.ID, v.stream.Number); seq != readAll {
				lo.marks = append(lo.marks, mark{src.ID, v.stream.Number, min(seq, v.last)})
			}
		}
	}
	r.lo = lo
	return nil
}

// place puts the readers of all loaded streams where the walk begins.
func (r *reading) place() {
	for _, src := range r.sources {
		r.placeViews(src)
	}
}

func (r *reading) placeViews(src *sourceView) {
	for _, v := range src.views {
		if r.reverse {
			v.read = r.top(src, v)
		} else {
			v.read = min(r.lo.at(src.ID, v.stream.Number), v.last)
		}
	}
}

// top is the last line of v the walk may take.
func (r *reading) top(src *sourceView, v *view) uint64 {
	if r.hi == nil {
		return v.last
	}
	return min(r.hi.before(src.ID, v.stream.Number), v.last)
}

func (r *reading) firstLast() string {
	if r.reverse || r.lo == nil {
		return ""
	}
	return r.lo.last
}

// skips reports whether the walk passes a source without loading it.
func (r *reading) skips(src *sourceView) bool {
	if src.loaded || src.end == nil {
		return false
	}
	readBefore := r.lo != nil && src.ID <= r.lo.last && !r.lo.marked(src.ID) && src.end.Streams <= r.lo.next
	notYet := r.hi != nil && src.ID > r.hi.last && !r.hi.marked(src.ID)
	return readBefore || notYet || src.end.UnixNano < r.from
}

// lanes returns the streams of src the walk takes lines from.
func (r *reading) lanes(ctx context.Context, src *sourceView) (lanes []*lane, err error) {
	if !src.loaded {
		if err := r.load(ctx, src); err != nil {
			return nil, err
		}
		r.placeViews(src)
	}
	for _, v := range src.views {
		if !r.filter.selects(v.stream) {
			continue
		}
		ln := &lane{view: v, low: min(r.lo.at(src.ID, v.stream.Number), v.last), high: r.top(src, v)}
		if r.from != math.MinInt64 {
			seq, err := v.before(ctx, r.log, r.from)
			if err != nil {
				return nil, err
			}
			ln.low = max(ln.low, seq)
		}
		if r.to != math.MaxInt64 {
			seq, err := v.before(ctx, r.log, r.to)
			if err != nil {
				return nil, err
			}
			ln.high = min(ln.high, seq)
		}
		ln.high = max(ln.high, ln.low)
		ln.left = Range{ln.low + 1, ln.high}
		lanes = append(lanes, ln)
	}
	return lanes, nil
}

// finish puts the lines in order and says between which positions they are;
// last is the source the walk came to.
func (r *reading) finish(f *found, last string) {
	if r.reverse {
		slices.Reverse(f.lines)
		if !f.more {
			last = ""
		}
		f.start, f.end = r.here(last), r.hi
		if r.hi == nil {
			f.end = r.end
		}
		return
	}
	switch {
	case f.more:
	case r.hi != nil:
		last = max(last, r.hi.last)
	default:
		last = max(last, r.end.last)
	}
	f.start, f.end = r.lo, r.here(last)
}

// anyTime is a reading's time when it takes lines of all times.
func (r *reading) anyTime() { r.from, r.to = math.MinInt64, math.MaxInt64 }

// items returns what was found as a feed gives it.
func (f *found) items(s *snapshot) (items []Item) {
	w := walkFrom(f.start, s.streams)
	at := f.start
	for lines := f.lines; len(lines) > 0; {
		run := runOf(lines)
		lines = lines[len(run):]
		for i := range run {
			w.to(&run[i])
		}
		next := f.end
		if len(lines) > 0 {
			next = w.here()
		}
		if run[0].gap {
			items = append(items, gapItem(s.scope, &run[0], at, next))
		} else {
			items = append(items, newBatch(listing{scope: s.scope, lines: run, start: at, end: next, streams: s.streams}, true))
		}
		at = next
	}
	return items
}

func gapItem(scope Source, l *Line, from, to *position) *Gap {
	lines, why := l.lost()
	return &Gap{Dropped: lines, Reason: why, From: from.encode(scope), To: to.encode(scope)}
}
