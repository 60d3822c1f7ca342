// Package bucket keeps a token bucket for each of many who ask, such as
// addresses, in memory that does not grow with how many those are.
package bucket

import (
	"sync"

	"golang.org/x/time/rate"
)

// Most is how many buckets a Set keeps.
const Most = 10_000

// Set keeps the buckets of those who asked last: each is kept until Most/2
// others have asked since, and then is as one that is new. Every call takes the
// same time however many there are. The zero value is ready to use, by many at
// once.
type Set struct {
	mu         sync.Mutex
	young, old map[string]*rate.Limiter // of at most Most/2 each
}

// Of returns the bucket of a key, one of this rate and burst if it has none.
func (s *Set) Of(key string, r rate.Limit, burst int) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.find(key)
	if l == nil {
		l = rate.NewLimiter(r, burst)
	}
	s.keep(key, l)
	return l
}

// Known returns the bucket of a key, nil if it has none.
func (s *Set) Known(key string) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.find(key)
	if l != nil {
		s.keep(key, l)
	}
	return l
}

func (s *Set) find(key string) *rate.Limiter {
	if l := s.young[key]; l != nil {
		return l
	}
	return s.old[key]
}

// keep makes a bucket one of the young. When those are many they are the old
// ones from then on, and who was old is forgotten.
func (s *Set) keep(key string, l *rate.Limiter) {
	if s.young[key] != nil {
		return
	}
	if s.young == nil || len(s.young) >= Most/2 {
		s.young, s.old = map[string]*rate.Limiter{}, s.young
	}
	s.young[key] = l
}
