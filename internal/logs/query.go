package logs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// Query asks for a page of lines. The lines of a source are in the order of
// their times, streams and numbers; the sources of a group follow each other
// in the order of their ids.
type Query struct {
	Source   Source // without ID: all sources of the group
	Filter   Filter
	From, To time.Time // lines at or after From and before To; zero: any

	// After and Before are cursors of the same source or group. With After the
	// page goes forwards from it; with Before alone, backwards. With neither
	// it begins at From, or, without that, is the last one.
	After, Before string

	Limit int // 1 to MaxPage; 0 means DefaultPage, more means MaxPage

	Owner string // whose the source is: searches of different owners take turns
}

// The limits of a page. A page of long lines ends earlier, at pageBytes.
const (
	DefaultPage = 200
	MaxPage     = 1000

	pageBytes = 1 << 20
)

// Page is a page of lines.
type Page struct {
	Lines []Line
	// Gaps are where lines between those of the page are gone.
	Gaps []*Gap

	// StartCursor and EndCursor stand on the first and the last line. A page
	// without lines has where it looked, so that a client can look again.
	StartCursor, EndCursor string

	// In the direction of the page there are more lines that match; on the
	// other side there are lines, whether they match or not. A search that took
	// too long ends a page before it is full, also without a line: then there may
	// be more, and the cursor on that side is where it came to.
	HasMoreBefore, HasMoreAfter bool

	// RetentionUntil is when retention takes the first line; zero if it may
	// stay.
	RetentionUntil time.Time

	listing listing
}

// Cursors returns the cursor of each line. It goes on with the query the line
// came from: with another filter, only the line's own stream goes on exactly
// there, and others close by.
func (p *Page) Cursors() []string { return p.listing.cursors() }

// maxStale is how often a reader looks again because the spool files it was
// going to read had moved into the store.
const maxStale = 8

var errMoved = fault.New(fault.Unavailable, "The log moves on faster than it can be read.").WithHint("Try again in a moment.")

// Query returns a page. It fails with fault.CursorInvalid for a cursor that is
// not one of the source, fault.NotFound if the source was removed,
// fault.TooManyRequests if too many search at once, and fault.Unavailable if the
// log moves on faster than it can be read. A source that never was is
// empty.
func (l *Log) Query(ctx context.Context, q Query) (*Page, error) {
	if err := q.Source.check(true); err != nil {
		return nil, err
	}
	filter, err := q.Filter.prepared()
	if err != nil {
		return nil, err
	}
	r := reading{
		filter: filter, limit: q.Limit, bytes: pageBytes, wait: searchWait, owner: q.Owner,
		reverse: q.After == "" && (q.Before != "" || q.From.IsZero()),
	}
	switch {
	case r.limit < 0:
		return nil, fault.At("limit", fault.Invalid, "Ask for at least one line.")
	case r.limit == 0:
		r.limit = DefaultPage
	}
	r.limit = min(r.limit, MaxPage)
	r.anyTime()
	if !q.From.IsZero() {
		r.from = q.From.UnixNano()
	}
	if !q.To.IsZero() {
		r.to = q.To.UnixNano()
	}
	if r.lo, err = decodeCursor(q.Source, q.After, "after"); err != nil {
		return nil, err
	}
	if r.hi, err = decodeCursor(q.Source, q.Before, "before"); err != nil {
		return nil, err
	}
	asked, g := r.lo, l.group(q.Source.Group)
	r.snapshot = &snapshot{log: l, scope: q.Source}
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	for range maxStale {
		if r.snapshot, err = l.observe(ctx, g, q.Source); err != nil {
			return nil, err
		}
		var f *found
		if f, err = r.read(ctx); err == nil {
			return l.page(&r, f, asked), nil
		}
		if !errors.Is(err, errStale) {
			return nil, err
		}
	}
	return nil, errMoved
}

func (l *Log) page(r *reading, f *found, asked *position) *Page {
	p := &Page{HasMoreBefore: f.others, HasMoreAfter: f.more}
	if r.reverse {
		p.HasMoreBefore, p.HasMoreAfter = f.more, f.others
	}
	if r.retired(asked, f.end) {
		p.Gaps = append(p.Gaps, r.retiredGap(f.start))
	}
	for _, item := range f.items(r.snapshot) {
		switch it := item.(type) {
		case *Batch:
			p.Lines = append(p.Lines, it.Lines...)
		case *Gap:
			p.Gaps = append(p.Gaps, it)
		}
	}
	p.listing = listing{scope: r.scope, lines: p.Lines, start: f.start, end: f.end, streams: r.streams}
	p.StartCursor, p.EndCursor = f.start.encode(r.scope), f.end.encode(r.scope)
	if n := len(p.Lines); n > 0 {
		w := walkFrom(f.start, r.streams)
		w.to(&p.Lines[0])
		p.StartCursor = w.encode(r.scope)
		for i := range p.Lines[1:] {
			w.to(&p.Lines[i+1])
		}
		p.EndCursor = w.encode(r.scope)
		if !r.reverse { // what was looked at behind the last line needs no second look
			w = walkFrom(f.end, r.streams)
			w.to(&p.Lines[n-1])
			p.EndCursor = w.encode(r.scope)
		}
		switch {
		case f.spent && r.reverse:
			p.StartCursor = f.start.encode(r.scope)
		case f.spent:
			p.EndCursor = f.end.encode(r.scope)
		}
		if age := l.opts.Retention.MaxAge; age > 0 {
			p.RetentionUntil = time.Unix(0, p.Lines[0].UnixNano).Add(age)
		}
	}
	return p
}

// retired reports whether retention took all lines of the only source or, in a
// group, of one between the positions.
func (s *snapshot) retired(from, to *position) bool {
	return slices.ContainsFunc(s.sources, func(v *sourceView) bool {
		between := from != nil && (from.marked(v.ID) || v.ID > from.last && v.ID <= to.last)
		return v.retired() && (s.scope.ID != "" || between)
	})
}

// retired reports whether retention took all its lines.
func (v *sourceView) retired() bool { return v.end != nil && v.end.Retired }

func (s *snapshot) retiredGap(at *position) *Gap {
	to := s.end
	if s.scope.ID == "" { // what the others have comes behind it
		to = &position{last: at.last, next: at.next, marks: slices.Clone(at.marks)}
		for _, v := range s.sources {
			if v.retired() {
				to.marks = slices.DeleteFunc(to.marks, func(m mark) bool { return m.source == v.ID })
			}
		}
	}
	return &Gap{Reason: RetentionPassed, From: at.encode(s.scope), To: to.encode(s.scope)}
}
