package logs

import (
	"slices"
	"sync"
	"time"
)

// shipper is what the goroutine that feeds Loki works on, and how that goes.
type shipper struct {
	ready chan struct{} // has a value when there may be sources

	mu      sync.Mutex
	sources []Source
	held    []Source        // that wait until it is tried again
	listed  map[Source]bool // in one of the two
	err     error           // why the last attempt failed; nil if it did not
	since   time.Time       // of the first failure
	refused uint64          // lines Loki will not take
	dropped uint64          // lines there was no room for
}

func newShipper() shipper { return shipper{ready: make(chan struct{}, 1), listed: map[Source]bool{}} }

// add lists a source of which there may be something to ship. It never waits.
func (s *shipper) add(src Source) {
	s.mu.Lock()
	if !s.listed[src] {
		s.listed[src] = true
		s.sources = append(s.sources, src)
	}
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// next takes a source off the list.
func (s *shipper) next() (src Source, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sources) == 0 {
		return src, false
	}
	src, s.sources = s.sources[0], s.sources[1:]
	delete(s.listed, src)
	return src, true
}

// hold lists a source that is not tried again before release.
func (s *shipper) hold(src Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listed[src] {
		s.held = append(s.held, src)
	} else if i := slices.Index(s.sources, src); i >= 0 {
		s.sources = slices.Delete(s.sources, i, i+1)
		s.held = append(s.held, src)
	}
	s.listed[src] = true
}

func (s *shipper) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, s.held...)
	s.held = nil
}

// waiting returns how many sources are listed and not held, and whether any is.
func (s *shipper) waiting() (listed int, held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sources), len(s.held) > 0
}

func (s *shipper) lost(lines uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += lines
}

// went notes how an attempt went. It reports whether that is a change.
func (s *shipper) went(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	change := (err == nil) != (s.err == nil)
	if err != nil && s.err == nil {
		s.since = time.Now()
	}
	s.err = err
	return change
}
