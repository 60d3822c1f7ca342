package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
)

// catalog is where the embedded store has the lines of a source. It is made of
// the names of the source's files, and of each stream's last segment: what it
// costs does not depend on how much a stream has.
type catalog struct {
	mu     sync.Mutex
	chains map[uint64]*chain // by number of the stream
}

// chain is the segments of a stream. Those before the last never change, and
// where their blocks lie is read when somebody asks for one of them.
type chain struct {
	stream   *Stream
	segments []segmentFile // by first line; replaced, never changed in place
	open     string        // path of the last one, which blocks are added to; "" for none
	size     int64         // of that
	tail     []blockRef    // those in it with lines, in order; only added to
	next     uint64        // seq of the line after the last
	newest   int64         // time of the last line, 0 if there is none
	after    Checkpoint
}

type segmentFile struct {
	path  string
	first uint64
}

// blockRef is where a block lies.
type blockRef struct {
	frame

	path string
	at   int64
}

// loadCatalog finds what there is of src. What a power cut left half-written at
// the end of a stream is cut off.
func (e *embedded) loadCatalog(src Source) (*catalog, error) {
	files, err := listFiles(e.root, src, segmentExt)
	if err != nil {
		return nil, err
	}
	x := &catalog{chains: map[uint64]*chain{}}
	for len(files) > 0 {
		n := slices.IndexFunc(files, func(f file) bool { return f.stream.Number != files[0].stream.Number })
		if n < 0 {
			n = len(files)
		}
		if err := e.loadChain(x.chain(&files[0].stream), files[:n]); err != nil {
			return nil, err
		}
		files = files[n:]
	}
	return x, nil
}

// loadChain reads the segments of a stream from the end, up to what says where
// the stream is: mostly one.
func (e *embedded) loadChain(c *chain, files []file) error {
	for _, f := range files {
		c.segments = append(c.segments, segmentFile{f.path, f.first})
	}
	for i := len(c.segments) - 1; i >= 0; i-- {
		s := &c.segments[i]
		newest := c.open == ""
		found, err := e.scan(s.path, newest)
		if err != nil {
			return err
		}
		if newest && found.size == 0 { // made, and not written to before the end came
			c.segments = c.segments[:i]
			continue
		}
		if newest {
			if err := e.remove(signaturePath(s.path)); err != nil { // blocks may follow, or were cut off
				return err
			}
			c.open, c.size, c.tail = s.path, found.size, found.blocks
		}
		if c.next == 1 && found.last != nil {
			c.next, c.after = found.last.last()+1, found.last.after
		}
		if n := len(found.blocks); n > 0 {
			c.newest = found.blocks[n-1].maxNano
			return nil
		}
	}
	return nil
}

// scanned is what is in a segment.
type scanned struct {
	blocks []blockRef // with lines, in order
	last   *frame     // of the last one, with lines or not; nil if there is none
	size   int64      // of what is whole
}

// scan reads the headers of a segment. Only what was written last can be torn:
// the newest one of its stream is cut off there.
func (e *embedded) scan(path string, newest bool) (out scanned, err error) {
	err = e.files.use(path, func(h *os.File) error {
		info, err := h.Stat()
		if err != nil {
			return fmt.Errorf("open a segment: %w", err)
		}
		var blocks []blockRef
		out.size, err = scanFrames(h, info.Size(), false, func(at int64, fr frame) {
			blocks = append(blocks, blockRef{frame: fr, path: path, at: at})
		})
		if err != nil {
			return err
		}
		if newest && len(blocks) > 0 {
			last := &blocks[len(blocks)-1]
			if err := checkBody(h, last.at, &last.frame); err != nil {
				out.size = last.at
				blocks = blocks[:len(blocks)-1]
			}
		}
		if out.size < info.Size() {
			e.log.Warn("a log segment is damaged from here on", slog.String("path", path), slog.Int64("at", out.size))
			if newest {
				if err := h.Truncate(out.size); err != nil {
					return fmt.Errorf("cut a torn segment: %w", err)
				}
			}
		}
		if n := len(blocks); n > 0 {
			last := blocks[n-1].frame
			out.last = &last
		}
		out.blocks = slices.DeleteFunc(blocks, func(b blockRef) bool { return b.count == 0 })
		return nil
	})
	return out, err
}

// blocksIn returns the blocks with lines of a segment that nothing is added to.
// One that retention took has none.
func (e *embedded) blocksIn(path string) ([]blockRef, error) {
	key := blockKey{path, wholeSegment}
	if d, ok := e.cache.get(key); ok {
		return d.blocks, nil
	}
	found, err := e.scan(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e.cache.put(key, &decoded{blocks: found.blocks})
	return found.blocks, nil
}

// chain returns that of s, a new one if there is none. The caller holds mu or
// is alone.
func (x *catalog) chain(s *Stream) *chain {
	c, ok := x.chains[s.Number]
	if !ok {
		c = &chain{stream: s, next: 1}
		x.chains[s.Number] = c
	}
	return c
}

// add notes that a block of size bytes was added at the end of a segment, of a
// new one if it is not the open one. The caller holds catalog.mu.
func (c *chain) add(b blockRef, size int64) {
	if c.open != b.path {
		c.segments = append(slices.Clip(c.segments), segmentFile{b.path, b.first})
		c.open, c.size, c.tail = b.path, 0, nil
	}
	c.size += size
	c.after = b.after
	c.next = max(c.next, b.last()+1)
	if b.count > 0 {
		c.tail = append(c.tail, b)
		c.newest = b.maxNano
	}
}

// drop takes the segment out of the catalog.
func (x *catalog) drop(number uint64, path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c, ok := x.chains[number]
	if !ok {
		return
	}
	c.segments = slices.DeleteFunc(slices.Clone(c.segments), func(s segmentFile) bool { return s.path == path })
	if c.open == path {
		c.open, c.size, c.tail = "", 0, nil
	}
}
