package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// shipped is what Loki has of a source: its labels there, and an index of
// blocks by the times they lie between. A block's at is the stamp of its last
// line. It is a file of the source's directory, and so the durable position of
// each stream: what was sent after it was written is sent again, with the same
// stamps.
type shipped struct {
	*index

	path    string
	labels  map[string]string // nil: not known yet
	unsaved bool              // the file says less
}

// shippedFile is the file's name, maxShipped how many blocks of a stream it
// lists at most; neighbours become one when there are more.
const (
	shippedFile = "shipped"
	maxShipped  = 512
)

type shippedRecord struct {
	Labels  map[string]string `json:"labels,omitempty"`
	Streams []shippedStream   `json:"streams"`
}

type shippedStream struct {
	Number  uint64         `json:"number"`
	Kind    Kind           `json:"kind"`
	Replica string         `json:"replica,omitempty"`
	Next    uint64         `json:"next"` // line to ship
	Raw     int64          `json:"raw"`
	Shown   int            `json:"shown,omitempty"`
	Ended   bool           `json:"ended,omitempty"`
	Blocks  []shippedBlock `json:"blocks,omitempty"`
}

type shippedBlock struct {
	First      uint64 `json:"first"`
	Count      uint32 `json:"count"`
	From       int64  `json:"from"` // times of lines
	To         int64  `json:"to"`
	Stamp      int64  `json:"stamp"`
	Severities uint8  `json:"severities"`
	Bytes      uint32 `json:"bytes"` // of messages
}

func openShipped(root string, src Source) (*shipped, error) {
	x := &shipped{index: &index{streams: map[uint64]*indexed{}}, path: filepath.Join(sourceDir(root, src), shippedFile)}
	b, err := os.ReadFile(x.path)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was shipped: %w", err)
	}
	var rec shippedRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return nil, fmt.Errorf("read what was shipped of %s: %w", src.ID, err)
	}
	x.labels = rec.Labels
	for _, r := range rec.Streams {
		s := x.stream(&Stream{Source: src, Number: r.Number, Kind: r.Kind, Replica: r.Replica})
		for _, b := range r.Blocks {
			s.add(blockRef{frame: frame{first: b.First, count: b.Count, minNano: b.From, maxNano: b.To, severities: b.Severities, rawText: b.Bytes}, at: b.Stamp})
		}
		s.next, s.after = r.Next, Checkpoint{Raw: r.Raw, Shown: r.Shown, Ended: r.Ended}
	}
	return x, nil
}

// save writes the file, if it says less. A source whose directory is gone was
// removed. The caller holds tiered.turn.
func (x *shipped) save() error {
	if !x.changed(false) {
		return nil
	}
	b, err := json.Marshal(x.record())
	if err == nil {
		err = writeFile(x.path, b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.changed(true) // the next one tries again
		return fmt.Errorf("write what was shipped: %w", err)
	}
	return nil
}

// changed sets whether the file says less, and returns whether it did.
func (x *shipped) changed(now bool) (before bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	before, x.unsaved = x.unsaved, now
	return before
}

func (x *shipped) record() shippedRecord {
	x.mu.Lock()
	defer x.mu.Unlock()
	rec := shippedRecord{Labels: x.labels}
	for _, number := range slices.Sorted(maps.Keys(x.streams)) {
		s := x.streams[number]
		r := shippedStream{
			Number: number, Kind: s.stream.Kind, Replica: s.stream.Replica, Next: s.next,
			Raw: s.after.Raw, Shown: s.after.Shown, Ended: s.after.Ended,
		}
		for _, b := range s.blocks {
			r.Blocks = append(r.Blocks, shippedBlock{b.first, b.count, b.minNano, b.maxNano, b.at, b.severities, b.rawText})
		}
		rec.Streams = append(rec.Streams, r)
	}
	return rec
}

// position returns the line of s to ship next, and the stamp of the one
// before, which may be of another stream: in Loki those of one replica are one, and
// equal lines at one time of it are one line.
func (x *shipped) position(s *Stream) (next uint64, stamp int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	next = x.stream(s).next
	for _, st := range x.streams {
		for i := len(st.blocks) - 1; i >= 0 && st.stream.sharesLabels(s); i-- {
			if at := st.blocks[i].at; at != 0 {
				stamp = max(stamp, at)
				break
			}
		}
	}
	return next, stamp
}

// took notes that Loki has a block, or that nobody has it.
func (x *shipped) took(s *Stream, b blockRef) {
	x.mu.Lock()
	defer x.mu.Unlock()
	st := x.stream(s)
	st.add(b)
	x.unsaved = true
	if len(st.blocks) > maxShipped {
		st.blocks = joinBlocks(st.blocks)
	}
}

// passed notes where a stream is whose lines up to last are shipped or lost.
func (x *shipped) passed(s *Stream, last uint64, after Checkpoint) {
	x.mu.Lock()
	defer x.mu.Unlock()
	st := x.stream(s)
	if st.next > last+1 || st.next == last+1 && st.after == after {
		return
	}
	st.next, st.after, x.unsaved = last+1, after, true
}

// What is joined stays below what Loki lets one query look at: by default 30
// days.
const (
	maxJoinedTime  = 7 * 24 * time.Hour
	maxJoinedBytes = 1 << 30
)

// joinBlocks makes one of each two blocks that follow each other.
func joinBlocks(blocks []blockRef) (out []blockRef) {
	for i := 0; i < len(blocks); i++ {
		b := blocks[i]
		if i+1 < len(blocks) && b.joins(&blocks[i+1]) {
			i++
			b.rawText += blocks[i].rawText
			b.count += blocks[i].count
			b.maxNano, b.at, b.after = blocks[i].maxNano, blocks[i].at, blocks[i].after
			b.severities |= blocks[i].severities
		}
		out = append(out, b)
	}
	return out
}

func (b *blockRef) joins(next *blockRef) bool {
	return next.first == b.last()+1 && next.isLost() == b.isLost() && uint64(b.count)+uint64(next.count) <= math.MaxUint32 &&
		next.maxNano-b.minNano <= int64(maxJoinedTime) && int64(b.rawText)+int64(next.rawText) <= maxJoinedBytes
}
