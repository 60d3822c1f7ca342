package logs

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// position is how far a reader is in a scope: a number of lines for every
// stream, also for those that come later. Streams that can still grow, or that
// were read in part, have a mark. Of the others, those the position knows have
// been read to their end and the rest not at all. A position is never changed;
// nil is the beginning.
type position struct {
	// The position knows the streams numbered below next of sources up to
	// last.
	last string
	next uint64

	marks []mark // by source and number

	// own is the number of the stream whose marked line the position stands
	// on, as a line's cursor does; 0 for none. What comes before such a
	// position does not include that line.
	own uint64
}

// mark says that a stream was read up to seq.
type mark struct {
	source string
	number uint64
	seq    uint64
}

func (m mark) compare(source string, number uint64) int {
	return cmp.Or(strings.Compare(m.source, source), cmp.Compare(m.number, number))
}

// readAll is the seq of a stream that was read to its end, wherever that is.
const readAll = math.MaxUint64

// at returns the seq up to which a stream was read.
func (p *position) at(source string, number uint64) uint64 {
	if p == nil {
		return 0
	}
	i, ok := slices.BinarySearchFunc(p.marks, 0, func(m mark, _ int) int { return m.compare(source, number) })
	switch {
	case ok:
		return p.marks[i].seq
	case source <= p.last && number < p.next:
		return readAll
	}
	return 0
}

// before is like at, for what comes before the position.
func (p *position) before(source string, number uint64) uint64 {
	seq := p.at(source, number)
	if p != nil && number == p.own && seq > 0 && seq != readAll {
		return seq - 1
	}
	return seq
}

// marked reports whether the position has a mark for a stream of the source.
func (p *position) marked(source string) bool {
	if p == nil {
		return false
	}
	i, _ := slices.BinarySearchFunc(p.marks, 0, func(m mark, _ int) int { return m.compare(source, 0) })
	return i < len(p.marks) && p.marks[i].source == source
}

// walker moves a position along the lines of a listing.
type walker struct {
	position

	// streams returns the numbers of a source's streams when the walk comes to
	// a source the position did not know.
	streams func(source string) []uint64
}

func walkFrom(p *position, streams func(source string) []uint64) *walker {
	w := &walker{streams: streams}
	if p != nil {
		w.position = position{last: p.last, next: p.next, marks: slices.Clone(p.marks)}
	}
	return w
}

// to moves the walk behind a line.
func (w *walker) to(l *Line) {
	source := l.Stream.Source.ID
	if source > w.last {
		for _, number := range w.streams(source) {
			w.mark(source, number, w.at(source, number))
		}
		w.last = source
	}
	w.mark(source, l.Stream.Number, l.Seq)
	w.own = l.Stream.Number
}

func (w *walker) mark(source string, number, seq uint64) {
	i, ok := slices.BinarySearchFunc(w.marks, 0, func(m mark, _ int) int { return m.compare(source, number) })
	if ok {
		w.marks[i].seq = seq
		return
	}
	w.marks = slices.Insert(w.marks, i, mark{source, number, seq})
}

// here returns where the walk is, standing on no line.
func (w *walker) here() *position {
	return &position{last: w.last, next: w.next, marks: slices.Clone(w.marks)}
}
