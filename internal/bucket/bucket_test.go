package bucket

import (
	"fmt"
	"sync"
	"testing"

	"golang.org/x/time/rate"
)

// once is a bucket of one token that does not come back.
func once(s *Set, key string) bool { return s.Of(key, 0, 1).Allow() }

func TestEachKeyHasABucketOfItsOwn(t *testing.T) {
	t.Parallel()
	var s Set
	if s.Known("a") != nil {
		t.Error("one who never asked has a bucket")
	}
	if !once(&s, "a") || once(&s, "a") || !once(&s, "b") {
		t.Error("a and b have not one token each")
	}
	if l := s.Known("a"); l == nil || l.Tokens() > 0 {
		t.Errorf("a has %v", l)
	}
}

// All of them have asked a moment ago, so that none of their buckets is full.
func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	var s Set
	for n := range 5 * Most {
		once(&s, fmt.Sprint(n))
		if kept := len(s.young) + len(s.old); kept > Most {
			t.Fatalf("%d buckets are kept of %d", kept, n+1)
		}
	}
	if s.Known("0") != nil {
		t.Error("the first is still known")
	}
}

func TestWhoGoesOnAskingIsNotForgotten(t *testing.T) {
	t.Parallel()
	for what, ask := range map[string]func(*Set) *rate.Limiter{
		"Of":    func(s *Set) *rate.Limiter { return s.Of("a", 0, 1) },
		"Known": func(s *Set) *rate.Limiter { return s.Known("a") },
	} {
		var s Set
		mine := s.Of("a", 0, 1)
		for n := range 5 * Most {
			once(&s, fmt.Sprint(n))
			if n%(Most/2-1) == 0 && ask(&s) != mine {
				t.Fatalf("%s: after %d others it has another bucket", what, n)
			}
		}
	}
}

func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	var s Set
	var wg sync.WaitGroup
	allowed := make([]int, 8)
	for n := range allowed {
		wg.Go(func() {
			for range 100 {
				if once(&s, "a") {
					allowed[n]++
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range allowed {
		sum += n
	}
	if sum != 1 {
		t.Errorf("%d were allowed, want 1", sum)
	}
}
