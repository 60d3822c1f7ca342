package logs

import "bytes"

func (w *Writer) write(nano int64, p []byte, eol bool) (n int, err error) {
	q := &w.stream.queue
	q.mu.Lock()
	had := q.size
	w.nano = nano
	n, err = w.takeAll(p, eol)
	w.log.count(q, q.size-had)
	queued := len(q.batches) > 0
	q.mu.Unlock()
	if queued {
		w.log.dirty.add(w.stream)
	}
	return n, err
}

// takeAll takes what there is room for. The caller holds the queue's lock.
func (w *Writer) takeAll(p []byte, eol bool) (n int, err error) {
	if err := w.stream.queue.closed; err != nil {
		return 0, err
	}
	w.begin()
	all := len(p)
	for len(p) > 0 || eol {
		if !w.room() {
			w.behind = true
			if !w.lossy {
				return all - len(p), ErrBehind
			}
			w.leaveOut(p, eol)
			break
		}
		line, rest, found := cutLine(p)
		complete := found || eol && len(rest) == 0
		switch {
		case w.midLine:
			w.midLine = !complete
		case complete:
			w.split.line(line)
			w.count(1)
		default:
			w.split.part(line)
		}
		eol = eol && (found || !complete)
		p = rest
	}
	return all, nil
}

// begin makes output that nobody resumed a new raw line.
func (w *Writer) begin() {
	if !w.begun {
		w.begun = true
		w.stream.queue.after.Shown = 0
	}
}

// cutLine cuts p behind its first newline, or, so that no line takes more than
// there is room for, behind MaxLine bytes.
func cutLine(p []byte) (line, rest []byte, found bool) {
	if i := bytes.IndexByte(p[:min(len(p), MaxLine)], '\n'); i >= 0 {
		return p[:i], p[i+1:], true
	}
	n := min(len(p), MaxLine)
	return p[:n], p[n:], false
}

// room reports whether a line can be taken. A writer that is behind stays so
// until Resume, or, if lossy, until it can say what it left out.
func (w *Writer) room() bool {
	q := &w.stream.queue
	size, queued := int64(q.size), w.log.queued.Load()
	if q.waits { // for itself alone
		queued = 0
	}
	o := &w.log.opts
	if !w.behind {
		return size < o.StreamQueueBytes && queued < o.QueueBytes
	}
	if !w.lossy || size > o.StreamQueueBytes/2 || queued > o.QueueBytes/2 {
		return false
	}
	w.addGap(w.dropped, StoreUnavailable)
	w.behind, w.dropped = false, 0
	return true
}

// leaveOut counts the lines of p, and the unfinished one, as lost.
func (w *Writer) leaveOut(p []byte, eol bool) {
	lines := int64(bytes.Count(p, []byte{'\n'}))
	if w.midLine {
		lines-- // counted when it began
	}
	w.midLine = !eol && p[len(p)-1] != '\n'
	if w.midLine || eol {
		lines++
	}
	w.dropped += lines
	w.split.reset(0)
}

// emit puts a message into the queue. The caller holds its lock.
func (w *Writer) emit(p piece) {
	severity := w.severity
	if severity == SeverityUnknown {
		if !p.continued {
			w.detected = detectSeverity(p.message)
		}
		severity = w.detected
	}
	after := w.stream.queue.after
	after.Shown += len(p.message)
	w.stream.queue.add(p.message, pendingLine{
		nano: w.nano, severity: severity, truncated: p.truncated, continued: p.continued,
	}, after)
}

// count says that raw lines are complete. The caller holds the queue's lock.
func (w *Writer) count(lines int64) {
	after := w.stream.queue.after
	after.Raw += lines
	after.Shown = 0
	w.stream.queue.checkpoint(after)
}

func (w *Writer) addGap(lines int64, why GapReason) {
	after := w.stream.queue.after
	after.Raw += lines
	after.Shown = 0
	w.stream.queue.add([]byte(gapMessage(lines, why)), pendingLine{nano: w.nano, gap: true}, after)
}

// locked calls fn with the queue's lock and wakes the flusher.
func (w *Writer) locked(fn func()) error {
	q := &w.stream.queue
	q.mu.Lock()
	if err := q.closed; err != nil {
		q.mu.Unlock()
		return err
	}
	had := q.size
	w.begin()
	fn()
	w.log.count(q, q.size-had)
	q.mu.Unlock()
	w.log.dirty.add(w.stream)
	return nil
}

// finish ends the stream. The caller holds the queue's lock.
func (w *Writer) finish() {
	w.split.flush()
	if w.lossy && w.dropped > 0 {
		w.addGap(w.dropped, StoreUnavailable)
	}
	w.stream.queue.end(w.stream.queue.after.Raw)
}

// renew is finish for the last stream of a program. The caller holds the queue's
// lock.
func (w *Writer) renew() {
	w.split.flush()
	w.stream.queue.after.Shown = 0
	w.stream.queue.end(0)
}
