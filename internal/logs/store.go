package logs

import (
	"context"
	"time"
)

// Store keeps the lines that have left the spool: the embedded one, or another
// that passes the same tests. All methods are safe for concurrent use, and for one stream at
// most one Append runs at a time. Sources and streams that a Store does not
// know are empty, never an error.
type Store interface {
	// Append adds the lines of b to s. It is idempotent on (stream, seq):
	// lines s already has are left out. A block that begins after the next
	// line leaves a hole, which reads as a gap.
	Append(ctx context.Context, s *Stream, b Block) error

	// Sync returns once everything appended before survives a power cut.
	Sync(ctx context.Context) error

	// Streams returns what the store has of src, by number.
	Streams(ctx context.Context, src Source) ([]StreamState, error)

	// Read returns lines of s in r that match f, ascending, and the part of r
	// that is left to read; reverse reads from the end of r. One call reads
	// about as much as is cheap to read at once, whatever the filter leaves out,
	// so it may return no line with something left. Lines in r that are gone come as one gap, which matches
	// every filter.
	Read(ctx context.Context, s *Stream, r Range, f *Filter, reverse bool) (lines []Line, left Range, err error)

	// Before returns the seq of the last line of s that is older than
	// unixNano; 0 if there is none.
	Before(ctx context.Context, s *Stream, unixNano int64) (seq uint64, err error)

	// Remove deletes all of src. Removing an absent one is no error.
	Remove(ctx context.Context, src Source) error

	// Segments returns what can be dropped to free space; nil if the store
	// looks after that itself.
	Segments(ctx context.Context) ([]Segment, error)

	// Drop deletes a segment that Segments returned. Dropping an absent one is
	// no error.
	Drop(ctx context.Context, s Segment) error

	// Close frees what the store holds open, after everything else returned.
	Close() error
}

// Block is a run of lines without holes, in order.
type Block struct {
	First uint64 // seq of the first line, or of the next one if there are none
	Lines []Line
	After Checkpoint
}

// last is the seq of the block's last line; First-1 if it has none.
func (b *Block) last() uint64 { return b.First + uint64(len(b.Lines)) - 1 }

// Range is the lines From to To, both included. It is empty if From > To.
type Range struct{ From, To uint64 }

func (r Range) empty() bool { return r.From > r.To }

// StreamState is what a Store has of a stream.
type StreamState struct {
	Stream      Stream
	First, Last uint64 // seqs kept; First = Last+1 if none are
	// OldestNano and NewestNano are the times of those lines.
	OldestNano, NewestNano int64
	After                  Checkpoint // with the last line
}

// Segment is a part of a stream that is dropped as a whole.
type Segment struct {
	Stream  Stream
	First   uint64    // seq of its first line
	Bytes   int64     // on disk
	Written time.Time // last, so no line in it is younger
	Newest  bool      // it says where its stream is; dropped only with the source
}
