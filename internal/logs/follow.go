package logs

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// FollowOptions say what a feed shows.
type FollowOptions struct {
	Source Source // without ID: all sources of the group
	Filter Filter // a filter of Streams: {Build} alone is a build's feed, and ends with it

	// After is the cursor to go on from: the feed shows the lines after it and
	// no other. Without it, it begins with the last Tail lines, at most
	// MaxPage; where a search finds fewer within a step, with a Gap before them.
	After string
	Tail  int

	Owner string // see Query
}

// Feed shows lines as they come. It has no goroutine and holds no lines: it
// costs nothing while nobody calls Next. It is not safe for concurrent use.
type Feed struct {
	log    *Log
	group  *group
	scope  Source
	filter *Filter
	owner  string
	shares bool // takes all lines, so it can be given shared batches

	pos   *position // after what was given
	items []Item    // to give next
	done  bool      // the End was given

	snap *snapshot // being replayed; nil if live
	next int64     // place in the ring, if live
	over bool      // the context of Follow ended; belongs to group.mu
}

// Follow starts a feed. It ends with ctx, or with an End. What is written after
// Follow has begun is in the feed. It fails like Query.
func (l *Log) Follow(ctx context.Context, o FollowOptions) (*Feed, error) {
	if err := o.Source.check(true); err != nil {
		return nil, err
	}
	filter, err := o.Filter.prepared()
	if err != nil {
		return nil, err
	}
	pos, err := decodeCursor(o.Source, o.After, "after")
	if err != nil {
		return nil, err
	}
	if o.Tail < 0 {
		return nil, fault.At("tail", fault.Invalid, "Ask for no less than 0 lines.")
	}
	f := &Feed{
		log: l, group: l.group(o.Source.Group), scope: o.Source, filter: filter, owner: o.Owner, pos: pos,
		shares: filter.all() && len(filter.Streams) == 0 && filter.Replica == "",
	}
	f.group.mu.Lock()
	f.group.followers++ // from here on the ring holds what is shown
	f.group.mu.Unlock()
	stop := context.AfterFunc(ctx, f.leave)
	if err := f.begin(ctx, o.After == "", min(o.Tail, MaxPage)); err != nil {
		if stop() {
			f.leave()
		}
		return nil, err
	}
	return f, nil
}

func (f *Feed) leave() {
	f.group.mu.Lock()
	f.over = true
	f.group.wake()
	f.group.mu.Unlock()
	f.group.unfollow()
}

// begin prepares the first items: those of the replay of a resumed feed come
// with Next.
func (f *Feed) begin(ctx context.Context, fresh bool, tail int) (err error) {
	r := reading{
		snapshot: &snapshot{log: f.log, scope: f.scope}, filter: f.filter, owner: f.owner, reverse: true, limit: tail, bytes: pageBytes,
	}
	r.anyTime()
	if fresh && tail > 0 { // else nothing is looked for yet
		var done func()
		if ctx, done, err = r.begin(ctx); err != nil {
			return err
		}
		defer done()
	}
	for range maxStale {
		if f.snap, err = f.log.observe(ctx, f.group, f.scope); err != nil {
			return err
		}
		if f.snap.retired(f.pos, f.snap.end) {
			f.items = []Item{f.snap.retiredGap(f.pos)}
		}
		if !fresh {
			return nil
		}
		if tail == 0 {
			f.goLive()
			return nil
		}
		r.snapshot = f.snap
		var found *found
		if found, err = r.read(ctx); err == nil {
			if found.spent {
				f.items = append(f.items, f.unsearched(found.start))
			}
			f.items = append(f.items, found.items(f.snap)...)
			f.goLive()
			return nil
		}
		if !errors.Is(err, errStale) {
			return err
		}
	}
	return errMoved
}

// unsearched is the gap before the first lines of a feed that would have had to
// look for more of them for too long.
func (f *Feed) unsearched(to *position) *Gap {
	var beginning *position
	return &Gap{Reason: SlowConsumer, From: beginning.encode(f.scope), To: to.encode(f.scope)}
}

// goLive goes on in the ring, behind the snapshot.
func (f *Feed) goLive() {
	f.pos, f.next, f.snap = f.snap.end, f.snap.place, nil
}

// ErrNothing means that nothing came in time.
var ErrNothing = errors.New("logs: nothing came in time")

// Next returns what comes next, waiting for it. After the End it is io.EOF. It
// fails with ctx's error, and then goes on with the next call, where this one came
// to.
func (f *Feed) Next(ctx context.Context) (Item, error) { return f.NextUntil(ctx, time.Time{}) }

// NextUntil is Next, but waits until then at most, for ever if that is zero, and
// fails with ErrNothing. What it asks the store is answered first, however long
// that takes: a slow store would else be asked the same for ever.
func (f *Feed) NextUntil(ctx context.Context, until time.Time) (Item, error) {
	var late <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		late = t.C
	}
	for len(f.items) == 0 {
		if f.done {
			return nil, io.EOF
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var wait <-chan struct{}
		var err error
		if f.snap != nil {
			err = f.replay(ctx)
		} else {
			wait, err = f.live(ctx)
		}
		if err != nil && !f.endWith(err) {
			return nil, err
		}
		if wait == nil {
			if len(f.items) == 0 && !until.IsZero() && !time.Now().Before(until) {
				return nil, ErrNothing
			}
			continue
		}
		select {
		case <-wait:
		case <-late:
			return nil, ErrNothing
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	item := f.items[0]
	f.items = f.items[1:]
	return item, nil
}

// endWith ends the feed if err says that its source or the log is no more.
func (f *Feed) endWith(err error) bool {
	switch fault.CodeOf(err) {
	case fault.NotFound:
		f.end(SourceRemoved)
	case fault.Unavailable:
		f.end(ServerShutdown)
	default:
		return false
	}
	return true
}

func (f *Feed) end(why EndReason) {
	f.items = append(f.items, &End{Reason: why, Cursor: f.pos.encode(f.scope)})
	f.done = true
}

// replay reads the next lines of the snapshot.
func (f *Feed) replay(ctx context.Context) error {
	r := reading{snapshot: f.snap, filter: f.filter, owner: f.owner, lo: f.pos, limit: chunkLines, bytes: chunkBytes, keep: true}
	r.anyTime()
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	for range maxStale {
		found, err := r.read(ctx)
		if err == nil {
			f.items = found.items(f.snap)
			f.pos = found.end
			if !found.more {
				f.goLive()
			}
			return nil
		}
		if !errors.Is(err, errStale) {
			return err
		}
		snap, err := f.log.observe(ctx, f.group, f.scope)
		if err != nil {
			return err
		}
		f.snap, r.snapshot, r.lo = snap, snap, f.pos
	}
	return nil // the next call goes on
}
