package logs

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// blockCache keeps what was read last within a budget of bytes. It is safe for
// concurrent use.
type blockCache struct {
	budget int

	mu    sync.Mutex
	bytes int
	lru   *simplelru.LRU[blockKey, *decoded]
}

// blockKey is where a block begins: it never changes there.
type blockKey struct {
	path string
	at   int64
}

// wholeSegment is the place of what is known of all of a segment.
const wholeSegment = -1

// decoded is the lines of a block, or of a spool file as far as it was then, or
// where the blocks of a segment lie.
type decoded struct {
	lines   []Line
	size    int64 // of the spool file
	damaged bool  // behind the lines
	blocks  []blockRef
	bytes   int
}

const blockCost = 160 // bytes of memory that knowing of a block takes

func newBlockCache(budget int) *blockCache {
	c := &blockCache{budget: budget}
	// NewLRU fails only for a size that is not positive.
	c.lru, _ = simplelru.NewLRU(max(1, budget), func(_ blockKey, d *decoded) { c.bytes -= d.bytes })
	return c
}

func (c *blockCache) get(k blockKey) (*decoded, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Get(k)
}

func (c *blockCache) put(k blockKey, d *decoded) {
	for i := range d.lines {
		d.bytes += len(d.lines[i].Message) + lineCost
	}
	d.bytes += len(d.blocks) * blockCost
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(k)
	c.lru.Add(k, d)
	c.bytes += d.bytes
	for c.bytes > c.budget {
		c.lru.RemoveOldest()
	}
}
