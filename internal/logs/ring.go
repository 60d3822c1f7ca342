package logs

import "sync"

// listing is lines in the order they are shown, between two positions.
type listing struct {
	scope      Source
	lines      []Line
	start, end *position
	streams    func(source string) []uint64 // for a walk along the lines
}

// cursors returns the cursor of each line.
func (g *listing) cursors() []string {
	out := make([]string, len(g.lines))
	w := walkFrom(g.start, g.streams)
	for i := range g.lines {
		w.to(&g.lines[i])
		out[i] = w.encode(g.scope)
	}
	return out
}

// Batch is lines of a feed in the order they are shown: a stream's lines in
// theirs, those of several streams as they came. The same *Batch is handed to
// every unfiltered feed of a scope that is up to date, so what is made of one
// can be kept and shared by its address. It is never changed.
type Batch struct {
	Lines  []Line
	Replay bool // the lines are from the store and were not shown live

	listing listing
	once    sync.Once
	cursor  string
	each    sync.Once
	cursors []string
}

// Cursor is where a feed stands after the batch.
func (b *Batch) Cursor() string {
	b.once.Do(func() { b.cursor = b.listing.end.encode(b.listing.scope) })
	return b.cursor
}

// Cursors returns the cursor of each line: a Query or a feed after it goes on
// with the next line. It is shared like the lines.
func (b *Batch) Cursors() []string {
	b.each.Do(func() { b.cursors = b.listing.cursors() })
	return b.cursors
}

func newBatch(g listing, replay bool) *Batch {
	return &Batch{Lines: g.lines, Replay: replay, listing: g}
}

// noStreams is for walks along live lines: the position before them knows
// every stream.
func noStreams(string) []uint64 { return nil }

// ring holds what was shown last in a group, for all who follow it. It is
// bounded by the budget of its Log. It belongs to group.mu.
type ring struct {
	chunks []*chunk
	base   int64 // place of chunks[0]; places only rise
}

const (
	chunkBytes = 256 << 10
	chunkLines = 1000

	chunkCost = 512    // bytes of memory a chunk takes beside its lines and marks
	markCost  = 2 * 32 // each mark, of the positions before and behind it
)

// chunk is lines of one source, or a gap. It grows until somebody reads it or
// it is full; then end is set and it is never changed.
type chunk struct {
	source     string
	lines      []Line
	gap        bool
	start, end *position
	bytes      int       // of lines
	cost       int       // bytes of the rest
	shared     [2]*Batch // made for the first feed of the source, and of the group
}

// head is the place of the next chunk.
func (r *ring) head() int64 { return r.base + int64(len(r.chunks)) }

// get returns the chunk at a place between base and head.
func (r *ring) get(place int64) *chunk { return r.chunks[place-r.base] }

// open returns the newest chunk if it can still grow, else nil.
func (r *ring) open() *chunk {
	if n := len(r.chunks); n > 0 && r.chunks[n-1].end == nil {
		return r.chunks[n-1]
	}
	return nil
}

// dropFirst forgets the oldest chunk and returns what that frees.
func (r *ring) dropFirst() int {
	freed := r.chunks[0].bytes + r.chunks[0].cost
	r.chunks[0] = nil
	r.chunks = r.chunks[1:]
	r.base++
	return freed
}

// clear forgets all chunks and returns what that frees.
func (r *ring) clear() (freed int) {
	for len(r.chunks) > 0 {
		freed += r.dropFirst()
	}
	r.chunks = nil
	return freed
}

// fits reports whether c can take the lines too.
func (c *chunk) fits(source string, lines []Line, size int) bool {
	return c.source == source && !c.gap && !lines[0].gap && len(c.lines)+len(lines) <= chunkLines && c.bytes+size <= chunkBytes
}

// batch returns the chunk as a batch of scope, always the same one.
func (c *chunk) batch(scope Source) *Batch {
	shared := &c.shared[scopeIndex(scope)]
	if *shared == nil {
		*shared = newBatch(listing{scope: scope, lines: c.lines, start: c.start, end: c.end, streams: noStreams}, false)
	}
	return *shared
}

func scopeIndex(scope Source) int {
	if scope.ID == "" {
		return 1
	}
	return 0
}
