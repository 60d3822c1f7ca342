package logs

// flushTurn is how many batches of a stream are written before it is the next
// one's turn.
const flushTurn = 16

// flush writes what is queued of s, while the store keeps up with what the
// stream prints. When it does not, what is queued waits: the sealer asks for it
// again.
func (l *Log) flush(s *stream) error { return l.write(s, l.opts.streamSpoolBytes) }

// write writes what is queued of s to the spool, up to about most bytes there,
// and then shows it to who follows: nothing is shown that a crash could take
// back.
func (l *Log) write(s *stream, most int64) error {
	s.spooling.Lock()
	defer s.spooling.Unlock()
	for range flushTurn {
		full := s.spooled() > most
		l.wait(&s.queue, full)
		if full {
			return nil
		}
		p := s.queue.take()
		if p == nil {
			return nil
		}
		b := p.block(&s.Stream)
		if err := l.spool(s, b); err != nil {
			return err
		}
		for _, place := range s.group.publish(s, &b) {
			l.shown.add(s.group, place)
		}
		for l.ringBytes.Load() > l.opts.RingBytes && l.shown.dropFirst() {
		}
		if _, ok := s.full(); ok {
			l.seals.add(s)
		}
		l.count(&s.queue, -s.queue.done())
	}
	l.dirty.add(s)
	return nil
}

// count notes that q has so many bytes more. What waits because the store is
// behind with the stream itself is bounded by its own queue, and leaves the
// others their room. The caller holds the queue's lock or the stream's spooling.
func (l *Log) count(q *queue, bytes int) {
	if !q.waits {
		l.queued.Add(int64(bytes))
	}
}

// wait says whether what is queued waits until the spool takes more of its
// stream. The caller holds the stream's spooling.
func (l *Log) wait(q *queue, waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waits == waits {
		return
	}
	l.count(q, -q.size)
	q.waits = waits
	l.count(q, q.size)
}

// ringOrder remembers in which order chunks went into rings.
type ringOrder struct {
	places []ringPlace
	limit  int // when to look for places that are gone
}

type ringPlace struct {
	group *group
	place int64
}

func (o *ringOrder) add(g *group, place int64) {
	if len(o.places) >= o.limit {
		kept := o.places[:0]
		for _, p := range o.places {
			if p.group.hasChunk(p.place) {
				kept = append(kept, p)
			}
		}
		clear(o.places[len(kept):])
		o.places = kept
		o.limit = 2*len(kept) + 1024
	}
	o.places = append(o.places, ringPlace{g, place})
}

// dropFirst forgets the oldest chunk of all. It reports whether there may be
// more.
func (o *ringOrder) dropFirst() bool {
	if len(o.places) == 0 {
		return false
	}
	p := o.places[0]
	o.places = o.places[1:]
	p.group.dropChunk(p.place)
	return true
}

func (g *group) hasChunk(place int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return place >= g.ring.base
}

func (g *group) dropChunk(place int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if place >= g.ring.base {
		g.ringBytes.Add(-int64(g.ring.dropFirst()))
	}
}
