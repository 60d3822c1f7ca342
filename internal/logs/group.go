package logs

import (
	"slices"
	"sync"
	"sync/atomic"
)

// group is the sources of a service instance and who follows them.
type group struct {
	id      string
	numbers *numbers

	// ringBytes counts the bytes in the rings of all groups.
	ringBytes *atomic.Int64

	mu        sync.Mutex
	sources   map[string]*source
	removed   map[string]bool // ids of sources that were removed
	gone      bool            // the group was removed
	closing   bool            // nothing new is taken
	closed    bool            // and all that was taken is shown
	listed    bool            // sources has all that are on disk
	ring      ring
	followers int
	changed   chan struct{} // closed by the next change; nil if nobody waits
}

// source is a source of a group. Its life, everything that makes or ends it or
// its streams, is serialised by life; the rest belongs to group.mu.
type source struct {
	Source

	life   sync.Mutex
	system *Writer // belongs to life

	loaded bool    // what is on disk is known
	end    *ending // nil while it has not ended
	// streams is by number, and nil when the source is not resident: it has
	// ended and all of it is in the store.
	streams  []*stream
	resident bool
}

// wake tells everybody who waits that the group changed. The caller holds mu.
func (g *group) wake() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// wait returns a channel that is closed by the next change. The caller holds
// mu.
func (g *group) wait() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

// publish shows b, which is in the spool, to who follows. It returns the
// places of the chunks it opened.
func (g *group) publish(s *stream, b *Block) (opened []int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for lines := b.Lines; len(lines) > 0; {
		run := runOf(lines)
		lines = lines[len(run):]
		if g.followers > 0 {
			if g.show(s.Source.ID, run) {
				opened = append(opened, g.ring.head()-1)
			}
		}
		s.last = run[len(run)-1].Seq
	}
	if len(b.Lines) > 0 {
		if s.oldest == 0 {
			s.oldest = b.Lines[0].UnixNano
		}
		s.newest = b.Lines[len(b.Lines)-1].UnixNano
	}
	s.after = b.After
	g.wake()
	return opened
}

// runOf returns the lines up to a gap, or the gap.
func runOf(lines []Line) []Line {
	if lines[0].gap {
		return lines[:1]
	}
	if i := slices.IndexFunc(lines, func(l Line) bool { return l.gap }); i > 0 {
		return lines[:i]
	}
	return lines
}

// show puts lines into the ring, before they count as there. It reports
// whether that took a new chunk. The caller holds mu.
func (g *group) show(source string, lines []Line) bool {
	size := 0
	for i := range lines {
		size += len(lines[i].Message) + lineCost
	}
	if c := g.ring.open(); c != nil && c.fits(source, lines, size) {
		c.lines = append(c.lines, lines...)
		c.bytes += size
		g.ringBytes.Add(int64(size))
		return false
	}
	now := g.seal()
	cost := chunkCost + len(now.marks)*markCost
	g.ring.chunks = append(g.ring.chunks, &chunk{
		source: source, lines: slices.Clip(lines), gap: lines[0].gap, start: now, bytes: size, cost: cost,
	})
	g.ringBytes.Add(int64(size + cost))
	return true
}

// seal closes the open chunk, if there is one, and returns the position after
// all that was shown. The caller holds mu.
func (g *group) seal() *position {
	now := g.position()
	if c := g.ring.open(); c != nil {
		c.end = now
	}
	return now
}

// position returns the position after all lines that are there. The caller
// holds mu.
func (g *group) position() *position {
	p := &position{next: g.numbers.peek()}
	for id, src := range g.sources {
		p.last = max(p.last, id)
		for _, s := range src.streams {
			if !s.after.Ended {
				p.marks = append(p.marks, mark{id, s.Number, s.last})
			}
		}
	}
	slices.SortFunc(p.marks, func(a, b mark) int { return a.compare(b.source, b.number) })
	return p
}

// settle lets go of the streams of a source that has ended once all its lines
// are in the store.
func (g *group) settle(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	src, ok := g.sources[id]
	if !ok || src.end == nil {
		return
	}
	for _, s := range src.streams {
		if len(s.spool) > 0 {
			return
		}
	}
	src.streams, src.resident = nil, false
}

// unfollow takes away one who followed; without any the ring is empty.
func (g *group) unfollow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.followers--; g.followers == 0 {
		g.ringBytes.Add(-int64(g.ring.clear()))
	}
}
