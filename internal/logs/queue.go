package logs

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	// A batch is closed at this size, so that no reader gets more at once and
	// a spool file ends near the size of a block.
	batchBytes = 128 << 10
	batchLines = 1000

	lineCost = 48 // bytes of memory a queued line takes beside its message
)

// Checkpoint is what a stream remembers with its last line.
type Checkpoint struct {
	Raw   int64 // complete raw lines taken in
	Shown int   // bytes of the next raw line that were emitted already
	Ended bool  // nothing more will come
}

// pending is a batch on its way to the spool.
type pending struct {
	first uint64
	text  strings.Builder // so that messages share one string
	lines []pendingLine
	after Checkpoint
	size  int
}

type pendingLine struct {
	end                       int // of the message in text
	nano                      int64
	severity                  Severity
	truncated, continued, gap bool
}

// block returns the batch as lines of s.
func (p *pending) block(s *Stream) Block {
	b := Block{First: p.first, Lines: make([]Line, len(p.lines)), After: p.after}
	text, start := p.text.String(), 0
	for i, l := range p.lines {
		b.Lines[i] = Line{
			Stream: s, Seq: p.first + uint64(i), UnixNano: l.nano, Message: text[start:l.end], Severity: l.severity,
			Truncated: l.truncated, Continued: l.continued, gap: l.gap,
		}
		start = l.end
	}
	return b
}

// queue holds what a stream took in until it is in the spool. Its owner adds,
// the flusher takes. Nobody waits in it for anything but the lock.
type queue struct {
	mu      sync.Mutex
	batches []*pending
	taken   bool // batches[0] is with the flusher and takes no more
	size    int  // bytes of all batches
	waits   bool // the spool takes no more of the stream; see Log.count
	next    uint64
	nano    int64 // of the last line
	after   Checkpoint
	closed  error         // why nothing more is taken; nil while it is
	empty   chan struct{} // closed when all is in the spool; nil if nobody waits
}

// add puts a line into the queue, timed not before the one before it; after is
// how far the stream is with it. The caller holds mu.
func (q *queue) add(message []byte, l pendingLine, after Checkpoint) {
	b := q.last()
	if b == nil || b.text.Len() >= batchBytes || len(b.lines) >= batchLines {
		b = q.open()
	}
	q.nano = max(q.nano, l.nano)
	b.text.Write(message)
	l.nano, l.end = q.nano, b.text.Len()
	b.lines = append(b.lines, l)
	b.size += len(message) + lineCost
	q.size += len(message) + lineCost
	q.next++
	q.after, b.after = after, after
}

// checkpoint says how far the stream is without another line. It goes with the
// last line, also if its batch is full. The caller holds mu.
func (q *queue) checkpoint(after Checkpoint) {
	if after == q.after {
		return
	}
	b := q.last()
	if b == nil {
		b = q.open()
	}
	q.after, b.after = after, after
}

// last returns the newest batch if it can still change, else nil.
func (q *queue) last() *pending {
	if n := len(q.batches); n > 1 || n == 1 && !q.taken {
		return q.batches[n-1]
	}
	return nil
}

func (q *queue) open() *pending {
	b := &pending{first: q.next, after: q.after}
	if n := len(q.batches); n > 0 { // more comes than is taken: it will be as large as the one before
		b.text.Grow(q.batches[n-1].text.Len())
		b.lines = make([]pendingLine, 0, len(q.batches[n-1].lines))
	}
	q.batches = append(q.batches, b)
	return b
}

// take returns the oldest batch, or nil. It stays in the queue until done.
func (q *queue) take() *pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return nil
	}
	q.taken = true
	return q.batches[0]
}

// done drops the batch that was taken, because it is in the spool or because
// nobody wants it any more. It returns how many bytes that frees.
func (q *queue) done() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.taken || len(q.batches) == 0 {
		return 0
	}
	freed := q.batches[0].size
	q.batches[0] = nil
	q.batches = q.batches[1:]
	q.taken = false
	q.size -= freed
	if len(q.batches) == 0 {
		q.batches = nil
		if q.empty != nil {
			close(q.empty)
			q.empty = nil
		}
	}
	return freed
}

// drained returns a channel that is closed once the queue is empty, nil if it
// is.
func (q *queue) drained() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return nil
	}
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	return q.empty
}

// wait returns once everything in the queue is in the spool.
func (q *queue) wait(ctx context.Context) error {
	drained := q.drained()
	if drained == nil {
		return nil
	}
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// position is how far the stream is. The caller holds mu.
func (q *queue) position() Position {
	p := Position{Lines: q.after.Raw, Whole: q.after.Shown == 0}
	if q.nano != 0 {
		p.Time = time.Unix(0, q.nano)
	}
	return p
}

// end marks the stream as ended after so many raw lines. The caller holds mu.
func (q *queue) end(raw int64) {
	after := q.after
	after.Raw, after.Ended = raw, true
	q.checkpoint(after)
	q.closed = errStreamEnded
}

// ended reports whether the stream was marked as ended.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.after.Ended
}

// close takes nothing more, because of err.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = err
	}
}

// drop empties the queue and returns how many bytes that frees.
func (q *queue) drop() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	freed := q.size
	q.batches, q.taken, q.size = nil, false, 0
	if q.empty != nil {
		close(q.empty)
		q.empty = nil
	}
	return freed
}
