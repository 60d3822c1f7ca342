package logs

// flushTurn is how many batches of a stream are written before it is the next
// one's turn.
const flushTurn = 16

// flush writes what is queued of s to the spool and then shows it to who
// follows: nothing is shown that a crash could take back.
func (l *Log) flush(s *stream) error {
	s.spooling.Lock()
	defer s.spooling.Unlock()
	for range flushTurn {
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
		l.queued.Add(-int64(s.queue.done()))
	}
	l.dirty.add(s)
	return nil
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
